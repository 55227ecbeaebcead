//! P0705: too many metric series.

use crate::bounds::MAX_RULE_SERIES;
use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::Policy;

/// Outcomes of a request, as `ccr_requests_total` has them.
const OUTCOMES: usize = 7;

/// Warns when rules × models × outcomes is too much for one metric.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    let rules: usize = policy.routes.iter().map(|route| route.rules.len()).sum();
    let series = rules.saturating_mul(policy.models.len()).saturating_mul(OUTCOMES);
    if series > MAX_RULE_SERIES {
        let models = policy.models.len();
        let message = format!("{rules} rules × {models} models × {OUTCOMES} outcomes make {series} metric series");
        findings
            .push(Diagnostic::without_place(Code::P0705, message).help(format!(
                "above {MAX_RULE_SERIES} the metrics say `rule=\"*\"`; merge rules to keep their names"
            )));
    }
}
