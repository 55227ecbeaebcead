//! The words for what may fail, and the guard that mends it.

use super::arithmetic::Failure;
use super::bounds::Bounds;
use super::{Proof, has_literal_key};
use crate::bounds::MAX_CONDITION_STEPS;
use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::typed::{Accessor, Expr, Kind, Literal, TimePart, Type};

/// What a getter can give.
pub(super) fn time_bounds(part: TimePart, of: &Type) -> Bounds {
    if *of == Type::Duration {
        return Bounds::Int(-400_000_000_000_000, 400_000_000_000_000);
    }
    match part {
        TimePart::FullYear => Bounds::Int(-1, 10_000),
        TimePart::Month => Bounds::Int(0, 11),
        TimePart::Date => Bounds::Int(1, 31),
        TimePart::DayOfMonth => Bounds::Int(0, 30),
        TimePart::DayOfWeek => Bounds::Int(0, 6),
        TimePart::DayOfYear => Bounds::Int(0, 365),
        TimePart::Hours => Bounds::Int(0, 23),
        TimePart::Minutes => Bounds::Int(0, 59),
        TimePart::Seconds => Bounds::Int(0, 60),
        TimePart::Milliseconds => Bounds::Int(0, 999),
    }
}

/// Whether one pair of brackets stands around the whole text.
fn is_bracketed(text: &str) -> bool {
    let mut depth = 0usize;
    text.starts_with('(')
        && text.char_indices().all(|(at, letter)| {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0 || at + 1 == text.len()
        })
}

impl Proof<'_, '_> {
    fn text(&self, expr: &Expr) -> String {
        self.sources.slice(expr.span).to_owned()
    }

    /// The text of an operand, in brackets when something could join it.
    fn operand(&self, expr: &Expr) -> String {
        let text = self.text(expr);
        match expr.kind {
            Kind::And(_) | Kind::Or(_) | Kind::Cond(..) | Kind::Binary(..) if !is_bracketed(&text) => {
                format!("({text})")
            }
            _ => text,
        }
    }

    fn report(&mut self, expr: &Expr, message: &str, label: &str, help: String) {
        self.findings.push(Diagnostic::new(Code::P0208, expr.span, message).label(label).help(help));
    }

    /// How to write a guard where the expression stands.
    fn guard(&self, guard: &str) -> String {
        match self.is_condition {
            true => format!("guard it: `{guard} && …`"),
            false => format!("guard it: `{guard} ? … : …`, with what stands instead behind the colon"),
        }
    }

    pub(super) fn fails(&mut self, expr: &Expr, failure: Failure, culprit: &Expr) {
        let text = self.operand(culprit);
        match failure {
            Failure::Zero => {
                let zero = if culprit.ty == Type::Double { "0.0" } else { "0" };
                if matches!(culprit.kind, Kind::Literal(_)) {
                    let help = "divide by another number".to_owned();
                    return self.report(culprit, "this divides by zero", "is zero", help);
                }
                let guard = self.guard(&format!("{text} != {zero}"));
                self.report(culprit, "this may divide by zero", "may be zero", guard);
            }
            Failure::Overflow => {
                let label = format!("may leave the range of {}", expr.ty);
                let guard = match culprit.ty {
                    Type::Double => self.guard(&format!("{text} < 1000000.0 && {text} > -1000000.0")),
                    _ => self.guard(&format!("{text} < 1000000 && {text} > -1000000")),
                };
                self.report(expr, "this may overflow", &label, guard);
            }
            Failure::NotANumber => {
                let help = self.guard(&format!("{text} < 1000000.0 && {text} > -1000000.0"));
                self.report(expr, "this may not be a number", "infinite on both sides", help);
            }
            Failure::TooLong => {
                let finding = Diagnostic::new(Code::P0211, expr.span, "this text may become too long");
                self.findings.push(finding.help("compare the parts instead of joining them"));
            }
        }
    }

    pub(super) fn not_that_text(&mut self, expr: &Expr, argument: &Expr) {
        let message = format!("this text may not be a {}", expr.ty);
        let help = match (&argument.kind, &expr.ty) {
            (Kind::Access(Accessor::Header(name)), Type::Int) => format!("write `request.header_int(\"{name}\", 0)`"),
            (Kind::Access(Accessor::Meta(name)), Type::Int) => format!("write `request.meta_int(\"{name}\", 0)`"),
            (_, Type::Int) => {
                "numbers come from `request.header_int(name, default)` or `request.meta_int(name, default)`".to_owned()
            }
            _ => format!("`{}` takes a literal, or a value that cannot fail", expr.ty),
        };
        self.report(argument, &message, "any text", help);
    }

    pub(super) fn no_field(&mut self, expr: &Expr, map: &Expr, name: &str) {
        let text = self.text(map);
        let never = matches!(map.kind, Kind::Map(_)) && !has_literal_key(map, name);
        let message = if never { "this map never has such a key" } else { "this key may be missing" };
        let guard = self.guard(&format!("has({text}.{name})"));
        self.report(expr, message, "", guard);
    }

    pub(super) fn no_element(&mut self, expr: &Expr, inner: &Expr, index: &Expr) {
        let (list, at) = (self.operand(inner), self.operand(index));
        if matches!(inner.ty, Type::Map(..)) {
            let guard = self.guard(&format!("{at} in {list}"));
            self.report(expr, "this key may be missing", "", guard);
            return;
        }
        let guard = match &index.kind {
            Kind::Literal(Literal::Int(number)) if *number >= 0 => self.guard(&format!("{list}.size() > {number}")),
            Kind::Literal(_) | Kind::Neg(_) => "an index starts at 0".to_owned(),
            _ => self.guard(&format!("{at} >= 0 && {at} < {list}.size()")),
        };
        self.report(expr, "this list may be shorter", "", guard);
    }

    pub(super) fn too_many_steps(&mut self, expr: &Expr) {
        let message = format!("this may take {} steps, more than {MAX_CONDITION_STEPS}", self.steps);
        let finding = Diagnostic::new(Code::P0211, expr.span, message);
        self.findings.push(finding.help("walk over one list only, or compare with a shorter list of literals"));
    }
}
