//! One candidate as facts: what `where` sees.

use std::borrow::Cow;

use super::Engine;
use crate::dsl::expr::plain::{Explanation, Step, Verdict};
use crate::dsl::expr::print::quoted;
use crate::dsl::policy::{Model, ModelId, Policy};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::ModelState;
use crate::facts::{Fact, Facts, Needs, Scope, Var};

/// The declared facts of a model, made once.
#[derive(Debug)]
pub(super) struct Card {
    name: String,
    provider: String,
    region: String,
    tags: Vec<Cow<'static, str>>,
    can: Vec<Cow<'static, str>>,
    context: i64,
    output: i64,
    price_in: f64,
    price_out: f64,
    quality: f64,
}

impl Card {
    pub(super) fn new(policy: &Policy, model: &Model) -> Self {
        let provider = policy.providers.get(model.provider.index());
        let tokens = |limit: Option<u64>| limit.map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let region = model.region.as_ref().or_else(|| provider.and_then(|provider| provider.region.as_ref()));
        Self {
            name: model.name.clone(),
            provider: provider.map(|provider| provider.name.clone()).unwrap_or_default(),
            region: region.cloned().unwrap_or_default(),
            tags: model.tags.iter().cloned().map(Cow::Owned).collect(),
            can: model.can.iter().map(|capability| Cow::Borrowed(capability.name())).collect(),
            context: tokens(model.context),
            output: tokens(model.output),
            price_in: model.price.map_or(0.0, |price| price.input),
            price_out: model.price.map_or(0.0, |price| price.output),
            quality: model.quality.unwrap_or(0.0),
        }
    }
}

/// Whether a variable of a candidate changes while the policy is in use.
pub(super) fn is_live(var: Var) -> bool {
    matches!(
        var,
        Var::ModelHealthy
            | Var::ModelErrorRate
            | Var::ModelLatencyP50Ms
            | Var::ModelLatencyP95Ms
            | Var::ModelTtftP95Ms
            | Var::ModelInflight
            | Var::ModelHeadroom
    )
}

/// What a model declares: the value of a `model.*` variable that never changes while the policy is
/// in use. None for every other variable.
#[must_use]
pub fn declared(policy: &Policy, model: ModelId, var: Var) -> Option<Owned> {
    if var.row().scope != Scope::Model || is_live(var) {
        return None;
    }
    let card = Card::new(policy, policy.models.get(model.index())?);
    let facts = GivenFacts::default();
    let view = View { facts: &facts, card: &card, state: &ModelState::FRESH };
    Some(match view.get(var) {
        Fact::Bool(value) => Owned::Bool(value),
        Fact::Int(value) => Owned::Int(value),
        Fact::Double(value) => Owned::Double(value),
        Fact::Str(text) => Owned::Str(text.to_owned()),
        Fact::List(items) => Owned::List(items.iter().map(|item| item.clone().into_owned().into()).collect()),
        Fact::Time(moment) => Owned::Time(moment),
    })
}

impl Engine {
    /// A request's facts with those of one model, as `where` sees them.
    pub fn facts_of<'a>(
        &'a self,
        model: ModelId,
        facts: &'a dyn Facts,
        state: &'a ModelState,
    ) -> Option<impl Facts + 'a> {
        Some(View { facts, card: &self.plan().models.get(model.index())?.card, state })
    }
}

/// A request's facts with those of one candidate.
pub(super) struct View<'a> {
    pub(super) facts: &'a dyn Facts,
    pub(super) card: &'a Card,
    pub(super) state: &'a ModelState,
}

impl Facts for View<'_> {
    fn get(&self, var: Var) -> Fact<'_> {
        match var {
            Var::ModelName => Fact::Str(&self.card.name),
            Var::ModelProvider => Fact::Str(&self.card.provider),
            Var::ModelRegion => Fact::Str(&self.card.region),
            Var::ModelTags => Fact::List(&self.card.tags),
            Var::ModelCan => Fact::List(&self.card.can),
            Var::ModelContext => Fact::Int(self.card.context),
            Var::ModelOutput => Fact::Int(self.card.output),
            Var::ModelPriceIn => Fact::Double(self.card.price_in),
            Var::ModelPriceOut => Fact::Double(self.card.price_out),
            Var::ModelQuality => Fact::Double(self.card.quality),
            Var::ModelHealthy => Fact::Bool(self.state.healthy),
            Var::ModelErrorRate => Fact::Double(self.state.error_rate),
            Var::ModelLatencyP50Ms => Fact::Int(self.state.latency_p50_ms),
            Var::ModelLatencyP95Ms => Fact::Int(self.state.latency_p95_ms),
            Var::ModelTtftP95Ms => Fact::Int(self.state.ttft_p95_ms),
            Var::ModelInflight => Fact::Int(self.state.inflight),
            Var::ModelHeadroom => Fact::Double(self.state.headroom),
            _ => self.facts.get(var),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.facts.header(name)
    }

    fn meta(&self, name: &str) -> &str {
        self.facts.meta(name)
    }

    fn tokens_bound(&self) -> i64 {
        self.facts.tokens_bound()
    }

    fn body_bytes(&self) -> i64 {
        self.facts.body_bytes()
    }

    fn needs(&self) -> Needs {
        self.facts.needs()
    }
}

/// A value as an author would write it.
pub(super) fn show(fact: Fact<'_>) -> String {
    match fact {
        Fact::Bool(value) => value.to_string(),
        Fact::Int(value) => value.to_string(),
        Fact::Double(value) => format!("{value:?}"),
        Fact::Str(text) => quoted(text),
        Fact::List(items) => {
            let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
            format!("[{}]", items.join(", "))
        }
        Fact::Time(moment) => {
            format!("timestamp({})", quoted(&moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)))
        }
    }
}

/// Whether a fact is what it would be if nobody had said anything.
pub(super) fn is_default(var: Var, fact: Fact<'_>) -> bool {
    let default: Owned = crate::facts::given::default_value(var);
    default.as_fact() == fact
}

/// What an atom saw, such as `model.error_rate is 0.2`; its text where it saw nothing.
pub(super) fn in_words(atom: &Explanation) -> String {
    match (&atom.step, &atom.verdict) {
        (Step::Atom { text, .. }, Some(Verdict::Error(error))) => format!("`{text}` failed: {error}"),
        (Step::Atom { saw, text }, _) if saw.is_empty() => text.clone(),
        (Step::Atom { saw, .. }, _) => {
            let saw: Vec<String> =
                saw.iter().map(|saw| format!("{} is {}", saw.name, show(saw.value.as_fact()))).collect();
            saw.join(", ")
        }
        _ => "it is written as `false`".to_owned(),
    }
}
