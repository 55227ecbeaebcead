//! A key that a provider quotes, taken out of what it says. Only for errors: it looks at every byte.

/// What stands for a key.
const MASK: &[u8] = b"[key]";
/// A text may be cut inside the key. So many of its bytes at the text's end are too many to show.
const CUT_BYTES: usize = 4;
/// A shorter key may be part of any word: it is one only where no letter or digit stands beside it.
const SURE_BYTES: usize = 8;

/// The text without the key; None when it does not quote it. The key is found as it is, as JSON
/// (once or several times over) or an address may write it, and where the text ends inside it.
pub(super) fn masked(text: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    if key.is_empty() {
        return None;
    }
    let (mut out, mut found, mut rest) = (Vec::with_capacity(text.len()), false, text);
    let is_sure = key.len() >= SURE_BYTES;
    let is_open = |beside: Option<&u8>| is_sure || beside.is_none_or(|beside| !beside.is_ascii_alphanumeric());
    while let Some((first, behind)) = rest.split_first() {
        let after = rest.strip_prefix(key).or_else(|| behind_key(rest, key));
        if let Some(after) = after.filter(|after| is_open(out.last()) && is_open(after.first())) {
            out.extend_from_slice(MASK);
            (found, rest) = (true, after);
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    found.then_some(out)
}

/// What stands behind the key that a text begins with.
fn behind_key<'t>(text: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    let mut rest = text;
    for (at, byte) in key.iter().enumerate() {
        match behind_byte(rest, *byte) {
            Some(behind) => rest = behind,
            None => return (rest.is_empty() && at >= CUT_BYTES).then_some(rest),
        }
    }
    Some(rest)
}

/// What stands behind one byte of the key, plain or escaped.
fn behind_byte(text: &[u8], byte: u8) -> Option<&[u8]> {
    let (first, behind) = text.split_first()?;
    match *first {
        b'\\' => {
            let start = text.iter().position(|byte| *byte != b'\\').unwrap_or(text.len());
            let bare = text.get(start..)?;
            match byte {
                b'\\' => Some(bare),
                b'"' | b'/' if bare.first() == Some(&byte) => bare.get(1..),
                _ => behind_hex(bare.strip_prefix(b"u00")?, byte),
            }
        }
        b'%' if byte != b'%' => behind_hex(behind, byte),
        first => (first == byte).then_some(behind),
    }
}

fn behind_hex(text: &[u8], byte: u8) -> Option<&[u8]> {
    let (digits, behind) = text.split_at_checked(2)?;
    let value = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
    (value == Some(byte)).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key_however_it_is_written() {
        let shown =
            |text: &str| masked(text.as_bytes(), b"ab/c+\"d\\9=").map(|masked| String::from_utf8(masked).unwrap());
        for (text, expected) in [
            (r#"ab/c+"d\9="#, "[key]"),
            (r#"<ab/c+"d\9=> and ab/c+"d\9="#, "<[key]> and [key]"),
            (r#"{"m":"ab\/c+\"d\\9="}"#, r#"{"m":"[key]"}"#),
            (r#"ab/c\u002b\u0022d\\9\u003D."#, "[key]."),
            (r#"ab\\/c+\\\"d\\\\9=."#, "[key]."),
            ("?key=ab%2Fc%2b%22d%5C9%3d&x", "?key=[key]&x"),
            ("abab/c", "ab[key]"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "ab/", "ab/c.", "ab/c+", r"\u00", "%", "\\", "é"] {
            let expected = (text == "ab/c+").then(|| "[key]".to_owned());
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(masked(b"text", b""), None);
    }

    #[test]
    fn a_short_key_eats_no_letters_of_words() {
        let shown = |text: &str| masked(text.as_bytes(), b"ke").map(|masked| String::from_utf8(masked).unwrap());
        assert_eq!(shown("the token key is a fake"), None);
        assert_eq!(shown("key `ke` is wrong: ke").as_deref(), Some("key `[key]` is wrong: [key]"));
    }
}
