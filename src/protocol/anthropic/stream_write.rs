//! Writing Anthropic's stream: blocks strictly one after another, whatever order things come in. A client
//! whose upstream speaks Anthropic too gets the upstream's own head, tail and blocks, with indices of ours.

use super::super::Wire;
use super::super::json::{JsonError, Raw, Text, push_flat, push_number, push_string, push_with};
use super::super::names::legal_id;
use super::super::stream::event::{Event, Foreign, Form, StreamError};
use super::super::stream::in_order::InOrder;
use super::super::stream::tracker::Tracker;
use super::super::stream::writer::Heading;
use super::super::usage::{Stop, Usage};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Tool,
    Foreign,
}

/// Writes the events of Anthropic Messages.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter {
    begun: bool,
    done: bool,
    order: InOrder,
    blocks: Blocks,
    sequence: Option<Vec<u8>>,
    /// the upstream's own word for why it ended
    word: Option<Vec<u8>>,
    /// the upstream's `message_start`
    head: Option<Vec<u8>>,
    /// the upstream's `message_delta`
    tail: Option<Vec<u8>>,
}

/// What has been written.
#[derive(Debug, Default)]
struct Blocks {
    open: Option<Open>,
    /// the number of the next block
    next: u64,
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
            Event::Text(text) | Event::Thinking(text) if text.is_empty() => return Ok(()),
            Event::Foreign(Foreign { form: Form::Head, raw, .. }) => {
                self.head = Some(raw.bytes().to_vec());
                return Ok(());
            }
            Event::Foreign(Foreign { form: Form::Tail, raw, .. }) => {
                self.tail = Some(raw.bytes().to_vec());
                return Ok(());
            }
            // An event that this router does not know.
            Event::Foreign(Foreign { form: Form::Beside, raw, .. }) => {
                self.begin(heading, tracker, out);
                Blocks::event_head(raw.get("type").and_then(Raw::text).unwrap_or(Text::EMPTY), out);
                push_flat(out, raw.bytes());
                out.extend_from_slice(b"\n\n");
                return Ok(());
            }
            Event::Stop { sequence, word, .. } => {
                self.sequence = sequence.map(|text| text.escaped().to_vec());
                self.word = word.map(|text| text.escaped().to_vec());
                return Ok(());
            }
            Event::Usage { .. } | Event::Break | Event::End | Event::ToolInput { .. } => {}
            Event::Text(_) | Event::Thinking(_) | Event::Signature(_) | Event::ToolStart { .. } | Event::Foreign(_) => {
                self.begin(heading, tracker, out);
            }
        }
        let blocks = &mut self.blocks;
        self.order.push(event, &mut |event| {
            blocks.take(heading, event, out);
            Ok(())
        })
    }

    fn begin(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        out.extend_from_slice(b"event: message_start\ndata: ");
        if let Some(head) = self.head.take() {
            push_flat(out, &head);
            out.extend_from_slice(b"\n\n");
            return self.ping(out);
        }
        out.extend_from_slice(b"{\"type\":\"message_start\",\"message\":{\"id\":");
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

    /// Closes what is open and writes the end.
    pub(crate) fn end(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        self.begin(heading, tracker, out);
        let stop = tracker.stop.unwrap_or_default();
        let blocks = &mut self.blocks;
        self.order.end(stop, &mut |event| {
            blocks.take(heading, event, out);
            Ok(())
        })?;
        blocks.close(out);
        out.extend_from_slice(b"event: message_delta\ndata: ");
        self.push_end(stop, heading, tracker, out)?;
        out.extend_from_slice(b"\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        self.done = true;
        Ok(())
    }

    fn push_end(&self, stop: Stop, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let mut reason = b"\"".to_vec();
        reason.extend_from_slice(self.word.as_deref().unwrap_or(stop.word(Wire::Anthropic).as_bytes()));
        reason.push(b'"');
        let sequence = match self.sequence.as_deref().filter(|_| stop == Stop::StopSequence) {
            Some(sequence) => [b"\"", sequence, b"\""].concat(),
            None => b"null".to_vec(),
        };
        if let Some(tail) = &self.tail {
            let tail = Raw::from_measured(tail);
            let mut delta = Vec::new();
            let said: [(&str, &[u8]); 2] = [("stop_reason", &reason), ("stop_sequence", &sequence)];
            push_with(&mut delta, tail.get("delta").unwrap_or(Raw::NULL), &said)?;
            return push_with(out, tail, &[("delta", &delta)]);
        }
        out.extend_from_slice(b"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":");
        out.extend_from_slice(&reason);
        out.extend_from_slice(b",\"stop_sequence\":");
        out.extend_from_slice(&sequence);
        out.extend_from_slice(b"},\"usage\":");
        push_usage(out, tracker.spent(heading.input_tokens).usage);
        out.push(b'}');
        Ok(())
    }
}

impl Blocks {
    /// Takes what comes in order.
    fn take(&mut self, heading: &Heading, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text(text) => {
                self.open(Open::Text, out);
                self.delta(b"text_delta\",\"text\":\"", text, out);
            }
            Event::Thinking(text) => {
                self.open(Open::Thinking, out);
                self.delta(b"thinking_delta\",\"thinking\":\"", text, out);
            }
            // Ends a thinking block with what proves it; what comes next is another block. A call can be
            // signed without any thinking that is shown: its block is empty.
            Event::Signature(signature) => {
                let mut text = Vec::with_capacity(signature.text.escaped().len() + 16);
                signature.push(Wire::Anthropic, &mut text);
                self.open(Open::Thinking, out);
                self.delta(b"signature_delta\",\"signature\":\"", Text::from_escaped(&text), out);
                self.close(out);
            }
            Event::ToolStart { slot, id, name } => self.open_tool(heading, slot, id, name, out),
            Event::ToolInput { json, .. } => self.delta(b"input_json_delta\",\"partial_json\":\"", json, out),
            Event::Foreign(Foreign { form: Form::Block, raw, .. }) => {
                self.start(out);
                push_flat(out, raw.bytes());
                out.extend_from_slice(b"}\n\n");
                self.open = Some(Open::Foreign);
            }
            Event::Foreign(Foreign { form: Form::More, raw, .. }) => {
                if self.open.is_none() {
                    self.open(Open::Text, out);
                }
                self.delta_head(out);
                push_flat(out, raw.bytes());
                out.extend_from_slice(b"}\n\n");
            }
            Event::Break => self.close(out),
            _ => {}
        }
    }

    fn event_head(name: Text<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.escaped());
        out.extend_from_slice(b"\ndata: ");
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
            push_number(out, self.next - 1);
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
        push_number(out, self.next);
        out.extend_from_slice(b",\"content_block\":");
        self.next += 1;
    }

    /// Opens a block of text or thinking, unless one is open.
    fn open(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == Some(kind) {
            return;
        }
        self.start(out);
        out.extend_from_slice(match kind {
            Open::Thinking => b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
            _ => b"{\"type\":\"text\",\"text\":\"\"}}\n\n",
        });
        self.open = Some(kind);
    }

    fn open_tool(
        &mut self,
        heading: &Heading,
        slot: usize,
        id: Option<Text<'_>>,
        name: Option<Text<'_>>,
        out: &mut Vec<u8>,
    ) {
        self.start(out);
        out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":");
        match id {
            Some(id) => push_string(out, &legal_id(&id.decode())),
            None => push_string(out, &format!("toolu_{}_{slot}", heading.id)),
        }
        out.extend_from_slice(b",\"name\":");
        push_string(out, heading.back.client_name(&name.unwrap_or(Text::EMPTY).decode()));
        out.extend_from_slice(b",\"input\":{}}}\n\n");
        self.open = Some(Open::Tool);
    }

    fn delta_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        push_number(out, self.next.saturating_sub(1));
        out.extend_from_slice(b",\"delta\":");
    }

    fn delta(&self, member: &[u8], text: Text<'_>, out: &mut Vec<u8>) {
        self.delta_head(out);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(member);
        out.extend_from_slice(text.escaped());
        out.extend_from_slice(b"\"}}\n\n");
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
