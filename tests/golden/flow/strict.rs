//! A reader of streams as strict as the strictest client: one state machine a protocol. It knows nothing of
//! how the streams are written, and stands on `serde_json` alone, so that the fuzz targets use it too.

use ccr_policy::protocol::Protocol;
use serde_json::Value;

/// One thing that an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// words
    Text(String),
    /// thinking
    Thinking(String),
    /// a tool call: its name, its input as it was written
    Call(String, String),
}

/// What a stream told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// in their order
    pub(crate) items: Vec<Item>,
    /// ids of its calls
    pub(crate) ids: Vec<String>,
    /// the protocol's own word
    pub(crate) stop: Option<String>,
    /// it came to its proper end
    pub(crate) ended: bool,
    /// it ended with an error event
    pub(crate) failed: bool,
    /// all input tokens, output tokens
    pub(crate) usage: Option<(u64, u64)>,
}

/// Reads a stream, whole or not.
///
/// # Errors
/// What a strict client would not take.
pub(crate) fn read(protocol: Protocol, stream: &str) -> Result<Told, String> {
    let mut told = Told::default();
    if protocol == Protocol::Gemini && stream.trim_start().starts_with('[') {
        return Err("a list stands where events are expected".to_owned());
    }
    let mut state: Box<dyn State> = match protocol {
        Protocol::Anthropic => Box::new(Anthropic::default()),
        Protocol::Chat | Protocol::Simple => Box::new(Chat::default()),
        Protocol::Responses => Box::new(Responses::default()),
        Protocol::Gemini => Box::new(Gemini::default()),
    };
    let mut before = None;
    for (name, data) in events(stream)? {
        // The one pair that ends a stream: the SDKs raise the first of them, Codex waits for the second.
        let pair = (before.as_deref(), name.as_deref()) == (Some("error"), Some("response.failed"));
        before.clone_from(&name);
        let behind = told.ended || (told.failed && !(pair && protocol == Protocol::Responses));
        ensure(!behind, || format!("something stands behind the end: {data}"))?;
        if data == "[DONE]" {
            ensure(protocol == Protocol::Chat || protocol == Protocol::Simple, || "[DONE]".to_owned())?;
            state.done(&mut told)?;
            continue;
        }
        let value: Value = serde_json::from_str(&data).map_err(|error| format!("{error}: {data}"))?;
        state.take(name.as_deref(), &value, &mut told).map_err(|wrong| format!("{wrong}: {data}"))?;
    }
    ensure(!(told.ended && told.failed), || "it ended and failed".to_owned())?;
    Ok(told)
}

fn ensure(holds: bool, says: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(says()) }
}

/// Events as (name, data). Comments are no events; anything but whole events is wrong.
fn events(stream: &str) -> Result<Vec<(Option<String>, String)>, String> {
    let flat = stream.replace("\r\n", "\n").replace('\r', "\n");
    ensure(flat.is_empty() || flat.ends_with("\n\n"), || format!("it ends inside an event: {flat:?}"))?;
    let mut found = Vec::new();
    for event in flat.split("\n\n") {
        let (mut name, mut data) = (None, Vec::new());
        for line in event.lines().filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(':').ok_or_else(|| format!("not a field: {line:?}"))?;
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => name = Some(value.to_owned()),
                "data" => data.push(value),
                "" | "id" | "retry" => {}
                _ => return Err(format!("not a field: {line:?}")),
            }
        }
        if !data.is_empty() {
            found.push((name, data.join("\n")));
        } else {
            ensure(name.is_none(), || format!("an event without data: {event:?}"))?;
        }
    }
    Ok(found)
}

trait State {
    fn take(&mut self, name: Option<&str>, event: &Value, told: &mut Told) -> Result<(), String>;

    fn done(&mut self, _told: &mut Told) -> Result<(), String> {
        Err("this protocol has no [DONE]".to_owned())
    }
}

fn text<'v>(value: &'v Value, member: &str) -> Result<&'v str, String> {
    value.get(member).and_then(Value::as_str).ok_or_else(|| format!("`{member}` is no text"))
}

