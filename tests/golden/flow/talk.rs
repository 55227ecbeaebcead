//! Conversations made to order, written as clients of each protocol write them. What a protocol has no words
//! for is left unsaid: that is no loss of ours.

use ccr_policy::protocol::Protocol;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) system: Option<String>,
    pub(crate) opening: Vec<Said>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) tools: bool,
    /// 0: unsaid, 1: auto, 2: any, 3: none, 4: a tool
    pub(crate) choice: u8,
    pub(crate) parallel: Option<bool>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) temperature: Option<u8>,
    pub(crate) top_p: Option<u8>,
    pub(crate) top_k: Option<u8>,
    pub(crate) seed: Option<u32>,
    pub(crate) stops: Vec<String>,
    pub(crate) user: bool,
    pub(crate) thinking: Option<bool>,
    /// 0: free, 1: an object, 2: a schema
    pub(crate) format: u8,
    pub(crate) stream: bool,
}

/// What the assistant does, and what the user says to it.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) thinking: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) reply: Vec<Said>,
}

/// A call and its result.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) input: Value,
    pub(crate) error: bool,
    pub(crate) text: String,
    pub(crate) image: bool,
}

/// A part of a user's turn.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Text(String),
    Image,
    ImageAt,
    Document,
}

const PNG: &str = "iVBORw0KGgo=";
const PDF: &str = "JVBERi0xLjQ=";
const AT: &str = "https://example.com/a.png";

pub(crate) fn talks() -> impl Strategy<Value = Talk> {
    let words = || "[a-z]{1,6}( [a-zé\"\\\\]{1,5}){0,2}";
    let said = || {
        let one = prop_oneof![
            3 => words().prop_map(Said::Text),
            1 => Just(Said::Image),
            1 => Just(Said::ImageAt),
            1 => Just(Said::Document),
        ];
        prop::collection::vec(one, 1..3)
    };
    let input = prop_oneof![Just(json!({})), words().prop_map(|text| json!({"a": text, "b": [1, {"c": null}]}))];
    let call = (input, prop::bool::weighted(0.2), words(), prop::bool::weighted(0.2))
        .prop_map(|(input, error, text, image)| Call { input, error, text, image });
    let round = (prop::option::of(words()), prop::option::of(words()), prop::collection::vec(call, 0..3), said())
        .prop_map(|(thinking, text, calls, reply)| {
            let text = text.or_else(|| calls.is_empty().then(|| "well".to_owned()));
            Round { thinking, text, calls, reply }
        });
    let talk = (prop::option::of(words()), said(), prop::collection::vec(round, 0..3), any::<bool>());
    let limits = (
        prop::option::of(2_000..7_000_u64),
        prop::option::of(0..=10_u8),
        prop::option::of(1..=10_u8),
        prop::option::of(1..40_u8),
        prop::option::of(any::<u32>()),
        prop::collection::vec("[A-Z]{2,5}", 0..3),
    );
    let wishes = (
        0..5_u8,
        prop::option::of(any::<bool>()),
        any::<bool>(),
        prop::option::of(any::<bool>()),
        0..3_u8,
        any::<bool>(),
    );
    (talk, limits, wishes).prop_map(|((system, opening, rounds, tools), limits, wishes)| {
        let (max_tokens, temperature, top_p, top_k, seed, stops) = limits;
        let (choice, parallel, user, thinking, format, stream) = wishes;
        let tools = tools || rounds.iter().any(|round| !round.calls.is_empty());
        let (choice, parallel) = if tools { (choice, parallel) } else { (0, None) };
        Talk {
            system,
            opening,
            rounds,
            tools,
            choice,
            parallel,
            max_tokens,
            temperature,
            top_p,
            top_k,
            seed,
            stops,
            user,
            thinking,
            format,
            stream,
        }
    })
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"t": {"type": "string"}}, "required": ["t"], "additionalProperties": false})
}

