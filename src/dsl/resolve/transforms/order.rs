//! P0414: transforms whose order, or whose company, makes one of them useless.

use super::Placed;
use crate::diag::{Code, Diagnostic};
use crate::dsl::transform::{EditAction, SamplingRule, Transform};

/// Compares a transform with those before it: its provider's, and those of its own list.
pub(super) fn check(placed: &Placed, provider: &[Placed], own: &[Placed], findings: &mut Vec<Diagnostic>) {
    let name = placed.transform.name();
    if let Some(earlier) = own.iter().find(|earlier| earlier.transform.name() == name) {
        let finding = Diagnostic::new(Code::P0414, placed.span, format!("`{name}` stands twice in this list"))
            .label("again here")
            .also(earlier.span, "first here");
        let merges = matches!(placed.transform, Transform::Params(_) | Transform::Headers(_) | Transform::Sampling(_));
        findings.push(finding.help(if merges { "merge them into one" } else { "write one of them" }));
        return;
    }
    let renamed = |earlier: &Placed| matches!(earlier.transform, Transform::MaxCompletionTokens);
    // A model's own cap goes under the name that its provider wants.
    for earlier in provider.iter().filter(|earlier| !renamed(earlier)).chain(own) {
        if let Some((message, help)) = clash(&earlier.transform, &placed.transform) {
            let finding = Diagnostic::new(Code::P0414, placed.span, message).also(earlier.span, "stands before it");
            findings.push(finding.help(help));
        }
    }
    for earlier in own {
        let Some(member) = overwritten(&earlier.transform, &placed.transform) else { continue };
        let (first, second) = (earlier.transform.name(), name);
        let message = format!("`{second}` sets `{member}`, which `{first}` has set");
        let finding = Diagnostic::new(Code::P0414, placed.span, message).also(earlier.span, "has no effect on it");
        findings.push(finding.help(format!("remove `{member}` from one of them")));
    }
}

/// Why two transforms cannot work in this order.
fn clash(earlier: &Transform, later: &Transform) -> Option<(String, &'static str)> {
    let message = |text: &str| Some(text.to_owned());
    let (message, help) = match (earlier, later) {
        (Transform::MaxCompletionTokens, Transform::MaxTokens(_)) => (
            message("`max_tokens` sets its cap after `max_completion_tokens` has renamed it"),
            "write `max_tokens(…)` first",
        ),
        (Transform::EmulateTools, Transform::SchemaClean(_)) => (
            message("`emulate_tools` has put the schemas into words before `schema_clean` sees them"),
            "write `schema_clean` first",
        ),
        (Transform::EmulateTools, Transform::TrimHistory(_)) => (
            message("`emulate_tools` has put calls and results into words, so `trim_history` could tear them apart"),
            "write `trim_history` first",
        ),
        (Transform::StreamOptions(_), Transform::StreamOptions(_)) => {
            (message("`stream_options` is already said for the provider"), "remove one of them")
        }
        _ => return None,
    };
    message.map(|message| (message, help))
}

/// The member that the earlier sets in vain, because the later sets it for every request.
fn overwritten(earlier: &Transform, later: &Transform) -> Option<String> {
    let first = members(earlier);
    members(later).into_iter().find(|member| first.contains(member))
}

/// The members that a transform gives a value, whatever the client says.
fn members(transform: &Transform) -> Vec<String> {
    match transform {
        Transform::Params(params) => {
            // Groups are merged: what stands in them may well come from two places.
            params.iter().filter(|(_, json)| !json.starts_with('{')).map(|(name, _)| name.clone()).collect()
        }
        Transform::Sampling(parameters) => parameters
            .iter()
            .filter(|parameter| !matches!(parameter.rule, SamplingRule::Cap(_)))
            .map(|parameter| parameter.parameter.clone())
            .collect(),
        Transform::StreamOptions(_) => vec!["stream_options".to_owned()],
        Transform::User(user) => {
            let sets = |action: &EditAction| matches!(action, EditAction::Set(_) | EditAction::Remove);
            user.edits.iter().filter(|edit| sets(&edit.action)).map(|edit| edit.path.join(".")).collect()
        }
        _ => Vec::new(),
    }
}
