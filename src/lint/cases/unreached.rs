//! P0801: rules that no case reaches, in a policy that has tests.

use rustc_hash::FxHashSet;

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Policy, RouteId, Rule};
use crate::engine::trace::Recorded;

/// Rules of one route that are reported one by one; a route that is tested hardly at all gets one
/// finding.
const MOST: usize = 8;

/// Reports rules with a condition that no case ever matched. A default says nothing that a test could
/// miss.
pub(super) fn check(policy: &Policy, recorded: &Recorded, findings: &mut Vec<Diagnostic>) {
    let reached: FxHashSet<(RouteId, u32)> = recorded.decisions.iter().copied().collect();
    for (id, route) in (0..).map(RouteId).zip(&policy.routes) {
        let rules = || route.written().filter(|(_, rule)| rule.condition.is_some());
        let missed = rules().filter(|(number, _)| !reached.contains(&(id, *number)));
        let missed: Vec<&Rule> = missed.map(|(_, rule)| rule).collect();
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
