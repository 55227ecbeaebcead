//! What is read of a request is not lost: ids, inputs, attachments, both spellings of Gemini, embeddings.

use serde_json::{Value, json};

use super::*;
use crate::dsl::policy::Capability;
use crate::dsl::transform::Transform;

fn target(wire: Wire) -> Target<'static> {
    Target {
        wire,
        model: "up",
        context: None,
        output_limit: Some(100),
        can: &Capability::ALL,
        stream: true,
        transforms: &[],
    }
}

fn sent(protocol: Protocol, body: &Value, target: &Target<'_>) -> Result<(Value, String), EncodeError> {
    let out = encode(&request(protocol, &body.to_string()), target)?;
    let text = String::from_utf8(out.body.concat()).unwrap();
    Ok((serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")), out.warnings.join("\n")))
}

#[track_caller]
fn check(protocol: Protocol, wire: Wire, body: &Value, pointer: &str, expected: Value, warned: &str) {
    let (out, warnings) = sent(protocol, body, &target(wire)).unwrap();
    assert_eq!(out.pointer(pointer).cloned().unwrap_or_default(), expected, "{out}");
    assert!(warnings.contains(warned), "{warnings}");
    assert_eq!(warned.is_empty(), warnings.is_empty(), "{warnings}");
}

#[track_caller]
fn refused(protocol: Protocol, wire: Wire, body: &Value, reason: &str) {
    let wrong = sent(protocol, body, &target(wire)).map(|(body, _)| body.to_string());
    let wrong = wrong.expect_err("it was sent").to_string();
    assert!(wrong.contains(reason), "{wrong}");
}

fn call(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}})
}

fn result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

fn chat(messages: Value) -> Value {
    json!({"messages": messages})
}

