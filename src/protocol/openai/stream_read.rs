//! Reading a Chat stream. Upstreams that call themselves compatible differ here most.

use super::super::Wire;
use super::super::errors::read_upstream_error;
use super::super::json::{Kind, Raw, Text, push_number, push_with};
use super::super::message::Input;
use super::super::stream::event::{Event, Foreign, Form, Sink, StreamError};
use super::super::stream::others::Others;
use super::super::usage::{Stop, Usage};
use super::answer::{choice_error, detailed_thinking};

/// Members of a delta that are told in the form for all wires; a client of Chat gets every other one as it came.
const READ: [&str; 3] = ["role", "content", "tool_calls"];

/// Most tool calls of one answer.
const MAX_CALLS: usize = 256;

/// Reads the chunks of Chat Completions.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    calls: Vec<Call>,
    refused: bool,
    /// the other choices; None unless the client speaks Chat too
    others: Option<Others>,
    /// the chunks are written anew for a client of Chat: what only Chat knows is told
    own: bool,
    /// the head was told
    headed: bool,
}

/// A tool call as the upstream numbers it.
#[derive(Debug)]
struct Call {
    index: u64,
    /// empty until it comes
    id: Vec<u8>,
    named: bool,
}

/// An error that stands in no `error`, as older vLLM and DashScope send it. Passed on as it is, it
/// would look like an answer that goes on, and may quote our key.
fn is_bare_error(chunk: Raw<'_>) -> bool {
    let [object, message, detail] = chunk.peek(["object", "message", "detail"]);
    let is_error = object.and_then(Raw::text).is_some_and(|word| word.escaped() == b"error");
    is_error || [message, detail].into_iter().flatten().any(|text| text.kind() == Kind::String)
}

impl StreamReader {
    /// What it reads goes on to the client as it came.
    pub(crate) fn pass_on(&mut self) {
        self.others = Some(Others::default());
    }

    /// What it reads is written anew for a client of Chat.
    pub(crate) fn keep_own(&mut self) {
        self.pass_on();
        self.own = true;
    }

    fn foreign(&self, form: Form, raw: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        if self.own { sink(Event::Foreign(Foreign { wire: Wire::Chat, form, raw })) } else { Ok(()) }
    }

