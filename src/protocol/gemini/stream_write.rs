//! Writing Gemini's stream: every chunk is a whole answer, and a call stands whole in one part.

use super::super::Wire;
use super::super::json::{Text, push_string};
use super::super::message::{Input, note_of};
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, StreamError};
use super::super::stream::json_end::JsonEnd;
use super::super::stream::tracker::Tracker;
use super::super::stream::writer::Heading;
use super::super::usage::Stop;
use super::answer::push_usage;
use super::write::{self, Part};
use crate::bounds::MAX_EVENT_BYTES;

/// A call that is not whole yet.
#[derive(Debug, Default)]
struct Call {
    slot: usize,
    id: Vec<u8>,
    name: Option<String>,
    input: Vec<u8>,
    end: JsonEnd,
    signature: Option<Vec<u8>>,
    sent: bool,
}

/// Writes the chunks of `streamGenerateContent`.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter {
    done: bool,
    calls: Vec<Call>,
    held_bytes: usize,
    /// a signature, for the part that comes next
    signature: Option<Vec<u8>>,
}

impl StreamWriter {
    pub(crate) fn write(
        &mut self,
        heading: &Heading,
        _tracker: &Tracker,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        let shown = !heading.back.withhold_thoughts;
        match event {
            Event::Text(text) if !text.is_empty() => {
                let signature = self.signature.take();
                chunk(heading, Part::Text(text), signature.as_deref(), out);
            }
            Event::Thinking(text) if shown && !text.is_empty() => chunk(heading, Part::Thought(text), None, out),
            Event::Signature(signed) => self.signature = write::signature(signed, shown),
            Event::Foreign(block) => {
                if let Some(note) = note_of(block) {
                    chunk(heading, Part::Note(&note), None, out);
                }
            }
            Event::ToolStart { slot, id, name } => {
                let call = self.call(slot);
                if let Some(id) = id.filter(|_| call.id.is_empty()) {
                    call.id = id.escaped().to_vec();
                }
                if let Some(name) = name.filter(|_| call.name.is_none()) {
                    call.name = Some(heading.back.client_name(&name.decode()).to_owned());
                }
                self.send_whole(heading, out);
            }
            Event::ToolInput { slot, json } => {
                let call = self.call(slot);
                call.input.extend_from_slice(json.escaped());
                call.end.push(json.escaped());
                self.held_bytes += json.escaped().len();
                if self.held_bytes > MAX_EVENT_BYTES {
                    return Err(EventTooLarge.into());
                }
                self.send_whole(heading, out);
            }
            _ => {}
        }
        Ok(())
    }

    /// The call at this slot; a new one takes the signature that waits.
    fn call(&mut self, slot: usize) -> &mut Call {
        let known = self.calls.iter().position(|call| call.slot == slot);
        let place = known.unwrap_or(self.calls.len());
        if known.is_none() {
            self.calls.push(Call { slot, signature: self.signature.take(), ..Call::default() });
        }
        #[expect(clippy::indexing_slicing, reason = "the place was found or made just before")]
        &mut self.calls[place]
    }

    /// Sends the calls that are whole, in their order.
    fn send_whole(&mut self, heading: &Heading, out: &mut Vec<u8>) {
        for call in self.calls.iter_mut().skip_while(|call| call.sent) {
            if !call.end.is_whole() || call.name.is_none() {
                return;
            }
            self.held_bytes -= call.send(heading, out);
        }
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
        for call in self.calls.iter_mut().filter(|call| !call.sent) {
            if call.name.is_none() {
                return Err(StreamError::Malformed("a tool call has no name".to_owned()));
            }
            // A call that ran out of tokens is none: nobody may run half of it.
            if stop != Stop::MaxTokens || call.end.is_whole() {
                call.send(heading, out);
            }
        }
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
        let last = if self.signature.is_some() { Part::Thought(Text::EMPTY) } else { Part::Text(Text::EMPTY) };
        write::part(out, last, self.signature.as_deref());
        out.extend_from_slice(b"],\"role\":\"model\"},\"finishReason\":");
        push_string(out, stop.word(Wire::Gemini));
        out.extend_from_slice(b",\"index\":0}],\"usageMetadata\":");
        push_usage(out, tracker.spent(heading.input_tokens).usage);
        write::tail(out, heading);
        out.extend_from_slice(b"\n\n");
        Ok(())
    }
}

impl Call {
    /// Writes it; returns the bytes that it held.
    fn send(&mut self, heading: &Heading, out: &mut Vec<u8>) -> usize {
        self.sent = true;
        let input = std::mem::take(&mut self.input);
        let mut args = Vec::with_capacity(input.len());
        Input::Written(Text::from_escaped(&input)).push_object(&mut args);
        let name = self.name.as_deref().unwrap_or_default();
        chunk(heading, Part::Call { id: &self.id, name, args: &args }, self.signature.as_deref(), out);
        input.len()
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
