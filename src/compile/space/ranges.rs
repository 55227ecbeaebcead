//! The ranges in which whole numbers and moments lie.

use crate::bounds::{MAX_FACT_INT, MAX_LIST_LENGTH, NOW_RANGE_MS};
use crate::compile::atom::Number;
use crate::dsl::expr::typed::{Expr, Function, Kind, Literal, TimePart, Type};
use crate::facts::schema::Range;

/// The range of a getter of a moment.
pub(super) fn part_of_time(expr: &Expr) -> Option<(i64, i64)> {
    let Kind::Call(Function::Time(part), arguments) = &expr.kind else { return None };
    if arguments.first()?.ty != Type::Timestamp {
        return None;
    }
    Some(match part {
        TimePart::FullYear => return None,
        TimePart::Month => (0, 11),
        TimePart::Date => (1, 31),
        TimePart::DayOfMonth => (0, 30),
        TimePart::DayOfWeek => (0, 6),
        TimePart::DayOfYear => (0, 365),
        TimePart::Hours => (0, 23),
        TimePart::Minutes | TimePart::Seconds => (0, 59),
        // A leap second goes on.
        TimePart::Milliseconds => (0, 1_999),
    })
}

/// A whole number or a moment in nanoseconds; moments outside `now`'s range are just outside.
pub(super) fn whole(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        Kind::Literal(Literal::Int(value)) => Some(*value),
        Kind::Literal(Literal::Timestamp(moment)) => {
            let (least, most) = now_range();
            let nanoseconds =
                i128::from(moment.timestamp()) * 1_000_000_000 + i128::from(moment.timestamp_subsec_nanos());
            let outside = (i128::from(least) - 1, i128::from(most) + 1);
            i64::try_from(nanoseconds.clamp(outside.0, outside.1)).ok()
        }
        _ => None,
    }
}

/// The least and the largest `now`, in nanoseconds.
pub(crate) fn now_range() -> (i64, i64) {
    let (least, most) = NOW_RANGE_MS;
    (least.saturating_mul(1_000_000), (most + 1).saturating_mul(1_000_000) - 1)
}

/// The least and the largest value of a number.
pub(super) fn range_of(number: &Number) -> (i64, i64) {
    match number {
        Number::Var(var) => match var.row().range {
            Range::Int(least, most) => (least, most),
            _ => (i64::MIN, i64::MAX),
        },
        Number::HeaderInt(_, absent) | Number::MetaInt(_, absent) => {
            ((-MAX_FACT_INT).min(*absent), MAX_FACT_INT.max(*absent))
        }
        Number::ListSize(_) => (0, i64::try_from(MAX_LIST_LENGTH).unwrap_or(i64::MAX)),
        Number::TextSize(_) => (0, i64::MAX),
    }
}
