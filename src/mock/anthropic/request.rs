//! Reads an Anthropic request and refuses what the vendor refuses.

use serde_json::Value;

use super::messages;
use super::shape::{BETA, BODY, CUSTOM_TOOL, SERVER_TOOLS};
use crate::mock::ask::{Ask, CallRule, Offered, Refusal, content_text, is_name, list, text, tokens_of, truth};
use crate::mock::shape::{Fault, Reading, Step, Wrong, kind_of};

/// A tool's name has at most this many characters.
const NAME_CHARACTERS: usize = 128;

/// Reads the body of `/v1/messages`; `counting` for `/v1/messages/count_tokens`, which needs no
/// `max_tokens`. `beta` when the request names a beta of the vendor's.
///
/// # Errors
/// The first thing that the vendor would refuse with a 400.
pub(in crate::mock) fn read(bytes: &[u8], counting: bool, beta: bool) -> Result<Ask, Refusal> {
    let body: Value = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::new(format!("The request body is not valid JSON: {error}")))?;
    Reading::default().check(&body, &BODY).map_err(|fault| said(&fault))?;
    if body.get("max_tokens").is_none() && !counting {
        return refuse("max_tokens: Field required");
    }
    if let Some(name) = BETA.iter().find(|name| body.get(name).is_some()).filter(|_| !beta) {
        return refuse(format!("{name}: Extra inputs are not permitted"));
    }
    check_system(&body)?;
    check_tools(&body)?;
    check_thinking(&body)?;
    check_format(&body)?;
    let messages = list(&body, "messages");
    let thinking = body.pointer("/thinking/type").and_then(Value::as_str).unwrap_or("disabled");
    messages::check(messages, thinking == "enabled")?;
    messages::check_marks(&body)?;
    let input_tokens = tokens_of(bytes);
    let mut ask = Ask {
        model: text(&body, "model").unwrap_or_default().to_owned(),
        stream: truth(&body, "stream"),
        thinking: thinking != "disabled",
        thinking_hidden: body.pointer("/thinking/display").and_then(Value::as_str) == Some("omitted"),
        sealed: true,
        max_tokens: body.get("max_tokens").and_then(Value::as_u64),
        input_tokens,
        cached_tokens: if memchr::memmem::find(bytes, b"\"cache_control\"").is_some() { input_tokens / 2 } else { 0 },
        structured: body
            .pointer("/output_config/format")
            .map(|format| crate::mock::sample::arguments(format.get("schema"))),
        stops: list(&body, "stop_sequences").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        ..Ask::default()
    };
    read_messages(messages, &mut ask);
    ask.calls = call_rule(&body).calls(ask.results.is_none().then_some(ask.text.as_str()));
    Ok(ask)
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(message))
}

/// A fault in Anthropic's words.
fn said(fault: &Fault) -> Refusal {
    let at = fault.dotted("");
    Refusal::new(match &fault.wrong {
        Wrong::Unknown(name) => format!("{}: Extra inputs are not permitted", fault.dotted(name)),
        Wrong::Missing(name) => format!("{}: Field required", fault.dotted(name)),
        Wrong::Kind { expected: "base64", .. } => format!("{at}: The provided data is not valid base64"),
        Wrong::Kind { expected, found } => {
            let expected = match *expected {
                "an object" => "a valid dictionary",
                "an array" => "a valid list",
                "a boolean" => "a valid boolean",
                "an integer" => "a valid integer",
                "a number" => "a valid number",
                _ => "a valid string",
            };
            format!("{at}: Input should be {expected}, not {}", kind_of(found))
        }
        Wrong::Word { known, .. } => format!("{at}: Input should be {}", any_of(known, " or ")),
        Wrong::Tag { found, known } => format!(
            "{at}: Input tag '{found}' found using 'type' does not match any of the expected tags: {}",
            any_of(known, ", ")
        ),
        Wrong::Below(least, _) => format!("{at}: Input should be greater than or equal to {least}"),
        Wrong::Above(most, _) => format!("{at}: Input should be less than or equal to {most}"),
    })
}

/// `'a', 'b' or 'c'`.
fn any_of(known: &[&str], last: &str) -> String {
    let quoted: Vec<String> = known.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, front)) => format!("{}{last}{end}", front.join(", ")),
        None => String::new(),
    }
}

