//! The rules among the messages of a request: tool uses and their results, thinking and its signature,
//! blocks that say something.

use std::collections::HashSet;

use serde_json::Value;

use super::SEAL;
use crate::mock::ask::{Refusal, is_name, list, text};
use crate::mock::seal;

/// Marks of the cache that a request may set.
const MAX_CACHE_MARKS: usize = 4;

/// Checks the messages; `manual` when thinking has a budget, which asks for thinking before calls.
///
/// # Errors
/// The first thing that the vendor refuses.
pub(super) fn check(messages: &[Value], manual: bool) -> Result<(), Refusal> {
    if messages.is_empty() {
        return refuse("messages: at least one message is required");
    }
    let mut open: Vec<&str> = Vec::new();
    let mut ids = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let role = text(message, "role").unwrap_or_default();
        let blocks = list(message, "content");
        if role != "system" {
            check_results(index, blocks, &mut open)?;
        }
        check_empty(index, message, index + 1 == messages.len() && role == "assistant")?;
        for (at, block) in blocks.iter().enumerate() {
            check_block(&format!("messages.{index}.content.{at}"), role, block)?;
        }
        let uses = blocks.iter().filter(|block| text(block, "type") == Some("tool_use"));
        for id in uses.filter_map(|block| text(block, "id")) {
            if !ids.insert(id) {
                return refuse("messages: `tool_use` ids must be unique");
            }
            open.push(id);
        }
    }
    if let Some(id) = open.first() {
        return refuse(unanswered(messages.len() - 1, id));
    }
    if manual { check_thinks_first(messages) } else { Ok(()) }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(message))
}

/// Every tool use is answered in the very next message, before anything else is said there.
fn check_results<'a>(index: usize, blocks: &'a [Value], open: &mut Vec<&'a str>) -> Result<(), Refusal> {
    let mut answered: Vec<&str> = Vec::new();
    let mut said = false;
    for (at, block) in blocks.iter().enumerate() {
        if text(block, "type") != Some("tool_result") {
            said = true;
            continue;
        }
        let id = text(block, "tool_use_id").unwrap_or_default();
        if answered.contains(&id) {
            return refuse(format!(
                "messages.{index}.content.{at}: each tool_use must have a single result. Found multiple `tool_result` \
                 blocks with id: {id}"
            ));
        }
        if !open.contains(&id) {
            return refuse(format!(
                "messages.{index}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                 `tool_result` block must have a corresponding `tool_use` block in the previous message."
            ));
        }
        if said {
            return refuse(unanswered(index.saturating_sub(1), id));
        }
        answered.push(id);
    }
    open.retain(|id| !answered.contains(id));
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

fn check_empty(index: usize, message: &Value, last_of_assistant: bool) -> Result<(), Refusal> {
    let content = message.get("content").unwrap_or(&Value::Null);
    let empty = content.as_str().is_some_and(str::is_empty) || content.as_array().is_some_and(Vec::is_empty);
    if empty && !last_of_assistant {
        return refuse(format!(
            "messages.{index}: all messages must have non-empty content except for the optional final assistant message"
        ));
    }
    let ends = content.as_str().or_else(|| list(message, "content").last().and_then(|block| text(block, "text")));
    if last_of_assistant && ends.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        return refuse("messages: final assistant content cannot end with trailing whitespace");
    }
    Ok(())
}

