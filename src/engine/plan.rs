//! What is worked out once, when a policy is taken into use: capability sets, `rotate` rounds,
//! the seeds of split arms, and every `where` that reads only what is declared.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::skip::CapabilitySet;
use super::split::ArmSeed;
use super::view::{Card, View, is_live};
use super::{describe, rotate};
use crate::dsl::expr::plain::{Condition, Verdict, eval_string};
use crate::dsl::expr::typed::{Accessor, Expr, Kind};
use crate::dsl::policy::{Arm, Attempt, AttemptKind, ModelId, Policy, Route, Rule, Strategy};
use crate::facts::given::GivenFacts;
use crate::facts::world::ModelState;
use crate::facts::{FactType, Facts, Scope, Var};

/// Everything prepared, by number.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) models: Vec<ModelPlan>,
    choices: FxHashMap<u32, ChoicePlan>,
    splits: FxHashMap<Place, SplitPlan>,
}

/// Where an attempt stands: route, rule, attempt.
type Place = (u32, u32, u32);

#[derive(Debug)]
pub(super) struct ModelPlan {
    pub(super) can: CapabilitySet,
    pub(super) card: Card,
}

#[derive(Debug)]
pub(super) struct ChoicePlan {
    /// for `rotate`: positions in the set
    pub(super) round: Vec<u32>,
    pub(super) filter: Option<Filter>,
}

/// A `where`.
#[derive(Debug)]
pub(super) enum Filter {
    /// it reads only what models declare: true or false by position in the set
    Declared(Vec<bool>, Condition),
    /// it reads the request or live facts
    Asked {
        condition: Condition,
        /// it reads live facts
        live: bool,
    },
}

#[derive(Debug)]
pub(super) struct SplitPlan {
    pub(super) arms: Vec<ArmSeed>,
    pub(super) by: By,
}

/// Where the value that a split hashes comes from.
#[derive(Debug)]
pub(super) enum By {
    /// session, user, request, the first that is not empty
    Caller,
    /// a variable
    Var(Var),
    /// `request.header("…")`
    Header(String),
    /// `request.meta("…")`
    Meta(String),
    /// anything else
    Expr(Box<Expr>),
}

impl Plan {
    pub(super) fn new(policy: &Policy) -> Self {
        let models = policy
            .models
            .iter()
            .map(|model| ModelPlan { can: CapabilitySet::served_by(model), card: Card::new(policy, model) })
            .collect();
        let mut plan = Self { models, choices: FxHashMap::default(), splits: FxHashMap::default() };
        for (route_number, route) in (0_u32..).zip(&policy.routes) {
            for (rule_number, rule) in (0_u32..).zip(&route.rules) {
                for (number, attempt) in (0_u32..).zip(&rule.attempts) {
                    plan.prepare(policy, route, rule, attempt, (route_number, rule_number, number));
                }
            }
        }
        plan
    }

    fn prepare(&mut self, policy: &Policy, route: &Route, rule: &Rule, attempt: &Attempt, place: Place) {
        match &attempt.kind {
            AttemptKind::Choice { strategy, set, filter, ticket } => {
                let weight = |id: &ModelId| policy.models.get(id.index()).map_or(0, |model| model.weight);
                let round = match strategy {
                    Strategy::Rotate => rotate::schedule(&set.iter().map(weight).collect::<Vec<_>>()),
                    _ => Vec::new(),
                };
                let filter = filter.as_ref().map(|filter| self.filter(filter, set));
                self.choices.insert(*ticket, ChoicePlan { round, filter });
            }
            AttemptKind::Split { arms, by } => {
                let seeds = arm_seeds(policy, route, rule, arms);
                self.splits.insert(place, SplitPlan { arms: seeds, by: By::new(by.as_ref()) });
                for arm in arms {
                    self.prepare(policy, route, rule, &arm.attempt, place);
                }
            }
            AttemptKind::Model(_) | AttemptKind::Pool(_) | AttemptKind::Route(_) | AttemptKind::Reject { .. } => {}
        }
    }

    fn filter(&self, filter: &Expr, set: &[ModelId]) -> Filter {
        let condition = Condition::new(filter);
        let mut reads = Reads::default();
        reads.of(filter);
        if reads.request || reads.live {
            return Filter::Asked { condition, live: reads.live };
        }
        let (facts, state) = (GivenFacts::default(), ModelState::default());
        let holds = |id: &ModelId| {
            self.models.get(id.index()).is_some_and(|model| {
                let view = View { facts: &facts, card: &model.card, state: &state };
                matches!(condition.eval(&view), Verdict::True)
            })
        };
        Filter::Declared(set.iter().map(holds).collect(), condition)
    }

