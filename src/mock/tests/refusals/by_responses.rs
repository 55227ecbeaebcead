//! What OpenAI Responses refuses.

use serde_json::{Value, json};

use super::*;
use crate::mock::responses;

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
