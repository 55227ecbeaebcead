//! P0114: conditions on callers that no declared tenant or key can satisfy, mostly by a slip in a word.
//!
//! Tags and tiers are free words, so nothing says that one is wrong; but where a policy declares its
//! tenants, it declares all that a caller can be.

use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::expr::typed::{BinaryOp, Expr, Kind, Literal};
use crate::dsl::policy::{Attempt, AttemptKind, Policy};
use crate::facts::Var;

/// Most words that are listed where none is near.
const MAX_LISTED: usize = 12;

/// Reports comparisons of `tenant.tags`, `key.tags` and `tenant.tier` with words that no tenant has.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    if policy.tenants.is_empty() {
        return;
    }
    let mut of = |expr: &Expr| compared(expr, &mut |var, text, span| of_word(policy, var, text, span, findings));
    for rule in policy.routes.iter().flat_map(|route| &route.rules) {
        rule.condition.iter().for_each(&mut of);
        rule.attempts.iter().for_each(|attempt| of_attempt(attempt, &mut of));
    }
    for invariant in &policy.invariants {
        of(&invariant.when);
        of(&invariant.require);
    }
}

fn of_attempt(attempt: &Attempt, visit: &mut dyn FnMut(&Expr)) {
    match &attempt.kind {
        AttemptKind::Choice { filter, .. } => filter.iter().for_each(visit),
        AttemptKind::Split { arms, by } => {
            by.iter().for_each(&mut *visit);
            arms.iter().for_each(|arm| of_attempt(&arm.attempt, visit));
        }
        AttemptKind::Model(_) | AttemptKind::Pool(_) | AttemptKind::Route(_) | AttemptKind::Reject { .. } => {}
    }
}

/// Calls `visit` with each variable of a caller that is compared with a text, and that text.
fn compared(expr: &Expr, visit: &mut dyn FnMut(Var, &str, Span)) {
    if let Kind::Binary(op, left, right) = &expr.kind {
        let is_equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        match (&left.kind, &right.kind) {
            (Kind::Literal(Literal::String(text)), Kind::Var(var)) if is_equality || *op == BinaryOp::In => {
                visit(*var, text, left.span);
            }
            (Kind::Var(var), Kind::Literal(Literal::String(text))) if is_equality => visit(*var, text, right.span),
            (Kind::Var(var), Kind::List(items)) if *op == BinaryOp::In => {
                for item in items {
                    if let Kind::Literal(Literal::String(text)) = &item.kind {
                        visit(*var, text, item.span);
                    }
                }
            }
            _ => {}
        }
    }
    expr.for_each_part(&mut |part| compared(part, visit));
}

fn of_word(policy: &Policy, var: Var, text: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    let tenants = || policy.tenants.iter();
    let (mut known, whom, what): (Vec<&str>, &str, &str) = match var {
        Var::TenantTags => (tenants().flat_map(|tenant| &tenant.tags).map(String::as_str).collect(), "tenant", "tag"),
        Var::KeyTags => {
            let keys = tenants().flat_map(|tenant| &tenant.keys);
            (keys.flat_map(|key| &key.tags).map(String::as_str).collect(), "key", "tag")
        }
        // A request without a tenant has no tier.
        Var::TenantTier if !text.is_empty() => {
            (tenants().map(|tenant| tenant.tier.as_str()).collect(), "tenant", "tier")
        }
        _ => return,
    };
    if known.contains(&text) {
        return;
    }
    known.retain(|word| !word.is_empty());
    known.sort_unstable();
    known.dedup();
    let finding = Diagnostic::new(Code::P0114, span, format!("no {whom} has the {what} `{text}`"))
        .label(format!("no such {what}"));
    findings.push(match nearest(text, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `\"{near}\"`?")).fix(
            format!("replace it by `\"{near}\"`"),
            false,
            vec![Edit { span, text: format!("\"{near}\"") }],
        ),
        None if !known.is_empty() && known.len() <= MAX_LISTED => {
            finding.help(format!("declare it, or write one of: {}", known.join(", ")))
        }
        None => finding.help("declare it, or remove the comparison"),
    });
}
