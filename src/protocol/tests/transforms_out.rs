//! What transforms make of requests, translated and in the upstream's own protocol.

use serde_json::{Value, json};

use super::*;
use crate::dsl::policy::Capability;
use crate::dsl::transform::Transform;
use crate::protocol::transform::stages::StageKind;

struct Sent {
    text: String,
    body: Value,
    warnings: Vec<String>,
    back: Back,
}

const TOOLS: &[Capability] = &[Capability::Tools, Capability::ParallelTools, Capability::Thinking];

fn target<'a>(wire: Wire, can: &'a [Capability], transforms: &'a [Transform]) -> Target<'a> {
    Target { wire, model: "up", context: None, output_limit: None, can, stream: true, transforms }
}

fn sent_to(protocol: Protocol, body: &Value, target: &Target<'_>) -> Sent {
    let out = encode(&request(protocol, &body.to_string()), target).unwrap();
    let text = String::from_utf8(out.body.concat()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Sent { text, body, warnings: out.warnings, back: out.back }
}

fn sent(protocol: Protocol, wire: Wire, body: &Value, transforms: &[Transform]) -> Sent {
    sent_to(protocol, body, &target(wire, TOOLS, transforms))
}

fn anthropic(rest: Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]});
    body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    body
}

fn read_tool() -> Value {
    json!([{"name": "read", "description": "Reads \"it\"", "input_schema": {"type": "object", "properties": {"format": {"type": "string", "format": "uri"}}}}])
}

#[test]
fn cache_marks_go_where_they_mark_and_stay_where_they_are_data() {
    let mark = json!({"type": "ephemeral"});
    let body = anthropic(json!({
        "system": [{"type": "text", "text": "be brief", "cache_control": mark}],
        "messages": [
            {"role": "user", "content": [{"cache_control": mark, "type": "text", "text": "a \"cache_control\": x"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "read", "input": {"cache_control": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r", "cache_control": mark}], "cache_control": mark}]},
        ],
        "tools": [{"name": "read", "cache_control": mark, "input_schema": {"properties": {"cache_control": {}}}}],
        "cache_control": mark,
        "unknown_member": {"kept": 1},
    }));
    let out = sent(Protocol::Anthropic, Wire::Anthropic, &body, &[Transform::CleanCache]);
    assert_eq!(
        out.body,
        anthropic(json!({
            "model": "up",
            "system": [{"type": "text", "text": "be brief"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a \"cache_control\": x"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "read", "input": {"cache_control": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}]}]},
            ],
            "tools": [{"name": "read", "input_schema": {"properties": {"cache_control": {}}}}],
            "unknown_member": {"kept": 1},
        }))
    );
    let chat = sent(Protocol::Anthropic, Wire::Chat, &body, &[Transform::CleanCache]);
    assert!(!chat.body["messages"].to_string().contains("ephemeral"), "{}", chat.text);
}

#[test]
fn a_chain_with_nothing_to_do_leaves_the_bytes_alone() {
    let body = r#"{ "model":"up","max_tokens":5, "messages":[ {"role":"user","content":"hi"} ],"x":1 }"#;
    let chain = [
        Transform::CleanCache,
        Transform::SchemaClean(Vec::new()),
        Transform::ToolUse,
        Transform::ToolRepair,
        Transform::SystemAsUser,
        Transform::EmulateTools,
        Transform::TrimHistory(Some(10_000)),
        Transform::Reasoning,
        Transform::WebSearch(false),
    ];
    for can in [TOOLS, &[]] {
        let out = encode(&request(Protocol::Anthropic, body), &target(Wire::Anthropic, can, &chain)).unwrap();
        assert_eq!(String::from_utf8(out.body.concat()).unwrap(), body);
        assert_eq!((out.warnings, out.back.stages), (vec![], vec![]));
    }
}

#[test]
fn schemas_are_cleaned_and_nothing_else() {
    let cleaned = json!({"type": "object", "properties": {"format": {"type": "string"}}});
    let body = anthropic(json!({"tools": read_tool(), "metadata": {"user_id": "u"}}));
    for chain in [[Transform::SchemaClean(Vec::new())], [Transform::SchemaClean(vec!["format".to_owned()])]] {
        let chat = sent(Protocol::Anthropic, Wire::Chat, &body, &chain);
        assert_eq!(chat.body["tools"][0]["function"]["parameters"], cleaned);
        let same = sent(Protocol::Anthropic, Wire::Anthropic, &body, &chain);
        let mut expected = body.clone();
        expected["model"] = json!("up");
        expected["tools"][0]["input_schema"] = cleaned.clone();
        assert_eq!(same.body, expected);
    }
    let other = sent(Protocol::Anthropic, Wire::Anthropic, &body, &[Transform::SchemaClean(vec!["title".to_owned()])]);
    assert_eq!(other.body["tools"], body["tools"]);
}

#[test]
fn system_text_stands_in_the_first_user_message() {
    let chain = [Transform::SystemAsUser];
    let body = anthropic(json!({"system": "be brief", "top_k": 3}));
    let chat = sent(Protocol::Anthropic, Wire::Chat, &body, &chain);
    assert_eq!(chat.body["messages"], json!([{"role": "user", "content": "be brief\n\nhello"}]));
    let same = sent(Protocol::Anthropic, Wire::Anthropic, &body, &chain);
    assert!(same.body.get("system").is_none(), "{}", same.text);
    assert_eq!(same.body["messages"][0]["content"][0]["text"], "be brief");
    assert_eq!(same.body["top_k"], 3);
    let spoken = json!({"model": "m", "messages": [
        {"role": "assistant", "content": "yes?"}, {"role": "system", "content": "now"}, {"role": "user", "content": "go"},
    ]});
    let chat = sent(Protocol::Chat, Wire::Chat, &spoken, &chain);
    assert_eq!(
        chat.body["messages"],
        json!([
            {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "now\n\ngo"},
        ])
    );
}

#[test]
fn thinking_is_replayed_when_the_policy_says_so() {
    let body = anthropic(json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
    ]}));
    let reasoning = |chain: &[Transform]| {
        sent(Protocol::Anthropic, Wire::Chat, &body, chain).body["messages"][1]["reasoning_content"].take()
    };
    assert_eq!(reasoning(&[Transform::Reasoning]), "hm");
    assert_eq!(reasoning(&[]), Value::Null);
}

