//! What Gemini refuses.

use serde_json::{Value, json};

use super::*;
use crate::mock::gemini;

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
