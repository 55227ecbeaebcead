//! Names of tools and ids of calls as an upstream takes them.

use std::borrow::Cow;
use std::sync::Arc;

use super::encode::Back;
use super::exchange::Tool;
use super::json::{Text, push_string};

/// Longest tool name that both wires take.
const MAX_NAME_BYTES: usize = 64;
/// Longest id of a call that both wires take.
const MAX_ID_BYTES: usize = 40;

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// A text of letters, digits, `_` and `-` that is not too long: the same for the same text, another
/// one for another text.
fn legal(text: &str, most: usize) -> Cow<'_, str> {
    if !text.is_empty() && text.len() <= most && text.bytes().all(is_legal) {
        return Cow::Borrowed(text);
    }
    let digest = format!("{:08x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()) >> 32);
    let kept = most.saturating_sub(digest.len() + 1);
    let head = text.bytes().map(|byte| if is_legal(byte) { char::from(byte) } else { '_' }).take(kept);
    let mut out: String = head.collect();
    out.push('_');
    out.push_str(&digest);
    Cow::Owned(out)
}

/// A call's id as Anthropic takes it when it comes back: of any length.
pub(crate) fn legal_id(id: &str) -> Cow<'_, str> {
    legal(id, usize::MAX)
}

/// An id that is not taken: the id itself, or with a number behind it.
pub(crate) fn distinct<'i>(id: &'i str, taken: impl Fn(&str) -> bool) -> Cow<'i, str> {
    if !taken(id) {
        return Cow::Borrowed(id);
    }
    let numbered = (2_u64..).map(|number| format!("{id}_{number}"));
    numbered.into_iter().find(|id| !taken(id)).map_or(Cow::Borrowed(id), Cow::Owned)
}

/// Appends a call's id as a string.
pub(crate) fn push_id(out: &mut Vec<u8>, id: Text<'_>) {
    push_string(out, &legal(&id.decode(), MAX_ID_BYTES));
}

/// The names that an upstream sees for the client's tools.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// the client's name, the upstream's name; only those that differ
    changed: Vec<(String, String)>,
    /// the upstream's name of each tool, in order
    listed: Vec<String>,
    /// a name begins with a letter or `_`
    letter_first: bool,
}

impl Names {
    pub(crate) fn of(tools: &[Tool<'_>]) -> Self {
        Self::default().with(tools)
    }

    /// The same for an upstream whose names begin with a letter or `_` (Gemini).
    pub(crate) fn with_letter_first(tools: &[Tool<'_>]) -> Self {
        Self { letter_first: true, ..Self::default() }.with(tools)
    }

    fn legal<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.letter_first && !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return Cow::Owned(legal(&format!("_{name}"), MAX_NAME_BYTES).into_owned());
        }
        legal(name, MAX_NAME_BYTES)
    }

    fn with(self, tools: &[Tool<'_>]) -> Self {
        let mut names = self;
        for tool in tools {
            let client = tool.name.decode();
            let mut name = names.legal(&client).into_owned();
            let mut number = 2;
            while names.listed.contains(&name) {
                name = names.legal(&format!("{client}_{number}")).into_owned();
                number += 1;
            }
            if name != client {
                names.changed.push((client.into_owned(), name.clone()));
            }
            names.listed.push(name);
        }
        names
    }

    /// Appends the name of the tool at this place of the list.
    pub(crate) fn push_listed(&self, out: &mut Vec<u8>, place: usize) {
        push_string(out, self.listed.get(place).map_or("", String::as_str));
    }

    /// Appends the name of a tool that is called or demanded.
    pub(crate) fn push(&self, out: &mut Vec<u8>, client: Text<'_>) {
        let client = client.decode();
        match self.changed.iter().find(|(name, _)| *name == client) {
            Some((name, changed)) if !self.listed.contains(name) => push_string(out, changed),
            _ => push_string(out, &self.legal(&client)),
        }
    }

    /// Remembers for the way back what the client calls its tools.
    pub(crate) fn remember(self, back: &mut Back) {
        if !self.changed.is_empty() {
            let pairs: Vec<(String, String)> = self.changed.into_iter().map(|(client, name)| (name, client)).collect();
            back.names = Some(Arc::from(pairs));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> Tool<'_> {
        Tool { name: Text::from_escaped(name.as_bytes()), description: None, schema: None, strict: None, cache: None }
    }

    #[test]
    fn names_are_made_legal_and_found_again() {
        let long = "x".repeat(80);
        let names = Names::of(&[tool("ok"), tool("a.b"), tool("a b"), tool("ok"), tool(&long)]);
        let all = names.listed.clone();
        assert_eq!(all[0], "ok");
        assert!(all.iter().all(|name| name.len() <= 64 && name.bytes().all(is_legal)), "{all:?}");
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len());
        let mut out = Vec::new();
        names.push(&mut out, Text::from_escaped(b"a.b"));
        assert_eq!(out, format!("\"{}\"", all[1]).into_bytes());
        let mut back = Back::default();
        names.remember(&mut back);
        assert_eq!(back.client_name(&all[1]), "a.b");
        assert_eq!(back.client_name(&all[3]), "ok");
        assert_eq!(back.client_name(&all[4]), long);
        assert_eq!(back.client_name("other"), "other");
    }

    #[test]
    fn a_name_begins_with_a_letter_where_it_must() {
        let names = Names::with_letter_first(&[tool("2fast"), tool("_ok"), tool("-x"), tool("ok")]);
        assert_eq!(names.listed, ["_2fast", "_ok", "_-x", "ok"]);
        let mut out = Vec::new();
        names.push(&mut out, Text::from_escaped(b"9"));
        assert_eq!(out, b"\"_9\"");
        assert_eq!(Names::of(&[tool("2fast")]).listed, ["2fast"]);
    }

    #[test]
    fn ids_are_made_legal_and_stay_distinct() {
        let id = |text: &str| legal(text, MAX_ID_BYTES).into_owned();
        assert_eq!(id("toolu_01AbC-9"), "toolu_01AbC-9");
        assert_ne!(id("functions.Bash:0"), id("functions.Bash:1"));
        assert!(id(&"y".repeat(99)).len() <= MAX_ID_BYTES);
        assert!(!id("").is_empty());
        let long = "z".repeat(99);
        assert_eq!(legal_id(&long), long);
        assert_ne!(legal_id("a.b"), legal_id("a_b"));
        assert_ne!(legal_id("a.b"), legal_id("a:b"));
        assert!(legal_id("a.b").bytes().all(is_legal));
    }
}
