//! Counting tokens: one counter behind `request.tokens`, `count_tokens` and every estimate.
//!
//! No upstream shares one tokenizer, so every figure here is an estimate of what an upstream will
//! count; what it reports is preferred wherever there is a report.
//!
//! [`Measure`] says how one model counts: text with o200k or cl100k ([`Encoding`]), everything else by its
//! vendor's published formula. `request.tokens` cannot depend on a model, which is chosen by it: it uses
//! [`Measure::COMMON`], o200k and Anthropic's formulas.
//!
//! - an image: [`vision`], by its size, which is read from its first bytes; [`IMAGE_TOKENS`] when they are not
//!   in the request.
//! - a document's page: 3 000 at Anthropic, which puts its text (1 500 to 3 000) and a picture of it before
//!   the model ("PDF support", platform.claude.com/docs/en/build-with-claude/pdf-support); 258 at Gemini, 560
//!   from Gemini 3 on ("Document understanding" and "Media resolution", ai.google.dev/gemini-api/docs); at
//!   OpenAI, which puts text and a picture there too and names no figure, 1 000 and what the picture costs
//!   (all read in November 2026). Pages are counted where they can be seen, else 75 000 bytes are one. A
//!   document by address or id is taken for one page of 3 000. A text document counts as text instead.
//! - a sound: 10 tokens a second at OpenAI ("Realtime costs"), 32 at Gemini ("Understand and count tokens")
//!   and everywhere else; a film 263. A WAV file says how long it is, of others 16 000 bytes are a second, of a
//!   film 250 000. One by address or id is taken for fifty seconds.
//! - each message: 4 for its frame; `/chat` has one.

pub mod media;
mod vision;

use std::sync::LazyLock;

use bytes::Bytes;
use tiktoken::CoreBpe;

use self::media::{Allowance, Detail, Media};
use self::vision::{Family, Size};
use super::content::{self, Piece};
use super::json::{Kind, Raw, Text, push_text};
use super::request::Request;
use super::{Protocol, Wire};
use crate::bounds::{MAX_COUNTED_BYTES, MAX_KEPT_ANSWER_BYTES};

/// What an image of unknown size is taken for: a large screenshot.
pub const IMAGE_TOKENS: u64 = 1_600;
/// What a message's frame costs.
pub const MESSAGE_TOKENS: u64 = 4;
/// What a page is taken for, and a document of unknown length.
const PAGE_TOKENS: u64 = 3_000;
/// The text of a page, where its picture is counted apart.
const PAGE_TEXT_TOKENS: u64 = 1_000;
/// A page as a picture: A4 at 90 dots an inch.
const PAGE_SIZE: Size = Size { width: 744, height: 1_053 };
/// Seconds of a sound or film of unknown length.
const SECONDS: u64 = 50;
/// What text beyond [`MAX_COUNTED_BYTES`] is taken for.
const BYTES_A_TOKEN: u64 = 4;

static O200K: LazyLock<Option<&'static CoreBpe>> = LazyLock::new(|| tiktoken::get_encoding("o200k_base"));
static CL100K: LazyLock<Option<&'static CoreBpe>> = LazyLock::new(|| tiktoken::get_encoding("cl100k_base"));

/// A vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// of GPT-4o and everything after it; also for models whose own is not public
    #[default]
    O200k,
    /// of GPT-4, GPT-3.5 and OpenAI's embeddings
    Cl100k,
}

impl Encoding {
    /// The vocabulary of a model, by the name that its provider knows.
    #[must_use]
    pub fn of(model: &str) -> Self {
        let name = plain_name(model);
        let is = |begins: &str| name.starts_with(begins);
        let newer = ["gpt-4o", "gpt-4.1", "gpt-4.5"].into_iter().any(is);
        let older = ["gpt-4", "gpt-3.5", "gpt-35", "text-embedding-"].into_iter().any(is);
        if older && !newer { Self::Cl100k } else { Self::O200k }
    }

    /// Tokens of a text.
    #[must_use]
    pub fn count(self, text: &str) -> u64 {
        let encoding = match self {
            Self::O200k => *O200K,
            Self::Cl100k => *CL100K,
        };
        encoding.map_or(text.len() as u64 / BYTES_A_TOKEN, |encoding| encoding.count(text) as u64)
    }
}

/// A model's name without the maker that resellers put before it.
fn plain_name(model: &str) -> &str {
    model.rsplit_once('/').map_or(model, |(_, name)| name)
}

/// Loads the usual vocabulary (a tenth of a second), so that no request has to wait for it. The other one
/// is loaded when a model needs it.
pub fn warm_up() {
    LazyLock::force(&O200K);
}

/// How a model counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    encoding: Encoding,
    family: Family,
}

impl Measure {
    /// For what must not depend on a model: o200k, and Anthropic's formulas.
    pub const COMMON: Self = Self { encoding: Encoding::O200k, family: vision::CLAUDE };

    /// Of a model, by the name that its provider knows and, for a name of no known family, by what it speaks.
    #[must_use]
    pub fn of(wire: Wire, model: &str) -> Self {
        let name = plain_name(model);
        let by_wire = if wire == Wire::Gemini { Family::Gemini } else { vision::CLAUDE };
        Self { encoding: Encoding::of(name), family: Family::of(name).unwrap_or(by_wire) }
    }

    /// A counter for its texts.
    #[must_use]
    pub fn counter(self) -> Counter {
        Counter { encoding: self.encoding, ..Counter::default() }
    }

