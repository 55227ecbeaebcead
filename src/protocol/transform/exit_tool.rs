//! `tool_use`: a weak model that talks where it should call a tool must call one. So that it can still
//! answer, one more tool takes its answer; what it is given comes back to the client as plain text.

use super::super::exchange::{Choice, Exchange, Part, Tool};
use super::super::json::{Raw, Text};
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, Sink, StreamError};
use super::super::usage::Stop;
use super::repair::mended;
use crate::bounds::MAX_EVENT_BYTES;

/// The tool's name; the later ones for clients who have a tool of the first name.
const NAMES: [&str; 3] = ["give_final_answer", "give_final_answer_to_user", "ccr_give_final_answer"];
const DESCRIPTION: &[u8] =
    b"Ends your turn with an answer for the user. Call it when no other tool brings you further: \
when the work is done, when something has to be asked, or when no tool fits. `answer` is shown to the user as it is.";
const SCHEMA: &[u8] = b"{\"type\":\"object\",\"properties\":{\"answer\":{\"type\":\"string\",\"description\":\"the \
whole text for the user\"}},\"required\":[\"answer\"]}";

/// Demands a tool call, with a way out. None when there is nothing to do: no tools, or the client has
/// said itself whether one must be called.
pub(super) fn demand(exchange: &mut Exchange<'_>) -> Option<&'static str> {
    if exchange.tools.is_empty() || !matches!(exchange.choice, Choice::Unsaid | Choice::Auto) {
        return None;
    }
    let name = NAMES.into_iter().find(|name| !exchange.tools.iter().any(|tool| tool.name.is(name)))?;
    exchange.tools.push(Tool {
        name: Text::from_escaped(name.as_bytes()),
        description: Some(Text::from_escaped(DESCRIPTION)),
        schema: Some(Raw::from_measured(SCHEMA)),
        strict: None,
        cache: None,
    });
    exchange.choice = Choice::Any;
    exchange.system.push(Part::Note(format!(
        "Each of your turns has to call a tool. Work with the tools as long as one of them helps; then call `{name}`."
    )));
    Some(name)
}

/// Turns calls of the tool back into text.
#[derive(Debug)]
pub(super) struct ExitTool {
    name: &'static str,
    calls: Vec<(usize, Call)>,
    /// the model called another tool
    calls_others: bool,
    held_bytes: usize,
    /// a call was turned into text
    pub(super) changed: bool,
}

#[derive(Debug)]
enum Call {
    /// its name has not come yet
    Unnamed {
        id: Option<Vec<u8>>,
        input: Vec<u8>,
    },
    Other,
    Exit(Answer),
}

/// The answer inside the input, sent on while it comes.
#[derive(Debug)]
enum Answer {
    /// the input so far, up to the text's opening quote
    Before(Vec<u8>),
    /// inside the text; what may be half an escape
    Inside(Vec<u8>),
    Over,
}

impl ExitTool {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, calls: Vec::new(), calls_others: false, held_bytes: 0, changed: false }
    }

    pub(super) fn take(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        match event {
            Event::ToolStart { slot, id, name } => self.start(slot, id, name, sink),
            Event::ToolInput { slot, json } => self.input(slot, json, sink),
            Event::Stop { stop, sequence, word } => {
                self.flush(sink)?;
                let answers = stop == Stop::ToolUse && self.changed && !self.calls_others;
                let stop = if answers { Stop::End } else { stop };
                sink(Event::Stop { stop, sequence, word: word.filter(|_| !answers) })
            }
            Event::End => {
                self.flush(sink)?;
                sink(event)
            }
            _ => sink(event),
        }
    }

    fn start(
        &mut self,
        slot: usize,
        id: Option<Text<'_>>,
        name: Option<Text<'_>>,
        sink: Sink<'_>,
    ) -> Result<(), StreamError> {
        let known = self.calls.iter().position(|(known, _)| *known == slot);
        let place = known.unwrap_or_else(|| {
            self.calls.push((slot, Call::Unnamed { id: None, input: Vec::new() }));
            self.calls.len() - 1
        });
        let Some((_, call)) = self.calls.get_mut(place) else { return Ok(()) };
        match call {
            Call::Other => sink(Event::ToolStart { slot, id, name }),
            Call::Exit(_) => Ok(()),
            Call::Unnamed { id: held, input } => {
                if let Some(id) = id {
                    *held = Some(id.escaped().to_vec());
                }
                let Some(name) = name else { return Ok(()) };
                let (held, input) = (held.take(), std::mem::take(input));
                if name.is(self.name) {
                    *call = Call::Exit(Answer::Before(Vec::new()));
                    self.changed = true;
                } else {
                    *call = Call::Other;
                    self.calls_others = true;
                    let id = held.as_deref().map(Text::from_escaped);
                    sink(Event::ToolStart { slot, id, name: Some(name) })?;
                }
                if input.is_empty() { Ok(()) } else { self.input(slot, Text::from_escaped(&input), sink) }
            }
        }
    }

    fn input(&mut self, slot: usize, json: Text<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let Some((_, call)) = self.calls.iter_mut().find(|(known, _)| *known == slot) else {
            return sink(Event::ToolInput { slot, json });
        };
        if !matches!(call, Call::Other) {
            self.held_bytes += json.escaped().len();
            if self.held_bytes > MAX_EVENT_BYTES {
                return Err(EventTooLarge.into());
            }
        }
        match call {
            Call::Other => sink(Event::ToolInput { slot, json }),
            Call::Unnamed { input, .. } => {
                input.extend_from_slice(json.escaped());
                Ok(())
            }
            Call::Exit(answer) => answer.push(json.decode().as_bytes(), sink),
        }
    }

    /// The end of the answer: what could not be read while it came is read now.
    pub(super) fn flush(&mut self, sink: Sink<'_>) -> Result<(), StreamError> {
        for (slot, call) in &mut self.calls {
            match std::mem::replace(call, Call::Other) {
                Call::Exit(Answer::Before(input)) if !input.is_empty() => {
                    let text = meant(&String::from_utf8_lossy(&input));
                    let mut escaped = Vec::with_capacity(text.len());
                    super::super::json::push_escaped(&mut escaped, text.as_bytes());
                    sink(Event::Text(Text::from_escaped(&escaped)))?;
                    *call = Call::Exit(Answer::Over);
                }
                Call::Exit(Answer::Inside(held)) if !held.is_empty() => {
                    // The answer was cut inside an escape, or before the other half of a character.
                    let mut escaped = Vec::with_capacity(held.len() + 8);
                    push_inner(&mut escaped, &held);
                    sink(Event::Text(Text::from_escaped(&escaped)))?;
                    *call = Call::Exit(Answer::Over);
                }
                Call::Exit(_) => *call = Call::Exit(Answer::Over),
                Call::Unnamed { id, input } => {
                    let id = id.as_deref().map(Text::from_escaped);
                    sink(Event::ToolStart { slot: *slot, id, name: None })?;
                    sink(Event::ToolInput { slot: *slot, json: Text::from_escaped(&input) })?;
                }
                Call::Other => {}
            }
        }
        Ok(())
    }
}

