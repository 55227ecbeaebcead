//! What a policy changes in requests and answers of a model: `transform: […]` and `preset: NAME`, with
//! every name and argument resolved. Who carries it out is the protocol room; this is only what is
//! wanted.
//!
//! [`table`] says what an author may write, [`presets`] what is known of the APIs in the world.

pub mod presets;
pub mod table;

use crate::dsl::expr::plain::Computed;
use crate::dsl::policy::{Capability, Model};

use presets::Preset;

/// One change. A model has a chain of them: its preset's, its provider's, its own, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// `preset: NAME`: what is known of an API; at most one, and the first
    Preset(&'static Preset),
    /// `max_tokens(8192)`: a cap on the tokens of an answer, set when the client gives none
    MaxTokens(u64),
    /// `max_completion_tokens`: the cap goes under this name
    MaxCompletionTokens,
    /// `sampling({ temperature: 0.2, top_p: max(0.9), top_k: off })`: parameters that are forced, capped
    /// or left out
    Sampling(Vec<Sampling>),
    /// `params({ … })`: members merged into the body; values are JSON text
    Params(Vec<(String, String)>),
    /// `headers({ … })`: further headers
    Headers(Vec<(String, String)>),
    /// `clean_cache`: no `cache_control`
    CleanCache,
    /// `stream_options(off)`: whether a stream's usage is asked for by `stream_options`
    StreamOptions(bool),
    /// `reasoning`: earlier thinking goes back as `reasoning_content`, thinking comes out of it
    Reasoning,
    /// `think_tag`: `<think>…</think>` in the text is thinking
    ThinkTag,
    /// `tool_use`: a tool must be called; an exit tool takes the plain answer
    ToolUse,
    /// `tool_repair`: broken JSON of tool calls is mended
    ToolRepair,
    /// `schema_clean` or `schema_clean("format", …)`: keywords taken out of JSON schemas; empty: those
    /// that the wire is known to refuse
    SchemaClean(Vec<String>),
    /// `system_as_user`: system text stands in the first user message
    SystemAsUser,
    /// `trim_history` or `trim_history(64k)`: the oldest turns are dropped until the request fits this
    /// many tokens; None: the model's context less its answer
    TrimHistory(Option<u64>),
    /// `emulate_tools`: tools are described in words, calls are read from the text
    EmulateTools,
    /// `web_search(native)` or `web_search(off)`: true: the provider's own search is used
    WebSearch(bool),
    /// a `transform NAME { … }` block
    User(UserTransform),
}

impl Transform {
    /// As an author writes its name; a block of the policy's own by its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Preset(_) => "preset",
            Self::MaxTokens(_) => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::Sampling(_) => "sampling",
            Self::Params(_) => "params",
            Self::Headers(_) => "headers",
            Self::CleanCache => "clean_cache",
            Self::StreamOptions(_) => "stream_options",
            Self::Reasoning => "reasoning",
            Self::ThinkTag => "think_tag",
            Self::ToolUse => "tool_use",
            Self::ToolRepair => "tool_repair",
            Self::SchemaClean(_) => "schema_clean",
            Self::SystemAsUser => "system_as_user",
            Self::TrimHistory(_) => "trim_history",
            Self::EmulateTools => "emulate_tools",
            Self::WebSearch(_) => "web_search",
            Self::User(user) => &user.name,
        }
    }

    /// Whether what it does depends on more of a request than its body: a value is computed.
    #[must_use]
    pub fn computes(&self) -> bool {
        let Self::User(user) = self else { return false };
        let of_edit = |edit: &Edit| match &edit.action {
            EditAction::Set(template) | EditAction::Append(template) => template.computes(),
            EditAction::Remove | EditAction::Rename(_) => false,
        };
        user.edits.iter().any(of_edit) || user.headers.iter().any(|(_, template)| template.computes())
    }
}

/// What becomes of one sampling parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// `temperature`, `top_p`, `top_k`, `frequency_penalty`, `presence_penalty`
    pub parameter: String,
    /// what is done to it
    pub rule: SamplingRule,
}

/// See [`Sampling`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SamplingRule {
    /// set, whatever the client says
    Force(f64),
    /// lowered when it is greater
    Cap(f64),
    /// left out
    Remove,
}

/// A transform of the policy's own.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTransform {
    /// its name
    pub name: String,
    /// what it does to the body, in order
    pub edits: Vec<Edit>,
    /// further headers; every value is a text
    pub headers: Vec<(String, Template)>,
}

/// One edit of the body that is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// where: members from the outermost object inwards
    pub path: Vec<String>,
    /// what
    pub action: EditAction,
}

/// See [`Edit`].
#[derive(Clone, Debug, PartialEq)]
pub enum EditAction {
    /// the member gets this value
    Set(Template),
    /// the member goes
    Remove,
    /// the member gets another name in its place
    Rename(String),
    /// the value is put behind the last element of a list; a list that is not there is begun
    Append(Template),
}

/// A value to be written as JSON. What is the same for every request is written already.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// JSON text
    Json(String),
    /// what an expression gives for a request
    Computed(Box<Computed>),
    /// a list in which something is computed
    List(Vec<Template>),
    /// an object in which something is computed
    Map(Vec<(String, Template)>),
}

impl Template {
    fn computes(&self) -> bool {
        match self {
            Self::Json(_) => false,
            Self::Computed(_) => true,
            Self::List(items) => items.iter().any(Self::computes),
            Self::Map(members) => members.iter().any(|(_, template)| template.computes()),
        }
    }
}

impl Model {
    /// Whether requests that need this can be sent to it: it can do it, or it is made up for. The
    /// last word on web search is that of a `web_search` transform.
    #[must_use]
    pub fn serves(&self, capability: Capability) -> bool {
        serves(&self.can, &self.transforms, capability)
    }

    /// The context that a whole request has to fit into; None when there is none, or when the history
    /// is trimmed until it fits.
    #[must_use]
    pub fn fitting_context(&self) -> Option<u64> {
        let trims = self.transforms.iter().any(|transform| matches!(transform, Transform::TrimHistory(_)));
        self.context.filter(|_| !trims)
    }
}

/// See [`Model::serves`], for whoever has only these two of a model.
#[must_use]
pub fn serves(can: &[Capability], transforms: &[Transform], capability: Capability) -> bool {
    let said = transforms.iter().rev().find_map(|transform| match (capability, transform) {
        (Capability::WebSearch, Transform::WebSearch(native)) => Some(*native),
        (Capability::Tools, Transform::EmulateTools) => Some(true),
        _ => None,
    });
    said.unwrap_or_else(|| can.contains(&capability))
}
