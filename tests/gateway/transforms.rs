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
    assert!(warned.contains("`temperature` was replaced, by the policy"), "{warned}");
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
    assert!(text.contains(r#""changes":["max_tokens: `max_tokens` lowered to 9"]"#), "{text}");
}

const RESPONSES: &str = "/v1/responses";
const GENERATE: &str = "/v1beta/models/m:generateContent";

/// A client of each protocol, with a temperature and a cap.
const CLIENTS: [(&str, &str); 4] = [
    (MESSAGES, r#"{"model":"m","max_tokens":64,"temperature":0.9,"messages":[{"role":"user","content":"hello"}]}"#),
    (CHAT, r#"{"model":"m","max_tokens":64,"temperature":0.9,"messages":[{"role":"user","content":"hello"}]}"#),
    (RESPONSES, r#"{"model":"m","max_output_tokens":64,"temperature":0.9,"store":false,"input":"hello"}"#),
    (
        GENERATE,
        r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"temperature":0.9,"maxOutputTokens":64}}"#,
    ),
];

/// Each kind of provider, an answer of its, and where its members stand.
const KINDS: [(&str, &str, [&str; 3]); 4] = [
    (
        "anthropic",
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"fine"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}"#,
        ["/temperature", "/max_tokens", "/metadata/team"],
    ),
    ("openai", CHAT_ANSWER, ["/temperature", "/max_tokens", "/metadata/team"]),
    (
        "responses",
        r#"{"id":"resp_1","object":"response","status":"completed","error":null,"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"fine"}]}],"usage":{"input_tokens":3,"output_tokens":1}}"#,
        ["/temperature", "/max_output_tokens", "/metadata/team"],
    ),
    (
        "gemini",
        r#"{"candidates":[{"content":{"parts":[{"text":"fine"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4}}"#,
        ["/generationConfig/temperature", "/generationConfig/maxOutputTokens", "/metadata/team"],
    ),
];

#[test]
fn every_wire_is_changed_for_every_client() {
    for (kind, said, [temperature, cap, team]) in KINDS {
        let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", said));
        let gateway = Gateway::start(&format!(
            "transform own {{ set: {{ \"metadata.team\": tenant.id }} headers: {{ \"x-model\": model.name }} }}\n\
             provider p {{ kind: {kind} base: \"http://{}\" transform: [params({{ extra: {{ a: 1 }} }})] }}\n\
             model m on p {{ transform: [max_tokens(32), sampling({{ temperature: 0.2 }}), own] }}\n\
             route main {{ default -> m }}\n",
            upstream.address
        ));
        for (path, body) in CLIENTS {
            let reply = gateway.post(path, body).expect(200);
            assert!(reply.text().contains("fine"), "{path} of {kind}: {}", reply.text());
            let seen = upstream.last();
            assert!(seen.contains("x-model: m\r\n"), "{path} to {kind}: {seen}");
            let sent: serde_json::Value = serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
            let at = |pointer: &str| sent.pointer(pointer).cloned().unwrap_or_default();
            assert_eq!((at(temperature), at(cap)), (0.2.into(), 32.into()), "{path} to {kind}: {sent}");
            assert_eq!((at(team), at("/extra/a")), ("default".into(), 1.into()), "{path} to {kind}: {sent}");
            let warned = reply.header("x-ccr-warning");
            assert!(warned.contains("was replaced, by the policy"), "{path} to {kind}: {warned}");
        }
    }
}

#[test]
fn what_is_changed_is_what_each_api_takes() {
    // The mock refuses what the vendor would refuse.
    for (kind, _, _) in KINDS {
        let gateway = Gateway::start(&format!(
            "provider p {{ kind: mock wire: {kind} }}\n\
             model m on p {{ transform: [max_tokens(32), sampling({{ temperature: 0.2, top_p: max(0.9) }})] }}\n\
             route main {{ default -> m }}\n"
        ));
        for (path, body) in CLIENTS {
            gateway.post(path, body).expect(200);
        }
    }
}

#[test]
fn a_preset_passes_over_its_model_for_an_image_that_it_would_not_fetch() {
    let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", CHAT_ANSWER));
    let gateway = Gateway::start(&format!(
        "provider p {{ kind: openai base: \"http://{0}\" preset: ollama }}\nprovider q {{ kind: openai base: \"http://{0}\" }}\n\
         model near on p {{ can: [vision] }}\nmodel far on q {{ can: [vision] }}\nroute main {{ default -> near then far }}\n",
        upstream.address
    ));
    let body = |url: &str| {
        format!(
            r#"{{"model":"any","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
        )
    };
    let asks = |url: &str| gateway.post(CHAT, &body(url)).expect(200).header("x-ccr-model").to_owned();
    assert_eq!(asks("https://example.org/a.png"), "far");
    assert_eq!(asks("data:image/png;base64,iVBORw0KGgo="), "near");
}
