//! A checked policy: every name resolved to a number, every value of the right kind, every
//! condition typed. Whoever decides, explains, compiles or serves reads this and never the text.
//!
//! It holds no secret: `env("X")` stays the name `X`.

use std::time::Duration;

use crate::diag::Span;
pub use crate::dsl::explicit::{EXPLICIT_RULE, EXPLICIT_TAG, Explicit};
use crate::dsl::expr::typed::Expr;
use crate::dsl::transform::Transform;
use crate::facts::given::GivenFacts;
use crate::facts::world::ModelState;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            /// As an index into the policy's list.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A provider's number in [`Policy::providers`].
    ProviderId;
    /// A model's number in [`Policy::models`].
    ModelId;
    /// A pool's number in [`Policy::pools`].
    PoolId;
    /// A tenant's number in [`Policy::tenants`].
    TenantId;
    /// A route's number in [`Policy::routes`].
    RouteId;
}

/// A whole policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// in the order of declaration, as are all lists here
    pub providers: Vec<Provider>,
    /// the models
    pub models: Vec<Model>,
    /// the pools
    pub pools: Vec<Pool>,
    /// the tenants
    pub tenants: Vec<Tenant>,
    /// the routes; every one ends in its default
    pub routes: Vec<Route>,
    /// the tests
    pub tests: Vec<Test>,
    /// the promises
    pub invariants: Vec<Invariant>,
    /// what holds for every rule that says nothing else
    pub defaults: Options,
    /// every environment variable that the policy names, each once, with its first place
    pub env: Vec<EnvRef>,
    /// 16 hex digits over the names and texts of all files
    pub digest: String,
}

/// `env("X")`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvRef {
    /// the variable's name
    pub name: String,
    /// where it is named first
    pub span: Span,
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// OpenAI Chat Completions
    OpenAi,
    /// Anthropic Messages
    Anthropic,
    /// OpenAI Responses
    Responses,
    /// Gemini (not served by this version)
    Gemini,
    /// the built-in fake upstream
    Mock,
}

/// A count a span of time: `600/min`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// how many
    pub count: f64,
    /// in which time
    pub per: Duration,
}

/// A place that serves models.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// its name
    pub name: String,
    /// what it speaks
    pub kind: ProviderKind,
    /// base URL as written, without a slash at its end. OpenAI: `/chat/completions` is put behind
    /// it. Anthropic: `/v1/messages`, or `/messages` when it ends in `/v1`. None only for `mock`.
    pub base: Option<String>,
    /// the environment variable that holds its key
    pub key: Option<String>,
    /// where it stands
    pub region: Option<String>,
    /// further headers for every request, values literal
    pub headers: Vec<(String, String)>,
    /// the knobs of a `mock` provider
    pub mock: MockKnobs,
    /// where its name stands
    pub span: Span,
}

/// How the built-in fake upstream behaves: `latency: 20ms`, `fail: 5%`, `status: 503`,
/// `hang: true`, `cut: 5`, `chunks: 20`, `chunk_delay: 10ms`, `reply: "…"`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MockKnobs {
    /// wait before the answer begins
    pub latency: Duration,
    /// share of requests that fail, 0.0 to 1.0
    pub fail: f64,
    /// the status of a failing request (500 when 0); with `fail` unset every request gets it
    pub status: u16,
    /// never answer
    pub hang: bool,
    /// cut a stream's connection after this many content chunks
    pub cut: Option<u32>,
    /// content chunks of a stream
    pub chunks: Option<u32>,
    /// wait between the chunks of a stream
    pub chunk_delay: Duration,
    /// what it says; by default it says which model was asked what
    pub reply: Option<String>,
    /// the wire format to reach it by (`wire: openai`); None: the one that the client speaks
    pub wire: Option<ProviderKind>,
}

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Capability {
    Tools,
    Vision,
    Documents,
    Audio,
    Thinking,
    JsonSchema,
    ParallelTools,
    WebSearch,
}

