//! All stages in order.

use super::ast::Item;
use super::policy::{ModelId, Policy, TenantId};
use super::resolve::{FactReader, Names};
use super::{check, parse, resolve};
use crate::diag::{Code, Diagnostic, Severity, SourceId, Sources, Span};
use crate::facts::given::GivenFacts;
use crate::facts::world::ModelState;

/// What came out of a policy's texts.
#[derive(Debug)]
pub struct Loaded {
    /// the policy; None as soon as one finding is an error
    pub policy: Option<Policy>,
    /// everything found, by place
    pub diagnostics: Vec<Diagnostic>,
    /// the `// ccr:` comments; whoever has all findings carries them out
    pub comments: Vec<Comment>,
}

/// A `// ccr: …` comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// where it stands
    pub span: Span,
    /// its text, the slashes included
    pub text: String,
}

/// Facts written by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// the facts
    pub facts: GivenFacts,
    /// the declared tenant that `tenant: NAME` names
    pub tenant: Option<TenantId>,
}

/// Parses and types all files of a policy, with the checks that need their texts. What a whole
/// policy has to keep beyond that is checked in `lint`.
#[must_use]
pub fn load(sources: &Sources) -> Loaded {
    let mut diagnostics = Vec::new();
    let mut items: Vec<Item> = Vec::new();
    let mut comments = Vec::new();
    let mut lost = false;
    for (id, source) in sources.iter() {
        let file = parse::parse_file(id, source, &mut diagnostics);
        items.extend(file.items);
        comments.extend(file.comments);
        lost |= file.lost;
    }
    // A name that a lost item or a broken route would have declared is not missing for certain.
    let whole = diagnostics.iter().all(|finding| finding.severity != Severity::Error);
    let lowered = resolve::lower(&items, sources, digest(sources), &mut diagnostics);
    diagnostics.retain(|finding| match finding.code {
        Code::P0102 | Code::P0209 => !lost,
        Code::P0802 => whole,
        _ => true,
    });
    check::policy(&items, &lowered, whole, sources, &mut diagnostics);
    foreign(sources, &mut diagnostics);
    let place = |finding: &Diagnostic| finding.primary.as_ref().map(|label| label.span);
    diagnostics.sort_by_key(place);
    diagnostics.dedup();
    let clean = diagnostics.iter().all(|finding| finding.severity != Severity::Error);
    Loaded { policy: clean.then_some(lowered.policy), diagnostics, comments }
}

/// Where punctuation was replaced, the text that was parsed is not quite the author's: places get
/// back onto whole characters, and what is wrong only because of the punctuation is not said twice.
fn foreign(sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
    let mut places: Vec<Span> = diagnostics
        .iter()
        .filter(|finding| finding.code == Code::P0006)
        .filter_map(|finding| finding.primary.as_ref().map(|label| label.span))
        .collect();
    if places.is_empty() {
        return;
    }
    places.sort_unstable();
    for finding in diagnostics.iter_mut() {
        for label in finding.primary.iter_mut().chain(&mut finding.secondary) {
            let text = sources.get(label.span.source).map_or("", |source| source.text.as_str());
            let range = label.span.range();
            let start = text.floor_char_boundary(range.start);
            label.span = Span::new(label.span.source, start, text.ceil_char_boundary(range.end));
        }
    }
    diagnostics.retain(|finding| {
        let Some(span) = finding.primary.as_ref().map(|label| label.span) else { return true };
        // The last place that starts before the finding ends; places do not overlap.
        let before = places.partition_point(|place| (place.source, place.start) < (span.source, span.end));
        let place = before.checked_sub(1).and_then(|at| places.get(at));
        let covered = place.is_some_and(|place| place.source == span.source && span.start < place.end);
        !matches!(finding.code, Code::P0001 | Code::P0007) || !covered
    });
}

/// Raises what this version does not serve from a warning to an error.
pub fn refuse_unserved(diagnostics: &mut [Diagnostic]) {
    for finding in diagnostics.iter_mut().filter(|finding| finding.code == Code::P0708) {
        finding.severity = Severity::Error;
        finding.help = Some("remove it, or wait for a version that has it".to_owned());
    }
}

/// Parses `--given '{ text: "…", tenant: lanhai }'`; JSON is accepted too.
///
/// # Errors
/// What is wrong with the text; the places are in [`SourceId`] 0.
pub fn parse_facts(text: &str, policy: &Policy) -> Result<Given, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    if let Some(fields) = parse::parse_fields(SourceId(0), text, &mut findings) {
        let names = Names::of(policy);
        let mut reader = FactReader { policy, names: &names, findings: &mut findings };
        let (facts, tenant) = reader.facts(&fields);
        if findings.is_empty() {
            return Ok(Given { facts, tenant });
        }
    }
    Err(findings)
}

/// Parses `--state '{ mini: { healthy: false } }'`; JSON is accepted too.
///
/// # Errors
/// What is wrong with the text; the places are in [`SourceId`] 0.
pub fn parse_state(text: &str, policy: &Policy) -> Result<Vec<(ModelId, ModelState)>, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    if let Some(fields) = parse::parse_fields(SourceId(0), text, &mut findings) {
        let names = Names::of(policy);
        let mut reader = FactReader { policy, names: &names, findings: &mut findings };
        let state = reader.state(&fields);
        if findings.is_empty() {
            return Ok(state);
        }
    }
    Err(findings)
}

/// 16 hex digits over the names and texts of all files. Only the file's own name counts: the
/// same policy has the same digest wherever it lies.
fn digest(sources: &Sources) -> String {
    let mut hasher = blake3::Hasher::new();
    for (_, source) in sources.iter() {
        let name = source.name.rsplit(['/', '\\']).next().unwrap_or(&source.name);
        for part in [name, &source.text] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}
