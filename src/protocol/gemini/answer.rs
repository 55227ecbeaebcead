//! Whole answers of Gemini.

use super::super::Wire;
use super::super::answer::BrokenAnswer;
use super::super::json::{JsonError, Raw, Text, push_flat, push_number, push_string, push_with};
use super::super::message::{Block, Input, Message, note_of};
use super::super::signed::Signed;
use super::super::stream::own::{Changed, Piece};
use super::super::stream::writer::Heading;
use super::super::usage::{Stop, Usage};
use super::fields::{is_named, peek, pick};
use super::write::{self, Part};

/// Why Gemini stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// it ended
    Ended(Stop),
    /// what it wrote is of no use: the word that says why. No other protocol has a word for it, and any that
    /// ends an answer well would make an agent believe that its turn is over. So it is an error, which clients
    /// try again: a failed attempt, or an error event once the client has begun to read
    Failed,
}

/// Reads Gemini's word. What the provider held back is a refusal, also when it does not say why; an
/// unknown word is an end.
pub(super) fn finish(word: Text<'_>) -> Finish {
    Finish::Ended(match &*word.decode() {
        "MAX_TOKENS" => Stop::MaxTokens,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "OTHER"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "IMAGE_OTHER" => Stop::Refusal,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "NO_IMAGE" => return Finish::Failed,
        _ => Stop::End,
    })
}

/// One part of an answer.
pub(super) struct Said<'a> {
    pub(super) signature: Option<Signed<'a>>,
    pub(super) content: Content<'a>,
}

