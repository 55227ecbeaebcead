//! P0304: a rule with the condition and the target of an earlier one.

use super::{Ruled, same};
use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::Rule;

/// The earlier rule of which a rule is a copy: the only one that covers it, with the same
/// condition, the same target and the same options. With another target it is an error (P0303).
pub(super) fn of<'p>(ruled: &mut Ruled<'p>, number: usize, by: &[usize]) -> Option<(&'p Rule, &'p Expr)> {
    let [first] = by else { return None };
    let (rule, first_rule) = (ruled.rules.get(number)?.0, *ruled.rules.get(*first)?);
    let is_copy = same::targets(&rule.attempts, &first_rule.0.attempts) && rule.options == first_rule.0.options;
    (is_copy && ruled.is_impossible(&[(*first, true), (number, false)]) == Some(true)).then_some(first_rule)
}

pub(super) fn report(rule: &Rule, condition: &Expr, (first, first_condition): (&Rule, &Expr)) -> Diagnostic {
    let message = format!("rule `{}` has the condition of `{}`, and leads to the same", rule.name, first.name);
    Diagnostic::new(Code::P0304, condition.span, message)
        .label("never matches")
        .also(first_condition.span, "takes the same requests")
        .help(format!("remove `{}`", rule.name))
}
