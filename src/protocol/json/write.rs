//! Writing.

use super::find;
use super::raw::Raw;
use super::scan::JsonError;
use super::text::Text;

/// Appends a text, escaped but without quotes. Takes bytes so that raw JSON can become a string's
/// content (a tool's arguments).
pub fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len());
    let mut rest = text;
    while let Some(found) = find::unwritable(rest) {
        let (plain, tail) = rest.split_at_checked(found).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { return };
        push_escape(out, *byte);
        rest = tail;
    }
    out.extend_from_slice(rest);
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digit = |value: u8| char::from_digit(u32::from(value), 16).map_or(b'0', |digit| digit as u8);
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends JSON without the white space between its values.
pub(crate) fn push_compact(out: &mut Vec<u8>, json: &[u8]) {
    let (mut in_string, mut after_backslash) = (false, false);
    for byte in json {
        if !in_string && byte.is_ascii_whitespace() {
            continue;
        }
        in_string ^= *byte == b'"' && !after_backslash;
        after_backslash = in_string && *byte == b'\\' && !after_backslash;
        out.push(*byte);
    }
}

/// Makes raw control characters inside strings into escapes: some clients send them, and they were copied.
/// White space between values stays.
pub(crate) fn escape_controls(json: Vec<u8>) -> Vec<u8> {
    // By blocks, without a way out of the inner loop: nearly every body has none.
    if !json.chunks(64).any(|block| block.iter().fold(false, |any, byte| any | (*byte < 0x20))) {
        return json;
    }
    let mut out = Vec::with_capacity(json.len() + 64);
    let (mut in_string, mut after_backslash) = (false, false);
    for byte in json {
        match byte {
            b'"' if !after_backslash => in_string = !in_string,
            0..0x20 if in_string => {
                after_backslash = false;
                push_escape(&mut out, byte);
                continue;
            }
            _ => {}
        }
        after_backslash = in_string && byte == b'\\' && !after_backslash;
        out.push(byte);
    }
    out
}

/// Appends a quoted string.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text.as_bytes());
    out.push(b'"');
}

/// Appends a text that is escaped already, with its quotes.
pub fn push_text(out: &mut Vec<u8>, text: Text<'_>) {
    out.push(b'"');
    out.extend_from_slice(text.escaped());
    out.push(b'"');
}

/// Appends a comma and the name of a member behind others; the name needs no escapes.
pub fn push_member(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a value on one line, as an event's data has to be: what came whole may be printed prettily.
pub(crate) fn push_flat(out: &mut Vec<u8>, value: &[u8]) {
    out.extend(value.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
}

/// Appends an object on one line, with other values for some of its members: in their places, or behind the
/// rest where there were none. An empty value leaves the member out.
///
/// # Errors
/// When the object is not well formed.
pub(crate) fn push_with(out: &mut Vec<u8>, object: Raw<'_>, others: &[(&str, &[u8])]) -> Result<(), JsonError> {
    let begin = out.len();
    let mut push = |key: &[u8], value: &[u8]| {
        if !value.is_empty() {
            out.extend_from_slice(if out.len() > begin { b",\"" } else { b"{\"" });
            out.extend_from_slice(key);
            out.extend_from_slice(b"\":");
            push_flat(out, value);
        }
    };
    let mut seen = vec![false; others.len()];
    for member in object.members() {
        let (key, value) = member?;
        let other = others.iter().zip(&mut seen).find(|((name, _), _)| key.is(name));
        push(
            key.escaped(),
            other.map_or(value.bytes(), |((_, other), seen)| {
                *seen = true;
                other
            }),
        );
    }
    for ((name, other), _) in others.iter().zip(&seen).filter(|(_, seen)| !**seen) {
        push(name.as_bytes(), other);
    }
    out.extend_from_slice(if out.len() > begin { b"}" } else { b"{}" });
    Ok(())
}

/// Appends a whole number.
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut left = number;
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}
