//! OpenAI Responses.
//!
//! - [`tools`]: what only this protocol knows of tools (freeform ones, namespaces), as functions and back
//! - [`request_read`]: a client's request into the canonical form; what no other wire can hold is refused
//! - [`items`]: the items and frames that whole answers and streams share

mod answer;
mod failure;
mod items;
mod replay;
mod request_read;
mod request_write;
mod stream_read;
mod stream_write;
mod tools;

pub(crate) use answer::{read_answer, write_answer, write_changed};
pub(crate) use failure::push_failure;
pub(crate) use items::{echo, is_our_id, read_usage};
pub(crate) use replay::replay;
pub use request_read::refers_elsewhere;
pub(crate) use request_read::{format as read_format, only_here, read_request};
pub(crate) use request_write::write_request;
pub(crate) use stream_read::StreamReader;
pub(crate) use stream_write::StreamWriter;
pub(crate) use tools::{OwnTool, Prepared, tools as each_tool};