fn number(value: &Value, member: &str) -> Result<u64, String> {
    value.get(member).and_then(Value::as_u64).ok_or_else(|| format!("`{member}` is no whole number"))
}

fn legal(what: &str, id: &str) -> Result<(), String> {
    let fits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    ensure(fits, || format!("{what} `{id}` is not legal"))
}

/// A whole input is an object. Only an answer that ran out of tokens may hold a part of one.
fn whole_input(input: &str, cut: bool) -> Result<(), String> {
    let whole = input.is_empty() || serde_json::from_str::<Value>(input).is_ok_and(|input| input.is_object());
    ensure(whole || cut, || format!("a call's input is no object: {input}"))
}

impl Told {
    fn grow(&mut self, more: &str) {
        match self.items.last_mut() {
            Some(Item::Text(text) | Item::Thinking(text) | Item::Call(_, text)) => text.push_str(more),
            None => {}
        }
    }

    fn inputs_are_whole(&self, cut: bool) -> Result<(), String> {
        let inputs = self.items.iter().filter_map(|item| match item {
            Item::Call(_, input) => Some(input),
            _ => None,
        });
        let broken = |input: &&String| whole_input(input, cut).is_err();
        inputs.into_iter().find(broken).map_or(Ok(()), |input| whole_input(input, cut))
    }
}

/// `message_start`, blocks strictly one after another, `message_delta`, `message_stop`.
#[derive(Default)]
struct Anthropic {
    begun: bool,
    open: Option<&'static str>,
    blocks: u64,
    signed: bool,
}

impl State for Anthropic {
    fn take(&mut self, name: Option<&str>, event: &Value, told: &mut Told) -> Result<(), String> {
        let kind = text(event, "type")?;
        ensure(name == Some(kind), || "its name is not its type".to_owned())?;
        match kind {
            "ping" => Ok(()),
            "error" => {
                text(&event["error"], "type")?;
                text(&event["error"], "message")?;
                told.failed = true;
                Ok(())
            }
            "message_start" => {
                ensure(!self.begun, || "a second start".to_owned())?;
                self.begun = true;
                let message = &event["message"];
                ensure(text(message, "id")?.starts_with("msg_"), || "its id".to_owned())?;
                ensure(
                    message["role"] == "assistant" && message["content"].as_array().is_some_and(Vec::is_empty),
                    || "its head".to_owned(),
                )?;
                text(message, "model")?;
                number(&message["usage"], "input_tokens")?;
                number(&message["usage"], "output_tokens").map(|_| ())
            }
            _ if !self.begun => Err("before the start".to_owned()),
            _ if told.stop.is_some() && kind != "message_stop" => Err("behind the stop".to_owned()),
            "content_block_start" => self.start(event, told),
            "content_block_delta" => self.delta(event, told),
            "content_block_stop" => {
                ensure(self.open.take().is_some() && number(event, "index")? + 1 == self.blocks, || {
                    "no such block is open".to_owned()
                })
            }
            "message_delta" => {
                ensure(self.open.is_none(), || "a block is open".to_owned())?;
                let stop = text(&event["delta"], "stop_reason")?;
                let known = ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "pause_turn"];
                ensure(known.contains(&stop), || "an unknown reason".to_owned())?;
                told.stop = Some(stop.to_owned());
                let usage = &event["usage"];
                let input = number(usage, "input_tokens")?
                    + number(usage, "cache_read_input_tokens")?
                    + number(usage, "cache_creation_input_tokens")?;
                told.usage = Some((input, number(usage, "output_tokens")?));
                told.inputs_are_whole(matches!(stop, "max_tokens" | "refusal"))
            }
            "message_stop" => {
                ensure(told.stop.is_some(), || "no stop reason came".to_owned())?;
                told.ended = true;
                Ok(())
            }
            _ => Err("an unknown event".to_owned()),
        }
    }
}

