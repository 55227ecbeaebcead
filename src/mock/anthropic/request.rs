//! Reads an Anthropic request and refuses what the vendor refuses.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::mock::ask::{Ask, Block, CallRule, Content, Refusal, Stray};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    max_tokens: Option<i64>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(borrow)]
    system: Option<Content<'a>>,
    #[serde(default)]
    stream: bool,
    #[serde(borrow, default)]
    tools: Vec<Tool<'a>>,
    #[serde(borrow)]
    tool_choice: Option<ToolChoice<'a>>,
    #[serde(borrow)]
    thinking: Option<Thinking<'a>>,
    #[serde(borrow)]
    output_config: Option<OutputConfig<'a>>,
    temperature: Option<f64>,
    #[serde(default)]
    stop_sequences: Vec<String>,
    // Keys of the other vendor: a translation that lets one through is refused, as by the vendor.
    n: Stray,
    frequency_penalty: Stray,
    presence_penalty: Stray,
    response_format: Stray,
    max_completion_tokens: Stray,
    reasoning_effort: Stray,
    stream_options: Stray,
    parallel_tool_calls: Stray,
    seed: Stray,
    stop: Stray,
    user: Stray,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    input_schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ToolChoice<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(default)]
    disable_parallel_tool_use: bool,
}

#[derive(Deserialize)]
struct Thinking<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    budget_tokens: Option<i64>,
}

#[derive(Deserialize)]
struct OutputConfig<'a> {
    #[serde(borrow)]
    format: Option<Format<'a>>,
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

/// Reads the body of `/v1/messages`; `counting` for `/v1/messages/count_tokens`, which needs no
/// `max_tokens`.
///
/// # Errors
/// The first thing that the vendor would refuse with a 400.
pub(in crate::mock) fn read(bytes: &[u8], counting: bool) -> Result<Ask, Refusal> {
    let body: Body<'_> = serde_json::from_slice(bytes).map_err(|error| Refusal(format!("invalid request: {error}")))?;
    let Some(model) = &body.model else { return refuse("model: Field required") };
    let Some(messages) = &body.messages else { return refuse("messages: Field required") };
    if messages.is_empty() {
        return refuse("messages: at least one message is required");
    }
    if !counting {
        check_numbers(&body)?;
    }
    check_strays(&body)?;
    check_system(body.system.as_ref())?;
    check_tools(&body.tools)?;
    check_messages(messages)?;
    let mut ask = Ask {
        model: model.clone().into_owned(),
        stream: body.stream,
        thinking: body.thinking.as_ref().is_some_and(|thinking| thinking.kind != "disabled"),
        max_tokens: body.max_tokens.and_then(|count| u64::try_from(count).ok()),
        input_tokens: (bytes.len() as u64).div_ceil(4),
        ..Ask::default()
    };
    if memchr::memmem::find(bytes, b"\"cache_control\"").is_some() {
        ask.cached_tokens = ask.input_tokens / 2;
    }
    ask.structured = body
        .output_config
        .as_ref()
        .and_then(|config| config.format.as_ref())
        .map(|format| crate::mock::sample::arguments(format.schema));
    read_messages(messages, &mut ask);
    ask.calls = call_rule(&body).calls(ask.results.is_none().then_some(ask.text.as_str()));
    ask.stops = body.stop_sequences;
    Ok(ask)
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(message.into()))
}

fn check_numbers(body: &Body<'_>) -> Result<(), Refusal> {
    let Some(max_tokens) = body.max_tokens else { return refuse("max_tokens: Field required") };
    if max_tokens < 1 {
        return refuse("max_tokens: Input should be greater than or equal to 1");
    }
    if body.temperature.is_some_and(|temperature| !(0.0..=1.0).contains(&temperature)) {
        return refuse("temperature: range: 0..1");
    }
    let Some(thinking) = &body.thinking else { return Ok(()) };
    match (thinking.kind.as_ref(), thinking.budget_tokens) {
        ("enabled", None) => refuse("thinking.enabled.budget_tokens: Field required"),
        ("enabled", Some(..1024)) => {
            refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        }
        ("enabled", Some(budget)) if budget >= max_tokens => {
            refuse("`max_tokens` must be greater than `thinking.budget_tokens`")
        }
        ("enabled" | "adaptive" | "disabled", _) => Ok(()),
        (other, _) => refuse(format!(
            "thinking: Input tag '{other}' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'"
        )),
    }
}

fn check_strays(body: &Body<'_>) -> Result<(), Refusal> {
    let strays = [
        ("n", &body.n),
        ("frequency_penalty", &body.frequency_penalty),
        ("presence_penalty", &body.presence_penalty),
        ("response_format", &body.response_format),
        ("max_completion_tokens", &body.max_completion_tokens),
        ("reasoning_effort", &body.reasoning_effort),
        ("stream_options", &body.stream_options),
        ("parallel_tool_calls", &body.parallel_tool_calls),
        ("seed", &body.seed),
        ("stop", &body.stop),
        ("user", &body.user),
    ];
    match strays.iter().find(|(_, stray)| stray.is_some()) {
        Some((name, _)) => refuse(format!("{name}: Extra inputs are not permitted")),
        None => Ok(()),
    }
}

fn check_system(system: Option<&Content<'_>>) -> Result<(), Refusal> {
    match system.map(Content::blocks).unwrap_or_default().iter().find(|block| block.kind != "text") {
        Some(block) => refuse(format!("system.0.type: Input should be 'text', not '{}'", block.kind)),
        None => Ok(()),
    }
}

