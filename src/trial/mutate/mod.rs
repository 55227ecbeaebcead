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
use crate::bounds::{MAX_MUTANTS, MAX_SOUGHT_MUTANTS};
use crate::diag::Span;
use crate::dsl::expr::plain::{Condition, Verdict as Holds};
use crate::dsl::policy::{Case, Policy, Route, RouteId, Rule, Test};
use crate::engine::Engine;
use crate::engine::cases::{self, Runner};
use crate::facts::given::GivenFacts;
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
    let mut search = Search::new(engine);
    let mut sought = 0_usize;
    for change in &found {
        if is_noticed(&search.base, &passing, change) {
            mutants.noticed = mutants.noticed.saturating_add(1);
            continue;
        }
        sought = sought.saturating_add(1);
        if sought > MAX_SOUGHT_MUTANTS {
            mutants.not_tried = mutants.not_tried.saturating_add(1);
            continue;
        }
        match search.tell_apart(change) {
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
    let mutant = Engine::plain(Arc::new(change.apply_below(policy)));
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

/// Looks for requests that tell mutants from the policy.
struct Search<'e> {
    policy: &'e Policy,
    /// the policy without its tests, which mutants need not carry
    base: Policy,
    runner: Runner<'e>,
    /// requests that came to a rule, found for earlier changes of it: the next change is often told
    /// apart by one of them
    known: Vec<GivenFacts>,
    known_of: Option<(RouteId, u32)>,
}

impl<'e> Search<'e> {
    fn new(engine: &'e Engine) -> Self {
        let policy = engine.policy();
        let base = Policy { tests: Vec::new(), ..policy.clone() };
        Self { policy, base, runner: Runner::new(engine), known: Vec::new(), known_of: None }
    }

    fn tell_apart(&mut self, change: &Change) -> Apart {
        let policy = self.policy;
        let number = change.rule as usize;
        let Some(route) = policy.routes.get(change.route.index()) else { return Apart::NoCase };
        let Some(rule) = route.rules.get(number) else { return Apart::NoCase };
        if self.known_of != Some((change.route, change.rule)) {
            self.known.clear();
            self.known_of = Some((change.route, change.rule));
        }
        let differs = Differs::new(change, route, rule);
        for facts in self.known.clone() {
            if differs.on(&facts)
                && let Some(case) = self.telling(change, rule, &facts)
            {
                return Apart::By(Box::new(case));
            }
        }
        let mut is_same = true;
        for asked in questions(change, route, rule) {
            match asked.find() {
                Verdict::Impossible => {}
                Verdict::Found(facts) => {
                    is_same = false;
                    let case = self.telling(change, rule, &facts);
                    self.known.push(facts);
                    if let Some(case) = case {
                        return Apart::By(Box::new(case));
                    }
                }
                Verdict::Possible { .. } | Verdict::GaveUp => is_same = false,
            }
        }
        if is_same { Apart::Same } else { Apart::NoCase }
    }

    /// A case over these facts, or nearby, that passes on the policy and fails on the mutant.
    fn telling(&mut self, change: &Change, rule: &Rule, facts: &GivenFacts) -> Option<WrittenCase> {
        let (policy, route) = (self.policy, change.route);
        let mutant = Engine::plain(Arc::new(change.apply_below(&self.base)));
        let mut on_mutant = Runner::new(&mutant);
        let mut fails = |written: &WrittenCase| {
            !on_mutant.trace(Some(route), &written.case).is_ok_and(|trace| cases::fits(&written.case, &trace))
        };
        if !matches!(change.edit, Edit::Attempts(_)) {
            let written = written::write(&mut self.runner, policy, route, facts.clone(), Vec::new());
            return written.filter(|case| fails(case));
        }
        let all = callers(rule, facts).into_iter().map(|facts| (facts, Vec::new()));
        let all = all.chain(states(policy, rule).into_iter().map(|state| (facts.clone(), state)));
        for (facts, state) in all {
            let written = written::write(&mut self.runner, policy, route, facts, state);
            if let Some(case) = written.filter(|case| fails(case)) {
                return Some(case);
            }
        }
        None
    }
}

/// The conditions that a request has to meet or miss for a change to show, prepared.
struct Differs {
    own: Option<Condition>,
    /// for a changed condition: the other one. For swapped rules: the next one
    other: Option<Condition>,
    is_condition: bool,
}

impl Differs {
    fn new(change: &Change, route: &Route, rule: &Rule) -> Self {
        let next =
            || route.rules.get((change.rule as usize).saturating_add(1)).and_then(|next| next.condition.as_ref());
        let (other, is_condition) = match &change.edit {
            Edit::Condition(other) => (Some(other.as_ref()), true),
            Edit::SwapRules => (next(), false),
            Edit::DropRule | Edit::Attempts(_) => (None, false),
        };
        Self { own: rule.condition.as_ref().map(Condition::new), other: other.map(Condition::new), is_condition }
    }

    /// Whether it may show on a request that no rule above takes.
    fn on(&self, facts: &GivenFacts) -> bool {
        let holds = |condition: &Option<Condition>| condition.as_ref().is_none_or(|one| one.eval(facts) == Holds::True);
        if self.is_condition { holds(&self.own) != holds(&self.other) } else { holds(&self.own) && holds(&self.other) }
    }
}

/// The requests on which a change may show, each to be asked in turn: no rule above takes them, and
/// the change decides otherwise.
fn questions<'p>(change: &'p Change, route: &'p Route, rule: &'p Rule) -> Vec<Asked<'p>> {
    let number = change.rule as usize;
    let above = || Asked::at(route, number);
    match (&change.edit, &rule.condition) {
        (Edit::Condition(other), Some(condition)) => {
            let either = [true, false].map(|value| {
                let mut asked = above();
                asked.that(condition, value);
                asked.that(other, !value);
                asked
            });
            either.into()
        }
        (Edit::SwapRules, _) => {
            let mut asked = above().matched(rule);
            if let Some(next) = route.rules.get(number.saturating_add(1)).and_then(|next| next.condition.as_ref()) {
                asked.that(next, true);
            }
            vec![asked]
        }
        (Edit::Condition(_) | Edit::DropRule | Edit::Attempts(_), _) => vec![above().matched(rule)],
    }
}
