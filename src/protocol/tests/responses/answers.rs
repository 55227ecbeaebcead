//! Answers and streams from and to Responses.

use super::*;

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back }
}

/// What the way back of a Codex request knows.
fn codex_back() -> Back {
    encoded(Protocol::Responses, CODEX, &target(Wire::Chat, "gpt-5")).unwrap().back
}

const CHAT: &str = r#"{"choices":[{"message":{"reasoning_content":"hm","content":"hello","tool_calls":[
 {"id":"c1","function":{"name":"exec","arguments":"{\"cmd\":\"ls\"}"}},
 {"id":"c2","function":{"name":"apply_patch","arguments":"{\"input\":\"a\\n\\\"b\\\"\"}"}},
 {"id":"c3","function":{"name":"crm__find","arguments":""}}]},"finish_reason":"tool_calls"}],
 "usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}"#;

#[test]
fn a_whole_answer_becomes_a_response() {
    let back = codex_back();
    let answer = answer(Wire::Chat, Protocol::Responses, Bytes::from_static(CHAT.as_bytes()), &context(&back)).unwrap();
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        value["output"],
        json!([
            {"id":"rs_r1_0","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
            {"id":"msg_r1_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"hello"}]},
            {"id":"fc_r1_2","type":"function_call","call_id":"c1","name":"exec","arguments":"{\"cmd\":\"ls\"}","status":"completed"},
            {"id":"ctc_r1_3","type":"custom_tool_call","call_id":"c2","name":"apply_patch","input":"a\n\"b\"","status":"completed"},
            {"id":"fc_r1_4","type":"function_call","call_id":"c3","name":"find","namespace":"crm","arguments":"{}","status":"completed"}
        ])
    );
    assert_eq!(value["status"], "completed");
    assert_eq!(value["model"], "asked");
    assert_eq!(value["tools"], serde_json::from_str::<Value>(CODEX).unwrap()["tools"]);
    assert_eq!(
        value["usage"],
        json!({"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":15})
    );
    for name in [
        "id",
        "object",
        "created_at",
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
    ] {
        assert!(value.get(name).is_some(), "{name}: {value}");
    }
}

#[test]
fn an_answer_that_is_cut_is_incomplete() {
    for (word, reason) in [("length", "max_output_tokens"), ("content_filter", "content_filter")] {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"he"}},"finish_reason":"{word}"}}]}}"#);
        let back = Back::default();
        let answer = answer(Wire::Chat, Protocol::Responses, Bytes::from(body), &context(&back)).unwrap();
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((&value["status"], &value["incomplete_details"]["reason"]), (&json!("incomplete"), &json!(reason)));
    }
}

const RESPONSE: &str = r#"{"id":"resp_1","object":"response","status":"completed","error":null,"output":[
 {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAA"},
 {"type":"web_search_call","id":"ws_1","status":"completed"},
 {"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hello","annotations":[]}]},
 {"type":"function_call","id":"fc_1","call_id":"call_1","name":"run","arguments":"{\"a\":1}"}],
 "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2}}}"#;

#[test]
fn a_response_becomes_a_whole_answer() {
    let back = Back::default();
    let answered =
        |protocol| answer(Wire::Responses, protocol, Bytes::from_static(RESPONSE.as_bytes()), &context(&back)).unwrap();
    let value: Value = serde_json::from_slice(&answered(Protocol::Anthropic).body).unwrap();
    assert_eq!(
        value["content"],
        json!([
            {"type":"thinking","thinking":"hm","signature":"ccr1.responses.gAAA"},
            {"type":"text","text":"hello"},
            {"type":"tool_use","id":"call_1","name":"run","input":{"a":1}}
        ])
    );
    assert_eq!(value["stop_reason"], "tool_use");
    assert_eq!(value["usage"]["cache_read_input_tokens"], 4);
    let same = answered(Protocol::Responses);
    assert_eq!(same.body, RESPONSE.as_bytes());
    assert_eq!((same.spent.usage.input, same.spent.usage.reasoning, same.stop), (6, 2, Stop::ToolUse));
    let failed = br#"{"status":"failed","output":[],"error":{"code":"server_error","message":"no"}}"#;
    let failed = answer(Wire::Responses, Protocol::Chat, Bytes::from_static(failed), &context(&back));
    assert!(matches!(failed, Err(BrokenAnswer::Upstream { kind, .. }) if kind == "server_error"));
}

