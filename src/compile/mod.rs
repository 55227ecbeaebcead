//! Ordered rules to a decision tree.
//!
//! A route's conditions become connectives over atoms (`skeleton`), each atom a test of one
//! subject with finitely many classes (`atom`, `subject`, `group`, `needles`). Truth and failure
//! of a condition are ordinary boolean formulas (`formula`), and rows (formula, rule) become a
//! tree (`build`) of five kinds of flat nodes (`layout`). A decision walks it, asks each subject
//! at most once, and allocates nothing once its [`Scratch`] is warm (`scratch`); only atoms that
//! are not recognised, which the CEL crate evaluates, do. [`agree`] runs every combination of
//! classes through the tree and through the plain evaluator.
//!
//! This room does no I/O, reads no clock, and knows nothing of models, providers or attempts: a
//! route is a list of conditions, and a decision is the number of a rule.

mod agree;
mod atom;
mod build;
mod cuts;
mod formula;
mod group;
mod implied;
mod layout;
mod needles;
pub mod picture;
mod reads;
mod scratch;
mod skeleton;
pub mod space;
mod subject;
mod unit;

#[cfg(test)]
mod tests;

pub use agree::{Agreement, Disagreement, agree};
pub use reads::Reads;
pub use scratch::Scratch;
pub use space::{Coverage, Region, Space};

use crate::dsl::policy::{Policy, RouteId};
use crate::facts::Facts;
use layout::{Leaf, NONE};
use scratch::OnFacts;
use unit::Unit;

/// The rule that a request goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// its number in the route
    pub rule: u32,
    /// the rule refuses requests and its condition could not be evaluated: the request is
    /// refused, not let through
    pub by_error: bool,
}

/// A policy's routes, ready to decide. The default has none.
#[derive(Debug, Default)]
pub struct Program {
    routes: Vec<Unit>,
    reads: Reads,
}

impl Program {
    /// Compiles every route.
    #[must_use]
    pub fn compile(policy: &Policy) -> Self {
        let mut reads = Reads::default();
        let mut routes = Vec::with_capacity(policy.routes.len());
        for route in &policy.routes {
            let (unit, skeletons) = Unit::compile(route);
            reads.add_atoms(&skeletons);
            route.rules.iter().flat_map(|rule| &rule.attempts).for_each(|attempt| reads.add_attempt(attempt));
            routes.push(unit);
        }
        Self { routes, reads }
    }

    /// What the policy can read of a request.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The nodes of a route's tree.
    #[must_use]
    pub fn nodes(&self, route: RouteId) -> usize {
        self.routes.get(route.index()).map_or(0, |unit| unit.layout.len())
    }

    /// How many rules of a route are asked one by one, because its tree would have become too large.
    #[must_use]
    pub fn asked_in_order(&self, route: RouteId) -> usize {
        self.routes.get(route.index()).map_or(0, |unit| unit.layout.longest_scan())
    }

    /// The first rule of a route that matches; the default, the last one, always does.
    #[must_use]
    pub fn decide(&self, route: RouteId, facts: &dyn Facts, scratch: &mut Scratch) -> Decision {
        let Some(unit) = self.routes.get(route.index()) else { return Decision { rule: 0, by_error: false } };
        scratch.begin(&unit.subjects);
        let mut ask = OnFacts { unit, facts, scratch };
        let leaf = match unit.layout.run(unit.layout.root, NONE, &mut ask) {
            NONE => Leaf::new(unit.default, false),
            leaf => Leaf(leaf),
        };
        ask.collect_errors(leaf.rule().saturating_add(u32::from(leaf.by_error())));
        Decision { rule: leaf.rule(), by_error: leaf.by_error() }
    }
}
