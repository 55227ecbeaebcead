//! Wire formats.

pub mod json;
