//! Asking an engine about made-up requests: what proofs have in common.

use super::Entrance;
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Attempt, AttemptKind, Policy, RouteId};
use crate::engine::trace::{Explainer, Question, Trace, Written};
use crate::engine::{Engine, Seeds};
use crate::facts::Var;
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::World;

/// Callers that are tried until one belongs to the arm of a split that is asked about.
const TRIED_CALLERS: u32 = 400;

/// Every expression that can change where a request goes: the conditions of rules, what choices ask
/// of their members, and what splits spread their callers by.
pub(super) fn expressions(policy: &Policy) -> Vec<&Expr> {
    let mut found = Vec::new();
    for rule in policy.routes.iter().flat_map(|route| &route.rules) {
        found.extend(rule.condition.as_ref());
        rule.attempts.iter().for_each(|attempt| attempt.for_each_expression(&mut |expr| found.push(expr)));
    }
    found
}

/// Explains a request of an entrance, every model healthy.
pub(super) fn ask(
    engine: &Engine,
    explainer: &mut Explainer<'_>,
    entrance: &Entrance,
    facts: &GivenFacts,
) -> Option<Trace> {
    let world = World::fresh(engine.policy().models.len());
    let question = Question {
        facts,
        tenant: entrance.tenant,
        entry: None,
        world: &world,
        seeds: &Seeds::fixed(),
        is_given: &|var| facts.is_given(var),
        written: &|_| Written::default(),
    };
    explainer.explain(&question).ok()
}

/// The names of a way's routes and its rule.
pub(super) fn names(policy: &Policy, decisions: &[(RouteId, usize)]) -> Vec<String> {
    let route = |(route, _): &(RouteId, usize)| policy.routes.get(route.index());
    let mut found: Vec<String> = decisions.iter().filter_map(route).map(|route| route.name.clone()).collect();
    let last = decisions.last().and_then(|place| route(place)?.rules.get(place.1));
    found.extend(last.map(|rule| rule.name.clone()));
    found
}

/// The request itself, and, where callers are spread, the same of others: another caller may belong
/// to another arm. Whoever is asked about stays.
pub(super) fn callers(given: &GivenFacts, spread: bool) -> impl Iterator<Item = GivenFacts> {
    let others = if spread { TRIED_CALLERS } else { 0 };
    (0..=others).map(move |caller| {
        let mut given = given.clone();
        for var in [Var::SessionId, Var::UserId].into_iter().filter(|_| caller > 0) {
            if !given.is_given(var) {
                given.set(var, Owned::Str(format!("caller-{caller}")));
            }
        }
        given
    })
}

/// Whether a rule on the way spreads callers.
pub(super) fn splits(policy: &Policy, decisions: &[(RouteId, usize)]) -> bool {
    let is_split = |attempt: &Attempt| matches!(attempt.kind, AttemptKind::Split { .. });
    decisions.iter().any(|(route, rule)| {
        let rule = policy.routes.get(route.index()).and_then(|route| route.rules.get(*rule));
        rule.is_some_and(|rule| rule.attempts.iter().any(is_split))
    })
}
