//! Reads an OpenAI Chat request and refuses what the vendor refuses.

use serde_json::{Map, Value};

use super::messages;
use super::shape::BODY;
use crate::mock::ask::{
    Ask, CallRule, Offered, Refusal, content_text, is_name, list, openai_cached, text, tokens_of, truth,
};
use crate::mock::openai::{always_thinks, check_format, check_function, check_sampling, said};
use crate::mock::shape::Reading;

/// At most this many stop sequences.
const MAX_STOPS: usize = 4;
/// Begins and parts of the names of models that are not OpenAI's, and speak more than its own words.
const OTHERS: [&str; 9] = ["/", "deepseek", "kimi", "glm", "qwen", "doubao", "minimax", "claude", "gemini"];
/// What the others take besides.
const THEIRS: [&str; 8] = [
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "reasoning",
    "chat_template_kwargs",
    "top_k",
    "repetition_penalty",
    "provider",
];

/// Reads the body of `/v1/chat/completions`.
///
/// # Errors
/// The first thing that the vendor would refuse with a 400.
pub(in crate::mock) fn read(bytes: &[u8]) -> Result<Ask, Refusal> {
    let mut body: Value = parse(bytes)?;
    let model = text(&body, "model").unwrap_or_default().to_ascii_lowercase();
    let other = OTHERS.iter().any(|part| model.contains(part));
    let theirs: Map<String, Value> = match body.as_object_mut().filter(|_| other) {
        Some(fields) => THEIRS.iter().filter_map(|name| fields.remove_entry(*name)).collect(),
        None => Map::new(),
    };
    check_body(&body)?;
    check_options(&body)?;
    check_tools(&body)?;
    let messages = list(&body, "messages");
    messages::check(messages, other)?;
    let count = |name: &str| body.get(name).and_then(Value::as_u64);
    let input_tokens = tokens_of(bytes);
    let mut ask = Ask {
        model: text(&body, "model").unwrap_or_default().to_owned(),
        stream: truth(&body, "stream"),
        include_usage: body.get("stream_options").is_some_and(|options| truth(options, "include_usage")),
        thinking: text(&body, "reasoning_effort").is_some_and(|effort| effort != "none") || thinks(&theirs),
        max_tokens: count("max_completion_tokens").or(count("max_tokens")),
        input_tokens,
        cached_tokens: openai_cached(input_tokens),
        structured: structured(&body),
        stops: match body.get("stop") {
            Some(Value::String(stop)) => vec![stop.clone()],
            _ => list(&body, "stop").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        },
        ..Ask::default()
    };
    read_messages(messages, &mut ask);
    ask.calls = call_rule(&body).calls(ask.results.is_none().then_some(ask.text.as_str()));
    Ok(ask)
}

fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::new(format!("We could not parse the JSON body of your request. ({error})")))
}

/// The members of the body; the two that everybody forgets have words of their own.
fn check_body(body: &Value) -> Result<(), Refusal> {
    if body.is_object() && body.get("model").is_none() {
        return Err(Refusal::new("you must provide a model parameter"));
    }
    Reading::default().check(body, &BODY).map_err(|fault| said(&fault)).map_err(|refusal| {
        match (&refusal.param, refusal.code) {
            (Some(name), Some("unknown_parameter")) if !name.contains(['.', '[']) => {
                Refusal::new(format!("Unrecognized request argument supplied: {name}"))
            }
            _ => refusal,
        }
    })
}

/// Whether another vendor's own switch turns thinking on.
fn thinks(theirs: &Map<String, Value>) -> bool {
    let kind = theirs.get("thinking").and_then(|thinking| text(thinking, "type"));
    let reasoning = theirs.get("reasoning").is_some_and(|reasoning| {
        reasoning.get("enabled") != Some(&Value::Bool(false)) && text(reasoning, "effort") != Some("none")
    });
    matches!(kind, Some("enabled" | "auto")) || theirs.get("enable_thinking") == Some(&Value::Bool(true)) || reasoning
}

