//! Anthropic Messages.

mod answer;
mod request_read;
mod request_write;
mod stream_read;
mod stream_write;

use std::borrow::Cow;

pub(crate) use answer::{read_answer, write_answer};
pub(crate) use request_read::{format as read_format, read_request};
pub(crate) use request_write::write_request;
pub(crate) use stream_read::StreamReader;
pub(crate) use stream_write::StreamWriter;

/// An id as Anthropic accepts it when it comes back: letters, digits, `_` and `-`.
pub(crate) fn legal_id(id: &str) -> String {
    legal(id).into_owned()
}

fn legal(id: &str) -> Cow<'_, str> {
    let is_legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if id.chars().all(is_legal) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(id.chars().map(|character| if is_legal(character) { character } else { '_' }).collect())
}
