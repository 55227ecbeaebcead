//! P0303: a rule whose requests an earlier rule has already taken.
//!
//! Only what is plain to see: the earlier condition is the same, or one of the parts that the
//! later one joins with `&&`, or holds for every request.

use rustc_hash::FxHashMap;

use super::truth::constant;
use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{Expr, Kind};
use crate::dsl::policy::{Policy, Route, Rule};

/// Reports rules that an earlier rule of the same route covers.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    for route in &policy.routes {
        in_route(route, findings);
    }
}

fn in_route(route: &Route, findings: &mut Vec<Diagnostic>) {
    let mut earlier: FxHashMap<String, &Rule> = FxHashMap::default();
    let mut all: Option<&Rule> = None;
    for rule in &route.rules {
        let Some(condition) = &rule.condition else { continue };
        if let Some(first) = all {
            report(rule, first, findings);
            continue;
        }
        if constant(condition) == Some(true) {
            all = Some(rule);
        }
        let whole = cel_text(condition);
        let found = earlier.get(&whole).or_else(|| parts(condition).find_map(|part| earlier.get(&cel_text(part))));
        match found.copied() {
            Some(first) => report(rule, first, findings),
            None => {
                earlier.insert(whole, rule);
            }
        }
    }
}

/// The parts that have to hold together.
fn parts(condition: &Expr) -> impl Iterator<Item = &Expr> {
    let parts: &[Expr] = if let Kind::And(parts) = &condition.kind { parts } else { &[] };
    parts.iter()
}

fn report(rule: &Rule, first: &Rule, findings: &mut Vec<Diagnostic>) {
    let finding = Diagnostic::new(Code::P0303, rule.span, format!("rule `{}` can never match", rule.name))
        .label("unreachable")
        .help(format!("move `{}` above `{}`, or narrow `{}`", rule.name, first.name, first.name));
    findings.push(match &first.condition {
        Some(condition) => {
            finding.also(condition.span, format!("every request that reaches `{}` was taken here", rule.name))
        }
        None => finding,
    });
}
