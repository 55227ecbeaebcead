//! Attachments as clients give them: bytes in base64, a data URL, an address, a provider's file id.
//!
//! What no upstream could read is refused by its path: base64 that is none, an address that is not on the web.
//! Whether an upstream takes an attachment at all is for its own writer to say.

use super::content::{self, Piece};
use super::exchange::Source;
use super::json::{Raw, Text};
use super::request::{BadRequest, Request};
use super::strict::Place;

/// Bytes in base64 of a type.
///
/// # Errors
/// When the type or the bytes are missing, or are none.
pub(crate) fn base64<'a>(
    (media_at, media): (Place<'_>, Option<Raw<'a>>),
    (data_at, data): (Place<'_>, Option<Raw<'a>>),
) -> Result<Source<'a>, BadRequest> {
    inline(&data_at, media_at.name(media)?, data_at.name(data)?)
}

/// The same with a type that is known.
pub(crate) fn inline<'a>(at: &Place<'_>, media: Text<'a>, data: Text<'a>) -> Result<Source<'a>, BadRequest> {
    if is_base64(data.escaped()) { Ok(Source::Base64 { media, data }) } else { Err(at.refuse("it is not base64")) }
}

/// A data URL's parts, or an address on the web.
///
/// # Errors
/// When it is neither: no upstream may be sent to read a file of its own.
pub(crate) fn address<'a>(at: &Place<'_>, url: Text<'a>) -> Result<Source<'a>, BadRequest> {
    if let Some(rest) = url.escaped().strip_prefix(b"data:") {
        return data_url(at, rest);
    }
    if is_on_the_web(url) {
        return Ok(Source::Url(url));
    }
    Err(at.refuse("an address that begins with `https://` or `http://`, or a data URL, is required"))
}

/// A file's bytes: a data URL, or base64 alone, which is taken for a PDF. An address is let through as one: some
/// clients put it there.
pub(crate) fn file_data<'a>(at: &Place<'_>, data: Text<'a>) -> Result<Source<'a>, BadRequest> {
    if data.escaped().starts_with(b"data:") || is_on_the_web(data) {
        return address(at, data);
    }
    inline(at, Text::from_escaped(b"application/pdf"), data)
}

fn data_url<'a>(at: &Place<'_>, rest: &'a [u8]) -> Result<Source<'a>, BadRequest> {
    let mut halves = rest.splitn(2, |byte| *byte == b',');
    match (halves.next().and_then(|head| head.strip_suffix(b";base64")), halves.next()) {
        (Some(head), Some(data)) => {
            let media = head.split(|byte| *byte == b';').next().unwrap_or_default();
            inline(at, Text::from_escaped(media), Text::from_escaped(data))
        }
        _ => Err(at.refuse("a data URL must be `data:<type>;base64,<bytes>`")),
    }
}

/// Whether an address can be read by anybody.
pub(crate) fn is_on_the_web(url: Text<'_>) -> bool {
    let url = url.decode();
    let begins = |scheme: &str| url.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    begins("https://") || begins("http://")
}

/// Refuses an attachment that is a file of the upstream's own, on every way out: who serves models on his own
/// machine would hand out what lies there.
///
/// # Errors
/// When there is one.
pub(crate) fn check_addresses(request: &Request) -> Result<(), BadRequest> {
    let mut found = false;
    let mut look = |piece: Piece<'_>| {
        if let Piece::Image(block) | Piece::Document(block) | Piece::Audio(block) = piece {
            // A document of Anthropic's may hold blocks of its own.
            let inner = block.get("source").and_then(|source| source.get("content")).unwrap_or(Raw::NULL);
            let blocks = std::iter::once(block).chain(inner.each().map_while(Result::ok));
            found |= blocks.flat_map(addresses).flatten().any(is_file);
        }
    };
    if request.attachments().any() {
        for message in content::messages(request) {
            content::pieces(message, &mut look);
        }
    }
    content::content_pieces(content::system(request), &mut look);
    if found {
        return Err(BadRequest::new("an attachment is given by a `file:` address: send the file itself"));
    }
    Ok(())
}

/// The members of a block that may hold an address, whichever protocol wrote it.
fn addresses<'a>(block: Raw<'a>) -> [Option<Raw<'a>>; 13] {
    let [source, image, file, data, url, camel, snake, audio, video] = block.peek([
        "source",
        "image_url",
        "file",
        "file_data",
        "file_url",
        "fileData",
        "file_data",
        "audio_url",
        "video_url",
    ]);
    let inner = |raw: Option<Raw<'a>>, name: &str| raw.and_then(|raw| raw.get(name));
    let camel = camel.or(snake);
    [
        inner(source, "url"),
        inner(image, "url"),
        image,
        inner(audio, "url"),
        audio,
        inner(video, "url"),
        video,
        inner(file, "file_data"),
        inner(file, "file_url"),
        data,
        url,
        inner(camel, "fileUri"),
        inner(camel, "file_uri"),
    ]
}

