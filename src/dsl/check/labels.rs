//! P0705: too many metric series.

use crate::bounds::{MAX_RULE_SERIES, REQUEST_OUTCOMES, named_rules, rule_series};
use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::Policy;

/// Warns when rules × models × outcomes is too much for one metric.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    let rules: usize =
        policy.routes.iter().map(|route| named_rules(route.rules.iter().map(|rule| rule.name.as_str()))).sum();
    let series = rule_series(rules, policy.models.len());
    if series > MAX_RULE_SERIES {
        let models = policy.models.len();
        let message =
            format!("{rules} rules × {models} models × {REQUEST_OUTCOMES} outcomes make {series} metric series");
        findings
            .push(Diagnostic::without_place(Code::P0705, message).help(format!(
                "above {MAX_RULE_SERIES} the metrics say `rule=\"*\"`; merge rules to keep their names"
            )));
    }
}