pub(super) enum Content<'a> {
    Nothing,
    Text(Text<'a>),
    Thought(Text<'a>),
    Call { id: Option<Text<'a>>, name: Option<Text<'a>>, input: Input<'a> },
    Other(Raw<'a>),
}

/// Reads a part.
pub(super) fn read_part(part: Raw<'_>) -> Result<Said<'_>, JsonError> {
    let [text, thought, signature, call] = pick(part, ["text", "thought", "thoughtSignature", "functionCall"])?;
    let signature = signature.and_then(Raw::text).filter(|text| !text.is_empty());
    let content = match (text.and_then(Raw::text), call) {
        (Some(text), _) if text.is_empty() => Content::Nothing,
        (Some(text), _) if thought.and_then(Raw::boolean) == Some(true) => Content::Thought(text),
        (Some(text), _) => Content::Text(text),
        (None, Some(call)) => {
            let [id, name, args] = pick(call, ["id", "name", "args"])?;
            Content::Call {
                id: id.and_then(Raw::text).filter(|id| !id.is_empty()),
                name: name.and_then(Raw::text),
                // A call without arguments has none: there are no pieces to wait for.
                input: Input::of(args.or(Some(Raw::from_measured(b"{}")))),
            }
        }
        _ if part.members().map_while(Result::ok).all(|(key, _)| is_named(key, "thoughtSignature")) => Content::Nothing,
        _ => Content::Other(part),
    };
    Ok(Said { signature: signature.map(|text| Signed { maker: Wire::Gemini, text }), content })
}

/// Whether a search's findings name any page.
pub(super) fn has_sources(grounding: Raw<'_>) -> bool {
    let [chunks] = peek(grounding, ["groundingChunks"]);
    chunks.is_some_and(|chunks| chunks.elements().next().is_some())
}

pub(crate) fn read_answer(body: Raw<'_>) -> Result<Message<'_>, BrokenAnswer> {
    let [candidates, usage, feedback] = pick(body, ["candidates", "usageMetadata", "promptFeedback"])?;
    let mut message = Message::default();
    if let Some(usage) = usage {
        message.counted = message.usage.get_or_insert_default().read(Wire::Gemini, usage);
    }
    let Some(candidate) = candidates.unwrap_or(Raw::NULL).elements().next() else {
        if feedback.is_none() {
            return Err(BrokenAnswer::new("it has no candidates"));
        }
        message.stop = Stop::Refusal;
        return Ok(message);
    };
    let names = ["content", "finishReason", "finishMessage", "groundingMetadata"];
    let [content, word, sentence, grounding] = pick(candidate?, names)?;
    let [parts] = pick(content.unwrap_or(Raw::NULL), ["parts"])?;
    for part in parts.unwrap_or(Raw::NULL).elements() {
        let part = part?;
        push_block(&mut message.blocks, read_part(part)?);
        message.units.push((message.blocks.len(), part));
    }
    let found = grounding.filter(|found| has_sources(*found));
    message.blocks.extend(found.map(|found| Block::Foreign(Wire::Gemini, found)));
    // Google always says why: without it the answer is a piece of a stream, or broke off.
    let word = word.and_then(Raw::text).filter(|word| !word.is_empty());
    let word = word.ok_or_else(|| BrokenAnswer::new("it does not say why it ended (`finishReason`)"))?;
    let calls = message.blocks.iter().any(|block| matches!(block, Block::Tool { .. }));
    message.stop = match finish(word) {
        Finish::Ended(Stop::End) if calls => Stop::ToolUse,
        Finish::Ended(stop) => stop,
        Finish::Failed => {
            let sentence = sentence.and_then(Raw::text).map(|text| text.decode().into_owned()).unwrap_or_default();
            return Err(BrokenAnswer::Upstream { kind: word.decode().into_owned(), message: sentence });
        }
    };
    Ok(message)
}

/// A signature stands with the thinking before what it signs.
fn push_block<'a>(blocks: &mut Vec<Block<'a>>, said: Said<'a>) {
    let Said { signature, content } = said;
    if let Content::Thought(text) = content {
        return blocks.push(Block::Thinking { text, signature });
    }
    if signature.is_some() {
        match blocks.last_mut() {
            Some(Block::Thinking { signature: known @ None, .. }) => *known = signature,
            _ => blocks.push(Block::Thinking { text: Text::EMPTY, signature }),
        }
    }
    blocks.extend(match content {
        Content::Text(text) => Some(Block::Text(text)),
        Content::Call { id, name, input } => {
            Some(Block::Tool { id: id.unwrap_or(Text::EMPTY), name: name.unwrap_or(Text::EMPTY), input })
        }
        Content::Other(part) => Some(Block::Foreign(Wire::Gemini, part)),
        Content::Nothing | Content::Thought(_) => None,
    });
}

/// Reads `usageMetadata`. What was read from the cache is part of the prompt, what was thought is not
/// part of the candidates. A number that is 0 is left out by Google's JSON.
pub(crate) fn read_usage(usage: &mut Usage, raw: Raw<'_>) -> bool {
    let [prompt, tools, cached, said, thought, total] = peek(
        raw,
        [
            "promptTokenCount",
            "toolUsePromptTokenCount",
            "cachedContentTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
            "totalTokenCount",
        ],
    );
    let count =
        |raw: Option<Raw<'_>>| raw.and_then(Raw::whole).filter(|tokens| *tokens <= crate::bounds::MAX_REPORTED_TOKENS);
    let input = count(prompt).unwrap_or(0) + count(tools).unwrap_or(0);
    usage.cache_read = count(cached).unwrap_or(0).min(input);
    usage.input = input - usage.cache_read;
    usage.reasoning = count(thought).unwrap_or(0);
    let rest = || count(total).map(|total| total.saturating_sub(input).saturating_sub(usage.reasoning));
    let output = count(said).or_else(rest);
    usage.output = output.unwrap_or(0) + usage.reasoning;
    output.is_some() || thought.is_some()
}

pub(crate) fn write_answer(message: &Message<'_>, heading: &Heading) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[");
    let mut signature: Option<Vec<u8>> = None;
    for block in &message.blocks {
        push_part(block, message.stop, heading, &mut signature, &mut out);
    }
    if let Some(signature) = signature {
        write::part(&mut out, Part::Thought(Text::EMPTY), Some(&signature));
    }
    out.extend_from_slice(b"],\"role\":\"model\"},\"finishReason\":");
    push_string(&mut out, message.stop.word(Wire::Gemini));
    out.extend_from_slice(b",\"index\":0}],\"usageMetadata\":");
    push_usage(&mut out, message.spent(heading.input_tokens).usage);
    write::tail(&mut out, heading);
    out
}

/// Writes an answer of Gemini's in which something changed.
pub(crate) fn write_changed(changed: &Changed<'_>, heading: &Heading) -> Result<Vec<u8>, JsonError> {
    let [candidates] = pick(changed.body, ["candidates"])?;
    let mut list = candidates.unwrap_or(Raw::NULL).elements();
    let first = list.next().transpose()?.unwrap_or(Raw::NULL);
    let [content] = pick(first, ["content"])?;
    let (mut parts, mut held) = (b"[".to_vec(), None);
    for piece in &changed.pieces {
        match piece {
            Piece::Own(part) => write::part(&mut parts, Part::Own(*part), held.take().as_deref()),
            Piece::Changed(blocks) => {
                for block in blocks {
                    push_part(block, Stop::End, heading, &mut held, &mut parts);
                }
            }
        }
    }
    if let Some(signature) = held {
        write::part(&mut parts, Part::Thought(Text::EMPTY), Some(&signature));
    }
    parts.push(b']');
    let (mut said, mut all, mut out) = (Vec::new(), b"[".to_vec(), Vec::new());
    push_with(&mut said, content.unwrap_or(Raw::NULL), &[("parts", &parts)])?;
    push_with(&mut all, first, &[("content", &said)])?;
    for other in list {
        all.push(b',');
        all.extend_from_slice(other?.bytes());
    }
    all.push(b']');
    push_with(&mut out, changed.body, &[("candidates", &all)])?;
    Ok(out)
}

/// A whole answer as a stream: in this protocol every chunk is one.
pub(crate) fn replay(answer: Raw<'_>) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    push_flat(&mut out, answer.bytes());
    out.extend_from_slice(b"\n\n");
    out
}

fn push_part(block: &Block<'_>, stop: Stop, heading: &Heading, held: &mut Option<Vec<u8>>, out: &mut Vec<u8>) {
    match block {
        Block::Text(text) => write::part(out, Part::Text(*text), held.take().as_deref()),
        Block::Thinking { text, signature } => {
            let shown = !heading.back.withhold_thoughts;
            if shown && !text.is_empty() {
                write::part(out, Part::Thought(*text), None);
            }
            if let Some(signed) = signature.and_then(|signed| write::signature(signed, shown)) {
                *held = Some(signed);
            }
        }
        Block::Tool { id, name, input } => {
            // A call that ran out of tokens is none: nobody may run half of it.
            if stop == Stop::MaxTokens && !write::is_whole(*input) {
                return;
            }
            let mut args = Vec::new();
            input.push_object(&mut args);
            let name = name.decode();
            let call = Part::Call { id: id.escaped(), name: heading.back.client_name(&name), args: &args };
            write::part(out, call, held.take().as_deref());
        }
        Block::Foreign(_, block) => {
            if let Some(note) = note_of(*block) {
                write::part(out, Part::Note(&note), None);
            }
        }
    }
}

pub(super) fn push_usage(out: &mut Vec<u8>, usage: Usage) {
    let input = usage.input_total();
    for (name, number) in [
        (&b"{\"promptTokenCount\":"[..], input),
        (b",\"candidatesTokenCount\":", usage.output.saturating_sub(usage.reasoning)),
        (b",\"totalTokenCount\":", input.saturating_add(usage.output)),
    ] {
        out.extend_from_slice(name);
        push_number(out, number);
    }
    for (name, number) in
        [(&b",\"thoughtsTokenCount\":"[..], usage.reasoning), (b",\"cachedContentTokenCount\":", usage.cache_read)]
    {
        if number > 0 {
            out.extend_from_slice(name);
            push_number(out, number);
        }
    }
    out.push(b'}');
}
