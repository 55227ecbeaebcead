//! A policy written a little differently: the list of all such changes, in source order.

use super::conditions::{Altered, alter};
use crate::diag::Span;
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Arm, Attempt, AttemptKind, Policy, Route, RouteId, Rule, Strategy};
use crate::engine::attempt_text;

/// One change of a policy.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// the route that is touched
    pub(super) route: RouteId,
    /// the rule's number in it
    pub(super) rule: u32,
    /// what is done
    pub(super) edit: Edit,
    /// what stood there: `request.tokens > 120000`
    pub(super) before: String,
    /// what stands there now; "" for something that is left out
    pub(super) after: String,
    /// where it stands
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// the rule's condition is this one
    Condition(Box<Expr>),
    /// the rule is left out
    DropRule,
    /// the rule stands behind the next one
    SwapRules,
    /// the rule's attempts are these
    Attempts(Vec<Attempt>),
}

impl Change {
    /// The policy with the change, its route beginning at the rule: for requests that no rule above
    /// takes, which are all that a change can touch.
    pub(super) fn apply_below(&self, policy: &Policy) -> Policy {
        let mut policy = self.apply(policy);
        if let Some(route) = policy.routes.get_mut(self.route.index()) {
            route.rules.drain(..(self.rule as usize).min(route.rules.len()));
        }
        policy
    }

    /// The policy with the change.
    pub(super) fn apply(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        let number = self.rule as usize;
        let Some(route) = policy.routes.get_mut(self.route.index()) else { return policy };
        match &self.edit {
            Edit::DropRule if number < route.rules.len() => drop(route.rules.remove(number)),
            Edit::SwapRules if number.saturating_add(1) < route.rules.len() => {
                route.rules.swap(number, number.saturating_add(1));
            }
            Edit::DropRule | Edit::SwapRules => {}
            Edit::Condition(condition) => {
                if let Some(rule) = route.rules.get_mut(number) {
                    rule.condition = Some(condition.as_ref().clone());
                }
            }
            Edit::Attempts(attempts) => {
                if let Some(rule) = route.rules.get_mut(number) {
                    rule.attempts.clone_from(attempts);
                }
            }
        }
        policy
    }
}

/// Every change of a policy.
pub(super) fn changes(policy: &Policy) -> Vec<Change> {
    let mut found = Vec::new();
    for (number, route) in (0_u32..).zip(&policy.routes) {
        for (rule_number, rule) in route.written() {
            let (route_id, rule_id) = (RouteId(number), rule_number);
            let change =
                |edit, before, after, span| Change { route: route_id, rule: rule_id, edit, before, after, span };
            if let Some(condition) = &rule.condition {
                found.extend(alter(condition).into_iter().map(|altered| {
                    let Altered { expr, before, after, span } = altered;
                    change(Edit::Condition(Box::new(expr)), before, after, span)
                }));
                found.extend(
                    of_order(route, rule_number, rule)
                        .map(|(edit, before, after)| change(edit, before, after, rule.span)),
                );
            }
            for (attempts, before, after, span) in of_attempts(policy, rule) {
                found.push(change(Edit::Attempts(attempts), before, after, span));
            }
        }
    }
    found
}

fn of_order(route: &Route, number: u32, rule: &Rule) -> impl Iterator<Item = (Edit, String, String)> {
    let next =
        route.rules.get((number as usize).saturating_add(1)).filter(|next| next.condition.is_some() && !next.explicit);
    let dropped = (Edit::DropRule, format!("rule {}", rule.name), String::new());
    let swapped = next.map(|next| {
        let words = |one: &Rule, other: &Rule| format!("rule {} before rule {}", one.name, other.name);
        (Edit::SwapRules, words(rule, next), words(next, rule))
    });
    std::iter::once(dropped).chain(swapped)
}

type Changed = (Vec<Attempt>, String, String, Span);

fn of_attempts(policy: &Policy, rule: &Rule) -> Vec<Changed> {
    let mut found: Vec<Changed> = Vec::new();
    let attempts = &rule.attempts;
    let text = |attempt: &Attempt| attempt_text(policy, attempt);
    let ends = |attempt: &Attempt| matches!(attempt.kind, AttemptKind::Route(_) | AttemptKind::Reject { .. });
    for (number, attempt) in attempts.iter().enumerate() {
        if attempts.len() > 1 {
            let mut left = attempts.clone();
            left.remove(number);
            found.push((left, text(attempt), String::new(), attempt.span));
        }
        let next = attempts.get(number.saturating_add(1)).filter(|next| !ends(next) && next.kind != attempt.kind);
        if let Some(next) = next {
            let mut swapped = attempts.clone();
            swapped.swap(number, number.saturating_add(1));
            let words = |one: &Attempt, other: &Attempt| format!("{} then {}", text(one), text(other));
            found.push((swapped, words(attempt, next), words(next, attempt), attempt.span.to(next.span)));
        }
        for kind in of_attempt(attempt) {
            let other = Attempt { kind, span: attempt.span };
            let (before, after) = (text(attempt), text(&other));
            let mut changed = attempts.clone();
            if let Some(slot) = changed.get_mut(number) {
                *slot = other;
            }
            found.push((changed, before, after, attempt.span));
        }
    }
    found
}

/// The changes of one attempt.
fn of_attempt(attempt: &Attempt) -> Vec<AttemptKind> {
    match &attempt.kind {
        AttemptKind::Choice { strategy, set, filter, ticket } => {
            let choice = |strategy, set: Vec<_>, filter| AttemptKind::Choice { strategy, set, filter, ticket: *ticket };
            let mut found = Vec::new();
            // `adaptive` has learnt nothing in a test: it is list order already.
            if set.len() > 1 && !matches!(strategy, Strategy::First | Strategy::Adaptive) {
                found.push(choice(Strategy::First, set.clone(), filter.clone()));
            }
            if let Some(condition) = filter {
                found.push(choice(*strategy, set.clone(), None));
                found.extend(alter(condition).into_iter().map(|part| choice(*strategy, set.clone(), Some(part.expr))));
            }
            for number in 0..set.len() {
                let mut left = set.clone();
                left.remove(number);
                if !left.is_empty() {
                    found.push(choice(*strategy, left, filter.clone()));
                }
            }
            found
        }
        AttemptKind::Split { arms, by } => {
            turned(arms).map(|arms| AttemptKind::Split { arms, by: by.clone() }).into_iter().collect()
        }
        AttemptKind::Reject { status, text } => {
            let status = if *status == 400 { 403 } else { 400 };
            vec![AttemptKind::Reject { status, text: text.clone() }]
        }
        AttemptKind::Model(_) | AttemptKind::Pool(_) | AttemptKind::Route(_) => Vec::new(),
    }
}

/// Every arm with the share of the next; None where all are the same.
fn turned(arms: &[Arm]) -> Option<Vec<Arm>> {
    let mut turned = arms.to_vec();
    let shares = arms.iter().cycle().skip(1).map(|arm| arm.percent);
    turned.iter_mut().zip(shares).for_each(|(arm, percent)| arm.percent = percent);
    (turned != arms).then_some(turned)
}