fn check_options(body: &Value) -> Result<(), Refusal> {
    let given = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if given("stream_options") && !truth(body, "stream") {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal { param: Some("stream_options".to_owned()), ..Refusal::new(message) });
    }
    if given("max_tokens") && given("max_completion_tokens") {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(Refusal::coded(message, "max_tokens", "invalid_parameter_combination"));
    }
    if given("max_tokens") && always_thinks(text(body, "model").unwrap_or_default()) {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Err(Refusal::coded(message, "max_tokens", "unsupported_parameter"));
    }
    if body.get("n").and_then(Value::as_u64).is_some_and(|count| count != 1) {
        return Err(Refusal::coded("Invalid 'n': this upstream gives one choice.", "n", "invalid_value"));
    }
    if list(body, "stop").len() > MAX_STOPS {
        let message = "Invalid 'stop': array too long. Expected an array with maximum length 4.";
        return Err(Refusal::coded(message, "stop", "array_above_max_length"));
    }
    if let Some(format) = body.pointer("/response_format/json_schema") {
        check_format(format, "response_format.json_schema")?;
    }
    let asks_json = body.pointer("/response_format/type").is_some_and(|kind| kind == "json_object");
    if asks_json
        && !body.get("messages").is_some_and(|messages| messages.to_string().to_ascii_lowercase().contains("json"))
    {
        let message =
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
        return Err(Refusal { param: Some("messages".to_owned()), ..Refusal::new(message) });
    }
    check_sampling(body)
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    let given = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if !given("tools") {
        let stray = ["tool_choice", "parallel_tool_calls"].into_iter().find(|name| given(name));
        return match stray {
            // `none` without tools is what the vendor takes for granted.
            Some("tool_choice") if body.get("tool_choice").is_some_and(|choice| choice == "none") => Ok(()),
            Some(name) => {
                let message =
                    format!("Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.");
                Err(Refusal { param: Some(name.to_owned()), ..Refusal::new(message) })
            }
            None => Ok(()),
        };
    }
    let tools = list(body, "tools");
    if tools.is_empty() {
        let message =
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(Refusal::coded(message, "tools", "empty_array"));
    }
    for (index, tool) in tools.iter().enumerate() {
        let at = format!("tools[{index}].{}", text(tool, "type").unwrap_or_default());
        match (tool.get("function"), tool.get("custom").and_then(|custom| text(custom, "name"))) {
            (Some(function), _) => check_function(function, &at)?,
            (None, Some(name)) if !is_name(name, 64) => {
                let message = format!("Invalid '{at}.name': string does not match pattern '^[a-zA-Z0-9_-]{{1,64}}$'.");
                return Err(Refusal::coded(message, format!("{at}.name"), "invalid_value"));
            }
            _ => {}
        }
    }
    let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) else { return Ok(()) };
    let refuse = |message: String| Err(Refusal::coded(message, "tool_choice", "invalid_value"));
    match choice.as_str() {
        Some("none" | "auto" | "required") => Ok(()),
        Some(other) => {
            refuse(format!("Invalid value: '{other}'. Supported values are: 'none', 'auto', and 'required'."))
        }
        None => match chosen(choice).into_iter().find(|name| !offered(body).iter().any(|tool| tool.name == *name)) {
            Some(name) => refuse(format!("Tool choice '{name}' not found in 'tools' parameter.")),
            None => Ok(()),
        },
    }
}

/// The tools that a choice names.
fn chosen(choice: &Value) -> Vec<&str> {
    let one = ["function", "custom"].into_iter().filter_map(|kind| text(choice.get(kind)?, "name"));
    let allowed = choice.get("allowed_tools").map(|allowed| list(allowed, "tools")).unwrap_or_default();
    one.chain(allowed.iter().filter_map(|tool| text(tool.get("function")?, "name"))).collect()
}

fn structured(body: &Value) -> Option<String> {
    let format =
        body.get("response_format").filter(|format| text(format, "type").is_some_and(|kind| kind != "text"))?;
    Some(crate::mock::sample::arguments(format.pointer("/json_schema/schema")))
}

fn read_messages(messages: &[Value], ask: &mut Ask) {
    for part in messages.iter().flat_map(|message| list(message, "content")) {
        match text(part, "type") {
            Some("image_url") => ask.images += 1,
            Some("file") => ask.documents += 1,
            _ => {}
        }
    }
    let last = messages.iter().rfind(|message| text(message, "role") == Some("user"));
    ask.text = content_text(last.and_then(|message| message.get("content")));
    let results = messages.iter().rev().take_while(|message| text(message, "role") == Some("tool"));
    let mut results: Vec<String> = results.map(|message| content_text(message.get("content"))).collect();
    results.reverse();
    ask.results = (!results.is_empty()).then(|| results.join("; "));
}

fn offered(body: &Value) -> Vec<Offered<'_>> {
    let tools = list(body, "tools").iter();
    tools
        .filter_map(|tool| {
            let custom = tool.get("custom");
            let tool = tool.get("function").or(custom)?;
            Some(Offered { name: text(tool, "name")?, schema: tool.get("parameters"), custom: custom.is_some() })
        })
        .collect()
}

fn call_rule(body: &Value) -> CallRule<'_> {
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    let word = choice.as_str().or(choice.get("allowed_tools").and_then(|allowed| text(allowed, "mode")));
    let word = word.unwrap_or(if choice.is_object() { "required" } else { "auto" });
    CallRule {
        offered: if word == "none" { Vec::new() } else { offered(body) },
        forced: word == "required",
        only: chosen(choice),
        single: body.get("parallel_tool_calls") == Some(&Value::Bool(false)),
    }
}
