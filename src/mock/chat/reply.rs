//! Writes an answer as OpenAI Chat Completions does.

use serde_json::{Value, json};

use crate::mock::plan::{Finish, Plan, halves};
use crate::mock::script::{Event, Script, quoted};

/// The whole answer.
pub(in crate::mock) fn whole(plan: &Plan) -> String {
    let refused = plan.finish == Finish::Refusal;
    let mut message = json!({"role": "assistant", "content": plan.text, "refusal": null, "annotations": []});
    if let Some(fields) = message.as_object_mut() {
        if refused {
            fields.insert("refusal".into(), json!(plan.text));
        }
        if refused || plan.text.is_empty() {
            fields.insert("content".into(), Value::Null);
        }
        if let Some(thinking) = &plan.thinking {
            fields.insert("reasoning_content".into(), json!(thinking));
        }
        if !plan.calls.is_empty() {
            let calls = plan.calls.iter().enumerate().map(|(index, call)| {
                if call.custom {
                    let custom = json!({"name": call.name, "input": call.input});
                    return json!({"id": call_id(plan, index), "type": "custom", "custom": custom});
                }
                let function = json!({"name": call.name, "arguments": call.input});
                json!({"id": call_id(plan, index), "type": "function", "function": function})
            });
            fields.insert("tool_calls".into(), calls.collect());
        }
    }
    json!({
        "id": completion_id(plan), "object": "chat.completion", "created": plan.created_unix_s, "model": plan.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish(&plan.finish)}],
        "usage": usage(plan), "service_tier": "default", "system_fingerprint": "fp_mock",
    })
    .to_string()
}

/// The events of the answer as a stream.
pub(in crate::mock) fn stream(plan: &Plan) -> Vec<Event> {
    let mut script = Script::default();
    let chunk = Chunk::new(plan);
    chunk.delta(&mut script, false, r#"{"role":"assistant","content":"","refusal":null}"#, "null");
    for piece in plan.thinking.as_deref().map(halves).into_iter().flatten() {
        chunk.delta(&mut script, true, &format!(r#"{{"reasoning_content":{}}}"#, quoted(piece)), "null");
    }
    let field = if plan.finish == Finish::Refusal { "refusal" } else { "content" };
    for piece in plan.pieces() {
        chunk.delta(&mut script, true, &format!(r#"{{"{field}":{}}}"#, quoted(piece)), "null");
    }
    for (index, call) in plan.calls.iter().enumerate() {
        let (kind, field) = if call.custom { ("custom", "input") } else { ("function", "arguments") };
        let head = format!(
            r#"{{"tool_calls":[{{"index":{index},"id":"{}","type":"{kind}","{kind}":{{"name":{},"{field}":""}}}}]}}"#,
            call_id(plan, index),
            quoted(&call.name)
        );
        chunk.delta(&mut script, true, &head, "null");
        for piece in halves(&call.input) {
            let part = format!(r#"{{"tool_calls":[{{"index":{index},"{kind}":{{"{field}":{}}}}}]}}"#, quoted(piece));
            chunk.delta(&mut script, true, &part, "null");
        }
    }
    chunk.delta(&mut script, false, "{}", &format!("\"{}\"", finish(&plan.finish)));
    if plan.include_usage {
        let usage = usage(plan);
        script.event(false, format_args!("data: {{{},\"choices\":[],\"usage\":{usage}}}\n\n", chunk.head));
    }
    script.event(false, format_args!("data: [DONE]\n\n"));
    script.finish()
}

/// The event that ends a stream gone wrong.
pub(in crate::mock) const ERROR_EVENT: &str = "data: {\"error\":{\"message\":\"The server had an error while \
     processing your request\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n";

fn usage(plan: &Plan) -> Value {
    json!({
        "prompt_tokens": plan.input_tokens, "completion_tokens": plan.output_tokens,
        "total_tokens": plan.input_tokens + plan.output_tokens,
        "prompt_tokens_details": {"cached_tokens": plan.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": plan.reasoning_tokens, "audio_tokens": 0, "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn finish(finish: &Finish) -> &'static str {
    match finish {
        Finish::End | Finish::Stop(_) => "stop",
        Finish::Tools => "tool_calls",
        Finish::Length => "length",
        Finish::Refusal => "content_filter",
    }
}

fn completion_id(plan: &Plan) -> String {
    format!("chatcmpl-mock{:020}", plan.number)
}

fn call_id(plan: &Plan, index: usize) -> String {
    format!("call_mock{:016}{index:02}", plan.number)
}

/// What is the same in every chunk.
struct Chunk {
    head: String,
    tail: &'static str,
}

impl Chunk {
    fn new(plan: &Plan) -> Self {
        Self {
            head: format!(
                r#""id":"{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":"fp_mock""#,
                completion_id(plan),
                plan.created_unix_s,
                quoted(&plan.model)
            ),
            tail: if plan.include_usage { ",\"usage\":null" } else { "" },
        }
    }

    fn delta(&self, script: &mut Script, content: bool, delta: &str, finish: &str) {
        let (head, tail) = (&self.head, self.tail);
        script.event(
            content,
            format_args!(
                "data: {{{head},\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}]{tail}}}\n\n"
            ),
        );
    }
}
