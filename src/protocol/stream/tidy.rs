//! The last look at an answer that is written anew: what an upstream may get wrong, and no client should have
//! to read.
//!
//! - A character whose two halves come in two events is put together; a half that stays alone becomes U+FFFD,
//!   for many parsers refuse a text that has one.
//! - Two calls never have one id: a client could not tell their results apart.
//! - An empty id or name is none: it may come late, and a call that never gets a name is an error.

use std::borrow::Cow;

use super::super::json::{Text, has_halves, mend_halves, push_escaped, without_last_half};
use super::super::names::distinct;
use super::super::signed::Signed;
use super::event::{Event, Sink, StreamError};

/// Looks at one answer.
#[derive(Debug, Default)]
pub(crate) struct Tidy {
    /// the first half of a character, and where it belongs
    half: Option<(Place, Vec<u8>)>,
    /// the calls by their slots, and their ids
    calls: Vec<(usize, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Text,
    Thinking,
    Input(usize),
}

impl Place {
    fn event(self, text: Text<'_>) -> Event<'_> {
        match self {
            Self::Text => Event::Text(text),
            Self::Thinking => Event::Thinking(text),
            Self::Input(slot) => Event::ToolInput { slot, json: text },
        }
    }
}

/// A text without halves of characters.
fn mended(text: Text<'_>) -> Cow<'_, [u8]> {
    let escaped = text.escaped();
    if !has_halves(escaped) {
        return Cow::Borrowed(escaped);
    }
    let mut copy = escaped.to_vec();
    mend_halves(&mut copy);
    Cow::Owned(copy)
}

impl Tidy {
    /// Takes an event; what comes of it goes into the sink.
    pub(crate) fn take(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        match event {
            Event::Text(text) => self.text(Place::Text, text, sink),
            Event::Thinking(text) => self.text(Place::Thinking, text, sink),
            Event::ToolInput { slot, json } => self.text(Place::Input(slot), json, sink),
            Event::Usage { .. } => sink(event),
            Event::Signature(Signed { maker, text }) => {
                self.flush(sink)?;
                sink(Event::Signature(Signed { maker, text: Text::from_escaped(&mended(text)) }))
            }
            Event::ToolStart { slot, id, name } => {
                self.flush(sink)?;
                let id = id.filter(|id| !id.is_empty());
                let other = id.and_then(|id| self.other_id(slot, id));
                let id = other.as_deref().map(Text::from_escaped).or(id);
                sink(Event::ToolStart { slot, id, name: name.filter(|name| !name.is_empty()) })
            }
            Event::Stop { stop, sequence, word } => {
                self.flush(sink)?;
                let sequence = sequence.map(mended);
                sink(Event::Stop { stop, sequence: sequence.as_deref().map(Text::from_escaped), word })
            }
            Event::Foreign(foreign) if !foreign.form.is_in_order() => sink(event),
            Event::Foreign(_) | Event::Break | Event::End => {
                self.flush(sink)?;
                sink(event)
            }
        }
    }

    /// Sends a half whose other half did not come.
    pub(crate) fn flush(&mut self, sink: Sink<'_>) -> Result<(), StreamError> {
        let Some((place, mut half)) = self.half.take() else { return Ok(()) };
        mend_halves(&mut half);
        sink(place.event(Text::from_escaped(&half)))
    }

    fn text(&mut self, place: Place, text: Text<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        if self.half.is_none() && !text.has_escape() {
            return sink(place.event(text));
        }
        if self.half.as_ref().is_some_and(|(of, _)| *of != place) {
            self.flush(sink)?;
        }
        if text.is_empty() {
            return sink(place.event(text));
        }
        let mut whole = self.half.take().map(|(_, half)| half).unwrap_or_default();
        whole.extend_from_slice(text.escaped());
        let end = without_last_half(&whole);
        if end < whole.len() {
            self.half = Some((place, whole.split_off(end)));
        }
        mend_halves(&mut whole);
        sink(place.event(Text::from_escaped(&whole)))
    }

    /// Another id for a call whose own is that of an earlier one.
    fn other_id(&mut self, slot: usize, id: Text<'_>) -> Option<Vec<u8>> {
        let id = id.decode();
        let known = self.calls.iter().find(|(known, _)| *known == slot);
        let (other, id) = match known {
            Some((_, known)) => (*known != id, known.clone()),
            None => {
                let free = distinct(&id, |id| self.calls.iter().any(|(_, known)| known == id));
                let (other, id) = (free != id, free.into_owned());
                self.calls.push((slot, id.clone()));
                (other, id)
            }
        };
        other.then(|| {
            let mut escaped = Vec::with_capacity(id.len());
            push_escaped(&mut escaped, id.as_bytes());
            escaped
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(events: &[Event<'_>], expected: &str) {
        let mut shown = String::new();
        let mut sink = |event: Event<'_>| {
            let bytes = |text: Text<'_>| String::from_utf8_lossy(text.escaped()).into_owned();
            shown.push_str(&match event {
                Event::Text(text) => format!("t:{} ", bytes(text)),
                Event::Thinking(text) => format!("h:{} ", bytes(text)),
                Event::ToolStart { slot, id, name } => {
                    format!("{slot}={}:{} ", id.map(bytes).unwrap_or_default(), name.map(bytes).unwrap_or_default())
                }
                Event::ToolInput { slot, json } => format!("{slot}<{} ", bytes(json)),
                _ => ".".to_owned(),
            });
            Ok(())
        };
        let mut tidy = Tidy::default();
        for event in events {
            tidy.take(*event, &mut sink).unwrap();
        }
        assert_eq!(shown, expected);
    }

    fn text(text: &str) -> Text<'_> {
        Text::from_escaped(text.as_bytes())
    }

    #[test]
    fn halves_of_a_character_come_together() {
        let said = |said| Event::Text(text(said));
        check(&[said(r"a\ud83d"), said(r"\ude00b")], r"t:a t:\ud83d\ude00b ");
        check(&[said(r"a\ud83d"), said(""), said("b")], r"t:a t: t:\ufffdb ");
        check(&[said(r"\ud83d"), Event::Thinking(text(r"\ude00")), Event::End], r"t: t:\ufffd h:\ufffd .");
        check(&[said(r"\ud83d"), Event::End], r"t: t:\ufffd .");
        let input = |json| Event::ToolInput { slot: 1, json: text(json) };
        check(&[input(r"\ud83d"), input(r"\ude00"), said(r"\ude00")], r"1< 1<\ud83d\ude00 t:\ufffd ");
    }

    #[test]
    fn calls_have_ids_of_their_own() {
        let start = |slot, id, name| Event::ToolStart { slot, id: Some(text(id)), name: Some(text(name)) };
        check(
            &[start(0, "a", "x"), start(1, "a", "x"), start(0, "a", "x"), start(2, r"\u0061", "y"), start(1, "a", "")],
            "0=a:x 1=a_2:x 0=a:x 2=a_3:y 1=a_2: ",
        );
        check(&[start(0, "", ""), start(0, "b", ""), start(1, "", "x")], "0=: 0=b: 1=:x ");
        check(&[start(0, "a", "x"), start(1, "a_2", "x"), start(2, "a", "x")], "0=a:x 1=a_2:x 2=a_3:x ");
    }
}
