//! Gemini `generateContent`, as the vendor documents it.

mod contents;
pub(super) mod reply;
pub(super) mod request;
mod schema;
mod shape;

/// The name of this wire in the seals on thoughts.
pub(super) const SEAL: &str = "gemini";
