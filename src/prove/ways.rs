//! Every way through a policy's rules, with the conditions that lead there.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::candidates::{AttemptWays, candidates};
use super::entrance::Entrance;
use super::specialise::{constant, truth};
use crate::bounds::MAX_PROOF_WAYS;
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Policy, RouteId};

/// Conditions, each once, by number.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    all: Vec<Expr>,
    known: FxHashMap<String, usize>,
}

/// A condition and the value it has to have; a constant is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Constant(bool),
    Of(usize, bool),
}

impl Conditions {
    /// `expr` has this value.
    pub(super) fn literal(&mut self, expr: &Expr, value: bool) -> Literal {
        if let Some(constant) = constant(expr) {
            return Literal::Constant(constant == value);
        }
        let text = cel_text(expr);
        let next = self.all.len();
        let number = *self.known.entry(text).or_insert(next);
        if number == next {
            self.all.push(expr.clone());
        }
        Literal::Of(number, value)
    }

    pub(super) fn all(&self) -> Vec<&Expr> {
        self.all.iter().collect()
    }
}

/// Conditions that have to have values, newest first; shared by what has the same beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(Option<Rc<Link>>);

#[derive(Debug)]
struct Link {
    literal: (usize, bool),
    rest: Path,
}

impl Path {
    /// With one more; None when that cannot be.
    pub(super) fn with(&self, literal: Literal) -> Option<Self> {
        match literal {
            Literal::Constant(true) => Some(self.clone()),
            Literal::Constant(false) => None,
            Literal::Of(number, value) => {
                Some(Self(Some(Rc::new(Link { literal: (number, value), rest: self.clone() }))))
            }
        }
    }

    /// The condition that was added last.
    pub(super) fn newest(&self) -> Option<(usize, bool)> {
        self.0.as_ref().map(|link| link.literal)
    }

    /// The conditions with their values, each once; None when one would have both.
    pub(super) fn wanted(&self) -> Option<Vec<(usize, bool)>> {
        let mut found: FxHashMap<usize, bool> = FxHashMap::default();
        let mut next = &self.0;
        while let Some(link) = next {
            let (number, value) = link.literal;
            if *found.entry(number).or_insert(value) != value {
                return None;
            }
            next = &link.rest.0;
        }
        let mut wanted: Vec<_> = found.into_iter().collect();
        wanted.sort_unstable();
        Some(wanted)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // One by one: a chain of ten thousand would be dropped by recursion.
        let mut next = self.0.take();
        while let Some(link) = next {
            next = Rc::try_unwrap(link).ok().and_then(|mut link| link.rest.0.take());
        }
    }
}

/// A way: the rules that decide, and all that they may come to.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) decisions: Vec<(RouteId, usize)>,
    pub(super) path: Path,
    /// the attempts of the last rule
    pub(super) attempts: Rc<Vec<AttemptWays>>,
}

/// Walks all ways in from a route.
pub(super) struct Walker<'p> {
    policy: &'p Policy,
    entrance: &'p Entrance,
    attempts: FxHashMap<(RouteId, usize), Rc<Vec<AttemptWays>>>,
    specialised: FxHashMap<(RouteId, usize), Expr>,
    left: usize,
}

impl<'p> Walker<'p> {
    pub(super) fn new(policy: &'p Policy, entrance: &'p Entrance) -> Self {
        let (attempts, specialised) = (FxHashMap::default(), FxHashMap::default());
        Self { policy, entrance, attempts, specialised, left: MAX_PROOF_WAYS }
    }

    /// All ways from here, those of nested routes behind those that lead to them; None when they
    /// are too many.
    pub(super) fn ways(&mut self, entry: RouteId, conditions: &mut Conditions) -> Option<Vec<Way>> {
        let mut found = Vec::new();
        self.enter(entry, &[], &Path::default(), conditions, &mut found)?;
        Some(found)
    }

    fn enter(
        &mut self,
        route: RouteId,
        above: &[(RouteId, usize)],
        path: &Path,
        conditions: &mut Conditions,
        found: &mut Vec<Way>,
    ) -> Option<()> {
        let rules = self.policy.routes.get(route.index()).map_or(0, |route| route.rules.len());
        // Routes that call each other in a cycle are an error of the check.
        if above.len() > self.policy.routes.len() {
            return Some(());
        }
        let mut earlier = path.clone();
        for rule in 0..rules {
            self.left = self.left.checked_sub(1)?;
            let condition = self.condition(route, rule);
            let holds = conditions.literal(&condition, true);
            if let Some(path) = earlier.with(holds) {
                let decisions = [above, &[(route, rule)]].concat();
                let attempts = self.attempts(route, rule);
                let enters: Vec<RouteId> = attempts.iter().flat_map(|attempt| attempt.enters.clone()).collect();
                found.push(Way { decisions: decisions.clone(), path: path.clone(), attempts });
                for route in enters {
                    self.enter(route, &decisions, &path, conditions, found)?;
                }
            }
            let Some(next) = earlier.with(conditions.literal(&condition, false)) else { break };
            earlier = next;
        }
        Some(())
    }

    fn condition(&mut self, route: RouteId, rule: usize) -> Expr {
        let (policy, entrance) = (self.policy, self.entrance);
        let written = || policy.routes.get(route.index()).and_then(|route| route.rules.get(rule)?.condition.as_ref());
        let make = || written().map_or_else(|| truth(true), |condition| entrance.specialise(condition));
        self.specialised.entry((route, rule)).or_insert_with(make).clone()
    }

    fn attempts(&mut self, route: RouteId, rule: usize) -> Rc<Vec<AttemptWays>> {
        let policy = self.policy;
        Rc::clone(self.attempts.entry((route, rule)).or_insert_with(|| Rc::new(candidates(policy, route, rule))))
    }
}