struct Ran {
    text: String,
    failed: Option<StreamError>,
    end: Result<End, Truncated>,
}

fn run(wire: Wire, protocol: Protocol, back: &Back, parts: &[&[u8]]) -> Ran {
    let mut relay = Relay::new(wire, protocol, &context(back));
    let (mut out, mut failed) = (Vec::new(), None);
    for part in parts {
        if let Err(error) = relay.push(Bytes::copy_from_slice(part), &mut out) {
            failed = Some(error);
            break;
        }
    }
    let end = if failed.is_some() { Err(Truncated) } else { relay.finish(&mut out) };
    Ran { text: String::from_utf8_lossy(&out.concat()).into_owned(), failed, end }
}

/// The events of a stream; each is checked for its name and its number.
fn events(text: &str) -> Vec<Value> {
    let (mut all, mut last) = (Vec::new(), None);
    for event in text.split("\n\n").filter(|event| !event.is_empty()) {
        let (name, data) = event.split_once("\ndata: ").unwrap();
        let value: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        assert_eq!(name, format!("event: {}", value["type"].as_str().unwrap()));
        let number = value["sequence_number"].as_u64().unwrap();
        assert!(last.is_none_or(|last| last < number), "{text}");
        last = Some(number);
        all.push(value);
    }
    all
}

/// The events in short.
fn shown(events: &[Value]) -> String {
    let line = |event: &Value| {
        let kind = event["type"].as_str().unwrap().trim_start_matches("response.");
        let rest = ["item", "delta", "text", "arguments", "input"].iter().find_map(|name| event.get(*name));
        let place = event.get("output_index").map(|place| format!(" {place}")).unwrap_or_default();
        format!("{kind}{place}{}", rest.map(|rest| format!(" {rest}")).unwrap_or_default())
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn chunk(delta: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n")
}

fn chat_stream(finish: &str) -> String {
    [
        chunk(r#"{"reasoning_content":"h"}"#),
        chunk(r#"{"reasoning_content":"m"}"#),
        chunk(r#"{"content":"hé\n"}"#),
        chunk(r#"{"tool_calls":[{"index":0,"id":"c1","function":{"name":"exec","arguments":"{\"cmd\""}}]}"#),
        chunk(r#"{"tool_calls":[{"index":1,"id":"c2","function":{"name":"apply_patch","arguments":"{\"input\":"}}]}"#),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":":\"ls\"}"}}]}"#),
        chunk(r#"{"tool_calls":[{"index":1,"function":{"arguments":"\"a\\n\\\"b\\\"\"}"}}]}"#),
        chunk(r#"{"tool_calls":[{"index":2,"id":"c3","function":{"name":"crm__find","arguments":"{}"}}]}"#),
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{finish}\"}}],\"usage\":{{\"prompt_tokens\":10,\"completion_tokens\":5}}}}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
}

#[test]
fn a_stream_becomes_events() {
    let ran = run(Wire::Chat, Protocol::Responses, &codex_back(), &[chat_stream("tool_calls").as_bytes()]);
    assert_eq!(ran.failed, None);
    let events = events(&ran.text);
    insta::assert_snapshot!(shown(&events));
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["sequence_number"]), (&json!("response.completed"), &json!(events.len() - 1)));
    let done: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    assert_eq!(last["response"]["output"].as_array().unwrap().iter().collect::<Vec<_>>(), done);
    assert_eq!(last["response"]["usage"]["total_tokens"], 15);
}

#[test]
fn a_proof_is_no_part_of_what_was_thought() {
    let stream = concat!(
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"SIG\"}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n",
    );
    let events = events(&run(Wire::Anthropic, Protocol::Responses, &Back::default(), &[stream.as_bytes()]).text);
    let item = &events.last().unwrap()["response"]["output"][0];
    assert_eq!((&item["summary"][0]["text"], &item["encrypted_content"]), (&json!("hm"), &json!("ccr1.anthropic.SIG")));
}

#[test]
fn a_call_that_says_nothing_has_a_delta_of_its_own() {
    let stream = [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"look","input":{}}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}"#,
        r#"{"type":"message_stop"}"#,
    ]
    .map(|data| format!("data: {data}\n\n"))
    .concat();
    let ran = run(Wire::Anthropic, Protocol::Responses, &Back::default(), &[stream.as_bytes()]);
    let told = events(&ran.text);
    let member = |kind: &str, name: &str| -> Vec<Value> {
        told.iter().filter(|event| event["type"] == kind).map(|event| event[name].clone()).collect()
    };
    assert_eq!(member("response.function_call_arguments.delta", "delta"), ["{}"]);
    assert_eq!(member("response.function_call_arguments.done", "arguments"), ["{}"]);
}

/// The last event lacks its empty line, and the answer its end.
#[test]
fn what_a_last_event_said_stands_before_the_error() {
    let back = Back::default();
    let mut relay = Relay::new(Wire::Gemini, Protocol::Responses, &context(&back));
    let mut out = Vec::new();
    let stream = r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"index":0}]}"#;
    relay.push(Bytes::from_static(stream.as_bytes()), &mut out).unwrap();
    assert_eq!(relay.finish(&mut out).err(), Some(Truncated));
    relay.fail(&errors::ErrorReply { status: 502, message: "cut".into(), ..errors::ErrorReply::default() }, &mut out);
    let told = events(&String::from_utf8_lossy(&out.concat()));
    let numbers: Vec<_> = told.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..told.len() as u64).collect::<Vec<_>>());
    assert!(told.iter().any(|event| event["delta"] == "hi"));
}

#[test]
fn a_stream_that_ran_out_of_tokens_is_incomplete() {
    let stream = [
        chunk(r#"{"content":"he"}"#),
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n".to_owned(),
    ]
    .concat();
    let events = events(&run(Wire::Chat, Protocol::Responses, &Back::default(), &[stream.as_bytes()]).text);
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["response"]["status"]), (&json!("response.incomplete"), &json!("incomplete")));
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
}

