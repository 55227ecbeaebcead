//! Whether bytes are JSON to the strictest reader, and what it takes to make them so.
//!
//! [`super::Raw`] skips over what it does not look at; here every byte is looked at, because what an upstream
//! sends is copied into what a client reads. It is for answers: of a request [`super::check_characters`] looks at
//! the texts alone, and what is wrong besides its upstream refuses.

use std::borrow::Cow;

use memchr::memchr;

use super::find;
use super::scan::{JsonError, skip_space, skip_value};
use super::text::{hex4, lossy};
use super::write::escape_controls;
use crate::bounds::MAX_JSON_DEPTH;

/// What stands for half a character.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";

/// What an upstream sent, as JSON that every client can read. Bytes that are no text become U+FFFD, raw control
/// characters inside strings their escapes. None: it is good as it is.
///
/// # Errors
/// When it is no JSON besides.
pub(crate) fn sound(json: &[u8]) -> Result<Option<Vec<u8>>, JsonError> {
    let text = lossy(json);
    let controls = check(text.as_bytes())?;
    Ok(match text {
        Cow::Borrowed(_) if !controls => None,
        text => Some(escape_controls(text.into_owned().into_bytes())),
    })
}

/// Looks at every byte; returns whether strings hold raw control characters.
fn check(bytes: &[u8]) -> Result<bool, JsonError> {
    let (mut kinds, mut depth, mut controls): (u128, u32, bool) = (0, 0, false);
    let mut at = skip_space(bytes, 0);
    loop {
        match bytes.get(at) {
            Some(open @ (b'{' | b'[')) => {
                depth += 1;
                if depth > MAX_JSON_DEPTH {
                    return Err(JsonError::new("too many brackets are nested", at));
                }
                let object = *open == b'{';
                kinds = kinds << 1 | u128::from(object);
                at = skip_space(bytes, at + 1);
                match bytes.get(at) {
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ if object => {
                        at = key(bytes, at, &mut controls)?;
                        continue;
                    }
                    _ => continue,
                }
            }
            Some(b'"') => at = string(bytes, at + 1, &mut controls)?,
            _ => at = word_or_number(bytes, at)?,
        }
        // A value has ended: what is around it goes on, or ends too.
        loop {
            at = skip_space(bytes, at);
            let object = kinds & 1 == 1;
            match bytes.get(at) {
                None if depth == 0 => return Ok(controls),
                _ if depth == 0 => return Err(JsonError::new("something stands behind the value", at)),
                Some(b',') => {
                    at = skip_space(bytes, at + 1);
                    if object {
                        at = key(bytes, at, &mut controls)?;
                    }
                    break;
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => return Err(JsonError::new("`,` or a closing bracket was expected", at)),
            }
            at += 1;
            kinds >>= 1;
            depth -= 1;
        }
    }
}

/// The place behind a value that is none of the others. A number that is too large for any parser's is an
/// error for many of them.
fn word_or_number(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    /// Nothing shorter without an exponent is that large.
    const SMALL_BYTES: usize = 300;
    let end = skip_value(bytes, at)?;
    let value = bytes.get(at..end).unwrap_or_default();
    let digits = value.first().is_some_and(|first| *first == b'-' || first.is_ascii_digit());
    let large = digits && (value.len() > SMALL_BYTES || value.iter().any(|byte| matches!(byte, b'e' | b'E')));
    let number = large.then(|| std::str::from_utf8(value).ok()?.parse::<f64>().ok());
    if number.is_some_and(|number| !number.is_some_and(f64::is_finite)) {
        return Err(JsonError::new("a number is too large", at));
    }
    Ok(end)
}

/// The place of the value behind the key at `at`.
fn key(bytes: &[u8], at: usize, controls: &mut bool) -> Result<usize, JsonError> {
    if bytes.get(at) != Some(&b'"') {
        return Err(JsonError::new("a quoted key was expected", at));
    }
    let colon = skip_space(bytes, string(bytes, at + 1, controls)?);
    if bytes.get(colon) != Some(&b':') {
        return Err(JsonError::new("`:` was expected", colon));
    }
    Ok(skip_space(bytes, colon + 1))
}

/// The place behind the string whose first inner byte is at `at`.
fn string(bytes: &[u8], mut at: usize, controls: &mut bool) -> Result<usize, JsonError> {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(step) = find::unwritable(rest) else {
            return Err(JsonError::new("a string is not closed", bytes.len()));
        };
        at += step + 1;
        match rest.get(step) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => match rest.get(step + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 1,
                Some(b'u') if hex4(rest.get(step + 2..step + 6)).is_some() => at += 5,
                _ => return Err(JsonError::new("an escape that JSON has not", at)),
            },
            _ => *controls = true,
        }
    }
}

