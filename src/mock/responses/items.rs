//! The rules among the items of a Responses input: calls and their outputs, reasoning in its place, ids.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::SEAL;
use super::shape::{ID_CHARACTERS, ITEM};
use crate::mock::ask::{Refusal, list, text};
use crate::mock::openai::{check_file, check_picture, said};
use crate::mock::seal;
use crate::mock::shape::{Reading, Step};

/// Checks the items of an input list.
///
/// # Errors
/// The first thing that OpenAI refuses.
pub(super) fn check(items: &[Value]) -> Result<(), Refusal> {
    let mut ids = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        Reading::default().check(item, &ITEM).map_err(|mut fault| {
            fault.path.splice(0..0, [Step::Name("input".to_owned()), Step::Index(index)]);
            said(&fault)
        })?;
        check_id(index, item)?;
        if let Some(id) = text(item, "id").filter(|id| !ids.insert(*id)) {
            let message =
                format!("Duplicate item found with id {id}. Remove duplicate items from your input and try again.");
            return Err(Refusal { param: Some("input".to_owned()), ..Refusal::new(message) });
        }
        match kind(item) {
            "message" => check_message(index, item)?,
            "function_call_output" | "custom_tool_call_output" => {
                check_parts(list(item, "output"), &format!("input[{index}].output"), false)?
            }
            "reasoning" => check_reasoning(items, index, item)?,
            "item_reference" => return Err(not_found(text(item, "id").unwrap_or_default())),
            _ => {}
        }
    }
    check_pairs(items)
}

/// What an item is; one without a type is a message.
pub(super) fn kind(item: &Value) -> &str {
    text(item, "type").unwrap_or("message")
}

fn check_id(index: usize, item: &Value) -> Result<(), Refusal> {
    let begin = match kind(item) {
        "message" if text(item, "role") == Some("assistant") => "msg",
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        "reasoning" => "rs",
        _ => return check_call_id(index, item),
    };
    match text(item, "id") {
        Some(id) if !id.starts_with(begin) => {
            let message = format!("Invalid 'input[{index}].id': '{id}'. Expected an ID that begins with '{begin}'.");
            Err(Refusal::coded(message, format!("input[{index}].id"), "invalid_value"))
        }
        Some(id) => check_length(id, &format!("input[{index}].id")).and_then(|()| check_call_id(index, item)),
        None => check_call_id(index, item),
    }
}

fn check_call_id(index: usize, item: &Value) -> Result<(), Refusal> {
    let Some(id) = text(item, "call_id") else { return Ok(()) };
    let at = format!("input[{index}].call_id");
    if id.is_empty() {
        let message = format!(
            "Invalid '{at}': empty string. Expected a string with minimum length 1, but got an empty string instead."
        );
        return Err(Refusal::coded(message, at, "empty_string"));
    }
    check_length(id, &at)
}

fn check_length(id: &str, at: &str) -> Result<(), Refusal> {
    let length = id.chars().count();
    if length <= ID_CHARACTERS {
        return Ok(());
    }
    let message = format!(
        "Invalid '{at}': string too long. Expected a string with maximum length {ID_CHARACTERS}, but got a string with \
         length {length} instead."
    );
    Err(Refusal::coded(message, at, "string_above_max_length"))
}

fn check_message(index: usize, item: &Value) -> Result<(), Refusal> {
    let assistant = text(item, "role") == Some("assistant");
    check_parts(list(item, "content"), &format!("input[{index}].content"), assistant)
}

/// Only an assistant says `output_text` and `refusal`, and says nothing else.
fn check_parts(parts: &[Value], at: &str, assistant: bool) -> Result<(), Refusal> {
    for (index, part) in parts.iter().enumerate() {
        let at = format!("{at}[{index}]");
        let kind = text(part, "type").unwrap_or_default();
        if matches!(kind, "output_text" | "refusal") != assistant {
            let known =
                if assistant { "'output_text' and 'refusal'" } else { "'input_text', 'input_image', and 'input_file'" };
            let message = format!("Invalid value: '{kind}'. Supported values are: {known}.");
            return Err(Refusal::coded(message, at, "invalid_value"));
        }
        match (kind, text(part, "image_url")) {
            ("input_image", Some(url)) => check_picture(url, &format!("{at}.image_url"))?,
            ("input_image", None) => {
                let at = format!("{at}.image_url");
                return Err(Refusal::coded(
                    format!("Missing required parameter: '{at}'."),
                    at,
                    "missing_required_parameter",
                ));
            }
            ("input_file", _) => check_file(part, &at)?,
            _ => {}
        }
    }
    Ok(())
}

/// Reasoning is the server's own, and stands before what came of it.
fn check_reasoning(items: &[Value], index: usize, item: &Value) -> Result<(), Refusal> {
    let id = text(item, "id").unwrap_or("rs_");
    let Some(encrypted) = text(item, "encrypted_content") else { return Err(not_found(id)) };
    if !seal::is_of(SEAL, encrypted) {
        let begin: String = encrypted.chars().take(4).collect();
        let end: String = encrypted.chars().skip(encrypted.chars().count().saturating_sub(4)).collect();
        let message = format!(
            "The encrypted content {begin}...{end} could not be verified. Reason: Encrypted content could not be \
             decrypted or parsed."
        );
        return Err(Refusal { code: Some("invalid_encrypted_content"), ..Refusal::new(message) });
    }
    let next = items.iter().skip(index + 1).find(|item| kind(item) != "reasoning");
    let follows = next.is_some_and(|next| match kind(next) {
        "message" => text(next, "role") == Some("assistant"),
        kind => kind.ends_with("_call"),
    });
    if follows {
        return Ok(());
    }
    let message = format!("Item '{id}' of type 'reasoning' was provided without its required following item.");
    Err(Refusal { param: Some("input".to_owned()), ..Refusal::new(message) })
}

fn not_found(id: &str) -> Refusal {
    let message = format!(
        "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` set \
         to true, or remove this item from your input."
    );
    Refusal { status: 404, param: Some("input".to_owned()), ..Refusal::new(message) }
}

/// Each call has its one output behind it, of its own kind, and each output its call.
fn check_pairs(items: &[Value]) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal { param: Some("input".to_owned()), ..Refusal::new(message) });
    let mut open: HashMap<&str, &str> = HashMap::new();
    let mut called: Vec<(&str, &str)> = Vec::new();
    for item in items {
        let id = text(item, "call_id").unwrap_or_default();
        match kind(item) {
            call @ ("function_call" | "custom_tool_call") => {
                if called.iter().any(|(_, known)| *known == id) {
                    return refuse(format!("Duplicate tool call found with call_id {id}."));
                }
                called.push((call, id));
                open.insert(id, call);
            }
            output @ ("function_call_output" | "custom_tool_call_output") => {
                let call = output.trim_end_matches("_output");
                if open.get(id) != Some(&call) {
                    let call = call.replace('_', " ");
                    return refuse(format!("No tool call found for {call} output with call_id {id}."));
                }
                open.remove(id);
            }
            _ => {}
        }
    }
    match called.iter().find(|(_, id)| open.contains_key(id)) {
        Some((call, id)) => refuse(format!("No tool output found for {} {id}.", call.replace('_', " "))),
        None => Ok(()),
    }
}
