//! What is left when a model fails: fallbacks that are none, and limits that cannot be kept.

mod deadline;
mod empty;
mod fallback;
mod limits;
mod providers;
mod tried;
mod worst;

use crate::diag::Diagnostic;
use crate::dsl::policy::{Policy, ProviderKind};

/// Runs the checks of this family; says which stated limits are proved to be kept, a line each.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut kept = worst::Kept::default();
    fallback::check(policy, findings);
    for route in &policy.routes {
        for (_, rule) in route.written() {
            providers::check(policy, rule, findings);
            tried::check(policy, rule, findings);
            empty::check(policy, rule, findings);
            let limits = limits::Limits::of(policy, route, rule);
            if deadline::check(rule, &limits, findings) {
                kept.broken_deadline();
            } else {
                worst::check(policy, rule, &limits, &mut kept, findings);
            }
        }
    }
    kept.lines()
}

/// Whether all that a policy talks to is the built-in fake upstream, which fails only when it is asked to.
fn is_all_mock(policy: &Policy) -> bool {
    policy.providers.iter().all(|provider| provider.kind == ProviderKind::Mock)
}
