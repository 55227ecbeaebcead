//! The variable table: every name that a condition can read, with type, bounds, cost and meaning.
//! The checker, the documentation, completion and the tests all read this one table.

use crate::bounds::MAX_FACT_INT;

/// The type of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FactType {
    /// true or false
    Bool,
    /// a 64-bit whole number
    Int,
    /// a 64-bit floating-point number
    Double,
    /// text
    Str,
    /// a list of texts, at most [`crate::bounds::MAX_LIST_LENGTH`] long
    List,
    /// a moment
    Time,
}

/// Where a variable can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// in every condition
    Request,
    /// only where a candidate is being judged: `where`, `require`, `alert`
    Model,
}

/// The range of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// not a number
    None,
    /// both ends belong to it
    Int(i64, i64),
    /// both ends belong to it
    Double(f64, f64),
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// the variable
    pub var: Var,
    /// its name as an author writes it
    pub path: &'static str,
    /// its type
    pub ty: FactType,
    /// the range of its values
    pub range: Range,
    /// the only values it can have; empty when it is free
    pub values: &'static [&'static str],
    /// cost of reading it: 0 a field, 1 a short walk, 2 a walk over the last messages or blocks,
    /// 3 all text, 4 counting tokens
    pub tier: u8,
    /// where it can be read
    pub scope: Scope,
    /// false: known to the language, but this version does not measure it (P0708)
    pub served: bool,
    /// what it means
    pub doc: &'static str,
}

/// Every variable. The number of a variable is its row in [`VARIABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Var {
    /// `request.model`
    RequestModel,
    /// `request.protocol`
    RequestProtocol,
    /// `request.stream`
    RequestStream,
    /// `request.text`
    RequestText,
    /// `request.history`
    RequestHistory,
    /// `request.system`
    RequestSystem,
    /// `request.tokens`
    RequestTokens,
    /// `request.max_tokens`
    RequestMaxTokens,
    /// `request.turns`
    RequestTurns,
    /// `request.tools`
    RequestTools,
    /// `request.server_tools`
    RequestServerTools,
    /// `request.images`
    RequestImages,
    /// `request.thinking`
    RequestThinking,
    /// `request.thinking_budget`
    RequestThinkingBudget,
    /// `request.effort`
    RequestEffort,
    /// `request.json`
    RequestJson,
    /// `request.task`
    RequestTask,
    /// `request.complexity`
    RequestComplexity,
    /// `request.subagent`
    RequestSubagent,
    /// `request.client`
    RequestClient,
    /// `session.id`
    SessionId,
    /// `session.turns`
    SessionTurns,
    /// `session.last_tokens`
    SessionLastTokens,
    /// `session.last_model`
    SessionLastModel,
    /// `tenant.id`
    TenantId,
    /// `tenant.tier`
    TenantTier,
    /// `tenant.tags`
    TenantTags,
    /// `user.id`
    UserId,
    /// `key.id`
    KeyId,
    /// `key.tags`
    KeyTags,
    /// `budget.used`
    BudgetUsed,
    /// `budget.left_usd`
    BudgetLeftUsd,
    /// `now`
    Now,
    /// `model.name`
    ModelName,
    /// `model.provider`
    ModelProvider,
    /// `model.region`
    ModelRegion,
    /// `model.tags`
    ModelTags,
    /// `model.can`
    ModelCan,
    /// `model.context`
    ModelContext,
    /// `model.output`
    ModelOutput,
    /// `model.price_in`
    ModelPriceIn,
    /// `model.price_out`
    ModelPriceOut,
    /// `model.quality`
    ModelQuality,
    /// `model.healthy`
    ModelHealthy,
    /// `model.error_rate`
    ModelErrorRate,
    /// `model.latency_p50_ms`
    ModelLatencyP50Ms,
    /// `model.latency_p95_ms`
    ModelLatencyP95Ms,
    /// `model.ttft_p95_ms`
    ModelTtftP95Ms,
    /// `model.inflight`
    ModelInflight,
    /// `model.headroom`
    ModelHeadroom,
}

impl Var {
    /// The variable with this path, such as `request.model`.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        VARIABLES.iter().find(|row| row.path == path).map(|row| row.var)
    }

    /// Its row in the table.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a test asserts that every variable has its row")]
    pub fn row(self) -> &'static Variable {
        &VARIABLES[self as usize]
    }

    /// Its name as an author writes it.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.row().path
    }
}

