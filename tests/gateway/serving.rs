//! The main job: a request in, an answer out, in both protocols, whole and streamed.

use crate::kit::{
    CHAT, CHAT_ANSWER, CHAT_END, CLAUDE, CLAUDE_STREAM, EVENTS, Gateway, HELLO, HELLO_STREAM, MESSAGES, Upstream,
    answer, chunk, policy,
};

const MOCK: &str = r#"
provider fake { kind: mock }
model small on fake { upstream: "small-1" price: { input: 1, output: 2 } }
model large on fake { context: 1M can: [tools, vision] tags: [big] }
route main {
  rule picture when request.images > 0 -> large
  rule no when request.text == "no" -> reject 451 "not here"
  rule rounds when request.text == "round" -> rotate of [small, large]
  default -> small with { label: "everyday" }
}
"#;

#[test]
fn both_protocols_whole_and_streamed() {
    let gateway = Gateway::start(MOCK);
    for (path, body, part) in [
        (MESSAGES, CLAUDE, "small-1 was asked"),
        (MESSAGES, CLAUDE_STREAM, "message_stop"),
        (CHAT, HELLO, "small-1 was asked"),
        (CHAT, HELLO_STREAM, "data: [DONE]"),
    ] {
        let reply = gateway.post(path, body).expect(200);
        assert!(reply.text().contains(part), "{path} {body}: {}", reply.text());
        assert_eq!(reply.header("x-ccr-decision"), "main/default");
        assert_eq!(reply.header("x-ccr-model"), "small");
        assert_eq!(reply.header("x-ccr-provider"), "fake");
        assert_eq!(reply.header("x-ccr-attempts"), "1");
        assert_eq!(reply.header("x-ccr-policy").len(), 16);
        assert_eq!(reply.header("x-ccr-request-id").len(), 32);
        let kind = if body.contains("stream") { "text/event-stream; charset=utf-8" } else { "application/json" };
        assert_eq!(reply.header("content-type"), kind);
    }
}

#[test]
fn a_connection_serves_many_requests() {
    let gateway = Gateway::start(MOCK);
    let mut client = gateway.open();
    for body in [CLAUDE, CLAUDE_STREAM, CLAUDE] {
        client.write(&crate::kit::request("POST", MESSAGES, &[], body));
        client.reply().expect(200);
    }
}

