//! The rules among the messages of a Chat request: calls and their results, contents, names, pictures.

use std::collections::HashSet;

use serde_json::Value;

use super::shape::MESSAGES;
use crate::mock::ask::{Refusal, is_name, list, text};
use crate::mock::openai::{check_file, check_picture, said};
use crate::mock::shape::{Reading, Step};

/// A call's id has at most this many characters.
const ID_CHARACTERS: usize = 40;
/// A name has at most this many characters.
const NAME_CHARACTERS: usize = 64;

/// Checks the messages; `marked` when the cache's marks of another vendor may stand in them.
///
/// # Errors
/// The first thing that OpenAI refuses.
pub(super) fn check(messages: &[Value], marked: bool) -> Result<(), Refusal> {
    if messages.is_empty() {
        let message =
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(Refusal::coded(message, "messages", "empty_array"));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut ids = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let role = text(message, "role").unwrap_or_default();
        check_shape(index, role, message, marked)?;
        check_parts(index, message)?;
        if role == "tool" {
            check_result(index, message, &mut open)?;
            continue;
        }
        if let Some(id) = open.first() {
            return Err(unanswered(id));
        }
        if let Some(name) = text(message, "name").filter(|name| illegal(name)) {
            let message = format!(
                "Invalid 'messages[{index}].name': string does not match pattern. Expected a string that matches the \
                 pattern '^[^\\s<|\\\\/>]+$'. ({name})"
            );
            return Err(Refusal::coded(message, format!("messages[{index}].name"), "invalid_value"));
        }
        if role == "assistant" {
            check_calls(index, message, &mut ids)?;
            open.extend(list(message, "tool_calls").iter().filter_map(|call| text(call, "id")));
        }
    }
    match open.first() {
        Some(id) => Err(unanswered(id)),
        None => Ok(()),
    }
}

fn illegal(name: &str) -> bool {
    name.is_empty()
        || name.chars().count() > NAME_CHARACTERS
        || name.contains(|character: char| character.is_whitespace() || "<|\\/>".contains(character))
}

fn check_shape(index: usize, role: &str, message: &Value, marked: bool) -> Result<(), Refusal> {
    let Some((_, shape)) = MESSAGES.iter().find(|(known, _)| *known == role) else {
        let at = format!("messages[{index}].role");
        if message.get("role").is_none() {
            return Err(Refusal::coded(
                format!("Missing required parameter: '{at}'."),
                at,
                "missing_required_parameter",
            ));
        }
        let message = format!(
            "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
        );
        return Err(Refusal::coded(message, at, "invalid_value"));
    };
    // The vendor's own words for the most frequent mistake.
    if role != "assistant" && message.get("content").is_some_and(Value::is_null) {
        let at = format!("messages[{index}].content");
        let message = format!("Invalid value for 'content': expected a string, got null. ({at})");
        return Err(Refusal::coded(message, at, "invalid_type"));
    }
    let unmarked = marked.then(|| without_marks(message));
    Reading::default().check(unmarked.as_ref().unwrap_or(message), shape).map_err(|mut fault| {
        fault.path.splice(0..0, [Step::Name("messages".to_owned()), Step::Index(index)]);
        said(&fault)
    })
}

/// A message without the marks of another vendor's cache.
fn without_marks(message: &Value) -> Value {
    let mut message = message.clone();
    let parts = message.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten();
    for part in parts.filter_map(Value::as_object_mut) {
        part.remove("cache_control");
    }
    if let Some(fields) = message.as_object_mut() {
        fields.remove("cache_control");
    }
    message
}

fn check_parts(index: usize, message: &Value) -> Result<(), Refusal> {
    let content = message.get("content").unwrap_or(&Value::Null);
    let at = format!("messages[{index}].content");
    if content.as_array().is_some_and(Vec::is_empty) {
        let message = format!(
            "Invalid '{at}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        );
        return Err(Refusal::coded(message, at, "empty_array"));
    }
    for (number, part) in list(message, "content").iter().enumerate() {
        let at = format!("{at}[{number}]");
        match text(part, "type") {
            Some("image_url") => {
                let url = part.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
                check_picture(url, &format!("{at}.image_url.url"))?;
            }
            Some("file") => check_file(part.get("file").unwrap_or(&Value::Null), &format!("{at}.file"))?,
            _ => {}
        }
    }
    Ok(())
}

fn check_calls<'a>(index: usize, message: &'a Value, ids: &mut HashSet<&'a str>) -> Result<(), Refusal> {
    let given = |name: &str| message.get(name).is_some_and(|value| !value.is_null());
    let calls = list(message, "tool_calls");
    if given("tool_calls") && calls.is_empty() {
        let at = format!("messages[{index}].tool_calls");
        let message = format!(
            "Invalid '{at}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        );
        return Err(Refusal::coded(message, at, "empty_array"));
    }
    if calls.is_empty() && !["content", "refusal", "audio", "function_call"].into_iter().any(given) {
        let at = format!("messages[{index}].content");
        let message = format!("Invalid value for 'content': expected a string, got null. ({at})");
        return Err(Refusal::coded(message, at, "invalid_type"));
    }
    for (number, call) in calls.iter().enumerate() {
        let at = format!("messages[{index}].tool_calls[{number}]");
        let id = text(call, "id").unwrap_or_default();
        let length = id.chars().count();
        if length > ID_CHARACTERS {
            let message = format!(
                "Invalid '{at}.id': string too long. Expected a string with maximum length {ID_CHARACTERS}, but got a \
                 string with length {length} instead."
            );
            return Err(Refusal::coded(message, format!("{at}.id"), "string_above_max_length"));
        }
        if !ids.insert(id) {
            return Err(Refusal::coded(format!("Duplicate value for 'tool_call_id' of '{id}'."), at, "invalid_value"));
        }
        let kind = text(call, "type").unwrap_or("function");
        let name = call.get(kind).and_then(|called| text(called, "name")).unwrap_or_default();
        if !is_name(name, NAME_CHARACTERS) {
            let message = format!(
                "Invalid '{at}.{kind}.name': string does not match pattern. Expected a string that matches the pattern \
                 '^[a-zA-Z0-9_-]{{1,64}}$'."
            );
            return Err(Refusal::coded(message, format!("{at}.{kind}.name"), "invalid_value"));
        }
    }
    Ok(())
}

fn check_result(index: usize, message: &Value, open: &mut Vec<&str>) -> Result<(), Refusal> {
    let id = text(message, "tool_call_id").unwrap_or_default();
    if !open.contains(&id) {
        let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                       'tool_calls'.";
        return Err(Refusal { param: Some(format!("messages[{index}].role")), ..Refusal::new(message) });
    }
    open.retain(|other| *other != id);
    Ok(())
}

fn unanswered(id: &str) -> Refusal {
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The \
         following tool_call_ids did not have response messages: {id}"
    );
    Refusal { param: Some("messages".to_owned()), ..Refusal::new(message) }
}
