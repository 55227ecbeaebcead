//! What a route's conditions say together: which always hold, which never, which rules no request
//! reaches, which parts change nothing; one lint a file.
//!
//! Everything that is reported is proved over all requests ([`crate::compile::Space`]). What is
//! only possible is not reported, and where the proof takes too long that is said (P0313).

mod always;
mod cover;
mod default;
mod duplicate;
mod gave_up;
mod never;
mod overlap;
mod redundant;
mod same;
mod unreachable;

#[cfg(test)]
mod tests;

use crate::bounds::{MAX_ROUTE_PROOF_STEPS, MAX_RULE_PROOF_STEPS};
use crate::compile::{Program, Scratch, Space};
use crate::diag::{Diagnostic, Sources};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Policy, Route, RouteId, Rule};
use cover::Reach;

/// One route with all that the lints ask.
struct Ruled<'p> {
    route: &'p Route,
    id: RouteId,
    /// the rules that have a condition, by number
    rules: Vec<(&'p Rule, &'p Expr)>,
    space: Space,
    /// tests that only the CEL crate can evaluate
    opaque: usize,
    program: &'p Program,
    scratch: Scratch,
    /// steps that are left for the whole route
    steps: usize,
}

impl<'p> Ruled<'p> {
    fn new(route: &'p Route, id: RouteId, program: &'p Program) -> Self {
        let rules: Vec<(&Rule, &Expr)> =
            route.rules.iter().filter_map(|rule| Some((rule, rule.condition.as_ref()?))).collect();
        let conditions: Vec<&Expr> = rules.iter().map(|(_, condition)| *condition).collect();
        let space = Space::new(&conditions);
        let (opaque, scratch, steps) = (space.opaque(), Scratch::default(), MAX_ROUTE_PROOF_STEPS);
        Self { route, id, rules, space, opaque, program, scratch, steps }
    }

    /// Runs a question within the steps of one rule and those left for the route.
    fn within<T>(&mut self, ask: impl FnOnce(&mut Self, &mut usize) -> T) -> T {
        let given = self.steps.min(MAX_RULE_PROOF_STEPS);
        let mut budget = given;
        let answer = ask(self, &mut budget);
        self.steps = self.steps.saturating_sub(given.saturating_sub(budget));
        answer
    }

    /// Whether no request gives these conditions these values; None: too much work.
    fn is_impossible(&mut self, wanted: &[(usize, bool)]) -> Option<bool> {
        self.within(|ruled, budget| ruled.space.has_region(wanted, budget)).map(|possible| !possible)
    }
}

/// Reports what the conditions of each route say together. `program` is the policy's, `sources` are
/// its texts.
pub(super) fn check(policy: &Policy, program: &Program, sources: &Sources, findings: &mut Vec<Diagnostic>) {
    for (id, route) in (0..).map(RouteId).zip(&policy.routes) {
        let mut ruled = Ruled::new(route, id, program);
        let mut gave_up = Vec::new();
        let mut is_always = vec![false; ruled.rules.len()];
        for number in 0..ruled.rules.len() {
            let Some((rule, condition)) = ruled.rules.get(number).copied() else { break };
            if rule.explicit {
                continue;
            }
            if ruled.is_impossible(&[(number, true)]) == Some(true) {
                findings.push(never::report(rule, condition));
                continue;
            }
            let always = ruled.is_impossible(&[(number, false)]) == Some(true);
            if let Some(slot) = is_always.get_mut(number) {
                *slot = always;
            }
            match cover::reach(&mut ruled, Some(number)) {
                Reach::Possible => {}
                Reach::GaveUp => gave_up.push(number),
                Reach::Never(by) => {
                    findings.push(match duplicate::of(&mut ruled, number, &by) {
                        Some(first) => duplicate::report(rule, condition, first),
                        None => unreachable::report(&ruled, rule, &by),
                    });
                    continue;
                }
            }
            if always {
                findings.push(always::report(rule, condition));
            } else {
                ruled.within(|_, budget| redundant::check(condition, sources, budget, findings));
            }
        }
        match cover::reach(&mut ruled, None) {
            Reach::Possible => {}
            Reach::GaveUp => gave_up.push(ruled.rules.len()),
            // P0301 says it already.
            Reach::Never(by) if by.iter().any(|rule| is_always.get(*rule) == Some(&true)) => {}
            Reach::Never(by) => findings.extend(default::report(&ruled, &by)),
        }
        findings.extend(gave_up::report(&ruled, &gave_up));
    }
}

/// P0314, on request: pairs of rules with different targets that one request satisfies.
pub(crate) fn overlaps(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    policy.routes.iter().for_each(|route| overlap::check(route, findings));
}
