//! A request to its own protocol: spliced, and what the model cannot do taken out of it.

use super::*;

#[test]
fn the_same_protocol_is_spliced_not_printed() {
    let cases = [
        (
            Protocol::Anthropic,
            r#"{ "model" : "m" , "messages":[ ],"max_tokens":5 }"#,
            r#"{ "model" : "up" , "messages":[ ],"max_tokens":5 }"#,
        ),
        (Protocol::Anthropic, r#"{"messages":[]}"#, r#"{"messages":[],"model":"up"}"#),
        (Protocol::Anthropic, "\u{feff} {\"messages\":[],\"model\":\"m\"}\n", "{\"messages\":[],\"model\":\"up\"}\n"),
        (
            Protocol::Anthropic,
            r#"{"model":"m","messages":[],"max_tokens":9000}"#,
            r#"{"model":"up","messages":[],"max_tokens":8000}"#,
        ),
        (
            Protocol::Anthropic,
            r#"{"model":"m","messages":[],"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8500}}"#,
            r#"{"model":"up","messages":[],"max_tokens":8000,"thinking":{"type":"enabled","budget_tokens":4000}}"#,
        ),
        (
            Protocol::Chat,
            r#"{"model":"m","messages":[],"stream":true}"#,
            r#"{"model":"up","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            Protocol::Chat,
            r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":false,"x":1}}"#,
            r#"{"model":"up","messages":[],"stream":true,"stream_options":{"include_usage":true,"x":1}}"#,
        ),
        (
            Protocol::Chat,
            r#"{"model":"m","messages":[],"stream":true,"stream_options":null}"#,
            r#"{"model":"up","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            Protocol::Chat,
            r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"up","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ];
    for (protocol, body, expected) in cases {
        let wire = if protocol == Protocol::Chat { Wire::Chat } else { Wire::Anthropic };
        let out = encode(&request(protocol, body), &able(wire, "up", ALL)).unwrap();
        assert_eq!(String::from_utf8(out.body.concat()).unwrap(), expected);
    }
}

#[test]
fn the_same_protocol_copies_nothing_of_the_body() {
    let request = request(Protocol::Anthropic, r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#);
    let out = encode(&request, &able(Wire::Anthropic, "up", ALL)).unwrap();
    let within = request.body().as_ptr_range();
    let borrowed: usize = out.body.iter().filter(|part| within.contains(&part.as_ptr())).map(Bytes::len).sum();
    assert_eq!(borrowed, request.body().len() - "\"m\"".len());
}

/// The same wire: what `can` lacks is taken out of the body and warned about.
#[track_caller]
fn adapted(protocol: Protocol, can: &[Capability], body: &str, expected: &str, warned: &[&str]) {
    let wire = if protocol == Protocol::Chat { Wire::Chat } else { Wire::Anthropic };
    let out = encode(&request(protocol, body), &able(wire, "up", can)).unwrap();
    assert_eq!(String::from_utf8(out.body.concat()).unwrap(), expected);
    assert_eq!(out.warnings, warned);
}

/// The same request goes on whole to a model that can do everything.
#[track_caller]
fn adapted_and_whole(protocol: Protocol, body: &str, expected: &str, warned: &[&str]) {
    adapted(protocol, &[Capability::Tools], body, expected, warned);
    adapted(protocol, ALL, body, body, &[]);
}

const NO_THINKING: &str = "thinking was left out: the model does not think (`can` has no `thinking`)";
const IN_WORDS: &str = "the JSON schema was put into words: the model takes none";

#[test]
fn thinking_is_taken_out_for_a_model_that_cannot() {
    let anthropic = |body: &str, expected: &str| {
        adapted_and_whole(Protocol::Anthropic, body, expected, &[NO_THINKING]);
    };
    anthropic(r#"{"model":"up","thinking":{"type":"adaptive"}, "messages":[]}"#, r#"{"model":"up", "messages":[]}"#);
    anthropic(
        r#"{"thinking":{"type":"enabled","budget_tokens":2000},"model":"up","messages":[]}"#,
        r#"{"model":"up","messages":[]}"#,
    );
    anthropic(
        r#"{"model":"up","messages":[],"output_config":{"effort":"high"},"thinking":{"type":"adaptive"}}"#,
        r#"{"model":"up","messages":[]}"#,
    );
    anthropic(
        r#"{"model":"up","messages":[],"output_config":{"effort":"high","x":1},"thinking":{"type":"adaptive"},"context_management":{"edits":[{"type":"clear_thinking_1"},{"type":"clear_tool_uses_1"}]}}"#,
        r#"{"model":"up","messages":[],"output_config":{"x":1},"context_management":{"edits":[{"type":"clear_tool_uses_1"}]}}"#,
    );
    anthropic(
        r#"{"model":"up","thinking":{"type":"adaptive"},"context_management":{"edits":[{"type":"clear_thinking_1"}]},"messages":[]}"#,
        r#"{"model":"up","messages":[]}"#,
    );
    adapted_and_whole(
        Protocol::Chat,
        r#"{"model":"up","reasoning_effort":"high","messages":[],"reasoning":{"effort":"low"}}"#,
        r#"{"model":"up","messages":[]}"#,
        &[NO_THINKING],
    );
    // Thinking that is off in so many words stays off.
    let off = r#"{"model":"up","messages":[],"thinking":{"type":"disabled"}}"#;
    adapted(Protocol::Anthropic, &[], off, off, &[]);
    let none = r#"{"model":"up","messages":[],"reasoning_effort":"none"}"#;
    adapted(Protocol::Chat, &[], none, none, &[]);
    // A budget that is gone is not lowered.
    adapted(
        Protocol::Anthropic,
        &[],
        r#"{"model":"m","messages":[],"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8500}}"#,
        r#"{"model":"up","messages":[],"max_tokens":8000}"#,
        &[NO_THINKING, "max_tokens lowered to 8000, the most that the model gives"],
    );
}

#[test]
fn a_schema_is_put_into_words_for_a_model_that_takes_none() {
    const WORDS: &str = "Answer with one JSON object and nothing else. It must fit this JSON schema: {}";
    let anthropic = |system: &str, expected: &str| {
        let format = r#""output_config":{"format":{"type":"json_schema","schema":{}}}"#;
        let expected = expected.replace("WORDS", WORDS);
        adapted_and_whole(
            Protocol::Anthropic,
            &format!(r#"{{"model":"up",{system}{format},"messages":[]}}"#),
            &format!(r#"{{"model":"up",{expected}}}"#),
            &[IN_WORDS],
        );
    };
    anthropic("", r#""messages":[],"system":"WORDS""#);
    anthropic(r#""system":"a","#, r#""system":"a\n\nWORDS","messages":[]"#);
    anthropic(r#""system":[],"#, r#""system":[{"type":"text","text":"WORDS"}],"messages":[]"#);
    anthropic(
        r#""system":[{"type":"text","text":"a"}],"#,
        r#""system":[{"type":"text","text":"a"},{"type":"text","text":"WORDS"}],"messages":[]"#,
    );
    let chat = |messages: &str, expected: &str| {
        let format = r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}"#;
        adapted_and_whole(
            Protocol::Chat,
            &format!(r#"{{"model":"up","messages":[{messages}],{format}}}"#),
            &format!(r#"{{"model":"up","messages":[{}]}}"#, expected.replace("WORDS", WORDS)),
            &[IN_WORDS],
        );
    };
    chat("", r#"{"role":"system","content":"WORDS"}"#);
    chat(r#"{"role":"user","content":"x"}"#, r#"{"role":"system","content":"WORDS"},{"role":"user","content":"x"}"#);
    chat(
        r#"{"role":"developer","content":"a"},{"role":"user","content":"x"}"#,
        r#"{"role":"developer","content":"a\n\nWORDS"},{"role":"user","content":"x"}"#,
    );
}

#[test]
fn several_calls_and_searches_are_taken_out_for_a_model_that_cannot() {
    adapted_and_whole(
        Protocol::Chat,
        r#"{"model":"up","messages":[],"parallel_tool_calls":true}"#,
        r#"{"model":"up","messages":[]}"#,
        &["`parallel_tool_calls` was left out: the model makes one call at a time (`can` has no `parallel_tools`)"],
    );
    let single = r#"{"model":"up","messages":[],"parallel_tool_calls":false}"#;
    adapted(Protocol::Chat, &[], single, single, &[]);
    let lost = "the server tool `web_search_1` was left out (`can` has no `web_search`)";
    let search = r#"{"type":"web_search_1","name":"web_search"}"#;
    let client = r#"{"name":"f","input_schema":{}}"#;
    let tools = |tools: &str, expected: &str| {
        let tools = format!(r#"{{"model":"up","tools":[{tools}],"messages":[]}}"#);
        adapted_and_whole(Protocol::Anthropic, &tools, expected, &[lost]);
    };
    let one = format!(r#"{{"model":"up","tools":[{client}],"messages":[]}}"#);
    tools(&format!("{search}, {client}"), &one);
    tools(&format!("{client} ,{search}"), &one);
    tools(search, r#"{"model":"up","messages":[]}"#);
    let demand = r#","tool_choice":{"type":"tool","name":"web_search"}"#;
    let body = |tools: &str, rest: &str| format!(r#"{{"model":"up","messages":[],"tools":[{tools}]{rest}}}"#);
    let expected = body(client, "");
    adapted(Protocol::Anthropic, &[], &body(&format!("{search},{client}"), demand), &expected, &[lost]);
    adapted(Protocol::Anthropic, &[], &body(search, demand), r#"{"model":"up","messages":[]}"#, &[lost]);
    adapted_and_whole(
        Protocol::Chat,
        r#"{"web_search_options":{},"model":"up","messages":[]}"#,
        r#"{"model":"up","messages":[]}"#,
        &["the server tool `web_search` was left out (`can` has no `web_search`)"],
    );
}
