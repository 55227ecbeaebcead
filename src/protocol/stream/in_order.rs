//! Puts a stream's events into the order that a client may read them in: one block after another, a
//! tool call whole before anything else begins. What comes too early waits, within a bound.

use std::collections::VecDeque;

use super::super::Wire;
use super::super::json::{Raw, Text};
use super::super::signed::Signed;
use super::super::sse::EventTooLarge;
use super::super::usage::Stop;
use super::event::{Event, Foreign, Form, Sink, StreamError};
use super::json_end::JsonEnd;
use crate::bounds::MAX_EVENT_BYTES;

/// Sorts one stream. Tool calls come out numbered in the order in which they began, each with its name
/// and, unless the upstream never sent one, its id.
#[derive(Debug, Default)]
pub(crate) struct InOrder {
    /// the call that is being sent
    open: Option<usize>,
    calls: Vec<Call>,
    waiting: VecDeque<Waiting>,
    held_bytes: usize,
}

#[derive(Debug, Default)]
struct Call {
    slot: usize,
    id: Vec<u8>,
    name: Option<Vec<u8>>,
    /// input that could not be sent yet
    held: Vec<u8>,
    end: JsonEnd,
}

/// What has to wait until the open call is whole.
#[derive(Debug)]
enum Waiting {
    Text(Vec<u8>),
    Thinking(Vec<u8>),
    Signature(Wire, Vec<u8>),
    Call(usize),
    Foreign(Wire, Form, Vec<u8>),
    Break,
}

impl InOrder {
    /// Takes an event; `sink` gets what may go out now. Only content passes: text, thinking, signatures,
    /// calls and what is foreign. What has no place among the blocks passes at once.
    ///
    /// # Errors
    /// When too much has to wait, or the sink fails.
    pub(crate) fn push(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        match event {
            Event::Text(text) | Event::Thinking(text) if text.is_empty() => Ok(()),
            Event::Foreign(foreign) if !foreign.form.is_in_order() => sink(event),
            Event::Text(_) | Event::Thinking(_) | Event::Signature(_) | Event::Foreign(_) | Event::Break => {
                if !self.blocked() && self.waiting.is_empty() {
                    self.open = None;
                    return sink(event);
                }
                self.hold(event)
            }
            Event::ToolStart { slot, id, name } => {
                let index = self.call_at(slot);
                if let Some(call) = self.calls.get_mut(index) {
                    if let Some(id) = id.filter(|_| call.id.is_empty()) {
                        call.id = id.escaped().to_vec();
                    }
                    if let Some(name) = name.filter(|_| call.name.is_none()) {
                        call.name = Some(name.escaped().to_vec());
                    }
                }
                self.pump(sink)
            }
            Event::ToolInput { slot, json } => {
                let index = self.call_at(slot);
                let open = self.open == Some(index);
                if let Some(call) = self.calls.get_mut(index) {
                    call.end.push(json.escaped());
                    if open {
                        sink(Event::ToolInput { slot: index, json })?;
                    } else {
                        call.held.extend_from_slice(json.escaped());
                        self.count(json.escaped().len())?;
                    }
                }
                self.pump(sink)
            }
            _ => Ok(()),
        }
    }

    /// A call that is open and not whole: nothing else may come now.
    fn blocked(&self) -> bool {
        self.open.and_then(|index| self.calls.get(index)).is_some_and(|call| !call.end.is_whole())
    }

    fn count(&mut self, bytes: usize) -> Result<(), StreamError> {
        self.held_bytes += bytes;
        if self.held_bytes > MAX_EVENT_BYTES { Err(EventTooLarge.into()) } else { Ok(()) }
    }

    fn hold(&mut self, event: Event<'_>) -> Result<(), StreamError> {
        let (bytes, waiting) = match event {
            Event::Signature(signed) => {
                let text = signed.text.escaped();
                (text, Waiting::Signature(signed.maker, text.to_vec()))
            }
            Event::Thinking(text) => (text.escaped(), Waiting::Thinking(text.escaped().to_vec())),
            Event::Text(text) => (text.escaped(), Waiting::Text(text.escaped().to_vec())),
            Event::Foreign(Foreign { wire, form, raw }) => {
                (raw.bytes(), Waiting::Foreign(wire, form, raw.bytes().to_vec()))
            }
            Event::Break => (&b""[..], Waiting::Break),
            _ => return Ok(()),
        };
        self.count(bytes.len())?;
        match (self.waiting.back_mut(), &waiting) {
            (Some(Waiting::Text(held)), Waiting::Text(_)) | (Some(Waiting::Thinking(held)), Waiting::Thinking(_)) => {
                held.extend_from_slice(bytes);
            }
            _ => self.waiting.push_back(waiting),
        }
        Ok(())
    }

    fn call_at(&mut self, slot: usize) -> usize {
        if let Some(index) = self.calls.iter().position(|call| call.slot == slot) {
            return index;
        }
        self.calls.push(Call { slot, ..Call::default() });
        self.waiting.push_back(Waiting::Call(self.calls.len() - 1));
        self.calls.len() - 1
    }

    /// Sends what waits, as far as it can go now.
    fn pump(&mut self, sink: Sink<'_>) -> Result<(), StreamError> {
        while !self.blocked() && self.next_is_ready() && self.send_next(sink)? {}
        Ok(())
    }

