//! Gemini's clients, in front of upstreams that speak otherwise.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::kit::{CHAT_ANSWER, CHAT_END, EVENTS, Gateway, Upstream, answer, chunk, policy, request};

const GENERATE: &str = "/v1beta/models/gemini-x:generateContent";
const STREAM: &str = "/v1beta/models/gemini-x:streamGenerateContent";
const HELLO: &str = r#"{"contents":[{"parts":[{"text":"hello"}]}]}"#;

const MOCKS: &str = r#"
provider a { kind: mock wire: anthropic }
provider o { kind: mock wire: openai }
model claude on a { context: 200k output: 8k }
model gpt on o {}
route main {
  rule other when request.model in ["gpt", "a/b"] -> gpt
  default -> claude
}
"#;

fn stream_of(text: &str) -> Upstream {
    Upstream::saying(format!("{EVENTS}{}{}{CHAT_END}", chunk(text), chunk("!")))
}

fn events(body: &str) -> Vec<Value> {
    let data = body.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn text_of(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"][0]["text"].as_str()).collect()
}

#[test]
fn an_answer_comes_from_either_wire() {
    let gateway = Gateway::start(MOCKS);
    for (path, model) in [
        (GENERATE, "claude"),
        ("/v1/models/gpt:generateContent", "gpt"),
        ("/v1alpha/models/models%2Fgpt:generateContent", "gpt"),
        ("/v1beta/models/a%2Fb:generateContent", "gpt"),
        ("/v1beta/models/a/b:generateContent", "gpt"),
    ] {
        let reply = gateway.post(path, HELLO).expect(200);
        assert_eq!(reply.header("x-ccr-model"), model, "{path}");
        let body = reply.json();
        assert_eq!(body["candidates"][0]["finishReason"], "STOP", "{body}");
        assert!(body["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().contains(model), "{body}");
        assert!(body["usageMetadata"]["totalTokenCount"].as_u64().unwrap() > 0);
    }
    let page = gateway.get("/metrics").text();
    assert!(page.contains("gemini"), "these requests are counted");
}

#[test]
fn a_stream_comes_as_events_or_as_an_array() {
    let upstream = stream_of("hé");
    let gateway = Gateway::start(&policy(&[&upstream]));
    let reply = gateway.post(&format!("{STREAM}?alt=sse"), HELLO).expect(200);
    assert!(reply.header("content-type").starts_with("text/event-stream"));
    let chunks = events(&reply.text());
    assert_eq!(text_of(&chunks), "hé!");
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");

    let reply = gateway.post(STREAM, HELLO).expect(200);
    assert_eq!(reply.header("content-type"), "application/json");
    let Value::Array(chunks) = reply.json() else { panic!("{}", reply.text()) };
    assert_eq!(text_of(&chunks), "hé!");
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn a_stream_that_breaks_off_ends_in_an_error() {
    let upstream = Upstream::saying(format!("{EVENTS}{}", chunk("half")));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let check = |chunks: &[Value]| {
        assert_eq!(text_of(chunks), "half");
        let last = chunks.last().unwrap();
        assert_eq!((&last["error"]["code"], &last["error"]["status"]), (&json!(502), &json!("UNAVAILABLE")), "{last}");
        assert!(chunks.iter().all(|chunk| chunk["candidates"][0].get("finishReason").is_none()));
    };
    check(&events(&gateway.post(&format!("{STREAM}?alt=sse"), HELLO).expect(200).text()));
    let array = gateway.post(STREAM, HELLO).expect(200).json();
    check(array.as_array().unwrap());
}

#[test]
fn signs_of_life_break_neither_form() {
    let upstream = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("slow")).as_bytes());
        std::thread::sleep(std::time::Duration::from_millis(450));
        let _ = stream.write_all(CHAT_END.as_bytes());
    });
    let gateway = Gateway::start(&policy(&[&upstream]));
    let reply = gateway.post(&format!("{STREAM}?alt=sse"), HELLO).expect(200).text();
    assert!(reply.lines().all(|line| line.is_empty() || line.starts_with("data: ")), "no comments: {reply:?}");
    assert_eq!(text_of(&events(&reply)), "slow");
    let array = gateway.post(STREAM, HELLO).expect(200).json();
    assert_eq!(text_of(array.as_array().unwrap()), "slow");
}

