//! P0604: a route whose tree did not fit its budget, so that rules are asked one by one.

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::RouteId;
use crate::engine::Engine;

/// Reports routes that are decided rule by rule, in part or wholly.
pub(in crate::lint) fn check(engine: &Engine, findings: &mut Vec<Diagnostic>) {
    for (number, route) in (0_u32..).zip(&engine.policy().routes) {
        let rules = engine.program().asked_in_order(RouteId(number));
        if rules == 0 {
            continue;
        }
        let message = format!("the tree of route `{}` did not fit: {rules} rules are asked one by one", route.name);
        findings.push(
            Diagnostic::new(Code::P0604, route.span, message)
                .help("decisions stay right and take longer; lead groups of rules to routes of their own"),
        );
    }
}
