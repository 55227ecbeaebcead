//! Writes an answer as Anthropic Messages does.

use serde_json::{Value, json};

use super::SEAL;
use crate::mock::plan::{Finish, Plan, halves};
use crate::mock::script::{Event, Script, quoted};
use crate::mock::seal::seal;

/// The whole answer.
pub(in crate::mock) fn whole(plan: &Plan) -> String {
    let mut content = Vec::new();
    if let Some(thinking) = &plan.thinking {
        let shown = if plan.thinking_hidden { "" } else { thinking };
        content.push(json!({"type": "thinking", "thinking": shown, "signature": seal(SEAL, thinking)}));
    }
    if !plan.text.is_empty() {
        content.push(json!({"type": "text", "text": plan.text}));
    }
    for (index, call) in plan.calls.iter().enumerate() {
        let input: Value = serde_json::from_str(&call.input).unwrap_or_default();
        content.push(json!({"type": "tool_use", "id": tool_id(plan, index), "name": call.name, "input": input}));
    }
    let (reason, sequence) = stop(&plan.finish);
    json!({
        "id": message_id(plan), "type": "message", "role": "assistant", "model": plan.model, "content": content,
        "stop_reason": reason, "stop_sequence": sequence,
        "usage": {
            "input_tokens": plan.input_tokens - plan.cached_tokens, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": plan.cached_tokens, "output_tokens": plan.output_tokens,
            "service_tier": "standard",
        },
    })
    .to_string()
}

/// The events of the answer as a stream.
pub(in crate::mock) fn stream(plan: &Plan) -> Vec<Event> {
    let mut script = Script::default();
    event(
        &mut script,
        "message_start",
        false,
        format_args!(
            r#""message":{{"id":"{}","type":"message","role":"assistant","model":{},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":{},"cache_creation_input_tokens":0,"cache_read_input_tokens":{},"output_tokens":1,"service_tier":"standard"}}}}"#,
            message_id(plan),
            quoted(&plan.model),
            plan.input_tokens - plan.cached_tokens,
            plan.cached_tokens
        ),
    );
    let mut index = 0;
    if let Some(thinking) = &plan.thinking {
        start(&mut script, index, r#"{"type":"thinking","thinking":"","signature":""}"#);
        ping(&mut script);
        for piece in halves(thinking).into_iter().filter(|_| !plan.thinking_hidden) {
            delta(&mut script, index, "thinking_delta", "thinking", piece);
        }
        delta(&mut script, index, "signature_delta", "signature", &seal(SEAL, thinking));
        stop_block(&mut script, &mut index);
    }
    if !plan.text.is_empty() {
        start(&mut script, index, r#"{"type":"text","text":""}"#);
        if index == 0 {
            ping(&mut script);
        }
        for piece in plan.pieces() {
            delta(&mut script, index, "text_delta", "text", piece);
        }
        stop_block(&mut script, &mut index);
    }
    for (number, call) in plan.calls.iter().enumerate() {
        let id = tool_id(plan, number);
        start(
            &mut script,
            index,
            &format!(r#"{{"type":"tool_use","id":"{id}","name":{},"input":{{}}}}"#, quoted(&call.name)),
        );
        delta(&mut script, index, "input_json_delta", "partial_json", "");
        for piece in halves(&call.input) {
            delta(&mut script, index, "input_json_delta", "partial_json", piece);
        }
        stop_block(&mut script, &mut index);
    }
    let (reason, sequence) = stop(&plan.finish);
    let sequence = sequence.map_or_else(|| "null".to_owned(), quoted);
    event(
        &mut script,
        "message_delta",
        false,
        format_args!(
            r#""delta":{{"stop_reason":"{reason}","stop_sequence":{sequence}}},"usage":{{"output_tokens":{}}}"#,
            plan.output_tokens
        ),
    );
    script.event(false, format_args!("event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"));
    script.finish()
}

/// An error as the body of a refused request.
pub(in crate::mock) fn error(status: u16, message: &str, number: u64) -> String {
    let body = json!({
        "type": "error", "error": {"type": error_kind(status), "message": message}, "request_id": request_id(number),
    });
    body.to_string()
}

/// The event that ends a stream gone wrong.
pub(in crate::mock) const ERROR_EVENT: &str =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";

/// The value of the `request-id` header.
pub(in crate::mock) fn request_id(number: u64) -> String {
    format!("req_mock{number:020}")
}

fn error_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    }
}

fn stop(finish: &Finish) -> (&'static str, Option<&str>) {
    match finish {
        Finish::End => ("end_turn", None),
        Finish::Tools => ("tool_use", None),
        Finish::Length => ("max_tokens", None),
        Finish::Stop(sequence) => ("stop_sequence", Some(sequence)),
        Finish::Refusal => ("refusal", None),
    }
}

fn message_id(plan: &Plan) -> String {
    format!("msg_mock{:020}", plan.number)
}

fn tool_id(plan: &Plan, index: usize) -> String {
    format!("toolu_mock{:016}{index:02}", plan.number)
}

fn event(script: &mut Script, kind: &str, content: bool, fields: std::fmt::Arguments<'_>) {
    script.event(content, format_args!("event: {kind}\ndata: {{\"type\":\"{kind}\",{fields}}}\n\n"));
}

fn ping(script: &mut Script) {
    script.event(false, format_args!("event: ping\ndata: {{\"type\": \"ping\"}}\n\n"));
}

fn start(script: &mut Script, index: usize, block: &str) {
    event(script, "content_block_start", false, format_args!(r#""index":{index},"content_block":{block}"#));
}

fn delta(script: &mut Script, index: usize, kind: &str, field: &str, text: &str) {
    event(
        script,
        "content_block_delta",
        kind != "signature_delta",
        format_args!(r#""index":{index},"delta":{{"type":"{kind}","{field}":{}}}"#, quoted(text)),
    );
}

fn stop_block(script: &mut Script, index: &mut usize) {
    event(script, "content_block_stop", false, format_args!(r#""index":{index}"#));
    *index += 1;
}
