//! OpenAI Responses on both sides: its requests here, answers and streams below.

mod answers;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dsl::policy::Capability;

const ALL: &[Capability] = &Capability::ALL;

fn target<'a>(wire: Wire, model: &'a str) -> Target<'a> {
    able(wire, model, ALL)
}

/// A Responses request for a Chat upstream.
fn to_chat(rest: &str) -> Out {
    encoded(Protocol::Responses, &format!(r#"{{"model":"m",{rest}}}"#), &target(Wire::Chat, "up")).unwrap()
}

/// An Anthropic request for a Responses upstream.
fn from_anthropic(rest: &str) -> Out {
    let body = format!(r#"{{"model":"m","max_tokens":100,{rest}}}"#);
    encoded(Protocol::Anthropic, &body, &target(Wire::Responses, "gpt-5.2")).unwrap()
}

#[track_caller]
fn check(out: &Out, pointer: &str, expected: Value) {
    assert_eq!(out.body.pointer(pointer).cloned().unwrap_or_default(), expected, "{}", out.body);
}

#[track_caller]
fn chat_messages(input: &str, expected: Value) {
    check(&to_chat(&format!(r#""input":{input}"#)), "/messages", expected);
}

#[track_caller]
fn input_items(messages: &str, expected: Value) {
    check(&from_anthropic(&format!(r#""messages":{messages}"#)), "/input", expected);
}

/// A turn as Codex sends it, shortened.
const CODEX: &str = r#"{"model":"gpt-5-codex","stream":true,"store":false,"parallel_tool_calls":true,"tool_choice":"auto",
 "input":[
  {"type":"message","role":"developer","content":[{"type":"input_text","text":"Be careful."}]},
  {"type":"message","role":"user","content":[{"type":"input_text","text":"fix it"},{"type":"input_image","image_url":"data:image/png;base64,iVBO"}]},
  {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"let me see"}],"content":null,"encrypted_content":"gAAA"},
  {"type":"function_call","name":"exec","arguments":"{\"cmd\":\"ls\"}","call_id":"call_1"},
  {"type":"custom_tool_call","name":"apply_patch","input":"*** Begin\n\"x\"","call_id":"call_2","status":"completed"},
  {"type":"function_call","name":"find","namespace":"crm","arguments":"{}","call_id":"call_3"},
  {"type":"function_call_output","call_id":"call_1","output":"a.rs"},
  {"type":"custom_tool_call_output","call_id":"call_2","output":[{"type":"input_text","text":"done"}]},
  {"type":"function_call_output","call_id":"call_3","output":"none"}],
 "tools":[
  {"type":"function","name":"exec","description":"runs","strict":false,"parameters":{"type":"object"}},
  {"type":"custom","name":"apply_patch","description":"edits","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
  {"type":"namespace","name":"crm","description":"customers","tools":[{"type":"function","name":"find","description":"finds","parameters":{"type":"object"}}]},
  {"type":"web_search"}],
 "reasoning":{"effort":"high","summary":"auto"},"include":["reasoning.encrypted_content"],"prompt_cache_key":"k-1","client_metadata":{"a":"b"}}"#;

#[test]
fn codex_is_translated_to_chat() {
    let out = encoded(Protocol::Responses, CODEX, &target(Wire::Chat, "gpt-5")).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&out.body).unwrap());
    assert_eq!(out.warnings, "");
}

#[test]
fn codex_is_translated_to_anthropic() {
    let out = encoded(Protocol::Responses, CODEX, &target(Wire::Anthropic, "claude-sonnet-4-5")).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&out.body).unwrap());
}

#[test]
fn codex_reaches_its_own_protocol_byte_for_byte() {
    let body = CODEX.replace("gpt-5-codex", "up");
    let out = encode(&request(Protocol::Responses, CODEX), &target(Wire::Responses, "up")).unwrap();
    assert_eq!(String::from_utf8(out.body.concat()).unwrap(), body);
    assert!(out.warnings.is_empty());
}

#[test]
fn items_become_messages() {
    chat_messages(r#""hello""#, json!([{"role":"user","content":"hello"}]));
    chat_messages(r#"[{"role":"user","content":"hello"}]"#, json!([{"role":"user","content":"hello"}]));
    chat_messages(
        r#"[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":[{"type":"output_text","text":"a"}]},{"role":"developer","content":"d"},{"role":"user","content":"v"}]"#,
        json!([{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"system","content":"d"},{"role":"user","content":"v"}]),
    );
    chat_messages(
        r#"[{"role":"user","content":[{"type":"input_file","filename":"a.pdf","file_data":"JVBE"}]}]"#,
        json!([{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}]}]),
    );
    chat_messages(
        r#"[{"type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}},{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"no"}]}]"#,
        json!([{"role":"assistant","content":"[searched the web: q]\n\nno"}]),
    );
    chat_messages(
        r#"[{"type":"local_shell_call","call_id":"c","action":{"command":["ls"]}},{"type":"local_shell_call_output","call_id":"c","output":"x"}]"#,
        json!([{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"local_shell","arguments":"{\"command\":[\"ls\"]}"}}]},{"role":"tool","content":"x","tool_call_id":"c"}]),
    );
}

