//! What each vendor refuses, the mock refuses, in the vendor's words. One line a case.

mod by_gemini;
mod by_responses;

use serde_json::{Value, json};

use crate::mock::ask::Refusal;
use crate::mock::seal::seal;
use crate::mock::{anthropic, chat};

/// A base with further members, or with others instead.
fn with(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}

fn check(found: Result<super::super::ask::Ask, Refusal>, body: &Value, expected: &str) {
    match found {
        Ok(_) => assert_eq!(expected, "", "taken: {body}"),
        Err(refusal) => {
            assert!(!expected.is_empty(), "refused: {body}: {}", refusal.message);
            assert!(refusal.message.contains(expected), "expected `{expected}`, got `{}`: {body}", refusal.message);
        }
    }
}

fn anthropic(more: Value, expected: &str) {
    let base = json!({"model": "m", "max_tokens": 2000, "messages": [{"role": "user", "content": "hi"}]});
    let body = with(base, more);
    check(anthropic::request::read(body.to_string().as_bytes(), false, false), &body, expected);
}

fn said(messages: Value, expected: &str) {
    anthropic(json!({ "messages": messages }), expected);
}

fn tool(name: &str) -> Value {
    json!({"name": name, "input_schema": {"type": "object"}})
}

#[test]
fn anthropic_members() {
    anthropic(json!({}), "");
    for (member, value) in [
        ("n", json!(1)),
        ("response_format", json!({})),
        ("stop", json!("x")),
        ("seed", json!(1)),
        ("user", json!("u")),
    ] {
        anthropic(json!({ member: value }), &format!("{member}: Extra inputs are not permitted"));
    }
    anthropic(json!({"context_management": {}}), "context_management: Extra inputs");
    anthropic(json!({"max_tokens": null}), "max_tokens: Input should be a valid integer");
    anthropic(json!({"max_tokens": 0}), "max_tokens: Input should be greater than or equal to 1");
    anthropic(json!({"temperature": 1.5}), "temperature: Input should be less than or equal to 1");
    anthropic(json!({"system": null}), "system: Input should be");
    anthropic(json!({"system": [{"type": "text", "text": ""}]}), "system: text content blocks must be non-empty");
    anthropic(json!({"system": [{"type": "image"}]}), "system.0: Input tag 'image'");
    anthropic(json!({"stop_sequences": ["\n"]}), "non-whitespace");
    anthropic(json!({"metadata": {"user": "x"}}), "metadata.user: Extra inputs");
    anthropic(json!({"metadata": {"user_id": "x"}, "service_tier": "auto", "top_k": 3}), "");
    anthropic(json!({"messages": "hi"}), "messages: Input should be a valid list");
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(anthropic::request::read(body, false, false).unwrap_err().message, "max_tokens: Field required");
    assert!(anthropic::request::read(body, true, false).is_ok(), "counting needs none");
}

#[test]
fn anthropic_tools() {
    anthropic(json!({"tools": [tool("a")], "tool_choice": {"type": "any"}}), "");
    anthropic(json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "");
    anthropic(json!({"tools": [tool("a.b")]}), "tools.0.custom.name: String should match pattern");
    anthropic(json!({"tools": [tool("a"), tool("a")]}), "Tool names must be unique");
    anthropic(json!({"tools": [{"name": "a"}]}), "tools.0.custom.input_schema: Field required");
    anthropic(json!({"tools": [{"name": "a", "input_schema": {}}]}), "input_schema.type: Field required");
    anthropic(
        json!({"tools": [{"name": "a", "input_schema": {"type": "object", "oneOf": []}}]}),
        "does not support oneOf",
    );
    anthropic(
        json!({"tools": [with(tool("a"), json!({"parameters": {}}))]}),
        "tools.0.custom.parameters: Extra inputs",
    );
    anthropic(json!({"tools": [{"type": "function", "function": {"name": "a"}}]}), "Input tag 'function'");
    anthropic(json!({"tools": [tool("a")], "tool_choice": "auto"}), "tool_choice: Input should be a valid dictionary");
    anthropic(json!({"tools": [tool("a")], "tool_choice": {"type": "required"}}), "Input tag 'required'");
    anthropic(json!({"tools": [tool("a")], "tool_choice": {"type": "tool", "name": "b"}}), "Tool 'b' not found");
    anthropic(json!({"tool_choice": {"type": "auto"}}), "only be specified while providing tools");
}

