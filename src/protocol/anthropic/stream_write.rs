//! Writing Anthropic's stream: blocks strictly one after another, whatever order things come in.

use std::collections::VecDeque;

use super::super::Wire;
use super::super::json::{Text, push_escaped, push_number, push_string};
use super::super::message::note_of;
use super::super::names::legal_id;
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, StreamError};
use super::super::stream::json_end::JsonEnd;
use super::super::stream::tracker::Tracker;
use super::super::stream::writer::Heading;
use super::super::usage::{Stop, Usage};
use crate::bounds::MAX_EVENT_BYTES;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Tool(usize),
}

#[derive(Debug, Default)]
struct Tool {
    slot: usize,
    id: Vec<u8>,
    name: Option<String>,
    /// input that could not be sent yet
    held: Vec<u8>,
    end: JsonEnd,
}

/// What has to wait until the open tool call is whole.
#[derive(Debug)]
enum Waiting {
    Text(Vec<u8>),
    Thinking(Vec<u8>),
    /// in this protocol's own form
    Signature(Vec<u8>),
    Tool(usize),
}

/// Writes the events of Anthropic Messages.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter {
    begun: bool,
    done: bool,
    open: Option<Open>,
    /// the number of the next block
    next: u64,
    tools: Vec<Tool>,
    waiting: VecDeque<Waiting>,
    held_bytes: usize,
    sequence: Option<Vec<u8>>,
}

impl StreamWriter {
    pub(crate) fn write(
        &mut self,
        heading: &Heading,
        tracker: &Tracker,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        match event {
            Event::Text(text) if !text.is_empty() => {
                self.begin(heading, tracker, out);
                self.text(text, Open::Text, out)
            }
            Event::Thinking(text) if !text.is_empty() => {
                self.begin(heading, tracker, out);
                self.text(text, Open::Thinking, out)
            }
            Event::Signature(signature) => {
                self.begin(heading, tracker, out);
                let mut text = Vec::with_capacity(signature.text.escaped().len() + 16);
                signature.push(Wire::Anthropic, &mut text);
                if !self.blocked() && self.waiting.is_empty() {
                    self.sign(&text, out);
                    return Ok(());
                }
                self.hold(text.len())?;
                self.waiting.push_back(Waiting::Signature(text));
                Ok(())
            }
            Event::ToolStart { slot, id, name } => {
                self.begin(heading, tracker, out);
                self.tool_start(heading, slot, id, name, out);
                Ok(())
            }
            Event::ToolInput { slot, json } => self.tool_input(heading, slot, json, out),
            // One of Anthropic's own never comes this way.
            Event::Foreign(block) => match note_of(block) {
                Some(note) => {
                    self.begin(heading, tracker, out);
                    let mut escaped = Vec::with_capacity(note.len());
                    push_escaped(&mut escaped, note.as_bytes());
                    self.text(Text::from_escaped(&escaped), Open::Text, out)
                }
                None => Ok(()),
            },
            Event::Stop { sequence, .. } => {
                self.sequence = sequence.map(|text| text.escaped().to_vec());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        out.extend_from_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":");
        push_string(out, &format!("msg_{}", heading.id));
        out.extend_from_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
        push_string(out, &heading.model);
        out.extend_from_slice(b",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
        push_usage(out, tracker.input(heading.input_tokens));
        out.extend_from_slice(b"}}\n\n");
        self.ping(out);
    }

    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        if !self.done {
            out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
        }
    }

    /// A tool call that is open and not whole: nothing else may come now.
    fn blocked(&self) -> bool {
        match self.open {
            Some(Open::Tool(index)) => self.tools.get(index).is_some_and(|tool| !tool.end.is_whole()),
            _ => false,
        }
    }

    fn hold(&mut self, bytes: usize) -> Result<(), StreamError> {
        self.held_bytes += bytes;
        if self.held_bytes > MAX_EVENT_BYTES { Err(EventTooLarge.into()) } else { Ok(()) }
    }

    fn text(&mut self, text: Text<'_>, kind: Open, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if !self.blocked() && self.waiting.is_empty() {
            self.open_block(kind, out);
            self.delta(kind, text.escaped(), out);
            return Ok(());
        }
        self.hold(text.escaped().len())?;
        match (self.waiting.back_mut(), kind) {
            (Some(Waiting::Text(held)), Open::Text) | (Some(Waiting::Thinking(held)), Open::Thinking) => {
                held.extend_from_slice(text.escaped());
            }
            (_, Open::Thinking) => self.waiting.push_back(Waiting::Thinking(text.escaped().to_vec())),
            _ => self.waiting.push_back(Waiting::Text(text.escaped().to_vec())),
        }
        Ok(())
    }

