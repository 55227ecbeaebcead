//! Attempts in words, as an author would write them.

use crate::dsl::expr::print;
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, RouteId, Strategy};

/// The word for a strategy.
pub(crate) fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::First => "first",
        Strategy::Cheapest => "cheapest",
        Strategy::Fastest => "fastest",
        Strategy::Best => "best",
        Strategy::Balanced => "balanced",
        Strategy::Idlest => "idlest",
        Strategy::Rotate => "rotate",
        Strategy::Adaptive => "adaptive",
    }
}

/// A model's name.
pub(super) fn model(policy: &Policy, id: ModelId) -> &str {
    policy.models.get(id.index()).map_or("?", |model| &model.name)
}

/// A route's name.
pub(super) fn route(policy: &Policy, id: RouteId) -> &str {
    policy.routes.get(id.index()).map_or("?", |route| &route.name)
}

/// A rule's name.
pub(super) fn rule(policy: &Policy, id: RouteId, number: u32) -> &str {
    let rule = policy.routes.get(id.index()).and_then(|route| route.rules.get(number as usize));
    rule.map_or("?", |rule| &rule.name)
}

/// Names of models, joined by commas.
pub(super) fn models(policy: &Policy, ids: &[ModelId]) -> String {
    ids.iter().map(|id| model(policy, *id)).collect::<Vec<_>>().join(", ")
}

/// What the arm of a split is known by: where it leads, whoever the members are just now.
pub(super) fn arm(policy: &Policy, attempt: &Attempt) -> String {
    match &attempt.kind {
        AttemptKind::Choice { strategy: how, .. } => strategy(*how).to_owned(),
        _ => self::attempt(policy, attempt),
    }
}

/// An attempt. A tag stands as the list of its members.
pub(crate) fn attempt(policy: &Policy, attempt: &Attempt) -> String {
    match &attempt.kind {
        AttemptKind::Model(id) => model(policy, *id).to_owned(),
        AttemptKind::Pool(id) => policy.pools.get(id.index()).map_or_else(String::new, |pool| pool.name.clone()),
        AttemptKind::Choice { strategy: how, set, filter, .. } => {
            let condition =
                filter.as_ref().map_or_else(String::new, |filter| format!(" where {}", print::cel_text(filter)));
            format!("{} of [{}]{condition}", strategy(*how), models(policy, set))
        }
        AttemptKind::Split { arms, by } => {
            let arms: Vec<String> =
                arms.iter().map(|arm| format!("{}% {}", arm.percent, self::attempt(policy, &arm.attempt))).collect();
            let by = by.as_ref().map_or_else(String::new, |by| format!(" by {}", print::cel_text(by)));
            format!("split {{ {} }}{by}", arms.join(", "))
        }
        AttemptKind::Route(id) => format!("route {}", route(policy, *id)),
        AttemptKind::Reject { status, .. } => format!("reject {status}"),
    }
}
