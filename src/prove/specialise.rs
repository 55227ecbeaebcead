//! Conditions with some of their variables known: constants put in, and folded.

use crate::diag::Span;
use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::expr::typed::{BinaryOp, Expr, Function, Kind, Literal, Type};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::{Scope, Var};

fn boolean(kind: Kind) -> Expr {
    Expr { kind, ty: Type::Bool, span: Span::default() }
}

/// `true` or `false`.
#[must_use]
pub(super) fn truth(value: bool) -> Expr {
    boolean(Kind::Literal(Literal::Bool(value)))
}

/// The constant that an expression is.
#[must_use]
pub(super) fn constant(expr: &Expr) -> Option<bool> {
    match expr.kind {
        Kind::Literal(Literal::Bool(value)) => Some(value),
        _ => None,
    }
}

/// `!x`, folded.
#[must_use]
pub(super) fn negation(expr: Expr) -> Expr {
    match expr.kind {
        Kind::Literal(Literal::Bool(value)) => truth(!value),
        Kind::Not(inner) => *inner,
        _ => boolean(Kind::Not(Box::new(expr))),
    }
}

/// `a && b && …`, folded.
#[must_use]
pub(super) fn all(parts: impl IntoIterator<Item = Expr>) -> Expr {
    chain(parts, false)
}

/// `a || b || …`, folded.
#[must_use]
pub(super) fn any(parts: impl IntoIterator<Item = Expr>) -> Expr {
    chain(parts, true)
}

fn chain(parts: impl IntoIterator<Item = Expr>, absorbing: bool) -> Expr {
    let mut kept = Vec::new();
    for part in parts {
        match constant(&part) {
            Some(value) if value == absorbing => return truth(absorbing),
            Some(_) => {}
            None => match part.kind {
                Kind::And(inner) if !absorbing => kept.extend(inner),
                Kind::Or(inner) if absorbing => kept.extend(inner),
                _ => kept.push(part),
            },
        }
    }
    match kept.len() {
        0 => truth(!absorbing),
        1 => kept.pop().unwrap_or_else(|| truth(!absorbing)),
        _ if absorbing => boolean(Kind::Or(kept)),
        _ => boolean(Kind::And(kept)),
    }
}

fn variable(var: Var) -> Expr {
    Expr { kind: Kind::Var(var), ty: var.row().ty.into(), span: Span::default() }
}

fn integer(value: i64) -> Expr {
    Expr { kind: Kind::Literal(Literal::Int(value)), ty: Type::Int, span: Span::default() }
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    boolean(Kind::Binary(op, Box::new(left), Box::new(right)))
}

/// `var <= most`.
#[must_use]
pub(super) fn at_most(var: Var, most: i64) -> Expr {
    binary(BinaryOp::Le, variable(var), integer(most))
}

/// `var.size() == 0`.
#[must_use]
pub(super) fn is_empty(var: Var) -> Expr {
    let size = Expr { kind: Kind::Call(Function::Size, vec![variable(var)]), ty: Type::Int, span: Span::default() };
    binary(BinaryOp::Eq, size, integer(0))
}

/// `var != "text"`.
#[must_use]
pub(super) fn is_not(var: Var, text: &str) -> Expr {
    let text = literal(&Owned::Str(text.to_owned()));
    binary(BinaryOp::Ne, variable(var), text)
}

fn literal(value: &Owned) -> Expr {
    let text = |text: &str| Expr {
        kind: Kind::Literal(Literal::String(text.to_owned())),
        ty: Type::String,
        span: Span::default(),
    };
    let plain = |literal, ty| Expr { kind: Kind::Literal(literal), ty, span: Span::default() };
    match value {
        Owned::Bool(value) => plain(Literal::Bool(*value), Type::Bool),
        Owned::Int(value) => plain(Literal::Int(*value), Type::Int),
        Owned::Double(value) => plain(Literal::Double(*value), Type::Double),
        Owned::Str(value) => text(value),
        Owned::List(items) => Expr {
            kind: Kind::List(items.iter().map(|item| text(item)).collect()),
            ty: Type::List(Box::new(Type::String)),
            span: Span::default(),
        },
        Owned::Time(moment) => plain(Literal::Timestamp(*moment), Type::Timestamp),
    }
}

/// The same condition with what is known put in; whatever then reads nothing is evaluated.
#[must_use]
pub(super) fn specialise(expr: &Expr, known: &dyn Fn(Var) -> Option<Owned>) -> Expr {
    let mut done = expr.clone();
    put_in(&mut done, known);
    fold(done)
}

fn put_in(expr: &mut Expr, known: &dyn Fn(Var) -> Option<Owned>) {
    if let Kind::Var(var) = expr.kind
        && let Some(value) = known(var)
    {
        let span = expr.span;
        *expr = Expr { span, ..literal(&value) };
        return;
    }
    expr.for_each_part_mut(&mut |part| put_in(part, known));
}

fn fold(expr: Expr) -> Expr {
    match expr.kind {
        Kind::Not(inner) => negation(fold(*inner)),
        Kind::And(items) => all(items.into_iter().map(fold)),
        Kind::Or(items) => any(items.into_iter().map(fold)),
        Kind::Cond(condition, yes, no) if expr.ty == Type::Bool => {
            let condition = fold(*condition);
            match constant(&condition) {
                Some(true) => fold(*yes),
                Some(false) => fold(*no),
                None => boolean(Kind::Cond(Box::new(condition), Box::new(fold(*yes)), Box::new(fold(*no)))),
            }
        }
        _ if reads_nothing(&expr) => match Condition::new(&expr).eval(&GivenFacts::default()) {
            Verdict::True => truth(true),
            Verdict::False => truth(false),
            Verdict::Error(_) => expr,
        },
        _ => expr,
    }
}

fn reads_nothing(expr: &Expr) -> bool {
    !mentions(expr, &|part| matches!(part.kind, Kind::Var(_) | Kind::Access(_)))
}

/// Whether a part of an expression is so.
pub(super) fn mentions(expr: &Expr, is_so: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = is_so(expr);
    expr.for_each_part(&mut |part| found = found || mentions(part, is_so));
    found
}

/// A condition that holds whenever `expr` may hold (`may`), or only when it must, whatever the
/// `model.*` that are left in it are: those change while a policy is in use.
#[must_use]
pub(super) fn without_live(expr: &Expr, may: bool) -> Expr {
    let is_live = |part: &Expr| matches!(part.kind, Kind::Var(var) if var.row().scope == Scope::Model);
    if !mentions(expr, &is_live) {
        return expr.clone();
    }
    match &expr.kind {
        Kind::Not(inner) => negation(without_live(inner, !may)),
        Kind::And(items) => all(items.iter().map(|item| without_live(item, may))),
        Kind::Or(items) => any(items.iter().map(|item| without_live(item, may))),
        Kind::Cond(condition, yes, no) if expr.ty == Type::Bool => {
            let (yes, no) = (without_live(yes, may), without_live(no, may));
            if mentions(condition, &is_live) {
                return if may { any([yes, no]) } else { all([yes, no]) };
            }
            boolean(Kind::Cond(condition.clone(), Box::new(yes), Box::new(no)))
        }
        _ => truth(may),
    }
}
