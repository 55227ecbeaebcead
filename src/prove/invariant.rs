//! Whether a promise of a policy holds.
//!
//! For every way in, and every rule that a request may go by there, every model that may be left
//! must satisfy `require` whenever `when` holds. The question "is there a request on this way, for
//! which this model is left and does not?" goes to the [`Space`]; a request that it finds counts
//! only when [`Explainer`] takes it the same way to the same model.

use std::collections::BTreeSet;

use super::candidates::{MayBeLeft, of_model};
use super::entrance::{Entrance, entrances};
use super::specialise::{constant, negation, without_live};
use super::ways::{Conditions, Literal, Path, Walker, Way};
use super::{Verdict, find};
use crate::bounds::MAX_PROOF_STEPS;
use crate::compile::Space;
use crate::dsl::expr::plain::{self, Condition};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Attempt, AttemptKind, Invariant, ModelId, Policy, RouteId};
use crate::engine::trace::{CandidateVerdict, Explainer, Question, Trace, Written};
use crate::engine::{Engine, Seeds};
use crate::facts::Var;
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::World;

/// Callers that are tried until one belongs to the arm of a split that breaks a promise.
const TRIED_CALLERS: u32 = 400;

/// What is known of a promise.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// no request breaks it
    Proved {
        /// without the check that a model can serve the request, some would
        only_by_filter: bool,
    },
    /// a request breaks it
    Broken(Box<Counterexample>),
    /// no request is promised anything: none satisfies `when`, or none of those comes to a model
    Vacuous,
    /// nothing excludes a request that breaks it, and none was found
    NotProved {
        /// the tests that stood in the way; empty when it was too much work
        by: Vec<String>,
    },
}

/// A request that breaks a promise. `explain` shows that it may go to that model.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    /// its facts, those of whoever asks left out
    pub given: GivenFacts,
    /// who asks
    pub entrance: Entrance,
    /// the decision that it goes by: `main/background`
    pub decision: String,
    /// the model that it may go to
    pub model: ModelId,
}

/// Judges all promises of a policy, in order.
#[must_use]
pub fn judge_all(engine: &Engine) -> Vec<Judgement> {
    engine.policy().invariants.iter().map(|invariant| judge(engine, invariant)).collect()
}

/// Judges one.
#[must_use]
pub fn judge(engine: &Engine, invariant: &Invariant) -> Judgement {
    let policy = engine.policy();
    let rules = policy.routes.iter().flat_map(|route| &route.rules);
    let mut reads: Vec<&Expr> = rules.filter_map(|rule| rule.condition.as_ref()).collect();
    reads.extend([&invariant.when, &invariant.require]);
    let mut court = Court { engine, invariant, budget: MAX_PROOF_STEPS, found: Found::default() };
    for entrance in entrances(policy, &reads) {
        if let Some(broken) = court.hear(&entrance) {
            return Judgement::Broken(Box::new(broken));
        }
    }
    let Found { reached, only_by_filter, gave_up, by } = court.found;
    match (reached, gave_up || !by.is_empty()) {
        (_, true) => Judgement::NotProved { by: by.into_iter().collect() },
        (false, false) => Judgement::Vacuous,
        (true, false) => Judgement::Proved { only_by_filter },
    }
}

/// What was found on all ways in so far.
#[derive(Default)]
struct Found {
    /// some request with `when` comes to a model
    reached: bool,
    only_by_filter: bool,
    gave_up: bool,
    by: BTreeSet<String>,
}

struct Court<'e> {
    engine: &'e Engine,
    invariant: &'e Invariant,
    budget: usize,
    found: Found,
}

/// A model that may be left on a way.
struct Charge {
    way: usize,
    model: ModelId,
    /// on the way, with `when`, chosen
    chosen: Path,
    /// it can serve
    serves: Literal,
    /// it does not satisfy `require`
    breaks: Literal,
}

