//! `POST /v1/embeddings`: passed through, and routed.

use crate::kit::{Gateway, Upstream, answer};

const POLICY: &str = r#"
provider p { kind: mock }
provider claude { kind: mock wire: anthropic }
model small on p { upstream: "text-embedding-3-small" can: [] price: { input: 1, output: 0 } }
model chat on p {}
model other on claude {}
route main {
  rule embed when request.protocol == "embeddings" -> other then small
  default -> chat
}
"#;

#[test]
fn a_rule_sends_them_to_a_model_that_has_them() {
    let gateway = Gateway::start(POLICY);
    let reply = gateway.post("/v1/embeddings", r#"{"model":"x","input":["one","two"]}"#);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-ccr-decision"), "main/embed");
    assert_eq!(reply.header("x-ccr-model"), "small");
    let body = reply.json();
    assert_eq!(body["data"].as_array().unwrap().len(), 2);
    assert_eq!(body["model"], "text-embedding-3-small");
    gateway.await_metric(
        r#"ccr_requests_total{model="small",outcome="ok",protocol="embeddings",provider="p",route="main",rule="embed"}"#,
        1.0,
    );
    gateway.await_metric(r#"ccr_tokens_total{kind="input",model="small",source="reported"}"#, 2.0);
    assert!(gateway.metric(r#"ccr_cost_usd_total{model="small",provider="p",tenant="default"}"#) > 0.0);
}

#[test]
fn nobody_with_embeddings_is_said() {
    let gateway = Gateway::start(
        "provider claude { kind: mock wire: anthropic }\nmodel other on claude {}\nroute main { default -> other }",
    );
    let reply = gateway.post("/v1/embeddings", r#"{"model":"x","input":"one"}"#);
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("no endpoint for embeddings"), "{}", reply.text());
    assert!(reply.json()["error"]["message"].is_string());
}

#[test]
fn a_wrong_request_is_refused_in_openai_s_shape() {
    let gateway = Gateway::start(POLICY);
    for body in ["{}", r#"{"model":"x"}"#, r#"{"model":"x","input":""}"#, r#"{"model":"x","input":[]}"#, "[]"] {
        let reply = gateway.post("/v1/embeddings", body);
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error", "{body}");
    }
}

#[test]
fn bytes_pass_as_they_are_and_a_failure_leads_on() {
    let embedded = "{\"object\":\"list\", \"data\":[{\"embedding\":\"AACAPw==\",\"index\":0}],\n \"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}";
    let whole = answer("200 OK", "content-type: application/json\r\n", embedded);
    let (bad, good) = (Upstream::saying(answer("503 Busy", "", "{}")), Upstream::saying(whole));
    let gateway = Gateway::start(&format!(
        "provider a {{ kind: openai base: \"http://{}/v1\" }}\nprovider b {{ kind: openai base: \"http://{}/v1\" }}
model one on a {{ upstream: \"up-one\" }}\nmodel two on b {{ upstream: \"up-two\" }}\nroute main {{ default -> one then two }}",
        bad.address,
        good.address
    ));
    let body = r#"{ "input": "a", "model": "x", "encoding_format": "base64", "dimensions": 256 }"#;
    let reply = gateway.post("/v1/embeddings", body);
    assert_eq!((reply.status, reply.text().as_str()), (200, embedded));
    assert_eq!(reply.header("x-ccr-attempts"), "2");
    let seen = good.last();
    assert!(seen.contains("POST /v1/embeddings"), "{seen}");
    assert!(seen.ends_with(&body.replace("\"x\"", "\"up-two\"")), "{seen}");
}
