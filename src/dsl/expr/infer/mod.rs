//! Gives every node of an expression its type and resolves its names against the variable table,
//! the route's `let`s and the variables of enclosing macros. A `let` is inlined where it is used.
//!
//! A node that is wrong is reported once and yields nothing; its siblings are still looked at.

mod calls;
mod macros;
mod names;
mod operators;

use rustc_hash::{FxHashMap, FxHashSet};

use super::ast::{Raw, RawKind};
use super::safety;
use super::typed::{Expr, Kind, Literal, Type};
use crate::bounds::{MAX_EXPRESSION_HEIGHT, MAX_EXPRESSION_NODES};
use crate::diag::{Code, Diagnostic, Sources, Span};

/// Where an expression stands, which decides what it can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// the condition of a rule, a `let`, the `when` of an invariant
    When,
    /// `where` and `require`: one candidate is being judged
    Candidate,
    /// `by`
    By,
}

/// A `let` of the route.
#[derive(Clone, Debug)]
pub(crate) struct Let {
    /// what it stands for; None when it was wrong
    pub(crate) expr: Option<Expr>,
    /// nodes of the expression
    pub(crate) nodes: usize,
    /// levels of the expression
    pub(crate) height: usize,
    /// where its name stands
    pub(crate) span: Span,
    /// whether anything reads it
    pub(crate) used: bool,
}

/// Names that a policy declares, for comparisons with literals.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) models: FxHashSet<String>,
    pub(crate) providers: FxHashSet<String>,
    pub(crate) tenants: FxHashSet<String>,
    pub(crate) model_tags: FxHashSet<String>,
}

/// What all expressions of a policy share.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) declared: &'a Declared,
}

/// Types one expression.
pub(crate) struct Infer<'a, 'b> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) lets: &'b mut FxHashMap<String, Let>,
    pub(super) phase: Phase,
    /// variables of the enclosing macros, innermost last
    pub(super) locals: Vec<(String, Type)>,
    /// nodes so far, inlined ones included
    pub(super) nodes: usize,
    pub(super) findings: &'b mut Vec<Diagnostic>,
}

/// Types an expression and proves that it cannot fail. None when anything is wrong with it.
pub(crate) fn infer(
    raw: &Raw,
    shared: &Shared<'_>,
    lets: &mut FxHashMap<String, Let>,
    phase: Phase,
    findings: &mut Vec<Diagnostic>,
) -> Option<Expr> {
    let before = findings.len();
    let expr = typed(raw, shared, lets, phase, findings)?;
    safety::check(&expr, shared.sources, findings);
    (findings.len() == before).then_some(expr)
}

/// Types an expression without the proof, for a `let`: a guard may stand where it is used.
pub(crate) fn typed(
    raw: &Raw,
    shared: &Shared<'_>,
    lets: &mut FxHashMap<String, Let>,
    phase: Phase,
    findings: &mut Vec<Diagnostic>,
) -> Option<Expr> {
    let before = findings.len();
    let mut infer = Infer { shared, lets, phase, locals: Vec::new(), nodes: 0, findings };
    let expr = infer.expr(raw)?;
    if infer.nodes > MAX_EXPRESSION_NODES {
        findings.push(
            Diagnostic::new(
                Code::P0211,
                raw.span,
                format!("with its `let`s this has more than {MAX_EXPRESSION_NODES} parts"),
            )
            .help("split it into several rules"),
        );
        return None;
    }
    if height(&expr) > MAX_EXPRESSION_HEIGHT {
        findings.push(
            Diagnostic::new(
                Code::P0003,
                raw.span,
                format!("with its `let`s this is more than {MAX_EXPRESSION_HEIGHT} levels deep"),
            )
            .help("write it flatter"),
        );
        return None;
    }
    (findings.len() == before).then_some(expr)
}

/// Types a rule's condition: a truth value.
pub(crate) fn condition(
    raw: &Raw,
    shared: &Shared<'_>,
    lets: &mut FxHashMap<String, Let>,
    phase: Phase,
    findings: &mut Vec<Diagnostic>,
) -> Option<Expr> {
    let expr = infer(raw, shared, lets, phase, findings)?;
    if expr.ty == Type::Bool {
        return Some(expr);
    }
    let text = shared.sources.slice(raw.span);
    let finding =
        Diagnostic::new(Code::P0201, raw.span, format!("a condition is true or false, this is of type {}", expr.ty));
    findings.push(match expr.ty {
        Type::Int | Type::Double => finding.help(format!("compare it: `{text} > 0`")),
        Type::String => finding.help(format!("compare it: `{text} != \"\"`")),
        Type::List(_) | Type::Map(..) => finding.help(format!("ask for its size: `{text}.size() > 0`")),
        _ => finding,
    });
    None
}

