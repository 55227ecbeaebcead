//! What a request took and cost, as the metrics tell it; and who reads what a provider says.

use std::io::Write as _;
use std::time::Duration;

use crate::kit::{
    CHAT, CHAT_ANSWER, CHAT_END, CLAUDE_STREAM, EVENTS, Gateway, HELLO, HELLO_STREAM, MESSAGES, Upstream, answer,
    chunk, config, policy, policy_at, request, short,
};

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"up\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":1000,\"cache_creation_input_tokens\":5,\"output_tokens\":1}}}\n\n";
const TEXT: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello world\"}}\n\n";

fn tokens(gateway: &Gateway, kind: &str, source: &str) -> f64 {
    gateway.metric(&format!(r#"ccr_tokens_total{{kind="{kind}",model="m",source="{source}"}}"#))
}

#[test]
fn a_cut_stream_pays_for_the_input_it_reported_and_no_other() {
    let upstream = Upstream::saying(format!("{EVENTS}{START}{TEXT}"));
    let gateway = Gateway::start(&format!(
        "provider p {{ kind: anthropic base: \"http://{}\" }}\nmodel m on p {{ price: {{ input: 1, output: 1, cache_read: 1, cache_write: 1 }} }}\nroute main {{ default -> m }}\n",
        upstream.address
    ));
    assert!(gateway.post(MESSAGES, CLAUDE_STREAM).expect(200).text().contains("event: error"));
    gateway.await_metric(r#"ccr_tokens_total{kind="output",model="m",source="estimated"}"#, 2.0);
    for (kind, reported) in [("input", 7.0), ("cache_read", 1000.0), ("cache_write", 5.0), ("output", 0.0)] {
        assert_eq!(tokens(&gateway, kind, "reported"), reported, "{kind}");
    }
    for kind in ["input", "cache_read", "cache_write"] {
        assert_eq!(tokens(&gateway, kind, "estimated"), 0.0, "{kind}");
    }
    let cost = gateway.metric(r#"ccr_cost_usd_total{model="m",provider="p",tenant="default"}"#);
    assert!((cost - 1014e-6).abs() < 1e-9, "{cost}");
}

/// Text that a tokenizer finds hard: it takes a second and more without optimisation.
fn hard(bytes: usize) -> String {
    (0..bytes).map(|at| char::from(b"abcdefghijklmnopqrstuvwxyz"[(at * at + at / 7) % 26])).collect()
}

#[test]
fn counting_a_large_text_keeps_nobody_waiting() {
    let chat = Upstream::saying(answer("500 no", "", ""));
    let text = policy(&[&chat]);
    let gateway = Gateway::try_start(&text, |dir| {
        let mut config = config(dir, short());
        config.lanes = 1;
        config
    })
    .unwrap();
    let body =
        format!(r#"{{"model":"x","max_tokens":9,"messages":[{{"role":"user","content":"{}"}}]}}"#, hard(150_000));
    let mut counting = gateway.open();
    counting.write(&request("POST", "/v1/messages/count_tokens", &[], &body));
    // On the only lane there is, others are served meanwhile.
    for _ in 0..3 {
        gateway.get("/ready").expect(200);
    }
    assert!(counting.reply().expect(200).json()["input_tokens"].as_u64().unwrap() > 10_000);
}

#[test]
fn a_large_request_is_counted_when_nobody_else_does() {
    let upstream = Upstream::saying(format!("{EVENTS}{}{CHAT_END}", chunk("one two three")));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let body = format!(
        r#"{{"model":"x","stream":true,"messages":[{{"role":"user","content":"{}"}}]}}"#,
        "word ".repeat(20_000)
    );
    assert!(gateway.post(CHAT, &body).expect(200).text().ends_with(CHAT_END));
    let series = r#"ccr_tokens_total{kind="input",model="m0",source="estimated"}"#;
    crate::kit::wait_until(series, || gateway.metric(series) > 15_000.0);
    let ok = r#"ccr_requests_total{model="m0",outcome="ok",protocol="chat",provider="p0",route="main",rule="default"}"#;
    gateway.await_metric(ok, 1.0);
    gateway.await_metric(r#"ccr_attempts_total{model="m0",outcome="ok",provider="p0"}"#, 1.0);
}

#[test]
fn a_rule_on_the_tokens_of_a_large_request_holds() {
    let gateway = Gateway::start(
        "provider p { kind: mock }\nmodel small on p {}\nmodel large on p {}\nroute main {\n  rule long when request.tokens > 15000 -> large\n  default -> small\n}\n",
    );
    for (words, model) in [(20_000, "large"), (10, "small"), (14_000, "small")] {
        let body = format!(r#"{{"model":"x","messages":[{{"role":"user","content":"{}"}}]}}"#, "word ".repeat(words));
        assert_eq!(gateway.post(CHAT, &body).expect(200).header("x-ccr-model"), model, "{words}");
    }
}

#[test]
fn a_provider_that_quotes_the_prompt_is_not_heard() {
    let event = "data: {\"error\":{\"message\":\"secret-marker\",\"type\":\"server_error\"}}\n\n";
    for bytes in [
        format!("{EVENTS}{}{event}", chunk("one")).into_bytes(),
        format!("{EVENTS}{event}").into_bytes(),
        answer("200 OK", "", r#"{"error":{"message":"secret-marker"}}"#),
        answer("500 Oops", "", r#"{"error":{"message":"secret-marker"}}"#),
    ] {
        let upstream = Upstream::saying(bytes);
        let gateway = Gateway::start(&policy(&[&upstream]));
        let text = gateway.post(CHAT, HELLO_STREAM).text();
        assert!(text.contains("error") && !text.contains("secret-marker"), "{text}");
    }
}

#[test]
fn a_provider_that_quotes_our_key_is_masked() {
    // An environment cannot be changed while threads read it: this variable every test run has.
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    let body = format!(r#"{{"error":{{"message":"the key {key} is odd","type":"invalid_request_error"}}}}"#);
    let upstream = Upstream::saying(answer("400 Bad", "", &body));
    let text = policy(&[&upstream]).replace("kind: openai", "kind: openai key: env(\"CARGO_PKG_NAME\")");
    let gateway = Gateway::start(&text);
    for (path, body) in [(CHAT, HELLO), (MESSAGES, crate::kit::CLAUDE)] {
        let told = gateway.post(path, body).expect(400).text();
        assert!(told.contains("the key [key] is odd") && !told.contains(&key), "{told}");
    }
}

/// A policy over one upstream that is asked with the variable that every test run has as its key.
fn keyed(kind: &str, upstream: &Upstream) -> String {
    format!(
        "provider p {{ kind: {kind} base: \"http://{}\" key: env(\"CARGO_PKG_NAME\") }}\nmodel m on p {{}}\nroute main {{ default -> m }}\n",
        upstream.address
    )
}

#[test]
fn our_key_reaches_no_client_in_any_error() {
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    let escaped = key.replace('-', "\\u002d");
    let asks = [(CHAT, HELLO), (CHAT, HELLO_STREAM), (MESSAGES, crate::kit::CLAUDE), (MESSAGES, CLAUDE_STREAM)];
    for kind in ["openai", "anthropic"] {
        let begun = if kind == "openai" { chunk("one") } else { format!("{START}{TEXT}") };
        for quoted in [key.as_str(), escaped.as_str()] {
            let error = format!(r#"{{"error":{{"message":"key {quoted}","type":"authentication_error"}}}}"#);
            let typed = error.replacen('{', r#"{"type":"error","#, 1);
            let bare = format!(r#"{{"object":"error","type":"error","message":"key {quoted}","code":400}}"#);
            let mut scripts = Vec::new();
            for status in ["200 OK", "400 Bad", "401 No", "413 Large", "422 Odd", "500 Oops"] {
                scripts.push(answer(status, "", &typed));
                scripts.push(answer(status, "", &format!("plain {quoted}")));
            }
            for data in [&error, &typed, &bare] {
                scripts.push(format!("{EVENTS}event: error\ndata: {data}\n\n").into_bytes());
                scripts.push(format!("{EVENTS}{begun}event: error\ndata: {data}\n\n").into_bytes());
            }
            for script in scripts {
                let shown = String::from_utf8_lossy(&script).into_owned();
                let gateway = Gateway::start(&keyed(kind, &Upstream::saying(script)));
                for (path, body) in asks {
                    let told = gateway.post(path, body).text();
                    assert!(told.contains("error"), "{shown}\n{told}");
                    assert!(!told.contains(&key) && !told.contains(&escaped), "{shown}\n{told}");
                }
            }
        }
    }
}

#[test]
fn a_count_of_ours_says_whose_it_is() {
    let count = |status: &str, body: &str| {
        let upstream = Upstream::saying(answer(status, "", body));
        let gateway = Gateway::start(&keyed("anthropic", &upstream));
        let reply = gateway.post("/v1/messages/count_tokens", crate::kit::CLAUDE);
        for (name, value) in [("decision", "main/default"), ("model", "m"), ("provider", "p")] {
            assert_eq!(reply.header(&format!("x-ccr-{name}")), value, "{status}");
        }
        (reply.status, reply.header("x-ccr-warning").is_empty(), reply.text())
    };
    assert_eq!(count("200 OK", r#"{"input_tokens":7}"#), (200, true, r#"{"input_tokens":7}"#.to_owned()));
    let (status, silent, body) = count("500 no", "");
    assert!(status == 200 && !silent && body.contains("input_tokens"), "{status} {body}");
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    for quoted in [key.clone(), key.replace('-', "\\u002d")] {
        let (status, silent, body) = count("400 Bad", &format!(r#"{{"error":{{"message":"key {quoted}"}}}}"#));
        assert_eq!((status, silent, body.as_str()), (400, true, r#"{"error":{"message":"key [key]"}}"#));
    }
}

#[test]
fn a_providers_refusal_keeps_its_headers() {
    let headers = "x-request-id: up-1\r\nx-ratelimit-remaining-requests: 9\r\nset-cookie: a=b\r\n";
    for (status, number) in [("400 Bad", 400), ("413 Large", 413), ("422 Odd", 422)] {
        let upstream = Upstream::saying(answer(status, headers, r#"{"error":{"message":"no"}}"#));
        let gateway = Gateway::start(&policy(&[&upstream]));
        let reply = gateway.post(CHAT, HELLO).expect(number);
        assert_eq!(
            (reply.header("x-request-id"), reply.header("x-ratelimit-remaining-requests"), reply.header("set-cookie")),
            ("up-1", "9", "")
        );
        assert_eq!(reply.header("content-type"), "application/json");
        gateway.await_metric(r#"ccr_attempts_total{model="m0",outcome="client_error",provider="p0"}"#, 1.0);
    }
}

#[test]
fn only_streams_of_an_upstream_tell_how_soon_it_speaks() {
    let stream = Upstream::saying(format!("{EVENTS}{}{CHAT_END}", chunk("one")));
    let gateway = Gateway::start(&policy_at(&[stream.address], "with { cache: 10m }"));
    for cache in ["miss", "hit", "hit"] {
        assert_eq!(gateway.post(CHAT, HELLO_STREAM).expect(200).header("x-ccr-cache"), cache);
    }
    gateway.await_metric(r#"ccr_request_duration_seconds_count{model="m0",provider="p0"}"#, 3.0);
    assert_eq!(gateway.metric(r#"ccr_time_to_first_token_seconds_count{model="m0",provider="p0"}"#), 1.0);
    let whole = Upstream::saying(answer("200 OK", "", CHAT_ANSWER));
    let gateway = Gateway::start(&policy(&[&whole]));
    gateway.post(CHAT, HELLO).expect(200);
    gateway.await_metric(r#"ccr_request_duration_seconds_count{model="m0",provider="p0"}"#, 1.0);
    assert_eq!(gateway.metric(r#"ccr_time_to_first_token_seconds_count{model="m0",provider="p0"}"#), 0.0);
}

#[test]
fn a_request_shows_in_the_metrics_without_labels_too() {
    let gateway = Gateway::start("provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n");
    gateway.post(CHAT, HELLO).expect(200);
    gateway.await_metric(r#"ccr_unpriced_requests_total{model="m",provider="p"}"#, 1.0);
    gateway.await_metric("ccr_overhead_seconds_count", 1.0);
    gateway.await_metric("ccr_decision_duration_seconds_count", 1.0);
}

#[test]
fn a_refusal_is_not_kept_and_neither_is_what_is_too_large() {
    let refusal = CHAT_ANSWER.replace("\"stop\"", "\"content_filter\"");
    for (defaults, body, calls) in [
        ("", refusal.as_str(), 2),
        ("defaults { max_answer: 100 }\n", CHAT_ANSWER, 2),
        ("defaults { max_answer: 10k }\n", CHAT_ANSWER, 1),
    ] {
        let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", body));
        let gateway = Gateway::start(&format!("{defaults}{}", policy_at(&[upstream.address], "with { cache: 10m }")));
        for _ in 0..2 {
            assert_eq!(gateway.post(CHAT, HELLO).expect(200).text(), body);
        }
        assert_eq!(upstream.calls(), calls, "{defaults}{body}");
    }
}

#[test]
fn what_is_lost_in_translation_stands_in_a_header() {
    let gateway =
        Gateway::start("provider p { kind: mock wire: anthropic }\nmodel m on p {}\nroute main { default -> m }\n");
    let plain = gateway.post(CHAT, HELLO).expect(200);
    assert_eq!(plain.header("x-ccr-warning"), "");
    let body = HELLO.replace("\"model\"", "\"logit_bias\":{\"50256\":-100},\"model\"");
    let reply = gateway.post(CHAT, &body).expect(200);
    assert!(reply.header("x-ccr-warning").contains("logit_bias"), "{:?}", reply.headers);
}

#[test]
fn health_says_how_the_providers_fare() {
    let bad = Upstream::saying(answer("500 Oops", "", "{}"));
    let good = Upstream::new(|_, stream| {
        std::thread::sleep(Duration::from_millis(1));
        let _ = stream.write_all(&answer("200 OK", "", CHAT_ANSWER));
    });
    let status = |gateway: &Gateway| gateway.get("/health").expect(200).json()["status"].clone();
    let gateway = Gateway::start(&policy(&[&bad, &good]));
    assert_eq!(status(&gateway), "ok");
    gateway.post(CHAT, HELLO).expect(200);
    assert_eq!(status(&gateway), "degraded");
    let gateway = Gateway::start(&policy(&[&bad]));
    gateway.post(CHAT, HELLO).expect(502);
    assert_eq!(status(&gateway), "failing");
}
