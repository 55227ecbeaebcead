//! Which requests go another way under another policy.
//!
//! For every way in that both policies know, every way through the old rules is laid over every
//! way through the new ones that comes to something else. A request in both shows a difference,
//! and counts when both engines really take it these ways; when there is none anywhere, no request
//! goes another way: that is a proof.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::asking::{ask, callers, expressions, names, splits};
use super::entrance::{Entrance, entrances};
use super::outcome::{Outcome, Outcomes};
use super::ways::{Conditions, Walker, Way};
use super::{confirm, witness};
use crate::bounds::{MAX_PROOF_STEPS, MAX_WITNESSES};
use crate::compile::Space;
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::Policy;
use crate::engine::Engine;
use crate::engine::trace::Explainer;
use crate::facts::given::GivenFacts;

/// Most regions that are shown of one pair of ways.
const SHOWN_REGIONS: usize = 3;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// requests that go another way
    pub regions: Vec<Changed>,
    /// pairs of rules between which nothing excludes a difference, and none was confirmed
    pub possible: Vec<Unsure>,
    /// false: it was too much work, so there may be more
    pub complete: bool,
    /// who comes in under one of the policies only: nothing of their requests is compared
    pub alone: Vec<String>,
}

/// Requests that go another way, with one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// who asks, as the new policy numbers its tenants
    pub entrance: Entrance,
    /// what is true of them, as CEL text
    pub facts: Vec<String>,
    /// one of them, confirmed by both engines; who asks left out
    pub witness: GivenFacts,
    /// where they went
    pub from: Place,
    /// where they go
    pub to: Place,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `main/background`
    pub decision: String,
    /// the attempts that it comes to: `a then b`
    pub target: String,
    /// the options that hold, such as `deadline: 10s`
    pub options: Vec<String>,
}

impl Place {
    /// What it comes to, with all options: `a then b with { deadline: 10s }`.
    #[must_use]
    pub fn outcome(&self) -> String {
        match self.options.as_slice() {
            [] => self.target.clone(),
            options => format!("{} with {{ {} }}", self.target, options.join(", ")),
        }
    }

    fn does_the_same(&self, other: &Self) -> bool {
        self.target == other.target && self.options == other.options
    }
}

/// A difference that may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsure {
    /// who asks, as the new policy numbers its tenants
    pub entrance: Entrance,
    /// where such requests went
    pub from: Place,
    /// where they would go
    pub to: Place,
    /// the tests that stood in the way
    pub by: Vec<String>,
}

impl Difference {
    /// Whether it is proved that every request goes the same way.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.complete && self.regions.is_empty() && self.possible.is_empty() && self.alone.is_empty()
    }
}

/// Compares two policies.
#[must_use]
pub fn diff(old: &Engine, new: &Engine) -> Difference {
    let mut found = Difference { complete: true, ..Difference::default() };
    let mut budget = MAX_PROOF_STEPS;
    let (pairs, alone) = pairs(old.policy(), new.policy());
    found.alone = alone;
    for (before, after) in pairs {
        let mut comparison = Comparison { old, new, before: &before, after: &after, budget: &mut budget };
        comparison.run(&mut found);
    }
    found.possible.dedup();
    found
}

/// The ways in that both policies know, by the names of tenant and key, and who is left.
fn pairs(old: &Policy, new: &Policy) -> (Vec<(Entrance, Entrance)>, Vec<String>) {
    let reads: Vec<&Expr> = expressions(old).into_iter().chain(expressions(new)).collect();
    let name = |policy: &Policy, entrance: &Entrance| {
        let tenant = entrance.tenant.and_then(|id| policy.tenants.get(id.index()));
        (tenant.map(|tenant| tenant.name.clone()), entrance.key.clone())
    };
    let says = |(tenant, key): (Option<String>, Option<String>)| match (tenant, key) {
        (Some(tenant), Some(key)) => format!("tenant `{tenant}` with key `{key}`"),
        (Some(tenant), None) => format!("tenant `{tenant}`"),
        (None, _) => "whoever is not declared".to_owned(),
    };
    let (mut found, mut alone) = (Vec::new(), Vec::new());
    let mut after: Vec<Entrance> = entrances(new, &reads);
    for mut before in entrances(old, &reads) {
        let same = after.iter().position(|after| name(new, after) == name(old, &before));
        let Some(mut same) = same.map(|at| after.remove(at)) else {
            alone.push(says(name(old, &before)));
            continue;
        };
        // Where one policy leaves open who somebody undeclared is, the other one says it for both.
        if before.known.is_empty() {
            before.known.clone_from(&same.known);
        } else if same.known.is_empty() {
            same.known.clone_from(&before.known);
        }
        found.push((before, same));
    }
    alone.extend(after.iter().map(|entrance| says(name(new, entrance))));
    (found, alone)
}

struct Comparison<'e, 'b> {
    old: &'e Engine,
    new: &'e Engine,
    before: &'b Entrance,
    after: &'b Entrance,
    budget: &'b mut usize,
}

/// A way with what it comes to.
struct Leaf {
    way: Way,
    place: Place,
    /// all conditions that lead here, by number
    wanted: Vec<(usize, bool)>,
    /// the one that was asked last
    last: Option<(usize, bool)>,
    /// the splits that it goes through, each with the route behind its arm
    arms: Vec<(String, String)>,
}

impl Leaf {
    /// Whether what was asked last here has the other value there. Most pairs of rules that were
    /// not touched are told apart by this alone.
    fn excludes(&self, other: &Self) -> bool {
        // A caller goes through one arm of a split only, and through the same one of the same split.
        let other_arm =
            |(split, arm): &(String, String)| other.arms.iter().any(|(same, other)| same == split && other != arm);
        self.arms.iter().any(other_arm)
            || self.last.is_some_and(|(number, value)| {
                let place = other.wanted.binary_search_by_key(&number, |(other, _)| *other);
                place.ok().and_then(|at| other.wanted.get(at)).is_some_and(|(_, other)| *other != value)
            })
    }
}

