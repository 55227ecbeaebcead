//! What every body must be, whatever it says: the rules that vendors document and refuse by.

use ccr_policy::protocol::{Protocol, Wire};
use serde_json::Value;

use crate::row::{Verdict, ensure};
use crate::seen::{list, text};

/// A translated request.
pub(crate) fn request(wire: Wire, body: &Value) -> Verdict {
    for key in body.as_object().into_iter().flatten() {
        ensure(!key.1.is_null(), &format!("`{}` is null", key.0))?;
    }
    let written = body.to_string();
    for secret in ["x-anthropic-billing-header", "sk-secret", "ccr1."] {
        ensure(!written.contains(secret), &format!("it holds `{secret}`"))?;
    }
    match wire {
        Wire::Anthropic => anthropic(body),
        Wire::Chat => chat(body),
        Wire::Responses => responses(body),
        Wire::Gemini => gemini(body),
    }
}

fn is_legal(name: &str, most: usize, also: &str) -> bool {
    let letter =
        |character: char| character.is_ascii_alphanumeric() || "_-".contains(character) || also.contains(character);
    !name.is_empty() && name.len() <= most && name.chars().all(letter)
}

fn named(name: &Value, also: &str) -> Verdict {
    ensure(is_legal(text(name), 64, also), &format!("the tool name {name} is not legal"))
}

fn anthropic(body: &Value) -> Verdict {
    ensure(body["max_tokens"].is_u64(), "`max_tokens` is required")?;
    for block in list(&body["system"]) {
        ensure(!text(&block["text"]).trim().is_empty(), "a system block is empty")?;
    }
    ensure(body["system"].as_str() != Some(""), "the system text is empty")?;
    let marks = body.to_string().matches("\"cache_control\"").count();
    ensure(marks <= 4, "there are more than four cache marks")?;
    for tool in list(&body["tools"]) {
        named(&tool["name"], "")?;
    }
    let messages = list(&body["messages"]);
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let blocks = list(&message["content"]);
        ensure(message["content"].is_string() || !blocks.is_empty(), "a message is empty")?;
        let mut results: Vec<&str> = Vec::new();
        for (place, block) in blocks.iter().enumerate() {
            match text(&block["type"]) {
                "text" => ensure(!text(&block["text"]).trim().is_empty(), "a text block is empty")?,
                "thinking" => ensure(!text(&block["signature"]).is_empty(), "thinking is not signed")?,
                "tool_result" => {
                    ensure(results.len() == place, "a result stands behind something else")?;
                    results.push(text(&block["tool_use_id"]));
                }
                "tool_use" => {
                    ensure(is_legal(text(&block["id"]), 200, ""), "a call's id is not legal")?;
                    ensure(block["input"].is_object(), "a call's input is no object")?;
                    named(&block["name"], "")?;
                }
                "" => return Err("a block has no type".to_owned()),
                _ => {}
            }
        }
        let (mut wanted, mut came) = (open.clone(), results);
        wanted.sort_unstable();
        came.sort_unstable();
        ensure(wanted == came, "the results do not fit the calls before them")?;
        open = blocks.iter().filter(|block| block["type"] == "tool_use").map(|block| text(&block["id"])).collect();
    }
    ensure(open.is_empty(), "the last calls have no results")?;
    if let Some(last) = messages.last().filter(|last| last["role"] == "assistant") {
        let last = list(&last["content"]).last().map_or("", |block| text(&block["text"]));
        ensure(last == last.trim_end(), "the last assistant text ends in white space")?;
    }
    ensure(messages.first().is_none_or(|first| first["role"] == "user"), "the first message is not the user's")
}

fn chat(body: &Value) -> Verdict {
    let mut open: Vec<&str> = Vec::new();
    for message in list(&body["messages"]) {
        let (role, content) = (text(&message["role"]), &message["content"]);
        if role == "tool" {
            let id = text(&message["tool_call_id"]);
            let place = open.iter().position(|known| *known == id);
            open.remove(place.ok_or_else(|| format!("the result of `{id}` belongs to no call"))?);
            ensure(!content.is_null(), "a result has no content")?;
        } else {
            ensure(open.is_empty(), "a call has no result")?;
        }
        let calls = list(&message["tool_calls"]);
        ensure(!content.is_null() || !calls.is_empty(), &format!("a message of the role {role} has no content"))?;
        ensure(role == "tool" || content.as_str() != Some(""), &format!("a message of the role {role} is empty"))?;
        ensure(content.as_array().is_none_or(|parts| !parts.is_empty()), "a message has no parts")?;
        ensure(message.get("tool_calls").is_none() || !calls.is_empty(), "a list of calls is empty")?;
        for call in calls {
            let (id, function) = (text(&call["id"]), &call["function"]);
            ensure(!id.is_empty() && id.len() <= 40, "a call's id is not legal")?;
            ensure(!open.contains(&id), "two calls have one id")?;
            named(&function["name"], "")?;
            let arguments: Result<Value, _> = serde_json::from_str(text(&function["arguments"]));
            ensure(arguments.is_ok(), "a call's arguments are no JSON")?;
            open.push(id);
        }
    }
    ensure(open.is_empty(), "the last calls have no results")?;
    ensure(body.get("tools").is_none() || !list(&body["tools"]).is_empty(), "the list of tools is empty")?;
    for tool in list(&body["tools"]) {
        named(&tool["function"]["name"], "")?;
    }
    let choice = &body["tool_choice"];
    let word = choice.as_str().is_none_or(|word| matches!(word, "auto" | "required" | "none"));
    ensure(word, "`tool_choice` is a word that is not known")?;
    ensure(choice.is_null() || !body["tools"].is_null(), "`tool_choice` without tools")?;
    let parallel = &body["parallel_tool_calls"];
    ensure(parallel.is_null() || !body["tools"].is_null(), "`parallel_tool_calls` without tools")?;
    ensure(
        body["stream"] != true || body["stream_options"]["include_usage"] == true,
        "the stream's usage is not asked for",
    )
}

