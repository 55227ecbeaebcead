//! JSON as it stands in the text.
//!
//! A router reads a few fields of a body and copies the rest. So nothing here builds a tree: a
//! [`Raw`] is a value's own bytes, its members and elements are found by skipping over them
//! (strings by `memchr`), and a [`Text`] is what stands between two quotes, still escaped, so that
//! it can be copied into another document as it is.
//!
//! What is looked at is checked: keys, commas, colons, scalars. What is skipped is only balanced
//! (brackets of the right kind, closed strings, at most [`crate::bounds::MAX_JSON_DEPTH`] deep), so that
//! a copied value can never break out of its place; a client's body is checked for what no JSON text has
//! ([`check_characters`]) once, when it comes. Nothing here allocates except [`Text::decode`]
//! when there is an escape, and nothing panics, whatever the bytes.

mod check;
mod find;
mod raw;
mod scan;
mod sound;
#[cfg(test)]
mod tests;
mod text;
mod write;

pub use check::check_characters;
pub use raw::{Elements, Kind, Members, Raw};
pub(crate) use raw::{member_at, separator};
pub use scan::{JsonError, count_elements, skip_space, skip_value};
pub(crate) use sound::{has_halves, mend_halves, sound, without_last_half};
pub use text::Text;
pub(crate) use write::{push_compact, push_flat, push_with};
pub use write::{push_escaped, push_member, push_number, push_string, push_text};
