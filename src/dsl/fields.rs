//! The table of fields: which keys each block takes, what stands behind them, and what they mean.
//! The check for unknown and unserved fields, completion and hover read this one table.

/// A block, or a group of fields inside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Block {
    /// `provider NAME { … }`
    Provider,
    /// a provider of `kind: mock`
    MockProvider,
    /// `model NAME on NAME { … }`
    Model,
    /// a model's `price: { … }`
    Price,
    /// a model's `quality: { … }`
    Quality,
    /// `tenant NAME { … }`
    Tenant,
    /// one of a tenant's keys, written as a group
    Key,
    /// `defaults { … }`
    Defaults,
    /// the fields of a route, and a rule's `with { … }`
    Options,
    /// `transform NAME { … }`
    Transform,
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// a string, or a word
    Text,
    /// a number, such as `0.5` or `128k`
    Number,
    /// such as `30s`
    Duration,
    /// such as `10m`, or `off`
    DurationOrOff,
    /// such as `5%`
    Percent,
    /// such as `60/min`
    Rate,
    /// such as `$200/month`
    Money,
    /// `true` or `false`
    Bool,
    /// one of a few words
    OneOf(&'static [&'static str]),
    /// a list of capabilities
    Capabilities,
    /// a list of tags that the block gets
    Tags,
    /// a list of models, pools and `tag(…)`
    Models,
    /// a route's name
    Route,
    /// `env("NAME")`
    Env,
    /// the name of a known API
    Preset,
    /// a list of transforms
    Transforms,
    /// a list of `env("NAME")` or of groups
    Keys,
    /// a group of fields
    Group(Block),
    /// a number, or a group of fields
    NumberOr(Block),
    /// a group with free keys, or anything that this version does not read
    Free,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldEntry {
    /// the key
    pub key: &'static str,
    /// what stands behind it
    pub form: Form,
    /// an example of a value
    pub example: &'static str,
    /// false: known to the language, but this version does not carry it out (P0708)
    pub served: bool,
    /// what it means, its unit and what holds when it is left out
    pub doc: &'static str,
}

/// Shortens the tables below.
const fn row(key: &'static str, form: Form, example: &'static str, doc: &'static str) -> FieldEntry {
    FieldEntry { key, form, example, served: true, doc }
}

/// A row that this version does not carry out.
const fn later(key: &'static str, form: Form, example: &'static str, doc: &'static str) -> FieldEntry {
    FieldEntry { key, form, example, served: false, doc }
}

/// The words behind a provider's `kind`.
pub(crate) const KIND_WORDS: &[&str] = &["openai", "anthropic", "responses", "gemini", "mock"];

/// The words behind `explicit`.
pub(crate) const EXPLICIT_WORDS: &[&str] = &["allow", "tagged", "deny"];

const EXPLICIT: FieldEntry = row(
    "explicit",
    Form::OneOf(EXPLICIT_WORDS),
    "tagged",
    "whether a client gets the model that it names: any, those tagged `explicit`, or none; `deny` when left out",
);
const LIMIT: FieldEntry = later("limit", Form::Rate, "600/min", "most requests in a span of time");
const CONCURRENCY: FieldEntry = later("concurrency", Form::Number, "16", "most requests at a time");
const PRESET: FieldEntry = row(
    "preset",
    Form::Preset,
    "openrouter",
    "a known API: what it wants beyond its wire format, and its address when `base` is left out",
);
const TRANSFORM: FieldEntry = row(
    "transform",
    Form::Transforms,
    "[max_tokens(8192), clean_cache]",
    "what is changed in requests and answers, in this order; a provider's come before a model's",
);
const PRESET_LATER: FieldEntry = later("preset", Form::Text, "openrouter", "a set of habits by name");
const TRANSFORM_LATER: FieldEntry =
    later("transform", Form::Free, "[max_tokens(8192)]", "changes to the request on its way out");
const TIMEOUT: FieldEntry =
    later("timeout", Form::Duration, "60s", "longest wait for the first content of one attempt");
const RETRY: FieldEntry = later("retry", Form::Free, "2", "how often an attempt is repeated");
const BREAKER: FieldEntry =
    later("breaker", Form::Free, "{ failures: 5 }", "when failures put it out of use for a while");
const BUDGET: FieldEntry = later("budget", Form::Money, "$200/month", "most money in a span of time");
const SET: FieldEntry =
    later("set", Form::Free, "{ temperature: 0 }", "parameters of the request that are overwritten");
const MAX_COST: FieldEntry = later("max_cost", Form::Money, "$0.50", "most that one request may cost");