/// Members, as long as they say something.
fn object(members: Vec<(&str, Value)>) -> Value {
    let said = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(said.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn tenth(number: Option<u8>) -> Value {
    number.map_or(Value::Null, |number| json!(f64::from(number) / 10.0))
}

impl Talk {
    /// The body that a client of this protocol sends.
    pub(crate) fn body(&self, protocol: Protocol) -> Value {
        match protocol {
            Protocol::Anthropic | Protocol::Simple => self.anthropic(),
            Protocol::Chat => self.chat(),
            Protocol::Responses => self.responses(),
            Protocol::Gemini => self.gemini(),
        }
    }

    fn choice(&self, words: [Value; 4]) -> Value {
        match self.choice {
            0 => Value::Null,
            place => words.into_iter().nth(usize::from(place) - 1).unwrap(),
        }
    }

    fn stops(&self) -> Value {
        if self.stops.is_empty() { Value::Null } else { json!(self.stops) }
    }

    fn some(&self, said: bool, value: Value) -> Value {
        if said { value } else { Value::Null }
    }

    fn anthropic(&self) -> Value {
        let part = |said: &Said| match said {
            Said::Text(text) => json!({"type": "text", "text": text}),
            Said::Image => {
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
            }
            Said::ImageAt => json!({"type": "image", "source": {"type": "url", "url": AT}}),
            Said::Document => {
                json!({"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}})
            }
        };
        let mut messages = vec![json!({"role": "user", "content": self.opening.iter().map(part).collect::<Vec<_>>()})];
        for (place, round) in self.rounds.iter().enumerate() {
            let (mut blocks, mut reply) = (Vec::new(), Vec::new());
            blocks.extend(
                round.thinking.iter().map(|text| json!({"type": "thinking", "thinking": text, "signature": "c2ln"})),
            );
            blocks.extend(round.text.iter().map(|text| json!({"type": "text", "text": text})));
            for (number, call) in round.calls.iter().enumerate() {
                let id = format!("toolu_{place}_{number}");
                blocks.push(json!({"type": "tool_use", "id": id, "name": "f", "input": call.input}));
                let mut content = vec![part(&Said::Text(call.text.clone()))];
                content.extend(call.image.then(|| part(&Said::Image)));
                reply.push(
                    json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": call.error}),
                );
            }
            reply.extend(round.reply.iter().map(part));
            messages.push(json!({"role": "assistant", "content": blocks}));
            messages.push(json!({"role": "user", "content": reply}));
        }
        let mut choice = self.choice([
            json!({"type": "auto"}),
            json!({"type": "any"}),
            json!({"type": "none"}),
            json!({"type": "tool", "name": "f"}),
        ]);
        if let Some(parallel) = self.parallel
            && choice.is_object()
            && self.choice != 3
        {
            choice["disable_parallel_tool_use"] = json!(!parallel);
        }
        object(vec![
            ("model", json!("m")),
            ("max_tokens", json!(self.max_tokens.unwrap_or(4_000))),
            ("system", json!(self.system)),
            ("messages", json!(messages)),
            ("tools", self.some(self.tools, json!([{"name": "f", "description": "does", "input_schema": schema()}]))),
            ("tool_choice", choice),
            ("temperature", tenth(self.temperature)),
            ("top_p", tenth(self.top_p)),
            ("top_k", json!(self.top_k)),
            ("stop_sequences", self.stops()),
            ("metadata", self.some(self.user, json!({"user_id": "u1"}))),
            (
                "thinking",
                self.thinking.map_or(Value::Null, |on| {
                    if on { json!({"type": "enabled", "budget_tokens": 1_500}) } else { json!({"type": "disabled"}) }
                }),
            ),
            (
                "output_config",
                self.some(self.format == 2, json!({"format": {"type": "json_schema", "schema": schema()}})),
            ),
            ("stream", self.some(self.stream, json!(true))),
        ])
    }

    fn chat(&self) -> Value {
        let part = |said: &Said| match said {
            Said::Text(text) => json!({"type": "text", "text": text}),
            Said::Image => json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}}),
            Said::ImageAt => json!({"type": "image_url", "image_url": {"url": AT}}),
            Said::Document => {
                json!({"type": "file", "file": {"filename": "a.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}})
            }
        };
        let mut messages = Vec::new();
        messages.extend(self.system.iter().map(|text| json!({"role": "system", "content": text})));
        messages.push(json!({"role": "user", "content": self.opening.iter().map(part).collect::<Vec<_>>()}));
        for (place, round) in self.rounds.iter().enumerate() {
            let id = |number: usize| format!("call_{place}_{number}");
            let calls: Vec<Value> = round.calls.iter().enumerate().map(|(number, call)| {
                json!({"id": id(number), "type": "function", "function": {"name": "f", "arguments": call.input.to_string()}})
            }).collect();
            messages.push(object(vec![
                ("role", json!("assistant")),
                ("content", json!(round.text)),
                ("reasoning_content", json!(round.thinking)),
                ("tool_calls", self.some(!calls.is_empty(), json!(calls))),
            ]));
            for (number, call) in round.calls.iter().enumerate() {
                messages.push(json!({"role": "tool", "tool_call_id": id(number), "content": call.text}));
            }
            messages.push(json!({"role": "user", "content": round.reply.iter().map(part).collect::<Vec<_>>()}));
        }
        let tool =
            json!([{"type": "function", "function": {"name": "f", "description": "does", "parameters": schema()}}]);
        let named = json!({"type": "function", "function": {"name": "f"}});
        object(vec![
            ("model", json!("m")),
            ("messages", json!(messages)),
            ("tools", self.some(self.tools, tool)),
            ("tool_choice", self.choice([json!("auto"), json!("required"), json!("none"), named])),
            ("parallel_tool_calls", json!(self.parallel)),
            ("max_tokens", json!(self.max_tokens)),
            ("temperature", tenth(self.temperature)),
            ("top_p", tenth(self.top_p)),
            ("seed", json!(self.seed)),
            ("stop", self.stops()),
            ("user", self.some(self.user, json!("u1"))),
            ("reasoning_effort", self.thinking.map_or(Value::Null, |on| json!(if on { "low" } else { "none" }))),
            (
                "response_format",
                match self.format {
                    0 => Value::Null,
                    1 => json!({"type": "json_object"}),
                    _ => json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema()}}),
                },
            ),
            ("stream", self.some(self.stream, json!(true))),
        ])
    }

    fn responses(&self) -> Value {
        let part = |said: &Said| match said {
            Said::Text(text) => json!({"type": "input_text", "text": text}),
            Said::Image => json!({"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}),
            Said::ImageAt => json!({"type": "input_image", "image_url": AT}),
            Said::Document => {
                json!({"type": "input_file", "filename": "a.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")})
            }
        };
        let says = |parts: &[Said]| json!({"type": "message", "role": "user", "content": parts.iter().map(part).collect::<Vec<_>>()});
        let mut input = vec![says(&self.opening)];
        for (place, round) in self.rounds.iter().enumerate() {
            if let Some(text) = &round.thinking {
                input.push(json!({"type": "reasoning", "id": format!("rs_{place}"), "summary": [{"type": "summary_text", "text": text}], "encrypted_content": "c2ln"}));
            }
            if let Some(text) = &round.text {
                input.push(json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]}));
            }
            let id = |number: usize| format!("call_{place}_{number}");
            for (number, call) in round.calls.iter().enumerate() {
                input.push(json!({"type": "function_call", "call_id": id(number), "name": "f", "arguments": call.input.to_string()}));
            }
            for (number, call) in round.calls.iter().enumerate() {
                let output = if call.image {
                    json!([part(&Said::Text(call.text.clone())), part(&Said::Image)])
                } else {
                    json!(call.text)
                };
                input.push(json!({"type": "function_call_output", "call_id": id(number), "output": output}));
            }
            input.push(says(&round.reply));
        }
        let format = match self.format {
            0 => Value::Null,
            1 => json!({"format": {"type": "json_object"}}),
            _ => json!({"format": {"type": "json_schema", "name": "n", "schema": schema()}}),
        };
        object(vec![
            ("model", json!("m")),
            ("instructions", json!(self.system)),
            ("input", json!(input)),
            (
                "tools",
                self.some(
                    self.tools,
                    json!([{"type": "function", "name": "f", "description": "does", "parameters": schema()}]),
                ),
            ),
            (
                "tool_choice",
                self.choice([
                    json!("auto"),
                    json!("required"),
                    json!("none"),
                    json!({"type": "function", "name": "f"}),
                ]),
            ),
            ("parallel_tool_calls", json!(self.parallel)),
            ("max_output_tokens", json!(self.max_tokens)),
            ("temperature", tenth(self.temperature)),
            ("top_p", tenth(self.top_p)),
            ("user", self.some(self.user, json!("u1"))),
            ("reasoning", self.thinking.map_or(Value::Null, |on| json!({"effort": if on { "low" } else { "none" }}))),
            ("text", format),
            ("store", json!(false)),
            ("stream", self.some(self.stream, json!(true))),
        ])
    }

    fn gemini(&self) -> Value {
        let part = |said: &Said| match said {
            Said::Text(text) => json!({"text": text}),
            Said::Image => json!({"inlineData": {"mimeType": "image/png", "data": PNG}}),
            Said::ImageAt => json!({"fileData": {"mimeType": "image/png", "fileUri": AT}}),
            Said::Document => json!({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
        };
        let mut contents = vec![json!({"role": "user", "parts": self.opening.iter().map(part).collect::<Vec<_>>()})];
        for round in &self.rounds {
            let (mut parts, mut reply) = (Vec::new(), Vec::new());
            parts.extend(round.thinking.iter().map(|text| json!({"text": text, "thought": true})));
            parts.extend(round.text.iter().map(|text| json!({"text": text})));
            for (number, call) in round.calls.iter().enumerate() {
                let mut made = json!({"functionCall": {"name": "f", "args": call.input}});
                if number == 0 {
                    made["thoughtSignature"] = json!("c2ln");
                }
                parts.push(made);
                let held = if call.error { "error" } else { "output" };
                reply.push(json!({"functionResponse": {"name": "f", "response": {held: call.text}}}));
            }
            reply.extend(round.reply.iter().map(part));
            contents.push(json!({"role": "model", "parts": parts}));
            contents.push(json!({"role": "user", "parts": reply}));
        }
        let mode = |mode: &str| json!({"functionCallingConfig": {"mode": mode}});
        let named = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}});
        let config = object(vec![
            ("maxOutputTokens", json!(self.max_tokens)),
            ("temperature", tenth(self.temperature)),
            ("topP", tenth(self.top_p)),
            ("topK", json!(self.top_k)),
            ("seed", self.seed.map_or(Value::Null, |seed| json!(seed >> 1))),
            ("stopSequences", self.stops()),
            (
                "thinkingConfig",
                self.thinking.map_or(Value::Null, |on| json!({"thinkingBudget": if on { 1_500 } else { 0 }})),
            ),
            ("responseMimeType", self.some(self.format > 0, json!("application/json"))),
            ("responseJsonSchema", self.some(self.format == 2, schema())),
        ]);
        object(vec![
            ("systemInstruction", self.system.as_ref().map_or(Value::Null, |text| json!({"parts": [{"text": text}]}))),
            ("contents", json!(contents)),
            ("tools", self.some(self.tools, json!([{"functionDeclarations": [{"name": "f", "description": "does", "parametersJsonSchema": schema()}]}]))),
            ("toolConfig", self.choice([mode("AUTO"), mode("ANY"), mode("NONE"), named])),
            ("generationConfig", config),
        ])
    }
}
