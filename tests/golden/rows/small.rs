//! Section 5: counting, lists of models, errors. What the gateway does with them over sockets is tested in
//! `tests/gateway`; here are their shapes.

use bytes::Bytes;
use ccr_policy::protocol::errors::{self, AttemptFailure, ErrorReply, Place};
use ccr_policy::protocol::models::{self, ModelCard};
use serde_json::Value;

use crate::case::{PROTOCOLS, WIRES};
use crate::row::own_rows;
use crate::seen::{list, text};

own_rows! {
    models_in_each_dialect: 5, "the list of models has the caller's shape, and every model that the key may use", models_have_a_shape;
    errors_in_each_shape: 5, "an error has the caller's shape, its word fits the status", errors_have_a_shape;
    errors_name_attempts: 5, "an error says which attempt failed why, and when to come again", errors_tell_attempts;
    upstream_errors_read: 5, "an upstream's own error is read in every shape, keys in it are masked", upstream_errors_are_read;
}

type Pairs = Vec<(&'static str, &'static str)>;

/// These have no upstream: they hold for a client's protocol whatever stands behind it.
fn for_all(clients: impl Iterator<Item = &'static str>) -> Pairs {
    clients.flat_map(|client| WIRES.iter().map(move |(wire, _)| (client, *wire))).collect()
}

fn json(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn models_have_a_shape() -> Pairs {
    let card =
        |id: &str| ModelCard { id: id.into(), owner: "p".into(), created_unix: 86_400, context: None, output: None };
    let cards = [card("a"), card("b")];
    let mut tried = Vec::new();
    for (client, protocol) in PROTOCOLS {
        let body = json(&models::render(protocol, &cards, false));
        if client == "simple" {
            continue;
        }
        let shown = match client {
            "gemini" => {
                list(&body["models"]).iter().map(|model| text(&model["name"]).trim_start_matches("models/")).collect()
            }
            _ => list(&body["data"]).iter().map(|model| text(&model["id"])).collect::<Vec<_>>(),
        };
        assert_eq!(shown, ["a", "b"], "{client}: {body}");
        match client {
            "anthropic" => {
                assert_eq!((text(&body["first_id"]), text(&body["last_id"])), ("a", "b"));
                assert_eq!(body["data"][0]["created_at"], "1970-01-02T00:00:00Z");
                assert_eq!(body["has_more"], false);
            }
            "gemini" => {
                assert!(list(&body["models"][0]["supportedGenerationMethods"]).contains(&"generateContent".into()))
            }
            _ => assert_eq!((text(&body["object"]), text(&body["data"][0]["object"])), ("list", "model")),
        }
        tried.push(client);
    }
    for_all(tried.into_iter())
}

fn reply(status: u16) -> ErrorReply {
    let attempt = |model: &str, reason: &str| AttemptFailure { model: model.into(), reason: reason.into() };
    ErrorReply {
        status,
        kind: "all_attempts_failed".into(),
        message: "every attempt failed".into(),
        hint: Some("come again".into()),
        place: Place::default(),
        retry_after_s: Some(7),
        attempts: vec![attempt("fast", "timeout"), attempt("slow", "429")],
        request_id: "r1".into(),
    }
}

fn errors_have_a_shape() -> Pairs {
    let mut tried = Vec::new();
    for (client, protocol) in PROTOCOLS {
        // What the vendors' own libraries look at.
        let words: &[(u16, &str, &str)] = &[
            (400, "invalid_request_error", "INVALID_ARGUMENT"),
            (401, "authentication_error", "UNAUTHENTICATED"),
            (403, "permission_error", "PERMISSION_DENIED"),
            (404, "not_found_error", "NOT_FOUND"),
            (429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
        ];
        for (status, word, google) in words {
            let body = json(&errors::render(protocol, &reply(*status)));
            match client {
                "anthropic" => assert_eq!((text(&body["type"]), text(&body["error"]["type"])), ("error", *word)),
                "gemini" => {
                    assert_eq!(
                        (&body["error"]["code"], text(&body["error"]["status"])),
                        (&Value::from(*status), *google)
                    );
                }
                "simple" => assert_eq!(
                    (&body["success"], text(&body["error"]["kind"])),
                    (&Value::from(false), "all_attempts_failed")
                ),
                _ => {
                    assert_eq!(text(&body["error"]["type"]), *word, "{client}: {body}");
                    assert_eq!(text(&body["error"]["code"]), "all_attempts_failed");
                }
            }
        }
        let event = String::from_utf8(errors::event(protocol, &reply(503)).to_vec()).unwrap();
        assert!(event.ends_with("\n\n") && event.contains("data: {"), "{event}");
        tried.push(client);
    }
    for_all(tried.into_iter())
}

fn errors_tell_attempts() -> Pairs {
    for (client, protocol) in PROTOCOLS {
        let body = json(&errors::render(protocol, &reply(503)));
        let written = body.to_string();
        for told in ["every attempt failed", "fast", "timeout", "slow", "429", "come again"] {
            assert!(written.contains(told), "{client} does not tell `{told}`: {written}");
        }
    }
    for_all(PROTOCOLS.iter().map(|(client, _)| *client))
}

fn upstream_errors_are_read() -> Pairs {
    let bodies = [
        (
            "anthropic",
            r#"{"type":"error","error":{"type":"overloaded_error","message":"busy sk-ant-0123456789"}}"#,
            "overloaded_error",
        ),
        ("chat", r#"{"error":{"message":"busy sk-0123456789abc","type":"server_error","code":null}}"#, "server_error"),
        (
            "responses",
            r#"{"error":{"message":"busy sk-0123456789abc","type":"server_error","param":null,"code":null}}"#,
            "server_error",
        ),
        (
            "gemini",
            r#"[{"error":{"code":503,"message":"busy AIzaSy0123456789","status":"UNAVAILABLE"}}]"#,
            "UNAVAILABLE",
        ),
    ];
    let mut tried = Vec::new();
    for (wire, body, kind) in bodies {
        let (read, message) = errors::read_upstream_error(body.as_bytes());
        assert_eq!((read.as_str(), message.as_str()), (kind, "busy [key]"), "{wire}");
        tried.extend(PROTOCOLS.iter().map(|(client, _)| (*client, wire)));
    }
    tried
}
