//! What an answer or a stream tells a client, in the words of a `want`.

use ccr_policy::protocol::Protocol;
use serde_json::{Value, json};

use crate::seen::{list, parsed, text};

/// What is gathered of an answer.
#[derive(Default)]
struct Told {
    blocks: Vec<String>,
    stop: Option<&'static str>,
    sequence: Value,
    usage: [Value; 4],
}

impl Told {
    fn done(self) -> Value {
        let [input, cached, written, output] = self.usage;
        json!({
            "blocks": self.blocks, "stop": self.stop, "sequence": self.sequence,
            "input": input, "cached": cached, "written": written, "output": output,
        })
    }

    fn block(&mut self, kind: &str, said: &str) {
        self.blocks.push(format!("{kind} {said}").trim_end().to_owned());
    }

    fn thinking(&mut self, thought: &str, signature: &str) {
        self.block("thinking", &format!("{thought} signed {signature}"));
    }

    fn call(&mut self, name: &str, input: &Value) {
        self.block("call", &format!("{name} {input}"));
    }
}

/// A whole answer.
pub(crate) fn answer(protocol: Protocol, body: &Value) -> Value {
    let mut told = Told::default();
    match protocol {
        Protocol::Anthropic => anthropic(body, &mut told),
        Protocol::Chat => chat(body, &mut told),
        Protocol::Responses => responses(body, &mut told),
        Protocol::Gemini => gemini(body, &mut told),
        Protocol::Simple => told.block("text", text(body)),
    }
    told.done()
}

fn anthropic(body: &Value, told: &mut Told) {
    for block in list(&body["content"]) {
        match text(&block["type"]) {
            "text" => told.block("text", text(&block["text"])),
            "thinking" => told.thinking(text(&block["thinking"]), text(&block["signature"])),
            "redacted_thinking" => told.thinking("hidden", text(&block["data"])),
            "tool_use" => told.call(text(&block["name"]), &block["input"]),
            kind => told.block(kind, ""),
        }
    }
    told.stop = match text(&body["stop_reason"]) {
        "end_turn" => Some("end"),
        "max_tokens" => Some("max_tokens"),
        "tool_use" => Some("tool_use"),
        "refusal" => Some("refusal"),
        "stop_sequence" => Some("stop_sequence"),
        "pause_turn" => Some("pause"),
        _ => None,
    };
    told.sequence = body["stop_sequence"].clone();
    let usage = &body["usage"];
    let names = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"];
    told.usage = names.map(|name| usage[name].clone());
}

fn chat(body: &Value, told: &mut Told) {
    let choice = &body["choices"][0];
    let message = &choice["message"];
    if let Some(thought) = message["reasoning_content"].as_str() {
        told.thinking(thought, "");
    }
    for member in ["content", "refusal"] {
        if let Some(words) = message[member].as_str() {
            told.block("text", words);
        }
    }
    for call in list(&message["tool_calls"]) {
        told.call(text(&call["function"]["name"]), &parsed(&call["function"]["arguments"]));
    }
    told.stop = match text(&choice["finish_reason"]) {
        "stop" => Some("end"),
        "length" => Some("max_tokens"),
        "tool_calls" => Some("tool_use"),
        "content_filter" => Some("refusal"),
        _ => None,
    };
    let usage = &body["usage"];
    let cached = &usage["prompt_tokens_details"]["cached_tokens"];
    told.usage =
        [fresh(&usage["prompt_tokens"], cached), cached.clone(), Value::Null, usage["completion_tokens"].clone()];
}

/// What of the input was not read from a cache.
fn fresh(input: &Value, cached: &Value) -> Value {
    input.as_u64().map_or(Value::Null, |input| json!(input - cached.as_u64().unwrap_or(0)))
}

