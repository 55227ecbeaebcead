//! Whether two targets are the same, wherever they stand.

use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Attempt, AttemptKind};

/// Whether two rules lead to the same, written the same way.
pub(super) fn targets(one: &[Attempt], other: &[Attempt]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| attempts(&one.kind, &other.kind))
}

fn attempts(one: &AttemptKind, other: &AttemptKind) -> bool {
    match (one, other) {
        (
            AttemptKind::Choice { strategy, set, filter, .. },
            AttemptKind::Choice { strategy: other_strategy, set: other_set, filter: other_filter, .. },
        ) => strategy == other_strategy && set == other_set && texts(filter.as_ref()) == texts(other_filter.as_ref()),
        (AttemptKind::Split { arms, by }, AttemptKind::Split { arms: other_arms, by: other_by }) => {
            let same = arms.iter().zip(other_arms).all(|(one, other)| {
                one.percent.to_bits() == other.percent.to_bits() && attempts(&one.attempt.kind, &other.attempt.kind)
            });
            same && arms.len() == other_arms.len() && texts(by.as_ref()) == texts(other_by.as_ref())
        }
        _ => one == other,
    }
}

fn texts(expr: Option<&Expr>) -> Option<String> {
    expr.map(cel_text)
}
