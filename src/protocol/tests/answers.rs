use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const CHAT: &str = r#"{"id":"x","object":"chat.completion","model":"real","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"hm","content":"h\u00e9","tool_calls":[{"id":"call_1","type":"function","function":{"name":"run","arguments":"{\"a\":1}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#;
const ANTHROPIC: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"real","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"text","text":"a\n"},{"type":"text","text":"b"},{"type":"tool_use","id":"toolu_1","name":"run","input":{"a":"\"x\""}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"cache_read_input_tokens":4,"cache_creation_input_tokens":5,"output_tokens":6}}"#;

fn back() -> Back {
    Back { include_usage: true, ..Back::default() }
}

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back }
}

fn answered(wire: Wire, protocol: Protocol, body: &str) -> Result<Answer, BrokenAnswer> {
    answer(wire, protocol, Bytes::copy_from_slice(body.as_bytes()), &context(&back()))
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn chat_becomes_anthropic() {
    let answer = answered(Wire::Chat, Protocol::Anthropic, CHAT).unwrap();
    let content = json!([
        {"type":"thinking","thinking":"hm","signature":""},
        {"type":"text","text":"hé"},
        {"type":"tool_use","id":"call_1","name":"run","input":{"a":1}},
    ]);
    let usage = json!({"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":5});
    let expected = json!({"id":"msg_r1","type":"message","role":"assistant","model":"asked","content":content,"stop_reason":"tool_use","stop_sequence":null,"usage":usage});
    assert_eq!(body(&answer), expected);
    assert_eq!(answer.spent.usage, Usage { input: 6, output: 5, cache_read: 4, cache_write: 0, reasoning: 2 });
    assert_eq!((answer.stop, answer.has_content), (Stop::ToolUse, true));
}

#[test]
fn anthropic_becomes_chat() {
    let answer = answered(Wire::Anthropic, Protocol::Chat, ANTHROPIC).unwrap();
    let calls =
        json!([{"id":"toolu_1","type":"function","function":{"name":"run","arguments":"{\"a\":\"\\\"x\\\"\"}"}}]);
    let message =
        json!({"role":"assistant","reasoning_content":"hm","content":"a\nb","tool_calls":calls,"refusal":null});
    let choice = json!({"index":0,"message":message,"logprobs":null,"finish_reason":"tool_calls"});
    let usage = json!({"prompt_tokens":12,"completion_tokens":6,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":0}});
    let expected = json!({"id":"chatcmpl-r1","object":"chat.completion","created":9,"model":"asked","choices":[choice],"usage":usage});
    assert_eq!(body(&answer), expected);
    assert_eq!(answer.spent.usage, Usage { input: 3, output: 6, cache_read: 4, cache_write: 5, reasoning: 0 });
}

#[test]
fn the_same_protocol_goes_back_byte_for_byte() {
    for (wire, protocol, body) in
        [(Wire::Chat, Protocol::Chat, CHAT), (Wire::Anthropic, Protocol::Anthropic, ANTHROPIC)]
    {
        let bytes = Bytes::from_static(body.as_bytes());
        let answer = answer(wire, protocol, bytes.clone(), &context(&back())).unwrap();
        assert_eq!(answer.body.as_ptr(), bytes.as_ptr());
        assert_eq!(answer.stop, Stop::ToolUse);
    }
}

#[test]
fn simple_gets_the_text() {
    assert_eq!(answered(Wire::Chat, Protocol::Simple, CHAT).unwrap().body, "hé");
    assert_eq!(answered(Wire::Anthropic, Protocol::Simple, ANTHROPIC).unwrap().body, "a\nb");
}

fn chat_choice(message: &str, finish: &str) -> Value {
    let text = format!(r#"{{"choices":[{{"message":{message},"finish_reason":{finish}}}]}}"#);
    body(&answered(Wire::Chat, Protocol::Anthropic, &text).unwrap())
}

#[test]
fn stop_reasons() {
    for (finish, expected) in [
        (r#""stop""#, "end_turn"),
        (r#""length""#, "max_tokens"),
        (r#""content_filter""#, "refusal"),
        (r#""tool_calls""#, "tool_use"),
    ] {
        assert_eq!(chat_choice(r#"{"content":"x"}"#, finish)["stop_reason"], expected);
    }
    let refusal = chat_choice(r#"{"content":null,"refusal":"I will not"}"#, r#""stop""#);
    assert_eq!((&refusal["stop_reason"], &refusal["content"][0]["text"]), (&json!("refusal"), &json!("I will not")));
    let matched = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop","stop_reason":"END"}]}"#;
    let matched = body(&answered(Wire::Chat, Protocol::Anthropic, matched).unwrap());
    assert_eq!((&matched["stop_reason"], &matched["stop_sequence"]), (&json!("stop_sequence"), &json!("END")));
    for (word, expected) in
        [("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"), ("stop_sequence", "stop")]
    {
        let text = format!(r#"{{"content":[],"stop_reason":"{word}"}}"#);
        let answer = answered(Wire::Anthropic, Protocol::Chat, &text).unwrap();
        assert_eq!(body(&answer)["choices"][0]["finish_reason"], expected);
        assert!(!answer.has_content);
    }
}

#[test]
fn broken_tool_input_is_kept_and_marked() {
    let call = |arguments: &str| {
        let call = json!({"id":"functions.f:0","function":{"name":"f","arguments":arguments}});
        chat_choice(&json!({"content":null,"tool_calls":[call]}).to_string(), r#""tool_calls""#)["content"][0].clone()
    };
    assert_eq!(call("{\"a\":[1")["input"], json!({"a":[1]}));
    assert_eq!(call("")["input"], json!({}));
    assert_eq!(call("nonsense")["input"], json!({"_invalid_arguments":"nonsense"}));
    assert!(call("")["id"].as_str().unwrap().starts_with("functions_f_0_"));
}

#[test]
fn names_are_mapped_back() {
    let request = request(Protocol::Anthropic, r#"{"messages":[],"tools":[{"name":"a.b","input_schema":{}}]}"#);
    let target = Target {
        wire: Wire::Chat,
        model: "up",
        context: None,
        output_limit: None,
        can: &[],
        stream: true,
        transforms: &[],
    };
    let out = encode(&request, &target).unwrap();
    let sent: Value = serde_json::from_slice(&out.body.concat()).unwrap();
    let name = sent["tools"][0]["function"]["name"].as_str().unwrap();
    assert_ne!(name, "a.b");
    let text = CHAT.replace("\"run\"", &format!("\"{name}\""));
    let answer = answer(Wire::Chat, Protocol::Anthropic, Bytes::from(text), &context(&out.back)).unwrap();
    assert_eq!(body(&answer)["content"][2]["name"], "a.b");
}

#[test]
fn what_is_no_answer_is_refused() {
    for text in ["", "[]", "<html>", r#"{"choices":[]}"#, r#"{"choices":[{}]}"#, r#"{"error":{"message":"quota"}}"#] {
        assert!(answered(Wire::Chat, Protocol::Chat, text).is_err(), "{text}");
        assert!(answered(Wire::Anthropic, Protocol::Chat, text).is_err(), "{text}");
    }
}

#[test]
fn the_upstreams_words_are_not_ours() {
    let error = r#"{"error":{"type":"quota","message":"secret words"}}"#;
    let wrong = answered(Wire::Chat, Protocol::Anthropic, error).unwrap_err();
    assert_eq!(wrong.to_string(), "the upstream sent an error instead of an answer");
    assert_eq!(wrong, BrokenAnswer::Upstream { kind: "quota".into(), message: "secret words".into() });
}

#[test]
fn an_answer_without_usage_is_counted_here() {
    let text = r#"{"choices":[{"message":{"content":"hello world"},"finish_reason":"stop"}]}"#;
    let answer = answered(Wire::Chat, Protocol::Anthropic, text).unwrap();
    let usage = Usage { input: 42, output: 2, ..Usage::default() };
    assert_eq!(answer.spent, Spent { usage, estimated: true, input_known: false });
}

#[test]
fn numbers_that_cannot_be_tokens_are_not_believed() {
    const MOST: u64 = crate::bounds::MAX_REPORTED_TOKENS;
    let above = (MOST + 1).to_string();
    let wrong = ["-1", "1.5", "\"1000\"", "1e30", "99999999999999999999", "true", "[1]", &above];
    let spent = |wire, usage: &str| {
        let (whole, pieces) = match wire {
            Wire::Chat => (
                format!(
                    r#"{{"choices":[{{"message":{{"content":"hello world"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
                ),
                format!(
                    "data: {{\"choices\":[{{\"delta\":{{\"content\":\"hello world\"}},\"finish_reason\":\"stop\"}}]}}\n\ndata: {{\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n"
                ),
            ),
            Wire::Responses | Wire::Gemini => panic!("{wire:?} has tests of its own"),
            Wire::Anthropic => (
                format!(
                    r#"{{"content":[{{"type":"text","text":"hello world"}}],"stop_reason":"end_turn","usage":{usage}}}"#
                ),
                format!(
                    "data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{usage}}}}}\n\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"text\",\"text\":\"hello world\"}}}}\n\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{usage}}}\n\ndata: {{\"type\":\"message_stop\"}}\n\n"
                ),
            ),
        };
        let back = back();
        let mut collector = Collector::new(wire, Protocol::Simple, &context(&back));
        collector.push(Bytes::from(pieces)).unwrap();
        let streamed = collector.finish().unwrap().spent;
        let whole = answered(wire, Protocol::Simple, &whole).unwrap().spent;
        assert_eq!(whole, streamed, "{usage}");
        whole
    };
    for (wire, input, output, read) in [
        (Wire::Chat, "prompt_tokens", "completion_tokens", r#""prompt_tokens_details":{"cached_tokens":CACHED}"#),
        (Wire::Anthropic, "input_tokens", "output_tokens", r#""cache_read_input_tokens":CACHED"#),
    ] {
        let usage = |asked: &str, said: &str, cached: &str| {
            spent(wire, &format!(r#"{{"{input}":{asked},"{output}":{said},{}}}"#, read.replace("CACHED", cached)))
        };
        let sound = usage("1e1", &MOST.to_string(), "4");
        assert_eq!((sound.usage.output, sound.usage.cache_read), (MOST, 4));
        assert!(sound.input_known && !sound.estimated);
        for wrong in wrong {
            let asked = usage(wrong, "5", "4");
            assert_eq!(
                asked,
                Spent {
                    usage: Usage { input: 42, output: 5, ..Usage::default() },
                    estimated: false,
                    input_known: false
                },
                "{wrong}"
            );
            let said = usage("10", wrong, "0");
            assert_eq!(
                said,
                Spent { usage: Usage { input: 10, output: 2, ..Usage::default() }, estimated: true, input_known: true },
                "{wrong}"
            );
            let cached = usage("10", "5", wrong);
            let (input, known) = if wire == Wire::Chat { (10, true) } else { (42, false) };
            assert_eq!(
                cached,
                Spent { usage: Usage { input, output: 5, ..Usage::default() }, estimated: false, input_known: known },
                "{wrong}"
            );
        }
    }
    let details = r#"{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":9},"completion_tokens_details":{"reasoning_tokens":9}}"#;
    assert_eq!(
        spent(Wire::Chat, details).usage,
        Usage { input: 0, output: 2, cache_read: 3, cache_write: 0, reasoning: 2 }
    );
}

#[test]
fn tool_calls_without_usage_are_counted_however_they_come() {
    let call = r#"{"index":0,"id":"c","function":{"name":"run","arguments":"{\"command\":\"ls\"}"}}"#;
    let whole = format!(r#"{{"choices":[{{"message":{{"tool_calls":[{call}]}},"finish_reason":"tool_calls"}}]}}"#);
    let whole = answered(Wire::Chat, Protocol::Anthropic, &whole).unwrap().spent;
    let back = back();
    let mut collector = Collector::new(Wire::Chat, Protocol::Anthropic, &context(&back));
    let chunk = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{call}]}},\"finish_reason\":\"tool_calls\"}}]}}\n\n"
    );
    collector.push(Bytes::from(chunk)).unwrap();
    let collected = collector.finish().unwrap().spent;
    assert!(whole.usage.output > 0 && collected.usage.output > 0, "{whole:?} {collected:?}");
    assert!(whole.estimated && collected.estimated);
}

const FOREIGN: &str = r#"{"content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}},{"type":"zzz","x":1},{"type":"text","text":"t"},{"type":"redacted_thinking","data":"d"}],"stop_reason":"end_turn"}"#;

#[test]
fn a_block_that_the_client_cannot_read_leaves_a_note() {
    let note = "[a block of the type `zzz`, which only its provider's protocol can show]t";
    let whole = answered(Wire::Anthropic, Protocol::Chat, FOREIGN).unwrap();
    assert_eq!(body(&whole)["choices"][0]["message"]["content"], note);
    assert_eq!(answered(Wire::Anthropic, Protocol::Simple, FOREIGN).unwrap().body, note);
    let back = back();
    let (stream, _) = replay(Wire::Anthropic, Protocol::Chat, FOREIGN.as_bytes(), &context(&back)).unwrap();
    let mut collector = Collector::new(Wire::Chat, Protocol::Simple, &context(&back));
    collector.push(stream).unwrap();
    assert_eq!(collector.finish().unwrap().body, note);
}

/// A whole answer replayed as a stream and collected again is the same answer.
#[test]
fn replayed_and_collected_is_the_same() {
    let both = [(Wire::Chat, CHAT), (Wire::Anthropic, ANTHROPIC)];
    for (wire, text) in both {
        for (protocol, as_wire) in [(Protocol::Anthropic, Wire::Anthropic), (Protocol::Chat, Wire::Chat)] {
            let back = back();
            let (stream, end) = replay(wire, protocol, text.as_bytes(), &context(&back)).unwrap();
            let mut collector = Collector::new(as_wire, protocol, &context(&back));
            for chunk in stream.chunks(7) {
                collector.push(Bytes::copy_from_slice(chunk)).unwrap();
            }
            let collected = collector.finish().unwrap();
            let direct = answered(wire, protocol, text).unwrap();
            assert_eq!((collected.stop, collected.spent.usage.output), (direct.stop, direct.spent.usage.output));
            assert_eq!((end.stop, end.has_content, end.spent.estimated), (direct.stop, true, false));
            if !wire.same_as(protocol) {
                assert_eq!(body(&collected), body(&direct), "{wire:?} {protocol:?}");
            }
        }
    }
    let back = back();
    let (stream, _) = replay(Wire::Anthropic, Protocol::Anthropic, ANTHROPIC.as_bytes(), &context(&back)).unwrap();
    assert!(String::from_utf8_lossy(&stream).contains(r#"{"type":"signature_delta","signature":"sig"}"#));
}

#[test]
fn a_cut_stream_is_not_collected() {
    let back = back();
    let mut collector = Collector::new(Wire::Chat, Protocol::Chat, &context(&back));
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
    collector.push(Bytes::from_static(chunk.as_bytes())).unwrap();
    assert_eq!(collector.finish().err(), Some(Truncated));
}

proptest! {
    #[test]
    fn no_answer_panics(text in r#"[\[\]{}:,"a\\ 0-9]{0,40}"#) {
        for body in [
            format!(r#"{{"choices":[{{"message":{text}}}]}}"#),
            format!(r#"{{"choices":[{{"message":{{"content":{text},"tool_calls":[{text}]}},"finish_reason":"stop"}}]}}"#),
            format!(r#"{{"content":[{text}],"usage":{text}}}"#),
        ] {
            for wire in [Wire::Anthropic, Wire::Chat] {
                for protocol in [Protocol::Anthropic, Protocol::Chat, Protocol::Simple] {
                    let _ = answered(wire, protocol, &body);
                }
            }
        }
    }
}

/// The word for how an answer of a wire is taken: the kind of an upstream's error, `broken`, or the stop.
fn taken(wire: Wire, text: &str) -> String {
    match answered(wire, Protocol::Simple, text) {
        Ok(answer) => format!("{:?}", answer.stop),
        Err(BrokenAnswer::Upstream { kind, message }) => format!("{kind}: {message}"),
        Err(BrokenAnswer::Malformed(_)) => "broken".to_owned(),
    }
}

#[test]
fn an_answer_that_failed_or_has_not_ended_is_none() {
    let chat = |rest: &str| taken(Wire::Chat, &format!(r#"{{"choices":[{{"message":{{"content":"x"}}{rest}"#));
    assert_eq!(chat(r#","finish_reason":"error"}]}"#), "error: ");
    assert_eq!(chat(r#","finish_reason":"stop","error":{"code":"quota","message":"m"}}]}"#), "quota: m");
    assert_eq!(chat(r#","finish_reason":null}]}"#), "broken");
    assert_eq!(chat("}]}"), "broken");
    assert_eq!(chat(r#","error":null}],"usage":{"completion_tokens":1}}"#), "End");
    let empty = r#"{"choices":[{"message":{"content":""}}],"usage":{"completion_tokens":1}}"#;
    assert_eq!(taken(Wire::Chat, empty), "broken");
    let said = r#"{"content":[{"type":"text","text":"x"}]"#;
    let called = r#"{"content":[{"type":"tool_use","id":"a","name":"f","input":{}}]"#;
    for (body, rest, expected) in [
        (said, "}", "broken"),
        (said, r#","stop_reason":null}"#, "broken"),
        (said, r#","stop_reason":"pause_turn"}"#, "Pause"),
        (called, r#","stop_reason":"pause_turn"}"#, "ToolUse"),
        (called, r#","stop_reason":"novel"}"#, "ToolUse"),
        (called, r#","stop_reason":"max_tokens"}"#, "MaxTokens"),
    ] {
        assert_eq!(taken(Wire::Anthropic, &format!("{body}{rest}")), expected, "{body}{rest}");
    }
    let gemini = |rest: &str| {
        taken(Wire::Gemini, &format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"x"}}]}}{rest}}}]}}"#))
    };
    assert_eq!((&*gemini(""), &*gemini(r#","finishReason":"STOP""#)), ("broken", "End"));
    let responses = |rest: &str| taken(Wire::Responses, &format!(r#"{{"output":[]{rest}}}"#));
    assert_eq!(responses(r#","status":"in_progress""#), "broken");
    assert_eq!(responses(r#","status":"queued","background":false"#), "broken");
    assert_eq!(responses(r#","status":"queued","background":true"#), "Pause");
}
