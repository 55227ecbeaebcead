//! Clients that leave, clients that read slowly, and the end of the program.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::kit::{
    CHAT, CHAT_END, CLAUDE_STREAM, EVENTS, Gateway, HELLO, HELLO_STREAM, MESSAGES, Upstream, chunk, policy, request,
    short, wait_until,
};

const RESPONSES: &str = "/v1/responses";
const RESPONSES_STREAM: &str = r#"{"model":"any","stream":true,"input":"hello"}"#;
const GEMINI_EVENTS: &str = "/v1beta/models/any:streamGenerateContent?alt=sse";
const GEMINI_ARRAY: &str = "/v1beta/models/any:streamGenerateContent";
const GEMINI_ASKS: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;

/// Whether the other side of a socket is gone.
fn gone(stream: &mut std::net::TcpStream) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// An upstream that sends `begin` and then waits to be left.
fn waiting(begin: String) -> (Upstream, Arc<AtomicBool>) {
    let left = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&left);
    let upstream = Upstream::new(move |_, stream| {
        let _ = stream.write_all(begin.as_bytes());
        seen.store(gone(stream), Ordering::SeqCst);
    });
    (upstream, left)
}

#[test]
fn a_client_that_leaves_cancels_the_upstream() {
    let mut timings = short();
    timings.first_content = Duration::from_secs(30);
    timings.stream_idle = Duration::from_secs(30);
    let begun = || format!("{EVENTS}{}", chunk("one"));
    for (begin, path, body, protocol) in [
        (String::new(), CHAT, HELLO, "chat"),
        (String::new(), CHAT, HELLO_STREAM, "chat"),
        (begun(), CHAT, HELLO_STREAM, "chat"),
        (begun(), MESSAGES, CLAUDE_STREAM, "anthropic"),
        (begun(), RESPONSES, RESPONSES_STREAM, "responses"),
        (begun(), GEMINI_EVENTS, GEMINI_ASKS, "gemini"),
        (begun(), GEMINI_ARRAY, GEMINI_ASKS, "gemini"),
    ] {
        let (upstream, left) = waiting(begin);
        let gateway = Gateway::with(&policy(&[&upstream]), timings);
        let mut client = gateway.open();
        client.write(&request("POST", path, &[], body));
        wait_until("the call", || upstream.calls() == 1);
        client.leave();
        wait_until("the upstream to be left", || left.load(Ordering::SeqCst));
        let cancelled = format!(
            r#"ccr_requests_total{{model="m0",outcome="cancelled",protocol="{protocol}",provider="p0",route="main",rule="default"}}"#
        );
        gateway.await_metric(&cancelled, 1.0);
        gateway.await_metric(r#"ccr_attempts_total{model="m0",outcome="cancelled",provider="p0"}"#, 1.0);
        gateway.await_metric("ccr_streams_open", 0.0);
    }
}

#[test]
fn a_client_that_ends_its_side_is_counted_once() {
    let (upstream, _) = waiting(String::new());
    let gateway = Gateway::start(&policy(&[&upstream]));
    for number in 1..=20 {
        let mut client = gateway.open();
        client.write(&request("POST", CHAT, &[], HELLO));
        client.end_writing();
        assert!(client.is_closed());
        wait_until("its account", || {
            let page = gateway.get("/metrics").text();
            let counts = page.lines().filter(|line| line.starts_with("ccr_requests_total{"));
            counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum::<u32>() == number
        });
    }
}

/// Streams of another protocol than the upstream's are held back like its own.
#[test]
fn a_slow_client_slows_the_upstream_down() {
    const MOST: usize = 64 << 20;
    for (path, body) in [
        (CHAT, HELLO_STREAM),
        (MESSAGES, CLAUDE_STREAM),
        (RESPONSES, RESPONSES_STREAM),
        (GEMINI_EVENTS, GEMINI_ASKS),
        (GEMINI_ARRAY, GEMINI_ASKS),
    ] {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let upstream = Upstream::new(move |_, stream| {
            let _ = stream.write_all(EVENTS.as_bytes());
            let event = chunk(&"x".repeat(64 << 10));
            stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            while count.load(Ordering::SeqCst) < MOST && stream.write_all(event.as_bytes()).is_ok() {
                count.fetch_add(event.len(), Ordering::SeqCst);
            }
        });
        let gateway = Gateway::start(&policy(&[&upstream]));
        let mut client = gateway.open();
        client.write(&request("POST", path, &[], body));
        assert_eq!(client.head().status, 200, "{path}");
        // Nothing is read: the upstream has to stop writing long before it has sent everything.
        wait_until("the upstream to stop", || {
            let before = sent.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(300));
            before > 0 && sent.load(Ordering::SeqCst) == before
        });
        assert!(sent.load(Ordering::SeqCst) < MOST / 2, "{path}: {}", sent.load(Ordering::SeqCst));
    }
}

#[test]
fn a_client_that_never_reads_is_dropped() {
    let mut timings = short();
    timings.client_stall = Duration::from_millis(500);
    let upstream = Upstream::new(|_, stream| {
        let _ = stream.write_all(EVENTS.as_bytes());
        let event = chunk(&"x".repeat(64 << 10));
        while stream.write_all(event.as_bytes()).is_ok() {}
    });
    let gateway = Gateway::with(&policy(&[&upstream]), timings);
    let mut client = gateway.open();
    client.write(&request("POST", CHAT, &[], HELLO_STREAM));
    let cancelled = r#"ccr_requests_total{model="m0",outcome="cancelled",protocol="chat",provider="p0",route="main",rule="default"}"#;
    gateway.await_metric(cancelled, 1.0);
    drop(client);
}

#[test]
fn at_the_end_requests_under_way_are_answered() {
    let go = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&go);
    let upstream = Upstream::new(move |_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        while !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = stream.write_all(CHAT_END.as_bytes());
    });
    let mut gateway = Gateway::start(&policy(&[&upstream]));
    let (mut busy, mut idle) = (gateway.open(), gateway.open());
    idle.write(&request("GET", "/ready", &[], ""));
    idle.reply().expect(200);
    busy.write(&request("POST", CHAT, &[], HELLO_STREAM));
    assert_eq!(busy.head().status, 200);
    let stopping = gateway.stop();
    assert!(idle.is_closed(), "an idle connection is closed at once");
    wait_until("the door to close", || std::net::TcpStream::connect(gateway.address).is_err());
    go.store(true, Ordering::SeqCst);
    let mut text = String::new();
    while let Some(piece) = busy.chunk() {
        text.push_str(&String::from_utf8(piece).unwrap());
    }
    assert!(text.ends_with(CHAT_END), "{text}");
    stopping.join().unwrap();
}