#[test]
fn a_stream_that_breaks_off_never_completes() {
    let whole = chat_stream("tool_calls");
    let cut = whole.find("finish_reason\":\"tool").unwrap();
    for end in (0..cut).step_by(7) {
        let mut relay = Relay::new(Wire::Chat, Protocol::Responses, &context(&Back::default()));
        let mut out = Vec::new();
        relay.push(Bytes::copy_from_slice(&whole.as_bytes()[..end]), &mut out).unwrap();
        assert_eq!(relay.finish(&mut out).err(), Some(Truncated), "{end}");
        let reply = errors::ErrorReply {
            status: 502,
            kind: "answer_broke_off".into(),
            message: "cut".into(),
            request_id: "r-1".into(),
            ..Default::default()
        };
        relay.fail(&reply, &mut out);
        relay.ping(&mut out);
        let text = String::from_utf8(out.concat()).unwrap();
        let events = events(&text);
        let kinds: Vec<&str> = events.iter().rev().take(2).map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["response.failed", "error"]);
        assert_eq!(events.last().unwrap()["response"]["error"], json!({"code":"server_error","message":"cut"}));
        assert_eq!(events[events.len() - 2]["error"]["code"], "answer_broke_off");
        assert!(!text.contains("response.completed"));
    }
}

fn event(kind: &str, rest: &str) -> String {
    format!("event: response.{kind}\ndata: {{\"type\":\"response.{kind}\",\"sequence_number\":0{rest}}}\n\n")
}

