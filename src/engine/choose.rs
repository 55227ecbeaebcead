//! Which member of a set: who can serve at all, and who of those is best.

use smallvec::SmallVec;

use super::plan::{ChoicePlan, Filter, Plan};
use super::price;
use super::skip::{CapabilitySet, SkipReason, Skipped};
use super::view::{View, in_words};
use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::policy::{Model, ModelId, Policy, Strategy, TenantId};
use crate::facts::world::{ModelState, World};
use crate::facts::{Facts, Needs, Var};

/// What was skipped; a handful at most on an ordinary request.
pub(super) type SkipList = SmallVec<[Skipped; 2]>;

/// A formula of [`price`]: model, state, input, the client's `max_tokens`.
type PriceOf = fn(&Model, Option<&ModelState>, i64, i64) -> Option<f64>;

/// A request, its surroundings, and what it has tried: everything that a choice may look at.
pub(super) struct Ask<'a> {
    pub(super) policy: &'a Policy,
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a dyn Facts,
    pub(super) world: &'a World,
    pub(super) tenant: Option<TenantId>,
    pub(super) needs: Needs,
    /// models that may not be chosen again
    pub(super) tried: &'a [ModelId],
    /// say which value made a `where` false
    pub(super) detailed: bool,
}

impl Ask<'_> {
    pub(super) fn state(&self, id: ModelId) -> &ModelState {
        self.world.model(id.index()).unwrap_or(&ModelState::FRESH)
    }

    fn static_obstacle(&self, id: ModelId) -> Option<SkipReason> {
        let tenant = self.tenant.and_then(|tenant| self.policy.tenants.get(tenant.index()));
        if tenant.and_then(|tenant| tenant.models.as_ref()).is_some_and(|allowed| !allowed.contains(&id)) {
            return Some(SkipReason::TenantNotAllowed);
        }
        let can = self.plan.models.get(id.index()).map(|model| model.can).unwrap_or_default();
        let lacks = CapabilitySet::needed(&self.needs).without(can);
        if !lacks.is_empty() {
            return Some(SkipReason::Lacks(lacks));
        }
        self.policy.models.get(id.index()).and_then(Model::fitting_context).and_then(|context| self.too_large(context))
    }

    /// A request fits when its tokens are at most the context; what the client wants as an answer
    /// is not added, because clients ask for far more than they get. The bound is asked first.
    fn too_large(&self, context: u64) -> Option<SkipReason> {
        let fits = |tokens: i64| u64::try_from(tokens).unwrap_or(0) <= context;
        if fits(self.facts.tokens_bound()) {
            return None;
        }
        let tokens = self.facts.get(Var::RequestTokens).as_int();
        (!fits(tokens)).then_some(SkipReason::ContextTooSmall { tokens, context })
    }

    fn live_obstacle(&self, id: ModelId) -> Option<SkipReason> {
        let state = self.state(id);
        if !state.healthy {
            Some(SkipReason::Unhealthy)
        } else if state.cooling_ms > 0 {
            Some(SkipReason::Cooling { left_ms: state.cooling_ms })
        } else if state.headroom <= 0.0 {
            Some(SkipReason::Full)
        } else {
            None
        }
    }

    /// Why a member cannot serve the request. Static reasons come before live ones, so that a
    /// request that can never be served is not told to come back.
    pub(super) fn member_obstacle(&self, choice: Option<&ChoicePlan>, at: usize, id: ModelId) -> Option<SkipReason> {
        if self.tried.contains(&id) {
            return Some(SkipReason::AlreadyTried);
        }
        self.static_obstacle(id)
            .or_else(|| {
                choice.and_then(|choice| choice.filter.as_ref()).and_then(|filter| self.filtered(filter, at, id))
            })
            .or_else(|| self.live_obstacle(id))
    }

    fn filtered(&self, filter: &Filter, at: usize, id: ModelId) -> Option<SkipReason> {
        let card = &self.plan.models.get(id.index())?.card;
        let view = View { facts: self.facts, card, state: self.state(id) };
        let (holds, condition, live) = match filter {
            Filter::Declared(holds, condition) => (holds.get(at).copied().unwrap_or(false), condition, false),
            Filter::Asked { condition, live } => (matches!(condition.eval(&view), Verdict::True), condition, *live),
        };
        if holds {
            return None;
        }
        let saw = if self.detailed { why_false(condition, &view) } else { String::new() };
        Some(SkipReason::Filtered { saw, live })
    }

    /// What a request to this model is expected to cost, in US dollars. It counts tokens.
    pub(super) fn estimate(&self, id: ModelId) -> Option<f64> {
        self.priced(id, price::estimate, |facts| facts.get(Var::RequestTokens).as_int())
    }

    /// What `cheapest` ranks this model by, in US dollars. It counts nothing.
    pub(super) fn ranking(&self, id: ModelId) -> Option<f64> {
        self.priced(id, price::ranking, |facts| facts.body_bytes())
    }

    fn priced(&self, id: ModelId, by: PriceOf, input: fn(&dyn Facts) -> i64) -> Option<f64> {
        let model = self.policy.models.get(id.index()).filter(|model| model.price.is_some())?;
        let max_tokens = self.facts.get(Var::RequestMaxTokens).as_int();
        by(model, Some(self.state(id)), input(self.facts), max_tokens)
    }

    /// The best usable member; whoever was looked at and is not usable is put on the list.
    pub(super) fn best(
        &self,
        strategy: Strategy,
        set: &[ModelId],
        choice: Option<&ChoicePlan>,
        ticket: u64,
        skipped: &mut SkipList,
    ) -> Option<ModelId> {
        if strategy == Strategy::Rotate {
            return self.next_in_round(set, choice, ticket, skipped);
        }
        let mut best: Option<(ModelId, f64)> = None;
        for (at, id) in set.iter().copied().enumerate() {
            if let Some(reason) = self.member_obstacle(choice, at, id) {
                skipped.push(Skipped { model: id, reason });
                continue;
            }
            if strategy == Strategy::First {
                return Some(id);
            }
            let merit = self.merit(strategy, id);
            if best.is_none_or(|(_, highest)| merit > highest) {
                best = Some((id, merit));
            }
        }
        best.map(|(id, _)| id)
    }

    /// How good a member is; greater is better, equals go to list order.
    pub(super) fn merit(&self, strategy: Strategy, id: ModelId) -> f64 {
        let Some(model) = self.policy.models.get(id.index()) else { return f64::NEG_INFINITY };
        let state = self.state(id);
        match strategy {
            Strategy::Cheapest => self.ranking(id).map_or(f64::NEG_INFINITY, |dollars| -dollars),
            Strategy::Best => self.quality(model),
            Strategy::Balanced => self.quality(model) * (1.0 - state.error_rate) * f64::from(model.weight),
            Strategy::Fastest => -whole(state.ttft_p95_ms),
            Strategy::Idlest => state.headroom,
            // `first` and `rotate` do not rank; `adaptive` has learnt nothing in a snapshot.
            Strategy::First | Strategy::Rotate | Strategy::Adaptive => 0.0,
        }
    }

    /// The declared quality for the request's task, else the general one, else 0. The task is
    /// read only where a model declares something by task.
    pub(super) fn quality(&self, model: &Model) -> f64 {
        let general = model.quality.unwrap_or(0.0);
        if model.quality_by_task.is_empty() {
            return general;
        }
        let task = self.facts.get(Var::RequestTask).as_str();
        model.quality_by_task.iter().find(|(name, _)| name == task).map_or(general, |(_, quality)| *quality)
    }

    /// Whose turn it is; when that one cannot serve, whoever comes next in the round.
    fn next_in_round(
        &self,
        set: &[ModelId],
        choice: Option<&ChoicePlan>,
        ticket: u64,
        skipped: &mut SkipList,
    ) -> Option<ModelId> {
        let round = choice.map(|choice| choice.round.as_slice()).unwrap_or_default();
        let start = position(round.len(), ticket);
        let mut seen: SmallVec<[u32; 8]> = SmallVec::new();
        for member in round.iter().cycle().skip(start).take(round.len()) {
            let Some(id) = set.get(*member as usize).copied().filter(|_| !seen.contains(member)) else { continue };
            let Some(reason) = self.member_obstacle(choice, *member as usize, id) else { return Some(id) };
            seen.push(*member);
            skipped.push(Skipped { model: id, reason });
        }
        let without_weight = (0_u32..).zip(set).filter(|(member, _)| !round.contains(member));
        skipped.extend(without_weight.map(|(_, id)| Skipped { model: *id, reason: SkipReason::NoWeight }));
        None
    }
}

/// Where in a round of this length a ticket stands.
pub(super) fn position(length: usize, ticket: u64) -> usize {
    let length = u64::try_from(length).unwrap_or(u64::MAX).max(1);
    usize::try_from(ticket % length).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "facts are at most 2^31")]
fn whole(count: i64) -> f64 {
    count as f64
}

/// The facts that made a condition other than true, with their values.
fn why_false(condition: &Condition, view: &View<'_>) -> String {
    let explanation = condition.explain(view);
    let parts: Vec<String> = explanation.deciding().into_iter().map(in_words).collect();
    parts.join(", ")
}
