//! A stream as a whole answer, and a whole answer as a stream: for an upstream that can do only one
//! of them, and for answers that come out of a cache.

use bytes::Bytes;

use super::super::answer::{Answer, AnswerContext, BrokenAnswer, read, sound_body};
use super::super::json::{Raw, Text, push_member, push_text, push_with};
use super::super::message::{Block, Input, Message};
use super::super::signed::Signed;
use super::super::sse::{self, EventTooLarge, Frames};
use super::super::transform::stages::Stages;
use super::super::{Protocol, Wire, responses};
use super::event::{Event, Foreign, Form, Reader, Sink, StreamError, Truncated, is_torn, mended};
use super::own::Piece;
use super::tracker::Tracker;
use super::writer::{Heading, Writer};
use super::{End, own};
use crate::bounds::MAX_ANSWER_BYTES;

/// A block that grows; texts are still escaped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Growing {
    Text(Vec<u8>),
    Thinking { text: Vec<u8>, signature: Option<(Wire, Vec<u8>)> },
    Tool { slot: usize, id: Vec<u8>, name: Vec<u8>, input: Vec<u8> },
    Foreign(Wire, Vec<u8>),
}

/// Collects a stream into an answer.
#[derive(Debug)]
pub struct Collector {
    protocol: Protocol,
    frames: Frames,
    reader: Reader,
    stages: Stages,
    tracker: Tracker,
    content: Content,
    heading: Heading,
}

/// What an answer says, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Content {
    blocks: Vec<Growing>,
    /// the unit of each block, and the one that is read: blocks of two units stay two
    units: Vec<usize>,
    unit: usize,
    sequence: Option<Vec<u8>>,
    bytes: usize,
    /// pieces of the input of Anthropic's own block that is open, and citations of the text that is
    inner: Vec<u8>,
    citations: Vec<u8>,
    /// the `response` of Responses' last event
    tail: Option<Vec<u8>>,
}

impl Collector {
    /// A stream of an upstream, for a client that did not ask for one.
    #[must_use]
    pub fn new(wire: Wire, protocol: Protocol, context: &AnswerContext<'_>) -> Self {
        let heading = context.heading();
        let stages = Stages::of(&heading);
        let reader = Reader::new(wire, &heading.id);
        // What only they know can be put together again.
        let own = wire.same_as(protocol) && matches!(wire, Wire::Anthropic | Wire::Responses);
        Self {
            protocol,
            frames: Frames::default(),
            reader: if own { reader.keep_own(stages.seek_text()) } else { reader },
            stages,
            tracker: Tracker::default(),
            content: Content::default(),
            heading,
        }
    }

    /// Takes the next bytes of the upstream.
    ///
    /// # Errors
    /// When the upstream sends an error, something unreadable, or too much.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), StreamError> {
        self.frames.push(chunk);
        while let Some(event) = self.frames.next_event()? {
            self.event(&event)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &[u8]) -> Result<(), StreamError> {
        let Some(data) = sse::data(event).filter(|_| !self.tracker.ended) else { return Ok(()) };
        let mended = mended(&data)?;
        let data = mended.as_deref().unwrap_or(&data);
        let (tracker, content, stages) = (&mut self.tracker, &mut self.content, &mut self.stages);
        self.reader.read(data, &mut |event| {
            stages.pass(event, &mut |event| {
                tracker.see(&event);
                content.add(event)
            })
        })
    }

