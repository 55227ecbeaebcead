//! Proves that an expression cannot fail when it runs: no missing key, no index out of range, no
//! division by zero, no overflow, no text that is not a number; and that it ends soon.
//!
//! One walk from left to right. What `&&`, `||` and `? :` have already asked is known on the path
//! behind them, so a guard (`"k" in m && m["k"] == 1`) is understood.

mod arithmetic;
mod bounds;
mod facts;
mod report;

use arithmetic::{Failure, arithmetic};
use bounds::{Bounds, TIMESTAMPS};
use facts::{Known, same};

use super::typed::{BinaryOp, Expr, Function, Kind, Literal, Type};
use crate::bounds::{MAX_CONDITION_STEPS, MAX_LIST_LENGTH};
use crate::diag::{Diagnostic, Sources};

/// Reports every part that may fail, with the guard that would mend it.
pub(crate) fn check(expr: &Expr, sources: &Sources, findings: &mut Vec<Diagnostic>) {
    let is_condition = expr.ty == Type::Bool;
    let mut proof =
        Proof { sources, findings, is_condition, known: Vec::new(), locals: Vec::new(), loops: 1, steps: 0 };
    proof.walk(expr);
    if proof.steps > MAX_CONDITION_STEPS {
        proof.too_many_steps(expr);
    }
}

/// What a node yields: its range, and what is known where it was true or false.
struct Seen<'e> {
    bounds: Bounds,
    yes: Vec<Known<'e>>,
    no: Vec<Known<'e>>,
}

impl Seen<'_> {
    fn only(bounds: Bounds) -> Self {
        Self { bounds, yes: Vec::new(), no: Vec::new() }
    }
}

