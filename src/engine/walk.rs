//! One request's way through its attempts, as the gateway walks it.

use std::fmt;

use smallvec::SmallVec;

use super::cursor::{Around, Candidate, Cursor, Stepped};
use super::options::Effective;
use super::skip::{SkipReason, Skipped};
use super::{Engine, Seeds};
use crate::compile::Scratch;
use crate::dsl::policy::{ModelId, RouteId, TenantId};
use crate::facts::Facts;
use crate::facts::world::World;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// send to this model; when that fails in a way that another may mend, ask for the next step
    Try(Candidate),
    /// refuse
    Reject {
        /// 400 to 599
        status: u16,
        /// what the client reads
        text: Option<String>,
    },
    /// nothing is left to try
    Exhausted(Exhausted),
}

/// Why nothing is left, as far as candidates were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exhausted {
    /// true: somebody was skipped for a reason that passes (503). False: every reason will be the
    /// same next time (400, unless something was tried).
    pub live: bool,
    /// when the first of those that cool down is back, in milliseconds
    pub retry_after_ms: Option<u64>,
}

/// A request's walk over its attempts. Each step resolves attempts until one gives a model, a
/// refusal, or the end; a model is given at most once.
pub struct Walk<'r> {
    engine: &'r Engine,
    seeds: Seeds<'r>,
    tenant: Option<TenantId>,
    scratch: &'r mut Scratch,
    cursor: Cursor,
    /// conditions that failed in the decisions so far, until they are taken
    failed_conditions: SmallVec<[(RouteId, u32); 2]>,
}

impl fmt::Debug for Walk<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Walk").field("decision", &self.decision()).field("cursor", &self.cursor).finish()
    }
}

impl<'r> Walk<'r> {
    pub(super) fn new(
        engine: &'r Engine,
        entry: Option<RouteId>,
        facts: &dyn Facts,
        tenant: Option<TenantId>,
        seeds: Seeds<'r>,
        scratch: &'r mut Scratch,
    ) -> Self {
        let mut walk =
            Self { engine, seeds, tenant, scratch, cursor: Cursor::default(), failed_conditions: SmallVec::new() };
        if let Some(route) = entry {
            walk.enter(route, facts);
        }
        walk
    }

    fn enter(&mut self, route: RouteId, facts: &dyn Facts) {
        let decision = self.engine.program().decide(route, facts, self.scratch);
        // The next decision uses the scratch again.
        self.failed_conditions.extend(self.scratch.errors().iter().map(|rule| (route, *rule)));
        self.cursor.enter(route, decision.rule);
    }

    /// The next model to try. Facts are the request's own, the same at every step; `world` is the
    /// state of models now.
    pub fn next(&mut self, facts: &dyn Facts, world: &World) -> Step {
        loop {
            let around = Around {
                policy: self.engine.policy(),
                plan: self.engine.plan(),
                tenant: self.tenant,
                seeds: &self.seeds,
                detailed: false,
            };
            match self.cursor.step(&around, facts, world) {
                Stepped::Try(candidate) => return Step::Try(candidate),
                Stepped::Nothing => {}
                Stepped::Enter(route) => self.enter(route, facts),
                Stepped::Reject { status, text } => return Step::Reject { status, text },
                Stepped::End => return Step::Exhausted(exhausted(&self.cursor.skipped)),
            }
        }
    }

    /// Records that a candidate could not be sent to after all, such as
    /// [`SkipReason::NotTranslatable`]. It is not chosen again.
    pub fn skip(&mut self, model: ModelId, reason: SkipReason) {
        self.cursor.skip(model, reason);
    }

    /// Whoever was passed over so far, in order. A model may stand here once for each attempt.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.cursor.skipped
    }

    /// The models given so far, in order.
    #[must_use]
    pub fn tried(&self) -> &[ModelId] {
        self.cursor.tried()
    }

    /// The decision that holds now: `main/background`, or `main/residency/default` in a route
    /// that a rule led to; `none` without a route to enter.
    #[must_use]
    pub fn decision(&self) -> String {
        self.cursor.decision(self.engine.policy())
    }

    /// Route and rule of the decision that holds now; None without a route to enter.
    #[must_use]
    pub fn rule(&self) -> Option<(RouteId, u32)> {
        self.cursor.path().last().map(|frame| (frame.route, frame.rule))
    }

    /// What holds for the decision that holds now.
    #[must_use]
    pub fn options(&self) -> Effective<'r> {
        Effective::of(self.engine.policy(), self.cursor.path())
    }

    /// Route and rule of every condition that failed in a decision since this was asked last, the
    /// decisions of routes that were entered on the way included.
    pub fn take_failed_conditions(&mut self) -> impl Iterator<Item = (RouteId, u32)> + use<> {
        std::mem::take(&mut self.failed_conditions).into_iter()
    }
}

/// Sums up why nobody is left.
pub(super) fn exhausted(skipped: &[Skipped]) -> Exhausted {
    let cooling = skipped.iter().filter_map(|skipped| match skipped.reason {
        SkipReason::Cooling { left_ms } => Some(left_ms),
        _ => None,
    });
    Exhausted { live: skipped.iter().any(|skipped| skipped.reason.is_live()), retry_after_ms: cooling.min() }
}
