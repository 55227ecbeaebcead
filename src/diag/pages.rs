//! A short page for each code: what it says, why, a bad and a good example.

use super::codes::REGISTRY;

/// The page of a code such as `P0303`, upper or lower case.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    let entry = REGISTRY.iter().find(|entry| entry.code.as_str().eq_ignore_ascii_case(code))?;
    Some(entry.page.trim_end())
}
