//! Reading Anthropic's stream.

use super::super::Wire;
use super::super::errors::read_upstream_error;
use super::super::json::{Kind, Raw, Text};
use super::super::message::Input;
use super::super::signed::Signed;
use super::super::stream::event::{Event, Foreign, Form, Sink, StreamError};
use super::super::usage::{Stop, Usage};

/// Most tool calls of one answer.
const MAX_CALLS: usize = 256;

/// Reads the events of Anthropic Messages.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    usage: Usage,
    /// the open block is a call of one of the client's tools
    in_tool: bool,
    /// the open block is one that no other wire knows
    in_foreign: bool,
    /// where the calls of the client's tools stand
    calls: Vec<usize>,
    /// the client speaks Anthropic too: what only Anthropic knows is told
    own: bool,
}

impl StreamReader {
    /// What it reads is written anew for a client of Anthropic.
    pub(crate) fn keep_own(&mut self) {
        self.own = true;
    }

    fn foreign(&self, form: Form, raw: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        if self.own { sink(Event::Foreign(Foreign { wire: Wire::Anthropic, form, raw })) } else { Ok(()) }
    }

    pub(crate) fn read(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        let event = Raw::object(data)?;
        let [kind, index, delta, usage] = event.pick(["type", "index", "delta", "usage"])?;
        let slot = index.and_then(Raw::whole).and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"content_block_delta" => self.delta(slot, delta.unwrap_or(Raw::NULL), sink),
            b"content_block_start" => self.block(slot, event.get("content_block").unwrap_or(Raw::NULL), sink),
            b"message_start" => {
                self.foreign(Form::Head, event, sink)?;
                let usage = event.get("message").and_then(|message| message.get("usage"));
                self.usage(usage, false, sink)
            }
            b"message_delta" => {
                let [stop, sequence] = delta.unwrap_or(Raw::NULL).pick(["stop_reason", "stop_sequence"])?;
                if let Some(word) = stop.and_then(Raw::text) {
                    let stop = Stop::read(Wire::Anthropic, word).with_calls(!self.calls.is_empty());
                    sink(Event::Stop {
                        stop,
                        sequence: sequence.and_then(Raw::text),
                        word: Some(word).filter(|_| self.own),
                    })?;
                }
                self.foreign(Form::Tail, event, sink)?;
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
            b"content_block_stop" if self.own => sink(Event::Break),
            // The end of a block says nothing that the next event does not to another protocol, and what may be
            // invented later says nothing at all.
            b"content_block_stop" | b"ping" | b"" => Ok(()),
            _ => self.foreign(Form::Beside, event, sink),
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
        (self.in_tool, self.in_foreign) = (false, false);
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
                let known = |key: Text<'_>| ["type", "id", "name", "input"].iter().any(|name| key.is(name));
                if self.own && block.members().map_while(Result::ok).any(|(key, _)| !known(key)) {
                    // One of the provider's own tools made the call.
                    self.in_foreign = true;
                    return self.foreign(Form::Block, block, sink);
                }
                sink(Event::ToolStart { slot, id: id.and_then(Raw::text), name: name.and_then(Raw::text) })?;
                // Anthropic itself starts with `{}` and sends the input in deltas; others do not.
                let begun = |input: &Raw<'_>| input.kind() != Kind::Object || input.members().next().is_some();
                let Some(input) = input.filter(begun) else { return Ok(()) };
                Input::of(Some(input)).with_text(|json| sink(Event::ToolInput { slot, json }))
            }
            _ => {
                self.in_foreign = true;
                sink(Event::Foreign(Foreign { wire: Wire::Anthropic, form: Form::Block, raw: block }))
            }
        }
    }

    fn delta(&mut self, slot: usize, delta: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let [text, thinking, signature, json] = delta.pick(["text", "thinking", "signature", "partial_json"])?;
        if self.in_foreign && self.own {
            return self.foreign(Form::More, delta, sink);
        }
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
            _ => self.foreign(Form::More, delta, sink),
        }
    }
}
