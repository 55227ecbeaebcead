//! What makes a body no JSON wherever it stands: bytes that are not UTF-8, raw control characters in strings,
//! escapes that do not exist. Skipping over values looks at none of it, and what is not looked at is copied.

use memchr::memchr;

use super::find;
use super::scan::{JsonError, skip_string};
use super::text::hex4;

/// Checks the characters of a text whose brackets were walked over. A surrogate that stands alone is let
/// through: its escape is legal JSON, and clients cut texts in the middle of a pair.
///
/// # Errors
/// At the first byte that no JSON text can have there.
pub fn check_characters(bytes: &[u8]) -> Result<(), JsonError> {
    std::str::from_utf8(bytes).map_err(|error| JsonError::new("a byte that is not UTF-8", error.valid_up_to()))?;
    // Without a branch inside it runs many bytes at a time; most bodies are on one line and have none.
    if bytes.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
        check_controls(bytes)?;
    }
    check_escapes(bytes)
}

/// Line ends and tabs may stand between values, no control character may stand in a string.
fn check_controls(bytes: &[u8]) -> Result<(), JsonError> {
    let is_control = |byte: &u8| *byte < 0x20;
    let is_forbidden = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t');
    let refuse = |at: usize| Err(JsonError::new("a control character that is not escaped", at));
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let quote = memchr(b'"', rest);
        let between = rest.get(..quote.unwrap_or(rest.len())).unwrap_or_default();
        if let Some(found) = between.iter().position(is_forbidden) {
            return refuse(at + found);
        }
        let Some(quote) = quote else { return Ok(()) };
        let begin = at + quote + 1;
        let end = skip_string(bytes, begin)?;
        if let Some(found) = bytes.get(begin..end).unwrap_or_default().iter().position(is_control) {
            return refuse(begin + found);
        }
        at = end;
    }
}

fn check_escapes(bytes: &[u8]) -> Result<(), JsonError> {
    let mut from = 0;
    while let Some(step) = find::next::<b'\\'>(bytes.get(from..).unwrap_or_default()) {
        let at = from + step;
        from = match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at + 2,
            Some(b'u') if hex4(bytes.get(at + 2..at + 6)).is_some() => at + 6,
            _ => return Err(JsonError::new("a backslash that begins no escape", at)),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<(), (&'static str, usize)>) {
        let is = check_characters(bytes).map_err(|error| (error.what, error.at));
        assert_eq!(is, expected, "{}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn what_no_json_text_has_is_found() {
        let (utf8, control, escape) = (
            "a byte that is not UTF-8",
            "a control character that is not escaped",
            "a backslash that begins no escape",
        );
        check(br#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud800"}"#, Ok(()));
        check("{\r\n\t\"é\": 1\n}".as_bytes(), Ok(()));
        check(b"{\"a\":\"\xff\"}", Err((utf8, 6)));
        check(b"{\"a\":\"\xed\xa0\x80\"}", Err((utf8, 6)));
        check(b"{\"a\":\"x\ny\"}", Err((control, 7)));
        check(b"{\"a\":\"x\0\"}", Err((control, 7)));
        check(b"{\n\"a\":\"\\\"\t\"}", Err((control, 9)));
        check(b"{\"a\":[1,\x0c2]}", Err((control, 8)));
        check(br#"{"a":"\q"}"#, Err((escape, 6)));
        check(br#"{"a":"\u12"}"#, Err((escape, 6)));
        check(br#"{"a":"\\\u12g4"}"#, Err((escape, 8)));
        check(br#"{"a":"\\\\"}"#, Ok(()));
    }

    proptest! {
        /// An independent parser agrees about every string.
        #[test]
        fn agrees_with_serde(text in "[\\x00-\\x7fé\\\\\"nu0d8]{0,12}") {
            let body = format!("\"{text}\"");
            let is_string = super::super::Raw::parse(body.as_bytes()).is_ok();
            let serde = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
            prop_assert_eq!(is_string && check_characters(body.as_bytes()).is_ok(), serde, "{}", body);
        }
    }
}
