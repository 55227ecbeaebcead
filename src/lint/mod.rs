//! Everything that is said about a policy: what its texts say wrong (`dsl`), what holds for the
//! policy as a whole (one lint a file here), and the comments that allow a warning.
//!
//! A lint reads the checked policy and reports; it changes nothing, and a guess is never more than
//! a warning. [`mend`] makes the changes that findings bring. This room is pure: no I/O, no clock, no
//! randomness.

mod allow;
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

pub use fix::{Mended, fix, mend};

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

/// Pairs of rules of one route that lead elsewhere and that one request satisfies (P0314): not
/// wrong in itself, so only on request.
#[must_use]
pub fn overlaps(policy: &Policy) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    logic::overlaps(policy, &mut findings);
    findings
}

/// What can be said while somebody types: texts, names and types, without the checks that prove.
/// Whether an `allow` comment is unused is not known before those have run.
#[must_use]
pub fn quick(sources: &Sources) -> Vec<Diagnostic> {
    let dsl::Loaded { mut diagnostics, comments, .. } = dsl::load(sources);
    allow::allow(&comments, sources, &mut diagnostics);
    diagnostics.retain(|finding| finding.code != Code::P0906);
    diagnostics.sort_by_key(|finding| finding.primary.as_ref().map(|label| label.span));
    diagnostics.dedup();
    diagnostics
}

/// Reads and checks all files of a policy.
#[must_use]
pub fn check(sources: &Sources) -> Checked {
    let dsl::Loaded { policy, mut diagnostics, comments } = dsl::load(sources);
    let mut proved = Vec::new();
    let policy = policy.map(|policy| whole(policy, sources, &mut diagnostics, &mut proved));
    allow::allow(&comments, sources, &mut diagnostics);
    diagnostics.sort_by_key(|finding| finding.primary.as_ref().map(|label| label.span));
    diagnostics.dedup();
    let errors = || diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
    let clean = errors().next().is_none();
    let judged = errors().all(|finding| JUDGEMENTS.contains(&finding.code));
    let (policy, failing) = if clean { (policy, None) } else { (None, policy.filter(|_| judged)) };
    Checked { policy, diagnostics, proved, failing }
}

/// The checks of a policy as a whole, and of what it does.
fn whole(policy: Policy, sources: &Sources, findings: &mut Vec<Diagnostic>, proved: &mut Vec<String>) -> Policy {
    let policy = Arc::new(policy);
    // One compilation for all: a tree of ten thousand rules takes a second.
    let engine = Engine::new(Arc::clone(&policy));
    logic::check(&policy, engine.program(), sources, findings);
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
