//! Ranges of sums, products and quotients, and whether they can fail.

use super::bounds::{Bounds, DURATIONS, TIMESTAMPS};
use crate::dsl::expr::typed::{BinaryOp, Type};

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// the result may not fit its type
    Overflow,
    /// the divisor may be zero
    Zero,
    /// the result may not be a number
    NotANumber,
    /// a text may become too long
    TooLong,
}

/// Longest text that `+` may make, in bytes: a few request bodies.
const MOST_TEXT: i128 = 4 * (crate::bounds::MAX_BODY_BYTES as i128);

/// The range of `left op right` and what can go wrong. `nonzero`: the divisor is known not to
/// be zero.
pub(super) fn arithmetic(
    op: BinaryOp,
    ty: &Type,
    left: Bounds,
    right: Bounds,
    nonzero: bool,
) -> (Bounds, Option<Failure>) {
    match (left, right) {
        (Bounds::Int(a, b), Bounds::Int(c, d)) => integers(op, ty, (a, b), (c, d), nonzero),
        (Bounds::Double(a, b), Bounds::Double(c, d)) => doubles(op, (a, b), (c, d), nonzero),
        (Bounds::Size(a, b), Bounds::Size(c, d)) => {
            let (least, most) = (a.saturating_add(c), b.saturating_add(d));
            let failure = (*ty == Type::String && most > MOST_TEXT).then_some(Failure::TooLong);
            (Bounds::Size(least, most), failure)
        }
        _ => (Bounds::of_type(ty), None),
    }
}

fn integers(
    op: BinaryOp,
    ty: &Type,
    (a, b): (i128, i128),
    (c, d): (i128, i128),
    nonzero: bool,
) -> (Bounds, Option<Failure>) {
    // An empty range: the place is never reached.
    if a > b || c > d {
        return (Bounds::of_type(ty), None);
    }
    if matches!(op, BinaryOp::Div | BinaryOp::Rem) && c <= 0 && d >= 0 && !nonzero {
        return (Bounds::of_type(ty), Some(Failure::Zero));
    }
    let (least, most) = match op {
        BinaryOp::Add => (a + c, b + d),
        BinaryOp::Sub => (a - d, b - c),
        BinaryOp::Mul => spread([a * c, a * d, b * c, b * d]),
        BinaryOp::Div => {
            // The quotient is largest at the ends, or next to zero.
            let near = [c, d, -1, 1].into_iter().filter(|x| *x != 0 && (c..=d).contains(x));
            let all: Vec<i128> = near.flat_map(|x| [a / x, b / x]).chain([0]).collect();
            (all.iter().copied().min().unwrap_or(0), all.iter().copied().max().unwrap_or(0))
        }
        _ => {
            let most = c.abs().max(d.abs()).saturating_sub(1).max(0);
            // The crate refuses the one remainder whose quotient overflows.
            if a == i128::from(i64::MIN) && c <= -1 && d >= -1 {
                return (Bounds::of_type(ty), Some(Failure::Overflow));
            }
            (if a < 0 { -most } else { 0 }, if b > 0 { most } else { 0 })
        }
    };
    let (low, high) = match ty {
        Type::Timestamp => TIMESTAMPS,
        Type::Duration => DURATIONS,
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let fits = low <= least && most <= high;
    let bounds = Bounds::Int(least.clamp(low, high), most.clamp(low, high));
    (bounds, (!fits).then_some(Failure::Overflow))
}

fn spread(all: [i128; 4]) -> (i128, i128) {
    (all.iter().copied().min().unwrap_or(0), all.iter().copied().max().unwrap_or(0))
}

fn doubles(op: BinaryOp, (a, b): (f64, f64), (c, d): (f64, f64), nonzero: bool) -> (Bounds, Option<Failure>) {
    let everything = Bounds::Double(f64::NEG_INFINITY, f64::INFINITY);
    if a > b || c > d {
        return (everything, None);
    }
    let infinite = |x: f64, y: f64| x.is_infinite() || y.is_infinite();
    let zero = |x: f64, y: f64| x <= 0.0 && y >= 0.0;
    match op {
        BinaryOp::Add | BinaryOp::Sub => {
            let (c, d) = if op == BinaryOp::Sub { (-d, -c) } else { (c, d) };
            let opposite = a == f64::NEG_INFINITY && d == f64::INFINITY || b == f64::INFINITY && c == f64::NEG_INFINITY;
            if opposite { (everything, Some(Failure::NotANumber)) } else { (Bounds::Double(a + c, b + d), None) }
        }
        BinaryOp::Mul => {
            if infinite(a, b) && zero(c, d) || infinite(c, d) && zero(a, b) {
                return (everything, Some(Failure::NotANumber));
            }
            let all = [a * c, a * d, b * c, b * d];
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (Bounds::Double(least, most), None)
        }
        BinaryOp::Div => {
            if zero(c, d) && !nonzero {
                return (everything, Some(Failure::Zero));
            }
            if infinite(a, b) && infinite(c, d) {
                return (everything, Some(Failure::NotANumber));
            }
            if zero(c, d) {
                return (everything, None);
            }
            let all = [a / c, a / d, b / c, b / d];
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (Bounds::Double(least, most), None)
        }
        _ => (everything, None),
    }
}
