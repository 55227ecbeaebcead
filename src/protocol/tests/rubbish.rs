//! What upstreams get wrong in their answers: it is mended or a failure, and never handed on.

use serde_json::{Value, json};

use super::*;

const PROTOCOLS: [Protocol; 4] = [Protocol::Anthropic, Protocol::Chat, Protocol::Responses, Protocol::Gemini];

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r1", created_unix: 9, input_tokens: 42, back }
}

fn whole(wire: Wire, protocol: Protocol, body: &[u8]) -> Result<Vec<u8>, BrokenAnswer> {
    answer(wire, protocol, Bytes::copy_from_slice(body), &context(&Back::default())).map(|answer| answer.body.to_vec())
}

/// What the client got, and whether it ended well.
fn relayed(wire: Wire, protocol: Protocol, stream: &[u8]) -> (Vec<u8>, bool) {
    let back = Back::default();
    let mut relay = Relay::new(wire, protocol, &context(&back));
    let mut out = Vec::new();
    let pushed = relay.push(Bytes::copy_from_slice(stream), &mut out).is_ok();
    let ended = pushed && relay.finish(&mut out).is_ok();
    (out.concat(), ended)
}

fn collected(wire: Wire, protocol: Protocol, stream: &[u8]) -> Option<Vec<u8>> {
    let back = Back::default();
    let mut collector = Collector::new(wire, protocol, &context(&back));
    collector.push(Bytes::copy_from_slice(stream)).ok()?;
    collector.finish().ok().map(|answer| answer.body.to_vec())
}

fn chat_stream(delta: &[u8]) -> Vec<u8> {
    [
        b"data: {\"choices\":[{\"index\":0,\"delta\":",
        delta,
        b"}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    ]
    .concat()
}

fn chat_whole(message: &[u8]) -> Vec<u8> {
    [b"{\"choices\":[{\"index\":0,\"message\":", message, b",\"finish_reason\":\"stop\"}]}"].concat()
}

/// Each event's data, all of it sound.
#[track_caller]
fn data(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    lines.map(|data| serde_json::from_str(data).unwrap_or_else(|wrong| panic!("{wrong}: {data}"))).collect()
}

#[test]
fn bytes_that_no_json_may_hold_are_mended_everywhere() {
    let said = b"{\"content\":\"a\xff\x01b\\ud83d\"}";
    for protocol in PROTOCOLS {
        let (stream, ended) = relayed(Wire::Chat, protocol, &chat_stream(said));
        assert!(ended, "{protocol:?}");
        let all = if protocol == Protocol::Chat {
            // A half of a character may have its other half in the next event, so it goes on as it came.
            String::from_utf8(stream).unwrap()
        } else {
            data(&stream).iter().map(Value::to_string).collect()
        };
        assert!(all.contains("a\u{fffd}\\u0001b"), "{protocol:?}: {all}");
        let body = whole(Wire::Chat, protocol, &chat_whole(said)).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body.to_string().contains("a\u{fffd}\\u0001b\u{fffd}"), "{protocol:?}: {body}");
        let body = collected(Wire::Chat, protocol, &chat_stream(said)).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap();
    }
}

#[test]
fn an_event_that_is_no_json_is_a_failure_in_every_protocol() {
    for broken in [&b"{\"content\":{\"a\" 1}}"[..], b"{\"content\":\"x\"},\"a\":[}]", b"{\"content\":\"\\x\"}", b"{\0}"]
    {
        let good = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"good\"}}]}\n\n";
        let stream = [&good[..], &chat_stream(broken)].concat();
        for protocol in PROTOCOLS {
            let (out, ended) = relayed(Wire::Chat, protocol, &stream);
            assert!(!ended, "{protocol:?}: {}", String::from_utf8_lossy(broken));
            assert!(!data(&out).is_empty(), "what came before is good");
            assert_eq!(whole(Wire::Chat, protocol, &chat_whole(broken)).ok(), None, "{protocol:?}");
        }
    }
}

#[test]
fn an_event_of_the_same_protocol_is_written_anew_only_when_it_must_be() {
    let good = b"event: x\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n";
    let bad = b"id: 7\ndata: {\"choices\":[\ndata: {\"delta\":{\"content\":\"b\x02\"}}]}\n\n";
    let end = b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let (out, ended) = relayed(Wire::Chat, Protocol::Chat, &[&good[..], bad, end].concat());
    let mended = b"id: 7\ndata: {\"choices\":[ {\"delta\":{\"content\":\"b\\u0002\"}}]}\n\n";
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&[&good[..], mended, end].concat()));
    assert!(ended);
}

