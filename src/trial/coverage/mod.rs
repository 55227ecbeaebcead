//! What the cases of a policy reach, and of everything that they do not, why.
//!
//! Three kinds of things are counted: rules (the default too) that decided at least once; atoms
//! of conditions, each once as true and once as false; and whoever stands behind a rule: each
//! model of an attempt, each arm of a split, each route and each refusal. On request, MC/DC: each
//! atom shown to decide its condition alone. An atom that a short circuit left out was not seen.

mod gaps;
mod mcdc;
mod text;

use serde::Serialize;

use super::reach::Asked;
use crate::bounds::MAX_COVERAGE_PROOFS;
use crate::diag::Span;
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{Expr, Kind, Literal};
use crate::dsl::policy::{Attempt, AttemptKind, Policy, RouteId, Rule};
use crate::engine::trace::{Recorded, Spot, members};
use crate::prove::Verdict;

/// What is to be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// MC/DC too
    pub mcdc: bool,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// rules that decided
    pub rules: Count,
    /// atoms seen as true, and seen as false: two a piece
    pub atoms: Count,
    /// models, arms, routes and refusals behind rules
    pub attempts: Count,
    /// atoms shown to decide alone; None: not asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcdc: Option<Count>,
    /// rules that no request reaches (proved): they count nowhere, nor does what stands in them
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<Gap>,
    /// everything that was not reached, in source order
    #[serde(skip)]
    pub gaps: Vec<Gap>,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// reached
    pub covered: usize,
    /// all
    pub total: usize,
}

/// What kind of thing was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// a rule never decided
    Rule,
    /// an atom was not seen as one of its values
    Atom,
    /// somebody behind a rule was never chosen
    Attempt,
    /// an atom was not shown to decide alone
    Mcdc,
}

/// Something that was not reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// of what kind
    pub kind: GapKind,
    /// the route
    pub route: String,
    /// the rule
    pub rule: String,
    /// what exactly: the rule's name, the atom's text, the model's name
    pub what: String,
    /// for an atom: the value that was not seen
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<bool>,
    /// why not, and what a case would need: a sentence without a full stop
    pub reason: String,
    /// where it stands
    #[serde(skip)]
    pub span: Span,
    /// the same in numbers, for whoever suggests a case
    #[serde(skip)]
    pub place: Place,
}

/// A gap's place in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// the route
    pub route: RouteId,
    /// the rule's number in it
    pub rule: u32,
    /// the atom's number in the rule's condition, from left to right
    pub atom: Option<usize>,
    /// who was not chosen
    pub spot: Option<Spot>,
}

impl Count {
    fn add(&mut self, is_covered: bool) {
        self.total = self.total.saturating_add(1);
        self.covered = self.covered.saturating_add(usize::from(is_covered));
    }

    /// Whole percents, rounded down: 100 means all. Nothing to cover is covered.
    #[must_use]
    pub fn percent(self) -> usize {
        self.covered.saturating_mul(100).checked_div(self.total).unwrap_or(100)
    }
}

impl Coverage {
    /// Everything together.
    #[must_use]
    pub fn all(&self) -> Count {
        let counts = [Some(self.rules), Some(self.atoms), Some(self.attempts), self.mcdc];
        counts.into_iter().flatten().fold(Count::default(), |sum, count| Count {
            covered: sum.covered.saturating_add(count.covered),
            total: sum.total.saturating_add(count.total),
        })
    }
}

/// Counts what was reached.
#[must_use]
pub fn measure(policy: &Policy, recorded: &Recorded, wanted: Wanted) -> Coverage {
    let mut coverage = Coverage {
        rules: Count::default(),
        atoms: Count::default(),
        attempts: Count::default(),
        mcdc: wanted.mcdc.then(Count::default),
        unreachable: Vec::new(),
        gaps: Vec::new(),
    };
    let mut proofs = MAX_COVERAGE_PROOFS;
    for (number, route) in (0_u32..).zip(&policy.routes) {
        for (rule_number, rule) in route.written() {
            let at = At { policy, recorded, route: RouteId(number), number: rule_number, rule };
            if !at.has_decided() && proofs > 0 {
                proofs = proofs.saturating_sub(1);
                if Asked::at(route, rule_number as usize).matched(rule).find() == Verdict::Impossible {
                    let reason = "no request reaches it (proved)".to_owned();
                    coverage.unreachable.push(at.gap(GapKind::Rule, rule.name.clone(), reason, rule.span));
                    continue;
                }
            }
            coverage.rule(&at);
            coverage.atoms(&at);
            coverage.attempts(&at);
        }
    }
    coverage.gaps.sort_by_key(|gap| (gap.span.source, gap.span.start, gap.kind));
    coverage
}

/// The rule that is looked at.
struct At<'a> {
    policy: &'a Policy,
    recorded: &'a Recorded,
    route: RouteId,
    number: u32,
    rule: &'a Rule,
}

