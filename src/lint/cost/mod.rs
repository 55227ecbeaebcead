//! What decisions cost: rules in an order that asks for too much, walks inside walks, trees that did
//! not fit.

mod order;
mod tree;
mod walks;

use crate::diag::Diagnostic;
use crate::dsl::policy::{AttemptKind, Policy};

pub(super) use tree::check as check_trees;

/// Runs the checks of this family that need nothing compiled.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    for route in &policy.routes {
        order::check(route, findings);
        for (_, rule) in route.written() {
            rule.condition.iter().for_each(|condition| walks::check(condition, findings));
            for attempt in &rule.attempts {
                if let AttemptKind::Choice { filter: Some(filter), .. } = &attempt.kind {
                    walks::check(filter, findings);
                }
            }
        }
    }
}
