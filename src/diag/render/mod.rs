//! Looks of a list of findings, one file a format: for people ([`human()`]), one line each
//! ([`concise()`]), for machines ([`json()`]).
//!
//! Renderers change nothing and print nothing: findings in, text out. No format shows a key that
//! stands in a policy.

mod concise;
mod human;
mod json;
mod masked;
mod position;

pub use concise::concise;
pub use human::human;
pub use json::json;
pub use position::{Position, Positions};

#[cfg(test)]
mod tests;
