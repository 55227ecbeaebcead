//! From a decision to a model: which rule, which attempt, which candidate, and why.
//!
//! [`Engine`] is a policy ready to be used. [`Walk`] is one request's way through its attempts:
//! the compiled tree decides, candidates that cannot serve are skipped with a reason, and each
//! attempt resolves once, when it is reached, to exactly one model. [`trace`] explains the same
//! walk with the plain evaluator, [`cases`] runs the policy's tests over it.
//!
//! This room is pure: no I/O, no clock, no randomness, no locks. Live facts, rotation tickets
//! and the request's id come in as values. It knows no wire format.

pub mod cases;
mod choose;
mod cursor;
pub(crate) mod describe;
mod dry;
mod options;
mod plan;
pub mod price;
mod rotate;
mod skip;
pub mod split;
pub mod trace;
mod view;
mod walk;

use std::fmt;
use std::sync::Arc;

use crate::compile::{Program, Scratch};
use crate::dsl::policy::{Policy, RouteId, TenantId};
use crate::facts::Facts;
use plan::Plan;

pub use cursor::Candidate;
pub(crate) use describe::attempt as attempt_text;
pub use dry::Way;
pub use options::Effective;
pub use skip::{CapabilitySet, SkipReason, Skipped, nobody};
pub use view::declared;
pub use walk::{Exhausted, Step, Walk};

/// The route that requests enter when their tenant names none.
const ENTRY: &str = "main";

/// What makes two equal requests go different ways.
#[derive(Clone, Copy)]
pub struct Seeds<'r> {
    /// the request's id: a `split` hashes it when there is neither session nor user
    pub request_id: &'r str,
    /// the next ticket of the `rotate` with this number; called once for each one reached. A dry
    /// run looks at the ticket without taking it.
    pub tickets: &'r (dyn Fn(u32) -> u64 + Sync),
}

impl Seeds<'_> {
    /// The seeds of tests and of `explain`: a fixed id, every rotation at its beginning.
    #[must_use]
    pub fn fixed() -> Self {
        Self { request_id: "request", tickets: &|_| 0 }
    }
}

impl fmt::Debug for Seeds<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Seeds").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// A policy with everything that is worked out once.
#[derive(Debug)]
pub struct Engine {
    policy: Arc<Policy>,
    program: Program,
    /// false: the policy was not compiled, only the plain evaluator decides
    has_trees: bool,
    plan: Plan,
    main: Option<RouteId>,
}

impl Engine {
    /// Compiles a policy.
    #[must_use]
    pub fn new(policy: Arc<Policy>) -> Self {
        let program = Program::compile(&policy);
        Self::with(policy, program, true)
    }

    /// An engine that decides with the plain evaluator alone: for [`trace::Explainer`] over a
    /// policy that is looked at a few times and thrown away. It is not for [`Engine::begin`].
    #[must_use]
    pub(crate) fn plain(policy: Arc<Policy>) -> Self {
        Self::with(policy, Program::default(), false)
    }

    /// An engine whose trees are those of another policy: what a defect of the compiler would make.
    #[cfg(test)]
    pub(crate) fn faulty(policy: Arc<Policy>, other: &Policy) -> Self {
        Self::with(policy, Program::compile(other), true)
    }

    fn with(policy: Arc<Policy>, program: Program, has_trees: bool) -> Self {
        let plan = Plan::new(&policy);
        let main = (0_u32..).zip(&policy.routes).find(|(_, route)| route.name == ENTRY).map(|(id, _)| RouteId(id));
        Self { policy, program, has_trees, plan, main }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The policy, to be kept.
    #[must_use]
    pub fn shared_policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy)
    }

    /// The compiled tree.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The rule that a route's tree takes; None where there are no trees.
    pub(self) fn tree_decision(&self, route: RouteId, facts: &dyn Facts, scratch: &mut Scratch) -> Option<u32> {
        self.has_trees.then(|| self.program.decide(route, facts, scratch).rule)
    }

    pub(self) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where a tenant's requests enter: its `route`, else `main`; None when there is neither.
    #[must_use]
    pub fn entry(&self, tenant: Option<TenantId>) -> Option<RouteId> {
        let tenant = tenant.and_then(|id| self.policy.tenants.get(id.index()));
        tenant.and_then(|tenant| tenant.route).or(self.main)
    }

    /// Decides for a request. The walk gives its attempts one by one.
    #[must_use]
    pub fn begin<'r>(
        &'r self,
        facts: &dyn Facts,
        tenant: Option<TenantId>,
        seeds: &Seeds<'r>,
        scratch: &'r mut Scratch,
    ) -> Walk<'r> {
        Walk::new(self, self.entry(tenant), facts, tenant, *seeds, scratch)
    }
}

#[cfg(test)]
mod tests;
