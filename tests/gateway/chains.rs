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
