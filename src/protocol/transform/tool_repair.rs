//! `tool_repair`: broken JSON of tool calls is mended before the client sees it.

use super::super::json::{Text, push_escaped};
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, Sink, StreamError};
use super::super::stream::json_end::JsonEnd;
use super::super::usage::Stop;
use super::repair::{is_object, mended, push_invalid};
use crate::bounds::MAX_EVENT_BYTES;

/// Holds the inputs of one answer's calls until each is whole.
#[derive(Debug, Default)]
pub(super) struct ToolRepair {
    calls: Vec<Call>,
    held_bytes: usize,
    /// an input was mended
    pub(super) changed: bool,
}

#[derive(Debug, Default)]
struct Call {
    slot: usize,
    /// as it stands inside a string
    input: Vec<u8>,
    end: JsonEnd,
    /// the input went on as it is
    sent: bool,
}

impl ToolRepair {
    pub(super) fn take(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        match event {
            Event::ToolInput { slot, json } => self.input(slot, json, sink),
            Event::Stop { stop, .. } => {
                self.settle(stop == Stop::MaxTokens, sink)?;
                sink(event)
            }
            Event::End => {
                self.flush(sink)?;
                sink(event)
            }
            _ => sink(event),
        }
    }

    pub(super) fn flush(&mut self, sink: Sink<'_>) -> Result<(), StreamError> {
        self.settle(false, sink)
    }

    /// What is good goes on as soon as it is whole; the rest waits for the end of the answer.
    fn input(&mut self, slot: usize, json: Text<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let place = self.calls.iter().position(|call| call.slot == slot).unwrap_or_else(|| {
            self.calls.push(Call { slot, ..Call::default() });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(place) else { return Ok(()) };
        if call.sent {
            return sink(Event::ToolInput { slot, json });
        }
        self.held_bytes += json.escaped().len();
        if self.held_bytes > MAX_EVENT_BYTES {
            return Err(EventTooLarge.into());
        }
        call.input.extend_from_slice(json.escaped());
        call.end.push(json.escaped());
        if call.end.is_whole() && is_object(Text::from_escaped(&call.input).decode().trim()) {
            call.sent = true;
            let input = std::mem::take(&mut call.input);
            sink(Event::ToolInput { slot, json: Text::from_escaped(&input) })?;
        }
        Ok(())
    }

    /// An input that was cut off because the tokens ran out is not mended: the client has to see that
    /// it is not whole.
    fn settle(&mut self, cut: bool, sink: Sink<'_>) -> Result<(), StreamError> {
        for call in self.calls.iter_mut().filter(|call| !call.sent) {
            call.sent = true;
            let mut json = std::mem::take(&mut call.input);
            if !cut {
                let written = Text::from_escaped(&json).decode().into_owned();
                let mut object = Vec::with_capacity(json.len() + 32);
                match mended(&written) {
                    Some(mended) => push_escaped(&mut object, mended.as_bytes()),
                    None => {
                        let mut invalid = Vec::new();
                        push_invalid(&mut invalid, &json);
                        push_escaped(&mut object, &invalid);
                    }
                }
                self.changed |= object != json;
                json = object;
            }
            sink(Event::ToolInput { slot: call.slot, json: Text::from_escaped(&json) })?;
        }
        Ok(())
    }
}
