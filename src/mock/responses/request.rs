//! Reads a Responses request and refuses what the vendor refuses.

use serde_json::{Map, Value, json};

use super::items;
use super::shape::{BODY, COUNT_BODY};
use crate::mock::ask::{Ask, CallRule, Offered, Refusal, content_text, is_name, list, openai_cached, text, tokens_of};
use crate::mock::openai::{check_format, check_function, check_sampling, said};
use crate::mock::shape::Reading;

/// What the answer repeats of the request, and what it says when the request does not.
const ECHOED: [&str; 14] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
];

/// Members of Chat Completions and where they have gone.
const MOVED: [(&str, &str); 5] = [
    ("messages", "input"),
    ("max_tokens", "max_output_tokens"),
    ("max_completion_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
];

/// Reads the body of `/v1/responses`; `counting` for `/v1/responses/input_tokens`.
///
/// # Errors
/// The first thing that the vendor would refuse.
pub(in crate::mock) fn read(bytes: &[u8], counting: bool) -> Result<Ask, Refusal> {
    let body: Value = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::new(format!("We could not parse the JSON body of your request. ({error})")))?;
    if let Some((name, new)) = MOVED.iter().find(|(name, _)| body.get(name).is_some()) {
        let message = format!(
            "Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{new}'. Try again with \
             the new parameter."
        );
        return Err(Refusal::coded(message, *name, "unsupported_parameter"));
    }
    let shape = if counting { &COUNT_BODY } else { &BODY };
    Reading::default().check(&body, shape).map_err(|fault| said(&fault))?;
    check_options(&body)?;
    check_tools(&body)?;
    let input = list(&body, "input");
    items::check(input)?;
    let input_tokens = tokens_of(bytes);
    let reasoning = body.get("reasoning").unwrap_or(&Value::Null);
    let includes = |what: &str| list(&body, "include").iter().any(|included| included == what);
    let mut ask = Ask {
        model: text(&body, "model").unwrap_or("mock").to_owned(),
        stream: crate::mock::ask::truth(&body, "stream"),
        thinking: text(reasoning, "effort").is_some_and(|effort| effort != "none"),
        thinking_hidden: text(reasoning, "summary").or(text(reasoning, "generate_summary")).is_none(),
        sealed: includes("reasoning.encrypted_content"),
        max_tokens: body.get("max_output_tokens").and_then(Value::as_u64),
        input_tokens,
        cached_tokens: openai_cached(input_tokens),
        structured: structured(&body),
        echo: echo(&body),
        ..Ask::default()
    };
    match body.get("input") {
        Some(Value::String(text)) => ask.text.clone_from(text),
        _ => read_items(input, &mut ask),
    }
    ask.calls = call_rule(&body).calls(ask.results.is_none().then_some(ask.text.as_str()));
    Ok(ask)
}

