//! Reads an OpenAI Chat request and refuses what the vendor refuses.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::mock::ask::{Ask, CallRule, Content, Refusal, Stray};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    #[serde(borrow)]
    tools: Option<Vec<Tool<'a>>>,
    #[serde(borrow)]
    tool_choice: Option<ToolChoice<'a>>,
    parallel_tool_calls: Option<bool>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f64>,
    #[serde(borrow)]
    reasoning_effort: Option<Cow<'a, str>>,
    #[serde(borrow)]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(borrow)]
    stop: Option<Stop<'a>>,
    n: Option<u64>,
    // Keys of the other vendor: a translation that lets one through is refused, as by the vendor.
    system: Stray,
    stop_sequences: Stray,
    output_config: Stray,
    context_management: Stray,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    tool_call_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    #[expect(dead_code, reason = "only its kind is checked")]
    function: CalledFunction<'a>,
}

#[derive(Deserialize)]
struct CalledFunction<'a> {
    /// JSON as a string: an object here is the most frequent mistake of translators
    #[serde(borrow)]
    #[expect(dead_code, reason = "only its kind is checked")]
    arguments: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ToolChoice<'a> {
    Word(#[serde(borrow)] Cow<'a, str>),
    Function { function: Named },
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct ResponseFormat<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Deserialize)]
struct JsonSchema<'a> {
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Many(Vec<String>),
}

/// Reads the body of `/v1/chat/completions`.
///
/// # Errors
/// The first thing that the vendor would refuse with a 400.
pub(in crate::mock) fn read(bytes: &[u8]) -> Result<Ask, Refusal> {
    let body: Body<'_> = serde_json::from_slice(bytes)
        .map_err(|error| Refusal(format!("We could not parse the JSON body of your request: {error}")))?;
    let Some(model) = &body.model else { return refuse("you must provide a model parameter") };
    let Some(messages) = &body.messages else { return refuse("Missing required parameter: 'messages'.") };
    if messages.is_empty() {
        return refuse("Invalid 'messages': empty array. Expected an array with minimum length 1.");
    }
    check_options(&body)?;
    check_tools(&body)?;
    check_messages(messages)?;
    let input_tokens = (bytes.len() as u64).div_ceil(4);
    let mut ask =
        Ask {
            model: model.clone().into_owned(),
            stream: body.stream,
            include_usage: body.stream_options.as_ref().is_some_and(|options| options.include_usage),
            thinking: body.reasoning_effort.as_deref().is_some_and(|effort| effort != "none"),
            max_tokens: body.max_completion_tokens.or(body.max_tokens),
            input_tokens,
            // The vendor caches prefixes of 1024 tokens and more, in steps of 128.
            cached_tokens: if input_tokens < 1024 { 0 } else { input_tokens / 256 * 128 },
            structured: body.response_format.as_ref().filter(|format| format.kind != "text").map(|format| {
                crate::mock::sample::arguments(format.json_schema.as_ref().and_then(|schema| schema.schema))
            }),
            ..Ask::default()
        };
    read_messages(messages, &mut ask);
    ask.calls = call_rule(&body).calls(ask.results.is_none().then_some(ask.text.as_str()));
    ask.stops = match body.stop {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop.into_owned()],
        Some(Stop::Many(stops)) => stops,
    };
    Ok(ask)
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(message.into()))
}

fn check_options(body: &Body<'_>) -> Result<(), Refusal> {
    if body.stream_options.is_some() && !body.stream {
        return refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    }
    if body.max_tokens.is_some() && body.max_completion_tokens.is_some() {
        return refuse("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
    }
    if body.max_tokens.or(body.max_completion_tokens) == Some(0) {
        return refuse("Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.");
    }
    if body.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return refuse("Invalid 'temperature': decimal out of range. Expected a value between 0 and 2.");
    }
    if body.n.is_some_and(|count| count != 1) {
        return refuse("Invalid 'n': this upstream gives one choice.");
    }
    if matches!(&body.stop, Some(Stop::Many(stops)) if stops.len() > 4) {
        return refuse("Invalid 'stop': array too long. Expected an array with maximum length 4.");
    }
    let strays = [
        ("system", &body.system),
        ("stop_sequences", &body.stop_sequences),
        ("output_config", &body.output_config),
        ("context_management", &body.context_management),
    ];
    match strays.iter().find(|(_, stray)| stray.is_some()) {
        Some((name, _)) => refuse(format!("Unrecognized request argument supplied: {name}")),
        None => Ok(()),
    }
}

