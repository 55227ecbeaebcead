use proptest::prelude::*;

use super::*;

const ANTHROPIC: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"sig\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"h\u{e9}llo \\n\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"run\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":11}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

/// The chunks of a Chat stream: one line of data each.
fn chat(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("data: {line}\n\n")).collect()
}

fn delta(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn finish(word: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{word}"}}]}}"#)
}

const USAGE: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}"#;

fn chat_answer() -> String {
    chat(&[
        &delta(r#"{"role":"assistant","content":""}"#),
        &delta(r#"{"reasoning_content":"hm"}"#),
        &delta(r#"{"content":"h\u00e9llo "}"#),
        &delta(r#"{"content":"wörld\n"}"#),
        &delta(r#"{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"run","arguments":""}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}"#),
        &finish("tool_calls"),
        USAGE,
        "[DONE]",
    ])
}

struct Ran {
    text: String,
    failed: Option<StreamError>,
    end: Result<End, Truncated>,
}

fn run_parts(wire: Wire, protocol: Protocol, back: &Back, parts: &[&[u8]]) -> Ran {
    let context =
        AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back };
    let mut relay = Relay::new(wire, protocol, &context);
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

fn run(wire: Wire, protocol: Protocol, stream: &str) -> Ran {
    run_parts(wire, protocol, &Back { include_usage: true, ..Back::default() }, &[stream.as_bytes()])
}

/// The data of each event, shortened to what a reader has to see.
fn shown(ran: &Ran) -> String {
    let mut out = String::new();
    for event in ran.text.split("\n\n").filter(|event| !event.is_empty()) {
        let data = event.rsplit_once("data: ").map_or(event, |(_, data)| data);
        out.push_str(data);
        out.push('\n');
    }
    out
}

#[test]
fn the_same_protocol_goes_on_byte_for_byte() {
    let ran = run(Wire::Anthropic, Protocol::Anthropic, ANTHROPIC);
    assert_eq!(ran.text, ANTHROPIC);
    let end = ran.end.unwrap();
    assert_eq!(end.stop, Stop::ToolUse);
    let usage = Usage { input: 7, cache_read: 3, output: 11, ..Usage::default() };
    assert_eq!(end.spent, Spent { usage, estimated: false, input_known: true });

    let stream = chat_answer();
    let ran = run(Wire::Chat, Protocol::Chat, &stream);
    assert_eq!(ran.text, stream);
    let usage = Usage { input: 6, cache_read: 4, output: 5, ..Usage::default() };
    assert_eq!(ran.end.unwrap().spent.usage, usage);
}

#[test]
fn a_chunk_of_whole_events_goes_on_as_one_slice() {
    let context = AnswerContext {
        requested_model: "m",
        request_id: "r",
        created_unix: 0,
        input_tokens: 0,
        back: &Back::default(),
    };
    let mut relay = Relay::new(Wire::Anthropic, Protocol::Anthropic, &context);
    let mut out = Vec::new();
    let chunk = Bytes::from_static(ANTHROPIC.as_bytes());
    relay.push(chunk.clone(), &mut out).unwrap();
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].as_ptr(), chunk.as_ptr());
}

#[test]
fn the_usage_chunk_that_we_asked_for_is_withheld() {
    let back = Back { withhold_usage: true, ..Back::default() };
    let ran = run_parts(Wire::Chat, Protocol::Chat, &back, &[chat_answer().as_bytes()]);
    assert_eq!(ran.text, chat_answer().replace(&format!("data: {USAGE}\n\n"), ""));
    assert_eq!(ran.end.unwrap().spent.usage.output, 5);
}

#[test]
fn anthropic_becomes_chat() {
    insta::assert_snapshot!(shown(&run(Wire::Anthropic, Protocol::Chat, ANTHROPIC)));
}

#[test]
fn chat_becomes_anthropic() {
    insta::assert_snapshot!(shown(&run(Wire::Chat, Protocol::Anthropic, &chat_answer())));
}

/// Blocks as `start kind`, `text`, `stop`, for what the order is about.
fn blocks(stream: &str) -> String {
    let ran = run(Wire::Chat, Protocol::Anthropic, stream);
    assert_eq!(ran.failed, None);
    let mut out = Vec::new();
    for data in shown(&ran).lines() {
        let value: serde_json::Value = serde_json::from_str(data).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        match value["type"].as_str().unwrap() {
            "content_block_start" => {
                let block = &value["content_block"];
                out.push(format!("{}:{}{}", value["index"], text(&block["type"]), text(&block["name"])));
            }
            "content_block_delta" => {
                let delta = &value["delta"];
                out.push(format!(
                    "{}{}{}",
                    text(&delta["text"]),
                    text(&delta["thinking"]),
                    text(&delta["partial_json"])
                ));
            }
            "content_block_stop" => out.push("|".to_owned()),
            "message_delta" => out.push(text(&value["delta"]["stop_reason"])),
            _ => {}
        }
    }
    out.join(" ")
}

#[test]
fn text_tool_text_and_thinking_open_blocks_in_their_order() {
    let stream = chat(&[
        &delta(r#"{"reasoning_content":"a"}"#),
        &delta(r#"{"content":"b"}"#),
        &delta(r#"{"reasoning_content":"c"}"#),
        &delta(r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}]}"#),
        &delta(r#"{"content":"d"}"#),
        &finish("stop"),
    ]);
    assert_eq!(blocks(&stream), "0:thinking a | 1:text b | 2:thinking c | 3:tool_usef {} | 4:text d | tool_use");
}

#[test]
fn interleaved_calls_wait_for_each_other() {
    let stream = chat(&[
        &delta(
            r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\""}},{"index":1,"id":"y","function":{"name":"g","arguments":"{"}}]}"#,
        ),
        &delta(r#"{"content":"t"}"#),
        &delta(r#"{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#),
        &finish("tool_calls"),
        "[DONE]",
    ]);
    assert_eq!(blocks(&stream), r#"0:tool_usef {"a" :1} | 1:tool_useg {} | 2:text t | tool_use"#);
}

#[test]
fn a_late_id_or_name_holds_the_start_back() {
    let stream = chat(&[
        &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"id":"x","function":{"arguments":"}"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#),
        &finish("tool_calls"),
    ]);
    assert_eq!(blocks(&stream), "0:tool_usef {} | tool_use");
}

#[test]
fn calls_without_an_index_or_all_with_the_same_are_told_apart() {
    let call = |index: &str, id: &str| {
        delta(&format!(r#"{{"tool_calls":[{{{index}"id":"{id}","function":{{"name":"f{id}","arguments":"{{}}"}}}}]}}"#))
    };
    for index in ["", "\"index\":0,"] {
        let stream = chat(&[&call(index, "x"), &call(index, "y"), &finish("stop")]);
        assert_eq!(blocks(&stream), "0:tool_usefx {} | 1:tool_usefy {} | tool_use", "{index}");
    }
}

#[test]
fn an_input_that_is_not_closed_is_closed_unless_tokens_ran_out() {
    let call = delta(r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\":[\"b"}}]}"#);
    assert_eq!(blocks(&chat(&[&call, &finish("stop")])), r#"0:tool_usef {"a":["b "]} | tool_use"#);
    assert_eq!(blocks(&chat(&[&call, &finish("length")])), r#"0:tool_usef {"a":["b | max_tokens"#);
}

#[test]
fn oddities_are_tolerated() {
    let text = "0:text hi | end_turn";
    let (hi, stop) = (delta(r#"{"content":"hi"}"#), finish("stop"));
    // CRLF, no space behind the colon, comments, role-only chunks, null content, no [DONE].
    let odd = format!(
        ": hello\r\n\r\ndata:{}\r\n\r\ndata:{hi}\r\n\r\n:x\r\n\r\ndata:{stop}\r\n\r\n",
        delta(r#"{"role":"assistant","content":null}"#)
    );
    assert_eq!(blocks(&odd), text);
    // Finish and usage in one chunk, usage on every chunk, the last empty line missing.
    let both = r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    assert_eq!(blocks(&format!("data: {both}")), text);
    let ran = run(Wire::Chat, Protocol::Anthropic, &chat(&[both, "[DONE]"]));
    assert_eq!(ran.end.unwrap().spent.usage.output, 2);
    // Nothing goes on behind the end.
    assert_eq!(blocks(&chat(&[&hi, &stop, "[DONE]", &hi, "{\"error\":{\"message\":\"late\"}}"])), text);
    // A second choice is nobody's.
    let second = r#"{"choices":[{"index":1,"delta":{"content":"no"},"finish_reason":null}]}"#;
    assert_eq!(blocks(&chat(&[&hi, second, &stop])), text);
}

#[test]
fn stop_reasons_are_translated() {
    let hi = delta(r#"{"content":"hi"}"#);
    for (word, expected) in [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal")] {
        assert_eq!(blocks(&chat(&[&hi, &finish(word)])), format!("0:text hi | {expected}"));
    }
    let refusal = delta(r#"{"refusal":"no"}"#);
    assert_eq!(blocks(&chat(&[&refusal, &finish("stop")])), "0:text no | refusal");
    let matched = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","stop_reason":"END"}]}"#;
    let ran = run(Wire::Chat, Protocol::Anthropic, &chat(&[&hi, matched]));
    assert!(ran.text.contains(r#""stop_reason":"stop_sequence","stop_sequence":"END""#));
}

#[test]
fn errors_inside_a_stream_are_errors() {
    let event =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    for protocol in [Protocol::Anthropic, Protocol::Chat] {
        let ran = run(Wire::Anthropic, protocol, event);
        assert_eq!(ran.text, "");
        let told = |kind: &str, message: &str| {
            Some(StreamError::Upstream { kind: kind.to_owned(), message: message.to_owned() })
        };
        assert_eq!(ran.failed, told("overloaded_error", "busy"));
        assert_eq!(ran.failed.unwrap().to_string(), "the upstream sent an error inside its answer");
        let ran = run(Wire::Chat, protocol, &chat(&[&delta(r#"{"content":"hi"}"#), "{\"error\":{\"message\":\"m\"}}"]));
        assert_eq!(ran.failed, told("", "m"));
        assert!(ran.text.contains("hi"));
        let ran = run(Wire::Chat, protocol, "data: <html>\n\n");
        assert!(matches!(ran.failed, Some(StreamError::Malformed(_))));
    }
}

#[test]
fn a_stream_that_failed_or_has_not_ended_has_no_clean_end() {
    let hi = delta(r#"{"content":"hi"}"#);
    let choice = |rest: &str| chat(&[&hi, &format!(r#"{{"choices":[{{"index":0,"delta":{{}},{rest}}}]}}"#), "[DONE]"]);
    let ended = |rest: &str| {
        let delta = r#"{"type":"response.output_text.delta","output_index":0,"delta":"hi"}"#;
        chat(&[delta, &format!(r#"{{"type":"response.completed"{rest}}}"#)])
    };
    for (wire, stream, expected) in [
        (Wire::Chat, choice(r#""finish_reason":"error""#), Some("error: ")),
        (Wire::Chat, choice(r#""finish_reason":"stop","error":{"code":"busy","message":"m"}"#), Some("busy: m")),
        (
            Wire::Responses,
            ended(r#","response":{"status":"failed","error":{"code":"busy","message":"m"}}"#),
            Some("busy: m"),
        ),
        (Wire::Responses, ended(r#","response":{"status":"in_progress"}"#), None),
        (Wire::Responses, ended(r#","response":{"status":"queued"}"#), None),
        (Wire::Responses, ended(""), None),
    ] {
        for protocol in [Protocol::Anthropic, Protocol::Chat, Protocol::Responses, Protocol::Gemini] {
            let ran = run(wire, protocol, &stream);
            let failed = match &ran.failed {
                Some(StreamError::Upstream { kind, message }) => Some(format!("{kind}: {message}")),
                Some(StreamError::Malformed(_)) => None,
                other => panic!("{other:?} {stream}"),
            };
            assert_eq!((failed.as_deref(), ran.end.is_err()), (expected, true), "{protocol:?} {stream}");
            assert!(!ran.text.contains("[DONE]") && !ran.text.contains("response.completed"), "{}", ran.text);
        }
    }
}

#[test]
fn every_answer_that_has_begun_must_end() {
    let chunk = |index: u64, finish: &str| {
        format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"x"}},"finish_reason":{finish}}}]}}"#)
    };
    let stop = r#""stop""#;
    let cut = chat(&[&chunk(0, "null"), &chunk(1, "null"), &chunk(0, stop), "[DONE]"]);
    let whole = chat(&[&chunk(0, "null"), &chunk(1, "null"), &chunk(0, stop), &chunk(1, stop), "[DONE]"]);
    let ran = run(Wire::Chat, Protocol::Chat, &cut);
    assert_eq!((ran.end, ran.text.contains("[DONE]")), (Err(Truncated), false));
    let ran = run(Wire::Chat, Protocol::Chat, &whole);
    assert_eq!((ran.end.is_ok(), ran.text), (true, whole));
    // Another protocol gets only the first.
    assert!(run(Wire::Chat, Protocol::Anthropic, &cut).end.is_ok());
    let candidate = |index: u64, finish: &str| {
        format!(
            r#"{{"candidates":[{{"index":{index},"content":{{"parts":[{{"text":"x{index}"}}]}}{finish}}}],"usageMetadata":{{"promptTokenCount":1,"candidatesTokenCount":1}}}}"#
        )
    };
    let stop = r#","finishReason":"STOP""#;
    let cut = chat(&[&candidate(0, ""), &candidate(1, ""), &candidate(0, stop)]);
    let whole = chat(&[&candidate(0, ""), &candidate(1, ""), &candidate(0, stop), &candidate(1, stop)]);
    assert_eq!(run(Wire::Gemini, Protocol::Gemini, &cut).end, Err(Truncated));
    let ran = run(Wire::Gemini, Protocol::Gemini, &format!("{whole}{}", chat(&[&candidate(0, "")])));
    assert_eq!((ran.end.is_ok(), ran.text), (true, whole));
    let late = r#"{"candidates":[{"content":{"parts":[{"text":"late"}]}}]}"#;
    let early = r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}"#;
    let ran = run(Wire::Gemini, Protocol::Chat, &chat(&[early, late]));
    assert!(ran.end.is_ok() && !ran.text.contains("late"), "{}", ran.text);
}

#[test]
fn an_input_that_is_cut_before_its_value_is_json_in_the_end() {
    let chat_call = delta(r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\":"}}]}"#);
    let anthropic = chat(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"x","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    for (wire, stream) in [(Wire::Chat, chat(&[&chat_call, &finish("stop")])), (Wire::Anthropic, anthropic)] {
        for (protocol, closed) in [
            (Protocol::Anthropic, r#""partial_json":"null}""#),
            (Protocol::Chat, r#""arguments":"null}""#),
            (Protocol::Responses, r#""arguments":"{\"a\":null}""#),
        ] {
            let ran = run(wire, protocol, &stream);
            assert!(ran.text.contains(closed) || wire.same_as(protocol), "{wire:?} {protocol:?} {}", ran.text);
        }
    }
}

#[test]
fn an_error_event_and_pings_fit_the_protocol() {
    let reply = errors::ErrorReply { status: 502, message: "cut".into(), ..errors::ErrorReply::default() };
    for (protocol, expected) in [
        (
            Protocol::Anthropic,
            "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"cut\"},\"request_id\":\"\"}\n\n",
        ),
        (
            Protocol::Chat,
            ": ping\n\ndata: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\",\"param\":null,\"code\":\"\"}}\n\n",
        ),
    ] {
        for wire in [Wire::Anthropic, Wire::Chat] {
            let back = Back::default();
            let context =
                AnswerContext { requested_model: "m", request_id: "r", created_unix: 0, input_tokens: 0, back: &back };
            let mut relay = Relay::new(wire, protocol, &context);
            let mut out = Vec::new();
            relay.ping(&mut out);
            relay.fail(&reply, &mut out);
            relay.ping(&mut out);
            assert_eq!(String::from_utf8(out.concat()).unwrap(), expected);
        }
    }
}

#[test]
fn a_cut_stream_is_counted_here() {
    let ran = run(Wire::Chat, Protocol::Anthropic, &chat(&[&delta(r#"{"content":"hello world"}"#), &finish("stop")]));
    let usage = Usage { input: 42, output: 2, ..Usage::default() };
    assert_eq!(ran.end.unwrap().spent, Spent { usage, estimated: true, input_known: false });
}

fn sides() -> impl Strategy<Value = (Wire, Protocol)> {
    prop_oneof![
        Just((Wire::Anthropic, Protocol::Anthropic)),
        Just((Wire::Anthropic, Protocol::Chat)),
        Just((Wire::Chat, Protocol::Chat)),
        Just((Wire::Chat, Protocol::Anthropic)),
    ]
}

fn stream_of(wire: Wire) -> String {
    match wire {
        Wire::Anthropic => ANTHROPIC.to_owned(),
        Wire::Chat => chat_answer(),
        Wire::Responses | Wire::Gemini => panic!("tests/golden holds the streams of {wire:?}"),
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_output((wire, protocol) in sides(), cuts in prop::collection::vec(0..2_000_usize, 0..8)) {
        let stream = stream_of(wire);
        let bytes = stream.as_bytes();
        let mut places: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let parts: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let back = Back { include_usage: true, ..Back::default() };
        let split = run_parts(wire, protocol, &back, &parts);
        let whole = run_parts(wire, protocol, &back, &[bytes]);
        prop_assert_eq!(split.text, whole.text);
        prop_assert_eq!(split.end, whole.end);
    }

    #[test]
    fn no_prefix_ends_cleanly((wire, protocol) in sides(), cut in 0..2_000_usize) {
        let stream = stream_of(wire);
        let finish = match wire {
            Wire::Anthropic => stream.find("event: message_delta").unwrap(),
            Wire::Chat => stream.find("\"finish_reason\":\"tool_calls\"").unwrap(),
            Wire::Responses | Wire::Gemini => panic!("tests/golden holds the streams of {wire:?}"),
        };
        let cut = cut.min(finish);
        let ran = run_parts(wire, protocol, &Back::default(), &[&stream.as_bytes()[..cut]]);
        prop_assert_eq!(ran.end, Err(Truncated));
        prop_assert!(!ran.text.contains("message_stop") && !ran.text.contains("[DONE]"));
    }

    #[test]
    fn no_bytes_panic((wire, protocol) in sides(), text in r#"[a-z\{\}\[\]:,"\\ \n]{0,60}"#, at in 0..2_000_usize) {
        let stream = stream_of(wire);
        let mut bytes = stream.into_bytes();
        let at = at.min(bytes.len());
        let end = (at + text.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&text.as_bytes()[..end - at]);
        let _ = run_parts(wire, protocol, &Back::default(), &[&bytes]);
    }
}
