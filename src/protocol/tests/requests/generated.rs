//! Random conversations to a wire of another protocol.

use proptest::prelude::*;

use super::*;

fn block() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,6}".prop_map(|text| json!({"type":"text","text":text})),
        "[ab]".prop_map(|id| json!({"type":"tool_use","id":id,"name":"f.g","input":{"x":id}})),
        "[ab]".prop_map(|id| json!({"type":"tool_result","tool_use_id":id,"content":[{"type":"text","text":id}]})),
        Just(json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}})),
        Just(json!({"type":"thinking","thinking":"t"})),
        Just(json!({"type":"search_result","title":"t","content":[{"type":"text","text":"x"}]})),
    ]
}

fn conversation() -> impl Strategy<Value = Value> {
    let role = prop_oneof![Just("user"), Just("assistant"), Just("system")];
    prop::collection::vec((role, prop::collection::vec(block(), 0..4)), 0..6).prop_map(|turns| {
        let turns: Vec<Value> =
            turns.into_iter().map(|(role, content)| json!({"role":role,"content":content})).collect();
        json!({"model":"m","max_tokens":9,"messages":turns})
    })
}

proptest! {
    /// What every Chat upstream demands of a conversation holds, whatever the client sent; and what
    /// went out can come in again.
    #[test]
    fn a_translated_conversation_is_well_formed(body in conversation()) {
        let out = encoded(Protocol::Anthropic, &body.to_string(), &able(Wire::Chat, "up", ALL)).unwrap();
        let mut open: Vec<String> = Vec::new();
        for message in out.body["messages"].as_array().unwrap() {
            if message["role"] == "tool" {
                prop_assert_eq!(Some(message["tool_call_id"].as_str().unwrap()), open.first().map(String::as_str));
                open.remove(0);
            } else {
                prop_assert!(open.is_empty());
            }
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                open.push(call["id"].as_str().unwrap().to_owned());
                prop_assert!(serde_json::from_str::<Value>(call["function"]["arguments"].as_str().unwrap()).is_ok());
            }
        }
        prop_assert!(open.is_empty());
        let again = encoded(Protocol::Chat, &out.body.to_string(), &able(Wire::Anthropic, "up", ALL)).unwrap();
        for message in again.body["messages"].as_array().unwrap() {
            prop_assert!(message["content"].as_str().is_some() || !message["content"].as_array().unwrap().is_empty());
        }
    }

    #[test]
    fn no_body_panics(text in r#"[\[\]{}:,"a\\ 0-9]{0,40}"#) {
        for (protocol, wire) in [(Protocol::Anthropic, Wire::Chat), (Protocol::Chat, Wire::Anthropic)] {
            for body in [
                format!(r#"{{"messages":[{{"role":"user","content":[{text}]}}]}}"#),
                format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":{text}}}]}}],"tools":[{text}]}}"#),
                format!(r#"{{"messages":[{{"role":"assistant","tool_calls":[{text}]}}],"system":{text}}}"#),
            ] {
                if let Ok(request) = Request::parse(protocol, Bytes::from(body)) {
                    let _ = encode(&request, &able(wire, "up", ALL));
                }
            }
        }
    }
}
