//! Gemini's clients, in front of the other wires.

use serde_json::{Value, json};

use super::*;
use crate::dsl::policy::Capability;
use crate::facts::SessionFacts;
use crate::facts::{Fact, Facts as _, Var};

const PATH: &str = "/v1beta/models/gemini-x:generateContent";
const STREAM: &str = "/v1beta/models/gemini-x:streamGenerateContent";

fn gemini(body: &str) -> Request {
    Request::parse_at(Protocol::Gemini, PATH, Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn target(wire: Wire, can: &[Capability]) -> Target<'_> {
    able(wire, "up", can)
}

fn sent(wire: Wire, members: &str) -> Out {
    written(&gemini(&format!("{{{members}}}")), &target(wire, &Capability::ALL)).unwrap()
}

#[track_caller]
fn check(wire: Wire, members: &str, pointer: &str, expected: Value) {
    let members =
        if members.contains("\"contents\"") { members.to_owned() } else { format!(r#""contents":[],{members}"#) };
    let out = sent(wire, &members);
    assert_eq!(out.body.pointer(pointer).cloned().unwrap_or_default(), expected, "{}", out.body);
}

#[track_caller]
fn warns(members: &str, expected: &str) {
    let out = sent(Wire::Chat, &format!(r#""contents":[],{members}"#));
    assert_eq!(out.warnings, expected, "{members}");
}

#[track_caller]
fn refuses(body: &str, expected: &str) {
    let parsed = Request::parse_at(Protocol::Gemini, PATH, Bytes::copy_from_slice(body.as_bytes()));
    let error = match parsed {
        Err(error) => error.to_string(),
        Ok(request) => written(&request, &target(Wire::Chat, &Capability::ALL)).map(|_| ()).unwrap_err().to_string(),
    };
    assert!(error.contains(expected), "{body}: {error}");
}

#[test]
fn the_path_names_the_model_and_the_stream() {
    let body = || Bytes::from_static(br#"{"model":"models/other","contents":[]}"#);
    let at = |path| {
        let request = Request::parse_at(Protocol::Gemini, path, body()).unwrap();
        (request.model().to_owned(), request.stream())
    };
    assert_eq!(at(PATH), ("gemini-x".to_owned(), false));
    assert_eq!(at(STREAM), ("gemini-x".to_owned(), true));
    assert_eq!(at("/v1/route"), ("other".to_owned(), false));
}

#[test]
fn a_conversation_is_carried_over() {
    let members = r#""system_instruction":{"parts":[{"text":"be kind"},{"text":"and brief"}]},"contents":[
        {"parts":[{"text":"see"},{"inline_data":{"mime_type":"image/png","data":"iVBO"}}]},
        {"role":"model","parts":[{"text":"let me","thought":true},{"text":"ok"},{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"name":"f","args":{"a":2}}},{"functionCall":{"id":"own","name":"g"}}]},
        {"role":"user","parts":[{"functionResponse":{"id":"own","name":"g","response":{"output":"three"}}},{"functionResponse":{"name":"f","response":{"result":"one"}}},{"functionResponse":{"name":"f","response":{"error":"two"}}},{"text":"go on"}]}]"#;
    let call = |id: &str, name: &str, arguments: &str| json!({"id":id,"type":"function","function":{"name":name,"arguments":arguments}});
    let result = |id: &str, text: &str| json!({"role":"tool","content":text,"tool_call_id":id});
    let calls = [call("call_0000", "f", r#"{"a":1}"#), call("call_0001", "f", r#"{"a":2}"#), call("own", "g", "{}")];
    let image = json!({"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}});
    let messages = json!([
        {"role":"system","content":"be kind\n\nand brief"},
        {"role":"user","content":[{"type":"text","text":"see"},image]},
        {"role":"assistant","content":"ok","tool_calls":calls},
        result("call_0000", "one"),
        result("call_0001", "[error] two"),
        result("own", "three"),
        {"role":"user","content":"go on"},
    ]);
    check(Wire::Chat, members, "/messages", messages);
    let results = json!([
        {"type":"tool_result","tool_use_id":"call_0000","content":"one"},
        {"type":"tool_result","tool_use_id":"call_0001","content":"two","is_error":true},
        {"type":"tool_result","tool_use_id":"own","content":"three"},
        {"type":"text","text":"go on"},
    ]);
    check(Wire::Anthropic, members, "/messages/2/content", results);
    let system = json!([{"type":"text","text":"be kind"},{"type":"text","text":"and brief"}]);
    check(Wire::Anthropic, members, "/system", system);
}

#[test]
fn a_string_is_a_system_too() {
    check(Wire::Chat, r#""systemInstruction":"be kind""#, "/messages/0", json!({"role":"system","content":"be kind"}));
}

#[test]
fn parts_become_what_the_others_have() {
    let part = |part: &str, expected: Value| {
        check(Wire::Anthropic, &format!(r#""contents":[{{"parts":[{part}]}}]"#), "/messages/0/content/0", expected);
    };
    let text = |text: &str| json!({"type":"text","text":text});
    part(r#"{"inlineData":{"mimeType":"text/plain","data":"aMOp"}}"#, text("hé"));
    part(r#"{"executableCode":{"language":"PYTHON","code":"print(1)"}}"#, text("```python\nprint(1)\n```"));
    part(r#"{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}"#, text("[OUTCOME_OK]\n1"));
    let pdf =
        json!({"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"},"title":"a"});
    part(r#"{"inlineData":{"mimeType":"application/pdf","data":"JVBE","displayName":"a"}}"#, pdf);
    let url = json!({"type":"image","source":{"type":"url","url":"https://x/y.png"}});
    part(r#"{"fileData":{"mimeType":"image/png","fileUri":"https://x/y.png"}}"#, url);
    let result = r#""contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"name":"f","response":{"a":1,"b":2},"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}}]}}]}]"#;
    let image = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}});
    check(Wire::Anthropic, result, "/messages/2/content/0/content", json!([text(r#"{"a":1,"b":2}"#), image]));
}

#[test]
fn what_nobody_else_has_is_refused() {
    refuses(r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"AA"}}]}]}"#, "a video");
    refuses(
        r#"{"contents":[{"parts":[{"fileData":{"mimeType":"image/png","fileUri":"https://generativelanguage.googleapis.com/v1beta/files/a"}}]}]}"#,
        "file id",
    );
    refuses(r#"{"contents":[],"cachedContent":"cachedContents/a"}"#, "cachedContent");
    refuses(r#"{"contents":[{"role":"assistant","parts":[]}]}"#, "`user` or `model`");
    refuses(r#"{"contents":[{"role":"model","parts":[{"functionCall":{}}]}]}"#, "no name");
    refuses(r#"{"contents":[{"parts":"hello"}]}"#, "`parts` must be a list");
    refuses(r#"{"contents":"hello"}"#, "`contents`: a list");
    refuses("{}", "`contents`: field required");
    refuses(r#"{"contents":[],"generationConfig":{"maxOutputTokens":"x"}}"#, "`maxOutputTokens`");
    refuses(r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"MAYBE"}}}"#, "MAYBE");
    refuses(
        r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}"#,
        "no function `f`",
    );
}

#[test]
fn tools_and_their_choice_are_carried_over() {
    let tools = r#""tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}},"required":["a"]}},{"name":"g","parametersJsonSchema":{"type":"object"}}]},{"google_search":{}},{"codeExecution":{}}]"#;
    let schema = json!({"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"]});
    check(Wire::Chat, tools, "/tools/0/function", json!({"name":"f","description":"d","parameters":schema}));
    check(Wire::Chat, tools, "/tools/1/function/parameters", json!({"type":"object"}));
    check(Wire::Chat, tools, "/web_search_options", json!({}));
    warns(tools, "the server tool `code_execution` is not known to the upstream and was left out");
    for (mode, expected) in [
        (r#"{"mode":"AUTO"}"#, json!("auto")),
        (r#"{"mode":"VALIDATED"}"#, json!("auto")),
        (r#"{"mode":"NONE"}"#, json!("none")),
        (r#"{"mode":"ANY"}"#, json!("required")),
        (r#"{"mode":"ANY","allowed_function_names":["g"]}"#, json!({"type":"function","function":{"name":"g"}})),
    ] {
        check(
            Wire::Chat,
            &format!(r#"{tools},"tool_config":{{"function_calling_config":{mode}}}"#),
            "/tool_choice",
            expected,
        );
    }
    let some =
        format!(r#"{tools},"toolConfig":{{"functionCallingConfig":{{"mode":"AUTO","allowedFunctionNames":["g"]}}}}"#);
    check(Wire::Chat, &some, "/tools/1", Value::Null);
    check(Wire::Chat, &some, "/tools/0/function/name", json!("g"));
}

#[test]
fn what_is_asked_for_is_carried_over() {
    let config = |config: &str, pointer: &str, expected: Value| {
        check(Wire::Chat, &format!(r#""generation_config":{{{config}}}"#), pointer, expected);
    };
    config(r#""maxOutputTokens":100"#, "/max_tokens", json!(100));
    config(r#""max_output_tokens":100000"#, "/max_tokens", json!(8_000));
    config(r#""temperature":0.5"#, "/temperature", json!(0.5));
    config(r#""topP":0.5"#, "/top_p", json!(0.5));
    config(r#""seed":7"#, "/seed", json!(7));
    config(r#""stopSequences":["a"]"#, "/stop", json!(["a"]));
    config(r#""responseMimeType":"application/json""#, "/response_format", json!({"type":"json_object"}));
    config(
        r#""responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}"#,
        "/response_format/json_schema/schema",
        json!({"type":"object","properties":{"a":{"type":"string"}}}),
    );
    let schema = r#""response_json_schema":{"type":"object"}"#;
    config(schema, "/response_format/json_schema/schema", json!({"type":"object"}));
    check(Wire::Anthropic, r#""generationConfig":{"topK":40}"#, "/top_k", json!(40));
    warns(r#""generationConfig":{"candidateCount":1,"presencePenalty":0,"responseModalities":["TEXT"]}"#, "");
    let unknown = |name: &str| format!("`{name}` is not known to the upstream's protocol and was left out");
    warns(r#""generationConfig":{"candidateCount":2}"#, &unknown("candidateCount"));
    warns(r#""generationConfig":{"response_modalities":["IMAGE"]}"#, &unknown("responseModalities"));
    warns(r#""safety_settings":[{"category":"x"}]"#, &unknown("safetySettings"));
    warns(r#""labels":{"a":"b"}"#, "`labels` was left out: the upstream is not known to take it");
}

#[test]
fn thinking_is_read_and_never_switched_on_by_itself() {
    for (config, thinking, off, budget, effort) in [
        ("", false, false, 0, ""),
        (r#""thinkingBudget":0,"includeThoughts":true"#, false, true, 0, ""),
        (r#""thinkingBudget":-1"#, true, false, 0, ""),
        (r#""thinking_budget":2048"#, true, false, 2_048, ""),
        (r#""thinkingLevel":"HIGH""#, true, false, 0, "high"),
        (r#""includeThoughts":true"#, true, false, 0, ""),
        (r#""includeThoughts":false"#, false, false, 0, ""),
    ] {
        let request = gemini(&format!(r#"{{"contents":[],"generationConfig":{{"thinkingConfig":{{{config}}}}}}}"#));
        let asks = asks::Asks::of(&request);
        let read = (asks.thinking, asks.thinking_off, asks.thinking_budget, &*asks.effort);
        assert_eq!(read, (thinking, off, budget, effort), "{config}");
    }
}

#[test]
fn a_signature_of_another_wire_finds_its_way_back() {
    let signed = signed::Signed { maker: Wire::Anthropic, text: json::Text::from_escaped(b"c2ln") };
    let mut text = Vec::new();
    signed.push(Wire::Gemini, &mut text);
    assert!(text.iter().all(u8::is_ascii_alphanumeric) && text.len() % 4 == 0, "base64, for SDKs that decode it");
    assert_eq!(signed::Signed::of_client(Wire::Gemini, json::Text::from_escaped(&text)), signed);
    let body = format!(
        r#"{{"contents":[{{"role":"model","parts":[{{"text":"hm","thought":true}},{{"functionCall":{{"name":"f"}},"thoughtSignature":"{}"}}]}}]}}"#,
        String::from_utf8(text.clone()).unwrap()
    );
    let request = gemini(&body);
    let exchange = super::super::gemini::read_request(&request).unwrap();
    let [exchange::Part::Thinking { text, signature }, exchange::Part::Call { .. }] = &exchange.turns[0].parts[..]
    else {
        panic!("{exchange:?}")
    };
    assert_eq!((text.escaped(), *signature), (&b"hm"[..], Some(signed)));
}

#[test]
fn facts_are_read_in_both_spellings() {
    let body = r#"{"systemInstruction":{"parts":[{"text":"sys"}]},"labels":{"team":"red"},
        "contents":[{"role":"user","parts":[{"text":"first"}]},{"role":"model","parts":[{"text":"hm","thought":true},{"text":"ok"},{"functionCall":{"name":"f","args":{}}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"r"}}}]},
        {"role":"user","parts":[{"text":"last"},{"inlineData":{"mimeType":"image/png","data":"AA"}},{"fileData":{"mimeType":"application/pdf","fileUri":"gs://a"}},{"inlineData":{"mimeType":"audio/wav","data":"AA"}}]}],
        "tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]},{"googleSearch":{}},{"urlContext":{}}],
        "generationConfig":{"maxOutputTokens":77,"responseMimeType":"application/json","thinkingConfig":{"thinkingBudget":9}}}"#;
    let snake = [
        ("systemInstruction", "system_instruction"),
        ("inlineData", "inline_data"),
        ("mimeType", "mime_type"),
        ("fileData", "file_data"),
        ("functionCall", "function_call"),
        ("functionResponse", "function_response"),
        ("functionDeclarations", "function_declarations"),
        ("googleSearch", "google_search"),
        ("generationConfig", "generation_config"),
        ("maxOutputTokens", "max_output_tokens"),
        ("responseMimeType", "response_mime_type"),
        ("thinkingConfig", "thinking_config"),
        ("thinkingBudget", "thinking_budget"),
    ];
    let other = snake.iter().fold(body.to_owned(), |body, (camel, snake)| body.replace(camel, snake));
    for body in [body, &other] {
        let request = gemini(body);
        let (headers, session) = (http::HeaderMap::new(), SessionFacts::default());
        let around = super::super::facts::Around {
            session: &session,
            tenant_id: "",
            tenant_tier: "",
            tenant_tags: &[],
            key_id: "",
            key_tags: &[],
            now: chrono::DateTime::UNIX_EPOCH,
        };
        let facts = super::super::facts::RequestFacts::new(&request, &headers, around);
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let names = |var| match facts.get(var) {
            Fact::List(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        for (var, expected) in [
            (Var::RequestProtocol, Fact::Str("gemini")),
            (Var::RequestModel, Fact::Str("gemini-x")),
            (Var::RequestText, Fact::Str("last")),
            (Var::RequestHistory, Fact::Str("first\nok\nlast")),
            (Var::RequestSystem, Fact::Str("sys")),
            (Var::RequestTurns, Fact::Int(2)),
            (Var::RequestImages, Fact::Int(1)),
            (Var::RequestMaxTokens, Fact::Int(77)),
            (Var::RequestThinking, Fact::Bool(true)),
            (Var::RequestThinkingBudget, Fact::Int(9)),
            (Var::RequestJson, Fact::Bool(true)),
        ] {
            assert_eq!(facts.get(var), expected, "{var:?} {body}");
        }
        assert_eq!(names(Var::RequestTools), list(&["f", "g"]));
        assert_eq!(names(Var::RequestServerTools), list(&["web_search", "url_context"]));
        assert_eq!(facts.meta("team"), "red");
        let needs = request.needs();
        assert!(
            needs.tools && needs.vision && needs.documents && needs.audio && needs.web_search && !needs.json_schema
        );
        assert!(tokens::of_request(&request) > 100);
    }
}

#[test]
fn a_tag_in_a_gemini_body_names_a_sub_agent() {
    let request = Request::parse_at(
        Protocol::Gemini,
        STREAM,
        Bytes::from_static(
            br#"{"contents":[{"parts":[{"text":"<CCR-SUBAGENT-MODEL>small</CCR-SUBAGENT-MODEL>go"}]}]}"#,
        ),
    )
    .unwrap();
    assert_eq!(request.tag().map(|tag| &*tag.model), Some("small"));
    let out = written(&request, &target(Wire::Chat, &Capability::ALL)).unwrap();
    assert_eq!(out.body["messages"][0]["content"], "go");
    assert_eq!(out.body["stream"], true, "the path is not forgotten");
}

// Answers.

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back }
}

const CHAT: &str = r#"{"choices":[{"message":{"reasoning_content":"hm","content":"hé","tool_calls":[{"id":"call_1","function":{"name":"run","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#;

fn answered(wire: Wire, body: &str, back: &Back) -> Value {
    let answer = answer(wire, Protocol::Gemini, Bytes::copy_from_slice(body.as_bytes()), &context(back)).unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn an_answer_has_geminis_shape() {
    let parts = json!([
        {"text":"hm","thought":true},
        {"text":"hé"},
        {"functionCall":{"id":"call_1","name":"run","args":{"a":1}}},
    ]);
    let usage = json!({"promptTokenCount":10,"candidatesTokenCount":3,"totalTokenCount":15,"thoughtsTokenCount":2,"cachedContentTokenCount":4});
    let expected = json!({"candidates":[{"content":{"parts":parts,"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":usage,"modelVersion":"asked","responseId":"r1"});
    assert_eq!(answered(Wire::Chat, CHAT, &Back::default()), expected);
    let withheld = Back { withhold_thoughts: true, ..Back::default() };
    let parts = answered(Wire::Chat, CHAT, &withheld)["candidates"][0]["content"]["parts"].clone();
    assert_eq!(parts[0], json!({"text":"hé"}), "thoughts are shown to those who ask for them");
}

#[test]
fn a_call_that_ran_out_of_tokens_is_none() {
    let cut = CHAT.replace(r#"{\"a\":1}"#, r#"{\"a\":"#).replace("\"tool_calls\"}", "\"length\"}");
    let answer = answered(Wire::Chat, &cut, &Back::default());
    assert_eq!(answer["candidates"][0]["content"]["parts"].as_array().unwrap().len(), 2, "{answer}");
    assert_eq!(answer["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[test]
fn thinking_is_signed_for_those_who_see_it() {
    let body = r#"{"content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"tool_use","id":"t","name":"f","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#;
    let parts = |back: &Back| answered(Wire::Anthropic, body, back)["candidates"][0]["content"]["parts"].clone();
    let call = json!({"id":"t","name":"f","args":{}});
    let signed = json!([{"text":"hm","thought":true},{"functionCall":call,"thoughtSignature":"ccr1anthropicxxxc2ln"}]);
    assert_eq!(parts(&Back::default()), signed);
    assert_eq!(parts(&Back { withhold_thoughts: true, ..Back::default() }), json!([{"functionCall":call}]));
}

// Streams.

struct Ran {
    chunks: Vec<Value>,
    failed: bool,
    end: Result<End, Truncated>,
}

fn run(wire: Wire, stream: &str, step: usize) -> Ran {
    let back = Back::default();
    let mut relay = Relay::new(wire, Protocol::Gemini, &context(&back));
    let (mut out, mut failed) = (Vec::new(), false);
    for part in stream.as_bytes().chunks(step) {
        failed |= relay.push(Bytes::copy_from_slice(part), &mut out).is_err();
    }
    let end = if failed { Err(Truncated) } else { relay.finish(&mut out) };
    let text = String::from_utf8(out.concat()).unwrap();
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    let chunks = events.map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect();
    Ran { chunks, failed, end }
}

fn chat(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("data: {line}\n\n")).collect()
}

#[test]
fn a_stream_is_whole_answers_and_a_call_stands_in_one_part() {
    let delta = |delta: &str| format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
    let stream = chat(&[
        &delta(r#"{"reasoning_content":"hm"}"#),
        &delta(r#"{"content":"hé"}"#),
        &delta(r#"{"tool_calls":[{"index":0,"id":"c1","function":{"name":"run","arguments":""}}]}"#),
        &delta(r#"{"tool_calls":[{"index":1,"id":"c2","function":{"name":"go","arguments":"{}"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#),
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
        "[DONE]",
    ]);
    for step in [1, 7, stream.len()] {
        let ran = run(Wire::Chat, &stream, step);
        let part = |index: usize| ran.chunks[index]["candidates"][0]["content"]["parts"][0].clone();
        assert_eq!(ran.chunks.len(), 5, "{:?}", ran.chunks);
        assert_eq!(part(0), json!({"text":"hm","thought":true}));
        assert_eq!(part(1), json!({"text":"hé"}));
        assert_eq!(part(2), json!({"functionCall":{"id":"c1","name":"run","args":{"a":1}}}), "in the calls' order");
        assert_eq!(part(3), json!({"functionCall":{"id":"c2","name":"go","args":{}}}));
        let last = json!({"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15},"modelVersion":"asked","responseId":"r1"});
        assert_eq!(ran.chunks[4], last);
        assert!(ran.chunks[..4].iter().all(|chunk| chunk["candidates"][0].get("finishReason").is_none()));
        assert_eq!(ran.end.unwrap().stop, Stop::ToolUse);
    }
}

#[test]
fn a_cut_stream_has_no_end() {
    let ran = run(Wire::Chat, &chat(&[r#"{"choices":[{"delta":{"content":"a"}}]}"#]), 9);
    assert!(ran.end.is_err() && !ran.failed);
    assert!(ran.chunks.iter().all(|chunk| chunk["candidates"][0].get("finishReason").is_none()));
}

#[test]
fn a_call_without_input_comes_at_the_end() {
    let stream = chat(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
    ]);
    let ran = run(Wire::Chat, &stream, 11);
    let part = &ran.chunks[0]["candidates"][0]["content"]["parts"][0];
    assert_eq!(*part, json!({"functionCall":{"id":"c","name":"f","args":{}}}));
}

#[test]
fn a_whole_answer_is_replayed_as_a_stream() {
    let (stream, end) = replay(Wire::Chat, Protocol::Gemini, CHAT.as_bytes(), &context(&Back::default())).unwrap();
    let text = String::from_utf8(stream.to_vec()).unwrap();
    assert_eq!(text.matches("data: ").count(), 4, "{text}");
    assert!(text.contains(r#""functionCall":{"id":"call_1","name":"run","args":{"a":1}}"#), "{text}");
    assert_eq!(end.stop, Stop::ToolUse);
}

#[test]
fn who_asks_is_no_part_of_the_cache_key() {
    let key = |body: &str| canonical_key(&gemini(body));
    assert_eq!(key(r#"{"contents":[],"labels":{"a":"b"}}"#), key(r#"{"model":"models/x","contents":[]}"#));
    assert_ne!(key(r#"{"contents":[]}"#), key(r#"{"contents":[{}]}"#));
}
