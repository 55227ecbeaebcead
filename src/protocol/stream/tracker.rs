//! What is remembered of a stream while it goes by.

use super::super::json::{Raw, Text};
use super::super::tokens;
use super::super::usage::{Spent, Stop, Usage};
use super::event::{Event, Foreign, Form};
use crate::bounds::MAX_KEPT_ANSWER_BYTES;

/// Watches events, whoever they are for.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    /// content was seen: text, thinking or a tool call
    pub(crate) started: bool,
    /// the stream's own end was seen
    pub(crate) ended: bool,
    /// why the answer ended; None until it says
    pub(crate) stop: Option<Stop>,
    usage: Option<Usage>,
    /// the usage has the output in it
    counted: bool,
    /// what the answer says, for counting it when nobody else does
    kept: String,
    /// bytes of the answer, those that were not kept included
    bytes: u64,
}

impl Tracker {
    pub(crate) fn see(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) | Event::Thinking(text) => {
                self.started |= !text.is_empty();
                self.keep(text.escaped());
            }
            Event::ToolStart { name, .. } => {
                self.started = true;
                self.keep(name.map_or(&b""[..], |name| name.escaped()));
            }
            Event::ToolInput { json, .. } => {
                self.started = true;
                self.keep(json.escaped());
            }
            Event::Foreign(foreign) => self.see_foreign(foreign),
            Event::Usage { usage, last } => {
                // A sum that was told stays when a later event tells none that can be.
                if *last || !self.counted {
                    self.usage = Some(*usage);
                }
                self.counted |= *last;
                if self.counted {
                    self.kept = String::new();
                }
            }
            Event::Stop { stop, .. } => self.stop = Some(*stop),
            Event::End => self.ended = true,
            Event::Signature(_) | Event::Break => {}
        }
    }

    /// The start of a block that may stay empty says nothing yet.
    fn see_foreign(&mut self, foreign: &Foreign<'_>) {
        let [kind, delta, content, text] = foreign.raw.peek(["type", "delta", "content", "text"]);
        let kind = kind.and_then(Raw::text).map_or(&b""[..], Text::escaped);
        match foreign.form {
            Form::Block => {
                let text = text.and_then(Raw::text);
                self.started |= !matches!(kind, b"message" | b"reasoning") && text.is_none_or(|text| !text.is_empty());
                self.keep(text.map_or(&b""[..], Text::escaped));
            }
            Form::More => {
                let text = delta.and_then(Raw::text).unwrap_or(Text::EMPTY);
                self.started |= !text.is_empty();
                self.keep(text.escaped());
            }
            Form::Done => {
                self.started |= kind == b"message" && content.is_some_and(|it| it.elements().next().is_some())
            }
            Form::Beside => {
                let first = foreign.raw.get("index").and_then(Raw::whole) == Some(0);
                let said = delta.filter(|_| first).unwrap_or(Raw::NULL).members().map_while(Result::ok);
                for text in said.filter_map(|(_, value)| value.text()) {
                    self.started |= !text.is_empty();
                    self.keep(text.escaped());
                }
            }
            Form::Head | Form::Tail => {}
        }
    }

    /// Escaped bytes are kept: an escape here or there does not matter to an estimate. Nothing is
    /// kept once the upstream has counted.
    fn keep(&mut self, bytes: &[u8]) {
        if self.counted {
            return;
        }
        self.bytes += bytes.len() as u64;
        if self.kept.len() + bytes.len() <= MAX_KEPT_ANSWER_BYTES {
            match std::str::from_utf8(bytes) {
                Ok(text) => self.kept.push_str(text),
                Err(_) => self.kept.push_str(&String::from_utf8_lossy(bytes)),
            }
        }
    }

    /// The usage that the upstream told, once it told all of it.
    pub(crate) fn reported(&self) -> Option<Usage> {
        self.usage.filter(|_| self.counted)
    }

    /// The input as far as it is known.
    pub(crate) fn input(&self, estimate: u64) -> Usage {
        let known = self.usage.filter(|usage| usage.input_total() > 0);
        Usage { output: 0, ..known.unwrap_or(Usage { input: estimate, ..Usage::default() }) }
    }

    /// What was spent; counted here when the upstream did not tell.
    pub(crate) fn spent(&self, input_estimate: u64) -> Spent {
        if let Some(usage) = self.reported() {
            return Spent::reported(usage, input_estimate);
        }
        let kept = self.kept.len() as u64;
        let output = (tokens::count(&self.kept) * self.bytes).checked_div(kept).unwrap_or(0);
        let input = self.input(input_estimate);
        let input_known = self.usage.is_some_and(|usage| usage.input_total() > 0);
        Spent { usage: Usage { output, ..input }, estimated: true, input_known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(events: &[Event<'_>]) -> Tracker {
        let mut tracker = Tracker::default();
        for event in events {
            tracker.see(event);
        }
        tracker
    }

    #[test]
    fn input_that_was_told_stays_when_the_output_is_cut() {
        let told = Usage { input: 7, cache_read: 3, cache_write: 2, output: 1, ..Usage::default() };
        let text = Event::Text(Text::from_escaped(b"hello world"));
        let cut = seen(&[Event::Usage { usage: told, last: false }, text]).spent(42);
        assert_eq!(cut, Spent { usage: Usage { output: 2, ..told }, estimated: true, input_known: true });
        let untold = seen(&[text]).spent(42);
        assert_eq!((untold.usage.input, untold.estimated, untold.input_known), (42, true, false));
        let whole = seen(&[text, Event::Usage { usage: told, last: true }]).spent(42);
        assert_eq!(whole, Spent { usage: told, estimated: false, input_known: true });
    }

    #[test]
    fn nothing_is_kept_once_usage_is_counted() {
        let text = Event::Text(Text::from_escaped(b"hello"));
        assert_eq!(seen(&[text]).kept, "hello");
        let counted = Event::Usage { usage: Usage::default(), last: true };
        assert_eq!(seen(&[text, counted, text]).kept, "");
    }
}
