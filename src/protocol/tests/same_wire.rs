//! Both sides speak the same and somebody looks at the answer on its way: what nobody changed arrives as it
//! came, and what no other protocol knows too.

use serde_json::{Value, json};

use super::*;
use crate::protocol::transform::stages::StageKind;

fn back(stages: &[StageKind]) -> Back {
    Back { stages: stages.to_vec(), include_usage: true, ..Back::default() }
}

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r1", created_unix: 9, input_tokens: 42, back }
}

fn protocol_of(wire: Wire) -> Protocol {
    match wire {
        Wire::Anthropic => Protocol::Anthropic,
        Wire::Chat => Protocol::Chat,
        Wire::Responses => Protocol::Responses,
        Wire::Gemini => Protocol::Gemini,
    }
}

fn events(of: &[Value]) -> String {
    of.iter().fold(String::new(), |all, event| format!("{all}data: {event}\n\n"))
}

/// The data of what the client gets, pings aside, however the stream comes.
#[track_caller]
fn relayed(wire: Wire, stages: &[StageKind], stream: &str) -> Vec<Value> {
    let back = back(stages);
    let run = |size: usize| {
        let mut relay = Relay::new(wire, protocol_of(wire), &context(&back));
        let mut out = Vec::new();
        for chunk in stream.as_bytes().chunks(size) {
            relay.push(Bytes::copy_from_slice(chunk), &mut out).unwrap();
        }
        relay.finish(&mut out).unwrap();
        let text = String::from_utf8(out.concat()).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        let values =
            data.map(|data| serde_json::from_str::<Value>(data).unwrap_or_else(|wrong| panic!("{wrong}: {data}")));
        values.filter(|event| event["type"] != "ping").collect::<Vec<_>>()
    };
    let whole = run(stream.len());
    assert_eq!(whole, run(7));
    whole
}

const EXIT: &str = "give_final_answer";

/// Every kind of stage, so that everything is read and written anew.
fn all_stages() -> Vec<StageKind> {
    vec![
        StageKind::ThinkTag,
        StageKind::Emulated(["read"].map(str::to_owned).into()),
        StageKind::ExitTool(EXIT),
        StageKind::ToolRepair,
    ]
}