#[test]
fn anthropic_thinking_and_format() {
    let on = |budget: i64, more: Value| with(json!({"thinking": {"type": "enabled", "budget_tokens": budget}}), more);
    anthropic(on(1024, json!({"temperature": 1})), "");
    anthropic(on(1000, json!({})), "greater than or equal to 1024");
    anthropic(on(2000, json!({})), "`max_tokens` must be greater");
    anthropic(on(1024, json!({"temperature": 0.5})), "`temperature` may only be set to 1");
    anthropic(on(1024, json!({"top_k": 5})), "`top_k` must be unset");
    anthropic(on(1024, json!({"tools": [tool("a")], "tool_choice": {"type": "any"}})), "Thinking may not be enabled");
    anthropic(json!({"thinking": {"type": "enabled"}}), "thinking.budget_tokens: Field required");
    anthropic(json!({"thinking": {"type": "disabled", "budget_tokens": 1024}}), "budget_tokens: Extra inputs");
    anthropic(json!({"thinking": {"type": "on"}}), "Input tag 'on'");
    let format = |schema: Value| json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    anthropic(format(json!({"type": "object", "additionalProperties": false})), "");
    anthropic(format(json!({"type": "object"})), "'additionalProperties' must be explicitly set to false");
    anthropic(json!({"output_config": {"effort": "minimal"}}), "output_config.effort: Input should be");
}

#[test]
fn anthropic_messages() {
    let call =
        |id: &str| json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "x", "input": {}}]});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": ""});
    let user = |content: Value| json!({"role": "user", "content": content});
    said(json!([user(json!("q")), call("a"), user(json!([result("a"), {"type": "text", "text": "and"}]))]), "");
    said(json!([]), "at least one message");
    said(json!([{"role": "tool", "content": "x"}]), "messages.0.role: Input should be 'user', 'assistant' or 'system'");
    said(json!([user(json!(null))]), "messages.0.content: Input should be");
    said(json!([{"role": "user"}]), "messages.0.content: Field required");
    said(json!([user(json!("")), user(json!("x"))]), "non-empty content");
    said(json!([user(json!([{"type": "text", "text": ""}]))]), "text content blocks must be non-empty");
    said(json!([user(json!([{"type": "text", "text": " \n"}]))]), "non-whitespace text");
    said(json!([user(json!([{"type": "image_url"}]))]), "Input tag 'image_url'");
    said(json!([user(json!([{"type": "text", "text": "x", "id": "y"}]))]), "messages.0.content.0.id: Extra inputs");
    said(json!([{"role": "user", "content": "x", "name": "y"}]), "messages.0.name: Extra inputs");
    said(json!([user(json!("x")), {"role": "assistant", "content": "and "}]), "trailing whitespace");
    said(json!([user(json!([result("b")]))]), "unexpected `tool_use_id`");
    said(json!([call("a"), user(json!([result("b")]))]), "unexpected `tool_use_id`");
    said(json!([call("a")]), "without `tool_result` blocks");
    said(json!([call("a"), user(json!("x"))]), "without `tool_result` blocks");
    said(json!([call("a"), user(json!([{"type": "text", "text": "x"}, result("a")]))]), "without `tool_result` blocks");
    said(json!([call("a"), user(json!([result("a"), result("a")]))]), "must have a single result");
    said(json!([call("a"), user(json!([result("a")])), call("a"), user(json!([result("a")]))]), "ids must be unique");
    said(json!([call("a b"), user(json!([result("a b")]))]), "tool_use.id: String should match pattern");
    said(
        json!([user(json!([{"type": "tool_use", "id": "a", "name": "x", "input": {}}]))]),
        "can only be in `assistant`",
    );
    said(
        json!([call("a"), user(json!([{"type": "tool_result", "tool_use_id": "a", "content": null}]))]),
        "content: Input should be",
    );
    said(
        json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "x", "input": "{}"}]}]),
        "input: Input should be a valid dictionary",
    );
}

