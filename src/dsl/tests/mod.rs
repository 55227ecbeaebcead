//! The language as a whole, one line a case.

mod conditions;
mod facts;
mod recovery;
mod style;
mod transforms;
mod words;

use super::load;
use crate::diag::{Code, Diagnostic, Sources, render};

/// Codes about how a condition is written.
const STYLE: &[Code] = &[Code::P0603, Code::P0902, Code::P0903, Code::P0904, Code::P0905];

/// What a text loads to: findings, rendered in one line each, and whether there is a policy.
fn found(text: &str) -> (Vec<Diagnostic>, Sources, bool) {
    let mut sources = Sources::default();
    sources.add("x.policy", text);
    let mut loaded = load(&sources);
    // What is accepted is asked in every spelling.
    loaded.diagnostics.retain(|finding| !STYLE.contains(&finding.code));
    (loaded.diagnostics, sources, loaded.policy.is_some())
}

/// A policy whose only rule has this condition.
fn with_condition(condition: &str) -> String {
    with_statements(&format!("rule r when {condition} -> m"))
}

/// A policy with these statements in its only route.
fn with_statements(statements: &str) -> String {
    format!(
        "provider p {{ kind: mock }}\nmodel m on p {{ tags: [fast] price: {{ input: 1, output: 2 }} }}\nmodel n on p {{}}\nroute main {{\n{statements}\ndefault -> first of tag(fast) then n\n}}\n"
    )
}

#[track_caller]
fn accepts(text: &str) {
    let (findings, sources, policy) = found(text);
    assert!(policy && findings.is_empty(), "{text}\n{}", render::human(&findings, &sources, false));
}

/// Exactly one finding, with this code, whose place covers `place`, and whose message or help
/// holds `words`.
#[track_caller]
fn refuses(text: &str, code: &str, place: &str, words: &str) {
    let (findings, sources, _) = found(text);
    let shown = render::human(&findings, &sources, false);
    assert_eq!(findings.len(), 1, "{text}\n{shown}");
    assert_eq!(findings[0].code.as_str(), code, "{shown}");
    let span = findings[0].primary.as_ref().unwrap().span;
    assert_eq!(sources.slice(span), place, "{shown}");
    assert!(shown.contains(words), "no `{words}` in\n{shown}");
}
