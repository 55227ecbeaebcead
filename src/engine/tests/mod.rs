//! Tests of the engine. `build` makes policies, `walks` plays requests on them.

mod build;
mod choices;
mod edges;
mod explicit;
mod hashing;
mod properties;
mod traces;
mod walks;

use crate::compile::Scratch;
use crate::dsl::policy::{ModelId, TenantId};
use crate::engine::{Engine, Seeds, Step};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::{ModelState, World};
use crate::facts::{Facts, Var};

/// Facts by path, such as `request.images`.
fn facts(given: &[(&str, Owned)]) -> GivenFacts {
    let mut facts = GivenFacts::default();
    for (path, value) in given {
        assert!(facts.set(Var::from_path(path).unwrap(), value.clone()), "{path} has another type");
    }
    facts
}

fn int(path: &str, value: i64) -> GivenFacts {
    facts(&[(path, Owned::Int(value))])
}

fn user(id: &str) -> GivenFacts {
    facts(&[("user.id", Owned::Str(id.to_owned()))])
}

fn list(items: &[&str]) -> Owned {
    Owned::List(items.iter().map(|item| (*item).to_owned().into()).collect())
}

/// Every model fresh but these.
fn world(engine: &Engine, states: &[(&str, ModelState)]) -> World {
    let mut world = World::fresh(engine.policy().models.len());
    for (name, state) in states {
        world.models[id(engine, name).index()] = state.clone();
    }
    world
}

fn id(engine: &Engine, name: &str) -> ModelId {
    let at = engine.policy().models.iter().position(|model| model.name == name).unwrap();
    ModelId(u32::try_from(at).unwrap())
}

fn sick() -> ModelState {
    ModelState { healthy: false, ..ModelState::default() }
}

fn cooling(left_ms: u64) -> ModelState {
    ModelState { cooling_ms: left_ms, ..ModelState::default() }
}

/// The whole walk as text: models as if each had failed, then how it ends, then who was skipped.
fn walk(engine: &Engine, facts: &dyn Facts, tenant: Option<TenantId>, world: &World, ticket: u64) -> String {
    let mut scratch = Scratch::default();
    let tickets = move |_| ticket;
    let seeds = Seeds { request_id: "r-1", tickets: &tickets };
    let mut walk = engine.begin(facts, tenant, &seeds, &mut scratch);
    let name = |id: ModelId| engine.policy().models[id.index()].name.clone();
    let mut parts = Vec::new();
    let end = loop {
        match walk.next(facts, world) {
            Step::Try(candidate) => parts.push(name(candidate.model)),
            Step::Reject { status, .. } => break format!("reject {status}"),
            Step::Exhausted(why) if why.live => break format!("end, retry after {:?}", why.retry_after_ms),
            Step::Exhausted(_) => break "end".to_owned(),
        }
        assert!(parts.len() <= engine.policy().models.len(), "it does not end: {parts:?}");
    };
    parts.push(format!("{end} ({})", walk.decision()));
    parts.extend(walk.skipped().iter().map(|skipped| format!("{}: {}", name(skipped.model), skipped.reason.kind())));
    parts.join(", ")
}

/// A walk on a fresh world, without a tenant.
fn simple(engine: &Engine, facts: &dyn Facts) -> String {
    walk(engine, facts, None, &world(engine, &[]), 0)
}

#[test]
fn an_engine_is_shared_and_a_walk_is_sent() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Engine>();
    sent::<crate::engine::Walk<'static>>();
}
