//! Where a rule leads: attempts, choices, splits, refusals.

use pest::iterators::Pair;

use super::{Parser, Rule};
use crate::dsl::ast::{Attempt, AttemptKind, Set, Word};
use crate::dsl::policy::Strategy;

fn strategy(word: &str) -> Strategy {
    match word {
        "cheapest" => Strategy::Cheapest,
        "fastest" => Strategy::Fastest,
        "best" => Strategy::Best,
        "balanced" => Strategy::Balanced,
        "idlest" => Strategy::Idlest,
        "rotate" => Strategy::Rotate,
        "adaptive" => Strategy::Adaptive,
        _ => Strategy::First,
    }
}

impl<'a> Parser<'a, '_> {
    pub(super) fn target(&mut self, pair: Pair<'a, Rule>) -> Vec<Attempt> {
        pair.into_inner().filter(|child| child.as_rule() == Rule::attempt).map(|child| self.attempt(child)).collect()
    }

    /// One attempt. Nesting (splits in splits) is bounded by the scanner.
    fn attempt(&mut self, pair: Pair<'a, Rule>) -> Attempt {
        let span = self.span(&pair);
        let Some(child) = pair.into_inner().next() else {
            return Attempt { kind: AttemptKind::Name(self.empty_word()), span };
        };
        let kind = match child.as_rule() {
            Rule::reject => self.reject(child),
            Rule::call_route => AttemptKind::Route(self.first_word(child, Rule::name)),
            Rule::split => self.split(child),
            Rule::choice => self.choice(child),
            _ => AttemptKind::Name(self.word(&child)),
        };
        Attempt { kind, span }
    }

    fn reject(&mut self, pair: Pair<'a, Rule>) -> AttemptKind {
        let mut status = (0, self.span(&pair));
        let mut text = None;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::status => status = (child.as_str().parse().unwrap_or(u32::MAX), self.span(&child)),
                Rule::string => text = Some(self.string(&child)),
                _ => {}
            }
        }
        AttemptKind::Reject { status, text }
    }

    fn split(&mut self, pair: Pair<'a, Rule>) -> AttemptKind {
        let mut arms = Vec::new();
        let mut by = None;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::arm => arms.extend(self.arm(child)),
                Rule::expr => by = Some(self.expr(child)),
                _ => {}
            }
        }
        AttemptKind::Split { arms, by }
    }

    fn arm(&mut self, pair: Pair<'a, Rule>) -> Option<(f64, crate::diag::Span, Attempt)> {
        let mut share = None;
        let mut attempt = None;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::percent => {
                    let percent = child.as_str().trim_end_matches('%').parse().unwrap_or(f64::INFINITY);
                    share = Some((percent, self.span(&child)));
                }
                Rule::attempt => attempt = Some(self.attempt(child)),
                _ => {}
            }
        }
        let (percent, span) = share?;
        Some((percent, span, attempt?))
    }

    fn choice(&mut self, pair: Pair<'a, Rule>) -> AttemptKind {
        let mut picked = (Strategy::First, self.span(&pair));
        let mut set = Set::Name(self.empty_word());
        let mut filter = None;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::pick => picked = (strategy(child.as_str()), self.span(&child)),
                Rule::set => set = self.set(child),
                Rule::expr => filter = Some(self.expr(child)),
                _ => {}
            }
        }
        AttemptKind::Choice { strategy: picked, set, filter }
    }

    fn set(&mut self, pair: Pair<'a, Rule>) -> Set {
        let Some(child) = pair.into_inner().next() else { return Set::Name(self.empty_word()) };
        match child.as_rule() {
            Rule::tag => Set::Tag(self.first_word(child, Rule::word)),
            Rule::names => {
                let span = self.span(&child);
                Set::Names(self.names(child), span)
            }
            _ => Set::Name(self.word(&child)),
        }
    }

    pub(super) fn names(&self, pair: Pair<'a, Rule>) -> Vec<Word> {
        pair.into_inner().filter(|child| child.as_rule() == Rule::name).map(|child| self.word(&child)).collect()
    }
}
