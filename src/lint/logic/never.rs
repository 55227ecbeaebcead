//! P0302: a condition that no request satisfies, with the two tests that clash.

use crate::bounds::MAX_RULE_PROOF_STEPS;
use crate::compile::Space;
use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{Expr, Kind};
use crate::dsl::policy::Rule;

/// Most parts of a condition that are compared in pairs.
const MAX_PARTS: usize = 64;

pub(super) fn report(rule: &Rule, condition: &Expr) -> Diagnostic {
    let message = format!("the condition of rule `{}` is never true", rule.name);
    let parts: Vec<&Expr> = match &condition.kind {
        Kind::And(parts) => parts.iter().take(MAX_PARTS).collect(),
        _ => vec![condition],
    };
    let space = Space::new(&parts);
    let clash = |wanted: &[(usize, bool)]| space.has_region(wanted, &mut MAX_RULE_PROOF_STEPS.clone()) == Some(false);
    if let Some((_, part)) = parts.iter().enumerate().find(|(at, _)| clash(&[(*at, true)])) {
        return Diagnostic::new(Code::P0302, part.span, message)
            .label("no request satisfies this")
            .help("correct it, or remove the rule");
    }
    let pairs = (0..parts.len()).flat_map(|right| (0..right).map(move |left| (left, right)));
    let pair = pairs.into_iter().find(|(left, right)| clash(&[(*left, true), (*right, true)]));
    match pair.and_then(|(left, right)| Some((parts.get(left)?, parts.get(right)?))) {
        Some((left, right)) => {
            let help = format!("`{}` and `{}` exclude each other: was `||` meant?", cel_text(left), cel_text(right));
            Diagnostic::new(Code::P0302, right.span, message)
                .label("this never does")
                .also(left.span, "where this holds")
                .help(help)
        }
        None => Diagnostic::new(Code::P0302, condition.span, message)
            .label("no request satisfies all of this")
            .help("correct it, or remove the rule"),
    }
}
