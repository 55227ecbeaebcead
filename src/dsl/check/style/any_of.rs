//! P0905: `a == "x" || a == "y"`.

use super::Style;
use crate::diag::{Code, Diagnostic, Edit};
use crate::dsl::expr::ast::{Raw, RawKind};
use crate::dsl::expr::typed::BinaryOp;

impl Style<'_, '_> {
    /// Reports neighbours of a `||` that compare the same value with a text each.
    pub(super) fn any_of(&mut self, raw: &Raw) {
        let RawKind::Or(parts) = &raw.kind else { return };
        let mut rest = parts.as_slice();
        while let Some((first, others)) = rest.split_first() {
            let Some((value, _)) = compared(first) else {
                rest = others;
                continue;
            };
            let name = self.text(value.span);
            let same = others.iter().take_while(|other| {
                compared(other).is_some_and(|(value, _)| self.text(value.span) == name && !name.is_empty())
            });
            let (run, behind) = rest.split_at(same.count().saturating_add(1).min(rest.len()));
            if run.len() > 1 {
                self.run_of_equals(name, run);
            }
            rest = behind;
        }
    }

    fn run_of_equals(&mut self, name: &str, run: &[Raw]) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let literals: Vec<&str> =
            run.iter().filter_map(|part| compared(part).map(|(_, literal)| self.text(literal.span))).collect();
        let meant = format!("{name} in [{}]", literals.join(", "));
        let span = first.span.to(last.span);
        let plain = run.windows(2).all(|pair| match pair {
            [left, right] => self.only_between(left.span, "||", right.span),
            _ => false,
        }) && !self.text(span).contains("//");
        let finding = Diagnostic::new(Code::P0905, span, format!("`{name}` is compared {} times", run.len()))
            .help(format!("write `{meant}`"));
        let edit = vec![Edit { span, text: meant }];
        self.findings.push(if plain { finding.fix("ask for a list", true, edit) } else { finding });
    }
}

/// `value == "literal"`. Only texts: a list of whole numbers holds no number with a fraction.
fn compared(raw: &Raw) -> Option<(&Raw, &Raw)> {
    match &raw.kind {
        RawKind::Binary(BinaryOp::Eq, _, value, literal)
            if matches!(literal.kind, RawKind::String(_))
                && !matches!(value.kind, RawKind::String(_) | RawKind::Bad) =>
        {
            Some((value, literal))
        }
        _ => None,
    }
}
