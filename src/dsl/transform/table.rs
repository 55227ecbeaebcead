//! The table of built-in transforms: what an author may write in `transform: […]`. The check for
//! names and arguments, completion, hover and the documentation read this one table.

use crate::dsl::policy::ProviderKind::{self, Anthropic, Gemini, OpenAi, Responses};

/// What stands in a transform's brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// nothing, and no brackets
    None,
    /// a whole number of tokens
    Tokens,
    /// nothing, or a whole number of tokens
    MaybeTokens,
    /// a group of sampling parameters: a number, `max(NUMBER)` or `off` each
    Sampling,
    /// a group of values of any kind
    Values,
    /// a group of texts by header
    Headers,
    /// `on` or `off`
    Switch,
    /// nothing, or words
    Words,
    /// `native` or `off`
    Search,
}

/// One built-in transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformEntry {
    /// its name
    pub name: &'static str,
    /// what stands in its brackets
    pub arguments: Arguments,
    /// how it is written
    pub example: &'static str,
    /// the kinds of providers that it can be used with; empty: all
    pub kinds: &'static [ProviderKind],
    /// what it does
    pub doc: &'static str,
}

const fn row(
    name: &'static str,
    arguments: Arguments,
    example: &'static str,
    kinds: &'static [ProviderKind],
    doc: &'static str,
) -> TransformEntry {
    TransformEntry { name, arguments, example, kinds, doc }
}

/// Every built-in transform, in the order in which they are listed to an author.
pub const TRANSFORMS: &[TransformEntry] = &[
    row(
        "max_tokens",
        Arguments::Tokens,
        "max_tokens(8192)",
        &[],
        "caps the tokens of an answer, and sets the cap when the client gives none; a thinking budget that no longer fits is halved with it",
    ),
    row(
        "max_completion_tokens",
        Arguments::None,
        "max_completion_tokens",
        &[OpenAi],
        "the cap on an answer's tokens goes under `max_completion_tokens`, which newer models want in place of `max_tokens`",
    ),
    row(
        "sampling",
        Arguments::Sampling,
        "sampling({ temperature: 0.2, top_p: max(0.9), top_k: off })",
        &[],
        "sets, caps or leaves out `temperature`, `top_p`, `top_k`, `frequency_penalty` and `presence_penalty`, whatever the client asks for",
    ),
    row(
        "params",
        Arguments::Values,
        "params({ provider: { order: [\"deepinfra\"] } })",
        &[],
        "merges values into the body; groups into groups, every other value replaces what is there",
    ),
    row("headers", Arguments::Headers, "headers({ \"x-title\": \"ccr\" })", &[], "adds headers to the request"),
    row(
        "clean_cache",
        Arguments::None,
        "clean_cache",
        &[],
        "takes out every `cache_control`, for upstreams that refuse it",
    ),
    row(
        "stream_options",
        Arguments::Switch,
        "stream_options(off)",
        &[OpenAi],
        "whether a stream's usage is asked for by `stream_options`, which some servers refuse; it is, unless this says `off`",
    ),
    row(
        "reasoning",
        Arguments::None,
        "reasoning",
        &[OpenAi],
        "earlier thinking goes back to the model as `reasoning_content`",
    ),
    row("think_tag", Arguments::None, "think_tag", &[], "`<think>…</think>` in an answer's text becomes thinking"),
    row(
        "tool_use",
        Arguments::None,
        "tool_use",
        &[],
        "makes a weak model call tools: one must be called, and an exit tool takes the plain answer",
    ),
    row("tool_repair", Arguments::None, "tool_repair", &[], "mends the broken JSON of tool calls"),
    row(
        "schema_clean",
        Arguments::Words,
        "schema_clean(\"format\", \"pattern\")",
        &[],
        "takes keywords out of the JSON schemas of tools and answers; without any, those that the upstream is known to refuse",
    ),
    row(
        "system_as_user",
        Arguments::None,
        "system_as_user",
        &[],
        "puts the system text into the first user message, for models without a system role",
    ),
    row(
        "trim_history",
        Arguments::MaybeTokens,
        "trim_history(64k)",
        &[],
        "drops the oldest turns until the request fits this many tokens, without tearing a tool call from its result; without a number, the model's context less its answer",
    ),
    row(
        "emulate_tools",
        Arguments::None,
        "emulate_tools",
        &[],
        "describes tools in words and reads calls from the text, for models without tools",
    ),
    row(
        "web_search",
        Arguments::Search,
        "web_search(off)",
        &[],
        "whether a web search that the client asks for is run by the provider (`native`) or left out (`off`)",
    ),
];

/// The row of a name.
#[must_use]
pub fn entry(name: &str) -> Option<&'static TransformEntry> {
    TRANSFORMS.iter().find(|row| row.name == name)
}

/// A parameter of `sampling`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingEntry {
    /// its name, as in Chat Completions
    pub name: &'static str,
    /// the least value
    pub least: f64,
    /// the greatest value
    pub most: f64,
    /// only whole numbers
    pub whole: bool,
    /// the kinds of providers whose protocol has it
    pub kinds: &'static [ProviderKind],
}

