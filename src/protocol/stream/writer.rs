//! Writing a stream in the client's protocol.

use super::super::encode::Back;
use super::super::json::Text;
use super::super::message::escaped_note;
use super::super::{Protocol, Wire, anthropic, gemini, openai, responses};
use super::event::{Event, Form, StreamError};
use super::tracker::Tracker;

/// What stands in the head of every answer.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    /// letters and digits only
    pub(crate) id: String,
    /// what the client asked for
    pub(crate) model: String,
    pub(crate) created_unix: u64,
    /// an estimate, until the upstream tells
    pub(crate) input_tokens: u64,
    pub(crate) back: Back,
}

/// Writes one protocol's events.
#[derive(Debug)]
pub(crate) enum Writer {
    Anthropic(Box<anthropic::StreamWriter>),
    Chat(openai::StreamWriter),
    Responses(Box<responses::StreamWriter>),
    Gemini(Box<gemini::StreamWriter>),
}

impl Writer {
    /// `/chat` has no streams; a Chat stream is as good as any.
    pub(crate) fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Anthropic => Self::Anthropic(Box::default()),
            Protocol::Chat | Protocol::Simple => Self::Chat(openai::StreamWriter::default()),
            Protocol::Responses => Self::Responses(Box::default()),
            Protocol::Gemini => Self::Gemini(Box::default()),
        }
    }

    /// Writes an event. What is foreign to this protocol leaves a note.
    pub(crate) fn write(
        &mut self,
        heading: &Heading,
        tracker: &Tracker,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let note;
        let event = match event {
            Event::Foreign(foreign) if foreign.wire != self.wire() => match escaped_note(foreign.raw) {
                Some(text) if foreign.form == Form::Block => {
                    note = text;
                    Event::Text(Text::from_escaped(&note))
                }
                _ => return Ok(()),
            },
            event => event,
        };
        match self {
            Self::Anthropic(writer) => writer.write(heading, tracker, event, out),
            Self::Responses(writer) => writer.write(heading, event, out),
            Self::Gemini(writer) => writer.write(heading, tracker, event, out),
            Self::Chat(writer) => writer.write(heading, event, out),
        }
    }

    fn wire(&self) -> Wire {
        match self {
            Self::Anthropic(_) => Wire::Anthropic,
            Self::Chat(_) => Wire::Chat,
            Self::Responses(_) => Wire::Responses,
            Self::Gemini(_) => Wire::Gemini,
        }
    }

    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(writer) => writer.ping(out),
            Self::Chat(writer) => writer.ping(out),
            Self::Responses(writer) => writer.ping(out),
            Self::Gemini(writer) => writer.ping(out),
        }
    }

    /// Writes the end of a whole answer.
    pub(crate) fn end(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), StreamError> {
        match self {
            Self::Anthropic(writer) => writer.end(heading, tracker, out),
            Self::Responses(writer) => writer.end(heading, tracker, out),
            Self::Gemini(writer) => writer.end(heading, tracker, out),
            Self::Chat(writer) => writer.end(heading, tracker, out),
        }
    }
}
