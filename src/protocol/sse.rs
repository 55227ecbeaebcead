//! Server-sent events, split at the byte level.
//!
//! Lines end in LF, CR or CRLF; an event ends with an empty line. Chunks may be split anywhere,
//! inside a character or between CR and LF. A chunk's whole events are slices of it; only an event
//! that two chunks share is copied, once. No byte is looked at twice, however slowly an event
//! comes, and an event has a bound.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use crate::bounds::MAX_EVENT_BYTES;

/// An event grew beyond [`MAX_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLarge;

/// Splits a byte stream into events.
#[derive(Debug, Default)]
pub struct Frames {
    /// what came since the last event's end
    held: BytesMut,
    chunk: Bytes,
    /// where in `chunk` the next event begins
    start: usize,
    /// how far `chunk` has been looked at
    seen: usize,
    /// the current line has a byte
    in_line: bool,
    /// the last byte was a CR: an LF behind it belongs to it
    after_return: bool,
}

impl Frames {
    /// Takes the next chunk. Call [`Frames::next_event`] until it gives none before the next one.
    pub fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk;
        self.start = 0;
        self.seen = 0;
    }

    /// The next whole event with the empty line that ends it, byte for byte as it came.
    ///
    /// # Errors
    /// When an event is too large.
    pub fn next_event(&mut self) -> Result<Option<Bytes>, EventTooLarge> {
        while let Some(end) = self.next_line_end() {
            if std::mem::replace(&mut self.in_line, false) {
                continue;
            }
            let part = self.chunk.slice(self.start..end);
            self.start = end;
            if self.held.is_empty() {
                return self.bounded(part).map(Some);
            }
            self.held.extend_from_slice(&part);
            let event = self.held.split().freeze();
            return self.bounded(event).map(Some);
        }
        if self.start < self.chunk.len() {
            self.held.extend_from_slice(self.chunk.get(self.start..).unwrap_or_default());
            self.start = self.chunk.len();
        }
        if self.held.len() > MAX_EVENT_BYTES { Err(EventTooLarge) } else { Ok(None) }
    }

    fn bounded(&self, event: Bytes) -> Result<Bytes, EventTooLarge> {
        if event.len() > MAX_EVENT_BYTES { Err(EventTooLarge) } else { Ok(event) }
    }

    /// The place behind the next line end; marks whether its line has bytes.
    fn next_line_end(&mut self) -> Option<usize> {
        loop {
            let rest = self.chunk.get(self.seen..)?;
            let first = *rest.first()?;
            if std::mem::replace(&mut self.after_return, false) && first == b'\n' {
                self.seen += 1;
                continue;
            }
            let Some(found) = memchr2(b'\n', b'\r', rest) else {
                self.in_line = true;
                self.seen = self.chunk.len();
                return None;
            };
            self.in_line |= found > 0;
            self.seen += found + 1;
            if rest.get(found) == Some(&b'\r') {
                if rest.get(found + 1) == Some(&b'\n') {
                    self.seen += 1;
                } else {
                    self.after_return = found + 1 == rest.len();
                }
            }
            return Some(self.seen);
        }
    }

    /// What is left at the end of the stream: an event whose empty line never came.
    pub fn rest(&mut self) -> Bytes {
        self.in_line = false;
        self.after_return = false;
        self.held.split().freeze()
    }
}

/// An event's data; several lines of it are joined by line feeds. Names, comments, ids and unknown
/// fields are left out: no upstream says anything in them that its data does not.
#[must_use]
pub fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut parts = lines(event).filter_map(|line| field(line, b"data"));
    let first = parts.next()?;
    let Some(second) = parts.next() else { return Some(Cow::Borrowed(first)) };
    let mut all = first.to_vec();
    for part in [second].into_iter().chain(parts) {
        all.push(b'\n');
        all.extend_from_slice(part);
    }
    Some(Cow::Owned(all))
}

/// Whether the first piece of a body is one of an event stream.
#[must_use]
pub fn begins_with_events(piece: &[u8]) -> bool {
    let piece = piece.strip_prefix(b"\xef\xbb\xbf").unwrap_or(piece).trim_ascii_start();
    let field = |name: &[u8]| piece.starts_with(name) || (!piece.is_empty() && name.starts_with(piece));
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"].into_iter().any(field)
}

