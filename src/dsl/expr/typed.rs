//! A checked expression: every node has its type, names are resolved, `let` is inlined.
//!
//! The plain evaluator and the compiler read only this. An expression that stands here cannot
//! fail at run time (see the checks of family P02).

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::diag::Span;
use crate::facts::{FactType, Var};

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// true or false
    Bool,
    /// 64-bit whole number
    Int,
    /// 64-bit floating-point number
    Double,
    /// text
    String,
    /// `null`
    Null,
    /// a span of time
    Duration,
    /// a moment
    Timestamp,
    /// a list of one type
    List(Box<Type>),
    /// a map from one type to another
    Map(Box<Type>, Box<Type>),
}

impl From<FactType> for Type {
    fn from(ty: FactType) -> Self {
        match ty {
            FactType::Bool => Self::Bool,
            FactType::Int => Self::Int,
            FactType::Double => Self::Double,
            FactType::Str => Self::String,
            FactType::List => Self::List(Box::new(Self::String)),
            FactType::Time => Self::Timestamp,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => out.write_str("bool"),
            Self::Int => out.write_str("int"),
            Self::Double => out.write_str("double"),
            Self::String => out.write_str("string"),
            Self::Null => out.write_str("null"),
            Self::Duration => out.write_str("duration"),
            Self::Timestamp => out.write_str("timestamp"),
            Self::List(element) => write!(out, "list<{element}>"),
            Self::Map(key, value) => write!(out, "map<{key}, {value}>"),
        }
    }
}

/// A literal value. `duration("…")` and `timestamp("…")` of a literal are literals too.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true`, `false`
    Bool(bool),
    /// `12`
    Int(i64),
    /// `0.5`
    Double(f64),
    /// `"a"`
    String(String),
    /// `null`
    Null,
    /// `duration("90s")`
    Duration(TimeDelta),
    /// `timestamp("2026-01-01T00:00:00Z")`
    Timestamp(DateTime<Utc>),
}

/// `request.header(name)` and its siblings. Header names are lower-case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Accessor {
    /// text of a header
    Header(String),
    /// a header as a number, with the number when absent
    HeaderInt(String, i64),
    /// text of a metadata value
    Meta(String),
    /// a metadata value as a number, with the number when absent
    MetaInt(String, i64),
}

/// Two-sided operators other than `&&`, `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

/// Macros over a list or a map's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Macro {
    /// `all`
    All,
    /// `exists`
    Exists,
    /// `exists_one`
    ExistsOne,
    /// `filter`
    Filter,
    /// `map`; three arguments carry a filter
    Map,
}

/// Functions and methods, by CEL's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `size(x)`, `x.size()`
    Size,
    /// `s.contains(t)`
    Contains,
    /// `s.startsWith(t)`
    StartsWith,
    /// `s.endsWith(t)`
    EndsWith,
    /// `s.matches(r)`, `r` always a literal that compiles
    Matches,
    /// `s.lowerAscii()`
    LowerAscii,
    /// `s.upperAscii()`
    UpperAscii,
    /// `int(x)`
    Int,
    /// `double(x)`
    Double,
    /// `string(x)`
    String,
    /// `duration(x)` of something that is not a literal
    Duration,
    /// `timestamp(x)` of something that is not a literal
    Timestamp,
    /// a getter of a timestamp or duration, such as `getHours`; the time zone is a literal
    Time(TimePart),
}

/// What a time getter gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// `getFullYear`
    FullYear,
    /// `getMonth`, 0 to 11
    Month,
    /// `getDate`, 1 to 31
    Date,
    /// `getDayOfMonth`, 0 to 30
    DayOfMonth,
    /// `getDayOfWeek`, 0 (Sunday) to 6
    DayOfWeek,
    /// `getDayOfYear`, 0 to 365
    DayOfYear,
    /// `getHours`
    Hours,
    /// `getMinutes`
    Minutes,
    /// `getSeconds`
    Seconds,
    /// `getMilliseconds`
    Milliseconds,
}

/// A node with its type and place. After inlining, the place of a node is where it was written,
/// so a node from a `let` points into the `let`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// what it is
    pub kind: Kind,
    /// its type
    pub ty: Type,
    /// where it was written
    pub span: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// a literal
    Literal(Literal),
    /// a variable of the table
    Var(Var),
    /// `request.header("x")` and the like
    Access(Accessor),
    /// the variable of an enclosing macro
    Local(String),
    /// `!x`
    Not(Box<Expr>),
    /// `-x`
    Neg(Box<Expr>),
    /// `a && b && c`, two or more, flat
    And(Vec<Expr>),
    /// `a || b || c`, two or more, flat
    Or(Vec<Expr>),
    /// `c ? a : b`
    Cond(Box<Expr>, Box<Expr>, Box<Expr>),
    /// any other two-sided operator
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// a call; the receiver of a method is the first argument
    Call(Function, Vec<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{k: v}`
    Map(Vec<(Expr, Expr)>),
    /// `x[i]`
    Index(Box<Expr>, Box<Expr>),
    /// `x.name` on a map
    Field(Box<Expr>, String),
    /// `has(x.name)` on a map
    Has(Box<Expr>, String),
    /// `range.all(v, body)` and the like
    Macro {
        /// which
        kind: Macro,
        /// what is walked over
        range: Box<Expr>,
        /// its variable
        var: String,
        /// the filter of a three-argument `map`
        filter: Option<Box<Expr>>,
        /// what is asked of, or made from, each element
        body: Box<Expr>,
    },
}

impl Expr {
    /// Calls `visit` with each direct part, from left to right.
    pub fn for_each_part<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match &self.kind {
            Kind::Literal(_) | Kind::Var(_) | Kind::Access(_) | Kind::Local(_) => {}
            Kind::Not(inner) | Kind::Neg(inner) | Kind::Field(inner, _) | Kind::Has(inner, _) => visit(inner),
            Kind::And(items) | Kind::Or(items) | Kind::Call(_, items) | Kind::List(items) => {
                items.iter().for_each(visit);
            }
            Kind::Cond(condition, yes, no) => [condition, yes, no].into_iter().for_each(|part| visit(part)),
            Kind::Binary(_, left, right) | Kind::Index(left, right) => {
                visit(left);
                visit(right);
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
            }
            Kind::Macro { range, filter, body, .. } => {
                visit(range);
                if let Some(filter) = filter {
                    visit(filter);
                }
                visit(body);
            }
        }
    }

    /// Calls `visit` with each direct part, from left to right; it may put something else there.
    pub fn for_each_part_mut(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        match &mut self.kind {
            Kind::Literal(_) | Kind::Var(_) | Kind::Access(_) | Kind::Local(_) => {}
            Kind::Not(inner) | Kind::Neg(inner) | Kind::Field(inner, _) | Kind::Has(inner, _) => visit(inner),
            Kind::And(items) | Kind::Or(items) | Kind::Call(_, items) | Kind::List(items) => {
                items.iter_mut().for_each(visit);
            }
            Kind::Cond(condition, yes, no) => [condition, yes, no].into_iter().for_each(|part| visit(part)),
            Kind::Binary(_, left, right) | Kind::Index(left, right) => {
                visit(left);
                visit(right);
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
            }
            Kind::Macro { range, filter, body, .. } => {
                visit(range);
                if let Some(filter) = filter {
                    visit(filter);
                }
                visit(body);
            }
        }
    }
}