impl Court<'_> {
    /// All ways from one entrance.
    fn hear(&mut self, entrance: &Entrance) -> Option<Counterexample> {
        let entry = self.engine.entry(entrance.tenant)?;
        let mut conditions = Conditions::default();
        let when = conditions.literal(&entrance.specialise(&self.invariant.when), true);
        let Some(ways) = Walker::new(self.engine.policy(), entrance).ways(entry, &mut conditions) else {
            self.found.gave_up = true;
            return None;
        };
        let charges = self.charges(entrance, &ways, when, &mut conditions);
        let all = conditions.all();
        let space = Space::new(&all);
        for charge in &charges {
            let way = ways.get(charge.way)?;
            self.is_reached(charge, &space, &all);
            let Some(left) = charge.chosen.with(charge.breaks) else { continue };
            let served = left.with(charge.serves).and_then(|path| path.wanted());
            let verdict = served.map_or(Verdict::Impossible, |wanted| find(&space, &all, &wanted, &mut self.budget));
            match verdict {
                Verdict::Found(given) => match self.confirm(entrance, way, charge.model, &given) {
                    Some(broken) => return Some(broken),
                    None => drop(self.found.by.insert(self.unconfirmed(way, charge.model))),
                },
                Verdict::Impossible => self.look_behind_the_filter(&left, &space),
                Verdict::Possible { by } => self.found.by.extend(by),
                Verdict::GaveUp => self.found.gave_up = true,
            }
        }
        None
    }

    /// Every model that may be left on every way.
    fn charges(&self, entrance: &Entrance, ways: &[Way], when: Literal, conditions: &mut Conditions) -> Vec<Charge> {
        let policy = self.engine.policy();
        let mut charges = Vec::new();
        for (number, way) in ways.iter().enumerate() {
            let Some(path) = way.path.with(when) else { continue };
            for MayBeLeft { model, chosen_if, serves_if } in way.attempts.iter().flat_map(|attempt| &attempt.models) {
                let chosen = conditions.literal(&entrance.specialise(chosen_if), true);
                let Some(chosen) = path.with(chosen) else { continue };
                let serves = conditions.literal(&entrance.specialise(serves_if), true);
                let required = of_model(policy, *model, &self.invariant.require);
                let broken = negation(entrance.specialise(&without_live(&required, false)));
                let breaks = conditions.literal(&broken, true);
                charges.push(Charge { way: number, model: *model, chosen, serves, breaks });
            }
        }
        charges
    }

    /// Whether the promise is about anything at all.
    fn is_reached(&mut self, charge: &Charge, space: &Space, all: &[&Expr]) {
        if self.found.reached {
            return;
        }
        let wanted = charge.chosen.with(charge.serves).and_then(|path| path.wanted());
        let found = wanted.map(|wanted| find(space, all, &wanted, &mut self.budget));
        // What is only possible is no reason to call a promise empty.
        self.found.reached = found.is_some_and(|verdict| verdict != Verdict::Impossible);
    }

    /// Whether a promise is kept by the models themselves, or only because one cannot serve.
    fn look_behind_the_filter(&mut self, left: &Path, space: &Space) {
        if self.found.only_by_filter {
            return;
        }
        let Some(wanted) = left.wanted() else { return };
        self.found.only_by_filter = space.has_region(&wanted, &mut self.budget) != Some(false);
    }

    fn unconfirmed(&self, way: &Way, model: ModelId) -> String {
        let name = self.engine.policy().models.get(model.index()).map_or("?", |model| &model.name);
        format!("model `{name}` of rule `{}`, which depends on live facts", decision(self.engine.policy(), way))
    }

    /// Runs a request through the engine: it counts only when it really may go to that model.
    fn confirm(&self, entrance: &Entrance, way: &Way, model: ModelId, given: &GivenFacts) -> Option<Counterexample> {
        let policy = self.engine.policy();
        let callers = if splits(policy, way) { TRIED_CALLERS } else { 0 };
        let mut explainer = Explainer::new(self.engine);
        for caller in 0..=callers {
            let mut given = given.clone();
            if caller > 0 {
                // Another caller may belong to another arm; whoever is asked about stays.
                for var in [Var::SessionId, Var::UserId] {
                    if !given.is_given(var) {
                        given.set(var, Owned::Str(format!("caller-{caller}")));
                    }
                }
            }
            let facts = entrance.fill(&given);
            let trace = ask(self.engine, &mut explainer, entrance, &facts)?;
            if !goes_by(policy, &trace, way) {
                return None;
            }
            if may_go_to(policy, &trace, model) && self.breaks(&facts, model) {
                let decision = decision(policy, way);
                return Some(Counterexample { given, entrance: entrance.clone(), decision, model });
            }
        }
        None
    }

    /// `when` holds and `require` does not, by the plain evaluator.
    fn breaks(&self, facts: &GivenFacts, model: ModelId) -> bool {
        let required = of_model(self.engine.policy(), model, &self.invariant.require);
        let when = Condition::new(&self.invariant.when).eval(facts);
        let broken =
            constant(&required) == Some(false) || Condition::new(&required).eval(facts) == plain::Verdict::False;
        when == plain::Verdict::True && broken
    }
}

/// Explains a request of an entrance, every model healthy.
pub(super) fn ask(
    engine: &Engine,
    explainer: &mut Explainer<'_>,
    entrance: &Entrance,
    facts: &GivenFacts,
) -> Option<Trace> {
    let world = World::fresh(engine.policy().models.len());
    let question = Question {
        facts,
        tenant: entrance.tenant,
        entry: None,
        world: &world,
        seeds: &Seeds::fixed(),
        is_given: &|var| facts.is_given(var),
        written: &|_| Written::default(),
    };
    explainer.explain(&question).ok()
}

/// The names of a way's routes and its rule.
pub(super) fn names(policy: &Policy, decisions: &[(RouteId, usize)]) -> Vec<String> {
    let route = |(route, _): &(RouteId, usize)| policy.routes.get(route.index());
    let mut found: Vec<String> = decisions.iter().filter_map(route).map(|route| route.name.clone()).collect();
    let last = decisions.last().and_then(|place| route(place)?.rules.get(place.1));
    found.extend(last.map(|rule| rule.name.clone()));
    found
}

fn decision(policy: &Policy, way: &Way) -> String {
    names(policy, &way.decisions).join("/")
}

fn goes_by(policy: &Policy, trace: &Trace, way: &Way) -> bool {
    trace.decisions.contains(&names(policy, &way.decisions))
}

fn may_go_to(policy: &Policy, trace: &Trace, model: ModelId) -> bool {
    let name = policy.models.get(model.index()).map_or("", |model| &model.name);
    let mut candidates = trace.attempts.iter().flat_map(|attempt| &attempt.candidates);
    candidates.any(|candidate| candidate.model == name && candidate.verdict != CandidateVerdict::Skipped)
}

fn splits(policy: &Policy, way: &Way) -> bool {
    let is_split = |attempt: &Attempt| matches!(attempt.kind, AttemptKind::Split { .. });
    way.decisions.iter().any(|(route, rule)| {
        let rule = policy.routes.get(route.index()).and_then(|route| route.rules.get(*rule));
        rule.is_some_and(|rule| rule.attempts.iter().any(is_split))
    })
}
