//! Whole answers of Responses.

use super::super::Wire;
use super::super::answer::BrokenAnswer;
use super::super::json::{JsonError, Kind, Raw, Text, push_escaped, push_with};
use super::super::message::{Block, Input, Message, note_of};
use super::super::signed::Signed;
use super::super::stream::own::Piece;
use super::super::stream::writer::Heading;
use super::super::usage::Stop;
use super::items::{Called, Item, Progress, State, plain_input, push_response};

pub(crate) fn read_answer(body: Raw<'_>) -> Result<Message<'_>, BrokenAnswer> {
    let [output, status, details, usage, background] =
        body.pick(["output", "status", "incomplete_details", "usage", "background"])?;
    let output = output.filter(|output| output.kind() == Kind::Array);
    let output = output.ok_or_else(|| BrokenAnswer::new("it has no output"))?;
    let mut message = Message::default();
    if let Some(usage) = usage {
        message.counted = message.usage.get_or_insert_default().read(Wire::Responses, usage);
    }
    let mut refused = false;
    for item in output.elements() {
        let item = item?;
        refused |= read_item(item, &mut message)?;
        message.units.push((message.blocks.len(), item));
    }
    let calls = message.blocks.iter().any(|block| matches!(block, Block::Tool { .. }));
    message.stop = match status.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"incomplete" => stop_of(details)?,
        b"failed" | b"cancelled" => return Err(BrokenAnswer::new("the provider did not finish it")),
        // Whoever asked for work in the background has an answer already: where to ask for the rest.
        b"queued" | b"in_progress" if background.and_then(Raw::boolean) == Some(true) => {
            message.other = true;
            Stop::Pause
        }
        b"queued" | b"in_progress" => return Err(BrokenAnswer::new("the provider has not finished it")),
        _ if refused => Stop::Refusal,
        _ if calls => Stop::ToolUse,
        _ => Stop::End,
    };
    Ok(message)
}

/// Why an answer is not complete.
pub(super) fn stop_of(details: Option<Raw<'_>>) -> Result<Stop, JsonError> {
    let [reason] = details.unwrap_or(Raw::NULL).pick(["reason"])?;
    Ok(if reason.is_some_and(|reason| reason.is_text("content_filter")) { Stop::Refusal } else { Stop::MaxTokens })
}

/// Reads an item; returns whether it is a refusal.
fn read_item<'a>(item: Raw<'a>, message: &mut Message<'a>) -> Result<bool, BrokenAnswer> {
    let [kind, content, summary, encrypted, id, name, arguments] =
        item.pick(["type", "content", "summary", "encrypted_content", "call_id", "name", "arguments"])?;
    let full = |raw: Option<Raw<'a>>| raw.and_then(Raw::text).filter(|text| !text.is_empty());
    let text = |raw: Option<Raw<'a>>| raw.and_then(Raw::text).unwrap_or(Text::EMPTY);
    let mut refused = false;
    match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"message" => {
            for part in content.unwrap_or(Raw::NULL).elements() {
                let [words, refusal] = part?.pick(["text", "refusal"])?;
                refused |= refusal.is_some();
                message.blocks.extend(full(words).or(full(refusal)).map(Block::Text));
            }
        }
        b"reasoning" => {
            let mut texts = Vec::new();
            for list in [summary, content] {
                for part in list.filter(|_| texts.is_empty()).unwrap_or(Raw::NULL).elements() {
                    texts.extend(full(part?.get("text")));
                }
            }
            let signature = full(encrypted).map(|text| Signed { maker: Wire::Responses, text });
            let last = texts.pop();
            message.blocks.extend(texts.into_iter().map(|text| Block::Thinking { text, signature: None }));
            if last.is_some() || signature.is_some() {
                message.blocks.push(Block::Thinking { text: last.unwrap_or(Text::EMPTY), signature });
            }
        }
        b"function_call" => {
            message.blocks.push(Block::Tool { id: text(id), name: text(name), input: Input::of(arguments) });
        }
        _ => message.blocks.push(Block::Foreign(Wire::Responses, item)),
    }
    Ok(refused)
}

pub(crate) fn write_answer(message: &Message<'_>, heading: &Heading) -> Vec<u8> {
    let items = items(message, heading);
    let mut output = Vec::with_capacity(1024);
    for (place, item) in (0..).zip(&items) {
        if place > 0 {
            output.push(b',');
        }
        let last = place + 1 == items.len() as u64;
        let cut = last && message.stop == Stop::MaxTokens;
        item.push(&mut output, heading, place, if cut { Progress::Cut } else { Progress::Done });
    }
    let mut out = Vec::with_capacity(output.len() + heading.back.echo.len() + 1024);
    let state = State::Ended(message.stop, message.spent(heading.input_tokens).usage);
    push_response(&mut out, heading, state, &output);
    out
}

/// Writes an answer of Responses in which something changed.
pub(crate) fn write_changed(body: Raw<'_>, pieces: &[Piece<'_>], heading: &Heading) -> Result<Vec<u8>, JsonError> {
    let mut all = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Own(item) => all.push(Item::Own(item.bytes().to_vec())),
            Piece::Changed(blocks) => all.extend(items(&Message::of(blocks.iter().cloned()), heading)),
        }
    }
    let mut output = b"[".to_vec();
    for (place, item) in (0..).zip(&all) {
        if place > 0 {
            output.push(b',');
        }
        item.push(&mut output, heading, place, Progress::Done);
    }
    output.push(b']');
    let mut out = Vec::with_capacity(body.bytes().len() + 256);
    push_with(&mut out, body, &[("output", &output)])?;
    Ok(out)
}

/// The blocks as items; texts that stand side by side are one message.
fn items(message: &Message<'_>, heading: &Heading) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(message.blocks.len());
    let say = |items: &mut Vec<Item>, escaped: &[u8]| match items.last_mut() {
        Some(Item::Message { text, .. }) => text.extend_from_slice(escaped),
        _ => items.push(Item::Message { text: escaped.to_vec(), annotations: Vec::new() }),
    };
    for (place, block) in message.blocks.iter().enumerate() {
        match block {
            Block::Text(text) => say(&mut items, text.escaped()),
            Block::Foreign(Wire::Responses, item) => items.push(Item::Own(item.bytes().to_vec())),
            Block::Foreign(_, block) => {
                if let Some(note) = note_of(*block) {
                    let mut escaped = Vec::with_capacity(note.len());
                    push_escaped(&mut escaped, note.as_bytes());
                    say(&mut items, &escaped);
                }
            }
            Block::Thinking { text, signature } => {
                let signature = signature.map(|signed| {
                    let mut out = Vec::with_capacity(signed.text.escaped().len() + 16);
                    signed.push(Wire::Responses, &mut out);
                    out
                });
                items.push(Item::Reasoning { text: text.escaped().to_vec(), signature });
            }
            Block::Tool { id, name, input } => {
                let called = Called::of(&heading.back, &name.decode());
                let mut written = Vec::new();
                input.push_closed(message.stop, &mut written);
                let arguments = Raw::from_measured(&written).text().unwrap_or(Text::EMPTY);
                let arguments = if called.is_custom() { plain_input(arguments) } else { arguments.escaped().to_vec() };
                let id = if id.is_empty() { format!("call_{}_{place}", heading.id) } else { id.decode().into_owned() };
                items.push(Item::Call { id, called, arguments });
            }
        }
    }
    items
}
