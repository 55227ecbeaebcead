//! What can be read of an image, a document or a sound without decoding more of it than its beginning: its
//! size in pixels, its pages, its seconds.
//!
//! It reads base64 as it stands in the body: plain or URL-safe, with JSON's escapes and line breaks in it.

use memchr::memmem;

use super::super::json::{Raw, Text};
use super::super::media::beginning;
use super::vision::Size;
use crate::bounds::{MAX_READ_ATTACHMENT_BYTES, MAX_READ_DOCUMENT_BYTES, MAX_READ_IMAGE_BYTES};

/// Where the size of nearly every image stands.
const FIRST_BYTES: usize = 4 << 10;
/// Bytes of a page, for a document whose pages cannot be seen.
const PAGE_BYTES: u64 = 75_000;
/// Bytes of a second of sound, unless its head says otherwise: 128 kbit/s.
const SOUND_BYTES: u64 = 16_000;
/// Bytes of a second of film: 2 Mbit/s.
const FILM_BYTES: u64 = 250_000;

/// How closely an image is to be looked at, OpenAI's `detail`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "OpenAI's own words; `auto` says nothing")]
pub enum Detail {
    #[default]
    Unsaid,
    Low,
    High,
    Original,
}

/// How much of a request's attachments may still be decoded. Its measure is used up by all of them together:
/// a body full of documents would keep others waiting.
#[derive(Debug)]
pub struct Allowance {
    left_bytes: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left_bytes: MAX_READ_ATTACHMENT_BYTES }
    }
}

impl Allowance {
    /// The first bytes that base64 stands for; fewer when too much was read before.
    fn read(&mut self, base64: &[u8], most: usize) -> Vec<u8> {
        let read = beginning(base64, most.min(self.left_bytes));
        self.left_bytes -= read.len();
        read
    }
}

/// The bytes of an attachment, as far as the request has them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Media<'a> {
    /// its base64, as it stands between its quotes
    pub base64: Option<&'a [u8]>,
    /// the type that the request gives it, such as `video/mp4`
    pub kind: Option<Text<'a>>,
    /// how closely it is to be looked at
    pub detail: Detail,
}

impl<'a> Media<'a> {
    /// Of base64 text alone.
    #[must_use]
    pub fn of_base64(kind: Text<'a>, base64: Text<'a>) -> Self {
        Self { base64: Some(base64.escaped()), kind: Some(kind), detail: Detail::Unsaid }
    }

    /// Of a block, whichever protocol wrote it.
    #[must_use]
    pub fn of(block: Raw<'a>) -> Self {
        let [source, image, file, audio] = block.peek(["source", "image_url", "file", "input_audio"]);
        let [file_data, inline, inline_old, detail] = block.peek(["file_data", "inlineData", "inline_data", "detail"]);
        let inner = |raw: Option<Raw<'a>>, name: &str| raw.and_then(|raw| raw.get(name));
        let detail = detail.or_else(|| inner(image, "detail")).map_or(Detail::Unsaid, detail_of);
        if let Some(inline) = inline.or(inline_old) {
            let [data, kind, kind_old] = inline.peek(["data", "mimeType", "mime_type"]);
            let kind = kind.or(kind_old).and_then(Raw::text);
            return Self { base64: data.and_then(Raw::text).map(Text::escaped), kind, detail };
        }
        if let Some(data) = inner(source, "data").or_else(|| inner(audio, "data")).and_then(Raw::text) {
            let kind = inner(source, "media_type").and_then(Raw::text);
            return Self { base64: Some(data.escaped()), kind, detail };
        }
        let url = inner(image, "url").or(image).or(file_data).or_else(|| inner(file, "file_data"));
        let (kind, base64) = url.and_then(Raw::text).and_then(of_data_url).unzip();
        Self { base64, kind, detail }
    }

    /// Whether the request calls it a film.
    pub(super) fn is_film(&self) -> bool {
        self.kind.is_some_and(|kind| kind.escaped().starts_with(b"video"))
    }

    /// About how many bytes it has.
    fn bytes(&self) -> u64 {
        self.base64.map_or(0, |base64| base64.len() as u64 / 4 * 3)
    }

    /// An image's pixels, when its head can be read: PNG, JPEG, GIF, WebP.
    #[must_use]
    pub fn size(&self, allowance: &mut Allowance) -> Option<Size> {
        let base64 = self.base64?;
        let mut read = |most: usize| {
            let size = imagesize::blob_size(&allowance.read(base64, most)).ok()?;
            Some(Size { width: size.width as u64, height: size.height as u64 })
        };
        // A camera puts a preview and more before a JPEG's size.
        let is_jpeg = || beginning(base64, 2).starts_with(&[0xff, 0xd8]);
        read(FIRST_BYTES).or_else(|| if is_jpeg() { read(MAX_READ_IMAGE_BYTES) } else { None })
    }

    /// A document's pages, counted where they can be seen, else by its bytes; None when its bytes are elsewhere.
    #[must_use]
    pub fn pages(&self, allowance: &mut Allowance) -> Option<u64> {
        let read = allowance.read(self.base64?, MAX_READ_DOCUMENT_BYTES);
        let seen = memmem::find_iter(&read, b"/Type").filter(|at| is_page(&read, at + 5)).count() as u64;
        let whole = self.bytes().max(read.len() as u64);
        match (seen, read.len() as u64) {
            (0, _) | (_, 0) => Some(1 + whole / PAGE_BYTES),
            (seen, length) => Some((seen * whole).div_ceil(length)),
        }
    }

    /// A sound's or film's seconds, at least one; None when its bytes are elsewhere.
    #[must_use]
    pub fn seconds(&self) -> Option<u64> {
        let head = beginning(self.base64?, 44);
        let rate = match (head.get(..4), head.get(28..32)) {
            (Some(b"RIFF"), Some(&[a, b, c, d])) => u64::from(u32::from_le_bytes([a, b, c, d])).max(1_000),
            _ if self.is_film() => FILM_BYTES,
            _ => SOUND_BYTES,
        };
        Some(self.bytes().div_ceil(rate).max(1))
    }
}

fn detail_of(raw: Raw<'_>) -> Detail {
    [("low", Detail::Low), ("high", Detail::High), ("original", Detail::Original)]
        .into_iter()
        .find(|(word, _)| raw.is_text(word))
        .map_or(Detail::Unsaid, |(_, detail)| detail)
}

/// The type and the base64 of `data:image/png;base64,…`.
fn of_data_url(url: Text<'_>) -> Option<(Text<'_>, &[u8])> {
    const HEAD: usize = 256;
    const MARK: &[u8] = b"base64,";
    let rest = url.escaped().strip_prefix(b"data:")?;
    let at = memmem::find(rest.get(..HEAD.min(rest.len()))?, MARK)?;
    Some((Text::from_escaped(rest.get(..at)?), rest.get(at + MARK.len()..)?))
}

/// Whether a dictionary's `/Type` says that it is a page, and not the list of pages.
fn is_page(document: &[u8], behind: usize) -> bool {
    let rest = document.get(behind..).unwrap_or_default().trim_ascii_start();
    rest.strip_prefix(b"/Page").is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests;
