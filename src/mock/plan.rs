//! What the answer will be, before it takes either wire's shape. The same request and knobs
//! always give the same plan.

use serde_json::{Map, Value};

use crate::mock::ask::{Ask, Call};
use crate::mock::knobs::Knobs;

/// Characters of the user's text that the default reply repeats.
const ECHO_CHARACTERS: usize = 200;
/// Content chunks of a stream when no knob says otherwise.
const DEFAULT_CHUNKS: usize = 5;
/// Bytes that count as a token in the fake usage.
const BYTES_A_TOKEN: usize = 4;

/// Why the answer ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finish {
    End,
    Tools,
    Length,
    /// at this stop sequence
    Stop(String),
    Refusal,
}

/// The answer.
#[derive(Debug)]
pub(super) struct Plan {
    /// the model's name without knobs
    pub model: String,
    pub thinking: Option<String>,
    /// the text of the thinking is not shown
    pub thinking_hidden: bool,
    /// the proof of the thinking is shown
    pub sealed: bool,
    pub text: String,
    pub calls: Vec<Call>,
    /// Gemini: calls carry ids
    pub call_ids: bool,
    pub finish: Finish,
    pub input_tokens: u64,
    pub cached_tokens: u64,
    /// of the whole answer, reasoning included
    pub output_tokens: u64,
    pub reasoning_tokens: u64,
    /// content chunks of the text in a stream
    pub chunks: usize,
    pub include_usage: bool,
    /// this server's running number, which makes the ids
    pub number: u64,
    pub created_unix_s: u64,
    /// what the answer repeats of the request
    pub echo: Map<String, Value>,
}

impl Plan {
    pub(super) fn new(ask: &Ask, knobs: &Knobs, number: u64, created_unix_s: u64) -> Self {
        let model = ask.model.split('+').next().unwrap_or_default().to_owned();
        let mut text = text(ask, knobs, &model);
        let mut finish = if ask.calls.is_empty() { Finish::End } else { Finish::Tools };
        if knobs.refuse {
            finish = Finish::Refusal;
        }
        if let Some((at, stop)) = first_stop(&text, &ask.stops) {
            text.truncate(at);
            finish = Finish::Stop(stop.to_owned());
        }
        let most_bytes = ask
            .max_tokens
            .and_then(|most| usize::try_from(most).ok()?.checked_mul(BYTES_A_TOKEN))
            .unwrap_or(usize::MAX);
        if text.len() > most_bytes {
            text.truncate(text.floor_char_boundary(most_bytes));
            finish = Finish::Length;
        }
        let thinking = ask.thinking.then(|| format!("The user wants an answer to {} characters.", ask.text.len()));
        let reasoning_tokens = tokens(thinking.as_deref().unwrap_or_default());
        let call_tokens: u64 = ask.calls.iter().map(|call| tokens(&call.name) + tokens(&call.input)).sum();
        Self {
            chunks: knobs.chunks.map_or(DEFAULT_CHUNKS, |chunks| chunks as usize),
            output_tokens: (tokens(&text) + call_tokens + reasoning_tokens).max(1),
            reasoning_tokens,
            thinking,
            thinking_hidden: ask.thinking_hidden,
            sealed: ask.sealed,
            call_ids: ask.call_ids,
            text,
            calls: if knobs.refuse { Vec::new() } else { ask.calls.clone() },
            finish,
            input_tokens: ask.input_tokens.max(1),
            cached_tokens: ask.cached_tokens,
            include_usage: ask.include_usage,
            model,
            number,
            created_unix_s,
            echo: ask.echo.clone(),
        }
    }

