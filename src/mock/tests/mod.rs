//! The mock as a client sees it: real requests over loopback.

mod gemini;
mod refusals;
mod responses;

use serde_json::{Value, json};

use super::*;

async fn mock(knobs: Knobs) -> Mock {
    spawn("127.0.0.1:0".parse().unwrap(), vec![("fake".to_owned(), knobs)]).await.unwrap()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn post(mock: &Mock, path: &str, body: &Value) -> reqwest::Result<(u16, String)> {
    let request = client().post(format!("http://{}{path}", mock.addr)).header("anthropic-version", "2023-06-01");
    let response = request.body(body.to_string()).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn ask(path: &str, body: Value) -> (u16, Value) {
    let (status, text) = post(&mock(Knobs::default()).await, path, &body).await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// The `data:` of every event of a stream.
async fn events(path: &str, body: Value) -> Vec<Value> {
    let (status, text) = post(&mock(Knobs::default()).await, path, &body).await.unwrap();
    assert_eq!(status, 200, "{text}");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

const ANTHROPIC: &str = "/fake/v1/messages";
const CHAT: &str = "/fake/v1/chat/completions";

#[tokio::test]
async fn anthropic_answers_whole() {
    let (status, body) = ask(ANTHROPIC, json!({"model": "m", "max_tokens": 99, "messages": user("hi")})).await;
    assert_eq!(status, 200);
    assert_eq!(body["content"], json!([{"type": "text", "text": "m was asked: hi"}]));
    assert_eq!((&body["stop_reason"], &body["usage"]["output_tokens"]), (&json!("end_turn"), &json!(4)));
}

#[tokio::test]
async fn chat_answers_whole() {
    let (status, body) = ask(CHAT, json!({"model": "m", "messages": user("hi")})).await;
    assert_eq!(status, 200);
    assert_eq!(body["choices"][0]["message"]["content"], "m was asked: hi");
    assert_eq!(
        (&body["choices"][0]["finish_reason"], &body["usage"]["completion_tokens"]),
        (&json!("stop"), &json!(4))
    );
}

#[tokio::test]
async fn anthropic_streams() {
    let body = json!({"model": "m", "max_tokens": 99, "stream": true, "messages": user("hi"),
        "thinking": {"type": "adaptive"}});
    let events = events(ANTHROPIC, body).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let delta = "content_block_delta";
    assert_eq!(
        kinds,
        [
            ["message_start", "content_block_start", "ping"].as_slice(),
            &[delta, delta, delta, "content_block_stop", "content_block_start"],
            &[delta, delta, delta, delta, "content_block_stop", "message_delta", "message_stop"],
        ]
        .concat()
    );
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, "m was asked: hi");
}

#[tokio::test]
async fn chat_streams_with_the_usage_chunk_only_when_asked() {
    let mut body = json!({"model": "m", "stream": true, "messages": user("hi"), "reasoning_effort": "low"});
    let plain = events(CHAT, body.clone()).await;
    assert!(plain.iter().all(|event| event.get("usage").is_none() && !event["choices"].as_array().unwrap().is_empty()));
    let text: String = plain.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "m was asked: hi");
    assert_eq!(plain.last().unwrap()["choices"][0]["finish_reason"], "stop");
    body["stream_options"] = json!({"include_usage": true});
    let last = events(CHAT, body).await.pop().unwrap();
    assert_eq!((&last["choices"], last["usage"]["total_tokens"].is_u64()), (&json!([]), true));
}

fn weather(name: &str) -> Value {
    json!({
        "type": "object", "properties": {name: {"type": "string"}}, "required": [name], "additionalProperties": false,
    })
}

#[tokio::test]
async fn anthropic_calls_tools_and_reads_their_results() {
    let tools =
        json!([{"name": "now", "input_schema": weather("zone")}, {"name": "rain", "input_schema": weather("city")}]);
    let mut messages = user("please call rain and now");
    let (_, body) = ask(ANTHROPIC, json!({"model": "m", "max_tokens": 9, "messages": messages, "tools": tools})).await;
    assert_eq!(body["stop_reason"], "tool_use");
    assert_eq!(
        (&body["content"][0]["name"], &body["content"][0]["input"]),
        (&json!("rain"), &json!({"city": "sample"}))
    );
    assert_eq!(body["content"][1]["name"], "now");
    let results: Vec<_> = body["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "wet"}))
        .collect();
    messages.as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": body["content"]}),
        json!({"role": "user", "content": results}),
    ]);
    let (status, body) =
        ask(ANTHROPIC, json!({"model": "m", "max_tokens": 99, "messages": messages, "tools": tools})).await;
    assert_eq!((status, body["content"][0]["text"].as_str()), (200, Some("m read the tool results: wet; wet")));
}

#[tokio::test]
async fn chat_calls_tools_in_a_stream_when_forced() {
    let tools = json!([{"type": "function", "function": {"name": "rain", "parameters": weather("city")}}]);
    let events = events(
        CHAT,
        json!({"model": "m", "stream": true, "messages": user("hi"), "tools": tools, "tool_choice": "required"}),
    )
    .await;
    let calls = || events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"][0].as_object());
    assert_eq!(calls().next().unwrap()["function"]["name"], "rain");
    let arguments: String = calls().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, r#"{"city":"sample"}"#);
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn answers_in_the_schema_asked_for() {
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": weather("city")}});
    let (_, body) = ask(CHAT, json!({"model": "m", "messages": user("hi"), "response_format": format})).await;
    assert_eq!(body["choices"][0]["message"]["content"], r#"{"city":"sample"}"#);
    let format = json!({"format": {"type": "json_schema", "schema": weather("city")}});
    let body = json!({"model": "m", "max_tokens": 9, "messages": user("hi"), "output_config": format});
    assert_eq!(ask(ANTHROPIC, body).await.1["content"][0]["text"], r#"{"city":"sample"}"#);
}

#[tokio::test]
async fn counts_images() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}});
    let messages = json!([{"role": "user", "content": [image, {"type": "text", "text": "what?"}]}]);
    let (_, body) = ask(ANTHROPIC, json!({"model": "m", "max_tokens": 99, "messages": messages})).await;
    assert_eq!(body["content"][0]["text"], "m was asked: what? (1 image)");
}

