//! Answers that are kept or shared.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::kit::{
    CHAT, CHAT_ANSWER, CHAT_END, EVENTS, Gateway, HELLO, HELLO_STREAM, Upstream, answer, chunk, policy_at, request,
    wait_until,
};

const CACHED: &str = "with { cache: 10m }";

fn whole() -> Upstream {
    Upstream::saying(answer("200 OK", "content-type: application/json\r\n", CHAT_ANSWER))
}

#[test]
fn an_answer_is_kept() {
    let upstream = whole();
    let gateway = Gateway::start(&policy_at(&[upstream.address], CACHED));
    for (cache, attempts) in [("miss", "1"), ("hit", "0"), ("hit", "0")] {
        let reply = gateway.post(CHAT, HELLO).expect(200);
        assert_eq!((reply.header("x-ccr-cache"), reply.header("x-ccr-attempts")), (cache, attempts));
        assert_eq!((reply.header("x-ccr-model"), reply.text().as_str()), ("m0", CHAT_ANSWER));
    }
    assert_eq!(upstream.calls(), 1);
    gateway.await_metric(r#"ccr_cache_requests_total{result="hit"}"#, 2.0);
    assert!(gateway.metric("ccr_cache_bytes") > 0.0);
    assert_eq!(gateway.metric(r#"ccr_tokens_total{kind="output",model="m0",source="reported"}"#), 1.0, "paid once");
}

#[test]
fn a_stream_is_kept_as_a_stream() {
    let stream = format!("{}{CHAT_END}", chunk("one"));
    let upstream = Upstream::saying(format!("{EVENTS}{stream}"));
    let gateway = Gateway::start(&policy_at(&[upstream.address], CACHED));
    for cache in ["miss", "hit"] {
        let reply = gateway.post(CHAT, HELLO_STREAM).expect(200);
        assert_eq!((reply.header("x-ccr-cache"), reply.text()), (cache, stream.clone()));
        assert!(reply.header("content-type").starts_with("text/event-stream"));
    }
    assert_eq!(upstream.calls(), 1);
}

#[test]
fn what_is_different_is_asked_again() {
    let upstream = whole();
    let gateway = Gateway::start(&policy_at(&[upstream.address], CACHED));
    let other = HELLO.replace("hello", "other");
    for (headers, body, cache) in [
        (&[][..], HELLO, "miss"),
        (&[], &other, "miss"),
        (&[("cache-control", "no-store")], HELLO, "bypass"),
        (&[("cache-control", "no-cache")], HELLO, "miss"),
        (&[], HELLO, "hit"),
    ] {
        assert_eq!(gateway.post_with(CHAT, headers, body).expect(200).header("x-ccr-cache"), cache);
    }
    assert_eq!(upstream.calls(), 4);
}

#[test]
fn what_went_wrong_is_not_kept() {
    for bytes in
        [answer("500 Oops", "", "{}"), answer("400 Bad", "", "{}"), format!("{EVENTS}{}", chunk("one")).into_bytes()]
    {
        let upstream = Upstream::saying(bytes);
        let gateway = Gateway::start(&policy_at(&[upstream.address], CACHED));
        for _ in 0..2 {
            gateway.post(CHAT, HELLO_STREAM);
        }
        assert_eq!(upstream.calls(), 2);
    }
}

#[test]
fn an_answer_is_kept_under_the_model_that_gave_it() {
    let shaky = Upstream::new(|number, stream| {
        let _ = match number {
            0 => stream.write_all(&answer("500 Oops", "", "{}")),
            _ => stream.write_all(&answer("200 OK", "", CHAT_ANSWER)),
        };
    });
    let second = whole();
    let gateway = Gateway::start(&policy_at(&[shaky.address, second.address], CACHED));
    assert_eq!(gateway.post(CHAT, HELLO).expect(200).header("x-ccr-model"), "m1");
    let again = gateway.post(CHAT, HELLO).expect(200);
    assert_eq!((again.header("x-ccr-model"), again.header("x-ccr-cache")), ("m0", "miss"));
    // Where the second model is the first to be asked, its answer is there.
    let second_first = policy_at(&[second.address], CACHED).replace("m0", "m1").replace("p0", "p1");
    gateway.rewrite(&second_first);
    // The watch may be quicker than we are, but nobody may refuse it.
    let outcome = gateway.server().reloads().ask_and_wait();
    assert!(["ok", "unchanged"].contains(&outcome), "{outcome}");
    let kept = gateway.post(CHAT, HELLO).expect(200);
    assert_eq!((kept.header("x-ccr-model"), kept.header("x-ccr-cache")), ("m1", "hit"));
}

#[test]
fn however_many_ask_the_upstream_is_asked_once() {
    let go = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&go);
    let upstream = Upstream::new(move |_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        while !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = stream.write_all(CHAT_END.as_bytes());
    });
    let gateway = Gateway::start(&policy_at(&[upstream.address], CACHED));
    let mut first = gateway.open();
    first.write(&request("POST", CHAT, &[], HELLO_STREAM));
    assert_eq!(first.head().header("x-ccr-cache"), "miss");
    let mut others: Vec<_> = (0..8).map(|_| gateway.open()).collect();
    for other in &mut others {
        other.write(&request("POST", CHAT, &[], HELLO_STREAM));
        assert_eq!(other.head().header("x-ccr-cache"), "shared");
    }
    // Whoever began the call may leave; the others still get all of it.
    first.leave();
    go.store(true, Ordering::SeqCst);
    for mut other in others {
        let mut text = String::new();
        while let Some(piece) = other.chunk() {
            text.push_str(&String::from_utf8(piece).unwrap());
        }
        // On a busy machine there may be signs of life in it.
        assert_eq!(text.replace(": ping\n\n", ""), format!("{}{CHAT_END}", chunk("one")));
    }
    assert_eq!(upstream.calls(), 1);
}

#[test]
fn the_last_to_leave_cancels_the_call() {
    let upstream = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        std::thread::sleep(Duration::from_secs(3));
    });
    let mut timings = crate::kit::short();
    timings.stream_idle = Duration::from_secs(30);
    let gateway = Gateway::with(&policy_at(&[upstream.address], CACHED), timings);
    let mut clients: Vec<_> = (0..2).map(|_| gateway.open()).collect();
    for client in &mut clients {
        client.write(&request("POST", CHAT, &[], HELLO_STREAM));
        client.head();
    }
    clients.into_iter().for_each(crate::kit::Client::leave);
    gateway.await_metric(r#"ccr_attempts_total{model="m0",outcome="cancelled",provider="p0"}"#, 1.0);
    wait_until("both accounts", || {
        gateway.metric(r#"ccr_requests_total{model="m0",outcome="cancelled",protocol="chat",provider="p0",route="main",rule="default"}"#) == 2.0
    });
}

/// Streams one chunk, and waits.
fn open_stream(go: &Arc<AtomicBool>) -> Upstream {
    let gate = Arc::clone(go);
    Upstream::new(move |_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        while !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = stream.write_all(CHAT_END.as_bytes());
    })
}

