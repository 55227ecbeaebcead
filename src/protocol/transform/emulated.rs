//! `emulate_tools`, on the way back: calls that the model wrote in its text become calls.
//!
//! Text goes out at once; only what may be the beginning of a mark waits. A block that cannot be read
//! stays text, with a word on it.

use std::sync::Arc;

use super::super::json::{Raw, Text, push_escaped};
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, Sink, StreamError};
use super::super::stream::json_end::JsonEnd;
use super::super::usage::Stop;
use super::emulate::{CLOSE, OPEN, RESULT};
use super::marker::{Found, find, joined, leading_space};
use super::repair::mended;
use crate::bounds::MAX_EVENT_BYTES;

/// Beyond the slots of a wire's own calls.
const FIRST_SLOT: usize = 1 << 16;
/// Most calls that are read out of one answer; further ones stay text.
const MAX_CALLS: usize = 256;
/// White space behind a call that may wait for the next mark.
const MAX_SPACE_BYTES: usize = 1 << 10;
/// Stands behind a block that could not be read.
const UNREADABLE: &[u8] = b"\\n[this tool call could not be read, so it was not made]";

/// Reads the calls of one answer.
#[derive(Debug)]
pub(super) struct Emulated {
    names: Arc<[String]>,
    /// ids of calls begin like this
    id: String,
    /// what may be the beginning of a mark
    held: Vec<u8>,
    /// the block so far
    block: Option<Block>,
    calls: usize,
    /// white space behind a call; None: text came since
    space: Option<Vec<u8>>,
    /// the model goes on with results that it made up
    dreams: bool,
    /// a mark was found
    pub(super) changed: bool,
}

#[derive(Debug, Default)]
struct Block {
    text: Vec<u8>,
    end: JsonEnd,
}

impl Emulated {
    pub(super) fn new(names: Arc<[String]>, id: &str) -> Self {
        Self {
            names,
            id: id.to_owned(),
            held: Vec::new(),
            block: None,
            calls: 0,
            space: None,
            dreams: false,
            changed: false,
        }
    }

