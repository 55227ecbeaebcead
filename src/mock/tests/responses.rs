//! The Responses wire as a client sees it.

use super::*;

const RESPONSES: &str = "/fake/v1/responses";

#[tokio::test]
async fn answers_whole() {
    let (status, body) = ask(RESPONSES, json!({"model": "m", "input": "hi", "instructions": "be brief"})).await;
    assert_eq!((status, body["object"].as_str(), body["status"].as_str()), (200, Some("response"), Some("completed")));
    assert_eq!(body["output"][0]["content"][0]["text"], "m was asked: hi");
    assert_eq!((&body["instructions"], &body["tool_choice"]), (&json!("be brief"), &json!("auto")));
    let usage = &body["usage"];
    assert_eq!(usage["total_tokens"].as_u64(), Some(usage["input_tokens"].as_u64().unwrap() + 4));
}

#[tokio::test]
async fn streams_numbered_events_that_build_the_answer() {
    let body = json!({"model": "m", "input": "hi", "stream": true, "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low", "summary": "auto"}});
    let events = events(RESPONSES, body).await;
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"].as_u64(), Some(number as u64));
    }
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let mut once = kinds.clone();
    once.dedup();
    assert_eq!(
        once,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let output = events.last().unwrap()["response"]["output"].clone();
    let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
    assert_eq!(output, done.map(|event| event["item"].clone()).collect::<Value>());
    let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
    let text: String = deltas.map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(text, output[1]["content"][0]["text"].as_str().unwrap());
    assert!(output[0]["encrypted_content"].is_string());
}

#[tokio::test]
async fn calls_functions_and_custom_tools_and_reads_all_that_comes_back() {
    let tools = json!([{"type": "function", "name": "rain", "parameters": weather("city")}, {"type": "custom", "name": "patch"}]);
    let reasoning = json!({"effort": "high"});
    let include = json!(["reasoning.encrypted_content"]);
    let mut input = user("please call rain and patch");
    let body = json!({"model": "m", "input": input, "tools": tools, "reasoning": reasoning, "include": include});
    let output = ask(RESPONSES, body).await.1["output"].clone();
    assert_eq!(output[0]["summary"], json!([]), "no summary was asked for");
    assert_eq!(
        (&output[1]["type"], &output[1]["arguments"]),
        (&json!("function_call"), &json!(r#"{"city":"sample"}"#))
    );
    assert_eq!((&output[2]["type"], &output[2]["input"]), (&json!("custom_tool_call"), &json!("sample input")));
    let turns = input.as_array_mut().unwrap();
    turns.extend(output.as_array().unwrap().iter().cloned());
    turns.push(json!({"type": "function_call_output", "call_id": output[1]["call_id"], "output": "wet"}));
    turns.push(json!({"type": "custom_tool_call_output", "call_id": output[2]["call_id"], "output": "done"}));
    let (status, body) = ask(RESPONSES, json!({"model": "m", "input": input, "tools": tools})).await;
    assert_eq!(
        (status, &body["output"][0]["content"][0]["text"]),
        (200, &json!("m read the tool results: wet; done")),
        "{body}"
    );
}

#[tokio::test]
async fn streams_the_input_of_calls() {
    let tools = json!([{"type": "function", "name": "rain", "parameters": weather("city")}]);
    let body = json!({"model": "m", "input": "hi", "tools": tools, "tool_choice": "required", "stream": true});
    let events = events(RESPONSES, body).await;
    let of = |kind: &str| events.iter().filter(move |event| event["type"] == kind).collect::<Vec<_>>();
    let deltas: String =
        of("response.function_call_arguments.delta").iter().map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(deltas, r#"{"city":"sample"}"#);
    assert_eq!(of("response.function_call_arguments.done")[0]["arguments"], deltas.as_str());
}

#[tokio::test]
async fn refuses_runs_out_and_breaks() {
    let body = json!({"model": "m+refuse", "input": "hi"});
    assert_eq!(ask(RESPONSES, body).await.1["output"][0]["content"][0]["type"], "refusal");
    let body = json!({"model": "m+chunks=99", "input": "hi", "max_output_tokens": 16, "stream": true});
    let last = events(RESPONSES, body).await.pop().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["incomplete_details"]["reason"]),
        (&json!("response.incomplete"), &json!("max_output_tokens"))
    );
    let all = events(RESPONSES, json!({"model": "m+break=2", "input": "hi", "stream": true})).await;
    let last = all.last().unwrap();
    assert_eq!((&last["type"], last["sequence_number"].as_u64()), (&json!("error"), Some(all.len() as u64 - 1)));
}

#[tokio::test]
async fn answers_in_a_schema_counts_and_says_what_is_wrong() {
    let format = json!({"format": {"type": "json_schema", "name": "x", "strict": true, "schema": weather("city")}});
    let (_, body) = ask(RESPONSES, json!({"model": "m", "input": "hi", "text": format})).await;
    assert_eq!(body["output"][0]["content"][0]["text"], r#"{"city":"sample"}"#);
    let (_, body) = ask("/fake/v1/responses/input_tokens", json!({"model": "m", "input": "hi"})).await;
    assert_eq!((&body["object"], body["input_tokens"].is_u64()), (&json!("response.input_tokens"), true));
    let (status, body) = ask(RESPONSES, json!({"model": "m", "input": "hi", "stop": "x"})).await;
    assert_eq!(
        (status, body),
        (
            400,
            json!({"error": {"message": "Unknown parameter: 'stop'.", "type": "invalid_request_error", "param": "stop", "code": "unknown_parameter"}})
        )
    );
}

#[tokio::test]
async fn embeds() {
    let (_, body) = ask("/v1/embeddings", json!({"model": "m", "input": ["a", "b", "a"], "dimensions": 4})).await;
    let vector = |at: usize| &body["data"][at]["embedding"];
    assert_eq!((vector(0).as_array().unwrap().len(), vector(0) == vector(2), vector(0) == vector(1)), (4, true, false));
    let (_, body) = ask("/v1/embeddings", json!({"model": "m", "input": "a", "encoding_format": "base64"})).await;
    assert_eq!(body["data"][0]["embedding"].as_str().unwrap().len(), 44, "8 numbers of 4 bytes");
}
