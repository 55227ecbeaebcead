//! OpenAI Chat Completions.

mod answer;
mod stream_read;
mod stream_write;

pub(crate) use answer::{read_answer, write_answer};
pub(crate) use stream_read::StreamReader;
pub(crate) use stream_write::StreamWriter;
