//! Streams of upstreams, made to order: what is said, written in any wire's words and in any of the manners
//! that upstreams are known for.

use ccr_policy::protocol::Wire;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::strict::Item;

/// What an answer says.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) pieces: Vec<Piece>,
    /// the limit of tokens was reached
    pub(crate) cut: bool,
    /// input tokens, those of them that were cached, output tokens
    pub(crate) usage: (u64, u64, u64),
}

/// Something said in deltas.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(Vec<String>),
    Thinking(Vec<String>),
    /// calls that are made together
    Calls(Vec<Call>),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) input: Value,
    /// in how many deltas its input comes
    pub(crate) deltas: usize,
}

/// How an upstream writes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// 0: LF, 1: CRLF, 2: CR
    pub(crate) line_end: u8,
    /// no space behind `data:`
    pub(crate) no_space: bool,
    /// comments between events, empty lines before the first
    pub(crate) comments: bool,
    /// no `[DONE]`, no `message_stop`
    pub(crate) no_end: bool,
    /// a chunk with the role alone, and one with null content
    pub(crate) role_only: bool,
    /// 0: usage in a last chunk without choices, 1: with the finish, 2: on every chunk
    pub(crate) usage: u8,
    /// deltas of calls made together come in turn
    pub(crate) interleaved: bool,
    /// a call's id comes behind its first input, its name behind that
    pub(crate) late: bool,
    /// several calls in one chunk
    pub(crate) packed: bool,
}

pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    let words = || prop::collection::vec("[a-zé漢😀\"\\\\\n\t {}]{1,9}", 1..4);
    let input = prop_oneof![
        Just(json!({})),
        "[a-zé\"\\\\\n]{0,8}".prop_map(|text| json!({"text": text, "list": [1, {"a": null}]})),
        any::<i32>().prop_map(|number| json!({"n": number, "deep": {"s": "}]\""}})),
    ];
    let call = ("[a-z_]{1,8}", input, 1..5_usize).prop_map(|(name, input, deltas)| Call { name, input, deltas });
    let piece = prop_oneof![
        words().prop_map(Piece::Text),
        words().prop_map(Piece::Thinking),
        prop::collection::vec(call, 1..4).prop_map(Piece::Calls),
    ];
    let usage = (1..5_000_u64, 0..5_000_u64, 1..5_000_u64)
        .prop_map(|(input, cached, output)| (input, cached.min(input), output));
    (prop::collection::vec(piece, 1..5), prop::bool::weighted(0.2), usage).prop_map(|(pieces, cut, usage)| Script {
        pieces,
        cut,
        usage,
    })
}

pub(crate) fn manners() -> impl Strategy<Value = Manner> {
    let flags = prop::array::uniform7(prop::bool::weighted(0.3));
    (0..3_u8, 0..3_u8, flags).prop_map(|(line_end, usage, flags)| {
        let [no_space, comments, no_end, role_only, interleaved, late, packed] = flags;
        Manner { line_end, no_space, comments, no_end, role_only, usage, interleaved, late, packed }
    })
}

/// A script with something of everything.
pub(crate) fn example() -> Script {
    let text = |words: &[&str]| Piece::Text(words.iter().map(|word| (*word).to_owned()).collect());
    let call = |name: &str, input: Value| Call { name: name.to_owned(), input, deltas: 3 };
    Script {
        pieces: vec![
            Piece::Thinking(vec!["let me ".to_owned(), "see".to_owned()]),
            text(&["héllo ", "wörld\n", "\"quoted\" 漢😀"]),
            Piece::Calls(vec![
                call("run", json!({"command": "ls \"é\" {}", "deep": [1, {"a": "}"}]})),
                call("look", json!({})),
            ]),
            text(&["done"]),
        ],
        cut: false,
        usage: (30, 12, 7),
    }
}

