//! Reading a Responses stream.

use super::super::Wire;
use super::super::errors::read_upstream_error;
use super::super::json::{Raw, Text};
use super::super::message::Input;
use super::super::signed::Signed;
use super::super::stream::event::{Event, Sink, StreamError};
use super::super::usage::{Stop, Usage};
use super::answer::stop_of;

/// Most items of one answer.
const MAX_ITEMS: usize = 4_096;

/// Reads the events of Responses.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    /// the items so far
    items: Vec<Seen>,
    refused: bool,
    called: bool,
    /// the number of the last event
    sequence: u64,
}

/// What was seen of an item.
#[derive(Clone, Copy, Debug)]
struct Seen {
    index: u64,
    /// some of its content came in deltas
    deltas: bool,
    /// it was announced
    begun: bool,
}

/// The error of a response that failed.
fn failed(response: Raw<'_>) -> StreamError {
    let error = response.get("error").unwrap_or(Raw::NULL);
    let (kind, message) = read_upstream_error(error.bytes());
    let code = error.get("code").and_then(Raw::text).map(|code| code.decode().into_owned());
    StreamError::Upstream { kind: code.unwrap_or(kind), message }
}

impl StreamReader {
    /// The number for an event behind the last one.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.saturating_add(1)
    }

    pub(crate) fn read(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        // Nothing of this protocol: some imitations end every stream with it.
        if data == b"[DONE]" || data.is_empty() {
            return Ok(());
        }
        let event = Raw::object(data)?;
        let [kind, index, delta, item, response, sequence] =
            event.pick(["type", "output_index", "delta", "item", "response", "sequence_number"])?;
        self.sequence = sequence.and_then(Raw::whole).unwrap_or(self.sequence + 1);
        let index = index.and_then(Raw::whole).unwrap_or(0);
        let delta = delta.and_then(Raw::text).filter(|delta| !delta.is_empty());
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"response.output_text.delta" => self.delta(index, delta.map(Event::Text), sink),
            b"response.refusal.delta" => {
                self.refused = true;
                self.delta(index, delta.map(Event::Text), sink)
            }
            b"response.reasoning_summary_text.delta" | b"response.reasoning_text.delta" => {
                self.delta(index, delta.map(Event::Thinking), sink)
            }
            b"response.reasoning_summary_part.added" => {
                // Parts of a summary are paragraphs.
                let later = event.get("summary_index").and_then(Raw::whole).is_some_and(|index| index > 0);
                if later { sink(Event::Thinking(Text::from_escaped(b"\\n\\n"))) } else { Ok(()) }
            }
            b"response.function_call_arguments.delta" => {
                let place = self.place(index)?;
                self.delta(index, delta.map(|json| Event::ToolInput { slot: place, json }), sink)
            }
            b"response.output_item.added" => self.added(index, item.unwrap_or(Raw::NULL), sink),
            b"response.output_item.done" => self.done(index, item.unwrap_or(Raw::NULL), sink),
            kind @ (b"response.completed" | b"response.incomplete") => {
                let response =
                    response.ok_or_else(|| StreamError::Malformed("an end without `response`".to_owned()))?;
                self.end(response, kind == b"response.incomplete", sink)
            }
            b"response.failed" | b"response.cancelled" => Err(failed(response.unwrap_or(Raw::NULL))),
            b"error" => {
                let (kind, message) = read_upstream_error(data);
                let code = event.get("code").and_then(Raw::text).map(|code| code.decode().into_owned());
                Err(StreamError::Upstream { kind: code.unwrap_or(kind), message })
            }
            _ if event.get("error").is_some() => {
                let (kind, message) = read_upstream_error(data);
                Err(StreamError::Upstream { kind, message })
            }
            // The ends of parts repeat what was told; progress of the provider's own tools and what may be
            // invented later say nothing that another protocol could show.
            _ => Ok(()),
        }
    }

    /// Where an item is remembered; also its number as a call.
    fn place(&mut self, index: u64) -> Result<usize, StreamError> {
        if let Some(place) = self.items.iter().rposition(|seen| seen.index == index) {
            return Ok(place);
        }
        if self.items.len() >= MAX_ITEMS {
            return Err(StreamError::Malformed(format!("more than {MAX_ITEMS} items")));
        }
        self.items.push(Seen { index, deltas: false, begun: false });
        Ok(self.items.len() - 1)
    }

    fn delta(&mut self, index: u64, event: Option<Event<'_>>, sink: Sink<'_>) -> Result<(), StreamError> {
        let place = self.place(index)?;
        let Some(event) = event else { return Ok(()) };
        if let Some(seen) = self.items.get_mut(place) {
            seen.deltas = true;
        }
        sink(event)
    }

    fn added(&mut self, index: u64, item: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let slot = self.place(index)?;
        if let Some(seen) = self.items.get_mut(slot) {
            seen.begun = true;
        }
        let [kind, id, name] = item.pick(["type", "call_id", "name"])?;
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"message" | b"reasoning" => Ok(()),
            b"function_call" => {
                self.called = true;
                sink(Event::ToolStart { slot, id: id.and_then(Raw::text), name: name.and_then(Raw::text) })
            }
            _ => sink(Event::Foreign(item)),
        }
    }

    /// The item as a whole: what did not come in deltas is taken from here, and what proves thinking.
    fn done(&mut self, index: u64, item: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let slot = self.place(index)?;
        let Some(seen) = self.items.get(slot).copied() else { return Ok(()) };
        if !seen.begun {
            self.added(index, item, sink)?;
        }
        let [kind, content, summary, encrypted, arguments] =
            item.pick(["type", "content", "summary", "encrypted_content", "arguments"])?;
        let full = |raw: Option<Raw<'_>>| raw.is_some_and(|raw| !raw.is_text(""));
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"message" if !seen.deltas => {
                for part in content.unwrap_or(Raw::NULL).elements() {
                    let [text, refusal] = part?.pick(["text", "refusal"])?;
                    self.refused |= refusal.is_some();
                    sink(Event::Text(text.or(refusal).and_then(Raw::text).unwrap_or(Text::EMPTY)))?;
                }
                Ok(())
            }
            b"reasoning" => {
                for part in summary.or(content).filter(|_| !seen.deltas).unwrap_or(Raw::NULL).elements() {
                    let [text] = part?.pick(["text"])?;
                    sink(Event::Thinking(text.and_then(Raw::text).unwrap_or(Text::EMPTY)))?;
                }
                match encrypted.filter(|_| full(encrypted)).and_then(Raw::text) {
                    Some(text) => sink(Event::Signature(Signed { maker: Wire::Responses, text })),
                    None => Ok(()),
                }
            }
            b"function_call" if !seen.deltas && full(arguments) => {
                Input::of(arguments).with_text(|json| sink(Event::ToolInput { slot, json }))
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, response: Raw<'_>, incomplete: bool, sink: Sink<'_>) -> Result<(), StreamError> {
        let [usage, details, status] = response.pick(["usage", "incomplete_details", "status"])?;
        // The event's name is not the last word: the response itself may say that it did not end.
        let incomplete = match status.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"failed" | b"cancelled" => return Err(failed(response)),
            b"queued" | b"in_progress" => {
                return Err(StreamError::Malformed("an end whose `response.status` is not one".to_owned()));
            }
            b"incomplete" => true,
            _ => incomplete,
        };
        if let Some(usage) = usage {
            let mut read = Usage::default();
            let last = read.read(Wire::Responses, usage);
            sink(Event::Usage { usage: read, last })?;
        }
        let stop = match (incomplete, self.refused, self.called) {
            (true, _, _) => stop_of(details)?,
            (false, true, _) => Stop::Refusal,
            (false, false, true) => Stop::ToolUse,
            (false, false, false) => Stop::End,
        };
        sink(Event::Stop { stop, sequence: None })?;
        sink(Event::End)
    }
}
