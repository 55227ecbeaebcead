//! What a faithful gateway does, row by row: golden files over all pairs of protocols.
//!
//! A *row* is one sentence about what is right (`rows/`). It has cases, files in a directory of its own;
//! each case is run against every wire (requests) or for every client's protocol (answers, streams), and is
//! held to four things:
//!
//! 1. **its `want`**: what is right for this case, said once for all pairs, in words that belong to no
//!    protocol (below). The outgoing body is read by readers of the test's own (`seen/`, `told.rs`).
//! 2. **the row's own predicate**, for what must hold in every case of the row.
//! 3. **what always holds** (`sound.rs`): valid JSON, no empty message, calls and results in pairs, legal names.
//! 4. **the golden file** beside it, so that nothing changes unseen.
//!
//! # Adding a case
//!
//! Requests: `requests/<row>/<protocol>[.<variant>].json`, for example `requests/tool_choice/gemini.any.json`.
//!
//! ```json
//! {
//!   "body": { "the request": "as the client sends it" },
//!   "want": { "choice": "any", "to chat": { "warned": ["`x`"] } }
//! }
//! ```
//!
//! Further members: `text` instead of `body` for bytes that are no JSON; `model` (the upstream's name of the
//! model, `up`), `can` (what it can do, everything), `limit` (the most tokens it gives, 8000), `streams`
//! (whether it streams, true); for Gemini, whose method stands in the path, `stream`.
//!
//! Answers: `answers/<row>/<wire>[.<variant>].json`, the same with the upstream's answer as `body`.
//! Streams: `streams/<row>/<wire>[.<variant>].sse`, the upstream's bytes, and `….want.json` beside it.
//!
//! Then `CCR_UPDATE=1 cargo test --test golden` writes the golden files (`….to-<wire or protocol>.json`) and the
//! table of `docs/protocols.md`: read the difference before it is committed.
//! Every row has a case from every protocol that can say it; who cannot is named, with the reason, in `unsaid.rs`.
//!
//! # The words of a `want`
//!
//! What is not named is not looked at (the golden file has it). `to <wire>` adds to or replaces members for one
//! target. A pair that speaks one protocol must go on as it came, unless `to <its own wire>` says otherwise.
//!
//! Requests: `system` (the texts in front, joined), `turns` (lines such as `user text hi`, `user image image/png AA`,
//! `user file application/pdf AA report.pdf`, `assistant call f {"a":1} #1`, `user result #1 text` or
//! `user result #1 error text`, `assistant thinking hm signed sig`; texts that follow each other are one, with an
//! empty line between them), `tools` (names), `hosted` (tools that the provider runs), `choice`
//! (`auto`, `any`, `none`, `tool f`), `parallel`, `max_tokens`, `temperature`, `top_p`, `top_k`, `seed`,
//! `frequency_penalty`, `presence_penalty`, `stops`, `user`, `thinking` (`on`, `off`, `least`), `format` (a schema or `object`), `marks` (how many cache marks), `stream`;
//! `null`: must not be there. `"*"`: not looked at. `warned`: pieces of warnings, each in one of them; `[]`: no warning at all.
//! `refused`: a piece of the refusal.
//!
//! Answers and streams: `blocks` (lines such as `thinking hm signed sig`, `text hi`, `call f {"a":1}`), `stop` (`end`,
//! `max_tokens`, `tool_use`, `refusal`, `stop_sequence`, `pause`, `error`), `sequence`, `input` (fresh), `cached`, `written`, `output`.
//!
//! # Made to order
//!
//! Rows over all pairs that need no files are in `flow/`: streams written in any manner of any wire and read by
//! a strict reader (`script`, `strict`, `rows`), conversations sent through every pair with a list of what is
//! lost (`talk`, `trip`).
//!
//! # Adding a row
//!
//! One entry in `rows/`: its name (the directory and the test), its section, its sentence, its predicate
//! (`any` when the `want`s say it all).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

mod case;
mod flow;
mod row;
mod rows;
mod run;
mod seen;
mod sockets;
mod sound;
mod table;
mod told;
mod unsaid;
