//! What a Gemini client says in the path: the model, and what is asked of it.

use bytes::Bytes;

use super::super::json::{Raw, push_string};
use super::fields::get;

/// The versions under which Google serves its models.
const VERSIONS: &[&str] = &["/v1beta/models/", "/v1/models/", "/v1alpha/models/"];

/// A call of a model: `/v1beta/models/{model}:{method}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCall {
    /// the model, without `models/` before it; it may hold any character
    pub model: String,
    /// `generateContent` or another word; empty: the model itself is asked for
    pub method: String,
}

impl ModelCall {
    /// Reads a path, which is still percent-encoded; None when it is none of Gemini's.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let rest = VERSIONS.iter().find_map(|version| path.strip_prefix(version))?;
        let rest = decoded(rest);
        let (model, method) = rest.rsplit_once(':').unwrap_or((&rest, ""));
        // A name may hold a colon (`qwen:7b`): a method is a word of letters.
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
        let (model, method) = if is_method { (model, method) } else { (&*rest, "") };
        let model = plain_name(model);
        (!model.is_empty()).then(|| Self { model: model.to_owned(), method: method.to_owned() })
    }

    /// Whether the answer is to come as a stream.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.method == "streamGenerateContent"
    }

    /// Whether the model is to answer.
    #[must_use]
    pub fn generates(&self) -> bool {
        self.streams() || self.method == "generateContent"
    }
}

/// A model's name without the collection that Google puts before it.
pub(crate) fn plain_name(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// Whether a stream is to come as server-sent events; else it is a JSON array.
#[must_use]
pub fn wants_events(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}

/// The key that stands in a query, `key=…`; empty when there is none.
#[must_use]
pub fn key_in(query: Option<&str>) -> String {
    let key = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("key="));
    key.map(decoded).unwrap_or_default()
}

/// The request whose tokens a body of `countTokens` asks for: itself, or its `generateContentRequest`.
#[must_use]
pub fn counted_body(body: Bytes) -> Bytes {
    let whole = Raw::parse(&body).map_or(Raw::NULL, |body| get(body, "generateContentRequest"));
    if whole.is_null() { body } else { body.slice_ref(whole.bytes()) }
}

/// The body of `countTokens` for a model that would get this body: Google wants the model's name in it.
#[must_use]
pub fn to_count(body: Vec<Bytes>, model: &str) -> Vec<Bytes> {
    let name = if model.contains('/') { model.to_owned() } else { format!("models/{model}") };
    let mut head = b"{\"generateContentRequest\":{\"model\":".to_vec();
    push_string(&mut head, &name);
    let mut pieces = vec![Bytes::new()];
    let mut opened = false;
    for mut piece in body {
        if !opened && let Some(brace) = piece.iter().position(|byte| *byte == b'{') {
            piece = piece.slice(brace + 1..);
            opened = true;
        }
        pieces.push(piece);
    }
    let first = pieces.iter().flatten().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'}') {
        head.push(b',');
    }
    if let Some(first) = pieces.first_mut() {
        *first = head.into();
    }
    pieces.push(Bytes::from_static(b"}"));
    pieces
}

/// A text without percent signs; what is no UTF-8 becomes U+FFFD.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((byte, rest)) = left.split_first() {
        let escaped = if *byte == b'%' {
            rest.split_first_chunk().and_then(|(pair, rest)| Some((hex(*pair)?, rest)))
        } else {
            None
        };
        let (byte, rest) = escaped.unwrap_or((*byte, rest));
        bytes.push(byte);
        left = rest;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    Some(high? << 4 | low?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<(&str, &str)>) {
        let call = ModelCall::of(path);
        assert_eq!(call.as_ref().map(|call| (&*call.model, &*call.method)), expected, "{path}");
    }

    #[test]
    fn the_path_names_a_model_and_a_method() {
        check("/v1beta/models/gemini-2.5-pro:generateContent", Some(("gemini-2.5-pro", "generateContent")));
        check("/v1/models/m:streamGenerateContent", Some(("m", "streamGenerateContent")));
        check("/v1alpha/models/models%2Fm:countTokens", Some(("m", "countTokens")));
        check("/v1beta/models/models/m%3AgenerateContent", Some(("m", "generateContent")));
        check("/v1beta/models/openrouter,a/b:generateContent", Some(("openrouter,a/b", "generateContent")));
        check("/v1beta/models/qwen:7b:generateContent", Some(("qwen:7b", "generateContent")));
        check("/v1beta/models/qwen:7b", Some(("qwen:7b", "")));
        check("/v1beta/models/a%zz%4", Some(("a%zz%4", "")));
        check("/v1beta/models/:generateContent", None);
        check("/v1beta/models/", None);
        check("/v1/messages", None);
    }

    #[test]
    fn a_count_wraps_the_request() {
        let check = |pieces: &[&'static str], model: &str, expected: &str| {
            let pieces = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
            assert_eq!(to_count(pieces, model).concat(), expected.as_bytes());
        };
        let expected = r#"{"generateContentRequest":{"model":"models/m","contents":[]}}"#;
        check(&["{\"conte", "nts\":[]}"], "m", expected);
        check(&["", "{", "\"contents\":[]}"], "models/m", expected);
        check(&[" { ", "}"], "tunedModels/m", r#"{"generateContentRequest":{"model":"tunedModels/m" }}"#);
    }

    #[test]
    fn the_query_says_how_and_who() {
        for (query, events, key) in [
            (None, false, ""),
            (Some("alt=sse"), true, ""),
            (Some("key=a%2Bb&alt=sse"), true, "a+b"),
            (Some("$alt=sse&key="), true, ""),
            (Some("alt=json"), false, ""),
            (Some("xkey=a&xalt=sse"), false, ""),
        ] {
            assert_eq!((wants_events(query), &*key_in(query)), (events, key), "{query:?}");
        }
    }
}
