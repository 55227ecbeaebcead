//! The same body with a few splices: the model's name, the sub-agent's tag, a Chat stream's
//! usage, a stream that the model cannot give, more tokens than it has.

use std::ops::Range;

use bytes::Bytes;

use super::super::content;
use super::super::json::{Kind, Raw, Text, push_number, push_string};
use super::super::request::Request;
use super::super::responses;
use super::super::signed::Signed;
use super::super::subagent::SubagentTag;
use super::super::{Protocol, Wire};
use super::{Outgoing, Target, adapt, adapt_gemini, warnings};

/// Replacements; no two of them overlap.
pub(super) struct Splices<'a> {
    request: &'a Request,
    found: Vec<(Range<usize>, Bytes)>,
    /// members that do not go on
    left_out: Vec<&'static str>,
    /// the members that hold the conversation and the tools are new: nothing more is done to them
    pub(super) rewritten: bool,
}

impl<'a> Splices<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Self { request, found: Vec::new(), left_out: Vec::new(), rewritten: false }
    }

    /// Puts something in the place of a value, if it is the client's own.
    pub(super) fn put(&mut self, old: Raw<'_>, value: Vec<u8>) {
        if let Some(place) = self.request.place_in(old.bytes()) {
            self.replace(place, value);
        }
    }

    fn replace(&mut self, place: Range<usize>, with: impl Into<Bytes>) {
        self.found.push((place, with.into()));
    }

    pub(super) fn insert(&mut self, at: usize, text: Vec<u8>) {
        self.replace(at..at, text);
    }

    /// Leaves a member out. Nothing may be done to its value then.
    pub(super) fn leave_out(&mut self, name: &'static str) {
        if self.request.field(name).is_some() && !self.left_out.contains(&name) {
            self.left_out.push(name);
        }
    }

    /// OpenRouter takes a list of models to fall back on, beside every protocol that it speaks: a client
    /// would choose what the policy is there to choose. No vendor has such members in its own API, and what a
    /// policy sets by `params` comes later.
    pub(super) fn leave_out_choice_of_models(&mut self, warned: &mut Vec<String>) {
        for name in ["models", "route"] {
            if self.request.field(name).is_some() {
                self.leave_out(name);
                warned.push(warnings::choice_of_models(name));
            }
        }
    }

    /// Leaves members out of a member that is an object, and the whole member if nothing remains.
    pub(super) fn leave_out_of(&mut self, name: &'static str, names: &[&str]) {
        let Some(object) = self.request.field(name).filter(|object| object.kind() == Kind::Object) else { return };
        let mut value = Vec::with_capacity(object.bytes().len());
        for (key, inner) in object.members().map_while(Result::ok) {
            if !names.iter().any(|name| key.is(name)) {
                value.extend_from_slice(if value.is_empty() { b"{\"" } else { b",\"" });
                value.extend_from_slice(key.escaped());
                value.extend_from_slice(b"\":");
                value.extend_from_slice(inner.bytes());
            }
        }
        if value.is_empty() {
            return self.leave_out(name);
        }
        value.push(b'}');
        self.set(name, value);
    }

    /// Takes some of the items of one list or object out, with the commas that they leave.
    pub(super) fn take(&mut self, items: &[(Range<usize>, bool)]) {
        let mut kept: Option<usize> = None;
        let mut items = items.iter().peekable();
        while let Some((place, out)) = items.next() {
            let after = items.peek().map(|(after, _)| after.start);
            match (kept.as_mut(), after) {
                _ if !out => kept = Some(place.end),
                (Some(before), _) => {
                    let from = std::mem::replace(before, place.end);
                    self.replace(from..place.end, Bytes::new());
                }
                (None, Some(after)) => self.replace(place.start..after, Bytes::new()),
                (None, None) => self.replace(place.clone(), Bytes::new()),
            }
        }
    }

    /// Takes members out of an object.
    pub(super) fn take_members(&mut self, object: Raw<'_>, out: impl Fn(Text<'_>) -> bool) {
        let member = |(key, value): (Text<'_>, Raw<'_>)| {
            let quote = self.request.place_of(key.escaped()).start.saturating_sub(1);
            (quote..self.request.place_of(value.bytes()).end, out(key))
        };
        let members: Vec<_> = object.members().map_while(Result::ok).map(member).collect();
        self.take(&members);
    }

    fn take_left_out(&mut self) {
        if self.left_out.is_empty() {
            return;
        }
        let request = self.request;
        let member = |(key, value): (Text<'_>, Raw<'_>)| {
            let quote = request.place_of(key.escaped()).start.saturating_sub(1);
            (quote..request.place_of(value.bytes()).end, self.left_out.iter().any(|name| key.is(name)))
        };
        let members: Vec<_> = request.members().map(member).collect();
        self.take(&members);
    }

    /// Replaces a member's value, or adds the member behind the last one.
    pub(super) fn set(&mut self, name: &str, value: Vec<u8>) {
        if let Some((_, old)) = self.request.members().find(|(key, _)| key.is(name)) {
            let place = self.request.place_of(old.bytes());
            return self.replace(place, value);
        }
        let mut added = Vec::with_capacity(name.len() + value.len() + 4);
        added.push(b',');
        push_string(&mut added, name);
        added.push(b':');
        added.extend_from_slice(&value);
        let close = self.request.inside().end;
        self.replace(close..close, added);
    }

    fn into_parts(mut self) -> Vec<Bytes> {
        self.take_left_out();
        let body = self.request.body();
        self.found.sort_by_key(|(place, _)| place.start);
        let mut parts = Vec::with_capacity(self.found.len() * 2 + 1);
        // What stands before the object (a byte order mark) is not part of it.
        let mut from = self.request.inside().start.saturating_sub(1);
        for (place, with) in self.found {
            // Inside of what is replaced or left out as a whole.
            if place.start < from {
                continue;
            }
            if place.start > from {
                parts.push(body.slice(from..place.start));
            }
            if !with.is_empty() {
                parts.push(with);
            }
            from = place.end;
        }
        parts.push(body.slice(from..));
        parts
    }
}

