//! A string between its quotes, still escaped.

use std::borrow::Cow;
use std::cmp::Ordering;

use memchr::memchr;

/// What stands between the quotes of a JSON string, escapes and all. Writing it between quotes
/// again gives the same string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The empty text.
    pub const EMPTY: Text<'static> = Text(b"");

    /// Takes bytes that are already escaped.
    #[must_use]
    pub const fn from_escaped(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The escaped bytes.
    #[must_use]
    pub fn escaped(self) -> &'a [u8] {
        self.0
    }

    /// Whether it has no character.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is this text once decoded.
    #[must_use]
    pub fn is(self, plain: &str) -> bool {
        // An escape is longer than what it stands for.
        match self.0.len().cmp(&plain.len()) {
            Ordering::Less => false,
            Ordering::Equal => self.0 == plain.as_bytes(),
            Ordering::Greater => self.has_escape() && self.decode() == plain,
        }
    }

    /// Whether it is written with an escape.
    #[must_use]
    pub fn has_escape(self) -> bool {
        self.0.contains(&b'\\')
    }

    /// The text itself. Borrowed when it has no escape. Broken escapes, lone surrogates and bytes
    /// that are no UTF-8 become U+FFFD: what an upstream would refuse must not stop a condition.
    #[must_use]
    pub fn decode(self) -> Cow<'a, str> {
        match memchr(b'\\', self.0) {
            None => lossy(self.0),
            Some(first) => Cow::Owned(unescape(self.0, first)),
        }
    }

    /// Appends the decoded text.
    pub fn decode_into(self, out: &mut String) {
        match memchr(b'\\', self.0) {
            None => push_lossy(out, self.0),
            Some(_) => out.push_str(&self.decode()),
        }
    }
}

fn unescape(bytes: &[u8], first: usize) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut next = Some(first);
    while let Some(found) = next {
        push_lossy(&mut out, rest.get(..found).unwrap_or_default());
        let (character, used) = escape(rest.get(found + 1..).unwrap_or_default());
        out.push(character);
        rest = rest.get(found + 1 + used..).unwrap_or_default();
        next = memchr(b'\\', rest);
    }
    push_lossy(&mut out, rest);
    out
}

fn push_lossy(out: &mut String, bytes: &[u8]) {
    out.push_str(&lossy(bytes));
}

/// `String::from_utf8_lossy`, which takes its bytes one after the other, for bytes that nearly always are text.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// The character that the bytes behind a backslash stand for, and how many of them it used.
fn escape(bytes: &[u8]) -> (char, usize) {
    let plain = match bytes.first() {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        Some(b'u') => return unicode_escape(bytes),
        _ => return (char::REPLACEMENT_CHARACTER, 0),
    };
    (plain, 1)
}

fn unicode_escape(bytes: &[u8]) -> (char, usize) {
    let Some(high) = hex4(bytes.get(1..5)) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if let Some(character) = char::from_u32(high) {
        return (character, 5);
    }
    if (0xd800..0xdc00).contains(&high)
        && bytes.get(5..7) == Some(b"\\u")
        && let Some(low @ 0xdc00..0xe000) = hex4(bytes.get(7..11))
        && let Some(character) = char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    {
        return (character, 11);
    }
    (char::REPLACEMENT_CHARACTER, 5)
}

/// The number that four digits stand for.
pub(super) fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}
