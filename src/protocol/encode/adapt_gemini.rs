//! The same for a body of Gemini, on its way to Gemini: the model stands in the address, and what is
//! asked for stands inside `generationConfig`.

use super::super::asks::Asks;
use super::super::content;
use super::super::exchange::schema_in_words;
use super::super::gemini::{edit, field};
use super::super::json::{Kind, push_escaped, push_number, push_string};
use super::super::request::Request;
use super::splice::Splices;
use super::{Outgoing, Target, foreign, warnings};
use crate::dsl::policy::Capability;

/// Writes what has to change.
pub(super) fn write(request: &Request, target: &Target<'_>, splices: &mut Splices<'_>, outgoing: &mut Outgoing) {
    // The address names the model.
    splices.leave_out("model");
    splices.leave_out_choice_of_models(&mut outgoing.warnings);
    foreign::take_gemini(request, target, splices);
    let config = field(request, "generationConfig");
    let mut out: Vec<&str> = Vec::new();
    if !target.can(Capability::Thinking) && Asks::of(request).thinking {
        out.push("thinkingConfig");
        outgoing.warnings.push(warnings::NO_THINKING.to_owned());
    }
    if !target.can(Capability::JsonSchema)
        && let Some(schema) = edit::schema(config)
    {
        out.extend(["responseSchema", "responseJsonSchema"]);
        if !splices.rewritten {
            say_in_system(request, &schema_in_words(schema), splices);
        }
        outgoing.warnings.push(warnings::SCHEMA_IN_WORDS.to_owned());
    }
    let limit = target.output_limit.filter(|limit| request.max_tokens().is_some_and(|asked| asked > *limit));
    if let Some(limit) = limit {
        outgoing.warnings.push(warnings::lowered("maxOutputTokens", limit));
    }
    if limit.is_some() || !out.is_empty() {
        let lowered = limit.map(|limit| {
            let mut value = Vec::new();
            push_number(&mut value, limit);
            value
        });
        let kept = edit::without(config, &out, lowered.as_deref().map(|value| ("maxOutputTokens", value)));
        splices.put(config, kept);
    }
    if !target.can(Capability::WebSearch) && content::searches_the_web(request) {
        outgoing.warnings.push(warnings::no_web_search("web_search"));
        if splices.rewritten {
            return;
        }
        match edit::without_search(field(request, "tools")) {
            Some(tools) => splices.put(field(request, "tools"), tools),
            None => splices.leave_out("tools"),
        }
    }
}

fn say_in_system(request: &Request, words: &str, splices: &mut Splices<'_>) {
    let system = field(request, "systemInstruction");
    let parts = content::system(request);
    let mut value = Vec::with_capacity(words.len() + 32);
    match parts.kind() {
        Kind::Array => {
            if parts.elements().next().is_some() {
                value.push(b',');
            }
            value.extend_from_slice(b"{\"text\":");
            push_string(&mut value, words);
            value.push(b'}');
        }
        Kind::String => {
            value.extend_from_slice(b"\\n\\n");
            push_escaped(&mut value, words.as_bytes());
        }
        _ => {
            value.extend_from_slice(b"{\"parts\":[{\"text\":");
            push_string(&mut value, words);
            value.extend_from_slice(b"}]}");
            return if system.is_null() { splices.set("systemInstruction", value) } else { splices.put(system, value) };
        }
    }
    splices.insert(request.place_of(parts.bytes()).end.saturating_sub(1), value);
}
