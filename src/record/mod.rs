//! Requests as they were recorded: what a policy read of each, where it went and what it cost.
//!
//! An [`Entry`] is one JSON line. It holds values of the variables that the policy reads, and of
//! whatever may hold a person's words or secrets (the texts of a request, headers, metadata, ids)
//! only whether each of the policy's conditions on it held. [`Recipe`] makes the one out of facts,
//! [`replay`] runs it through another policy, [`tally`] sums up.
//!
//! This room does no I/O and reads no clock: lines come in and go out as text.

mod entry;
mod recipe;
pub mod replay;
pub mod tally;
#[cfg(test)]
mod tests;
mod text;

pub use entry::{Entry, RecordError, SCHEMA, read_line};
pub use recipe::{Recipe, is_private};
