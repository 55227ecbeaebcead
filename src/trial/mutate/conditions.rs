//! A condition written a little differently: each place at which somebody may have slipped.

use crate::diag::Span;
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{BinaryOp, Expr, Function, Kind, Literal, Type};

/// An expression with one change in it.
pub(super) struct Altered {
    /// the whole expression
    pub(super) expr: Expr,
    /// the smallest part that shows the change, before
    pub(super) before: String,
    /// the same part after
    pub(super) after: String,
    /// where that part stands
    pub(super) span: Span,
}

/// Every change of an expression of type bool, from left to right.
pub(super) fn alter(expr: &Expr) -> Vec<Altered> {
    let mut found = Vec::new();
    for kind in here(expr) {
        let altered = Expr { kind, ty: expr.ty.clone(), span: expr.span };
        found.push(Altered { before: cel_text(expr), after: cel_text(&altered), expr: altered, span: expr.span });
    }
    inside(expr, &mut found);
    found
}

/// The changes of parts, each put back into the whole.
fn inside(expr: &Expr, found: &mut Vec<Altered>) {
    match &expr.kind {
        Kind::Not(inner) => {
            // Twice negated is the atom itself, which stands among the changes already.
            let doubled = |part: &Altered| is_atom(inner) && matches!(part.expr.kind, Kind::Not(_));
            let parts = alter(inner).into_iter().filter(|part| !doubled(part));
            found.extend(parts.map(|part| within(expr, part, |part| Kind::Not(Box::new(part)))));
        }
        Kind::And(items) => in_chain(expr, items, found, Kind::And),
        Kind::Or(items) => in_chain(expr, items, found, Kind::Or),
        Kind::Cond(condition, yes, no) => {
            let boxed = |part: &Expr| Box::new(part.clone());
            found.extend(
                alter(condition)
                    .into_iter()
                    .map(|part| within(expr, part, |part| Kind::Cond(Box::new(part), boxed(yes), boxed(no)))),
            );
            found.extend(
                alter(yes)
                    .into_iter()
                    .map(|part| within(expr, part, |part| Kind::Cond(boxed(condition), Box::new(part), boxed(no)))),
            );
            found.extend(
                alter(no)
                    .into_iter()
                    .map(|part| within(expr, part, |part| Kind::Cond(boxed(condition), boxed(yes), Box::new(part)))),
            );
        }
        _ => {}
    }
}

fn in_chain(whole: &Expr, items: &[Expr], found: &mut Vec<Altered>, make: fn(Vec<Expr>) -> Kind) {
    for (number, item) in items.iter().enumerate() {
        for part in alter(item) {
            found.push(within(whole, part, |part| {
                let mut items = items.to_vec();
                if let Some(slot) = items.get_mut(number) {
                    *slot = part;
                }
                make(items)
            }));
        }
    }
}

fn within(whole: &Expr, part: Altered, put: impl FnOnce(Expr) -> Kind) -> Altered {
    let expr = Expr { kind: put(part.expr), ty: whole.ty.clone(), span: whole.span };
    Altered { expr, ..part }
}

/// The changes of this very node.
fn here(expr: &Expr) -> Vec<Kind> {
    let mut found = Vec::new();
    match &expr.kind {
        Kind::And(items) => {
            found.push(Kind::Or(items.clone()));
            found.extend(shorter(items, Kind::And));
        }
        Kind::Or(items) => {
            found.push(Kind::And(items.clone()));
            found.extend(shorter(items, Kind::Or));
        }
        Kind::Not(inner) => found.push(inner.kind.clone()),
        Kind::Cond(condition, yes, no) if yes != no => {
            found.push(Kind::Cond(condition.clone(), no.clone(), yes.clone()));
        }
        Kind::Cond(..) | Kind::Literal(_) => {}
        Kind::Binary(op, left, right) => {
            found.extend(compared(*op, left, right));
            found.push(Kind::Not(Box::new(expr.clone())));
        }
        Kind::Call(Function::StartsWith | Function::EndsWith, items) => {
            found.push(Kind::Call(Function::Contains, items.clone()));
            found.push(Kind::Not(Box::new(expr.clone())));
        }
        Kind::Macro { kind, range, var, filter, body } => {
            for list in shorter_lists(range) {
                let range = Box::new(list);
                let (var, filter, body) = (var.clone(), filter.clone(), body.clone());
                found.push(Kind::Macro { kind: *kind, range, var, filter, body });
            }
            found.push(Kind::Not(Box::new(expr.clone())));
        }
        _ => found.push(Kind::Not(Box::new(expr.clone()))),
    }
    found
}

/// A chain without one of its parts.
fn shorter(items: &[Expr], make: fn(Vec<Expr>) -> Kind) -> Vec<Kind> {
    let without = |number: usize| {
        let mut left = items.to_vec();
        left.remove(number);
        if left.len() == 1 { left.pop().map(|one| one.kind) } else { Some(make(left)) }
    };
    (0..items.len()).filter_map(without).collect()
}

/// A comparison that is off by one, or a list that misses one.
fn compared(op: BinaryOp, left: &Expr, right: &Expr) -> Vec<Kind> {
    let binary = |op, left: Expr, right: Expr| Kind::Binary(op, Box::new(left), Box::new(right));
    let mut found = Vec::new();
    let boundary = match op {
        BinaryOp::Lt => Some((BinaryOp::Le, -1)),
        BinaryOp::Le => Some((BinaryOp::Lt, 1)),
        BinaryOp::Gt => Some((BinaryOp::Ge, 1)),
        BinaryOp::Ge => Some((BinaryOp::Gt, -1)),
        _ => None,
    };
    if let Some((other, step)) = boundary {
        found.push(binary(other, left.clone(), right.clone()));
        // The operator covers one side of the boundary, the number the other.
        if let Some(moved) = moved(right, step) {
            found.push(binary(op, left.clone(), moved));
        } else if let Some(moved) = moved(left, -step) {
            found.push(binary(op, moved, right.clone()));
        }
    }
    if let BinaryOp::Eq | BinaryOp::Ne = op
        && let Some(moved) = moved(right, 1)
    {
        found.push(binary(op, left.clone(), moved));
    }
    if op == BinaryOp::In {
        found.extend(shorter_lists(right).into_iter().map(|list| binary(op, left.clone(), list)));
    }
    found
}

fn moved(expr: &Expr, step: i64) -> Option<Expr> {
    let Kind::Literal(Literal::Int(number)) = expr.kind else { return None };
    let kind = Kind::Literal(Literal::Int(number.checked_add(step)?));
    (expr.ty == Type::Int).then(|| Expr { kind, ..expr.clone() })
}

/// A written list without one of its elements.
fn shorter_lists(expr: &Expr) -> Vec<Expr> {
    let Kind::List(items) = &expr.kind else { return Vec::new() };
    if items.len() < 2 {
        return Vec::new();
    }
    let without = |number: usize| {
        let mut left = items.clone();
        left.remove(number);
        Expr { kind: Kind::List(left), ..expr.clone() }
    };
    (0..items.len()).map(without).collect()
}

fn is_atom(expr: &Expr) -> bool {
    !matches!(expr.kind, Kind::Not(_) | Kind::And(_) | Kind::Or(_) | Kind::Cond(..))
}
