//! Questions about conditions: can these hold and those not, and for which requests?
//!
//! A [`Space`] splits all requests into finitely many classes on each of finitely many axes. A
//! [`Region`] is a set of classes on each axis in which the conditions have the values that were
//! wanted. Classes of different axes are combined freely, except for what is plain between tests
//! of one text or list: so no region is a proof that no request exists, and a region is only a
//! candidate, until somebody has built a request in it and asked the plain evaluator.
//!
//! This is not the decision tree: under its `Earliest` nodes, a leaf that is missing says nothing.

mod axis;
mod classes;
mod ranges;
mod region;
mod related;
mod search;

use std::ops::ControlFlow;

use rustc_hash::FxHashMap;

use super::formula::{FALSE, Formulas, Sense};
use super::skeleton::{Skeletons, Value};
use crate::dsl::expr::typed::Expr;
use axis::Axes;
use search::Search;

pub(crate) use super::atom::{Number, Text};
pub use region::Region;
pub(crate) use region::{Demand, TextDemand};

/// How a search for regions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// all regions were given: none at all proves that no request exists
    Exhausted,
    /// the caller had enough
    Stopped,
    /// the budget is used up
    GaveUp,
}

/// A set of conditions, taken apart.
#[derive(Debug)]
pub struct Space {
    axes: Axes,
    formulas: Formulas,
    /// the formulas of "it holds" and "it does not hold" of each condition
    conditions: Vec<(u32, u32)>,
}

impl Space {
    /// Takes conditions apart: expressions of type bool over facts of a request, numbered by
    /// position. `model.*` and variables of macros are free wherever they stand.
    #[must_use]
    pub fn new(conditions: &[&Expr]) -> Self {
        let mut skeletons = Skeletons::default();
        let ids: Vec<u32> = conditions.iter().map(|condition| skeletons.lower(condition)).collect();
        let axes = Axes::new(&skeletons);
        let mut formulas = Formulas::default();
        let mut settled = FxHashMap::default();
        let value = |atom| axes.constant(atom).map(Value::from);
        let mut lower = |id: u32, sense: Sense| {
            let formula = formulas.lower(&skeletons, id, sense, &axes);
            formulas.settle(formula, &value, &mut settled)
        };
        let conditions = ids.iter().map(|id| (lower(*id, Sense::IsTrue), lower(*id, Sense::IsFalse))).collect();
        Self { axes, formulas, conditions }
    }

    /// How many conditions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.conditions.len()
    }

    /// How many tests only the CEL crate can evaluate.
    pub(crate) fn opaque(&self) -> usize {
        self.axes.opaque.values().map(Vec::len).sum()
    }

    /// Whether there are no conditions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Gives every region in which each condition named has the value named; a condition that does
    /// not exist never holds. `budget` counts down by the work done. Regions do not overlap.
    pub fn regions(
        &self,
        wanted: &[(usize, bool)],
        budget: &mut usize,
        each: &mut dyn FnMut(&Region<'_>) -> ControlFlow<()>,
    ) -> Coverage {
        let formula = |(condition, value): &(usize, bool)| match self.conditions.get(*condition) {
            Some((holds, _)) if *value => *holds,
            Some((_, fails)) => *fails,
            None => u32::from(!*value),
        };
        let wanted: Vec<u32> = wanted.iter().map(formula).collect();
        if wanted.contains(&FALSE) {
            return Coverage::Exhausted;
        }
        Search::new(self, wanted, budget).run(each)
    }

    /// Whether some region has these values; None when the budget is used up first.
    pub fn has_region(&self, wanted: &[(usize, bool)], budget: &mut usize) -> Option<bool> {
        match self.regions(wanted, budget, &mut |_| ControlFlow::Break(())) {
            Coverage::Exhausted => Some(false),
            Coverage::Stopped => Some(true),
            Coverage::GaveUp => None,
        }
    }

    /// Whether a condition is the same for all requests, as far as the parts each for themselves
    /// tell.
    pub(crate) fn plainly(&self, condition: usize) -> Option<bool> {
        match self.conditions.get(condition) {
            Some((_, FALSE)) => Some(true),
            Some((FALSE, _)) => Some(false),
            _ => None,
        }
    }

    /// Whether two conditions read a value in common.
    pub(crate) fn touch(&self, one: usize, other: usize) -> bool {
        let axes = |condition: usize| {
            let formula = self.conditions.get(condition).map_or(FALSE, |(holds, _)| *holds);
            self.formulas.subjects(formula)
        };
        let whole = |axis: u32| self.axes.wholes.get(axis as usize).copied().flatten();
        let theirs = axes(other);
        axes(one).iter().any(|axis| {
            theirs.binary_search(axis).is_ok()
                || whole(*axis).is_some_and(|own| theirs.iter().any(|other| whole(*other) == Some(own)))
        })
    }
}