fn check_system(body: &Value) -> Result<(), Refusal> {
    for block in list(body, "system") {
        if text(block, "text").is_none_or(str::is_empty) {
            return refuse("system: text content blocks must be non-empty");
        }
    }
    match list(body, "stop_sequences").iter().filter_map(Value::as_str).find(|stop| stop.trim().is_empty()) {
        Some(_) => refuse("stop_sequences: each stop sequence must contain non-whitespace"),
        None => Ok(()),
    }
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    let tools = list(body, "tools");
    let mut names = std::collections::HashSet::new();
    for (index, tool) in tools.iter().enumerate() {
        let kind = text(tool, "type").unwrap_or("custom");
        if kind == "custom" {
            Reading::default().check(tool, &CUSTOM_TOOL).map_err(|mut fault| {
                fault
                    .path
                    .splice(0..0, ["tools", &index.to_string(), "custom"].map(|step| Step::Name(step.to_owned())));
                said(&fault)
            })?;
            check_custom(index, tool)?;
        } else if !SERVER_TOOLS.iter().any(|begin| kind.starts_with(begin)) {
            return refuse(format!(
                "tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
            ));
        }
        if text(tool, "name").is_some_and(|name| !names.insert(name)) {
            return refuse("tools: Tool names must be unique.");
        }
    }
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    if tools.is_empty() {
        return refuse("tool_choice: tool_choice may only be specified while providing tools");
    }
    match text(choice, "name") {
        Some(name) if !names.contains(name) => {
            refuse(format!("tool_choice: Tool '{name}' not found in provided tools"))
        }
        _ => Ok(()),
    }
}

fn check_custom(index: usize, tool: &Value) -> Result<(), Refusal> {
    if !is_name(text(tool, "name").unwrap_or_default(), NAME_CHARACTERS) {
        return refuse(format!("tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"));
    }
    let schema = tool.get("input_schema").unwrap_or(&Value::Null);
    if ["oneOf", "allOf", "anyOf"].iter().any(|key| schema.get(key).is_some()) {
        return refuse(format!(
            "tools.{index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"
        ));
    }
    match text(schema, "type") {
        Some("object") => Ok(()),
        Some(_) => refuse(format!("tools.{index}.custom.input_schema.type: Input should be 'object'")),
        None => refuse(format!("tools.{index}.custom.input_schema.type: Field required")),
    }
}

fn check_thinking(body: &Value) -> Result<(), Refusal> {
    let thinking = body.get("thinking").unwrap_or(&Value::Null);
    if matches!(text(thinking, "type"), None | Some("disabled")) {
        return Ok(());
    }
    let budget = thinking.get("budget_tokens").and_then(Value::as_i64);
    let most = body.get("max_tokens").and_then(Value::as_i64);
    if budget.zip(most).is_some_and(|(budget, most)| budget >= most) {
        return refuse("`max_tokens` must be greater than `thinking.budget_tokens`");
    }
    if body.get("temperature").and_then(Value::as_f64).is_some_and(|value| value < 1.0) {
        return refuse("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.");
    }
    if body.get("top_p").and_then(Value::as_f64).is_some_and(|value| value < 0.95) {
        return refuse(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode.",
        );
    }
    if body.get("top_k").is_some() {
        return refuse("`top_k` must be unset when thinking is enabled or in adaptive mode.");
    }
    match body.pointer("/tool_choice/type").and_then(Value::as_str) {
        Some("any" | "tool") => refuse("Thinking may not be enabled when tool_choice forces tool use."),
        _ => Ok(()),
    }
}

/// Every object of an answer's schema must be closed.
fn check_format(body: &Value) -> Result<(), Refusal> {
    match body.pointer("/output_config/format/schema") {
        Some(schema) if open_object(schema, 0) => refuse(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        ),
        _ => Ok(()),
    }
}

fn open_object(schema: &Value, depth: usize) -> bool {
    if depth > 16 {
        return false;
    }
    let open =
        text(schema, "type") == Some("object") && schema.get("additionalProperties") != Some(&Value::Bool(false));
    let maps = ["properties", "$defs", "definitions"].into_iter().filter_map(|name| schema.get(name)?.as_object());
    let inner = maps.flat_map(|map| map.values()).chain(schema.get("items"));
    let variants = ["anyOf", "allOf"].into_iter().flat_map(|name| list(schema, name));
    open || inner.chain(variants).any(|inner| open_object(inner, depth + 1))
}

fn read_messages(messages: &[Value], ask: &mut Ask) {
    let blocks = |message| list(message, "content").iter();
    for block in messages.iter().flat_map(blocks).flat_map(|block| std::iter::once(block).chain(list(block, "content")))
    {
        match text(block, "type") {
            Some("image") => ask.images += 1,
            Some("document") => ask.documents += 1,
            _ => {}
        }
    }
    let Some(last) = messages.iter().rfind(|message| text(message, "role") == Some("user")) else { return };
    ask.text = content_text(last.get("content"));
    let results = blocks(last).filter(|block| text(block, "type") == Some("tool_result"));
    let results: Vec<String> = results.map(|block| content_text(block.get("content"))).collect();
    ask.results = (!results.is_empty()).then(|| results.join("; "));
}

fn call_rule(body: &Value) -> CallRule<'_> {
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    let kind = text(choice, "type").unwrap_or("auto");
    let offered = list(body, "tools").iter().filter(|tool| tool.get("input_schema").is_some()).filter_map(|tool| {
        Some(Offered { name: text(tool, "name")?, schema: tool.get("input_schema"), custom: false })
    });
    CallRule {
        offered: if kind == "none" { Vec::new() } else { offered.collect() },
        forced: matches!(kind, "any" | "tool"),
        only: text(choice, "name").into_iter().collect(),
        single: truth(choice, "disable_parallel_tool_use"),
    }
}
