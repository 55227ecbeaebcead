//! What each vendor refuses, the mock refuses, in the vendor's words. One line a case.

use serde_json::{Value, json};

use crate::mock::ask::Refusal;
use crate::mock::seal::seal;
use crate::mock::{anthropic, chat, gemini, responses};

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

fn responses(more: Value, expected: &str) {
    let body = with(json!({"model": "m", "input": "hi"}), more);
    check(responses::request::read(body.to_string().as_bytes(), false), &body, expected);
}

#[test]
fn responses_members() {
    responses(
        json!({"store": false, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "client_metadata": {}}),
        "",
    );
    for (member, new) in
        [("messages", "input"), ("max_tokens", "max_output_tokens"), ("response_format", "text.format")]
    {
        responses(
            json!({ member: 1 }),
            &format!("'{member}'. In the Responses API, this parameter has moved to '{new}'"),
        );
    }
    responses(json!({"stop": ["x"]}), "Unknown parameter: 'stop'.");
    responses(json!({"input": []}), "must be provided");
    responses(json!({"input": {"role": "user"}}), "Invalid type for 'input'");
    responses(json!({"max_output_tokens": 15}), "Expected a value >= 16, but got 15 instead");
    responses(json!({"previous_response_id": "resp_1"}), "Previous response with id 'resp_1' not found");
    responses(
        json!({"stream": true, "stream_options": {"include_usage": true}}),
        "Unknown parameter: 'stream_options.include_usage'",
    );
    responses(json!({"include": ["everything"]}), "Invalid value: 'everything'");
    responses(json!({"model": "gpt-5", "temperature": 0.1}), "Only the default (1) value");
    responses(
        json!({"model": "gpt-4o", "reasoning": {"effort": "low"}}),
        "'reasoning.effort' is not supported with this model",
    );
    responses(
        json!({"text": {"format": {"type": "json_schema", "json_schema": {}}}}),
        "Unknown parameter: 'text.format.json_schema'",
    );
    let count = json!({"model": "m", "input": "hi", "stream": true});
    check(responses::request::read(count.to_string().as_bytes(), true), &count, "Unknown parameter: 'stream'.");
}

#[test]
fn responses_tools() {
    let function = |more: Value| {
        with(json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}), more)
    };
    responses(
        json!({"tools": [function(json!({})), {"type": "custom", "name": "patch"}, {"type": "web_search"}], "tool_choice": "required"}),
        "",
    );
    responses(
        json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
        "Unknown parameter: 'tools[0].function'",
    );
    responses(json!({"tools": [function(json!({"name": "a.b"}))]}), "Invalid 'tools[0].name'");
    responses(
        json!({"tools": [function(json!({"strict": true, "parameters": {"type": "object", "properties": {"a": {}}}}))]}),
        "'additionalProperties' is required",
    );
    responses(json!({"tools": [function(json!({}))], "tool_choice": "any"}), "Invalid value: 'any'");
    responses(
        json!({"tools": [function(json!({}))], "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        "Unknown parameter: 'tool_choice.function'",
    );
    responses(
        json!({"tools": [function(json!({}))], "tool_choice": {"type": "function", "name": "g"}}),
        "not found in 'tools'",
    );
    responses(json!({"tool_choice": "required"}), "must be specified with 'tools'");
}

#[test]
fn responses_items() {
    let said = |items: Value, expected: &str| responses(json!({ "input": items }), expected);
    let user = json!({"role": "user", "content": [{"type": "input_text", "text": "q"}]});
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "x", "arguments": "{}"});
    let output = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "y"});
    let custom = json!({"type": "custom_tool_call", "call_id": "c", "name": "x", "input": "free"});
    let custom_output = json!({"type": "custom_tool_call_output", "call_id": "c", "output": "y"});
    said(json!([user, call("a"), user, output("a"), custom, custom_output]), "");
    said(json!([user, output("a")]), "No tool call found for function call output with call_id a.");
    said(json!([user, call("a")]), "No tool output found for function call a.");
    said(json!([user, custom]), "No tool output found for custom tool call c.");
    said(json!([user, custom, output("c")]), "No tool call found for function call output with call_id c.");
    said(json!([user, call("a"), output("a"), call("a"), output("a")]), "Duplicate tool call");
    said(json!([user, call("a"), output("a"), output("a")]), "No tool call found");
    said(json!([user, call(&"a".repeat(65)), output(&"a".repeat(65))]), "maximum length 64");
    said(json!([user, with(call("a"), json!({"id": "call_1"})), output("a")]), "Expected an ID that begins with 'fc'");
    said(
        json!([user, with(call("a"), json!({"arguments": {}})), output("a")]),
        "input[1].arguments': expected a string",
    );
    said(json!([{"role": "user", "content": [{"type": "text", "text": "q"}]}]), "Invalid value: 'text'");
    said(json!([{"role": "user", "content": [{"type": "output_text", "text": "q"}]}]), "Invalid value: 'output_text'");
    said(
        json!([{"role": "assistant", "content": [{"type": "input_text", "text": "q"}]}]),
        "Invalid value: 'input_text'",
    );
    said(json!([{"role": "tool", "content": "x"}]), "Invalid value: 'tool'");
    said(json!([{"role": "user", "content": null}]), "Invalid type for 'input[0].content'");
    said(
        json!([{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "https://x"}}]}]),
        "input[0].content[0].image_url",
    );
    said(
        json!([{"role": "user", "content": [{"type": "input_file", "file_data": "data:application/pdf;base64,aGk="}]}]),
        "filename",
    );
    said(json!([{"type": "item_reference", "id": "rs_1"}]), "Item with id 'rs_1' not found");
    said(json!([{"type": "tool_result", "tool_use_id": "a"}]), "Invalid value: 'tool_result'");
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []});
    said(json!([message, message, user]), "Duplicate item found with id msg_1");
}

