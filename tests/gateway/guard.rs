//! Who may come in.

use std::path::Path;

use ccr_policy::gateway::config::Config;

use crate::kit::{CHAT, Gateway, HELLO, MESSAGES, config, request, short};

const OPEN: &str = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n";

fn status(gateway: &Gateway, headers: &[(&str, &str)]) -> u16 {
    gateway.post_with(CHAT, headers, HELLO).status
}

#[test]
fn web_pages_and_foreign_names_stay_outside() {
    let gateway =
        Gateway::try_start(OPEN, |dir| Config { hosts: vec!["gateway.test".to_owned()], ..config(dir, short()) })
            .unwrap();
    assert_eq!(status(&gateway, &[("origin", "http://localhost")]), 403);
    assert_eq!(status(&gateway, &[("host", "evil.example")]), 403);
    assert_eq!(status(&gateway, &[("host", "gateway.test:1")]), 200);
    assert_eq!(status(&gateway, &[("host", &gateway.address.to_string())]), 200);
    assert_eq!(gateway.send(&request("GET", "/metrics", &[("host", "evil.example")], "")).status, 403);
    let refused = gateway.post_with(MESSAGES, &[("origin", "null")], HELLO);
    assert_eq!(refused.json()["error"]["type"], "permission_error");
}

/// The keys of a test: an environment cannot be changed while threads read it, so the variables
/// are those that every test run has.
fn keyed(variable: &str) -> String {
    format!("tenant team {{ keys: [env(\"{variable}\")] tier: \"gold\" }}\n{OPEN}")
}

#[test]
fn with_keys_nothing_is_open_but_the_public_pages() {
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    let gateway = Gateway::start(&keyed("CARGO_PKG_NAME"));
    assert_eq!(status(&gateway, &[]), 401);
    assert_eq!(status(&gateway, &[("x-api-key", "wrong")]), 401);
    assert_eq!(status(&gateway, &[("x-api-key", &key)]), 200);
    assert_eq!(status(&gateway, &[("authorization", &format!("Bearer {key}"))]), 200);
    for path in ["/", "/health", "/ready", "/metrics"] {
        gateway.get(path).expect(200);
    }
    for path in ["/v1/models", "/nope"] {
        gateway.get(path).expect(401);
    }
    assert!(gateway.get("/health").json()["providers"][0].get("address").is_none());
    let refused = gateway.post(MESSAGES, HELLO).expect(401).json();
    assert_eq!(refused["error"]["type"], "authentication_error");
    let counted = r#"ccr_requests_total{model="none",outcome="client_error",protocol="chat",provider="none",route="none",rule="none"}"#;
    gateway.await_metric(counted, 2.0);
}

fn everywhere(dir: &Path) -> Config {
    Config { listen: "0.0.0.0:0".parse().unwrap(), ..config(dir, short()) }
}

#[test]
fn without_keys_it_serves_this_machine_only() {
    let error = Gateway::try_start(OPEN, everywhere).err().unwrap().to_string();
    assert!(error.contains("loopback only"), "{error}");
    Gateway::try_start(&keyed("CARGO_PKG_NAME"), everywhere).map(drop).unwrap();
}

#[test]
fn a_key_that_is_not_there_is_an_error() {
    let error = Gateway::try_start(&keyed("CCR_TEST_NOT_SET"), |dir| config(dir, short())).err().unwrap().to_string();
    assert!(error.contains("CCR_TEST_NOT_SET"), "{error}");
}