#[test]
fn a_tool_is_demanded_with_a_way_out() {
    let chain = [Transform::ToolUse];
    let exits = |out: &Sent| out.back.stages.contains(&StageKind::ExitTool("give_final_answer"));
    let body = anthropic(json!({"tools": read_tool(), "tool_choice": {"type": "auto"}, "metadata": {"user_id": "u"}}));
    let chat = sent(Protocol::Anthropic, Wire::Chat, &body, &chain);
    assert_eq!(chat.body["tool_choice"], "required");
    assert_eq!(chat.body["tools"][1]["function"]["name"], "give_final_answer");
    assert!(chat.body["messages"][0]["content"].as_str().unwrap().contains("`give_final_answer`"));
    assert!(exits(&chat));
    let same = sent(Protocol::Anthropic, Wire::Anthropic, &body, &chain);
    assert_eq!(same.body["tool_choice"], json!({"type": "any"}));
    assert_eq!(same.body["tools"][1]["name"], "give_final_answer");
    assert_eq!(same.body["metadata"], json!({"user_id": "u"}));
    assert!(exits(&same));
    for said in [json!({"type": "none"}), json!({"type": "any"}), json!({"type": "tool", "name": "read"})] {
        let out = sent(
            Protocol::Anthropic,
            Wire::Chat,
            &anthropic(json!({"tools": read_tool(), "tool_choice": said})),
            &chain,
        );
        assert!(!exits(&out) && !out.text.contains("give_final_answer"), "{}", out.text);
    }
    let taken = anthropic(json!({"tools": [{"name": "give_final_answer", "input_schema": {}}]}));
    let out = sent(Protocol::Anthropic, Wire::Chat, &taken, &chain);
    assert_eq!(out.back.stages, [StageKind::ExitTool("give_final_answer_to_user")]);
}

/// A conversation with two calls, one of which failed.
fn with_calls() -> Value {
    anthropic(json!({"tools": read_tool(), "system": "s", "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [
            {"type": "text", "text": "I will."},
            {"type": "tool_use", "id": "t1", "name": "read", "input": {"p": "a"}},
            {"type": "tool_use", "id": "t2", "name": "read", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "found"},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": "no"},
            {"type": "text", "text": "go on"},
        ]},
    ]}))
}

