//! Skipping over values.

use super::find;
use crate::bounds::MAX_JSON_DEPTH;

/// What is wrong with a text that should be JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON: {what} at byte {at}")]
pub struct JsonError {
    /// what was found or missed
    pub what: &'static str,
    /// where, in bytes from the start of the value that was read
    pub at: usize,
}

impl JsonError {
    pub(super) fn new(what: &'static str, at: usize) -> Self {
        Self { what, at }
    }
}

/// The first place from `at` on that is not white space.
#[must_use]
pub fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The place behind the string whose first inner byte is at `at` (behind its opening quote).
///
/// Only quotes are searched for: an escaped one is known by an odd number of backslashes before
/// it. Escapes are frequent in code, escaped quotes are not.
pub(super) fn skip_string(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    let mut from = at;
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(found) = find::next::<b'"'>(rest) else {
            return Err(JsonError::new("a string is not closed", bytes.len()));
        };
        from += found + 1;
        if !is_escaped(rest, found) {
            return Ok(from);
        }
    }
}

/// Whether an odd number of backslashes stands before a place.
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    let mut left = bytes.get(..at).unwrap_or_default();
    let mut odd = false;
    while let Some((b'\\', before)) = left.split_last() {
        left = before;
        odd = !odd;
    }
    odd
}

/// The place behind the value that begins at `at` (not at white space before it).
///
/// # Errors
/// When there is no whole value there, or it is nested too deeply.
pub fn skip_value(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    match bytes.get(at) {
        Some(b'"') => skip_string(bytes, at + 1),
        Some(b'{' | b'[') => skip_container(bytes, at),
        Some(b'-' | b'0'..=b'9') => skip_number(bytes, at),
        Some(b't') => skip_word(bytes, at, b"true"),
        Some(b'f') => skip_word(bytes, at, b"false"),
        Some(b'n') => skip_word(bytes, at, b"null"),
        Some(_) => Err(JsonError::new("a value was expected", at)),
        None => Err(JsonError::new("the text ends where a value was expected", at)),
    }
}

fn skip_word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, JsonError> {
    let end = at + word.len();
    if bytes.get(at..end) == Some(word) { Ok(end) } else { Err(JsonError::new("a value was expected", at)) }
}

fn skip_digits(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    let start = at;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    if at == start { Err(JsonError::new("a digit was expected", at)) } else { Ok(at) }
}

fn skip_number(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { skip_digits(bytes, at)? };
    if bytes.get(at) == Some(&b'.') {
        at = skip_digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = skip_digits(bytes, at)?;
    }
    Ok(at)
}

/// Balances brackets with one bit a level: 1 for an object, 0 for an array.
fn skip_container(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    let mut kinds: u128 = 0;
    let mut depth: u32 = 0;
    loop {
        match bytes.get(at) {
            Some(b'"') => at = skip_string(bytes, at + 1)?,
            Some(open @ (b'{' | b'[')) => {
                depth += 1;
                if depth > MAX_JSON_DEPTH {
                    return Err(JsonError::new("too many brackets are nested", at));
                }
                kinds = kinds << 1 | u128::from(*open == b'{');
                at += 1;
            }
            Some(close @ (b'}' | b']')) => {
                if (kinds & 1 == 1) != (*close == b'}') {
                    return Err(JsonError::new("a bracket is closed by one of another kind", at));
                }
                kinds >>= 1;
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            Some(_) => at += 1,
            None => return Err(JsonError::new("a bracket is not closed", bytes.len())),
        }
    }
}

/// How many elements the array at `at` has, and the place behind it; counts none for another value.
/// One walk instead of two for a list that has a bound.
///
/// # Errors
/// When there is no whole value there, or its commas are wrong.
pub fn count_elements(bytes: &[u8], at: usize) -> Result<(usize, usize), JsonError> {
    if bytes.get(at) != Some(&b'[') {
        return Ok((0, skip_value(bytes, at)?));
    }
    let mut place = skip_space(bytes, at + 1);
    if bytes.get(place) == Some(&b']') {
        return Ok((0, place + 1));
    }
    let mut count = 0;
    loop {
        place = skip_space(bytes, skip_value(bytes, place)?);
        count += 1;
        match bytes.get(place) {
            Some(b',') => place = skip_space(bytes, place + 1),
            Some(b']') => return Ok((count, place + 1)),
            _ => return Err(JsonError::new("`,` or `]` was expected", place)),
        }
    }
}
