//! Members that both of OpenAI's protocols have, and no other: between these two they go on to an upstream that is
//! known to take them. Whoever else is asked for them has no place for them, and the client is told; what is a mere
//! hint is left out without a word. Nothing else is read or written here.

use super::Wire;
use super::encode::{Target, warnings};
use super::exchange::Exchange;
use super::json::{Raw, push_member};
use super::request::Request;

/// By Chat's names. Responses has `verbosity` inside of `text`.
const NAMES: [&str; 6] =
    ["prompt_cache_key", "prompt_cache_retention", "service_tier", "safety_identifier", "store", "verbosity"];

const NOT_STORED: &str = "the answer is not stored: it cannot be fetched or continued by its id";
const STORED_ELSEWHERE: &str =
    "the provider stores the answer under an id of its own: it cannot be fetched or continued by the client's";

/// What a request says of them, as it was written.
#[derive(Debug, Default)]
pub(crate) struct Shared<'a> {
    said: Vec<(&'static str, Raw<'a>)>,
}

impl<'a> Shared<'a> {
    /// Reads them; `verbosity` is found by whoever knows where it stands.
    pub(crate) fn of(request: &'a Request, verbosity: Option<Raw<'a>>) -> Self {
        let value = |name| if name == "verbosity" { verbosity } else { request.field(name) };
        let said = NAMES.iter().filter_map(|name| Some((*name, value(*name)?)));
        Self { said: said.filter(|(_, value)| !value.is_null()).collect() }
    }

    fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.said.iter().find(|(said, _)| *said == name).map(|(_, value)| *value)
    }

    fn stores(&self) -> bool {
        self.get("store").and_then(Raw::boolean) == Some(true)
    }
}

/// What of them goes on to an upstream.
#[derive(Debug, Default)]
pub(crate) struct Sent<'a> {
    /// by Chat's names, in order
    pub(crate) members: Vec<(&'static str, Raw<'a>)>,
    /// the user's id is among them: it need not be said in other words
    pub(crate) names_user: bool,
}

impl<'a> Sent<'a> {
    /// Sorts out what goes on, and tells of the rest.
    pub(crate) fn of(exchange: &Exchange<'a>, target: &Target<'_>, warned: &mut Vec<String>) -> Self {
        let shared = &exchange.shared;
        let takes = takes(target);
        let mut sent = Self::default();
        for (name, value) in &shared.said {
            let goes = takes && (*name != "verbosity" || value.is_text("medium") || takes_verbosity(target.model));
            if goes {
                sent.members.push((*name, *value));
                sent.names_user |= *name == "safety_identifier" && is_user(exchange, *value);
            } else if *name != "store" && !is_hint(exchange, name, *value) {
                warned.push(not_taken(name, target));
            }
        }
        if shared.stores() {
            warned.push(if takes { STORED_ELSEWHERE } else { NOT_STORED }.to_owned());
        }
        // OpenAI's Chat takes labels only of what it stores; Responses takes them of everything.
        let labels = exchange.labels.filter(|labels| is_map(*labels));
        if let Some(labels) = labels {
            if target.wire == Wire::Responses || (target.wire == Wire::Chat && takes && shared.stores()) {
                sent.members.push(("metadata", labels));
            } else {
                warned.push(not_taken("metadata", target));
            }
        }
        sent
    }

    /// Appends them to an object, all but the one that Responses has inside of `text`, and what is to be stored.
    pub(crate) fn push(&self, out: &mut Vec<u8>, but: &[&str]) {
        for (name, value) in self.members.iter().filter(|(name, _)| !but.contains(name)) {
            push_member(out, name);
            out.extend_from_slice(value.bytes());
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.members.iter().find(|(said, _)| *said == name).map(|(_, value)| *value)
    }
}

fn not_taken(name: &str, target: &Target<'_>) -> String {
    match target.wire {
        Wire::Anthropic | Wire::Gemini => warnings::unknown_member(name),
        Wire::Chat | Wire::Responses => format!("`{name}` was left out: the upstream is not known to take it"),
    }
}

fn is_user(exchange: &Exchange<'_>, value: Raw<'_>) -> bool {
    value.text().is_some_and(|text| exchange.user.as_deref() == Some(&*text.decode()))
}

/// Whether nothing of the answer depends on it, or it asks for what is done anyway.
fn is_hint(exchange: &Exchange<'_>, name: &str, value: Raw<'_>) -> bool {
    match name {
        "prompt_cache_key" | "prompt_cache_retention" => true,
        "service_tier" => value.is_text("auto") || value.is_text("default"),
        "verbosity" => value.is_text("medium"),
        // It goes on as the user, or is told of as such.
        "safety_identifier" => is_user(exchange, value),
        _ => false,
    }
}

/// Names and texts, at least one.
fn is_map(labels: Raw<'_>) -> bool {
    let mut members = labels.members().map_while(Result::ok).peekable();
    members.peek().is_some() && members.all(|(_, value)| value.text().is_some())
}

/// Whether an upstream takes them: OpenAI's own by its preset or the model's name, and of those who speak Responses
/// all that no preset tells otherwise of. OpenAI's followers refuse what they do not know.
fn takes(target: &Target<'_>) -> bool {
    let model = target.model.to_ascii_lowercase();
    let name = model.rsplit('/').next().unwrap_or_default();
    let own = ["gpt-", "chatgpt-", "o1", "o3", "o4", "codex-"].iter().any(|begin| name.starts_with(begin));
    // Its open weights stand on everybody's machines.
    let own = own && !name.starts_with("gpt-oss");
    match (target.wire, target.preset()) {
        (Wire::Anthropic | Wire::Gemini, _) => false,
        (_, Some("openai")) => true,
        (Wire::Responses, None) => true,
        _ => own,
    }
}

/// Older models know `medium` alone.
fn takes_verbosity(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    let name = model.rsplit('/').next().unwrap_or_default();
    !["gpt-3", "gpt-4", "chatgpt-", "o1", "o3", "o4"].iter().any(|begin| name.starts_with(begin))
}
