//! The Gemini wire as a client sees it.

use super::*;

const WHOLE: &str = "/fake/v1beta/models/gemini-2.5-flash:generateContent";
const STREAM: &str = "/fake/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
const ARRAY: &str = "/fake/v1beta/models/gemini-2.5-flash:streamGenerateContent";
const THREE: &str = "/fake/v1beta/models/gemini-3-pro-preview:generateContent";

fn asked(text: &str) -> Value {
    json!([{"role": "user", "parts": [{"text": text}]}])
}

fn thinks() -> Value {
    json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 1000}})
}

#[tokio::test]
async fn answers_whole() {
    let (status, body) = ask(WHOLE, json!({"contents": asked("hi"), "generationConfig": thinks()})).await;
    assert_eq!(status, 200);
    let candidate = &body["candidates"][0];
    assert_eq!((&candidate["finishReason"], &candidate["content"]["role"]), (&json!("STOP"), &json!("model")));
    let parts = &candidate["content"]["parts"];
    assert_eq!((&parts[0]["thought"], &parts[1]["text"]), (&json!(true), &json!("gemini-2.5-flash was asked: hi")));
    assert!(parts[1]["thoughtSignature"].is_string());
    let usage = |name: &str| body["usageMetadata"][name].as_u64().unwrap();
    assert_eq!(
        usage("totalTokenCount"),
        usage("promptTokenCount") + usage("candidatesTokenCount") + usage("thoughtsTokenCount")
    );
}

#[tokio::test]
async fn streams_as_events_and_as_one_array() {
    let body = json!({"contents": asked("hi")});
    let sse = events(STREAM, body.clone()).await;
    let (_, text) = post(&mock(Knobs::default()).await, ARRAY, &body).await.unwrap();
    let array: Vec<Value> = serde_json::from_str(&text).unwrap();
    for chunks in [sse, array] {
        let text: String =
            chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"][0]["text"].as_str()).collect();
        assert_eq!(text, "gemini-2.5-flash was asked: hi");
        let reasons: Vec<_> =
            chunks.iter().filter_map(|chunk| chunk["candidates"][0]["finishReason"].as_str()).collect();
        assert_eq!(reasons, ["STOP"]);
        assert!(chunks.last().unwrap()["usageMetadata"]["candidatesTokenCount"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn calls_in_parallel_and_reads_the_responses_and_its_signature() {
    let declared =
        json!([{"functionDeclarations": [{"name": "rain", "parametersJsonSchema": weather("city")}, {"name": "now"}]}]);
    let mut contents = asked("please call rain and now");
    let (_, body) = ask(THREE, json!({"contents": contents, "tools": declared})).await;
    let content = body["candidates"][0]["content"].clone();
    let parts = content["parts"].as_array().unwrap();
    assert_eq!(parts[0]["functionCall"]["args"], json!({"city": "sample"}));
    assert_eq!((parts[0]["thoughtSignature"].is_string(), parts[1].get("thoughtSignature")), (true, None));
    let answers: Vec<Value> = parts
        .iter()
        .map(|part| json!({"functionResponse": {"id": part["functionCall"]["id"], "name": part["functionCall"]["name"], "response": {"output": "wet"}}}))
        .collect();
    contents.as_array_mut().unwrap().extend([content, json!({"role": "user", "parts": answers})]);
    let (status, body) = ask(THREE, json!({"contents": contents, "tools": declared})).await;
    let text = &body["candidates"][0]["content"]["parts"][0]["text"];
    assert_eq!((status, text), (200, &json!("gemini-3-pro-preview read the tool results: wet; wet")), "{body}");
}

#[tokio::test]
async fn a_streamed_text_is_signed_in_a_part_of_its_own() {
    let all = events(STREAM, json!({"contents": asked("hi"), "generationConfig": thinks()})).await;
    let part = &all.last().unwrap()["candidates"][0]["content"]["parts"][0];
    assert_eq!((&part["text"], part["thoughtSignature"].is_string()), (&json!(""), true));
}

#[tokio::test]
async fn answers_in_a_schema_counts_and_lists() {
    let schema = json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}}});
    let config = json!({"responseMimeType": "application/json", "responseSchema": schema});
    let (_, body) = ask(WHOLE, json!({"contents": asked("hi"), "generationConfig": config})).await;
    assert_eq!(body["candidates"][0]["content"]["parts"][0]["text"], r#"{"city":"sample"}"#);
    let (_, body) = ask("/fake/v1beta/models/m:countTokens", json!({"contents": asked("hi")})).await;
    assert!(body["totalTokens"].as_u64().unwrap() > 0);
    let mock = mock(Knobs::default()).await;
    let list = client().get(format!("http://{}/v1beta/models", mock.addr)).send().await.unwrap().text().await.unwrap();
    assert!(list.contains("\"models/mock\""), "{list}");
}

#[tokio::test]
async fn fails_as_the_vendor_does() {
    let mock = mock(Knobs { status: 429, retry_after_s: Some(7), ..Knobs::default() }).await;
    let (status, text) = post(&mock, WHOLE, &json!({"contents": asked("hi")})).await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &body["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(body["error"]["details"][0]["retryDelay"], "7s");
    let (_, text) = post(&mock, ARRAY, &json!({"contents": asked("hi")})).await.unwrap();
    assert!(serde_json::from_str::<Vec<Value>>(&text).is_ok(), "{text}");
    let broken = ARRAY.replace("flash:", "flash+break=2:");
    let (_, text) =
        post(&super::mock(Knobs::default()).await, &broken, &json!({"contents": asked("hi")})).await.unwrap();
    let chunks: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!((chunks.len(), &chunks[2]["error"]["status"]), (3, &json!("UNAVAILABLE")));
}
