//! Gemini's `generateContent`.

mod address;
mod answer;
mod array;
pub(crate) mod edit;
mod fields;
mod media;
mod pairs;
mod request_config;
mod request_read;
mod request_write;
mod schema_in;
mod schema_out;
mod spelling;
mod stream_read;
mod stream_write;
mod walk;
mod write;

pub(crate) use address::plain_name;
pub use address::{ModelCall, counted_body, key_in, to_count, wants_events};
pub(crate) use answer::{read_answer, read_usage, replay, write_answer, write_changed};
pub use array::JsonArray;
pub(crate) use fields::{camel, field, is_named};
pub(crate) use media::note_of;
pub(crate) use request_read::read_request;
pub(crate) use request_write::{no_signature, write_request};
pub(crate) use schema_in::plain_schemas;
pub(crate) use spelling::{check_spelling, in_camel_case};
pub(crate) use stream_read::StreamReader;
pub(crate) use stream_write::StreamWriter;
pub(crate) use walk::{
    demands_call, is_response, max_tokens, message, part_pieces, read_asks, system, tool_kinds, wants_thoughts,
};

/// A sign of life between two events. It is an empty event, because Google's own SDKs take a comment for
/// broken JSON.
pub(crate) const PING: &[u8] = b"\n\n";
