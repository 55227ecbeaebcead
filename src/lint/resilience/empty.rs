//! P0505: a choice that may find nobody, as the last thing that a rule tries.

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Policy, Rule};
use crate::lint::targets::may_be_empty;

/// Reports a last attempt whose `where` may leave nobody.
pub(super) fn check(policy: &Policy, rule: &Rule, findings: &mut Vec<Diagnostic>) {
    let Some(last) = rule.attempts.last().filter(|last| may_be_empty(policy, last)) else { return };
    findings.push(
        Diagnostic::new(Code::P0505, last.span, "nobody may pass this `where`, and nothing follows")
            .label(format!("the last that rule `{}` tries", rule.name))
            .help("add `then MODEL`, or `then reject 503 \"…\"` to say why"),
    );
}
