//! Writing Gemini's stream: every chunk is a whole answer, and a call stands whole in one part.

use super::super::Wire;
use super::super::json::{Text, push_string};
use super::super::message::{Input, escaped_note};
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, StreamError};
use super::super::stream::in_order::InOrder;
use super::super::stream::json_end::JsonEnd;
use super::super::stream::tracker::Tracker;
use super::super::stream::writer::Heading;
use super::super::usage::Stop;
use super::answer::push_usage;
use super::write::{self, Part};
use crate::bounds::MAX_EVENT_BYTES;

/// The call that is being written; it goes out when it is whole.
#[derive(Debug, Default)]
struct Call {
    id: Vec<u8>,
    name: String,
    input: Vec<u8>,
    end: JsonEnd,
    signature: Option<Vec<u8>>,
}

/// Writes the chunks of `streamGenerateContent`.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter {
    done: bool,
    order: InOrder,
    said: Said,
}

/// What is not written yet.
#[derive(Debug, Default)]
struct Said {
    open: Option<Call>,
    /// a signature, for the part that comes next
    signature: Option<Vec<u8>>,
    /// the answer ran out of tokens: a call that is not whole is none, for nobody may run half of it
    cut: bool,
}

impl StreamWriter {
    pub(crate) fn write(
        &mut self,
        heading: &Heading,
        _tracker: &Tracker,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let withheld = heading.back.withhold_thoughts && matches!(event, Event::Thinking(_));
        if self.done || withheld {
            return Ok(());
        }
        let note;
        let event = match event {
            Event::Foreign(block) => match escaped_note(block) {
                Some(text) => {
                    note = text;
                    Event::Text(Text::from_escaped(&note))
                }
                None => return Ok(()),
            },
            event => event,
        };
        let said = &mut self.said;
        self.order.push(event, &mut |event| said.take(heading, event, out))
    }

    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        if !self.done {
            out.extend_from_slice(super::PING);
        }
    }

    /// Sends what is left and the end.
    pub(crate) fn end(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        let stop = tracker.stop.unwrap_or_default();
        let said = &mut self.said;
        said.cut = stop == Stop::MaxTokens;
        self.order.end(stop, &mut |event| said.take(heading, event, out))?;
        said.close(heading, out);
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
        let last = if said.signature.is_some() { Part::Thought(Text::EMPTY) } else { Part::Text(Text::EMPTY) };
        write::part(out, last, said.signature.as_deref());
        out.extend_from_slice(b"],\"role\":\"model\"},\"finishReason\":");
        push_string(out, stop.word(Wire::Gemini));
        out.extend_from_slice(b",\"index\":0}],\"usageMetadata\":");
        push_usage(out, tracker.spent(heading.input_tokens).usage);
        write::tail(out, heading);
        out.extend_from_slice(b"\n\n");
        Ok(())
    }
}

impl Said {
    /// Sends the open call, whole or beyond repair.
    fn close(&mut self, heading: &Heading, out: &mut Vec<u8>) {
        if let Some(call) = self.open.take().filter(|call| !self.cut || call.end.is_whole()) {
            call.send(heading, out);
        }
    }

    /// Takes what comes in order.
    fn take(&mut self, heading: &Heading, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if !matches!(event, Event::ToolInput { .. }) {
            self.close(heading, out);
        }
        match event {
            Event::Text(text) => chunk(heading, Part::Text(text), self.signature.take().as_deref(), out),
            Event::Thinking(text) => chunk(heading, Part::Thought(text), None, out),
            Event::Signature(signed) => {
                self.signature = write::signature(signed, !heading.back.withhold_thoughts);
            }
            Event::ToolStart { id, name, .. } => {
                let name = name.map(Text::decode).unwrap_or_default();
                let call = Call {
                    id: id.unwrap_or(Text::EMPTY).escaped().to_vec(),
                    name: heading.back.client_name(&name).to_owned(),
                    signature: self.signature.take(),
                    ..Call::default()
                };
                self.open = Some(call);
            }
            Event::ToolInput { json, .. } => {
                let Some(call) = &mut self.open else { return Ok(()) };
                call.input.extend_from_slice(json.escaped());
                call.end.push(json.escaped());
                if call.input.len() > MAX_EVENT_BYTES {
                    return Err(EventTooLarge.into());
                }
                if let Some(call) = self.open.take_if(|call| call.end.is_whole()) {
                    call.send(heading, out);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Call {
    fn send(self, heading: &Heading, out: &mut Vec<u8>) {
        let mut args = Vec::with_capacity(self.input.len());
        Input::Written(Text::from_escaped(&self.input)).push_object(&mut args);
        let part = Part::Call { id: &self.id, name: &self.name, args: &args };
        chunk(heading, part, self.signature.as_deref(), out);
    }
}

/// Writes a chunk with one part.
fn chunk(heading: &Heading, part: Part<'_>, signature: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
    write::part(out, part, signature);
    out.extend_from_slice(b"],\"role\":\"model\"},\"index\":0}]");
    write::tail(out, heading);
    out.extend_from_slice(b"\n\n");
}