const PROVIDER: &[FieldEntry] = &[
    row("kind", Form::OneOf(KIND_WORDS), "openai", "the protocol that it speaks"),
    row(
        "base",
        Form::Text,
        "\"https://api.example.com/v1\"",
        "its base URL; `/chat/completions` or `/v1/messages` is put behind it",
    ),
    row("key", Form::Env, "env(\"API_KEY\")", "the environment variable that holds its key"),
    row("region", Form::Text, "cn", "where it stands; conditions read it as `model.region`"),
    row("headers", Form::Free, "{ \"x-team\": \"a\" }", "further headers for every request, values literal"),
    PRESET,
    TRANSFORM,
];

/// What only a provider of kind `mock` takes.
pub(crate) const MOCK: &[FieldEntry] = &[
    row(
        "wire",
        Form::OneOf(&["openai", "anthropic", "responses", "gemini"]),
        "openai",
        "the protocol to reach it by; the client's own when left out",
    ),
    row("status", Form::Number, "503", "the status of a failing request, 100 to 599; 500 when left out"),
    row("latency", Form::Duration, "20ms", "wait before the answer begins"),
    row("fail", Form::Percent, "5%", "share of requests that fail"),
    row("hang", Form::Bool, "true", "never answer"),
    row("cut", Form::Number, "5", "cut a stream's connection after this many chunks"),
    row("chunks", Form::Number, "20", "content chunks of a stream"),
    row("chunk_delay", Form::Duration, "10ms", "wait between the chunks of a stream"),
    row("reply", Form::Text, "\"hello\"", "what it says; by default it says which model was asked what"),
];

const PROVIDER_LATER: &[FieldEntry] = &[
    LIMIT,
    CONCURRENCY,
    TIMEOUT,
    RETRY,
    BREAKER,
    BUDGET,
    later("proxy", Form::Text, "\"http://proxy.example:3128\"", "the proxy to reach it through"),
];

const MODEL: &[FieldEntry] = &[
    row("upstream", Form::Text, "\"model-name\"", "the name the provider knows it by; its own name when left out"),
    row(
        "context",
        Form::Number,
        "128k",
        "most tokens of input and output together; a larger request is not sent to it",
    ),
    row("output", Form::Number, "32k", "most tokens of an answer"),
    row(
        "price",
        Form::Group(Block::Price),
        "{ input: 0.2, output: 1.1 }",
        "US dollars a million tokens; `cheapest` needs it",
    ),
    row("can", Form::Capabilities, "[tools]", "what it can do; `[tools]` when left out"),
    row("tags", Form::Tags, "[coding]", "words that `tag(…)` finds it by"),
    row("quality", Form::NumberOr(Block::Quality), "0.8", "its quality for `best`, as a number or a number a task"),
    row("weight", Form::Number, "1", "its weight for `rotate`; 1 when left out"),
    row("region", Form::Text, "cn", "its own region; the provider's when left out"),
    row("stream", Form::Bool, "true", "false: it cannot stream; true when left out"),
    PRESET,
    TRANSFORM,
];

const MODEL_LATER: &[FieldEntry] = &[
    LIMIT,
    CONCURRENCY,
    TIMEOUT,
    RETRY,
    BREAKER,
    BUDGET,
    SET,
    later("headers", Form::Free, "{ \"x-team\": \"a\" }", "further headers for its requests"),
];

const PRICE: &[FieldEntry] = &[
    row("input", Form::Number, "0.2", "fresh input, US dollars a million tokens"),
    row("output", Form::Number, "1.1", "output, US dollars a million tokens"),
    row("cache_read", Form::Number, "0.02", "input read from the provider's cache; `input` when left out"),
    row("cache_write", Form::Number, "0.25", "input written to the provider's cache; `input` when left out"),
];

const QUALITY: &[FieldEntry] = &[
    row("other", Form::Number, "0.5", "its quality for tasks that are not listed"),
    row("chat", Form::Number, "0.7", "its quality for `request.task == \"chat\"`"),
    row("simple_qa", Form::Number, "0.7", "its quality for `request.task == \"simple_qa\"`"),
    row("coding", Form::Number, "0.9", "its quality for `request.task == \"coding\"`"),
    row("long_context", Form::Number, "0.7", "its quality for `request.task == \"long_context\"`"),
    row("multimodal", Form::Number, "0.7", "its quality for `request.task == \"multimodal\"`"),
    row("creative", Form::Number, "0.7", "its quality for `request.task == \"creative\"`"),
    row("tool_use", Form::Number, "0.7", "its quality for `request.task == \"tool_use\"`"),
];

