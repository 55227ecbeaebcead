//! Where rules lead: models that can never serve what is sent to them, and choices that nobody passes.

mod filter;
mod serve;

use crate::diag::Diagnostic;
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy};

pub(super) use filter::may_be_empty;

/// Runs the checks of this family.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    for rule in policy.routes.iter().flat_map(|route| route.written().map(|(_, rule)| rule)) {
        serve::check(policy, rule, findings);
        rule.attempts.iter().for_each(|attempt| filter::check(policy, attempt, findings));
    }
}

/// Every model that an attempt may come to by itself; those of a route that it enters are that
/// route's own.
pub(super) fn named(policy: &Policy, attempt: &Attempt) -> Vec<ModelId> {
    match &attempt.kind {
        AttemptKind::Model(id) => vec![*id],
        AttemptKind::Pool(id) => policy.pools.get(id.index()).map_or_else(Vec::new, |pool| pool.models.clone()),
        AttemptKind::Choice { set, .. } => set.clone(),
        AttemptKind::Split { arms, .. } => arms.iter().flat_map(|arm| named(policy, &arm.attempt)).collect(),
        AttemptKind::Route(_) | AttemptKind::Reject { .. } => Vec::new(),
    }
}

/// Whether an attempt, or an arm of it, enters another route.
pub(super) fn enters_route(attempt: &Attempt) -> bool {
    match &attempt.kind {
        AttemptKind::Route(_) => true,
        AttemptKind::Split { arms, .. } => arms.iter().any(|arm| enters_route(&arm.attempt)),
        _ => false,
    }
}

/// A model's name.
pub(super) fn name(policy: &Policy, id: ModelId) -> &str {
    policy.models.get(id.index()).map_or("", |model| model.name.as_str())
}
