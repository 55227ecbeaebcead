//! Reading Anthropic's stream.

use super::super::Wire;
use super::super::errors::read_upstream_error;
use super::super::json::{Kind, Raw, Text};
use super::super::message::Input;
use super::super::signed::Signed;
use super::super::stream::event::{Event, Sink, StreamError};
use super::super::usage::{Stop, Usage};

/// Most tool calls of one answer.
const MAX_CALLS: usize = 256;

/// Reads the events of Anthropic Messages.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    usage: Usage,
    /// the open block is a call of one of the client's tools
    in_tool: bool,
    /// where the calls of the client's tools stand
    calls: Vec<usize>,
}

impl StreamReader {
    pub(crate) fn read(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        let event = Raw::object(data)?;
        let [kind, index, delta, usage] = event.pick(["type", "index", "delta", "usage"])?;
        let slot = index.and_then(Raw::whole).and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"content_block_delta" => self.delta(slot, delta.unwrap_or(Raw::NULL), sink),
            b"content_block_start" => self.block(slot, event.get("content_block").unwrap_or(Raw::NULL), sink),
            b"message_start" => {
                let usage = event.get("message").and_then(|message| message.get("usage"));
                self.usage(usage, false, sink)
            }
            b"message_delta" => {
                let [stop, sequence] = delta.unwrap_or(Raw::NULL).pick(["stop_reason", "stop_sequence"])?;
                if let Some(word) = stop.and_then(Raw::text) {
                    let stop = Stop::read(Wire::Anthropic, word).with_calls(!self.calls.is_empty());
                    sink(Event::Stop { stop, sequence: sequence.and_then(Raw::text) })?;
                }
                self.usage(usage, true, sink)
            }
            b"message_stop" => sink(Event::End),
            b"error" => {
                let (kind, message) = read_upstream_error(data);
                Err(StreamError::Upstream { kind, message })
            }
            // An imitation's error without a type: it may quote whatever it likes.
            _ if event.get("error").is_some() => {
                let (kind, message) = read_upstream_error(data);
                Err(StreamError::Upstream { kind, message })
            }
            // `content_block_stop` says nothing that the next event does not; `ping` and what may
            // be invented later say nothing at all.
            _ => Ok(()),
        }
    }

    fn usage(&mut self, usage: Option<Raw<'_>>, last: bool, sink: Sink<'_>) -> Result<(), StreamError> {
        let Some(usage) = usage else { return Ok(()) };
        let told = self.usage.read(Wire::Anthropic, usage);
        sink(Event::Usage { usage: self.usage, last: last && told })
    }

    fn block(&mut self, slot: usize, block: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let [kind, text, thinking, id, name, input] =
            block.pick(["type", "text", "thinking", "id", "name", "input"])?;
        self.in_tool = false;
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"text" => sink(Event::Text(text.and_then(Raw::text).unwrap_or(Text::EMPTY))),
            b"thinking" => sink(Event::Thinking(thinking.and_then(Raw::text).unwrap_or(Text::EMPTY))),
            b"tool_use" => {
                self.in_tool = true;
                if !self.calls.contains(&slot) {
                    if self.calls.len() >= MAX_CALLS {
                        return Err(StreamError::Malformed(format!("more than {MAX_CALLS} tool calls")));
                    }
                    self.calls.push(slot);
                }
                sink(Event::ToolStart { slot, id: id.and_then(Raw::text), name: name.and_then(Raw::text) })?;
                // Anthropic itself starts with `{}` and sends the input in deltas; others do not.
                let begun = |input: &Raw<'_>| input.kind() != Kind::Object || input.members().next().is_some();
                let Some(input) = input.filter(begun) else { return Ok(()) };
                Input::of(Some(input)).with_text(|json| sink(Event::ToolInput { slot, json }))
            }
            _ => sink(Event::Foreign(block)),
        }
    }

    fn delta(&mut self, slot: usize, delta: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let [text, thinking, signature, json] = delta.pick(["text", "thinking", "signature", "partial_json"])?;
        if let Some(text) = text.and_then(Raw::text) {
            return sink(Event::Text(text));
        }
        if let Some(text) = thinking.and_then(Raw::text) {
            return sink(Event::Thinking(text));
        }
        if let Some(text) = signature.and_then(Raw::text) {
            return sink(Event::Signature(Signed { maker: Wire::Anthropic, text }));
        }
        match json.and_then(Raw::text) {
            Some(json) if self.in_tool => sink(Event::ToolInput { slot, json }),
            _ => Ok(()),
        }
    }
}
