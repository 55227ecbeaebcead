//! OpenAI Chat Completions, as the vendor documents it.

pub(super) mod reply;
pub(super) mod request;
