//! Anthropic Messages.

use serde_json::{Value, json};

use super::{Said, list, text};

pub(super) fn read(body: &Value, said: &mut Said) {
    if let Some(system) = body["system"].as_str() {
        said.system(system);
    }
    for block in list(&body["system"]) {
        said.system(text(&block["text"]));
        said.mark(block);
    }
    for message in list(&body["messages"]) {
        let who = match text(&message["role"]) {
            "assistant" => "assistant",
            "system" => "system",
            _ => "user",
        };
        said.message();
        if let Some(content) = message["content"].as_str() {
            said.text(who, content);
        }
        for block in list(&message["content"]) {
            read_block(who, block, said);
        }
    }
    let tools = list(&body["tools"]);
    let hosted =
        |tool: &&Value| tool["input_schema"].is_null() && tool["type"].as_str().is_some_and(|kind| kind != "custom");
    let names: Vec<&Value> = tools.iter().filter(|tool| !hosted(tool)).map(|tool| &tool["name"]).collect();
    let run: Vec<&Value> = tools.iter().filter(hosted).map(|tool| &tool["name"]).collect();
    for tool in tools {
        said.mark(tool);
    }
    if !names.is_empty() {
        said.set("tools", json!(names));
    }
    if !run.is_empty() {
        said.set("hosted", json!(run));
    }
    let choice = &body["tool_choice"];
    match text(&choice["type"]) {
        "" => {}
        "tool" => said.set("choice", json!(format!("tool {}", text(&choice["name"])))),
        word => said.set("choice", json!(word)),
    }
    if let Some(alone) = choice["disable_parallel_tool_use"].as_bool() {
        said.set("parallel", json!(!alone));
    }
    let same = [("max_tokens", "max_tokens"), ("temperature", "temperature"), ("top_p", "top_p"), ("top_k", "top_k")];
    said.same(body, &same);
    said.same(body, &[("stops", "stop_sequences"), ("stream", "stream")]);
    said.set("user", body["metadata"]["user_id"].clone());
    match text(&body["thinking"]["type"]) {
        "enabled" | "adaptive" => said.set("thinking", json!("on")),
        "disabled" => said.set("thinking", json!("off")),
        _ => {}
    }
    said.set("format", body["output_config"]["format"]["schema"].clone());
}

fn read_block(who: &'static str, block: &Value, said: &mut Said) {
    match text(&block["type"]) {
        "text" => said.text(who, text(&block["text"])),
        "thinking" => {
            said.line(who, &format!("thinking {} signed {}", text(&block["thinking"]), text(&block["signature"])));
        }
        "redacted_thinking" => said.line(who, &format!("thinking hidden signed {}", text(&block["data"]))),
        "tool_use" => said.call(text(&block["id"]), text(&block["name"]), &block["input"]),
        "tool_result" => read_result(block, said),
        kind => read_attachment(who, kind, block, said),
    }
    said.mark(block);
}

fn read_attachment(who: &str, kind: &str, block: &Value, said: &mut Said) {
    let what = match kind {
        "image" => "image",
        "document" => "file",
        kind => return said.line(who, kind),
    };
    let (source, title) = (&block["source"], text(&block["title"]));
    match text(&source["type"]) {
        "base64" => said.data(who, what, text(&source["media_type"]), text(&source["data"]), title),
        "url" => said.url(who, what, text(&source["url"]), title),
        "text" => said.data(who, what, "text/plain", text(&source["data"]), title),
        _ => said.line(who, &format!("{what} by id {} {title}", text(&source["file_id"]))),
    }
}

fn read_result(block: &Value, said: &mut Said) {
    let number = said.number(Some(text(&block["tool_use_id"])));
    let content = &block["content"];
    let texts = list(content).iter().filter(|inner| inner["type"] == "text").map(|inner| text(&inner["text"]));
    let joined = match content.as_str() {
        Some(content) => content.to_owned(),
        None => texts.collect::<Vec<_>>().join("\n\n"),
    };
    said.result(number, block["is_error"] == true, &joined);
    for inner in list(content).iter().filter(|inner| inner["type"] != "text") {
        read_attachment(&format!("user result #{number}"), text(&inner["type"]), inner, said);
    }
}
