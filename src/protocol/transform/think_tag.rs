//! `think_tag`: what stands between `<think>` and `</think>` in the text is thinking.

use super::super::json::Text;
use super::super::stream::event::{Event, Sink, StreamError};
use super::marker::{Found, find, joined, leading_space};

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
/// White space that may wait for the first tag. More is part of the text.
const MAX_LEAD_BYTES: usize = 256;

/// Reads the tags of one answer.
#[derive(Debug, Default)]
pub(super) struct ThinkTag {
    inside: bool,
    /// what may be the beginning of a tag
    held: Vec<u8>,
    /// white space before anything was said: it goes when a tag follows
    lead: Vec<u8>,
    said: bool,
    /// a tag came last: white space behind it belongs to nobody
    after_tag: bool,
    /// a tag was found
    pub(super) changed: bool,
}

impl ThinkTag {
    pub(super) fn take(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        match event {
            Event::Text(text) => self.text(text, sink),
            Event::Usage { .. } | Event::Signature(_) => sink(event),
            Event::Foreign(foreign) if !foreign.form.is_in_order() => sink(event),
            _ => {
                self.flush(sink)?;
                sink(event)
            }
        }
    }

    /// Sends what was held back: a tag that was begun and not ended is text.
    pub(super) fn flush(&mut self, sink: Sink<'_>) -> Result<(), StreamError> {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.say(&held, sink)?;
        }
        let lead = std::mem::take(&mut self.lead);
        if lead.is_empty() { Ok(()) } else { sink(Event::Text(Text::from_escaped(&lead))) }
    }

    fn text(&mut self, text: Text<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let whole = joined(&mut self.held, text.escaped());
        let mut rest = &*whole;
        loop {
            match find(rest, &[if self.inside { CLOSE } else { OPEN }]) {
                Found::Nothing => return self.say(rest, sink),
                Found::Begun(at) => {
                    let (before, held) = rest.split_at_checked(at).unwrap_or_default();
                    self.held = held.to_vec();
                    return self.say(before, sink);
                }
                Found::Whole { start, end, .. } => {
                    self.say(rest.get(..start).unwrap_or_default(), sink)?;
                    self.inside = !self.inside;
                    self.changed = true;
                    self.after_tag = true;
                    self.lead.clear();
                    rest = rest.get(end..).unwrap_or_default();
                }
            }
        }
    }

    fn say(&mut self, text: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        let space = if self.after_tag || !self.said { leading_space(text) } else { 0 };
        let (white, rest) = text.split_at_checked(space).unwrap_or_default();
        if self.inside || self.after_tag {
            let text = if self.after_tag { rest } else { text };
            self.after_tag &= text.is_empty();
            self.said |= !text.is_empty();
            let text = Text::from_escaped(text);
            return match (text.is_empty(), self.inside) {
                (true, _) => Ok(()),
                (_, true) => sink(Event::Thinking(text)),
                (_, false) => sink(Event::Text(text)),
            };
        }
        if !self.said {
            self.lead.extend_from_slice(white);
            self.said = !rest.is_empty() || self.lead.len() > MAX_LEAD_BYTES;
            if !self.said {
                return Ok(());
            }
            if !self.lead.is_empty() {
                let lead = std::mem::take(&mut self.lead);
                sink(Event::Text(Text::from_escaped(&lead)))?;
            }
        }
        if rest.is_empty() { Ok(()) } else { sink(Event::Text(Text::from_escaped(rest))) }
    }
}
