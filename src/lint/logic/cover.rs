//! Whether any request gets to a rule, and if none does, the earlier rules that take them all.
//!
//! A request for the rule is built and decided. An earlier rule that takes it is excluded the next
//! time, until a request arrives, or there is no request left: then the rules excluded so far cover
//! the rule. So only rules that really take something are ever looked at.

use std::ops::ControlFlow;

use super::Ruled;
use crate::bounds::{MAX_COVER_ROUNDS, STEPS_A_CEL_EVALUATION};
use crate::compile::Coverage;
use crate::prove::{Taste, witness_with};

/// What is known of a rule.
pub(super) enum Reach {
    /// some request may get there
    Possible,
    /// none does: these rules take them, none of which can be left out
    Never(Vec<usize>),
    /// too much work
    GaveUp,
}

/// What one round found.
enum Round {
    Reached,
    /// earlier rules that took a request
    Taken(Vec<usize>),
    /// no request is left
    Nothing,
    /// no request could be built
    Unknown,
    GaveUp,
}

/// Whether a request can get to a rule; None: to the default.
pub(super) fn reach(ruled: &mut Ruled<'_>, rule: Option<usize>) -> Reach {
    let mut against: Vec<usize> = Vec::new();
    for _ in 0..MAX_COVER_ROUNDS {
        match ruled.within(|ruled, budget| round(ruled, rule, &against, budget)) {
            Round::Reached => return Reach::Possible,
            Round::Taken(by) => against.extend(by),
            Round::Nothing => return Reach::Never(needed(ruled, rule, against)),
            Round::GaveUp => return Reach::GaveUp,
            Round::Unknown => break,
        }
    }
    // No request tells, or ever more rules take some: all earlier rules at once.
    let all: Vec<usize> = (0..rule.unwrap_or(ruled.rules.len())).collect();
    match ruled.is_impossible(&wanted(rule, &all)) {
        Some(true) => Reach::Never(needed(ruled, rule, all)),
        Some(false) => Reach::Possible,
        None => Reach::GaveUp,
    }
}

fn wanted(rule: Option<usize>, against: &[usize]) -> Vec<(usize, bool)> {
    rule.map(|rule| (rule, true)).into_iter().chain(against.iter().map(|other| (*other, false))).collect()
}

fn round(ruled: &mut Ruled<'_>, rule: Option<usize>, against: &[usize], budget: &mut usize) -> Round {
    let own = rule.unwrap_or(ruled.rules.len());
    let (mut taken, mut reached, mut regions) = (Vec::new(), false, 0);
    let (program, id, scratch) = (ruled.program, ruled.id, &mut ruled.scratch);
    let given = *budget;
    let mut for_requests = given;
    // A decision asks about as many tests as there are rules up to the one in question.
    let by_cel = ruled.opaque.min(own).saturating_mul(STEPS_A_CEL_EVALUATION);
    let steps_a_decision = by_cel.saturating_add(program.asked_in_order(id) / RULES_A_STEP);
    let coverage = ruled.space.regions(&wanted(rule, against), budget, &mut |region| {
        regions += 1;
        for taste in [Taste::Low, Taste::High] {
            let Some(facts) = witness_with(region, taste, &mut for_requests) else { continue };
            for_requests = for_requests.saturating_sub(steps_a_decision);
            let taker = program.decide(id, &facts, scratch).rule as usize;
            if taker == own {
                reached = true;
                break;
            }
            if taker < own && !against.contains(&taker) && !taken.contains(&taker) {
                taken.push(taker);
            }
        }
        if reached || !taken.is_empty() || regions >= MAX_REGIONS {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    *budget = budget.saturating_sub(given.saturating_sub(for_requests));
    match coverage {
        _ if reached => Round::Reached,
        _ if !taken.is_empty() => Round::Taken(taken),
        Coverage::Exhausted if regions == 0 => Round::Nothing,
        Coverage::GaveUp => Round::GaveUp,
        Coverage::Exhausted | Coverage::Stopped => Round::Unknown,
    }
}

/// Rules that are asked one by one in the time of one step of a search.
const RULES_A_STEP: usize = 4;
/// Regions that are looked at in one round for one in which a request can be built.
const MAX_REGIONS: usize = 4;

/// The rules without which the others would not cover everything, in order. Where it takes too long
/// to find out, a rule stays.
fn needed(ruled: &mut Ruled<'_>, rule: Option<usize>, mut by: Vec<usize>) -> Vec<usize> {
    by.sort_unstable();
    let mut at = by.len();
    while at > 0 {
        at -= 1;
        let mut fewer = by.clone();
        fewer.remove(at);
        if ruled.is_impossible(&wanted(rule, &fewer)) == Some(true) {
            by = fewer;
        }
    }
    by
}
