//! Where parts of the language meet: splits over pools and routes, turns inside arms, refusals in
//! routes that are entered late, filters that read the request.

use super::build::{Build, TENANT, pool, reject, route, split};
use super::*;
use crate::dsl::expr::build::{and, binary, double, failing, int as number, text, var};
use crate::dsl::expr::typed::BinaryOp;
use crate::dsl::policy::{AttemptKind, Strategy};

/// The whole share goes to one arm, so that the test need not know a hash.
fn all_to(kind: AttemptKind, other: AttemptKind) -> AttemptKind {
    split(vec![(0.0, other), (100.0, kind)], None)
}

#[test]
fn a_pool_as_an_arm_gives_its_first_usable_member() {
    let build = Build::models(&["a", "b", "c"]).pool("ab", "a b").tenant("only-b", Some("b c"), None);
    let [a, c] = ["a", "c"].map(|name| AttemptKind::Model(build.id(name)));
    let engine = build.main(vec![all_to(pool(0), a), c]).engine();
    let fresh = world(&engine, &[]);
    let walk_of = |tenant, world: &World| walk(&engine, &facts(&[]), tenant, world, 0);
    assert_eq!(walk_of(None, &fresh), "a, c, end (main/default)");
    assert_eq!(walk_of(TENANT, &fresh), "b, c, end (main/default), a: tenant_not_allowed");
    let down = world(&engine, &[("b", sick())]);
    assert_eq!(walk_of(TENANT, &down), "c, end, retry after None (main/default), a: tenant_not_allowed, b: unhealthy");
}

#[test]
fn turns_inside_an_arm_take_the_ticket_of_their_own_choice() {
    let mut build = Build::models(&["a", "b", "c"]);
    let _first = build.choice(Strategy::Rotate, "c", None);
    let turns = build.choice(Strategy::Rotate, "a b", None);
    let c = AttemptKind::Model(build.id("c"));
    let engine = build.main(vec![all_to(turns, c.clone()), c]).engine();
    let mut scratch = Scratch::default();
    let tickets = |number: u32| u64::from(number == 1);
    let given = facts(&[]);
    let seeds = Seeds { request_id: "r", tickets: &tickets };
    let mut walk = engine.begin(&given, None, &seeds, &mut scratch);
    let Step::Try(candidate) = walk.next(&given, &World::default()) else { panic!("somebody can serve") };
    assert_eq!(candidate.model, id(&engine, "b"), "the second turn of the second rotation");
}

#[test]
fn a_route_as_an_arm_comes_back_when_its_models_are_used_up_and_not_when_it_refuses() {
    let build = |end: Vec<AttemptKind>| {
        let build = Build::models(&["a", "b"]);
        let [a, b] = ["a", "b"].map(|name| AttemptKind::Model(build.id(name)));
        let inner = [vec![a.clone()], end].concat();
        build.main(vec![all_to(route(1), a), b]).route("inner", vec![("default", None, inner)]).engine()
    };
    assert_eq!(simple(&build(vec![]), &facts(&[])), "a, b, end (main/default)");
    assert_eq!(simple(&build(vec![reject(503)]), &facts(&[])), "a, reject 503 (main/inner/default)");
}

#[test]
fn an_error_in_a_refusing_rule_refuses_in_a_route_that_is_entered_late_too() {
    let build = Build::models(&["a", "b"]);
    let [a, b] = ["a", "b"].map(|name| AttemptKind::Model(build.id(name)));
    let engine = build
        .main(vec![a, route(1)])
        .route("inner", vec![("wall", Some(failing()), vec![reject(451)]), ("default", None, vec![b])])
        .engine();
    assert_eq!(simple(&engine, &facts(&[])), "a, reject 451 (main/inner/wall)");
}

#[test]
fn a_filter_on_the_request_stays_and_one_on_live_facts_passes() {
    let engine = |filter| {
        let mut build = Build::models(&["a"]);
        let choice = build.choice(Strategy::First, "a", Some(filter));
        build.main(vec![choice]).engine()
    };
    let asked = engine(and(vec![
        binary(BinaryOp::Lt, var("request.tokens"), number(10)),
        binary(BinaryOp::Eq, var("model.region"), text("here")),
    ]));
    assert_eq!(simple(&asked, &int("request.tokens", 9)), "a, end (main/default)");
    assert_eq!(simple(&asked, &int("request.tokens", 10)), "end (main/default), a: where");
    let live = engine(binary(BinaryOp::Lt, var("model.error_rate"), double(0.1)));
    let failing = ModelState { error_rate: 0.5, ..ModelState::default() };
    let given = facts(&[]);
    let ended = walk(&live, &given, None, &world(&live, &[("a", failing)]), 0);
    assert_eq!(ended, "end, retry after None (main/default), a: where");
    let broken = engine(self::failing());
    assert_eq!(simple(&broken, &given), "end (main/default), a: where", "a filter that fails lets nobody through");
}
