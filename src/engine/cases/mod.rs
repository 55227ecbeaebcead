//! Runs the policy's `test` blocks: the facts of each case go through the same trace that
//! `explain` prints, the whole list of attempts resolved as if each had failed.

mod text;

use std::sync::Arc;

use serde::Serialize;

use super::trace::{ExplainError, Explainer, Question, Recorded, RuleVerdict, Seen, Trace, Written};
use super::view::show;
use super::{Engine, Seeds, describe};
use crate::diag::Span;
use crate::dsl::policy::{Case, Outcome, Policy, RouteId, Test};
use crate::facts::world::World;

/// What became of all cases, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// one entry a case
    pub cases: Vec<CaseReport>,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseReport {
    /// its test's title
    pub test: Arc<str>,
    /// its number in the test, from 1
    pub number: usize,
    /// where it stands
    #[serde(skip)]
    pub span: Span,
    /// what was found
    pub verdict: CaseVerdict,
    /// what had to come out: `coder then mini by background`
    pub expected: String,
    /// what came out, in the same words; "" when it could not be explained
    pub actual: String,
    /// why it came out so, for a case that did not pass
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseVerdict {
    /// it came out as expected
    Passed,
    /// something else came out
    Failed,
    /// the two evaluators disagree: a defect of this program
    Broken,
}

impl Report {
    /// How many cases did not pass.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.verdict != CaseVerdict::Passed).count()
    }

    /// Whether a case could not be judged at all.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.cases.iter().any(|case| case.verdict == CaseVerdict::Broken)
    }
}

/// Runs every case.
#[must_use]
pub fn run(engine: &Engine) -> Report {
    run_matching(engine, "")
}

/// Runs the cases of the tests whose title contains a text.
#[must_use]
pub fn run_matching(engine: &Engine, title: &str) -> Report {
    let mut runner = Runner::new(engine);
    let tests = engine.policy().tests.iter().filter(|test| test.title.contains(title));
    Report { cases: tests.flat_map(|test| runner.run(test)).collect() }
}

/// The same, and what the cases have reached.
#[must_use]
pub fn run_recorded(engine: &Engine, title: &str) -> (Report, Recorded) {
    let mut runner = Runner::recording(engine);
    let tests = engine.policy().tests.iter().filter(|test| test.title.contains(title));
    let report = Report { cases: tests.flat_map(|test| runner.run(test)).collect() };
    (report, runner.take_recorded())
}

/// Runs cases one by one; conditions are prepared once.
#[derive(Debug)]
pub struct Runner<'e> {
    engine: &'e Engine,
    explainer: Explainer<'e>,
}

impl<'e> Runner<'e> {
    /// Over an engine's policy. The cases may be of another policy with the same names.
    #[must_use]
    pub fn new(engine: &'e Engine) -> Self {
        Self { engine, explainer: Explainer::new(engine) }
    }

    /// The same; it remembers what the cases reach.
    #[must_use]
    pub fn recording(engine: &'e Engine) -> Self {
        Self { engine, explainer: Explainer::new(engine).recording() }
    }

    /// What its cases reached since this was asked last.
    pub fn take_recorded(&mut self) -> Recorded {
        self.explainer.take_recorded()
    }

    /// Runs the cases of a test.
    pub fn run(&mut self, test: &Test) -> Vec<CaseReport> {
        let (policy, name) = (self.engine.policy(), Arc::<str>::from(test.title.as_str()));
        let mut report = Vec::with_capacity(test.cases.len());
        for (number, case) in (1..).zip(&test.cases) {
            let (verdict, actual, because) = match self.trace(test.route, case) {
                Ok(trace) => judge(policy, case, &trace),
                Err(error @ ExplainError::NoRoute) => (CaseVerdict::Failed, String::new(), vec![error.to_string()]),
                Err(error @ ExplainError::Disagree { .. }) => {
                    (CaseVerdict::Broken, String::new(), vec![error.to_string()])
                }
            };
            let (test, expected) = (Arc::clone(&name), expected_text(policy, case));
            report.push(CaseReport { test, number, span: case.span, verdict, expected, actual, because });
        }
        report
    }

    /// The whole way of a case that enters a route; None: the tenant's, else `main`.
    ///
    /// # Errors
    /// When there is no route to enter, or the two evaluators disagree.
    pub fn trace(&mut self, route: Option<RouteId>, case: &Case) -> Result<Trace, ExplainError> {
        let mut world = World::fresh(self.engine.policy().models.len());
        for (id, state) in &case.state {
            if let Some(slot) = world.models.get_mut(id.index()) {
                slot.clone_from(state);
            }
        }
        self.explainer.explain(&Question {
            facts: &case.given,
            tenant: case.tenant,
            entry: route,
            world: &world,
            seeds: &Seeds::fixed(),
            is_given: &|var| case.given.is_given(var),
            written: &|_| Written::default(),
        })
    }
}

/// Whether what came out is what a case expects.
#[must_use]
pub fn fits(case: &Case, trace: &Trace) -> bool {
    outcome_fits(case, trace) && by_fits(case, trace)
}