    /// The text in as many pieces as there are chunks, cut behind spaces.
    pub(super) fn pieces(&self) -> Vec<&str> {
        let words: Vec<&str> = self.text.split_inclusive(' ').collect();
        let chunks = self.chunks.min(words.len());
        let mut rest = self.text.as_str();
        let mut pieces = Vec::with_capacity(chunks);
        for chunk in 0..chunks {
            let of_this = words.get(chunk * words.len() / chunks..(chunk + 1) * words.len() / chunks);
            let bytes: usize = of_this.unwrap_or_default().iter().map(|word| word.len()).sum();
            if let Some((piece, behind)) = rest.split_at_checked(bytes) {
                pieces.push(piece);
                rest = behind;
            }
        }
        pieces
    }
}

/// A text in two halves.
pub(super) fn halves(text: &str) -> [&str; 2] {
    let (front, back) = text.split_at_checked(text.floor_char_boundary(text.len() / 2)).unwrap_or((text, ""));
    [front, back]
}

fn tokens(text: &str) -> u64 {
    text.len().div_ceil(BYTES_A_TOKEN) as u64
}

fn first_stop<'a>(text: &str, stops: &'a [String]) -> Option<(usize, &'a str)> {
    stops.iter().filter_map(|stop| Some((text.find(stop.as_str())?, stop.as_str()))).min()
}

fn text(ask: &Ask, knobs: &Knobs, model: &str) -> String {
    if knobs.refuse {
        return "I cannot help with that.".to_owned();
    }
    let mut text = match (&knobs.reply, &ask.structured, &ask.results) {
        (Some(reply), ..) => reply.clone(),
        (None, Some(json), _) => return json.clone(),
        (None, None, _) if !ask.calls.is_empty() => return String::new(),
        (None, None, Some(results)) => format!("{model} read the tool results: {}", head(results)),
        (None, None, None) => format!("{model} was asked: {}", head(&ask.text)),
    };
    if knobs.reply.is_none() {
        for (count, what) in [(ask.images, "image"), (ask.documents, "document")] {
            if count > 0 {
                text.push_str(&format!(" ({count} {what}{})", if count == 1 { "" } else { "s" }));
            }
        }
    }
    if knobs.split_characters && text.is_ascii() {
        text.push_str(" — 你好 ✓");
    }
    repeat_to(text, knobs.chunks.map_or(1, |chunks| chunks as usize))
}

fn head(text: &str) -> &str {
    let end = text.char_indices().nth(ECHO_CHARACTERS).map_or(text.len(), |(at, _)| at);
    text.split_at_checked(end).map_or(text, |(head, _)| head)
}

/// Repeats a text until it has this many words.
fn repeat_to(text: String, words: usize) -> String {
    let has = text.split_inclusive(' ').count().max(1);
    if has >= words {
        return text;
    }
    let wanted = text.split(' ').cycle().take(words);
    wanted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str, knobs: &Knobs) -> Plan {
        Plan::new(&Ask { model: "small+cut=1".into(), text: text.into(), ..Ask::default() }, knobs, 1, 0)
    }

    #[test]
    fn says_what_was_asked() {
        assert_eq!(plan("hello", &Knobs::default()).text, "small was asked: hello");
    }

    #[test]
    fn a_stream_has_exactly_the_chunks_asked_for_and_loses_nothing() {
        for chunks in [1, 2, 3, 4, 7, 200] {
            let plan = plan("hello", &Knobs { chunks: Some(chunks), ..Knobs::default() });
            assert_eq!(plan.pieces().len(), chunks as usize);
            assert_eq!(plan.pieces().concat(), plan.text);
        }
    }

    #[test]
    fn ends_at_a_stop_sequence_and_at_the_limit() {
        let mut ask = Ask { model: "m".into(), text: "one two".into(), stops: vec!["two".into()], ..Ask::default() };
        let stopped = Plan::new(&ask, &Knobs::default(), 1, 0);
        assert_eq!((stopped.text.as_str(), stopped.finish), ("m was asked: one ", Finish::Stop("two".into())));
        ask.max_tokens = Some(1);
        let cut = Plan::new(&ask, &Knobs::default(), 1, 0);
        assert_eq!((cut.text.as_str(), cut.finish), ("m wa", Finish::Length));
    }
}
