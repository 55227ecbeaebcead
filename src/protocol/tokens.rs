//! Counting tokens: o200k for text, documented estimates for what is not text.
//!
//! No upstream shares one tokenizer, so every figure here is an estimate of what an upstream will
//! count; what it reports is preferred wherever there is a report.
//!
//! - an image: [`IMAGE_TOKENS`]. Anthropic counts width × height / 750 after scaling an image down to
//!   1.15 megapixels, so this is what a large screenshot costs; its size is not read.
//! - a document: 1 500 tokens (one page) + its decoded bytes / 50; one given by URL or id: 3 000. A text
//!   document counts as text instead.
//! - a sound: [`AUDIO_TOKENS`].
//! - each message: 4 for its frame; `/chat` has one.

use std::sync::LazyLock;

use tiktoken::CoreBpe;

use super::content::{self, Piece};
use super::json::{Raw, Text};
use super::request::Request;
use crate::bounds::{MAX_COUNTED_BYTES, MAX_KEPT_ANSWER_BYTES};

/// What an image is taken for.
pub const IMAGE_TOKENS: u64 = 1_600;
/// What a sound is taken for: about fifty seconds.
pub const AUDIO_TOKENS: u64 = 500;
/// What a message's frame costs.
pub const MESSAGE_TOKENS: u64 = 4;
const DOCUMENT_TOKENS: u64 = 1_500;
const DOCUMENT_BYTES_A_TOKEN: u64 = 50;
const LINKED_DOCUMENT_TOKENS: u64 = 3_000;
/// What text beyond [`MAX_COUNTED_BYTES`] is taken for.
const BYTES_A_TOKEN: u64 = 4;

static ENCODING: LazyLock<Option<&'static CoreBpe>> = LazyLock::new(|| tiktoken::get_encoding("o200k_base"));

/// Loads the vocabulary (a tenth of a second), so that no request has to wait for it.
pub fn warm_up() {
    LazyLock::force(&ENCODING);
}

/// Tokens of a text in o200k.
#[must_use]
pub fn count(text: &str) -> u64 {
    ENCODING.map_or(text.len() as u64 / BYTES_A_TOKEN, |encoding| encoding.count(text) as u64)
}

/// About the tokens of a text: counts its beginning, and takes the rest to be like it.
#[must_use]
pub fn estimate(text: &str) -> u64 {
    let begin = text.get(..text.floor_char_boundary(MAX_KEPT_ANSWER_BYTES)).unwrap_or(text);
    let length = begin.len() as u64;
    count(begin).saturating_mul(text.len() as u64).checked_div(length).unwrap_or(0)
}

/// Counts many texts within one bound of work: hostile text takes a second a megabyte.
#[derive(Debug)]
pub struct Counter {
    tokens: u64,
    left_bytes: usize,
}

impl Default for Counter {
    fn default() -> Self {
        Self { tokens: 0, left_bytes: MAX_COUNTED_BYTES }
    }
}

impl Counter {
    /// Adds a text. What goes beyond the bound counts one token for four bytes.
    pub fn text(&mut self, text: &str) {
        if text.len() <= self.left_bytes {
            self.left_bytes -= text.len();
            self.tokens += count(text);
        } else {
            self.tokens += text.len() as u64 / BYTES_A_TOKEN;
        }
    }

    /// Adds tokens that were estimated otherwise.
    pub fn add(&mut self, tokens: u64) {
        self.tokens += tokens;
    }

    /// The sum.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.tokens
    }
}

/// What a document is taken for. A text document's text counts with the other text.
#[must_use]
pub fn document_estimate(block: Raw<'_>) -> u64 {
    let [source, file] = block.peek(["source", "file"]);
    let [kind, data] = source.unwrap_or(Raw::NULL).peek(["type", "data"]);
    if kind.is_some_and(|kind| kind.is_text("text") || kind.is_text("content")) {
        return 0;
    }
    let data = data.or_else(|| file.and_then(|file| file.get("file_data"))).and_then(Raw::text);
    data.map_or(LINKED_DOCUMENT_TOKENS, |data| {
        DOCUMENT_TOKENS + data.escaped().len() as u64 / 4 * 3 / DOCUMENT_BYTES_A_TOKEN
    })
}

/// An upper bound of [`of_request`] that costs next to nothing: a token is at least one byte of
/// the body, and a message's frame is longer than its four tokens.
#[must_use]
pub fn bound(request: &Request) -> u64 {
    request.body().len() as u64 + request.attachments().tokens
}

/// Tokens of all text that is sent (system, messages, tool calls and results, tool schemas as
/// JSON text), 4 a message, and the estimates of what is not text.
#[must_use]
pub fn of_request(request: &Request) -> u64 {
    let mut counter = Counter::default();
    let mut visit = |piece: Piece<'_>| add_piece(&mut counter, piece);
    for content in [request.field("system"), request.simple_message()].into_iter().flatten() {
        content::content_pieces(content, &mut visit);
    }
    let mut messages = u64::from(request.simple_message().is_some());
    for message in content::messages(request) {
        messages += 1;
        content::pieces(message, &mut visit);
    }
    for name in ["tools", "functions"] {
        for tool in request.field(name).unwrap_or(Raw::NULL).elements().map_while(Result::ok) {
            counter.text(&String::from_utf8_lossy(tool.bytes()));
        }
    }
    counter.add(messages * MESSAGE_TOKENS);
    counter.add(request.attachments().tokens);
    counter.tokens().min(bound(request))
}

fn add_piece(counter: &mut Counter, piece: Piece<'_>) {
    match piece {
        Piece::Text(text) | Piece::Thinking(text) | Piece::Result(text) => counter.text(&text.decode()),
        Piece::Call(name, input) => {
            counter.text(&name.decode());
            match input.text() {
                Some(text) => counter.text(&text.decode()),
                None => counter.text(&String::from_utf8_lossy(input.bytes())),
            }
        }
        Piece::Document(block) => add_text_document(counter, block),
        Piece::Other(block) => counter.text(&String::from_utf8_lossy(block.bytes())),
        Piece::Image | Piece::Audio => {}
    }
}

fn add_text_document(counter: &mut Counter, block: Raw<'_>) {
    let [title, source] = block.peek(["title", "source"]);
    let [kind, data, content] = source.unwrap_or(Raw::NULL).peek(["type", "data", "content"]);
    let text = |raw: Option<Raw<'_>>| raw.and_then(Raw::text).unwrap_or(Text::EMPTY).decode().into_owned();
    counter.text(&text(title));
    if kind.is_some_and(|kind| kind.is_text("text")) {
        counter.text(&text(data));
    } else if let Some(content) = content {
        counter.text(&String::from_utf8_lossy(content.bytes()));
    }
}
