//! Conditions: CEL, parsed by our grammar, typed by our checker.

pub mod typed;
