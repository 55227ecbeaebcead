//! Section 3: whole answers. `own_rows!` are those that need a request before the answer.

use bytes::Bytes;
use ccr_policy::protocol::{self, AnswerContext, Request};
use serde_json::{Value, json};

use crate::case::{self, PROTOCOLS};
use crate::row::{Verdict, any, ensure, equal, own_rows, rows};
use crate::run::Got;
use crate::seen::{list, text};

rows! {
    answer_head: 3, Answer, "the id has the client's form, the model is the one that the client asked for", any;
    usage: 3, Answer, "fresh input, cached input and output are told apart, and add up in the client's words", any;
    stop_reasons: 3, Answer, "the end, the limit, a tool call and a refusal have the client's words", any;
    stop_with_calls: 3, Answer, "a plain stop with tool calls present is a stop for tools", calls_are_the_stop;
    refusals: 3, Answer, "a refusal is its text and a stop that says so", any;
    thinking_first: 3, Answer, "thinking is a block of its own, before the text", thinking_is_first;
    tool_calls: 3, Answer, "every tool call comes back, several at once too, its input whole", any;
    broken_arguments: 3, Answer, "a tool input that is not JSON is mended, or kept and marked", calls_are_objects;
    matched_stop: 3, Answer, "the stop sequence that came up is named where the client's protocol can", any;
    foreign_blocks: 3, Answer, "what a client's protocol cannot show leaves a note, never a hole", says_something;
    citations: 3, Answer, "text with citations or annotations keeps its text", says_something;
    empty_answer: 3, Answer, "an answer that says nothing is still well formed", any;
    broken_answer: 3, Answer, "what is no answer is refused, also an error with a good status", is_refused;
}

fn calls_are_the_stop(got: &Got) -> Verdict {
    if got.to == "simple" { Ok(()) } else { equal("stop", &got.neutral["stop"], &json!("tool_use")) }
}

fn thinking_is_first(got: &Got) -> Verdict {
    let mut blocks = list(&got.neutral["blocks"]).iter().map(text);
    let thought = blocks.clone().position(|block| block.starts_with("thinking"));
    let said = blocks.position(|block| block.starts_with("text"));
    ensure(got.to == "simple" || thought < said, "thinking does not stand before the text")
}

fn calls_are_objects(got: &Got) -> Verdict {
    // Chat and Responses carry what the model wrote, as their own upstreams do.
    if got.to != "anthropic" && got.to != "gemini" {
        return Ok(());
    }
    let calls = list(&got.neutral["blocks"]).iter().filter(|block| text(block).starts_with("call"));
    ensure(calls.clone().all(|call| text(call).contains(" {")), "a call's input is no object")
}

fn says_something(got: &Got) -> Verdict {
    let texts = list(&got.neutral["blocks"]).iter().any(|block| text(block).starts_with("text "));
    ensure(texts, "it says nothing")
}

fn is_refused(got: &Got) -> Verdict {
    ensure(!got.neutral["refused"].is_null(), "it was taken for an answer")
}

own_rows! {
    names_mapped_back: 3, "tool names that were made legal for the upstream have the client's names in its answer", names_come_back;
}

/// A request whose tool's name no upstream takes, and an answer that calls it.
fn names_come_back() -> Vec<(&'static str, &'static str)> {
    const NAME: &str = "files.read all/now";
    let schema = json!({"type": "object", "properties": {}});
    let function = json!({"name": NAME, "parameters": schema});
    let requests = [
        (
            "anthropic",
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}],
            "tools": [{"name": NAME, "input_schema": schema}]}),
        ),
        (
            "chat",
            json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "function", "function": function}]}),
        ),
        (
            "responses",
            json!({"model": "m", "input": "x", "tools": [{"type": "function", "name": NAME, "parameters": schema}]}),
        ),
        (
            "gemini",
            json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}], "tools": [{"functionDeclarations": [function]}]}),
        ),
    ];
    let mut tried = Vec::new();
    for (from, body) in requests {
        for (to, wire) in case::WIRES {
            if from == to {
                continue;
            }
            let request = Request::parse(case::protocol(from), Bytes::from(body.to_string())).unwrap();
            let target = case::target(wire);
            let Ok(sent) = protocol::encode(&request, &target, &ccr_policy::facts::given::GivenFacts::default()) else {
                continue;
            };
            let sent_body: Value = serde_json::from_slice(&sent.body.concat()).unwrap();
            let name = text(&crate::seen::request(wire, &sent_body)["tools"][0]).to_owned();
            let context = AnswerContext {
                requested_model: "asked",
                request_id: "r1",
                created_unix: 9,
                input_tokens: 1,
                back: &sent.back,
            };
            let answer = calling(to, &name).to_string();
            let client = PROTOCOLS.iter().find(|(known, _)| *known == from).unwrap().1;
            let Ok(answer) = protocol::answer(wire, client, Bytes::from(answer), &context) else { continue };
            let told = crate::told::answer(client, &serde_json::from_slice(&answer.body).unwrap());
            assert_eq!(told["blocks"][0], json!(format!("call {NAME} {{}}")), "{from} to {to}, as `{name}`");
            tried.push((from, to));
        }
    }
    tried
}

/// A wire's answer that calls a tool.
fn calling(wire: &str, name: &str) -> Value {
    match wire {
        "anthropic" => {
            json!({"type": "message", "role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}],
            "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        "chat" => {
            json!({"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": name, "arguments": "{}"}}]}}]})
        }
        "responses" => json!({"object": "response", "status": "completed", "output": [
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": "{}", "status": "completed"}]}),
        _ => {
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"functionCall": {"name": name, "args": {}}}]}}]})
        }
    }
}
