//! Why a request goes where it goes: every rule in order with what it saw, every attempt with
//! whoever was passed over and why. Text and JSON are two renderings of one [`Trace`].
//!
//! The plain evaluator makes the trace; the compiled tree runs beside it on the same snapshot,
//! and a difference is an error ([`ExplainError::Disagree`]). The list of attempts is resolved
//! as if each earlier one had failed.

mod explain;
mod given;
mod notes;
mod picture;
mod pretty;
mod record;
mod text;

use serde::{Serialize, Serializer};

use crate::diag::command;
use crate::dsl::policy::{ModelId, RouteId, TenantId};
use crate::facts::given::Owned;
use crate::facts::world::World;
use crate::facts::{Fact, Facts, Var};

use super::Seeds;

pub use explain::{Explainer, explain};
pub use given::render as given_text;
pub use record::{Course, Recorded, Spot, members};
pub use text::Look;
pub(crate) use text::{Paint, padded};

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// What is to be explained.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// the request
    pub facts: &'a dyn Facts,
    /// who asks
    pub tenant: Option<TenantId>,
    /// the route to enter; None: the tenant's, else `main`
    pub entry: Option<RouteId>,
    /// the state of models
    pub world: &'a World,
    /// what makes equal requests go different ways
    pub seeds: &'a Seeds<'a>,
    /// whether somebody gave this variable a value; what is not given is marked in the text
    pub is_given: &'a dyn Fn(Var) -> bool,
    /// what becomes of the request when it is written for a model; facts alone cannot tell
    pub written: &'a dyn Fn(ModelId) -> Written,
}

/// What becomes of a request when it is written in the protocol of a model's provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// it can be sent
    Whole {
        /// what is changed or lost on the way
        warnings: Vec<String>,
        /// what each transform of the model changed, in their order
        changes: Vec<String>,
    },
    /// the provider's protocol cannot carry it: the model is skipped, for this reason
    Skipped(String),
    /// it is wrong: the client gets 400 with this sentence
    Refused(String),
}

impl Default for Written {
    fn default() -> Self {
        Self::Whole { warnings: Vec::new(), changes: Vec::new() }
    }
}

/// Why a request cannot be explained.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// nowhere to enter
    #[error("the policy has no route `main`, and the tenant names none; write `route main {{ … }}`")]
    NoRoute,
    /// a defect of this program, never of the policy
    #[error(
        "the compiled tree and the plain evaluator disagree on route `{route}`: the tree takes rule `{tree}`, the plain evaluator rule `{plain}`; please report it\n{}",
        command::run_it(&command::explain(None, "", given))
    )]
    Disagree {
        /// the route
        route: String,
        /// the rule that the compiled tree takes
        tree: String,
        /// the rule that the plain evaluator takes
        plain: String,
        /// facts that reproduce it
        given: String,
    },
}

/// The whole explanation of one request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// [`SCHEMA`]
    pub schema: u32,
    /// the policy's digest
    pub policy: String,
    /// the declared tenant, when there is one
    pub tenant: Option<String>,
    /// the decision under which the first attempt that can serve stands: `main/background`
    pub decision: String,
    /// every decision on the way, in order; a nested route adds one
    pub decisions: Vec<Vec<String>>,
    /// what comes out, as if each attempt but the last had failed
    pub outcome: Outcome,
    /// the routes entered, in order; the second is entered by the first attempt that is a route
    pub routes: Vec<RouteTrace>,
    /// the attempts, in order
    pub attempts: Vec<AttemptTrace>,
    /// what would be sent to the first model, where that was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
    /// what the reader should know of what was given
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What comes out of a walk.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// the models that would be tried, in order
    pub models: Vec<String>,
    /// the same by number
    #[serde(skip)]
    pub model_ids: Vec<ModelId>,
    /// the status of a refusal that stands behind them
    pub reject: Option<u16>,
    /// its text
    pub reject_text: Option<String>,
    /// what the client gets when no model is left to try, and the policy does not refuse
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// An answer that is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// 400: the same request will never be served. 503: later it may be
    pub status: u16,
    /// what the client reads
    pub text: String,
    /// after how long it may be worth another try, in milliseconds, where that is known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A route that was entered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteTrace {
    /// its name
    pub route: String,
    /// its rules, in order
    pub rules: Vec<RuleTrace>,
}

/// What a rule said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleVerdict {
    /// it decides
    Matched,
    /// its condition is false
    NotMatched,
    /// its condition failed; it does not match
    Failed,
    /// its condition failed and its target is a refusal, so it decides
    FailedClosed,
    /// an earlier one decided
    NotReached,
}

/// A rule with what it saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleTrace {
    /// its name
    pub rule: String,
    /// what it said
    pub verdict: RuleVerdict,
    /// the atoms that decided
    pub because: Vec<AtomTrace>,
    /// atoms that failed without effect
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<AtomTrace>,
    /// for a rule that does not decide: the nearest request for which it would
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
}

