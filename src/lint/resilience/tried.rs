//! P0503: an attempt that can add nothing, because whoever it could choose was tried before it.

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, Rule};
use crate::lint::targets::{enters_route, named};

/// Reports attempts whose models have all been tried. A model named twice by itself is P0411's.
pub(super) fn check(policy: &Policy, rule: &Rule, findings: &mut Vec<Diagnostic>) {
    let mut tried: Vec<ModelId> = Vec::new();
    let mut sets: Vec<Vec<ModelId>> = Vec::new();
    for attempt in &rule.attempts {
        let mut models = named(policy, attempt);
        models.sort_unstable();
        models.dedup();
        let all_tried = !models.is_empty() && models.iter().all(|id| tried.contains(id));
        let twice = matches!(attempt.kind, AttemptKind::Model(_));
        if all_tried && !twice && !enters_route(attempt) {
            findings.push(
                Diagnostic::new(Code::P0503, attempt.span, "everybody who could be chosen here was to be tried before")
                    .label("adds nothing")
                    .help("remove it, or name a model that has not been tried"),
            );
        }
        if !is_certain(attempt) {
            continue;
        }
        // Each attempt over the same set takes another of its members.
        sets.push(models.clone());
        if sets.iter().filter(|set| **set == models).count() >= models.len() {
            tried.extend(models);
        }
    }
}

/// Whether an attempt tries one of its models whenever one can be tried at all: no `where` leaves
/// some out, and no split decides which.
fn is_certain(attempt: &Attempt) -> bool {
    match &attempt.kind {
        AttemptKind::Model(_) | AttemptKind::Pool(_) => true,
        AttemptKind::Choice { filter, .. } => filter.is_none(),
        AttemptKind::Split { .. } | AttemptKind::Route(_) | AttemptKind::Reject { .. } => false,
    }
}