/// The next escape from `at` on that is half a character without its other half: its place, and whether the
/// other half could still follow, because the text ends there.
fn next_half(escaped: &[u8], mut at: usize) -> Option<(usize, bool)> {
    while let Some(step) = memchr(b'\\', escaped.get(at..).unwrap_or_default()) {
        at += step;
        let code = |at: usize| match escaped.get(at..at + 2) {
            Some(b"\\u") => hex4(escaped.get(at + 2..at + 6)),
            _ => None,
        };
        match code(at) {
            Some(0xd800..0xdc00) if matches!(code(at + 6), Some(0xdc00..0xe000)) => at += 12,
            Some(0xd800..0xdc00) => return Some((at, at + 6 == escaped.len())),
            Some(0xdc00..0xe000) => return Some((at, false)),
            Some(_) => at += 6,
            None => at += 2,
        }
    }
    None
}

/// Puts U+FFFD in the place of halves of characters: many parsers refuse a text that has one. `escaped` is
/// what stands inside strings, or sound JSON.
pub(crate) fn mend_halves(escaped: &mut [u8]) {
    let mut from = 0;
    while let Some((place, _)) = next_half(escaped, from) {
        from = place + REPLACEMENT.len();
        if let Some(half) = escaped.get_mut(place..from) {
            half.copy_from_slice(REPLACEMENT);
        }
    }
}

/// Whether a text has halves of characters.
pub(crate) fn has_halves(escaped: &[u8]) -> bool {
    next_half(escaped, 0).is_some()
}

/// How much of a text there is before a first half of a character whose second one may come with the next
/// piece; all of it, if it does not end in one.
pub(crate) fn without_last_half(escaped: &[u8]) -> usize {
    let mut from = 0;
    while let Some((place, last)) = next_half(escaped, from) {
        if last {
            return place;
        }
        from = place + REPLACEMENT.len();
    }
    escaped.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_sound(json: &[u8], expected: &str) {
        let mended = sound(json).unwrap().map(|mended| String::from_utf8(mended).unwrap());
        assert_eq!(mended.as_deref().unwrap_or(""), expected);
        if let Some(mended) = mended {
            serde_json::from_str::<serde::de::IgnoredAny>(&mended).unwrap();
        }
    }

    #[test]
    fn what_no_json_may_hold_is_mended() {
        check_sound(b" {\"a\" : [ 1 , {}, [], \"\\u00e9\\n\" ] } ", "");
        check_sound(b"{\"a\":\"x\x01y\nz\"}", r#"{"a":"x\u0001y\nz"}"#);
        check_sound(b"{\"a\":\"x\xffy\"}", "{\"a\":\"x\u{fffd}y\"}");
        check_sound(b"{\"a\":\"\xe2\x82\"}", "{\"a\":\"\u{fffd}\"}");
        check_sound(b"{\"a\":\n\"b\"}", "");
        check_sound(b"[1e300,-1.5E-9,0e5]", "");
        for broken in [
            "1e999",
            "[-1e400]",
            "",
            "{",
            "{\"a\" 1}",
            "{\"a\":{\"b\" 1}}",
            "[1,]",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "1 2",
            "\0",
        ] {
            assert!(sound(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn halves_of_characters_are_replaced() {
        for (text, mended, whole) in [
            ("plain", "plain", 5),
            (r"\ud83d\ude00", r"\ud83d\ude00", 12),
            (r"a\ud83d", r"a\ufffd", 1),
            (r"\ude00\ud83db", r"\ufffd\ufffdb", 13),
            (r"\\ud83d", r"\\ud83d", 7),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00", 18),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            mend_halves(&mut bytes);
            assert_eq!(
                (String::from_utf8(bytes).unwrap().as_str(), without_last_half(text.as_bytes())),
                (mended, whole)
            );
            assert_eq!(has_halves(text.as_bytes()), text != mended);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde(json in "[\\[\\]{}\",:0-9a-fnrtu\\\\. -]{0,24}") {
            // Values hold numbers to their bounds.
            let expected = serde_json::from_str::<serde_json::Value>(&json).is_ok();
            prop_assume!(!has_halves(json.as_bytes()));
            prop_assert_eq!(sound(json.as_bytes()).is_ok(), expected, "{}", json);
        }
    }
}
