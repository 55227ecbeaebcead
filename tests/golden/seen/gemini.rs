//! Gemini's `generateContent`. Its members may be written in either case.

use serde_json::{Value, json};

use super::{Said, list, text};

/// A member under either of its names.
fn member<'v>(value: &'v Value, camel: &str, snake: &str) -> &'v Value {
    if value[camel].is_null() { &value[snake] } else { &value[camel] }
}

pub(super) fn read(body: &Value, said: &mut Said) {
    let instruction = member(body, "systemInstruction", "system_instruction");
    for part in list(&instruction["parts"]) {
        said.system(text(&part["text"]));
    }
    for content in list(&body["contents"]) {
        said.message();
        let who = if content["role"] == "model" { "assistant" } else { "user" };
        for part in list(&content["parts"]) {
            read_part(who, part, said);
        }
    }
    read_tools(body, said);
    settings(member(body, "generationConfig", "generation_config"), said);
}

fn read_part(who: &'static str, part: &Value, said: &mut Said) {
    let signature = member(part, "thoughtSignature", "thought_signature");
    if part["thought"] == true {
        return said.line(who, &format!("thinking {} signed {}", text(&part["text"]), text(signature)));
    }
    if !signature.is_null() {
        said.line(who, &format!("thinking  signed {}", text(signature)));
    }
    let (call, result) =
        (member(part, "functionCall", "function_call"), member(part, "functionResponse", "function_response"));
    if let Some(words) = part["text"].as_str() {
        said.text(who, words);
    } else if call.is_object() {
        let input = if call["args"].is_null() { json!({}) } else { call["args"].clone() };
        said.call(text(&call["id"]), text(&call["name"]), &input);
    } else if result.is_object() {
        read_result(result, said);
    } else {
        read_data(who, part, said);
    }
}

fn read_data(who: &str, part: &Value, said: &mut Said) {
    let (inline, file) = (member(part, "inlineData", "inline_data"), member(part, "fileData", "file_data"));
    let holder = if inline.is_object() { inline } else { file };
    let media = text(member(holder, "mimeType", "mime_type"));
    let what = match media.split('/').next() {
        Some("image") => "image",
        Some("audio") => "audio",
        _ => "file",
    };
    if inline.is_object() {
        said.data(who, what, media, text(&inline["data"]), text(member(inline, "displayName", "display_name")));
    } else if file.is_object() {
        said.line(who, &format!("{what} {}", text(member(file, "fileUri", "file_uri"))));
    } else {
        said.line(who, &part.to_string());
    }
}

fn read_result(result: &Value, said: &mut Said) {
    let number = said.number(result["id"].as_str());
    let response = &result["response"];
    let error = !response["error"].is_null();
    let held =
        ["error", "output", "result", "content"].into_iter().map(|name| &response[name]).find(|held| !held.is_null());
    let words = match held {
        Some(Value::String(words)) => words.clone(),
        Some(other) => other.to_string(),
        None => response.to_string(),
    };
    said.result(number, error, &words);
    for part in list(&result["parts"]) {
        read_data(&format!("user result #{number}"), part, said);
    }
}

fn read_tools(body: &Value, said: &mut Said) {
    let (mut names, mut hosted) = (Vec::new(), Vec::new());
    for tool in list(&body["tools"]) {
        names
            .extend(list(member(tool, "functionDeclarations", "function_declarations")).iter().map(|one| &one["name"]));
        if !member(tool, "googleSearch", "google_search").is_null() {
            hosted.push("web_search");
        }
    }
    if !names.is_empty() {
        said.set("tools", json!(names));
    }
    if !hosted.is_empty() {
        said.set("hosted", json!(hosted));
    }
    let config = member(body, "toolConfig", "tool_config");
    let calling = member(config, "functionCallingConfig", "function_calling_config");
    let allowed = list(member(calling, "allowedFunctionNames", "allowed_function_names"));
    match (text(&calling["mode"]), allowed) {
        ("AUTO", _) => said.set("choice", json!("auto")),
        ("NONE", _) => said.set("choice", json!("none")),
        ("ANY", [one]) => said.set("choice", json!(format!("tool {}", text(one)))),
        ("ANY", _) => said.set("choice", json!("any")),
        _ => {}
    }
}

fn settings(config: &Value, said: &mut Said) {
    let pairs = [
        ("max_tokens", "maxOutputTokens", "max_output_tokens"),
        ("temperature", "temperature", "temperature"),
        ("top_p", "topP", "top_p"),
        ("top_k", "topK", "top_k"),
        ("seed", "seed", "seed"),
        ("frequency_penalty", "frequencyPenalty", "frequency_penalty"),
        ("presence_penalty", "presencePenalty", "presence_penalty"),
        ("stops", "stopSequences", "stop_sequences"),
    ];
    for (name, camel, snake) in pairs {
        said.set(name, member(config, camel, snake).clone());
    }
    let thinking = member(config, "thinkingConfig", "thinking_config");
    let budget = member(thinking, "thinkingBudget", "thinking_budget").as_i64();
    let level = member(thinking, "thinkingLevel", "thinking_level");
    match (budget, level.is_null()) {
        (Some(0), _) => said.set("thinking", json!("off")),
        (None, true) => {}
        _ => said.set("thinking", json!("on")),
    }
    let schema = ["responseSchema", "responseJsonSchema", "response_schema", "response_json_schema"];
    let schema = schema.into_iter().map(|name| &config[name]).find(|schema| !schema.is_null());
    match (schema, text(member(config, "responseMimeType", "response_mime_type"))) {
        (Some(schema), _) => said.set("format", schema.clone()),
        (None, "application/json") => said.set("format", json!("object")),
        _ => {}
    }
}
