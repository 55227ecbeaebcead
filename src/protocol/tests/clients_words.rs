//! A client's own words: its names in warnings, its schemas on the way to its own protocol.

use serde_json::json;

use super::transforms::{chain, facts, to};
use super::*;

const TALK: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

/// What a client of a protocol is told when its members go to a wire.
#[track_caller]
fn told(client: Protocol, wire: Wire, members: &str, expected: &[&str]) {
    let out = encode(&request(client, &format!("{{{members}}}")), &able(wire, "up", &Capability::ALL)).unwrap();
    assert_eq!(out.warnings, expected, "{client:?} to {wire:?}: {members}");
}

#[test]
fn warnings_name_members_as_the_client_did() {
    let left_out = |name: &str| format!("`{name}` is not known to the upstream's protocol and was left out");
    let one = |client, wire, members: &str, name: &str| told(client, wire, members, &[&left_out(name)]);
    let anthropic = |members: &str| format!(r#"{TALK},"max_tokens":50,{members}"#);
    one(Protocol::Anthropic, Wire::Responses, &anthropic(r#""stop_sequences":["x"]"#), "stop_sequences");
    one(Protocol::Anthropic, Wire::Gemini, &anthropic(r#""metadata":{"user_id":"u"}"#), "metadata.user_id");
    one(Protocol::Anthropic, Wire::Chat, &anthropic(r#""top_k":3"#), "top_k");
    one(Protocol::Chat, Wire::Responses, &format!(r#"{TALK},"stop":"x""#), "stop");
    one(Protocol::Chat, Wire::Gemini, &format!(r#"{TALK},"user":"u""#), "user");
    one(Protocol::Chat, Wire::Gemini, &format!(r#"{TALK},"safety_identifier":"u""#), "safety_identifier");
    let gemini = |config: &str| {
        format!(r#""contents":[{{"role":"user","parts":[{{"text":"hi"}}]}}],"generationConfig":{{{config}}}"#)
    };
    one(Protocol::Gemini, Wire::Chat, &gemini(r#""topK":3"#), "topK");
    one(Protocol::Gemini, Wire::Responses, &gemini(r#""stopSequences":["x"]"#), "stopSequences");
    one(Protocol::Gemini, Wire::Anthropic, &gemini(r#""presencePenalty":0.5"#), "presencePenalty");
}

#[test]
fn a_lowered_cap_has_the_clients_name() {
    let lowered = |name: &str| format!("{name} lowered to 8000, the most that the model gives");
    let gemini = r#""contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":9000}"#;
    for (client, wire, members, name) in [
        (Protocol::Responses, Wire::Chat, r#""input":"hi","max_output_tokens":9000"#, "max_output_tokens"),
        (Protocol::Gemini, Wire::Responses, gemini, "maxOutputTokens"),
        (Protocol::Chat, Wire::Responses, &format!(r#"{TALK},"max_tokens":9000"#), "max_tokens"),
        (Protocol::Chat, Wire::Anthropic, &format!(r#"{TALK},"max_completion_tokens":9000"#), "max_completion_tokens"),
        (Protocol::Anthropic, Wire::Responses, &format!(r#"{TALK},"max_tokens":9000"#), "max_tokens"),
    ] {
        told(client, wire, members, &[&lowered(name)]);
    }
}

#[test]
fn responses_gives_no_less_than_sixteen_tokens() {
    for (asked, sent, warned) in [
        (1, 16, "max_tokens raised to 16, the least that the upstream takes"),
        (15, 16, "max_tokens raised to 16, the least that the upstream takes"),
        (16, 16, ""),
        (17, 17, ""),
    ] {
        let body = format!(r#"{{{TALK},"max_tokens":{asked}}}"#);
        let out = encoded(Protocol::Chat, &body, &able(Wire::Responses, "up", &Capability::ALL)).unwrap();
        assert_eq!((&out.body["max_output_tokens"], &*out.warnings), (&json!(sent), warned));
    }
}

/// What a chain makes of the first declaration of a Gemini client.
fn declared(list: &str, declaration: &str) -> Value {
    let body = format!(
        r#"{{"model":"m","contents":[{{"role":"user","parts":[{{"text":"hi"}}]}}],"tools":[{{"functionDeclarations":[{declaration}]}}]}}"#
    );
    let transforms = chain(Wire::Gemini, list, "");
    let out =
        crate::protocol::encode(&request(Protocol::Gemini, &body), &to(Wire::Gemini, &transforms), &facts()).unwrap();
    let body: Value = serde_json::from_slice(&out.body.concat()).unwrap();
    body["tools"][0]["functionDeclarations"][0].clone()
}

#[test]
fn geminis_own_schemas_are_cleaned_in_their_own_words() {
    let own = r#"{"name":"f","parameters":{"type":"OBJECT","properties":{"path":{"type":"STRING","nullable":true}}}}"#;
    assert_eq!(declared("schema_clean", own), serde_json::from_str::<Value>(own).unwrap());
    let refused = r#"{"name":"f","parameters":{"$schema":"x","type":"OBJECT","properties":{"path":{"type":"STRING","format":"uri","nullable":true,"min_length":"2"},"format":{"any_of":[{"type":"STRING","default":"a"}]}},"additional_properties":false}}"#;
    let cleaned = json!({"type":"OBJECT","properties":{
        "path":{"type":"STRING","nullable":true,"min_length":"2"},
        "format":{"any_of":[{"type":"STRING"}]},
    }});
    assert_eq!(declared("schema_clean", refused)["parameters"], cleaned);
    // Written anew with the conversation, they are Google's words still.
    let anew = declared("schema_clean, system_as_user", own);
    assert_eq!(anew["parameters"]["properties"]["path"]["nullable"], json!(true));
}

#[test]
fn emulated_tools_stand_one_a_line() {
    let tools = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\n  \"type\": \"object\",\n  \"properties\": {\"a \\\" b\": {\"type\": \"string\"}}\n}}}]";
    let transforms = chain(Wire::Chat, "emulate_tools", "");
    let can = [Capability::Vision];
    let target = Target { can: &can, ..to(Wire::Chat, &transforms) };
    let out = encoded(Protocol::Chat, &format!("{{{TALK},{tools}}}"), &target).unwrap();
    let line = r#"{"name":"f","arguments":{"type":"object","properties":{"a \" b":{"type":"string"}}}}"#;
    let system = out.body["messages"][0]["content"].to_string();
    let system: String = serde_json::from_str::<Value>(&system).unwrap().to_string();
    let shown = serde_json::to_string(&format!("Your tools, one a line:\n{line}")).unwrap();
    assert!(system.contains(shown.trim_matches('"')), "{system}");
}
