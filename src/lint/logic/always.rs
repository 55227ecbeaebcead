//! P0301: a condition that every request satisfies.

use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::Rule;

pub(super) fn report(rule: &Rule, condition: &Expr) -> Diagnostic {
    Diagnostic::new(Code::P0301, condition.span, format!("the condition of rule `{}` is always true", rule.name))
        .label("every request satisfies this")
        .help(format!("make it the default, `default -> …`, or narrow `{}`", rule.name))
}