fn responses(body: &Value, told: &mut Told) {
    let mut called = false;
    let mut refused = false;
    for item in list(&body["output"]) {
        match text(&item["type"]) {
            "reasoning" => {
                let texts = list(&item["summary"]).iter().chain(list(&item["content"])).map(|part| text(&part["text"]));
                told.thinking(&texts.collect::<Vec<_>>().join("\n\n"), text(&item["encrypted_content"]));
            }
            "message" => {
                for part in list(&item["content"]) {
                    refused |= part["refusal"].is_string();
                    told.block("text", part["text"].as_str().unwrap_or(text(&part["refusal"])));
                }
            }
            "function_call" => {
                called = true;
                told.call(text(&item["name"]), &parsed(&item["arguments"]));
            }
            "custom_tool_call" => {
                called = true;
                told.call(text(&item["name"]), &item["input"]);
            }
            kind => told.block(kind, ""),
        }
    }
    told.stop = match (text(&body["status"]), text(&body["incomplete_details"]["reason"])) {
        ("incomplete", "max_output_tokens") => Some("max_tokens"),
        ("incomplete", "content_filter") => Some("refusal"),
        ("completed", _) if refused => Some("refusal"),
        ("completed", _) if called => Some("tool_use"),
        ("completed", _) => Some("end"),
        ("failed", _) => Some("error"),
        _ => None,
    };
    let usage = &body["usage"];
    let cached = &usage["input_tokens_details"]["cached_tokens"];
    told.usage = [fresh(&usage["input_tokens"], cached), cached.clone(), Value::Null, usage["output_tokens"].clone()];
}

fn gemini(body: &Value, told: &mut Told) {
    let candidate = &body["candidates"][0];
    let mut called = false;
    for part in list(&candidate["content"]["parts"]) {
        let signature = text(&part["thoughtSignature"]);
        if part["thought"] == true {
            told.thinking(text(&part["text"]), signature);
            continue;
        }
        if !signature.is_empty() {
            told.thinking("", signature);
        }
        if let Some(words) = part["text"].as_str() {
            told.block("text", words);
        } else if part["functionCall"].is_object() {
            called = true;
            let input = &part["functionCall"]["args"];
            told.call(text(&part["functionCall"]["name"]), if input.is_null() { &Value::Null } else { input });
        }
    }
    told.stop = match text(&candidate["finishReason"]) {
        "STOP" if called => Some("tool_use"),
        "STOP" => Some("end"),
        "MAX_TOKENS" => Some("max_tokens"),
        "SAFETY" | "PROHIBITED_CONTENT" | "RECITATION" | "BLOCKLIST" | "SPII" => Some("refusal"),
        _ => None,
    };
    let usage = &body["usageMetadata"];
    let cached =
        if usage["cachedContentTokenCount"].is_null() { json!(0) } else { usage["cachedContentTokenCount"].clone() };
    let said = usage["candidatesTokenCount"].as_u64().unwrap_or(0) + usage["thoughtsTokenCount"].as_u64().unwrap_or(0);
    told.usage = [fresh(&usage["promptTokenCount"], &cached), cached, Value::Null, json!(said)];
}

/// A stream, put together as a client's library does it: what it says is read like a whole answer.
pub(crate) fn stream(protocol: Protocol, written: &str) -> Value {
    let data: Vec<Value> = written
        .split("\n\n")
        .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data:")))
        .map(str::trim)
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}")))
        .collect();
    let failed =
        |event: &Value| event["type"] == "error" || event["type"] == "response.failed" || event["error"].is_object();
    let error = data.iter().any(failed);
    let whole = match protocol {
        Protocol::Anthropic => anthropic_whole(&data),
        Protocol::Responses => responses_whole(&data),
        Protocol::Gemini => gemini_whole(&data),
        Protocol::Chat | Protocol::Simple => chat_whole(&data),
    };
    let mut told = answer(protocol, &whole);
    if error {
        told["stop"] = json!("error");
    }
    told
}

fn append(to: &mut Value, more: &Value) {
    *to = json!(format!("{}{}", text(to), text(more)));
}