    /// Ends a thinking block with what proves it; what comes next is another block. A call can be
    /// signed without any thinking that is shown: its block is empty.
    fn sign(&mut self, signature: &[u8], out: &mut Vec<u8>) {
        self.open_block(Open::Thinking, out);
        self.delta_of(b"signature_delta\",\"signature\":\"", signature, out);
        self.close(out);
    }

    fn tool_at(&mut self, slot: usize) -> usize {
        if let Some(index) = self.tools.iter().position(|tool| tool.slot == slot) {
            return index;
        }
        self.tools.push(Tool { slot, ..Tool::default() });
        self.waiting.push_back(Waiting::Tool(self.tools.len() - 1));
        self.tools.len() - 1
    }

    fn tool_start(
        &mut self,
        heading: &Heading,
        slot: usize,
        id: Option<Text<'_>>,
        name: Option<Text<'_>>,
        out: &mut Vec<u8>,
    ) {
        let index = self.tool_at(slot);
        if let Some(tool) = self.tools.get_mut(index) {
            if let Some(id) = id.filter(|_| tool.id.is_empty()) {
                tool.id = legal_id(&id.decode()).into_owned().into_bytes();
            }
            if let Some(name) = name.filter(|_| tool.name.is_none()) {
                tool.name = Some(heading.back.client_name(&name.decode()).to_owned());
            }
        }
        self.pump(heading, out);
    }

    fn tool_input(
        &mut self,
        heading: &Heading,
        slot: usize,
        json: Text<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let index = self.tool_at(slot);
        let open = self.open == Some(Open::Tool(index));
        if let Some(tool) = self.tools.get_mut(index) {
            tool.end.push(json.escaped());
            if open {
                self.delta(Open::Tool(index), json.escaped(), out);
            } else {
                tool.held.extend_from_slice(json.escaped());
                self.hold(json.escaped().len())?;
            }
        }
        self.pump(heading, out);
        Ok(())
    }

    /// Sends what waits, as far as it can go now.
    fn pump(&mut self, heading: &Heading, out: &mut Vec<u8>) {
        while !self.blocked() && self.next_is_ready() && self.send_next(heading, out) {}
    }

    /// A call begins with its id and name: while one of them is missing, it waits.
    fn next_is_ready(&self) -> bool {
        match self.waiting.front() {
            Some(Waiting::Tool(index)) => {
                self.tools.get(*index).is_some_and(|tool| tool.name.is_some() && !tool.id.is_empty())
            }
            _ => true,
        }
    }

