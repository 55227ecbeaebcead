//! The requests that are measured: synthetic, in the shape in which Claude Code sends them.

use std::net::SocketAddr;

use crate::client::Template;

const NUMBER: &str = "000000000000";

/// How the upstream behaves, behind the model's name.
pub const STREAM_KNOBS: &str = "+chunks=200+chunk_delay=1ms";

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Small,
    Large,
}

/// The body of an Anthropic request for this model.
fn body(model: &str, size: Size, stream: bool) -> String {
    let head = format!(r#"{{"model":"{model}","max_tokens":1024,"stream":{stream},"#);
    match size {
        Size::Small => {
            let text = "Please explain what this does. ".repeat(26);
            format!(r#"{head}"system":"Be brief.","messages":[{{"role":"user","content":"{text} {NUMBER}"}}]}}"#)
        }
        Size::Large => {
            let tools: Vec<String> = (0..20).map(tool).collect();
            let turns: Vec<String> = (0..22).map(turn).collect();
            format!(
                r#"{head}"system":[{{"type":"text","text":"You are an agent."}},{{"type":"text","text":"{}","cache_control":{{"type":"ephemeral"}}}}],"tools":[{}],"metadata":{{"user_id":"{{\"session_id\":\"0b1c\"}}"}},"messages":[{},{{"role":"user","content":[{{"type":"text","text":"Go on. {NUMBER}"}}]}}]}}"#,
                "Follow the rules of the project, and say what you have done.\\n".repeat(180),
                tools.join(","),
                turns.join(",")
            )
        }
    }
}

fn tool(number: usize) -> String {
    format!(
        r#"{{"name":"tool_{number}","description":"{}","input_schema":{{"type":"object","properties":{{"path":{{"type":"string","description":"The \"absolute\" path"}},"limit":{{"type":"integer"}}}},"required":["path"],"additionalProperties":false}}}}"#,
        "Reads a file and gives its lines. Use it before you edit.\\n".repeat(20)
    )
}

/// A tool call and its result, with as many escapes as code has.
fn turn(number: usize) -> String {
    let code = "    let value = map.get(\\\"key\\\").unwrap_or(&0);\\n\\t// 说明: a comment\\n".repeat(37);
    format!(
        r#"{{"role":"assistant","content":[{{"type":"text","text":"I read the file."}},{{"type":"tool_use","id":"toolu_{number:02}","name":"tool_1","input":{{"path":"/src/file_{number}.rs"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{number:02}","content":"{code}"}}]}}"#
    )
}

/// The whole request as an Anthropic client sends it.
pub fn template(address: SocketAddr, model: &str, size: Size, stream: bool, key: &str) -> Template {
    let body = body(model, size, stream);
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\naccept: application/json\r\nuser-agent: bench/1.0\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let number_at = head.len() + body.rfind(NUMBER).unwrap_or_default();
    let last: &[u8] = if stream { b"message_stop" } else { b"}" };
    Template { bytes: [head.into_bytes(), body.into_bytes()].concat(), number_at, last, stream }
}