#[test]
fn calls_get_distinct_ids_and_keep_their_results() {
    let user = json!({"role": "user", "content": "x"});
    let body = chat(json!([
        user,
        {"role": "assistant", "tool_calls": [call("a", "f"), call("a", "g"), call("", "h")]},
        result("a", "one"),
        result("", "three"),
        result("a", "two"),
        {"role": "assistant", "tool_calls": [call("a", "f"), call("call_0000", "g")]},
        result("a", "four"),
        result("call_0000", "five"),
    ]));
    let (out, warnings) = sent(Protocol::Chat, &body, &target(Wire::Anthropic)).unwrap();
    let blocks = |message: usize, name: &str| -> Vec<String> {
        let list = out["messages"][message]["content"].as_array().unwrap();
        list.iter().map(|block| format!("{} {}", block[name].as_str().unwrap(), block["content"])).collect()
    };
    assert_eq!(blocks(1, "id"), ["a null", "call_0001 null", "call_0002 null"]);
    assert_eq!(
        blocks(2, "tool_use_id"),
        [r#"a "one""#, r#"call_0001 "two""#, r#"call_0002 "three""#],
        "results follow their calls"
    );
    assert_eq!(blocks(3, "id"), ["call_0003 null", "call_0000 null"]);
    assert_eq!(blocks(4, "tool_use_id"), [r#"call_0003 "four""#, r#"call_0000 "five""#]);
    assert_eq!(warnings, "3 tool calls got other ids: theirs were empty, or those of other calls");
    let twice =
        chat(json!([user, {"role": "assistant", "tool_calls": [call("a", "f")]}, result("a", "1"), result("a", "2")]));
    let (_, warnings) = sent(Protocol::Chat, &twice, &target(Wire::Anthropic)).unwrap();
    assert_eq!(warnings, "1 tool results without a call were sent as text");
}

#[test]
fn more_calls_without_ids_than_a_conversation_has_stay_distinct() {
    let calls: Vec<Value> = (0..9_000).map(|_| json!({"functionCall": {"name": "f"}})).collect();
    let body = json!({"contents": [{"parts": [{"text": "x"}]}, {"role": "model", "parts": calls}]});
    let (out, _) = sent(Protocol::Gemini, &body, &target(Wire::Chat)).unwrap();
    let calls = out["messages"][1]["tool_calls"].as_array().unwrap();
    let ids: std::collections::BTreeSet<&str> = calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 9_000);
}

#[test]
fn an_input_that_is_no_object_is_mended_or_told_of() {
    let chat = |arguments: &str| {
        let mut call = call("a", "f");
        call["function"]["arguments"] = json!(arguments);
        chat(json!([{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}, result("a", "r")]))
    };
    let cut = chat(r#"{"a":[1"#);
    let at = "/messages/1/content/0/input";
    check(Protocol::Chat, Wire::Anthropic, &cut, at, json!({"a": [1]}), "1 inputs of tool calls");
    let at = "/contents/1/parts/0/functionCall/args";
    check(Protocol::Chat, Wire::Gemini, &chat("["), at, json!({"_invalid_arguments": "["}), "`_invalid_arguments`");
    check(Protocol::Chat, Wire::Responses, &cut, "/input/1/arguments", json!(r#"{"a":[1"#), "were sent as they are");
    check(Protocol::Chat, Wire::Responses, &chat(""), "/input/1/arguments", json!("{}"), "");
    let written = json!({"max_tokens": 9, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "{\"a\":1}"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
    ]});
    let at = "/messages/1/tool_calls/0/function/arguments";
    check(Protocol::Anthropic, Wire::Chat, &written, at, json!("{\"a\":1}"), "");
    let at = "/contents/1/parts/0/functionCall/args";
    check(Protocol::Anthropic, Wire::Gemini, &written, at, json!({"a": 1}), "");
}

#[test]
fn attachments_are_looked_at() {
    let image =
        |url: &str| chat(json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]));
    refused(
        Protocol::Chat,
        Wire::Anthropic,
        &image("data:image/tiff;base64,AAAA"),
        "takes no `image/tiff` for an image",
    );
    refused(
        Protocol::Chat,
        Wire::Anthropic,
        &image("/etc/passwd"),
        "`messages[0].content[0].image_url.url`: an address",
    );
    for wire in [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini] {
        refused(Protocol::Chat, wire, &image("FILE:///etc/passwd"), "`file:` address");
        let gemini =
            json!({"contents": [{"parts": [{"file_data": {"mime_type": "image/png", "file_uri": "file:///x"}}]}]});
        refused(Protocol::Gemini, wire, &gemini, "`file:` address");
        let anthropic = json!({"max_tokens": 9, "messages": [
            {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "file:/x"}}]},
        ]});
        refused(Protocol::Anthropic, wire, &anthropic, "`file:` address");
        let responses =
            json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "file://x"}]}]});
        refused(Protocol::Responses, wire, &responses, "`file:` address");
    }
    let inside =
        json!({"type": "content", "content": [{"type": "image", "source": {"type": "url", "url": "file:///x"}}]});
    for (protocol, body) in [
        (Protocol::Chat, image("fi\nle:///etc/passwd")),
        (
            Protocol::Chat,
            chat(json!([{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "file:///x"}}]}])),
        ),
        (
            Protocol::Anthropic,
            json!({"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "document", "source": inside}]}]}),
        ),
        (
            Protocol::Responses,
            json!({"input": [{"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "image_url": "file:///x"}}]}),
        ),
        (
            Protocol::Gemini,
            json!({"contents": [{"parts": {"fileData": {"mimeType": "image/png", "fileUri": "file:///x"}}}]}),
        ),
        (
            Protocol::Gemini,
            json!({"contents": [], "systemInstruction": {"parts": [{"fileData": {"mimeType": "image/png", "fileUri": "file:///x"}}]}}),
        ),
    ] {
        for wire in [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini]
            .into_iter()
            .filter(|wire| wire.same_as(protocol))
        {
            refused(protocol, wire, &body, "`file:` address");
        }
    }
    let file = |data: &str| {
        chat(json!([{"role": "user", "content": [{"type": "file", "file": {"filename": "n", "file_data": data}}]}]))
    };
    refused(
        Protocol::Chat,
        Wire::Anthropic,
        &file("data:application/zip;base64,AAAA"),
        "no `application/zip` for a document",
    );
    let plain = json!({"type": "text", "media_type": "text/plain", "data": "hé a"});
    let at = "/messages/0/content/0/source";
    check(Protocol::Chat, Wire::Anthropic, &file("data:text/markdown;base64,aMOpIGE="), at, plain, "");
    // Google's own clients write the letters for URLs.
    let inline = json!({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "-_8="}}]}]});
    check(Protocol::Gemini, Wire::Anthropic, &inline, "/messages/0/content/0/source/data", json!("+/8="), "");
    let at = "/messages/0/content/0/image_url/url";
    check(Protocol::Gemini, Wire::Chat, &inline, at, json!("data:image/png;base64,+/8="), "");
}

