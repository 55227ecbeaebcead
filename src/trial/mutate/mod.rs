//! Whether a policy's tests would notice a slip: the policy is changed in small ways, one at a
//! time, and its cases are run on each such mutant.
//!
//! A mutant for which a case fails is noticed. Of the others the prover shows some to be the same
//! policy; they are left out. What remains is listed with a case that tells the two apart, run on
//! both. A case is run on a mutant only where the change can touch its decision, by the plain
//! evaluator alone, so a mutant costs next to nothing.

mod changes;
mod conditions;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;

use super::reach::{Asked, callers, states};
use super::written::{self, WrittenCase};
use crate::bounds::MAX_MUTANTS;
use crate::diag::Span;
use crate::dsl::expr::plain::{Condition, Verdict as Holds};
use crate::dsl::policy::{Case, Policy, RouteId, Rule, Test};
use crate::engine::Engine;
use crate::engine::cases::{self, Runner};
use crate::prove::Verdict;
use changes::{Change, Edit, changes};

/// What became of all mutants.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Mutants {
    /// a case noticed them
    pub noticed: usize,
    /// proved to decide as the policy does, for every request
    pub same: usize,
    /// beyond the most that are tried
    pub not_tried: usize,
    /// no case noticed them, in source order
    #[serde(skip)]
    pub survivors: Vec<Survivor>,
}

/// A mutant that no case noticed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Survivor {
    /// the route
    pub route: String,
    /// the rule
    pub rule: String,
    /// what stood there
    pub before: String,
    /// what stands there now; "" for something left out
    pub after: String,
    /// a case that passes on the policy and fails on the mutant; None: none was found, and the two
    /// may be the same
    #[serde(serialize_with = "as_text")]
    pub case: Option<WrittenCase>,
    /// where it stands
    #[serde(skip)]
    pub span: Span,
}

fn as_text<S: serde::Serializer>(case: &Option<WrittenCase>, serializer: S) -> Result<S::Ok, S::Error> {
    case.as_ref().map(|case| case.text.as_str()).serialize(serializer)
}

impl Mutants {
    /// Mutants that are another policy for certain and were not noticed.
    pub fn unnoticed(&self) -> impl Iterator<Item = &Survivor> {
        self.survivors.iter().filter(|survivor| survivor.case.is_some())
    }

    /// The share that was noticed of those that are another policy for certain, in whole percents,
    /// rounded down. Without any, 100.
    #[must_use]
    pub fn percent(&self) -> usize {
        let all = self.noticed.saturating_add(self.unnoticed().count());
        self.noticed.saturating_mul(100).checked_div(all).unwrap_or(100)
    }
}

/// A case that passes, with what it goes through on the policy itself.
struct Passing<'p> {
    test: &'p Test,
    case: &'p Case,
    decisions: Vec<(RouteId, u32)>,
}

/// Tries every mutant of a policy on the tests whose title contains a text. Cases that fail
/// already notice nothing.
#[must_use]
pub fn mutate(engine: &Engine, title: &str) -> Mutants {
    let policy = engine.policy();
    let passing = passing(engine, title);
    let mut mutants = Mutants::default();
    let mut found = changes(policy);
    let all = found.len();
    if all > MAX_MUTANTS {
        // Evenly over the policy, so that no part of it is left out.
        let is_taken = |number: usize| (number + 1) * MAX_MUTANTS / all > number * MAX_MUTANTS / all;
        found =
            found.into_iter().enumerate().filter(|(number, _)| is_taken(*number)).map(|(_, change)| change).collect();
        mutants.not_tried = all.saturating_sub(found.len());
    }
    let mut runner = Runner::new(engine);
    for change in &found {
        if is_noticed(policy, &passing, change) {
            mutants.noticed = mutants.noticed.saturating_add(1);
            continue;
        }
        match tell_apart(engine, &mut runner, change) {
            Apart::Same => mutants.same = mutants.same.saturating_add(1),
            Apart::By(case) => mutants.survivors.push(survivor(policy, change, Some(*case))),
            Apart::NoCase => mutants.survivors.push(survivor(policy, change, None)),
        }
    }
    mutants.survivors.sort_by_key(|survivor| (survivor.span.source, survivor.span.start));
    mutants
}

fn passing<'p>(engine: &'p Engine, title: &str) -> Vec<Passing<'p>> {
    let mut runner = Runner::recording(engine);
    let mut found = Vec::new();
    for test in engine.policy().tests.iter().filter(|test| test.title.contains(title)) {
        for case in &test.cases {
            let trace = runner.trace(test.route, case);
            let decisions = runner.take_recorded().decisions;
            if trace.is_ok_and(|trace| cases::fits(case, &trace)) {
                found.push(Passing { test, case, decisions });
            }
        }
    }
    found
}