    pub(super) fn take(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        match event {
            Event::Text(text) => self.text(text, sink),
            Event::Stop { stop, sequence, word } => {
                self.settle(stop == Stop::MaxTokens, sink)?;
                let calls = stop == Stop::End && self.calls > 0;
                let stop = if calls { Stop::ToolUse } else { stop };
                sink(Event::Stop { stop, sequence, word: word.filter(|_| !calls) })
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

    /// The end of the answer. Many models leave the last mark out; what is cut off is no call.
    fn settle(&mut self, cut: bool, sink: Sink<'_>) -> Result<(), StreamError> {
        let held = std::mem::take(&mut self.held);
        match self.block.take() {
            Some(mut block) => {
                block.text.extend_from_slice(&held);
                if cut || !self.call(&block.text, sink)? {
                    self.unreadable(&block.text, b"", sink)?;
                }
                Ok(())
            }
            None => self.say(&held, sink),
        }
    }

    fn text(&mut self, text: Text<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        if self.dreams {
            return Ok(());
        }
        let whole = joined(&mut self.held, text.escaped());
        let mut rest = &*whole;
        while !rest.is_empty() && !self.dreams {
            rest = if self.block.is_some() { self.inside(rest, sink)? } else { self.outside(rest, sink)? };
        }
        Ok(())
    }

    /// Takes text up to a mark; returns what is left.
    fn outside<'t>(&mut self, text: &'t [u8], sink: Sink<'_>) -> Result<&'t [u8], StreamError> {
        match find(text, &[OPEN, RESULT]) {
            Found::Nothing => {
                self.say(text, sink)?;
                Ok(b"")
            }
            Found::Begun(at) => {
                let (before, held) = text.split_at_checked(at).unwrap_or_default();
                self.held = held.to_vec();
                self.say(before, sink)?;
                Ok(b"")
            }
            Found::Whole { end, which: 1, .. } if self.calls == 0 => {
                let (before, rest) = text.split_at_checked(end).unwrap_or_default();
                self.say(before, sink)?;
                Ok(rest)
            }
            Found::Whole { start, end, which } => {
                self.say(text.get(..start).unwrap_or_default(), sink)?;
                self.changed = true;
                self.dreams = which == 1;
                if which == 0 {
                    self.block = Some(Block::default());
                }
                Ok(text.get(end..).unwrap_or_default())
            }
        }
    }

    fn inside<'t>(&mut self, text: &'t [u8], sink: Sink<'_>) -> Result<&'t [u8], StreamError> {
        let found = find(text, &[CLOSE]);
        let (until, next) = match found {
            Found::Nothing => (text.len(), text.len()),
            Found::Begun(at) => (at, text.len()),
            Found::Whole { start, end, .. } => (start, end),
        };
        let Some(block) = self.block.as_mut() else { return Ok(text) };
        let said = text.get(..until).unwrap_or_default();
        block.end.push(said);
        block.text.extend_from_slice(said);
        if block.text.len() > MAX_EVENT_BYTES {
            return Err(EventTooLarge.into());
        }
        match found {
            Found::Nothing => {}
            Found::Begun(at) => self.held = text.get(at..).unwrap_or_default().to_vec(),
            // The mark stands inside a text that the call is to write.
            Found::Whole { start, end, .. } if block.end.in_string() => {
                let mark = text.get(start..end).unwrap_or_default();
                block.end.push(mark);
                block.text.extend_from_slice(mark);
            }
            Found::Whole { .. } => {
                let block = self.block.take().unwrap_or_default();
                if !self.call(&block.text, sink)? {
                    self.unreadable(&block.text, CLOSE.as_bytes(), sink)?;
                }
            }
        }
        Ok(text.get(next..).unwrap_or_default())
    }

    fn say(&mut self, text: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        if text.is_empty() {
            return Ok(());
        }
        if let Some(space) = &mut self.space {
            // White space between two calls is nothing that is said.
            if leading_space(text) == text.len() && space.len() + text.len() <= MAX_SPACE_BYTES {
                space.extend_from_slice(text);
                return Ok(());
            }
            let space = std::mem::take(space);
            self.space = None;
            if !space.is_empty() {
                sink(Event::Text(Text::from_escaped(&space)))?;
            }
        }
        sink(Event::Text(Text::from_escaped(text)))
    }

    fn unreadable(&mut self, block: &[u8], close: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        self.say(&[OPEN.as_bytes(), block, close, UNREADABLE].concat(), sink)
    }

    /// Makes the calls of a block; false: it cannot be read.
    fn call(&mut self, block: &[u8], sink: Sink<'_>) -> Result<bool, StreamError> {
        let written = Text::from_escaped(block).decode().into_owned();
        let written = unfenced(&written);
        let list = Raw::parse(written.as_bytes()).ok().filter(|raw| raw.bytes().first() == Some(&b'['));
        let calls: Option<Vec<Wanted>> = match list {
            Some(list) => list
                .elements()
                .map(|call| {
                    let call = mended(std::str::from_utf8(call.ok()?.bytes()).ok()?)?;
                    self.wanted(Raw::from_measured(call.as_bytes()))
                })
                .collect(),
            None => mended(written).and_then(|object| Some(vec![self.wanted(Raw::from_measured(object.as_bytes()))?])),
        };
        let Some(calls) = calls.filter(|calls| !calls.is_empty() && self.calls + calls.len() <= MAX_CALLS) else {
            return Ok(false);
        };
        for call in calls {
            let slot = FIRST_SLOT + self.calls;
            // Not one that a writer gives to a call of the upstream that has none.
            let id = format!("call_{}_t{}", self.id, self.calls);
            let (id, name) = (Text::from_escaped(id.as_bytes()), Text::from_escaped(&call.name));
            sink(Event::ToolStart { slot, id: Some(id), name: Some(name) })?;
            sink(Event::ToolInput { slot, json: Text::from_escaped(&call.arguments) })?;
            self.calls += 1;
        }
        self.space = Some(Vec::new());
        Ok(true)
    }

    /// A call as it was meant, of a tool that the client has.
    fn wanted(&self, call: Raw<'_>) -> Option<Wanted> {
        let [name, arguments, parameters, input] = call.peek(["name", "arguments", "parameters", "input"]);
        let name = name?.text()?;
        let decoded = name.decode();
        self.names.iter().find(|known| **known == *decoded)?;
        let arguments = arguments.or(parameters).or(input).unwrap_or(Raw::from_measured(b"{}"));
        let mut escaped = Vec::new();
        match arguments.text() {
            Some(written) => push_escaped(&mut escaped, mended(&written.decode())?.as_bytes()),
            None => push_escaped(&mut escaped, arguments.bytes()),
        }
        Some(Wanted { name: name.escaped().to_vec(), arguments: escaped })
    }
}

/// A call, its texts as they stand inside a string.
struct Wanted {
    name: Vec<u8>,
    arguments: Vec<u8>,
}

/// A block without the fence that many models put around JSON.
fn unfenced(block: &str) -> &str {
    let block = block.trim();
    let inner = block.strip_prefix("```").and_then(|rest| rest.trim_end().strip_suffix("```"));
    inner.map_or(block, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}
