//! OpenAI Chat Completions, with the members that other upstreams added to it.

use serde_json::{Value, json};

use super::{Said, list, parsed, text};

pub(super) fn read(body: &Value, said: &mut Said) {
    let mut front = true;
    for message in list(&body["messages"]) {
        said.message();
        let role = text(&message["role"]);
        if matches!(role, "system" | "developer") && front {
            if let Some(content) = message["content"].as_str() {
                said.system(content);
            }
            for part in list(&message["content"]) {
                said.system(text(&part["text"]));
                said.mark(part);
            }
            continue;
        }
        front = false;
        match role {
            "tool" => {
                let number = said.number(message["tool_call_id"].as_str());
                let joined = match message["content"].as_str() {
                    Some(content) => content.to_owned(),
                    None => list(&message["content"])
                        .iter()
                        .map(|part| text(&part["text"]))
                        .collect::<Vec<_>>()
                        .join("\n\n"),
                };
                said.result(number, false, &joined);
                list(&message["content"]).iter().for_each(|part| said.mark(part));
            }
            "assistant" => {
                if let Some(thinking) = message["reasoning_content"].as_str() {
                    said.line("assistant", &format!("thinking {thinking} signed"));
                }
                content("assistant", &message["content"], said);
                for call in list(&message["tool_calls"]) {
                    let function = &call["function"];
                    said.call(text(&call["id"]), text(&function["name"]), &parsed(&function["arguments"]));
                }
            }
            "system" | "developer" => content("system", &message["content"], said),
            _ => content("user", &message["content"], said),
        }
    }
    settings(body, said);
}

fn content(who: &'static str, content: &Value, said: &mut Said) {
    if let Some(content) = content.as_str() {
        said.text(who, content);
    }
    for part in list(content) {
        match text(&part["type"]) {
            "text" => said.text(who, text(&part["text"])),
            "image_url" => said.url(who, "image", text(&part["image_url"]["url"]), ""),
            "file" => {
                let file = &part["file"];
                match file["file_id"].as_str() {
                    Some(id) => said.line(who, &format!("file by id {id}")),
                    None => said.url(who, "file", text(&file["file_data"]), text(&file["filename"])),
                }
            }
            "input_audio" => {
                let audio = &part["input_audio"];
                said.data(who, "audio", &format!("audio/{}", text(&audio["format"])), text(&audio["data"]), "");
            }
            kind => said.line(who, kind),
        }
        said.mark(part);
    }
}

fn settings(body: &Value, said: &mut Said) {
    let tools = list(&body["tools"]);
    let names: Vec<&Value> =
        tools.iter().filter(|tool| tool["type"] == "function").map(|tool| &tool["function"]["name"]).collect();
    if !names.is_empty() {
        said.set("tools", json!(names));
    }
    tools.iter().for_each(|tool| said.mark(tool));
    if !body["web_search_options"].is_null() {
        said.set("hosted", json!(["web_search"]));
    }
    let choice = &body["tool_choice"];
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (Some("required"), _) => said.set("choice", json!("any")),
        (Some(word), _) => said.set("choice", json!(word)),
        (None, Some(name)) => said.set("choice", json!(format!("tool {name}"))),
        (None, None) => {}
    }
    said.same(
        body,
        &[("parallel", "parallel_tool_calls"), ("max_tokens", "max_tokens"), ("max_tokens", "max_completion_tokens")],
    );
    for name in ["temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "user", "stream"] {
        said.set(name, body[name].clone());
    }
    let stop = if body["stop"].is_string() { json!([body["stop"]]) } else { body["stop"].clone() };
    said.set("stops", stop);
    match (text(&body["thinking"]["type"]), text(&body["reasoning_effort"]), &body["reasoning"]) {
        ("disabled", ..) | (_, "none", _) => said.set("thinking", json!("off")),
        ("", "", Value::Null) => {}
        // The least that a family can, which has no word for nothing.
        (_, "minimal", _) => said.set("thinking", json!("least")),
        _ => said.set("thinking", json!("on")),
    }
    match text(&body["response_format"]["type"]) {
        "json_schema" => said.set("format", body["response_format"]["json_schema"]["schema"].clone()),
        "json_object" => said.set("format", json!("object")),
        _ => {}
    }
}
