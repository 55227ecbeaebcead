//! Reads a Gemini request and refuses what the vendor refuses.

use serde_json::Value;

use super::shape::{BODY, COUNT_BODY};
use super::{contents, schema};
use crate::mock::ask::{Ask, CallRule, Offered, Refusal, list, text, tokens_of, truth};
use crate::mock::shape::{Fault, Reading, Step, Wrong, camel};

/// How proto reads JSON.
const PROTO: Reading = Reading { null_is_absent: true, snake: true };
/// A function's name has at most this many characters.
const NAME_CHARACTERS: usize = 64;
/// At most this many stop sequences.
const MAX_STOPS: usize = 5;

/// Reads the body of `:generateContent` or, `streamed`, `:streamGenerateContent`.
///
/// # Errors
/// The first thing that the vendor would refuse.
pub(in crate::mock) fn read(bytes: &[u8], model: &str, streamed: bool) -> Result<Ask, Refusal> {
    let body = normal(parse(bytes)?, 0);
    PROTO.check(&body, &BODY).map_err(|fault| said(&fault))?;
    ask(&body, bytes, model, streamed)
}

/// Reads the body of `:countTokens`: contents, or a whole request.
///
/// # Errors
/// The first thing that the vendor would refuse.
pub(in crate::mock) fn read_count(bytes: &[u8], model: &str) -> Result<Ask, Refusal> {
    let body = normal(parse(bytes)?, 0);
    PROTO.check(&body, &COUNT_BODY).map_err(|fault| said(&fault))?;
    let Some(whole) = body.get("generateContentRequest") else {
        contents::check(list(&body, "contents"), model)?;
        return Ok(Ask { model: model.to_owned(), input_tokens: tokens_of(bytes), ..Ask::default() });
    };
    if body.get("contents").is_some() {
        return Err(Refusal::new("Only one of contents and generate_content_request may be set."));
    }
    if text(whole, "model").is_none_or(|model| !model.starts_with("models/")) {
        return Err(Refusal::new(
            "* CountTokensRequest.generate_content_request.model: unexpected model name format\n",
        ));
    }
    PROTO.check(whole, &BODY).map_err(|fault| said(&fault))?;
    ask(whole, bytes, model, false)
}

fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    let wrong = |error| Refusal::new(format!("Invalid JSON payload received. {error}"));
    serde_json::from_slice(bytes).map_err(wrong)
}

/// The body with the names of its own members in `camelCase`; what is the caller's own (arguments,
/// results, schemas) stays as it is.
fn normal(value: Value, depth: usize) -> Value {
    const FREE: [&str; 8] = [
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
        "labels",
    ];
    match value {
        Value::Object(object) if depth < 32 => object
            .into_iter()
            .map(|(name, value)| {
                let name = camel(&name);
                let free = FREE.contains(&name.as_str());
                (name, if free { value } else { normal(value, depth + 1) })
            })
            .collect(),
        Value::Array(list) if depth < 32 => list.into_iter().map(|item| normal(item, depth + 1)).collect(),
        other => other,
    }
}

/// Whether a model is of Gemini's third generation, or one of the two that always point to it.
pub(super) fn gemini3(model: &str) -> bool {
    model.starts_with("gemini-3")
}

/// A member that is not null.
pub(super) fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).filter(|value| !value.is_null())
}

/// A path in proto's names.
pub(super) fn place(path: &[Step]) -> String {
    let fault = Fault { path: path.iter().cloned().map(snake).collect(), wrong: Wrong::Missing("") };
    fault.bracketed("")
}

fn snake(step: Step) -> Step {
    let Step::Name(name) = step else { return step };
    let mut out = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    Step::Name(out)
}

/// A refusal as the vendor's validator says it.
pub(super) fn invalid(path: &[Step], field: &str, what: &str) -> Refusal {
    let place = place(path);
    let dot = if place.is_empty() || field.is_empty() { "" } else { "." };
    Refusal::new(format!("* GenerateContentRequest.{place}{dot}{field}: {what}\n"))
}

