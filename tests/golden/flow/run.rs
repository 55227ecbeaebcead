//! Relaying a stream, and comparing what came out with what was said.

use bytes::Bytes;
use ccr_policy::protocol::errors::ErrorReply;
use ccr_policy::protocol::{self, AnswerContext, Back, Collector, End, Protocol, Relay, Request, Truncated, Wire};
use serde_json::Value;

use super::script::Script;
use super::strict::{self, Item, Told};
use crate::case::{PROTOCOLS, WIRES, target};

/// What came of a stream.
pub(crate) struct Ran {
    /// what the client got, its error event too
    pub(crate) text: String,
    /// why the client got an error event
    pub(crate) failed: Option<String>,
    pub(crate) end: Option<End>,
}

/// A pair of protocols: the names, the client's, the upstream's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) names: (&'static str, &'static str),
    pub(crate) client: Protocol,
    pub(crate) wire: Wire,
}

impl Pair {
    pub(crate) fn same(self) -> bool {
        self.wire.same_as(self.client)
    }
}

/// All pairs; `/chat` has no streams.
pub(crate) fn pairs() -> Vec<Pair> {
    let clients = PROTOCOLS.into_iter().filter(|(_, client)| *client != Protocol::Simple);
    clients.flat_map(|(from, client)| WIRES.map(|(to, wire)| Pair { names: (from, to), client, wire })).collect()
}

/// What the way back knows when the client asked for a stream with its usage.
pub(crate) fn back(pair: Pair) -> Back {
    let body = match pair.client {
        Protocol::Chat => {
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true}}"#
        }
        _ => return Back::default(),
    };
    let request = Request::parse(pair.client, Bytes::from(body)).unwrap();
    let sent = crate::case::encode(&request, &target(pair.wire));
    sent.or_else(|_| crate::case::encode(&request, &target(Wire::Anthropic))).unwrap().back
}

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back }
}

/// Relays chunks, as the gateway does: what goes wrong becomes an error event.
pub(crate) fn relay(pair: Pair, chunks: &[&[u8]]) -> Ran {
    relay_with(pair, chunks, |_, _| {})
}

/// The same, with something done before every chunk.
pub(crate) fn relay_with(pair: Pair, chunks: &[&[u8]], mut before: impl FnMut(&mut Relay, &mut Vec<Bytes>)) -> Ran {
    let back = back(pair);
    let mut relay = Relay::new(pair.wire, pair.client, &context(&back));
    let mut out = Vec::new();
    let mut failed = None;
    for chunk in chunks {
        before(&mut relay, &mut out);
        match relay.push(Bytes::copy_from_slice(chunk), &mut out) {
            Ok(progress) if progress.ended => break,
            Ok(_) => {}
            Err(error) => {
                failed = Some(error.to_string());
                break;
            }
        }
    }
    let end = if failed.is_some() { Err(Truncated) } else { relay.finish(&mut out) };
    if let Err(truncated) = end {
        let reason = failed.get_or_insert_with(|| truncated.to_string()).clone();
        let reply =
            ErrorReply { status: 502, kind: "answer_broke_off".into(), message: reason, ..ErrorReply::default() };
        relay.fail(&reply, &mut out);
    }
    let text = String::from_utf8_lossy(&out.concat()).into_owned();
    Ran { text, failed, end: end.ok() }
}

/// Collects a stream; the answer's body.
pub(crate) fn collect(pair: Pair, stream: &str) -> Result<Bytes, String> {
    let back = back(pair);
    let mut collector = Collector::new(pair.wire, pair.client, &context(&back));
    collector.push(Bytes::copy_from_slice(stream.as_bytes())).map_err(|error| error.to_string())?;
    collector.finish().map(|answer| answer.body).map_err(|error| error.to_string())
}

/// A whole answer as a stream.
pub(crate) fn replay(pair: Pair, body: &[u8]) -> Result<String, String> {
    let back = back(pair);
    let (stream, _) =
        protocol::replay(pair.wire, pair.client, body, &context(&back)).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(stream.to_vec()).unwrap())
}

/// Reads what the client got. The upstream's own bytes are held to less: they are only not to be cut.
pub(crate) fn told(pair: Pair, text: &str) -> Result<Told, String> {
    strict::read(pair.client, text)
}

/// Neighbours of one kind as one, inputs as JSON.
pub(crate) fn joined(items: &[Item]) -> Vec<(char, String, Value)> {
    let mut out: Vec<(char, String, Value)> = Vec::new();
    for item in items {
        let (kind, text) = match item {
            Item::Text(text) => ('t', text),
            Item::Thinking(text) => ('h', text),
            Item::Call(name, input) => {
                let input = if input.is_empty() { "{}" } else { input.as_str() };
                out.push((
                    'c',
                    name.clone(),
                    serde_json::from_str(input).unwrap_or_else(|_| Value::String(input.into())),
                ));
                continue;
            }
        };
        match out.last_mut().filter(|(last, ..)| *last == kind) {
            Some((_, known, _)) => known.push_str(text),
            None if text.is_empty() => {}
            None => out.push((kind, text.clone(), Value::Null)),
        }
    }
    out
}

/// All text, all thinking, all calls: what a protocol without an order between them keeps.
pub(crate) fn unordered(items: &[Item]) -> (String, String, Vec<(String, Value)>) {
    let mut all = (String::new(), String::new(), Vec::new());
    for (kind, text, input) in joined(items) {
        match kind {
            't' => all.0.push_str(&text),
            'h' => all.1.push_str(&text),
            _ => all.2.push((text, input)),
        }
    }
    all
}

/// Whether the client was told all that was said.
pub(crate) fn compare(pair: Pair, script: &Script, told: &Told) -> Result<(), String> {
    let said = script.items();
    let (left, right) = (unordered(&told.items), unordered(&said));
    if left != right {
        return Err(format!("told {left:?}, said {right:?}"));
    }
    // Texts and calls of Chat Completions have no order among themselves.
    if pair.client != Protocol::Chat && joined(&told.items) != joined(&said) {
        return Err(format!("told {:?}, said {said:?}", told.items));
    }
    let (input, _, output) = script.usage;
    if told.usage != Some((input, output)) {
        return Err(format!("told a usage of {:?}, and it was {:?}", told.usage, script.usage));
    }
    let calls = !right.2.is_empty();
    let stop = match pair.client {
        Protocol::Anthropic if script.cut => "max_tokens",
        Protocol::Anthropic => {
            if calls {
                "tool_use"
            } else {
                "end_turn"
            }
        }
        Protocol::Chat | Protocol::Simple if script.cut => "length",
        Protocol::Chat | Protocol::Simple => {
            if calls {
                "tool_calls"
            } else {
                "stop"
            }
        }
        Protocol::Responses => {
            if script.cut {
                "max_output_tokens"
            } else {
                "completed"
            }
        }
        Protocol::Gemini => {
            if script.cut {
                "MAX_TOKENS"
            } else {
                "STOP"
            }
        }
    };
    if told.stop.as_deref() != Some(stop) || !told.ended || told.failed {
        return Err(format!(
            "told the stop {:?}, ended {}, failed {}; it was {stop}",
            told.stop, told.ended, told.failed
        ));
    }
    Ok(())
}
