//! What a condition can see.
//!
//! One table ([`schema`]) describes every variable. The trait [`Facts`] is how everything that
//! evaluates conditions reads them, lazily, one variable at a time; `protocol` implements it for
//! a request body, [`given::GivenFacts`] for facts written by hand. [`world`] holds the live
//! state of models as plain values.
//!
//! This room does no I/O, reads no clock and knows nothing of policies.

pub mod given;
pub mod schema;
pub mod world;

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::bounds::MAX_FACT_INT;

pub use schema::{FactType, Scope, Var, Variable};

/// Bytes of a body that make up a token where only a price is ranked: counting would cost more
/// than the ranking is worth.
pub const BYTES_PER_TOKEN: i64 = 4;

/// The value of one variable, borrowed from whoever holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact<'a> {
    /// true or false
    Bool(bool),
    /// a whole number
    Int(i64),
    /// a number
    Double(f64),
    /// text; "" when absent
    Str(&'a str),
    /// a list of texts; empty when absent
    List(&'a [Cow<'a, str>]),
    /// a moment
    Time(DateTime<Utc>),
}

impl<'a> Fact<'a> {
    /// The text, or "" for a fact of another type (the checker has made that impossible).
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Str(text) => text,
            _ => "",
        }
    }

    /// The whole number, or 0 for a fact of another type.
    #[must_use]
    pub fn as_int(self) -> i64 {
        match self {
            Self::Int(number) => number,
            _ => 0,
        }
    }

    /// The truth value, or false for a fact of another type.
    #[must_use]
    pub fn as_bool(self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// The number, or 0.0 for a fact of another type.
    #[must_use]
    pub fn as_double(self) -> f64 {
        match self {
            Self::Double(number) => number,
            _ => 0.0,
        }
    }

    /// The list, or an empty one for a fact of another type.
    #[must_use]
    pub fn as_list(self) -> &'a [Cow<'a, str>] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// The whole number that a text writes, for `request.header_int` and `request.meta_int`: blanks
/// around it are allowed; `absent` when it is no number or beyond ±[`MAX_FACT_INT`].
#[must_use]
pub fn whole_number(text: &str, absent: i64) -> i64 {
    match text.trim().parse::<i64>() {
        Ok(number) if (-MAX_FACT_INT..=MAX_FACT_INT).contains(&number) => number,
        _ => absent,
    }
}

/// What a request needs of a model. The first four filter candidates, the others only warn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// declares client tools
    pub tools: bool,
    /// holds images
    pub vision: bool,
    /// holds documents
    pub documents: bool,
    /// holds audio
    pub audio: bool,
    /// asks for thinking
    pub thinking: bool,
    /// asks for an answer that fits a JSON schema
    pub json_schema: bool,
    /// allows more than one tool call a turn
    pub parallel_tools: bool,
    /// asks for a web search on the provider's side
    pub web_search: bool,
    /// asks for a stream
    pub stream: bool,
}

/// Headers that carry a key: no policy reads a client's or writes a provider's.
pub const CARRIES_KEY: &[&str] =
    &["authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"];

/// What is remembered of a conversation: the `session.*` variables. The default is a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFacts {
    /// requests already seen
    pub turns: i64,
    /// input tokens of the last answered request
    pub last_tokens: i64,
    /// the model that answered last; "" before the first answer
    pub last_model: String,
}

/// The facts of one request, read lazily.
///
/// `model.*` variables are answered only by a view that stands for one candidate; others return
/// the table's default for them.
pub trait Facts {
    /// The value of a variable, of exactly the type that the table gives it.
    fn get(&self, var: Var) -> Fact<'_>;
    /// `request.header(name)`: `name` is lower-case; "" when absent.
    fn header(&self, name: &str) -> &str;
    /// `request.meta(name)`: a text value of the request's `metadata` object; "" when absent.
    fn meta(&self, name: &str) -> &str;
    /// An upper bound of `request.tokens` that costs nothing to know: the body's bytes plus the
    /// estimates of images and documents. Given facts return the given value itself.
    fn tokens_bound(&self) -> i64;
    /// Bytes that `cheapest` ranks by, four to a token: what [`Facts::tokens_bound`] says. Given
    /// facts have no body; theirs are the bytes that the given tokens would take.
    fn body_bytes(&self) -> i64 {
        self.tokens_bound()
    }
    /// What the request needs of a model.
    fn needs(&self) -> Needs;
}
