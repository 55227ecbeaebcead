//! The nearest request for which a rule would decide: the fewest facts that would have to be
//! different, all others staying as they are.
//!
//! The prover gives requests that come to the rule; each is brought back towards the request in
//! question, fact by fact, as far as the rule still decides. What is left was confirmed by the
//! plain evaluator. It is the fewest of what was tried, which need not be the fewest there are.

use std::ops::ControlFlow;

use crate::bounds::{MAX_NEAREST_REGIONS, TRIAL_STEPS};
use crate::compile::{Coverage, Space};
use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::expr::print::quoted;
use crate::dsl::policy::{Policy, RouteId};
use crate::engine::Engine;
use crate::engine::trace::{Change, Nearest};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::{Facts, Var};
use crate::prove::witness;

/// Facts of a request, as far as a policy's conditions read them.
#[must_use]
pub fn snapshot(engine: &Engine, facts: &dyn Facts) -> GivenFacts {
    let reads = engine.program().reads();
    let mut given = GivenFacts::default();
    for var in &reads.vars {
        given.set(*var, owned(facts, *var));
    }
    for name in &reads.headers {
        given.set_header(name, facts.header(name));
    }
    for name in &reads.metadata {
        given.set_meta(name, facts.meta(name));
    }
    given
}

fn owned(facts: &dyn Facts, var: Var) -> Owned {
    use crate::facts::Fact;
    match facts.get(var) {
        Fact::Bool(value) => Owned::Bool(value),
        Fact::Int(value) => Owned::Int(value),
        Fact::Double(value) => Owned::Double(value),
        Fact::Str(text) => Owned::Str(text.to_owned()),
        Fact::List(items) => Owned::List(items.iter().map(|item| item.to_string().into()).collect()),
        Fact::Time(moment) => Owned::Time(moment),
    }
}

/// Something that may be different.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Var(Var),
    Header(String),
    Meta(String),
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Var(var) => var.path().to_owned(),
            Self::Header(name) => format!("request.header({})", quoted(name)),
            Self::Meta(name) => format!("request.meta({})", quoted(name)),
        }
    }

    fn read(&self, facts: &GivenFacts) -> Owned {
        match self {
            Self::Var(var) => owned(facts, *var),
            Self::Header(name) => Owned::Str(facts.header(name).to_owned()),
            Self::Meta(name) => Owned::Str(facts.meta(name).to_owned()),
        }
    }

    fn write(&self, facts: &mut GivenFacts, value: Owned) {
        match (self, value) {
            (Self::Header(name), Owned::Str(text)) => facts.set_header(name, &text),
            (Self::Meta(name), Owned::Str(text)) => facts.set_meta(name, &text),
            (Self::Var(var), value) => {
                facts.set(*var, value);
            }
            (Self::Header(_) | Self::Meta(_), _) => {}
        }
    }
}

/// A rule of a route with everything above it, prepared.
struct Goal {
    conditions: Vec<Condition>,
    /// the last condition is the rule's own
    has_own: bool,
    places: Vec<Place>,
}

impl Goal {
    fn is_met(&self, facts: &GivenFacts) -> bool {
        let own = if self.has_own { self.conditions.len().saturating_sub(1) } else { self.conditions.len() };
        let holds = |condition: &Condition| condition.eval(facts) == Verdict::True;
        self.conditions.iter().skip(own).all(holds) && !self.conditions.iter().take(own).any(holds)
    }

    /// The facts with the values of `other` at these places.
    fn with(&self, facts: &GivenFacts, other: &GivenFacts, places: &[&Place]) -> GivenFacts {
        let mut facts = facts.clone();
        places.iter().for_each(|place| place.write(&mut facts, place.read(other)));
        facts
    }

    /// The fewest places at which `facts` must become `other` for the rule to decide: one, or two,
    /// or what is left when all that are not needed are taken back.
    fn fewest<'g>(&'g self, facts: &GivenFacts, other: &GivenFacts, most: usize) -> Option<Vec<&'g Place>> {
        let different: Vec<&Place> =
            self.places.iter().filter(|place| place.read(facts) != place.read(other)).collect();
        let is_enough = |places: &[&Place]| self.is_met(&self.with(facts, other, places));
        if let Some(one) = different.iter().find(|one| is_enough(&[one])) {
            return Some(vec![one]);
        }
        if most <= 1 {
            return None;
        }
        let pairs =
            different.iter().enumerate().flat_map(|(at, one)| different.iter().take(at).map(move |two| [*two, *one]));
        if let Some(pair) = pairs.take(MOST_PAIRS).find(|pair| is_enough(pair)) {
            return Some(pair.to_vec());
        }
        let mut left = different;
        if !is_enough(&left) {
            return None;
        }
        let mut at = 0;
        while at < left.len() {
            let mut fewer = left.clone();
            fewer.remove(at);
            if is_enough(&fewer) {
                left = fewer;
            } else {
                at += 1;
            }
        }
        (left.len() < most).then_some(left)
    }
}