impl Answer {
    /// Takes the next bytes of the input, which is JSON.
    fn push(&mut self, json: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        match self {
            Self::Over => Ok(()),
            Self::Before(input) => {
                input.extend_from_slice(json);
                let Some(start) = text_start(input) else { return Ok(()) };
                let rest = input.get(start..).unwrap_or_default().to_vec();
                *self = Self::Inside(Vec::new());
                self.push(&rest, sink)
            }
            Self::Inside(held) => {
                let mut text = std::mem::take(held);
                text.extend_from_slice(json);
                let (end, over) = text_end(&text);
                let (said, rest) = text.split_at_checked(end).unwrap_or_default();
                if !said.is_empty() {
                    let mut escaped = Vec::with_capacity(said.len());
                    push_inner(&mut escaped, said);
                    sink(Event::Text(Text::from_escaped(&escaped)))?;
                }
                *self = if over { Self::Over } else { Self::Inside(rest.to_vec()) };
                Ok(())
            }
        }
    }
}

/// Where the text begins in `{"answer":"…`; None while that cannot be said, and where something else
/// stands there: then the whole input is waited for.
fn text_start(input: &[u8]) -> Option<usize> {
    let mut at = 0;
    for wanted in [&b"{"[..], b"\"answer\"", b":", b"\""] {
        at = super::super::json::skip_space(input, at);
        if !input.get(at..)?.starts_with(wanted) {
            return None;
        }
        at += wanted.len();
    }
    Some(at)
}

/// How far a string's inside goes in what has come: up to its quote, or up to half an escape.
fn text_end(text: &[u8]) -> (usize, bool) {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match (rest, escape(rest)) {
            ([], _) | (_, None) => return (at, false),
            ([b'"', ..], _) => return (at, true),
            // The two halves of one character stay together.
            ([_, b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', _, _, other @ ..], Some(6))
                if other.is_empty() || escape(other).is_none() =>
            {
                return (at, false);
            }
            (_, Some(length)) => at += length,
        }
    }
}

/// The bytes of the escape that a text begins with; 1 when it begins with none, or with one that JSON has not;
/// None when it may be the beginning of one.
fn escape(text: &[u8]) -> Option<usize> {
    match text {
        [b'\\'] => None,
        [b'\\', b'u', digits @ ..] => match digits.iter().take(4).take_while(|digit| digit.is_ascii_hexdigit()).count()
        {
            4 => Some(6),
            some if some == digits.len() => None,
            _ => Some(1),
        },
        [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        _ => Some(1),
    }
}

/// Appends the inside of a string of JSON. A model writes line breaks as they are, and escapes what needs
/// none; JSON must not.
fn push_inner(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(byte) = text.first() {
        let length = escape(text).unwrap_or(1);
        let (unit, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=31 => {}
            b'\\' if length == 1 => out.extend_from_slice(b"\\\\"),
            _ => out.extend_from_slice(unit),
        }
        text = rest;
    }
}

/// The answer in an input of another shape: its `answer`, its only text, or all of it.
fn meant(input: &str) -> String {
    let Some(object) = mended(input) else { return input.to_owned() };
    let object = Raw::from_measured(object.as_bytes());
    let first = || object.members().map_while(Result::ok).find_map(|(_, value)| value.text());
    let answer = object.get("answer").and_then(Raw::text).or_else(first);
    answer.map_or_else(|| input.to_owned(), |text| text.decode().into_owned())
}
