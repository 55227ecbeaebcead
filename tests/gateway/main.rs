//! The gateway from outside: real sockets on loopback, the built-in upstream and hostile ones.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

mod accounts;
mod attempts;
mod cache;
mod chains;
mod clients;
mod counting;
mod embeddings;
mod gemini;
mod guard;
mod hints;
mod hostile;
mod kit;
mod naming;
mod record;
mod refusals;
mod reload;
mod responses;
mod serving;
mod stages;
mod transforms;
