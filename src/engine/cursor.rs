//! Where a request stands in its list of attempts: one step resolves one attempt, to one model
//! or to none. It does not decide: entering a route is its caller's step, so that the tree
//! serves and the plain evaluator explains over the very same walk.

use smallvec::SmallVec;

use super::choose::{Ask, SkipList};
use super::plan::{Plan, hashed};
use super::skip::{CapabilitySet, SkipReason, Skipped};
use super::{Seeds, describe, split};
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, RouteId, Rule, Strategy, TenantId};
use crate::facts::world::World;
use crate::facts::{Facts, Needs};

/// A model that the request is to be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// which
    pub model: ModelId,
    /// the route whose rule says so
    pub route: RouteId,
    /// the rule's number in its route
    pub rule: u32,
    /// what the request asks for and the model does not declare; the request is adapted, with a
    /// warning: thinking, json_schema, parallel_tools, web_search
    pub lacks: CapabilitySet,
    /// a stream is asked for and the model cannot stream
    pub cannot_stream: bool,
}

/// Route, rule and the next of its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) route: RouteId,
    pub(super) rule: u32,
    pub(super) next: u32,
}

/// What became of one attempt.
#[derive(Debug, PartialEq)]
pub(super) enum Stepped {
    /// it resolved to a model
    Try(Candidate),
    /// no candidate of it can serve; the reasons are on the list
    Nothing,
    /// the request goes on in another route: decide there, then [`Cursor::enter`]
    Enter(RouteId),
    /// it is refused
    Reject { status: u16, text: Option<String> },
    /// there are no more attempts
    End,
}

/// What does not change during a request.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) policy: &'a Policy,
    pub(super) plan: &'a Plan,
    pub(super) tenant: Option<TenantId>,
    pub(super) seeds: &'a Seeds<'a>,
    pub(super) detailed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Cursor {
    frames: SmallVec<[Frame; 2]>,
    /// the frames of the decision that was made last, innermost last
    path: SmallVec<[Frame; 2]>,
    tried: SmallVec<[ModelId; 4]>,
    /// what the request needs, asked for once
    needs: Option<Needs>,
    pub(super) skipped: SkipList,
}

impl Cursor {
    /// Goes on with the attempts of this rule.
    pub(super) fn enter(&mut self, route: RouteId, rule: u32) {
        self.frames.push(Frame { route, rule, next: 0 });
        self.path.clone_from(&self.frames);
    }

    pub(super) fn path(&self) -> &[Frame] {
        &self.path
    }

    /// The models that may not be chosen again, in the order in which they were.
    pub(super) fn tried(&self) -> &[ModelId] {
        &self.tried
    }

    /// `main/background`, `main/residency/default`: the routes, then the rule.
    pub(super) fn decision(&self, policy: &Policy) -> String {
        let mut text = String::new();
        for frame in &self.path {
            text.push_str(describe::route(policy, frame.route));
            text.push('/');
        }
        match self.path.last() {
            Some(last) => text + describe::rule(policy, last.route, last.rule),
            None => "none".to_owned(),
        }
    }

    /// The attempt that the next step resolves; None at the end.
    pub(super) fn peek<'p>(&self, policy: &'p Policy) -> Option<(Frame, &'p Attempt)> {
        self.frames.iter().rev().find_map(|frame| {
            let attempt = rule(policy, *frame)?.attempts.get(frame.next as usize)?;
            Some((*frame, attempt))
        })
    }

    /// Resolves the next attempt.
    pub(super) fn step(&mut self, around: &Around<'_>, facts: &dyn Facts, world: &World) -> Stepped {
        let Some((frame, attempt)) = self.peek(around.policy) else { return Stepped::End };
        while self
            .frames
            .last()
            .is_some_and(|top| (top.route, top.rule, top.next) != (frame.route, frame.rule, frame.next))
        {
            self.frames.pop();
        }
        self.path.truncate(self.frames.len());
        if let Some(top) = self.frames.last_mut() {
            top.next += 1;
        }
        self.resolve(around, facts, world, frame, attempt)
    }

    fn resolve(
        &mut self,
        around: &Around<'_>,
        facts: &dyn Facts,
        world: &World,
        frame: Frame,
        attempt: &Attempt,
    ) -> Stepped {
        let Around { policy, plan, tenant, seeds, detailed } = *around;
        let needs = *self.needs.get_or_insert_with(|| facts.needs());
        let ask = Ask { policy, plan, facts, world, tenant, needs, tried: &self.tried, detailed };
        let chosen = match &attempt.kind {
            AttemptKind::Model(id) => ask.best(Strategy::First, &[*id], None, 0, &mut self.skipped),
            AttemptKind::Pool(id) => {
                let members = policy.pools.get(id.index()).map(|pool| pool.models.as_slice()).unwrap_or_default();
                ask.best(Strategy::First, members, None, 0, &mut self.skipped)
            }
            AttemptKind::Choice { strategy, set, ticket, .. } => {
                let turn = if *strategy == Strategy::Rotate { (seeds.tickets)(*ticket) } else { 0 };
                ask.best(*strategy, set, plan.choice(*ticket), turn, &mut self.skipped)
            }
            AttemptKind::Split { arms, .. } => {
                let arm = plan
                    .split((frame.route.0, frame.rule, frame.next))
                    .and_then(|split| split::pick(&split.arms, &hashed(&split.by, facts, seeds.request_id).value));
                let Some(arm) = arm.and_then(|arm| arms.get(arm)) else { return Stepped::Nothing };
                return self.resolve(around, facts, world, frame, &arm.attempt);
            }
            // Routes that call each other in a cycle are an error of the check; here they end.
            AttemptKind::Route(id) if self.frames.len() <= policy.routes.len() => return Stepped::Enter(*id),
            AttemptKind::Route(_) => None,
            AttemptKind::Reject { status, text } => {
                return Stepped::Reject { status: *status, text: text.clone() };
            }
        };
        let Some(model) = chosen else { return Stepped::Nothing };
        self.tried.push(model);
        Stepped::Try(candidate(around, frame, model, needs))
    }

    /// Records that a candidate was not sent to after all.
    pub(super) fn skip(&mut self, model: ModelId, reason: SkipReason) {
        self.skipped.push(Skipped { model, reason });
    }
}

fn candidate(around: &Around<'_>, frame: Frame, model: ModelId, needs: Needs) -> Candidate {
    let can = around.plan.models.get(model.index()).map(|plan| plan.can).unwrap_or_default();
    let streams = around.policy.models.get(model.index()).is_some_and(|model| model.stream);
    Candidate {
        model,
        route: frame.route,
        rule: frame.rule,
        lacks: CapabilitySet::wished(&needs).without(can),
        cannot_stream: needs.stream && !streams,
    }
}

pub(super) fn rule(policy: &Policy, frame: Frame) -> Option<&Rule> {
    policy.routes.get(frame.route.index())?.rules.get(frame.rule as usize)
}