#[test]
fn what_the_assistant_shows_is_told_of() {
    let shown = json!({"contents": [
        {"parts": [{"text": "draw"}]},
        {"role": "model", "parts": [{"text": "here"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {"parts": [{"text": "more"}]},
    ]});
    let warned = "1 attachments of the assistant's own turns were left out";
    check(Protocol::Gemini, Wire::Chat, &shown, "/messages/1/content", json!("here"), warned);
    check(Protocol::Gemini, Wire::Responses, &shown, "/input/1/content", json!("here"), warned);
    check(Protocol::Gemini, Wire::Anthropic, &shown, "/messages/1/content/1", json!(null), warned);
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let chat = chat(json!([
        {"role": "user", "content": "draw"},
        {"role": "assistant", "content": [image]},
        {"role": "user", "content": "more"},
    ]));
    let carried = json!([{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]);
    check(Protocol::Chat, Wire::Gemini, &chat, "/contents/1/parts", carried, "");
}

#[test]
fn the_assistants_unknown_blocks_are_put_into_words() {
    let body = json!({"max_tokens": 9, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "hologram", "title": "t"}]},
        {"role": "user", "content": [{"type": "search_result", "title": "s", "source": "u", "content": [{"type": "text", "text": "y"}]}]},
    ]});
    let at = "/messages/1/content";
    check(
        Protocol::Anthropic,
        Wire::Chat,
        &body,
        at,
        json!("[hologram] t"),
        "a block of the type `hologram` was put into words",
    );
}

#[test]
fn blocks_in_the_wrong_place_are_told_of() {
    let text = json!({"type": "text", "text": "x"});
    let body = |system: Value, user: Value| json!({"max_tokens": 9, "system": system, "messages": [{"role": "user", "content": user}]});
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://x/y"}});
    let warned = "a block of the type `image` was left out: the system says texts alone";
    check(
        Protocol::Anthropic,
        Wire::Chat,
        &body(json!([image, text]), json!("x")),
        "/messages/0/content",
        json!("x"),
        warned,
    );
    let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
    let warned = "a block of the type `tool_use` was left out: it stands in the other side's turn";
    check(
        Protocol::Anthropic,
        Wire::Chat,
        &body(json!(null), json!([call, text])),
        "/messages/0/content",
        json!("x"),
        warned,
    );
}

#[test]
fn a_tools_cache_mark_is_carried() {
    let mark = json!({"type": "ephemeral"});
    let tools = json!([
        {"type": "function", "function": {"name": "f"}, "cache_control": mark},
        {"type": "function", "function": {"name": "g", "cache_control": mark}},
    ]);
    let body = json!({"messages": [{"role": "user", "content": "x"}], "tools": tools});
    for at in ["/tools/0/cache_control", "/tools/1/cache_control"] {
        check(Protocol::Chat, Wire::Anthropic, &body, at, mark.clone(), "");
    }
}