    /// A call begins with its id and name: while one of them is missing, it waits.
    fn next_is_ready(&self) -> bool {
        match self.waiting.front() {
            Some(Waiting::Call(index)) => {
                self.calls.get(*index).is_some_and(|call| call.name.is_some() && !call.id.is_empty())
            }
            _ => true,
        }
    }

    fn send_next(&mut self, sink: Sink<'_>) -> Result<bool, StreamError> {
        match self.waiting.pop_front() {
            Some(Waiting::Text(text)) => {
                self.open = None;
                sink(Event::Text(Text::from_escaped(&text)))?;
            }
            Some(Waiting::Thinking(text)) => {
                self.open = None;
                sink(Event::Thinking(Text::from_escaped(&text)))?;
            }
            Some(Waiting::Signature(maker, text)) => {
                self.open = None;
                sink(Event::Signature(Signed { maker, text: Text::from_escaped(&text) }))?;
            }
            Some(Waiting::Foreign(wire, form, raw)) => {
                self.open = None;
                sink(Event::Foreign(Foreign { wire, form, raw: Raw::from_measured(&raw) }))?;
            }
            Some(Waiting::Break) => {
                self.open = None;
                sink(Event::Break)?;
            }
            Some(Waiting::Call(index)) => {
                self.open = Some(index);
                let Some(call) = self.calls.get_mut(index) else { return Ok(true) };
                let id = Some(Text::from_escaped(&call.id)).filter(|id| !id.is_empty());
                sink(Event::ToolStart { slot: index, id, name: call.name.as_deref().map(Text::from_escaped) })?;
                let held = std::mem::take(&mut call.held);
                if !held.is_empty() {
                    sink(Event::ToolInput { slot: index, json: Text::from_escaped(&held) })?;
                }
            }
            None => {
                self.held_bytes = 0;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends all that waits. An input that the model did not close is closed, unless it ran out of
    /// tokens: then the client has to see that it is not whole.
    ///
    /// # Errors
    /// When a call never got a name, or the sink fails.
    pub(crate) fn end(&mut self, stop: Stop, sink: Sink<'_>) -> Result<(), StreamError> {
        if self.calls.iter().any(|call| call.name.is_none()) {
            return Err(StreamError::Malformed("a tool call has no name".to_owned()));
        }
        self.mend(stop, sink)?;
        while self.send_next(sink)? {
            self.mend(stop, sink)?;
        }
        Ok(())
    }

    fn mend(&self, stop: Stop, sink: Sink<'_>) -> Result<(), StreamError> {
        let Some(slot) = self.open.filter(|_| stop != Stop::MaxTokens) else { return Ok(()) };
        let missing = self.calls.get(slot).map(|call| call.end.missing()).unwrap_or_default();
        if missing.is_empty() { Ok(()) } else { sink(Event::ToolInput { slot, json: Text::from_escaped(&missing) }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Event<'_> {
        Event::Text(Text::from_escaped(text.as_bytes()))
    }

    fn start<'a>(slot: usize, id: &'a str, name: &'a str) -> Event<'a> {
        let text = |text: &'a str| Some(Text::from_escaped(text.as_bytes())).filter(|text| !text.is_empty());
        Event::ToolStart { slot, id: text(id), name: text(name) }
    }

    fn input(slot: usize, json: &str) -> Event<'_> {
        Event::ToolInput { slot, json: Text::from_escaped(json.as_bytes()) }
    }

    #[track_caller]
    fn check(events: &[Event<'_>], stop: Stop, expected: &str) {
        let mut shown = String::new();
        let plain = |text: Text<'_>| text.decode().into_owned();
        let mut sink = |event: Event<'_>| {
            shown.push_str(&match event {
                Event::Text(text) => format!("t:{} ", plain(text)),
                Event::Thinking(text) => format!("h:{} ", plain(text)),
                Event::Signature(signed) => format!("s:{} ", plain(signed.text)),
                Event::ToolStart { slot, name, .. } => format!("{slot}={} ", plain(name.unwrap_or(Text::EMPTY))),
                Event::ToolInput { slot, json } => format!("{slot}<{} ", plain(json)),
                _ => String::new(),
            });
            Ok(())
        };
        let mut order = InOrder::default();
        for event in events {
            order.push(*event, &mut sink).unwrap();
        }
        let ended = order.end(stop, &mut sink);
        shown.push_str(if ended.is_ok() { "." } else { "!" });
        assert_eq!(shown, expected);
    }

    #[test]
    fn blocks_come_one_after_another() {
        let both = [start(4, "a", "x"), start(7, "b", "y"), input(7, "{}"), input(4, "{"), text("z"), input(4, "}")];
        check(&both, Stop::End, "0=x 0<{ 0<} 1=y 1<{} t:z .");
        check(&[start(0, "a", ""), text("z"), input(0, "{}"), start(0, "", "x")], Stop::End, "0=x 0<{} t:z .");
        check(&[start(0, "", "x"), input(0, "{")], Stop::End, "0=x 0<{ 0<} .");
        check(&[start(0, "", "x"), input(0, "{")], Stop::MaxTokens, "0=x 0<{ .");
        check(&[input(0, "{}")], Stop::End, "!");
    }
}
