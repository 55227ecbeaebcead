//! Anthropic Messages, as the vendor documents it.

mod messages;
pub(super) mod reply;
pub(super) mod request;
mod shape;

/// The name of this wire in the seals on thinking.
pub(super) const SEAL: &str = "anthropic";