impl Anthropic {
    fn start(&mut self, event: &Value, told: &mut Told) -> Result<(), String> {
        ensure(self.open.is_none(), || "another block is open".to_owned())?;
        ensure(number(event, "index")? == self.blocks, || "a wrong index".to_owned())?;
        self.blocks += 1;
        self.signed = false;
        let block = &event["content_block"];
        let (kind, item) = match text(block, "type")? {
            "text" => ("text", Item::Text(text(block, "text")?.to_owned())),
            "thinking" => ("thinking", Item::Thinking(text(block, "thinking")?.to_owned())),
            "tool_use" => {
                ensure(block["input"].as_object().is_some_and(serde_json::Map::is_empty), || "its input".to_owned())?;
                legal("the id", text(block, "id")?)?;
                ensure(!text(block, "name")?.is_empty(), || "a call without a name".to_owned())?;
                ensure(!told.ids.contains(&text(block, "id")?.to_owned()), || "two calls with one id".to_owned())?;
                told.ids.push(text(block, "id")?.to_owned());
                ("tool_use", Item::Call(text(block, "name")?.to_owned(), String::new()))
            }
            "redacted_thinking" => ("redacted_thinking", Item::Thinking(String::new())),
            _ => return Err("an unknown block".to_owned()),
        };
        self.open = Some(kind);
        told.items.push(item);
        Ok(())
    }

    fn delta(&mut self, event: &Value, told: &mut Told) -> Result<(), String> {
        ensure(number(event, "index")? + 1 == self.blocks, || "a wrong index".to_owned())?;
        let delta = &event["delta"];
        let (of, member) = match text(delta, "type")? {
            "text_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "input_json_delta" => ("tool_use", "partial_json"),
            _ => return Err("an unknown delta".to_owned()),
        };
        ensure(self.open == Some(of), || "a delta of another block".to_owned())?;
        let more = text(delta, member)?;
        if member == "signature" {
            ensure(!std::mem::replace(&mut self.signed, true), || "a second signature".to_owned())?;
        } else {
            ensure(!self.signed, || "thinking behind its signature".to_owned())?;
            told.grow(more);
        }
        Ok(())
    }
}

/// Chunks of one id; the role first, calls numbered in order, one finish, then the usage, then `[DONE]`.
#[derive(Default)]
struct Chat {
    head: Option<(String, String)>,
    role: bool,
    /// where in `items` each call stands
    calls: Vec<usize>,
}

impl State for Chat {
    fn take(&mut self, name: Option<&str>, chunk: &Value, told: &mut Told) -> Result<(), String> {
        ensure(name.is_none(), || "events have no names here".to_owned())?;
        if chunk["error"].is_object() {
            text(&chunk["error"], "message")?;
            told.failed = true;
            return Ok(());
        }
        ensure(chunk["object"] == "chat.completion.chunk", || "no chunk".to_owned())?;
        let head = (text(chunk, "id")?.to_owned(), text(chunk, "model")?.to_owned());
        number(chunk, "created")?;
        ensure(self.head.get_or_insert_with(|| head.clone()) == &head, || "another id or model".to_owned())?;
        let choices = chunk["choices"].as_array().ok_or("no choices")?;
        if let Some(usage) = chunk["usage"].as_object() {
            ensure(choices.is_empty() && told.stop.is_some() && told.usage.is_none(), || "usage too early".to_owned())?;
            let usage = Value::Object(usage.clone());
            let (input, output) = (number(&usage, "prompt_tokens")?, number(&usage, "completion_tokens")?);
            ensure(number(&usage, "total_tokens")? == input + output, || "a wrong sum".to_owned())?;
            told.usage = Some((input, output));
            return Ok(());
        }
        let [choice] = choices.as_slice() else { return Err("not one choice".to_owned()) };
        ensure(told.stop.is_none(), || "behind the finish".to_owned())?;
        ensure(choice["index"] == 0, || "another choice".to_owned())?;
        self.delta(&choice["delta"], told)?;
        match &choice["finish_reason"] {
            Value::Null => Ok(()),
            Value::String(word) if ["stop", "length", "tool_calls", "content_filter"].contains(&word.as_str()) => {
                told.stop = Some(word.clone());
                Ok(())
            }
            _ => Err("an unknown finish".to_owned()),
        }
    }

