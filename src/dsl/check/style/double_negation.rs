//! P0902: `!!x`.

use super::Style;
use crate::diag::{Code, Diagnostic, Edit};
use crate::dsl::expr::ast::{Raw, RawKind};

impl Style<'_, '_> {
    /// Reports a negation of a negation; the two together say nothing.
    pub(super) fn double_negation(&mut self, raw: &Raw) {
        let RawKind::Not(outer) = &raw.kind else { return };
        let RawKind::Not(inner) = &outer.kind else { return };
        let meant = self.text(inner.span);
        if meant.is_empty() {
            return;
        }
        let finding = Diagnostic::new(Code::P0902, raw.span, "two negations say nothing together")
            .help(format!("write `{meant}`"));
        self.findings.push(if self.text(raw.span).contains("//") {
            finding
        } else {
            finding.fix("remove both", true, vec![Edit { span: raw.span, text: meant.to_owned() }])
        });
    }
}