struct Proof<'e, 'f> {
    sources: &'f Sources,
    findings: &'f mut Vec<Diagnostic>,
    /// the whole of it is a condition: a guard goes before it with `&&`, and around a value with `? :`
    is_condition: bool,
    /// what holds on the path to here
    known: Vec<Known<'e>>,
    /// variables of the enclosing macros
    locals: Vec<(&'e str, Bounds)>,
    /// how often this place runs at most
    loops: u64,
    /// evaluation steps so far, at most
    steps: u64,
}

impl<'e> Proof<'e, '_> {
    /// One node. Recursion is bounded by the height that the checker allows.
    fn walk(&mut self, expr: &'e Expr) -> Seen<'e> {
        let leaf = matches!(expr.kind, Kind::Literal(_) | Kind::Var(_) | Kind::Local(_));
        if !leaf {
            self.steps = self.steps.saturating_add(self.loops);
        }
        let mut seen = match &expr.kind {
            Kind::Literal(literal) => Seen::only(Bounds::of_literal(literal)),
            Kind::Var(var) => Seen::only(Bounds::of_variable(var.row())),
            Kind::Access(_) => Seen::only(Bounds::of_type(&expr.ty)),
            Kind::Local(name) => {
                let local = self.locals.iter().rev().find(|(local, _)| local == name);
                Seen::only(local.map_or(Bounds::of_type(&expr.ty), |(_, bounds)| *bounds))
            }
            Kind::Not(inner) => {
                let inner = self.walk(inner);
                Seen { bounds: Bounds::Any, yes: inner.no, no: inner.yes }
            }
            Kind::Neg(inner) => self.negated(expr, inner),
            Kind::And(parts) => self.chain(parts, true),
            Kind::Or(parts) => self.chain(parts, false),
            Kind::Cond(condition, then, other) => self.ternary(condition, then, other),
            Kind::Binary(op, left, right) => self.binary(expr, *op, left, right),
            Kind::Call(function, arguments) => self.call(expr, *function, arguments),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    self.walk(key);
                    self.walk(value);
                }
                Seen::only(exactly(entries.len()))
            }
            Kind::Index(inner, index) => self.index(expr, inner, index),
            Kind::Field(inner, name) => {
                self.walk(inner);
                let there = has_literal_key(inner, name) || self.known.iter().any(|known| known.is_field(inner, name));
                if !there {
                    self.no_field(expr, inner, name);
                }
                Seen::only(Bounds::of_type(&expr.ty))
            }
            Kind::Has(inner, name) => {
                self.walk(inner);
                Seen { yes: vec![Known::Field(inner, name)], ..Seen::only(Bounds::Any) }
            }
            Kind::Macro { range, var, filter, body, .. } => self.repeat(expr, range, var, filter.as_deref(), body),
        };
        for known in &self.known {
            if let Known::Within(other, bounds) = known
                && same(other, expr)
            {
                seen.bounds = seen.bounds.meet(*bounds);
            }
        }
        seen
    }

    /// `a && b`: b runs where a was true; `a || b`: where a was false.
    fn chain(&mut self, parts: &'e [Expr], and: bool) -> Seen<'e> {
        let before = self.known.len();
        let mut all = Vec::new();
        for part in parts {
            let seen = self.walk(part);
            let passed = if and { seen.yes } else { seen.no };
            self.known.extend(passed.iter().cloned());
            all.extend(passed);
        }
        self.known.truncate(before);
        let (yes, no) = if and { (all, Vec::new()) } else { (Vec::new(), all) };
        Seen { bounds: Bounds::Any, yes, no }
    }

    fn ternary(&mut self, condition: &'e Expr, then: &'e Expr, other: &'e Expr) -> Seen<'e> {
        let condition = self.walk(condition);
        let before = self.known.len();
        self.known.extend(condition.yes);
        let then = self.walk(then);
        self.known.truncate(before);
        self.known.extend(condition.no);
        let other = self.walk(other);
        self.known.truncate(before);
        Seen::only(then.bounds.join(other.bounds))
    }

    fn negated(&mut self, expr: &'e Expr, inner: &'e Expr) -> Seen<'e> {
        Seen::only(match self.walk(inner).bounds {
            Bounds::Int(least, most) => {
                if least <= i128::from(i64::MIN) {
                    self.fails(expr, Failure::Overflow, inner);
                }
                Bounds::Int(-most, (-least).min(i128::from(i64::MAX)))
            }
            Bounds::Double(least, most) => Bounds::Double(-most, -least),
            other => other,
        })
    }

    fn binary(&mut self, expr: &'e Expr, op: BinaryOp, left: &'e Expr, right: &'e Expr) -> Seen<'e> {
        let (a, b) = (self.walk(left).bounds, self.walk(right).bounds);
        match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                let nonzero = self.known.iter().any(|known| known.is_nonzero(right));
                let (bounds, failure) = arithmetic(op, &expr.ty, a, b, nonzero);
                if let Some(failure) = failure {
                    self.fails(expr, failure, if failure == Failure::Zero { right } else { left });
                }
                Seen::only(bounds)
            }
            BinaryOp::In => {
                let length = u64::try_from(b.most()).unwrap_or(u64::MAX);
                self.steps = self.steps.saturating_add(self.loops.saturating_mul(length));
                let yes = if matches!(right.ty, Type::Map(..)) { vec![Known::Key(right, left)] } else { Vec::new() };
                Seen { yes, ..Seen::only(Bounds::Any) }
            }
            _ => {
                let (yes, no) = facts::compare(op, (left, a), (right, b));
                Seen { bounds: Bounds::Any, yes, no }
            }
        }
    }

    fn call(&mut self, expr: &'e Expr, function: Function, arguments: &'e [Expr]) -> Seen<'e> {
        let bounds: Vec<Bounds> = arguments.iter().map(|argument| self.walk(argument).bounds).collect();
        let (Some(argument), Some(first)) = (arguments.first(), bounds.first().copied()) else {
            return Seen::only(Bounds::of_type(&expr.ty));
        };
        let result = match (function, &argument.ty) {
            (Function::Size, _) => match first {
                Bounds::Size(least, most) => Bounds::Int(least.min(most), most),
                _ => Bounds::Int(0, i128::from(i64::MAX)),
            },
            (Function::Int, Type::Double) => self.whole(expr, argument, first),
            (Function::Int, Type::Timestamp) => match first {
                Bounds::Int(least, most) => Bounds::Int(least / 1000 - 1, most / 1000 + 1),
                other => other,
            },
            (Function::Double, Type::Int) => first.widened(),
            (Function::Timestamp, Type::Int) => self.moment(expr, argument, first),
            (Function::Int | Function::Double | Function::Duration | Function::Timestamp, Type::String) => {
                self.not_that_text(expr, argument);
                Bounds::of_type(&expr.ty)
            }
            (Function::Time(part), _) => report::time_bounds(part, &argument.ty),
            (Function::LowerAscii | Function::UpperAscii, _) => first,
            _ => Bounds::of_type(&expr.ty),
        };
        Seen::only(result)
    }

    /// `int(double)`: the number has to fit.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "compared before it is cut")]
    fn whole(&mut self, expr: &'e Expr, argument: &'e Expr, bounds: Bounds) -> Bounds {
        match bounds {
            Bounds::Double(least, most) if least > i64::MIN as f64 && most < i64::MAX as f64 => {
                Bounds::Int(least as i128, most as i128)
            }
            _ => {
                self.fails(expr, Failure::Overflow, argument);
                Bounds::of_type(&Type::Int)
            }
        }
    }

    /// `timestamp(int)`: seconds within CEL's years.
    fn moment(&mut self, expr: &'e Expr, argument: &'e Expr, bounds: Bounds) -> Bounds {
        match bounds {
            Bounds::Int(least, most) if least * 1000 >= TIMESTAMPS.0 && most * 1000 <= TIMESTAMPS.1 => {
                Bounds::Int(least * 1000, most * 1000)
            }
            _ => {
                self.fails(expr, Failure::Overflow, argument);
                Bounds::of_type(&Type::Timestamp)
            }
        }
    }

    fn list(&mut self, items: &'e [Expr]) -> Seen<'e> {
        for item in items {
            self.walk(item);
        }
        Seen::only(exactly(items.len()))
    }

    fn index(&mut self, expr: &'e Expr, inner: &'e Expr, index: &'e Expr) -> Seen<'e> {
        let range = self.walk(inner).bounds;
        let at = self.walk(index).bounds;
        let there = match (&inner.ty, &index.kind) {
            (Type::Map(..), Kind::Literal(Literal::String(key))) => {
                has_literal_key(inner, key)
                    || self.known.iter().any(|known| known.is_key(inner, index) || known.is_field(inner, key))
            }
            (Type::Map(..), _) => has_key(inner, index) || self.known.iter().any(|known| known.is_key(inner, index)),
            _ => self.in_range(inner, range, index, at),
        };
        if !there {
            self.no_element(expr, inner, index);
        }
        Seen::only(Bounds::of_type(&expr.ty))
    }

    /// Whether `0 <= index < size(list)`.
    fn in_range(&self, list: &'e Expr, range: Bounds, index: &'e Expr, at: Bounds) -> bool {
        let (Bounds::Int(least, most), Bounds::Size(mut size, _)) = (at, range) else { return false };
        let mut below = false;
        for known in &self.known {
            match known {
                Known::Within(other, Bounds::Int(known_least, _)) if facts::is_size_of(other, list) => {
                    size = size.max(*known_least);
                }
                Known::Within(other, Bounds::Size(known_least, _)) if same(other, list) => {
                    size = size.max(*known_least);
                }
                Known::Less(smaller, greater) if same(smaller, index) && facts::is_size_of(greater, list) => {
                    below = true;
                }
                _ => {}
            }
        }
        least >= 0 && (below || most < size)
    }

    fn repeat(
        &mut self,
        expr: &'e Expr,
        range: &'e Expr,
        var: &'e str,
        filter: Option<&'e Expr>,
        body: &'e Expr,
    ) -> Seen<'e> {
        let bounds = self.walk(range).bounds;
        let most = bounds.most().min(i128::from(u32::MAX));
        let element = match &range.ty {
            Type::List(element) => (**element).clone(),
            Type::Map(key, _) => (**key).clone(),
            other => other.clone(),
        };
        let local = elements(range).unwrap_or_else(|| Bounds::of_type(&element));
        let outer = self.loops;
        self.loops = outer.saturating_mul(u64::try_from(most).unwrap_or(u64::MAX).max(1));
        self.locals.push((var, local));
        let before = self.known.len();
        if let Some(filter) = filter {
            let seen = self.walk(filter);
            self.known.extend(seen.yes);
        }
        self.walk(body);
        self.known.truncate(before);
        self.locals.pop();
        self.loops = outer;
        Seen::only(match &expr.ty {
            Type::List(_) if matches!(bounds, Bounds::Size(..)) => Bounds::Size(0, most),
            ty => Bounds::of_type(ty),
        })
    }
}

fn exactly(count: usize) -> Bounds {
    let count = i128::try_from(count).unwrap_or(i128::MAX);
    Bounds::Size(count, count)
}

/// The range of a list literal's elements.
fn elements(range: &Expr) -> Option<Bounds> {
    let Kind::List(items) = &range.kind else { return None };
    let mut bounds: Option<Bounds> = None;
    for item in items.iter().take(MAX_LIST_LENGTH) {
        let Kind::Literal(literal) = &item.kind else { return None };
        let next = Bounds::of_literal(literal);
        bounds = Some(bounds.map_or(next, |known| known.join(next)));
    }
    if items.len() > MAX_LIST_LENGTH { None } else { bounds }
}

/// Whether a map literal has this key.
fn has_literal_key(map: &Expr, key: &str) -> bool {
    let Kind::Map(entries) = &map.kind else { return false };
    entries.iter().any(|(known, _)| matches!(&known.kind, Kind::Literal(Literal::String(text)) if text == key))
}

fn has_key(map: &Expr, key: &Expr) -> bool {
    let Kind::Map(entries) = &map.kind else { return false };
    matches!(key.kind, Kind::Literal(_)) && entries.iter().any(|(known, _)| same(known, key))
}
