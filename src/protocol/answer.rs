//! Whole answers.

use bytes::Bytes;

use super::encode::Back;
use super::json::{JsonError, Kind, Raw, has_halves, mend_halves, sound};
use super::message::Message;
use super::stream;
use super::stream::writer::Heading;
use super::usage::{Spent, Stop, Usage};
use super::{Protocol, Wire, anthropic, gemini, openai, responses};

/// What the way back has to know.
#[derive(Clone, Copy, Debug)]
pub struct AnswerContext<'a> {
    /// the model's name as the client wrote it: a translated answer carries it
    pub requested_model: &'a str,
    /// ids of answers are made of it
    pub request_id: &'a str,
    /// now, in seconds since 1970
    pub created_unix: u64,
    /// input tokens as far as they are known before the upstream tells
    pub input_tokens: u64,
    /// [`super::Outgoing::back`]
    pub back: &'a Back,
}

impl AnswerContext<'_> {
    pub(crate) fn heading(&self) -> Heading {
        Heading {
            id: self.request_id.chars().filter(char::is_ascii_alphanumeric).collect(),
            model: self.requested_model.to_owned(),
            created_unix: self.created_unix,
            input_tokens: self.input_tokens,
            back: self.back.clone(),
        }
    }
}

/// An answer for the client.
#[derive(Clone, Debug)]
pub struct Answer {
    /// its body; the upstream's own when both sides speak the same. For `/chat` the answer's text,
    /// which the gateway puts into its own frame.
    pub body: Bytes,
    /// what it cost
    pub spent: Spent,
    /// why it ended
    pub stop: Stop,
    /// whether it says or calls anything
    pub has_content: bool,
}

/// An upstream's embeddings: its own bytes, and what they cost. `input_tokens` is what they may have cost
/// when it does not tell.
///
/// # Errors
/// When it is no list of embeddings.
pub fn embedded(body: Bytes, input_tokens: u64) -> Result<Answer, BrokenAnswer> {
    let [data, usage, error] = Raw::object(&body)?.peek(["data", "usage", "error"]);
    if let Some(error) = error.filter(|error| !error.is_null() && data.is_none()) {
        let text = |name| error.get(name).and_then(Raw::text).map(|text| text.decode().into_owned());
        let (kind, message) = (text("type").unwrap_or_default(), text("message").unwrap_or_default());
        return Err(BrokenAnswer::Upstream { kind, message });
    }
    let data = data.filter(|data| data.kind() == Kind::Array);
    let has_content = data.ok_or_else(|| BrokenAnswer::new("it has no `data`"))?.elements().next().is_some();
    let mut told = Usage::default();
    if let Some(usage) = usage {
        told.read(Wire::Chat, usage);
    }
    let spent = Spent::reported(told, input_tokens);
    Ok(Answer { body, spent, stop: Stop::End, has_content })
}

/// An upstream's answer that is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenAnswer {
    /// it is not in the upstream's wire format
    #[error("the upstream's answer cannot be read: {0}")]
    Malformed(String),
    /// it is an error with a good status; its own words are not among ours, for they may hold anything
    #[error("the upstream sent an error instead of an answer")]
    Upstream {
        /// its word
        kind: String,
        /// its sentence
        message: String,
    },
}

impl BrokenAnswer {
    pub(crate) fn new(what: &str) -> Self {
        Self::Malformed(what.to_owned())
    }
}

impl From<JsonError> for BrokenAnswer {
    fn from(error: JsonError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl Answer {
    pub(crate) fn write(protocol: Protocol, message: &Message<'_>, heading: &Heading) -> Bytes {
        match protocol {
            Protocol::Anthropic => Bytes::from(anthropic::write_answer(message, heading)),
            Protocol::Chat => Bytes::from(openai::write_answer(message, heading)),
            Protocol::Responses => Bytes::from(responses::write_answer(message, heading)),
            Protocol::Gemini => Bytes::from(gemini::write_answer(message, heading)),
            Protocol::Simple => Bytes::from(message.text()),
        }
    }

    pub(crate) fn new(body: Bytes, message: &Message<'_>, spent: Spent) -> Self {
        Self { body, spent, stop: message.stop, has_content: message.has_content() }
    }
}

/// Reads an upstream's whole answer and writes it for the client.
///
/// # Errors
/// When it is not an answer in the upstream's wire format; an error body with status 200, which some
/// upstreams send, is one of these cases.
pub fn answer(
    wire: Wire,
    protocol: Protocol,
    body: Bytes,
    context: &AnswerContext<'_>,
) -> Result<Answer, BrokenAnswer> {
    let body = sound_body(&body)?.map_or(body, Bytes::from);
    let message = read(wire, &body)?;
    if !context.back.stages.is_empty() {
        let changed = match wire.same_as(protocol) {
            true => stream::own::changed(wire, &body, &message, context)?,
            false => stream::staged(protocol, &message, context)?,
        };
        if let Some(answer) = changed {
            return Ok(answer);
        }
    }
    let spent = message.spent(context.input_tokens);
    if wire.same_as(protocol) {
        return Ok(Answer::new(body.clone(), &message, spent));
    }
    let ids = message.other_ids();
    let message = message.with_ids(&ids)?;
    Ok(Answer::new(Answer::write(protocol, &message, &context.heading()), &message, spent))
}

/// An upstream's body as JSON that every client can read; None: it is that already. See [`stream`] for what is
/// mended and what is a failure; a whole answer has its halves of characters mended besides, for none of them
/// comes later.
pub(crate) fn sound_body(body: &[u8]) -> Result<Option<Vec<u8>>, JsonError> {
    let mut mended = sound(body)?;
    if has_halves(mended.as_deref().unwrap_or(body)) {
        mend_halves(mended.get_or_insert_with(|| body.to_vec()));
    }
    Ok(mended)
}

pub(crate) fn read(wire: Wire, body: &[u8]) -> Result<Message<'_>, BrokenAnswer> {
    let raw = Raw::parse(body)?;
    if raw.kind() != Kind::Object {
        return Err(BrokenAnswer::new("it is not a JSON object"));
    }
    let [error] = raw.pick(["error"])?;
    if error.is_some() {
        let (kind, message) = super::errors::read_upstream_error(body);
        return Err(BrokenAnswer::Upstream { kind, message });
    }
    match wire {
        Wire::Anthropic => anthropic::read_answer(raw),
        Wire::Chat => openai::read_answer(raw),
        Wire::Responses => responses::read_answer(raw),
        Wire::Gemini => gemini::read_answer(raw),
    }
}
