//! What `serve --record` writes: a line a request, and never a word of it.

use std::os::unix::fs::PermissionsExt as _;

use ccr_policy::gateway::StartError;
use ccr_policy::record::{Entry, read_line};

use crate::kit::{CHAT, Gateway, MESSAGES, config, short, wait_until};

const POLICY: &str = r#"
provider p { kind: mock }
model cheap on p { price: { input: 1, output: 2 } }
model dear on p { price: { input: 3, output: 4 } }
tenant lanhai { keys: [env("PATH")] tier: "gold" }
route main {
  rule code when request.text.contains("kumquat") && tenant.tier == "gold" -> dear
  rule header when request.header("x-team") == "red" -> dear
  rule many when request.turns > 5 -> reject 403 "too long"
  default -> split { 50% cheap, 50% dear } by user.id
}
"#;

fn start(policy: &str) -> Gateway {
    let with_record = |dir: &std::path::Path| {
        let mut config = config(dir, short());
        config.record = Some(dir.join("record.jsonl"));
        config
    };
    Gateway::try_start(policy, with_record).unwrap()
}

fn text(gateway: &Gateway) -> String {
    std::fs::read_to_string(gateway.dir.path().join("record.jsonl")).unwrap()
}

fn entries(gateway: &Gateway, count: usize) -> Vec<Entry> {
    wait_until("the record", || text(gateway).lines().count() >= count);
    (1..).zip(text(gateway).lines()).map(|(number, line)| read_line(line, number).unwrap()).collect()
}

#[test]
fn a_request_is_recorded_without_its_words_and_without_a_key() {
    let gateway = start(POLICY);
    let key = std::env::var("PATH").unwrap();
    let body = r#"{"model":"asked-for","max_tokens":9,"system":"be a pelican","metadata":{"user_id":"alice@example.org"},"messages":[{"role":"user","content":"a kumquat for grandmother"}]}"#;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("x-team", "blue-whale")];
    gateway.post_with(MESSAGES, &headers, body).expect(200);
    let chat = r#"{"model":"asked-for","user":"alice@example.org","stream":true,"messages":[{"role":"user","content":"plain grandmother"}]}"#;
    gateway.post_with(CHAT, &headers, chat).expect(200);
    let recorded = entries(&gateway, 2);
    let written = text(&gateway);
    for private in ["grandmother", "a kumquat", "pelican", "alice", "whale", "asked-for", key.as_str()] {
        assert!(!written.contains(private), "{private} in {written}");
    }
    let mode = std::fs::metadata(gateway.dir.path().join("record.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let [code, default] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert_eq!((code.decision.as_deref(), code.model.as_deref()), (Some("main/code"), Some("dear")));
    assert_eq!((code.tenant.as_deref(), code.outcome.as_str(), code.attempts), (Some("lanhai"), "ok", 1));
    assert_eq!(code.holds.get(r#"request.text.contains("kumquat")"#), Some(&true));
    assert_eq!(code.holds.get(r#"request.header("x-team") == "red""#), Some(&false));
    assert!(code.usage.is_some() && code.cost_usd.is_some_and(|usd| usd > 0.0), "{code:?}");
    assert_eq!((default.decision.as_deref(), default.needs.stream), (Some("main/default"), true));
    // The one user is one hash, so that a split can be replayed.
    let id = |entry: &Entry| entry.facts.iter().find(|(var, _)| var.path() == "user.id").cloned();
    assert!(id(code).is_some() && id(code) == id(default), "{recorded:?}");
}

#[test]
fn a_refusal_and_a_record_that_was_moved_away_are_recorded() {
    let gateway =
        start(&POLICY.replace("request.turns > 5", "request.turns >= 1").replace("keys: [env(\"PATH\")] ", ""));
    let body = r#"{"model":"x","messages":[{"role":"user","content":"one"}]}"#;
    gateway.post(CHAT, body).expect(403);
    assert_eq!(entries(&gateway, 1)[0].outcome, "rejected");
    let path = gateway.dir.path().join("record.jsonl");
    std::fs::rename(&path, gateway.dir.path().join("record.1")).unwrap();
    gateway.server().reopen_record();
    wait_until("the new file", || path.exists());
    gateway.post(CHAT, body).expect(403);
    assert_eq!(entries(&gateway, 1).len(), 1);
}

#[test]
fn a_line_that_was_cut_off_takes_no_other_with_it() {
    let with_record = |dir: &std::path::Path| {
        let mut config = config(dir, short());
        let path = dir.join("record.jsonl");
        std::fs::write(&path, "{\"schema\":1,\"at\":\"20").unwrap();
        config.record = Some(path);
        config
    };
    let gateway = Gateway::try_start(POLICY, with_record).unwrap();
    let bearer = format!("Bearer {}", std::env::var("PATH").unwrap());
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    gateway.post_with(CHAT, &[("authorization", bearer.as_str())], body).expect(200);
    wait_until("the record", || text(&gateway).lines().count() >= 2);
    assert!(read_line(text(&gateway).lines().nth(1).unwrap(), 2).is_ok(), "{}", text(&gateway));
}

#[test]
fn a_record_that_cannot_be_written_refuses_to_start() {
    let refused =
        Gateway::try_start("provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }", |dir| {
            let mut config = config(dir, short());
            config.record = Some(dir.join("nowhere/record.jsonl"));
            config
        });
    match refused {
        Err(error @ StartError::Record { .. }) => {
            assert!(error.to_string().contains("nowhere/record.jsonl"), "{error}")
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}
