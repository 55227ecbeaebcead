//! What a client says about the model that it wants.

use crate::kit::Gateway;

const POLICY: &str = r#"
provider p { kind: mock }
model coder on p { upstream: "big" tags: [explicit] }
model mini on p {}
defaults { explicit: tagged }
route main { rule helper when request.subagent == "mini" -> mini default -> mini }
"#;

fn ask(gateway: &Gateway, model: &str) -> (String, String, String) {
    let body = format!(r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let reply = gateway.post("/v1/messages", &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let header = |name: &str| reply.header(name).to_owned();
    (header("x-ccr-model"), header("x-ccr-decision"), header("x-ccr-warning"))
}

#[test]
fn a_named_model_answers_where_the_policy_allows_it() {
    let gateway = Gateway::start(POLICY);
    for name in ["coder", "p,coder", "p/coder", "coder[1m]", "big"] {
        let (model, decision, warning) = ask(&gateway, name);
        assert_eq!((model.as_str(), decision.as_str()), ("coder", "main/explicit"), "{name}");
        assert!(!warning.contains("explicit"), "{name}: {warning}");
    }
    gateway.await_metric(
        r#"ccr_requests_total{model="coder",outcome="ok",protocol="anthropic",provider="p",route="main",rule="explicit"}"#,
        5.0,
    );
}

#[test]
fn a_name_that_means_nothing_is_left_to_the_rules() {
    let gateway = Gateway::start(POLICY);
    for name in ["claude-sonnet-4-6", "q,coder", "p/other"] {
        let (model, decision, warning) = ask(&gateway, name);
        assert_eq!((model.as_str(), decision.as_str(), warning.as_str()), ("mini", "main/default", ""), "{name}");
    }
}

#[test]
fn a_name_that_is_not_allowed_is_left_to_the_rules_with_a_word() {
    let denied = Gateway::start(&POLICY.replace("explicit: tagged", "explicit: deny"));
    for name in ["coder", "p,coder", "coder[1m]"] {
        let (model, decision, warning) = ask(&denied, name);
        assert_eq!((model.as_str(), decision.as_str()), ("mini", "main/default"), "{name}");
        assert!(warning.contains(&format!("`{name}` was not chosen")), "{name}: {warning}");
    }
    // The rules chose what was named: nothing to say.
    assert_eq!(ask(&denied, "p/mini").2, "");
}