fn responses_stream() -> String {
    [
        event("created", r#","response":{"id":"resp_1","usage":null}"#),
        event("output_item.added", r#","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}"#),
        event("reasoning_summary_part.added", r#","output_index":0,"summary_index":0"#),
        event("reasoning_summary_text.delta", r#","output_index":0,"summary_index":0,"delta":"h""#),
        event("reasoning_summary_part.added", r#","output_index":0,"summary_index":1"#),
        event("reasoning_summary_text.delta", r#","output_index":0,"summary_index":1,"delta":"m""#),
        event("output_item.done", r#","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"h"},{"type":"summary_text","text":"m"}],"encrypted_content":"gAAA"}"#),
        event("output_item.added", r#","output_index":1,"item":{"type":"message","role":"assistant","content":[]}"#),
        event("content_part.added", r#","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}"#),
        event("output_text.delta", r#","output_index":1,"content_index":0,"delta":"hé""#),
        event("output_text.done", r#","output_index":1,"content_index":0,"text":"hé""#),
        event("output_item.done", r#","output_index":1,"item":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hé"}]}"#),
        event("output_item.added", r#","output_index":2,"item":{"type":"function_call","call_id":"call_1","name":"run","arguments":""}"#),
        event("function_call_arguments.delta", r#","output_index":2,"delta":"{\"a\":1}""#),
        event("function_call_arguments.done", r#","output_index":2,"arguments":"{\"a\":1}""#),
        event("output_item.done", r#","output_index":2,"item":{"type":"function_call","call_id":"call_1","name":"run","arguments":"{\"a\":1}"}"#),
        // Some upstreams tell an item only when it is done.
        event("output_item.done", r#","output_index":3,"item":{"type":"function_call","call_id":"call_2","name":"run","arguments":"{}"}"#),
        event("invented.later", r#","output_index":9"#),
        event("completed", r#","response":{"id":"resp_1","usage":{"input_tokens":10,"output_tokens":5}}"#),
    ]
    .concat()
}

#[test]
fn events_become_every_stream() {
    let stream = responses_stream();
    let chat = run(Wire::Responses, Protocol::Chat, &Back::default(), &[stream.as_bytes()]);
    assert_eq!((chat.failed, chat.end.unwrap().stop), (None, Stop::ToolUse));
    for part in [
        r#""reasoning_content":"h""#,
        r#""content":"hé""#,
        r#""id":"call_1""#,
        r#"{\"a\":1}"#,
        r#""id":"call_2""#,
        "[DONE]",
    ] {
        assert!(chat.text.contains(part), "{part}: {}", chat.text);
    }
    let anthropic = run(Wire::Responses, Protocol::Anthropic, &Back::default(), &[stream.as_bytes()]);
    assert!(anthropic.text.contains(r#""signature":"ccr1.responses.gAAA""#), "{}", anthropic.text);
    assert!(anthropic.text.contains("message_stop"));
    let same = run(Wire::Responses, Protocol::Responses, &Back::default(), &[stream.as_bytes()]);
    assert_eq!(same.text, stream);
    assert_eq!(same.end.unwrap().spent.usage.output, 5);
}

#[test]
fn an_upstreams_failure_is_one() {
    for (last, kind) in [
        (
            event("failed", r#","response":{"error":{"code":"rate_limit_exceeded","message":"slow"}}"#),
            "rate_limit_exceeded",
        ),
        (
            "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"no\"}\n\n".to_owned(),
            "server_error",
        ),
        (
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"server_error\",\"message\":\"no\"}}\n\n"
                .to_owned(),
            "server_error",
        ),
    ] {
        for protocol in [Protocol::Responses, Protocol::Anthropic] {
            let ran = run(Wire::Responses, protocol, &Back::default(), &[last.as_bytes()]);
            assert!(
                matches!(&ran.failed, Some(StreamError::Upstream { kind: told, .. }) if told == kind),
                "{:?}",
                ran.failed
            );
        }
    }
    let refused =
        [event("refusal.delta", r#","output_index":0,"delta":"no""#), event("completed", r#","response":{}"#)].concat();
    let ran = run(Wire::Responses, Protocol::Chat, &Back::default(), &[refused.as_bytes()]);
    assert_eq!(ran.end.unwrap().stop, Stop::Refusal);
    let cut = event("incomplete", r#","response":{"incomplete_details":{"reason":"max_output_tokens"}}"#);
    assert_eq!(
        run(Wire::Responses, Protocol::Chat, &Back::default(), &[cut.as_bytes()]).end.unwrap().stop,
        Stop::MaxTokens
    );
}

proptest! {
    #[test]
    fn any_split_gives_the_same_stream(cuts in prop::collection::vec(0..6_000_usize, 0..6), way in 0..3_usize) {
        let (wire, protocol, stream) = [
            (Wire::Chat, Protocol::Responses, chat_stream("tool_calls")),
            (Wire::Responses, Protocol::Anthropic, responses_stream()),
            (Wire::Responses, Protocol::Responses, responses_stream()),
        ][way].clone();
        let back = codex_back();
        let mut places: Vec<usize> = cuts.into_iter().map(|cut| cut % stream.len()).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let parts: Vec<&[u8]> = places.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]).collect();
        let whole = run(wire, protocol, &back, &[stream.as_bytes()]);
        let split = run(wire, protocol, &back, &parts);
        prop_assert_eq!(split.failed, None);
        prop_assert_eq!(split.text, whole.text);
    }
}