    /// What an image costs.
    #[must_use]
    pub fn image(self, image: Media<'_>, allowance: &mut Allowance) -> u64 {
        match (self.family, image.size(allowance)) {
            (family, Some(size)) => family.image(size, image.detail),
            (Family::Gemini, None) => self.family.image(PAGE_SIZE, Detail::Unsaid),
            (Family::Tiles { base, .. }, None) if image.detail == Detail::Low => base,
            (_, None) => IMAGE_TOKENS,
        }
    }

    /// What a document costs that is not text.
    #[must_use]
    pub fn document(self, document: Media<'_>, allowance: &mut Allowance) -> u64 {
        let page = match self.family {
            Family::Claude { .. } => PAGE_TOKENS,
            Family::GeminiTiles => 258,
            Family::Gemini => 560,
            family => PAGE_TEXT_TOKENS + family.image(PAGE_SIZE, Detail::High),
        };
        document.pages(allowance).map_or(PAGE_TOKENS, |pages| pages.saturating_mul(page))
    }

    /// What a sound or a film costs.
    #[must_use]
    pub fn sound(self, sound: Media<'_>) -> u64 {
        let rate = match self.family {
            _ if sound.is_film() => 263,
            Family::Tiles { .. } | Family::Patches { .. } => 10,
            _ => 32,
        };
        sound.seconds().unwrap_or(SECONDS).saturating_mul(rate)
    }
}

/// Tokens of a text in o200k.
#[must_use]
pub fn count(text: &str) -> u64 {
    Encoding::O200k.count(text)
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
    encoding: Encoding,
    tokens: u64,
    left_bytes: usize,
}

impl Default for Counter {
    fn default() -> Self {
        Self { encoding: Encoding::O200k, tokens: 0, left_bytes: MAX_COUNTED_BYTES }
    }
}

impl Counter {
    /// Adds a text. What goes beyond the bound counts one token for four bytes.
    pub fn text(&mut self, text: &str) {
        if text.len() <= self.left_bytes {
            self.left_bytes -= text.len();
            self.tokens += self.encoding.count(text);
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

/// Whether a document is text, which counts with the other text.
fn is_text_document(block: Raw<'_>) -> bool {
    let kind = block.get("source").and_then(|source| source.get("type"));
    kind.is_some_and(|kind| kind.is_text("text") || kind.is_text("content"))
}

/// What a request's images, documents and sounds cost.
#[must_use]
pub fn of_attachments(request: &Request, measure: Measure) -> u64 {
    if !request.attachments().any() {
        return 0;
    }
    let (mut tokens, mut allowance) = (0_u64, Allowance::default());
    for message in content::messages(request) {
        content::pieces(message, &mut |piece| {
            tokens = tokens.saturating_add(match piece {
                Piece::Image(block) => measure.image(Media::of(block), &mut allowance),
                Piece::Document(block) if !is_text_document(block) => {
                    measure.document(Media::of(block), &mut allowance)
                }
                Piece::Audio(block) => measure.sound(Media::of(block)),
                _ => 0,
            });
        });
    }
    tokens
}

/// The members of a translated request that Anthropic's count takes; it refuses others.
const COUNTABLE: &[&str] =
    &["model", "messages", "system", "tools", "tool_choice", "thinking", "cache_control", "output_config"];

/// A body for Anthropic's count out of one for an answer; None when it is no object.
#[must_use]
pub fn countable(body: &[u8]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(body.len());
    for (name, value) in Raw::object(body).ok()?.members().map_while(Result::ok) {
        if COUNTABLE.iter().any(|known| name.is(known)) {
            out.push(if out.is_empty() { b'{' } else { b',' });
            push_text(&mut out, name);
            out.push(b':');
            out.extend_from_slice(value.bytes());
        }
    }
    out.push(b'}');
    Some(Bytes::from(out))
}

/// What a provider's count said.
#[must_use]
pub fn told(wire: Wire, answer: &[u8]) -> Option<u64> {
    let name = if wire == Wire::Gemini { "totalTokens" } else { "input_tokens" };
    Raw::object(answer).ok()?.get(name).and_then(Raw::whole)
}

/// An upper bound of [`of_request`] that costs next to nothing: a token is at least one byte of
/// the body, and a message's frame is longer than its four tokens.
#[must_use]
pub fn bound(request: &Request) -> u64 {
    (request.body().len() as u64).saturating_add(request.attachment_tokens())
}

/// `request.tokens`: all text that is sent (system, messages, tool calls and results, tool schemas as
/// JSON text) in o200k, 4 a message, and the estimates of what is not text by [`Measure::COMMON`].
#[must_use]
pub fn of_request(request: &Request) -> u64 {
    let tokens = of_text(request, Measure::COMMON).saturating_add(request.attachment_tokens());
    tokens.min(bound(request))
}

/// The same as a model of this measure counts it.
#[must_use]
pub fn of_request_for(request: &Request, measure: Measure) -> u64 {
    of_text(request, measure).saturating_add(of_attachments(request, measure))
}

fn of_text(request: &Request, measure: Measure) -> u64 {
    let mut counter = measure.counter();
    let mut visit = |piece: Piece<'_>| add_piece(&mut counter, piece);
    for content in [Some(content::system(request)), request.simple_message()].into_iter().flatten() {
        content::content_pieces(content, &mut visit);
    }
    let mut messages = u64::from(request.protocol() == Protocol::Simple);
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
    counter.tokens()
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
        // In what is to be embedded: a token, or a list of them.
        Piece::Other(block) if block.kind() == Kind::Number => counter.add(1),
        Piece::Other(block) if block.kind() == Kind::Array => {
            counter.add(block.elements().map_while(Result::ok).count() as u64);
        }
        Piece::Other(block) => counter.text(&String::from_utf8_lossy(block.bytes())),
        Piece::Image(_) | Piece::Audio(_) => {}
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

#[cfg(test)]
mod tests;