fn outcome_fits(case: &Case, trace: &Trace) -> bool {
    match &case.expected {
        // A refusal behind the models is what is left when all of them fail.
        Outcome::Models(ids) => *ids == trace.outcome.model_ids,
        Outcome::Reject(status) => trace.outcome.models.is_empty() && trace.outcome.reject == Some(*status),
    }
}

fn by_fits(case: &Case, trace: &Trace) -> bool {
    case.by.is_empty() || trace.decisions.iter().any(|decision| is_named(decision, &case.by))
}

fn expected_text(policy: &Policy, case: &Case) -> String {
    let outcome = match &case.expected {
        Outcome::Models(ids) => ids.iter().map(|id| describe::model(policy, *id)).collect::<Vec<_>>().join(" then "),
        Outcome::Reject(status) => format!("reject {status}"),
    };
    if case.by.is_empty() { outcome } else { format!("{outcome} by {}", case.by.join("/")) }
}

fn judge(policy: &Policy, case: &Case, trace: &Trace) -> (CaseVerdict, String, Vec<String>) {
    let by_fits = by_fits(case, trace);
    let by = trace.decision.split_once('/').map_or(trace.decision.as_str(), |(_, rest)| rest);
    let actual = format!("{} by {by}", trace.outcome.text());
    if by_fits && outcome_fits(case, trace) {
        return (CaseVerdict::Passed, actual, Vec::new());
    }
    let mut because = Vec::new();
    if !by_fits {
        because.extend(why_not_by(&case.by, trace));
    }
    because.extend(why_decided(trace));
    if let Some(refusal) = &trace.outcome.refusal {
        because.push(format!("the client gets {}: {}", refusal.status, refusal.reason()));
        because.extend(why_skipped(trace, |_| true));
    } else if let Outcome::Models(ids) = &case.expected {
        let missing = ids.iter().filter(|id| !trace.outcome.model_ids.contains(id));
        let missing: Vec<&str> = missing.map(|id| describe::model(policy, *id)).collect();
        because.extend(why_skipped(trace, |model| missing.contains(&model)));
    }
    because.extend(trace.notes.iter().map(|note| format!("note: {note}")));
    (CaseVerdict::Failed, actual, because)
}

/// Whether `by` names this decision: all its routes, or all but the one that was entered.
fn is_named(decision: &[String], by: &[String]) -> bool {
    decision == by || decision.split_first().is_some_and(|(_, rest)| rest == by)
}

/// Why the rule that was expected did not decide.
fn why_not_by(by: &[String], trace: &Trace) -> Option<String> {
    let name = by.last()?;
    let route = by.iter().rev().nth(1).or_else(|| trace.routes.first().map(|route| &route.route))?;
    let Some(entered) = trace.routes.iter().find(|entered| entered.route == *route) else {
        return Some(format!("route `{route}` was not entered"));
    };
    let rule = entered.rules.iter().find(|rule| rule.rule == *name)?;
    let saw = saw_text(&rule.because);
    match rule.verdict {
        RuleVerdict::NotMatched => Some(format!("rule `{name}` did not match: {saw}")),
        RuleVerdict::Failed => Some(format!("the condition of rule `{name}` failed: {saw}")),
        RuleVerdict::NotReached => Some(format!("rule `{name}` was not reached")),
        RuleVerdict::Matched | RuleVerdict::FailedClosed => None,
    }
}

/// Which rule decided instead, and what it saw.
fn why_decided(trace: &Trace) -> Option<String> {
    let decides = |verdict| matches!(verdict, RuleVerdict::Matched | RuleVerdict::FailedClosed);
    let rule = trace.routes.first()?.rules.iter().find(|rule| decides(rule.verdict))?;
    if rule.because.is_empty() {
        return Some(format!("no rule above `{}` matched", rule.rule));
    }
    Some(format!("rule `{}` matched: {}", rule.rule, saw_text(&rule.because)))
}

fn saw_text(atoms: &[super::trace::AtomTrace]) -> String {
    let parts: Vec<String> = atoms
        .iter()
        .map(|atom| {
            let remark = |seen: &Seen| if seen.default { " (not given)" } else { "" };
            let show = |seen: &Seen| format!("{} is {}{}", seen.name, show(seen.value.as_fact()), remark(seen));
            let seen: Vec<String> = atom.saw.iter().map(show).collect();
            let seen = if seen.is_empty() { atom.text.clone() } else { seen.join(", ") };
            atom.error.as_ref().map_or(seen, |error| format!("`{}`: {error}", atom.text))
        })
        .collect();
    parts.join(", ")
}

/// Why models are not among the attempts, where a filter removed them: the first reason of each.
fn why_skipped(trace: &Trace, is_asked: impl Fn(&str) -> bool) -> Vec<String> {
    let mut told: Vec<&str> = Vec::new();
    let mut reasons = Vec::new();
    for candidate in trace.attempts.iter().flat_map(|attempt| &attempt.candidates) {
        let Some(skipped) = &candidate.skipped else { continue };
        if is_asked(&candidate.model) && !told.contains(&candidate.model.as_str()) {
            told.push(&candidate.model);
            reasons.push(format!("`{}` was skipped: {}", candidate.model, skipped.text));
        }
    }
    reasons
}