fn check_tools(tools: &[Tool<'_>]) -> Result<(), Refusal> {
    let mut names = std::collections::HashSet::new();
    for (index, tool) in tools.iter().enumerate() {
        let Some(name) = tool.name.as_deref() else { return refuse(format!("tools.{index}.name: Field required")) };
        let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        if name.is_empty() || name.len() > 128 || !name.chars().all(legal) {
            return refuse(format!("tools.{index}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"));
        }
        if tool.input_schema.is_none() && matches!(tool.kind.as_deref(), None | Some("custom")) {
            return refuse(format!("tools.{index}.custom.input_schema: Field required"));
        }
        if !names.insert(name) {
            return refuse("tools: Tool names must be unique.");
        }
    }
    Ok(())
}

fn check_messages(messages: &[Message<'_>]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let Some(content) = &message.content else {
            return refuse(format!("messages.{index}.content: Field required"));
        };
        let blocks = content.blocks();
        check_results(index, message, blocks, &mut open)?;
        match message.role.as_deref() {
            Some("user" | "system") => {}
            Some("assistant") => {
                open.extend(blocks.iter().filter(|block| block.kind == "tool_use").filter_map(|b| b.id.as_deref()));
            }
            _ => return refuse(format!("messages.{index}.role: Input should be 'user' or 'assistant'")),
        }
        let last = index + 1 == messages.len();
        if content.is_empty() && !(last && message.role.as_deref() == Some("assistant")) {
            return refuse(format!(
                "messages.{index}: all messages must have non-empty content except for the optional final assistant \
                 message"
            ));
        }
        check_blocks(index, blocks)?;
    }
    match open.first() {
        Some(id) => refuse(unanswered(messages.len() - 1, id)),
        None => Ok(()),
    }
}

/// Every tool use is answered in the very next message, and nothing else is.
fn check_results<'a>(
    index: usize,
    message: &'a Message<'_>,
    blocks: &'a [Block<'_>],
    open: &mut Vec<&'a str>,
) -> Result<(), Refusal> {
    if message.role.as_deref() == Some("system") {
        return Ok(());
    }
    for block in blocks.iter().filter(|block| block.kind == "tool_result") {
        let id = block.tool_use_id.as_deref().unwrap_or_default();
        if !open.contains(&id) {
            return refuse(format!(
                "messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                 `tool_result` block must have a corresponding `tool_use` block in the previous message."
            ));
        }
        open.retain(|other| *other != id);
    }
    match open.first() {
        Some(id) => refuse(unanswered(index.saturating_sub(1), id)),
        None => Ok(()),
    }
}

fn unanswered(index: usize, id: &str) -> String {
    format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each \
         `tool_use` block must have a corresponding `tool_result` block in the next message."
    )
}

fn check_blocks(index: usize, blocks: &[Block<'_>]) -> Result<(), Refusal> {
    for (at, block) in blocks.iter().enumerate() {
        match block.kind.as_ref() {
            "text" if block.text.as_deref().unwrap_or_default().is_empty() => {
                return refuse("messages: text content blocks must be non-empty");
            }
            "tool_use" if block.id.is_none() => {
                return refuse(format!("messages.{index}.content.{at}.tool_use.id: Field required"));
            }
            "text"
            | "image"
            | "document"
            | "tool_use"
            | "tool_result"
            | "thinking"
            | "redacted_thinking"
            | "server_tool_use"
            | "web_search_tool_result"
            | "search_result" => {}
            other => {
                return refuse(format!(
                    "messages.{index}.content.{at}: Input tag '{other}' found using 'type' does not match any of the \
                     expected tags"
                ));
            }
        }
    }
    Ok(())
}

fn read_messages(messages: &[Message<'_>], ask: &mut Ask) {
    for content in messages.iter().filter_map(|message| message.content.as_ref()) {
        let nested = content.blocks().iter().filter_map(|block| block.content.as_ref()).flat_map(Content::blocks);
        for block in content.blocks().iter().chain(nested) {
            match block.kind.as_ref() {
                "image" => ask.images += 1,
                "document" => ask.documents += 1,
                _ => {}
            }
        }
    }
    let last = messages.iter().rfind(|message| message.role.as_deref() == Some("user"));
    let Some(content) = last.and_then(|message| message.content.as_ref()) else { return };
    ask.text = content.text();
    let results: Vec<String> = content
        .blocks()
        .iter()
        .filter(|block| block.kind == "tool_result")
        .map(|block| block.content.as_ref().map(Content::text).unwrap_or_default())
        .collect();
    ask.results = (!results.is_empty()).then(|| results.join("; "));
}

fn call_rule<'b>(body: &'b Body<'_>) -> CallRule<'b> {
    let choice = body.tool_choice.as_ref();
    let kind = choice.map_or("auto", |choice| choice.kind.as_ref());
    let offered = if kind == "none" { &[] } else { body.tools.as_slice() };
    CallRule {
        offered: offered.iter().filter_map(|tool| Some((tool.name.as_deref()?, tool.input_schema))).collect(),
        forced: matches!(kind, "any" | "tool"),
        only: choice.filter(|_| kind == "tool").and_then(|choice| choice.name.as_deref()),
        single: choice.is_some_and(|choice| choice.disable_parallel_tool_use),
    }
}
