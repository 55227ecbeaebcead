//! An expression as written: nothing looked up, nothing typed.

use crate::diag::Span;
use crate::dsl::ast::Word;
use crate::dsl::expr::typed::BinaryOp;

/// A node with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw {
    /// what it is
    pub kind: RawKind,
    /// where it stands
    pub span: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum RawKind {
    /// `true`
    Bool(bool),
    /// `12`
    Int(i64),
    /// `0.5`
    Double(f64),
    /// `"a"`
    String(String),
    /// `null`
    Null,
    /// a name
    Ident(String),
    /// `f(x)`, or `r.f(x)` with a receiver
    Call(Option<Box<Raw>>, Word, Vec<Raw>),
    /// `x.name`
    Select(Box<Raw>, Word),
    /// `x[i]`
    Index(Box<Raw>, Box<Raw>),
    /// `!x`
    Not(Box<Raw>),
    /// `-x`
    Neg(Box<Raw>),
    /// `a && b`, flat
    And(Vec<Raw>),
    /// `a || b`, flat
    Or(Vec<Raw>),
    /// `c ? a : b`
    Cond(Box<Raw>, Box<Raw>, Box<Raw>),
    /// any other two-sided operator, with the operator's place
    Binary(BinaryOp, Span, Box<Raw>, Box<Raw>),
    /// `[a, b]`
    List(Vec<Raw>),
    /// `{k: v}`
    Map(Vec<(Raw, Raw)>),
    /// already reported
    Bad,
}

impl Raw {
    /// A node that stands for something already reported.
    #[must_use]
    pub fn bad(span: Span) -> Self {
        Self { kind: RawKind::Bad, span }
    }

    /// The dotted path of a chain of names, such as `request.text`.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        match &self.kind {
            RawKind::Ident(name) => Some(name.clone()),
            RawKind::Select(inner, name) => {
                let mut path = inner.path()?;
                path.push('.');
                path.push_str(&name.text);
                Some(path)
            }
            _ => None,
        }
    }

    /// Levels from here to the deepest leaf.
    #[must_use]
    pub fn height(&self) -> usize {
        let below = match &self.kind {
            RawKind::Select(inner, _) | RawKind::Not(inner) | RawKind::Neg(inner) => inner.height(),
            RawKind::Call(receiver, _, args) => {
                receiver.iter().map(|inner| inner.height()).chain(args.iter().map(Self::height)).max().unwrap_or(0)
            }
            RawKind::Index(a, b) | RawKind::Binary(_, _, a, b) => a.height().max(b.height()),
            RawKind::Cond(a, b, c) => a.height().max(b.height()).max(c.height()),
            RawKind::And(parts) | RawKind::Or(parts) | RawKind::List(parts) => {
                parts.iter().map(Self::height).max().unwrap_or(0)
            }
            RawKind::Map(entries) => entries.iter().map(|(k, v)| k.height().max(v.height())).max().unwrap_or(0),
            _ => 0,
        };
        below.saturating_add(1)
    }
}