pub(super) fn write(request: &Request, target: &Target<'_>, mut splices: Splices<'_>, outgoing: &mut Outgoing) {
    if let Some(tag) = request.tag() {
        splices.replace(tag.place.clone(), in_place_of(tag));
    }
    if target.wire == Wire::Gemini {
        adapt_gemini::write(request, target, &mut splices, outgoing);
        outgoing.body = splices.into_parts();
        return;
    }
    let mut model = Vec::with_capacity(target.model.len() + 2);
    push_string(&mut model, target.model);
    splices.set("model", model);
    if target.wire == Wire::Responses {
        take_foreign_reasoning(request, &mut splices);
    }
    let thinks = adapt::write(request, target, &mut splices, &mut outgoing.warnings);
    clamp_tokens(request, target, thinks, &mut splices, outgoing);
    if request.stream() && !target.stream {
        splices.set("stream", b"false".to_vec());
        if let Some(options) = request.field("stream_options") {
            let place = request.place_of(options.bytes());
            splices.replace(place, &b"null"[..]);
        }
    } else if request.stream() && target.wire == Wire::Chat {
        ask_for_usage(request, &mut splices, outgoing);
    }
    if request.protocol() == Protocol::Chat {
        outgoing.back.include_usage = asks_for_usage(request);
    }
    outgoing.body = splices.into_parts();
}

/// The body of a request for embeddings with another model's name, and without a choice of models.
pub(super) fn embeddings(request: &Request, name: &str, outgoing: &mut Outgoing) {
    let mut splices = Splices::new(request);
    let mut model = Vec::with_capacity(name.len() + 2);
    push_string(&mut model, name);
    splices.set("model", model);
    splices.leave_out_choice_of_models(&mut outgoing.warnings);
    outgoing.body = splices.into_parts();
}