#[test]
fn responses_reasoning() {
    let said = |items: Value, expected: &str| responses(json!({ "input": items }), expected);
    let user = json!({"role": "user", "content": "q"});
    let answer = json!({"role": "assistant", "content": "a"});
    let reasoning =
        |content: Value| json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": content});
    let own = reasoning(json!(seal("responses", "x")));
    said(json!([user, own, answer, user]), "");
    said(json!([user, own, user]), "without its required following item");
    said(json!([user, own]), "without its required following item");
    said(json!([user, reasoning(json!(null)), answer, user]), "Item with id 'rs_1' not found");
    said(json!([user, reasoning(json!(seal("anthropic", "x"))), answer, user]), "could not be verified");
    said(json!([user, reasoning(json!("ccr1.gemini.abc")), answer, user]), "could not be verified");
    said(json!([user, {"type": "reasoning", "id": "rs_1"}, answer]), "Missing required parameter: 'input[1].summary'");
}

fn gemini_for(model: &str, more: Value, expected: &str) {
    let body = with(json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}), more);
    check(gemini::request::read(body.to_string().as_bytes(), model, false), &body, expected);
}

fn gemini(more: Value, expected: &str) {
    gemini_for("gemini-2.5-flash", more, expected);
}

#[test]
fn gemini_members() {
    gemini(json!({}), "");
    gemini(
        json!({"system_instruction": {"parts": [{"text": "x"}]}, "generation_config": {"max_output_tokens": 5}}),
        "",
    );
    gemini(json!({"messages": []}), "Invalid JSON payload received. Unknown name \"messages\": Cannot find field.");
    gemini(
        json!({"generationConfig": {"maxTokens": 5}}),
        "Unknown name \"maxTokens\" at 'generation_config': Cannot find field.",
    );
    gemini(
        json!({"generationConfig": {"temperature": "hot"}}),
        "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\"",
    );
    gemini(json!({"generationConfig": {"temperature": 2.5}}), "above the greatest value 2");
    gemini(json!({"generationConfig": {"stopSequences": ["1", "2", "3", "4", "5", "6"]}}), "must not exceed 5");
    gemini(json!({"generationConfig": {"responseSchema": {"type": "STRING"}}}), "only allowed when response_mime_type");
    gemini(json!({"systemInstruction": "x"}), "Invalid value at 'system_instruction'");
    gemini(json!({"systemInstruction": {"parts": []}}), "must not be empty");
}

