//! OpenAI Responses, as the vendor documents it.

mod items;
pub(super) mod reply;
pub(super) mod request;
mod shape;
pub(super) mod stream;

/// The name of this wire in the seals on encrypted reasoning.
pub(super) const SEAL: &str = "responses";
