//! P0506: a policy whose rules all try one model and give up.

use super::is_all_mock;
use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{AttemptKind, Policy, Rule};

/// Reports a policy with several models of which none ever stands in for another. Said once: it is
/// about the policy, not about one rule.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    let rules = || policy.routes.iter().flat_map(|route| route.written().map(|(_, rule)| rule));
    if policy.models.len() < 2 || is_all_mock(policy) || rules().any(has_fallback) {
        return;
    }
    let routed = |rule: &&Rule| rule.attempts.iter().any(|attempt| !matches!(attempt.kind, AttemptKind::Reject { .. }));
    let entry = policy.routes.iter().find(|route| route.name == "main").or(policy.routes.first());
    let Some(rule) = entry.and_then(|route| route.rules.last()).filter(routed).or_else(|| rules().find(routed)) else {
        return;
    };
    let Some(attempt) = rule.attempts.first() else { return };
    findings.push(
        Diagnostic::new(Code::P0506, attempt.span, "no rule of this policy has a fallback")
            .label("when it fails, the client gets the error")
            .help("name a model that stands in: `-> this then another`"),
    );
}

/// Whether something that may answer follows the first attempt.
fn has_fallback(rule: &Rule) -> bool {
    rule.attempts.iter().skip(1).any(|attempt| !matches!(attempt.kind, AttemptKind::Reject { .. }))
}
