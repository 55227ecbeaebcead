//! Everything that is said about a policy: what its texts say wrong (`dsl`), what holds for the
//! policy as a whole (one lint a file here), and the comments that allow a warning.
//!
//! A lint reads the checked policy and reports; it changes nothing, and a guess is never more than
//! a warning. This room is pure: no I/O, no clock, no randomness.

mod allow;
mod invariants;
mod logic;

#[cfg(test)]
mod tests;

use crate::diag::{Code, Diagnostic, Severity, Sources};
use crate::dsl;
use crate::dsl::policy::Policy;

/// What came out of checking a policy's texts.
#[derive(Debug)]
pub struct Checked {
    /// the policy; None as soon as one finding is an error
    pub policy: Option<Policy>,
    /// everything found, by place
    pub diagnostics: Vec<Diagnostic>,
    /// what was proved of a policy with invariants, a line each
    pub proved: Vec<String>,
}

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
    if let Some(policy) = &policy {
        logic::check(policy, sources, &mut diagnostics);
        proved = invariants::check(policy, &mut diagnostics);
    }
    allow::allow(&comments, sources, &mut diagnostics);
    diagnostics.sort_by_key(|finding| finding.primary.as_ref().map(|label| label.span));
    diagnostics.dedup();
    let clean = diagnostics.iter().all(|finding| finding.severity != Severity::Error);
    Checked { policy: policy.filter(|_| clean), diagnostics, proved }
}
