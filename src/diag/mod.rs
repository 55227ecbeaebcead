//! Messages about source text: where ([`source`]), what ([`diagnostic`]), which ([`codes`], the
//! one registry), and how they look (`render`, which shows no secret: [`secret`]).
//!
//! This room knows nothing of the language; it does no I/O.

pub mod codes;
pub mod command;
pub mod diagnostic;
pub mod pages;
pub mod render;
pub mod secret;
pub mod source;
pub mod suggest;
mod visible;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Edit, Fix, Label, Severity};
pub use source::{Source, SourceId, Sources, Span};
pub use visible::visible;
