//! Which models an attempt may come to, and for which requests, before anything live is asked.

use super::specialise::{all, at_most, constant, is_empty, is_not, specialise, without_live};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Attempt, AttemptKind, Capability, ModelId, Policy, RouteId, Strategy};
use crate::engine::declared;
use crate::facts::Var;

/// A model that may be left of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct MayBeLeft {
    /// which
    pub model: ModelId,
    /// for which requests its `where` may hold; `true` without one. What is live may be anything
    pub chosen_if: Expr,
    /// for which requests it can serve: capabilities, context, and tenants that may use it
    pub serves_if: Expr,
}

/// What one attempt may come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttemptWays {
    /// the models, each once for every place that names it: all members of a choice, all arms of
    /// a split
    pub models: Vec<MayBeLeft>,
    /// the routes that it enters
    pub enters: Vec<RouteId>,
    /// the status of its refusal
    pub rejects: Option<u16>,
}

/// What each attempt of a rule may come to; a rule that does not exist has none.
#[must_use]
pub fn candidates(policy: &Policy, route: RouteId, rule: usize) -> Vec<AttemptWays> {
    let rule = policy.routes.get(route.index()).and_then(|route| route.rules.get(rule));
    let mut tried: Vec<ModelId> = Vec::new();
    let mut found = Vec::new();
    for attempt in rule.map(|rule| rule.attempts.as_slice()).unwrap_or_default() {
        let mut ways = AttemptWays::default();
        add(policy, attempt, &mut ways);
        // What stood alone before was tried or could not serve; it is not chosen again.
        ways.models.retain(|left| !tried.contains(&left.model));
        if let AttemptKind::Model(id) = attempt.kind {
            tried.push(id);
        }
        found.push(ways);
    }
    found
}

fn add(policy: &Policy, attempt: &Attempt, ways: &mut AttemptWays) {
    let mut push = |id: ModelId, filter: Option<&Expr>| {
        let chosen_if = chosen_if(policy, id, filter);
        let serves_if = serves_if(policy, id);
        if constant(&chosen_if) != Some(false) {
            ways.models.push(MayBeLeft { model: id, chosen_if, serves_if });
        }
    };
    match &attempt.kind {
        AttemptKind::Model(id) => push(*id, None),
        AttemptKind::Pool(id) => {
            let members = policy.pools.get(id.index()).map(|pool| pool.models.as_slice()).unwrap_or_default();
            members.iter().for_each(|id| push(*id, None));
        }
        AttemptKind::Choice { strategy, set, filter, .. } => {
            let has_turn = |id: &&ModelId| {
                *strategy != Strategy::Rotate || policy.models.get(id.index()).is_some_and(|model| model.weight > 0)
            };
            set.iter().filter(has_turn).for_each(|id| push(*id, filter.as_ref()));
        }
        AttemptKind::Split { arms, .. } => {
            for arm in arms.iter().filter(|arm| arm.percent > 0.0) {
                add(policy, &arm.attempt, ways);
            }
        }
        AttemptKind::Route(id) => ways.enters.push(*id),
        AttemptKind::Reject { status, .. } => ways.rejects = Some(*status),
    }
}

/// A condition on a candidate with everything that the model declares put in.
#[must_use]
pub(super) fn of_model(policy: &Policy, model: ModelId, condition: &Expr) -> Expr {
    let card = |var| declared(policy, model, var);
    specialise(condition, &card)
}

/// What a condition on a candidate is for every request and every moment, by what the model declares
/// alone; None when it depends.
#[must_use]
pub fn decided(policy: &Policy, model: ModelId, condition: &Expr) -> Option<bool> {
    constant(&of_model(policy, model, condition))
}

fn chosen_if(policy: &Policy, id: ModelId, filter: Option<&Expr>) -> Expr {
    let declared = filter.map(|filter| of_model(policy, id, filter));
    declared.map_or_else(|| all([]), |filter| without_live(&filter, true))
}

/// Documents and audio have no fact, so whoever lacks them may still be left.
fn serves_if(policy: &Policy, id: ModelId) -> Expr {
    let Some(model) = policy.models.get(id.index()) else { return all([]) };
    let mut parts = Vec::new();
    for (capability, absent) in
        [(Capability::Vision, at_most(Var::RequestImages, 0)), (Capability::Tools, is_empty(Var::RequestTools))]
    {
        if !model.serves(capability) {
            parts.push(absent);
        }
    }
    if let Some(most) = model.fitting_context().and_then(|context| i64::try_from(context).ok()) {
        parts.push(at_most(Var::RequestTokens, most));
    }
    for tenant in &policy.tenants {
        if tenant.models.as_ref().is_some_and(|allowed| !allowed.contains(&id)) {
            parts.push(is_not(Var::TenantId, &tenant.name));
        }
    }
    all(parts)
}
