//! What a client is told about what did not go on. The same words on every way out.

use super::super::Protocol;
use super::super::request::{Request, shown};
use super::Target;
use crate::dsl::policy::Capability;

/// Most warnings of one request, and their length: they share a header.
const MAX_WARNINGS: usize = 12;
const MAX_WARNING_CHARACTERS: usize = 200;

pub(crate) const NO_THINKING: &str = "thinking was left out: the model does not think (`can` has no `thinking`)";
pub(crate) const UNSIGNED_LOOP: &str =
    "thinking was left out: the upstream wants its own earlier thinking in a tool loop";
pub(crate) const UNTOLD_THINKING: &str = "thinking was left out: the model has no word for it";
pub(crate) const NO_PREFILL: &str = "the last assistant text is not gone on with: the upstream begins a new answer";
pub(crate) const SCHEMA_IN_WORDS: &str = "the JSON schema was put into words: the model takes none";
pub(crate) const SCHEMA_CLOSED: &str = "the JSON schema was closed: its objects have only the members that it names";
pub(crate) const NO_PARALLEL_TOOLS: &str =
    "`parallel_tool_calls` was left out: the model makes one call at a time (`can` has no `parallel_tools`)";

/// Why a model is passed over.
pub(crate) const IMAGE_BY_ADDRESS: &str =
    "an image is given by its address, which its API does not fetch (`preset`): send the image itself";

/// A search that the model does not make.
pub(crate) fn no_web_search(kind: &str) -> String {
    format!("the server tool `{}` was left out (`can` has no `web_search`)", shown(kind))
}

/// A server tool that the upstream has not.
pub(crate) fn server_tool(kind: &str, target: &Target<'_>) -> String {
    if kind.starts_with("web_search") && !target.can(Capability::WebSearch) {
        return no_web_search(kind);
    }
    format!("the server tool `{}` is not known to the upstream and was left out", shown(kind))
}

/// A member that the other protocol has not.
pub(crate) fn unknown_member(name: &str) -> String {
    format!("`{}` is not known to the upstream's protocol and was left out", shown(name))
}

/// The last ones do not go on.
pub(crate) fn few_stops(most: usize, all: usize) -> String {
    format!("only {most} of {all} stop sequences were sent")
}

/// A client's own list of models.
pub(crate) fn choice_of_models(name: &str) -> String {
    format!("`{name}` was left out: the policy chooses the model")
}

/// Less than was asked for.
pub(crate) fn lowered(member: &str, limit: u64) -> String {
    format!("{member} lowered to {limit}, the most that the model gives")
}

/// Whether a warning says that the cap on the answer's tokens was lowered: the last cap is the outcome.
pub(crate) fn is_lowered(warning: &str) -> bool {
    warning.contains(" lowered to ")
}

/// What is said of the conversation and of the tools, not of other members, begins so.
const OF_TALK: &[&str] = &[
    "a block of",
    "`messages.name`",
    "the sound of",
    "missing tool results",
    "tool results without",
    "inputs of tool calls",
    "tool calls got",
    "attachments of",
    "an item of",
    "a part of",
    "a first user message",
    "system messages inside",
    "only the first",
    "the server tool",
    "the demand for",
    "`strict` of the tools",
    "single calls",
];

/// Whether a warning is about the conversation or the tools.
pub(super) fn is_of_talk(warning: &str) -> bool {
    let said = warning.trim_start_matches(|begin: char| begin.is_ascii_digit() || begin == ' ');
    OF_TALK.iter().any(|begin| said.starts_with(begin))
}

/// What a client calls what the form for all wires has another name for.
const CLIENTS_NAMES: &[(Protocol, &str, &str)] = &[
    (Protocol::Anthropic, "stop", "stop_sequences"),
    (Protocol::Anthropic, "user", "metadata.user_id"),
    (Protocol::Anthropic, "parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    (Protocol::Chat, "max_tokens", "max_completion_tokens"),
    (Protocol::Chat, "user", "safety_identifier"),
    (Protocol::Responses, "max_tokens", "max_output_tokens"),
    (Protocol::Responses, "verbosity", "text.verbosity"),
    (Protocol::Responses, "user", "safety_identifier"),
    (Protocol::Gemini, "metadata", "labels"),
    (Protocol::Gemini, "max_tokens", "maxOutputTokens"),
    (Protocol::Gemini, "stop", "stopSequences"),
    (Protocol::Gemini, "top_p", "topP"),
    (Protocol::Gemini, "top_k", "topK"),
    (Protocol::Gemini, "presence_penalty", "presencePenalty"),
    (Protocol::Gemini, "frequency_penalty", "frequencyPenalty"),
    (Protocol::Simple, "user", "user_id"),
];

/// Names members as the client did. A name that stands in its body is its own already.
pub(super) fn name_for(request: &Request, warnings: &mut [String]) {
    for (_, name, clients) in CLIENTS_NAMES.iter().filter(|(protocol, ..)| *protocol == request.protocol()) {
        if request.field(name).is_some() {
            continue;
        }
        let (quoted, bare) = (format!("`{name}`"), format!("{name} "));
        for warning in warnings.iter_mut() {
            if warning.contains(&quoted) {
                *warning = warning.replace(&quoted, &format!("`{clients}`"));
            } else if *name == "max_tokens" && warning.contains(&bare) {
                *warning = warning.replace(&bare, &format!("{clients} "));
            }
        }
    }
}

/// Warnings go into a header and may hold a client's words: printable ASCII, few and short.
pub(super) fn tidy(warnings: &mut Vec<String>) {
    warnings.truncate(MAX_WARNINGS);
    for warning in warnings {
        *warning = warning
            .chars()
            .map(|character| if matches!(character, ' '..='~') { character } else { '?' })
            .take(MAX_WARNING_CHARACTERS)
            .collect();
    }
}
