//! Gemini's `generateContent`.

use super::answer::BrokenAnswer;
use super::encode::{Back, EncodeError, Target};
use super::exchange::Exchange;
use super::json::Raw;
use super::message::Message;
use super::request::{BadRequest, Request};
use super::stream::event::{Event, Sink, StreamError};
use super::stream::tracker::Tracker;
use super::stream::writer::Heading;
use super::usage::Usage;

pub(crate) fn read_request(_request: &Request) -> Result<Exchange<'_>, BadRequest> {
    Err(BadRequest::new("Gemini is not served yet"))
}

pub(crate) fn write_request(
    _exchange: &mut Exchange<'_>,
    _target: &Target<'_>,
    _stream: bool,
    _room: usize,
    _back: &mut Back,
) -> Result<Vec<u8>, EncodeError> {
    Err(EncodeError::unsupported("Gemini is not served yet"))
}

pub(crate) fn read_answer(_body: Raw<'_>) -> Result<Message<'_>, BrokenAnswer> {
    Err(BrokenAnswer::new("Gemini is not served yet"))
}

pub(crate) fn write_answer(_message: &Message<'_>, _heading: &Heading) -> Vec<u8> {
    Vec::new()
}

pub(crate) fn read_usage(_usage: &mut Usage, _raw: Raw<'_>) -> bool {
    false
}

/// Reads the events of a stream.
#[derive(Debug, Default)]
pub(crate) struct StreamReader;

impl StreamReader {
    #[expect(clippy::unused_self, reason = "to be written")]
    pub(crate) fn read(&mut self, _data: &[u8], _sink: Sink<'_>) -> Result<(), StreamError> {
        Err(StreamError::Malformed("Gemini is not served yet".to_owned()))
    }
}

/// Writes the events of a stream.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter;

#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "to be written")]
impl StreamWriter {
    pub(crate) fn write(
        &mut self,
        _heading: &Heading,
        _tracker: &Tracker,
        _event: Event<'_>,
        _out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        Ok(())
    }

    pub(crate) fn ping(&self, _out: &mut Vec<u8>) {}

    pub(crate) fn end(
        &mut self,
        _heading: &Heading,
        _tracker: &Tracker,
        _out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        Ok(())
    }
}
