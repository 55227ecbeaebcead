//! A stream's events in one form for all wires.

use super::super::Wire;
use super::super::json::{JsonError, Raw, Text, sound};
use super::super::signed::Signed;
use super::super::sse::{self, EventTooLarge};
use super::super::usage::{Stop, Usage};

/// One thing that a stream says. Texts are still escaped, so that they can be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Text(Text<'a>),
    Thinking(Text<'a>),
    /// what proves a thinking block to its own upstream
    Signature(Signed<'a>),
    /// a tool call begins, or its late id or name comes
    ToolStart {
        slot: usize,
        id: Option<Text<'a>>,
        name: Option<Text<'a>>,
    },
    /// a part of a tool's input: JSON text inside a JSON string
    ToolInput {
        slot: usize,
        json: Text<'a>,
    },
    /// what only its own wire can say
    Foreign(Foreign<'a>),
    /// the block that came last is over. Only readers that [keep their own](Reader::keep_own) tell: another
    /// protocol does not need two blocks of one kind in a row
    Break,
    /// what is known of the usage so far; `last`: with the output counted
    Usage {
        usage: Usage,
        last: bool,
    },
    Stop {
        stop: Stop,
        sequence: Option<Text<'a>>,
        /// the upstream's own word, for a client of the same protocol; nobody who changes `stop` keeps it
        word: Option<Text<'a>>,
    },
    /// the stream's own end
    End,
}

/// What only its own wire can say, as it came. A client of another protocol gets a note for a [`Form::Block`];
/// the other forms are only read for one of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign<'a> {
    pub(crate) wire: Wire,
    pub(crate) form: Form,
    pub(crate) raw: Raw<'a>,
}

/// Where something foreign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// a block: the start of it, or all
    Block,
    /// more of the block that came last
    More,
    /// all of the block that came last, which is over
    Done,
    /// what stands around the blocks: Anthropic's `message_start`, the `response` of Responses' first event, a
    /// chunk of Chat or Gemini without what else is told of it
    Head,
    /// what stands beside the blocks: a choice of Chat, a candidate of Gemini
    Beside,
    /// what stands behind the blocks: Anthropic's `message_delta`, the `response` of Responses' last event, the
    /// usage of the others
    Tail,
}

impl Form {
    /// Whether it has its place among the blocks.
    pub(crate) fn is_in_order(self) -> bool {
        matches!(self, Self::Block | Self::More | Self::Done)
    }
}

/// Who takes events.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Event<'_>) -> Result<(), StreamError>;

/// Why a stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// the upstream sent an error event; its own words are not among ours, for they may hold anything
    #[error("the upstream sent an error inside its answer")]
    Upstream {
        /// its word
        kind: String,
        /// its sentence
        message: String,
    },
    /// the upstream sent something that is not its wire format
    #[error("the upstream sent an event that cannot be read: {0}")]
    Malformed(String),
    /// one event, or what had to be held back, is too large
    #[error(transparent)]
    TooLarge(#[from] EventTooLarge),
}

impl From<JsonError> for StreamError {
    fn from(error: JsonError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The stream ended before the answer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's stream ended before its answer did")]
pub struct Truncated;

/// An event's data as JSON that every client can read; None: it is that already, or a word that is no JSON in
/// any protocol.
///
/// # Errors
/// When it cannot be.
pub(crate) fn mended(data: &[u8]) -> Result<Option<Vec<u8>>, StreamError> {
    if data.is_empty() || data == b"[DONE]" { Ok(None) } else { Ok(sound(data)?) }
}

/// Whether an event was cut off inside its data.
pub(crate) fn is_torn(event: &[u8]) -> bool {
    sse::data(event).is_some_and(|data| mended(&data).is_err())
}

/// Reads one wire's events.
#[derive(Debug)]
pub(crate) enum Reader {
    Anthropic(super::super::anthropic::StreamReader),
    Chat(super::super::openai::StreamReader),
    Responses(super::super::responses::StreamReader),
    Gemini(super::super::gemini::StreamReader),
}

impl Reader {
    /// A reader of the answer with this id: letters and digits only.
    pub(crate) fn new(wire: Wire, id: &str) -> Self {
        match wire {
            Wire::Anthropic => Self::Anthropic(super::super::anthropic::StreamReader::default()),
            Wire::Chat => Self::Chat(super::super::openai::StreamReader::default()),
            Wire::Responses => Self::Responses(super::super::responses::StreamReader::default()),
            Wire::Gemini => Self::Gemini(super::super::gemini::StreamReader::new(id)),
        }
    }

    /// What it reads goes on as it came: no event needs to be of use to another protocol.
    pub(crate) fn pass_on(mut self) -> Self {
        match &mut self {
            Self::Gemini(reader) => reader.pass_on(),
            Self::Chat(reader) => reader.pass_on(),
            Self::Anthropic(_) | Self::Responses(_) => {}
        }
        self
    }

    /// What it reads is written anew for a client of the same protocol: nothing of it may get lost.
    /// `seeks_text`: somebody looks at the text.
    pub(crate) fn keep_own(mut self, seeks_text: bool) -> Self {
        match &mut self {
            Self::Anthropic(reader) => reader.keep_own(),
            Self::Chat(reader) => reader.keep_own(),
            Self::Responses(reader) => reader.keep_own(seeks_text),
            Self::Gemini(reader) => reader.keep_own(),
        }
        self
    }

    /// Whether the client reads an answer beside the first one that has begun and has not ended.
    pub(crate) fn unfinished(&self) -> bool {
        match self {
            Self::Gemini(reader) => reader.unfinished(),
            Self::Chat(reader) => reader.unfinished(),
            Self::Anthropic(_) | Self::Responses(_) => false,
        }
    }

    /// Reads an event's data.
    pub(crate) fn read(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        match self {
            Self::Anthropic(reader) => reader.read(data, sink),
            Self::Chat(reader) => reader.read(data, sink),
            Self::Responses(reader) => reader.read(data, sink),
            Self::Gemini(reader) => reader.read(data, sink),
        }
    }
}
