//! What the transforms of a model change, seen by the upstream that gets the request.

use std::io::Write as _;

use crate::kit::{CHAT, CHAT_ANSWER, CLAUDE, Gateway, MESSAGES, Upstream, answer};

/// A gateway before an upstream whose only model has this chain; and what the upstream reads.
#[track_caller]
fn reads(provider: &str, model: &str, block: &str, path: &str, body: &str) -> (String, String) {
    let upstream = Upstream::new(|_, stream| {
        let _ = stream.write_all(&answer("200 OK", "content-type: application/json\r\n", CHAT_ANSWER));
    });
    let gateway = Gateway::start(&format!(
        "{block}\nprovider p {{ kind: openai base: \"http://{}\" {provider} }}\nmodel m on p {{ {model} }}\n\
         route main {{ default -> m }}\n",
        upstream.address
    ));
    let reply = gateway.post(path, body).expect(200);
    let warned = reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-ccr-warning"));
    let warned: Vec<String> = warned.map(|(_, value)| value.clone()).collect();
    (upstream.last(), warned.join("\n"))
}

#[track_caller]
fn holds(seen: &str, parts: &[&str], others: &[&str]) {
    for part in parts {
        assert!(seen.contains(part), "no {part} in\n{seen}");
    }
    for other in others {
        assert!(!seen.contains(other), "{other} in\n{seen}");
    }
}

#[test]
fn a_chain_changes_what_the_upstream_reads() {
    let block = "transform own { set: { user: tenant.id, \"metadata.model\": model.name } headers: { \"x-model\": model.name } }";
    let (provider, model) = (
        "transform: [headers({ \"x-title\": \"ccr\" })]",
        "transform: [max_tokens(9), max_completion_tokens, sampling({ temperature: max(0.5) }), own]",
    );
    // Translated from Messages.
    let (seen, warned) = reads(provider, model, block, MESSAGES, CLAUDE);
    holds(
        &seen,
        &[
            "x-title: ccr",
            "x-model: m",
            "\"max_completion_tokens\":9",
            "\"user\":\"default\"",
            "\"metadata\":{\"model\":\"m\"}",
        ],
        &["\"max_tokens\"", "temperature"],
    );
    assert!(warned.contains("max_tokens lowered to 9, by the policy"), "{warned}");
    // In its own protocol.
    let body = r#"{"model":"any", "messages":[{"role":"user","content":"h\u00e9"}],"temperature":1}"#;
    let (seen, warned) = reads(provider, model, block, CHAT, body);
    holds(&seen, &["\"max_completion_tokens\":9", "\"temperature\":0.5", r#""content":"h\u00e9""#], &[]);
    assert!(warned.contains("`temperature` set to 0.5, by the policy"), "{warned}");
}

#[test]
fn a_chain_with_nothing_to_do_is_not_seen() {
    let body = r#"{"model":"m", "messages" : [{"role":"user","content":"hi"}] ,"max_tokens":5}"#;
    let (seen, warned) = reads("", "transform: [max_tokens(9), sampling({ top_p: max(0.9) })]", "", CHAT, body);
    assert!(seen.ends_with(body) && warned.is_empty(), "{seen}\n{warned}");
}

#[test]
fn a_dry_run_says_what_would_be_lost() {
    let gateway = Gateway::start(
        "provider p { kind: mock wire: openai }\nmodel m on p { transform: [max_tokens(9)] }\nroute main { default -> m }\n",
    );
    let text = gateway.post("/v1/route?protocol=anthropic", CLAUDE).expect(200).text();
    assert!(text.contains("max_tokens lowered to 9, by the policy"), "{text}");
}