fn anthropic_whole(data: &[Value]) -> Value {
    let mut whole = json!({"content": []});
    let mut json = String::new();
    for event in data {
        match text(&event["type"]) {
            "message_start" => whole = event["message"].clone(),
            "content_block_start" => {
                whole["content"].as_array_mut().unwrap().push(event["content_block"].clone());
                json.clear();
            }
            "content_block_delta" => {
                let block = whole["content"].as_array_mut().unwrap().last_mut().unwrap();
                let delta = &event["delta"];
                match text(&delta["type"]) {
                    "text_delta" => append(&mut block["text"], &delta["text"]),
                    "thinking_delta" => append(&mut block["thinking"], &delta["thinking"]),
                    "signature_delta" => append(&mut block["signature"], &delta["signature"]),
                    "input_json_delta" => json.push_str(text(&delta["partial_json"])),
                    _ => {}
                }
            }
            "content_block_stop" => {
                let block = whole["content"].as_array_mut().unwrap().last_mut().unwrap();
                if block["type"] == "tool_use" && !json.is_empty() {
                    block["input"] = serde_json::from_str(&json).unwrap_or_else(|_| json!(json));
                }
            }
            "message_delta" => {
                whole["stop_reason"] = event["delta"]["stop_reason"].clone();
                whole["stop_sequence"] = event["delta"]["stop_sequence"].clone();
                for (name, value) in event["usage"].as_object().into_iter().flatten() {
                    whole["usage"][name] = value.clone();
                }
            }
            _ => {}
        }
    }
    whole
}

fn chat_whole(data: &[Value]) -> Value {
    let mut message = json!({});
    let mut whole = json!({});
    let mut calls: Vec<Value> = Vec::new();
    for chunk in data {
        if chunk["usage"].is_object() {
            whole["usage"] = chunk["usage"].clone();
        }
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        for name in ["content", "reasoning_content", "refusal"] {
            if delta[name].as_str().is_some_and(|words| !words.is_empty()) {
                append(&mut message[name], &delta[name]);
            }
        }
        for call in list(&delta["tool_calls"]) {
            let place = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            calls.resize(calls.len().max(place + 1), json!({"function": {}}));
            for name in ["name", "arguments"] {
                append(&mut calls[place]["function"][name], &call["function"][name]);
            }
        }
        if choice["finish_reason"].is_string() {
            whole["choices"] = json!([{"finish_reason": choice["finish_reason"]}]);
        }
    }
    message["tool_calls"] = json!(calls);
    whole["choices"][0]["message"] = message;
    whole
}

/// The last event holds the whole answer. A stream that was cut has none: its texts are told.
fn responses_whole(data: &[Value]) -> Value {
    let last = data.iter().rev().find(|event| event["response"]["output"].is_array());
    match last {
        Some(event) if !list(&event["response"]["output"]).is_empty() => event["response"].clone(),
        _ => {
            let mut said = json!("");
            for event in data.iter().filter(|event| event["type"] == "response.output_text.delta") {
                append(&mut said, &event["delta"]);
            }
            json!({"output": [{"type": "message", "content": [{"type": "output_text", "text": said}]}]})
        }
    }
}

fn gemini_whole(data: &[Value]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut whole = json!({"candidates": [{}]});
    for chunk in data {
        let candidate = &chunk["candidates"][0];
        // The last chunk has a part that says nothing, as Google's own has.
        let says = |part: &&Value| part["text"] != "" || part["thoughtSignature"].is_string();
        for part in list(&candidate["content"]["parts"]).iter().filter(says) {
            let kind = |part: &Value| (part["text"].is_string(), part["thought"] == true);
            match parts.last_mut().filter(|last| kind(last) == kind(part) && part["text"].is_string()) {
                Some(last) => {
                    append(&mut last["text"], &part["text"]);
                    if part["thoughtSignature"].is_string() {
                        last["thoughtSignature"] = part["thoughtSignature"].clone();
                    }
                }
                None => parts.push(part.clone()),
            }
        }
        if candidate["finishReason"].is_string() {
            whole["candidates"][0]["finishReason"] = candidate["finishReason"].clone();
        }
        if chunk["usageMetadata"].is_object() {
            whole["usageMetadata"] = chunk["usageMetadata"].clone();
        }
    }
    whole["candidates"][0]["content"] = json!({"parts": parts});
    whole
}
