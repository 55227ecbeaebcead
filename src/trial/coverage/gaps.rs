//! Why something was not reached, as far as the cases show it.

use std::collections::BTreeSet;

use super::{At, atoms_of};
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{Expr, Kind, Literal};
use crate::dsl::policy::{Attempt, AttemptKind, Policy, RouteId};
use crate::engine::trace::{Course, Spot};
use crate::trial::plural;

/// Why a rule never decided.
pub(super) fn why_never_decided(at: &At<'_>) -> String {
    if let Some(reason) = why_not_entered(at) {
        return reason;
    }
    let courses = at.recorded.courses.get(&(at.route, at.number));
    let (Some(condition), Some(courses)) = (&at.rule.condition, courses) else { return taken_above(at) };
    let parts: Vec<&Expr> = match &condition.kind {
        Kind::And(parts) => parts.iter().collect(),
        _ => vec![condition],
    };
    let mut before = 0_usize;
    let mut never = Vec::new();
    for part in parts {
        let from = before;
        before = before.saturating_add(atoms_of(part).len());
        let was_true = |course: &Course| {
            let mut atoms = course.atoms.iter().skip(from).copied();
            value(part, &mut atoms) == Some(true)
        };
        if !courses.iter().any(was_true) {
            never.push(format!("`{}`", cel_text(part)));
        }
    }
    match never.as_slice() {
        [] => format!("no case has all of `{}` at once", cel_text(condition)),
        // What stands behind a false part was not even asked.
        [first, ..] => format!("no case has {first}"),
    }
}

fn why_not_entered(at: &At<'_>) -> Option<String> {
    if at.recorded.decisions.iter().any(|(route, _)| *route == at.route) {
        return None;
    }
    let name = at.policy.routes.get(at.route.index()).map_or("?", |route| &route.name);
    Some(if leads_to(at.policy, at.route) {
        format!("no case enters route `{name}`")
    } else {
        format!("no case enters route `{name}`, and nothing leads to it; a test may: `test \"…\" on {name}`")
    })
}

fn leads_to(policy: &Policy, route: RouteId) -> bool {
    fn one(attempt: &Attempt, route: RouteId) -> bool {
        match &attempt.kind {
            AttemptKind::Route(id) => *id == route,
            AttemptKind::Split { arms, .. } => arms.iter().any(|arm| one(&arm.attempt, route)),
            _ => false,
        }
    }
    policy.routes.get(route.index()).is_some_and(|route| route.name == "main")
        || policy.tenants.iter().any(|tenant| tenant.route == Some(route))
        || policy.routes.iter().flat_map(|other| &other.rules).flat_map(|rule| &rule.attempts).any(|to| one(to, route))
}

/// The rules above took every case.
fn taken_above(at: &At<'_>) -> String {
    let here = at.recorded.decisions.iter().filter(|(route, _)| *route == at.route);
    let takers: BTreeSet<u32> = here.map(|(_, rule)| *rule).filter(|rule| *rule < at.number).collect();
    let rules = at.policy.routes.get(at.route.index()).map(|route| route.rules.as_slice()).unwrap_or_default();
    let names: Vec<String> =
        takers.iter().filter_map(|rule| rules.get(*rule as usize)).map(|rule| format!("`{}`", rule.name)).collect();
    match names.as_slice() {
        [] => "no case comes this far".to_owned(),
        [one] => format!("every case is taken by rule {one} above"),
        [..] if names.len() <= 3 => format!("every case is taken above, by rules {}", names.join(", ")),
        [..] => format!("every case is taken above, by one of {}", plural(names.len(), "rule")),
    }
}

/// What a condition comes to when its atoms are these, from left to right; None: it is not known.
fn value(expr: &Expr, atoms: &mut dyn Iterator<Item = Option<bool>>) -> Option<bool> {
    match &expr.kind {
        Kind::Literal(Literal::Bool(value)) => Some(*value),
        Kind::Not(inner) => value(inner, atoms).map(|value| !value),
        Kind::And(items) | Kind::Or(items) => {
            let absorbing = matches!(expr.kind, Kind::Or(_));
            let values: Vec<Option<bool>> = items.iter().map(|item| value(item, atoms)).collect();
            if values.contains(&Some(absorbing)) {
                Some(absorbing)
            } else {
                values.iter().all(Option::is_some).then_some(!absorbing)
            }
        }
        Kind::Cond(condition, yes, no) => {
            let [condition, yes, no] = [condition, yes, no].map(|part| value(part, atoms));
            if condition? { yes } else { no }
        }
        _ => atoms.next().flatten(),
    }
}

/// Why an atom was not seen as this value.
pub(super) fn why_not_seen(courses: Option<&BTreeSet<Course>>, atom: usize, value: bool) -> String {
    let was_asked =
        |courses: &BTreeSet<Course>| courses.iter().any(|course| course.atoms.get(atom).copied().flatten().is_some());
    match courses {
        None => "no case asks it: none comes as far as its rule".to_owned(),
        Some(courses) if !was_asked(courses) => {
            "no case asks it: what stands before it has always decided already".to_owned()
        }
        Some(_) => format!("every case that asks it has it {}", !value),
    }
}

/// What stands at a spot.
pub(super) fn name(policy: &Policy, attempt: &Attempt, spot: Spot) -> String {
    match (&attempt.kind, spot.model) {
        (AttemptKind::Route(id), _) => {
            format!("route {}", policy.routes.get(id.index()).map_or("?", |route| &route.name))
        }
        (AttemptKind::Reject { status, .. }, _) => format!("reject {status}"),
        (_, Some(id)) => policy.models.get(id.index()).map_or_else(String::new, |model| model.name.clone()),
        (_, None) => "nobody".to_owned(),
    }
}

/// Why nobody, or nobody but others, was chosen at a spot.
pub(super) fn why_not_chosen(at: &At<'_>, attempt: &Attempt, spot: Spot) -> String {
    if !at.has_decided() {
        return format!("rule `{}` never decided", at.rule.name);
    }
    if let Some(reason) = at.recorded.passed_over.get(&spot) {
        return if reason.is_empty() {
            "it could serve, and another was better or came first".to_owned()
        } else {
            format!("passed over: {reason}")
        };
    }
    if spot.arm.is_some() {
        return "no case belongs to this arm of the split".to_owned();
    }
    match attempt.kind {
        AttemptKind::Route(_) | AttemptKind::Reject { .. } => "an attempt above it always ended the walk".to_owned(),
        _ => "no case comes as far as this attempt".to_owned(),
    }
}
