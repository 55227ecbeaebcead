//! What the targets share: an input's first byte chooses the client's protocol and the upstream's wire,
//! another one the model behind it.

pub(crate) mod chains;

use bytes::Bytes;
use ccr_policy::facts::given::GivenFacts;
use ccr_policy::protocol::errors::ErrorReply;
use ccr_policy::protocol::{AnswerContext, Back, Protocol, Relay, Request, Target, Wire, encode};
use chains::Model;

#[allow(dead_code, reason = "each target uses a part")]
#[path = "../../tests/golden/flow/strict.rs"]
pub(crate) mod strict;

const PROTOCOLS: [Protocol; 4] = [Protocol::Anthropic, Protocol::Chat, Protocol::Responses, Protocol::Gemini];
const WIRES: [Wire; 4] = [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini];

/// A client's protocol and an upstream's wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) client: Protocol,
    pub(crate) wire: Wire,
}

impl Pair {
    /// The pair that a byte stands for: two bits each.
    pub(crate) fn of(byte: u8) -> Self {
        Self { client: PROTOCOLS[usize::from(byte >> 2 & 3)], wire: WIRES[usize::from(byte & 3)] }
    }

    /// Both speak the same.
    #[allow(dead_code, reason = "each target uses a part")]
    pub(crate) fn same(self) -> bool {
        self.wire.same_as(self.client)
    }
}

/// What a model is told by this name.
#[allow(dead_code, reason = "each target uses a part")]
pub(crate) fn target<'a>(wire: Wire, model: Model, name: &'a str) -> Target<'a> {
    let Model { can, transforms, stream, context } = model;
    Target { wire, model: name, output_limit: Some(8_000), context, can, stream, transforms }
}

/// A request with two tools, for a stream with its usage and thoughts.
fn asks(client: Protocol) -> &'static str {
    match client {
        Protocol::Anthropic => {
            r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"run","input_schema":{"type":"object"}},{"name":"look","input_schema":{"type":"object"}}]}"#
        }
        Protocol::Responses => {
            r#"{"model":"m","stream":true,"input":"x","tools":[{"type":"function","name":"run","parameters":{"type":"object"}},{"type":"custom","name":"look"}]}"#
        }
        Protocol::Gemini => {
            r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"run"},{"name":"look"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#
        }
        _ => {
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true},"tools":[{"type":"function","function":{"name":"run"}},{"type":"function","function":{"name":"look"}}]}"#
        }
    }
}

/// What the way back knows of such a request.
#[allow(dead_code, reason = "each target uses a part")]
pub(crate) fn back(pair: Pair, model: Model) -> Back {
    let request = Request::parse(pair.client, Bytes::from(asks(pair.client))).expect("a good request");
    // With no bound of tokens: a request that does not fit is not sent, and has no answer.
    let target = Target { context: None, ..target(pair.wire, model, "m") };
    encode(&request, &target, &GivenFacts::default()).map(|sent| sent.back).unwrap_or_default()
}

/// A fault of an upstream that goes on to the client as it came: a delta is gone before it is known that no
/// object will come of it.
const HANDED_ON: &str = "a call's input is no object";

/// What a strict client reads; nothing when all that is wrong is the fault that is handed on.
#[allow(dead_code, reason = "each target uses a part")]
pub(crate) fn read(pair: Pair, text: &str) -> Option<strict::Told> {
    match strict::read(pair.client, text) {
        Ok(told) => Some(told),
        Err(wrong) if wrong.starts_with(HANDED_ON) => None,
        Err(wrong) => panic!("{pair:?}: {wrong}\n{text}"),
    }
}

#[allow(dead_code, reason = "each target uses a part")]
pub(crate) fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r1", created_unix: 9, input_tokens: 42, back }
}

/// What a client got, and whether the answer came to its end.
#[allow(dead_code, reason = "each target uses a part")]
pub(crate) fn relay(pair: Pair, back: &Back, chunks: &[&[u8]]) -> (String, bool) {
    let mut relay = Relay::new(pair.wire, pair.client, &context(back));
    let mut out = Vec::new();
    let mut failed = false;
    for chunk in chunks {
        match relay.push(Bytes::copy_from_slice(chunk), &mut out) {
            Ok(progress) if progress.ended => break,
            Ok(_) => {}
            Err(_) => {
                failed = true;
                break;
            }
        }
    }
    let ended = !failed && relay.finish(&mut out).is_ok();
    if !ended {
        let reply = ErrorReply { status: 502, kind: "cut".into(), message: "cut".into(), ..ErrorReply::default() };
        relay.fail(&reply, &mut out);
    }
    (String::from_utf8_lossy(&out.concat()).into_owned(), ended)
}