    /// What of a choice is neither text nor call nor end.
    fn rest(&self, choice: Raw<'_>, delta: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        if !self.own {
            return Ok(());
        }
        let (mut inner, mut rest) = (Vec::new(), Vec::new());
        push_with(&mut inner, delta, &READ.map(|name| (name, &b""[..])))?;
        push_with(&mut rest, choice, &[("delta", &inner), ("finish_reason", b"null"), ("index", b"0")])?;
        let said = |name: &str| name != "delta" && name != "finish_reason" && name != "index";
        let more = |(key, value): (Text<'_>, Raw<'_>)| said(&key.decode()) && !value.is_null();
        if inner != b"{}" || choice.members().map_while(Result::ok).any(more) {
            self.foreign(Form::Beside, Raw::from_measured(&rest), sink)?;
        }
        Ok(())
    }

    pub(crate) fn unfinished(&self) -> bool {
        self.others.as_ref().is_some_and(Others::unfinished)
    }

    pub(crate) fn read(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        if data == b"[DONE]" {
            return sink(Event::End);
        }
        if data.is_empty() {
            return Ok(());
        }
        let chunk = Raw::object(data)?;
        let [choices, usage, error] = chunk.pick(["choices", "usage", "error"])?;
        if error.is_some() || (choices.is_none() && usage.is_none() && is_bare_error(chunk)) {
            let (kind, message) = read_upstream_error(data);
            return Err(StreamError::Upstream { kind, message });
        }
        if self.own && !std::mem::replace(&mut self.headed, true) {
            let mut head = Vec::new();
            push_with(&mut head, chunk, &[("choices", b""), ("usage", b"")])?;
            self.foreign(Form::Head, Raw::from_measured(&head), sink)?;
        }
        for (place, choice) in (0..).zip(choices.unwrap_or(Raw::NULL).elements()) {
            self.choice(place, choice?, sink)?;
        }
        if let Some(usage) = usage {
            let mut read = Usage::default();
            let last = read.read(Wire::Chat, usage);
            self.foreign(Form::Tail, usage, sink)?;
            sink(Event::Usage { usage: read, last })?;
        }
        Ok(())
    }

    fn choice(&mut self, place: u64, choice: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        if let Some((kind, message)) = choice_error(choice)? {
            return Err(StreamError::Upstream { kind, message });
        }
        let [delta, finish, index, sequence, matched] =
            choice.pick(["delta", "finish_reason", "index", "stop_reason", "matched_stop"])?;
        // Only the first of several choices is told: no other protocol has more than one.
        let word = finish.and_then(Raw::text).filter(|word| !word.is_empty());
        let number = index.and_then(Raw::whole).unwrap_or(place);
        if number != 0 {
            self.others.as_mut().map_or(Ok(()), |others| others.see(number, word.is_some()))?;
            if !self.own {
                return Ok(());
            }
            let (mut numbered, mut own) = (Vec::new(), Vec::new());
            push_number(&mut own, number);
            push_with(&mut numbered, choice, &[("index", &own)])?;
            return self.foreign(Form::Beside, Raw::from_measured(&numbered), sink);
        }
        self.rest(choice, delta.unwrap_or(Raw::NULL), sink)?;
        if let Some(delta) = delta {
            self.delta(delta, sink)?;
        }
        let Some(word) = word else { return Ok(()) };
        let sequence = sequence.or(matched).and_then(Raw::text);
        let stop = match Stop::read(Wire::Chat, word) {
            Stop::End if self.refused => Stop::Refusal,
            Stop::End if !self.calls.is_empty() => Stop::ToolUse,
            Stop::End if sequence.is_some() => Stop::StopSequence,
            stop => stop,
        };
        sink(Event::Stop { stop, sequence, word: Some(word).filter(|_| self.own) })
    }

    fn delta(&mut self, delta: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let [content, reasoning, thought, details, refusal, calls] =
            delta.pick(["content", "reasoning_content", "reasoning", "reasoning_details", "refusal", "tool_calls"])?;
        // For a client of Chat its thinking stays in the member where it was.
        match reasoning.or(thought).and_then(Raw::text) {
            _ if self.own => {}
            Some(text) => sink(Event::Thinking(text))?,
            None => detailed_thinking(details).try_for_each(|text| sink(Event::Thinking(text)))?,
        }
        match content {
            Some(content) if content.kind() == Kind::Array => {
                for part in content.elements() {
                    if let Some(text) = part?.get("text").and_then(Raw::text) {
                        sink(Event::Text(text))?;
                    }
                }
            }
            Some(content) => sink(Event::Text(content.text().unwrap_or(Text::EMPTY)))?,
            None => {}
        }
        if let Some(text) = refusal.and_then(Raw::text).filter(|text| !text.is_empty()) {
            self.refused = true;
            // For a client of Chat it stays where it was.
            if !self.own {
                sink(Event::Text(text))?;
            }
        }
        for (position, call) in calls.unwrap_or(Raw::NULL).elements().enumerate() {
            self.call(position, call?, sink)?;
        }
        Ok(())
    }

    fn call(&mut self, position: usize, call: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let [index, id, function] = call.pick(["index", "id", "function"])?;
        let [name, arguments] = function.unwrap_or(Raw::NULL).pick(["name", "arguments"])?;
        let full = |raw: Option<Raw<'_>>| raw.is_some_and(|raw| !raw.is_text(""));
        let id = id.filter(|id| full(Some(*id))).and_then(Raw::text);
        let name = name.filter(|name| full(Some(*name))).and_then(Raw::text);
        let index = index.and_then(Raw::whole);
        let slot = self.slot(index, position, id, name.is_some())?;
        if let Some(call) = self.calls.get_mut(slot) {
            let late_id = call.id.is_empty() && id.is_some();
            if late_id || !call.named {
                call.id = id.map_or_else(|| std::mem::take(&mut call.id), |id| id.escaped().to_vec());
                call.named |= name.is_some();
                sink(Event::ToolStart { slot, id, name })?;
            }
        }
        match arguments.filter(|arguments| full(Some(*arguments))) {
            Some(arguments) => Input::of(Some(arguments)).with_text(|json| sink(Event::ToolInput { slot, json })),
            None => Ok(()),
        }
    }

    /// Which call a delta belongs to. An index tells, unless the upstream gives every call the
    /// index 0 or none at all: then a new id, together with a name, begins a new call.
    fn slot(
        &mut self,
        index: Option<u64>,
        position: usize,
        id: Option<Text<'_>>,
        named: bool,
    ) -> Result<usize, StreamError> {
        let wanted = index.unwrap_or_else(|| u64::try_from(position).unwrap_or(0));
        let found = match (index, id) {
            (None, Some(id)) => self.calls.iter().rposition(|call| call.id == id.escaped()),
            (None, None) if position == 0 => self.calls.len().checked_sub(1),
            _ => self.calls.iter().rposition(|call| call.index == wanted),
        };
        if let Some(slot) = found {
            let known = self.calls.get(slot).map_or(&b""[..], |call| &call.id);
            if !(named && !known.is_empty() && id.is_some_and(|id| id.escaped() != known)) {
                return Ok(slot);
            }
        }
        if self.calls.len() >= MAX_CALLS {
            return Err(StreamError::Malformed(format!("more than {MAX_CALLS} tool calls")));
        }
        self.calls.push(Call { index: wanted, id: Vec::new(), named: false });
        Ok(self.calls.len() - 1)
    }
}
