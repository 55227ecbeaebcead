//! Streams: bytes of the upstream in, bytes for the client out, one state machine.
//!
//! When both sides speak the same, whole events go on byte for byte, as slices of the chunks that
//! they came in; beside them a tracker reads what the gateway has to know. Otherwise each event is
//! read into one form for all wires and written in the client's. When both sides speak the same and somebody
//! looks at the answer on its way, what the form for all wires cannot hold goes along as it came
//! ([`event::Foreign`]): blocks, choices and candidates beside the first, the answer's head and its usage.
//!
//! What an event holds must be JSON, whoever it is for: an event that is none is an upstream's failure, and
//! fails the attempt or breaks the stream. Bytes that are no text and raw control characters inside strings
//! are mended, for no client can read them; only an event that needed it is written anew.

mod collect;
pub(crate) mod event;
pub(crate) mod in_order;
pub(crate) mod json_end;
pub(crate) mod others;
pub(crate) mod own;
pub(crate) mod tidy;
pub(crate) mod tracker;
pub(crate) mod writer;

use bytes::Bytes;

use super::answer::AnswerContext;
use super::errors::{self, ErrorReply};
use super::sse::{self, Frames};
use super::transform::stages::Stages;
use super::usage::{Spent, Stop};
use super::{Protocol, Wire};
pub(crate) use collect::staged;
pub use collect::{Collector, replay};
use event::Reader;
pub use event::{StreamError, Truncated};
use tracker::Tracker;
use writer::{Heading, Writer};

/// A sign of life in a client's protocol, to stand between two events of a stream that has begun.
#[must_use]
pub fn ping(protocol: Protocol) -> Bytes {
    Bytes::from_static(match protocol {
        Protocol::Anthropic => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
        Protocol::Gemini => super::gemini::PING,
        Protocol::Chat | Protocol::Responses | Protocol::Simple => b": ping\n\n",
    })
}

/// How far a stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// content was seen: from here on the attempt is the client's
    pub started: bool,
    /// the stream's own end was seen; nothing that comes later goes on
    pub ended: bool,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// why
    pub stop: Stop,
    /// whether it had any content; an empty stream is a failed attempt
    pub has_content: bool,
    /// what it cost
    pub spent: Spent,
}

/// One stream on its way back. It holds at most one unfinished event, what tool calls must wait for
/// each other, and a bounded part of the text.
#[derive(Debug)]
pub struct Relay {
    protocol: Protocol,
    wire: Wire,
    frames: Frames,
    reader: Reader,
    stages: Stages,
    tracker: Tracker,
    /// None: the upstream's events go on as they are
    writer: Option<Writer>,
    heading: Heading,
    written: Vec<u8>,
}

impl Relay {
    /// A stream from an upstream to a client.
    #[must_use]
    pub fn new(wire: Wire, protocol: Protocol, context: &AnswerContext<'_>) -> Self {
        let heading = context.heading();
        let stages = Stages::of(&heading);
        let reader = Reader::new(wire, &heading.id);
        // Names that were changed on the way out have to be changed back.
        let passes = wire.same_as(protocol) && stages.is_empty() && heading.back.names.is_none();
        Self {
            protocol,
            wire,
            frames: Frames::default(),
            reader: match (passes, wire.same_as(protocol)) {
                (true, _) => reader.pass_on(),
                (false, true) => reader.keep_own(stages.seek_text()),
                (false, false) => reader,
            },
            tracker: Tracker::default(),
            writer: (!passes).then(|| Writer::new(protocol)),
            stages,
            heading,
            written: Vec::new(),
        }
    }