fn responses(body: &Value) -> Verdict {
    let items = list(&body["input"]);
    let ids = |kinds: [&str; 2]| -> Vec<&str> {
        let of_kind = items.iter().filter(|item| kinds.contains(&text(&item["type"])));
        let mut ids: Vec<&str> = of_kind.map(|item| text(&item["call_id"])).collect();
        ids.sort_unstable();
        ids
    };
    let calls = ids(["function_call", "custom_tool_call"]);
    ensure(calls == ids(["function_call_output", "custom_tool_call_output"]), "calls and results are not in pairs")?;
    for item in items {
        match text(&item["type"]) {
            "" | "message" => {
                let content = &item["content"];
                ensure(content.is_string() || !list(content).is_empty(), "a message is empty")?;
                let own =
                    if item["role"] == "assistant" { ["output_text", "refusal"] } else { ["input_text", "input_text"] };
                for part in list(content).iter().filter(|part| part["text"].is_string()) {
                    ensure(own.contains(&text(&part["type"])), "a text has the other side's type")?;
                }
            }
            "function_call" => {
                named(&item["name"], "")?;
                ensure(serde_json::from_str::<Value>(text(&item["arguments"])).is_ok(), "arguments are no JSON")?;
            }
            "function_call_output" => ensure(!item["output"].is_null(), "a result has no output")?,
            _ => {}
        }
    }
    let named_tools = list(&body["tools"]).iter().filter(|tool| tool["type"] == "function");
    named_tools.into_iter().try_for_each(|tool| named(&tool["name"], ""))
}

fn gemini(body: &Value) -> Verdict {
    const PAYLOADS: [&str; 8] = [
        "text",
        "inlineData",
        "fileData",
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
        "toolCall",
    ];
    let contents = list(&body["contents"]);
    let mut open: Vec<&str> = Vec::new();
    for content in contents {
        let parts = list(&content["parts"]);
        ensure(!parts.is_empty(), "a content has no parts")?;
        ensure(matches!(text(&content["role"]), "user" | "model"), "a role is not known")?;
        for part in parts {
            let held = PAYLOADS.iter().filter(|name| part.get(**name).is_some()).count();
            ensure(held == 1, &format!("a part must hold one thing: {part}"))?;
        }
        let names =
            |member: &str| -> Vec<&str> { parts.iter().filter_map(|part| part[member]["name"].as_str()).collect() };
        ensure(open == names("functionResponse"), "the results do not fit the calls before them")?;
        open = names("functionCall");
    }
    ensure(open.is_empty(), "the last calls have no results")?;
    let pairs = contents.iter().zip(contents.iter().skip(1));
    for (one, next) in pairs {
        ensure(one["role"] != next["role"], "two contents of one role follow each other")?;
    }
    for tool in list(&body["tools"]) {
        for one in list(&tool["functionDeclarations"]) {
            named(&one["name"], ".:")?;
            gemini_schema(&one["parameters"])?;
        }
    }
    gemini_schema(&body["generationConfig"]["responseSchema"])
}

/// What Gemini's own dialect of schemas refuses; `parametersJsonSchema` takes more.
fn gemini_schema(schema: &Value) -> Verdict {
    if let Some(members) = schema.as_object() {
        for refused in ["$schema", "$ref", "$defs", "const", "oneOf", "additionalProperties", "exclusiveMinimum"] {
            ensure(!members.contains_key(refused), &format!("a schema has `{refused}`, which is refused"))?;
        }
        for (name, inner) in members {
            if name == "properties" {
                inner.as_object().into_iter().flatten().try_for_each(|(_, inner)| gemini_schema(inner))?;
            } else {
                gemini_schema(inner)?;
            }
        }
    }
    list(schema).iter().try_for_each(gemini_schema)
}

/// A translated whole answer.
pub(crate) fn answer(protocol: Protocol, body: &Value) -> Verdict {
    match protocol {
        Protocol::Anthropic => {
            ensure(text(&body["id"]).starts_with("msg_"), "its id does not begin with `msg_`")?;
            ensure(body["model"] == "asked", "its model is not the one that was asked for")?;
            ensure(body["usage"]["input_tokens"].is_u64(), "it has no usage")?;
            for block in list(&body["content"]).iter().filter(|block| block["type"] == "tool_use") {
                ensure(is_legal(text(&block["id"]), 200, ""), "a call's id would be refused when it comes back")?;
                ensure(block["input"].is_object(), "a call's input is no object")?;
            }
            Ok(())
        }
        Protocol::Chat => {
            ensure(text(&body["id"]).starts_with("chatcmpl-"), "its id does not begin with `chatcmpl-`")?;
            ensure(body["model"] == "asked", "its model is not the one that was asked for")?;
            ensure(body["object"] == "chat.completion", "it is no chat.completion")?;
            ensure(body["usage"]["total_tokens"].is_u64(), "it has no usage")
        }
        Protocol::Responses => {
            ensure(text(&body["id"]).starts_with("resp_"), "its id does not begin with `resp_`")?;
            ensure(body["model"] == "asked", "its model is not the one that was asked for")?;
            ensure(body["object"] == "response", "it is no response")?;
            ensure(body["usage"]["total_tokens"].is_u64(), "it has no usage")
        }
        Protocol::Gemini => {
            ensure(body["candidates"].is_array(), "it has no candidates")?;
            ensure(body["usageMetadata"].is_object(), "it has no usage")
        }
        Protocol::Simple => Ok(()),
    }
}