#[test]
fn tools_calls_and_results_are_put_into_words() {
    let chain = [Transform::EmulateTools];
    let out = sent_to(Protocol::Anthropic, &with_calls(), &target(Wire::Chat, &[], &chain));
    assert!(out.body.get("tools").is_none() && out.body.get("tool_choice").is_none(), "{}", out.text);
    let text = |at: usize| out.body["messages"][at]["content"].as_str().unwrap().to_owned();
    assert!(text(0).starts_with("s\n\nYou have tools."), "{}", text(0));
    assert!(text(0).contains(r#"{"name":"read","description":"Reads \"it\"","arguments":{"#), "{}", text(0));
    assert_eq!(
        text(2),
        "I will.\n\n<tool_call>\n{\"name\":\"read\",\"arguments\":{\"p\":\"a\"}}\n</tool_call>\n\n\
         <tool_call>\n{\"name\":\"read\",\"arguments\":{}}\n</tool_call>"
    );
    assert_eq!(
        text(3),
        "<tool_result name=\"read\">\nfound\n</tool_result>\n\n\
         <tool_result name=\"read\" error=\"true\">\nno\n</tool_result>\n\ngo on"
    );
    assert_eq!(out.back.stages, [StageKind::Emulated(["read".to_owned()].into())]);
    assert!(out.warnings.iter().any(|warning| warning.starts_with("tools emulated")), "{:?}", out.warnings);
    // The same for an upstream of the client's own protocol.
    let same = sent_to(Protocol::Anthropic, &with_calls(), &target(Wire::Anthropic, &[], &chain));
    assert!(same.body.get("tools").is_none(), "{}", same.text);
    assert!(!same.text.contains("tool_use_id") && same.text.contains("<tool_result name"), "{}", same.text);
}

#[test]
fn a_choice_of_tools_is_put_into_words_too() {
    let words = |choice: Value| {
        let body = anthropic(json!({"tools": read_tool(), "tool_choice": choice}));
        let out = sent_to(Protocol::Anthropic, &body, &target(Wire::Chat, &[], &[Transform::EmulateTools]));
        (out.body["messages"][0]["content"].as_str().unwrap().to_owned(), out.back.stages.len())
    };
    assert!(words(json!({"type": "any"})).0.contains("you have to call a tool."));
    assert!(words(json!({"type": "tool", "name": "read"})).0.contains("call the tool `read`"));
    assert!(words(json!({"type": "auto", "disable_parallel_tool_use": true})).0.contains("one block at most"));
    assert_eq!(words(json!({"type": "none"})), ("hello".to_owned(), 0));
}

#[test]
fn a_model_with_tools_of_its_own_gets_them() {
    let plain = sent(Protocol::Anthropic, Wire::Chat, &with_calls(), &[]);
    let out = sent(Protocol::Anthropic, Wire::Chat, &with_calls(), &[Transform::EmulateTools]);
    assert_eq!(out.text, plain.text);
}

/// `count` turns of each side, each of about 100 tokens, with a call in every other one of the model's.
fn long(count: usize) -> Value {
    let words = "one two three four five six seven eight nine ten ".repeat(10);
    let mut messages = vec![json!({"role": "user", "content": format!("the task: {words}")})];
    for at in 0..count {
        if at % 2 == 0 {
            messages.push(json!({"role": "assistant", "content": [
                {"type": "text", "text": format!("{at} {words}")},
                {"type": "tool_use", "id": format!("t{at}"), "name": "read", "input": {}},
            ]}));
            messages.push(json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": format!("t{at}"), "content": words},
            ]}));
        } else {
            messages.push(json!({"role": "assistant", "content": format!("{at} {words}")}));
            messages.push(json!({"role": "user", "content": format!("{at} {words}")}));
        }
    }
    anthropic(json!({"system": "always", "messages": messages}))
}

#[test]
fn the_oldest_turns_are_dropped_until_the_rest_fits() {
    let body = long(20);
    for (protocol_wire, room) in
        [Wire::Anthropic, Wire::Chat].into_iter().flat_map(|wire| [(wire, 700), (wire, 1_300), (wire, 2_500)])
    {
        let chain = [Transform::TrimHistory(Some(room))];
        let out = sent(Protocol::Anthropic, protocol_wire, &body, &chain);
        let again = request(if protocol_wire == Wire::Chat { Protocol::Chat } else { Protocol::Anthropic }, &out.text);
        let left = tokens::of_request(&again);
        assert!(left <= room && left + 450 > room, "{left} of {room}");
        assert!(out.text.contains("the task") && out.text.contains("always") && out.text.contains("19 one two"));
        let warning = out.warnings.iter().find(|warning| warning.starts_with("history trimmed")).unwrap();
        assert!(warning.contains("of 41 turns"), "{warning}");
        assert!(!out.warnings.iter().any(|warning| warning.contains("tool results")), "{:?}", out.warnings);
        assert!(!out.text.contains("no result: the call"), "{}", out.text);
    }
}

