//! Requests that are of another form than their protocol says: refused by the member's path on the way to another
//! protocol, let through on the way to their own.

use super::*;
use crate::dsl::policy::Capability;

fn target(wire: Wire) -> Target<'static> {
    Target {
        wire,
        model: "up",
        context: None,
        output_limit: None,
        can: &Capability::ALL,
        stream: true,
        transforms: &[],
    }
}

const WIRES: [Wire; 4] = [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini];

/// The refusal begins with the path; the upstream that speaks the same judges for itself.
#[track_caller]
fn refused(protocol: Protocol, body: &str, path: &str) {
    let request = request(protocol, body);
    for wire in WIRES {
        let out = encode(&request, &target(wire));
        if wire.same_as(protocol) {
            assert!(out.is_ok(), "{body}: {out:?}");
            continue;
        }
        match out {
            Err(EncodeError::BadRequest(wrong)) => {
                let begin = format!("`{path}`: ");
                assert!(wrong.message.starts_with(&begin), "{body}: {}", wrong.message);
            }
            other => panic!("{body} to {wire:?}: {other:?}"),
        }
    }
}

#[track_caller]
fn taken(protocol: Protocol, body: &str) {
    let request = request(protocol, body);
    for wire in WIRES {
        encode(&request, &target(wire)).unwrap_or_else(|error| panic!("{body}: {error}"));
    }
}

