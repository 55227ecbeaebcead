//! One attempt after the other, and what the client reads when none is good.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::kit::{
    CHAT, CHAT_ANSWER, CHAT_END, CLAUDE, EVENTS, Gateway, HELLO, HELLO_STREAM, MESSAGES, Upstream, answer, chunk,
    policy, policy_at, short,
};

fn good() -> Upstream {
    Upstream::new(|_, stream| {
        let whole = answer("200 OK", "content-type: application/json\r\n", CHAT_ANSWER);
        let _ = stream.write_all(&whole);
    })
}

fn good_stream() -> Upstream {
    Upstream::saying(format!("{EVENTS}{}{CHAT_END}", chunk("fine")))
}

fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn hang() -> Upstream {
    Upstream::new(|_, _| std::thread::sleep(Duration::from_secs(3)))
}

/// The first fails, the second answers.
#[track_caller]
fn fails_over(bad: &Upstream, kind: &str) {
    let second = good();
    let gateway = Gateway::start(&policy_at(&[bad.address, second.address], "with { timeout: 400ms }"));
    let reply = gateway.post(CHAT, HELLO).expect(200);
    assert_eq!(reply.text(), CHAT_ANSWER);
    assert_eq!((reply.header("x-ccr-model"), reply.header("x-ccr-attempts")), ("m1", "2"));
    let failed = format!(r#"ccr_attempts_total{{model="m0",outcome="{kind}",provider="p0"}}"#);
    assert_eq!(gateway.metric(&failed), 1.0, "{kind}");
    assert_eq!(gateway.metric(&format!(r#"ccr_errors_total{{kind="{kind}",provider="p0"}}"#)), 1.0);
}

#[test]
fn every_failure_leads_to_the_next_attempt() {
    for (status, kind) in [
        ("401 Unauthorized", "credentials"),
        ("402 Pay", "credentials"),
        ("403 No", "credentials"),
        ("404 Where", "not_found"),
        ("408 Slow", "conflict"),
        ("409 Conflict", "conflict"),
        ("429 Slow down", "rate_limited"),
        ("500 Oops", "server"),
        ("503 Later", "server"),
        ("529 Full", "overloaded"),
        ("302 Elsewhere", "status"),
    ] {
        fails_over(&Upstream::saying(answer(status, "location: http://example.com/\r\n", "{}")), kind);
    }
    fails_over(&hang(), "timeout");
    fails_over(&Upstream::new(|_, _| {}), "connect");
    fails_over(&Upstream::saying("nonsense\r\n\r\n"), "connect");
    fails_over(&Upstream::saying(answer("200 OK", "", "not json")), "broken");
    fails_over(&Upstream::saying(answer("200 OK", "", r#"{"error":{"message":"busy"}}"#)), "broken");
    fails_over(&Upstream::saying(answer("200 OK", "content-encoding: gzip\r\n", "xx")), "broken");
    fails_over(&Upstream::saying("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\":"), "truncated");
    fails_over(&Upstream::saying(answer("200 OK", "", &CHAT_ANSWER.replace("\"fine\"", "\"\""))), "empty");
}

#[test]
fn nobody_listens_there() {
    let second = good();
    let gateway = Gateway::start(&policy_at(&[nobody(), second.address], ""));
    assert_eq!(gateway.post(CHAT, HELLO).expect(200).header("x-ccr-model"), "m1");
}

/// A stream that fails before its first content.
#[track_caller]
fn stream_fails_over(bad: &Upstream, kind: &str) {
    let second = good_stream();
    let gateway = Gateway::start(&policy(&[bad, &second]));
    let reply = gateway.post(CHAT, HELLO_STREAM).expect(200);
    assert_eq!(reply.text(), format!("{}{CHAT_END}", chunk("fine")), "nothing of the first attempt is seen");
    assert_eq!(reply.header("x-ccr-attempts"), "2");
    assert_eq!(gateway.metric(&format!(r#"ccr_errors_total{{kind="{kind}",provider="p0"}}"#)), 1.0, "{kind}");
}

#[test]
fn a_stream_by_another_name_is_a_stream() {
    for head in ["content-type: text/plain\r\n", ""] {
        let body = format!(": hi\n\n{}{CHAT_END}", chunk("fine"));
        let upstream = Upstream::saying(format!("HTTP/1.1 200 OK\r\n{head}connection: close\r\n\r\n{body}"));
        let reply = Gateway::start(&policy(&[&upstream])).post(CHAT, HELLO_STREAM).expect(200);
        assert_eq!(reply.text(), body, "{head}");
    }
}

#[test]
fn a_stream_without_content_is_a_failed_attempt() {
    let role = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
    let failure = "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n";
    stream_fails_over(&Upstream::saying(format!("{EVENTS}{role}{CHAT_END}")), "empty");
    stream_fails_over(&Upstream::saying(format!("{EVENTS}{role}")), "truncated");
    stream_fails_over(&Upstream::saying(format!("{EVENTS}{role}{failure}")), "broken");
    stream_fails_over(&Upstream::saying(format!("{EVENTS}data: {{nonsense\n\n")), "broken");
    let silent = Upstream::new(move |_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{role}").as_bytes());
        std::thread::sleep(Duration::from_secs(3));
    });
    stream_fails_over(&silent, "timeout");
}

/// Content, and a moment later something else.
fn after_content(more: &'static str) -> Upstream {
    Upstream::new(move |_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        std::thread::sleep(Duration::from_millis(100));
        let _ = stream.write_all(more.as_bytes());
    })
}

#[test]
fn after_the_first_content_a_break_is_an_error_event() {
    let failure = "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n";
    let stalls = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        std::thread::sleep(Duration::from_secs(3));
    });
    for bad in [
        Upstream::saying(format!("{EVENTS}{}", chunk("one"))),
        after_content(failure),
        after_content("data: {\"id\":"),
        after_content("data: nonsense\n\n"),
        stalls,
    ] {
        let second = good_stream();
        let gateway = Gateway::start(&policy(&[&bad, &second]));
        let text = gateway.post(CHAT, HELLO_STREAM).expect(200).text();
        assert!(text.starts_with(&chunk("one")), "{text}");
        assert!(text.contains("data: {\"error\":{\"message\":\"the answer broke off: m0: the "), "{text}");
        assert!(text.contains("\"code\":\"answer_broke_off\"") && !text.contains("every attempt"), "{text}");
        assert!(!text.contains("[DONE]"), "a broken answer must not look whole: {text}");
        assert_eq!(second.calls(), 0);
        let truncated = r#"ccr_requests_total{model="m0",outcome="truncated",protocol="chat",provider="p0",route="main",rule="default"}"#;
        gateway.await_metric(truncated, 1.0);
    }
}

#[test]
fn the_clients_own_mistakes_are_told_as_they_came() {
    for status in ["400 Bad", "413 Large", "422 Odd"] {
        let body = r#"{"error":{"message":"too odd","type":"invalid_request_error","param":"x","code":null}}"#;
        let (bad, second) = (Upstream::saying(answer(status, "", body)), good());
        let gateway = Gateway::start(&policy(&[&bad, &second]));
        let reply = gateway.post(CHAT, HELLO).expect(status[..3].parse().unwrap());
        assert_eq!(reply.text(), body);
        assert_eq!(second.calls(), 0);
    }
}

#[test]
fn when_all_failed_the_status_says_how() {
    let statuses = |first: &str, second: &str| {
        let one = Upstream::saying(answer(first, "retry-after: 7\r\n", "{}"));
        let two = Upstream::saying(answer(second, "retry-after: 3\r\n", "{}"));
        Gateway::start(&policy(&[&one, &two])).post(CHAT, HELLO)
    };
    let limited = statuses("429 a", "529 b").expect(429);
    assert_eq!(limited.header("retry-after"), "3");
    assert_eq!(limited.json()["error"]["attempts"][1]["model"], "m1");
    statuses("429 a", "500 b").expect(502);
    let ours = statuses("500 a", "401 b").expect(502);
    assert!(!ours.text().contains("127.0.0.1"), "{}", ours.text());
    let gateway = Gateway::start(&policy_at(&[hang().address], "with { timeout: 200ms }"));
    assert!(gateway.post(CHAT, HELLO).expect(504).text().contains("in time"));
    let outcome = r#"ccr_requests_total{model="m0",outcome="upstream_error",protocol="chat",provider="p0",route="main",rule="default"}"#;
    gateway.await_metric(outcome, 1.0);
}

#[test]
fn one_deadline_stands_over_all_attempts() {
    let upstreams = [hang(), hang(), hang(), hang()];
    let addresses: Vec<_> = upstreams.iter().map(|upstream| upstream.address).collect();
    let gateway = Gateway::start(&policy_at(&addresses, "with { timeout: 300ms, deadline: 500ms }"));
    gateway.post(CHAT, HELLO).expect(504);
    assert!(upstreams[3].calls() == 0, "the deadline was over before");
}

#[test]
fn a_model_that_asks_for_rest_gets_it() {
    let tired = Upstream::saying(answer("429 Slow down", "retry-after: 60\r\n", "{}"));
    let second = good();
    let gateway = Gateway::start(&policy(&[&tired, &second]));
    assert_eq!(gateway.post(CHAT, HELLO).expect(200).header("x-ccr-attempts"), "2");
    assert_eq!(gateway.post(CHAT, HELLO).expect(200).header("x-ccr-attempts"), "1");
    assert_eq!(tired.calls(), 1);
    assert_eq!(gateway.get("/health").json()["providers"][0]["state"], "cooling");
    let alone = Gateway::start(&policy(&[&tired]));
    alone.post(CHAT, HELLO).expect(429);
    let resting = alone.post(CHAT, HELLO).expect(503);
    let wait: u64 = resting.header("retry-after").parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
}

#[test]
fn who_cannot_serve_is_skipped() {
    let gateway =
        Gateway::start("provider p { kind: mock }\nmodel blind on p { can: [] }\nroute main { default -> blind }");
    let body = r#"{"model":"x","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]}]}"#;
    let refused = gateway.post(MESSAGES, body).expect(400).json();
    assert_eq!(refused["error"]["type"], "invalid_request_error");
    assert!(refused["error"]["attempts"][0]["reason"].as_str().unwrap().contains("vision"), "{refused}");
    gateway.post(MESSAGES, CLAUDE).expect(200);
}

#[test]
fn a_silent_stream_is_kept_alive() {
    let mut timings = short();
    timings.stream_idle = Duration::from_secs(5);
    let slow = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        std::thread::sleep(Duration::from_millis(900));
        let _ = stream.write_all(CHAT_END.as_bytes());
    });
    let gateway = Gateway::with(&policy(&[&slow]), timings);
    let text = gateway.post(CHAT, HELLO_STREAM).expect(200).text();
    assert!(text.contains(": ping\n\n"), "{text}");
    assert_eq!(text.replace(": ping\n\n", ""), format!("{}{CHAT_END}", chunk("one")));
}

#[test]
fn an_error_body_that_hangs_costs_no_more_than_the_attempt() {
    let hanging = Upstream::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 99\r\n\r\n{\"error\":");
        std::thread::sleep(Duration::from_secs(3));
    });
    let second = good();
    let with = "with { timeout: 300ms, deadline: 1500ms }";
    let gateway = Gateway::start(&policy_at(&[hanging.address, second.address], with));
    assert_eq!(gateway.post(CHAT, HELLO).expect(200).header("x-ccr-attempts"), "2");
}

#[test]
fn a_route_on_the_way_does_not_extend_the_deadline() {
    let upstreams = [hang(), hang()];
    let addresses: Vec<_> = upstreams.iter().map(|upstream| upstream.address).collect();
    let text = policy_at(&addresses, "")
        .replace("default -> m0 then m1", "default -> m0 then route late with { timeout: 400ms, deadline: 300ms }");
    let gateway =
        Gateway::start(&format!("{text}route late {{ default -> m1 with {{ timeout: 400ms, deadline: 10s }} }}"));
    gateway.post(CHAT, HELLO).expect(504);
    assert_eq!(upstreams[1].calls(), 0);
}

#[test]
fn a_stream_that_never_comes_to_its_content_is_given_up() {
    let endless = Upstream::new(|_, stream| {
        let _ = stream.write_all(EVENTS.as_bytes());
        let comments = ": nothing yet\n\n".repeat(10_000);
        while stream.write_all(comments.as_bytes()).is_ok() {}
    });
    let mut timings = short();
    timings.first_content = Duration::from_secs(15);
    let second = good_stream();
    let gateway = Gateway::with(&policy(&[&endless, &second]), timings);
    assert_eq!(gateway.post(CHAT, HELLO_STREAM).expect(200).header("x-ccr-model"), "m1");
}

#[test]
fn a_whole_answer_may_take_its_time() {
    let slow = Upstream::new(|_, stream| {
        std::thread::sleep(Duration::from_millis(900));
        let _ = stream.write_all(&answer("200 OK", "", CHAT_ANSWER));
    });
    // The usual limit for first content is for streams; one that the rule sets is for both.
    Gateway::start(&policy(&[&slow])).post(CHAT, HELLO).expect(200);
    Gateway::start(&policy_at(&[slow.address], "with { timeout: 300ms }")).post(CHAT, HELLO).expect(504);
}

#[test]
fn an_overloaded_upstream_is_called_so_inside_a_stream() {
    let error =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"u\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"one\"}}\n\n";
    let upstream = Upstream::new(move |_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{start}").as_bytes());
        std::thread::sleep(Duration::from_millis(100));
        let _ = stream.write_all(error.as_bytes());
    });
    let text = policy(&[&upstream]).replace("kind: openai", "kind: anthropic");
    let body = CLAUDE.replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"");
    let seen = Gateway::start(&text).post(MESSAGES, &body).expect(200).text();
    assert!(seen.contains("event: error\n") && seen.contains("\"type\":\"overloaded_error\""), "{seen}");
}
