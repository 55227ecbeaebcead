//! Looks of a list of findings, one file a format: for people ([`human()`]), one line each
//! ([`concise()`]), for machines ([`json()`], and [`sarif()`] and [`github()`] for those that know
//! only these).
//!
//! Renderers change nothing and print nothing: findings in, text out. No format shows a key that
//! stands in a policy.

mod concise;
mod github;
mod human;
mod json;
mod masked;
mod position;
mod sarif;

pub use concise::concise;
pub use github::github;
pub use human::human;
pub use json::json;
pub use position::{Position, Positions};
pub use sarif::sarif;

#[cfg(test)]
mod tests;
