//! What a request asks for, read out of any wire's body after its checks.

use serde_json::{Map, Value};

/// A refusal of the request, as the vendor would give it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// the HTTP status
    pub status: u16,
    /// the sentence
    pub message: String,
    /// OpenAI: the parameter that is wrong
    pub param: Option<String>,
    /// OpenAI: the word for what is wrong
    pub code: Option<&'static str>,
}

impl Refusal {
    /// A 400 with this sentence.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), param: None, code: None }
    }

    /// A 400 as OpenAI has them.
    pub(super) fn coded(message: impl Into<String>, param: impl Into<String>, code: &'static str) -> Self {
        Self { param: Some(param.into()), code: Some(code), ..Self::new(message) }
    }
}

/// What is asked, whichever wire it came by.
#[derive(Debug, Default)]
pub(super) struct Ask {
    /// the model's name as it came, knobs included
    pub model: String,
    pub stream: bool,
    /// OpenAI: send the usage chunk
    pub include_usage: bool,
    /// text of the last user message
    pub text: String,
    /// text of the tool results that the conversation ends with
    pub results: Option<String>,
    pub images: usize,
    pub documents: usize,
    pub thinking: bool,
    /// the thinking stays hidden: its proof comes without its text
    pub thinking_hidden: bool,
    /// the proof of the thinking is asked for
    pub sealed: bool,
    /// Gemini: calls carry ids
    pub call_ids: bool,
    /// the tools to call now, in order
    pub calls: Vec<Call>,
    /// the answer in the asked-for JSON shape
    pub structured: Option<String>,
    pub max_tokens: Option<u64>,
    pub stops: Vec<String>,
    pub input_tokens: u64,
    /// of these, how many the fake cache has given
    pub cached_tokens: u64,
    /// what the answer repeats of the request
    pub echo: Map<String, Value>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub name: String,
    /// JSON, or the free text of a custom tool
    pub input: String,
    /// OpenAI: a custom tool, whose input is free text
    pub custom: bool,
}

/// A tool that is offered.
#[derive(Clone, Copy)]
pub(super) struct Offered<'a> {
    pub name: &'a str,
    pub schema: Option<&'a Value>,
    pub custom: bool,
}

/// Which of the offered tools are to be called.
///
/// `call NAME` in the last user message calls that tool; `call A and B` calls both, in the text's
/// order. A choice that forces a call takes the tools that are mentioned, else the first.
pub(super) struct CallRule<'a> {
    pub offered: Vec<Offered<'a>>,
    /// a call is forced
    pub forced: bool,
    /// the only tools that may be called; all when empty
    pub only: Vec<&'a str>,
    /// at most one call
    pub single: bool,
}

impl CallRule<'_> {
    /// The calls, in order. `text` is None after tool results.
    pub(super) fn calls(&self, text: Option<&str>) -> Vec<Call> {
        let wanted = text.and_then(|text| text.split_once("call ")).map_or("", |(_, rest)| rest);
        let allowed = || self.offered.iter().filter(|tool| self.only.is_empty() || self.only.contains(&tool.name));
        let mut chosen: Vec<_> = wanted
            .split(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '-' | '.')))
            .filter_map(|word| allowed().find(|tool| tool.name == word.trim_end_matches('.')))
            .collect();
        if chosen.is_empty() && self.forced {
            chosen.extend(allowed().next());
        }
        if self.single {
            chosen.truncate(1);
        }
        let call = |tool: &Offered<'_>| Call {
            name: tool.name.to_owned(),
            input: if tool.custom { "sample input".to_owned() } else { super::sample::arguments(tool.schema) },
            custom: tool.custom,
        };
        chosen.into_iter().map(call).collect()
    }
}

/// A member that is a string.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// A member that is a list; empty when it is none.
pub(super) fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a member is `true`.
pub(super) fn truth(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// The text of a content: a string, or the `text` of its blocks joined by line ends.
pub(super) fn content_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|block| text(block, "text")).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// Whether a name is of letters, digits, `_` and `-`, and not longer than this.
pub(super) fn is_name(name: &str, most: usize) -> bool {
    let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    !name.is_empty() && name.len() <= most && name.chars().all(legal)
}

/// The fake count of a body's tokens: one for each 4 bytes.
pub(super) fn tokens_of(bytes: &[u8]) -> u64 {
    (bytes.len() as u64).div_ceil(4)
}

/// What OpenAI's cache has given: prefixes of 1024 tokens and more, in steps of 128.
pub(super) fn openai_cached(input_tokens: u64) -> u64 {
    if input_tokens < 1024 { 0 } else { input_tokens / 256 * 128 }
}
