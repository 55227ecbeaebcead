//! A whole answer in one form for all wires.

use std::borrow::Cow;

use super::json::{Raw, Text, push_escaped, push_string};
use super::usage::{Stop, Usage};

/// An answer, borrowed from the upstream's body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
    pub(crate) stop: Stop,
    /// the stop sequence that came up
    pub(crate) sequence: Option<Text<'a>>,
    pub(crate) usage: Option<Usage>,
    /// it has content that no other wire knows
    pub(crate) foreign: bool,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block<'a> {
    Thinking { text: Text<'a>, signature: Option<Text<'a>> },
    Text(Text<'a>),
    Tool { id: Text<'a>, name: Text<'a>, input: Input<'a> },
}

/// A tool's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input<'a> {
    Object(Raw<'a>),
    /// JSON text, as a model wrote it, inside a string
    Written(Text<'a>),
}

impl Message<'_> {
    pub(crate) fn has_content(&self) -> bool {
        self.foreign || !self.blocks.is_empty()
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            if let Block::Text(text) = block {
                text.decode_into(&mut out);
            }
        }
        out
    }
}

impl Input<'_> {
    /// Appends it as an object. What a model wrote may not be one: nothing is `{}`, an object inside a
    /// string is taken out, missing brackets are added, and what is beyond repair is kept under
    /// `_invalid_arguments`, so that it is seen and not lost.
    pub(crate) fn push_object(self, out: &mut Vec<u8>) {
        match self {
            Self::Object(raw) => out.extend_from_slice(raw.bytes()),
            Self::Written(text) => match object_in(&text.decode()) {
                Some(object) => out.extend_from_slice(object.as_bytes()),
                None => {
                    out.extend_from_slice(b"{\"_invalid_arguments\":\"");
                    out.extend_from_slice(text.escaped());
                    out.extend_from_slice(b"\"}");
                }
            },
        }
    }

    /// Appends it as a string that holds the object.
    pub(crate) fn push_written(self, out: &mut Vec<u8>) {
        match self {
            Self::Object(raw) => {
                out.push(b'"');
                push_escaped(out, raw.bytes());
                out.push(b'"');
            }
            Self::Written(text) if text.is_empty() => out.extend_from_slice(b"\"{}\""),
            Self::Written(text) => {
                out.push(b'"');
                out.extend_from_slice(text.escaped());
                out.push(b'"');
            }
        }
    }
}

fn object_in(written: &str) -> Option<Cow<'_, str>> {
    let written = written.trim();
    if written.is_empty() || written == "null" {
        return Some(Cow::Borrowed("{}"));
    }
    if is_object(written) {
        return Some(Cow::Borrowed(written));
    }
    if let Ok(inner) = serde_json::from_str::<String>(written) {
        let inner = inner.trim();
        return is_object(inner).then(|| Cow::Owned(inner.to_owned()));
    }
    let mut escaped = Vec::new();
    push_string(&mut escaped, written);
    let mut end = super::stream::json_end::JsonEnd::default();
    end.push(escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default());
    let missing = end.missing();
    let closed = format!("{written}{}", Text::from_escaped(&missing).decode());
    (!missing.is_empty() && is_object(&closed)).then_some(Cow::Owned(closed))
}

fn is_object(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: &str) {
        let mut escaped = Vec::new();
        push_escaped(&mut escaped, written.as_bytes());
        let mut out = Vec::new();
        Input::Written(Text::from_escaped(&escaped)).push_object(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_a_model_wrote_becomes_an_object() {
        check(r#"{"a":1}"#, r#"{"a":1}"#);
        check("", "{}");
        check("null", "{}");
        check(r#""{\"a\":1}""#, r#"{"a":1}"#);
        check(r#"{"a":["x"#, r#"{"a":["x"]}"#);
        check(r#"{"a":}"#, r#"{"_invalid_arguments":"{\"a\":}"}"#);
        check("[1]", r#"{"_invalid_arguments":"[1]"}"#);
        check("rm -rf", r#"{"_invalid_arguments":"rm -rf"}"#);
    }
}