#[test]
fn what_cannot_be_carried_over_is_told() {
    let warns = |rest: &str, words: &str| {
        let out = to_chat(&format!(r#""input":"x",{rest}"#));
        assert!(out.warnings.contains(words), "{rest}: {}", out.warnings);
    };
    warns(r#""store":true"#, "not stored");
    warns(r#""metadata":{"a":"b"}"#, "`metadata`");
    warns(r#""truncation":"auto""#, "truncation");
    warns(r#""text":{"verbosity":"low"}"#, "text.verbosity");
    warns(r#""include":["file_search_call.results"]"#, "file_search_call.results");
    warns(r#""tools":[{"type":"file_search","vector_store_ids":[]}]"#, "file_search");
    warns(r#""tool_choice":{"type":"file_search"}"#, "file_search");
    let out = to_chat(r#""input":[{"type":"mcp_call","name":"n","server_label":"s","arguments":"{}"}]"#);
    assert!(out.warnings.contains("mcp_call"), "{}", out.warnings);
    let quiet = r#""input":"x","store":false,"truncation":"disabled","metadata":{},"service_tier":"auto","top_logprobs":0,"background":false,"stream_options":{"include_obfuscation":false}"#;
    assert_eq!(to_chat(quiet).warnings, "");
}

#[test]
fn what_only_its_own_upstream_knows_skips_the_others() {
    for rest in [
        r#""previous_response_id":"resp_1""#,
        r#""conversation":"conv_1","input":"x""#,
        r#""prompt":{"id":"p"}"#,
        r#""background":true,"input":"x""#,
        r#""input":[{"type":"item_reference","id":"msg_1"}]"#,
        r#""input":[{"type":"compaction","encrypted_content":"x"}]"#,
    ] {
        let body = format!(r#"{{"model":"m",{rest}}}"#);
        for wire in [Wire::Chat, Wire::Anthropic] {
            let refused = encoded(Protocol::Responses, &body, &target(wire, "up")).err();
            assert!(
                matches!(&refused, Some(EncodeError::Unsupported(why)) if why.contains("`responses`")),
                "{refused:?}"
            );
        }
        let own = encode(&request(Protocol::Responses, &body), &target(Wire::Responses, "m")).unwrap();
        assert_eq!(own.body.concat(), body.as_bytes());
    }
}

#[test]
fn wrong_requests_are_refused() {
    let refused =
        |body: &str| Request::parse(Protocol::Responses, Bytes::copy_from_slice(body.as_bytes())).unwrap_err();
    assert_eq!(refused(r#"{"model":"m"}"#).message, "`input`: field required");
    assert_eq!(refused(r#"{"model":"m","input":3}"#).message, "`input`: a text or a list of items is required");
    for input in [
        r#"[3]"#,
        r#"[{}]"#,
        r#"[{"role":"nobody","content":"x"}]"#,
        r#"[{"role":"user","content":[{"type":"video"}]}]"#,
        r#"[{"role":"user","content":[{"type":"input_image"}]}]"#,
    ] {
        let body = format!(r#"{{"model":"m","input":{input}}}"#);
        let wrong = encoded(Protocol::Responses, &body, &target(Wire::Chat, "up")).err();
        assert!(matches!(wrong, Some(EncodeError::BadRequest(_))), "{input}: {wrong:?}");
    }
}

#[test]
fn choices_of_tools_are_mapped() {
    let tools = r#""input":"x","tools":[{"type":"function","name":"a","parameters":{}},{"type":"custom","name":"b"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"a","parameters":{}}]}]"#;
    let chosen = |choice: &str, expected: Value| {
        check(&to_chat(&format!(r#"{tools},"tool_choice":{choice}"#)), "/tool_choice", expected);
    };
    chosen(r#""auto""#, json!("auto"));
    chosen(r#""required""#, json!("required"));
    chosen(r#""none""#, json!("none"));
    chosen(r#"{"type":"function","name":"a"}"#, json!({"type":"function","function":{"name":"a"}}));
    chosen(r#"{"type":"custom","name":"b"}"#, json!({"type":"function","function":{"name":"b"}}));
    let allowed = r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"custom","name":"b"}]}"#;
    chosen(allowed, json!("required"));
    let out = to_chat(&format!(r#"{tools},"tool_choice":{allowed}"#));
    assert_eq!(out.body["tools"].as_array().unwrap().len(), 1, "{}", out.body);
    check(&out, "/tools/0/function/name", json!("b"));
}

#[test]
fn thinking_is_only_asked_for_when_it_was() {
    check(&to_chat(r#""input":"x""#), "/reasoning_effort", Value::Null);
    let effort = |model: &str, rest: &str, expected: Value| {
        let body = format!(r#"{{"model":"m","max_tokens":100,"messages":[{{"role":"user","content":"x"}}]{rest}}}"#);
        let out = encoded(Protocol::Anthropic, &body, &target(Wire::Responses, model)).unwrap();
        check(&out, "/reasoning", expected);
    };
    effort("gpt-5.2", "", Value::Null);
    effort("gpt-5.2", r#","thinking":{"type":"disabled"}"#, json!({"effort":"none"}));
    effort("o3", r#","thinking":{"type":"disabled"}"#, Value::Null);
    let on = r#","thinking":{"type":"adaptive"},"output_config":{"effort":"high"}"#;
    effort("gpt-5.2", on, json!({"effort":"high","summary":"auto"}));
}

#[test]
fn messages_become_items() {
    input_items(
        r#"[{"role":"user","content":"hi"}]"#,
        json!([{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}]),
    );
    input_items(
        r#"[{"role":"user","content":"hi"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"foreign","signature":"s"},{"type":"thinking","thinking":"own","signature":"ccr1.responses.gAAA"},{"type":"text","text":"I will."},{"type":"tool_use","id":"t1","name":"run","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}]},{"type":"text","text":"go on"}]},
            {"role":"system","content":"note"}]"#,
        json!([
            {"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]},
            {"type":"reasoning","summary":[{"type":"summary_text","text":"own"}],"encrypted_content":"gAAA"},
            {"type":"message","role":"assistant","content":"I will."},
            {"type":"function_call","call_id":"t1","name":"run","arguments":"{\"a\":1}"},
            {"type":"function_call_output","call_id":"t1","output":[{"type":"input_text","text":"[error]"},{"type":"input_text","text":"no"},{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,iVBO"}]},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"go on"}]},
            {"type":"message","role":"developer","content":"note"}
        ]),
    );
}

#[test]
fn a_request_for_a_responses_upstream_keeps_nothing_there() {
    let out = from_anthropic(
        r#""system":"s","messages":[{"role":"user","content":"x"}],"stream":true,"stop_sequences":["y"],"temperature":0.5,
           "tools":[{"name":"run","description":"d","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search"}],
           "tool_choice":{"type":"any","disable_parallel_tool_use":true},"metadata":{"user_id":"u"}"#,
    );
    let mut body = out.body.clone();
    body.as_object_mut().unwrap().remove("input");
    assert_eq!(
        body,
        json!({"model":"gpt-5.2","instructions":"s","max_output_tokens":100,"store":false,"stream":true,"user":"u",
            "include":["reasoning.encrypted_content"],"tool_choice":"required","parallel_tool_calls":false,
            "tools":[{"type":"function","name":"run","description":"d","parameters":{"type":"object"},"strict":false},{"type":"web_search"}]})
    );
    assert!(out.warnings.contains("`stop_sequences`") && out.warnings.contains("`temperature`"), "{}", out.warnings);
}

#[test]
fn reasoning_of_other_makers_does_not_reach_a_responses_upstream() {
    let item = |id: &str, encrypted: &str| format!(r#"{{"type":"reasoning","id":"{id}","summary":[]{encrypted}}}"#);
    let own = item("rs_0a1b", r#","encrypted_content":"gAAA""#);
    let signed = item("rs_0a1b_0", r#","encrypted_content":"ccr1.anthropic.abc""#);
    let unsigned = item("rs_0a1b_1", "");
    let message = r#"{"role":"user","content":"x"}"#;
    let body = format!(r#"{{"model":"m","input":[{signed},{own},{unsigned},{message}]}}"#);
    let out = encode(&request(Protocol::Responses, &body), &target(Wire::Responses, "m")).unwrap();
    let expected = format!(r#"{{"model":"m","input":[{own},{message}]}}"#);
    assert_eq!(String::from_utf8(out.body.concat()).unwrap(), expected);
}

#[test]
fn what_a_model_cannot_is_taken_out_of_its_own_protocol() {
    let body = r#"{"model":"m","input":"x","instructions":"i","reasoning":{"effort":"high"},"include":["reasoning.encrypted_content"],"text":{"format":{"type":"json_schema","name":"n","schema":{"a":1}},"verbosity":"low"},"tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"},"parallel_tool_calls":true}"#;
    let none = Target { can: &[], ..target(Wire::Responses, "m") };
    let out = encoded(Protocol::Responses, body, &none).unwrap();
    let text = out.body["instructions"].as_str().unwrap();
    assert!(text.starts_with("i\n\nAnswer with one JSON object"), "{text}");
    let mut body = out.body.clone();
    body.as_object_mut().unwrap().remove("instructions");
    assert_eq!(body, json!({"model":"m","input":"x","text":{"verbosity":"low"}}));
}

#[test]
fn facts_are_read() {
    let request = request(Protocol::Responses, CODEX);
    let needs = request.needs();
    assert!(needs.tools && needs.vision && needs.thinking && needs.parallel_tools && needs.web_search && needs.stream);
    assert_eq!(request.attachments().images, 1);
    let tools: Vec<_> = content::tool_kinds(&request).map(|tool| (tool.name.into_owned(), tool.server)).collect();
    let named = |name: &str, server| (name.to_owned(), server);
    assert_eq!(
        tools,
        [named("exec", false), named("apply_patch", false), named("crm__find", false), named("web_search", true)]
    );
    assert_eq!(request.session_id(&http::HeaderMap::new()).as_deref(), Some("k-1"));
    let headers = http::HeaderMap::new();
    let session = crate::facts::SessionFacts::default();
    let around = crate::protocol::facts::Around {
        session: &session,
        tenant_id: "",
        tenant_tier: "",
        tenant_tags: &[],
        key_id: "",
        key_tags: &[],
        now: chrono::DateTime::UNIX_EPOCH,
    };
    let facts = crate::protocol::facts::RequestFacts::new(&request, &headers, around);
    let text = |var| match crate::facts::Facts::get(&facts, var) {
        crate::facts::Fact::Str(text) => text.to_owned(),
        crate::facts::Fact::Int(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    use crate::facts::Var;
    assert_eq!(text(Var::RequestText), "fix it");
    assert_eq!(text(Var::RequestSystem), "Be careful.");
    assert_eq!(text(Var::RequestTurns), "1");
    assert_eq!(text(Var::RequestEffort), "high");
    assert!(text(Var::RequestTokens).parse::<u64>().unwrap() > 1_600);
}
