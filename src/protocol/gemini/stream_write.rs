//! Writing Gemini's stream: every chunk is a whole answer, and a call stands whole in one part.

use super::super::Wire;
use super::super::json::{Text, push_flat, push_string, push_text};
use super::super::message::Input;
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, Foreign, Form, StreamError};
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
    /// the upstream's own members around the candidates, its own word for why it ended and its own usage, when
    /// it speaks Gemini too
    head: Option<Vec<u8>>,
    word: Option<Vec<u8>>,
    usage: Option<Vec<u8>>,
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
        let said = &mut self.said;
        if let Event::Stop { word: Some(word), .. } = event {
            said.word = Some(word.escaped().to_vec());
        }
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
        match &said.word {
            Some(word) => push_text(out, Text::from_escaped(word)),
            None => push_string(out, stop.word(Wire::Gemini)),
        }
        out.extend_from_slice(b",\"index\":0}],\"usageMetadata\":");
        match &said.usage {
            Some(usage) => push_flat(out, usage),
            None => push_usage(out, tracker.spent(heading.input_tokens).usage),
        }
        said.tail(heading, out);
        Ok(())
    }
}

impl Said {
    /// Sends the open call, whole or beyond repair.
    fn close(&mut self, heading: &Heading, out: &mut Vec<u8>) {
        if let Some(call) = self.open.take().filter(|call| !self.cut || call.end.is_whole()) {
            self.call(call, heading, out);
        }
    }

    fn call(&self, call: Call, heading: &Heading, out: &mut Vec<u8>) {
        let mut args = Vec::with_capacity(call.input.len());
        Input::Written(Text::from_escaped(&call.input)).push_object(&mut args);
        let part = Part::Call { id: &call.id, name: &call.name, args: &args };
        self.chunk(heading, part, call.signature.as_deref(), out);
    }

    /// Writes a chunk with one part.
    fn chunk(&self, heading: &Heading, part: Part<'_>, signature: Option<&[u8]>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
        write::part(out, part, signature);
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":0}]");
        self.tail(heading, out);
    }

    /// Ends a chunk.
    fn tail(&self, heading: &Heading, out: &mut Vec<u8>) {
        match self.head.as_deref().and_then(|head| head.strip_prefix(b"{")) {
            Some(head) => {
                if head.len() > 1 {
                    out.push(b',');
                }
                push_flat(out, head);
            }
            None => write::tail(out, heading),
        }
        out.extend_from_slice(b"\n\n");
    }

    fn foreign(&mut self, heading: &Heading, foreign: Foreign<'_>, out: &mut Vec<u8>) {
        match foreign.form {
            Form::Head => self.head = Some(foreign.raw.bytes().to_vec()),
            Form::Tail => self.usage = Some(foreign.raw.bytes().to_vec()),
            Form::Block | Form::More | Form::Done => {
                let signature = self.signature.take();
                self.chunk(heading, Part::Own(foreign.raw), signature.as_deref(), out);
            }
            Form::Beside => {
                out.extend_from_slice(b"data: {\"candidates\":[");
                push_flat(out, foreign.raw.bytes());
                out.push(b']');
                self.tail(heading, out);
            }
        }
    }

    /// Takes what comes in order, and what stands beside it.
    fn take(&mut self, heading: &Heading, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let beside = matches!(event, Event::Foreign(foreign) if !foreign.form.is_in_order());
        if !beside && !matches!(event, Event::ToolInput { .. }) {
            self.close(heading, out);
        }
        match event {
            Event::Text(text) => {
                let signature = self.signature.take();
                self.chunk(heading, Part::Text(text), signature.as_deref(), out);
            }
            Event::Thinking(text) => self.chunk(heading, Part::Thought(text), None, out),
            Event::Foreign(foreign) => self.foreign(heading, foreign, out),
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
                    self.call(call, heading, out);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