#[test]
fn anthropic_pictures_thinking_and_marks() {
    let block = |block: Value, expected: &str| said(json!([{"role": "user", "content": [block]}]), expected);
    let source = |kind: &str, media: &str, data: &str| json!({"type": kind, "source": {"type": "base64", "media_type": media, "data": data}});
    block(source("image", "image/png", "aGk="), "");
    block(source("image", "image/bmp", "aGk="), "media_type: Input should be 'image/jpeg'");
    block(source("image", "image/png", "not base64"), "not valid base64");
    block(source("document", "image/png", "aGk="), "media_type: Input should be 'application/pdf'");
    block(json!({"type": "image", "source": {"type": "file", "file_id": "f"}}), "File not found: f");
    let assistant = |block: Value, expected: &str| {
        said(
            json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": [block]}, {"role": "user", "content": "x"}]),
            expected,
        );
    };
    let thinking = |text: &str, signature: &str| json!({"type": "thinking", "thinking": text, "signature": signature});
    assistant(thinking("so", &seal("anthropic", "so")), "");
    assistant(thinking("", &seal("anthropic", "so")), "");
    assistant(thinking("changed", &seal("anthropic", "so")), "Invalid `signature` in `thinking` block");
    assistant(thinking("so", "ccr1.gemini.abc"), "Invalid `signature` in `thinking` block");
    assistant(thinking("so", &seal("gemini", "so")), "Invalid `signature` in `thinking` block");
    assistant(json!({"type": "thinking", "thinking": "so"}), "signature: Field required");
    assistant(source("image", "image/png", "aGk="), "can only be in `user` messages");
    let marked =
        |count: usize| vec![json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}); count];
    said(json!([{"role": "user", "content": marked(4)}]), "");
    said(json!([{"role": "user", "content": marked(5)}]), "A maximum of 4 blocks with cache_control");
    block(json!({"type": "text", "text": "x", "cache_control": {"type": "forever"}}), "Input tag 'forever'");
    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "x", "input": {}}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]});
    let turns = json!([{"role": "user", "content": "q"}, call, result]);
    anthropic(
        json!({"messages": turns, "thinking": {"type": "enabled", "budget_tokens": 1024}}),
        "Expected `thinking`",
    );
    anthropic(json!({"messages": turns, "thinking": {"type": "adaptive"}}), "");
}

fn chat(more: Value, expected: &str) {
    let base = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let body = with(base, more);
    check(chat::request::read(body.to_string().as_bytes()), &body, expected);
}

fn function(more: Value) -> Value {
    let base = json!({"name": "f", "parameters": {"type": "object", "properties": {}}});
    json!({"type": "function", "function": with(base, more)})
}

#[test]
fn chat_members() {
    chat(json!({}), "");
    for member in
        ["system", "stop_sequences", "output_config", "thinking", "top_k", "max_output_tokens", "cache_control"]
    {
        chat(json!({ member: 1 }), &format!("Unrecognized request argument supplied: {member}"));
    }
    chat(json!({"model": "glm-5", "thinking": {"type": "enabled"}}), "");
    chat(json!({"model": null}), "'model'");
    chat(json!({"stream_options": {"include_usage": true}}), "only allowed when 'stream' is enabled");
    chat(json!({"max_tokens": 1, "max_completion_tokens": 1}), "at the same time");
    chat(json!({"model": "gpt-5.2", "max_tokens": 1}), "Use 'max_completion_tokens' instead");
    chat(json!({"model": "o3", "temperature": 0.5}), "Only the default (1) value is supported");
    chat(json!({"max_tokens": 0}), "Expected a value >= 1");
    chat(json!({"temperature": 3}), "Invalid 'temperature'");
    chat(json!({"stop": ["1", "2", "3", "4", "5"]}), "array too long");
    chat(json!({"reasoning_effort": "enormous"}), "Invalid value: 'enormous'");
    chat(json!({"metadata": {"a": 1}}), "Invalid type for 'metadata.a'");
    chat(
        json!({"response_format": {"type": "json_schema", "schema": {}}}),
        "Unknown parameter: 'response_format.schema'",
    );
    chat(json!({"response_format": {"type": "json_object"}}), "must contain the word 'json'");
    let schema = |strict: bool, schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": strict, "schema": schema}}});
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    chat(schema(false, open.clone()), "");
    chat(schema(true, open), "'additionalProperties' is required to be supplied and to be false");
}

