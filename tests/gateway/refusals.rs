//! What a refusal tells: whose it is, what was changed before it, and what to do next.

use crate::kit::{CHAT, CLAUDE, Gateway, HELLO, MESSAGES, Upstream, answer, policy, request};

/// A refusal that says what it blames.
const BLAMES: &str =
    r#"{"error":{"message":"too long","type":"invalid_request_error","param":"input[0]","code":"too_long"}}"#;

#[test]
fn what_was_changed_is_told_with_an_error_too() {
    let asked = CLAUDE.replace("\"max_tokens\":64", "\"max_tokens\":900");
    for (status, expected) in [("400 Bad", 400), ("500 Oops", 502), ("200 OK", 502)] {
        let upstream = Upstream::saying(answer(status, "", BLAMES));
        for with in ["", "with { cache: 10m }"] {
            let gateway = Gateway::start(&format!(
                "provider p {{ kind: openai base: \"http://{}\" }}\nmodel m on p {{ output: 100 }}\nroute main {{ default -> m {with} }}\n",
                upstream.address
            ));
            let reply = gateway.post(MESSAGES, &asked).expect(expected);
            let warning = reply.header("x-ccr-warning");
            assert!(warning.contains("max_tokens lowered to 100"), "{status} {with}: {warning}");
        }
    }
}

#[test]
fn the_warnings_are_those_of_the_last_attempt() {
    let upstream = Upstream::saying(answer("500 Oops", "", "{}"));
    let models = |first: &str, second: &str| {
        let text = format!(
            "provider p {{ kind: openai base: \"http://{}\" }}\nmodel low on p {{ output: 100 }}\nmodel high on p {{}}\nroute main {{ default -> {first} then {second} }}\n",
            upstream.address
        );
        let asked = CLAUDE.replace("\"max_tokens\":64", "\"max_tokens\":900");
        Gateway::start(&text).post(MESSAGES, &asked).expect(502).header("x-ccr-warning").to_owned()
    };
    assert!(models("high", "low").contains("lowered to 100"));
    assert_eq!(models("low", "high"), "");
}

#[test]
fn a_translated_refusal_keeps_what_it_blames() {
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    for (body, code, param) in [
        (BLAMES.to_owned(), "too_long", "input[0]".into()),
        (BLAMES.replace("too_long", &key), "[key]", "input[0]".into()),
        (r#"{"error":{"message":"no"}}"#.to_owned(), "refused_by_provider", serde_json::Value::Null),
    ] {
        let upstream = Upstream::saying(answer("400 Bad", "", &body));
        let gateway = Gateway::start(&format!(
            "provider p {{ kind: responses base: \"http://{}\" key: env(\"CARGO_PKG_NAME\") }}\nmodel m on p {{}}\nroute main {{ default -> m }}\n",
            upstream.address
        ));
        let error = gateway.post(CHAT, HELLO).expect(400).json()["error"].clone();
        assert_eq!((&error["code"], &error["param"]), (&code.into(), &param), "{error}");
    }
}

#[test]
fn who_is_passed_over_is_told_why_and_what_to_do() {
    let long = "word ".repeat(9_000);
    let text = format!(r#"{{"model":"any","messages":[{{"role":"user","content":"{long}"}}]}}"#);
    let image = r#"{"model":"any","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#;
    for (fields, body, parts) in [
        (
            "context: 8000",
            &*text,
            &["weak: 90", " tokens, more than its context of 8000", "name a model with a larger"][..],
        ),
        ("can: []", image, &["(no `tools`), and", "(no `vision`)", "add `tools` and `vision` to the `can` of `weak`"]),
    ] {
        let gateway = Gateway::start(&format!(
            "provider p {{ kind: mock wire: anthropic }}\nmodel weak on p {{ {fields} }}\nroute main {{ default -> weak }}\n"
        ));
        let error = gateway.post(CHAT, body).expect(400).json()["error"].clone();
        let said = error["message"].as_str().unwrap();
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        assert!(!said.contains("skipped") && !said.contains("translated"), "{said}");
    }
}

#[test]
fn a_wait_is_told_in_seconds() {
    let upstream = Upstream::saying(answer("429 Slow", "retry-after: 7\r\n", "{}"));
    let gateway = Gateway::start(&policy(&[&upstream]));
    gateway.post(CHAT, HELLO).expect(429);
    let said = gateway.post(CHAT, HELLO).expect(503).text();
    assert!(said.contains("left alone for another") && said.contains(" s\"") && !said.contains(" ms"), "{said}");
}

#[test]
fn a_wrong_method_is_told_the_right_one() {
    let gateway = Gateway::start("provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n");
    for (method, path, instead) in [
        ("GET", "/v1/messages", "use POST"),
        ("GET", "/v1/chat/completions", "use POST"),
        ("DELETE", "/v1/route", "use POST"),
        ("POST", "/v1/models", "use GET"),
        ("POST", "/health", "use GET"),
        ("DELETE", "/v1beta/models/m", "use GET or POST"),
    ] {
        let said = gateway.send(&request(method, path, &[], "{}")).expect(405).text();
        assert!(said.contains(&format!("`{method}` is not possible at `{path}`: {instead}\"")), "{said}");
    }
}

#[test]
fn no_key_and_a_wrong_key_are_told_apart() {
    let gateway = Gateway::start(
        "provider p { kind: mock }\nmodel m on p {}\ntenant team { keys: [env(\"CARGO_PKG_NAME\")] }\nroute main { default -> m }\n",
    );
    let none = gateway.post(CHAT, HELLO).expect(401).text();
    let wrong = gateway.post_with(CHAT, &[("x-api-key", "wrong")], HELLO).expect(401).text();
    assert!(none.contains("no key came") && none.contains("x-api-key"), "{none}");
    assert!(wrong.contains("is none of this gateway's") && !wrong.contains("no key"), "{wrong}");
}