impl At<'_> {
    fn gap(&self, kind: GapKind, what: String, reason: String, span: Span) -> Gap {
        let route = self.policy.routes.get(self.route.index()).map(|route| route.name.clone()).unwrap_or_default();
        let place = Place { route: self.route, rule: self.number, atom: None, spot: None };
        Gap { kind, route, rule: self.rule.name.clone(), what, value: None, reason, span, place }
    }

    fn has_decided(&self) -> bool {
        self.recorded.decisions.contains(&(self.route, self.number))
    }
}

impl Coverage {
    fn rule(&mut self, at: &At<'_>) {
        self.rules.add(at.has_decided());
        if !at.has_decided() {
            let reason = gaps::why_never_decided(at);
            self.gaps.push(at.gap(GapKind::Rule, at.rule.name.clone(), reason, at.rule.span));
        }
    }

    fn atoms(&mut self, at: &At<'_>) {
        let Some(condition) = &at.rule.condition else { return };
        let courses = at.recorded.courses.get(&(at.route, at.number));
        for (number, atom) in atoms_of(condition).into_iter().enumerate() {
            let saw = |value: bool| {
                courses.is_some_and(|all| all.iter().any(|course| course.atoms.get(number) == Some(&Some(value))))
            };
            let (was_true, was_false) = (saw(true), saw(false));
            for (value, is_seen) in [(true, was_true), (false, was_false)] {
                self.atoms.add(is_seen);
                if !is_seen {
                    let reason = gaps::why_not_seen(courses, number, value);
                    let mut gap = at.gap(GapKind::Atom, cel_text(atom), reason, atom.span);
                    (gap.value, gap.place.atom) = (Some(value), Some(number));
                    self.gaps.push(gap);
                }
            }
            if let Some(mcdc) = &mut self.mcdc {
                let is_shown = courses.is_some_and(|courses| mcdc::decides_alone(courses, number));
                mcdc.add(is_shown);
                if !is_shown {
                    let reason = mcdc::why_not(was_true && was_false);
                    let mut gap = at.gap(GapKind::Mcdc, cel_text(atom), reason, atom.span);
                    gap.place.atom = Some(number);
                    self.gaps.push(gap);
                }
            }
        }
    }

    fn attempts(&mut self, at: &At<'_>) {
        for (number, attempt) in (0_u32..).zip(&at.rule.attempts) {
            match &attempt.kind {
                AttemptKind::Split { arms, .. } => {
                    for (arm, inner) in (0_u32..).zip(arms) {
                        self.attempt(at, number, Some(arm), &inner.attempt);
                    }
                }
                _ => self.attempt(at, number, None, attempt),
            }
        }
    }

    fn attempt(&mut self, at: &At<'_>, number: u32, arm: Option<u32>, attempt: &Attempt) {
        let spot = |model| Spot { route: at.route, rule: at.number, attempt: number, arm, model };
        let members = members(at.policy, attempt);
        let spots: Vec<Spot> =
            if members.is_empty() { vec![spot(None)] } else { members.iter().map(|id| spot(Some(*id))).collect() };
        for spot in spots {
            let is_reached = at.recorded.reached.contains(&spot);
            self.attempts.add(is_reached);
            if !is_reached {
                let reason = gaps::why_not_chosen(at, attempt, spot);
                let mut gap = at.gap(GapKind::Attempt, gaps::name(at.policy, attempt, spot), reason, attempt.span);
                gap.place.spot = Some(spot);
                self.gaps.push(gap);
            }
        }
    }
}

/// Whether what a gap misses has been reached after all.
#[must_use]
pub fn is_covered(recorded: &Recorded, gap: &Gap) -> bool {
    let Place { route, rule, atom, spot } = gap.place;
    let courses = recorded.courses.get(&(route, rule));
    match (gap.kind, atom, spot) {
        (GapKind::Rule, ..) => recorded.decisions.contains(&(route, rule)),
        (GapKind::Attempt, _, Some(spot)) => recorded.reached.contains(&spot),
        (GapKind::Atom, Some(atom), _) => {
            courses.is_some_and(|all| all.iter().any(|course| course.atoms.get(atom) == Some(&gap.value)))
        }
        (GapKind::Mcdc, Some(atom), _) => courses.is_some_and(|courses| mcdc::decides_alone(courses, atom)),
        _ => false,
    }
}

/// The atoms of a condition from left to right, as the plain evaluator counts them.
#[must_use]
pub fn atoms_of(condition: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    collect(condition, &mut found);
    found
}

fn collect<'a>(expr: &'a Expr, found: &mut Vec<&'a Expr>) {
    match &expr.kind {
        Kind::Literal(Literal::Bool(_)) => {}
        Kind::Not(inner) => collect(inner, found),
        Kind::And(items) | Kind::Or(items) => items.iter().for_each(|item| collect(item, found)),
        Kind::Cond(condition, yes, no) => [condition, yes, no].into_iter().for_each(|part| collect(part, found)),
        _ => found.push(expr),
    }
}