    /// The upstream's connection has ended.
    ///
    /// # Errors
    /// When the answer had not.
    pub fn finish(mut self) -> Result<Answer, Truncated> {
        let rest = self.frames.rest();
        // The last event's empty line may be missing, if it is whole otherwise.
        if self.event(&rest).is_err() && !is_torn(&rest) {
            return Err(Truncated);
        }
        let stop = self.tracker.stop.ok_or(Truncated)?;
        let (tracker, content) = (&mut self.tracker, &mut self.content);
        let flushed = self.stages.flush(&mut |event| {
            tracker.see(&event);
            content.add(event)
        });
        flushed.map_err(|_| Truncated)?;
        self.content.settle().map_err(|_| Truncated)?;
        let usage = self.tracker.spent(self.heading.input_tokens);
        let message = Message {
            stop,
            sequence: self.content.sequence.as_deref().map(Text::from_escaped),
            usage: Some(usage.usage),
            counted: true,
            ..Message::of(self.content.blocks())
        };
        let message = message.with_ids(&[]).map_err(|_| Truncated)?;
        let Some(tail) = self.content.tail.as_deref().map(Raw::from_measured) else {
            return Ok(Answer::new(Answer::write(self.protocol, &message, &self.heading), &message, usage));
        };
        let body = responses::write_changed(tail, &self.content.pieces(), &self.heading).map_err(|_| Truncated)?;
        // An item of Responses' may say nothing.
        let has_content = self.tracker.started;
        Ok(Answer { has_content, ..Answer::new(Bytes::from(body), &message, usage) })
    }
}

