//! The gateway from outside: real sockets on loopback, the built-in upstream and hostile ones.

mod attempts;
mod cache;
mod clients;
mod guard;
mod hostile;
mod kit;
mod reload;
mod serving;
