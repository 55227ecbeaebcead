//! Writing a Chat stream.

use super::super::Wire;
use super::super::json::{Text, push_flat, push_number, push_string, push_text};
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, Foreign, Form, StreamError};
use super::super::stream::json_end::JsonEnd;
use super::super::stream::tracker::Tracker;
use super::super::stream::writer::Heading;
use super::super::usage::{Stop, Usage};
use crate::bounds::MAX_EVENT_BYTES;

/// Writes the chunks of Chat Completions.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter {
    begun: bool,
    done: bool,
    /// in the client's order
    calls: Vec<Call>,
    held_bytes: usize,
    /// the upstream's own head, its own word for why it ended and its own usage, when it speaks Chat too
    head: Option<Vec<u8>>,
    word: Option<Vec<u8>>,
    usage: Option<Vec<u8>>,
}

/// A tool call. Libraries put the pieces of every member together, so its id and name go out once.
#[derive(Debug)]
struct Call {
    slot: usize,
    id: Option<String>,
    /// its place in the client's list, once its name is known and it has begun
    index: Option<u64>,
    /// input that came before its name
    held: Vec<u8>,
    end: JsonEnd,
}

impl StreamWriter {
    pub(crate) fn write(&mut self, heading: &Heading, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        match event {
            Event::Text(text) if !text.is_empty() => self.text(heading, b"\"content\":\"", text, out),
            Event::Thinking(text) if !text.is_empty() => self.text(heading, b"\"reasoning_content\":\"", text, out),
            Event::Foreign(foreign) => self.foreign(heading, foreign, out),
            Event::Stop { word: Some(word), .. } => self.word = Some(word.escaped().to_vec()),
            Event::ToolStart { slot, id, name } => self.tool_start(heading, slot, id, name, out),
            Event::ToolInput { slot, json } if !json.is_empty() => return self.tool_input(heading, slot, json, out),
            _ => {}
        }
        Ok(())
    }

    fn foreign(&mut self, heading: &Heading, foreign: Foreign<'_>, out: &mut Vec<u8>) {
        match foreign.form {
            // Without its last bracket: the choices come behind it.
            Form::Head => self.head = foreign.raw.bytes().strip_suffix(b"}").map(<[u8]>::to_vec),
            Form::Tail => self.usage = Some(foreign.raw.bytes().to_vec()),
            Form::Beside | Form::Block | Form::More | Form::Done => {
                self.begin(heading, out);
                self.chunk(heading, out);
                push_flat(out, foreign.raw.bytes());
                out.extend_from_slice(b"]}\n\n");
            }
        }
    }

    fn place(&mut self, slot: usize) -> usize {
        self.calls.iter().position(|known| known.slot == slot).unwrap_or_else(|| {
            self.calls.push(Call { slot, id: None, index: None, held: Vec::new(), end: JsonEnd::default() });
            self.calls.len() - 1
        })
    }

    fn tool_input(
        &mut self,
        heading: &Heading,
        slot: usize,
        json: Text<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let place = self.place(slot);
        let Some(call) = self.calls.get_mut(place) else { return Ok(()) };
        call.end.push(json.escaped());
        match call.index {
            Some(index) => self.arguments(heading, index, json.escaped(), out),
            None => {
                call.held.extend_from_slice(json.escaped());
                self.held_bytes += json.escaped().len();
                if self.held_bytes > MAX_EVENT_BYTES {
                    return Err(EventTooLarge.into());
                }
            }
        }
        Ok(())
    }

