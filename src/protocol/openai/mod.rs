//! OpenAI Chat Completions.

mod answer;
mod replay;
mod request_read;
mod request_write;
mod stream_read;
mod stream_write;

pub(crate) use answer::{read_answer, write_answer, write_changed};
pub(crate) use replay::replay;
pub(crate) use request_read::{format as read_format, read_request, sound};
pub(crate) use request_write::{is_strict, write_request};
pub(crate) use stream_read::StreamReader;
pub(crate) use stream_write::StreamWriter;
