//! What both of OpenAI's protocols have: it goes on between them, and elsewhere is told of.

use serde_json::json;

use super::*;

const SAID: &str = r#""prompt_cache_key":"k","prompt_cache_retention":"24h","service_tier":"flex","safety_identifier":"u","store":true,"metadata":{"a":"1"}"#;

fn chat(rest: &str) -> (Protocol, String) {
    (Protocol::Chat, format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{rest}}}"#))
}

fn responses(rest: &str) -> (Protocol, String) {
    (Protocol::Responses, format!(r#"{{"input":"hi",{rest}}}"#))
}

fn sent((client, body): &(Protocol, String), wire: Wire, model: &str) -> Out {
    encoded(*client, body, &able(wire, model, &Capability::ALL)).unwrap()
}

#[test]
fn openais_protocols_have_them_from_each_other() {
    let expected = serde_json::from_str::<Value>(&format!("{{{SAID}}}")).unwrap();
    for (asked, wire) in [
        (chat(&format!(r#"{SAID},"verbosity":"low""#)), Wire::Responses),
        (responses(&format!(r#"{SAID},"text":{{"verbosity":"low"}}"#)), Wire::Chat),
    ] {
        let out = sent(&asked, wire, "gpt-5.2");
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&out.body[name], value, "{name} in {wire:?}");
        }
        let at = if wire == Wire::Chat { "/verbosity" } else { "/text/verbosity" };
        assert_eq!(out.body.pointer(at), Some(&json!("low")));
        assert_eq!(out.body["user"], Value::Null, "it is the safety identifier");
        assert!(out.warnings.contains("an id of its own") && !out.warnings.contains('`'), "{}", out.warnings);
    }
}

#[test]
fn whoever_else_is_asked_does_not_get_them() {
    let asked = responses(&format!(r#"{SAID},"text":{{"verbosity":"low"}}"#));
    for (wire, model) in [
        (Wire::Chat, "up"),
        (Wire::Chat, "openai/gpt-oss-120b"),
        (Wire::Anthropic, "claude-sonnet-4-5"),
        (Wire::Gemini, "gemini-2.5-flash"),
    ] {
        let out = sent(&asked, wire, model);
        for name in
            ["prompt_cache_key", "prompt_cache_retention", "service_tier", "safety_identifier", "store", "verbosity"]
        {
            assert_eq!(out.body[name], Value::Null, "{name} in {wire:?}");
        }
        for name in ["`service_tier`", "`text.verbosity`", "`metadata`", "not stored"] {
            assert!(out.warnings.contains(name), "{name} to {wire:?}: {}", out.warnings);
        }
        assert!(!out.warnings.contains("cache"), "{}", out.warnings);
    }
}

#[test]
fn hints_are_left_out_without_a_word() {
    let hints = r#""prompt_cache_key":"k","service_tier":"auto","store":false"#;
    for asked in [chat(&format!(r#"{hints},"verbosity":"medium""#)), responses(hints)] {
        for (wire, model) in [(Wire::Anthropic, "claude-sonnet-4-5"), (Wire::Gemini, "gemini-2.5-flash")] {
            assert_eq!(sent(&asked, wire, model).warnings, "", "{wire:?}");
        }
    }
}

#[test]
fn what_openai_would_refuse_is_told_of() {
    let out = sent(&responses(r#""metadata":{"a":"1"},"text":{"verbosity":"high"}"#), Wire::Chat, "gpt-4o");
    assert_eq!((&out.body["metadata"], &out.body["verbosity"]), (&Value::Null, &Value::Null));
    assert!(out.warnings.contains("`metadata`") && out.warnings.contains("`text.verbosity`"), "{}", out.warnings);
}
