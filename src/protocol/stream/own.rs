//! Whole answers for a client of the upstream's own protocol.
//!
//! When somebody changes one on its way, what was not changed stays as the upstream wrote it, byte for byte:
//! blocks, items and parts, and every member around them. As a stream, such an answer is cut into the events
//! that the upstream would have sent; nothing is translated.

use bytes::Bytes;

use super::super::answer::{Answer, AnswerContext, BrokenAnswer, answer};
use super::super::json::{JsonError, Raw};
use super::super::message::{Block, Message};
use super::super::transform::stages::Stages;
use super::super::usage::Stop;
use super::super::{Protocol, Wire, anthropic, gemini, openai, responses};
use super::End;
use super::collect::{Content, Growing, block_events, broken};
use super::event::{Event, StreamError};
use super::writer::Heading;

/// A piece of an answer that was looked at.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// as the upstream wrote it
    Own(Raw<'a>),
    /// changed: what it is now
    Changed(Vec<Block<'a>>),
}

/// An answer that was looked at.
#[derive(Debug)]
pub(crate) struct Changed<'a> {
    /// the upstream's body
    pub(crate) body: Raw<'a>,
    /// what it said
    pub(crate) came: Message<'a>,
    /// what it says now
    pub(crate) goes: Message<'a>,
    /// the same in the upstream's pieces; of Chat, whose answers have none, one
    pub(crate) pieces: Vec<Piece<'a>>,
    /// why it ended, if that is something else now
    pub(crate) stop: Option<Stop>,
}

/// Reads a whole answer through the stages that look at it. None when they find nothing in it.
pub(crate) fn changed(
    wire: Wire,
    body: &[u8],
    message: &Message<'_>,
    context: &AnswerContext<'_>,
) -> Result<Option<Answer>, BrokenAnswer> {
    let heading = context.heading();
    let (mut came, mut goes, mut stop) = (Content::default(), Content::default(), message.stop);
    let mut stages = Stages::of(&heading);
    run(message, &mut stages, &mut came, &mut goes, &mut stop).map_err(|error| broken(&error))?;
    if !stages.changed() {
        return Ok(None);
    }
    let spent = message.spent(context.input_tokens);
    let changed = Changed {
        body: Raw::parse(body)?,
        came: Message::of(came.blocks()),
        goes: Message { stop, other: message.other, ..Message::of(goes.blocks()) },
        pieces: pieces(message, &came, &goes),
        stop: Some(stop).filter(|stop| *stop != message.stop),
    };
    let written = write(wire, &changed, &heading)?;
    Ok(Some(Answer::new(Bytes::from(written), &changed.goes, spent)))
}

/// Sends the blocks through the stages, unit by unit, and to both contents.
fn run(
    message: &Message<'_>,
    stages: &mut Stages,
    came: &mut Content,
    goes: &mut Content,
    stop: &mut Stop,
) -> Result<(), StreamError> {
    let mut blocks = message.blocks.iter().enumerate().peekable();
    let ends = message.units.iter().map(|(end, _)| *end);
    let all = message.units.is_empty().then_some(message.blocks.len());
    for end in ends.chain(all) {
        while let Some((slot, block)) = blocks.next_if(|(slot, _)| *slot < end) {
            block_events(slot, block, &mut |event| {
                came.add(event)?;
                stages.pass(event, &mut |event| goes.add(event))
            })?;
        }
        came.add(Event::Break)?;
        stages.pass(Event::Break, &mut |event| goes.add(event))?;
    }
    let event = Event::Stop { stop: message.stop, sequence: message.sequence, word: None };
    stages.pass(event, &mut |event| {
        if let Event::Stop { stop: changed, .. } = event {
            *stop = changed;
        }
        goes.add(event)
    })
}

fn pieces<'a>(message: &Message<'a>, came: &'a Content, goes: &'a Content) -> Vec<Piece<'a>> {
    let mut pieces = Vec::with_capacity(message.units.len() + 1);
    for (unit, (_, raw)) in message.units.iter().enumerate() {
        pieces.push(if came.unit(unit).eq(goes.unit(unit)) {
            Piece::Own(*raw)
        } else {
            Piece::Changed(goes.unit(unit).map(Growing::as_block).collect())
        });
    }
    let rest: Vec<_> = goes.behind(message.units.len()).map(Growing::as_block).collect();
    if !rest.is_empty() {
        pieces.push(Piece::Changed(rest));
    }
    pieces
}

fn write(wire: Wire, changed: &Changed<'_>, heading: &Heading) -> Result<Vec<u8>, JsonError> {
    match wire {
        Wire::Anthropic => anthropic::write_changed(changed, heading),
        Wire::Chat => openai::write_changed(changed, heading),
        Wire::Responses => responses::write_changed(changed.body, &changed.pieces, heading),
        Wire::Gemini => gemini::write_changed(changed, heading),
    }
}

/// Writes a whole answer as the stream that its upstream would have sent.
pub(crate) fn replay(
    wire: Wire,
    protocol: Protocol,
    body: &[u8],
    context: &AnswerContext<'_>,
) -> Result<(Bytes, End), BrokenAnswer> {
    let answer = answer(wire, protocol, Bytes::copy_from_slice(body), context)?;
    let body = Raw::parse(&answer.body)?;
    let stream = match wire {
        Wire::Anthropic => anthropic::replay(body)?,
        Wire::Chat => openai::replay(body, answer.stop, context.back.include_usage)?,
        Wire::Responses => responses::replay(body)?,
        Wire::Gemini => gemini::replay(body),
    };
    let end = End { stop: answer.stop, has_content: answer.has_content, spent: answer.spent };
    Ok((Bytes::from(stream), end))
}
