//! ccr-policy: a router for LLM traffic whose routing is a policy.
//!
//! A policy flows `text → dsl → compile → engine`. A request flows
//! `gateway → protocol → facts → engine → upstream → protocol → gateway`.
//!
//! The rooms, from the ground up; a room uses only rooms of a lower level
//! (`tests/tidy.rs` enforces it):
//!
//! | level | rooms | what they do |
//! |---|---|---|
//! | 0 | [`bounds`], [`diag`], [`facts`] | limits; messages about source text; what a condition can see |
//! | 1 | [`dsl`] | text to a checked [`dsl::policy::Policy`], expressions, the formatter |
//! | 2 | [`compile`] | ordered rules to one decision tree |
//! | 3 | [`engine`], [`protocol`] | decide, choose, explain, test; wire formats and their translation |
//! | 4 | [`prove`] | what no request can do, and requests that show what one can |
//! | 4 | [`record`] | recorded requests, read and run through a policy |
//! | 4 | [`files`], [`cache`], [`sessions`], [`mock`], [`metrics`], [`upstream`] | the rooms that touch the world, each alone |
//! | 5 | [`lint`] | everything that is said about a policy |
//! | 5 | [`graph`] | drawings of a policy and of its trees |
//! | 6 | [`trial`] | what a policy's tests reach, what they would not notice, what they lack |
//! | 6 | [`import`] | configurations of other programs to policies |
//! | 6 | [`lsp`] | the policy in an editor |
//! | 6 | [`gateway`] | a request's life, joining the rooms of level 4 |
//! | 7 | [`cli`] | arguments, printing, exit codes |
//!
//! Levels 0 to 3, `prove`, `record`, `lint`, `graph`, `trial` and `import` are pure: no I/O, no clock,
//! no randomness, no async, no locks. Time, live facts, tickets and seeds come in as values.

pub mod bounds;
pub mod cache;
pub mod cli;
pub mod compile;
pub mod diag;
pub mod dsl;
pub mod engine;
pub mod facts;
pub mod files;
pub mod gateway;
pub mod graph;
pub mod import;
pub mod lint;
pub mod lsp;
pub mod metrics;
pub mod mock;
pub mod protocol;
pub mod prove;
pub mod record;
pub mod sessions;
pub mod trial;
pub mod upstream;