#[test]
fn gemini_thinking() {
    let thinking = |config: Value| json!({"generationConfig": {"thinkingConfig": config}});
    gemini(thinking(json!({"includeThoughts": true, "thinkingBudget": -1})), "");
    gemini(thinking(json!({"thinkingBudget": 0})), "");
    gemini(thinking(json!({"thinkingBudget": 30000})), "The thinking budget 30000 is invalid");
    gemini(thinking(json!({"thinkingLevel": "HIGH"})), "Thinking level is not supported");
    gemini(thinking(json!({"budget": 1})), "Unknown name \"budget\"");
    gemini_for("gemini-2.5-pro", thinking(json!({"thinkingBudget": 0})), "only works in thinking mode");
    gemini_for("gemini-3-pro-preview", thinking(json!({"thinkingLevel": "low"})), "");
    gemini_for("gemini-3-pro-preview", thinking(json!({"thinkingLevel": "MINIMAL"})), "MINIMAL is not supported");
    gemini_for(
        "gemini-3-pro-preview",
        thinking(json!({"thinkingLevel": "low", "thinkingBudget": 5})),
        "only one of thinking budget",
    );
    gemini_for("gemini-2.0-flash", thinking(json!({"thinkingBudget": 5})), "thinking is not supported");
}

#[test]
fn gemini_tools_and_schemas() {
    let declared = |more: Value| json!({"tools": [{"functionDeclarations": [with(json!({"name": "f"}), more)]}]});
    let parameter = |schema: Value| declared(json!({"parameters": {"type": "OBJECT", "properties": {"a": schema}}}));
    gemini(parameter(json!({"type": "string", "format": "date-time", "enum": ["a"], "nullable": true})), "");
    gemini(
        declared(json!({"parametersJsonSchema": {"$schema": "x", "type": "object", "additionalProperties": false}})),
        "",
    );
    gemini(declared(json!({"name": "1f"})), "Invalid function name");
    gemini(
        declared(json!({"parameters": {"type": "OBJECT", "properties": {}}})),
        "should be non-empty for OBJECT type",
    );
    for keyword in ["$schema", "additionalProperties", "const", "oneOf", "allOf", "$ref", "exclusiveMinimum", "not"] {
        gemini(
            parameter(json!({"type": "string", keyword: true})),
            &format!(
                "Unknown name \"{keyword}\" at 'tools[0].function_declarations[0].parameters.properties[0].value'"
            ),
        );
    }
    gemini(
        parameter(json!({"type": "string", "format": "uri"})),
        "only 'enum' and 'date-time' are supported for STRING type",
    );
    gemini(parameter(json!({"type": ["string", "null"]})), "Proto field is not repeating");
    gemini(parameter(json!({"type": "integer", "enum": ["1"]})), "only allowed for STRING type");
    gemini(parameter(json!({"type": "string", "enum": [1]})), "(TYPE_STRING), 1");
    gemini(parameter(json!({"type": "string", "enum": [""]})), "cannot be empty");
    gemini(parameter(json!({"type": "array"})), "items: missing field");
    gemini(
        parameter(json!({"type": "object", "properties": {"b": {"type": "string"}}, "required": ["c"]})),
        "property is not defined",
    );
    gemini(parameter(json!({"type": "map"})), "v1beta.Type), \"MAP\"");
    let mode = |config: Value| {
        with(parameter(json!({"type": "string"})), json!({"toolConfig": {"functionCallingConfig": config}}))
    };
    gemini(mode(json!({"mode": "ANY", "allowedFunctionNames": ["f"]})), "");
    gemini(mode(json!({"mode": "any"})), "Invalid value at 'tool_config.function_calling_config.mode'");
    gemini(mode(json!({"mode": "AUTO", "allowedFunctionNames": ["f"]})), "only be set when the mode is ANY");
    gemini(mode(json!({"mode": "ANY", "allowedFunctionNames": ["g"]})), "'g' is not among");
    gemini(json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}), "without function_declarations");
    gemini(
        json!({"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]}),
        "Tool use with function calling is unsupported",
    );
    gemini(
        with(
            parameter(json!({"type": "string"})),
            json!({"generationConfig": {"responseMimeType": "application/json"}}),
        ),
        "is unsupported",
    );
}

#[test]
fn gemini_contents() {
    let said = |contents: Value, expected: &str| gemini(json!({ "contents": contents }), expected);
    let user = |parts: Value| json!({"role": "user", "parts": parts});
    let model = |parts: Value| json!({"role": "model", "parts": parts});
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
    let answer = |name: &str| json!({"functionResponse": {"name": name, "response": {"output": "y"}}});
    let question = user(json!([{"text": "q"}]));
    said(json!([question, model(json!([call("f"), call("g")])), user(json!([answer("f"), answer("g")]))]), "");
    said(json!([]), "contents is not specified");
    said(json!([{"role": "assistant", "parts": [{"text": "q"}]}]), "Please use a valid role: user, model.");
    said(json!([user(json!([]))]), "contents.parts must not be empty");
    said(json!([user(json!([{}]))]), "required oneof field 'data' must have one initialized field");
    said(json!([user(json!([{"text": ""}]))]), "required oneof field 'data'");
    said(
        json!([user(json!([{"text": "x", "inlineData": {"mimeType": "image/png", "data": "aGk="}}]))]),
        "oneof field 'data' is already set",
    );
    said(
        json!([user(json!([{"inlineData": {"mimeType": "image/gif", "data": "aGk="}}]))]),
        "Unsupported MIME type: image/gif",
    );
    said(json!([user(json!([{"inlineData": {"mimeType": "image/png", "data": "???"}}]))]), "Base64 decoding failed");
    said(
        json!([user(json!([{"text": "x", "cache_control": {}}]))]),
        "Unknown name \"cacheControl\" at 'contents[0].parts[0]'",
    );
    said(json!([question, user(json!([answer("f")]))]), "immediately after a function call turn");
    said(json!([question, model(json!([call("f")]))]), "end with a user turn or a function response");
    said(json!([question, model(json!([call("f")])), question]), "followed by a function response turn");
    said(
        json!([question, model(json!([call("f"), call("g")])), user(json!([answer("f")]))]),
        "number of function response parts is equal",
    );
    said(json!([question, model(json!([call("f")])), user(json!([answer("g")]))]), "'g' answers none");
    said(
        json!([
            question,
            model(json!([call("f")])),
            user(json!([{"functionResponse": {"name": "f", "response": "y"}}]))
        ]),
        "Struct), \"y\"",
    );
    said(json!([question, model(json!([call("")])), user(json!([answer("")]))]), "Name cannot be empty");
    said(json!([model(json!([call("f")])), user(json!([answer("f")]))]), "after a user turn");
}

#[test]
fn gemini_signatures() {
    let turns = |signature: Option<String>| {
        let mut call = json!({"functionCall": {"name": "f", "args": {}}});
        if let Some(signature) = signature {
            call = with(call, json!({ "thoughtSignature": signature }));
        }
        let answer = json!({"functionResponse": {"name": "f", "response": {}}});
        let tail = [json!({"role": "model", "parts": [call]}), json!({"role": "user", "parts": [answer]})];
        json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}, tail[0], tail[1]]})
    };
    gemini(turns(None), "");
    gemini_for("gemini-3-pro-preview", turns(None), "Function call is missing a thought_signature");
    gemini_for("gemini-3-pro-preview", turns(Some(seal("gemini", "f"))), "");
    gemini_for("gemini-3-pro-preview", turns(Some("skip_thought_signature_validator".to_owned())), "");
    gemini(turns(Some(seal("anthropic", "f"))), "Corrupted thought signature.");
    gemini(turns(Some("ccr1.anthropic.abc".to_owned())), "Base64 decoding failed");
    let mut earlier = turns(None);
    let contents = earlier["contents"].as_array_mut().unwrap();
    contents.push(json!({"role": "user", "parts": [{"text": "next"}]}));
    gemini_for("gemini-3-pro-preview", earlier, "");
}

#[test]
fn counting_contents() {
    let count = |body: Value, expected: &str| {
        check(gemini::request::read_count(body.to_string().as_bytes(), "m"), &body, expected)
    };
    let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    count(json!({"contents": contents}), "");
    count(
        json!({"generateContentRequest": {"model": "models/m", "contents": contents, "systemInstruction": {"parts": [{"text": "x"}]}}}),
        "",
    );
    count(
        json!({"contents": contents, "systemInstruction": {"parts": [{"text": "x"}]}}),
        "Unknown name \"systemInstruction\"",
    );
    count(json!({"generateContentRequest": {"contents": contents}}), "unexpected model name format");
}
