//! A stream, written down before it is played: one buffer and the ends of its events.

use std::fmt::Write as _;

use bytes::Bytes;
use serde::Serialize;

/// One event on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// as it is written
    pub bytes: Bytes,
    /// whether it carries content: text, thinking or a part of a tool call
    pub content: bool,
}

/// The events of a stream, in order.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
    ends: Vec<(usize, bool)>,
}

impl Script {
    /// Adds an event: everything that `write` puts into the text.
    pub(super) fn event(&mut self, content: bool, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(arguments);
        self.ends.push((self.text.len(), content));
    }

    /// The events, as slices of one buffer.
    pub(super) fn finish(self) -> Vec<Event> {
        let bytes = Bytes::from(self.text);
        let mut start = 0;
        let cut = |(end, content)| {
            let event = Event { bytes: bytes.slice(start..end), content };
            start = end;
            event
        };
        self.ends.into_iter().map(cut).collect()
    }
}

/// A text as a JSON string, quotes included.
pub(super) fn quoted(text: &str) -> String {
    json(&text)
}

/// A value as JSON. What the mock prints are strings and plain values, which cannot fail.
pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
