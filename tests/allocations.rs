//! A decision and the choice behind it run on each request: once the scratch is warm, they
//! allocate nothing.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;

use ccr_policy::compile::Scratch;
use ccr_policy::diag::Sources;
use ccr_policy::engine::{Engine, Seeds, Step};
use ccr_policy::facts::world::World;
use ccr_policy::{dsl, lint};

const POLICY: &str = r#"
provider here { kind: mock }
model a on here { price: { input: 1, output: 2 } can: [tools, thinking] context: 100k }
model b on here { price: { input: 0.1, output: 0.2 } tags: [small] }
model c on here { can: [tools] tags: [small] weight: 3 }
pool all = [a, b, c]
route main {
  rule plain when request.model == "plain" -> a then b
  rule pool when request.model == "pool" -> all
  rule cheap when request.model == "cheap" -> cheapest of [a, b]
  rule declared when request.model == "declared" -> first of all where "small" in model.tags
  rule turns when request.model == "turns" -> rotate of all
  rule shares when request.model == "shares" -> split { 50% a, 50% b } by user.id
  rule nested when request.model == "nested" -> route inner
  default -> a
}
route inner { rule big when request.tokens > 50000 -> b default -> c then a }
"#;

#[track_caller]
fn check(model: &str) {
    let mut sources = Sources::default();
    sources.add("main.policy", POLICY);
    let loaded = lint::check(&sources);
    let policy = loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let text = format!("{{ model: {model:?}, tokens: 9000, tools: [\"Read\"], user: {{ id: \"ann\" }} }}");
    let facts = dsl::parse_facts(&text, &policy).unwrap().facts;
    let (engine, world) = (Engine::new(Arc::new(policy)), World::fresh(3));
    let mut scratch = Scratch::default();
    let seeds = Seeds::fixed();
    let mut walk = || {
        let mut walk = engine.begin(&facts, None, &seeds, &mut scratch);
        assert!(matches!(walk.next(&facts, &world), Step::Try(_)), "{model}");
    };
    walk();
    let counted = allocation_counter::measure(walk);
    assert_eq!(counted.count_total, 0, "{model}: {counted:?}");
}

#[test]
fn a_walk_allocates_nothing() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1, "the counter counts");
    for model in ["plain", "pool", "cheap", "declared", "turns", "shares", "nested", "other"] {
        check(model);
    }
}