/// Checks one block of a message, and those inside a tool result.
fn check_block(at: &str, role: &str, block: &Value) -> Result<(), Refusal> {
    let kind = text(block, "type").unwrap_or_default();
    match kind {
        "text" => check_text(block)?,
        "thinking" if !sealed(block) => return refuse(format!("{at}: Invalid `signature` in `thinking` block")),
        "tool_use" => {
            if !is_name(text(block, "id").unwrap_or_default(), usize::MAX) {
                return refuse(format!("{at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"));
            }
            if !is_name(text(block, "name").unwrap_or_default(), 200) {
                return refuse(format!("{at}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,200}}$'"));
            }
        }
        "tool_result" => {
            for (index, inner) in list(block, "content").iter().enumerate() {
                check_block(&format!("{at}.tool_result.content.{index}"), "user", inner)?;
            }
        }
        "image" | "document" => check_source(at, kind, block)?,
        _ => {}
    }
    let of_assistant = matches!(kind, "tool_use" | "thinking" | "redacted_thinking" | "server_tool_use");
    let of_user = matches!(kind, "tool_result" | "image" | "document" | "search_result");
    match role {
        "user" if of_assistant => refuse(format!("{at}: `{kind}` blocks can only be in `assistant` messages")),
        "assistant" if of_user => refuse(format!("{at}: `{kind}` blocks can only be in `user` messages")),
        "system" if kind != "text" => refuse(format!("{at}: `{kind}` blocks are not permitted in `system` messages")),
        _ => Ok(()),
    }
}

fn check_text(block: &Value) -> Result<(), Refusal> {
    let said = text(block, "text").unwrap_or_default();
    if said.is_empty() && block.get("cache_control").is_some_and(|mark| !mark.is_null()) {
        return refuse("messages: cache_control cannot be set for empty text blocks");
    }
    if said.is_empty() {
        return refuse("messages: text content blocks must be non-empty");
    }
    if said.trim().is_empty() {
        return refuse("messages: text content blocks must contain non-whitespace text");
    }
    Ok(())
}

/// The signature is this wire's, and on this thinking, unless its text was left out.
fn sealed(block: &Value) -> bool {
    let (thinking, signature) =
        (text(block, "thinking").unwrap_or_default(), text(block, "signature").unwrap_or_default());
    if thinking.is_empty() { seal::is_of(SEAL, signature) } else { seal::seal(SEAL, thinking) == signature }
}

fn check_source(at: &str, kind: &str, block: &Value) -> Result<(), Refusal> {
    let source = block.get("source").unwrap_or(&Value::Null);
    match (text(source, "type"), text(source, "url")) {
        (Some("file"), _) => {
            let id = text(source, "file_id").unwrap_or_default();
            refuse(format!("{at}.{kind}.source.file.file_id: File not found: {id}"))
        }
        (Some("url"), Some(url)) if !url.starts_with("https://") && !url.starts_with("http://") => {
            refuse(format!("{at}.{kind}.source.url.url: Only HTTPS URLs are supported."))
        }
        _ => Ok(()),
    }
}

/// With a budget for thinking, the assistant's turn that the results answer begins with thinking.
fn check_thinks_first(messages: &[Value]) -> Result<(), Refusal> {
    let asks = |message: &Value| {
        text(message, "role") == Some("user")
            && !list(message, "content").iter().any(|block| text(block, "type") == Some("tool_result"))
    };
    let turn = messages.iter().rposition(asks).unwrap_or_default();
    for (index, message) in
        messages.iter().enumerate().skip(turn).filter(|(_, message)| text(message, "role") == Some("assistant"))
    {
        let kind = list(message, "content").first().and_then(|block| text(block, "type")).unwrap_or("text");
        if !matches!(kind, "thinking" | "redacted_thinking") {
            return refuse(format!(
                "messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When \
                 `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the \
                 lastmost set of `tool_use` and `tool_result` blocks). To avoid this requirement, disable `thinking`."
            ));
        }
    }
    Ok(())
}

/// Counts the cache's marks in a body.
///
/// # Errors
/// When there are too many.
pub(super) fn check_marks(body: &Value) -> Result<(), Refusal> {
    let marks = marks(body, 0);
    if marks > MAX_CACHE_MARKS {
        return refuse(format!(
            "A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}."
        ));
    }
    Ok(())
}

fn marks(value: &Value, depth: usize) -> usize {
    match value {
        Value::Object(object) if depth < 16 => object
            .iter()
            .map(|(name, value)| match name.as_str() {
                "cache_control" => usize::from(!value.is_null()),
                // The caller's own: no marks in there.
                "input" | "input_schema" => 0,
                _ => marks(value, depth + 1),
            })
            .sum(),
        Value::Array(list) if depth < 16 => list.iter().map(|item| marks(item, depth + 1)).sum(),
        _ => 0,
    }
}
