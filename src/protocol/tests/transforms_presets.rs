//! What the habits of a preset change in a Chat request, translated and in its own protocol.

use serde_json::{Value, json};

use super::*;
use crate::dsl::policy::Capability;
use crate::dsl::transform::Transform;
use crate::dsl::transform::presets::preset;

/// What is sent to a preset's API: the body's member at a pointer, and the warnings.
fn sent(name: &str, client: Protocol, rest: &str) -> Result<(Value, String), EncodeError> {
    let known = preset(name).unwrap();
    // With the transforms that the preset brings along, as far as these tests look at them.
    let mut transforms = vec![Transform::Preset(known)];
    if known.transforms.contains(&"schema_clean") {
        transforms.push(Transform::SchemaClean(Vec::new()));
    }
    let wire = Wire::Chat;
    let can = &Capability::ALL;
    let target =
        Target { wire, model: "up", context: None, output_limit: None, can, stream: true, transforms: &transforms };
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let members = if rest.contains("\"messages\"") { rest.to_owned() } else { format!("{messages},{rest}") };
    let out = encode(&request(client, &format!(r#"{{"model":"m","max_tokens":9,{members}}}"#)), &target)?;
    Ok((serde_json::from_slice(&out.body.concat()).unwrap(), out.warnings.join("\n")))
}

#[track_caller]
fn check(name: &str, client: Protocol, rest: &str, pointer: &str, expected: Value, warned: &str) {
    let (body, warnings) = sent(name, client, rest).unwrap();
    assert_eq!(*body.pointer(pointer).unwrap_or(&Value::Null), expected, "{name}: {pointer} of {body}");
    assert_eq!(warnings, warned, "{name}: {body}");
}

const A: Protocol = Protocol::Anthropic;
const C: Protocol = Protocol::Chat;

const CHAT_TOOLS: &str =
    r#""tools":[{"type":"function","function":{"name":"t","parameters":{"type":"object"},"strict":true}}]"#;
const TOOLS: &str = r#""tools":[{"name":"t","input_schema":{"type":"object"},"strict":true}]"#;

#[test]
fn parallel_tool_calls_go_only_to_those_who_know_them() {
    let lost = "`parallel_tool_calls` was left out: the upstream has no such switch";
    let at = "/parallel_tool_calls";
    let one = r#","tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#;
    check("deepseek", A, &format!("{TOOLS}{one}"), at, Value::Null, lost);
    check("openai", A, &format!("{TOOLS}{one}"), at, json!(false), "");
    check("deepseek", C, &format!(r#"{CHAT_TOOLS},"parallel_tool_calls":false"#), at, Value::Null, lost);
    check("deepseek", C, &format!(r#"{CHAT_TOOLS},"parallel_tool_calls":true"#), at, Value::Null, "");
    check("openrouter", C, &format!(r#"{CHAT_TOOLS},"parallel_tool_calls":false"#), at, json!(false), "");
}

#[test]
fn a_demand_for_a_tool_becomes_a_choice_where_none_is_taken() {
    let lost = "`tool_choice` was sent as auto: the upstream takes no demand for a tool";
    let at = "/tool_choice";
    check("moonshot", A, &format!(r#"{TOOLS},"tool_choice":{{"type":"any"}}"#), at, json!("auto"), lost);
    check("moonshot", A, &format!(r#"{TOOLS},"tool_choice":{{"type":"tool","name":"t"}}"#), at, json!("auto"), lost);
    check("moonshot", A, &format!(r#"{TOOLS},"tool_choice":{{"type":"none"}}"#), at, json!("none"), "");
    check("moonshot", C, &format!(r#"{CHAT_TOOLS},"tool_choice":"required""#), at, json!("auto"), lost);
    check("moonshot", C, &format!(r#"{CHAT_TOOLS},"tool_choice":"auto""#), at, json!("auto"), "");
    check("openai", C, &format!(r#"{CHAT_TOOLS},"tool_choice":"required""#), at, json!("required"), "");
}

#[test]
fn a_policy_has_the_last_word_on_a_habit() {
    let params = Transform::Params(vec![("tool_choice".to_owned(), "\"required\"".to_owned())]);
    let transforms = [Transform::Preset(preset("glm").unwrap()), params];
    let target = Target { transforms: &transforms, ..super::transforms::to(Wire::Chat, &[]) };
    let body = format!(r#"{{"model":"m","messages":[],{CHAT_TOOLS},"tool_choice":"required"}}"#);
    let out = encode(&request(C, &body), &target).unwrap();
    let body: Value = serde_json::from_slice(&out.body.concat()).unwrap();
    assert_eq!(body["tool_choice"], "required");
}

#[test]
fn strict_goes_only_to_those_who_know_it() {
    let lost = "`strict` was left out: the upstream does not hold itself to schemas";
    let at = "/tools/0/function";
    let loose = json!({ "name": "t", "parameters": { "type": "object" } });
    check("glm", C, CHAT_TOOLS, at, loose.clone(), lost);
    check("glm", A, TOOLS, at, json!({ "name": "t", "parameters": { "type": "object" } }), lost);
    check("openai", C, CHAT_TOOLS, "/tools/0/function/strict", json!(true), "");
    let format = |strict: &str| {
        format!(
            r#""response_format":{{"type":"json_schema","json_schema":{{"name":"a",{strict}"schema":{{"type":"object"}}}}}}"#
        )
    };
    let plain = json!({ "name": "a", "schema": { "type": "object" } });
    check("glm", C, &format("\"strict\":true,"), "/response_format/json_schema", plain.clone(), lost);
    check("glm", C, &format(""), "/response_format/json_schema", plain, "");
    // A property of that name stays.
    let named = r#""tools":[{"type":"function","function":{"name":"t","parameters":{"properties":{"strict":{}}}}}]"#;
    let kept = json!({ "name": "t", "parameters": { "properties": { "strict": {} } } });
    check("glm", C, named, at, kept, "");
}

#[test]
fn as_many_stops_as_are_taken_are_sent() {
    let anthropic = r#""stop_sequences":["a","b","c","d","e","f"]"#;
    let of = |most: usize| format!("only {most} of 6 stop sequences were sent");
    check("deepseek", A, anthropic, "/stop", json!(["a", "b", "c", "d", "e", "f"]), "");
    check("moonshot", A, anthropic, "/stop", json!(["a", "b", "c", "d", "e"]), &of(5));
    check("openrouter", A, anthropic, "/stop", json!(["a", "b", "c", "d"]), &of(4));
    check("glm", A, anthropic, "/stop", json!(["a"]), &of(1));
    let chat = r#""stop":["a","b","c", "d","e","f"]"#;
    check("glm", C, chat, "/stop", json!(["a"]), &of(1));
    check("groq", C, chat, "/stop", json!(["a", "b", "c", "d"]), &of(4));
    check("deepseek", C, chat, "/stop", json!(["a", "b", "c", "d", "e", "f"]), "");
    check("glm", C, r#""stop":"a""#, "/stop", json!("a"), "");
}

#[test]
fn images_by_address_pass_over_those_who_do_not_fetch_them() {
    let chat = |url: &str| {
        format!(r#""messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]"#)
    };
    let anthropic = r#""messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://a.example/b.png"}}]}]"#;
    let refused = |name: &str, client, rest: &str| match sent(name, client, rest) {
        Err(EncodeError::Unsupported(reason)) => reason.contains("does not fetch (`preset`)"),
        _ => false,
    };
    for name in ["ollama", "deepseek", "moonshot", "lm-studio"] {
        assert!(refused(name, C, &chat("https://a.example/b.png")), "{name}");
        assert!(refused(name, A, anthropic), "{name}");
        assert!(sent(name, C, &chat("data:image/png;base64,AAAA")).is_ok(), "{name}");
    }
    check("openai", A, anthropic, "/messages/0/content/0/image_url/url", json!("https://a.example/b.png"), "");
    assert!(sent("openai", C, &chat("https://a.example/b.png")).is_ok());
}

#[test]
fn cache_marks_go_only_to_those_who_know_them() {
    let text =
        r#""messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]"#;
    let at = "/messages/0/content/0/cache_control";
    let mark = json!({ "type": "ephemeral" });
    for client in [A, C] {
        check("openrouter", client, text, at, mark.clone(), "");
        check("qwen", client, text, at, mark.clone(), "");
        for name in ["openai", "groq", "deepseek", "gemini"] {
            check(name, client, text, at, Value::Null, "");
        }
    }
}

#[test]
fn schemas_lose_what_the_api_refuses() {
    let schema = r#"{"$schema":"x","type":"object","properties":{"a":{"type":"integer","exclusiveMinimum":0}}}"#;
    let tools = format!(r#""tools":[{{"name":"t","input_schema":{schema}}}]"#);
    let chat_tools = format!(r#""tools":[{{"type":"function","function":{{"name":"t","parameters":{schema}}}}}]"#);
    let at = "/tools/0/function/parameters";
    let without = |exclusive: bool| {
        let a = if exclusive { json!({"type":"integer","exclusiveMinimum":0}) } else { json!({"type":"integer"}) };
        json!({ "type": "object", "properties": { "a": a } })
    };
    for (client, tools) in [(A, &tools), (C, &chat_tools)] {
        let told = "schemas cleaned: `$schema`, `exclusiveMinimum` taken out of 1 schema";
        check("gemini", client, tools, at, without(false), told);
        check("groq", client, tools, at, without(true), "");
        let whole: Value = serde_json::from_str(schema).unwrap();
        check("openai", client, tools, at, whole, "");
    }
}
