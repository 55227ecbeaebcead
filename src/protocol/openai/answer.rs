//! Whole answers of Chat Completions.

use super::super::Wire;
use super::super::answer::BrokenAnswer;
use super::super::errors::read_upstream_error;
use super::super::json::{JsonError, Raw, Text, push_number, push_string, push_with};
use super::super::message::{Block, Input, Message, escaped_note};
use super::super::stream::own::Changed;
use super::super::stream::writer::Heading;
use super::super::usage::Stop;
use super::stream_write::push_usage;

pub(crate) fn read_answer(body: Raw<'_>) -> Result<Message<'_>, BrokenAnswer> {
    let [choices, usage] = body.pick(["choices", "usage"])?;
    let Some(choice) = choices.unwrap_or(Raw::NULL).elements().next() else {
        return Err(BrokenAnswer::new("it has no choices"));
    };
    let choice = choice?;
    if let Some((kind, message)) = choice_error(choice)? {
        return Err(BrokenAnswer::Upstream { kind, message });
    }
    let [content, finish, sequence, matched] =
        choice.pick(["message", "finish_reason", "stop_reason", "matched_stop"])?;
    let content = content.ok_or_else(|| BrokenAnswer::new("its choice has no message"))?;
    let mut message = Message { sequence: sequence.or(matched).and_then(Raw::text), ..Message::default() };
    if let Some(usage) = usage {
        message.counted = message.usage.get_or_insert_default().read(Wire::Chat, usage);
    }
    let refused = read_message(content, &mut message.blocks)?;
    let calls = message.blocks.iter().any(|block| matches!(block, Block::Tool { .. }));
    let word = finish.and_then(Raw::text).unwrap_or(Text::EMPTY);
    // Some servers leave the word out of whole answers. They counted what they sent, which they do when the
    // model is done; without the count, or without content, nothing tells the answer from one that broke off.
    if word.is_empty() && !(message.counted && message.has_content()) {
        return Err(BrokenAnswer::new("it does not say why it ended (`finish_reason`)"));
    }
    message.stop = match Stop::read(Wire::Chat, word) {
        Stop::End if refused => Stop::Refusal,
        Stop::End if calls => Stop::ToolUse,
        Stop::End if message.sequence.is_some() => Stop::StopSequence,
        stop => stop,
    };
    Ok(message)
}

/// The error that some providers put inside a choice when they fail while they answer.
pub(super) fn choice_error(choice: Raw<'_>) -> Result<Option<(String, String)>, JsonError> {
    let [error, finish] = choice.pick(["error", "finish_reason"])?;
    Ok(match error {
        Some(_) => Some(read_upstream_error(choice.bytes())),
        None if finish.is_some_and(|word| word.is_text("error")) => Some(("error".to_owned(), String::new())),
        None => None,
    })
}

/// Reads a message's blocks; returns whether it is a refusal.
fn read_message<'a>(message: Raw<'a>, blocks: &mut Vec<Block<'a>>) -> Result<bool, JsonError> {
    let [content, reasoning, thought, details, refusal, calls] =
        message.pick(["content", "reasoning_content", "reasoning", "reasoning_details", "refusal", "tool_calls"])?;
    let full = |raw: Option<Raw<'a>>| raw.and_then(Raw::text).filter(|text| !text.is_empty());
    if let Some(text) = full(reasoning).or(full(thought)) {
        blocks.push(Block::Thinking { text, signature: None });
    } else {
        blocks.extend(detailed_thinking(details).map(|text| Block::Thinking { text, signature: None }));
    }
    blocks.extend(full(content).map(Block::Text));
    for part in content.unwrap_or(Raw::NULL).elements() {
        blocks.extend(full(part?.get("text")).map(Block::Text));
    }
    let refusal = full(refusal);
    blocks.extend(refusal.map(Block::Text));
    for call in calls.unwrap_or(Raw::NULL).elements() {
        let [id, function] = call?.pick(["id", "function"])?;
        let [name, arguments] = function.unwrap_or(Raw::NULL).pick(["name", "arguments"])?;
        let text = |raw: Option<Raw<'a>>| raw.and_then(Raw::text).unwrap_or(Text::EMPTY);
        blocks.push(Block::Tool { id: text(id), name: text(name), input: Input::of(arguments) });
    }
    Ok(refusal.is_some())
}

