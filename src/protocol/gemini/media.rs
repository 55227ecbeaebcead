//! Attachments of a Gemini request, and what its own tools did.

use super::super::encode::EncodeError;
use super::super::exchange::{Part, Source};
use super::super::json::{Raw, Text};
use super::super::request::{BadRequest, shown};
use super::fields::{get, peek, pick, text};

/// Data that stands in the request.
pub(super) fn inline(data: Raw<'_>) -> Result<Part<'_>, EncodeError> {
    let names = ["mimeType", "data", "displayName"];
    let [media, bytes, name] = pick(data, names).map_err(BadRequest::from)?;
    let (media, bytes) = (text(media), text(bytes));
    if media.is_empty() {
        return Err(BadRequest::new("`contents`: inlineData has no mimeType").into());
    }
    if media.escaped().starts_with(b"text/") {
        let read = decoded(bytes).ok_or_else(|| BadRequest::new("`contents`: inlineData is not base64"))?;
        return Ok(Part::Note(String::from_utf8_lossy(&read).into_owned()));
    }
    part(media, Source::Base64 { media, data: bytes }, name)
}

/// Data that stands elsewhere. Only Google can read its own addresses.
pub(super) fn file(data: Raw<'_>) -> Result<Part<'_>, EncodeError> {
    let names = ["mimeType", "fileUri", "displayName"];
    let [media, address, name] = pick(data, names).map_err(BadRequest::from)?;
    let address = text(address);
    let public = address.escaped().starts_with(b"https://") || address.escaped().starts_with(b"http://");
    let own = super::super::content::find(address.escaped(), "generativelanguage.googleapis.com").is_some();
    part(text(media), if public && !own { Source::Url(address) } else { Source::Id }, name)
}

fn part<'a>(media: Text<'a>, source: Source<'a>, name: Option<Raw<'a>>) -> Result<Part<'a>, EncodeError> {
    Ok(match media.escaped().split(|byte| *byte == b'/').next().unwrap_or_default() {
        b"image" => Part::Image(source),
        b"audio" => Part::Audio(source),
        b"video" => return Err(EncodeError::unsupported("a video cannot be carried over to its wire format")),
        _ => Part::Document { name: name.and_then(Raw::text).filter(|name| !name.is_empty()), source },
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

/// What a base64 text of either alphabet says; None when it is not one.
fn decoded(text: Text<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.escaped().len() / 4 * 3 + 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    // `/` may be written with an escape.
    for byte in text.decode().bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' => continue,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits).unwrap_or(0));
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        let read = |text: &str| decoded(Text::from_escaped(text.as_bytes()));
        assert_eq!(read("aMOpIGE="), Some("hé a".as_bytes().to_vec()));
        assert_eq!(read("-_8"), read("+\\/8="));
        assert_eq!(read(""), Some(Vec::new()));
        assert_eq!(read("a b"), None);
    }
}
