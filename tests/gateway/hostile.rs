//! Bad input on purpose, from both sides.

use std::io::Write as _;
use std::time::Duration;

use crate::kit::{
    CHAT, CHAT_END, CLAUDE_STREAM, EVENTS, Gateway, HELLO, HELLO_STREAM, MESSAGES, Upstream, chunk, policy, request,
};

const MOCK: &str = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n";

#[test]
fn what_is_no_request_is_refused_in_the_callers_shape() {
    let gateway = Gateway::start(MOCK);
    for body in [
        "",
        "hello",
        "[]",
        "{",
        "{}",
        r#"{"model":1,"messages":[]}"#,
        r#"{"messages":[],"messages":[]}"#,
        "\u{feff}",
        "{\"a\":\"\u{1}\"}",
    ] {
        let anthropic = gateway.post(MESSAGES, body).expect(400).json();
        assert_eq!(anthropic["error"]["type"], "invalid_request_error", "{body}");
        let chat = gateway.post(CHAT, body).expect(400).json();
        assert_eq!(chat["error"]["type"], "invalid_request_error", "{body}");
    }
}

#[test]
fn what_is_no_json_text_never_goes_to_an_upstream() {
    let upstream = Upstream::new(|_, _| panic!("it went to the upstream"));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let gemini = "/v1beta/models/m:generateContent";
    for text in [&b"\xff"[..], b"a\nb", b"a\0b", br"\q", br"\u12"] {
        for (path, before, after) in [
            (MESSAGES, r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":""#, "\"}]}"),
            (CHAT, r#"{"model":"m","messages":[{"role":"user","content":""#, "\"}]}"),
            ("/v1/responses", r#"{"model":"m","input":""#, "\"}"),
            ("/v1/embeddings", r#"{"model":"m","input":""#, "\"}"),
            (gemini, r#"{"contents":[{"parts":[{"text":""#, "\"}]}]}"),
        ] {
            let body = [before.as_bytes(), text, after.as_bytes()].concat();
            let mut client = gateway.open();
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
            client.write(&[head.as_bytes(), &body].concat());
            let said = client.reply().expect(400).json()["error"]["message"].clone();
            assert!(said.as_str().is_some_and(|said| said.contains("is not valid JSON")), "{path} {text:?}: {said}");
        }
    }
}

#[test]
fn a_wrong_type_is_refused_in_the_callers_shape() {
    let upstream = Upstream::new(|_, _| panic!("it went to the upstream"));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":5}]}]}"#;
    let said = gateway.post(MESSAGES, body).expect(400).json();
    assert_eq!(said["type"], "error");
    assert_eq!(said["error"]["type"], "invalid_request_error");
    assert_eq!(said["error"]["message"], "`messages[0].content[0].text`: a text is required");
    let body = r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":"x"}}]}]}"#;
    let said = gateway.post("/v1beta/models/m:generateContent", body).expect(400).json();
    assert_eq!(said["error"]["status"], "INVALID_ARGUMENT");
    let path = "`contents[0].parts[0].functionCall.args`: an object is required";
    assert_eq!(said["error"]["message"], path);
}

#[test]
fn a_large_body_is_refused_before_it_is_read() {
    let gateway = Gateway::start(MOCK);
    let mut client = gateway.open();
    client.write(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\n{");
    assert_eq!(client.reply().expect(413).json()["error"]["type"], "request_too_large");
    let mut client = gateway.open();
    client.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    let piece = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    // It answers as soon as the limit is passed, and may close while we still write.
    let written = (0..100).take_while(|_| client.try_write(&piece).is_ok()).count();
    assert!(written >= 32, "{written}");
    assert_eq!(client.reply().expect(413).json()["error"]["code"], "request_too_large");
    gateway.post(CHAT, HELLO).expect(200);
}

#[test]
fn whoever_writes_a_large_body_before_reading_sees_why() {
    let gateway = Gateway::start(MOCK);
    let body = " ".repeat(33 << 20);
    for _ in 0..3 {
        gateway.post(CHAT, &body).expect(413);
    }
    let mut client = gateway.open();
    client.write(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..40 {
        client.write(&[b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat());
    }
    client.write(b"0\r\n\r\n");
    client.reply().expect(413);
}

#[test]
fn slow_clients_are_not_waited_for() {
    let gateway = Gateway::start(MOCK);
    let mut head = gateway.open();
    head.write(b"POST /v1/messages HTTP/1.1\r\nhost: loc");
    assert!(head.is_closed());
    let mut body = gateway.open();
    body.write(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"mo");
    body.reply().expect(408);
}

#[test]
fn a_large_head_is_refused() {
    let gateway = Gateway::start(MOCK);
    let long = "x".repeat(100_000);
    assert_eq!(gateway.send(&request("GET", "/health", &[("x-long", &long)], "")).status, 431);
}

#[test]
fn characters_cut_in_two_arrive_whole() {
    let gateway = Gateway::start(MOCK);
    for (path, body) in [(MESSAGES, CLAUDE_STREAM), (CHAT, HELLO_STREAM)] {
        let body = body.replace("hello", "héllo 你好 😀");
        let text = gateway.post_with(path, &[], &body).expect(200).text();
        assert!(text.contains("你") && text.contains('😀'), "{text}");
    }
}

#[test]
fn an_upstream_that_cuts_characters() {
    let whole = format!("{}{}{CHAT_END}", chunk("你好"), chunk("😀"));
    let bytes = whole.clone().into_bytes();
    let upstream = Upstream::new(move |_, stream| {
        let _ = stream.write_all(EVENTS.as_bytes());
        for byte in bytes.chunks(1) {
            let _ = stream.write_all(byte);
            let _ = stream.flush();
            std::thread::sleep(Duration::from_micros(50));
        }
    });
    let gateway = Gateway::start(&policy(&[&upstream]));
    assert_eq!(gateway.post(CHAT, HELLO_STREAM).expect(200).text(), whole);
}

#[test]
fn a_stream_that_ends_inside_a_character() {
    let mut bytes = format!("{EVENTS}{}", chunk("one")).into_bytes();
    bytes.extend(b"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xe4\xbd");
    let upstream = Upstream::saying(bytes);
    let gateway = Gateway::start(&policy(&[&upstream]));
    let text = gateway.post(CHAT, HELLO_STREAM).expect(200).text();
    assert!(text.contains("data: {\"error\":{") && !text.contains("[DONE]"), "{text}");
}

#[test]
fn a_stream_cut_after_five_chunks() {
    let gateway =
        Gateway::start("provider p { kind: mock cut: 5 chunks: 20 }\nmodel m on p {}\nroute main { default -> m }\n");
    for (path, body, mark) in [(MESSAGES, CLAUDE_STREAM, "event: error"), (CHAT, HELLO_STREAM, "data: {\"error\":")] {
        let text = gateway.post(path, body).expect(200).text();
        assert!(text.contains(mark), "{text}");
        assert!(!text.contains("message_stop") && !text.contains("[DONE]"), "{text}");
    }
}

#[test]
fn an_endless_event_is_cut_off() {
    let upstream = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}data: \"", chunk("one")).as_bytes());
        let piece = vec![b'x'; 1 << 20];
        while stream.write_all(&piece).is_ok() {}
    });
    let gateway = Gateway::start(&policy(&[&upstream]));
    let text = gateway.post(CHAT, HELLO_STREAM).expect(200).text();
    assert!(text.contains("data: {\"error\":{"), "{}", text.len());
}
