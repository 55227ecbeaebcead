//! P0801: rules that no case reaches, in a policy that has tests.

use rustc_hash::FxHashSet;

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::Rule;
use crate::engine::trace::{Explainer, Question, RuleVerdict, Written};
use crate::engine::{Engine, Seeds};
use crate::facts::world::World;

/// Rules of one route that are reported one by one; a route that is tested hardly at all gets one
/// finding.
const MOST: usize = 8;

/// Reports rules with a condition that no case ever matched. A default says nothing that a test could
/// miss.
pub(super) fn check(engine: &Engine, findings: &mut Vec<Diagnostic>) {
    let policy = engine.policy();
    let reached = reached(engine);
    for route in &policy.routes {
        let rules = || route.rules.iter().filter(|rule| rule.condition.is_some());
        let is_missed = |rule: &&Rule| !reached.contains(&(route.name.clone(), rule.name.clone()));
        let missed: Vec<&Rule> = rules().filter(is_missed).collect();
        if missed.len() > MOST {
            let message = format!(
                "{} of {} rules of route `{}` are matched by no test",
                missed.len(),
                rules().count(),
                route.name
            );
            findings.push(
                Diagnostic::new(Code::P0801, route.span, message)
                    .help("`ccr-policy test --suggest` writes the cases that are missing"),
            );
            continue;
        }
        for rule in missed {
            findings
                .push(Diagnostic::new(Code::P0801, rule.span, format!("no test matches rule `{}`", rule.name)).help(
                    format!("add a case that ends in `by {}`; `ccr-policy test --suggest` writes it", rule.name),
                ));
        }
    }
}

/// The rules that decided in some case, each with its route.
fn reached(engine: &Engine) -> FxHashSet<(String, String)> {
    let mut explainer = Explainer::new(engine);
    let mut reached = FxHashSet::default();
    for test in &engine.policy().tests {
        for case in &test.cases {
            let mut world = World::fresh(engine.policy().models.len());
            for (id, state) in &case.state {
                if let Some(slot) = world.models.get_mut(id.index()) {
                    slot.clone_from(state);
                }
            }
            let trace = explainer.explain(&Question {
                facts: &case.given,
                tenant: case.tenant,
                entry: test.route,
                world: &world,
                seeds: &Seeds::fixed(),
                is_given: &|var| case.given.is_given(var),
                written: &|_| Written::default(),
            });
            for route in trace.iter().flat_map(|trace| &trace.routes) {
                let decides = |verdict| matches!(verdict, RuleVerdict::Matched | RuleVerdict::FailedClosed);
                let rules = route.rules.iter().filter(|rule| decides(rule.verdict));
                reached.extend(rules.map(|rule| (route.route.to_string(), rule.rule.to_string())));
            }
        }
    }
    reached
}