#[test]
fn errors_are_googles() {
    let upstream = Upstream::saying(answer("429 Too Many Requests", "retry-after: 7\r\n", "{}"));
    let gateway = Gateway::start(&policy(&[&upstream]));
    let error = |reply: crate::kit::Reply| {
        let error = reply.json()["error"].clone();
        assert_eq!(error["code"], reply.status, "{error}");
        (error["status"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    };
    let reply = gateway.post(GENERATE, HELLO);
    assert_eq!((reply.status, reply.header("retry-after")), (429, "7"));
    assert_eq!(error(reply).0, "RESOURCE_EXHAUSTED");
    for (path, body, status, word, part) in [
        (GENERATE, "{}", 400, "INVALID_ARGUMENT", "`contents`"),
        ("/v1beta/models/m:embedContent", HELLO, 404, "NOT_FOUND", "/v1/embeddings"),
        ("/v1beta/models/m:predict", HELLO, 404, "NOT_FOUND", "generateContent"),
        ("/v1beta/cachedContents", HELLO, 404, "NOT_FOUND", "cachedContents"),
    ] {
        let reply = gateway.post(path, body);
        assert_eq!(reply.status, status, "{path}");
        let (found, message) = error(reply);
        assert!(found == word && message.contains(part), "{path}: {found} {message}");
    }
}

#[test]
fn keys_come_in_the_header_or_in_the_query() {
    // A variable that every test process has.
    let gateway = Gateway::start(&format!("{MOCKS}\ntenant t {{ keys: [env(\"CARGO_MANIFEST_DIR\")] }}\n"));
    let key = env!("CARGO_MANIFEST_DIR");
    gateway.post(GENERATE, HELLO).expect(401);
    gateway.post(&format!("{GENERATE}?key=wrong"), HELLO).expect(401);
    gateway.post_with(GENERATE, &[("x-goog-api-key", key)], HELLO).expect(200);
    gateway.post(&format!("{GENERATE}?key={}", key.replace('/', "%2F")), HELLO).expect(200);
    let body = gateway.post(GENERATE, HELLO).json();
    assert_eq!(body["error"]["status"], "UNAUTHENTICATED", "{body}");
}

#[test]
fn the_key_of_a_query_goes_nowhere() {
    let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", CHAT_ANSWER));
    let gateway = Gateway::start(&policy(&[&upstream]));
    gateway.post_with(&format!("{GENERATE}?key=hush"), &[("x-goog-api-key", "hush")], HELLO).expect(200);
    assert!(!upstream.last().contains("hush"), "{}", upstream.last());
}

#[test]
fn tokens_are_counted_in_both_forms() {
    let gateway = Gateway::start(MOCKS);
    let count = |body: &str| gateway.post("/v1beta/models/gpt:countTokens", body).expect(200).json();
    let direct = count(HELLO);
    assert!(direct["totalTokens"].as_u64().unwrap() >= 5, "{direct}");
    let nested = count(&format!(r#"{{"generateContentRequest":{{"model":"models/gpt",{}}}"#, &HELLO[1..]));
    assert_eq!(direct, nested);
    gateway.post("/v1beta/models/gpt:countTokens", "{}").expect(400);
}

#[test]
fn models_are_listed_in_googles_words() {
    let gateway = Gateway::start(MOCKS);
    let list = gateway.get("/v1beta/models?pageSize=50").expect(200).json();
    let names: Vec<_> = list["models"].as_array().unwrap().iter().map(|model| model["name"].clone()).collect();
    assert_eq!(names, ["models/claude", "models/gpt"]);
    let one = gateway.get("/v1beta/models/claude").expect(200).json();
    assert_eq!(one, list["models"][0]);
    assert_eq!((&one["inputTokenLimit"], &one["outputTokenLimit"]), (&json!(192_000), &json!(8_000)));
    let reply = gateway.get("/v1beta/models/nobody").expect(404);
    assert_eq!(reply.json()["error"]["status"], "NOT_FOUND");
    let asked = request("GET", "/v1/models", &[("x-goog-api-key", "any")], "");
    assert_eq!(gateway.send(&asked).expect(200).json(), list);
    assert_eq!(gateway.get("/v1/models/gpt").expect(200).json()["object"], "model");
}

#[test]
fn a_dry_run_knows_geminis_bodies() {
    let gateway = Gateway::start(MOCKS);
    let body = r#"{"model":"models/gpt","contents":[]}"#;
    for headers in [&[][..], &[("x-ccr-protocol", "gemini")]] {
        let trace = gateway.post_with("/v1/route", headers, body).expect(200).text();
        assert!(trace.contains("other"), "{trace}");
    }
}

// An upstream that speaks Gemini.

const ANSWER: &str = r#"{"candidates":[{"content":{"parts":[{"text":"fine"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4},"modelVersion":"real"}"#;

fn gemini(upstream: &Upstream) -> String {
    let address = upstream.address;
    format!(
        "provider g {{ kind: gemini base: \"http://{address}/v1beta\" key: env(\"CARGO_PKG_NAME\") }}\n\
         model pro on g {{ upstream: \"gemini-2.5-pro\" can: [tools, vision] }}\nroute main {{ default -> pro }}\n"
    )
}

#[test]
fn a_gemini_upstream_answers_every_client() {
    let upstream = Upstream::saying(answer("200 OK", "content-type: application/json\r\n", ANSWER));
    let gateway = Gateway::start(&gemini(&upstream));
    let reply = gateway.post_with(GENERATE, &[("x-goog-api-key", "mine")], HELLO).expect(200);
    assert_eq!(reply.text(), ANSWER);
    let sent = upstream.last();
    assert!(sent.starts_with("POST /v1beta/models/gemini-2.5-pro:generateContent HTTP/1.1\r\n"), "{sent}");
    assert!(sent.ends_with(HELLO) && !sent.contains("mine"), "{sent}");
    assert!(sent.contains(concat!("x-goog-api-key: ", env!("CARGO_PKG_NAME"))), "{sent}");
    let claude = gateway.post(crate::kit::MESSAGES, crate::kit::CLAUDE).expect(200).json();
    assert_eq!((&claude["content"][0]["text"], &claude["usage"]["input_tokens"]), (&json!("fine"), &json!(3)));
    let chat = gateway.post(crate::kit::CHAT, crate::kit::HELLO).expect(200).json();
    assert_eq!(chat["choices"][0]["message"]["content"], "fine");
}

#[test]
fn a_gemini_upstream_streams_to_every_client() {
    let stream = format!("data: {ANSWER}\r\n\r\n");
    let upstream = Upstream::saying(format!("{EVENTS}{stream}"));
    let gateway = Gateway::start(&gemini(&upstream));
    assert_eq!(gateway.post(&format!("{STREAM}?alt=sse"), HELLO).expect(200).text(), stream);
    let path = "POST /v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse HTTP/1.1\r\n";
    assert!(upstream.last().starts_with(path), "{}", upstream.last());
    assert_eq!(gateway.post(STREAM, HELLO).expect(200).text(), format!("[{ANSWER}]\n"));
    let claude = gateway.post(crate::kit::MESSAGES, crate::kit::CLAUDE_STREAM).expect(200).text();
    assert!(claude.contains("fine") && claude.contains("message_stop"), "{claude}");
    let chat = gateway.post(crate::kit::CHAT, crate::kit::HELLO_STREAM).expect(200).text();
    assert!(chat.ends_with("data: [DONE]\n\n"), "{chat}");
}

#[test]
fn a_400_about_our_key_leads_to_the_next_attempt() {
    let refusal = |message: &str| {
        let body = json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}).to_string();
        Upstream::saying(answer("400 Bad Request", "content-type: application/json\r\n", &body))
    };
    for (message, status) in [("API key not valid. Please pass a valid API key.", 200), ("contents is empty", 400)] {
        let (bad, good) = (refusal(message), Upstream::saying(answer("200 OK", "", CHAT_ANSWER)));
        let gateway = Gateway::start(&format!(
            "provider g {{ kind: gemini base: \"http://{}\" }}\nprovider o {{ kind: openai base: \"http://{}\" }}\n\
             model m on g {{}}\nmodel n on o {{}}\nroute main {{ default -> m then n }}",
            bad.address, good.address
        ));
        let reply = gateway.post(GENERATE, HELLO).expect(status);
        assert_eq!((bad.calls(), good.calls()), (1, usize::from(status == 200)), "{}", reply.text());
    }
}

const CALL: &str = r#"{"candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[{"functionCall":{"name":"look","args":{"at":"sky"}},"thoughtSignature":"c2lnbmVk"}]}}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}}"#;

/// A Gemini upstream that calls a function and signs the call, whole or as a stream.
fn signing(streams: bool) -> Upstream {
    Upstream::saying(if streams {
        format!("{EVENTS}data: {CALL}\n\n").into_bytes()
    } else {
        answer("200 OK", "content-type: application/json\r\n", CALL)
    })
}

/// The blocks that an Anthropic client puts together out of a stream.
fn blocks(chunks: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    for chunk in chunks {
        match (chunk["type"].as_str().unwrap(), &chunk["delta"]) {
            ("content_block_start", _) => blocks.push(chunk["content_block"].clone()),
            ("content_block_delta", delta) => {
                let block = blocks.last_mut().unwrap();
                match delta["type"].as_str().unwrap() {
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    "input_json_delta" => {
                        block["input"] = serde_json::from_str(delta["partial_json"].as_str().unwrap()).unwrap();
                    }
                    other => panic!("{other}"),
                }
            }
            _ => {}
        }
    }
    blocks.into()
}

/// The next turn of a client that got these blocks or items.
fn next_turn(path: &str, got: &Value) -> Value {
    let last = got.as_array().unwrap().last().unwrap();
    if path == "/v1/messages" {
        let result = json!([{"type": "tool_result", "tool_use_id": last["id"], "content": "blue"}]);
        return json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": got}, {"role": "user", "content": result}]});
    }
    let mut input = vec![json!({"role": "user", "content": "x"})];
    input.extend(got.as_array().unwrap().iter().cloned());
    input.push(json!({"type": "function_call_output", "call_id": last["call_id"], "output": "blue"}));
    json!({"model": "m", "input": input, "store": false})
}

#[test]
fn a_calls_signature_comes_back_with_the_next_turn() {
    for (path, streams) in
        [("/v1/messages", false), ("/v1/messages", true), ("/v1/responses", false), ("/v1/responses", true)]
    {
        let upstream = signing(streams);
        let gateway = Gateway::start(&gemini(&upstream));
        let body = if path == "/v1/messages" {
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "stream": streams})
        } else {
            json!({"model": "m", "input": "x", "stream": streams})
        };
        let reply = gateway.post(path, &body.to_string()).expect(200);
        let got = match (path, streams) {
            ("/v1/messages", false) => reply.json()["content"].clone(),
            ("/v1/messages", true) => blocks(&named_events(&reply.text())),
            (_, false) => reply.json()["output"].clone(),
            (_, true) => named_events(&reply.text()).last().unwrap()["response"]["output"].clone(),
        };
        gateway.post(path, &next_turn(path, &got).to_string()).expect(200);
        let seen = upstream.last();
        let sent: Value = serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
        let part = &sent["contents"][1]["parts"][0];
        assert_eq!(part["functionCall"]["name"], "look", "{path} {streams}: {sent}");
        assert_eq!(part["thoughtSignature"], "c2lnbmVk", "{path} {streams}: {got} became {sent}");
        assert_eq!(sent["contents"][2]["parts"][0]["functionResponse"]["name"], "look", "{sent}");
    }
}

/// The data of a stream's events that have names.
fn named_events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| data.starts_with('{')).map(|data| serde_json::from_str(data).unwrap()).collect()
}
