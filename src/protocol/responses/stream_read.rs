//! Reading a Responses stream.

use super::super::Wire;
use super::super::errors::read_upstream_error;
use super::super::json::{Raw, Text};
use super::super::message::Input;
use super::super::signed::Signed;
use super::super::stream::event::{Event, Foreign, Form, Sink, StreamError};
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
    /// the events are written anew for a client of Responses: what only Responses knows is told
    own: bool,
    /// somebody looks at the texts of messages; if not, messages are told as they came
    seeks_text: bool,
    /// the head was told
    headed: bool,
}

/// What was seen of an item.
#[derive(Clone, Copy, Debug)]
struct Seen {
    index: u64,
    /// some of its content came in deltas
    deltas: bool,
    /// it was announced
    begun: bool,
    /// it is told as it came
    own: bool,
}

fn foreign(form: Form, raw: Raw<'_>) -> Event<'_> {
    Event::Foreign(Foreign { wire: Wire::Responses, form, raw })
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

    /// What it reads is written anew for a client of Responses.
    pub(crate) fn keep_own(&mut self, seeks_text: bool) {
        (self.own, self.seeks_text) = (true, seeks_text);
    }

    /// Whether a client of Responses gets this item as it came: whatever nobody looks at, and what the form for
    /// all wires cannot hold.
    fn is_own(&self, item: Raw<'_>) -> bool {
        let [kind, namespace] = item.peek(["type", "namespace"]);
        self.own
            && match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
                b"message" => !self.seeks_text,
                b"function_call" => namespace.is_some(),
                _ => true,
            }
    }

    pub(crate) fn read(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        // Nothing of this protocol: some imitations end every stream with it.
        if data == b"[DONE]" || data.is_empty() {
            return Ok(());
        }
        let event = Raw::object(data)?;
        let [kind, index, delta, item, response, sequence] =
            event.pick(["type", "output_index", "delta", "item", "response", "sequence_number"])?;
        self.sequence = sequence.and_then(Raw::whole).unwrap_or(self.sequence.saturating_add(1));
        let place = index.and_then(Raw::whole);
        let index = place.unwrap_or(0);
        let delta = delta.and_then(Raw::text).filter(|delta| !delta.is_empty());
        if self.own
            && !std::mem::replace(&mut self.headed, true)
            && let Some(response) = response
        {
            sink(foreign(Form::Head, response))?;
        }
        let kind = kind.and_then(Raw::text).map_or(&b""[..], Text::escaped);
        let of_own = self.own && self.items.iter().any(|seen| seen.own && Some(seen.index) == place);
        match kind {
            b"response.output_item.added" => self.added(index, item.unwrap_or(Raw::NULL), sink),
            b"response.output_item.done" => self.done(index, item.unwrap_or(Raw::NULL), sink),
            _ if of_own => {
                self.refused |= kind == b"response.refusal.delta";
                sink(foreign(Form::More, event))
            }
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
            b"response.completed" | b"response.incomplete" => {
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
            b"response.output_text.annotation.added" if self.own => sink(foreign(Form::More, event)),
            b"" | b"response.created" | b"response.in_progress" | b"response.queued" => Ok(()),
            // An event that this router does not know.
            _ if self.own && place.is_none() => sink(foreign(Form::Beside, event)),
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
        self.items.push(Seen { index, deltas: false, begun: false, own: false });
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
        let own = self.is_own(item);
        if let Some(seen) = self.items.get_mut(slot) {
            (seen.begun, seen.own) = (true, own);
        }
        let [kind, id, name] = item.pick(["type", "call_id", "name"])?;
        if own {
            self.called |= kind.is_some_and(|kind| kind.is_text("function_call"));
            return sink(foreign(Form::Block, item));
        }
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"message" | b"reasoning" => Ok(()),
            b"function_call" => {
                self.called = true;
                sink(Event::ToolStart { slot, id: id.and_then(Raw::text), name: name.and_then(Raw::text) })
            }
            _ => sink(foreign(Form::Block, item)),
        }
    }

    /// The item as a whole: what did not come in deltas is taken from here, and what proves thinking.
    fn done(&mut self, index: u64, item: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        self.whole(index, item, sink)?;
        if self.own { sink(Event::Break) } else { Ok(()) }
    }

    fn whole(&mut self, index: u64, item: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let slot = self.place(index)?;
        let Some(seen) = self.items.get(slot).copied() else { return Ok(()) };
        if !seen.begun {
            self.added(index, item, sink)?;
        }
        if self.items.get(slot).is_some_and(|seen| seen.own) {
            let parts = item.get("content").unwrap_or(Raw::NULL).elements().map_while(Result::ok);
            self.refused |= parts.into_iter().any(|part| part.get("refusal").is_some());
            return sink(foreign(Form::Done, item));
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
        sink(Event::Stop { stop, sequence: None, word: None })?;
        if self.own {
            sink(foreign(Form::Tail, response))?;
        }
        sink(Event::End)
    }
}
