//! The policy's own tests: what they show, what they leave out, and what they say twice.

mod identical;
mod outcome;
mod unreached;

use crate::diag::Diagnostic;
use crate::engine::Engine;
use crate::engine::cases;

/// Runs every case and reports.
pub(super) fn check(engine: &Engine, findings: &mut Vec<Diagnostic>) {
    let policy = engine.policy();
    if policy.tests.iter().all(|test| test.cases.is_empty()) {
        return;
    }
    identical::check(policy, findings);
    let (report, recorded) = cases::run_recorded(engine, "");
    outcome::check(&report, findings);
    unreached::check(policy, &recorded, findings);
}
