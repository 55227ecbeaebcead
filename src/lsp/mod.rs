//! A policy in an editor: the language server.
//!
//! The core is pure and works on texts that may be unfinished: [`document`] (a text and its
//! positions), [`syntax`] (what each word is, what can stand where the text ends), [`index`] (names
//! of a whole policy), and one file for each thing that an editor asks. [`state`] holds what is
//! open. Only [`server`] speaks the protocol, and only [`transport`] reads and writes.
//!
//! This room changes no file and never prints: an editor applies what it is offered.

pub mod actions;
pub mod complete;
pub mod diagnostics;
pub mod document;
pub mod hover;
pub mod index;
pub mod lenses;
pub mod navigate;
pub mod outline;
pub mod server;
pub mod signature;
pub mod state;
pub mod syntax;
pub mod tokens;
pub mod transport;

#[cfg(test)]
mod tests;
