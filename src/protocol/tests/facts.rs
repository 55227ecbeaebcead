use chrono::DateTime;
use http::HeaderMap;
use proptest::prelude::*;

use super::super::facts::{Around, RequestFacts};
use super::*;
use crate::facts::{Fact, Facts, SessionFacts, Var};

fn around(session: &SessionFacts) -> Around<'_> {
    Around {
        session,
        tenant_id: "default",
        tenant_tier: "",
        tenant_tags: &[],
        key_id: "",
        key_tags: &[],
        now: DateTime::UNIX_EPOCH,
    }
}

fn shown(protocol: Protocol, body: &str, headers: &[(&'static str, &str)], path: &str) -> String {
    let request = request(protocol, body);
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
    let session = SessionFacts::default();
    let facts = RequestFacts::new(&request, &headers, around(&session));
    match facts.get(Var::from_path(path).unwrap()) {
        Fact::Bool(value) => value.to_string(),
        Fact::Int(value) => value.to_string(),
        Fact::Double(value) => format!("{value:.2}"),
        Fact::Str(value) => value.to_owned(),
        Fact::List(items) => items.join(","),
        Fact::Time(value) => value.to_string(),
    }
}

#[track_caller]
fn anthropic(rest: &str, path: &str, expected: &str) {
    let body = format!(r#"{{"model":"m","max_tokens":9,{rest}}}"#);
    assert_eq!(shown(Protocol::Anthropic, &body, &[], path), expected);
}

#[track_caller]
fn chat(rest: &str, path: &str, expected: &str) {
    assert_eq!(shown(Protocol::Chat, &format!(r#"{{"model":"m",{rest}}}"#), &[], path), expected);
}

const LOOP: &str = r#""messages":[{"role":"user","content":"first"},
  {"role":"user","content":[{"type":"text","text":"<system-reminder>x</system-reminder>"},{"type":"text","text":"sec\u006fnd"}]},
  {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"run","input":{}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"out"}]}]"#;

/// An upstream may take more than its protocol says: rules see it too.
#[test]
fn an_object_stands_for_a_list_of_one() {
    let gemini =
        |body: &str, path: &str, expected: &str| assert_eq!(shown(Protocol::Gemini, body, &[], path), expected);
    gemini(r#"{"contents":[{"parts":{"text":"closed"}}]}"#, "request.text", "closed");
    gemini(r#"{"contents":[{"parts":{"inlineData":{"mimeType":"image/png","data":"AA"}}}]}"#, "request.images", "1");
    gemini(
        r#"{"system_instruction":{"parts":{"text":"be kind"}},"contents":[{"parts":[{"text":"x"}]}]}"#,
        "request.system",
        "be kind",
    );
    anthropic(r#""messages":[{"role":"user","content":{"type":"text","text":"closed"}}]"#, "request.text", "closed");
    chat(r#""messages":[{"role":"User","content":"closed"}]"#, "request.text", "closed");
}

#[test]
fn text_is_that_of_the_last_user_message_that_has_any() {
    anthropic(LOOP, "request.text", "second");
    anthropic(LOOP, "request.turns", "2");
    anthropic(LOOP, "request.task", "tool_use");
    anthropic(LOOP, "request.history", "first\n<system-reminder>x</system-reminder>\nsecond");
    anthropic(r#""messages":[{"role":"user","content":"a <system-reminder>x"}]"#, "request.text", "a");
    chat(
        r#""messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"#,
        "request.text",
        "a\nb",
    );
    anthropic(r#""messages":[],"message":"a member that means nothing here""#, "request.text", "");
}

#[test]
fn system_leaves_the_billing_line_out() {
    let system = r#""system":[{"type":"text","text":"x-anthropic-billing-header: cc=1"},{"type":"text","text":"be kind"}],
        "messages":[{"role":"system","content":"and brief"}]"#;
    anthropic(system, "request.system", "be kind\nand brief");
    chat(r#""messages":[{"role":"developer","content":"be kind"}]"#, "request.system", "be kind");
}

#[test]
fn tools_are_told_from_server_tools() {
    let tools = r#""messages":[],"tools":[{"name":"Bash","input_schema":{}},{"type":"web_search_20250305","name":"web_search"},
        {"type":"custom","name":"Read"}]"#;
    anthropic(tools, "request.tools", "Bash,Read");
    anthropic(tools, "request.server_tools", "web_search_20250305");
    chat(r#""messages":[],"tools":[{"type":"function","function":{"name":"f"}}]"#, "request.tools", "f");
    chat(r#""messages":[],"web_search_options":{}"#, "request.server_tools", "web_search");
}

#[test]
fn images_are_counted_wherever_they_stand() {
    let image = r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}"#;
    let body = format!(
        r#""messages":[{{"role":"user","content":[{image},{{"type":"tool_result","tool_use_id":"t","content":[{image}]}}]}}]"#
    );
    anthropic(&body, "request.images", "2");
    anthropic(&body, "request.task", "multimodal");
    let escaped = r#""messages":[{"role":"user","content":[{"type":"ima\u0067e"}]}]"#;
    anthropic(escaped, "request.images", "1");
    anthropic(r#""messages":[{"role":"user","content":"\"image\" in a text"}]"#, "request.images", "0");
    let url = r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]"#;
    chat(url, "request.images", "1");
}

#[test]
fn thinking_effort_and_json() {
    anthropic(r#""messages":[],"thinking":{"type":"adaptive"}"#, "request.thinking", "true");
    anthropic(r#""messages":[],"thinking":{"type":"disabled"}"#, "request.thinking", "false");
    let budget = r#""messages":[],"thinking":{"type":"enabled","budget_tokens":2048}"#;
    anthropic(budget, "request.thinking_budget", "2048");
    anthropic(r#""messages":[],"output_config":{"effort":"high"}"#, "request.effort", "high");
    anthropic(r#""messages":[],"output_config":{"format":{"type":"json_schema"}}"#, "request.json", "true");
    chat(r#""messages":[],"reasoning_effort":"low""#, "request.thinking", "true");
    chat(r#""messages":[],"reasoning_effort":"none""#, "request.thinking", "false");
    chat(r#""messages":[],"response_format":{"type":"json_object"}"#, "request.json", "true");
    chat(r#""messages":[],"response_format":{"type":"text"}"#, "request.json", "false");
    chat(r#""messages":[],"max_tokens":1,"max_completion_tokens":70"#, "request.max_tokens", "70");
}

#[test]
fn a_subagent_names_its_model_in_system_or_an_early_message() {
    let tag = "<CCR-SUBAGENT-MODEL>mini</CCR-SUBAGENT-MODEL>";
    anthropic(&format!(r#""system":"{tag} go","messages":[]"#), "request.subagent", "mini");
    let escaped = tag.replace('<', "\\u003c").replace('>', "\\u003e");
    anthropic(&format!(r#""messages":[{{"role":"user","content":"{escaped}"}}]"#), "request.subagent", "mini");
    let late = format!(
        r#""messages":[{{"role":"user","content":"a"}},{{"role":"user","content":"b"}},{{"role":"user","content":"{tag}"}}]"#
    );
    anthropic(&late, "request.subagent", "");
    anthropic(r#""system":"<CCR-SUBAGENT-MODEL>mini","messages":[]"#, "request.subagent", "");
}

#[test]
fn ids_are_found_where_clients_put_them() {
    let json =
        r#""messages":[],"metadata":{"user_id":"{\"device_id\":\"d\",\"account_uuid\":\"\",\"session_id\":\"s1\"}"}"#;
    anthropic(json, "session.id", "s1");
    anthropic(json, "user.id", "d");
    let old = r#""messages":[],"metadata":{"user_id":"user_ab_account_cd_session_s2"}"#;
    anthropic(old, "session.id", "s2");
    anthropic(old, "user.id", "user_ab_account_cd");
    chat(r#""messages":[],"user":"u","prompt_cache_key":"k""#, "user.id", "u");
    chat(r#""messages":[],"user":"u","prompt_cache_key":"k""#, "session.id", "k");
    let headers = [("x-session-id", "s3"), ("x-claude-code-session-id", "s4")];
    let body = r#"{"messages":[]}"#;
    assert_eq!(shown(Protocol::Chat, body, &headers[..1], "session.id"), "s3");
    assert_eq!(shown(Protocol::Chat, body, &headers, "session.id"), "s4");
    let simple = r#"{"message":"hi","user_id":"u","session_id":"s"}"#;
    assert_eq!(shown(Protocol::Simple, simple, &[], "user.id"), "u");
    assert_eq!(shown(Protocol::Simple, simple, &[], "session.id"), "s");
    assert_eq!(shown(Protocol::Simple, simple, &[], "request.text"), "hi");
}

#[test]
fn clients_are_known_by_their_user_agent() {
    for (agent, expected) in [
        ("claude-cli/2.1.0 (external, cli)", "claude-code"),
        ("claude-cli/2.1.0 (external, sdk-ts)", "claude-code"),
        ("codex_cli_rs/0.160 (Linux 6.1; x86_64) xterm", "codex"),
        ("codex_exec/0.160", "codex"),
        ("OpenAI/Python 2.1", "sdk"),
        ("AsyncOpenAI/Python 2.1", "sdk"),
        ("OpenAI/JS 6.0.0", "sdk"),
        ("Anthropic/Python 0.70", "sdk"),
        ("AsyncAnthropic/Python 0.70", "sdk"),
        ("Anthropic/JS 0.60.0", "sdk"),
        ("google-genai-sdk/1.40 gl-python/3.12", "sdk"),
        ("google-genai-sdk/1.20 gl-node/v22", "sdk"),
        ("curl/8", "other"),
    ] {
        let found = shown(Protocol::Chat, r#"{"messages":[]}"#, &[("user-agent", agent)], "request.client");
        assert_eq!(found, expected, "{agent}");
    }
    // In a browser a program cannot name itself as it likes.
    for header in [("x-stainless-lang", "js"), ("x-goog-api-client", "google-genai-sdk/1.20 gl-node/web")] {
        let agent = ("user-agent", "Mozilla/5.0");
        assert_eq!(shown(Protocol::Chat, r#"{"messages":[]}"#, &[agent, header], "request.client"), "sdk");
    }
}

#[test]
fn a_subagent_is_named_in_any_system_block_of_any_protocol() {
    let tag = "<CCR-SUBAGENT-MODEL>p,mini[1m]</CCR-SUBAGENT-MODEL>";
    let blocks = format!(
        r#""system":[{{"type":"text","text":"x-anthropic-billing-header: a"}},{{"type":"text","text":"be good"}},{{"type":"text","text":"go {tag}"}}],"messages":[]"#
    );
    anthropic(&blocks, "request.subagent", "p,mini[1m]");
    let inside = format!(r#""messages":[{{"role":"user","content":"a"}},{{"role":"system","content":"{tag}"}}]"#);
    anthropic(&inside, "request.subagent", "p,mini[1m]");
    chat(&inside, "request.subagent", "p,mini[1m]");
    let developer = format!(r#""messages":[{{"role":"developer","content":[{{"type":"text","text":"{tag}"}}]}}]"#);
    chat(&developer, "request.subagent", "p,mini[1m]");
    let said = format!(r#""messages":[{{"role":"assistant","content":"{tag}"}}]"#);
    chat(&said, "request.subagent", "");
}

#[test]
fn what_is_to_be_embedded_is_text() {
    let facts = |input: &str| {
        let body = format!(r#"{{"model":"m","input":{input}}}"#);
        let request = Request::parse_embeddings(Bytes::from(body)).unwrap();
        let (headers, session) = (HeaderMap::new(), SessionFacts::default());
        let facts = RequestFacts::new(&request, &headers, around(&session));
        let tokens = facts.get(Var::RequestTokens).as_int();
        assert!(tokens <= facts.tokens_bound(), "{input}");
        let text = facts.get(Var::RequestText).as_str().to_owned();
        (facts.get(Var::RequestProtocol).as_str().to_owned(), text, tokens)
    };
    assert_eq!(facts(r#""hello world""#), ("embeddings".to_owned(), "hello world".to_owned(), 2));
    assert_eq!(facts(r#"["hello world","hello world"]"#).1, "hello world\nhello world");
    assert_eq!(facts("[12,13,14]").2, 3);
    assert_eq!(facts("[[12,13],[14]]").2, 3);
}

#[test]
fn tokens_are_text_and_frames_and_estimates() {
    // "hello world" has two o200k tokens, each message four.
    chat(r#""messages":[{"role":"user","content":"hello world"}]"#, "request.tokens", "6");
    let image = r#""messages":[{"role":"user","content":[{"type":"image"},{"type":"text","text":"hello world"}]}]"#;
    anthropic(image, "request.tokens", "1606");
}

#[test]
fn metadata_and_headers_are_read_by_name() {
    let request = request(Protocol::Chat, r#"{"messages":[],"metadata":{"team":"a","level":3,"deep":{}}}"#);
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("x-team"), "b".parse().unwrap())]);
    let session = SessionFacts::default();
    let facts = RequestFacts::new(&request, &headers, around(&session));
    assert_eq!((facts.meta("team"), facts.meta("level"), facts.meta("deep"), facts.meta("no")), ("a", "3", "", ""));
    assert_eq!((facts.header("x-team"), facts.header("x-no")), ("b", ""));
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let tools = format!(r#"{{"messages":[],"tools":[{}]}}"#, vec!["{}"; 513].join(","));
    for (body, expected) in [
        ("[]", "the request body is not a JSON object"),
        ("{\"messages\":[]", "the request body is not valid JSON: `,` or a closing bracket was expected at byte 14"),
        ("{\"messages\":[]} x", "the request body is not valid JSON: something stands behind the object"),
        ("{\"messages\":[],\"model\":\"a\",\"mod\\u0065l\":\"b\"}", "the request body names `model` twice"),
        ("{}", "`messages`: field required"),
        ("{\"messages\":\"x\"}", "`messages`: a list is required"),
        ("{\"messages\":[],\"stream\":\"yes\"}", "`stream`: true or false is required"),
        ("{\"messages\":[],\"model\":7}", "`model`: a text is required"),
        ("{\"messages\":[],\"max_tokens\":-1}", "`max_tokens`: a whole number that is not negative is required"),
        (&tools, "`tools` has 513 elements; at most 512 are allowed"),
    ] {
        let error = Request::parse(Protocol::Chat, Bytes::copy_from_slice(body.as_bytes())).unwrap_err();
        assert_eq!(error.message, expected);
    }
}

fn facts_of(protocol: Protocol, body: Vec<u8>) {
    let Ok(request) = Request::parse(protocol, Bytes::from(body)) else { return };
    let (headers, session) = (HeaderMap::new(), SessionFacts::default());
    let facts = RequestFacts::new(&request, &headers, around(&session));
    for row in crate::facts::schema::VARIABLES {
        let _ = facts.get(row.var);
    }
    assert!(facts.get(Var::RequestTokens).as_int() <= facts.tokens_bound());
    let _ = facts.needs();
}

proptest! {
    #[test]
    fn no_body_panics(text in r#"[\[\]{}:,"\\ 0-9a-f]{0,60}"#, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for protocol in [Protocol::Anthropic, Protocol::Chat] {
            let mut body = format!(r#"{{"messages":[{{"role":"user","content":{text}}}]}}"#).into_bytes();
            facts_of(protocol, body.clone());
            body.truncate(40 + text.len() / 2);
            body.extend_from_slice(&bytes);
            facts_of(protocol, body);
            let mut inside = br#"{"messages":[{"role":"user","content":[{"type":"text","text":""#.to_vec();
            inside.extend_from_slice(&bytes);
            inside.extend_from_slice(br#""}]}]}"#);
            facts_of(protocol, inside);
        }
    }
}

#[test]
fn a_message_counts_the_same_in_every_protocol() {
    let messages = r#"{"messages":[{"role":"user","content":"hello"}]}"#;
    for (protocol, body) in
        [(Protocol::Anthropic, messages), (Protocol::Chat, messages), (Protocol::Simple, r#"{"message":"hello"}"#)]
    {
        assert_eq!(tokens::of_request(&request(protocol, body)), 5, "{protocol:?}");
    }
}