fn anthropic_stream() -> Vec<Value> {
    let block = |index: u64, start: Value, deltas: &[Value]| {
        let mut all = vec![json!({"type": "content_block_start", "index": index, "content_block": start})];
        all.extend(deltas.iter().map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})));
        all.push(json!({"type": "content_block_stop", "index": index}));
        all
    };
    let text = |text: &str| json!({"type": "text_delta", "text": text});
    let input = |json: &str| json!({"type": "input_json_delta", "partial_json": json});
    let cited = json!({"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "u"}});
    let mut all =
        vec![json!({"type": "message_start", "message": {"id": "msg_up", "type": "message", "role": "assistant",
        "model": "real", "content": [], "stop_reason": null, "stop_sequence": null, "container": {"id": "c"},
        "usage": {"input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}}})];
    all.extend(block(0, json!({"type": "redacted_thinking", "data": "zz"}), &[]));
    all.extend(block(
        1,
        json!({"type": "thinking", "thinking": "", "signature": ""}),
        &[json!({"type": "thinking_delta", "thinking": "hm"}), json!({"type": "signature_delta", "signature": "sig"})],
    ));
    all.extend(block(
        2,
        json!({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}),
        &[input("{\"query\":"), input("\"q\"}")],
    ));
    all.extend(block(
        3,
        json!({"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"url": "u"}]}),
        &[],
    ));
    all.extend(block(4, json!({"type": "text", "text": ""}), &[text("It says "), cited]));
    all.extend(block(5, json!({"type": "text", "text": ""}), &[text("and more.")]));
    all.push(json!({"type": "new_event", "what": 1}));
    all.extend(block(6, json!({"type": "tool_use", "id": "t1", "name": "f", "input": {}}), &[input("{\"a\":1}")]));
    let called = json!({"type": "tool_use", "id": "t2", "name": "f", "input": {}, "caller": {"type": "code_execution", "tool_id": "s9"}});
    all.extend(block(7, called, &[input("{}")]));
    all.push(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
        "context_management": {"x": 1}, "usage": {"input_tokens": 5, "output_tokens": 9, "server_tool_use": {"web_search_requests": 1}}}));
    all.push(json!({"type": "message_stop"}));
    all
}

#[test]
fn anthropics_own_blocks_arrive_as_they_came() {
    let stream = anthropic_stream();
    assert_eq!(relayed(Wire::Anthropic, &[StageKind::ToolRepair], &events(&stream)), stream);
    assert_eq!(relayed(Wire::Anthropic, &all_stages(), &events(&stream)), stream);
}

#[track_caller]
fn collected(wire: Wire, stages: &[StageKind], stream: &[Value]) -> Value {
    let back = back(stages);
    let mut collector = Collector::new(wire, protocol_of(wire), &context(&back));
    collector.push(Bytes::from(events(stream))).unwrap();
    serde_json::from_slice(&collector.finish().unwrap().body).unwrap()
}

#[test]
fn anthropics_own_blocks_are_collected_whole() {
    for stages in [vec![], all_stages()] {
        let answer = collected(Wire::Anthropic, &stages, &anthropic_stream());
        assert_eq!(
            answer["content"],
            json!([
                {"type": "redacted_thinking", "data": "zz"},
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"url": "u"}]},
                {"type": "text", "text": "It says ",
                    "citations": [{"type": "web_search_result_location", "url": "u"}]},
                {"type": "text", "text": "and more."},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "t2", "name": "f", "input": {},
                    "caller": {"type": "code_execution", "tool_id": "s9"}},
            ])
        );
    }
}

#[test]
fn anthropics_indices_go_on_behind_what_is_found() {
    let mut stream = anthropic_stream();
    let found = stream.iter().position(|event| event["delta"]["text"] == "It says ").unwrap();
    stream[found]["delta"]["text"] = json!("<think>so</think>It says ");
    let told = relayed(Wire::Anthropic, &[StageKind::ThinkTag], &events(&stream));
    let starts: Vec<(u64, &str)> = told
        .iter()
        .filter(|event| event["type"] == "content_block_start")
        .map(|event| (event["index"].as_u64().unwrap(), event["content_block"]["type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        starts,
        [
            (0, "redacted_thinking"),
            (1, "thinking"),
            (2, "server_tool_use"),
            (3, "web_search_tool_result"),
            (4, "thinking"),
            (5, "text"),
            (6, "text"),
            (7, "tool_use"),
            (8, "tool_use")
        ]
    );
    let cited = told.iter().find(|event| event["delta"]["type"] == "citations_delta").unwrap();
    assert_eq!(cited["index"], 5);
}

#[test]
fn chats_other_choices_and_members_arrive_as_they_came() {
    let head = json!({"id": "up", "object": "chat.completion.chunk", "created": 3, "model": "real", "system_fingerprint": "fp",
        "service_tier": "flex"});
    let chunk = |choices: Value| {
        let mut chunk = head.clone();
        chunk["choices"] = choices;
        chunk
    };
    let logprobs = json!({"content": [{"token": "a", "logprob": -0.1}]});
    let noted = json!([{"type": "url_citation", "url_citation": {"url": "u"}}]);
    let mut last = chunk(json!([]));
    last["usage"] = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.1});
    let stream = [
        chunk(json!([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}])),
        chunk(json!([{"index": 0, "delta": {"content": "a"}, "logprobs": logprobs, "finish_reason": null},
            {"index": 1, "delta": {"role": "assistant", "content": "b"}, "logprobs": logprobs, "finish_reason": null}])),
        chunk(
            json!([{"index": 0, "delta": {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text"}]}, "finish_reason": null}]),
        ),
        chunk(json!([{"index": 0, "delta": {"annotations": noted}, "finish_reason": null}])),
        chunk(json!([{"index": 1, "delta": {}, "finish_reason": "length"}])),
        chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])),
        last.clone(),
    ];
    let told = relayed(Wire::Chat, &all_stages(), &events(&stream));
    let choices = |number: u64| {
        let all = told.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap());
        all.filter(move |choice| choice["index"] == number).cloned().collect::<Vec<_>>()
    };
    assert!(told.iter().all(|chunk| head.as_object().unwrap().iter().all(|(name, value)| chunk[name] == *value)));
    assert_eq!(choices(1), [stream[1]["choices"][1].clone(), stream[4]["choices"][0].clone()]);
    let first = choices(0);
    assert!(first.iter().any(|choice| choice["logprobs"] == logprobs), "{first:?}");
    assert!(first.iter().any(|choice| choice["delta"]["annotations"] == noted), "{first:?}");
    assert!(first.contains(&stream[2]["choices"][0]), "{first:?}");
    let said: String = first.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
    assert_eq!((said.as_str(), first.last().unwrap()["finish_reason"].as_str()), ("a", Some("stop")));
    assert_eq!(told.last(), Some(&last));
}

#[test]
fn responses_own_items_arrive_as_they_came() {
    let mut number = 0;
    let mut event = |kind: &str, members: Value| {
        let mut event = members;
        event["type"] = json!(kind);
        event["sequence_number"] = json!(number);
        number += 1;
        event
    };
    let response = |status: &str, output: Value| {
        json!({"id": "resp_up", "object": "response", "status": status, "model": "real", "output": output,
            "service_tier": "flex", "metadata": {"a": "b"}, "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0}}})
    };
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}});
    let custom = json!({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "apply", "input": "patch", "status": "completed"});
    let inner = json!({"type": "function_call", "id": "fc_1", "call_id": "c2", "name": "f", "namespace": "ns", "arguments": "{}", "status": "completed"});
    let part = json!({"type": "output_text", "text": "hi", "annotations": [{"type": "url_citation", "url": "u"}], "logprobs": []});
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "final", "content": [part]});
    let begun = |item: &Value| {
        let mut item = item.clone();
        item["status"] = json!("in_progress");
        item
    };
    let stream = [
        event("response.created", json!({"response": response("in_progress", json!([]))})),
        event("response.in_progress", json!({"response": response("in_progress", json!([]))})),
        event("response.output_item.added", json!({"output_index": 0, "item": begun(&search)})),
        event("response.web_search_call.searching", json!({"output_index": 0, "item_id": "ws_1"})),
        event("response.output_item.done", json!({"output_index": 0, "item": search})),
        event("response.output_item.added", json!({"output_index": 1, "item": begun(&custom)})),
        event(
            "response.custom_tool_call_input.delta",
            json!({"output_index": 1, "item_id": "ctc_1", "delta": "patch"}),
        ),
        event("response.output_item.done", json!({"output_index": 1, "item": custom})),
        event("response.output_item.added", json!({"output_index": 2, "item": begun(&inner)})),
        event("response.function_call_arguments.delta", json!({"output_index": 2, "item_id": "fc_1", "delta": "{}"})),
        event("response.output_item.done", json!({"output_index": 2, "item": inner})),
        event("response.output_item.added", json!({"output_index": 3, "item": begun(&message)})),
        event(
            "response.output_text.delta",
            json!({"output_index": 3, "item_id": "msg_1", "content_index": 0, "delta": "hi", "logprobs": [1]}),
        ),
        event(
            "response.output_text.annotation.added",
            json!({"output_index": 3, "item_id": "msg_1", "content_index": 0,
            "annotation_index": 0, "annotation": part["annotations"][0]}),
        ),
        event("response.output_item.done", json!({"output_index": 3, "item": message})),
        event(
            "response.completed",
            json!({"response": response("completed", json!([search, custom, inner, message]))}),
        ),
    ];
    assert_eq!(relayed(Wire::Responses, &[StageKind::ToolRepair], &events(&stream)), stream);
    let whole = &stream[15]["response"];
    assert_eq!(collected(Wire::Responses, &[], &stream), *whole);
    assert_eq!(collected(Wire::Responses, &[StageKind::ToolRepair], &stream), *whole);
    // Where the text is looked at the message is written anew, and keeps what was noted in it.
    let told = relayed(Wire::Responses, &all_stages(), &events(&stream));
    assert_eq!(told[..11], stream[..11]);
    let last = told.last().unwrap();
    assert_eq!(last["response"]["output"].as_array().unwrap()[..3], [search, custom, inner]);
    assert_eq!(last["response"]["output"][3]["content"][0], part);
    assert_eq!((&last["response"]["id"], &last["response"]["service_tier"]), (&json!("resp_up"), &json!("flex")));
    assert!(told.iter().any(|event| event["type"] == "response.output_text.annotation.added"));
    assert!(told.iter().zip(0..).all(|(event, number)| event["sequence_number"] == number));
}