/// The event with other data, on one line; its other fields stay, and the line ends around it: the last byte of
/// one may still be on its way.
pub(crate) fn with_data(event: &[u8], data: &[u8]) -> Bytes {
    let is_text = |byte: &u8| !matches!(byte, b'\n' | b'\r');
    let before = event.iter().take_while(|byte| !is_text(byte)).count();
    let behind = event.iter().rposition(is_text).map_or(0, |last| last + 1);
    let mut out = Vec::with_capacity(event.len() + data.len());
    out.extend_from_slice(event.get(..before).unwrap_or_default());
    for line in lines(event).filter(|line| field(line, b"data").is_none()) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    out.extend(data.iter().map(|byte| if is_text(byte) { *byte } else { b' ' }));
    out.extend_from_slice(event.get(behind..).unwrap_or_default());
    Bytes::from(out)
}

/// The lines that are not empty.
fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = event.strip_prefix(b"\xef\xbb\xbf").unwrap_or(event);
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            rest = rest.get(end + 1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    })
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> (Vec<String>, String) {
        let mut frames = Frames::default();
        let mut events = Vec::new();
        for chunk in chunks {
            frames.push(Bytes::copy_from_slice(chunk));
            while let Some(event) = frames.next_event().unwrap() {
                events.push(String::from_utf8_lossy(&event).into_owned());
            }
        }
        (events, String::from_utf8_lossy(&frames.rest()).into_owned())
    }

    #[test]
    fn every_line_end_ends_an_event() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("event: a{end}data: 1{end}{end}: note{end}data:2{end}{end}data: 3{end}");
            let (events, rest) = split(&[text.as_bytes()]);
            assert_eq!(events.len(), 2, "{end:?}");
            let read: Vec<_> = events.iter().chain([&rest]).map(|event| data(event.as_bytes()).unwrap()).collect();
            assert_eq!(read, [&b"1"[..], b"2", b"3"]);
        }
    }

    #[test]
    fn data_of_many_lines_is_joined() {
        let event = b"\xef\xbb\xbfdata: a\r\ndata\ndata: b\n\n";
        assert_eq!(data(event).as_deref(), Some(&b"a\n\nb"[..]));
        assert_eq!(data(b": data: x\n\n"), None);
    }

    #[test]
    fn other_data_stands_between_the_same_line_ends() {
        // The LF of the first event's last CRLF came with the second one.
        for (event, expected) in [
            ("event: a\r\ndata: 1\r\n\r", "event: a\ndata: x y\r\n\r"),
            ("\ndata: 1\ndata: 2\nid: 7\n\n", "\nid: 7\ndata: x y\n\n"),
            ("data: 1", "data: x y"),
        ] {
            assert_eq!(with_data(event.as_bytes(), b"x\ny"), expected);
        }
    }

    #[test]
    fn a_stream_is_known_by_its_beginning() {
        for (piece, expected) in [
            ("data: {}", true),
            ("\r\n: hi", true),
            ("ev", true),
            ("event: x\n", true),
            ("", false),
            ("{\"a\":1}", false),
        ] {
            assert_eq!(begins_with_events(piece.as_bytes()), expected, "{piece}");
        }
    }

    #[test]
    fn an_event_has_a_bound() {
        let mut frames = Frames::default();
        let chunk = Bytes::from(vec![b'x'; 1 << 20]);
        for _ in 0..8 {
            frames.push(chunk.clone());
            assert_eq!(frames.next_event(), Ok(None));
        }
        frames.push(chunk);
        assert_eq!(frames.next_event(), Err(EventTooLarge));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(text in "[\r\nda:x ]{0,80}", cuts in prop::collection::vec(0..80_usize, 0..6)) {
            let whole = split(&[text.as_bytes()]);
            let mut places: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let parts: Vec<&[u8]> = places.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let (events, rest) = split(&parts);
            prop_assert_eq!(events.concat() + &rest, text.clone());
            // A line feed that comes alone behind the CR of an event's end goes to the next event.
            let trim = |events: &[String]| events.iter().map(|event| event.trim_matches(['\r', '\n']).to_owned()).collect::<Vec<_>>();
            prop_assert_eq!(trim(&events), trim(&whole.0));
        }
    }
}