const ANTHROPIC: &[(&str, &str)] = &[
    (r#""system":5"#, "system"),
    (r#""system":[5]"#, "system[0]"),
    (r#""system":[{"type":"text","text":5}]"#, "system[0].text"),
    (r#""stop_sequences":5"#, "stop_sequences"),
    (r#""stop_sequences":["a",5]"#, "stop_sequences[1]"),
    (r#""temperature":"hot""#, "temperature"),
    (r#""top_k":[]"#, "top_k"),
    (r#""metadata":"x""#, "metadata"),
    (r#""metadata":{"user_id":5}"#, "metadata.user_id"),
    (r#""thinking":"on""#, "thinking"),
    (r#""thinking":{"type":"banana"}"#, "thinking.type"),
    (r#""thinking":{"type":"enabled","budget_tokens":"x"}"#, "thinking.budget_tokens"),
    (r#""output_config":{"effort":5}"#, "output_config.effort"),
    (r#""output_config":{"format":{"type":"json_schema"}}"#, "output_config.format.schema"),
    (r#""output_format":{"type":"xml"}"#, "output_format.type"),
    (r#""tools":[5]"#, "tools[0]"),
    (r#""tools":[{"name":5}]"#, "tools[0].name"),
    (r#""tools":[{"name":"f","input_schema":"x"}]"#, "tools[0].input_schema"),
    (r#""tools":[{"name":"f","input_schema":{},"description":5}]"#, "tools[0].description"),
    (r#""tool_choice":"auto""#, "tool_choice"),
    (r#""tool_choice":{"type":"tool"}"#, "tool_choice.name"),
    (r#""tool_choice":{"type":"auto","disable_parallel_tool_use":1}"#, "tool_choice.disable_parallel_tool_use"),
];

const ANTHROPIC_MESSAGES: &[(&str, &str)] = &[
    (r#"5"#, "messages[0]"),
    (r#"{"role":5,"content":"x"}"#, "messages[0].role"),
    (r#"{"role":"user"}"#, "messages[0].content"),
    (r#"{"role":"user","content":5}"#, "messages[0].content"),
    (r#"{"role":"user","content":["x"]}"#, "messages[0].content[0]"),
    (r#"{"role":"user","content":[{"type":"text","text":5}]}"#, "messages[0].content[0].text"),
    (r#"{"role":"user","content":[{"text":"x"}]}"#, "messages[0].content[0]"),
    (r#"{"role":"user","content":[{"type":"hologram"}]}"#, "messages[0].content[0]"),
    (
        r#"{"role":"user","content":[{"type":"text","text":"x","cache_control":1}]}"#,
        "messages[0].content[0].cache_control",
    ),
    (r#"{"role":"user","content":[{"type":"image"}]}"#, "messages[0].content[0].source"),
    (
        r#"{"role":"user","content":[{"type":"image","source":{"type":"banana"}}]}"#,
        "messages[0].content[0].source.type",
    ),
    (
        r#"{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png"}}]}"#,
        "messages[0].content[0].source.data",
    ),
    (
        r#"{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"a b"}}]}"#,
        "messages[0].content[0].source.data",
    ),
    (
        r#"{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AAAA"}}]}"#,
        "messages[0].content[0].source.media_type",
    ),
    (
        r#"{"role":"user","content":[{"type":"image","source":{"type":"url","url":"ftp://x/y"}}]}"#,
        "messages[0].content[0].source.url",
    ),
    (
        r#"{"role":"assistant","content":[{"type":"tool_use","id":5,"name":"f","input":{}}]}"#,
        "messages[0].content[0].id",
    ),
    (
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"","input":{}}]}"#,
        "messages[0].content[0].name",
    ),
    (
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":"x"}]}"#,
        "messages[0].content[0].input",
    ),
    (
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":[1]}]}"#,
        "messages[0].content[0].input",
    ),
    (r#"{"role":"assistant","content":[{"type":"thinking","thinking":5}]}"#, "messages[0].content[0].thinking"),
    (r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":5}]}"#, "messages[0].content[0].tool_use_id"),
    (
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":5}]}"#,
        "messages[0].content[0].content",
    ),
    (
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":[]}]}]}"#,
        "messages[0].content[0].content[0].text",
    ),
    (
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","is_error":"x"}]}"#,
        "messages[0].content[0].is_error",
    ),
    (r#"{"role":"system","content":5}"#, "messages[0].content"),
];

const CHAT: &[(&str, &str)] = &[
    (r#""stop":5"#, "stop"),
    (r#""stop":["a",null]"#, "stop[1]"),
    (r#""temperature":"hot""#, "temperature"),
    (r#""seed":"x""#, "seed"),
    (r#""user":5"#, "user"),
    (r#""metadata":"x""#, "metadata"),
    (r#""reasoning_effort":5"#, "reasoning_effort"),
    (r#""reasoning":"x""#, "reasoning"),
    (r#""reasoning":{"effort":5}"#, "reasoning.effort"),
    (r#""enable_thinking":"yes""#, "enable_thinking"),
    (r#""parallel_tool_calls":"no""#, "parallel_tool_calls"),
    (r#""response_format":"json""#, "response_format"),
    (r#""response_format":{"type":"xml"}"#, "response_format.type"),
    (r#""response_format":{"type":"json_schema","json_schema":{"schema":5}}"#, "response_format.json_schema.schema"),
    (r#""tools":[{"type":"function"}]"#, "tools[0].function"),
    (r#""tools":[{"type":"function","function":{"name":5}}]"#, "tools[0].function.name"),
    (r#""tools":[{"type":"function","function":{"name":"f","parameters":"x"}}]"#, "tools[0].function.parameters"),
    (r#""tools":[{"type":"function","function":{"name":"f","strict":"x"}}]"#, "tools[0].function.strict"),
    (r#""tool_choice":5"#, "tool_choice"),
];

const CHAT_MESSAGES: &[(&str, &str)] = &[
    (r#""x""#, "messages[0]"),
    (r#"{"role":"user","content":5}"#, "messages[0].content"),
    (r#"{"role":"user","content":null}"#, "messages[0].content"),
    (r#"{"role":"user","content":[{"type":"text","text":5}]}"#, "messages[0].content[0].text"),
    (r#"{"role":"user","content":[{"type":"image_url"}]}"#, "messages[0].content[0].image_url"),
    (
        r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":5}}]}"#,
        "messages[0].content[0].image_url.url",
    ),
    (
        r#"{"role":"user","content":[{"type":"image_url","image_url":"data:image/png,x"}]}"#,
        "messages[0].content[0].image_url",
    ),
    (r#"{"role":"user","content":[{"type":"file","file":{}}]}"#, "messages[0].content[0].file"),
    (
        r#"{"role":"user","content":[{"type":"file","file":{"file_data":"%"}}]}"#,
        "messages[0].content[0].file.file_data",
    ),
    (
        r#"{"role":"user","content":[{"type":"input_audio","input_audio":{"format":"wav"}}]}"#,
        "messages[0].content[0].input_audio.data",
    ),
    (r#"{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://x/y"}}]}"#, "messages[0].content"),
    (r#"{"role":"assistant","content":"x","tool_calls":5}"#, "messages[0].tool_calls"),
    (r#"{"role":"assistant","tool_calls":[{"id":"a"}]}"#, "messages[0].tool_calls[0].function"),
    (
        r#"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":""}}]}"#,
        "messages[0].tool_calls[0].function.name",
    ),
    (
        r#"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":5}}]}"#,
        "messages[0].tool_calls[0].function.arguments",
    ),
    (r#"{"role":"assistant","content":"x","function_call":{"name":"f"}}"#, "messages[0].function_call"),
    (r#"{"role":"assistant","content":"x","reasoning_content":5}"#, "messages[0].reasoning_content"),
    (r#"{"role":"tool","tool_call_id":5,"content":"x"}"#, "messages[0].tool_call_id"),
    (r#"{"role":"tool","tool_call_id":"a","content":5}"#, "messages[0].content"),
];

const RESPONSES: &[(&str, &str)] = &[
    (r#""input":"x","instructions":5"#, "instructions"),
    (r#""input":"x","reasoning":"x""#, "reasoning"),
    (r#""input":"x","reasoning":{"effort":5}"#, "reasoning.effort"),
    (r#""input":"x","text":5"#, "text"),
    (r#""input":"x","text":{"format":5}"#, "text.format"),
    (r#""input":"x","text":{"format":{"type":"json_schema","schema":5}}"#, "text.format.schema"),
    (r#""input":"x","include":"x""#, "include"),
    (r#""input":"x","parallel_tool_calls":1"#, "parallel_tool_calls"),
    (r#""input":"x","tools":[{"type":"function"}]"#, "tools[0]"),
    (r#""input":"x","tools":[{"type":"function","name":"f","parameters":5}]"#, "tools[0].parameters"),
    (r#""input":"x","tools":[{"type":"namespace","name":"n","tools":[]},{"type":5}]"#, "tools[1].type"),
    (r#""input":[]"#, "input"),
    (r#""input":["x"]"#, "input[0]"),
    (r#""input":[{"type":5}]"#, "input[0].type"),
    (r#""input":[{"role":"user"}]"#, "input[0].content"),
    (r#""input":[{"role":"user","content":5}]"#, "input[0].content"),
    (r#""input":[{"role":"user","content":[{"type":"input_text","text":5}]}]"#, "input[0].content[0].text"),
    (r#""input":[{"role":"user","content":[{"type":"input_image","image_url":5}]}]"#, "input[0].content[0].image_url"),
    (r#""input":[{"role":"user","content":[{"type":"input_file"}]}]"#, "input[0].content[0]"),
    (r#""input":[{"type":"function_call","call_id":"a","name":5,"arguments":"{}"}]"#, "input[0].name"),
    (r#""input":[{"type":"function_call","call_id":"a","name":"","arguments":"{}"}]"#, "input[0].name"),
    (r#""input":[{"type":"function_call","call_id":"a","name":"f","arguments":5}]"#, "input[0].arguments"),
    (r#""input":[{"type":"function_call","call_id":5,"name":"f","arguments":"{}"}]"#, "input[0].call_id"),
    (r#""input":[{"type":"function_call_output","call_id":"a","output":5}]"#, "input[0].output"),
    (r#""input":[{"type":"custom_tool_call","call_id":"a","name":"f","input":5}]"#, "input[0].input"),
    (r#""input":[{"type":"reasoning","summary":"x"}]"#, "input[0].summary"),
    (r#""input":[{"type":"reasoning","encrypted_content":5}]"#, "input[0].encrypted_content"),
];

const GEMINI: &[(&str, &str)] = &[
    (r#""systemInstruction":5"#, "systemInstruction"),
    (r#""system_instruction":{"parts":[{"text":5}]}"#, "systemInstruction.parts[0].text"),
    (r#""generationConfig":5"#, "generationConfig"),
    (r#""generation_config":{"top_p":"much"}"#, "generationConfig.topP"),
    (r#""generationConfig":{"stopSequences":"x"}"#, "generationConfig.stopSequences"),
    (r#""generationConfig":{"stopSequences":[1]}"#, "generationConfig.stopSequences[0]"),
    (r#""generationConfig":{"responseSchema":"x"}"#, "generationConfig.responseSchema"),
    (r#""generationConfig":{"thinkingConfig":true}"#, "generationConfig.thinkingConfig"),
    (r#""generationConfig":{"thinkingConfig":{"thinkingLevel":5}}"#, "generationConfig.thinkingConfig.thinkingLevel"),
    (r#""toolConfig":5"#, "toolConfig"),
    (r#""toolConfig":{"functionCallingConfig":5}"#, "toolConfig.functionCallingConfig"),
    (r#""tools":[5]"#, "tools[0]"),
    (r#""tools":[{"functionDeclarations":5}]"#, "tools[0].functionDeclarations"),
    (
        r#""tools":[{"functionDeclarations":[{"name":"f","parameters":5}]}]"#,
        "tools[0].functionDeclarations[0].parameters",
    ),
    (r#""labels":5"#, "labels"),
];

const GEMINI_PARTS: &[(&str, &str, &str)] = &[
    ("user", r#""x""#, "contents[0].parts[0]"),
    ("user", r#"{"text":5}"#, "contents[0].parts[0].text"),
    ("user", r#"{"text":"a","inlineData":{}}"#, "contents[0].parts[0]"),
    ("user", r#"{"inlineData":{"mimeType":"image/png","data":"%%"}}"#, "contents[0].parts[0].inlineData.data"),
    ("user", r#"{"inline_data":{"data":"AAAA"}}"#, "contents[0].parts[0].inlineData"),
    ("user", r#"{"fileData":{"mimeType":"image/png"}}"#, "contents[0].parts[0].fileData.fileUri"),
    ("user", r#"{"functionCall":{"name":"f"}}"#, "contents[0].parts[0]"),
    ("user", r#"{"functionResponse":{"name":"f","response":"x"}}"#, "contents[0].parts[0].functionResponse.response"),
    ("model", r#"{"functionCall":{"name":"f","args":"x"}}"#, "contents[0].parts[0].functionCall.args"),
    ("model", r#"{"functionCall":{"name":5}}"#, "contents[0].parts[0].functionCall.name"),
    ("model", r#"{"functionCall":5}"#, "contents[0].parts[0].functionCall"),
    ("model", r#"{"functionResponse":{"name":"f"}}"#, "contents[0].parts[0]"),
    ("model", r#"{"text":"x","thought":"yes"}"#, "contents[0].parts[0].thought"),
];

#[test]
fn a_wrong_type_is_refused_by_its_path() {
    for (rest, path) in ANTHROPIC {
        let body = format!(r#"{{"max_tokens":9,"messages":[{{"role":"user","content":"x"}}],{rest}}}"#);
        refused(Protocol::Anthropic, &body, path);
    }
    for (message, path) in ANTHROPIC_MESSAGES {
        refused(Protocol::Anthropic, &format!(r#"{{"max_tokens":9,"messages":[{message}]}}"#), path);
    }
    for (rest, path) in CHAT {
        refused(Protocol::Chat, &format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{rest}}}"#), path);
    }
    for (message, path) in CHAT_MESSAGES {
        refused(Protocol::Chat, &format!(r#"{{"messages":[{message}]}}"#), path);
    }
    for (rest, path) in RESPONSES {
        refused(Protocol::Responses, &format!("{{{rest}}}"), path);
    }
    for (rest, path) in GEMINI {
        refused(Protocol::Gemini, &format!(r#"{{"contents":[{{"parts":[{{"text":"x"}}]}}],{rest}}}"#), path);
    }
    for (role, part, path) in GEMINI_PARTS {
        let text = r#"{"text":"y"}"#;
        refused(Protocol::Gemini, &format!(r#"{{"contents":[{{"role":"{role}","parts":[{part},{text}]}}]}}"#), path);
    }
    for body in [r#"{"message":"x","system":5}"#, r#"{"message":"x","user_id":5}"#] {
        for wire in WIRES {
            let wrong = encode(&request(Protocol::Simple, body), &target(wire));
            assert!(matches!(wrong, Err(EncodeError::BadRequest(_))), "{body}: {wrong:?}");
        }
    }
}

#[test]
fn null_is_absent() {
    let message = r#"{"role":"user","content":"x"}"#;
    for rest in [
        r#""system":null"#,
        r#""stop_sequences":null,"metadata":null,"thinking":null,"tools":null"#,
        r#""metadata":{"user_id":null},"output_config":{"effort":null,"format":null},"tool_choice":null"#,
    ] {
        taken(Protocol::Anthropic, &format!(r#"{{"max_tokens":9,"messages":[{message}],{rest}}}"#));
    }
    for rest in [
        r#""stop":null,"response_format":null,"reasoning":{"effort":null},"tools":null,"tool_choice":null"#,
        r#""tools":[{"type":"function","function":{"name":"f","description":null,"parameters":null,"strict":null}}]"#,
    ] {
        taken(Protocol::Chat, &format!(r#"{{"messages":[{message}],{rest}}}"#));
    }
    let calls = r#"{"role":"assistant","content":null,"tool_calls":null,"refusal":null,"function_call":null}"#;
    taken(Protocol::Chat, &format!(r#"{{"messages":[{message},{calls},{message}]}}"#));
    taken(
        Protocol::Responses,
        r#"{"input":"x","instructions":null,"reasoning":null,"text":{"format":null},"include":null,"user":null}"#,
    );
    taken(
        Protocol::Gemini,
        r#"{"contents":[{"parts":[{"text":"x"}],"role":null}],"generationConfig":null,"tools":null}"#,
    );
    taken(Protocol::Gemini, r#"{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"topK":"40","seed":null}}"#);
}

#[test]
fn what_is_no_json_text_is_refused_everywhere() {
    let bodies: [(Protocol, &[u8]); 5] = [
        (Protocol::Anthropic, b"{\"messages\":[{\"role\":\"user\",\"content\":\"@\"}]}"),
        (Protocol::Chat, b"{\"messages\":[{\"role\":\"user\",\"content\":\"@\"}]}"),
        (Protocol::Responses, b"{\"input\":\"@\"}"),
        (Protocol::Gemini, b"{\"contents\":[{\"parts\":[{\"text\":\"@\"}]}]}"),
        (Protocol::Simple, b"{\"message\":\"@\"}"),
    ];
    for (protocol, body) in bodies {
        for (bytes, expected) in [
            (&b"\xff"[..], Some("UTF-8")),
            (b"\xc3(", Some("UTF-8")),
            (b"a\nb", Some("control character")),
            (b"a\0b", Some("control character")),
            (br"\q", Some("escape")),
            (br"\u12", Some("escape")),
            (br"\ud800", None),
            ("é\u{7f}\\n".as_bytes(), None),
        ] {
            let at = body.iter().position(|byte| *byte == b'@').unwrap();
            let whole = [&body[..at], bytes, &body[at + 1..]].concat();
            let wrong = Request::parse(protocol, Bytes::from(whole)).err().map(|wrong| wrong.message);
            let fits = match (&wrong, expected) {
                (Some(message), Some(word)) => {
                    message.starts_with("the request body is not valid JSON") && message.contains(word)
                }
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{protocol:?} {bytes:?}: {wrong:?}");
        }
    }
    assert!(Request::parse_embeddings(Bytes::from_static(b"{\"model\":\"m\",\"input\":\"a\tb\"}")).is_err());
}