#[test]
fn geminis_own_parts_and_candidates_arrive_as_they_came() {
    let around = |candidates: Value| json!({"candidates": candidates, "modelVersion": "real", "responseId": "up", "createTime": "t"});
    let code = json!({"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": "abcd"});
    let thought = json!({"text": "hm", "thought": true, "thoughtSignature": "efgh"});
    let signs = json!({"text": "", "thoughtSignature": "ijkl"});
    let result = json!({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}});
    let grounding = json!({"webSearchQueries": ["q"], "groundingChunks": [{"web": {"uri": "u", "title": "t"}}]});
    let other = json!({"content": {"parts": [{"text": "late"}], "role": "model"}, "index": 1, "finishReason": "STOP"});
    let usage = json!({"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]});
    let mut ended = around(
        json!([{"content": {"parts": [{"text": "so"}, signs], "role": "model"}, "finishReason": "STOP", "index": 0,
        "groundingMetadata": grounding, "safetyRatings": []}]),
    );
    ended["usageMetadata"] = usage.clone();
    let mut late = around(json!([other]));
    late["usageMetadata"] = usage.clone();
    let begun = around(json!([{"content": {"parts": [{"text": "yes"}], "role": "model"}, "index": 1}]));
    let stream = [
        around(json!([{"content": {"parts": [thought, code, result], "role": "model"}, "index": 0}])),
        begun.clone(),
        ended,
        late,
    ];
    let told = relayed(Wire::Gemini, &all_stages(), &events(&stream));
    assert!(told.iter().all(|chunk| chunk["modelVersion"] == "real" && chunk["createTime"] == "t"));
    let all: Vec<&Value> = told.iter().flat_map(|chunk| chunk["candidates"].as_array().unwrap()).collect();
    let parts: Vec<&Value> = all
        .iter()
        .filter(|candidate| candidate["index"] == 0)
        .flat_map(|candidate| candidate["content"]["parts"].as_array().into_iter().flatten())
        .collect();
    assert_eq!(parts[..5], [&thought, &code, &result, &json!({"text": "so"}), &signs]);
    assert!(all.iter().any(|candidate| candidate["groundingMetadata"] == grounding));
    let others: Vec<&Value> = all.iter().copied().filter(|candidate| candidate["index"] == 1).collect();
    assert_eq!(others, [&begun["candidates"][0], &other]);
    let last = told.last().unwrap();
    assert_eq!((&last["usageMetadata"], &last["candidates"][0]["finishReason"]), (&usage, &json!("STOP")));
}

/// A whole answer, changed in one place by `change`, goes to the client changed in one place by `found`; as a
/// stream it says the same.
#[track_caller]
fn check_whole(wire: Wire, stages: &[StageKind], body: &Value, expected: &Value) {
    let back = back(stages);
    let context = context(&back);
    let got = answer(wire, protocol_of(wire), Bytes::from(body.to_string()), &context).unwrap();
    let got: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(got, *expected, "{got:#}");
    let (stream, _) = replay(wire, protocol_of(wire), body.to_string().as_bytes(), &context).unwrap();
    let text = String::from_utf8(stream.to_vec()).unwrap();
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]") {
        serde_json::from_str::<Value>(data).unwrap();
    }
}

