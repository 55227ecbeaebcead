//! A request's life, one file a step: **accept** → (facts) → **decide** → **cache** → **attempt**
//! → **relay** → **settle**.
//!
//! [`conduct`] joins the steps; it runs inside the client's own connection unless the policy
//! caches, when it runs as a task of its own, because a call that others have joined must
//! outlive the client that began it.

pub(crate) mod accept;
mod attempt;
mod cache;
mod conduct;
mod decide;
mod relay;
pub(crate) mod settle;

pub(crate) use attempt::operation;
pub(crate) use cache::Answers;
pub(crate) use conduct::{embed, generate};
