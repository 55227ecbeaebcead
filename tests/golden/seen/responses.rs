//! OpenAI Responses.

use serde_json::{Value, json};

use super::{Said, list, parsed, text};

pub(super) fn read(body: &Value, said: &mut Said) {
    if let Some(instructions) = body["instructions"].as_str() {
        said.system(instructions);
    }
    if let Some(input) = body["input"].as_str() {
        said.text("user", input);
    }
    let mut front = true;
    for item in list(&body["input"]) {
        said.message();
        let role = text(&item["role"]);
        if matches!(role, "system" | "developer") && front {
            for part in list(&item["content"]) {
                said.system(text(&part["text"]));
            }
            if let Some(content) = item["content"].as_str() {
                said.system(content);
            }
            continue;
        }
        front = false;
        read_item(item, said);
    }
    settings(body, said);
}

fn read_item(item: &Value, said: &mut Said) {
    match text(&item["type"]) {
        "function_call" => said.call(text(&item["call_id"]), text(&item["name"]), &parsed(&item["arguments"])),
        "custom_tool_call" => said.call(text(&item["call_id"]), text(&item["name"]), &item["input"]),
        "function_call_output" | "custom_tool_call_output" => {
            let number = said.number(item["call_id"].as_str());
            let output = &item["output"];
            let joined = match output.as_str() {
                Some(output) => output.to_owned(),
                None => list(output).iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n\n"),
            };
            said.result(number, false, &joined);
            for part in list(output).iter().filter(|part| part["text"].is_null()) {
                read_part(&format!("user result #{number}"), part, said);
            }
        }
        "reasoning" => {
            let texts = list(&item["summary"]).iter().chain(list(&item["content"]));
            let thought = texts.map(|part| text(&part["text"])).collect::<Vec<_>>().join("\n\n");
            said.line("assistant", &format!("thinking {thought} signed {}", text(&item["encrypted_content"])));
        }
        "" | "message" => {
            let who = match text(&item["role"]) {
                "assistant" => "assistant",
                "system" | "developer" => "system",
                _ => "user",
            };
            if let Some(content) = item["content"].as_str() {
                said.text(who, content);
            }
            for part in list(&item["content"]) {
                match part["text"].as_str().or(part["refusal"].as_str()) {
                    Some(text) => said.text(who, text),
                    None => read_part(who, part, said),
                }
            }
        }
        kind => said.line("assistant", kind),
    }
}

fn read_part(who: &str, part: &Value, said: &mut Said) {
    match text(&part["type"]) {
        "input_image" => match part["image_url"].as_str() {
            Some(url) => said.url(who, "image", url, ""),
            None => said.line(who, &format!("image by id {}", text(&part["file_id"]))),
        },
        "input_file" => match (part["file_data"].as_str(), part["file_url"].as_str()) {
            (Some(data), _) => said.url(who, "file", data, text(&part["filename"])),
            (None, Some(url)) => said.url(who, "file", url, text(&part["filename"])),
            (None, None) => said.line(who, &format!("file by id {}", text(&part["file_id"]))),
        },
        "input_audio" => {
            let audio = &part["input_audio"];
            said.data(who, "audio", &format!("audio/{}", text(&audio["format"])), text(&audio["data"]), "");
        }
        kind => said.line(who, kind),
    }
}

fn settings(body: &Value, said: &mut Said) {
    let is_own = |tool: &&Value| matches!(text(&tool["type"]), "function" | "custom");
    let tools = list(&body["tools"]);
    let names: Vec<&Value> = tools.iter().filter(is_own).map(|tool| &tool["name"]).collect();
    if !names.is_empty() {
        said.set("tools", json!(names));
    }
    let hosted = tools.iter().filter(|tool| !is_own(tool)).map(|tool| match text(&tool["type"]) {
        kind if kind.starts_with("web_search") => "web_search",
        kind => kind,
    });
    let hosted: Vec<&str> = hosted.collect();
    if !hosted.is_empty() {
        said.set("hosted", json!(hosted));
    }
    let choice = &body["tool_choice"];
    match (choice.as_str(), choice["name"].as_str()) {
        (Some("required"), _) => said.set("choice", json!("any")),
        (Some(word), _) => said.set("choice", json!(word)),
        (None, Some(name)) => said.set("choice", json!(format!("tool {name}"))),
        (None, None) => {}
    }
    said.same(body, &[("parallel", "parallel_tool_calls"), ("max_tokens", "max_output_tokens")]);
    for name in ["temperature", "top_p", "user", "stream"] {
        said.set(name, body[name].clone());
    }
    match text(&body["reasoning"]["effort"]) {
        "none" => said.set("thinking", json!("off")),
        "" => {}
        "minimal" => said.set("thinking", json!("least")),
        _ => said.set("thinking", json!("on")),
    }
    match text(&body["text"]["format"]["type"]) {
        "json_schema" => said.set("format", body["text"]["format"]["schema"].clone()),
        "json_object" => said.set("format", json!("object")),
        _ => {}
    }
}