#[test]
fn geminis_spellings_are_one() {
    let twice = |config: &str| {
        let body = format!(r#"{{"contents":[{{"parts":[{{"text":"x"}}]}}],{config}}}"#);
        Request::parse(Protocol::Gemini, Bytes::from(body)).err().map(|wrong| wrong.message).unwrap_or_default()
    };
    for (config, expected) in [
        (r#""generationConfig":{},"generation_config":{}"#, "the request body names `generationConfig` twice"),
        (r#""generationConfig":{"topP":1,"top_p":0.5}"#, "`generationConfig`: it names `topP` twice"),
        (r#""generationConfig":{"topP":1,"topP":0.5}"#, "`generationConfig`: it names `topP` twice"),
        (
            r#""generationConfig":{"thinking_config":{"thinking_budget":1,"thinkingBudget":2}}"#,
            "`generationConfig.thinkingConfig`: it names `thinkingBudget` twice",
        ),
        (r#""system_instruction":"a""#, ""),
    ] {
        assert_eq!(twice(config), expected, "{config}");
    }
    let snake = json!({"contents": [], "generation_config": {"max_output_tokens": 9_000, "top_p": 0.5, "thinking_config": {"thinking_budget": 5}}});
    let lowered = json!({"max_output_tokens": 100, "top_p": 0.5, "thinking_config": {"thinking_budget": 5}});
    check(Protocol::Gemini, Wire::Gemini, &snake, "/generation_config", lowered, "maxOutputTokens lowered");
    let chain = [Transform::MaxTokens(50)];
    let (out, _) = sent(Protocol::Gemini, &snake, &Target { transforms: &chain, ..target(Wire::Gemini) }).unwrap();
    let folded = json!({"maxOutputTokens": 50, "topP": 0.5, "thinkingConfig": {"thinkingBudget": 5}});
    assert_eq!(out["generationConfig"], folded);
    assert_eq!(out.as_object().unwrap().len(), 2, "{out}");
    let choice = json!({"contents": [], "models": ["a"], "route": "fallback"});
    check(Protocol::Gemini, Wire::Gemini, &choice, "", json!({"contents": []}), "the policy chooses the model");
}

#[test]
fn labels_are_metadata() {
    let labels = json!({"team": "a"});
    let gemini = json!({"contents": [{"parts": [{"text": "x"}]}], "labels": labels});
    check(Protocol::Gemini, Wire::Responses, &gemini, "/metadata", labels.clone(), "");
    let mut body = chat(json!([{"role": "user", "content": "x"}]));
    body["metadata"] = labels.clone();
    check(Protocol::Chat, Wire::Responses, &body, "/metadata", labels, "");
    body["metadata"] = json!({"team": 5});
    check(Protocol::Chat, Wire::Responses, &body, "/metadata", json!(null), "");
}

#[test]
fn embeddings_are_changed_by_the_policy_and_not_rerouted() {
    let body = json!({"model": "m", "input": "x", "user": "u", "models": ["other"], "route": "fallback"}).to_string();
    let request = Request::parse_embeddings(Bytes::from(body)).unwrap();
    let chain = [Transform::MaxTokens(50), Transform::Params(vec![("dimensions".to_owned(), "8".to_owned())])];
    let out = encode(&request, &Target { transforms: &chain, ..target(Wire::Chat) }).unwrap();
    let sent: Value = serde_json::from_slice(&out.body.concat()).unwrap();
    assert_eq!(sent, json!({"model": "up", "input": "x", "user": "u", "dimensions": 8}));
    assert_eq!(out.warnings.len(), 2, "{:?}", out.warnings);
}

#[test]
fn a_demand_for_a_tool_is_said_in_words() {
    let chain = [Transform::EmulateTools];
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (choice, parallel, expected) in [
        (json!("required"), json!(false), "This time you have to call a tool. Write one block at most."),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            json!(true),
            "This time you have to call the tool `f`. You may write several blocks.",
        ),
    ] {
        let body = json!({"messages": [{"role": "user", "content": "x"}], "tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel});
        for wire in [Wire::Chat, Wire::Anthropic, Wire::Responses, Wire::Gemini] {
            let target = Target { transforms: &chain, can: &[], ..target(wire) };
            let (out, warnings) = sent(Protocol::Chat, &body, &target).unwrap();
            assert!(out.to_string().contains(expected), "{out}");
            assert!(warnings.contains("tools emulated"), "{warnings}");
            assert!(out.get("tool_choice").is_none() && out.get("parallel_tool_calls").is_none(), "{out}");
        }
    }
}
