//! Chains of several transforms, from a client to the upstream and back.

use serde_json::{Value, json};

use crate::kit::{CHAT_END, EVENTS, Gateway, MESSAGES, Upstream, answer, chunk};

fn policy(upstream: &Upstream, model: &str) -> String {
    format!(
        "provider p {{ kind: openai base: \"http://{}\" }}\nmodel m on p {{ {model} }}\nroute main {{ default -> m }}\n",
        upstream.address
    )
}

fn chat_answer(text: &str) -> Vec<u8> {
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}});
    answer("200 OK", "content-type: application/json\r\n", &body.to_string())
}

fn ask(stream: bool) -> String {
    json!({"model": "any", "max_tokens": 64, "stream": stream, "messages": [{"role": "user", "content": "look"}],
        "tools": [{"name": "read", "input_schema": {"type": "object"}}]})
    .to_string()
}

fn seen(upstream: &Upstream) -> Value {
    serde_json::from_str(upstream.last().split_once("\r\n\r\n").unwrap().1).unwrap()
}

const FORCED: &str = "can: [] transform: [tool_use, emulate_tools]";
const ENDS: &str =
    "<tool_call>{\"name\": \"give_final_answer\", \"arguments\": {\"answer\": \"all done\"}}</tool_call>";

#[test]
fn a_model_without_tools_is_made_to_call_one_and_can_end_its_turn() {
    let upstream = Upstream::saying(chat_answer(ENDS));
    let body = Gateway::start(&policy(&upstream, FORCED)).post(MESSAGES, &ask(false)).expect(200).json();
    assert_eq!(body["content"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!((&body["content"][0]["text"], &body["stop_reason"]), (&json!("all done"), &json!("end_turn")), "{body}");
    let sent = seen(&upstream);
    assert!(sent.get("tools").is_none() && sent.get("tool_choice").is_none(), "{sent}");
    let told = sent["messages"][0]["content"].as_str().unwrap();
    assert!(told.contains("give_final_answer") && told.contains("read"), "{told}");
}

#[test]
fn its_calls_of_the_clients_tools_stay_calls() {
    let upstream =
        Upstream::saying(chat_answer("<tool_call>{\"name\": \"read\", \"arguments\": {\"a\": 1}}</tool_call>"));
    let body = Gateway::start(&policy(&upstream, FORCED)).post(MESSAGES, &ask(false)).expect(200).json();
    assert_eq!((&body["content"][0]["name"], &body["stop_reason"]), (&json!("read"), &json!("tool_use")), "{body}");
}

#[test]
fn the_same_in_a_stream() {
    let pieces: String =
        ["<tool_", "call>{'name': 'give_final_answer', 'argum", "ents': {'answer': 'all ", "done'}}</tool_call>"]
            .map(chunk)
            .concat();
    let upstream = Upstream::saying(format!("{EVENTS}{pieces}{CHAT_END}"));
    let said = Gateway::start(&policy(&upstream, FORCED)).post(MESSAGES, &ask(true)).expect(200).text();
    assert!(said.contains("text_delta") && said.contains("\"stop_reason\":\"end_turn\""), "{said}");
    assert!(!said.contains("give_final_answer") && !said.contains("tool_use"), "{said}");
}

#[test]
fn a_dry_run_tells_what_was_done_to_the_conversation() {
    let gateway = Gateway::start(
        "provider p { kind: mock wire: openai }\nmodel m on p { transform: [clean_cache, system_as_user] }\nroute main { default -> m }\n",
    );
    let body = r#"{"model":"m","max_tokens":9,"system":"short","messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#;
    for path in ["/v1/route?protocol=anthropic", "/v1/route?protocol=chat"] {
        let text = gateway.post(path, body).expect(200).text();
        assert!(text.contains("clean_cache: 1 mark removed"), "{path}: {text}");
    }
    let text = gateway.post("/v1/route?protocol=anthropic", body).expect(200).text();
    assert!(text.contains("system_as_user: what the system says"), "{text}");
}

#[test]
fn a_dry_run_takes_embeddings() {
    let gateway = Gateway::start(
        "provider p { kind: mock }\nmodel m on p {}\nmodel v on p { can: [] }\nroute main { rule embed when request.protocol == \"embeddings\" -> v default -> m }\n",
    );
    let decision = |path: &str, body: &str| gateway.post(path, body).expect(200).json()["decision"].clone();
    assert_eq!(decision("/v1/route", r#"{"model":"text-embedding-3-small","input":"a"}"#), "main/embed");
    assert_eq!(decision("/v1/route?protocol=embeddings", r#"{"model":"x","input":"a"}"#), "main/embed");
    assert_eq!(
        decision("/v1/route?protocol=responses", r#"{"model":"text-embedding-3-small","input":"a"}"#),
        "main/default"
    );
    gateway.post("/v1/route?protocol=embeddings", r#"{"model":"x"}"#).expect(400);
    let wrong = gateway.post("/v1/route?protocol=xyz", "{}").expect(400).text();
    assert!(wrong.contains("`simple` or `embeddings`"), "{wrong}");
}

#[test]
fn keywords_that_are_taken_out_are_named_once() {
    let upstream = Upstream::saying(chat_answer("fine"));
    let gateway = Gateway::start(&policy(&upstream, "transform: [schema_clean]"));
    let tool = |name: &str| json!({"name": name, "input_schema": {"$schema": "x", "type": "object", "properties": {"a": {"format": "uri", "default": 1}}}});
    let ask = |tools: Value| json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "tools": tools});
    let reply = gateway.post(MESSAGES, &ask(json!([tool("a"), tool("b")])).to_string()).expect(200);
    let warned = reply.header("x-ccr-warning");
    assert!(warned.contains("schemas cleaned: `$schema`, `default`, `format` taken out of 2 schemas"), "{warned}");
    // Nobody misses what says nothing about the shape.
    let plain = json!([{"name": "a", "input_schema": {"$schema": "x", "type": "object"}}]);
    let reply = gateway.post(MESSAGES, &ask(plain).to_string()).expect(200);
    assert!(!reply.header("x-ccr-warning").contains("schema"), "{:?}", reply.headers);
}

#[test]
fn a_refusal_of_what_the_policy_changed_names_the_transform() {
    let error = r#"{"error":{"message":"temperature is too high","type":"invalid_request_error","param":"temperature","code":null}}"#;
    let upstream = Upstream::saying(answer("400 Bad", "content-type: application/json\r\n", error));
    let block = "transform warm { set: { temperature: 1.9 } }\n";
    let gateway = Gateway::start(&format!("{block}{}", policy(&upstream, "transform: [warm]")));
    let blame = "in the chain of model `m`: warm: `temperature`";
    let reply = gateway.post(MESSAGES, &ask(false)).expect(400);
    assert!(reply.header("x-ccr-warning").contains(blame), "{:?}", reply.headers);
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("temperature is too high (") && message.contains(blame), "{message}");
    assert!(!message.contains("1.9"), "the value is the policy's business: {message}");
    // In the provider's own protocol its words stay as they are; the header tells.
    let reply = gateway
        .post("/v1/chat/completions", r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#)
        .expect(400);
    assert_eq!(reply.json()["error"]["message"], "temperature is too high");
    assert!(reply.header("x-ccr-warning").contains(blame), "{:?}", reply.headers);
    // A refusal of something else blames nobody.
    let other = Upstream::saying(answer("400 Bad", "", r#"{"error":{"message":"too odd"}}"#));
    let gateway = Gateway::start(&format!("{block}{}", policy(&other, "transform: [warm]")));
    assert_eq!(gateway.post(MESSAGES, &ask(false)).expect(400).header("x-ccr-warning"), "");
}

#[test]
fn a_stored_answer_that_is_gone_is_said_to_be() {
    let error = r#"{"error":{"message":"Previous response not found","type":"invalid_request_error"}}"#;
    let upstream = Upstream::saying(answer("404 Not Found", "content-type: application/json\r\n", error));
    let gateway = Gateway::start(&policy(&upstream, "").replace("kind: openai", "kind: responses"));
    let text = |body: &str| gateway.post("/v1/responses", body).expect(502).text();
    let referring = text(r#"{"model":"m","store":false,"input":"hi","previous_response_id":"resp_1"}"#);
    assert!(referring.contains("does not know what the request refers to"), "{referring}");
    let plain = text(r#"{"model":"m","store":false,"input":"hi"}"#);
    assert!(plain.contains("does not know the model"), "{plain}");
}

#[test]
fn failed_attempts_are_listed_for_geminis_clients_too() {
    let upstream = Upstream::saying(answer("500 no", "", ""));
    let gateway = Gateway::start(&policy(&upstream, ""));
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    let error = gateway.post("/v1beta/models/m:generateContent", body).expect(502).json();
    let details = error["error"]["details"].as_array().unwrap().clone();
    let attempts = details.iter().find_map(|detail| detail.pointer("/value/attempts")).unwrap();
    assert_eq!(attempts[0]["model"], "m", "{error}");
    let nowhere = gateway.get("/v2/models").expect(404).text();
    assert!(nowhere.contains(":streamGenerateContent") && nowhere.contains(":countTokens"), "{nowhere}");
}

#[test]
fn a_header_that_quotes_the_key_goes_no_further() {
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    let (good, bad) = (format!("x-request-id: req-{key}\r\nx-ratelimit-limit-requests: 9\r\n"), "x-ratelimit-note");
    for status in ["200 OK", "400 Bad"] {
        let body = if status == "200 OK" { chat_answer("fine") } else { answer(status, "", "{}") };
        let body = String::from_utf8(body).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned();
        let headers = format!("{good}{bad}: {key}\r\ncontent-type: application/json\r\n");
        let upstream = Upstream::saying(answer(status, &headers, &body));
        let keyed = policy(&upstream, "").replace("kind: openai", "kind: openai key: env(\"CARGO_PKG_NAME\")");
        let reply = Gateway::start(&keyed).post(MESSAGES, crate::kit::CLAUDE);
        let shown =
            format!("{:?}", reply.headers.iter().filter(|(name, _)| !name.starts_with("x-ccr")).collect::<Vec<_>>());
        assert!(!shown.contains(&key), "{shown}");
        assert_eq!(reply.header("x-ratelimit-limit-requests"), "9", "{status}: {shown}");
    }
}

#[test]
fn nobody_is_asked_for_more_than_its_context() {
    let upstream = Upstream::saying(chat_answer("fine"));
    let sent = |model: &str, path: &str, asked: u64| {
        let gateway = Gateway::start(&policy(&upstream, model));
        let body = json!({"model": "m", "max_tokens": asked, "messages": [{"role": "user", "content": "hi"}]});
        let reply = gateway.post(path, &body.to_string()).expect(200);
        let warned = reply.header("x-ccr-warning").contains("max_tokens lowered to");
        let sent = seen(&upstream)["max_tokens"].as_u64().unwrap();
        assert_eq!(warned, sent < asked, "{:?}", reply.headers);
        sent
    };
    for path in [MESSAGES, "/v1/chat/completions"] {
        assert_eq!(sent("context: 8k", path, 64_000), 8_000, "{path}");
        assert_eq!(sent("context: 8k output: 2k", path, 64_000), 2_000, "{path}");
        assert_eq!(sent("context: 8k", path, 5_000), 5_000, "{path}");
        assert_eq!(sent("context: 8k transform: [trim_history]", path, 5_000), 4_000, "{path}");
    }
}