    fn done(&mut self, told: &mut Told) -> Result<(), String> {
        ensure(told.stop.is_some(), || "[DONE] without a finish".to_owned())?;
        told.ended = true;
        Ok(())
    }
}

impl Chat {
    fn delta(&mut self, delta: &Value, told: &mut Told) -> Result<(), String> {
        let members = delta.as_object().ok_or("no delta")?;
        for (name, value) in members {
            match name.as_str() {
                "role" => {
                    ensure(value == "assistant" && !std::mem::replace(&mut self.role, true), || "a role".to_owned())?;
                }
                "content" => self.words(value, Item::Text(String::new()), told)?,
                "reasoning_content" => self.words(value, Item::Thinking(String::new()), told)?,
                "tool_calls" => {
                    for call in value.as_array().ok_or("no calls")? {
                        self.call(call, told)?;
                    }
                }
                _ => return Err(format!("an unknown member `{name}`")),
            }
        }
        ensure(self.role, || "no role before the first delta".to_owned())
    }

    fn words(&mut self, value: &Value, kind: Item, told: &mut Told) -> Result<(), String> {
        let more = value.as_str().ok_or("no text")?;
        let same = |item: &Item| std::mem::discriminant(item) == std::mem::discriminant(&kind);
        if !more.is_empty() {
            if !told.items.last().is_some_and(same) {
                told.items.push(kind);
            }
            told.grow(more);
        }
        Ok(())
    }

    fn call(&mut self, call: &Value, told: &mut Told) -> Result<(), String> {
        let index = usize::try_from(number(call, "index")?).map_err(|error| error.to_string())?;
        let function = &call["function"];
        let arguments = text(function, "arguments")?;
        if index == self.calls.len() {
            ensure(call["type"] == "function", || "a call's type".to_owned())?;
            ensure(!text(function, "name")?.is_empty(), || "a call without a name".to_owned())?;
            let id = text(call, "id")?.to_owned();
            ensure(!id.is_empty() && !told.ids.contains(&id), || "a call's id".to_owned())?;
            told.ids.push(id);
            self.calls.push(told.items.len());
            told.items.push(Item::Call(text(function, "name")?.to_owned(), String::new()));
        } else {
            // Libraries put the pieces of every member together: a name said twice is another name.
            ensure(call.get("id").is_none() && function.get("name").is_none(), || "its head again".to_owned())?;
        }
        let place = self.calls.get(index).ok_or("calls out of order")?;
        if let Some(Item::Call(_, input)) = told.items.get_mut(*place) {
            input.push_str(arguments);
        }
        Ok(())
    }
}

/// `response.created`, items one after another, and the whole response at the end.
#[derive(Default)]
struct Responses {
    next: u64,
    begun: bool,
    /// the open item: its type, its id, whether a part is open
    open: Option<(String, String, bool)>,
    items: Vec<Value>,
    /// text of the open part
    part: String,
}

impl State for Responses {
    fn take(&mut self, name: Option<&str>, event: &Value, told: &mut Told) -> Result<(), String> {
        let kind = text(event, "type")?;
        ensure(name.is_none_or(|name| name == kind), || "its name is not its type".to_owned())?;
        ensure(number(event, "sequence_number")? == self.next, || "a wrong number".to_owned())?;
        self.next += 1;
        match kind {
            "error" => {
                text(event, "message")?;
                told.failed = true;
                Ok(())
            }
            "response.created" | "response.in_progress" => {
                ensure((kind == "response.created") != self.begun, || "a second start".to_owned())?;
                self.begun = true;
                let response = &event["response"];
                ensure(text(response, "id")?.starts_with("resp_") && response["status"] == "in_progress", || {
                    "its head".to_owned()
                })
            }
            "response.failed" => {
                ensure(event["response"]["status"] == "failed", || "its status".to_owned())?;
                text(&event["response"]["error"], "message")?;
                told.failed = true;
                Ok(())
            }
            _ if !self.begun => Err("before the start".to_owned()),
            "response.completed" | "response.incomplete" => self.end(kind, &event["response"], told),
            "response.output_item.added" => self.added(event, told),
            "response.output_item.done" => self.item_done(event, told),
            _ => self.inside(kind, event, told),
        }
    }
}