    /// Takes the next bytes of the upstream and appends what goes to the client. What stands in
    /// `out` is good even when this fails.
    ///
    /// # Errors
    /// When the upstream sends an error, something unreadable, or too large an event. Nothing may be
    /// pushed after that.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<Progress, StreamError> {
        self.frames.push(chunk.clone());
        let mut run = Run { chunk, from: None };
        let result = self.events(&mut run, out);
        run.flush(out);
        self.flush_written(out);
        result.map(|()| self.progress())
    }

    fn events(&mut self, run: &mut Run, out: &mut Vec<Bytes>) -> Result<(), StreamError> {
        while let Some(event) = self.frames.next_event()? {
            if self.tracker.ended {
                continue;
            }
            match self.event(event)?.filter(|_| self.writer.is_none()) {
                Some(event) => run.add(event, out),
                None => run.flush(out),
            }
        }
        Ok(())
    }

    /// Reads one event; returns what may go on to a client of the same protocol.
    fn event(&mut self, event: Bytes) -> Result<Option<Bytes>, StreamError> {
        let Some(data) = sse::data(&event) else { return Ok(Some(event)) };
        let mended = event::mended(&data)?;
        let data = mended.as_deref().unwrap_or(&data);
        let mut usage_only = true;
        let (reader, stages) = (&mut self.reader, &mut self.stages);
        let mut way = Way {
            tracker: &mut self.tracker,
            writer: &mut self.writer,
            heading: &self.heading,
            out: &mut self.written,
        };
        reader.read(data, &mut |event| {
            usage_only &= matches!(event, event::Event::Usage { .. });
            if way.writer.is_none() { way.send(event) } else { stages.pass(event, &mut |event| way.send(event)) }
        })?;
        let cut = self.tracker.ended && (self.tracker.stop.is_none() || self.reader.unfinished());
        if cut || (usage_only && self.heading.back.withhold_usage && is_usage_chunk(data)) {
            return Ok(None);
        }
        Ok(Some(match mended {
            Some(data) => sse::with_data(&event, &data),
            None => event,
        }))
    }

    fn flush_written(&mut self, out: &mut Vec<Bytes>) {
        if !self.written.is_empty() {
            // One allocation of the right size; the buffer stays for the next chunk.
            out.push(Bytes::copy_from_slice(&self.written));
            self.written.clear();
        }
    }

    fn progress(&self) -> Progress {
        Progress { started: self.tracker.started, ended: self.tracker.ended }
    }

    /// The upstream's connection has ended: writes what is missing of a whole answer.
    ///
    /// # Errors
    /// When the answer had not ended: the client must get an error event ([`Relay::fail`]), never a
    /// clean end.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<End, Truncated> {
        let rest = self.frames.rest();
        // The last event's empty line may be missing, if it is whole otherwise. What is left of a line
        // end, or a comment, is nobody's.
        let is_event = !self.tracker.ended && sse::data(&rest).is_some();
        let torn = event::is_torn(&rest);
        let read = if is_event { self.event(rest) } else { Ok(None) };
        // What tore is left out: the events before it say whether the answer had ended.
        let failed = read.is_err() && !torn;
        if let Ok(Some(event)) = read
            && self.writer.is_none()
        {
            out.push(event);
            out.push(Bytes::from_static(b"\n\n"));
        }
        let ended = self
            .tracker
            .stop
            .filter(|_| !failed && !self.reader.unfinished())
            .ok_or(Truncated)
            .and_then(|stop| self.write_end().map(|()| stop));
        // Whatever was written is whole events, and an error event counts on them.
        self.flush_written(out);
        let stop = ended?;
        self.tracker.ended = true;
        Ok(End { stop, has_content: self.tracker.started, spent: self.spent() })
    }

    fn write_end(&mut self) -> Result<(), Truncated> {
        if !self.tracker.ended {
            let stages = &mut self.stages;
            let mut way = Way {
                tracker: &mut self.tracker,
                writer: &mut self.writer,
                heading: &self.heading,
                out: &mut self.written,
            };
            stages.flush(&mut |event| way.send(event)).map_err(|_| Truncated)?;
        }
        match (&mut self.writer, self.wire) {
            (Some(writer), _) => {
                writer.end(&self.heading, &self.tracker, &mut self.written).map_err(|_| Truncated)?;
            }
            (None, _) if self.tracker.ended => {}
            (None, Wire::Anthropic) => {
                self.written.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
            }
            (None, Wire::Chat) => self.written.extend_from_slice(b"data: [DONE]\n\n"),
            // Their last event says all there is to say.
            (None, Wire::Responses | Wire::Gemini) => {}
        }
        Ok(())
    }

    /// Writes an error event in the client's protocol. The stream is over then.
    pub fn fail(&mut self, reply: &ErrorReply, out: &mut Vec<Bytes>) {
        let sequence = match (&self.writer, &self.reader) {
            (Some(Writer::Responses(writer)), _) => writer.sequence(),
            (None, Reader::Responses(reader)) => reader.next_sequence(),
            _ => 0,
        };
        out.push(errors::event_numbered(self.protocol, reply, sequence));
        self.tracker.ended = true;
    }

    /// Writes a sign of life. Everything written before is whole events, so it fits anywhere.
    pub fn ping(&mut self, out: &mut Vec<Bytes>) {
        match (&self.writer, self.protocol) {
            _ if self.tracker.ended => {}
            (Some(writer), _) => {
                writer.ping(&mut self.written);
                self.flush_written(out);
            }
            (None, protocol) => out.push(ping(protocol)),
        }
    }

    /// What was spent so far. Counts the text when the upstream has not told, so ask once, at the end.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.tracker.spent(self.heading.input_tokens)
    }
}

/// Where events go behind the stages.
struct Way<'r> {
    tracker: &'r mut Tracker,
    writer: &'r mut Option<Writer>,
    heading: &'r Heading,
    out: &'r mut Vec<u8>,
}

impl Way<'_> {
    fn send(&mut self, event: event::Event<'_>) -> Result<(), StreamError> {
        self.tracker.see(&event);
        match (self.writer.as_mut(), event) {
            (None, _) => Ok(()),
            // An end that comes before the answer's own is a cut: `finish` says so.
            (Some(_), event::Event::End) if self.tracker.stop.is_none() => Ok(()),
            (Some(writer), event::Event::End) => writer.end(self.heading, self.tracker, self.out),
            (Some(writer), event) => writer.write(self.heading, self.tracker, event, self.out),
        }
    }
}

/// Events of one chunk that stand side by side go on as one slice.
struct Run {
    chunk: Bytes,
    from: Option<Bytes>,
}

impl Run {
    fn add(&mut self, event: Bytes, out: &mut Vec<Bytes>) {
        let joined = self.from.as_ref().and_then(|from| {
            let start = self.place(from)?;
            let place = self.place(&event)?;
            (start + from.len() == place).then(|| self.chunk.slice(start..place + event.len()))
        });
        match joined {
            Some(joined) => self.from = Some(joined),
            None => {
                self.flush(out);
                self.from = Some(event);
            }
        }
    }

    /// Where a slice stands in the chunk; None for one that was put together from two.
    fn place(&self, part: &Bytes) -> Option<usize> {
        let start = (part.as_ptr() as usize).checked_sub(self.chunk.as_ptr() as usize)?;
        (start + part.len() <= self.chunk.len()).then_some(start)
    }

    fn flush(&mut self, out: &mut Vec<Bytes>) {
        out.extend(self.from.take());
    }
}

/// A Chat chunk that has usage and nothing else.
fn is_usage_chunk(data: &[u8]) -> bool {
    use super::json::Raw;
    let [choices, usage] = Raw::parse(data).map(|chunk| chunk.peek(["choices", "usage"])).unwrap_or_default();
    usage.is_some() && choices.is_none_or(|choices| choices.elements().next().is_none())
}