impl Script {
    /// What it says, neighbours of one kind joined: no wire but Anthropic's and Responses' keeps them apart.
    pub(crate) fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(words) => items.push(Item::Text(words.concat())),
                Piece::Thinking(words) => items.push(Item::Thinking(words.concat())),
                Piece::Calls(calls) => {
                    items.extend(calls.iter().map(|call| Item::Call(call.name.clone(), call.input.to_string())));
                }
            }
        }
        items
    }

    fn has_calls(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Calls(_)))
    }

    /// The stream in a wire's words.
    pub(crate) fn stream(&self, wire: Wire, manner: Manner) -> String {
        let events = match wire {
            Wire::Anthropic => self.anthropic(manner),
            Wire::Chat => self.chat(manner),
            Wire::Responses => self.responses(),
            Wire::Gemini => self.gemini(manner),
        };
        dress(&events, manner)
    }

    fn anthropic(&self, manner: Manner) -> Vec<String> {
        let (input, cached, output) = self.usage;
        let usage = json!({"input_tokens": input - cached, "cache_read_input_tokens": cached, "output_tokens": 1});
        let mut events = vec![
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
                "model": "real", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage}}),
            json!({"type": "ping"}),
        ];
        let mut index = 0;
        let mut block = |start: Value, kind: &str, member: &str, deltas: &[String]| {
            events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
            for delta in deltas {
                let delta = json!({"type": kind, member: delta});
                events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
            if kind == "thinking_delta" {
                let delta = json!({"type": "signature_delta", "signature": "c2ln"});
                events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
            events.push(json!({"type": "content_block_stop", "index": index}));
            index += 1;
        };
        for (place, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(words) => block(json!({"type": "text", "text": ""}), "text_delta", "text", words),
                Piece::Thinking(words) => {
                    let start = json!({"type": "thinking", "thinking": "", "signature": ""});
                    block(start, "thinking_delta", "thinking", words);
                }
                Piece::Calls(calls) => {
                    for (number, call) in calls.iter().enumerate() {
                        let id = format!("toolu_{place}_{number}");
                        let start = json!({"type": "tool_use", "id": id, "name": call.name, "input": {}});
                        block(start, "input_json_delta", "partial_json", &call.parts());
                    }
                }
            }
        }
        let stop = if self.cut {
            "max_tokens"
        } else if self.has_calls() {
            "tool_use"
        } else {
            "end_turn"
        };
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": {"output_tokens": output}}));
        if !manner.no_end {
            events.push(json!({"type": "message_stop"}));
        }
        events.iter().map(|event| format!("event: {}\ndata: {event}", event["type"].as_str().unwrap())).collect()
    }

    fn chat(&self, manner: Manner) -> Vec<String> {
        let (input, cached, output) = self.usage;
        let usage = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": {"cached_tokens": cached}});
        let mut deltas = Vec::new();
        if manner.role_only {
            deltas.push(json!({"role": "assistant"}));
            deltas.push(json!({"role": "assistant", "content": null}));
        }
        let mut index = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Text(words) => deltas.extend(words.iter().map(|word| json!({"content": word}))),
                Piece::Thinking(words) => {
                    deltas.extend(words.iter().map(|word| json!({"reasoning_content": word, "content": null})));
                }
                Piece::Calls(calls) => {
                    deltas.extend(chat_calls(calls, index, manner));
                    index += calls.len();
                }
            }
        }
        let chunk = |choices: Value| json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "real", "choices": choices});
        let mut chunks: Vec<Value> = deltas
            .into_iter()
            .map(|delta| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}])))
            .collect();
        let stop = if self.cut {
            "length"
        } else if self.has_calls() {
            "tool_calls"
        } else {
            "stop"
        };
        chunks.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": stop}])));
        match manner.usage {
            0 => chunks.push(chunk(json!([]))),
            1 => {}
            _ => chunks.iter_mut().for_each(|chunk| chunk["usage"] = usage.clone()),
        }
        chunks.last_mut().unwrap()["usage"] = usage;
        let end = (!manner.no_end).then(|| "data: [DONE]".to_owned());
        chunks.iter().map(|chunk| format!("data: {chunk}")).chain(end).collect()
    }

    fn responses(&self) -> Vec<String> {
        let mut said = Said::default();
        let head = json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress", "model": "real", "output": []});
        said.event("response.created", json!({"response": head}));
        said.event("response.in_progress", json!({"response": head}));
        for piece in &self.pieces {
            match piece {
                Piece::Text(words) => said.message(words),
                Piece::Thinking(words) => said.reasoning(words),
                Piece::Calls(calls) => calls.iter().for_each(|call| said.call(call)),
            }
        }
        let (input, cached, output) = self.usage;
        let status = if self.cut { "incomplete" } else { "completed" };
        let details = if self.cut { json!({"reason": "max_output_tokens"}) } else { Value::Null };
        let response = json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "real",
            "incomplete_details": details, "output": said.items,
            "usage": {"input_tokens": input, "input_tokens_details": {"cached_tokens": cached}, "output_tokens": output,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + output}});
        said.event(&format!("response.{status}"), json!({"response": response}));
        said.events.iter().map(|event| format!("event: {}\ndata: {event}", event["type"].as_str().unwrap())).collect()
    }

    fn gemini(&self, manner: Manner) -> Vec<String> {
        let (input, cached, output) = self.usage;
        let usage = json!({"promptTokenCount": input, "cachedContentTokenCount": cached, "candidatesTokenCount": output,
            "totalTokenCount": input + output});
        let mut chunks: Vec<Vec<Value>> = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(words) => chunks.extend(words.iter().map(|word| vec![json!({"text": word})])),
                Piece::Thinking(words) => {
                    chunks.extend(words.iter().map(|word| vec![json!({"text": word, "thought": true})]));
                }
                Piece::Calls(calls) => {
                    let call = |call: &Call| json!({"functionCall": {"name": call.name, "args": call.input}});
                    let parts = calls.iter().map(call);
                    if manner.packed {
                        chunks.push(parts.collect())
                    } else {
                        chunks.extend(parts.map(|part| vec![part]))
                    }
                }
            }
        }
        let chunk = |parts: &Vec<Value>| json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}], "modelVersion": "real", "responseId": "g1"});
        let mut chunks: Vec<Value> = chunks.iter().map(chunk).collect();
        if manner.usage == 0 {
            chunks.push(chunk(&vec![json!({"text": ""})]));
        }
        if manner.usage == 2 {
            chunks.iter_mut().for_each(|chunk| chunk["usageMetadata"] = usage.clone());
        }
        let last = chunks.last_mut().unwrap();
        last["candidates"][0]["finishReason"] = json!(if self.cut { "MAX_TOKENS" } else { "STOP" });
        last["usageMetadata"] = usage;
        chunks.iter().map(|chunk| format!("data: {chunk}")).collect()
    }
}

