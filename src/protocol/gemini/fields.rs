//! Members by their names: Google's parser takes each in `camelCase` and in `snake_case`.

use std::borrow::Cow;

use super::super::json::{JsonError, Raw, Text};
use super::super::request::Request;

/// Whether a key is this name, given in `camelCase`.
pub(crate) fn is_named(key: Text<'_>, camel: &str) -> bool {
    if key.has_escape() { same(key.decode().as_bytes(), camel) } else { same(key.escaped(), camel) }
}

fn same(key: &[u8], camel: &str) -> bool {
    if key == camel.as_bytes() {
        return true;
    }
    let mut left = key.iter();
    for byte in camel.bytes() {
        if byte.is_ascii_uppercase() && left.next() != Some(&b'_') {
            return false;
        }
        if left.next() != Some(&byte.to_ascii_lowercase()) {
            return false;
        }
    }
    left.next().is_none()
}

/// A key in `camelCase`.
pub(crate) fn camel(key: Text<'_>) -> Cow<'_, str> {
    let key = key.decode();
    if !key.contains('_') {
        return key;
    }
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for character in key.chars() {
        match character {
            '_' => upper = !out.is_empty(),
            character if std::mem::take(&mut upper) => out.push(character.to_ascii_uppercase()),
            character => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// The members with these names, in one walk; `null` counts as absent.
///
/// # Errors
/// When the object is not well formed.
pub(super) fn pick<'a, const N: usize>(object: Raw<'a>, names: [&str; N]) -> Result<[Option<Raw<'a>>; N], JsonError> {
    let mut found = [None; N];
    for member in object.members() {
        let (key, value) = member?;
        for (slot, name) in found.iter_mut().zip(names) {
            if is_named(key, name) {
                *slot = Some(value).filter(|value| !value.is_null());
            }
        }
    }
    Ok(found)
}

/// Like [`pick`], for those who can do with nothing when the object is broken.
pub(super) fn peek<'a, const N: usize>(object: Raw<'a>, names: [&str; N]) -> [Option<Raw<'a>>; N] {
    pick(object, names).unwrap_or([None; N])
}

/// One member, or `null`.
pub(super) fn get<'a>(object: Raw<'a>, name: &str) -> Raw<'a> {
    let [value] = peek(object, [name]);
    value.unwrap_or(Raw::NULL)
}

/// A member of a request's outermost object, or `null`.
pub(crate) fn field<'r>(request: &'r Request, name: &str) -> Raw<'r> {
    let found = request.members().find(|(key, _)| is_named(*key, name));
    found.map_or(Raw::NULL, |(_, value)| value)
}

/// A member's text; the empty one when there is none.
pub(super) fn text(raw: Option<Raw<'_>>) -> Text<'_> {
    raw.and_then(Raw::text).unwrap_or(Text::EMPTY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_in_two_ways() {
        for (key, camel_name, expected) in [
            ("generationConfig", "generationConfig", true),
            ("generation_config", "generationConfig", true),
            ("topP", "topP", true),
            ("top_p", "topP", true),
            ("top_", "topP", false),
            ("topp", "topP", false),
            ("top_pk", "topP", false),
            ("generation_Config", "generationConfig", false),
            ("t\\u006fp_p", "topP", true),
        ] {
            assert_eq!(is_named(Text::from_escaped(key.as_bytes()), camel_name), expected, "{key}");
        }
        for (key, expected) in [("a_b_cd", "aBCd"), ("aB", "aB"), ("_x", "x"), ("x", "x")] {
            assert_eq!(camel(Text::from_escaped(key.as_bytes())), expected);
        }
    }
}
