//! Everything that is said about a policy: what its texts say wrong (`dsl`), what holds for the
//! policy as a whole (one lint a file here), and the comments that allow a warning.
//!
//! A lint reads the checked policy and reports; it changes nothing, and a guess is never more than
//! a warning. [`mend`] makes the changes that findings bring. This room is pure: no I/O, no clock, no
//! randomness.

mod allow;
mod callers;
mod cases;
mod cost;
mod fix;
mod invariants;
mod logic;
mod resilience;
mod targets;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Severity, Sources};
use crate::dsl;
use crate::dsl::policy::Policy;
use crate::engine::Engine;

pub use fix::{Mended, fix, mend, mend_for};

/// What came out of checking a policy's texts.
#[derive(Debug)]
pub struct Checked {
    /// the policy; None as soon as one finding is an error
    pub policy: Option<Policy>,
    /// everything found, by place
    pub diagnostics: Vec<Diagnostic>,
    /// what was proved of a policy with invariants or stated limits, a line each
    pub proved: Vec<String>,
    /// the policy when all that is wrong is that it does other than its own tests or promises say: it
    /// may be explained and tested, never served
    pub failing: Option<Policy>,
}

/// Errors that judge what a policy does; whoever looks for the reason needs the policy.
const JUDGEMENTS: &[Code] = &[Code::P0310, Code::P0805];

/// What is looked for on top of what every run looks for.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// pairs of rules of one route that lead elsewhere and that one request satisfies (P0314): not
    /// wrong in itself
    pub overlaps: bool,
    /// says whether an environment variable has a value that is not empty (P0701, here a warning:
    /// this machine is not a fault of the policy); None: nobody looks
    pub is_set: Option<&'a dyn Fn(&str) -> bool>,
}

impl Wanted<'_> {
    /// Whether this run reports this code where it applies.
    fn looks_for(&self, code: &str) -> bool {
        match code {
            "P0314" => self.overlaps,
            "P0701" => self.is_set.is_some(),
            _ => true,
        }
    }
}

/// What can be said while somebody types: texts, names and types, without the checks that prove.
/// Whether an `allow` comment is unused is not known before those have run.
#[must_use]
pub fn quick(sources: &Sources) -> Vec<Diagnostic> {
    let dsl::Loaded { mut diagnostics, comments, .. } = dsl::load(sources);
    allow::allow(&comments, sources, &|_| false, &mut diagnostics);
    diagnostics.retain(|finding| finding.code != Code::P0906);
    diagnostics.sort_by_key(|finding| finding.primary.as_ref().map(|label| label.span));
    diagnostics.dedup();
    diagnostics
}

/// Reads and checks all files of a policy.
#[must_use]
pub fn check(sources: &Sources) -> Checked {
    check_for(sources, &Wanted::default())
}

/// As [`check`], with what was asked for besides.
#[must_use]
pub fn check_for(sources: &Sources, wanted: &Wanted<'_>) -> Checked {
    let dsl::Loaded { policy, mut diagnostics, comments } = dsl::load(sources);
    let mut proved = Vec::new();
    let is_whole = policy.is_some();
    let policy = policy.map(|policy| whole(policy, sources, wanted, &mut diagnostics, &mut proved));
    let gave_up = diagnostics.iter().any(|finding| finding.code == Code::P0313);
    // What was not looked for, or not to the end, says nothing about who allows it.
    let looked = |code: &str| is_whole && wanted.looks_for(code) && !(gave_up && code.starts_with("P03"));
    allow::allow(&comments, sources, &looked, &mut diagnostics);
    diagnostics.sort_by_key(|finding| finding.primary.as_ref().map(|label| label.span));
    diagnostics.dedup();
    let errors = || diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
    let clean = errors().next().is_none();
    let judged = errors().all(|finding| JUDGEMENTS.contains(&finding.code));
    let (policy, failing) = if clean { (policy, None) } else { (None, policy.filter(|_| judged)) };
    Checked { policy, diagnostics, proved, failing }
}

/// The checks of a policy as a whole, and of what it does.
fn whole(
    policy: Policy,
    sources: &Sources,
    wanted: &Wanted<'_>,
    findings: &mut Vec<Diagnostic>,
    proved: &mut Vec<String>,
) -> Policy {
    if let Some(is_set) = wanted.is_set {
        let missing = dsl::check::environment(&policy, is_set).into_iter();
        findings.extend(missing.map(|finding| Diagnostic { severity: Severity::Warning, ..finding }));
    }
    let policy = Arc::new(policy);
    // One compilation for all: a tree of ten thousand rules takes a second.
    let engine = Engine::new(Arc::clone(&policy));
    logic::check(&policy, engine.program(), sources, findings);
    if wanted.overlaps {
        logic::overlaps(&policy, findings);
    }
    callers::check(&policy, findings);
    targets::check(&policy, findings);
    let kept = resilience::check(&policy, findings);
    cost::check(&policy, findings);
    cost::check_trees(&engine, findings);
    cases::check(&engine, findings);
    proved.extend(invariants::check(&engine, findings));
    proved.extend(kept);
    drop(engine);
    Arc::unwrap_or_clone(policy)
}
