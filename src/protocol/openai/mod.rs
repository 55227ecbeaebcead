//! OpenAI Chat Completions.

mod answer;
mod request_read;
mod request_write;
mod stream_read;
mod stream_write;

pub(crate) use answer::{read_answer, write_answer};
pub(crate) use request_read::read_request;
pub(crate) use request_write::{schema_in_words, write_request};
pub(crate) use stream_read::StreamReader;
pub(crate) use stream_write::StreamWriter;
