//! Writing a Chat stream.

use super::super::Wire;
use super::super::json::{Text, push_number, push_string};
use super::super::stream::event::Event;
use super::super::stream::tracker::Tracker;
use super::super::stream::writer::Heading;
use super::super::usage::Usage;

/// Writes the chunks of Chat Completions.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter {
    begun: bool,
    done: bool,
    /// slots of the calls, in the client's order
    calls: Vec<usize>,
}

impl StreamWriter {
    pub(crate) fn write(&mut self, heading: &Heading, event: Event<'_>, out: &mut Vec<u8>) {
        if self.done {
            return;
        }
        match event {
            Event::Text(text) if !text.is_empty() => self.text(heading, b"\"content\":\"", text, out),
            Event::Thinking(text) if !text.is_empty() => self.text(heading, b"\"reasoning_content\":\"", text, out),
            Event::Foreign(block) => {
                if let Some(note) = super::answer::escaped_note(block) {
                    self.text(heading, b"\"content\":\"", Text::from_escaped(&note), out);
                }
            }
            Event::ToolStart { slot, id, name } => self.tool_start(heading, slot, id, name, out),
            Event::ToolInput { slot, json } if !json.is_empty() => {
                let call = self.call(slot);
                self.open(heading, out);
                out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
                push_number(out, call);
                out.extend_from_slice(b",\"function\":{\"arguments\":\"");
                out.extend_from_slice(json.escaped());
                out.extend_from_slice(b"\"}}]},\"finish_reason\":null}]}\n\n");
            }
            _ => {}
        }
    }

    fn call(&mut self, slot: usize) -> u64 {
        let call = self.calls.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.calls.push(slot);
            self.calls.len() - 1
        });
        call as u64
    }

    fn tool_start(
        &mut self,
        heading: &Heading,
        slot: usize,
        id: Option<Text<'_>>,
        name: Option<Text<'_>>,
        out: &mut Vec<u8>,
    ) {
        let call = self.call(slot);
        self.open(heading, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        push_number(out, call);
        out.extend_from_slice(b",\"id\":");
        match id {
            Some(id) => push_string(out, &id.decode()),
            None => push_string(out, &format!("call_{}_{call}", heading.id)),
        }
        out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        let name = name.unwrap_or(Text::EMPTY).decode();
        push_string(out, heading.back.client_name(&name));
        out.extend_from_slice(b",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n");
    }

    fn text(&mut self, heading: &Heading, member: &[u8], text: Text<'_>, out: &mut Vec<u8>) {
        self.open(heading, out);
        out.extend_from_slice(member);
        out.extend_from_slice(text.escaped());
        out.extend_from_slice(b"\"},\"finish_reason\":null}]}\n\n");
    }

    fn head(heading: &Heading, out: &mut Vec<u8>) {
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
        if !std::mem::replace(&mut self.begun, true) {
            Self::head(heading, out);
            out.extend_from_slice(
                b"{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
            );
        }
        Self::head(heading, out);
        out.extend_from_slice(b"{\"index\":0,\"delta\":{");
    }

    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        if !self.done {
            out.extend_from_slice(b": ping\n\n");
        }
    }

    pub(crate) fn end(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        self.open(heading, out);
        out.extend_from_slice(b"},\"finish_reason\":");
        push_string(out, tracker.stop.unwrap_or_default().word(Wire::Chat));
        out.extend_from_slice(b"}]}\n\n");
        if heading.back.include_usage {
            Self::head(heading, out);
            out.extend_from_slice(b"],\"usage\":");
            push_usage(out, tracker.spent(heading.input_tokens).usage);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
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
