//! The policy language: text to a checked [`policy::Policy`].
//!
//! Stages: scan → parse → resolve and type → check. Each gives what it could make of its input
//! and a list of findings, never only the first error. This room does no I/O: texts come in.

pub mod ast;
pub mod check;
mod explicit;
pub mod expr;
pub mod fields;
pub mod format;
mod given;
pub(crate) mod lex;
mod load;
pub(crate) mod parse;
pub mod policy;
mod resolve;
pub(crate) mod scan;
pub mod transform;
pub mod words;

pub use load::{Comment, Given, Loaded, load, parse_facts, parse_state, refuse_unserved};

#[cfg(test)]
mod tests;
