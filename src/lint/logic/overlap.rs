//! P0314: two rules with different targets that one request satisfies, on request only.

use super::same;
use crate::bounds::{MAX_OVERLAPS, MAX_ROUTE_PROOF_STEPS, MAX_RULE_PROOF_STEPS};
use crate::compile::Space;
use crate::diag::{Code, Diagnostic, command};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Route, Rule};
use crate::prove::{Verdict, find};

pub(super) fn check(route: &Route, findings: &mut Vec<Diagnostic>) {
    let rules: Vec<(&Rule, &Expr)> =
        route.written().filter_map(|(_, rule)| Some((rule, rule.condition.as_ref()?))).collect();
    let conditions: Vec<&Expr> = rules.iter().map(|(_, condition)| *condition).collect();
    let space = Space::new(&conditions);
    let (mut steps, mut found) = (MAX_ROUTE_PROOF_STEPS, 0);
    for (second, (later, later_condition)) in rules.iter().enumerate() {
        for (first, (earlier, condition)) in rules.iter().enumerate().take(second) {
            if same::targets(&earlier.attempts, &later.attempts) {
                continue;
            }
            let given = steps.min(MAX_RULE_PROOF_STEPS);
            let mut budget = given;
            let verdict = find(&space, &conditions, &[(first, true), (second, true)], &mut budget);
            steps = steps.saturating_sub(given.saturating_sub(budget));
            if let Verdict::Found(facts) = verdict {
                let message = format!("rules `{}` and `{}` overlap, and lead elsewhere", earlier.name, later.name);
                let finding = Diagnostic::new(Code::P0314, later_condition.span, message)
                    .label(format!("a request that satisfies this too goes by `{}`", earlier.name))
                    .also(condition.span, "comes first")
                    .help("order decides; if that is not meant, let one of them exclude the other")
                    .note(command::run_it(&command::explain(None, "", &facts.to_text())));
                findings.push(finding);
                found += 1;
            }
            if found >= MAX_OVERLAPS || steps == 0 {
                let message = format!("route `{}` may have further overlaps, which were not looked for", route.name);
                findings.push(Diagnostic::new(Code::P0313, route.span, message));
                return;
            }
        }
    }
}