/// Shortens the table below.
const fn row(var: Var, path: &'static str, ty: FactType, tier: u8, scope: Scope, doc: &'static str) -> Variable {
    Variable { var, path, ty, range: Range::None, values: &[], tier, scope, served: true, doc }
}

impl Variable {
    const fn ints(mut self) -> Self {
        self.range = Range::Int(0, MAX_FACT_INT);
        self
    }
    const fn between(mut self, low: f64, high: f64) -> Self {
        self.range = Range::Double(low, high);
        self
    }
    const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }
    const fn not_served(mut self) -> Self {
        self.served = false;
        self
    }
}

/// Functions of `request` that read a header or a metadata value by a literal name.
pub const ACCESSORS: &[(&str, &str)] = &[
    ("header", "a request header by its name; \"\" when absent"),
    ("header_int", "a request header as a whole number; the second argument when absent or not a number"),
    ("meta", "a text of the request's `metadata`; \"\" when absent"),
    ("meta_int", "a value of `metadata` as a whole number; the second argument when absent or not a number"),
];

/// The table.
pub const VARIABLES: &[Variable] = &[
    row(Var::RequestModel, "request.model", FactType::Str, 0, Scope::Request, "the model name that the client asked for"),
    row(Var::RequestProtocol, "request.protocol", FactType::Str, 0, Scope::Request, "the protocol that the client speaks").one_of(&["anthropic", "chat", "responses", "gemini", "simple", "embeddings"]),
    row(Var::RequestStream, "request.stream", FactType::Bool, 0, Scope::Request, "the client asked for a stream"),
    row(Var::RequestText, "request.text", FactType::Str, 2, Scope::Request, "the text of the last user message that has any; tool results and `<system-reminder>` blocks are left out"),
    row(Var::RequestHistory, "request.history", FactType::Str, 3, Scope::Request, "the text of all messages, in order, joined by line feeds"),
    row(Var::RequestSystem, "request.system", FactType::Str, 2, Scope::Request, "the system blocks, without Claude Code's billing line"),
    row(Var::RequestTokens, "request.tokens", FactType::Int, 4, Scope::Request, "tokens of everything that is sent, counted with o200k, plus 4 a message and the documented estimate of each image and document").ints(),
    row(Var::RequestMaxTokens, "request.max_tokens", FactType::Int, 0, Scope::Request, "the most tokens that the client accepts; 0 when absent").ints(),
    row(Var::RequestTurns, "request.turns", FactType::Int, 1, Scope::Request, "user messages in the conversation, tool results not counted").ints(),
    row(Var::RequestTools, "request.tools", FactType::List, 1, Scope::Request, "names of the tools that the client offers"),
    row(Var::RequestServerTools, "request.server_tools", FactType::List, 1, Scope::Request, "types of the tools that the provider runs, such as `web_search_20250305`"),
    row(Var::RequestImages, "request.images", FactType::Int, 2, Scope::Request, "images in the conversation").ints(),
    row(Var::RequestThinking, "request.thinking", FactType::Bool, 0, Scope::Request, "thinking is asked for (enabled or adaptive)"),
    row(Var::RequestThinkingBudget, "request.thinking_budget", FactType::Int, 0, Scope::Request, "tokens that thinking may use; 0 when absent").ints(),
    row(Var::RequestEffort, "request.effort", FactType::Str, 0, Scope::Request, "the effort asked for, such as `low` or `high`; \"\" when absent"),
    row(Var::RequestJson, "request.json", FactType::Bool, 0, Scope::Request, "the answer has to be JSON"),
    row(Var::RequestTask, "request.task", FactType::Str, 3, Scope::Request, "the kind of task, by a documented heuristic").one_of(&["chat", "simple_qa", "coding", "long_context", "multimodal", "creative", "tool_use"]),
    row(Var::RequestComplexity, "request.complexity", FactType::Double, 3, Scope::Request, "how hard the task looks, 0 to 1, by a documented heuristic").between(0.0, 1.0),
    row(Var::RequestSubagent, "request.subagent", FactType::Str, 2, Scope::Request, "the model named in a `<CCR-SUBAGENT-MODEL>` tag; \"\" when absent"),
    row(Var::RequestClient, "request.client", FactType::Str, 0, Scope::Request, "the program that asks, from its user agent").one_of(&["claude-code", "codex", "sdk", "other"]),
    row(Var::SessionId, "session.id", FactType::Str, 1, Scope::Request, "the conversation's id; \"\" when the client sends none"),
    row(Var::SessionTurns, "session.turns", FactType::Int, 1, Scope::Request, "requests already seen in this conversation").ints(),
    row(Var::SessionLastTokens, "session.last_tokens", FactType::Int, 1, Scope::Request, "input tokens of the conversation's last answered request").ints(),
    row(Var::SessionLastModel, "session.last_model", FactType::Str, 1, Scope::Request, "the model that answered last in this conversation"),
    row(Var::TenantId, "tenant.id", FactType::Str, 0, Scope::Request, "the tenant's name; `default` when no key names one"),
    row(Var::TenantTier, "tenant.tier", FactType::Str, 0, Scope::Request, "the tenant's `tier`"),
    row(Var::TenantTags, "tenant.tags", FactType::List, 0, Scope::Request, "the tenant's `tags`"),
    row(Var::UserId, "user.id", FactType::Str, 1, Scope::Request, "the end user, from the request's own user field; \"\" when absent"),
    row(Var::KeyId, "key.id", FactType::Str, 0, Scope::Request, "the client key's name (of its environment variable); \"\" without keys"),
    row(Var::KeyTags, "key.tags", FactType::List, 0, Scope::Request, "the client key's tags"),
    row(Var::BudgetUsed, "budget.used", FactType::Double, 0, Scope::Request, "share of the tenant's budget that is used; 1.0 is all of it").between(0.0, 1000000000000.0).not_served(),
    row(Var::BudgetLeftUsd, "budget.left_usd", FactType::Double, 0, Scope::Request, "US dollars left in the tenant's budget").between(-1000000000000.0, 1000000000000.0).not_served(),
    row(Var::Now, "now", FactType::Time, 0, Scope::Request, "the moment the request came in, the same for the whole request"),
    row(Var::ModelName, "model.name", FactType::Str, 0, Scope::Model, "the candidate's name in the policy"),
    row(Var::ModelProvider, "model.provider", FactType::Str, 0, Scope::Model, "the name of the candidate's provider"),
    row(Var::ModelRegion, "model.region", FactType::Str, 0, Scope::Model, "the region of the candidate, else of its provider"),
    row(Var::ModelTags, "model.tags", FactType::List, 0, Scope::Model, "the candidate's tags"),
    row(Var::ModelCan, "model.can", FactType::List, 0, Scope::Model, "the candidate's capabilities"),
    row(Var::ModelContext, "model.context", FactType::Int, 0, Scope::Model, "tokens of context; 0 when not declared").ints(),
    row(Var::ModelOutput, "model.output", FactType::Int, 0, Scope::Model, "most tokens of an answer; 0 when not declared").ints(),
    row(Var::ModelPriceIn, "model.price_in", FactType::Double, 0, Scope::Model, "US dollars a million input tokens; 0 when not declared").between(0.0, 1000000000.0),
    row(Var::ModelPriceOut, "model.price_out", FactType::Double, 0, Scope::Model, "US dollars a million output tokens; 0 when not declared").between(0.0, 1000000000.0),
    row(Var::ModelQuality, "model.quality", FactType::Double, 0, Scope::Model, "the declared quality; 0 when not declared").between(0.0, 1000000000.0),
    row(Var::ModelHealthy, "model.healthy", FactType::Bool, 0, Scope::Model, "its breaker is closed").not_served(),
    row(Var::ModelErrorRate, "model.error_rate", FactType::Double, 0, Scope::Model, "share of failed attempts").between(0.0, 1.0).not_served(),
    row(Var::ModelLatencyP50Ms, "model.latency_p50_ms", FactType::Int, 0, Scope::Model, "median duration of an answer, in milliseconds").ints().not_served(),
    row(Var::ModelLatencyP95Ms, "model.latency_p95_ms", FactType::Int, 0, Scope::Model, "95th percentile of the duration of an answer, in milliseconds").ints().not_served(),
    row(Var::ModelTtftP95Ms, "model.ttft_p95_ms", FactType::Int, 0, Scope::Model, "95th percentile of the time to the first token, in milliseconds").ints().not_served(),
    row(Var::ModelInflight, "model.inflight", FactType::Int, 0, Scope::Model, "requests under way").ints().not_served(),
    row(Var::ModelHeadroom, "model.headroom", FactType::Double, 0, Scope::Model, "share of its limit that is still free").between(0.0, 1.0).not_served(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_stands_in_its_own_row() {
        for (index, row) in VARIABLES.iter().enumerate() {
            assert_eq!(row.var as usize, index, "{}", row.path);
            assert_eq!(Var::from_path(row.path), Some(row.var));
            assert_eq!(row.var.path(), row.path);
        }
    }
}