#[tokio::test]
async fn a_prefix_that_nobody_has_is_not_found() {
    assert_eq!(ask("/other/v1/messages", json!({})).await.0, 404);
    assert_eq!(ask("/fake/v1/other", json!({})).await.0, 404);
    assert_eq!(ask("/v1/chat/completions", json!({"model": "m", "messages": user("x")})).await.0, 200);
}

#[tokio::test]
async fn fails_with_status_and_retry_after() {
    let mock = mock(Knobs { status: 529, retry_after_s: Some(7), ..Knobs::default() }).await;
    let body = json!({"model": "m", "max_tokens": 9, "messages": user("x")});
    let request = client().post(format!("http://{}{ANTHROPIC}", mock.addr)).header("anthropic-version", "2023-06-01");
    let response = request.body(body.to_string()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (529, "7"));
    assert!(response.text().await.unwrap().contains("overloaded_error"));
}

#[tokio::test]
async fn cuts_resets_and_breaks() {
    let mock = mock(Knobs { record: true, ..Knobs::default() }).await;
    let stream = |knobs: &str| json!({"model": format!("m+{knobs}"), "stream": true, "messages": user("x")});
    assert!(post(&mock, CHAT, &stream("cut=2")).await.is_err());
    assert!(post(&mock, CHAT, &stream("reset")).await.is_err());
    let whole = json!({"model": "m+cut=0", "messages": user("x")});
    assert!(post(&mock, CHAT, &whole).await.is_err());
    let (_, text) = post(&mock, CHAT, &stream("break=2")).await.unwrap();
    assert!(
        text.contains(r#"{"content":"was "}"#) && !text.contains("asked") && text.ends_with("\"code\":null}}\n\n"),
        "{text}"
    );
    assert_eq!(mock.counts().requests, 4);
    assert_eq!(mock.recorded().iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), [CHAT; 4]);
    mock.shutdown().await;
}

#[tokio::test]
async fn notices_a_client_that_leaves_a_stalled_stream() {
    let mock = mock(Knobs { stall: Some(1), ..Knobs::default() }).await;
    let body = json!({"model": "m", "stream": true, "messages": user("x")});
    let request = client().post(format!("http://{}{CHAT}", mock.addr)).body(body.to_string());
    let mut response = request.send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    assert_eq!(mock.counts().streams_open, 1);
    drop(response);
    while mock.counts().streams_abandoned == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn splits_characters_without_losing_bytes() {
    let mock = mock(Knobs { split_characters: true, ..Knobs::default() }).await;
    let body = json!({"model": "m", "stream": true, "messages": user("日本")});
    let (_, text) = post(&mock, CHAT, &body).await.unwrap();
    assert!(text.contains("日本"), "{text}");
}

#[tokio::test]
async fn listens_on_loopback_only() {
    let refused = spawn("0.0.0.0:0".parse().unwrap(), Vec::new()).await;
    assert!(matches!(refused, Err(MockError::NotLoopback { .. })));
}
