//! P0903: `"x" == request.model`.

use super::Style;
use crate::diag::{Code, Diagnostic, Edit};
use crate::dsl::expr::ast::{Raw, RawKind};
use crate::dsl::expr::print::operator;
use crate::dsl::expr::typed::BinaryOp;

impl Style<'_, '_> {
    /// Reports a comparison that starts with its constant.
    pub(super) fn literal_left(&mut self, raw: &Raw) {
        let RawKind::Binary(op, at, left, right) = &raw.kind else { return };
        let Some(flipped) = flipped(*op).filter(|_| is_literal(left) && !is_literal(right)) else { return };
        if matches!(right.kind, RawKind::Bad) {
            return;
        }
        let meant = format!("{} {} {}", self.text(right.span), operator(flipped), self.text(left.span));
        let plain = self.only_between(left.span, "", *at) && self.only_between(*at, "", right.span);
        let finding =
            Diagnostic::new(Code::P0903, left.span, "the constant stands on the left").help(format!("write `{meant}`"));
        let edit = vec![Edit { span: left.span.to(right.span), text: meant }];
        self.findings.push(if plain { finding.fix("turn it round", true, edit) } else { finding });
    }
}

fn is_literal(raw: &Raw) -> bool {
    matches!(raw.kind, RawKind::Bool(_) | RawKind::Int(_) | RawKind::Double(_) | RawKind::String(_) | RawKind::Null)
}

/// The operator with its sides exchanged.
fn flipped(op: BinaryOp) -> Option<BinaryOp> {
    match op {
        BinaryOp::Eq | BinaryOp::Ne => Some(op),
        BinaryOp::Lt => Some(BinaryOp::Gt),
        BinaryOp::Le => Some(BinaryOp::Ge),
        BinaryOp::Gt => Some(BinaryOp::Lt),
        BinaryOp::Ge => Some(BinaryOp::Le),
        _ => None,
    }
}