#[test]
fn only_those_who_are_decided_alike_share_a_call() {
    let go = Arc::new(AtomicBool::new(false));
    let upstream = open_stream(&go);
    let text = policy_at(&[upstream.address], CACHED).replace(
        "route main {",
        "route main { rule careful when request.header(\"x-team\") == \"careful\" -> m0 with { cache: 10m }\n",
    );
    let gateway = Gateway::start(&text);
    let ask = |team: &str| {
        let mut client = gateway.open();
        client.write(&request("POST", CHAT, &[("x-team", team)], HELLO_STREAM));
        let cache = client.head().header("x-ccr-cache").to_owned();
        (client, cache)
    };
    let clients = [("easy", "miss"), ("careful", "miss"), ("careful", "shared"), ("easy", "shared")];
    let clients = clients.map(|(team, cache)| {
        let (client, seen) = ask(team);
        assert_eq!(seen, cache, "{team}");
        client
    });
    go.store(true, Ordering::SeqCst);
    drop(clients);
}

#[test]
fn whoever_joins_has_a_deadline_of_its_own() {
    let upstream = Upstream::new(|_, _| std::thread::sleep(Duration::from_secs(3)));
    let gateway = Gateway::start(&policy_at(&[upstream.address], "with { cache: 10m, deadline: 2s }"));
    let mut first = gateway.open();
    first.write(&request("POST", CHAT, &[], HELLO));
    wait_until("the call", || upstream.calls() == 1);
    gateway.post(CHAT, HELLO).expect(504);
    assert_eq!(upstream.calls(), 1);
    assert_eq!(first.reply().status, 504);
}