/// A fault in Gemini's words.
pub(super) fn said(fault: &Fault) -> Refusal {
    let at = place(&fault.path);
    match &fault.wrong {
        Wrong::Unknown(name) if at.is_empty() => {
            Refusal::new(format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."))
        }
        Wrong::Unknown(name) => Refusal::new(format!(
            "Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."
        )),
        Wrong::Missing("contents") => Refusal::new("* GenerateContentRequest.contents: contents is not specified\n"),
        Wrong::Missing("name") => invalid(&fault.path, "name", "Name cannot be empty."),
        Wrong::Missing(name) => invalid(&fault.path, name, "required field is not set"),
        Wrong::Kind { expected: "base64", found } => {
            Refusal::new(format!("Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed for {found}"))
        }
        Wrong::Kind { expected, found } => {
            let kind = match *expected {
                "a string" => "TYPE_STRING",
                "a boolean" => "TYPE_BOOL",
                "an integer" => "TYPE_INT32",
                "a number" => "TYPE_FLOAT",
                _ => "type.googleapis.com/google.protobuf.Struct",
            };
            Refusal::new(format!("Invalid value at '{at}' ({kind}), {found}"))
        }
        Wrong::Word { found, .. } | Wrong::Tag { found, .. } => {
            Refusal::new(format!("Invalid value at '{at}' (TYPE_ENUM), \"{found}\""))
        }
        Wrong::Below(least, found) => invalid(&fault.path, "", &format!("{found} is below the least value {least}.")),
        Wrong::Above(most, found) => invalid(&fault.path, "", &format!("{found} is above the greatest value {most}.")),
    }
}

fn ask(body: &Value, bytes: &[u8], model: &str, streamed: bool) -> Result<Ask, Refusal> {
    let known = model.split('+').next().unwrap_or_default();
    let all = list(body, "contents");
    contents::check(all, known)?;
    if let Some(system) = member(body, "systemInstruction") {
        contents::check_parts(system, &[Step::Name("systemInstruction".to_owned())], 0)?;
    }
    check_tools(body, known)?;
    let generation = member(body, "generationConfig").unwrap_or(&Value::Null);
    check_generation(body, generation, known)?;
    let thinking = member(generation, "thinkingConfig").unwrap_or(&Value::Null);
    let shown = truth(thinking, "includeThoughts");
    let input_tokens = tokens_of(bytes);
    let mut ask = Ask {
        model: model.to_owned(),
        stream: streamed,
        thinking: shown
            || gemini3(known)
            || thinking.get("thinkingBudget").and_then(Value::as_i64).is_some_and(|budget| budget != 0),
        thinking_hidden: !shown,
        sealed: true,
        call_ids: gemini3(known),
        max_tokens: generation.get("maxOutputTokens").and_then(Value::as_u64),
        stops: list(generation, "stopSequences").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        input_tokens,
        cached_tokens: if input_tokens < 1024 { 0 } else { input_tokens / 2 },
        structured: structured(generation),
        ..Ask::default()
    };
    read_contents(all, &mut ask);
    ask.calls = call_rule(body).calls(ask.results.is_none().then_some(ask.text.as_str()));
    Ok(ask)
}

/// The declarations of functions, and where each stands.
fn declarations(body: &Value) -> impl Iterator<Item = (Vec<Step>, &Value)> {
    list(body, "tools").iter().enumerate().flat_map(|(index, tool)| {
        list(tool, "functionDeclarations").iter().enumerate().map(move |(number, declaration)| {
            let path = vec![
                Step::Name("tools".to_owned()),
                Step::Index(index),
                Step::Name("functionDeclarations".to_owned()),
                Step::Index(number),
            ];
            (path, declaration)
        })
    })
}

fn check_tools(body: &Value, model: &str) -> Result<(), Refusal> {
    let mut names = std::collections::HashSet::new();
    for (path, declaration) in declarations(body) {
        let name = text(declaration, "name").unwrap_or_default();
        let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | ':' | '-');
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !begins || name.len() > NAME_CHARACTERS || !name.chars().all(legal) {
            return Err(invalid(
                &path,
                "name",
                "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric \
                 (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.",
            ));
        }
        if !names.insert(name) {
            return Err(Refusal::new(format!("Duplicate function declaration found: {name}")));
        }
        if let Some(parameters) = member(declaration, "parameters") {
            if member(declaration, "parametersJsonSchema").is_some() {
                return Err(invalid(
                    &path,
                    "parameters",
                    "only one of parameters and parameters_json_schema may be set",
                ));
            }
            schema::check(parameters, &[path, vec![Step::Name("parameters".to_owned())]].concat())?;
        }
    }
    let searches = list(body, "tools").iter().any(|tool| member(tool, "googleSearch").is_some());
    if searches && !names.is_empty() && !gemini3(model) {
        return Err(Refusal::new("Tool use with function calling is unsupported"));
    }
    let Some(config) = member(body, "toolConfig").and_then(|config| member(config, "functionCallingConfig")) else {
        return Ok(());
    };
    let mode = text(config, "mode").unwrap_or("AUTO");
    if names.is_empty() && matches!(mode, "ANY" | "VALIDATED") {
        return Err(Refusal::new("Function calling config is set without function_declarations."));
    }
    let allowed = list(config, "allowedFunctionNames");
    if !allowed.is_empty() && !matches!(mode, "ANY" | "VALIDATED") {
        return Err(Refusal::new("Allowed function names should only be set when the mode is ANY or VALIDATED."));
    }
    match allowed.iter().filter_map(Value::as_str).find(|name| !names.contains(name)) {
        Some(name) => {
            Err(Refusal::new(format!("Allowed function name '{name}' is not among the function declarations.")))
        }
        None => Ok(()),
    }
}