impl Call {
    /// Its input in pieces; the cuts may be inside of anything but a character.
    fn parts(&self) -> Vec<String> {
        let text: Vec<char> = self.input.to_string().chars().collect();
        text.chunks(text.len().div_ceil(self.deltas)).map(|part| part.iter().collect()).collect()
    }
}

fn chat_calls(calls: &[Call], first: usize, manner: Manner) -> Vec<Value> {
    let one = |index: usize, function: Value, id: Option<String>| {
        let mut delta = json!({"index": index, "function": function});
        if let Some(id) = id {
            delta["id"] = json!(id);
            delta["type"] = json!("function");
        }
        delta
    };
    let of_call = |(number, call): (usize, &Call)| {
        let index = first + number;
        let id = Some(format!("call_{index}"));
        let mut parts = call.parts();
        let mut deltas = Vec::new();
        if manner.late {
            deltas.push(one(index, json!({"arguments": parts.remove(0)}), None));
            deltas.push(one(index, json!({"arguments": ""}), id));
            deltas.push(one(index, json!({"name": call.name}), None));
        } else {
            deltas.push(one(index, json!({"name": call.name, "arguments": ""}), id));
        }
        deltas.extend(parts.into_iter().map(|part| one(index, json!({"arguments": part}), None)));
        deltas
    };
    let mut all: Vec<Vec<Value>> = calls.iter().enumerate().map(of_call).collect();
    let mut deltas = Vec::new();
    if manner.packed {
        deltas.push(json!({"tool_calls": all.iter_mut().map(|call| call.remove(0)).collect::<Vec<_>>()}));
    }
    let longest = all.iter().map(Vec::len).max().unwrap_or(0);
    if manner.interleaved {
        for turn in 0..longest {
            deltas.extend(all.iter().filter_map(|call| call.get(turn)).map(|delta| json!({"tool_calls": [delta]})));
        }
    } else {
        deltas.extend(all.iter().flatten().map(|delta| json!({"tool_calls": [delta]})));
    }
    deltas
}