#[test]
fn what_changes_the_bytes_is_part_of_the_key() {
    let stream = format!("{}{CHAT_END}", chunk("one"));
    let upstream = Upstream::saying(format!("{EVENTS}{stream}"));
    let gateway = Gateway::start(&policy_at(&[upstream.address], CACHED));
    let usage = HELLO_STREAM.replace("\"model\"", "\"stream_options\":{\"include_usage\":true},\"model\"");
    for (headers, body, cache) in [
        (&[][..], HELLO_STREAM, "miss"),
        (&[], &usage, "miss"),
        (&[("anthropic-beta", "a")], HELLO_STREAM, "miss"),
        (&[("anthropic-beta", "b")], HELLO_STREAM, "miss"),
        (&[("anthropic-beta", "a")], HELLO_STREAM, "hit"),
        (&[], &usage, "hit"),
    ] {
        assert_eq!(gateway.post_with(CHAT, headers, body).expect(200).header("x-ccr-cache"), cache);
    }
}

#[test]
fn a_kept_answer_says_nothing_of_limits_then() {
    let upstream =
        Upstream::saying(answer("200 OK", "x-request-id: up-1\r\nx-ratelimit-remaining-requests: 3\r\n", CHAT_ANSWER));
    let gateway = Gateway::start(&policy_at(&[upstream.address], CACHED));
    assert_eq!(gateway.post(CHAT, HELLO).expect(200).header("x-request-id"), "up-1");
    let kept = gateway.post(CHAT, HELLO).expect(200);
    assert_eq!((kept.header("x-request-id"), kept.header("x-ratelimit-remaining-requests")), ("", ""));
}

#[test]
fn a_shared_stream_is_kept_alive_and_the_kept_one_has_no_pings() {
    let mut timings = crate::kit::short();
    timings.stream_idle = Duration::from_secs(5);
    let slow = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        std::thread::sleep(Duration::from_millis(900));
        let _ = stream.write_all(CHAT_END.as_bytes());
    });
    let gateway = Gateway::with(&policy_at(&[slow.address], CACHED), timings);
    assert!(gateway.post(CHAT, HELLO_STREAM).expect(200).text().contains(": ping\n\n"));
    let kept = gateway.post(CHAT, HELLO_STREAM).expect(200);
    assert_eq!((kept.header("x-ccr-cache"), kept.text()), ("hit", format!("{}{CHAT_END}", chunk("one"))));
}

/// Two models of one provider that are called alike there, and a rule for each.
fn two_ways(upstream: &Upstream, block: &str, one: &str, two: &str) -> Gateway {
    Gateway::start(&format!(
        "{block}\nprovider p {{ kind: openai base: \"http://{}\" }}\nmodel one on p {{ upstream: \"m\" {one} }}\n\
         model two on p {{ upstream: \"m\" {two} }}\n\
         route main {{ rule second when request.header(\"x-way\") == \"two\" -> two {CACHED}\n default -> one {CACHED} }}\n",
        upstream.address
    ))
}

#[test]
fn models_that_are_asked_differently_share_no_answer() {
    let upstream = whole();
    let gateway = two_ways(&upstream, "", "", "transform: [max_tokens(9)]");
    for (way, cache) in [("one", "miss"), ("two", "miss"), ("one", "hit"), ("two", "hit")] {
        let reply = gateway.post_with(CHAT, &[("x-way", way)], HELLO).expect(200);
        assert_eq!((reply.header("x-ccr-model"), reply.header("x-ccr-cache")), (way, cache));
    }
    assert_eq!(upstream.calls(), 2);
}

#[test]
fn what_is_computed_from_who_asks_is_kept_for_nobody() {
    let upstream = whole();
    let gateway = two_ways(&upstream, "transform own { set: { user: tenant.id } }", "transform: [own]", "");
    for _ in 0..2 {
        assert_eq!(gateway.post(CHAT, HELLO).expect(200).header("x-ccr-cache"), "bypass");
    }
    assert_eq!(upstream.calls(), 2);
}