/// The parameters of `sampling`.
pub const SAMPLING: &[SamplingEntry] = &[
    SamplingEntry {
        name: "temperature",
        least: 0.0,
        most: 2.0,
        whole: false,
        kinds: &[OpenAi, Anthropic, Responses, Gemini],
    },
    SamplingEntry {
        name: "top_p",
        least: 0.0,
        most: 1.0,
        whole: false,
        kinds: &[OpenAi, Anthropic, Responses, Gemini],
    },
    SamplingEntry { name: "top_k", least: 0.0, most: 1e6, whole: true, kinds: &[OpenAi, Anthropic, Gemini] },
    SamplingEntry { name: "frequency_penalty", least: -2.0, most: 2.0, whole: false, kinds: &[OpenAi, Gemini] },
    SamplingEntry { name: "presence_penalty", least: -2.0, most: 2.0, whole: false, kinds: &[OpenAi, Gemini] },
];

/// What a member of a body must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberType {
    /// a number
    Number,
    /// a whole number
    Whole,
    /// a text
    Text,
    /// `true` or `false`
    Truth,
    /// a list
    List,
    /// a text, or a list
    TextOrList,
    /// an object
    Object,
}

impl MemberType {
    /// A few words for messages.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Whole => "a whole number",
            Self::Text => "a text",
            Self::Truth => "true or false",
            Self::List => "a list",
            Self::TextOrList => "a text or a list",
            Self::Object => "a group",
        }
    }
}

/// Members whose type is the same in every protocol that has them, by path. Others may be anything.
pub const MEMBERS: &[(&str, MemberType)] = &[
    ("temperature", MemberType::Number),
    ("top_p", MemberType::Number),
    ("top_k", MemberType::Whole),
    ("frequency_penalty", MemberType::Number),
    ("presence_penalty", MemberType::Number),
    ("max_tokens", MemberType::Whole),
    ("max_completion_tokens", MemberType::Whole),
    ("max_output_tokens", MemberType::Whole),
    ("seed", MemberType::Whole),
    ("n", MemberType::Whole),
    ("user", MemberType::Text),
    ("stop", MemberType::TextOrList),
    ("stop_sequences", MemberType::List),
    ("reasoning_effort", MemberType::Text),
    ("service_tier", MemberType::Text),
    ("parallel_tool_calls", MemberType::Truth),
    ("store", MemberType::Truth),
    ("metadata", MemberType::Object),
    ("stream_options", MemberType::Object),
    ("response_format", MemberType::Object),
    ("reasoning", MemberType::Object),
    ("thinking", MemberType::Object),
    ("thinking.budget_tokens", MemberType::Whole),
    ("generationConfig", MemberType::Object),
    ("generationConfig.temperature", MemberType::Number),
    ("generationConfig.topP", MemberType::Number),
    ("generationConfig.topK", MemberType::Number),
    ("generationConfig.maxOutputTokens", MemberType::Whole),
    ("generationConfig.stopSequences", MemberType::List),
    ("tools", MemberType::List),
];

/// The least and the greatest number of members, where every API agrees; -1 stands where some servers take
/// it for "no limit".
pub const RANGES: &[(&str, f64, f64)] = &[
    ("temperature", 0.0, 2.0),
    ("top_p", 0.0, 1.0),
    ("top_k", -1.0, 1e6),
    ("frequency_penalty", -2.0, 2.0),
    ("presence_penalty", -2.0, 2.0),
    ("max_tokens", -1.0, 1e9),
    ("max_completion_tokens", -1.0, 1e9),
    ("max_output_tokens", 1.0, 1e9),
    ("n", 1.0, 1e6),
    ("thinking.budget_tokens", 0.0, 1e9),
    ("generationConfig.temperature", 0.0, 2.0),
    ("generationConfig.topP", 0.0, 1.0),
    ("generationConfig.topK", 0.0, 1e6),
    ("generationConfig.maxOutputTokens", 1.0, 1e9),
];

/// The group whose members are texts in every protocol that has it.
pub const TEXTS: &str = "metadata";

/// Members that the gateway writes itself: which model is asked, what is said, whether it streams.
pub const OWNED: &[&str] = &["model", "messages", "input", "contents", "stream"];

/// The word of a provider's kind.
#[must_use]
pub fn kind_word(kind: ProviderKind) -> &'static str {
    match kind {
        OpenAi => "openai",
        Anthropic => "anthropic",
        Responses => "responses",
        Gemini => "gemini",
        ProviderKind::Mock => "mock",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_once_and_examples_begin_with_them() {
        for (number, row) in TRANSFORMS.iter().enumerate() {
            assert!(row.example.starts_with(row.name), "{}", row.name);
            assert!(TRANSFORMS.iter().skip(number + 1).all(|other| other.name != row.name), "{}", row.name);
        }
    }
}