impl Goal {
    /// The same change with whole numbers as near to what they are as the rule allows: `tokens:
    /// 120000` rather than `tokens: 0`.
    fn closer(&self, facts: &GivenFacts, mut other: GivenFacts, places: &[&Place]) -> GivenFacts {
        for place in places {
            let (Owned::Int(is), Owned::Int(mut good)) = (place.read(facts), place.read(&other)) else { continue };
            let mut bad = is;
            while good.abs_diff(bad) > 1 {
                let middle = good.midpoint(bad);
                let mut nearer = other.clone();
                place.write(&mut nearer, Owned::Int(middle));
                if self.is_met(&self.with(facts, &nearer, places)) {
                    good = middle;
                    other = nearer;
                } else {
                    bad = middle;
                }
            }
        }
        other
    }
}

/// Most pairs of facts that are tried for one region.
const MOST_PAIRS: usize = 66;

/// The nearest request for which this rule of a route would decide. `facts` as [`snapshot`] gives
/// them.
#[must_use]
pub fn nearest(engine: &Engine, route: RouteId, rule: u32, facts: &GivenFacts) -> Nearest {
    let policy = engine.policy();
    let Some((conditions, wanted, has_own)) = asked(policy, route, rule) else { return Nearest::NotFound(Vec::new()) };
    let goal = Goal {
        conditions: conditions.iter().map(|condition| Condition::new(condition)).collect(),
        has_own,
        places: places(engine),
    };
    let space = Space::new(&conditions);
    let (mut budget, mut for_witnesses) = (TRIAL_STEPS, TRIAL_STEPS);
    let mut best: Option<Vec<Change>> = None;
    let mut tries = 0_usize;
    let mut by = Vec::new();
    let coverage = space.regions(&wanted, &mut budget, &mut |region| {
        tries = tries.saturating_add(1);
        let most = best.as_ref().map_or(usize::MAX, Vec::len);
        let found = witness(region, &mut for_witnesses).filter(|other| goal.is_met(other));
        let fewest = found.as_ref().and_then(|other| goal.fewest(facts, other, most));
        match (found, fewest) {
            (Some(other), Some(places)) if places.len() < most => {
                let other = goal.closer(facts, other, &places);
                let change =
                    |place: &&Place| Change { name: place.name(), is: place.read(facts), would_be: place.read(&other) };
                best = Some(places.iter().map(change).collect());
            }
            (None, _) if by.is_empty() => by = region.opaque().into_iter().map(|(text, _)| text).collect(),
            _ => {}
        }
        let is_done = best.as_ref().is_some_and(|best| best.len() <= 1) || tries >= MAX_NEAREST_REGIONS;
        if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match best {
        Some(changes) => Nearest::With(changes),
        None if tries == 0 && coverage == Coverage::Exhausted => Nearest::Never,
        None => Nearest::NotFound(by),
    }
}

type Asked<'p> = (Vec<&'p crate::dsl::expr::typed::Expr>, Vec<(usize, bool)>, bool);

fn asked(policy: &Policy, route: RouteId, rule: u32) -> Option<Asked<'_>> {
    let rules = &policy.routes.get(route.index())?.rules;
    let own = rules.get(rule as usize)?.condition.as_ref();
    let above = rules.iter().take(rule as usize).filter_map(|rule| rule.condition.as_ref());
    let mut conditions: Vec<_> = above.collect();
    let mut wanted: Vec<(usize, bool)> = (0..conditions.len()).map(|number| (number, false)).collect();
    if let Some(own) = own {
        wanted.push((conditions.len(), true));
        conditions.push(own);
    }
    Some((conditions, wanted, own.is_some()))
}

fn places(engine: &Engine) -> Vec<Place> {
    let reads = engine.program().reads();
    let vars = reads.vars.iter().map(|var| Place::Var(*var));
    let headers = reads.headers.iter().map(|name| Place::Header(name.clone()));
    vars.chain(headers).chain(reads.metadata.iter().map(|name| Place::Meta(name.clone()))).collect()
}
