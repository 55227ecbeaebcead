//! What a request asks for, read out of either wire's body, after the checks of [`super::check`].

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A refusal of the request's shape: the sentence in the 400.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub String);

/// What is asked, whichever wire it came by.
#[derive(Debug, Default)]
pub(super) struct Ask {
    /// the model's name as it came, knobs included
    pub model: String,
    pub stream: bool,
    /// OpenAI: send the usage chunk
    pub include_usage: bool,
    /// text of the last user message
    pub text: String,
    /// text of the tool results that the conversation ends with
    pub results: Option<String>,
    pub images: usize,
    pub documents: usize,
    pub thinking: bool,
    /// the tools to call now, in order, with their sample arguments as JSON
    pub calls: Vec<(String, String)>,
    /// the answer in the asked-for JSON shape
    pub structured: Option<String>,
    pub max_tokens: Option<u64>,
    pub stops: Vec<String>,
    pub input_tokens: u64,
    /// of these, how many the fake cache has given
    pub cached_tokens: u64,
}

/// A string or a list of blocks.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Blocks(Vec<Block<'a>>),
}

/// One block or part of a message, as much of it as is looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub tool_use_id: Option<Cow<'a, str>>,
    /// the content of a tool result
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;
        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or an array of content parts")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = list.next_element()? {
                    blocks.push(block);
                }
                Ok(Content::Blocks(blocks))
            }
        }
        deserializer.deserialize_any(ContentVisitor)
    }
}

impl Content<'_> {
    /// The text blocks, joined by line ends.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone().into_owned(),
            Self::Blocks(blocks) => {
                let texts: Vec<&str> = blocks.iter().filter_map(|block| block.text.as_deref()).collect();
                texts.join("\n")
            }
        }
    }

    /// The blocks, none for a string.
    pub(super) fn blocks(&self) -> &[Block<'_>] {
        match self {
            Self::Text(_) => &[],
            Self::Blocks(blocks) => blocks,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Blocks(blocks) => blocks.is_empty(),
        }
    }
}

/// A key that must not stand there: only whether it does is looked at.
pub(super) type Stray = Option<IgnoredAny>;

/// Which of the offered tools are to be called.
///
/// `call NAME` in the last user message calls that tool; `call A and B` calls both, in the text's
/// order. A choice that forces a call takes the tools that are mentioned, else the first.
pub(super) struct CallRule<'a> {
    /// name and schema of the offered tools
    pub offered: Vec<(&'a str, Option<&'a RawValue>)>,
    /// a call is forced
    pub forced: bool,
    /// the one tool that may be called
    pub only: Option<&'a str>,
    /// at most one call
    pub single: bool,
}

impl CallRule<'_> {
    /// Name and sample arguments of the tools to call, in order. `text` is None after tool results.
    pub(super) fn calls(&self, text: Option<&str>) -> Vec<(String, String)> {
        let wanted = text.and_then(|text| text.split_once("call ")).map_or("", |(_, rest)| rest);
        let named = wanted
            .split(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '-' | '.')))
            .filter_map(|word| self.offered.iter().find(|(name, _)| *name == word.trim_end_matches('.')));
        let mut chosen: Vec<_> = match self.only {
            Some(only) => self.offered.iter().filter(|(name, _)| *name == only).take(1).collect(),
            None => named.collect(),
        };
        if chosen.is_empty() && self.forced {
            chosen.extend(self.offered.first());
        }
        if self.single {
            chosen.truncate(1);
        }
        chosen.into_iter().map(|(name, schema)| ((*name).to_owned(), super::sample::arguments(*schema))).collect()
    }
}
