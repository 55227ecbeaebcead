//! Counting tokens: by the provider, or by us as the model that would answer counts them.

use crate::kit::{Gateway, Upstream, answer};

const COUNT: &str = "/v1/messages/count_tokens";

/// A picture of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

fn body(content: &str) -> String {
    format!(r#"{{"model":"any","messages":[{{"role":"user","content":{content}}}]}}"#)
}

#[test]
fn our_count_is_that_of_the_model_that_would_answer() {
    let image =
        format!(r#"[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{PIXEL}"}}}}]"#);
    for (upstream, expected) in [("gpt-4o", 255 + 4), ("gpt-5", 210 + 4), ("qwen-vl", 1 + 4)] {
        let gateway = Gateway::start(&format!(
            "provider p {{ kind: mock wire: openai }}\nmodel m on p {{ upstream: \"{upstream}\" can: [vision] }}\nroute main {{ default -> m }}"
        ));
        let counted = gateway.post(COUNT, &body(&image)).expect(200);
        assert_eq!(counted.json()["input_tokens"], expected, "{upstream}");
        assert_eq!(counted.header("x-ccr-model"), "m");
        assert_eq!(gateway.post(COUNT, &body("\"hello world\"")).expect(200).json()["input_tokens"], 6, "{upstream}");
        gateway.await_metric(r#"ccr_token_counts_total{by="gateway",protocol="anthropic"}"#, 2.0);
    }
}

#[test]
fn who_counted_is_counted() {
    let counts = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", r#"{"input_tokens":7}"#));
    let refuses = Upstream::saying(answer(
        "400 Bad",
        "",
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
    ));
    for (upstream, status, by) in [(counts, 200, "provider"), (refuses, 400, "nobody")] {
        let gateway = Gateway::start(&format!(
            "provider a {{ kind: anthropic base: \"http://{}\" }}\nmodel m on a {{}}\nroute main {{ default -> m }}",
            upstream.address
        ));
        gateway.post(COUNT, &body("\"hello world\"")).expect(status);
        gateway.await_metric(&format!(r#"ccr_token_counts_total{{by="{by}",protocol="anthropic"}}"#), 1.0);
    }
}

#[test]
fn gemini_s_clients_count_the_same_way() {
    let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", r#"{"input_tokens":7}"#));
    let gateway = Gateway::start(&format!(
        "provider a {{ kind: anthropic base: \"http://{}\" }}\nmodel m on a {{}}\nroute main {{ default -> m }}",
        upstream.address
    ));
    let asked = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;
    let counted = gateway.post("/v1beta/models/any:countTokens", asked).expect(200);
    assert_eq!(counted.json()["totalTokens"], 7);
    let seen = upstream.last();
    assert!(seen.starts_with("POST /v1/messages/count_tokens "), "{seen}");
    assert!(!seen.contains("max_tokens") && seen.contains("\"messages\":"), "{seen}");
    gateway.await_metric(r#"ccr_token_counts_total{by="provider",protocol="gemini"}"#, 1.0);
}

const TOTAL: &str = r#"{"totalTokens":9,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9}]}"#;

fn gemini(base: &str) -> Gateway {
    Gateway::start(&format!(
        "provider g {{ kind: gemini base: \"{base}\" }}\nmodel m on g {{ upstream: \"gemini-x\" }}\nroute main {{ default -> m }}"
    ))
}

#[test]
fn gemini_counts_for_clients_of_every_protocol() {
    let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", TOTAL));
    let gateway = gemini(&format!("http://{}", upstream.address));
    let asked = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;
    for (path, body, answer) in [
        (COUNT, &*body("\"hello\""), r#"{"input_tokens":9}"#),
        ("/v1beta/models/any:countTokens", asked, TOTAL),
        ("/v1/responses/input_tokens", r#"{"model":"any","input":"hello"}"#, ""),
    ] {
        let counted = gateway.post(path, body).expect(200).text();
        if answer.is_empty() {
            assert!(counted.contains("\"input_tokens\":9"), "{counted}");
        } else {
            assert_eq!(counted, answer);
        }
        let seen = upstream.last();
        assert!(seen.starts_with("POST /v1beta/models/gemini-x:countTokens "), "{seen}");
        let sent: serde_json::Value = serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
        let sent = &sent["generateContentRequest"];
        assert_eq!(sent["model"], "models/gemini-x", "{sent}");
        assert_eq!(sent["contents"][0]["parts"][0]["text"], "hello", "{sent}");
    }
    assert_eq!(upstream.calls(), 3);
}

#[test]
fn where_gemini_does_not_count_we_do() {
    let key = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}"#;
    let refuses = Upstream::saying(answer("400 Bad", "content-type: application/json\r\n", key));
    let vertex = "/v1/publishers/google";
    for (path, calls) in [("", 1), (vertex, 0)] {
        let before = refuses.calls();
        let gateway = gemini(&format!("http://{}{path}", refuses.address));
        let counted = gateway.post(COUNT, &body("\"hello world\"")).expect(200);
        assert!(counted.json()["input_tokens"].as_u64().unwrap() > 0);
        assert!(counted.header("x-ccr-warning").contains("the gateway's own count"), "{path}");
        assert_eq!(refuses.calls() - before, calls, "{path}");
    }
}

#[test]
fn models_come_in_pages_where_anthropic_s_clients_ask_for_them() {
    let gateway = Gateway::start(
        "provider p { kind: mock }\nmodel a on p {}\nmodel b on p {}\nmodel c on p {}\nroute main { default -> a then b then c }",
    );
    let list = |query: &str| {
        let bytes =
            crate::kit::request("GET", &format!("/v1/models{query}"), &[("anthropic-version", "2023-06-01")], "");
        gateway.send(&bytes)
    };
    let first = list("?limit=2").expect(200).json();
    assert_eq!((&first["has_more"], &first["last_id"]), (&true.into(), &"b".into()));
    let second = list("?limit=2&after_id=b").expect(200).json();
    assert_eq!((&second["has_more"], &second["first_id"]), (&false.into(), &"c".into()));
    assert_eq!(list("?limit=1000").expect(200).json()["data"].as_array().unwrap().len(), 3);
    for wrong in ["?limit=0", "?limit=1001", "?limit=x", "?after_id=nobody"] {
        assert_eq!(list(wrong).expect(400).json()["error"]["type"], "invalid_request_error", "{wrong}");
    }
    assert_eq!(list("/b").expect(200).json()["id"], "b");
    list("/nobody").expect(404);
}

#[test]
fn the_words_of_emulated_tools_are_counted() {
    let tools = |content: &str| {
        body(content).replacen(
            '{',
            r#"{"tools":[{"name":"read","description":"reads","input_schema":{"type":"object"}}],"#,
            1,
        )
    };
    let asks = |kind: &str, model: &str, path: &str, body: &str| {
        let gateway = Gateway::start(&format!(
            "provider p {{ {kind} }}\nmodel m on p {{ can: [] {model} }}\nroute main {{ default -> m }}"
        ));
        let reply = gateway.post(path, body).expect(200);
        (reply.json(), reply.header("x-ccr-warning").to_owned())
    };
    for wire in ["openai", "responses"] {
        let kind = format!("kind: mock wire: {wire}");
        let (plain, _) = asks(&kind, "", COUNT, &body("\"hello\""));
        let (told, warning) = asks(&kind, "transform: [emulate_tools]", COUNT, &tools("\"hello\""));
        let (plain, told) = (plain["input_tokens"].as_u64().unwrap(), told["input_tokens"].as_u64().unwrap());
        assert!(told > plain + 100, "{wire}: {told} {plain}");
        assert!(warning.contains("the gateway's own count"), "{wire}: {warning}");
    }
    for (kind, said) in [("anthropic", r#"{"input_tokens":7}"#), ("gemini", TOTAL)] {
        let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", said));
        let provider = format!("kind: {kind} base: \"http://{}\"", upstream.address);
        let (_, warning) = asks(&provider, "transform: [emulate_tools]", COUNT, &tools("\"hello\""));
        assert_eq!(warning, "", "{kind}");
        assert!(upstream.last().contains("You have tools."), "{kind}: {}", upstream.last());
    }
}
