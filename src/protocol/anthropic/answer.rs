//! Whole answers of Anthropic Messages.

use super::super::Wire;
use super::super::answer::BrokenAnswer;
use super::super::json::{JsonError, Kind, Raw, Text, push_string, push_text, push_with};
use super::super::message::{Block, Input, Message, note_of};
use super::super::names::legal_id;
use super::super::signed::Signed;
use super::super::stream::own::{Changed, Piece};
use super::super::stream::writer::Heading;
use super::super::usage::Stop;
use super::stream_write::push_usage;

pub(crate) fn read_answer(body: Raw<'_>) -> Result<Message<'_>, BrokenAnswer> {
    let [content, stop, sequence, usage] = body.pick(["content", "stop_reason", "stop_sequence", "usage"])?;
    let content = content.filter(|content| content.kind() == Kind::Array);
    let content = content.ok_or_else(|| BrokenAnswer::new("it has no content"))?;
    // A whole answer always says why it ended; `null` stands only where a stream begins.
    let word = stop.and_then(Raw::text).filter(|word| !word.is_empty());
    let word = word.ok_or_else(|| BrokenAnswer::new("it does not say why it ended (`stop_reason`)"))?;
    let mut message = Message {
        stop: Stop::read(Wire::Anthropic, word),
        sequence: sequence.and_then(Raw::text),
        ..Message::default()
    };
    if let Some(usage) = usage {
        message.counted = message.usage.get_or_insert_default().read(Wire::Anthropic, usage);
    }
    for block in content.elements() {
        let block = block?;
        let [kind, text, thinking, signature, id, name, input] =
            block.pick(["type", "text", "thinking", "signature", "id", "name", "input"])?;
        let full = |raw: Option<Raw<'_>>| raw.is_some_and(|raw| !raw.is_text(""));
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"text" if full(text) => message.blocks.extend(text.and_then(Raw::text).map(Block::Text)),
            b"text" => {}
            b"thinking" => message.blocks.extend(thinking.and_then(Raw::text).map(|text| Block::Thinking {
                text,
                signature: signature.and_then(Raw::text).map(|text| Signed { maker: Wire::Anthropic, text }),
            })),
            b"tool_use" => message.blocks.push(Block::Tool {
                id: id.and_then(Raw::text).unwrap_or(Text::EMPTY),
                name: name.and_then(Raw::text).unwrap_or(Text::EMPTY),
                input: Input::of(input),
            }),
            _ => message.blocks.push(Block::Foreign(Wire::Anthropic, block)),
        }
        message.units.push((message.blocks.len(), block));
    }
    let calls = message.blocks.iter().any(|block| matches!(block, Block::Tool { .. }));
    message.stop = message.stop.with_calls(calls);
    Ok(message)
}

pub(crate) fn write_answer(message: &Message<'_>, heading: &Heading) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"id\":");
    push_string(&mut out, &format!("msg_{}", heading.id));
    out.extend_from_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    push_string(&mut out, &heading.model);
    out.extend_from_slice(b",\"content\":[");
    let unseen = |block: &&Block<'_>| matches!(block, Block::Foreign(wire, raw) if *wire != Wire::Anthropic && note_of(*raw).is_none());
    for (index, block) in message.blocks.iter().filter(|block| !unseen(block)).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_block(index, block, heading, &mut out);
    }
    out.extend_from_slice(b"],\"stop_reason\":");
    push_string(&mut out, message.stop.word(Wire::Anthropic));
    out.extend_from_slice(b",\"stop_sequence\":");
    match message.sequence.filter(|_| message.stop == Stop::StopSequence) {
        Some(sequence) => push_text(&mut out, sequence),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"usage\":");
    push_usage(&mut out, message.spent(heading.input_tokens).usage);
    out.push(b'}');
    out
}

/// Writes an answer of Anthropic's in which something changed.
pub(crate) fn write_changed(changed: &Changed<'_>, heading: &Heading) -> Result<Vec<u8>, JsonError> {
    let mut content = Vec::with_capacity(changed.body.bytes().len() + 64);
    let mut index = 0;
    let mut separate = |content: &mut Vec<u8>| {
        content.push(if index > 0 { b',' } else { b'[' });
        index += 1;
        index
    };
    for piece in &changed.pieces {
        match piece {
            Piece::Own(block) => {
                separate(&mut content);
                content.extend_from_slice(block.bytes());
            }
            Piece::Changed(blocks) => {
                for block in blocks {
                    let index = separate(&mut content);
                    write_block(index, block, heading, &mut content);
                }
            }
        }
    }
    content.extend_from_slice(if content.is_empty() { b"[]" } else { b"]" });
    let mut word = Vec::new();
    if let Some(stop) = changed.stop {
        push_string(&mut word, stop.word(Wire::Anthropic));
    }
    let others: [(&str, &[u8]); 2] = [("content", &content), ("stop_reason", &word)];
    let mut out = Vec::with_capacity(changed.body.bytes().len() + 256);
    push_with(&mut out, changed.body, others.get(..if word.is_empty() { 1 } else { 2 }).unwrap_or_default())?;
    Ok(out)
}

fn write_block(index: usize, block: &Block<'_>, heading: &Heading, out: &mut Vec<u8>) {
    match block {
        Block::Text(text) => {
            out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
            push_text(out, *text);
        }
        Block::Thinking { text, signature } => {
            out.extend_from_slice(b"{\"type\":\"thinking\",\"thinking\":");
            push_text(out, *text);
            out.extend_from_slice(b",\"signature\":");
            out.push(b'"');
            if let Some(signature) = signature {
                signature.push(Wire::Anthropic, out);
            }
            out.push(b'"');
        }
        Block::Tool { id, name, input } => {
            out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":");
            if id.is_empty() {
                push_string(out, &format!("toolu_{}_{index}", heading.id));
            } else {
                push_string(out, &legal_id(&id.decode()));
            }
            out.extend_from_slice(b",\"name\":");
            push_string(out, heading.back.client_name(&name.decode()));
            out.extend_from_slice(b",\"input\":");
            input.push_object(out);
        }
        Block::Foreign(Wire::Anthropic, block) => return out.extend_from_slice(block.bytes()),
        Block::Foreign(_, block) => {
            out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
            push_string(out, &note_of(*block).unwrap_or_default());
        }
    }
    out.push(b'}');
}