/// What can be read of `reasoning_details`, where OpenRouter and its likes put thinking. Most of them send
/// it a second time as `reasoning`, so this is only asked when there is none.
pub(super) fn detailed_thinking(details: Option<Raw<'_>>) -> impl Iterator<Item = Text<'_>> {
    let details = details.unwrap_or(Raw::NULL).elements().map_while(Result::ok);
    let texts = details.filter_map(|detail| {
        let [text, summary] = detail.peek(["text", "summary"]);
        text.or(summary)?.text()
    });
    texts.filter(|text| !text.is_empty())
}

pub(crate) fn write_answer(message: &Message<'_>, heading: &Heading) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"id\":");
    push_string(&mut out, &format!("chatcmpl-{}", heading.id));
    out.extend_from_slice(b",\"object\":\"chat.completion\",\"created\":");
    push_number(&mut out, heading.created_unix);
    out.extend_from_slice(b",\"model\":");
    push_string(&mut out, &heading.model);
    out.extend_from_slice(b",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"");
    push_texts(&mut out, message, true, b",\"reasoning_content\":");
    if !push_texts(&mut out, message, false, b",\"content\":") {
        out.extend_from_slice(b",\"content\":null");
    }
    push_calls(&mut out, message, heading);
    out.extend_from_slice(b",\"refusal\":null},\"logprobs\":null,\"finish_reason\":");
    push_string(&mut out, message.stop.word(Wire::Chat));
    out.extend_from_slice(b"}],\"usage\":");
    push_usage(&mut out, message.spent(heading.input_tokens).usage);
    out.push(b'}');
    out
}

/// Writes an answer of Chat in which something changed: only what did is written anew.
pub(crate) fn write_changed(changed: &Changed<'_>, heading: &Heading) -> Result<Vec<u8>, JsonError> {
    let mut list = changed.body.get("choices").unwrap_or(Raw::NULL).elements();
    let first = list.next().transpose()?.unwrap_or(Raw::NULL);
    let members = |message: &Message<'_>| {
        let (mut thinking, mut text, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        push_texts(&mut thinking, message, true, b"");
        if !push_texts(&mut text, message, false, b"") {
            text.extend_from_slice(b"null");
        }
        push_calls(&mut calls, message, heading);
        let calls = calls.strip_prefix(CALLS).unwrap_or_default().to_vec();
        [("reasoning_content", thinking), ("content", text), ("tool_calls", calls)]
    };
    let goes = members(&changed.goes);
    let others: Vec<(&str, &[u8])> = members(&changed.came)
        .iter()
        .zip(&goes)
        .filter(|(came, goes)| came != goes)
        .map(|(_, (name, value))| (*name, value.as_slice()))
        .collect();
    let (mut message, mut word, mut all, mut out) = (Vec::new(), Vec::new(), b"[".to_vec(), Vec::new());
    push_with(&mut message, first.get("message").unwrap_or(Raw::NULL), &others)?;
    let mut others: Vec<(&str, &[u8])> = vec![("message", &message)];
    if let Some(stop) = changed.stop {
        push_string(&mut word, stop.word(Wire::Chat));
        others.push(("finish_reason", &word));
    }
    push_with(&mut all, first, &others)?;
    for other in list {
        all.push(b',');
        all.extend_from_slice(other?.bytes());
    }
    all.push(b']');
    push_with(&mut out, changed.body, &[("choices", &all)])?;
    Ok(out)
}

/// What stands before a message's calls.
const CALLS: &[u8] = b",\"tool_calls\":";

/// Appends all thinking, or all text, as one member. Returns whether there was any.
fn push_texts(out: &mut Vec<u8>, message: &Message<'_>, thinking: bool, member: &[u8]) -> bool {
    let mut any = false;
    for block in &message.blocks {
        let note;
        let text = match block {
            // A signature may stand alone.
            Block::Thinking { text, .. } if thinking && !text.is_empty() => *text,
            Block::Text(text) if !thinking => *text,
            Block::Foreign(_, block) if !thinking => match escaped_note(*block) {
                Some(escaped) => {
                    note = escaped;
                    Text::from_escaped(&note)
                }
                None => continue,
            },
            _ => continue,
        };
        if !std::mem::replace(&mut any, true) {
            out.extend_from_slice(member);
            out.push(b'"');
        }
        out.extend_from_slice(text.escaped());
    }
    if any {
        out.push(b'"');
    }
    any
}

fn push_calls(out: &mut Vec<u8>, message: &Message<'_>, heading: &Heading) {
    let mut any = false;
    for (index, block) in message.blocks.iter().enumerate() {
        let Block::Tool { id, name, input } = block else { continue };
        if !std::mem::replace(&mut any, true) {
            out.extend_from_slice(CALLS);
            out.push(b'[');
        } else {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"id\":");
        if id.is_empty() {
            push_string(out, &format!("call_{}_{index}", heading.id));
        } else {
            push_string(out, &id.decode());
        }
        out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        push_string(out, heading.back.client_name(&name.decode()));
        out.extend_from_slice(b",\"arguments\":");
        input.push_closed(message.stop, out);
        out.extend_from_slice(b"}}");
    }
    if any {
        out.push(b']');
    }
}
