//! Each transform of the written body on each wire, for a client of the wire's own protocol and for one of
//! another: a line a case.

use serde_json::{Value, json};

use super::transforms::{chain, facts, to};
use super::*;

const WIRES: [Wire; 4] = [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini];

/// A client's request with a cap of 500, temperature 0.9, top_p 0.95 and a stop sequence where the protocol has
/// one, and what else it says.
fn asked(client: Protocol, rest: &str) -> Request {
    let body = match client {
        Protocol::Anthropic => {
            r#"{"model":"m","max_tokens":500,"temperature":0.9,"top_p":0.95,"messages":[{"role":"user","content":"hi"}]REST}"#
        }
        Protocol::Chat => {
            r#"{"model":"m","max_tokens":500,"temperature":0.9,"top_p":0.95,"messages":[{"role":"user","content":"hi"}]REST}"#
        }
        Protocol::Responses => {
            r#"{"model":"m","max_output_tokens":500,"temperature":0.9,"top_p":0.95,"store":false,"input":"hi"REST}"#
        }
        _ => {
            r#"{"generationConfig":{"maxOutputTokens":500,"temperature":0.9,"topP":0.95},"contents":[{"role":"user","parts":[{"text":"hi"}]}]REST}"#
        }
    };
    let body = Bytes::from(body.replace("REST", rest));
    if client == Protocol::Gemini {
        return Request::parse_at(client, "/v1beta/models/m:generateContent", body).unwrap();
    }
    Request::parse(client, body).unwrap()
}

fn written(client: Protocol, wire: Wire, list: &str, block: &str, rest: &str) -> (Value, Outgoing) {
    let transforms = chain(wire, list, block);
    let out = crate::protocol::encode(&asked(client, rest), &to(wire, &transforms), &facts()).unwrap();
    (serde_json::from_slice(&out.body.concat()).unwrap(), out)
}

/// The protocol of a wire, and another one.
fn clients(wire: Wire) -> [Protocol; 2] {
    match wire {
        Wire::Anthropic => [Protocol::Anthropic, Protocol::Chat],
        Wire::Chat => [Protocol::Chat, Protocol::Anthropic],
        Wire::Responses => [Protocol::Responses, Protocol::Chat],
        Wire::Gemini => [Protocol::Gemini, Protocol::Anthropic],
    }
}

/// What stands at a pointer after a chain, for both clients; and whether they are told of it.
#[track_caller]
fn check(wire: Wire, list: &str, pointer: &str, expected: Value, warned: &str) {
    check_block(wire, list, "", pointer, expected, warned);
}

#[track_caller]
fn check_block(wire: Wire, list: &str, block: &str, pointer: &str, expected: Value, warned: &str) {
    for client in clients(wire) {
        let (body, out) = written(client, wire, list, block, "");
        let found = body.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(*found, expected, "{client:?} to {wire:?}, {list}: {pointer} of {body}");
        assert_eq!(out.warnings.join("\n"), warned, "{client:?} to {wire:?}, {list}");
    }
}

#[test]
fn caps_stand_where_the_wire_has_them() {
    for (wire, at, named) in [
        (Wire::Anthropic, "/max_tokens", "max_tokens"),
        (Wire::Chat, "/max_tokens", "max_tokens"),
        (Wire::Responses, "/max_output_tokens", "max_output_tokens"),
        (Wire::Gemini, "/generationConfig/maxOutputTokens", "generationConfig.maxOutputTokens"),
    ] {
        check(wire, "max_tokens(100)", at, json!(100), &format!("{named} lowered to 100, by the policy"));
        check(wire, "max_tokens(900)", at, json!(500), "");
    }
}

#[test]
fn sampling_stands_where_the_wire_has_it() {
    for (wire, temperature, top_p) in [
        (Wire::Anthropic, "temperature", "top_p"),
        (Wire::Chat, "temperature", "top_p"),
        (Wire::Responses, "temperature", "top_p"),
        (Wire::Gemini, "generationConfig.temperature", "generationConfig.topP"),
    ] {
        let at = |member: &str| format!("/{}", member.replace('.', "/"));
        let set = format!("`{temperature}` was replaced, by the policy");
        check(wire, "sampling({ temperature: 0.2 })", &at(temperature), json!(0.2), &set);
        check(wire, "sampling({ temperature: max(0.95) })", &at(temperature), json!(0.9), "");
        let capped = format!("`{top_p}` was replaced, by the policy");
        check(wire, "sampling({ top_p: max(0.5) })", &at(top_p), json!(0.5), &capped);
        let gone = format!("`{top_p}` was left out, by the policy");
        check(wire, "sampling({ top_p: off })", &at(top_p), Value::Null, &gone);
    }
    check(Wire::Anthropic, "sampling({ top_k: 7 })", "/top_k", json!(7), "");
    check(Wire::Chat, "sampling({ top_k: 7 })", "/top_k", json!(7), "");
    check(Wire::Gemini, "sampling({ top_k: 7 })", "/generationConfig/topK", json!(7), "");
    check(Wire::Chat, "sampling({ frequency_penalty: 0.5 })", "/frequency_penalty", json!(0.5), "");
    check(Wire::Gemini, "sampling({ presence_penalty: 0.5 })", "/generationConfig/presencePenalty", json!(0.5), "");
}

