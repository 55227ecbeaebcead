//! Conditions: CEL, parsed by our grammar, typed by our checker.
//!
//! [`typed`] is the checked tree; [`print`] writes it as CEL text; [`plain`] evaluates it, one
//! atom at a time, with the CEL crate. Only the private module `cel` knows that crate, so that an
//! upgrade touches one folder.

pub mod ast;
#[cfg(test)]
pub(crate) mod build;
mod cel;
pub(crate) mod infer;
pub mod plain;
pub mod print;
mod safety;
pub mod typed;

#[cfg(test)]
mod tests;