fn check_options(body: &Value) -> Result<(), Refusal> {
    if body.get("input").is_none_or(|input| input.is_null() || *input == json!([])) {
        let message = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.";
        return Err(Refusal::coded(message, "input", "missing_required_parameter"));
    }
    if let Some(id) = text(body, "previous_response_id") {
        let message = format!("Previous response with id '{id}' not found.");
        return Err(Refusal::coded(message, "previous_response_id", "previous_response_not_found"));
    }
    let streams = crate::mock::ask::truth(body, "stream");
    if body.get("stream_options").is_some_and(|options| !options.is_null()) && !streams {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal { param: Some("stream_options".to_owned()), ..Refusal::new(message) });
    }
    let format = body.pointer("/text/format").unwrap_or(&Value::Null);
    if text(format, "type") == Some("json_schema") {
        check_format(format, "text.format")?;
    }
    let model = text(body, "model").unwrap_or_default();
    let effort = body.pointer("/reasoning/effort").is_some_and(|effort| !effort.is_null());
    if effort && ["gpt-4", "gpt-3"].iter().any(|begin| model.starts_with(begin)) {
        let message = "Unsupported parameter: 'reasoning.effort' is not supported with this model.";
        return Err(Refusal::coded(message, "reasoning.effort", "unsupported_parameter"));
    }
    check_sampling(body)
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    let tools = list(body, "tools");
    for (index, tool) in tools.iter().enumerate() {
        let at = format!("tools[{index}]");
        match text(tool, "type") {
            Some("function") => check_function(tool, &at)?,
            Some("custom") if !is_name(text(tool, "name").unwrap_or_default(), 64) => {
                let message = format!("Invalid '{at}.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.");
                return Err(Refusal::coded(message, format!("{at}.name"), "invalid_value"));
            }
            _ => {}
        }
    }
    let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) else { return Ok(()) };
    let refuse = |message: String| Err(Refusal::coded(message, "tool_choice", "invalid_value"));
    match (choice.as_str(), text(choice, "name")) {
        (Some("auto" | "none"), _) => Ok(()),
        (Some("required"), _) if tools.is_empty() => {
            refuse("Tool choice 'required' must be specified with 'tools' parameter.".to_owned())
        }
        (Some("required"), _) => Ok(()),
        (Some(other), _) => {
            refuse(format!("Invalid value: '{other}'. Supported values are: 'none', 'auto', and 'required'."))
        }
        (None, Some(name)) if !offered(tools).iter().any(|tool| tool.name == name) => {
            let kind = text(choice, "type").unwrap_or_default();
            refuse(format!("Tool choice '{kind}' not found in 'tools' parameter."))
        }
        (None, _) => Ok(()),
    }
}

fn structured(body: &Value) -> Option<String> {
    let format = body.pointer("/text/format")?;
    let asked = text(format, "type").is_some_and(|kind| kind != "text");
    asked.then(|| crate::mock::sample::arguments(format.get("schema")))
}

fn echo(body: &Value) -> Map<String, Value> {
    let default = |name: &str| match name {
        "metadata" => json!({}),
        "parallel_tool_calls" => json!(true),
        "reasoning" => json!({"effort": null, "summary": null}),
        "temperature" | "top_p" => json!(1.0),
        "text" => json!({"format": {"type": "text"}}),
        "tool_choice" => json!("auto"),
        "tools" => json!([]),
        _ => Value::Null,
    };
    let value = |name: &str| body.get(name).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| default(name));
    ECHOED.iter().map(|name| ((*name).to_owned(), value(name))).collect()
}

fn read_items(input: &[Value], ask: &mut Ask) {
    for part in input.iter().flat_map(|item| list(item, "content").iter().chain(list(item, "output"))) {
        match text(part, "type") {
            Some("input_image") => ask.images += 1,
            Some("input_file") => ask.documents += 1,
            _ => {}
        }
    }
    let last = input.iter().rfind(|item| text(item, "role") == Some("user"));
    ask.text = content_text(last.and_then(|item| item.get("content")));
    let results = input.iter().rev().take_while(|item| items::kind(item).ends_with("_output"));
    let mut results: Vec<String> = results.map(|item| content_text(item.get("output"))).collect();
    results.reverse();
    ask.results = (!results.is_empty()).then(|| results.join("; "));
}

/// The tools that a mock can call, those of namespaces included.
fn offered(tools: &[Value]) -> Vec<Offered<'_>> {
    let nested = tools.iter().flat_map(|tool| list(tool, "tools"));
    tools
        .iter()
        .chain(nested)
        .filter(|tool| matches!(text(tool, "type"), Some("function" | "custom")))
        .filter_map(|tool| {
            let custom = text(tool, "type") == Some("custom");
            Some(Offered { name: text(tool, "name")?, schema: tool.get("parameters"), custom })
        })
        .collect()
}

fn call_rule(body: &Value) -> CallRule<'_> {
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    let word = choice.as_str().or(text(choice, "mode")).unwrap_or("auto");
    let named: Vec<&str> = match text(choice, "name") {
        Some(name) => vec![name],
        None => list(choice, "tools").iter().filter_map(|tool| text(tool, "name")).collect(),
    };
    CallRule {
        offered: if word == "none" { Vec::new() } else { offered(list(body, "tools")) },
        forced: word == "required" || text(choice, "name").is_some(),
        only: named,
        single: body.get("parallel_tool_calls") == Some(&Value::Bool(false)),
    }
}