/// Reasoning that another upstream's answer was translated to: this one cannot know it, and refuses it.
fn take_foreign_reasoning(request: &Request, splices: &mut Splices<'_>) {
    let input = request.field("input").unwrap_or(Raw::NULL);
    if content::find(input.bytes(), "\"rs_").is_none() && content::find(input.bytes(), "ccr1.").is_none() {
        return;
    }
    let foreign = |item: Raw<'_>| {
        let [kind, id, encrypted] = item.peek(["type", "id", "encrypted_content"]);
        kind.is_some_and(|kind| kind.is_text("reasoning"))
            && match encrypted.and_then(Raw::text).filter(|text| !text.is_empty()) {
                Some(text) => Signed::of_client(Wire::Responses, text).for_wire(Wire::Responses).is_none(),
                None => id.and_then(Raw::text).is_some_and(responses::is_our_id),
            }
    };
    let items = input.elements().map_while(Result::ok);
    let items: Vec<_> = items.map(|item| (request.place_of(item.bytes()), foreign(item))).collect();
    if items.iter().any(|(_, out)| *out) {
        splices.take(&items);
    }
}

/// The body without its sub-agent tag.
pub(super) fn without_tag(request: &Request, tag: &SubagentTag) -> Bytes {
    replaced_tag(request, tag, b"")
}

/// The same for an upstream that speaks the client's own protocol, where a text that was nothing else
/// stays a text.
pub(super) fn with_tag_replaced(request: &Request, tag: &SubagentTag) -> Bytes {
    replaced_tag(request, tag, in_place_of(tag))
}

/// Upstreams refuse an empty text block.
fn in_place_of(tag: &SubagentTag) -> &'static [u8] {
    if tag.alone { b"." } else { b"" }
}

fn replaced_tag(request: &Request, tag: &SubagentTag, with: &[u8]) -> Bytes {
    let body = request.body();
    let mut out = Vec::with_capacity(body.len());
    out.extend_from_slice(body.get(..tag.place.start).unwrap_or_default());
    out.extend_from_slice(with);
    out.extend_from_slice(body.get(tag.place.end..).unwrap_or_default());
    Bytes::from(out)
}

fn clamp_tokens(
    request: &Request,
    target: &Target<'_>,
    thinks: bool,
    splices: &mut Splices<'_>,
    outgoing: &mut Outgoing,
) {
    let Some(limit) = target.output_limit else { return };
    for name in request.protocol().max_tokens_members() {
        if request.field(name).and_then(Raw::whole).is_some_and(|asked| asked > limit) {
            let mut value = Vec::new();
            push_number(&mut value, limit);
            splices.set(name, value);
            outgoing.warnings.push(warnings::lowered(name, limit));
            if thinks {
                lower_budget(request, limit, splices);
            }
        }
    }
}

/// Thinking needs room below the tokens of the whole answer: a budget that no longer has it is halved
/// with them.
fn lower_budget(request: &Request, limit: u64, splices: &mut Splices<'_>) {
    let budget = request.field("thinking").and_then(|thinking| thinking.get("budget_tokens"));
    if let Some(budget) = budget.filter(|budget| budget.whole().is_some_and(|asked| asked >= limit)) {
        let mut value = Vec::new();
        push_number(&mut value, limit / 2);
        let place = request.place_of(budget.bytes());
        splices.replace(place, value);
    }
}

/// Whether the client asked for a Chat stream's usage.
pub(super) fn asks_for_usage(request: &Request) -> bool {
    let options = request.field("stream_options").unwrap_or(Raw::NULL);
    options.get("include_usage").and_then(Raw::boolean) == Some(true)
}

fn ask_for_usage(request: &Request, splices: &mut Splices<'_>, outgoing: &mut Outgoing) {
    if asks_for_usage(request) {
        return;
    }
    outgoing.back.withhold_usage = true;
    let mut value = b"{\"include_usage\":true".to_vec();
    let options = request.field("stream_options").filter(|options| options.kind() == Kind::Object);
    for (key, option) in options.unwrap_or(Raw::NULL).members().map_while(Result::ok) {
        if !key.is("include_usage") {
            value.extend_from_slice(b",\"");
            value.extend_from_slice(key.escaped());
            value.extend_from_slice(b"\":");
            value.extend_from_slice(option.bytes());
        }
    }
    value.push(b'}');
    splices.set("stream_options", value);
}