#[test]
fn two_calls_of_one_id_get_two() {
    let calls = |with_index: bool| {
        let call = |index: u64, name: &str| {
            let mut call = json!({"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}});
            if with_index {
                call["index"] = json!(index);
            }
            call
        };
        json!({"tool_calls": [call(0, "f"), call(1, "g")]}).to_string()
    };
    for protocol in PROTOCOLS {
        let (out, ended) = relayed(Wire::Chat, protocol, &chat_stream(calls(true).as_bytes()));
        let streamed = String::from_utf8(out).unwrap();
        let body =
            String::from_utf8(whole(Wire::Chat, protocol, &chat_whole(calls(false).as_bytes())).unwrap()).unwrap();
        assert!(ended);
        // Whoever speaks the same protocol reads what the upstream wrote.
        let distinct = protocol != Protocol::Chat;
        assert_eq!((streamed.contains("\"c_2\""), body.contains("\"c_2\"")), (distinct, distinct), "{protocol:?}");
    }
}

#[test]
fn a_call_without_a_name_is_a_failure() {
    let calls =
        json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "", "arguments": "{}"}}]}).to_string();
    for protocol in [Protocol::Anthropic, Protocol::Responses, Protocol::Gemini] {
        assert!(!relayed(Wire::Chat, protocol, &chat_stream(calls.as_bytes())).1, "{protocol:?}");
        whole(Wire::Chat, protocol, &chat_whole(calls.as_bytes())).unwrap_err();
    }
}

/// A whole answer of one call, with its input as the upstream gives it, and the input that the client reads.
#[track_caller]
fn check_input(wire: Wire, given: Value, object: Value) {
    let body = match wire {
        Wire::Anthropic => json!({"content": [{"type": "tool_use", "id": "c", "name": "f", "input": given}],
            "stop_reason": "tool_use", "usage": {}}),
        Wire::Gemini => json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": given}}]},
            "finishReason": "STOP"}]}),
        Wire::Responses => {
            json!({"output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": given}],
            "status": "completed"})
        }
        Wire::Chat => json!({"choices": [{"message": {"tool_calls": [{"id": "c", "function": {"name": "f",
            "arguments": given}}]}, "finish_reason": "tool_calls"}], "usage": {}}),
    };
    let body = body.to_string();
    let read =
        |protocol| -> Value { serde_json::from_slice(&whole(wire, protocol, body.as_bytes()).unwrap()).unwrap() };
    if wire != Wire::Anthropic {
        assert_eq!(read(Protocol::Anthropic)["content"][0]["input"], object, "{wire:?}: {body}");
    }
    if wire != Wire::Chat && object.get("_invalid_arguments").is_none() {
        let answer = read(Protocol::Chat);
        let written = answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(written).unwrap(), object, "{wire:?}: {body}");
    }
    let (stream, _) = replay(wire, Protocol::Anthropic, body.as_bytes(), &context(&Back::default())).unwrap();
    let pieces: String = data(&stream).iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    if object.get("_invalid_arguments").is_none() || wire == Wire::Anthropic {
        assert_eq!(serde_json::from_str::<Value>(&pieces).unwrap(), object, "{wire:?}, replayed: {body}");
    }
}

#[test]
fn an_input_in_another_form_is_kept() {
    for wire in [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini] {
        check_input(wire, json!({"a": 1}), json!({"a": 1}));
        check_input(wire, json!("{\"a\":1}"), json!({"a": 1}));
        check_input(wire, json!("{"), json!({}));
        check_input(wire, json!([1]), json!({"_invalid_arguments": "[1]"}));
        check_input(wire, json!("x"), json!({"_invalid_arguments": "x"}));
    }
}

#[test]
fn a_number_of_an_event_that_has_no_next_one_is_borne() {
    let last = format!("data: {{\"type\":\"response.in_progress\",\"sequence_number\":{}}}\n\n", u64::MAX);
    let stream = format!("{last}data: {{\"type\":\"response.in_progress\"}}\n\n");
    assert!(!relayed(Wire::Responses, Protocol::Responses, stream.as_bytes()).1);
}
