//! What looks at an answer: the same comes out however the answer comes in, whole or in any pieces.

use serde_json::{Value, json};

use super::*;
use crate::protocol::transform::stages::StageKind;

/// An answer of a Chat upstream: its text, and the name and input of its calls.
struct Said<'t> {
    text: &'t str,
    calls: &'t [(&'t str, &'t str)],
    finish: &'t str,
}

fn back_of(stages: &[StageKind]) -> Back {
    Back { stages: stages.to_vec(), ..Back::default() }
}

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back }
}

fn whole_body(said: &Said<'_>) -> String {
    let calls: Vec<Value> = (0..)
        .zip(said.calls)
        .map(|(at, (name, input))| {
            json!({"id": format!("c{at}"), "type": "function", "function": {"name": name, "arguments": input}})
        })
        .collect();
    let message = if calls.is_empty() {
        json!({"role": "assistant", "content": said.text})
    } else {
        json!({"role": "assistant", "content": said.text, "tool_calls": calls})
    };
    json!({"choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    .to_string()
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

fn stream_body(said: &Said<'_>, size: usize) -> String {
    let mut out = String::new();
    let mut push = |delta: Value, finish: Value| {
        let chunk = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        out.push_str(&format!("data: {chunk}\n\n"));
    };
    for piece in pieces(said.text, size) {
        push(json!({"content": piece}), Value::Null);
    }
    for (at, (name, input)) in said.calls.iter().enumerate() {
        let start = json!({"index": at, "id": format!("c{at}"), "function": {"name": name, "arguments": ""}});
        push(json!({"tool_calls": [start]}), Value::Null);
        for piece in pieces(input, size) {
            push(json!({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}), Value::Null);
        }
    }
    push(json!({}), json!(said.finish));
    out.push_str("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n");
    out
}

/// The content and stop of an answer in Anthropic's protocol, without what only says how it came.
fn content(body: &[u8]) -> (Value, String) {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    for block in body["content"].as_array_mut().unwrap() {
        block.as_object_mut().unwrap().remove("signature");
    }
    (body["content"].take(), body["stop_reason"].as_str().unwrap().to_owned())
}

fn collected(wire: Wire, stream: &[u8], back: &Back) -> (Value, String) {
    let mut collector = Collector::new(wire, Protocol::Anthropic, &context(back));
    collector.push(Bytes::copy_from_slice(stream)).unwrap();
    content(&collector.finish().unwrap().body)
}

fn relayed(stream: &str, back: &Back) -> Vec<u8> {
    let mut relay = Relay::new(Wire::Chat, Protocol::Anthropic, &context(back));
    let mut out = Vec::new();
    relay.push(Bytes::copy_from_slice(stream.as_bytes()), &mut out).unwrap();
    relay.finish(&mut out).unwrap();
    out.concat()
}

#[track_caller]
fn check_said(stages: &[StageKind], said: &Said<'_>, expected: Value, stop: &str) {
    let (back, plain) = (back_of(stages), Back::default());
    let expected = (expected, stop.to_owned());
    let body = whole_body(said);
    let whole = answer(Wire::Chat, Protocol::Anthropic, Bytes::from(body.clone()), &context(&back)).unwrap();
    assert_eq!(content(&whole.body), expected, "whole");
    let (replayed, end) = replay(Wire::Chat, Protocol::Anthropic, body.as_bytes(), &context(&back)).unwrap();
    assert_eq!(collected(Wire::Anthropic, &replayed, &plain), expected, "replayed");
    assert_eq!(end.stop, whole.stop);
    for size in [1, 2, 3, 5, 8, 13, 1_000] {
        let stream = stream_body(said, size);
        assert_eq!(collected(Wire::Chat, stream.as_bytes(), &back), expected, "collected from pieces of {size}");
        let relayed = relayed(&stream, &back);
        assert_eq!(collected(Wire::Anthropic, &relayed, &plain), expected, "relayed from pieces of {size}");
    }
}

#[track_caller]
fn check_text(stages: &[StageKind], text: &str, expected: Value) {
    let calls = expected.as_array().unwrap().iter().any(|block| block["type"] == "tool_use");
    let said = Said { text, calls: &[], finish: "stop" };
    check_said(stages, &said, expected, if calls { "tool_use" } else { "end_turn" });
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn thinking(text: &str) -> Value {
    json!({"type": "thinking", "thinking": text})
}

fn call(id: &str, name: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": input})
}

#[test]
fn think_tags_are_thinking() {
    let check = |said: &str, expected: Value| check_text(&[StageKind::ThinkTag], said, expected);
    check("<think>hm\nso</think>\n\nanswer", json!([thinking("hm\nso"), text("answer")]));
    check("\n <think> hm</think>answer", json!([thinking("hm"), text("answer")]));
    check(
        "one <think>a</think> two <think>b</think>",
        json!([text("one "), thinking("a"), text("two "), thinking("b"),]),
    );
    check("<think></think>x", json!([text("x")]));
    check("<think>never closed", json!([thinking("never closed")]));
    check("<think>ends in <", json!([thinking("ends in <")]));
    check(
        "a < b, <thin, <thinking>, </think> \u{1f600}",
        json!([text("a < b, <thin, <thinking>, </think> \u{1f600}")]),
    );
    check("\n plain", json!([text("\n plain")]));
    check("ends in <thi", json!([text("ends in <thi")]));
    check("a\\\"<think>\\n\"b\"</think>\"c\"", json!([text("a\\\""), thinking("\\n\"b\""), text("\"c\"")]));
}

#[test]
fn think_tags_that_are_escaped_are_seen() {
    let back = back_of(&[StageKind::ThinkTag]);
    let body =
        r#"{"choices":[{"message":{"content":"\u003cthink\u003ehm\u003c\/think\u003eyes"},"finish_reason":"stop"}]}"#;
    let read = answer(Wire::Chat, Protocol::Anthropic, Bytes::from(body), &context(&back)).unwrap();
    assert_eq!(content(&read.body).0, json!([thinking("hm"), text("yes")]));
}

fn tools() -> Vec<StageKind> {
    vec![StageKind::Emulated(["read", "write"].map(str::to_owned).into())]
}

#[test]
fn calls_are_read_from_the_text() {
    let check = |said: &str, expected: Value| check_text(&tools(), said, expected);
    let one = call("call_r1_t0", "read", json!({"path": "a"}));
    let two = call("call_r1_t1", "write", json!({}));
    check("no call < here", json!([text("no call < here")]));
    check("<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>", json!([one]));
    check(
        "Let me see. <tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}</tool_call>\n",
        json!([text("Let me see. "), one]),
    );
    check(
        "<tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}</tool_call>\n\n<tool_call>{\"name\":\"write\"}</tool_call>",
        json!([one, two]),
    );
    check(
        "<tool_call>[{\"name\":\"read\",\"parameters\":{\"path\":\"a\"}},{\"name\":\"write\"}]</tool_call>",
        json!([one, two]),
    );
    // Broken JSON is mended, a fence and a missing mark do no harm, an input may be written as a text.
    check("<tool_call>```json\n{'name': 'read', arguments: {path: 'a',},}\n```</tool_call>", json!([one]));
    check("<tool_call>{\"name\":\"read\",\"arguments\":\"{\\\"path\\\":\\\"a\\\"}\"}", json!([one]));
    check("<tool_call>[{'name':'read','arguments':{path:'a'}}]</tool_call>", json!([one]));
    // A mark inside a text is the text's.
    let inner = call("call_r1_t0", "read", json!({"path": "</tool_call>"}));
    check("<tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"</tool_call>\"}}</tool_call>", json!([inner]));
    // What the model dreams up behind its calls is not said; before them it is text.
    check(
        "<tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}</tool_call><tool_result>x</tool_result> so",
        json!([one]),
    );
    check("a <tool_result> b", json!([text("a <tool_result> b")]));
    check(
        "<tool_call>{\"name\":\"write\"}</tool_call> done",
        json!([call("call_r1_t0", "write", json!({})), text(" done"),]),
    );
}

#[test]
fn what_is_no_call_stays_text_with_a_word_on_it() {
    const WORD: &str = "\n[this tool call could not be read, so it was not made]";
    for block in [
        "<tool_call>nothing</tool_call>",
        "<tool_call>{\"name\":\"delete\",\"arguments\":{}}</tool_call>",
        "<tool_call>{\"arguments\":{}}</tool_call>",
    ] {
        check_text(&tools(), &format!("a {block} b"), json!([text(&format!("a {block}{WORD} b"))]));
    }
    let cut = Said { text: "<tool_call>{\"name\":\"read\",\"arguments\":{", calls: &[], finish: "length" };
    check_said(&tools(), &cut, json!([text(&format!("{}{WORD}", cut.text))]), "max_tokens");
}

#[test]
fn thinking_is_taken_out_before_calls_are_looked_for() {
    let mut stages = tools();
    stages.insert(0, StageKind::ThinkTag);
    let said =
        "<think>I could <tool_call>{\"name\":\"read\"}</tool_call></think><tool_call>{\"name\":\"write\"}</tool_call>";
    let first = thinking("I could <tool_call>{\"name\":\"read\"}</tool_call>");
    check_text(&stages, said, json!([first, call("call_r1_t0", "write", json!({}))]));
}

#[test]
fn inputs_are_mended() {
    let check = |input: &str, finish: &str, expected: Value, stop: &str| {
        let said = Said { text: "", calls: &[("read", input), ("write", "{\"b\":2}")], finish };
        let expected = json!([call("c0", "read", expected), call("c1", "write", json!({"b": 2}))]);
        check_said(&[StageKind::ToolRepair], &said, expected, stop);
    };
    check("{\"a\":1}", "tool_calls", json!({"a": 1}), "tool_use");
    check("{'a': 1,}", "tool_calls", json!({"a": 1}), "tool_use");
    check("Sure: {a: [1, {b: 'x'", "tool_calls", json!({"a": [1, {"b": "x"}]}), "tool_use");
    check("", "tool_calls", json!({}), "tool_use");
    check("rm -rf", "tool_calls", json!({"_invalid_arguments": "rm -rf"}), "tool_use");
}

const EXIT: &str = "give_final_answer";

#[test]
fn the_exit_tool_is_plain_text() {
    let stages = [StageKind::ExitTool(EXIT)];
    let check = |input: &str, expected: &str| {
        let said = Said { text: "", calls: &[(EXIT, input)], finish: "tool_calls" };
        check_said(&stages, &said, json!([text(expected)]), "end_turn");
    };
    check(
        "{\"answer\":\"Done: \\\"x\\\" \\u00e9\\ud83d\\ude00\\n\u{fc} \\\\ end\"}",
        "Done: \"x\" \u{e9}\u{1f600}\n\u{fc} \\ end",
    );
    check("{ \"answer\" : \"two\nlines\" }", "two\nlines");
    check("{\"text\":\"other shape\"}", "other shape");
    check("{'answer': 'broken'", "broken");
    check("just words", "just words");
    check("{\"answer\":\"half \\ud83d and on\"}", "half \u{fffd} and on");
    check("{\"answer\":\"half \\ud83da\"}", "half \u{fffd}a");
    check("{\"answer\":\"half \\ud83d\"}", "half \u{fffd}");
    check("{\"answer\":\"a \\x \\' b \\u12 c\"}", "a \\x \\' b \\u12 c");
    check("{\"answer\": \"it \\u00\": 1}", "it \\u00");
    check("{\"answer\":\"half \\ud83d\\u\"}", "half \u{fffd}\\u");
    let cut = Said { text: "", calls: &[(EXIT, "{\"answer\":\"half \\ud83da")], finish: "length" };
    check_said(&stages, &cut, json!([text("half \u{fffd}a")]), "max_tokens");
    let beside = Said { text: "so ", calls: &[(EXIT, "{\"answer\":\"x\"}"), ("read", "{}")], finish: "tool_calls" };
    check_said(&stages, &beside, json!([text("so x"), call("c1", "read", json!({}))]), "tool_use");
    let other = Said { text: "", calls: &[("read", "{\"a\":1}")], finish: "tool_calls" };
    check_said(&stages, &other, json!([call("c0", "read", json!({"a": 1}))]), "tool_use");
}

#[test]
fn emulated_calls_of_the_exit_tool_are_text_too() {
    let stages = [StageKind::Emulated(["read", EXIT].map(str::to_owned).into()), StageKind::ExitTool(EXIT)];
    let said = "<tool_call>{\"name\":\"give_final_answer\",\"arguments\":{\"answer\":\"done\"}}</tool_call>";
    check_text(&stages, said, json!([text("done")]));
}

#[test]
fn an_answer_in_which_nothing_is_found_goes_on_as_it_came() {
    let mut stages = tools();
    stages.extend([StageKind::ThinkTag, StageKind::ToolRepair, StageKind::ExitTool(EXIT)]);
    stages.sort();
    let back = back_of(&stages);
    let body = r#"{ "choices":[{"message":{"content":"a <b> c","tool_calls":[{"id":"x","function":{"name":"read","arguments":"{ }"}}]},"finish_reason":"tool_calls","logprobs":null}] }"#;
    let read = answer(Wire::Chat, Protocol::Chat, Bytes::from(body), &context(&back)).unwrap();
    assert_eq!(read.body, body.as_bytes());
}

#[test]
fn text_before_a_call_goes_out_at_once() {
    let back = back_of(&tools());
    let mut relay = Relay::new(Wire::Chat, Protocol::Chat, &context(&back));
    let mut seen = |delta: &str| {
        let mut out = Vec::new();
        let chunk = json!({"choices": [{"delta": {"content": delta}}]});
        relay.push(Bytes::from(format!("data: {chunk}\n\n")), &mut out).unwrap();
        String::from_utf8(out.concat()).unwrap()
    };
    assert!(seen("Let me look").contains("Let me look"));
    assert!(seen(" first <tool").contains(" first \""));
    assert!(seen("box>").contains("<toolbox>"));
    assert_eq!(seen("<tool_call>{\"name\":\"read\"}"), "");
    assert!(seen("</tool_call>").contains("\"name\":\"read\""));
}

#[test]
fn a_stream_that_is_cut_is_an_error_whatever_is_held() {
    let said = Said { text: "<think>a</think>b <tool_call>{\"name\":\"read\"}", calls: &[], finish: "stop" };
    let stream = stream_body(&said, 7);
    let mut stages = tools();
    stages.insert(0, StageKind::ThinkTag);
    let back = back_of(&stages);
    let end = stream.find("\"finish_reason\":\"stop\"").unwrap();
    for at in 0..end {
        let mut relay = Relay::new(Wire::Chat, Protocol::Anthropic, &context(&back));
        let mut out = Vec::new();
        relay.push(Bytes::copy_from_slice(&stream.as_bytes()[..at]), &mut out).unwrap();
        assert_eq!(relay.finish(&mut out), Err(Truncated), "{at}");
        assert!(!String::from_utf8_lossy(&out.concat()).contains("message_stop"));
    }
}

#[test]
fn thinking_is_read_wherever_a_chat_upstream_puts_it() {
    let back = Back::default();
    let details = r#""reasoning_details":[{"type":"reasoning.text","text":"a"},{"type":"reasoning.encrypted","data":"x"},{"type":"reasoning.summary","summary":"b"}]"#;
    for (members, expected) in [
        (r#""reasoning_content":"a""#.to_owned(), json!([thinking("a"), text("c")])),
        (r#""reasoning":"a""#.to_owned(), json!([thinking("a"), text("c")])),
        (format!(r#""reasoning":"a",{details}"#), json!([thinking("a"), text("c")])),
    ] {
        let body = format!(r#"{{"choices":[{{"message":{{{members},"content":"c"}},"finish_reason":"stop"}}]}}"#);
        let whole = answer(Wire::Chat, Protocol::Anthropic, Bytes::from(body), &context(&back)).unwrap();
        assert_eq!(content(&whole.body).0, expected);
        let stream = format!(
            "data: {{\"choices\":[{{\"delta\":{{{members},\"content\":\"c\"}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
        );
        assert_eq!(collected(Wire::Chat, stream.as_bytes(), &back).0, expected);
    }
    let stream = format!("data: {{\"choices\":[{{\"delta\":{{{details}}},\"finish_reason\":\"stop\"}}]}}\n\n");
    assert_eq!(collected(Wire::Chat, stream.as_bytes(), &back).0, json!([thinking("ab")]));
}

#[test]
fn a_last_event_that_cannot_be_told_is_no_clean_end() {
    // Its call has no name, and the event that ends the answer lacks its empty line.
    let call = r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#;
    let stream = format!(
        "{call}\n\ndata: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"tool_calls\"}}]}}\n\ndata: [DONE]\n"
    );
    let back = back_of(&[StageKind::ExitTool(EXIT)]);
    for protocol in [Protocol::Anthropic, Protocol::Chat, Protocol::Responses, Protocol::Gemini] {
        let mut relay = Relay::new(Wire::Chat, protocol, &context(&back));
        let mut out = Vec::new();
        relay.push(Bytes::from(stream.clone()), &mut out).unwrap();
        assert!(relay.finish(&mut out).is_err(), "{protocol:?}");
    }
}