/// A stream of Responses, under way.
#[derive(Default)]
struct Said {
    events: Vec<Value>,
    items: Vec<Value>,
}

impl Said {
    fn event(&mut self, kind: &str, mut event: Value) {
        event["type"] = json!(kind);
        event["sequence_number"] = json!(self.events.len());
        self.events.push(event);
    }

    fn begin(&mut self, item: Value) -> (usize, String) {
        let index = self.items.len();
        let id = item["id"].as_str().unwrap().to_owned();
        self.event("response.output_item.added", json!({"output_index": index, "item": item}));
        (index, id)
    }

    fn end(&mut self, item: Value) {
        self.event("response.output_item.done", json!({"output_index": self.items.len(), "item": item}));
        self.items.push(item);
    }

    fn message(&mut self, words: &[String]) {
        let own = format!("msg_{}", self.items.len());
        let (index, id) = self
            .begin(json!({"id": own, "type": "message", "status": "in_progress", "role": "assistant", "content": []}));
        let at = |more: Value| {
            let mut all = json!({"item_id": id, "output_index": index, "content_index": 0});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        self.event("response.content_part.added", at(json!({"part": part("")})));
        for word in words {
            self.event("response.output_text.delta", at(json!({"delta": word, "logprobs": []})));
        }
        let whole = words.concat();
        self.event("response.output_text.done", at(json!({"text": whole, "logprobs": []})));
        self.event("response.content_part.done", at(json!({"part": part(&whole)})));
        self.end(json!({"id": own, "type": "message", "status": "completed", "role": "assistant", "content": [part(&whole)]}));
    }

    fn reasoning(&mut self, words: &[String]) {
        let own = format!("rs_{}", self.items.len());
        let (index, id) = self.begin(json!({"id": own, "type": "reasoning", "summary": []}));
        let at = |more: Value| {
            let mut all = json!({"item_id": id, "output_index": index, "summary_index": 0});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let part = |text: &str| json!({"type": "summary_text", "text": text});
        self.event("response.reasoning_summary_part.added", at(json!({"part": part("")})));
        for word in words {
            self.event("response.reasoning_summary_text.delta", at(json!({"delta": word})));
        }
        let whole = words.concat();
        self.event("response.reasoning_summary_text.done", at(json!({"text": whole})));
        self.event("response.reasoning_summary_part.done", at(json!({"part": part(&whole)})));
        self.end(json!({"id": own, "type": "reasoning", "summary": [part(&whole)], "encrypted_content": "c2ln"}));
    }

    fn call(&mut self, call: &Call) {
        let own = format!("fc_{}", self.items.len());
        let item = |status: &str, arguments: &str| json!({"id": own, "type": "function_call", "status": status, "call_id": format!("call_{own}"), "name": call.name, "arguments": arguments});
        let (index, id) = self.begin(item("in_progress", ""));
        for part in call.parts() {
            let event = json!({"item_id": id, "output_index": index, "delta": part});
            self.event("response.function_call_arguments.delta", event);
        }
        let whole = call.input.to_string();
        let done = json!({"item_id": id, "output_index": index, "name": call.name, "arguments": whole});
        self.event("response.function_call_arguments.done", done);
        self.end(item("completed", &whole));
    }
}

/// The events in an upstream's manner.
fn dress(events: &[String], manner: Manner) -> String {
    let mut out = String::new();
    if manner.comments {
        out.push_str("\n: hello\n\n");
    }
    for event in events {
        let event = if manner.no_space { event.replace("data: ", "data:") } else { event.clone() };
        out.push_str(&event);
        out.push_str(if manner.comments { "\n: more\n\n:\n\n" } else { "\n\n" });
    }
    match manner.line_end {
        0 => out,
        1 => out.replace('\n', "\r\n"),
        _ => out.replace('\n', "\r"),
    }
}
