//! A typed expression as CEL text, with no more brackets than it needs.
//!
//! Total: every tree has a text, and a CEL parser makes the same tree of it again.

use std::fmt::Write as _;

use chrono::SecondsFormat;

use super::typed::{Accessor, BinaryOp, Expr, Function, Kind, Literal, Macro, TimePart};

/// How tightly a form binds; brackets go round what binds less tightly than its place asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Conditional,
    Or,
    And,
    Relation,
    Sum,
    Product,
    Unary,
    Member,
}

impl Level {
    /// The next tighter one.
    fn above(self) -> Self {
        match self {
            Self::Conditional => Self::Or,
            Self::Or => Self::And,
            Self::And => Self::Relation,
            Self::Relation => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Unary,
            Self::Unary | Self::Member => Self::Member,
        }
    }
}

/// The CEL text of an expression.
#[must_use]
pub fn cel_text(expr: &Expr) -> String {
    let mut out = String::new();
    write(&mut out, expr, Level::Conditional);
    out
}

/// A string literal, quoted.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text inside `duration("…")`.
pub(super) fn duration_text(value: &chrono::TimeDelta) -> String {
    let (seconds, nanoseconds) = (value.num_seconds(), value.subsec_nanos());
    let sign = if seconds < 0 || nanoseconds < 0 { "-" } else { "" };
    let (seconds, nanoseconds) = (seconds.unsigned_abs(), nanoseconds.unsigned_abs());
    if nanoseconds == 0 { format!("{sign}{seconds}s") } else { format!("{sign}{seconds}s{nanoseconds}ns") }
}

/// The text inside `timestamp("…")`.
pub(super) fn timestamp_text(value: &chrono::DateTime<chrono::Utc>) -> String {
    value.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A binary operator's sign.
#[must_use]
pub fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::In => "in",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
    }
}

/// A function's name, and whether it is called on its first argument.
pub(super) fn function(function: Function) -> (&'static str, bool) {
    match function {
        Function::Size => ("size", true),
        Function::Contains => ("contains", true),
        Function::StartsWith => ("startsWith", true),
        Function::EndsWith => ("endsWith", true),
        Function::Matches => ("matches", true),
        Function::LowerAscii => ("lowerAscii", true),
        Function::UpperAscii => ("upperAscii", true),
        Function::Int => ("int", false),
        Function::Double => ("double", false),
        Function::String => ("string", false),
        Function::Duration => ("duration", false),
        Function::Timestamp => ("timestamp", false),
        Function::Time(part) => (time_part(part), true),
    }
}

fn time_part(part: TimePart) -> &'static str {
    match part {
        TimePart::FullYear => "getFullYear",
        TimePart::Month => "getMonth",
        TimePart::Date => "getDate",
        TimePart::DayOfMonth => "getDayOfMonth",
        TimePart::DayOfWeek => "getDayOfWeek",
        TimePart::DayOfYear => "getDayOfYear",
        TimePart::Hours => "getHours",
        TimePart::Minutes => "getMinutes",
        TimePart::Seconds => "getSeconds",
        TimePart::Milliseconds => "getMilliseconds",
    }
}

/// A macro's name.
pub(super) fn macro_name(kind: Macro) -> &'static str {
    match kind {
        Macro::All => "all",
        Macro::Exists => "exists",
        Macro::ExistsOne => "exists_one",
        Macro::Filter => "filter",
        Macro::Map => "map",
    }
}

fn level(expr: &Expr) -> Level {
    match &expr.kind {
        Kind::Cond(..) => Level::Conditional,
        Kind::Or(_) => Level::Or,
        Kind::And(_) => Level::And,
        Kind::Binary(op, ..) => binary_level(*op),
        Kind::Not(_) | Kind::Neg(_) => Level::Unary,
        Kind::Literal(Literal::Int(number)) if *number < 0 => Level::Unary,
        Kind::Literal(Literal::Double(number)) if number.is_sign_negative() => Level::Unary,
        _ => Level::Member,
    }
}

fn binary_level(op: BinaryOp) -> Level {
    match op {
        BinaryOp::Add | BinaryOp::Sub => Level::Sum,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => Level::Product,
        _ => Level::Relation,
    }
}

fn write(out: &mut String, expr: &Expr, least: Level) {
    if level(expr) < least {
        out.push('(');
        write_bare(out, expr);
        out.push(')');
    } else {
        write_bare(out, expr);
    }
}

