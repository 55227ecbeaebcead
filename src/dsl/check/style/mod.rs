//! Checks of how a condition is written, on the tree of the text: a `let` is still a name here, and
//! nothing is folded. Each finding brings a change that keeps the meaning, where one is plain.

mod any_of;
mod double_negation;
mod literal_left;
mod lone_element;
mod look_alike;
mod plain_regex;

use crate::diag::{Diagnostic, Sources, Span};
use crate::dsl::ast::{Attempt, AttemptKind, Item, Statement};
use crate::dsl::expr::ast::{Raw, RawKind};

/// Looks at every expression and every string of a policy.
pub(super) fn check(items: &[Item], sources: &Sources, findings: &mut Vec<Diagnostic>) {
    look_alike::check(sources, findings);
    for expression in expressions(items) {
        Style { sources, findings }.walk(expression, true);
    }
}

/// All expressions of a policy.
fn expressions(items: &[Item]) -> Vec<&Raw> {
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Route(route) => {
                for statement in &route.statements {
                    match statement {
                        Statement::Let(_, raw) => found.push(raw),
                        Statement::Rule(rule) => {
                            found.extend(&rule.condition);
                            rule.target.iter().for_each(|attempt| of_attempt(attempt, &mut found));
                        }
                    }
                }
            }
            Item::Invariant { when, require, .. } => found.extend([when, require]),
            _ => {}
        }
    }
    found
}

fn of_attempt<'i>(attempt: &'i Attempt, found: &mut Vec<&'i Raw>) {
    match &attempt.kind {
        AttemptKind::Choice { filter, .. } => found.extend(filter),
        AttemptKind::Split { arms, by } => {
            found.extend(by);
            arms.iter().for_each(|(_, _, arm)| of_attempt(arm, found));
        }
        AttemptKind::Name(_) | AttemptKind::Route(_) | AttemptKind::Reject { .. } => {}
    }
}

struct Style<'s, 'f> {
    sources: &'s Sources,
    findings: &'f mut Vec<Diagnostic>,
}

impl<'s> Style<'s, '_> {
    fn text(&self, span: Span) -> &'s str {
        self.sources.slice(span)
    }

    /// Whether only this sign and blanks stand between two places: no comment, no bracket.
    fn only_between(&self, left: Span, sign: &str, right: Span) -> bool {
        let between = Span { start: left.end, end: right.start, ..left };
        left.end <= right.start && self.text(between).trim() == sign
    }

    /// One node. `loose`: an operator that binds loosely may stand here without brackets. Recursion is
    /// bounded by the height that the parser allows.
    fn walk(&mut self, raw: &Raw, loose: bool) {
        self.double_negation(raw);
        self.literal_left(raw);
        self.lone_element(raw);
        self.any_of(raw);
        self.plain_regex(raw, loose);
        match &raw.kind {
            RawKind::Select(inner, _) | RawKind::Not(inner) | RawKind::Neg(inner) => self.walk(inner, false),
            RawKind::Call(receiver, _, arguments) => {
                receiver.iter().for_each(|receiver| self.walk(receiver, false));
                arguments.iter().for_each(|argument| self.walk(argument, true));
            }
            RawKind::Index(inner, index) => {
                self.walk(inner, false);
                self.walk(index, true);
            }
            RawKind::Binary(_, _, left, right) => {
                self.walk(left, false);
                self.walk(right, false);
            }
            RawKind::Cond(condition, then, other) => {
                [condition, then, other].into_iter().for_each(|part| self.walk(part, true));
            }
            RawKind::And(parts) | RawKind::Or(parts) | RawKind::List(parts) => {
                parts.iter().for_each(|part| self.walk(part, true));
            }
            RawKind::Map(entries) => entries.iter().for_each(|(key, value)| {
                self.walk(key, true);
                self.walk(value, true);
            }),
            _ => {}
        }
    }
}