#[test]
fn chat_tools() {
    chat(json!({"tools": [function(json!({}))], "tool_choice": "required"}), "");
    chat(json!({"tools": [function(json!({}))], "tool_choice": "any"}), "Invalid value: 'any'");
    chat(json!({"tools": [function(json!({}))], "tool_choice": {"type": "any"}}), "Invalid value: 'any'");
    chat(
        json!({"tools": [function(json!({}))], "tool_choice": {"type": "function", "function": {"name": "g"}}}),
        "'g' not found",
    );
    chat(
        json!({"tools": [function(json!({}))], "tool_choice": {"type": "function", "name": "f"}}),
        "Unknown parameter: 'tool_choice.name'",
    );
    chat(json!({"tools": []}), "empty array");
    chat(json!({"tool_choice": "auto"}), "only allowed when 'tools' are specified");
    chat(json!({"parallel_tool_calls": false}), "only allowed when 'tools' are specified");
    chat(json!({"tools": [function(json!({"name": "a.b"}))]}), "'^[a-zA-Z0-9_-]{1,64}$'");
    chat(json!({"tools": [function(json!({"name": "a".repeat(65)}))]}), "'^[a-zA-Z0-9_-]{1,64}$'");
    chat(
        json!({"tools": [function(json!({"input_schema": {}}))]}),
        "Unknown parameter: 'tools[0].function.input_schema'",
    );
    chat(json!({"tools": [function(json!({"parameters": {"type": "array"}}))]}), "got 'type: \"array\"'");
    chat(json!({"tools": [function(json!({"parameters": {"type": "object"}}))]}), "object schema missing properties");
    chat(json!({"tools": [{"name": "f", "input_schema": {}}]}), "Missing required parameter: 'tools[0].type'");
    chat(json!({"tools": [{"type": "web_search_20250305", "name": "x"}]}), "Invalid value: 'web_search_20250305'");
}

#[test]
fn chat_messages() {
    let said = |messages: Value, expected: &str| chat(json!({ "messages": messages }), expected);
    let call = |id: &str| json!({"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function", "function": {"name": "x", "arguments": "{}"}}]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": ""});
    said(json!([call("a"), result("a"), {"role": "user", "content": "x", "name": "bob"}]), "");
    said(json!([]), "empty array");
    said(json!([{"role": "king", "content": "x"}]), "Invalid value: 'king'");
    said(json!([{"role": "user", "content": null}]), "expected a string, got null");
    said(json!([{"role": "assistant"}]), "expected a string, got null");
    said(json!([{"role": "assistant", "content": "x", "tool_calls": []}]), "empty array");
    said(json!([{"role": "user", "content": []}]), "empty array");
    said(json!([{"role": "user", "content": "x", "name": "a b"}]), "Invalid 'messages[0].name'");
    said(
        json!([{"role": "user", "content": "x", "cache_control": {}}]),
        "Unknown parameter: 'messages[0].cache_control'",
    );
    said(
        json!([{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}]),
        "Unknown parameter: 'messages[0].content[0].cache_control'",
    );
    said(json!([{"role": "user", "content": [{"type": "image"}]}]), "Invalid value: 'image'");
    said(
        json!([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]),
        "Invalid value: 'image_url'",
    );
    said(json!([{"role": "user", "content": [{"type": "image_url", "image_url": "https://x"}]}]), "expected an object");
    said(
        json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "iVBO"}}]}]),
        "Expected a base64-encoded data URL",
    );
    said(
        json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}]}]),
        "Invalid base64",
    );
    said(
        json!([{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}}]}]),
        "file.filename",
    );
    said(json!([result("a")]), "must be a response to a preceeding message");
    said(json!([call("a")]), "did not have response messages: a");
    said(json!([call("a"), {"role": "user", "content": "x"}]), "did not have response messages: a");
    said(json!([call("a"), {"role": "tool", "tool_call_id": "a", "content": null}]), "got null");
    said(json!([call("a"), result("a"), result("a")]), "must be a response");
    said(json!([call("a"), result("a"), call("a"), result("a")]), "Duplicate value");
    said(json!([call(&"a".repeat(41)), result(&"a".repeat(41))]), "maximum length 40");
    let object = json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "x", "arguments": {}}}]});
    said(json!([object]), "arguments': expected a string, but got an object instead");
}
