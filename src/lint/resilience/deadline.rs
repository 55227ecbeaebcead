//! P0504: a deadline that is over before its parts are.

use super::limits::{Limits, shown};
use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{AttemptKind, Rule};

/// Reports a `timeout` beyond the `deadline`, and attempts that no time is left for when those before
/// them use theirs. Only declared times count. Says whether it found something.
pub(super) fn check(rule: &Rule, limits: &Limits, findings: &mut Vec<Diagnostic>) -> bool {
    let (Some((deadline, deadline_at)), Some((timeout, timeout_at))) = (limits.deadline, limits.timeout) else {
        return false;
    };
    let last_words = format!("all attempts together get {}", shown(deadline));
    if timeout > deadline {
        let message = format!("one attempt of rule `{}` gets more time than all together", rule.name);
        findings.push(
            Diagnostic::new(Code::P0504, timeout_at, message)
                .label(format!("one attempt gets {}", shown(timeout)))
                .also(deadline_at, last_words)
                .help(format!("give the attempt less than {}, or raise the deadline", shown(deadline))),
        );
        return true;
    }
    let mut before = std::time::Duration::ZERO;
    for attempt in &rule.attempts {
        // A refusal needs no time.
        if matches!(attempt.kind, AttemptKind::Reject { .. }) {
            break;
        }
        if before >= deadline {
            let message = format!("no time is left for this attempt of rule `{}`", rule.name);
            findings.push(
                Diagnostic::new(Code::P0504, attempt.span, message)
                    .label(format!("the attempts before it may take {}", shown(before)))
                    .also(deadline_at, last_words)
                    .help(format!("shorten `timeout: {}`, or raise the deadline", shown(timeout))),
            );
            return true;
        }
        before = before.saturating_add(timeout);
    }
    false
}
