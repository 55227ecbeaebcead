//! Tools whose form only Responses has: freeform ones (`custom`), whose input is plain text, and those of
//! a `namespace`. Every other wire knows functions alone: a freeform tool becomes a function with one text
//! member, a namespace's tool gets a name of its own, and what the model calls comes back as it was
//! declared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::content::find;
use super::super::json::{Raw, Text, push_escaped};
use super::super::request::Request;

/// The schema of a freeform tool's input where only functions are known.
pub(super) const FREEFORM_SCHEMA: &[u8] =
    br#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// A tool that is no plain function of the outermost list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnTool {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    /// freeform
    pub(crate) custom: bool,
    /// its name where only functions are known
    pub(crate) flat: String,
    /// the same as it stands inside a JSON string
    flat_escaped: Vec<u8>,
    /// what is said of it, as it stands inside a JSON string
    description: Vec<u8>,
}

impl OwnTool {
    pub(super) fn flat(&self) -> Text<'_> {
        Text::from_escaped(&self.flat_escaped)
    }

    pub(super) fn description(&self) -> Option<Text<'_>> {
        Some(Text::from_escaped(&self.description)).filter(|text| !text.is_empty())
    }
}

/// Where the tool of a name and a namespace stands.
type Places = FxHashMap<(String, Option<String>), usize>;

/// What a request's translation borrows and the request itself does not hold.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    own: Arc<[OwnTool]>,
    places: Places,
    /// the freeform calls of the conversation as objects, in order
    inputs: Vec<Vec<u8>>,
}

impl Prepared {
    pub(crate) fn of(request: &Request) -> Self {
        let body = request.body();
        if ["custom", "namespace", "\\u00"].iter().all(|word| find(body, word).is_none()) {
            return Self::default();
        }
        let mut found = Found::default();
        for tool in tools(request).filter(|tool| !tool.is_own()) {
            found.taken.extend(tool.name().map(|name| name.decode().into_owned()));
        }
        let mut last = None;
        for tool in tools(request).filter(Tool::is_own) {
            let first = tool.group.filter(|group| last.replace(group.bytes().as_ptr()) != Some(group.bytes().as_ptr()));
            found.declare(&tool, first);
        }
        let mut inputs = Vec::new();
        for item in request.field("input").unwrap_or(Raw::NULL).elements().map_while(Result::ok) {
            let [kind, name, namespace, input] = item.peek(["type", "name", "namespace", "input"]);
            let custom = kind.is_some_and(|kind| kind.is_text("custom_tool_call"));
            if custom {
                let text = input.filter(|input| input.text().is_some()).unwrap_or(Raw::from_measured(b"\"\""));
                inputs.push([b"{\"input\":", text.bytes(), b"}"].concat());
            }
            if custom || namespace.is_some() {
                found.called(name.and_then(Raw::text), namespace.and_then(Raw::text), custom);
            }
        }
        Self { own: Arc::from(found.own), places: found.places, inputs }
    }

    /// The tools, for the way back; None when all are plain functions.
    pub(crate) fn own(&self) -> Option<Arc<[OwnTool]>> {
        (!self.own.is_empty()).then(|| Arc::clone(&self.own))
    }

    pub(crate) fn find(&self, name: Text<'_>, namespace: Option<Text<'_>>) -> Option<&OwnTool> {
        if self.places.is_empty() {
            return None;
        }
        let key = (name.decode().into_owned(), namespace.map(|namespace| namespace.decode().into_owned()));
        self.places.get(&key).and_then(|place| self.own.get(*place))
    }

    /// The input of the freeform call with this number.
    pub(super) fn input(&self, number: usize) -> Raw<'_> {
        Raw::from_measured(self.inputs.get(number).map_or(b"{}", Vec::as_slice))
    }
}

#[derive(Default)]
struct Found {
    own: Vec<OwnTool>,
    places: Places,
    taken: BTreeSet<String>,
    /// the number to try next for a name that is taken: thousands of tools may share one
    next: BTreeMap<String, usize>,
}