/// What would have to be different for a rule to decide.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearest {
    /// these facts, all others staying as they are
    With(Vec<Change>),
    /// no request comes to this rule: proved
    Never,
    /// none was found; what stood in the way, as CEL text
    NotFound(Vec<String>),
}

/// A fact that would have to be different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// its name: `request.tokens`, `request.header("x")`
    pub name: String,
    /// what it is
    #[serde(serialize_with = "plain_json")]
    pub is: Owned,
    /// what it would have to be
    #[serde(serialize_with = "plain_json")]
    pub would_be: Owned,
}

/// What would be sent to a provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sent {
    /// the model
    pub model: String,
    /// its provider
    pub provider: String,
    /// `POST`
    pub method: &'static str,
    /// where to, in full
    pub url: String,
    /// the headers in order; a key is `*`, with the variable that holds it
    pub headers: Vec<(String, String)>,
    /// what each transform changed, in their order
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// the body; None: facts alone have none
    #[serde(serialize_with = "raw_json", skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// what is changed or lost on the way
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// An atom of a condition with what it saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtomTrace {
    /// as an author writes it
    pub text: String,
    /// its value; None when it failed
    pub holds: Option<bool>,
    /// why it failed
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// the facts it read
    pub saw: Vec<Seen>,
}

/// A fact that was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// its name
    pub name: String,
    /// its value
    #[serde(serialize_with = "plain_json")]
    pub value: Owned,
    /// nobody gave it: this is the default
    pub default: bool,
}

/// An attempt after it was resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptTrace {
    /// the decision that it belongs to
    pub decision: String,
    /// as an author writes it; a tag stands as its members
    pub text: String,
    /// the arm that the caller belongs to
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitTrace>,
    /// whose turn it was
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate: Option<RotateTrace>,
    /// whoever could have been chosen, in list order
    pub candidates: Vec<CandidateTrace>,
    /// what became of it
    pub resolved: Resolved,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolved {
    /// a model is tried
    Model(String),
    /// nobody can serve, the next attempt follows
    Nothing,
    /// another route decides
    Route(String),
    /// the request is refused with this status
    Reject(u16),
    /// the request is wrong in itself: the client gets this status
    Refused(u16),
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateVerdict {
    /// the one
    Chosen,
    /// it could serve, another was better or came first
    Usable,
    /// it was passed over
    Skipped,
}

/// A candidate of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CandidateTrace {
    /// its name
    pub model: String,
    /// its provider's name
    pub provider: String,
    /// what became of it
    pub verdict: CandidateVerdict,
    /// why it was passed over
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkipTrace>,
    /// what it is expected to cost, in US dollars, by counted tokens and the output to expect;
    /// None without a price
    pub estimate_usd: Option<f64>,
    /// what the strategy ranked it by: `quality 0.9`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranked_by: Option<String>,
    /// what is changed or lost in its provider's protocol
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// what each of its transforms changed in what would be sent, in their order
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// what the request asks for and it does not declare: the request is adapted
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adapted: Vec<&'static str>,
}

/// Why a candidate was passed over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SkipTrace {
    /// one word
    pub kind: &'static str,
    /// a sentence
    pub text: String,
}

/// What a split did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitTrace {
    /// where the hashed value comes from: `user.id`
    pub by: String,
    /// the hashed value
    pub value: String,
    /// what the policy wanted to hash, where that is empty
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// the arms, in order
    pub arms: Vec<ArmTrace>,
}

/// An arm of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmTrace {
    /// where it leads
    pub text: String,
    /// its share, 0 to 100
    pub percent: f64,
    /// ln(u) / share, for programs; the greatest wins; None for an arm without a share
    pub draw: Option<f64>,
    /// the caller belongs to it
    pub chosen: bool,
}

/// Where in its round a rotation stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RotateTrace {
    /// the ticket that came in
    pub ticket: u64,
    /// the position in the round, from 0
    pub position: usize,
    /// the round's length
    pub round: usize,
    /// whose turn it was
    pub turn: String,
}

/// A body as it is; one that is no JSON as a string.
fn raw_json<S: Serializer>(body: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = body.as_ref().and_then(|body| serde_json::value::RawValue::from_string(body.clone()).ok());
    match raw {
        Some(raw) => raw.serialize(serializer),
        None => body.serialize(serializer),
    }
}

fn plain_json<S: Serializer>(value: &Owned, serializer: S) -> Result<S::Ok, S::Error> {
    match value.as_fact() {
        Fact::Bool(value) => serializer.serialize_bool(value),
        Fact::Int(value) => serializer.serialize_i64(value),
        Fact::Double(value) => serializer.serialize_f64(value),
        Fact::Str(text) => serializer.serialize_str(text),
        Fact::List(items) => serializer.collect_seq(items),
        Fact::Time(moment) => serializer.serialize_str(&moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
    }
}
