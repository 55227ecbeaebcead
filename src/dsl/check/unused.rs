//! P0108: models and pools that no rule leads to.

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::AttemptKind;
use crate::dsl::resolve::Lowered;

/// Warns of models and pools that nothing refers to.
pub(super) fn check(lowered: &Lowered, findings: &mut Vec<Diagnostic>) {
    let policy = &lowered.policy;
    for (number, pool) in policy.pools.iter().enumerate() {
        if !lowered.used.pools.contains(&number) {
            let message = format!("pool `{}` is never used", pool.name);
            findings.push(Diagnostic::new(Code::P0108, pool.span, message).help("lead a rule to it, or remove it"));
        }
    }
    let routed = policy.routes.iter().flat_map(|route| &route.rules).flat_map(|rule| &rule.attempts);
    if !routed.clone().any(|attempt| !matches!(attempt.kind, AttemptKind::Reject { .. })) {
        // Without any rule that leads to a model, every model would be reported.
        return;
    }
    for (number, model) in policy.models.iter().enumerate() {
        if !lowered.used.models.contains(&number) {
            let message = format!("model `{}` is never used", model.name);
            findings.push(Diagnostic::new(Code::P0108, model.span, message).help("lead a rule to it, or remove it"));
        }
    }
}
