//! Attachments of a Gemini request, and what its own tools did.

use super::super::encode::EncodeError;
use super::super::exchange::{Part, Source};
use super::super::json::{Raw, Text};
use super::super::media;
use super::super::request::{BadRequest, shown};
use super::super::strict::Place;
use super::fields::{get, peek, pick, text};

/// Data that stands in the request.
pub(super) fn inline<'a>(data: Raw<'a>, at: &Place<'_>) -> Result<Part<'a>, EncodeError> {
    let names = ["mimeType", "data", "displayName"];
    let [kind, bytes, name] = pick(at.inner(Some(data))?, names).map_err(BadRequest::from)?;
    let kind = at.member("mimeType").full(kind)?.ok_or_else(|| at.refuse("inlineData has no mimeType"))?;
    let source = media::inline(&at.member("data"), kind, at.member("data").name(bytes)?)?;
    if let (true, Source::Base64 { data, .. }) = (kind.escaped().starts_with(b"text/"), source) {
        return Ok(Part::Note(media::text_in(data)));
    }
    part(kind, source, at.member("displayName").full(name)?)
}

/// Data that stands elsewhere. Only Google can read its own addresses.
pub(super) fn file<'a>(data: Raw<'a>, at: &Place<'_>) -> Result<Part<'a>, EncodeError> {
    let names = ["mimeType", "fileUri", "displayName"];
    let [kind, address, name] = pick(at.inner(Some(data))?, names).map_err(BadRequest::from)?;
    let address = at.member("fileUri").name(address)?;
    let own = super::super::content::find(address.escaped(), "generativelanguage.googleapis.com").is_some();
    let google = own || address.escaped().starts_with(b"gs:") || address.escaped().starts_with(b"files/");
    let source = if google { Source::Id } else { media::address(&at.member("fileUri"), address)? };
    part(at.member("mimeType").said(kind)?, source, at.member("displayName").full(name)?)
}

fn part<'a>(media: Text<'a>, source: Source<'a>, name: Option<Text<'a>>) -> Result<Part<'a>, EncodeError> {
    Ok(match media.escaped().split(|byte| *byte == b'/').next().unwrap_or_default() {
        b"image" => Part::Image(source),
        b"audio" => Part::Audio(source),
        b"video" => return Err(EncodeError::unsupported("a video cannot be carried over to its wire format")),
        _ => Part::Document { name, source },
    })
}

/// Code that Google ran, or what came of it, as text.
pub(crate) fn code_note(value: Raw<'_>) -> String {
    let [language, code, outcome, output] = peek(value, ["language", "code", "outcome", "output"]);
    if let Some(code) = code.and_then(Raw::text) {
        let language = text(language).decode().to_ascii_lowercase();
        return format!("```{language}\n{}\n```", code.decode());
    }
    format!("[{}]\n{}", text(outcome).decode(), text(output).decode())
}

/// What stands for a part of an answer that no other protocol has: code and what came of it, the pages
/// that a search found. Data that the model made can only be named.
pub(crate) fn note_of(part: Raw<'_>) -> Option<String> {
    let names = ["executableCode", "codeExecutionResult", "groundingChunks", "inlineData", "fileData"];
    let [code, result, pages, inline, file] = peek(part, names);
    if let Some(code) = code.or(result) {
        return Some(code_note(code));
    }
    if let Some(pages) = pages {
        let mut out = "\n\nSources:".to_owned();
        for page in pages.elements().map_while(Result::ok) {
            let [title, uri] = peek(get(page, "web"), ["title", "uri"]);
            if let Some(uri) = uri.and_then(Raw::text) {
                let uri = uri.decode();
                let title = title.and_then(Raw::text).map_or(uri.clone(), Text::decode);
                out.push_str(&format!("\n- [{title}]({uri})"));
            }
        }
        return Some(out);
    }
    let media = text(peek(inline.or(file)?, ["mimeType"])[0]).decode();
    Some(format!("[data of the type `{}`, which only Gemini's protocol can carry]", shown(&media)))
}