impl Content {
    /// All that it says.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.blocks.iter().map(Growing::as_block)
    }

    /// What came between two breaks.
    pub(crate) fn unit(&self, wanted: usize) -> impl Iterator<Item = &Growing> {
        self.blocks.iter().zip(&self.units).filter(move |(_, unit)| **unit == wanted).map(|(block, _)| block)
    }

    /// What came behind that many breaks.
    pub(crate) fn behind(&self, breaks: usize) -> impl Iterator<Item = &Growing> {
        self.blocks.iter().zip(&self.units).filter(move |(_, unit)| **unit >= breaks).map(|(block, _)| block)
    }

    fn push(&mut self, block: Growing) {
        self.blocks.push(block);
        self.units.push(self.unit);
    }

    /// The block that may go on growing.
    fn last(&mut self) -> Option<&mut Growing> {
        let open = self.units.last() == Some(&self.unit);
        self.blocks.last_mut().filter(|_| open)
    }

    pub(crate) fn add(&mut self, event: Event<'_>) -> Result<(), StreamError> {
        match event {
            Event::Text(text) if !text.is_empty() => {
                self.grow(text)?;
                match self.last() {
                    Some(Growing::Text(known)) => known.extend_from_slice(text.escaped()),
                    _ => self.push(Growing::Text(text.escaped().to_vec())),
                }
            }
            Event::Thinking(text) if !text.is_empty() => {
                self.grow(text)?;
                match self.last() {
                    // What is signed is whole.
                    Some(Growing::Thinking { text: known, signature: None }) => {
                        known.extend_from_slice(text.escaped());
                    }
                    _ => {
                        self.push(Growing::Thinking { text: text.escaped().to_vec(), signature: None });
                    }
                }
            }
            Event::Signature(signed) => {
                self.grow(signed.text)?;
                let signed = Some((signed.maker, signed.text.escaped().to_vec()));
                match self.last() {
                    Some(Growing::Thinking { signature, .. }) if signature.is_none() => *signature = signed,
                    _ => self.push(Growing::Thinking { text: Vec::new(), signature: signed }),
                }
            }
            Event::ToolStart { slot, id, name } => {
                for told in [id, name].into_iter().flatten() {
                    self.grow(told)?;
                }
                self.tool(slot, |known_id, known_name, _| {
                    for (known, new) in [(known_id, id), (known_name, name)] {
                        if let Some(new) = new.filter(|_| known.is_empty()) {
                            known.extend_from_slice(new.escaped());
                        }
                    }
                });
            }
            Event::ToolInput { slot, json } => {
                self.grow(json)?;
                self.tool(slot, |_, _, input| input.extend_from_slice(json.escaped()));
            }
            Event::Foreign(Foreign { wire, form: Form::Block, raw }) => {
                self.grow(Text::from_escaped(raw.bytes()))?;
                self.push(Growing::Foreign(wire, raw.bytes().to_vec()));
            }
            Event::Stop { sequence, .. } => self.sequence = sequence.map(|text| text.escaped().to_vec()),
            Event::Foreign(Foreign { form: Form::Done, wire, raw }) => {
                self.grow(Text::from_escaped(raw.bytes()))?;
                match self.last() {
                    Some(Growing::Foreign(_, known)) => *known = raw.bytes().to_vec(),
                    _ => self.push(Growing::Foreign(wire, raw.bytes().to_vec())),
                }
                self.unit += 1;
            }
            Event::Foreign(Foreign { form: Form::More, wire: Wire::Anthropic, raw }) => self.more(raw)?,
            Event::Foreign(Foreign { form: Form::Tail, wire: Wire::Responses, raw }) => {
                self.tail = Some(raw.bytes().to_vec());
            }
            Event::Break => {
                self.settle()?;
                self.unit += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// More of a block of Anthropic's.
    fn more(&mut self, delta: Raw<'_>) -> Result<(), StreamError> {
        self.grow(Text::from_escaped(delta.bytes()))?;
        let [json, citation] = delta.pick(["partial_json", "citation"])?;
        if let Some(json) = json.and_then(Raw::text) {
            self.inner.extend_from_slice(json.escaped());
        }
        if let Some(citation) = citation {
            self.citations.push(if self.citations.is_empty() { b'[' } else { b',' });
            self.citations.extend_from_slice(citation.bytes());
        }
        Ok(())
    }

    /// Puts a block of Anthropic's together that came in pieces.
    fn settle(&mut self) -> Result<(), StreamError> {
        let (inner, mut citations) = (std::mem::take(&mut self.inner), std::mem::take(&mut self.citations));
        let mut whole = Vec::new();
        match self.last() {
            Some(Growing::Foreign(_, block)) if !inner.is_empty() => {
                let mut input = Vec::with_capacity(inner.len());
                Input::Written(Text::from_escaped(&inner)).push_object(&mut input);
                push_with(&mut whole, Raw::from_measured(block), &[("input", &input)])?;
            }
            Some(Growing::Text(text)) if !citations.is_empty() => {
                citations.push(b']');
                whole.extend_from_slice(b"{\"type\":\"text\",\"text\":");
                push_text(&mut whole, Text::from_escaped(text));
                push_member(&mut whole, "citations");
                whole.extend_from_slice(&citations);
                whole.push(b'}');
            }
            _ => return Ok(()),
        }
        if let Some(block) = self.last() {
            *block = Growing::Foreign(Wire::Anthropic, whole);
        }
        Ok(())
    }

    /// What it says in the pieces of its upstream, for a client of the same protocol.
    fn pieces(&self) -> Vec<Piece<'_>> {
        let pieces = self.blocks().map(|block| match block {
            Block::Foreign(Wire::Responses, raw) => Piece::Own(raw),
            block => Piece::Changed(vec![block]),
        });
        pieces.collect()
    }

    fn grow(&mut self, text: Text<'_>) -> Result<(), StreamError> {
        self.bytes += text.escaped().len();
        if self.bytes > MAX_ANSWER_BYTES { Err(EventTooLarge.into()) } else { Ok(()) }
    }

    /// Changes the tool call at this slot: its id, name and input.
    fn tool(&mut self, wanted: usize, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>, &mut Vec<u8>)) {
        for block in &mut self.blocks {
            if let Growing::Tool { slot, id, name, input } = block
                && *slot == wanted
            {
                return change(id, name, input);
            }
        }
        let (mut id, mut name, mut input) = (Vec::new(), Vec::new(), Vec::new());
        change(&mut id, &mut name, &mut input);
        self.push(Growing::Tool { slot: wanted, id, name, input });
    }
}

impl Growing {
    pub(crate) fn as_block(&self) -> Block<'_> {
        match self {
            Self::Text(text) => Block::Text(Text::from_escaped(text)),
            Self::Thinking { text, signature } => {
                let signature =
                    signature.as_ref().map(|(maker, text)| Signed { maker: *maker, text: Text::from_escaped(text) });
                Block::Thinking { text: Text::from_escaped(text), signature }
            }
            Self::Tool { id, name, input, .. } => Block::Tool {
                id: Text::from_escaped(id),
                name: Text::from_escaped(name),
                input: Input::Written(Text::from_escaped(input)),
            },
            Self::Foreign(wire, block) => Block::Foreign(*wire, Raw::from_measured(block)),
        }
    }
}