#[test]
fn what_is_sent_and_what_comes_back_is_untouched() {
    let upstream = Upstream::saying(answer(
        "200 OK",
        "content-type: application/json\r\nx-request-id: up-1\r\nset-cookie: a=b\r\nserver: x\r\n",
        CHAT_ANSWER,
    ));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let body = r#"{ "messages" : [ {"role":"user", "content":"hé\u00e9 😀"} ],  "model":"any", "odd": [1.50, null] }"#;
    let reply = gateway
        .post_with(CHAT, &[("authorization", "Bearer mine"), ("cookie", "c=d"), ("user-agent", "me")], body)
        .expect(200);
    assert_eq!(reply.text(), CHAT_ANSWER);
    assert_eq!(reply.header("x-request-id"), "up-1");
    assert_eq!((reply.header("set-cookie"), reply.header("server")), ("", ""));
    let sent = upstream.last();
    assert!(sent.ends_with(&body.replace("\"any\"", "\"m0\"")), "{sent}");
    let head = sent.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /chat/completions http/1.1"), "{head}");
    for gone in ["bearer", "cookie", "user-agent: me", "transfer-encoding", "accept-encoding"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
}

#[test]
fn a_stream_comes_back_byte_for_byte() {
    let stream = format!(": hello\n\n{}{}{CHAT_END}", chunk("a"), chunk("b"));
    let upstream = Upstream::saying(format!("{EVENTS}{stream}"));
    let gateway = Gateway::start(&policy(&[&upstream]));
    assert_eq!(gateway.post(CHAT, HELLO_STREAM).expect(200).text(), stream);
    assert!(upstream.last().contains("\"include_usage\":true"), "{}", upstream.last());
}

#[test]
fn rules_decide() {
    let gateway = Gateway::start(MOCK);
    let say =
        |text: &str| format!(r#"{{"model":"x","max_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let refused = gateway.post(MESSAGES, &say("no")).expect(451);
    assert_eq!(refused.json()["error"]["message"], "not here");
    assert_eq!(refused.header("x-ccr-decision"), "main/no");
    let models: Vec<_> =
        (0..4).map(|_| gateway.post(MESSAGES, &say("round")).header("x-ccr-model").to_owned()).collect();
    assert_eq!(models, ["small", "large", "small", "large"]);
}

#[test]
fn a_dry_run_decides_and_sends_nothing() {
    let gateway = Gateway::start(MOCK);
    let round = r#"{"model":"x","messages":[{"role":"user","content":"round"}]}"#;
    for _ in 0..3 {
        let trace = gateway.post("/v1/route", round).expect(200).json();
        assert_eq!(trace["decision"], "main/rounds");
        assert_eq!(trace["outcome"]["models"][0], "small", "a dry run takes no turn");
    }
    assert_eq!(gateway.metric(r#"ccr_attempts_total{model="small",outcome="ok",provider="fake"}"#), 0.0);
    gateway.post("/v1/route", "{}").expect(400);
    gateway.post_with("/v1/route", &[("x-ccr-protocol", "gopher")], round).expect(400);
}

#[test]
fn small_endpoints() {
    let gateway = Gateway::start(MOCK);
    assert_eq!(gateway.get("/").expect(200).json()["status"], "ok");
    let mut client = gateway.open();
    client.write(&crate::kit::request("HEAD", "/", &[], ""));
    assert_eq!(client.head().status, 200);
    let health = gateway.get("/health").expect(200).json();
    assert_eq!(health["providers"][0]["state"], "ok");
    assert!(health["providers"][0]["address"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let ready = gateway.get("/ready").expect(200).json();
    assert_eq!((&ready["ready"], &ready["reload"]["outcome"]), (&true.into(), &"started".into()));
    assert!(gateway.get("/metrics").expect(200).text().contains("ccr_policy_info{digest="));
    let nothing = gateway.get("/v1/nope").expect(404).json();
    assert_eq!(nothing["error"]["code"], "not_found");
    assert!(nothing["error"]["message"].as_str().unwrap().contains("POST /v1/messages"), "{nothing}");
    gateway.get(MESSAGES).expect(405);
}

#[test]
fn tokens_are_counted_by_the_provider_or_here() {
    let gateway = Gateway::start(MOCK);
    let counted = gateway.post("/v1/messages/count_tokens", CLAUDE).expect(200).json();
    assert!(counted["input_tokens"].as_u64().unwrap() > 0);
    let chat = Upstream::saying(answer("500 no", "", ""));
    let gateway = Gateway::start(&policy(&[&chat]));
    let counted = gateway.post("/v1/messages/count_tokens", CLAUDE).expect(200).json();
    assert!(counted["input_tokens"].as_u64().unwrap() > 0);
    assert_eq!(chat.calls(), 0, "an upstream of another protocol is not asked");
}

#[test]
fn a_session_is_remembered() {
    let gateway = Gateway::start(
        r#"
provider fake { kind: mock }
model alpha on fake {}
model later on fake {}
route main {
  rule again when session.turns > 0 && session.last_model == "alpha" && session.last_tokens > 0 -> later
  default -> alpha
}"#,
    );
    let ask = |session: &str| {
        let body = format!(
            r#"{{"model":"x","max_tokens":9,"metadata":{{"user_id":"u_session_{session}"}},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        gateway.post(MESSAGES, &body).expect(200).header("x-ccr-model").to_owned()
    };
    let counted = CLAUDE.replace("\"max_tokens\"", "\"metadata\":{\"user_id\":\"u_session_a\"},\"max_tokens\"");
    gateway.post("/v1/messages/count_tokens", &counted).expect(200);
    assert_eq!((ask("a"), ask("a"), ask("b")), ("alpha".to_owned(), "later".to_owned(), "alpha".to_owned()));
}

#[test]
fn everything_is_counted() {
    let gateway = Gateway::start(MOCK);
    gateway.post(MESSAGES, CLAUDE).expect(200);
    gateway.post(MESSAGES, CLAUDE_STREAM).expect(200);
    gateway.post(MESSAGES, "nonsense").expect(400);
    let requests = |labels: &str| format!("ccr_requests_total{{{labels}}}");
    let ok = requests(r#"model="small",outcome="ok",protocol="anthropic",provider="fake",route="main",rule="default""#);
    let bad = requests(
        r#"model="none",outcome="client_error",protocol="anthropic",provider="none",route="none",rule="none""#,
    );
    gateway.await_metric(&ok, 2.0);
    gateway.await_metric(&bad, 1.0);
    gateway.await_metric("ccr_streams_open", 0.0);
    assert_eq!(gateway.metric(r#"ccr_attempts_total{model="small",outcome="ok",provider="fake"}"#), 2.0);
    assert!(gateway.metric(r#"ccr_tokens_total{kind="output",model="small",source="reported"}"#) > 0.0);
    assert!(gateway.metric(r#"ccr_cost_usd_total{model="small",provider="fake",tenant="default"}"#) > 0.0);
}

#[test]
fn usage_that_nobody_reports_is_estimated() {
    let stream = format!("{EVENTS}{}{CHAT_END}", chunk("one two three"));
    let upstream = Upstream::saying(stream);
    let gateway = Gateway::start(&policy(&[&upstream]));
    gateway.post(CHAT, HELLO_STREAM).expect(200);
    wait_for_estimate(&gateway);
}

fn wait_for_estimate(gateway: &Gateway) {
    for kind in ["input", "output"] {
        let series = format!(r#"ccr_tokens_total{{kind="{kind}",model="m0",source="estimated"}}"#);
        crate::kit::wait_until(&series, || gateway.metric(&series) > 0.0);
    }
}

const BOTH_WIRES: &str = r#"
provider anthropic { kind: mock wire: anthropic }
provider openai { kind: mock wire: openai }
model a on anthropic { price: { input: 1, output: 1 } }
model o on openai { price: { input: 1, output: 1 } }
model whole-a on anthropic { stream: false }
model whole-o on openai { stream: false }
route main {
  rule a when request.header("x-to") == "a" -> a
  rule o when request.header("x-to") == "o" -> o
  rule wa when request.header("x-to") == "wa" -> whole-a
  default -> whole-o
}
"#;

#[test]
fn every_protocol_reaches_every_wire_whole_and_streamed() {
    let gateway = Gateway::start(BOTH_WIRES);
    for to in ["a", "o", "wa", "wo"] {
        let ask = |path, body| gateway.post_with(path, &[("x-to", to)], body).expect(200);
        let whole = ask(MESSAGES, CLAUDE).json();
        assert_eq!((&whole["type"], &whole["stop_reason"]), (&"message".into(), &"end_turn".into()), "{to}");
        let stream = ask(MESSAGES, CLAUDE_STREAM).text();
        for event in ["message_start", "content_block_delta", "message_delta", "message_stop"] {
            assert!(stream.contains(&format!("event: {event}\n")), "{to} {event}: {stream}");
        }
        let whole = ask(CHAT, HELLO).json();
        assert_eq!(whole["choices"][0]["finish_reason"], "stop", "{to}");
        let stream = ask(CHAT, HELLO_STREAM).text();
        assert!(stream.contains("chat.completion.chunk") && stream.ends_with("data: [DONE]\n\n"), "{to}: {stream}");
    }
}

#[test]
fn chat_is_one_message_in_and_one_text_out() {
    let gateway = Gateway::start(&BOTH_WIRES.replace("default -> whole-o", "default -> o with { cache: 10m }"));
    for cached in [false, true] {
        let reply =
            gateway.post("/chat", r#"{"message":"hello","user_id":"u","system":"be brief"}"#).expect(200).json();
        assert!(reply["response"].as_str().unwrap().contains("hello"), "{reply}");
        assert_eq!(
            (&reply["success"], &reply["model"], &reply["provider"]),
            (&true.into(), &"o".into(), &"openai".into())
        );
        assert_eq!((&reply["rule"], &reply["cached"]), (&"main/default".into(), &cached.into()));
        assert_eq!(reply["cost_usd"].as_f64().unwrap() > 0.0, !cached, "{reply}");
        assert!(reply["usage"]["output_tokens"].as_u64().unwrap() > 0);
        assert_eq!(reply["request_id"].as_str().unwrap().len(), 32);
    }
    let refused = gateway.post("/chat", "{}").expect(400).json();
    assert_eq!((&refused["success"], &refused["error"]["kind"]), (&false.into(), &"invalid_request".into()));
}

#[test]
fn models_are_listed_in_the_callers_protocol() {
    let gateway = Gateway::start(BOTH_WIRES);
    let chat = gateway.get("/v1/models").expect(200).json();
    assert_eq!((&chat["object"], &chat["data"][1]["id"]), (&"list".into(), &"o".into()));
    let headers = [("anthropic-version", "2023-06-01")];
    let anthropic = gateway.send(&crate::kit::request("GET", "/v1/models?limit=1000", &headers, "")).expect(200).json();
    assert_eq!((&anthropic["data"][0]["type"], &anthropic["has_more"]), (&"model".into(), &false.into()));
}

#[test]
fn an_upstream_that_only_streams_is_collected() {
    let upstream = Upstream::saying(format!("{EVENTS}{}{}{CHAT_END}", chunk("one "), chunk("two")));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let reply = gateway.post(CHAT, HELLO).expect(200).json();
    assert_eq!(reply["choices"][0]["message"]["content"], "one two");
}

#[test]
fn an_upstreams_mistake_of_the_client_is_told_in_the_clients_protocol() {
    let body = r#"{"error":{"message":"too odd","type":"invalid_request_error","param":"x","code":null}}"#;
    let upstream = Upstream::saying(answer("400 Bad", "", body));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let refused = gateway.post(MESSAGES, CLAUDE).expect(400).json();
    assert_eq!((&refused["type"], &refused["error"]["message"]), (&"error".into(), &"too odd".into()));
}