fn check_tools(body: &Body<'_>) -> Result<(), Refusal> {
    let Some(tools) = &body.tools else {
        if body.tool_choice.is_some() {
            return refuse(
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            );
        }
        if body.parallel_tool_calls.is_some() {
            return refuse("Invalid value for 'parallel_tool_calls': only allowed when 'tools' are specified.");
        }
        return Ok(());
    };
    if tools.is_empty() {
        return refuse("Invalid 'tools': empty array. Expected an array with minimum length 1.");
    }
    for (index, tool) in tools.iter().enumerate() {
        let Some(function) = &tool.function else {
            return refuse(format!("Missing required parameter: 'tools[{index}].function'."));
        };
        let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        if function.name.is_empty() || function.name.len() > 64 || !function.name.chars().all(legal) {
            return refuse(format!(
                "Invalid 'tools[{index}].function.name': string does not match pattern '^[a-zA-Z0-9_-]{{1,64}}$'."
            ));
        }
    }
    Ok(())
}

fn check_messages(messages: &[Message<'_>]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let role = message.role.as_deref().unwrap_or_default();
        if role == "tool" {
            check_result(index, message, &mut open)?;
            continue;
        }
        if let Some(id) = open.first() {
            return refuse(unanswered(id));
        }
        let calls = message.tool_calls.as_deref().unwrap_or_default();
        match role {
            "assistant" => open.extend(calls.iter().map(|call| call.id.as_ref())),
            "system" | "developer" | "user" => {}
            other => {
                return refuse(format!(
                    "Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user', 'tool', and \
                     'developer'. (messages[{index}].role)"
                ));
            }
        }
        if message.content.is_none() && calls.is_empty() {
            return refuse(format!(
                "Invalid value for 'content': expected a string, got null. (messages[{index}].content)"
            ));
        }
        check_parts(index, message)?;
    }
    match open.first() {
        Some(id) => refuse(unanswered(id)),
        None => Ok(()),
    }
}

fn check_result(index: usize, message: &Message<'_>, open: &mut Vec<&str>) -> Result<(), Refusal> {
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    if !open.contains(&id) {
        return refuse(format!(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
             'tool_calls'. (messages[{index}].role)"
        ));
    }
    open.retain(|other| *other != id);
    match &message.content {
        Some(_) => Ok(()),
        None => {
            refuse(format!("Invalid value for 'content': expected a string, got null. (messages[{index}].content)"))
        }
    }
}

fn unanswered(id: &str) -> String {
    format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {id}"
    )
}

fn check_parts(index: usize, message: &Message<'_>) -> Result<(), Refusal> {
    let parts = message.content.as_ref().map(Content::blocks).unwrap_or_default();
    let known = ["text", "image_url", "input_audio", "file", "refusal"];
    match parts.iter().enumerate().find(|(_, part)| !known.contains(&part.kind.as_ref())) {
        Some((at, part)) => refuse(format!(
            "Invalid value: '{}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'. \
             (messages[{index}].content[{at}].type)",
            part.kind
        )),
        None => Ok(()),
    }
}

fn read_messages(messages: &[Message<'_>], ask: &mut Ask) {
    for part in messages.iter().filter_map(|message| message.content.as_ref()).flat_map(Content::blocks) {
        match part.kind.as_ref() {
            "image_url" => ask.images += 1,
            "file" => ask.documents += 1,
            _ => {}
        }
    }
    let last = messages.iter().rfind(|message| message.role.as_deref() == Some("user"));
    ask.text = last.and_then(|message| message.content.as_ref()).map(Content::text).unwrap_or_default();
    let after_call = messages.iter().rev().take_while(|message| message.role.as_deref() == Some("tool"));
    let mut results: Vec<String> =
        after_call.map(|message| message.content.as_ref().map(Content::text).unwrap_or_default()).collect();
    results.reverse();
    ask.results = (!results.is_empty()).then(|| results.join("; "));
}

fn call_rule<'b>(body: &'b Body<'_>) -> CallRule<'b> {
    let (word, only) = match &body.tool_choice {
        None => ("auto", None),
        Some(ToolChoice::Word(word)) => (word.as_ref(), None),
        Some(ToolChoice::Function { function }) => ("required", Some(function.name.as_str())),
    };
    let offered = body.tools.as_deref().filter(|_| word != "none").unwrap_or_default();
    CallRule {
        offered: offered
            .iter()
            .filter_map(|tool| tool.function.as_ref())
            .map(|function| (function.name.as_ref(), function.parameters))
            .collect(),
        forced: word == "required",
        only,
        single: body.parallel_tool_calls == Some(false),
    }
}