#[test]
fn params_and_headers_go_on_every_wire() {
    for wire in WIRES {
        check(wire, "params({ extra: { a: [1, \"b\"] } })", "/extra", json!({ "a": [1, "b"] }), "");
        for client in clients(wire) {
            let (_, out) = written(client, wire, "headers({ \"x-title\": \"ccr\" })", "", "");
            assert_eq!(out.headers.get("x-title").unwrap(), "ccr", "{client:?} to {wire:?}");
        }
    }
    let merged = json!({ "maxOutputTokens": 500, "temperature": 0.9, "topP": 0.95, "candidateCount": 1 });
    check(Wire::Gemini, "params({ generationConfig: { candidateCount: 1 } })", "/generationConfig", merged, "");
}

#[test]
fn own_transforms_edit_every_wire() {
    for wire in WIRES {
        let (top_p, to) = match wire {
            Wire::Gemini => ("generationConfig.topP", "/generationConfig"),
            _ => ("top_p", ""),
        };
        let block = |text: &str| format!("transform own {{ {text} }}");
        let set = block("set: { \"extra.team\": tenant.id, \"extra.count\": size(request.tools) }");
        check_block(wire, "own", &set, "/extra", json!({ "team": "lanhai", "count": 2 }), "");
        let gone = format!("`{top_p}` was left out, by the policy");
        let remove = block(&format!("remove: [\"{top_p}\"]"));
        check_block(wire, "own", &remove, &format!("/{}", top_p.replace('.', "/")), Value::Null, &gone);
        let rename = block(&format!("rename: {{ \"{top_p}\": p }}"));
        check_block(wire, "own", &rename, &format!("{to}/p"), json!(0.95), "");
        let append = block("append: { list: request.thinking }");
        check_block(wire, "own", &append, "/list", json!([true]), "");
        for client in clients(wire) {
            let (_, out) = written(client, wire, "own", &block("headers: { \"x-team\": tenant.id }"), "");
            assert_eq!(out.headers.get("x-team").unwrap(), "lanhai", "{client:?} to {wire:?}");
        }
    }
}

#[test]
fn the_last_word_is_the_later_ones() {
    for wire in WIRES {
        let at = if wire == Wire::Gemini { "/generationConfig/temperature" } else { "/temperature" };
        let member = at.trim_start_matches('/').replace('/', ".");
        let own = chain(wire, "own", &format!("transform own {{ set: {{ \"{member}\": 0.4 }} }}"));
        let transforms = [chain(wire, "sampling({ temperature: 0.2 })", ""), own].concat();
        let out = encode(&asked(clients(wire)[0], ""), &to(wire, &transforms)).unwrap();
        let body: Value = serde_json::from_slice(&out.body.concat()).unwrap();
        assert_eq!(body.pointer(at), Some(&json!(0.4)), "{wire:?}");
    }
}

#[test]
fn thinking_of_anthropic_keeps_its_room_and_its_temperature() {
    for client in clients(Wire::Anthropic) {
        let rest = match client {
            Protocol::Anthropic => r#","thinking":{"type":"enabled","budget_tokens":400}"#,
            _ => r#","reasoning_effort":"high""#,
        };
        let (body, _) = written(client, Wire::Anthropic, "max_tokens(300), sampling({ temperature: 0.2 })", "", rest);
        let budget = body.pointer("/thinking/budget_tokens").and_then(Value::as_u64).unwrap_or(0);
        assert!(budget < 300, "{body}");
    }
}

#[test]
fn only_chat_has_stream_options() {
    for client in clients(Wire::Chat) {
        let (body, _) = written(client, Wire::Chat, "stream_options(off)", "", r#","stream":true"#);
        assert_eq!(body.get("stream_options"), None, "{client:?}");
        let (body, _) = written(client, Wire::Chat, "stream_options(on)", "", r#","stream":true"#);
        assert_eq!(body["stream_options"]["include_usage"], true, "{client:?}");
        let (body, _) = written(client, Wire::Chat, "max_completion_tokens", "", "");
        assert_eq!((body.get("max_tokens"), &body["max_completion_tokens"]), (None, &json!(500)), "{client:?}");
    }
}
