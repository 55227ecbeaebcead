//! The rules among the contents of a Gemini request: roles, parts that say something, calls and their
//! responses, thoughts and their signatures.

use serde_json::Value;

use super::SEAL;
use super::request::{gemini3, invalid, member};
use crate::mock::ask::{Refusal, list, text};
use crate::mock::seal;
use crate::mock::shape::Step;

/// Signatures that Gemini lets pass unread, for conversations that another model has begun.
const UNREAD: [&str; 2] = ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];
/// Which of a part's members are its data.
const DATA: [&str; 9] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];
/// Kinds of inline data that are taken, besides everything that is text, audio or video.
const KINDS: [&str; 6] = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", "application/pdf"];

/// Checks the contents for a model.
///
/// # Errors
/// The first thing that Gemini refuses.
pub(super) fn check(contents: &[Value], model: &str) -> Result<(), Refusal> {
    if contents.is_empty() {
        return Err(Refusal::new("* GenerateContentRequest.contents: contents is not specified\n"));
    }
    for (index, content) in contents.iter().enumerate() {
        let path = [Step::Name("contents".to_owned()), Step::Index(index)];
        if !matches!(text(content, "role"), None | Some("" | "user" | "model")) {
            return Err(Refusal::new("Please use a valid role: user, model."));
        }
        check_parts(content, &path, index)?;
    }
    check_turns(contents)?;
    if gemini3(model) { check_signed(contents) } else { Ok(()) }
}

/// Checks the parts of one content that stands at a path.
pub(super) fn check_parts(content: &Value, path: &[Step], index: usize) -> Result<(), Refusal> {
    let parts = list(content, "parts");
    if parts.is_empty() {
        return Err(invalid(path, "parts", "contents.parts must not be empty."));
    }
    for (number, part) in parts.iter().enumerate() {
        let at = [path, &[Step::Name("parts".to_owned()), Step::Index(number)]].concat();
        let data: Vec<&str> = DATA.into_iter().filter(|name| member(part, name).is_some()).collect();
        let signature = member(part, "thoughtSignature").and_then(Value::as_str);
        match data.as_slice() {
            // A stream's last part may carry nothing but a signature.
            ["text"] if text(part, "text") == Some("") && signature.is_none() => {
                return Err(invalid(&at, "data", "required oneof field 'data' must have one initialized field"));
            }
            [_] => {}
            [] => return Err(invalid(&at, "data", "required oneof field 'data' must have one initialized field")),
            [_, second, ..] => {
                let at = super::request::place(&at);
                return Err(Refusal::new(format!(
                    "Invalid value at '{at}' (oneof), oneof field 'data' is already set. Cannot set '{second}'"
                )));
            }
        }
        check_data(part, &at)?;
        if signature.is_some_and(|signature| !UNREAD.contains(&signature) && !seal::is_of(SEAL, signature)) {
            return Err(Refusal::new("Corrupted thought signature."));
        }
        let model = text(content, "role") == Some("model");
        if !model && (member(part, "functionCall").is_some() || signature.is_some()) {
            return Err(Refusal::new(format!(
                "Please ensure that function call turn comes from the model role. (contents[{index}])"
            )));
        }
        if model && member(part, "functionResponse").is_some() {
            return Err(Refusal::new(
                "Please ensure that function response turn comes immediately after a function call turn.",
            ));
        }
    }
    Ok(())
}

fn check_data(part: &Value, at: &[Step]) -> Result<(), Refusal> {
    for (blob, place) in [("inlineData", "inline_data"), ("fileData", "file_data")] {
        let Some(kind) = member(part, blob).and_then(|blob| member(blob, "mimeType")).and_then(Value::as_str) else {
            continue;
        };
        let taken = KINDS.contains(&kind)
            || ["text/", "audio/", "video/", "application/json"].iter().any(|begin| kind.starts_with(begin));
        if !taken {
            return Err(invalid(at, &format!("{place}.mime_type"), &format!("Unsupported MIME type: {kind}")));
        }
    }
    for (field, place) in [("functionCall", "function_call"), ("functionResponse", "function_response")] {
        if member(part, field).is_some_and(|call| text(call, "name") == Some("")) {
            return Err(invalid(at, &format!("{place}.name"), "Name cannot be empty."));
        }
    }
    Ok(())
}

/// The members of this name in a content's parts.
fn all<'v>(content: &'v Value, name: &'v str) -> impl Iterator<Item = &'v Value> {
    list(content, "parts").iter().filter_map(move |part| member(part, name))
}

/// Each turn of calls is answered by the very next turn, call for call.
fn check_turns(contents: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&Value> = Vec::new();
    for (index, content) in contents.iter().enumerate() {
        let responses: Vec<&Value> = all(content, "functionResponse").collect();
        if responses.is_empty() != open.is_empty() || (index == 0 && !responses.is_empty()) {
            return Err(Refusal::new(if open.is_empty() {
                "Please ensure that function response turn comes immediately after a function call turn."
            } else {
                "Please ensure that function call turn is followed by a function response turn."
            }));
        }
        if responses.len() != open.len() {
            return Err(Refusal::new(
                "Please ensure that the number of function response parts is equal to the number of function call parts \
                 of the function call turn.",
            ));
        }
        for response in responses {
            let same = |call: &&Value| {
                text(call, "name") == text(response, "name")
                    && (text(response, "id").is_none()
                        || text(call, "id").is_none()
                        || text(call, "id") == text(response, "id"))
            };
            let Some(place) = open.iter().position(same) else {
                let name = text(response, "name").unwrap_or_default();
                return Err(Refusal::new(format!(
                    "Please ensure that each function response answers a function call of the function call turn. \
                     Function response '{name}' answers none."
                )));
            };
            open.swap_remove(place);
        }
        open = all(content, "functionCall").collect();
        if !open.is_empty() && index == 0 {
            return Err(Refusal::new(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
            ));
        }
    }
    match contents.last() {
        Some(last) if text(last, "role") == Some("model") && !open.is_empty() => {
            Err(Refusal::new("Please ensure that multiturn requests end with a user turn or a function response."))
        }
        _ => Ok(()),
    }
}

/// Since Gemini 3, the first call of each step of the current turn carries its signature.
fn check_signed(contents: &[Value]) -> Result<(), Refusal> {
    let asks =
        |content: &Value| text(content, "role") != Some("model") && all(content, "functionResponse").next().is_none();
    let turn = contents.iter().rposition(asks).unwrap_or_default();
    for (position, content) in contents.iter().enumerate().skip(turn) {
        let call = list(content, "parts").iter().find(|part| member(part, "functionCall").is_some());
        let Some(call) = call.filter(|part| member(part, "thoughtSignature").is_none()) else { continue };
        let name = member(call, "functionCall").and_then(|call| text(call, "name")).unwrap_or_default();
        return Err(Refusal::new(format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
             correctly, and missing thought_signature may lead to degraded model performance. Additional data, function \
             call `default_api:{name}` , position {}. Please refer to \
             https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
            position + 1
        )));
    }
    Ok(())
}