#[test]
fn a_whole_answer_is_changed_in_its_place_alone() {
    let think = [StageKind::ThinkTag];
    let cited = json!({"type": "text", "text": "It says", "citations": [{"type": "x", "url": "u"}]});
    let own = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}});
    let body = json!({"id": "msg_up", "model": "real", "content": [own, cited, {"type": "text", "text": "<think>so</think>yes"}],
        "stop_reason": "end_turn", "container": 1, "usage": {"input_tokens": 1, "output_tokens": 2, "service_tier": "x"}});
    let mut expected = body.clone();
    expected["content"] =
        json!([own, cited, {"type": "thinking", "thinking": "so", "signature": ""}, {"type": "text", "text": "yes"}]);
    check_whole(Wire::Anthropic, &think, &body, &expected);

    let other = json!({"index": 1, "message": {"content": "<think>b"}, "finish_reason": "stop"});
    let body = json!({"id": "up", "choices": [{"index": 0, "message": {"role": "assistant", "content": "<think>so</think>yes",
        "annotations": [1]}, "logprobs": {"content": []}, "finish_reason": "stop"}, other], "system_fingerprint": "fp"});
    let mut expected = body.clone();
    expected["choices"][0]["message"]["content"] = json!("yes");
    expected["choices"][0]["message"]["reasoning_content"] = json!("so");
    check_whole(Wire::Chat, &think, &body, &expected);

    let own = json!({"type": "web_search_call", "id": "ws", "status": "completed"});
    let kept = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": [1]}]});
    let changed = json!({"type": "message", "id": "msg_2", "role": "assistant", "content": [{"type": "output_text", "text": "<think>so</think>b"}]});
    let body = json!({"id": "resp_up", "status": "completed", "output": [own, kept, changed], "service_tier": "flex", "usage": {"output_tokens": 1}});
    let mut expected = body.clone();
    let text = json!({"type": "output_text", "annotations": [], "logprobs": [], "text": "b"});
    expected["output"] = json!([own, kept,
        {"id": "rs_r1_2", "type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]},
        {"id": "msg_r1_3", "type": "message", "role": "assistant", "content": [text], "status": "completed"}]);
    check_whole(Wire::Responses, &think, &body, &expected);

    let code = json!({"executableCode": {"code": "1"}, "thoughtSignature": "abcd"});
    let body = json!({"candidates": [{"content": {"role": "model", "parts": [code, {"text": "<think>so</think>b"}]},
        "finishReason": "STOP", "groundingMetadata": {"groundingChunks": [1]}}, {"index": 1}], "modelVersion": "real"});
    let mut expected = body.clone();
    expected["candidates"][0]["content"]["parts"] = json!([code, {"text": "so", "thought": true}, {"text": "b"}]);
    check_whole(Wire::Gemini, &think, &body, &expected);
}

#[test]
fn a_call_that_is_mended_leaves_its_neighbours() {
    let call =
        |arguments: &str| json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let body = |arguments: &str| {
        json!({"id": "up", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a",
        "reasoning": "hm", "tool_calls": [call(arguments)]}, "finish_reason": "tool_calls"}], "usage": {"completion_tokens": 1}})
    };
    check_whole(Wire::Chat, &[StageKind::ToolRepair], &body("{'a': 1,}"), &body("{\"a\":1}"));
    let item = |arguments: &str| {
        json!({"type": "function_call", "id": "fc_r1_1", "call_id": "c", "name": "f", "arguments": arguments,
        "status": "completed"})
    };
    let own = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "zz"});
    let body = |arguments: &str| json!({"status": "completed", "output": [own, item(arguments)]});
    check_whole(Wire::Responses, &[StageKind::ToolRepair], &body("{'a': 1,}"), &body("{\"a\":1}"));
}
