//! Writes an answer as Gemini does: whole, as server-sent events, or as one JSON array that grows.

use serde_json::{Map, Value, json};

use super::SEAL;
use crate::mock::ask::{Call, Refusal};
use crate::mock::plan::{Finish, Plan, halves};
use crate::mock::script::{Event, Script};
use crate::mock::seal::seal;

/// The whole answer.
pub(in crate::mock) fn whole(plan: &Plan) -> String {
    let mut parts = Vec::new();
    if let Some(thinking) = plan.thinking.as_deref().filter(|_| !plan.thinking_hidden) {
        parts.push(json!({"text": thinking, "thought": true}));
    }
    if !plan.text.is_empty() && plan.finish != Finish::Refusal {
        let mut part = json!({"text": plan.text});
        if plan.calls.is_empty() {
            sign(&mut part, plan, &plan.text);
        }
        parts.push(part);
    }
    parts.extend(plan.calls.iter().enumerate().map(|(index, call)| call_part(plan, index, call)));
    chunk(plan, parts, true).to_string()
}

/// The events of the answer as a stream; `array` for one JSON array instead of server-sent events.
pub(in crate::mock) fn stream(plan: &Plan, array: bool) -> Vec<Event> {
    let mut chunks: Vec<(bool, Value)> = Vec::new();
    for piece in plan.thinking.as_deref().filter(|_| !plan.thinking_hidden).map(halves).into_iter().flatten() {
        chunks.push((true, chunk(plan, vec![json!({"text": piece, "thought": true})], false)));
    }
    if plan.finish != Finish::Refusal {
        chunks.extend(plan.pieces().into_iter().map(|piece| (true, chunk(plan, vec![json!({"text": piece})], false))));
    }
    for (index, call) in plan.calls.iter().enumerate() {
        chunks.push((true, chunk(plan, vec![call_part(plan, index, call)], false)));
    }
    // The signature of a text comes behind it, in a part of its own.
    let mut last = json!({"text": ""});
    if plan.calls.is_empty() {
        sign(&mut last, plan, &plan.text);
    }
    let parts = if plan.finish == Finish::Refusal { Vec::new() } else { vec![last] };
    chunks.push((false, chunk(plan, parts, true)));
    let mut script = Script::default();
    let count = chunks.len();
    for (index, (content, chunk)) in chunks.into_iter().enumerate() {
        if array {
            let front = if index == 0 { "[" } else { ",\r\n" };
            let back = if index + 1 == count { "\n]\n" } else { "\n" };
            script.event(content, format_args!("{front}{chunk}{back}"));
        } else {
            script.event(content, format_args!("data: {chunk}\r\n\r\n"));
        }
    }
    script.finish()
}

/// The answer of `:countTokens`.
pub(in crate::mock) fn count(input_tokens: u64) -> String {
    let details = json!([{"modality": "TEXT", "tokenCount": input_tokens}]);
    json!({"totalTokens": input_tokens, "promptTokensDetails": details}).to_string()
}

/// The list of models.
pub(in crate::mock) fn models() -> String {
    json!({"models": [{
        "name": "models/mock", "version": "001", "displayName": "Mock", "description": "A model that only seems to be one",
        "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536, "thinking": true,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }]})
    .to_string()
}

/// An error as the body of a refused request; a stream that is an array gives it in one.
pub(in crate::mock) fn error(refusal: &Refusal, retry_after_s: Option<u64>, array: bool) -> String {
    let mut error = json!({"code": refusal.status, "message": refusal.message, "status": status(refusal.status)});
    if let (Some(seconds), Some(fields)) = (retry_after_s, error.as_object_mut()) {
        let delay = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s")});
        fields.insert("details".to_owned(), json!([delay]));
    }
    let body = json!({ "error": error });
    if array { format!("[{body}\n]") } else { body.to_string() }
}

/// The event that ends a stream gone wrong, behind so many others.
pub(in crate::mock) fn error_event(sent: usize, array: bool) -> String {
    let refusal = Refusal { status: 503, ..Refusal::new("The model is overloaded. Please try again later.") };
    let body = error(&refusal, None, false);
    match (array, sent) {
        (false, _) => format!("data: {body}\r\n\r\n"),
        (true, 0) => format!("[{body}\n]\n"),
        (true, _) => format!(",\r\n{body}\n]\n"),
    }
}

fn status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        400..500 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

fn call_part(plan: &Plan, index: usize, call: &Call) -> Value {
    let args: Value = serde_json::from_str(&call.input).unwrap_or_default();
    let mut function = Map::new();
    if plan.call_ids {
        function.insert("id".to_owned(), json!(format!("mock{:08}{index:02}", plan.number)));
    }
    function.insert("name".to_owned(), json!(call.name));
    function.insert("args".to_owned(), args);
    let mut part = json!({ "functionCall": function });
    // Of parallel calls, only the first is signed.
    if index == 0 {
        sign(&mut part, plan, &call.name);
    }
    part
}

fn sign(part: &mut Value, plan: &Plan, text: &str) {
    if let Some(fields) = part.as_object_mut().filter(|_| plan.thinking.is_some()) {
        fields.insert("thoughtSignature".to_owned(), json!(seal(SEAL, text)));
    }
}

fn chunk(plan: &Plan, parts: Vec<Value>, last: bool) -> Value {
    let mut candidate = json!({"index": 0});
    if let Some(fields) = candidate.as_object_mut() {
        if !parts.is_empty() {
            fields.insert("content".to_owned(), json!({"parts": parts, "role": "model"}));
        }
        if last {
            fields.insert("finishReason".to_owned(), json!(finish(&plan.finish)));
        }
    }
    json!({
        "candidates": [candidate], "usageMetadata": usage(plan, last), "modelVersion": plan.model,
        "responseId": format!("mock{:020}", plan.number),
    })
}

fn usage(plan: &Plan, last: bool) -> Value {
    let thoughts = plan.reasoning_tokens;
    let output = if last { plan.output_tokens - thoughts } else { 0 };
    let mut usage = json!({
        "promptTokenCount": plan.input_tokens, "totalTokenCount": plan.input_tokens + output + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": plan.input_tokens}],
    });
    if let Some(fields) = usage.as_object_mut() {
        if last {
            fields.insert("candidatesTokenCount".to_owned(), json!(output));
        }
        if plan.cached_tokens > 0 {
            fields.insert("cachedContentTokenCount".to_owned(), json!(plan.cached_tokens));
        }
        if thoughts > 0 {
            fields.insert("thoughtsTokenCount".to_owned(), json!(thoughts));
        }
    }
    usage
}

fn finish(finish: &Finish) -> &'static str {
    match finish {
        Finish::End | Finish::Stop(_) | Finish::Tools => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Refusal => "SAFETY",
    }
}
