//! What is known of a value without running anything: the range of a number, of a time, of a
//! text's or list's size.

use crate::bounds::{MAX_BODY_BYTES, MAX_LIST_LENGTH, NOW_RANGE_MS};
use crate::dsl::expr::typed::{Literal, Type};
use crate::facts::schema::Range;
use crate::facts::{FactType, Variable};

/// CEL's timestamps: the years 1 to 9999, in milliseconds since 1970.
pub(super) const TIMESTAMPS: (i128, i128) = (-62_135_596_800_000, 253_402_300_799_999);
/// The longest duration, in milliseconds: about 10 000 years.
pub(super) const DURATIONS: (i128, i128) = (-315_576_000_000_000, 315_576_000_000_000);

/// What is known of a value. Both ends belong to the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bounds {
    /// a whole number; a timestamp or duration in milliseconds
    Int(i128, i128),
    /// a number; an end may be infinite, the value is never NaN
    Double(f64, f64),
    /// the size of a text (in bytes), list or map
    Size(i128, i128),
    /// nothing
    Any,
}

fn size(most: usize) -> Bounds {
    Bounds::Size(0, i128::try_from(most).unwrap_or(i128::MAX))
}

impl Bounds {
    /// All values of a type.
    pub(super) fn of_type(ty: &Type) -> Self {
        match ty {
            Type::Int => Self::Int(i128::from(i64::MIN), i128::from(i64::MAX)),
            Type::Double => Self::Double(f64::NEG_INFINITY, f64::INFINITY),
            Type::Duration => Self::Int(DURATIONS.0, DURATIONS.1),
            Type::Timestamp => Self::Int(TIMESTAMPS.0, TIMESTAMPS.1),
            Type::String => size(MAX_BODY_BYTES),
            Type::List(_) | Type::Map(..) => size(MAX_LIST_LENGTH),
            Type::Bool | Type::Null => Self::Any,
        }
    }

    pub(super) fn of_variable(row: &Variable) -> Self {
        match (row.ty, row.range) {
            (_, Range::Int(least, most)) => Self::Int(i128::from(least), i128::from(most)),
            (_, Range::Double(least, most)) => Self::Double(least, most),
            (FactType::Time, _) => Self::Int(i128::from(NOW_RANGE_MS.0), i128::from(NOW_RANGE_MS.1)),
            (ty, _) => Self::of_type(&Type::from(ty)),
        }
    }

    pub(super) fn of_literal(literal: &Literal) -> Self {
        match literal {
            Literal::Int(number) => Self::Int(i128::from(*number), i128::from(*number)),
            Literal::Double(number) => Self::Double(*number, *number),
            Literal::String(text) => {
                let length = i128::try_from(text.len()).unwrap_or(i128::MAX);
                Self::Size(length, length)
            }
            Literal::Duration(time) => {
                let millis = i128::from(time.num_milliseconds());
                // A fraction of a millisecond lies between two of them.
                Self::Int(millis - 1, millis + 1)
            }
            Literal::Timestamp(moment) => {
                let millis = i128::from(moment.timestamp_millis());
                Self::Int(millis, millis + 1)
            }
            Literal::Bool(_) | Literal::Null => Self::Any,
        }
    }

    /// What both know.
    pub(super) fn meet(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(a, b), Self::Int(c, d)) => Self::Int(a.max(c), b.min(d)),
            (Self::Double(a, b), Self::Double(c, d)) => Self::Double(a.max(c), b.min(d)),
            (Self::Size(a, b), Self::Size(c, d)) => Self::Size(a.max(c), b.min(d)),
            (known, _) => known,
        }
    }

    /// What holds for either.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(a, b), Self::Int(c, d)) => Self::Int(a.min(c), b.max(d)),
            (Self::Double(a, b), Self::Double(c, d)) => Self::Double(a.min(c), b.max(d)),
            (Self::Size(a, b), Self::Size(c, d)) => Self::Size(a.min(c), b.max(d)),
            _ => Self::Any,
        }
    }

    /// The most elements, or bytes.
    pub(super) fn most(self) -> i128 {
        match self {
            Self::Size(_, most) => most.max(0),
            _ => 0,
        }
    }

    /// As a number with a fraction, for comparisons between the two kinds.
    #[expect(clippy::cast_precision_loss, reason = "a bound may be a little wide")]
    pub(super) fn widened(self) -> Self {
        match self {
            Self::Int(least, most) => Self::Double(least as f64, most as f64),
            other => other,
        }
    }
}
