//! Pieces that requests have on several wires.

use super::exchange::Part;
use super::json::{Text, push_escaped, push_string, push_text};

/// Whether a part is text, the client's or ours.
pub(crate) fn is_text(part: &Part<'_>) -> bool {
    matches!(part, Part::Text(_) | Part::Note(_))
}

/// Appends all texts as one string behind a mark, with an empty line between them.
pub(crate) fn push_joined<'p, 'a: 'p>(
    out: &mut Vec<u8>,
    parts: impl IntoIterator<Item = &'p Part<'a>>,
    mark: &'static str,
) {
    out.push(b'"');
    out.extend_from_slice(mark.as_bytes());
    let mut first = true;
    for part in parts.into_iter().filter(|part| is_text(part)) {
        if !std::mem::take(&mut first) {
            out.extend_from_slice(b"\\n\\n");
        }
        match part {
            Part::Text(text) => out.extend_from_slice(text.escaped()),
            Part::Note(note) => push_escaped(out, note.as_bytes()),
            _ => {}
        }
    }
    out.push(b'"');
}

/// Appends an object of this type that is open behind its text, and says so; nothing for a part that is no text.
pub(crate) fn push_typed_text(out: &mut Vec<u8>, kind: &str, part: &Part<'_>) -> bool {
    if !is_text(part) {
        return false;
    }
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"text\":");
    match part {
        Part::Text(text) => push_text(out, *text),
        Part::Note(note) => push_string(out, note),
        _ => {}
    }
    true
}

/// Appends a data URL without quotes.
pub(crate) fn push_data_url(out: &mut Vec<u8>, media: Text<'_>, data: Text<'_>) {
    for part in [b"data:", media.escaped(), b";base64,"] {
        out.extend_from_slice(part);
    }
    push_letters(out, data);
}

/// Appends base64 as a string.
pub(crate) fn push_base64(out: &mut Vec<u8>, data: Text<'_>) {
    out.push(b'"');
    push_letters(out, data);
    out.push(b'"');
}

/// In the alphabet that all take: Google's own clients write the one for URLs.
fn push_letters(out: &mut Vec<u8>, data: Text<'_>) {
    let begin = out.len();
    out.extend_from_slice(data.escaped());
    if memchr::memchr2(b'-', b'_', data.escaped()).is_none() {
        return;
    }
    for byte in out.get_mut(begin..).unwrap_or_default() {
        *byte = match *byte {
            b'-' => b'+',
            b'_' => b'/',
            letter => letter,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_joined_and_letters_are_plain() {
        let parts = [Part::Text(Text::from_escaped(b"a\\n")), Part::Note("\"b\"".to_owned())];
        let mut out = Vec::new();
        push_joined(&mut out, &parts, "[error] ");
        assert_eq!(out, br#""[error] a\n\n\n\"b\"""#);
        out.clear();
        push_base64(&mut out, Text::from_escaped(b"-_8="));
        push_data_url(&mut out, Text::from_escaped(b"image/png"), Text::from_escaped(b"a+\\/_"));
        assert_eq!(out, br#""+/8="data:image/png;base64,a+\//"#);
    }
}
