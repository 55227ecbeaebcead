//! The plain evaluator: a condition as it is written, every atom through the CEL crate.
//!
//! Its connectives follow CEL's rules for errors: `&&` is false when any side is false, `||` true
//! when any is true, whatever the others are; `!` and the condition of `?:` pass an error on.
//! `explain`, tests, audits and the proof that the compiled tree is right all use this. It is
//! not fast: the compiled tree is.

mod computed;
mod explain;

use super::cel::{Prepared, Read};
use super::typed::{Accessor, Expr, Kind, Literal, Type};
use crate::diag::Span;
use crate::facts::{Facts, Var};

pub use computed::Computed;
pub use explain::{Explanation, Saw, Step};

/// What a condition says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// it holds
    True,
    /// it does not hold
    False,
    /// it could not be evaluated, and why
    Error(String),
}

impl From<bool> for Verdict {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// An expression without connectives of its own.
#[derive(Clone, Debug)]
pub struct Atom {
    /// the expression, of type bool
    pub expr: Expr,
    prepared: Prepared,
}

impl Atom {
    /// Prepares an expression of type bool.
    #[must_use]
    pub fn new(expr: Expr) -> Self {
        let prepared = Prepared::new(&expr);
        Self { expr, prepared }
    }

    /// Its value, by the CEL crate.
    #[must_use]
    pub fn eval(&self, facts: &dyn Facts) -> Verdict {
        match self.prepared.boolean(facts) {
            Ok(value) => value.into(),
            Err(error) => Verdict::Error(error),
        }
    }

    /// The variables that it reads, each once.
    pub fn vars(&self) -> impl Iterator<Item = Var> {
        self.prepared.reads().iter().filter_map(|read| match read {
            Read::Var(var) => Some(*var),
            Read::Access(_) => None,
        })
    }

    /// The headers and metadata that it reads.
    pub fn accessors(&self) -> impl Iterator<Item = &Accessor> {
        self.prepared.reads().iter().filter_map(|read| match read {
            Read::Var(_) => None,
            Read::Access(accessor) => Some(accessor),
        })
    }
}

/// Where a condition's atoms get their values from: facts, or, in a proof over all cases, an
/// assumption about each.
pub trait Atoms {
    /// The value of an atom.
    fn verdict(&self, atom: &Atom) -> Verdict;
}

/// Atoms evaluated on facts.
struct OnFacts<'a>(&'a dyn Facts);

impl Atoms for OnFacts<'_> {
    fn verdict(&self, atom: &Atom) -> Verdict {
        atom.eval(self.0)
    }
}

/// A condition ready to be evaluated any number of times.
#[derive(Clone, Debug)]
pub struct Condition {
    root: Node,
}

/// A connective or an atom, with its place.
#[derive(Clone, Debug)]
struct Node {
    span: Span,
    kind: NodeKind,
}

#[derive(Clone, Debug)]
enum NodeKind {
    Constant(bool),
    Atom(Box<Atom>),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Cond(Box<[Node; 3]>),
}

impl Condition {
    /// Prepares an expression of type bool.
    #[must_use]
    pub fn new(expr: &Expr) -> Self {
        Self { root: prepare(expr) }
    }

    /// Evaluates it. Facts are read only as far as they are needed, from left to right.
    #[must_use]
    pub fn eval(&self, facts: &dyn Facts) -> Verdict {
        self.eval_with(&OnFacts(facts))
    }

    /// Evaluates its connectives over given values of its atoms.
    #[must_use]
    pub fn eval_with(&self, atoms: &dyn Atoms) -> Verdict {
        eval(&self.root, atoms)
    }

    /// Evaluates it and keeps what was seen on the way.
    #[must_use]
    pub fn explain(&self, facts: &dyn Facts) -> Explanation {
        explain::explain(&self.root, facts)
    }

    /// Its atoms, from left to right.
    #[must_use]
    pub fn atoms(&self) -> Vec<&Atom> {
        let mut found = Vec::new();
        collect(&self.root, &mut found);
        found
    }
}

/// The text that an expression of type string gives.
///
/// # Errors
/// The CEL crate's message, when it cannot be evaluated.
pub fn eval_string(expr: &Expr, facts: &dyn Facts) -> Result<String, String> {
    match &expr.kind {
        // The usual `by user.id`: nothing to evaluate.
        Kind::Var(var) if expr.ty == Type::String => Ok(facts.get(*var).as_str().to_owned()),
        _ => Prepared::new(expr).string(facts),
    }
}

/// The pattern of a `matches` as it is run, within [`crate::bounds::MAX_REGEX_BYTES`]; None when it
/// does not compile.
#[must_use]
pub fn pattern(text: &str) -> Option<regex::Regex> {
    super::cel::compiled(text)
}

fn prepare(expr: &Expr) -> Node {
    let boxed = |expr: &Expr| Box::new(prepare(expr));
    let kind = match &expr.kind {
        Kind::Literal(Literal::Bool(value)) => NodeKind::Constant(*value),
        Kind::Not(inner) => NodeKind::Not(boxed(inner)),
        Kind::And(items) => NodeKind::And(items.iter().map(prepare).collect()),
        Kind::Or(items) => NodeKind::Or(items.iter().map(prepare).collect()),
        Kind::Cond(condition, yes, no) => NodeKind::Cond(Box::new([prepare(condition), prepare(yes), prepare(no)])),
        _ => NodeKind::Atom(Box::new(Atom::new(expr.clone()))),
    };
    Node { span: expr.span, kind }
}

fn eval(node: &Node, atoms: &dyn Atoms) -> Verdict {
    match &node.kind {
        NodeKind::Constant(value) => (*value).into(),
        NodeKind::Atom(atom) => atoms.verdict(atom),
        NodeKind::Not(inner) => negate(eval(inner, atoms)),
        NodeKind::And(items) => chain(items, atoms, &Verdict::False),
        NodeKind::Or(items) => chain(items, atoms, &Verdict::True),
        NodeKind::Cond(parts) => {
            let [condition, yes, no] = parts.as_ref();
            match eval(condition, atoms) {
                Verdict::True => eval(yes, atoms),
                Verdict::False => eval(no, atoms),
                error @ Verdict::Error(_) => error,
            }
        }
    }
}

fn negate(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::True => Verdict::False,
        Verdict::False => Verdict::True,
        error @ Verdict::Error(_) => error,
    }
}

/// `&&` or `||`: the absorbing value wins over everything, an error over the rest.
fn chain(items: &[Node], atoms: &dyn Atoms, absorbing: &Verdict) -> Verdict {
    let mut result = negate(absorbing.clone());
    for item in items {
        let verdict = eval(item, atoms);
        if verdict == *absorbing {
            return verdict;
        }
        if !matches!(result, Verdict::Error(_)) {
            result = verdict;
        }
    }
    result
}

fn collect<'a>(node: &'a Node, found: &mut Vec<&'a Atom>) {
    match &node.kind {
        NodeKind::Constant(_) => {}
        NodeKind::Atom(atom) => found.push(atom),
        NodeKind::Not(inner) => collect(inner, found),
        NodeKind::And(items) | NodeKind::Or(items) => items.iter().for_each(|item| collect(item, found)),
        NodeKind::Cond(parts) => parts.iter().for_each(|part| collect(part, found)),
    }
}