    fn arguments(&mut self, heading: &Heading, index: u64, escaped: &[u8], out: &mut Vec<u8>) {
        self.open(heading, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        push_number(out, index);
        out.extend_from_slice(b",\"function\":{\"arguments\":\"");
        out.extend_from_slice(escaped);
        out.extend_from_slice(b"\"}}]},\"finish_reason\":null}]}\n\n");
    }

    /// A call begins when its name is known; an id that comes later than that is not needed any more.
    fn tool_start(
        &mut self,
        heading: &Heading,
        slot: usize,
        id: Option<Text<'_>>,
        name: Option<Text<'_>>,
        out: &mut Vec<u8>,
    ) {
        let place = self.place(slot);
        let index = self.calls.iter().filter(|call| call.index.is_some()).count() as u64;
        let Some(call) = self.calls.get_mut(place).filter(|call| call.index.is_none()) else { return };
        if let Some(id) = id {
            call.id = Some(id.decode().into_owned());
        }
        let Some(name) = name.filter(|name| !name.is_empty()) else { return };
        call.index = Some(index);
        let (id, held) = (call.id.take(), std::mem::take(&mut call.held));
        self.open(heading, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        push_number(out, index);
        out.extend_from_slice(b",\"id\":");
        push_string(out, &id.unwrap_or_else(|| format!("call_{}_{index}", heading.id)));
        out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        push_string(out, heading.back.client_name(&name.decode()));
        out.extend_from_slice(b",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n");
        if !held.is_empty() {
            self.arguments(heading, index, &held, out);
        }
    }

    fn text(&mut self, heading: &Heading, member: &[u8], text: Text<'_>, out: &mut Vec<u8>) {
        self.open(heading, out);
        out.extend_from_slice(member);
        out.extend_from_slice(text.escaped());
        out.extend_from_slice(b"\"},\"finish_reason\":null}]}\n\n");
    }

    /// The head of a chunk up to its choices.
    fn chunk(&self, heading: &Heading, out: &mut Vec<u8>) {
        if let Some(head) = &self.head {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(head);
            out.extend_from_slice(if head.len() > 1 { b",\"choices\":[" } else { b"\"choices\":[" });
            return;
        }
        out.extend_from_slice(b"data: {\"id\":\"chatcmpl-");
        out.extend_from_slice(heading.id.as_bytes());
        out.extend_from_slice(b"\",\"object\":\"chat.completion.chunk\",\"created\":");
        push_number(out, heading.created_unix);
        out.extend_from_slice(b",\"model\":");
        push_string(out, &heading.model);
        out.extend_from_slice(b",\"choices\":[");
    }

    /// The head of a chunk up to its delta, the role before the first one.
    fn open(&mut self, heading: &Heading, out: &mut Vec<u8>) {
        self.begin(heading, out);
        self.chunk(heading, out);
        out.extend_from_slice(b"{\"index\":0,\"delta\":{");
    }

    fn begin(&mut self, heading: &Heading, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            self.chunk(heading, out);
            out.extend_from_slice(
                b"{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
            );
        }
    }

    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        if !self.done {
            out.extend_from_slice(b": ping\n\n");
        }
    }

    pub(crate) fn end(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.calls.iter().any(|call| call.index.is_none()) {
            return Err(StreamError::Malformed("a tool call has no name".to_owned()));
        }
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        // An input that ran out of tokens stays as it is: the client has to see that it is not whole.
        if tracker.stop != Some(Stop::MaxTokens) {
            for call in std::mem::take(&mut self.calls) {
                let missing = call.end.missing();
                if let Some(index) = call.index.filter(|_| !missing.is_empty()) {
                    self.arguments(heading, index, &missing, out);
                }
            }
        }
        self.open(heading, out);
        out.extend_from_slice(b"},\"finish_reason\":");
        match &self.word {
            Some(word) => push_text(out, Text::from_escaped(word)),
            None => push_string(out, tracker.stop.unwrap_or_default().word(Wire::Chat)),
        }
        out.extend_from_slice(b"}]}\n\n");
        if heading.back.include_usage {
            self.chunk(heading, out);
            out.extend_from_slice(b"],\"usage\":");
            match &self.usage {
                Some(usage) => push_flat(out, usage),
                None => push_usage(out, tracker.spent(heading.input_tokens).usage),
            }
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        Ok(())
    }
}

pub(super) fn push_usage(out: &mut Vec<u8>, usage: Usage) {
    for (name, number) in [
        (&b"{\"prompt_tokens\":"[..], usage.input_total()),
        (b",\"completion_tokens\":", usage.output),
        (b",\"total_tokens\":", usage.input_total().saturating_add(usage.output)),
        (b",\"prompt_tokens_details\":{\"cached_tokens\":", usage.cache_read),
        (b"},\"completion_tokens_details\":{\"reasoning_tokens\":", usage.reasoning),
    ] {
        out.extend_from_slice(name);
        push_number(out, number);
    }
    out.extend_from_slice(b"}}");
}