impl Responses {
    fn added(&mut self, event: &Value, told: &mut Told) -> Result<(), String> {
        ensure(self.open.is_none(), || "another item is open".to_owned())?;
        ensure(number(event, "output_index")? == self.items.len() as u64, || "a wrong index".to_owned())?;
        let item = &event["item"];
        let kind = text(item, "type")?;
        self.open = Some((kind.to_owned(), text(item, "id")?.to_owned(), false));
        match kind {
            "message" => ensure(item["role"] == "assistant", || "its role".to_owned()),
            "function_call" | "custom_tool_call" => {
                let id = text(item, "call_id")?.to_owned();
                ensure(!id.is_empty() && !told.ids.contains(&id), || "a call's id".to_owned())?;
                told.ids.push(id);
                ensure(!text(item, "name")?.is_empty(), || "a call without a name".to_owned())?;
                told.items.push(Item::Call(text(item, "name")?.to_owned(), String::new()));
                Ok(())
            }
            "reasoning" => {
                told.items.push(Item::Thinking(String::new()));
                Ok(())
            }
            _ => Err("an unknown item".to_owned()),
        }
    }

    fn inside(&mut self, kind: &str, event: &Value, told: &mut Told) -> Result<(), String> {
        let index = self.items.len() as u64;
        let Some((item, id, part)) = &mut self.open else { return Err("no item is open".to_owned()) };
        ensure(number(event, "output_index")? == index && text(event, "item_id")? == id, || "another item".to_owned())?;
        let name = kind.strip_prefix("response.").unwrap_or(kind);
        let begins = matches!(name, "content_part.added" | "reasoning_summary_part.added");
        let ends = matches!(name, "content_part.done" | "reasoning_summary_part.done");
        let of = match name {
            "content_part.added" | "content_part.done" if item == "reasoning" => "reasoning",
            "content_part.added" | "content_part.done" | "output_text.delta" | "output_text.done" | "refusal.delta"
            | "refusal.done" => "message",
            "function_call_arguments.delta" | "function_call_arguments.done" => "function_call",
            "custom_tool_call_input.delta" | "custom_tool_call_input.done" => "custom_tool_call",
            name if name.starts_with("reasoning_") => "reasoning",
            _ => return Err("an unknown event".to_owned()),
        };
        ensure(of == item, || "an event of another item".to_owned())?;
        let in_part = !name.contains("call");
        if begins {
            ensure(!std::mem::replace(part, true), || "another part is open".to_owned())?;
            self.part.clear();
            if of == "message" {
                told.items.push(Item::Text(String::new()));
            }
            return Ok(());
        }
        ensure(!in_part || *part, || "no part is open".to_owned())?;
        if ends {
            *part = false;
            return Ok(());
        }
        if name.ends_with(".delta") {
            let delta = text(event, "delta")?;
            self.part.push_str(delta);
            told.grow(delta);
            return Ok(());
        }
        let member = ["text", "arguments", "input", "refusal"].into_iter().find(|member| event.get(*member).is_some());
        let whole = text(event, member.ok_or("nothing is done")?)?.to_owned();
        ensure(whole == self.part, || "the deltas are not the whole".to_owned())?;
        Ok(())
    }

    fn item_done(&mut self, event: &Value, told: &mut Told) -> Result<(), String> {
        let (kind, id, part) = self.open.take().ok_or("no item is open")?;
        let item = &event["item"];
        ensure(!part, || "a part is open".to_owned())?;
        ensure(number(event, "output_index")? == self.items.len() as u64, || "a wrong index".to_owned())?;
        ensure(text(item, "type")? == kind && text(item, "id")? == id, || "another item".to_owned())?;
        if let (Some(Item::Call(name, input)), Some(arguments)) = (told.items.last(), item["arguments"].as_str()) {
            ensure(name == text(item, "name")? && input == arguments, || "another call".to_owned())?;
        }
        self.part.clear();
        self.items.push(item.clone());
        Ok(())
    }

