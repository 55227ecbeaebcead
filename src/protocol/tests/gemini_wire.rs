//! Gemini's models, for clients of the other protocols.

use serde_json::{Value, json};

use super::*;
use crate::dsl::policy::Capability;

fn target<'a>(model: &'a str, can: &'a [Capability]) -> Target<'a> {
    able(Wire::Gemini, model, can)
}

fn encoded(protocol: Protocol, members: &str, target: &Target<'_>) -> Result<Out, EncodeError> {
    super::encoded(protocol, &format!(r#"{{"model":"m",{members}}}"#), target)
}

#[track_caller]
fn check(protocol: Protocol, model: &str, members: &str, pointer: &str, expected: Value) {
    let members = if members.contains("\"messages\"") {
        members.to_owned()
    } else {
        format!(r#""messages":[{{"role":"user","content":"hi"}}],{members}"#)
    };
    let out = encoded(protocol, &members, &target(model, &Capability::ALL)).unwrap();
    assert_eq!(out.body.pointer(pointer).cloned().unwrap_or_default(), expected, "{}", out.body);
}

const G2: &str = "gemini-2.5-flash";
const G3: &str = "gemini-3-pro-preview";

#[test]
fn a_conversation_has_two_sides_and_a_system() {
    let members = r#""max_tokens":9,"system":[{"type":"text","text":"be kind"}],"messages":[
        {"role":"user","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},{"type":"image","source":{"type":"url","url":"https://x/y.png?z"}}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"foreign"},{"type":"text","text":"ok"},{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"g","input":{}}]},
        {"role":"user","content":[{"type":"text","text":"go on"},{"type":"tool_result","tool_use_id":"b","content":"no","is_error":true},{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"one"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]}]}]"#;
    let image = |data: &str| json!({"inlineData":{"mimeType":"image/png","data":data}});
    let linked = json!({"fileData":{"mimeType":"image/png","fileUri":"https://x/y.png?z"}});
    let calls = [json!({"functionCall":{"name":"f","args":{"x":1}}}), json!({"functionCall":{"name":"g","args":{}}})];
    let contents = json!([
        {"role":"user","parts":[{"text":"see"}, image("iVBO"), linked]},
        {"role":"model","parts":[{"text":"ok"}, calls[0], calls[1]]},
        {"role":"user","parts":[
            {"functionResponse":{"name":"f","response":{"result":"one"}}},
            {"functionResponse":{"name":"g","response":{"error":"no"}}},
            image("AA"),
            {"text":"go on"},
        ]},
    ]);
    check(Protocol::Anthropic, G2, members, "/contents", contents);
    check(Protocol::Anthropic, G2, members, "/systemInstruction", json!({"parts":[{"text":"be kind"}]}));
    let placeholder = "skip_thought_signature_validator";
    check(Protocol::Anthropic, G3, members, "/contents/1/parts/1/thoughtSignature", json!(placeholder));
    check(Protocol::Anthropic, G3, members, "/contents/1/parts/2/thoughtSignature", Value::Null);
}

#[test]
fn its_own_signatures_come_back() {
    let members = r#""max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"ccr1.gemini.U2ln"},{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"r"}]}]"#;
    check(Protocol::Anthropic, G3, members, "/contents/1/parts/0/thoughtSignature", json!("U2ln"));
    check(Protocol::Anthropic, G3, members, "/contents/1/parts/1", Value::Null);
}

#[test]
fn odd_conversations_are_made_legal() {
    let user = json!({"role":"user","parts":[{"text":"(the conversation begins here)"}]});
    let chat = |members: &str, pointer: &str, expected: Value| check(Protocol::Chat, G2, members, pointer, expected);
    chat(r#""messages":[{"role":"system","content":"only this"}]"#, "/contents", json!([user]));
    chat(r#""messages":[{"role":"assistant","content":"a"}]"#, "/contents/0", user);
    let between =
        r#""messages":[{"role":"user","content":"a"},{"role":"system","content":"s"},{"role":"user","content":"b"}]"#;
    chat(between, "/contents", json!([{"role":"user","parts":[{"text":"a"},{"text":"b"}]}]));
    chat(between, "/systemInstruction/parts", json!([{"text":"s"}]));
    chat(
        r#""messages":[{"role":"user","content":""}]"#,
        "/contents/0/parts/0/text",
        json!("(the conversation begins here)"),
    );
}

#[test]
fn what_gemini_cannot_take_is_refused() {
    let refused = |content: &str, can: &[Capability]| {
        let members = format!(r#""max_tokens":9,"messages":[{{"role":"user","content":[{content}]}}]"#);
        encoded(Protocol::Anthropic, &members, &target(G2, can)).map(|_| ()).unwrap_err().to_string()
    };
    let pdf = r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}"#;
    assert!(refused(pdf, &[]).contains("documents"));
    assert!(
        refused(r#"{"type":"image","source":{"type":"file","file_id":"f"}}"#, &Capability::ALL).contains("file id")
    );
}

#[test]
fn tools_and_their_choice() {
    let tools = r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"$schema":"x","type":"object","additionalProperties":false,"properties":{"a":{"type":["string","null"],"format":"uri"}},"required":["a"]}}},{"type":"function","function":{"name":"2nd","parameters":{"type":"object","properties":{}}}}]"#;
    let parameters = json!({"type":"object","properties":{"a":{"type":"string","nullable":true}},"required":["a"]});
    let declared =
        json!([{"functionDeclarations":[{"name":"f","description":"d","parameters":parameters},{"name":"_2nd"}]}]);
    check(Protocol::Chat, G2, tools, "/tools", declared);
    for (choice, expected) in [
        (r#""auto""#, json!({"mode":"AUTO"})),
        (r#""required""#, json!({"mode":"ANY"})),
        (r#""none""#, json!({"mode":"NONE"})),
        (r#"{"type":"function","function":{"name":"2nd"}}"#, json!({"mode":"ANY","allowedFunctionNames":["_2nd"]})),
    ] {
        check(
            Protocol::Chat,
            G2,
            &format!(r#"{tools},"tool_choice":{choice}"#),
            "/toolConfig/functionCallingConfig",
            expected,
        );
    }
    check(Protocol::Chat, G2, r#""web_search_options":{}"#, "/tools", json!([{"googleSearch":{}}]));
}

#[test]
fn what_is_asked_for() {
    let chat = |members: &str, expected: Value| check(Protocol::Chat, G2, members, "/generationConfig", expected);
    chat(
        r#""max_tokens":100,"temperature":0.5,"top_p":0.9"#,
        json!({"maxOutputTokens":100,"temperature":0.5,"topP":0.9}),
    );
    chat(r#""max_tokens":99999"#, json!({"maxOutputTokens":8000}));
    chat(r#""stop":["a","b"]"#, json!({"stopSequences":["a","b"]}));
    chat(r#""user":"u""#, Value::Null);
    chat(r#""response_format":{"type":"json_object"}"#, json!({"responseMimeType":"application/json"}));
    let schema = r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"const":"x"}}}}}"#;
    let cleaned = json!({"type":"object","properties":{"a":{"type":"string","enum":["x"]}}});
    chat(schema, json!({"responseMimeType":"application/json","responseSchema":cleaned}));
    let anthropic = |members: &str, expected: Value| {
        check(Protocol::Anthropic, G2, &format!(r#""max_tokens":9,{members}"#), "/generationConfig/topK", expected);
    };
    anthropic(r#""top_k":40"#, json!(40));
}

#[test]
fn thinking_is_said_in_the_familys_words() {
    let says = |model: &str, members: &str, expected: Value| {
        check(
            Protocol::Anthropic,
            model,
            &format!(r#""max_tokens":9,{members}"#),
            "/generationConfig/thinkingConfig",
            expected,
        );
    };
    let on = r#""thinking":{"type":"enabled","budget_tokens":4096}"#;
    let off = r#""thinking":{"type":"disabled"}"#;
    says(G2, on, json!({"thinkingBudget":4096,"includeThoughts":true}));
    says(G2, off, json!({"thinkingBudget":0}));
    says(G2, r#""metadata":{}"#, Value::Null);
    says(G2, r#""thinking":{"type":"adaptive"}"#, json!({"thinkingBudget":-1,"includeThoughts":true}));
    says(G3, on, json!({"thinkingLevel":"low","includeThoughts":true}));
    says(G3, r#""thinking":{"type":"adaptive"}"#, json!({"includeThoughts":true}));
    says("gemini-2.0-flash", on, Value::Null);
    says("gemini-2.0-flash", off, Value::Null);
    let members = format!(r#""max_tokens":9,"messages":[],{on}"#);
    let out = encoded(Protocol::Anthropic, &members, &target(G2, &[])).unwrap();
    assert!(out.warnings.contains("thinking was left out"), "{}", out.warnings);
}

// The same protocol on both sides.

fn passed(body: &str, can: &[Capability]) -> (String, Vec<String>) {
    let path = "/v1beta/models/asked:generateContent";
    let request = Request::parse_at(Protocol::Gemini, path, Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let out = encode(&request, &target(G2, can)).unwrap();
    (String::from_utf8(out.body.concat()).unwrap(), out.warnings)
}

#[test]
fn the_same_protocol_goes_on_byte_for_byte() {
    let body = r#"{ "contents" : [ {"parts":[{"text":"h\u00e9"}]} ], "generation_config": {"maxOutputTokens": 1e3, "odd":[1.50]} }"#;
    assert_eq!(passed(body, &Capability::ALL), (body.to_owned(), Vec::new()));
}

#[test]
fn a_signature_of_another_wire_does_not_reach_gemini() {
    let foreign = "ccr1anthropicxxxc2ln";
    let call = |signed: &str| format!(r#"{{"functionCall":{{"name":"f"}}{signed}}}"#);
    for (parts, expected) in [
        (call(&format!(r#","thoughtSignature":"{foreign}""#)), call("")),
        (
            format!(r#"{{"thoughtSignature":"{foreign}","text":"ok"}}, {{"text":"b"}}"#),
            r#"{"text":"ok"}, {"text":"b"}"#.to_owned(),
        ),
        (
            format!(r#"{{"text":"hm","thought":true,"thought_signature":"{foreign}"}}, {{"text":"b"}}"#),
            r#"{"text":"b"}"#.to_owned(),
        ),
        (format!(r#"{{"text":"b"}}, {{"text":"","thoughtSignature":"{foreign}"}}"#), r#"{"text":"b"}"#.to_owned()),
        (r#"{"text":"b","thoughtSignature":"ccr1.responses.x"}"#.to_owned(), r#"{"text":"b"}"#.to_owned()),
        (call(r#","thoughtSignature":"U2ln""#), call(r#","thoughtSignature":"U2ln""#)),
    ] {
        let body = |parts: &str| {
            format!(
                r#"{{"contents":[{{"role":"user","parts":[{{"text":"ccr1"}}]}},{{"role":"model","parts":[{parts}]}}]}}"#
            )
        };
        assert_eq!(passed(&body(&parts), &Capability::ALL), (body(&expected), Vec::new()));
    }
    let all = format!(
        r#"{{"contents":[{{"parts":[{{"text":"a"}}]}},{{"role":"model","parts":[{{"thought":true,"text":"hm","thoughtSignature":"{foreign}"}}]}}]}}"#
    );
    assert_eq!(passed(&all, &Capability::ALL).0, r#"{"contents":[{"parts":[{"text":"a"}]}]}"#);
    // Models from Gemini 3 on are told that there is none.
    let body = format!(
        r#"{{"contents":[{{"role":"model","parts":[{}]}}]}}"#,
        call(&format!(r#","thoughtSignature":"{foreign}""#))
    );
    let path = "/v1beta/models/asked:generateContent";
    let request = Request::parse_at(Protocol::Gemini, path, Bytes::from(body.clone())).unwrap();
    let out = encode(&request, &target("gemini-3-pro-preview", &Capability::ALL)).unwrap();
    let out = String::from_utf8(out.body.concat()).unwrap();
    assert_eq!(out, body.replace(foreign, "skip_thought_signature_validator"));
}

#[test]
fn what_the_model_cannot_do_is_taken_out() {
    let some = [Capability::Tools];
    let both = r#"{"model":"models/x","contents":[],"generationConfig":{"maxOutputTokens":9000,"topK":1,"thinkingConfig":{"thinkingBudget":5},"responseSchema":{"type":"OBJECT"}},"tools":[{"google_search":{},"functionDeclarations":[{"name":"f"}]}]}"#;
    let (body, warnings) = passed(both, &some);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["generationConfig"], json!({"maxOutputTokens":8000,"topK":1}));
    assert_eq!(body["tools"], json!([{"functionDeclarations":[{"name":"f"}]}]));
    assert!(body["systemInstruction"]["parts"][0]["text"].as_str().unwrap().contains("JSON schema"), "{body}");
    assert_eq!((body.get("model"), warnings.len()), (None, 4));
    for system in [r#""be kind""#, r#"{"parts":[{"text":"be kind"}]}"#, r#"{"parts":[]}"#, r#"{}"#] {
        let body =
            format!(r#"{{"contents":[],"systemInstruction":{system},"generationConfig":{{"responseSchema":{{}}}}}}"#);
        let (out, _) = passed(&body, &some);
        let out: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
        let text = out["systemInstruction"].to_string();
        assert!(text.contains("JSON schema") && text.contains("be kind") == system.contains("be kind"), "{text}");
    }
}

// Answers.

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back }
}

const ANSWER: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hé"},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"U2ln"},{"functionCall":{"name":"g","args":{}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":3,"thoughtsTokenCount":2,"totalTokenCount":15},"modelVersion":"real"}"#;

fn answered(protocol: Protocol, body: &str) -> Result<(Value, Answer), BrokenAnswer> {
    let back = Back::default();
    let answer = answer(Wire::Gemini, protocol, Bytes::copy_from_slice(body.as_bytes()), &context(&back))?;
    Ok((serde_json::from_slice(&answer.body).unwrap(), answer))
}

#[test]
fn an_answer_is_read() {
    let (body, answer) = answered(Protocol::Anthropic, ANSWER).unwrap();
    let content = json!([
        {"type":"thinking","thinking":"hm","signature":""},
        {"type":"text","text":"hé"},
        {"type":"thinking","thinking":"","signature":"ccr1.gemini.U2ln"},
        {"type":"tool_use","id":"toolu_r1_3","name":"f","input":{"a":1}},
        {"type":"tool_use","id":"toolu_r1_4","name":"g","input":{}},
    ]);
    assert_eq!((&body["content"], &body["stop_reason"]), (&content, &json!("tool_use")));
    assert_eq!(answer.spent.usage, Usage { input: 6, cache_read: 4, output: 5, reasoning: 2, cache_write: 0 });
    let (same, _) = answered(Protocol::Gemini, ANSWER).unwrap();
    assert_eq!(same, serde_json::from_str::<Value>(ANSWER).unwrap());
}

fn ended(word: &str) -> String {
    format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"a"}}]}},"finishReason":"{word}"}}]}}"#)
}

#[test]
fn every_end_has_its_meaning() {
    for (word, stop) in [
        ("STOP", Stop::End),
        ("MAX_TOKENS", Stop::MaxTokens),
        ("SAFETY", Stop::Refusal),
        ("RECITATION", Stop::Refusal),
        ("PROHIBITED_CONTENT", Stop::Refusal),
        ("BLOCKLIST", Stop::Refusal),
        ("SPII", Stop::Refusal),
        ("OTHER", Stop::Refusal),
    ] {
        assert_eq!(answered(Protocol::Chat, &ended(word)).unwrap().1.stop, stop, "{word}");
    }
    let failed = answered(Protocol::Chat, &ended("MALFORMED_FUNCTION_CALL")).unwrap_err();
    assert!(matches!(failed, BrokenAnswer::Upstream { kind, .. } if kind == "MALFORMED_FUNCTION_CALL"));
    let blocked =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3}}"#;
    let (body, answer) = answered(Protocol::Anthropic, blocked).unwrap();
    assert_eq!((answer.stop, answer.has_content), (Stop::Refusal, false));
    assert_eq!((&body["stop_reason"], &body["usage"]["output_tokens"]), (&json!("refusal"), &json!(0)));
    assert!(answered(Protocol::Chat, r#"{"usageMetadata":{}}"#).is_err());
}

#[test]
fn what_only_gemini_shows_is_told() {
    let body = r#"{"candidates":[{"content":{"parts":[{"executableCode":{"language":"PYTHON","code":"1+1"}},{"text":"two"}]},"groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://x","title":"X"}}]},"finishReason":"STOP"}]}"#;
    let (body, _) = answered(Protocol::Chat, body).unwrap();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert!(text.contains("```python\n1+1\n```") && text.ends_with("Sources:\n- [X](https://x)"), "{text}");
}

// Streams.

const EVENTS: [&str; 4] = [
    r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"}}],"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10}}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"hé"}],"role":"model"}}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":1,"totalTokenCount":11}}"#,
    r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"\"x\""}},"thoughtSignature":"U2ln"}],"role":"model"}}]}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":3,"thoughtsTokenCount":2,"totalTokenCount":15}}"#,
];

fn stream(events: &[&str]) -> String {
    events.iter().map(|event| format!("data: {event}\r\n\r\n")).collect()
}

fn run(protocol: Protocol, stream: &str, step: usize) -> (String, Option<StreamError>, Result<End, Truncated>) {
    let back = Back { include_usage: true, ..Back::default() };
    let mut relay = Relay::new(Wire::Gemini, protocol, &context(&back));
    let (mut out, mut failed) = (Vec::new(), None);
    for part in stream.as_bytes().chunks(step) {
        if let Err(error) = relay.push(Bytes::copy_from_slice(part), &mut out) {
            failed = Some(error);
            break;
        }
    }
    let end = if failed.is_some() { Err(Truncated) } else { relay.finish(&mut out) };
    (String::from_utf8(out.concat()).unwrap(), failed, end)
}

#[test]
fn a_stream_is_read_however_it_is_cut() {
    let stream = stream(&EVENTS);
    let whole = run(Protocol::Anthropic, &stream, stream.len()).0;
    assert!(whole.contains(r#""thinking_delta","thinking":"hm""#), "{whole}");
    assert!(whole.contains(r#""text_delta","text":"hé""#), "{whole}");
    assert!(whole.contains(r#""type":"tool_use","id":"call_r1_0","name":"f""#), "{whole}");
    assert!(whole.contains(r#""stop_reason":"tool_use""#) && whole.contains("message_stop"), "{whole}");
    for step in 1..60 {
        let (text, failed, end) = run(Protocol::Anthropic, &stream, step);
        assert_eq!((text.as_str(), failed), (whole.as_str(), None), "{step}");
        let end = end.unwrap();
        let usage = Usage { input: 10, output: 5, reasoning: 2, ..Usage::default() };
        assert_eq!((end.stop, end.spent.usage, end.spent.estimated), (Stop::ToolUse, usage, false));
    }
}

#[test]
fn the_same_protocol_comes_back_byte_for_byte() {
    let stream = stream(&EVENTS);
    let (text, _, end) = run(Protocol::Gemini, &stream, 17);
    assert_eq!(text, stream);
    assert_eq!(end.unwrap().spent.usage.output, 5);
}

#[test]
fn no_false_end() {
    let cut = run(Protocol::Anthropic, &stream(&EVENTS[..3]), 50);
    assert!(cut.2.is_err() && !cut.0.contains("message_stop"), "{}", cut.0);
    let error = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    let (_, failed, _) = run(Protocol::Chat, &stream(&[EVENTS[0], error]), 50);
    assert!(matches!(failed, Some(StreamError::Upstream { kind, .. }) if kind == "UNAVAILABLE"));
    let malformed = ended("MALFORMED_FUNCTION_CALL");
    assert!(run(Protocol::Chat, &stream(&[&malformed]), 50).1.is_some());
    assert!(run(Protocol::Chat, &stream(&[EVENTS[0], &malformed]), 50).1.is_some());
    // Gemini's clients know the word; before any content there is still another attempt.
    let said = stream(&[EVENTS[0], &malformed]);
    assert_eq!(run(Protocol::Gemini, &said, 50).0, said);
    assert!(run(Protocol::Gemini, &stream(&[&malformed]), 50).1.is_some());
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#;
    assert_eq!(
        run(Protocol::Chat, &stream(&[blocked]), 50).2.map(|end| (end.stop, end.has_content)),
        Ok((Stop::Refusal, false))
    );
}

#[test]
fn a_stream_is_collected() {
    let back = Back::default();
    let mut collector = Collector::new(Wire::Gemini, Protocol::Chat, &context(&back));
    collector.push(Bytes::from(stream(&EVENTS))).unwrap();
    let answer = collector.finish().unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let message = &body["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("hé"), &json!("hm")));
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], r#"{"a":"\"x\""}"#);
}
