//! Conditions that hold for every request, as far as that is plain to see: literals, and
//! comparisons that the ranges of the variable table decide.

use crate::dsl::expr::typed::{BinaryOp, Expr, Kind, Literal};
use crate::facts::schema::Range;

/// True or false for every request; None when it depends, or is not plain. An accepted condition
/// cannot fail, so the order of its parts does not matter. Its height is bounded by the checker.
pub(super) fn constant(expr: &Expr) -> Option<bool> {
    match &expr.kind {
        Kind::Literal(Literal::Bool(truth)) => Some(*truth),
        Kind::Not(inner) => constant(inner).map(|truth| !truth),
        Kind::And(parts) => all(parts, true),
        Kind::Or(parts) => all(parts, false),
        Kind::Cond(condition, then, other) => match constant(condition) {
            Some(true) => constant(then),
            Some(false) => constant(other),
            None => constant(then).filter(|truth| constant(other) == Some(*truth)),
        },
        Kind::Binary(op, left, right) => compared(*op, left, right),
        _ => None,
    }
}

/// A chain is its `neutral` value when all parts are, and the other as soon as one is.
fn all(parts: &[Expr], neutral: bool) -> Option<bool> {
    let mut open = false;
    for part in parts {
        match constant(part) {
            Some(truth) if truth != neutral => return Some(!neutral),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(neutral)
}

fn compared(op: BinaryOp, left: &Expr, right: &Expr) -> Option<bool> {
    if let (Kind::Literal(Literal::String(left)), Kind::Literal(Literal::String(right))) = (&left.kind, &right.kind) {
        return match op {
            BinaryOp::Eq => Some(left == right),
            BinaryOp::Ne => Some(left != right),
            _ => None,
        };
    }
    let ((least, most), (low, high)) = (range(left)?, range(right)?);
    match op {
        BinaryOp::Lt => decided(most < low, least >= high),
        BinaryOp::Le => decided(most <= low, least > high),
        BinaryOp::Gt => decided(least > high, most <= low),
        BinaryOp::Ge => decided(least >= high, most < low),
        BinaryOp::Eq => decided(least == most && low == high && least == low, most < low || high < least),
        BinaryOp::Ne => decided(most < low || high < least, least == most && low == high && least == low),
        _ => None,
    }
}

fn decided(yes: bool, no: bool) -> Option<bool> {
    if yes { Some(true) } else { no.then_some(false) }
}

/// The whole numbers that a literal or a variable can be.
fn range(expr: &Expr) -> Option<(i64, i64)> {
    match &expr.kind {
        Kind::Literal(Literal::Int(number)) => Some((*number, *number)),
        Kind::Neg(inner) => match inner.kind {
            Kind::Literal(Literal::Int(number)) => number.checked_neg().map(|number| (number, number)),
            _ => None,
        },
        Kind::Var(var) => match var.row().range {
            Range::Int(least, most) => Some((least, most)),
            _ => None,
        },
        _ => None,
    }
}
