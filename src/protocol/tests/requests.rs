//! Requests between Anthropic and Chat.

mod adapted;
mod generated;

use serde_json::{Value, json};

use super::*;
use crate::dsl::policy::Capability;

const ALL: &[Capability] = &Capability::ALL;

fn to_chat(rest: &str) -> Out {
    let body = format!(r#"{{"model":"m","max_tokens":100,{rest}}}"#);
    encoded(Protocol::Anthropic, &body, &able(Wire::Chat, "up", ALL)).unwrap()
}

fn to_anthropic(rest: &str) -> Out {
    encoded(Protocol::Chat, &format!(r#"{{"model":"m",{rest}}}"#), &able(Wire::Anthropic, "up", ALL)).unwrap()
}

#[track_caller]
fn check(out: &Out, pointer: &str, expected: Value) {
    assert_eq!(out.body.pointer(pointer).cloned().unwrap_or_default(), expected, "{}", out.body);
}

#[track_caller]
fn chat_messages(messages: &str, expected: Value) {
    check(&to_chat(&format!(r#""messages":{messages}"#)), "/messages", expected);
}

#[track_caller]
fn anthropic_messages(messages: &str, expected: Value) {
    check(&to_anthropic(&format!(r#""messages":{messages}"#)), "/messages", expected);
}

/// A turn as Claude Code sends it, shortened.
const CLAUDE_CODE: &str = r#"{"model":"claude-sonnet-4-5","max_tokens":32000,"stream":true,
 "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1"},{"type":"text","text":"You are Claude Code.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"Be brief.\n"}],
 "tools":[{"name":"Bash","description":"Runs \"it\"","input_schema":{"$schema":"x","type":"object","properties":{"command":{"type":"string"}}}},{"type":"web_search_20250305","name":"web_search","max_uses":8}],
 "messages":[
  {"role":"user","content":[{"type":"text","text":"<system-reminder>r</system-reminder>"},{"type":"text","text":"look at é \ud83d\ude00"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}]},
  {"role":"assistant","content":[{"type":"thinking","thinking":"let me see","signature":"s"},{"type":"text","text":"I will."},{"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"echo \"hi\""}},{"type":"tool_use","id":"toolu_2","name":"Bash","input":{}}]},
  {"role":"user","content":[{"type":"text","text":"and?"},{"type":"tool_result","tool_use_id":"toolu_2","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"is_error":true},{"type":"tool_result","tool_use_id":"toolu_1"}]},
  {"role":"system","content":"A reminder."}],
 "thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"context_management":{"edits":[]},
 "metadata":{"user_id":"user_a_account__session_s"},"temperature":1}"#;

#[test]
fn claude_code_to_chat() {
    let out = encoded(Protocol::Anthropic, CLAUDE_CODE, &able(Wire::Chat, "glm-5", &[Capability::Tools])).unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", serde_json::to_string_pretty(&out.body).unwrap(), out.warnings));
}

const OPENAI: &str = r#"{"model":"gpt","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":500,
 "messages":[{"role":"developer","content":"be kind"},{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO","detail":"low"}},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]},
  {"role":"assistant","content":null,"tool_calls":[{"id":"call:1","type":"function","function":{"name":"get.weather","arguments":"{\"city\":\"Paris\"}"}},{"id":"call:2","type":"function","function":{"name":"f","arguments":""}}]},
  {"role":"tool","tool_call_id":"call:2","content":"two"},{"role":"tool","tool_call_id":"call:1","content":[{"type":"text","text":"one"}]},
  {"role":"system","content":"now hurry"},{"role":"user","content":"go on"},{"role":"user","content":"please"}],
 "tools":[{"type":"function","function":{"name":"get.weather","description":"w","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"f"}}],
 "tool_choice":{"type":"function","function":{"name":"get.weather"}},"parallel_tool_calls":false,"stop":"END","user":"u1","temperature":1.5,"seed":7,"n":1,"logprobs":true}"#;

#[test]
fn openai_to_anthropic() {
    let out = encoded(Protocol::Chat, OPENAI, &able(Wire::Anthropic, "claude", ALL)).unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", serde_json::to_string_pretty(&out.body).unwrap(), out.warnings));
    assert_eq!(out.back.client_name(out.body["tools"][0]["name"].as_str().unwrap()), "get.weather");
}

#[test]
fn simple_becomes_both() {
    let body = r#"{"message":"hi \"you\"","system":"s","max_tokens":5,"temperature":0.5,"seed":3,"user_id":"u","metadata":{"a":"b"}}"#;
    let chat = encoded(Protocol::Simple, body, &able(Wire::Chat, "up", ALL)).unwrap();
    let messages = json!([{"role":"system","content":"s"},{"role":"user","content":"hi \"you\""}]);
    assert_eq!(
        chat.body,
        json!({"model":"up","messages":messages,"max_tokens":5,"temperature":0.5,"seed":3,"user":"u"})
    );
    let out = encoded(Protocol::Simple, body, &able(Wire::Anthropic, "up", ALL)).unwrap();
    let messages = json!([{"role":"user","content":[{"type":"text","text":"hi \"you\""}]}]);
    let expected = json!({"model":"up","max_tokens":5,"system":"s","messages":messages,"temperature":0.5,"metadata":{"user_id":"u"}});
    assert_eq!(out.body, expected);
    assert_eq!(out.warnings, "`seed` is not known to the upstream's protocol and was left out");
}

#[test]
fn system_is_one_message() {
    let text = to_chat(r#""system":"a","messages":[]"#);
    check(&text, "/messages", json!([{"role":"system","content":"a"}]));
    let blocks = to_chat(r#""system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"messages":[]"#);
    check(&blocks, "/messages/0/content", json!("a\n\nb"));
    chat_messages(
        r#"[{"role":"user","content":"x"},{"role":"system","content":"s"}]"#,
        json!([{"role":"user","content":"x"},{"role":"system","content":"s"}]),
    );
}

#[test]
fn documents_are_text_or_files_or_refused() {
    let document = |source: &str| {
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{{"type":"document","title":"t","source":{source}}}]}}]}}"#
        )
    };
    let text = document(r#"{"type":"text","media_type":"text/plain","data":"words"}"#);
    let out = encoded(Protocol::Anthropic, &text, &able(Wire::Chat, "up", &[])).unwrap();
    check(&out, "/messages/0/content", json!("t\n\nwords"));
    let pdf = document(r#"{"type":"base64","media_type":"application/pdf","data":"JVBE"}"#);
    let out = encoded(Protocol::Anthropic, &pdf, &able(Wire::Chat, "up", ALL)).unwrap();
    let file = json!([{"type":"file","file":{"filename":"t","file_data":"data:application/pdf;base64,JVBE"}}]);
    check(&out, "/messages/0/content", file);
    for (source, can) in [
        (r#"{"type":"base64","media_type":"application/pdf","data":"JVBE"}"#, &[][..]),
        (r#"{"type":"url","url":"https://x"}"#, ALL),
        (r#"{"type":"file","file_id":"f"}"#, ALL),
    ] {
        let refused = encoded(Protocol::Anthropic, &document(source), &able(Wire::Chat, "up", can)).err();
        assert!(matches!(refused, Some(EncodeError::Unsupported(_))), "{source}");
    }
    let file = r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}]}]}"#;
    let out = encoded(Protocol::Chat, file, &able(Wire::Anthropic, "up", ALL)).unwrap();
    let source = json!({"type":"base64","media_type":"application/pdf","data":"JVBE"});
    check(&out, "/messages/0/content/0", json!({"type":"document","title":"a.pdf","source":source}));
}

#[test]
fn images_by_url_or_id() {
    chat_messages(
        r#"[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}]"#,
        json!([{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}]),
    );
    let id = r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#;
    let refused = encoded(Protocol::Anthropic, id, &able(Wire::Chat, "up", ALL)).err().unwrap();
    assert_eq!(refused.to_string(), "an image is given by a file id, which only its own provider knows");
}

const CALL: &str = r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"b","name":"f","input":{}}]}"#;

#[test]
fn results_follow_their_calls() {
    let tool = |id: &str, text: &str| json!({"role":"tool","content":text,"tool_call_id":id});
    let out = to_chat(&format!(
        r#""messages":[{CALL},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"b","content":"B"}},{{"type":"text","text":"t"}},{{"type":"tool_result","tool_use_id":"zzz","content":"Z"}}]}}]"#
    ));
    check(&out, "/messages/1", tool("a", "[error] (no result: the call was interrupted)"));
    check(&out, "/messages/2", tool("b", "B"));
    let rest = "(result of a tool call that is not in the conversation)\n\nZ\n\nt";
    check(&out, "/messages/3", json!({"role":"user","content":rest}));
    let warned = "1 missing tool results were filled in\n1 tool results without a call were sent as text";
    assert_eq!(out.warnings, warned);
    // The calls end the conversation, or the assistant goes on.
    let out = to_chat(&format!(r#""messages":[{CALL}]"#));
    check(&out, "/messages/2/role", json!("tool"));
    // A system message between them goes behind the results.
    let out = to_chat(&format!(
        r#""messages":[{CALL},{{"role":"system","content":"s"}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a","content":"A"}},{{"type":"tool_result","tool_use_id":"b"}}]}}]"#
    ));
    check(&out, "/messages/1", tool("a", "A"));
    check(&out, "/messages/2", tool("b", ""));
    check(&out, "/messages/3/role", json!("system"));
    assert_eq!(out.warnings, "");
}

#[test]
fn an_image_in_a_result_is_shown_by_the_user() {
    let image = r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}"#;
    let out = to_chat(&format!(
        r#""messages":[{CALL},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a","content":[{{"type":"text","text":"x"}},{image}]}},{{"type":"tool_result","tool_use_id":"b","content":""}}]}}]"#
    ));
    check(&out, "/messages/1/content", json!("x"));
    check(&out, "/messages/2/content", json!(""));
    let shown = json!([{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]);
    check(&out, "/messages/3", json!({"role":"user","content":shown}));
}

#[test]
fn an_assistant_with_only_calls_has_null_content() {
    let out = to_chat(&format!(r#""messages":[{CALL}]"#));
    check(&out, "/messages/0/content", Value::Null);
    check(&out, "/messages/0/tool_calls/0/function/arguments", json!("{}"));
}

#[test]
fn thinking_is_replayed_only_where_it_is_needed() {
    let body = r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"x"}]},{"role":"assistant","content":[{"type":"redacted_thinking","data":"d"}]}]}"#;
    let out = encoded(Protocol::Anthropic, body, &able(Wire::Chat, "deepseek-chat", ALL)).unwrap();
    check(&out, "/messages", json!([{"role":"assistant","content":"x","reasoning_content":"t"}]));
    let out = encoded(Protocol::Anthropic, body, &able(Wire::Chat, "gpt-4o", ALL)).unwrap();
    check(&out, "/messages", json!([{"role":"assistant","content":"x"}]));
}

#[test]
fn a_providers_own_tools_in_the_history_become_text() {
    let out = to_chat(
        r#""messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","title":"T","url":"https://x","encrypted_content":"e"}]}]}]"#,
    );
    let text = "[called web_search with {\"query\":\"q\"}]\n\n[web_search_tool_result]\n- T https://x";
    check(&out, "/messages/0/content", json!(text));
}

#[test]
fn server_tools_are_translated_or_left_out() {
    let body = r#"{"messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"web_search"}}"#;
    let out = encoded(Protocol::Anthropic, body, &able(Wire::Chat, "up", ALL)).unwrap();
    assert_eq!(out.body, json!({"model":"up","messages":[],"web_search_options":{}}));
    let out = encoded(Protocol::Anthropic, body, &able(Wire::Chat, "up", &[])).unwrap();
    assert_eq!(out.body, json!({"model":"up","messages":[]}));
    let warned = "the server tool `web_search_20250305` was left out (`can` has no `web_search`)";
    assert_eq!(out.warnings, warned);
}

#[test]
fn tool_choices() {
    let tools = r#""messages":[],"tools":[{"name":"f","input_schema":{}}],"tool_choice""#;
    for (choice, expected) in [
        (r#"{"type":"auto"}"#, json!("auto")),
        (r#"{"type":"any"}"#, json!("required")),
        (r#"{"type":"none"}"#, json!("none")),
        (r#"{"type":"tool","name":"f"}"#, json!({"type":"function","function":{"name":"f"}})),
    ] {
        check(&to_chat(&format!("{tools}:{choice}")), "/tool_choice", expected);
    }
    let out = to_chat(&format!(r#"{tools}:{{"type":"auto","disable_parallel_tool_use":true}}"#));
    check(&out, "/parallel_tool_calls", json!(false));
    let tools = r#""messages":[],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice""#;
    for (choice, expected) in [
        (r#""auto""#, json!({"type":"auto"})),
        (r#""required""#, json!({"type":"any"})),
        (r#""none""#, json!({"type":"none"})),
        (r#"{"type":"function","function":{"name":"f"}}"#, json!({"type":"tool","name":"f"})),
    ] {
        check(&to_anthropic(&format!("{tools}:{choice}")), "/tool_choice", expected);
    }
}

#[test]
fn limits_and_sampling() {
    let body = r#"{"messages":[],"max_tokens":9000,"temperature":0.2,"top_p":0.9,"top_k":4,"stop_sequences":["a","b","c","d","e"]}"#;
    let out = encoded(Protocol::Anthropic, body, &able(Wire::Chat, "gpt-4o", ALL)).unwrap();
    let expected = json!({"model":"gpt-4o","messages":[],"max_tokens":8000,"temperature":0.2,"top_p":0.9,"stop":["a","b","c","d"]});
    assert_eq!(out.body, expected);
    insta::assert_snapshot!(out.warnings, @"
    max_tokens lowered to 8000, the most that the model gives
    `top_k` is not known to the upstream's protocol and was left out
    only 4 of 5 stop sequences were sent
    ");
    let out = encoded(Protocol::Anthropic, body, &able(Wire::Chat, "gpt-5", ALL)).unwrap();
    check(&out, "/max_completion_tokens", json!(8000));
    check(&out, "/temperature", Value::Null);
    let unsaid = Target { output_limit: None, ..able(Wire::Anthropic, "up", ALL) };
    let out = encoded(Protocol::Chat, r#"{"messages":[]}"#, &unsaid).unwrap();
    assert_eq!(out.body, json!({"model":"up","max_tokens":4096,"messages":[]}));
    check(&to_anthropic(r#""messages":[]"#), "/max_tokens", json!(8000));
    check(&to_anthropic(r#""messages":[],"max_tokens":70,"stop":["x"," "]"#), "/stop_sequences", json!(["x"]));
}

#[test]
fn thinking_is_never_switched_on_by_itself() {
    let thinking = |model: &str, can: &[Capability], rest: &str| {
        let body = format!(r#"{{"messages":[]{rest}}}"#);
        let out = encoded(Protocol::Anthropic, &body, &able(Wire::Chat, model, can)).unwrap().body;
        format!(
            "{}{}",
            out["reasoning_effort"].as_str().unwrap_or("-"),
            out["thinking"]["type"].as_str().unwrap_or("-")
        )
    };
    assert_eq!(thinking("gpt-5", ALL, ""), "--");
    assert_eq!(
        thinking("gpt-5", ALL, r#","thinking":{"type":"disabled"},"output_config":{"effort":"high"}"#),
        "minimal-"
    );
    assert_eq!(thinking("gpt-5.1", ALL, r#","thinking":{"type":"disabled"}"#), "none-");
    assert_eq!(thinking("gpt-5", ALL, r#","thinking":{"type":"adaptive"}"#), "medium-");
    assert_eq!(thinking("gpt-5", ALL, r#","thinking":{"type":"enabled","budget_tokens":2000}"#), "low-");
    assert_eq!(thinking("gpt-5", ALL, r#","thinking":{"type":"adaptive"},"output_config":{"effort":"high"}"#), "high-");
    assert_eq!(thinking("gpt-4o", &[], r#","thinking":{"type":"adaptive"}"#), "--");
    assert_eq!(thinking("glm-5", ALL, ""), "--");
    assert_eq!(thinking("glm-5", ALL, r#","thinking":{"type":"adaptive"}"#), "-enabled");
    assert_eq!(thinking("glm-5", ALL, r#","thinking":{"type":"disabled"}"#), "-disabled");

    let back = |rest: &str| to_anthropic(&format!(r#""messages":[]{rest}"#)).body["thinking"].clone();
    assert_eq!(back(""), Value::Null);
    assert_eq!(back(r#","reasoning_effort":"none""#), Value::Null);
    assert_eq!(back(r#","reasoning_effort":"low""#), json!({"type":"enabled","budget_tokens":2048}));
    assert_eq!(back(r#","reasoning_effort":"high""#), json!({"type":"enabled","budget_tokens":4000}));
    assert_eq!(back(r#","reasoning_effort":"high","max_tokens":1500"#), Value::Null);

    let adaptive = |model: &str, rest: &str| {
        let body = format!(r#"{{"messages":[],"temperature":0.5{rest}}}"#);
        let body = encoded(Protocol::Chat, &body, &able(Wire::Anthropic, model, ALL)).unwrap().body;
        (body["thinking"].clone(), body["output_config"].clone(), body["temperature"].clone())
    };
    let (on, low) = (json!({"type":"adaptive"}), json!({"effort":"low"}));
    let effort = r#","reasoning_effort":"low""#;
    assert_eq!(adaptive("claude-opus-4-7", effort), (on.clone(), low, Value::Null));
    assert_eq!(adaptive("claude-opus-4-7", ""), (Value::Null, Value::Null, Value::Null));
    assert_eq!(adaptive("claude-opus-4-6", ""), (Value::Null, Value::Null, json!(0.5)));
    assert_eq!(adaptive("claude-opus-4-6", r#","reasoning":{"enabled":true}"#), (on, Value::Null, Value::Null));
}

#[test]
fn forms_of_the_answer() {
    let schema =
        r#"{"type":"object","properties":{"t":{"type":"string"}},"required":["t"],"additionalProperties":false}"#;
    let format =
        format!(r#"{{"messages":[],"output_config":{{"format":{{"type":"json_schema","schema":{schema}}}}}}}"#);
    let out = encoded(Protocol::Anthropic, &format, &able(Wire::Chat, "up", ALL)).unwrap();
    let parsed: Value = serde_json::from_str(schema).unwrap();
    let expected = json!({"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":parsed}});
    check(&out, "/response_format", expected);
    let out = encoded(Protocol::Anthropic, &format, &able(Wire::Chat, "up", &[])).unwrap();
    check(&out, "/response_format", Value::Null);
    assert!(out.body["messages"][0]["content"].as_str().unwrap().ends_with(schema));
    assert_eq!(out.warnings, "the JSON schema was put into words: the model takes none");
    let out = to_anthropic(&format!(
        r#""messages":[],"response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}}"#
    ));
    check(&out, "/output_config/format/schema", parsed);
    let out = to_anthropic(
        r#""messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#,
    );
    check(&out, "/output_config/format/schema", json!({"type":"object","additionalProperties":false}));
    assert_eq!(out.warnings, "");
    let out = to_anthropic(
        r#""messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","additionalProperties":{"type":"string"}}}}"#,
    );
    assert_eq!(out.warnings, "the JSON schema was closed: its objects have only the members that it names");
    let out = to_anthropic(r#""messages":[],"response_format":{"type":"json_object"}"#);
    check(&out, "/system", json!("Answer with one JSON object and nothing else."));
}

#[test]
fn a_stream_asks_for_usage_unless_the_model_cannot_stream() {
    let out = to_chat(r#""messages":[],"stream":true"#);
    check(&out, "/stream_options", json!({"include_usage":true}));
    let whole = Target { stream: false, ..able(Wire::Chat, "up", ALL) };
    let out = encoded(Protocol::Anthropic, r#"{"messages":[],"stream":true}"#, &whole).unwrap();
    assert_eq!(out.body, json!({"model":"up","messages":[]}));
    let same =
        encoded(Protocol::Chat, r#"{"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#, &whole);
    assert_eq!(same.unwrap().body, json!({"model":"up","messages":[],"stream":false,"stream_options":null}));
}

#[test]
fn a_tag_does_not_go_on() {
    let tag = "<CCR-SUBAGENT-MODEL>mini</CCR-SUBAGENT-MODEL>";
    let out = to_chat(&format!(r#""system":"{tag}work","messages":[{{"role":"user","content":"x"}}]"#));
    check(&out, "/messages/0/content", json!("work"));
    let body = format!(r#"{{"model":"m","system":[{{"type":"text","text":"{tag}"}}],"messages":[]}}"#);
    let out = encoded(Protocol::Anthropic, &body, &able(Wire::Anthropic, "up", ALL)).unwrap();
    assert_eq!(out.body, json!({"model":"up","system":[{"type":"text","text":"."}],"messages":[]}));
}

#[test]
fn a_conversation_begins_with_the_user_and_has_no_empty_text() {
    anthropic_messages(
        r#"[{"role":"assistant","content":"hi"},{"role":"user","content":[{"type":"text","text":" "}]},{"role":"user","content":"x"}]"#,
        json!([
            {"role":"user","content":"(the conversation begins here)"},
            {"role":"assistant","content":[{"type":"text","text":"hi"}]},
            {"role":"user","content":[{"type":"text","text":"x"}]},
        ]),
    );
}

#[test]
fn warnings_fit_a_header() {
    let keys: String = (0..40).map(|index| format!(",\"é\\n{index}{}\":1", "x".repeat(500))).collect();
    let request = request(Protocol::Anthropic, &format!(r#"{{"messages":[]{keys}}}"#));
    let warnings = encode(&request, &able(Wire::Chat, "up", ALL)).unwrap().warnings;
    assert_eq!(warnings.len(), 12);
    assert!(warnings.iter().all(|warning| warning.len() <= 200 && warning.starts_with("`??")), "{warnings:?}");
}

#[test]
fn what_is_broken_inside_is_a_bad_request() {
    for body in [
        r#"{"messages":[{"role":"king","content":"x"}]}"#,
        r#"{"messages":[{"role":"user" "content":"x"}]}"#,
        r#"{"messages":[],"tools":[{"description":"no name"}]}"#,
        r#"{"messages":[],"tool_choice":{"type":"some"}}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"tool_result"}]}]}]}"#,
    ] {
        let refused = encoded(Protocol::Anthropic, body, &able(Wire::Chat, "up", ALL)).err();
        assert!(matches!(refused, Some(EncodeError::BadRequest(_))), "{body}");
    }
}

#[test]
fn what_anthropic_does_not_take_or_show_is_warned_about() {
    let tool = |strict: bool| {
        let tool = format!(r#"{{"type":"function","function":{{"name":"f","strict":{strict}}}}}"#);
        to_anthropic(&format!(r#""messages":[],"tools":[{tool}]"#)).warnings
    };
    assert_eq!(tool(true), "`strict` of the tools was left out: the upstream does not take it");
    assert_eq!(tool(false), "");
    let search = to_anthropic(r#""messages":[],"web_search_options":{}"#);
    assert_eq!(search.warnings, "the answer has what the provider's search led to, not what it found");
}

#[test]
fn several_calls_are_not_asked_of_a_model_that_cannot() {
    let parallel = |can: &[Capability], parallel: bool| {
        let body = format!(
            r#"{{"messages":[],"tools":[{{"name":"f","input_schema":{{}}}}],"tool_choice":{{"type":"auto","disable_parallel_tool_use":{}}}}}"#,
            !parallel
        );
        let out = encoded(Protocol::Anthropic, &body, &able(Wire::Chat, "up", can)).unwrap();
        (out.body["parallel_tool_calls"].clone(), out.warnings.is_empty())
    };
    assert_eq!(parallel(ALL, true), (json!(true), true));
    assert_eq!(parallel(&[], true), (Value::Null, false));
    assert_eq!(parallel(&[], false), (json!(false), true));
}

/// The signature that Gemini reads past stands in for one that is not its own.
#[test]
fn foreign_signatures_do_not_go_on_to_gemini() {
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"a","thoughtSignature":"ccr1anthropicxxxabcd"},{"text":"b","thoughtSignature":"own0"}]}]}"#;
    let out = encoded(Protocol::Gemini, body, &able(Wire::Gemini, "up", ALL)).unwrap();
    let parts = &out.body["contents"][1]["parts"];
    assert_eq!(parts[0], serde_json::json!({ "text": "a" }));
    assert_eq!(parts[1]["thoughtSignature"], "own0");
}
