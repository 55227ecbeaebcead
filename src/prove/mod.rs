//! Proofs about conditions, and requests that show what was found.
//!
//! [`crate::compile::Space`] says which requests are impossible; what it holds for possible is
//! shown here by a request: [`witness`] builds one, [`confirm`] asks the plain evaluator, [`find`]
//! does all of that. Nothing is ever claimed of a request that was not confirmed.
//!
//! This room does no I/O and reads no clock.

mod asking;
pub mod candidates;
pub mod changes;
pub mod diff;
mod entrance;
mod example;
pub mod invariant;
mod opaque;
mod outcome;
mod specialise;
mod text;
mod ways;
mod witness;

#[cfg(test)]
pub(crate) mod tests;

use std::ops::ControlFlow;

use crate::bounds::MAX_WITNESSES;
use crate::compile::{Coverage, Region, Space};
use crate::dsl::expr::plain;
use crate::dsl::expr::typed::Expr;
use crate::facts::Facts;
use crate::facts::given::GivenFacts;

pub use entrance::Entrance;
pub(crate) use witness::Taste;
pub(crate) use witness::witness_with;

/// The answer to "is there a request for which these conditions have these values?"
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// there is none: proved
    Impossible,
    /// this one, confirmed by the plain evaluator
    Found(GivenFacts),
    /// nothing excludes one, but none was found
    Possible {
        /// the tests that stood in the way, as CEL text
        by: Vec<String>,
    },
    /// too much work
    GaveUp,
}

/// Facts in a region, everything else as the table's default; None when none were found. They
/// are a proposal: [`confirm`] decides. `budget` counts down by the work done, in steps of a search.
#[must_use]
pub fn witness(region: &Region<'_>, budget: &mut usize) -> Option<GivenFacts> {
    witness_with(region, Taste::Low, budget)
}

/// Whether the conditions have these values for these facts, by the plain evaluator. A condition
/// that fails, or is not there, has none.
#[must_use]
pub fn confirm(conditions: &[&Expr], wanted: &[(usize, bool)], facts: &dyn Facts) -> bool {
    wanted.iter().all(|(condition, value)| {
        let verdict = conditions.get(*condition).map(|condition| plain::Condition::new(condition).eval(facts));
        verdict == Some(plain::Verdict::from(*value))
    })
}

/// Looks for a request for which the conditions named have the values named. `conditions` are
/// those that the space was made of; `budget` counts down by the work done.
#[must_use]
pub fn find(space: &Space, conditions: &[&Expr], wanted: &[(usize, bool)], budget: &mut usize) -> Verdict {
    let mut found = None;
    let mut by = None;
    let mut tries = 0;
    let given = *budget;
    let mut for_witnesses = given;
    let coverage = space.regions(wanted, budget, &mut |region| {
        tries += 1;
        found = witness(region, &mut for_witnesses).filter(|facts| confirm(conditions, wanted, facts));
        if found.is_some() || tries >= MAX_WITNESSES {
            return ControlFlow::Break(());
        }
        by.get_or_insert_with(|| obstacles(region));
        ControlFlow::Continue(())
    });
    *budget = budget.saturating_sub(given.saturating_sub(for_witnesses));
    match (found, by, coverage) {
        (Some(facts), ..) => Verdict::Found(facts),
        (None, None, Coverage::Exhausted) => Verdict::Impossible,
        (None, None, Coverage::GaveUp) => Verdict::GaveUp,
        (None, by, _) => Verdict::Possible { by: by.unwrap_or_default() },
    }
}

/// The tests that cannot be seen through, or else all that the region asks for.
fn obstacles(region: &Region<'_>) -> Vec<String> {
    let opaque: Vec<String> = region.opaque().into_iter().map(|(text, _)| text).collect();
    if opaque.is_empty() { region.facts() } else { opaque }
}
