//! A text and its positions. An editor counts columns in UTF-16 units, or in bytes when both sides
//! agree; everything inside counts bytes.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use tower_lsp_server::ls_types::{Position, Range as Place, TextDocumentContentChangeEvent};

use super::syntax::{self, Syntax};

/// What a column counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// bytes
    Utf8,
    /// UTF-16 units, the protocol's default
    #[default]
    Utf16,
}

impl Encoding {
    fn width(self, letter: char) -> u32 {
        let width = match self {
            Self::Utf8 => letter.len_utf8(),
            Self::Utf16 => letter.len_utf16(),
        };
        u32::try_from(width).unwrap_or(1)
    }
}

/// A text with the places of its lines.
#[derive(Clone, Debug)]
pub struct Document {
    text: Arc<str>,
    /// the first byte of each line
    lines: Arc<[usize]>,
    encoding: Encoding,
    /// read when somebody asks: several changes in a row need it once
    syntax: Arc<OnceLock<Syntax>>,
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.encoding == other.encoding
    }
}

impl Document {
    /// Takes a text.
    #[must_use]
    pub fn new(text: &str, encoding: Encoding) -> Self {
        Self { text: Arc::from(text), lines: line_starts(text).into(), encoding, syntax: Arc::default() }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What its words are.
    #[must_use]
    pub fn syntax(&self) -> &Syntax {
        self.syntax.get_or_init(|| syntax::read(&self.text))
    }

    /// The characters of a range; "" for one that does not exist.
    #[must_use]
    pub fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or("")
    }

    /// The byte of a position. A position behind the end of a line is its end; one inside a
    /// character is that character's beginning.
    #[must_use]
    pub fn offset(&self, position: Position) -> usize {
        offset_in(&self.text, &self.lines, self.encoding, position)
    }

    /// The position of a byte; one inside a character is that character's beginning.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let head = self.text.get(start..offset).unwrap_or("");
        let character = if head.is_ascii() {
            u32::try_from(head.len()).unwrap_or(u32::MAX)
        } else {
            head.chars().map(|letter| self.encoding.width(letter)).sum()
        };
        Position { line: u32::try_from(line).unwrap_or(u32::MAX), character }
    }

    /// The place of a range of bytes.
    #[must_use]
    pub fn place(&self, range: &Range<usize>) -> Place {
        Place { start: self.position(range.start), end: self.position(range.end) }
    }

    /// The bytes of a place, turned round when it is backwards.
    #[must_use]
    pub fn range(&self, place: Place) -> Range<usize> {
        let (a, b) = (self.offset(place.start), self.offset(place.end));
        a.min(b)..a.max(b)
    }

    /// Applies the changes of one notification, in order.
    pub fn change(&mut self, changes: &[TextDocumentContentChangeEvent]) {
        let mut text = self.text.to_string();
        for change in changes {
            match change.range {
                None => text.clone_from(&change.text),
                Some(place) => {
                    let lines = line_starts(&text);
                    let a = offset_in(&text, &lines, self.encoding, place.start);
                    let b = offset_in(&text, &lines, self.encoding, place.end);
                    text.replace_range(a.min(b)..a.max(b), &change.text);
                }
            }
        }
        *self = Self::new(&text, self.encoding);
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect()
}

fn offset_in(text: &str, lines: &[usize], encoding: Encoding, position: Position) -> usize {
    let line = usize::try_from(position.line).unwrap_or(usize::MAX);
    let Some(start) = lines.get(line).copied() else { return text.len() };
    let end = line.checked_add(1).and_then(|next| lines.get(next)).map_or(text.len(), |next| next - 1);
    let content = text.get(start..end).unwrap_or("").trim_end_matches('\r');
    let mut left = position.character;
    for (at, letter) in content.char_indices() {
        let width = encoding.width(letter);
        if left < width {
            return start + at;
        }
        left -= width;
    }
    start + content.len()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::string_slice, reason = "helpers of tests fail by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn columns_count_utf16_units() {
        let document = Document::new("a写😀b\r\nsecond\n", Encoding::Utf16);
        for (offset, position) in
            [(0, at(0, 0)), (1, at(0, 1)), (4, at(0, 2)), (8, at(0, 4)), (9, at(0, 5)), (11, at(1, 0)), (18, at(2, 0))]
        {
            assert_eq!(document.position(offset), position, "{offset}");
            assert_eq!(document.offset(position), offset, "{position:?}");
        }
        assert_eq!(document.offset(at(0, 3)), 4, "inside a surrogate pair");
        assert_eq!(document.position(6), at(0, 2), "inside a character");
        assert_eq!(document.offset(at(0, 99)), 9, "behind the end of a line, before its line break");
        assert_eq!(document.offset(at(99, 0)), 18, "behind the last line");
        assert_eq!(Document::new("写b", Encoding::Utf8).position(3), at(0, 3));
    }

    #[test]
    fn changes_apply_in_order() {
        let mut document = Document::new("你好\nb", Encoding::Utf16);
        let change = |a: (u32, u32), b: (u32, u32), text: &str| TextDocumentContentChangeEvent {
            range: Some(Place { start: at(a.0, a.1), end: at(b.0, b.1) }),
            range_length: None,
            text: text.to_owned(),
        };
        document.change(&[change((0, 1), (0, 2), "😀"), change((0, 3), (1, 1), "!"), change((5, 0), (9, 9), "?")]);
        assert_eq!(document.text(), "你😀!?");
    }

    proptest! {
        #[test]
        fn positions_and_offsets_are_inverse(text in "(?s)([a-z写好😀𝄞é \\r\\n\u{FEFF}]){0,60}", utf8: bool) {
            let encoding = if utf8 { Encoding::Utf8 } else { Encoding::Utf16 };
            let document = Document::new(&text, encoding);
            for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let position = document.position(offset);
                let line = text[..offset].rsplit('\n').next().unwrap();
                let units = if utf8 { line.len() } else { line.encode_utf16().count() };
                prop_assert_eq!(position.character as usize, units);
                // A carriage return before a line feed, and what stands behind it, is the line's end.
                let rest = text[offset..].split('\n').next().unwrap();
                if !line.ends_with('\r') && !rest.starts_with('\r') {
                    prop_assert_eq!(document.offset(position), offset);
                }
            }
        }

        #[test]
        fn every_position_has_an_offset(text in "(?s)[a写😀\\r\\n]{0,30}", line in 0u32..40, character: u32) {
            let document = Document::new(&text, Encoding::Utf16);
            let offset = document.offset(Position { line, character: character % 50 });
            prop_assert!(text.is_char_boundary(offset));
        }
    }
}