/// Reads a whole answer through the stages that look at it, as the events of its blocks, and writes it
/// for the client. None when they find nothing in it.
pub(crate) fn staged(
    protocol: Protocol,
    message: &Message<'_>,
    context: &AnswerContext<'_>,
) -> Result<Option<Answer>, BrokenAnswer> {
    let heading = context.heading();
    let (mut stages, mut content, mut stop) = (Stages::of(&heading), Content::default(), message.stop);
    let mut take = |event: Event<'_>| {
        if let Event::Stop { stop: changed, .. } = event {
            stop = changed;
        }
        content.add(event)
    };
    each_event(message, &mut |event| stages.pass(event, &mut take)).map_err(|error| broken(&error))?;
    if !stages.changed() {
        return Ok(None);
    }
    // What was spent is what the upstream told, or what it wrote.
    let spent = message.spent(context.input_tokens);
    let read = Message {
        stop,
        sequence: message.sequence,
        other: message.other,
        usage: Some(spent.usage),
        counted: true,
        ..Message::of(content.blocks())
    };
    let read = read.with_ids(&[])?;
    Ok(Some(Answer::new(Answer::write(protocol, &read, &heading), &read, spent)))
}

pub(crate) fn broken(error: &StreamError) -> BrokenAnswer {
    BrokenAnswer::Malformed(error.to_string())
}

/// An answer's blocks and its stop as events.
fn each_event(message: &Message<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
    for (slot, block) in message.blocks.iter().enumerate() {
        block_events(slot, block, sink)?;
    }
    sink(Event::Stop { stop: message.stop, sequence: message.sequence, word: None })
}

/// A block as events.
pub(crate) fn block_events(slot: usize, block: &Block<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
    match block {
        Block::Text(text) => sink(Event::Text(*text)),
        Block::Thinking { text, signature } => {
            sink(Event::Thinking(*text))?;
            signature.map_or(Ok(()), |signature| sink(Event::Signature(signature)))
        }
        Block::Tool { id, name, input } => {
            let id = Some(*id).filter(|id| !id.is_empty());
            sink(Event::ToolStart { slot, id, name: Some(*name) })?;
            if *input == Input::Written(Text::EMPTY) {
                return sink(Event::ToolInput { slot, json: Text::from_escaped(b"{}") });
            }
            input.with_text(|json| sink(Event::ToolInput { slot, json }))
        }
        Block::Foreign(wire, raw) => sink(Event::Foreign(Foreign { wire: *wire, form: Form::Block, raw: *raw })),
    }
}

/// Writes a whole answer of an upstream as the stream that the client asked for.
///
/// # Errors
/// When it is not an answer in the upstream's wire format.
pub fn replay(
    wire: Wire,
    protocol: Protocol,
    body: &[u8],
    context: &AnswerContext<'_>,
) -> Result<(Bytes, End), BrokenAnswer> {
    if wire.same_as(protocol) {
        return own::replay(wire, protocol, body, context);
    }
    let mended = sound_body(body)?;
    let body = mended.as_deref().unwrap_or(body);
    let message = read(wire, body)?;
    let heading = context.heading();
    let mut stages = Stages::of(&heading);
    let mut tracker = Tracker::default();
    let mut writer = Writer::new(protocol);
    let mut out = Vec::with_capacity(body.len() + 1_024);
    if let Some(usage) = message.usage {
        tracker.see(&Event::Usage { usage, last: message.counted });
    }
    let mut send = |event: Event<'_>| {
        tracker.see(&event);
        writer.write(&heading, &tracker, event, &mut out)
    };
    each_event(&message, &mut |event| stages.pass(event, &mut send)).map_err(|error| broken(&error))?;
    writer.end(&heading, &tracker, &mut out).map_err(|error| broken(&error))?;
    let spent = tracker.spent(heading.input_tokens);
    let stop = tracker.stop.unwrap_or(message.stop);
    Ok((Bytes::from(out), End { stop, has_content: message.has_content(), spent }))
}