impl Capability {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Tools,
        Self::Vision,
        Self::Documents,
        Self::Audio,
        Self::Thinking,
        Self::JsonSchema,
        Self::ParallelTools,
        Self::WebSearch,
    ];

    /// The word in `can: […]`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Vision => "vision",
            Self::Documents => "documents",
            Self::Audio => "audio",
            Self::Thinking => "thinking",
            Self::JsonSchema => "json_schema",
            Self::ParallelTools => "parallel_tools",
            Self::WebSearch => "web_search",
        }
    }
}

/// US dollars a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// fresh input
    pub input: f64,
    /// output
    pub output: f64,
    /// input read from the provider's cache; `input` when not declared
    pub cache_read: Option<f64>,
    /// input written to the provider's cache; `input` when not declared
    pub cache_write: Option<f64>,
}

/// A model at a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// its name in the policy
    pub name: String,
    /// who serves it
    pub provider: ProviderId,
    /// the name the provider knows it by (its own name when not declared)
    pub upstream: String,
    /// most tokens of input and output together
    pub context: Option<u64>,
    /// most tokens of an answer
    pub output: Option<u64>,
    /// what it costs
    pub price: Option<Price>,
    /// what it can do (`[tools]` when not declared)
    pub can: Vec<Capability>,
    /// its tags
    pub tags: Vec<String>,
    /// its quality as a number, for `best` and `where`
    pub quality: Option<f64>,
    /// its quality by task (`quality: { coding: 0.9, other: 0.5 }`; `other` goes to `quality`)
    pub quality_by_task: Vec<(String, f64)>,
    /// its weight for `rotate` (1 when not declared)
    pub weight: u32,
    /// its own region, else the provider's
    pub region: Option<String>,
    /// false: it cannot stream
    pub stream: bool,
    /// what is changed in its requests and answers, in order: its preset's, its provider's, its own
    pub transforms: Vec<Transform>,
    /// where its name stands
    pub span: Span,
}

/// A named list of models.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// its name
    pub name: String,
    /// its members, in order
    pub models: Vec<ModelId>,
    /// where its name stands
    pub span: Span,
}

/// A client key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// the environment variable that holds it; also `key.id`
    pub env: String,
    /// `key.tags`
    pub tags: Vec<String>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// its name
    pub name: String,
    /// its keys
    pub keys: Vec<ClientKey>,
    /// its tier
    pub tier: String,
    /// its tags
    pub tags: Vec<String>,
    /// the models it may use; None: all
    pub models: Option<Vec<ModelId>>,
    /// where its requests enter; None: `main`
    pub route: Option<RouteId>,
    /// whether its clients may name a model; None: what `defaults` say
    pub explicit: Option<Explicit>,
    /// where its name stands
    pub span: Span,
}

/// How answers are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// how long an answer is kept; zero: not cached (`cache: off`)
    pub ttl: Duration,
}

/// Where limits are set, for messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitPlaces {
    /// the value of `deadline`
    pub deadline: Option<Span>,
    /// the value of `timeout`
    pub timeout: Option<Span>,
    /// the value of `max_cost`
    pub max_cost: Option<Span>,
}

/// What a rule, a route or `defaults` may set. None: not said here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `cache: 10m`, `cache: off`
    pub cache: Option<CacheOptions>,
    /// until the first content of a stream or the whole of another answer, over all attempts
    pub deadline: Option<Duration>,
    /// until the first content of one attempt
    pub timeout: Option<Duration>,
    /// US dollars that one request may cost (checked, not held to by this version)
    pub max_cost: Option<f64>,
    /// where these limits are set
    pub places: LimitPlaces,
    /// a word for logs and traces
    pub label: Option<String>,
    /// `explicit: tagged`, in `defaults` only: whether clients may name a model
    pub explicit: Option<Explicit>,
    /// `max_answer: 1M`, bytes, in `defaults` only: the largest answer that is cached
    pub max_answer: Option<u64>,
    /// `cache_size: 256M`, bytes, in `defaults` only: all cached answers together
    pub cache_size: Option<u64>,
}

