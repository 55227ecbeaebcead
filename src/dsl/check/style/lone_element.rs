//! P0904: `x in ["a"]`.

use super::Style;
use crate::diag::{Code, Diagnostic, Edit};
use crate::dsl::expr::ast::{Raw, RawKind};
use crate::dsl::expr::typed::BinaryOp;

impl Style<'_, '_> {
    /// Reports a membership in a list of one.
    pub(super) fn lone_element(&mut self, raw: &Raw) {
        let RawKind::Binary(BinaryOp::In, at, left, right) = &raw.kind else { return };
        let RawKind::List(items) = &right.kind else { return };
        let [item] = items.as_slice() else { return };
        let simple = matches!(item.kind, RawKind::String(_) | RawKind::Int(_) | RawKind::Double(_) | RawKind::Bool(_));
        if !simple || matches!(left.kind, RawKind::Bad) {
            return;
        }
        let meant = format!("{} == {}", self.text(left.span), self.text(item.span));
        let plain = self.only_between(left.span, "", *at)
            && self.only_between(*at, "", right.span)
            && !self.text(right.span).contains("//");
        let finding =
            Diagnostic::new(Code::P0904, right.span, "a list of one element").help(format!("write `{meant}`"));
        let edit = vec![Edit { span: left.span.to(right.span), text: meant }];
        self.findings.push(if plain { finding.fix("compare with the element", true, edit) } else { finding });
    }
}
