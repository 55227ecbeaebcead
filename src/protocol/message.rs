//! A whole answer in one form for all wires.

use std::borrow::Cow;

use super::Wire;
use super::answer::BrokenAnswer;
use super::json::{Kind, Raw, Text, mend_halves, push_escaped};
use super::names::distinct;
use super::request::shown;
use super::signed::Signed;
use super::stream::json_end::JsonEnd;
use super::tokens;
use super::transform::repair::{object_in, push_invalid};
use super::usage::{Spent, Stop, Usage};

/// An answer, borrowed from the upstream's body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
    /// the upstream's own blocks, items or parts, in order: each with the count of blocks up to its end. Chat has
    /// none
    pub(crate) units: Vec<(usize, Raw<'a>)>,
    pub(crate) stop: Stop,
    /// the stop sequence that came up
    pub(crate) sequence: Option<Text<'a>>,
    /// what the upstream told
    pub(crate) usage: Option<Usage>,
    /// the usage has the output in it
    pub(crate) counted: bool,
    /// it has content that no block can hold
    pub(crate) other: bool,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block<'a> {
    Thinking {
        text: Text<'a>,
        signature: Option<Signed<'a>>,
    },
    Text(Text<'a>),
    Tool {
        id: Text<'a>,
        name: Text<'a>,
        input: Input<'a>,
    },
    /// what no other wire than this one knows
    Foreign(Wire, Raw<'a>),
}

/// A tool's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input<'a> {
    /// an object, or what stands where one should
    Object(Raw<'a>),
    /// JSON text, as a model wrote it, inside a string
    Written(Text<'a>),
}

impl<'a> Message<'a> {
    /// One that only says something.
    pub(crate) fn of(blocks: impl Iterator<Item = Block<'a>>) -> Self {
        Self { blocks: blocks.collect(), ..Self::default() }
    }

    /// Other ids, escaped, for calls whose own is that of an earlier one: a client could not tell their
    /// results apart. Each with the place of its block.
    pub(crate) fn other_ids(&self) -> Vec<(usize, Vec<u8>)> {
        let (mut taken, mut others): (Vec<Cow<'_, str>>, Vec<_>) = (Vec::new(), Vec::new());
        for (place, block) in self.blocks.iter().enumerate() {
            let Block::Tool { id, .. } = block else { continue };
            let id = id.decode();
            if taken.contains(&id) && !id.is_empty() {
                let free = distinct(&id, |id| taken.iter().any(|known| known == id)).into_owned();
                let mut escaped = Vec::with_capacity(free.len());
                push_escaped(&mut escaped, free.as_bytes());
                others.push((place, escaped));
                taken.push(Cow::Owned(free));
            } else {
                taken.push(id);
            }
        }
        others
    }

    /// The message with these ids, for a client who reads it in another form than the upstream's.
    ///
    /// # Errors
    /// When a call has no name: no client can run it.
    pub(crate) fn with_ids<'b>(self, ids: &'b [(usize, Vec<u8>)]) -> Result<Message<'b>, BrokenAnswer>
    where
        'a: 'b,
    {
        let mut message: Message<'b> = self;
        if message.blocks.iter().any(|block| matches!(block, Block::Tool { name, .. } if name.is_empty())) {
            return Err(BrokenAnswer::new("a tool call has no name"));
        }
        for (place, other) in ids {
            if let Some(Block::Tool { id, .. }) = message.blocks.get_mut(*place) {
                *id = Text::from_escaped(other);
            }
        }
        Ok(message)
    }
}

impl Message<'_> {
    pub(crate) fn has_content(&self) -> bool {
        self.other || !self.blocks.is_empty()
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            match block {
                Block::Text(text) => text.decode_into(&mut out),
                Block::Foreign(_, block) => out.push_str(&note_of(*block).unwrap_or_default()),
                Block::Thinking { .. } | Block::Tool { .. } => {}
            }
        }
        out
    }

    /// What was spent; counted here when the upstream did not tell.
    pub(crate) fn spent(&self, input_estimate: u64) -> Spent {
        if let Some(usage) = self.usage.filter(|_| self.counted) {
            return Spent::reported(usage, input_estimate);
        }
        let mut said = String::new();
        for block in &self.blocks {
            match block {
                Block::Text(text) | Block::Thinking { text, .. } => text.decode_into(&mut said),
                Block::Tool { name, input, .. } => {
                    name.decode_into(&mut said);
                    match input {
                        Input::Object(raw) => said.push_str(&String::from_utf8_lossy(raw.bytes())),
                        Input::Written(text) => text.decode_into(&mut said),
                    }
                }
                Block::Foreign(_, raw) => said.push_str(&String::from_utf8_lossy(raw.bytes())),
            }
        }
        let told = self.usage.unwrap_or_default();
        let spent = Spent::reported(Usage { output: tokens::estimate(&said), reasoning: 0, ..told }, input_estimate);
        Spent { estimated: true, ..spent }
    }
}

/// What stands for a block of one protocol in another: its type, so that it does not vanish
/// unseen. None for the provider's own search, which the client is warned of when it asks for it, and
/// for thinking that nobody can read.
pub(crate) fn note_of(block: Raw<'_>) -> Option<String> {
    let Some(kind) = block.get("type") else { return super::gemini::note_of(block) };
    let kind = kind.text().unwrap_or(Text::EMPTY).decode();
    match &*kind {
        "server_tool_use" | "web_search_tool_result" | "redacted_thinking" | "web_search_call" => None,
        kind => Some(format!("[a block of the type `{}`, which only its provider's protocol can show]", shown(kind))),
    }
}

/// What stands for a block that this protocol has not, as it stands inside a string.
pub(crate) fn escaped_note(block: Raw<'_>) -> Option<Vec<u8>> {
    note_of(block).map(|note| {
        let mut escaped = Vec::with_capacity(note.len());
        push_escaped(&mut escaped, note.as_bytes());
        escaped
    })
}

impl<'a> Input<'a> {
    /// What an upstream gives as a call's input, whatever its wire wants there. Nothing is no input.
    pub(crate) fn of(value: Option<Raw<'a>>) -> Self {
        let Some(value) = value else { return Self::Written(Text::EMPTY) };
        value.text().map_or(Self::Object(value), Self::Written)
    }

    /// Appends it as an object. What a model wrote may not be one: nothing is `{}`, an object inside a
    /// string is taken out, missing brackets are added, and what is beyond repair is kept under
    /// `_invalid_arguments`, so that it is seen and not lost.
    pub(crate) fn push_object(self, out: &mut Vec<u8>) {
        let begin = out.len();
        match self {
            Self::Object(raw) if raw.kind() == Kind::Object => out.extend_from_slice(raw.bytes()),
            Self::Written(text) => match object_in(&text.decode()) {
                Some(object) => out.extend_from_slice(object.as_bytes()),
                None => push_invalid(out, text.escaped()),
            },
            Self::Object(raw) => {
                let mut escaped = Vec::new();
                push_escaped(&mut escaped, raw.bytes());
                push_invalid(out, &escaped);
            }
        }
        // In what a model wrote inside a string nobody has looked for them yet.
        mend_halves(out.get_mut(begin..).unwrap_or_default());
    }

    /// Gives the text of the object.
    pub(crate) fn with_text<T>(self, give: impl FnOnce(Text<'_>) -> T) -> T {
        match self {
            Self::Written(text) => give(text),
            Self::Object(raw) => {
                let mut escaped = Vec::with_capacity(raw.bytes().len() + 16);
                push_escaped(&mut escaped, raw.bytes());
                give(Text::from_escaped(&escaped))
            }
        }
    }

    /// Appends it as a string that holds the object; one that was cut is closed, unless that is what the client
    /// has to see.
    pub(crate) fn push_closed(self, stop: Stop, out: &mut Vec<u8>) {
        let Self::Written(text) = self else { return self.push_written(out) };
        let mut end = JsonEnd::default();
        if stop != Stop::MaxTokens {
            end.push(text.escaped());
        }
        let missing = end.missing();
        self.push_written(out);
        if !missing.is_empty() {
            out.pop();
            out.extend_from_slice(&missing);
            out.push(b'"');
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
        check(r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#);
        check(r#"{"a":1e999}"#, r#"{"_invalid_arguments":"{\"a\":1e999}"}"#);
        check("rm -rf", r#"{"_invalid_arguments":"rm -rf"}"#);
    }
}