impl Infer<'_, '_> {
    pub(super) fn report(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    pub(super) fn text(&self, span: Span) -> &str {
        self.shared.sources.slice(span)
    }

    /// One node. Recursion is bounded by [`MAX_EXPRESSION_HEIGHT`], which the parser checked.
    pub(super) fn expr(&mut self, raw: &Raw) -> Option<Expr> {
        self.nodes = self.nodes.saturating_add(1);
        let literal = |literal, ty| Some(Expr { kind: Kind::Literal(literal), ty, span: raw.span });
        match &raw.kind {
            RawKind::Bad => None,
            RawKind::Bool(value) => literal(Literal::Bool(*value), Type::Bool),
            RawKind::Int(value) => literal(Literal::Int(*value), Type::Int),
            RawKind::Double(value) => literal(Literal::Double(*value), Type::Double),
            RawKind::String(value) => literal(Literal::String(value.clone()), Type::String),
            RawKind::Null => literal(Literal::Null, Type::Null),
            RawKind::Ident(name) => self.name(raw, name),
            RawKind::Select(inner, name) => self.select(raw, inner, name),
            RawKind::Index(inner, index) => self.index(raw, inner, index),
            RawKind::Call(receiver, name, arguments) => self.call(raw, receiver.as_deref(), name, arguments),
            RawKind::Not(inner) => self.not(raw, inner),
            RawKind::Neg(inner) => self.negate(raw, inner),
            RawKind::And(parts) => self.logic(raw, parts, true),
            RawKind::Or(parts) => self.logic(raw, parts, false),
            RawKind::Cond(condition, then, other) => self.ternary(raw, condition, then, other),
            RawKind::Binary(op, at, left, right) => self.binary(raw, *op, *at, left, right),
            RawKind::List(items) => self.list(raw, items),
            RawKind::Map(entries) => self.map(raw, entries),
        }
    }

    fn list(&mut self, raw: &Raw, items: &[Raw]) -> Option<Expr> {
        let typed: Vec<Option<Expr>> = items.iter().map(|item| self.expr(item)).collect();
        let mut typed: Vec<Expr> = typed.into_iter().collect::<Option<_>>()?;
        let element = self.one_type(&mut typed, "a list holds values of one type")?;
        Some(Expr {
            kind: Kind::List(typed),
            ty: Type::List(Box::new(element.unwrap_or(Type::String))),
            span: raw.span,
        })
    }

    /// The type that all have in common; an empty list takes its neighbours' type.
    fn one_type(&mut self, typed: &mut [Expr], rule: &str) -> Option<Option<Type>> {
        let Some(model) = typed.iter().find(|expr| !is_empty_list(expr)).or(typed.first()) else { return Some(None) };
        let (ty, span) = (model.ty.clone(), model.span);
        for expr in typed.iter_mut() {
            adopt(expr, &ty);
            if expr.ty != ty {
                let finding = Diagnostic::new(Code::P0205, expr.span, format!("{rule}; this is of type {}", expr.ty))
                    .also(span, format!("this is of type {ty}"));
                self.report(finding);
                return None;
            }
        }
        Some(Some(ty))
    }

    fn map(&mut self, raw: &Raw, entries: &[(Raw, Raw)]) -> Option<Expr> {
        let mut keys = Vec::new();
        let mut values = Vec::new();
        for (key, value) in entries {
            keys.push(self.expr(key));
            values.push(self.expr(value));
        }
        let mut keys: Vec<Expr> = keys.into_iter().collect::<Option<_>>()?;
        let mut values: Vec<Expr> = values.into_iter().collect::<Option<_>>()?;
        let mut seen: Vec<&Literal> = Vec::new();
        for key in &keys {
            let Kind::Literal(literal @ (Literal::String(_) | Literal::Int(_) | Literal::Bool(_))) = &key.kind else {
                let finding =
                    Diagnostic::new(Code::P0202, key.span, "the key of a map is a literal text, number or truth value");
                self.findings.push(finding);
                return None;
            };
            if seen.contains(&literal) {
                self.findings.push(Diagnostic::new(Code::P0107, key.span, "this key stands twice in the map"));
                return None;
            }
            seen.push(literal);
        }
        let key = self.one_type(&mut keys, "the keys of a map have one type")?.unwrap_or(Type::String);
        let value = self.one_type(&mut values, "the values of a map have one type")?.unwrap_or(Type::String);
        let ty = Type::Map(Box::new(key), Box::new(value));
        Some(Expr { kind: Kind::Map(keys.into_iter().zip(values).collect()), ty, span: raw.span })
    }

    fn index(&mut self, raw: &Raw, inner: &Raw, index: &Raw) -> Option<Expr> {
        let (inner, index) = (self.expr(inner), self.expr(index));
        let (inner, index) = (inner?, index?);
        let (wanted, element) = match &inner.ty {
            Type::List(element) => (Type::Int, (**element).clone()),
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            other => {
                let message = format!("`[…]` reads a list or a map, this is of type {other}");
                self.report(Diagnostic::new(Code::P0202, inner.span, message));
                return None;
            }
        };
        if index.ty != wanted {
            let message = format!("{} is read by a value of type {wanted}, this is of type {}", inner.ty, index.ty);
            self.report(Diagnostic::new(Code::P0202, index.span, message));
            return None;
        }
        Some(Expr { kind: Kind::Index(Box::new(inner), Box::new(index)), ty: element, span: raw.span })
    }
}

pub(super) fn is_empty_list(expr: &Expr) -> bool {
    matches!(&expr.kind, Kind::List(items) if items.is_empty())
}

/// An empty list literal has whatever list type it is used as.
pub(super) fn adopt(expr: &mut Expr, ty: &Type) {
    if is_empty_list(expr) && matches!(ty, Type::List(_)) {
        expr.ty = ty.clone();
    }
}

/// Levels from here to the deepest leaf.
pub(crate) fn height(expr: &Expr) -> usize {
    let mut deepest = 0;
    expr.for_each_part(&mut |child| deepest = deepest.max(height(child)));
    deepest + 1
}

/// Nodes of an expression.
pub(crate) fn nodes(expr: &Expr) -> usize {
    let mut total = 1;
    expr.for_each_part(&mut |child| total += nodes(child));
    total
}

/// Whether the table's paths start with this word.
pub(crate) fn is_root(name: &str) -> bool {
    names::roots().contains(&name)
}
