//! The gateway: a request's life from the socket to the answer.
//!
//! [`Server`] loads a policy, listens and reloads. A request comes in at `listen`, passes the
//! door (`front`, `guard`), reaches an endpoint, and goes through the `phases`. This room joins
//! the rooms below it, which do not know each other. It prints nothing and never exits.

mod app;
pub mod config;
mod endpoints;
mod front;
mod guard;
mod listen;
mod live;
mod phases;
mod recorder;
mod rejection;
mod reload;
mod reply;
mod server;
mod shown;

pub use guard::KeyError;
pub(crate) use guard::Keys;
pub(crate) use live::write_for;
pub(crate) use reload::Watch;
pub use reload::{LoadError, ReloadHandle};
pub use server::{Server, StartError};
pub(crate) use shown::show_for;