fn check_generation(body: &Value, generation: &Value, model: &str) -> Result<(), Refusal> {
    let path = [Step::Name("generationConfig".to_owned())];
    if list(generation, "stopSequences").len() > MAX_STOPS {
        return Err(invalid(&path, "stop_sequences", "the number of stop sequences must not exceed 5"));
    }
    let json = text(generation, "responseMimeType") == Some("application/json");
    let schemas = ["responseSchema", "responseJsonSchema", "_responseJsonSchema"];
    let given: Vec<&str> = schemas.into_iter().filter(|name| member(generation, name).is_some()).collect();
    if !given.is_empty() && !json {
        return Err(invalid(&path, "response_schema", "only allowed when response_mime_type is 'application/json'"));
    }
    if given.len() > 1 {
        return Err(invalid(
            &path,
            "response_schema",
            "only one of response_schema and response_json_schema may be set",
        ));
    }
    if let Some(schema) = member(generation, "responseSchema") {
        schema::check(schema, &[path.as_slice(), &[Step::Name("responseSchema".to_owned())]].concat())?;
    }
    if json && declarations(body).next().is_some() && !gemini3(model) {
        return Err(Refusal::new("Function calling with a response mime type: 'application/json' is unsupported"));
    }
    check_thinking(member(generation, "thinkingConfig").unwrap_or(&Value::Null), model)
}

fn check_thinking(thinking: &Value, model: &str) -> Result<(), Refusal> {
    let budget = thinking.get("thinkingBudget").and_then(Value::as_i64);
    let level = text(thinking, "thinkingLevel").map(str::to_ascii_uppercase);
    let refuse = |message: String| Err(Refusal::new(message));
    if budget.is_some() && level.is_some() {
        return refuse("You can only set only one of thinking budget and thinking level.".to_owned());
    }
    if level.is_some() && model.starts_with("gemini-2") {
        return refuse("Thinking level is not supported for this model.".to_owned());
    }
    let pro = model.contains("pro");
    if level.as_deref() == Some("MINIMAL") && pro {
        return refuse(
            "Thinking level MINIMAL is not supported for this model. Please retry with other thinking level."
                .to_owned(),
        );
    }
    if !thinking.is_null() && ["gemini-1", "gemini-2.0"].iter().any(|begin| model.starts_with(begin)) {
        return refuse("Unable to submit request because thinking is not supported by this model.".to_owned());
    }
    let Some(budget) = budget.filter(|_| model.starts_with("gemini-2.5")) else { return Ok(()) };
    let (least, most) = match () {
        () if pro => (128, 32_768),
        () if model.contains("lite") => (512, 24_576),
        () => (1, 24_576),
    };
    match budget {
        -1 => Ok(()),
        0 if pro => refuse("Budget 0 is invalid. This model only works in thinking mode.".to_owned()),
        0 => Ok(()),
        budget if (least..=most).contains(&budget) => Ok(()),
        budget => refuse(format!(
            "The thinking budget {budget} is invalid. Please choose a value between {least} and {most}."
        )),
    }
}

fn structured(generation: &Value) -> Option<String> {
    if text(generation, "responseMimeType") != Some("application/json") {
        return None;
    }
    let schemas = ["responseSchema", "responseJsonSchema", "_responseJsonSchema"];
    let schema = schemas.into_iter().find_map(|name| member(generation, name));
    Some(crate::mock::sample::arguments(schema))
}

fn read_contents(contents: &[Value], ask: &mut Ask) {
    let parts = |content| list(content, "parts").iter();
    for part in contents.iter().flat_map(parts) {
        let nested = member(part, "functionResponse").into_iter().flat_map(|response| list(response, "parts"));
        for part in std::iter::once(part).chain(nested) {
            let blob = member(part, "inlineData").or(member(part, "fileData"));
            match blob.and_then(|blob| text(blob, "mimeType")) {
                Some(kind) if kind.starts_with("image/") => ask.images += 1,
                Some("application/pdf" | "text/plain") => ask.documents += 1,
                _ => {}
            }
        }
    }
    let user = |content: &&Value| text(content, "role") != Some("model");
    let texts: Vec<&str> =
        contents.iter().rfind(user).into_iter().flat_map(parts).filter_map(|part| text(part, "text")).collect();
    ask.text = texts.join("\n");
    let responses = contents.last().into_iter().flat_map(parts).filter_map(|part| member(part, "functionResponse"));
    let results: Vec<String> = responses.filter_map(|response| response.get("response")).map(result_text).collect();
    ask.results = (!results.is_empty()).then(|| results.join("; "));
}

/// The text of a function's response: what it has under `output` or `result`, else the whole.
fn result_text(response: &Value) -> String {
    let inner = ["output", "result", "error", "content"].iter().find_map(|name| response.get(name));
    match inner.unwrap_or(response) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn call_rule(body: &Value) -> CallRule<'_> {
    let config = body.pointer("/toolConfig/functionCallingConfig").unwrap_or(&Value::Null);
    let mode = text(config, "mode").unwrap_or("AUTO");
    let offered = declarations(body).filter_map(|(_, declaration)| {
        let schema = member(declaration, "parameters").or(member(declaration, "parametersJsonSchema"));
        Some(Offered { name: text(declaration, "name")?, schema, custom: false })
    });
    CallRule {
        offered: if mode == "NONE" { Vec::new() } else { offered.collect() },
        forced: mode == "ANY",
        only: list(config, "allowedFunctionNames").iter().filter_map(Value::as_str).collect(),
        single: false,
    }
}
