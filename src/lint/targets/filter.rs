//! P0407: a `where` that none of its models passes, ever.

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Attempt, AttemptKind, Policy};
use crate::prove::candidates::decided;

/// Reports choices whose `where` is false for every member by what it declares.
pub(super) fn check(policy: &Policy, attempt: &Attempt, findings: &mut Vec<Diagnostic>) {
    match &attempt.kind {
        AttemptKind::Choice { set, filter: Some(filter), .. }
            if !set.is_empty() && set.iter().all(|id| decided(policy, *id, filter) == Some(false)) =>
        {
            let names: Vec<String> = set.iter().map(|id| format!("`{}`", super::name(policy, *id))).collect();
            let message = format!("none of {} ever passes this `where`", names.join(", "));
            findings.push(
                Diagnostic::new(Code::P0407, filter.span, message)
                    .label("false for all of them, by what they declare")
                    .help("change the condition, or what the models declare; what they do not say is 0 or \"\""),
            );
        }
        AttemptKind::Split { arms, .. } => arms.iter().for_each(|arm| check(policy, &arm.attempt, findings)),
        _ => {}
    }
}

/// Whether a choice may find nobody: its `where` reads the request or something live, and no member
/// passes it by what it declares alone.
pub(in crate::lint) fn may_be_empty(policy: &Policy, attempt: &Attempt) -> bool {
    match &attempt.kind {
        AttemptKind::Choice { set, filter: Some(filter), .. } => {
            let verdicts: Vec<Option<bool>> = set.iter().map(|id| decided(policy, *id, filter)).collect();
            // One that nobody ever passes is an error already.
            !verdicts.contains(&Some(true)) && verdicts.contains(&None)
        }
        AttemptKind::Split { arms, .. } => arms.iter().any(|arm| may_be_empty(policy, &arm.attempt)),
        _ => false,
    }
}
