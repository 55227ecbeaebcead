//! How good a policy's tests are: what they reach ([`coverage`]), what they would not notice
//! ([`mutate`]), and the cases that are missing ([`suggest`]). And how near a request is to going by
//! another rule ([`nearest`]).
//!
//! Everything here is found by running the policy's own cases and by the prover; every case that
//! is suggested was run before it is shown. This room is pure: no I/O, no clock, no randomness. It
//! prints nothing and changes no file.

pub mod coverage;
mod junit;
pub mod mutate;
pub mod nearest;
mod reach;
pub mod suggest;
mod written;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::diag::render::Positions;
use crate::diag::{Sources, Span};
use crate::dsl::policy::Policy;
use crate::engine::cases::Report;
use coverage::Coverage;
use mutate::Mutants;

pub use junit::junit;
pub use written::{WrittenCase, blocks};

/// Widest source line or change that is shown whole.
const MAX_LINE_COLUMNS: usize = 100;

/// A policy with everything that was found out about its tests.
#[derive(Debug)]
pub struct Judged {
    /// where it is, as the user named it
    pub path: String,
    /// its texts
    pub sources: Sources,
    /// how its cases ended
    pub report: Report,
    /// what they reach, where that was asked for
    pub coverage: Option<Coverage>,
    /// what they would not notice, where that was asked for
    pub mutants: Option<Mutants>,
    /// the cases that are missing, where that was asked for
    pub suggested: Option<Missing>,
}

/// Cases that are missing.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// `test` blocks, one a route
    pub blocks: Vec<String>,
    /// how many cases stand in them
    pub cases: usize,
    /// what no case was found for, and why
    pub left: Vec<String>,
}

impl Missing {
    /// Writes down what was found; `also` are further cases, such as those for mutants.
    #[must_use]
    pub fn new(policy: &Policy, suggested: suggest::Suggested, also: Vec<WrittenCase>) -> Self {
        let mut cases = suggested.cases;
        for case in also {
            if !cases.iter().any(|other| (other.route, &other.text) == (case.route, &case.text)) {
                cases.push(case);
            }
        }
        let left = suggested.left.iter().map(|(gap, why)| format!("{}: {why}", gap.subject()));
        Self { blocks: blocks(policy, &cases, "suggested"), cases: cases.len(), left: left.collect() }
    }

    /// The blocks, and comments about what is left; "" when nothing is missing.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts: Vec<String> = self.blocks.clone();
        let left: String = self.left.iter().map(|left| format!("// no case for {left}\n")).collect();
        parts.extend((!left.is_empty()).then_some(left));
        parts.join("\n")
    }
}

impl Judged {
    /// The report for programs: cases, then whatever else was asked for.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let mut json = self.report.json(&self.sources);
        if let (Some(json), Some(coverage)) = (json.as_object_mut(), &self.coverage) {
            json.insert("coverage".to_owned(), coverage.json(&self.sources));
        }
        if let (Some(json), Some(mutants)) = (json.as_object_mut(), &self.mutants) {
            json.insert("mutants".to_owned(), mutants.json(&self.sources));
        }
        if let (Some(json), Some(missing)) = (json.as_object_mut(), &self.suggested) {
            json.insert("suggested".to_owned(), serde_json::json!({ "tests": missing.blocks, "left": missing.left }));
        }
        json
    }
}

/// The version of the JSON form of several policies.
const SCHEMA: u32 = 1;

/// Several policies for programs: each with its path, and the sums. `unread` are the paths of those
/// whose tests could not run.
#[must_use]
pub fn json(policies: &[Judged], unread: &[String]) -> serde_json::Value {
    let failed: usize = policies.iter().map(|one| one.report.failed()).sum();
    let cases: usize = policies.iter().map(|one| one.report.cases.len()).sum();
    let each = policies.iter().map(|one| {
        let mut json = one.json();
        if let Some(json) = json.as_object_mut() {
            json.insert("path".to_owned(), one.path.as_str().into());
        }
        json
    });
    serde_json::json!({
        "schema": SCHEMA,
        "passed": cases.saturating_sub(failed),
        "failed": failed,
        "policies": each.collect::<Vec<_>>(),
        "unread": unread,
    })
}

/// `1 case`, `2 cases`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// The line of a policy's text that a place starts on.
fn source_line<'s>(sources: &'s Sources, span: Span, positions: &Positions<'_>) -> &'s str {
    let line = positions.start(span).line.saturating_sub(1);
    sources.get(span.source).and_then(|source| source.text.lines().nth(line)).unwrap_or_default()
}

/// Text without the blanks around it, cut to [`MAX_LINE_COLUMNS`] of display width.
fn clipped(text: &str) -> String {
    let text = text.trim();
    if text.width() <= MAX_LINE_COLUMNS {
        return text.to_owned();
    }
    let mut columns = 0_usize;
    let fits = |character: &char| {
        columns = columns.saturating_add(character.width().unwrap_or(0));
        columns < MAX_LINE_COLUMNS
    };
    text.chars().take_while(fits).collect::<String>() + "…"
}
