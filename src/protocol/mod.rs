//! Wire formats and their translation.
//!
//! A client speaks a [`Protocol`], an upstream a [`Wire`]. Bytes come in, bytes go out: this room does
//! no I/O, reads no clock, and knows neither policies nor models beyond what [`Target`] says.
//!
//! - [`json`]: JSON as it stands in the text, skipped over and copied, not parsed into trees
//! - [`Request`]: a client's request; [`facts`] what a condition sees of it
//! - [`encode`]: the request for an upstream: the same bytes with a few splices, or a translation
//! - [`answer`]: a whole answer back; [`Relay`]: a stream back
//! - [`errors`], [`models`], [`tokens`]: the small endpoints and every failure, in the caller's shape

mod answer;
mod anthropic;
mod asks;
mod canonical;
pub mod content;
mod encode;
pub mod errors;
mod exchange;
pub mod facts;
mod gemini;
mod guess;
mod habits;
mod identity;
pub mod json;
mod made_ids;
mod media;
mod message;
pub mod models;
mod names;
mod openai;
mod request;
mod responses;
mod shared;
mod signed;
mod simple;
pub mod sse;
mod stream;
mod strict;
mod subagent;
pub mod task;
#[cfg(test)]
mod tests;
mod thinking;
pub mod tokens;
mod transform;
mod usage;
mod write;

pub use answer::{Answer, AnswerContext, BrokenAnswer, answer, embedded};
pub use canonical::{LEFT_OUT, canonical_key};
pub use encode::{Back, Change, EncodeError, Outgoing, Target, encode};
pub use gemini::{JsonArray, ModelCall, counted_body, key_in, to_count, wants_events};
pub use guess::{guess, guess_embeddings};
pub use request::{BadRequest, Request};
pub use responses::refers_elsewhere;
pub use stream::{Collector, End, Progress, Relay, StreamError, Truncated, ping, replay};
pub use subagent::SubagentTag;
pub use usage::{Spent, Stop, Usage};

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Anthropic Messages, `POST /v1/messages`
    Anthropic,
    /// OpenAI Chat Completions, `POST /v1/chat/completions`
    Chat,
    /// OpenAI Responses, `POST /v1/responses`
    Responses,
    /// Gemini, `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`
    Gemini,
    /// `POST /chat`: one message in, one text out
    Simple,
}

impl Protocol {
    /// Its name, `request.protocol`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
            Self::Simple => "simple",
        }
    }

    /// The members that say how many tokens the client accepts, the newer first.
    pub(crate) fn max_tokens_members(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["max_completion_tokens", "max_tokens"],
            Self::Responses => &["max_output_tokens"],
            Self::Anthropic | Self::Simple => &["max_tokens"],
            // It stands inside `generationConfig`.
            Self::Gemini => &[],
        }
    }
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Anthropic Messages
    Anthropic,
    /// OpenAI Chat Completions
    Chat,
    /// OpenAI Responses
    Responses,
    /// Gemini's `generateContent`
    Gemini,
}

impl Wire {
    /// The wire that is a client's own protocol; the nearest one for `/chat`, which has none.
    #[must_use]
    pub fn native(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Anthropic | Protocol::Simple => Self::Anthropic,
            Protocol::Chat => Self::Chat,
            Protocol::Responses => Self::Responses,
            Protocol::Gemini => Self::Gemini,
        }
    }

    /// Whether a client of this protocol can be served with the upstream's own bytes.
    #[must_use]
    pub fn same_as(self, protocol: Protocol) -> bool {
        protocol != Protocol::Simple && self == Self::native(protocol)
    }
}