    fn send_next(&mut self, heading: &Heading, out: &mut Vec<u8>) -> bool {
        match self.waiting.pop_front() {
            Some(Waiting::Text(text)) => {
                self.open_block(Open::Text, out);
                self.delta(Open::Text, &text, out);
            }
            Some(Waiting::Thinking(text)) => {
                self.open_block(Open::Thinking, out);
                self.delta(Open::Thinking, &text, out);
            }
            Some(Waiting::Signature(signature)) => self.sign(&signature, out),
            Some(Waiting::Tool(index)) => self.open_tool(heading, index, out),
            None => {
                self.held_bytes = 0;
                return false;
            }
        }
        true
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
            push_number(out, self.next - 1);
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn block_start(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
        push_number(out, self.next);
        out.extend_from_slice(b",\"content_block\":");
        self.next += 1;
    }

    fn open_block(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == Some(kind) {
            return;
        }
        self.close(out);
        self.block_start(out);
        out.extend_from_slice(match kind {
            Open::Thinking => b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
            _ => b"{\"type\":\"text\",\"text\":\"\"}}\n\n",
        });
        self.open = Some(kind);
    }

    fn open_tool(&mut self, heading: &Heading, index: usize, out: &mut Vec<u8>) {
        self.close(out);
        self.block_start(out);
        let Some(tool) = self.tools.get_mut(index) else { return };
        if tool.id.is_empty() {
            tool.id = format!("toolu_{}_{index}", heading.id).into_bytes();
        }
        out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":\"");
        out.extend_from_slice(&tool.id);
        out.extend_from_slice(b"\",\"name\":");
        push_string(out, tool.name.as_deref().unwrap_or_default());
        out.extend_from_slice(b",\"input\":{}}}\n\n");
        self.open = Some(Open::Tool(index));
        let held = std::mem::take(&mut tool.held);
        if !held.is_empty() {
            self.delta(Open::Tool(index), &held, out);
        }
    }

    fn delta(&self, kind: Open, escaped: &[u8], out: &mut Vec<u8>) {
        let member: &[u8] = match kind {
            Open::Text => b"text_delta\",\"text\":\"",
            Open::Thinking => b"thinking_delta\",\"thinking\":\"",
            Open::Tool(_) => b"input_json_delta\",\"partial_json\":\"",
        };
        self.delta_of(member, escaped, out);
    }

    fn delta_of(&self, member: &[u8], escaped: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        push_number(out, self.next - 1);
        out.extend_from_slice(b",\"delta\":{\"type\":\"");
        out.extend_from_slice(member);
        out.extend_from_slice(escaped);
        out.extend_from_slice(b"\"}}\n\n");
    }

    /// Closes what is open and writes the end.
    pub(crate) fn end(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        if self.tools.iter().any(|tool| tool.name.is_none()) {
            return Err(StreamError::Malformed("a tool call has no name".to_owned()));
        }
        self.begin(heading, tracker, out);
        let stop = tracker.stop.unwrap_or_default();
        self.mend_open_tool(stop, out);
        while self.send_next(heading, out) {
            self.mend_open_tool(stop, out);
        }
        self.close(out);
        out.extend_from_slice(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":");
        push_string(out, stop.word(Wire::Anthropic));
        out.extend_from_slice(b",\"stop_sequence\":");
        match self.sequence.as_deref().filter(|_| stop == Stop::StopSequence) {
            Some(sequence) => {
                out.push(b'"');
                out.extend_from_slice(sequence);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"},\"usage\":");
        push_usage(out, tracker.spent(heading.input_tokens).usage);
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        self.done = true;
        Ok(())
    }

    /// An input that the model did not close is closed, unless it ran out of tokens: then the
    /// client has to see that it is not whole.
    fn mend_open_tool(&self, stop: Stop, out: &mut Vec<u8>) {
        if let Some(Open::Tool(index)) = self.open
            && stop != Stop::MaxTokens
            && let Some(missing) = self.tools.get(index).map(|tool| tool.end.missing())
            && !missing.is_empty()
        {
            self.delta(Open::Tool(index), &missing, out);
        }
    }
}

pub(super) fn push_usage(out: &mut Vec<u8>, usage: Usage) {
    for (name, number) in [
        (&b"{\"input_tokens\":"[..], usage.input),
        (b",\"cache_creation_input_tokens\":", usage.cache_write),
        (b",\"cache_read_input_tokens\":", usage.cache_read),
        (b",\"output_tokens\":", usage.output),
    ] {
        out.extend_from_slice(name);
        push_number(out, number);
    }
    out.push(b'}');
}