const TENANT: &[FieldEntry] = &[
    row("keys", Form::Keys, "[env(\"TEAM_KEY\")]", "the environment variables that hold its client keys"),
    row("tier", Form::Text, "\"pro\"", "a word for conditions, `tenant.tier`"),
    row("tags", Form::Tags, "[cn-only]", "words for conditions, `tenant.tags`"),
    row("models", Form::Models, "[coder, tag(cheap)]", "the models it may use; all when left out"),
    row("route", Form::Route, "main", "where its requests enter; `main` when left out"),
    EXPLICIT,
];

const TENANT_LATER: &[FieldEntry] = &[
    BUDGET,
    LIMIT,
    CONCURRENCY,
    TRANSFORM_LATER,
    PRESET_LATER,
    later("cache", Form::DurationOrOff, "10m", "how long its answers are cached"),
    later("deadline", Form::Duration, "120s", "longest wait for an answer, over all attempts"),
    MAX_COST,
];

const KEY: &[FieldEntry] = &[
    row("key", Form::Env, "env(\"TEAM_KEY\")", "the environment variable that holds it; also `key.id`"),
    row("tags", Form::Tags, "[ci]", "words for conditions, `key.tags`"),
];

const OPTIONS: &[FieldEntry] = &[
    row("cache", Form::DurationOrOff, "10m", "how long answers are cached; not at all when left out, or `off`"),
    row(
        "deadline",
        Form::Duration,
        "120s",
        "until the first content, or the whole of an answer that is not streamed, over all attempts; 600s when left out",
    ),
    row("timeout", Form::Duration, "60s", "the same for one attempt"),
    row("label", Form::Text, "\"beta\"", "a word for logs and traces"),
];

const OPTIONS_LATER: &[FieldEntry] = &[
    RETRY,
    MAX_COST,
    later("mirror", Form::Free, "5% to coder", "a share of requests that another model gets as well"),
    SET,
    PRESET_LATER,
    later("resume", Form::Bool, "true", "continue a stream that broke on the next model"),
    later("hedge", Form::Free, "after 2s", "ask the next model too when the first is slow"),
    TRANSFORM_LATER,
    LIMIT,
    CONCURRENCY,
    BUDGET,
];

const TRANSFORM_BLOCK: &[FieldEntry] = &[
    row(
        "set",
        Form::Free,
        "{ temperature: 0.2, \"metadata.team\": tenant.id }",
        "members that get a value, a constant or an expression; dots lead into groups",
    ),
    row("remove", Form::Free, "[user, \"metadata.user_id\"]", "members that go"),
    row("rename", Form::Free, "{ max_tokens: max_output_tokens }", "members that get another name"),
    row("append", Form::Free, "{ stop: \"END\" }", "values that are put behind the last one of a list"),
    row("headers", Form::Free, "{ \"x-user\": user.id }", "further headers, texts or expressions that give one"),
];

/// What only `defaults` takes.
pub(crate) const ONLY_DEFAULTS: &[FieldEntry] = &[
    EXPLICIT,
    row("max_answer", Form::Number, "1M", "the largest answer that is cached, in bytes; 1M when left out"),
    row("cache_size", Form::Number, "256M", "all cached answers together, in bytes; 256M when left out"),
];

/// The fields that a block takes, in the order in which they are named to an author.
pub fn fields(block: Block) -> impl Iterator<Item = &'static FieldEntry> {
    let groups: [&'static [FieldEntry]; 3] = match block {
        Block::Provider => [PROVIDER, &[], PROVIDER_LATER],
        Block::MockProvider => [PROVIDER, MOCK, PROVIDER_LATER],
        Block::Model => [MODEL, &[], MODEL_LATER],
        Block::Price => [PRICE, &[], &[]],
        Block::Quality => [QUALITY, &[], &[]],
        Block::Tenant => [TENANT, &[], TENANT_LATER],
        Block::Key => [KEY, &[], &[]],
        Block::Defaults => [OPTIONS, OPTIONS_LATER, ONLY_DEFAULTS],
        Block::Options => [OPTIONS, &[], OPTIONS_LATER],
        Block::Transform => [TRANSFORM_BLOCK, &[], &[]],
    };
    groups.into_iter().flatten()
}

/// The row of a key.
#[must_use]
pub fn field(block: Block, key: &str) -> Option<&'static FieldEntry> {
    fields(block).find(|row| row.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_names_every_task() {
        let tasks = crate::facts::Var::RequestTask.row().values.iter().copied();
        let keys: Vec<&str> = fields(Block::Quality).map(|row| row.key).collect();
        assert_eq!(keys, std::iter::once("other").chain(tasks).collect::<Vec<_>>());
    }
}
