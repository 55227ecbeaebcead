//! OpenAI Chat Completions, as the vendor documents it.

mod messages;
pub(super) mod reply;
pub(super) mod request;
mod shape;