fn survivor(policy: &Policy, change: &Change, case: Option<WrittenCase>) -> Survivor {
    let route = policy.routes.get(change.route.index());
    let rule = route.and_then(|route| route.rules.get(change.rule as usize));
    Survivor {
        route: route.map(|route| route.name.clone()).unwrap_or_default(),
        rule: rule.map(|rule| rule.name.clone()).unwrap_or_default(),
        before: change.before.clone(),
        after: change.after.clone(),
        case,
        span: change.span,
    }
}

fn is_noticed(policy: &Policy, passing: &[Passing<'_>], change: &Change) -> bool {
    let condition = match &change.edit {
        Edit::Condition(condition) => Some(Condition::new(condition)),
        _ => None,
    };
    let touched: Vec<&Passing<'_>> = passing.iter().filter(|one| is_touched(one, change, condition.as_ref())).collect();
    if touched.is_empty() {
        return false;
    }
    let mutant = Engine::plain(Arc::new(change.apply(policy)));
    let mut runner = Runner::new(&mutant);
    touched.iter().any(|one| !runner.trace(one.test.route, one.case).is_ok_and(|trace| cases::fits(one.case, &trace)))
}

/// Whether a change may touch the way of a case.
fn is_touched(one: &Passing<'_>, change: &Change, condition: Option<&Condition>) -> bool {
    let mut here = one.decisions.iter().filter(|(route, _)| *route == change.route).map(|(_, rule)| *rule);
    match condition {
        // It was asked only where no rule above decided.
        Some(condition) => here.any(|decided| {
            decided >= change.rule && (condition.eval(&one.case.given) == Holds::True) != (decided == change.rule)
        }),
        None => here.any(|decided| decided == change.rule),
    }
}

/// Whether a mutant is another policy.
enum Apart {
    /// it is not: proved
    Same,
    /// it is: this case passes on the policy and fails on the mutant
    By(Box<WrittenCase>),
    /// no case was found
    NoCase,
}

fn tell_apart(engine: &Engine, runner: &mut Runner<'_>, change: &Change) -> Apart {
    let policy = engine.policy();
    let Some(route) = policy.routes.get(change.route.index()) else { return Apart::NoCase };
    let number = change.rule as usize;
    let Some(rule) = route.rules.get(number) else { return Apart::NoCase };
    let above = || Asked::at(route, number);
    let questions = match &change.edit {
        Edit::Condition(other) => {
            let Some(condition) = &rule.condition else { return Apart::NoCase };
            [true, false]
                .map(|value| {
                    let mut asked = above();
                    asked.that(condition, value);
                    asked.that(other, !value);
                    asked
                })
                .into()
        }
        Edit::SwapRules => {
            let mut asked = above().matched(rule);
            if let Some(next) = route.rules.get(number.saturating_add(1)).and_then(|next| next.condition.as_ref()) {
                asked.that(next, true);
            }
            vec![asked]
        }
        Edit::DropRule | Edit::Attempts(_) => vec![above().matched(rule)],
    };
    let mutant = Engine::plain(Arc::new(change.apply(policy)));
    let mut is_same = true;
    for asked in questions {
        match asked.find() {
            Verdict::Impossible => {}
            Verdict::Found(facts) => {
                is_same = false;
                let varied = matches!(change.edit, Edit::Attempts(_)).then_some(rule);
                if let Some(case) = telling(policy, runner, &mutant, change.route, varied, &facts) {
                    return Apart::By(Box::new(case));
                }
            }
            Verdict::Possible { .. } | Verdict::GaveUp => is_same = false,
        }
    }
    if is_same { Apart::Same } else { Apart::NoCase }
}

/// A case over these facts, or nearby, that passes on the policy and fails on the mutant.
fn telling(
    policy: &Policy,
    runner: &mut Runner<'_>,
    mutant: &Engine,
    route: RouteId,
    varied: Option<&Rule>,
    facts: &crate::facts::given::GivenFacts,
) -> Option<WrittenCase> {
    let mut on_mutant = Runner::new(mutant);
    let mut fails = |written: &WrittenCase| {
        !on_mutant.trace(Some(route), &written.case).is_ok_and(|trace| cases::fits(&written.case, &trace))
    };
    let Some(rule) = varied else {
        return written::write(runner, policy, route, facts.clone(), Vec::new()).filter(|case| fails(case));
    };
    let all = callers(rule, facts).into_iter().map(|facts| (facts, Vec::new()));
    let all = all.chain(states(policy, rule).into_iter().map(|state| (facts.clone(), state)));
    for (facts, state) in all {
        if let Some(case) = written::write(runner, policy, route, facts, state).filter(|case| fails(case)) {
            return Some(case);
        }
    }
    None
}
