//! Writes an answer as OpenAI Responses does.

use serde_json::{Value, json};

use super::SEAL;
use crate::mock::ask::Call;
use crate::mock::plan::{Finish, Plan};
use crate::mock::seal::seal;

/// The whole answer.
pub(in crate::mock) fn whole(plan: &Plan) -> String {
    let (status, _) = end(plan);
    response(plan, status, items(plan)).to_string()
}

/// The answer of `/v1/responses/input_tokens`.
pub(in crate::mock) fn count(input_tokens: u64) -> String {
    json!({"object": "response.input_tokens", "input_tokens": input_tokens}).to_string()
}

/// How it ends: the response's status and the kind of a stream's last event.
pub(super) fn end(plan: &Plan) -> (&'static str, &'static str) {
    match plan.finish {
        Finish::Length => ("incomplete", "response.incomplete"),
        _ => ("completed", "response.completed"),
    }
}

/// The response object around its output.
pub(super) fn response(plan: &Plan, status: &str, output: Vec<Value>) -> Value {
    let done = status != "in_progress";
    let incomplete = if status == "incomplete" { json!({"reason": "max_output_tokens"}) } else { Value::Null };
    let mut response = json!({
        "id": format!("resp_mock{:020}", plan.number), "object": "response", "created_at": plan.created_unix_s,
        "status": status, "background": false, "error": null, "incomplete_details": incomplete,
        "model": plan.model, "output": output, "service_tier": "default", "store": false, "top_logprobs": 0,
        "truncation": "disabled", "usage": if done { usage(plan) } else { Value::Null }, "user": null,
    });
    if let Some(fields) = response.as_object_mut() {
        fields.extend(plan.echo.clone());
    }
    response
}

fn usage(plan: &Plan) -> Value {
    json!({
        "input_tokens": plan.input_tokens, "input_tokens_details": {"cached_tokens": plan.cached_tokens},
        "output_tokens": plan.output_tokens,
        "output_tokens_details": {"reasoning_tokens": plan.reasoning_tokens},
        "total_tokens": plan.input_tokens + plan.output_tokens,
    })
}

/// The finished items of the output.
pub(super) fn items(plan: &Plan) -> Vec<Value> {
    let mut items = Vec::new();
    if let Some(thinking) = &plan.thinking {
        items.push(reasoning(plan, thinking));
    }
    if !plan.text.is_empty() {
        let status = if plan.finish == Finish::Length { "incomplete" } else { "completed" };
        items.push(json!({
            "id": item_id("msg", plan, 0), "type": "message", "status": status, "role": "assistant",
            "content": [text_part(plan, &plan.text)],
        }));
    }
    items.extend(
        plan.calls.iter().enumerate().map(|(index, call)| call_item(plan, index, call, &call.input, "completed")),
    );
    items
}

/// The part of a message: its text, or its refusal.
pub(super) fn text_part(plan: &Plan, text: &str) -> Value {
    if plan.finish == Finish::Refusal {
        return json!({"type": "refusal", "refusal": text});
    }
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

pub(super) fn reasoning(plan: &Plan, thinking: &str) -> Value {
    let id = item_id("rs", plan, 0);
    let summary = if plan.thinking_hidden { json!([]) } else { json!([{"type": "summary_text", "text": thinking}]) };
    let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
    if let Some(fields) = item.as_object_mut().filter(|_| plan.sealed) {
        fields.insert("encrypted_content".to_owned(), json!(seal(SEAL, thinking)));
    }
    item
}

/// A call of a function or of a custom tool, with this much of its input.
pub(super) fn call_item(plan: &Plan, index: usize, call: &Call, input: &str, status: &str) -> Value {
    let call_id = format!("call_mock{:016}{index:02}", plan.number);
    if call.custom {
        return json!({
            "id": item_id("ctc", plan, index), "type": "custom_tool_call", "status": status, "call_id": call_id,
            "name": call.name, "input": input,
        });
    }
    json!({
        "id": item_id("fc", plan, index), "type": "function_call", "status": status, "call_id": call_id,
        "name": call.name, "arguments": input,
    })
}

pub(super) fn item_id(kind: &str, plan: &Plan, index: usize) -> String {
    format!("{kind}_mock{:016}{index:02}", plan.number)
}

/// The event that ends a stream gone wrong, behind so many others.
pub(in crate::mock) fn error_event(sent: usize) -> String {
    let event = json!({
        "type": "error", "sequence_number": sent, "code": "server_error", "param": null,
        "message": "The server had an error processing your request. Sorry about that!",
    });
    format!("event: error\ndata: {event}\n\n")
}