impl Found {
    fn add(&mut self, name: String, namespace: Option<String>, custom: bool, description: &str) {
        let wanted = match &namespace {
            Some(namespace) => format!("{}__{name}", namespace.trim_end_matches('_')),
            None => name.clone(),
        };
        let mut flat = wanted.clone();
        if self.taken.contains(&flat) {
            let number = self.next.entry(wanted.clone()).or_insert(2);
            while self.taken.contains(&flat) {
                flat = format!("{wanted}_{number}");
                *number += 1;
            }
        }
        self.taken.insert(flat.clone());
        self.places.entry((name.clone(), namespace.clone())).or_insert(self.own.len());
        let escaped = |text: &str| {
            let mut out = Vec::with_capacity(text.len());
            push_escaped(&mut out, text.as_bytes());
            out
        };
        let (flat_escaped, description) = (escaped(&flat), escaped(description));
        self.own.push(OwnTool { name, namespace, custom, flat, flat_escaped, description });
    }

    /// A declared tool; `first`: the namespace that it is the first of.
    fn declare(&mut self, tool: &Tool<'_>, first: Option<Raw<'_>>) {
        let text = |raw: Option<Raw<'_>>| raw.and_then(Raw::text).map(|text| text.decode().into_owned());
        let [description, format] = tool.raw.peek(["description", "format"]);
        let mut said: Vec<String> = text(description).into_iter().filter(|text| !text.is_empty()).collect();
        if tool.is_custom() {
            said.push("`input` is the whole input, as plain text.".to_owned());
            let [kind, syntax, definition] = format.unwrap_or(Raw::NULL).peek(["type", "syntax", "definition"]);
            if let Some(definition) = text(definition).filter(|_| kind.is_some_and(|kind| kind.is_text("grammar"))) {
                let syntax = text(syntax).unwrap_or_default();
                said.push(format!("It must fit this grammar ({syntax}):\n{definition}"));
            }
        }
        let name = tool.name().unwrap_or(Text::EMPTY).decode().into_owned();
        let namespace = tool.group.map(|group| text(group.get("name")).unwrap_or_default());
        if let (Some(group), Some(namespace)) = (first, &namespace)
            && let Some(about) = text(group.get("description")).filter(|text| !text.is_empty())
        {
            said.push(format!("About all tools of `{namespace}`: {about}"));
        }
        self.add(name, namespace, tool.is_custom(), &said.join("\n\n"));
    }

    /// A tool that was called earlier and need not be declared any more.
    fn called(&mut self, name: Option<Text<'_>>, namespace: Option<Text<'_>>, custom: bool) {
        let name = name.unwrap_or(Text::EMPTY).decode().into_owned();
        let namespace = namespace.map(|namespace| namespace.decode().into_owned());
        let key = (name, namespace);
        if !self.places.contains_key(&key) {
            self.add(key.0, key.1, custom, "");
        }
    }
}

/// An element of `tools`, or one of a namespace's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool<'a> {
    pub(crate) raw: Raw<'a>,
    /// the namespace that it stands in
    pub(crate) group: Option<Raw<'a>>,
    /// its place, or that of its namespace, in the list
    pub(super) index: usize,
}

impl<'a> Tool<'a> {
    fn is(&self, kind: &str) -> bool {
        self.raw.get("type").is_some_and(|word| word.is_text(kind))
    }

    pub(super) fn is_custom(&self) -> bool {
        self.is("custom")
    }

    /// Whether its form is known to Responses alone, and the client runs it.
    pub(crate) fn is_own(&self) -> bool {
        self.is_custom() || (self.group.is_some() && self.is("function"))
    }

    /// The name of the namespace that it stands in.
    pub(crate) fn namespace(&self) -> Option<Text<'a>> {
        self.group.map(|group| group.get("name").and_then(Raw::text).unwrap_or(Text::EMPTY))
    }

    pub(crate) fn name(&self) -> Option<Text<'a>> {
        self.raw.get("name").and_then(Raw::text)
    }
}

/// All tools, those of a namespace in its place.
pub(crate) fn tools(request: &Request) -> impl Iterator<Item = Tool<'_>> {
    let list = request.field("tools").unwrap_or(Raw::NULL).elements().map_while(Result::ok);
    list.enumerate().flat_map(|(index, raw)| {
        let is_group = raw.get("type").is_some_and(|kind| kind.is_text("namespace"));
        let alone = (!is_group).then_some(Tool { raw, group: None, index });
        let inner = if is_group { raw.get("tools").unwrap_or(Raw::NULL) } else { Raw::NULL };
        let inner = inner.elements().map_while(Result::ok).map(move |tool| Tool { raw: tool, group: Some(raw), index });
        alone.into_iter().chain(inner)
    })
}