/// An ordered list of rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// its name
    pub name: String,
    /// its rules; the last one is the default, named `default`, without a condition
    pub rules: Vec<Rule>,
    /// what holds for its rules
    pub options: Options,
    /// where its name stands
    pub span: Span,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// its name
    pub name: String,
    /// when it matches; None for the default
    pub condition: Option<Expr>,
    /// where it leads: one or more attempts
    pub attempts: Vec<Attempt>,
    /// what it sets
    pub options: Options,
    /// where its name stands
    pub span: Span,
    /// it was not written: it stands for explicit choice, and `span` is the `explicit` that allows it
    pub explicit: bool,
}

impl Route {
    /// The rules that stand in the text, with their numbers.
    pub fn written(&self) -> impl Iterator<Item = (u32, &Rule)> {
        (0_u32..).zip(&self.rules).filter(|(_, rule)| !rule.explicit)
    }
}

/// How a choice chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the language's words")]
pub enum Strategy {
    First,
    Cheapest,
    Fastest,
    Best,
    Balanced,
    Idlest,
    Rotate,
    Adaptive,
}

/// One step of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// what it is
    pub kind: AttemptKind,
    /// where it stands
    pub span: Span,
}

impl Attempt {
    /// Calls `visit` with everything that is worked out for it: each `where`, each `by`.
    pub fn for_each_expression<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            AttemptKind::Choice { filter, .. } => filter.iter().for_each(visit),
            AttemptKind::Split { arms, by } => {
                by.iter().for_each(&mut *visit);
                arms.iter().for_each(|arm| arm.attempt.for_each_expression(visit));
            }
            _ => {}
        }
    }
}

/// What a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptKind {
    /// one model
    Model(ModelId),
    /// a pool's first usable member
    Pool(PoolId),
    /// `cheapest of … where …`
    Choice {
        /// how
        strategy: Strategy,
        /// of which, in list order (a tag's members in order of declaration)
        set: Vec<ModelId>,
        /// who counts
        filter: Option<Expr>,
        /// the choice's number in the whole policy, for `rotate` tickets
        ticket: u32,
    },
    /// `split { 90% a, 10% b } by …`
    Split {
        /// its arms
        arms: Vec<Arm>,
        /// the text that decides; None: session, user, request id, the first that is not empty
        by: Option<Expr>,
    },
    /// another route, on the same facts; only the last step
    Route(RouteId),
    /// a refusal; only the last step
    Reject {
        /// 400 to 599
        status: u16,
        /// what the client reads
        text: Option<String>,
    },
}

/// One arm of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// its share, 0 to 100
    pub percent: f64,
    /// where it leads: a model, a pool, a choice or a route
    pub attempt: Attempt,
}

/// A `test` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// its title
    pub title: String,
    /// the route it enters; None: `main`, or the tenant's
    pub route: Option<RouteId>,
    /// its cases
    pub cases: Vec<Case>,
    /// where its title stands
    pub span: Span,
}

/// One `given … -> …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// the facts
    pub given: GivenFacts,
    /// the declared tenant that `tenant: NAME` names
    pub tenant: Option<TenantId>,
    /// live facts by model (a pool's go to each member)
    pub state: Vec<(ModelId, ModelState)>,
    /// what has to come out
    pub expected: Outcome,
    /// `by a/b`: routes, then the rule; empty when not said
    pub by: Vec<String>,
    /// where it stands
    pub span: Span,
}

/// What a case expects.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// the whole list of attempts after filters
    Models(Vec<ModelId>),
    /// a refusal
    Reject(u16),
}

/// A promise.
#[derive(Clone, Debug, PartialEq)]
pub struct Invariant {
    /// its title
    pub title: String,
    /// for which requests
    pub when: Expr,
    /// what every model left must satisfy
    pub require: Expr,
    /// where its title stands
    pub span: Span,
}