fn is_file(address: Raw<'_>) -> bool {
    let address = address.text().map(Text::decode).unwrap_or_default();
    // Readers of URLs pass over what is no sign in them, in front and inside.
    let signs = address.chars().filter(|letter| !letter.is_ascii_control() && !letter.is_ascii_whitespace());
    signs.take(5).collect::<String>().eq_ignore_ascii_case("file:")
}

/// What six bits a letter of base64 stands for, of either alphabet.
fn six_bits(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Without a branch, so that many are looked at together: an image has millions.
fn are_letters(escaped: &[u8]) -> bool {
    escaped
        .iter()
        .fold(true, |all, byte| all & (byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'-' | b'/' | b'_')))
}

/// Whether this is base64 of either alphabet, as it stands in a JSON string: a `/` may be escaped, lines may be
/// broken.
fn is_base64(escaped: &[u8]) -> bool {
    if memchr::memchr(b'\\', escaped).is_some() {
        let mut plain = Text::from_escaped(escaped).decode().into_owned();
        plain.retain(|letter| !matches!(letter, '\n' | '\r' | '\t'));
        return !plain.contains('\\') && is_base64(plain.as_bytes());
    }
    let padding = escaped.iter().rev().take_while(|byte| **byte == b'=').count();
    let letters = escaped.get(..escaped.len() - padding).unwrap_or_default();
    padding <= 2 && are_letters(letters) && letters.len() % 4 != 1
}

/// The letters of base64 as it stands in a JSON string, each as its six bits; None where something is no
/// base64.
fn letters_in(escaped: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let mut bytes = escaped.iter().copied();
    std::iter::from_fn(move || {
        loop {
            return match bytes.next()? {
                b'\\' => match bytes.next() {
                    Some(b'/') => Some(six_bits(b'/')),
                    Some(b'n' | b'r' | b't') => continue,
                    // Some libraries write `+` and `=` so.
                    Some(b'u') => match code(&mut bytes) {
                        Some(b'=') => continue,
                        letter => Some(letter.and_then(six_bits)),
                    },
                    _ => Some(None),
                },
                b'=' => continue,
                letter => Some(six_bits(letter)),
            };
        }
    })
}

/// The sign that the four digits of an escape stand for, if it is ASCII.
fn code(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let digits: Vec<u8> = bytes.take(4).collect();
    let digits = std::str::from_utf8(&digits).ok().filter(|digits| digits.len() == 4)?;
    u8::from_str_radix(digits, 16).ok()
}

/// The first bytes that base64 stands for, at most so many. They end where something is not base64.
pub(crate) fn beginning(escaped: &[u8], most: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(most.min(escaped.len() / 4 * 3 + 3));
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut letters = letters_in(escaped);
    while out.len() < most
        && let Some(Some(six)) = letters.next()
    {
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    out
}

/// The text that the base64 of a text file stands for; what is no UTF-8 becomes U+FFFD.
pub(crate) fn text_in(data: Text<'_>) -> String {
    String::from_utf8_lossy(&beginning(data.escaped(), usize::MAX)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, expected) in [
            ("aMOpIGE=", "hé a"),
            ("aMOpIGE", "hé a"),
            ("aMOp\\nIGE=", "hé a"),
            ("aMOpIGE\\u003d", "hé a"),
            ("aMOpIGE=\\n", "hé a"),
            ("\\u002b\\/A=", "\u{fffd}\u{fffd}"),
            ("", ""),
        ] {
            assert_eq!(text_in(Text::from_escaped(text.as_bytes())), expected);
            assert!(is_base64(text.as_bytes()), "{text}");
        }
        assert_eq!(beginning(b"-_8", 9), beginning(b"+\\/8=", 9));
        assert_eq!(beginning(b"aMOpIGE=", 2), "h\u{e9}".as_bytes().get(..2).unwrap());
        for text in ["a b", "a", "aGk!", "aGk=x", "aGk===", "a\\q", "é", "aGkaa", "a\\n"] {
            assert!(!is_base64(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_address_is_on_the_web_or_data() {
        for (url, expected) in [
            ("https://x/y.png", Ok("https://x/y.png")),
            ("HTTP://x", Ok("HTTP://x")),
            ("http:\\/\\/x", Ok("http:\\/\\/x")),
            ("data:image/png;charset=x;base64,iVBO", Ok("image/png iVBO")),
            ("data:image/png,iVBO", Err("`u`: a data URL must be `data:<type>;base64,<bytes>`")),
            ("data:image/png;base64,iV BO", Err("`u`: it is not base64")),
        ] {
            let is = address(&Place::top("u"), Text::from_escaped(url.as_bytes())).map(|source| match source {
                Source::Base64 { media, data } => format!("{} {}", media.decode(), data.decode()),
                Source::Url(url) => String::from_utf8(url.escaped().to_vec()).unwrap(),
                Source::Id => String::new(),
            });
            assert_eq!(is, expected.map(str::to_owned).map_err(BadRequest::new), "{url}");
        }
        for url in ["file:///etc/passwd", "/etc/passwd", "ftp://x", "\\u0066ile:///x", "", "javascript:1"] {
            assert!(address(&Place::top("u"), Text::from_escaped(url.as_bytes())).is_err(), "{url}");
        }
    }
}
