//! Models that lack something, made up for: what goes to the upstream, and what the client gets back.

use serde_json::{Value, json};

use crate::kit::{CHAT_END, EVENTS, Gateway, MESSAGES, Reply, Upstream, answer, chunk};

/// A policy of one model without tools, with a chain.
fn policy(upstream: &Upstream, model: &str) -> String {
    format!(
        "provider p {{ kind: openai base: \"http://{}\" }}\nmodel m on p {{ can: [] {model} }}\nroute main {{ default -> m }}\n",
        upstream.address
    )
}

fn chat_answer(text: &str) -> Vec<u8> {
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}});
    answer("200 OK", "content-type: application/json\r\n", &body.to_string())
}

fn ask(stream: bool) -> String {
    json!({"model": "any", "max_tokens": 64, "stream": stream, "messages": [{"role": "user", "content": "look"}],
        "tools": [{"name": "read", "input_schema": {"type": "object"}}]})
    .to_string()
}

/// The body of the last request that the upstream saw.
fn seen(upstream: &Upstream) -> Value {
    serde_json::from_str(upstream.last().split_once("\r\n\r\n").unwrap().1).unwrap()
}

const SAID: &str = "<think>hm</think>I look. <tool_call>{'name': 'read', 'arguments': {'path': 'a'}}</tool_call>";

#[test]
fn without_the_transform_a_model_without_tools_is_skipped() {
    let upstream = Upstream::saying(chat_answer(SAID));
    let reply = Gateway::start(&policy(&upstream, "")).post(MESSAGES, &ask(false)).expect(400);
    assert!(reply.text().contains("cannot use them"), "{}", reply.text());
    assert_eq!(upstream.calls(), 0);
}

#[test]
fn emulated_tools_come_back_as_calls() {
    let upstream = Upstream::saying(chat_answer(SAID));
    let gateway = Gateway::start(&policy(&upstream, "transform: [emulate_tools, think_tag]"));
    let reply = gateway.post(MESSAGES, &ask(false)).expect(200);
    let body = reply.json();
    assert_eq!(body["content"][0]["thinking"], "hm", "{body}");
    assert_eq!(body["content"][1]["text"], "I look. ", "{body}");
    assert_eq!(body["content"][2]["name"], "read", "{body}");
    assert_eq!(body["content"][2]["input"], json!({"path": "a"}), "{body}");
    assert_eq!(body["stop_reason"], "tool_use");
    assert!(reply.header("x-ccr-warning").contains("tools emulated"), "{:?}", reply.headers);
    assert!(seen(&upstream).get("tools").is_none());
    assert!(seen(&upstream)["messages"][0]["content"].as_str().unwrap().contains("You have tools."));
}

#[test]
fn emulated_tools_come_back_in_a_stream_too() {
    let pieces: Vec<String> =
        ["<thi", "nk>hm</think>I lo", "ok. <tool_c", "all>{'name': 'read', 'argum", "ents': {}}</tool_call>"]
            .map(chunk)
            .to_vec();
    let upstream = Upstream::saying(format!("{EVENTS}{}{CHAT_END}", pieces.concat()));
    let gateway = Gateway::start(&policy(&upstream, "transform: [emulate_tools, think_tag]"));
    let said = gateway.post(MESSAGES, &ask(true)).expect(200).text();
    for part in ["\"thinking\":\"hm\"", "I lo", "\"name\":\"read\"", "\"stop_reason\":\"tool_use\"", "message_stop"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("tool_call>") && !said.contains("think>"), "{said}");
}

#[test]
fn an_upstream_that_does_not_stream_is_replayed_through_the_stages() {
    let upstream = Upstream::saying(chat_answer(SAID));
    let gateway = Gateway::start(&policy(&upstream, "stream: false transform: [emulate_tools, think_tag]"));
    let said = gateway.post(MESSAGES, &ask(true)).expect(200).text();
    assert!(said.contains("\"name\":\"read\"") && said.contains("message_stop"), "{said}");
    assert_eq!(seen(&upstream)["stream"], Value::Null);
}

#[test]
fn an_answer_names_the_same_model_whole_and_in_a_stream() {
    let call = "<tool_call>{'name': 'read', 'arguments': {}}</tool_call>";
    for said in ["fine", call] {
        let whole = Upstream::saying(chat_answer(said));
        let streams = Upstream::saying(format!("{EVENTS}{}{CHAT_END}", chunk(said)));
        let asked = |stream: bool| {
            json!({"model": "any", "stream": stream, "messages": [{"role": "user", "content": "look"}],
                "tools": [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]})
            .to_string()
        };
        let ask = |upstream: &Upstream, stream: bool| {
            let gateway = Gateway::start(&policy(upstream, "transform: [emulate_tools]"));
            gateway.post(crate::kit::CHAT, &asked(stream)).expect(200).text()
        };
        for text in [ask(&whole, false), ask(&whole, true), ask(&streams, true)] {
            assert!(text.contains("\"model\":\"up\"") && !text.contains("\"any\""), "{said}: {text}");
        }
    }
}

#[test]
fn a_stream_that_breaks_inside_a_held_call_is_an_error() {
    let upstream = Upstream::saying(format!("{EVENTS}{}{}", chunk("I look. "), chunk("<tool_call>{'name'")));
    let gateway = Gateway::start(&policy(&upstream, "transform: [emulate_tools]"));
    let said = gateway.post(MESSAGES, &ask(true)).expect(200).text();
    assert!(said.contains("event: error") && !said.contains("message_stop"), "{said}");
}

/// The longer one is counted aside.
#[test]
fn a_long_history_is_trimmed_instead_of_skipped() {
    for repeats in [40, 100] {
        trims(&"one two three four five six seven eight nine ten ".repeat(repeats));
    }
}

#[track_caller]
fn trims(words: &str) {
    let turns: Vec<Value> = (0..10)
        .flat_map(|at| {
            [
                json!({"role": "user", "content": format!("{at} {words}")}),
                json!({"role": "assistant", "content": words}),
            ]
        })
        .chain([json!({"role": "user", "content": "and now?"})])
        .collect();
    let body = json!({"model": "any", "max_tokens": 64, "messages": turns}).to_string();
    let upstream = Upstream::saying(chat_answer("fine"));
    let trimmed = |model: &str| -> Reply { Gateway::start(&policy(&upstream, model)).post(MESSAGES, &body) };
    assert!(trimmed("context: 2000").expect(400).text().contains("more than its context"));
    assert_eq!(upstream.calls(), 0);
    let reply = trimmed("context: 2000 transform: [trim_history]").expect(200);
    assert!(reply.header("x-ccr-warning").contains("history trimmed"), "{:?}", reply.headers);
    let messages = seen(&upstream)["messages"].as_array().unwrap().len();
    assert!(messages < 8 && upstream.last().contains("and now?"), "{messages}");
}
