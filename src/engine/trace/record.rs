//! What requests have reached: which rules decided, what each atom said, who was chosen. Kept by
//! an [`super::Explainer`] that was told to; `test --coverage` reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::{AttemptTrace, CandidateVerdict, Resolved};
use crate::dsl::expr::plain::{Explanation, Step, Verdict};
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, RouteId};
use crate::engine::cursor::Frame;

/// What requests have reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// every decision, in order: the route that was entered, and the rule that decided there
    pub decisions: Vec<(RouteId, u32)>,
    /// by route and rule: what its condition said, each different course once
    pub courses: BTreeMap<(RouteId, u32), BTreeSet<Course>>,
    /// who was chosen, and the routes and refusals that were reached
    pub reached: BTreeSet<Spot>,
    /// who was passed over, and the first reason; "" where another was better
    pub passed_over: BTreeMap<Spot, String>,
}

/// One way through a condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Course {
    /// its atoms from left to right; None for one that was not asked, or failed
    pub atoms: Vec<Option<bool>>,
    /// the condition held
    pub holds: bool,
}

/// A place that a request can come to behind a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// the route
    pub route: RouteId,
    /// the rule's number in it
    pub rule: u32,
    /// the attempt's number in the rule, from 0
    pub attempt: u32,
    /// the arm of a split, from 0
    pub arm: Option<u32>,
    /// the model; None for a route or a refusal
    pub model: Option<ModelId>,
}

impl Recorded {
    /// Adds what others have reached.
    pub fn add(&mut self, other: Self) {
        self.decisions.extend(other.decisions);
        for (place, courses) in other.courses {
            self.courses.entry(place).or_default().extend(courses);
        }
        self.reached.extend(other.reached);
        for (spot, reason) in other.passed_over {
            self.passed_over.entry(spot).or_insert(reason);
        }
    }

    pub(super) fn condition(&mut self, route: RouteId, rule: u32, explanation: &Explanation) {
        let mut atoms = Vec::new();
        collect(explanation, &mut atoms);
        let holds = explanation.verdict == Some(Verdict::True);
        self.courses.entry((route, rule)).or_default().insert(Course { atoms, holds });
    }

    pub(super) fn attempt(&mut self, policy: &Policy, frame: Frame, attempt: &Attempt, traced: &AttemptTrace) {
        let arm = traced.split.as_ref().and_then(|split| split.arms.iter().position(|arm| arm.chosen));
        let inner = match (&attempt.kind, arm) {
            (AttemptKind::Split { arms, .. }, Some(arm)) => arms.get(arm).map_or(attempt, |arm| &arm.attempt),
            _ => attempt,
        };
        let arm = arm.and_then(|arm| u32::try_from(arm).ok());
        let Frame { route, rule, next } = frame;
        let spot = |model| Spot { route, rule, attempt: next, arm, model };
        if matches!(traced.resolved, Resolved::Route(_) | Resolved::Reject(_)) {
            self.reached.insert(spot(None));
        }
        for (id, candidate) in members(policy, inner).iter().zip(&traced.candidates) {
            let spot = spot(Some(*id));
            if candidate.verdict == CandidateVerdict::Chosen {
                self.reached.insert(spot);
            } else {
                let reason = candidate.skipped.as_ref().map(|skipped| skipped.text.clone());
                self.passed_over.entry(spot).or_insert(reason.unwrap_or_default());
            }
        }
    }
}

/// Whoever an attempt may choose, in list order; nobody for a split, a route or a refusal.
#[must_use]
pub fn members<'p>(policy: &'p Policy, attempt: &'p Attempt) -> &'p [ModelId] {
    match &attempt.kind {
        AttemptKind::Model(id) => std::slice::from_ref(id),
        AttemptKind::Pool(id) => policy.pools.get(id.index()).map(|pool| pool.models.as_slice()).unwrap_or_default(),
        AttemptKind::Choice { set, .. } => set,
        AttemptKind::Split { .. } | AttemptKind::Route(_) | AttemptKind::Reject { .. } => &[],
    }
}

fn collect(node: &Explanation, found: &mut Vec<Option<bool>>) {
    match &node.step {
        Step::Constant => {}
        Step::Atom { .. } => found.push(match node.verdict {
            Some(Verdict::True) => Some(true),
            Some(Verdict::False) => Some(false),
            Some(Verdict::Error(_)) | None => None,
        }),
        Step::Not(inner) => collect(inner, found),
        Step::And(items) | Step::Or(items) => items.iter().for_each(|item| collect(item, found)),
        Step::Cond(parts) => parts.iter().for_each(|part| collect(part, found)),
    }
}
