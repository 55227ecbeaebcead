//! Typed expressions written by hand, for tests that do not go through a text.

use super::typed::{Accessor, BinaryOp, Expr, Function, Kind, Literal, Macro, Type};
use crate::diag::Span;
use crate::facts::Var;

pub(crate) fn expr(kind: Kind, ty: Type) -> Expr {
    Expr { kind, ty, span: Span::default() }
}

fn boolean(kind: Kind) -> Expr {
    expr(kind, Type::Bool)
}

pub(crate) fn var(path: &str) -> Expr {
    let var = Var::from_path(path).unwrap();
    expr(Kind::Var(var), var.row().ty.into())
}

pub(crate) fn local(name: &str, ty: Type) -> Expr {
    expr(Kind::Local(name.to_owned()), ty)
}

pub(crate) fn header(name: &str) -> Expr {
    expr(Kind::Access(Accessor::Header(name.to_owned())), Type::String)
}

pub(crate) fn header_int(name: &str, absent: i64) -> Expr {
    expr(Kind::Access(Accessor::HeaderInt(name.to_owned(), absent)), Type::Int)
}

pub(crate) fn meta(name: &str) -> Expr {
    expr(Kind::Access(Accessor::Meta(name.to_owned())), Type::String)
}

pub(crate) fn yes(value: bool) -> Expr {
    boolean(Kind::Literal(Literal::Bool(value)))
}

pub(crate) fn int(value: i64) -> Expr {
    expr(Kind::Literal(Literal::Int(value)), Type::Int)
}

pub(crate) fn double(value: f64) -> Expr {
    expr(Kind::Literal(Literal::Double(value)), Type::Double)
}

pub(crate) fn text(value: &str) -> Expr {
    expr(Kind::Literal(Literal::String(value.to_owned())), Type::String)
}

pub(crate) fn list(items: Vec<Expr>) -> Expr {
    let ty = items.first().map_or(Type::String, |item| item.ty.clone());
    expr(Kind::List(items), Type::List(Box::new(ty)))
}

pub(crate) fn texts(items: &[&str]) -> Expr {
    list(items.iter().map(|item| text(item)).collect())
}

pub(crate) fn not(inner: Expr) -> Expr {
    boolean(Kind::Not(Box::new(inner)))
}

pub(crate) fn and(items: Vec<Expr>) -> Expr {
    boolean(Kind::And(items))
}

pub(crate) fn or(items: Vec<Expr>) -> Expr {
    boolean(Kind::Or(items))
}

pub(crate) fn cond(condition: Expr, yes: Expr, no: Expr) -> Expr {
    let ty = yes.ty.clone();
    expr(Kind::Cond(Box::new(condition), Box::new(yes), Box::new(no)), ty)
}

pub(crate) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let ty = match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => left.ty.clone(),
        _ => Type::Bool,
    };
    expr(Kind::Binary(op, Box::new(left), Box::new(right)), ty)
}

pub(crate) fn eq(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::Eq, left, right)
}

pub(crate) fn gt(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::Gt, left, right)
}

pub(crate) fn within(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::In, left, right)
}

pub(crate) fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    let ty = match function {
        Function::Size | Function::Int | Function::Time(_) => Type::Int,
        Function::Contains | Function::StartsWith | Function::EndsWith | Function::Matches => Type::Bool,
        Function::LowerAscii | Function::UpperAscii | Function::String => Type::String,
        Function::Double => Type::Double,
        Function::Duration => Type::Duration,
        Function::Timestamp => Type::Timestamp,
    };
    expr(Kind::Call(function, arguments), ty)
}

pub(crate) fn contains(value: Expr, needle: &str) -> Expr {
    call(Function::Contains, vec![value, text(needle)])
}

pub(crate) fn macro_call(kind: Macro, range: Expr, var: &str, filter: Option<Expr>, body: Expr) -> Expr {
    let ty = match kind {
        Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
        Macro::Filter => range.ty.clone(),
        Macro::Map => Type::List(Box::new(body.ty.clone())),
    };
    let kind = Kind::Macro {
        kind,
        range: Box::new(range),
        var: var.to_owned(),
        filter: filter.map(Box::new),
        body: Box::new(body),
    };
    expr(kind, ty)
}

/// A condition that fails on every request: a missing key. The checker refuses such conditions;
/// the evaluators must still agree on them.
pub(crate) fn failing() -> Expr {
    let map = expr(Kind::Map(vec![(text("a"), int(1))]), Type::Map(Box::new(Type::String), Box::new(Type::Int)));
    eq(expr(Kind::Index(Box::new(map), Box::new(var("request.model"))), Type::Int), int(1))
}