fn write_bare(out: &mut String, expr: &Expr) {
    match &expr.kind {
        Kind::Literal(literal) => write_literal(out, literal),
        Kind::Var(var) => out.push_str(var.path()),
        Kind::Access(accessor) => write_accessor(out, accessor),
        Kind::Local(name) => out.push_str(name),
        Kind::Not(inner) => {
            out.push('!');
            write(out, inner, Level::Member);
        }
        Kind::Neg(inner) => write_negation(out, inner),
        Kind::And(items) => joined(out, items, " && ", Level::Relation),
        Kind::Or(items) => joined(out, items, " || ", Level::And),
        Kind::Cond(condition, yes, no) => {
            write(out, condition, Level::Or);
            out.push_str(" ? ");
            write(out, yes, Level::Or);
            out.push_str(" : ");
            write(out, no, Level::Conditional);
        }
        Kind::Binary(op, left, right) => {
            let own = binary_level(*op);
            write(out, left, own);
            let _ = write!(out, " {} ", operator(*op));
            write(out, right, own.above());
        }
        Kind::Call(name, arguments) => write_call(out, *name, arguments),
        Kind::List(items) => {
            out.push('[');
            joined(out, items, ", ", Level::Conditional);
            out.push(']');
        }
        Kind::Map(entries) => write_map(out, entries),
        Kind::Index(value, index) => {
            write(out, value, Level::Member);
            out.push('[');
            write(out, index, Level::Conditional);
            out.push(']');
        }
        Kind::Field(value, name) => {
            write(out, value, Level::Member);
            let _ = write!(out, ".{name}");
        }
        Kind::Has(value, name) => {
            out.push_str("has(");
            write(out, value, Level::Member);
            let _ = write!(out, ".{name})");
        }
        Kind::Macro { kind, range, var, filter, body } => {
            write(out, range, Level::Member);
            let _ = write!(out, ".{}({var}, ", macro_name(*kind));
            if let Some(filter) = filter {
                write(out, filter, Level::Conditional);
                out.push_str(", ");
            }
            write(out, body, Level::Conditional);
            out.push(')');
        }
    }
}

/// `-5` is one literal to a CEL parser, so the negation of a literal keeps its brackets.
fn write_negation(out: &mut String, inner: &Expr) {
    out.push('-');
    if matches!(inner.kind, Kind::Literal(_)) {
        out.push('(');
        write_bare(out, inner);
        out.push(')');
    } else {
        write(out, inner, Level::Member);
    }
}

fn joined(out: &mut String, items: &[Expr], separator: &str, least: Level) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        write(out, item, least);
    }
}

fn write_call(out: &mut String, name: Function, arguments: &[Expr]) {
    let (name, is_member) = function(name);
    match (is_member, arguments.split_first()) {
        (true, Some((receiver, rest))) => {
            write(out, receiver, Level::Member);
            let _ = write!(out, ".{name}(");
            joined(out, rest, ", ", Level::Conditional);
        }
        _ => {
            let _ = write!(out, "{name}(");
            joined(out, arguments, ", ", Level::Conditional);
        }
    }
    out.push(')');
}

fn write_map(out: &mut String, entries: &[(Expr, Expr)]) {
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, key, Level::Conditional);
        out.push_str(": ");
        write(out, value, Level::Conditional);
    }
    out.push('}');
}

fn write_literal(out: &mut String, literal: &Literal) {
    let _ = match literal {
        Literal::Bool(value) => write!(out, "{value}"),
        Literal::Int(value) => write!(out, "{value}"),
        Literal::Double(value) => write!(out, "{value:?}"),
        Literal::String(value) => write!(out, "{}", quoted(value)),
        Literal::Null => write!(out, "null"),
        Literal::Duration(value) => write!(out, "duration({})", quoted(&duration_text(value))),
        Literal::Timestamp(value) => write!(out, "timestamp({})", quoted(&timestamp_text(value))),
    };
}

fn write_accessor(out: &mut String, accessor: &Accessor) {
    let _ = match accessor {
        Accessor::Header(name) => write!(out, "request.header({})", quoted(name)),
        Accessor::HeaderInt(name, absent) => write!(out, "request.header_int({}, {absent})", quoted(name)),
        Accessor::Meta(name) => write!(out, "request.meta({})", quoted(name)),
        Accessor::MetaInt(name, absent) => write!(out, "request.meta_int({}, {absent})", quoted(name)),
    };
}
