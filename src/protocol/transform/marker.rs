//! Markers such as `<think>` in a text that comes in pieces, still escaped.

use std::borrow::Cow;

use memchr::memchr2;

/// What was looked for in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// nothing, and no beginning of anything at the end
    Nothing,
    /// the piece ends inside of what may be a marker that begins here
    Begun(usize),
    /// a marker
    Whole {
        /// its first byte
        start: usize,
        /// the byte behind it
        end: usize,
        /// which of them
        which: usize,
    },
}

/// Finds the first of the markers, each of which begins with `<` and is ASCII. Some upstreams escape
/// `<` and `>`, so both forms are known.
pub(super) fn find(escaped: &[u8], markers: &[&str]) -> Found {
    let mut at = 0;
    while let Some(step) = memchr2(b'<', b'\\', escaped.get(at..).unwrap_or_default()) {
        at += step;
        let (byte, length) = unit(escaped.get(at..).unwrap_or_default());
        if byte == b'<' {
            match marker_at(escaped, at, markers) {
                Found::Nothing => {}
                found => return found,
            }
        }
        at += length;
    }
    Found::Nothing
}

fn marker_at(escaped: &[u8], start: usize, markers: &[&str]) -> Found {
    let mut found = Found::Nothing;
    for (which, marker) in markers.iter().enumerate() {
        let mut end = start;
        let mut wanted = marker.bytes();
        loop {
            let Some(byte) = wanted.next() else { return Found::Whole { start, end, which } };
            let (known, length) = unit(escaped.get(end..).unwrap_or_default());
            if length == 0 {
                found = Found::Begun(start);
                break;
            }
            if known != byte {
                break;
            }
            end += length;
        }
    }
    found
}

/// The first character of an escaped text, and how many bytes it takes; 0 bytes at the end. What is not
/// ASCII is told by its first byte, or by 255.
pub(super) fn unit(escaped: &[u8]) -> (u8, usize) {
    match escaped {
        [] => (0, 0),
        [b'\\', b'u', a, b, c, d, ..] => {
            let digits = [*a, *b, *c, *d];
            let code = std::str::from_utf8(&digits).ok().and_then(|digits| u16::from_str_radix(digits, 16).ok());
            (code.and_then(|code| u8::try_from(code).ok()).filter(u8::is_ascii).unwrap_or(255), 6)
        }
        [b'\\', letter, ..] => {
            let byte = match letter {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'f' => 12,
                other => *other,
            };
            (byte, 2)
        }
        [byte, ..] => (*byte, 1),
    }
}

/// What was held back, with what comes behind it.
pub(super) fn joined<'t>(held: &mut Vec<u8>, text: &'t [u8]) -> Cow<'t, [u8]> {
    if held.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut whole = std::mem::take(held);
    whole.extend_from_slice(text);
    Cow::Owned(whole)
}

/// How many bytes of white space an escaped text begins with.
pub(super) fn leading_space(escaped: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match unit(escaped.get(at..).unwrap_or_default()) {
            (b' ' | b'\n' | b'\r' | b'\t', length @ 1..) => at += length,
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Found) {
        assert_eq!(find(text.as_bytes(), &["<think>", "<tool>"]), expected, "{text}");
    }

    #[test]
    fn markers_are_found_in_both_forms() {
        let whole = |start, end, which| Found::Whole { start, end, which };
        check("", Found::Nothing);
        check("a < b", Found::Nothing);
        check("ab<think>c", whole(2, 9, 0));
        check("ab<tool><think>", whole(2, 8, 1));
        check(r"\n\u003cthink\u003E", whole(2, 19, 0));
        check(r"\\u003cthink>", Found::Nothing);
        check("<<think>", whole(1, 8, 0));
        check("a<thi", Found::Begun(1));
        check("a<t", Found::Begun(1));
        check(r"a\u003c", Found::Begun(1));
        check("<thi nk>", Found::Nothing);
        check("<\u{fc}", Found::Nothing);
    }

    #[test]
    fn white_space_is_measured_as_it_is_written() {
        assert_eq!(leading_space(br"\n \t\u0020x "), 11);
        assert_eq!(leading_space(b""), 0);
        assert_eq!(leading_space(br"\\n"), 0);
    }
}