impl Comparison<'_, '_> {
    fn run(&mut self, found: &mut Difference) {
        let (Some(from), Some(to)) = (self.old.entry(self.before.tenant), self.new.entry(self.after.tenant)) else {
            return;
        };
        let mut conditions = Conditions::default();
        let old = Walker::new(self.old.policy(), self.before).ways(from, &mut conditions);
        let new = Walker::new(self.new.policy(), self.after).ways(to, &mut conditions);
        let (Some(old), Some(new)) = (old, new) else {
            found.complete = false;
            return;
        };
        let old = leaves(self.old.policy(), self.before, old);
        let new = leaves(self.new.policy(), self.after, new);
        let all = conditions.all();
        let space = Space::new(&all);
        for before in &old {
            for after in new.iter().filter(|after| !after.place.does_the_same(&before.place)) {
                if !before.excludes(after) && !after.excludes(before) {
                    self.lay(before, after, &space, &all, found);
                }
            }
        }
    }

    /// Requests that are on both ways.
    fn lay(&mut self, before: &Leaf, after: &Leaf, space: &Space, all: &[&Expr], found: &mut Difference) {
        // Most pairs are excluded by what their two rules ask for.
        let few: Vec<(usize, bool)> = [before.last, after.last].into_iter().flatten().collect();
        if space.has_region(&few, self.budget) == Some(false) {
            return;
        }
        let Some(wanted) = joined(&before.wanted, &after.wanted) else { return };
        let (mut shown, mut tries, mut by) = (0, 0, None);
        let mut budget = std::mem::take(self.budget);
        let given = budget;
        let mut for_witnesses = given;
        let coverage = space.regions(&wanted, &mut budget, &mut |region| {
            tries += 1;
            let facts = witness(region, &mut for_witnesses).filter(|facts| confirm(all, &wanted, facts));
            match facts.and_then(|given| self.confirmed(before, after, &given)) {
                Some(given) => {
                    shown += 1;
                    found.regions.push(Changed {
                        entrance: self.after.clone(),
                        facts: region.facts(),
                        witness: given,
                        from: before.place.clone(),
                        to: after.place.clone(),
                    });
                }
                None => drop(by.get_or_insert_with(|| region.opaque().into_iter().map(|(text, _)| text).collect())),
            }
            if shown >= SHOWN_REGIONS || tries >= MAX_WITNESSES {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        *self.budget = budget.saturating_sub(given.saturating_sub(for_witnesses));
        found.complete &= coverage != crate::compile::Coverage::GaveUp;
        if shown == 0
            && let Some(by) = by
        {
            let (from, to) = (before.place.clone(), after.place.clone());
            found.possible.push(Unsure { entrance: self.after.clone(), from, to, by });
        }
    }

    /// The facts, when both engines take them these ways.
    fn confirmed(&self, before: &Leaf, after: &Leaf, given: &GivenFacts) -> Option<GivenFacts> {
        let (mut old, mut new) = (Explainer::new(self.old), Explainer::new(self.new));
        let mut goes = |entrance: &Entrance, leaf: &Leaf, given: &GivenFacts, is_old: bool| {
            let (engine, explainer) = if is_old { (self.old, &mut old) } else { (self.new, &mut new) };
            let trace = ask(engine, explainer, entrance, &entrance.fill(given));
            let ends = names(engine.policy(), &leaf.way.decisions);
            trace.is_some_and(|trace| trace.decisions.last() == Some(&ends))
        };
        let spread =
            splits(self.old.policy(), &before.way.decisions) || splits(self.new.policy(), &after.way.decisions);
        callers(given, spread)
            .find(|given| goes(self.before, before, given, true) && goes(self.after, after, given, false))
    }
}

/// The ways at whose end a request stays: what goes on in a nested route is that route's.
fn leaves(policy: &Policy, entrance: &Entrance, ways: Vec<Way>) -> Vec<Leaf> {
    let inner: BTreeSet<_> = ways
        .iter()
        .filter_map(|way| way.decisions.split_last().map(|(_, above)| above.to_vec()))
        .filter(|above| !above.is_empty())
        .collect();
    let outcomes = Outcomes::new(policy);
    let ends = ways.into_iter().filter(|way| !inner.contains(&way.decisions) || outcomes.may_stay(&way.decisions));
    ends.filter_map(|way| {
        let decision = names(policy, &way.decisions).join("/");
        let Outcome { target, options } = outcomes.of(&way.decisions);
        let place = Place { decision, target, options };
        let arms = outcomes.arms(&way.decisions, &|by| entrance.specialise(by));
        // A way that contradicts itself has no request on it.
        let wanted = way.path.wanted()?;
        let last = way.path.newest();
        Some(Leaf { way, place, wanted, last, arms })
    })
    .collect()
}

/// Both paths; None when they contradict each other.
fn joined(one: &[(usize, bool)], other: &[(usize, bool)]) -> Option<Vec<(usize, bool)>> {
    let mut all = Vec::with_capacity(one.len() + other.len());
    let (mut left, mut right) = (one.iter().copied().peekable(), other.iter().copied().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a.0 == b.0 => {
                if a.1 != b.1 {
                    return None;
                }
                all.extend(left.next());
                right.next();
            }
            (Some(a), Some(b)) if a.0 < b.0 => all.extend(left.next()),
            (_, Some(_)) => all.extend(right.next()),
            (Some(_), None) => all.extend(left.next()),
            (None, None) => return Some(all),
        }
    }
}
