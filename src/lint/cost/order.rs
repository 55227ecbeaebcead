//! P0601: a rule that is dear to ask, before a cheap one that leads to the same place.
//!
//! Inside one condition the order does not matter: the tree asks what is cheap first. Between rules it
//! does, because the first that matches wins.

use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::typed::{Expr, Kind};
use crate::dsl::policy::{Attempt, AttemptKind, Route, Rule};

/// Reading all text, or counting tokens; see the table of variables.
const DEAR: u8 = 3;
/// A field, or a short walk.
const CHEAP: u8 = 1;

/// Reports cheap rules right behind dear ones with the same target and options.
pub(super) fn check(route: &Route, findings: &mut Vec<Diagnostic>) {
    let written = || route.written().map(|(_, rule)| rule);
    for (first, second) in written().zip(written().skip(1)) {
        let (Some(dear), Some(cheap)) = (&first.condition, &second.condition) else { continue };
        if !leads_alike(first, second) || least(dear) < DEAR || most(cheap) > CHEAP {
            continue;
        }
        let message =
            format!("rule `{}` is asked before `{}`, which is cheaper and leads to the same", first.name, second.name);
        findings.push(
            Diagnostic::new(Code::P0601, second.span, message)
                .label("decided by a field")
                .also(dear.span, "reads the whole text for every request")
                .help(format!("put `{}` above `{}`", second.name, first.name)),
        );
    }
}

/// Whether two rules do the same with what they match.
fn leads_alike(one: &Rule, other: &Rule) -> bool {
    let same = |(one, other): (&Attempt, &Attempt)| match (&one.kind, &other.kind) {
        (AttemptKind::Model(one), AttemptKind::Model(other)) => one == other,
        (AttemptKind::Pool(one), AttemptKind::Pool(other)) => one == other,
        (AttemptKind::Route(one), AttemptKind::Route(other)) => one == other,
        _ => false,
    };
    let (a, b) = (&one.options, &other.options);
    one.attempts.len() == other.attempts.len()
        && one.attempts.iter().zip(&other.attempts).all(same)
        && (a.cache, a.deadline, a.timeout, &a.label, a.max_cost)
            == (b.cache, b.deadline, b.timeout, &b.label, b.max_cost)
}

/// The least that has to be read before the condition may be known to be false.
fn least(expr: &Expr) -> u8 {
    match &expr.kind {
        Kind::And(parts) => parts.iter().map(least).min().unwrap_or(0),
        Kind::Or(parts) => parts.iter().map(least).max().unwrap_or(0),
        Kind::Not(inner) => least(inner),
        _ => most(expr),
    }
}

/// The dearest of all that it reads.
fn most(expr: &Expr) -> u8 {
    let mut dearest = match &expr.kind {
        Kind::Var(var) => var.row().tier,
        _ => 0,
    };
    expr.for_each_part(&mut |child| dearest = dearest.max(most(child)));
    dearest
}
