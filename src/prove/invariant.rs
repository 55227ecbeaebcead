//! Whether a promise of a policy holds.
//!
//! For every way in, and every rule that a request may go by there, every model that may be left
//! must satisfy `require` whenever `when` holds. The question "is there a request on this way, for
//! which this model is left and does not?" goes to the [`Space`]; a request that it finds counts
//! only when [`Explainer`] takes it the same way to the same model.

use std::collections::BTreeSet;

use super::asking::{ask, callers, expressions, names, splits};
use super::candidates::{MayBeLeft, of_model};
use super::entrance::{Entrance, entrances};
use super::specialise::{constant, negation, without_live};
use super::ways::{Conditions, Literal, Path, Walker, Way};
use super::{Verdict, find};
use crate::bounds::{MAX_PROOF_STEPS, STEPS_AN_EXPLANATION};
use crate::compile::Space;
use crate::dsl::expr::plain::{self, Condition};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Invariant, ModelId, Policy};
use crate::engine::Engine;
use crate::engine::trace::{CandidateVerdict, Explainer, Trace};
use crate::facts::given::GivenFacts;

/// What is known of a promise.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// no request breaks it
    Proved {
        /// a request that would break it, if that model could serve it
        by_filter: Option<Box<Counterexample>>,
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

/// A request that breaks a promise. `explain` shows that it may go to that model; or, where only a
/// filter keeps the promise, that the model is left out because it cannot serve.
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
    /// how many other decisions break the promise too
    pub others: usize,
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
    let mut reads = expressions(policy);
    reads.extend([&invariant.when, &invariant.require]);
    let mut court = Court { engine, invariant, budget: MAX_PROOF_STEPS, found: Found::default() };
    for entrance in entrances(policy, &reads) {
        court.hear(&entrance);
    }
    if let Some(mut broken) = court.found.broken {
        broken.others = court.found.decisions.len().saturating_sub(1);
        return Judgement::Broken(broken);
    }
    let Found { reached, by_filter, gave_up, by, .. } = court.found;
    match (reached, gave_up || !by.is_empty()) {
        (_, true) => Judgement::NotProved { by: by.into_iter().collect() },
        (false, false) => Judgement::Vacuous,
        (true, false) => Judgement::Proved { by_filter },
    }
}

/// What was found on all ways in so far.
#[derive(Default)]
struct Found {
    /// the first that was found
    broken: Option<Box<Counterexample>>,
    /// the decisions that break it
    decisions: BTreeSet<String>,
    /// some request with `when` comes to a model
    reached: bool,
    by_filter: Option<Box<Counterexample>>,
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
    fn hear(&mut self, entrance: &Entrance) {
        let Some(entry) = self.engine.entry(entrance.tenant) else {
            self.found.gave_up = true;
            return;
        };
        let mut conditions = Conditions::default();
        let when = conditions.literal(&entrance.specialise(&self.invariant.when), true);
        let Some(ways) = Walker::new(self.engine.policy(), entrance).ways(entry, &mut conditions) else {
            self.found.gave_up = true;
            return;
        };
        let charges = self.charges(entrance, &ways, when, &mut conditions);
        let all = conditions.all();
        let space = Space::new(&all);
        for charge in &charges {
            let Some(way) = ways.get(charge.way) else { continue };
            // One request a decision is enough.
            if self.found.broken.is_some() && self.found.decisions.contains(&decision(self.engine.policy(), way)) {
                continue;
            }
            self.is_reached(charge, &space, &all);
            let Some(left) = charge.chosen.with(charge.breaks) else { continue };
            let served = left.with(charge.serves).and_then(|path| path.wanted());
            let verdict = served.map_or(Verdict::Impossible, |wanted| find(&space, &all, &wanted, &mut self.budget));
            match verdict {
                Verdict::Found(given) => match self.confirm(entrance, way, charge.model, &given) {
                    Some(broken) => {
                        self.found.decisions.insert(broken.decision.clone());
                        self.found.broken.get_or_insert_with(|| Box::new(broken));
                    }
                    None => drop(self.found.by.insert(self.unconfirmed(way, charge.model))),
                },
                Verdict::Impossible => self.look_behind_the_filter(entrance, way, (charge.model, &left), &space, &all),
                Verdict::Possible { by } => self.found.by.extend(by),
                Verdict::GaveUp => self.found.gave_up = true,
            }
        }
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
    fn look_behind_the_filter(
        &mut self,
        entrance: &Entrance,
        way: &Way,
        charge: (ModelId, &Path),
        space: &Space,
        all: &[&Expr],
    ) {
        let (model, left) = charge;
        if self.found.by_filter.is_some() {
            return;
        }
        let Some(wanted) = left.wanted() else { return };
        // What is only possible is no reason to doubt a promise.
        let Verdict::Found(given) = find(space, all, &wanted, &mut self.budget) else { return };
        let policy = self.engine.policy();
        let facts = entrance.fill(&given);
        let trace = ask(self.engine, &mut Explainer::new(self.engine), entrance, &facts);
        if trace.is_some_and(|trace| goes_by(policy, &trace, way)) {
            let decision = decision(policy, way);
            self.found.by_filter =
                Some(Box::new(Counterexample { given, entrance: entrance.clone(), decision, model, others: 0 }));
        }
    }

    fn unconfirmed(&self, way: &Way, model: ModelId) -> String {
        let name = self.engine.policy().models.get(model.index()).map_or("?", |model| &model.name);
        format!("model `{name}` of rule `{}`, which depends on live facts", decision(self.engine.policy(), way))
    }

    /// Runs a request through the engine: it counts only when it really may go to that model.
    fn confirm(
        &mut self,
        entrance: &Entrance,
        way: &Way,
        model: ModelId,
        given: &GivenFacts,
    ) -> Option<Counterexample> {
        let engine = self.engine;
        let policy = engine.policy();
        let mut explainer = Explainer::new(engine);
        for given in callers(given, splits(policy, &way.decisions)) {
            let Some(left) = self.budget.checked_sub(STEPS_AN_EXPLANATION) else {
                self.found.gave_up = true;
                return None;
            };
            self.budget = left;
            let facts = entrance.fill(&given);
            let trace = ask(engine, &mut explainer, entrance, &facts)?;
            if !goes_by(policy, &trace, way) {
                return None;
            }
            if may_go_to(policy, &trace, model) && self.breaks(&facts, model) {
                let decision = decision(policy, way);
                return Some(Counterexample { given, entrance: entrance.clone(), decision, model, others: 0 });
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