    pub(super) fn choice(&self, ticket: u32) -> Option<&ChoicePlan> {
        self.choices.get(&ticket)
    }

    pub(super) fn split(&self, place: Place) -> Option<&SplitPlan> {
        self.splits.get(&place)
    }
}

/// Arms are seeded by what they lead to; a second arm to the same place gets a seed of its own.
fn arm_seeds(policy: &Policy, route: &Route, rule: &Rule, arms: &[Arm]) -> Vec<ArmSeed> {
    let mut seeds: Vec<ArmSeed> = Vec::with_capacity(arms.len());
    for arm in arms {
        let name = describe::arm(policy, &arm.attempt);
        let mut seed = ArmSeed::new(&route.name, &rule.name, &name, arm.percent);
        let mut copy = 1;
        while seeds.iter().any(|other| other.seed == seed.seed) {
            copy += 1;
            seed = ArmSeed::new(&route.name, &rule.name, &format!("{name} {copy}"), arm.percent);
        }
        seeds.push(seed);
    }
    seeds
}

impl By {
    fn new(by: Option<&Expr>) -> Self {
        match by.map(|expr| (&expr.kind, expr)) {
            None => Self::Caller,
            Some((Kind::Var(var), _)) if var.row().ty == FactType::Str => Self::Var(*var),
            Some((Kind::Access(Accessor::Header(name)), _)) => Self::Header(name.clone()),
            Some((Kind::Access(Accessor::Meta(name)), _)) => Self::Meta(name.clone()),
            Some((_, expr)) => Self::Expr(Box::new(expr.clone())),
        }
    }
}

/// What an expression reads, apart from what models declare.
#[derive(Default)]
struct Reads {
    request: bool,
    live: bool,
}

impl Reads {
    fn of(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Literal(_) | Kind::Local(_) => {}
            Kind::Var(var) if is_live(*var) => self.live = true,
            Kind::Var(var) => self.request |= var.row().scope == Scope::Request,
            Kind::Access(_) => self.request = true,
            Kind::Not(one) | Kind::Neg(one) | Kind::Field(one, _) | Kind::Has(one, _) => self.of(one),
            Kind::And(parts) | Kind::Or(parts) | Kind::Call(_, parts) | Kind::List(parts) => {
                parts.iter().for_each(|part| self.of(part));
            }
            Kind::Cond(condition, yes, no) => [condition, yes, no].into_iter().for_each(|part| self.of(part)),
            Kind::Binary(_, left, right) | Kind::Index(left, right) => {
                self.of(left);
                self.of(right);
            }
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                self.of(key);
                self.of(value);
            }),
            Kind::Macro { range, filter, body, .. } => {
                self.of(range);
                self.of(body);
                filter.iter().for_each(|filter| self.of(filter));
            }
        }
    }
}

/// What a split hashes.
pub(super) struct Hashed<'a> {
    /// the text
    pub(super) value: Cow<'a, str>,
    /// where it comes from, as an author would say it
    pub(super) source: Cow<'a, str>,
    /// what was wanted and is empty
    pub(super) instead_of: Option<Cow<'a, str>>,
}

/// What a split hashes, and where it comes from. An empty value falls back to the caller: the
/// session, else the user, else the request; an empty text would put all the nameless in one arm.
pub(super) fn hashed<'a>(by: &'a By, facts: &'a dyn Facts, request_id: &'a str) -> Hashed<'a> {
    use Cow::{Borrowed, Owned};
    let (value, source) = match by {
        By::Caller => (Borrowed(""), Borrowed("")),
        By::Var(var) => (Borrowed(facts.get(*var).as_str()), Borrowed(var.path())),
        By::Header(name) => (Borrowed(facts.header(name)), Owned(format!("request.header({name:?})"))),
        By::Meta(name) => (Borrowed(facts.meta(name)), Owned(format!("request.meta({name:?})"))),
        By::Expr(expr) => {
            (eval_string(expr, facts).map_or(Borrowed(""), Owned), Borrowed("the expression behind `by`"))
        }
    };
    if !value.is_empty() {
        return Hashed { value, source, instead_of: None };
    }
    // Left out, `by` means the session.
    let wanted = if source.is_empty() { Borrowed(Var::SessionId.path()) } else { source };
    let instead_of = |taken: &str| Some(wanted.clone()).filter(|wanted| wanted != taken);
    for var in [Var::SessionId, Var::UserId] {
        let id = facts.get(var).as_str();
        if !id.is_empty() {
            return Hashed { value: Borrowed(id), source: Borrowed(var.path()), instead_of: instead_of(var.path()) };
        }
    }
    let source = "the request's id";
    Hashed { value: Borrowed(request_id), source: Borrowed(source), instead_of: instead_of(source) }
}
