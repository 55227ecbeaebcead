//! OpenAI Responses at the door: Codex-like requests in front of upstreams of every kind.

use std::io::Write as _;

use crate::kit::{CHAT_ANSWER, CHAT_END, EVENTS, Gateway, Upstream, answer, chunk};

const RESPONSES: &str = "/v1/responses";
const HELLO: &str = r#"{"model":"any","input":"hello"}"#;
/// What Codex sends, shortened.
const CODEX: &str = r#"{"model":"gpt-5-codex","stream":true,"store":false,"include":["reasoning.encrypted_content"],"reasoning":{"effort":"medium","summary":"auto"},"prompt_cache_key":"s-1","parallel_tool_calls":true,"tool_choice":"auto","tools":[{"type":"function","name":"exec","strict":false,"parameters":{"type":"object"}},{"type":"namespace","name":"crm","description":"customers","tools":[{"type":"function","name":"find","parameters":{"type":"object"}}]},{"type":"custom","name":"apply_patch","format":{"type":"text"}},{"type":"web_search"}],"input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"Be careful."}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"fix it"}]}]}"#;

fn policy(kind: &str, upstream: &Upstream) -> String {
    format!(
        "provider p {{ kind: {kind} base: \"http://{}\" }}\nmodel m on p {{ can: [tools, vision, thinking, parallel_tools, web_search] }}\nroute main {{ default -> m }}\n",
        upstream.address
    )
}

/// The kinds of a stream's events; each number is one more than the last.
fn kinds(text: &str) -> Vec<String> {
    let data = text.split("\n\n").filter_map(|event| event.split_once("\ndata: ")).map(|(_, data)| data);
    let events = data.map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap());
    let check = |(number, event): (usize, serde_json::Value)| {
        assert_eq!(event["sequence_number"], number, "{event}");
        event["type"].as_str().unwrap().to_owned()
    };
    events.enumerate().map(check).collect()
}

#[test]
fn codex_is_served_by_a_chat_upstream() {
    let call = r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"apply_patch","arguments":"{\"input\":\"x\"}"}}]},"finish_reason":null}]}"#;
    let upstream = Upstream::saying(format!("{EVENTS}{}{call}\n\n{CHAT_END}", chunk("well")));
    let gateway = Gateway::start(&policy("openai", &upstream));
    let reply = gateway.post_with(RESPONSES, &[("user-agent", "codex_cli_rs/0.160")], CODEX).expect(200);
    let kinds = kinds(&reply.text());
    assert_eq!(kinds.first().map(String::as_str), Some("response.created"));
    assert_eq!(kinds.last().map(String::as_str), Some("response.completed"));
    assert!(kinds.iter().any(|kind| kind == "response.custom_tool_call_input.done"), "{kinds:?}");
    let sent = upstream.last();
    for part in ["POST /chat/completions", "crm__find", "Be careful.", "web_search_options", "\"include_usage\":true"] {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    let counted =
        r#"ccr_requests_total{model="m",outcome="ok",protocol="responses",provider="p",route="main",rule="default"}"#;
    gateway.await_metric(counted, 1.0);
}

#[test]
fn codex_reaches_a_responses_upstream_as_it_came() {
    let stream = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"hi\",\"sequence_number\":0}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}},\"sequence_number\":1}\n\n";
    let upstream = Upstream::saying(format!("{EVENTS}{stream}"));
    let gateway = Gateway::start(&policy("responses", &upstream));
    let reply = gateway.post(RESPONSES, CODEX).expect(200);
    assert_eq!(reply.text(), stream);
    let sent = upstream.last();
    assert!(sent.starts_with("POST /responses "), "{sent}");
    assert!(sent.ends_with(&CODEX.replace("gpt-5-codex", "m")), "{sent}");
    // What only such an upstream knows goes on too.
    let continued = r#"{"model":"m","previous_response_id":"resp_1","input":"more","stream":true}"#;
    gateway.post(RESPONSES, continued).expect(200);
    assert!(upstream.last().ends_with(continued));
}

#[test]
fn a_chat_client_is_served_by_a_responses_upstream() {
    let body = r#"{"id":"resp_1","object":"response","status":"completed","error":null,"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"fine"}]}],"usage":{"input_tokens":3,"output_tokens":1}}"#;
    let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", body));
    let gateway = Gateway::start(&policy("responses", &upstream));
    let reply = gateway.post(crate::kit::CHAT, crate::kit::HELLO).expect(200).json();
    assert_eq!(reply["choices"][0]["message"]["content"], "fine");
    assert!(upstream.last().contains(r#""store":false"#));
}

#[test]
fn a_whole_answer_is_a_response() {
    let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", CHAT_ANSWER));
    let gateway = Gateway::start(&policy("openai", &upstream));
    let value = gateway.post(RESPONSES, HELLO).expect(200).json();
    assert_eq!(value["object"], "response");
    assert_eq!(value["output"][0]["content"][0]["text"], "fine");
    assert_eq!(value["usage"]["total_tokens"], 4);
}

#[test]
fn a_stream_that_breaks_off_fails_in_words() {
    let upstream = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("half")).as_bytes());
    });
    let gateway = Gateway::start(&policy("openai", &upstream));
    let text = gateway.post(RESPONSES, CODEX).expect(200).text();
    let kinds = kinds(&text);
    assert_eq!(kinds.get(kinds.len() - 2..).unwrap(), ["error", "response.failed"], "{text}");
    assert!(!text.contains("response.completed"), "{text}");
}

#[test]
fn errors_have_openais_shape() {
    let upstream =
        Upstream::saying(answer("429 Too Many Requests", "retry-after: 7\r\n", r#"{"error":{"message":"slow"}}"#));
    let gateway = Gateway::start(&policy("openai", &upstream));
    let continued = r#"{"model":"m","previous_response_id":"resp_1","input":"more"}"#;
    let refused = gateway.post(RESPONSES, continued).expect(400).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("previous_response_id"), "{refused}");
    gateway.post(RESPONSES, r#"{"model":"m"}"#).expect(400);
    let gone = gateway.get("/v1/responses/resp_1").expect(404).json();
    assert!(gone["error"]["message"].as_str().unwrap().contains("not stored"), "{gone}");
    gateway.post("/v1/responses/resp_1/cancel", "{}").expect(404);
    let limited = gateway.post(RESPONSES, HELLO).expect(429);
    assert_eq!(limited.json()["error"]["type"], "rate_limit_error");
    assert!(!limited.header("retry-after").is_empty());
}

#[test]
fn tokens_are_counted_here() {
    let upstream = Upstream::saying(answer("500 Oops", "", ""));
    let gateway = Gateway::start(&policy("responses", &upstream));
    let counted = gateway.post("/v1/responses/input_tokens", HELLO).expect(200).json();
    assert_eq!(counted["object"], "response.input_tokens");
    assert!(counted["input_tokens"].as_u64().unwrap() > 0);
    assert_eq!(upstream.calls(), 0);
}
