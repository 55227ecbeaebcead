//! Requests that come to a place: asked of the prover, and of live states that bring out a member
//! of a set.

use crate::bounds::TRIAL_STEPS;
use crate::compile::Space;
use crate::dsl::expr::typed::{Expr, Kind, Type};
use crate::dsl::policy::{Arm, Attempt, AttemptKind, ModelId, Policy, Route, Rule};
use crate::engine::trace::members;
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::ModelState;
use crate::prove::{self, Verdict};

use super::written::State;

/// Conditions with the values that they have to have.
#[derive(Default)]
pub(super) struct Asked<'p> {
    conditions: Vec<&'p Expr>,
    wanted: Vec<(usize, bool)>,
}

impl<'p> Asked<'p> {
    /// No rule above this one matches.
    pub(super) fn at(route: &'p Route, rule: usize) -> Self {
        let mut asked = Self::default();
        for condition in route.rules.iter().take(rule).filter_map(|rule| rule.condition.as_ref()) {
            asked.that(condition, false);
        }
        asked
    }

    /// And this condition has this value.
    pub(super) fn that(&mut self, condition: &'p Expr, value: bool) {
        self.wanted.push((self.conditions.len(), value));
        self.conditions.push(condition);
    }

    /// And the rule itself matches, which a default always does.
    pub(super) fn matched(mut self, rule: &'p Rule) -> Self {
        if let Some(condition) = &rule.condition {
            self.that(condition, true);
        }
        self
    }

    /// A request for which all of this holds.
    pub(super) fn find(&self) -> Verdict {
        let space = Space::new(&self.conditions);
        let mut budget = TRIAL_STEPS;
        prove::find(&space, &self.conditions, &self.wanted, &mut budget)
    }
}

/// What has to hold for an atom of a condition to be asked: the parts before it, with the values
/// that let the evaluation come this far.
pub(super) fn way_to_atom(condition: &Expr, atom: usize) -> Vec<(&Expr, bool)> {
    let mut way = Vec::new();
    descend(condition, atom, &mut way);
    way
}

fn descend<'p>(expr: &'p Expr, atom: usize, way: &mut Vec<(&'p Expr, bool)>) {
    match &expr.kind {
        Kind::Not(inner) => descend(inner, atom, way),
        Kind::And(items) | Kind::Or(items) => {
            let passes = matches!(expr.kind, Kind::And(_));
            let mut before = 0_usize;
            for item in items {
                let here = super::coverage::atoms_of(item).len();
                if atom < before.saturating_add(here) {
                    return descend(item, atom.saturating_sub(before), way);
                }
                before = before.saturating_add(here);
                way.push((item, passes));
            }
        }
        Kind::Cond(condition, yes, no) => {
            let [first, second] = [condition, yes].map(|part| super::coverage::atoms_of(part).len());
            if atom < first {
                return descend(condition, atom, way);
            }
            let takes_yes = atom < first.saturating_add(second);
            way.push((condition, takes_yes));
            if takes_yes {
                descend(yes, atom.saturating_sub(first), way);
            } else {
                descend(no, atom.saturating_sub(first.saturating_add(second)), way);
            }
        }
        _ => {}
    }
}

/// Live states that may bring out different members of a rule's sets: each alone down, all but
/// each down, each failing or slow.
pub(super) fn states(policy: &Policy, rule: &Rule) -> Vec<State> {
    let mut models: Vec<ModelId> = Vec::new();
    for attempt in &rule.attempts {
        for id in everybody(policy, attempt) {
            if !models.contains(&id) {
                models.push(id);
            }
        }
    }
    models.truncate(MOST_MODELS);
    let down = ModelState { healthy: false, ..ModelState::FRESH };
    let failing = ModelState { error_rate: 0.9, ..ModelState::FRESH };
    let slow = ModelState { ttft_p95_ms: 60_000, ..ModelState::FRESH };
    let mut states = vec![State::new()];
    states.extend(models.iter().map(|id| vec![(*id, down.clone())]));
    let all_but =
        |one: &ModelId| models.iter().filter(|id| *id != one).map(|id| (*id, down.clone())).collect::<State>();
    if models.len() > 2 {
        states.extend(models.iter().map(all_but));
    }
    states.extend(models.iter().map(|id| vec![(*id, failing.clone())]));
    states.extend(models.iter().map(|id| vec![(*id, slow.clone())]));
    states
}

/// Most models of a rule whose states are tried out.
const MOST_MODELS: usize = 12;

fn everybody(policy: &Policy, attempt: &Attempt) -> Vec<ModelId> {
    match &attempt.kind {
        AttemptKind::Split { arms, .. } => {
            arms.iter().flat_map(|arm: &Arm| members(policy, &arm.attempt)).copied().collect()
        }
        _ => members(policy, attempt).to_vec(),
    }
}

/// The same facts with other callers, where the rule has a split: one of them belongs to each arm
/// that is not tiny.
pub(super) fn callers(rule: &Rule, facts: &GivenFacts) -> Vec<GivenFacts> {
    let mut all = vec![facts.clone()];
    for attempt in &rule.attempts {
        let AttemptKind::Split { by, .. } = &attempt.kind else { continue };
        for number in 1..=MOST_CALLERS {
            let name = format!("caller-{number}");
            let mut facts = facts.clone();
            match by.as_ref().map(|by| (&by.kind, &by.ty)) {
                Some((Kind::Var(var), Type::String)) if !facts.is_given(*var) => {
                    facts.set(*var, Owned::Str(name));
                }
                Some((Kind::Access(crate::dsl::expr::typed::Accessor::Header(header)), _)) => {
                    facts.set_header(header, &name);
                }
                Some((Kind::Access(crate::dsl::expr::typed::Accessor::Meta(key)), _)) => facts.set_meta(key, &name),
                _ => {
                    facts.set(crate::facts::Var::SessionId, Owned::Str(name));
                }
            }
            all.push(facts);
        }
    }
    all
}

/// Most callers that are tried out for a split: an arm of one in ten is met with near certainty.
const MOST_CALLERS: usize = 60;