#[test]
fn a_context_is_a_limit_too_and_what_cannot_fit_is_refused() {
    let chain = [Transform::TrimHistory(None)];
    let small = |context| Target { context: Some(context), ..target(Wire::Chat, TOOLS, &chain) };
    let body = long(20);
    let out = sent_to(Protocol::Anthropic, &body, &small(1_000));
    assert!(out.warnings.iter().any(|warning| warning.ends_with("to fit 900")), "{:?}", out.warnings);
    let all = sent_to(Protocol::Anthropic, &body, &small(100_000));
    assert_eq!(all.text, sent(Protocol::Anthropic, Wire::Chat, &body, &[]).text);
    let refused = encode(&request(Protocol::Anthropic, &body.to_string()), &small(60)).unwrap_err();
    assert!(
        matches!(&refused, EncodeError::Unsupported(text) if text.contains("more than its context of 60")),
        "{refused}"
    );
    // A wish that cannot be met is none to refuse for.
    let wish = [Transform::TrimHistory(Some(20))];
    let out = sent(Protocol::Anthropic, Wire::Chat, &body, &wish);
    assert_eq!(out.body["messages"].as_array().unwrap().len(), 2, "{}", out.text);
}

#[test]
fn results_at_the_end_stay_with_their_call() {
    let body = long(1);
    let out = sent(Protocol::Anthropic, Wire::Anthropic, &body, &[Transform::TrimHistory(Some(20))]);
    let messages = out.body["messages"].as_array().unwrap();
    assert!(out.text.contains("tool_use\"") && out.text.contains("tool_result\"") && !out.text.contains("the task"));
    assert!(messages.len() <= 3, "{}", out.text);
}

#[test]
fn the_policy_says_whether_the_provider_searches() {
    let body = anthropic(json!({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]}));
    let with_search = [Capability::WebSearch];
    let search = |can: &[Capability], chain: &[Transform], wire| {
        sent_to(Protocol::Anthropic, &body, &target(wire, can, chain)).text.contains("\"web_search")
    };
    for wire in [Wire::Anthropic, Wire::Chat] {
        assert!(search(&with_search, &[], wire));
        assert!(!search(&with_search, &[Transform::WebSearch(false)], wire));
        assert!(search(&[], &[Transform::WebSearch(true)], wire));
        assert!(!search(&[], &[], wire));
    }
}

#[test]
fn a_tag_of_a_sub_agent_goes_and_transforms_still_work() {
    let body = anthropic(json!({"system": "a <CCR-SUBAGENT-MODEL>x</CCR-SUBAGENT-MODEL>b", "tools": read_tool()}));
    let chain = [Transform::SchemaClean(Vec::new()), Transform::SystemAsUser];
    let out = sent(Protocol::Anthropic, Wire::Anthropic, &body, &chain);
    assert!(!out.text.contains("CCR-SUBAGENT"), "{}", out.text);
    assert_eq!(out.body["messages"][0]["content"][0]["text"], "a b");
    assert!(!out.text.contains("\"uri\""), "{}", out.text);
}

#[test]
fn a_providers_own_tools_go_on_in_a_rewritten_body() {
    let code = json!({"type": "code_execution_20250825", "name": "code_execution", "x": [1]});
    let search = json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 3});
    let mut tools = read_tool();
    tools.as_array_mut().unwrap().extend([code.clone(), search.clone()]);
    let body = anthropic(json!({"tools": tools, "messages": [
        {"role": "user", "content": "hi"}, {"role": "system", "content": "later"}]}));
    let same = |body: &Value, chain: &[Transform]| {
        sent_to(Protocol::Anthropic, body, &target(Wire::Anthropic, &Capability::ALL, chain))
    };
    let out = same(&body, &[Transform::ToolUse]);
    let sent = out.body["tools"].as_array().unwrap();
    assert_eq!(sent.iter().rev().take(2).rev().cloned().collect::<Vec<_>>(), [code.clone(), search.clone()]);
    let moved = "system messages inside the conversation were moved to its front";
    assert!(out.warnings.iter().any(|warning| warning == moved), "{:?}", out.warnings);
    let alone = anthropic(json!({"tools": [code.clone(), search.clone()], "system": "s",
        "tool_choice": {"type": "tool", "name": "web_search"}}));
    let out = same(&alone, &[Transform::SystemAsUser]);
    assert_eq!(out.body["tools"], json!([code, search]));
    assert_eq!(out.body["tool_choice"]["name"], "web_search");
}

#[test]
fn schemas_that_are_not_the_client_s_stay_out_of_its_body() {
    let body = json!({
        "model": "m",
        "input": "x",
        "tools": [{"type": "custom", "name": "patch"}, {"type": "function", "name": "run", "parameters": {"format": "x"}}],
    });
    let chain = [Transform::SchemaClean(vec!["properties".to_owned(), "format".to_owned()])];
    let out = sent(Protocol::Responses, Wire::Responses, &body, &chain);
    let tools = json!([{"type": "custom", "name": "patch"}, {"type": "function", "name": "run", "parameters": {}}]);
    assert_eq!(out.body["tools"], tools);
}