    fn end(&mut self, kind: &str, response: &Value, told: &mut Told) -> Result<(), String> {
        ensure(self.open.is_none(), || "an item is open".to_owned())?;
        let status = text(response, "status")?;
        ensure(kind == format!("response.{status}"), || "its status".to_owned())?;
        ensure(response["output"].as_array() == Some(&self.items), || "the output is not the items".to_owned())?;
        let usage = &response["usage"];
        let (input, output) = (number(usage, "input_tokens")?, number(usage, "output_tokens")?);
        ensure(number(usage, "total_tokens")? == input + output, || "a wrong sum".to_owned())?;
        told.usage = Some((input, output));
        let reason = response["incomplete_details"]["reason"].as_str();
        told.stop = Some(reason.unwrap_or(status).to_owned());
        told.ended = true;
        // Arguments are a text here, as in Chat Completions: what a model writes may be no JSON.
        Ok(())
    }
}

/// Responses one after another; the last has a finish reason.
#[derive(Default)]
struct Gemini {
    heads: Option<String>,
}

impl State for Gemini {
    fn take(&mut self, name: Option<&str>, chunk: &Value, told: &mut Told) -> Result<(), String> {
        ensure(name.is_none(), || "events have no names here".to_owned())?;
        if chunk["error"].is_object() {
            number(&chunk["error"], "code")?;
            text(&chunk["error"], "message")?;
            text(&chunk["error"], "status")?;
            told.failed = true;
            return Ok(());
        }
        if let Some(id) = chunk["responseId"].as_str() {
            ensure(self.heads.get_or_insert_with(|| id.to_owned()) == id, || "another id".to_owned())?;
        }
        ensure(told.stop.is_none(), || "behind the finish".to_owned())?;
        let [candidate] = chunk["candidates"].as_array().ok_or("no candidates")?.as_slice() else {
            return Err("not one candidate".to_owned());
        };
        let content = &candidate["content"];
        ensure(content.is_null() || content["role"] == "model", || "its role".to_owned())?;
        for part in content["parts"].as_array().into_iter().flatten() {
            Self::part(part, told)?;
        }
        if !candidate["finishReason"].is_null() {
            let stop = text(candidate, "finishReason")?.to_owned();
            ensure(["STOP", "MAX_TOKENS", "SAFETY"].contains(&stop.as_str()), || "an unknown finish".to_owned())?;
            let usage = &chunk["usageMetadata"];
            let total = number(usage, "totalTokenCount")?;
            let input = number(usage, "promptTokenCount")?;
            told.usage = Some((input, total.checked_sub(input).ok_or("a wrong sum")?));
            told.stop = Some(stop);
            told.ended = true;
        }
        Ok(())
    }
}

impl Gemini {
    fn part(part: &Value, told: &mut Told) -> Result<(), String> {
        let held = ["text", "functionCall", "inlineData"].into_iter().filter(|kind| part.get(*kind).is_some()).count();
        ensure(held == 1 || (held == 0 && part["thoughtSignature"].is_string()), || {
            "a part holds one thing".to_owned()
        })?;
        if let Some(more) = part["text"].as_str() {
            let kind = if part["thought"] == true { Item::Thinking(String::new()) } else { Item::Text(String::new()) };
            let same = |item: &Item| std::mem::discriminant(item) == std::mem::discriminant(&kind);
            if !told.items.last().is_some_and(same) && !more.is_empty() {
                told.items.push(kind);
            }
            if !more.is_empty() {
                told.grow(more);
            }
        }
        let call = &part["functionCall"];
        if call.is_object() {
            ensure(!text(call, "name")?.is_empty(), || "a call without a name".to_owned())?;
            ensure(call["args"].is_object() || call.get("args").is_none(), || "its arguments".to_owned())?;
            let input = if call["args"].is_object() { call["args"].to_string() } else { String::new() };
            told.items.push(Item::Call(text(call, "name")?.to_owned(), input));
            if let Some(id) = call["id"].as_str() {
                ensure(!told.ids.contains(&id.to_owned()), || "two calls with one id".to_owned())?;
                told.ids.push(id.to_owned());
            }
        }
        Ok(())
    }
}
