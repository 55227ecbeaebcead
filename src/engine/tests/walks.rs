//! Which attempts a request gets, and how a walk ends.

use super::build::{Build, TENANT, pool, reject, route, split};
use super::*;
use crate::dsl::expr::build::{binary, int as number, text, var};
use crate::dsl::expr::typed::{BinaryOp, Expr};
use crate::dsl::policy::{AttemptKind, CacheOptions, Capability, Options, Strategy};
use crate::engine::SkipReason;
use std::time::Duration;

fn model_is(name: &str) -> Option<Expr> {
    Some(binary(BinaryOp::Eq, var("request.model"), text(name)))
}

#[test]
fn attempts_follow_each_other_and_end() {
    let build = Build::models(&["a", "b"]);
    let attempts = build.then("a b");
    assert_eq!(simple(&build.main(attempts).engine(), &facts(&[])), "a, b, end (main/default)");
}

#[test]
fn a_model_is_tried_once() {
    let build = Build::models(&["a", "b"]);
    let attempts = build.then("a b a");
    assert_eq!(simple(&build.main(attempts).engine(), &facts(&[])), "a, b, end (main/default), a: already_tried");
}

#[test]
fn a_pool_gives_its_first_usable_member_once() {
    let build = Build::models(&["a", "b", "c"]).pool("p", "a b");
    let tail = build.then("c");
    let engine = build.main([vec![pool(0)], tail].concat()).engine();
    assert_eq!(simple(&engine, &facts(&[])), "a, c, end (main/default)");
    let world = world(&engine, &[("a", sick())]);
    assert_eq!(walk(&engine, &facts(&[]), None, &world, 0), "b, c, end, retry after None (main/default), a: unhealthy");
}

#[test]
fn what_is_made_up_for_skips_nobody() {
    use crate::dsl::transform::Transform;
    let check = |transform: Transform, facts: &GivenFacts, expect: &str| {
        let build = Build::models(&["a"]).with("a", |model| {
            model.context = Some(1_000);
            model.can = vec![];
            model.transforms = vec![transform];
        });
        let attempts = build.then("a");
        assert_eq!(simple(&build.main(attempts).engine(), facts), expect);
    };
    let tools = facts(&[("request.tools", list(&["Read"]))]);
    let long = int("request.tokens", 1_001);
    check(Transform::EmulateTools, &tools, "a, end (main/default)");
    check(Transform::EmulateTools, &long, "end (main/default), a: context_too_small");
    check(Transform::TrimHistory(None), &long, "a, end (main/default)");
    check(Transform::TrimHistory(None), &tools, "end (main/default), a: no_tools");
    check(Transform::EmulateTools, &int("request.images", 1), "end (main/default), a: no_vision");
}

#[test]
fn who_cannot_serve_is_skipped_with_the_reason() {
    let engine = || {
        let build = Build::models(&["a"]).with("a", |model| {
            model.context = Some(1_000);
            model.can = vec![];
        });
        let attempts = build.then("a");
        build.tenant("t", Some(""), None).main(attempts).engine()
    };
    let one = engine();
    let check = |facts: GivenFacts, expect: &str| assert_eq!(simple(&one, &facts), expect);
    check(int("request.images", 1), "end (main/default), a: no_vision");
    check(facts(&[("request.tools", list(&["Read"]))]), "end (main/default), a: no_tools");
    check(int("request.tokens", 1_001), "end (main/default), a: context_too_small");
    check(int("request.tokens", 1_000), "a, end (main/default)");
    check(int("request.max_tokens", 5_000), "a, end (main/default)");
    // These never filter: the request is adapted.
    check(facts(&[("request.thinking", Owned::Bool(true))]), "a, end (main/default)");
    check(facts(&[("request.json", Owned::Bool(true))]), "a, end (main/default)");
    check(facts(&[("request.server_tools", list(&["web_search_20250305"]))]), "a, end (main/default)");
    let fresh = world(&one, &[]);
    assert_eq!(walk(&one, &facts(&[]), TENANT, &fresh, 0), "end (main/default), a: tenant_not_allowed");
    let live = |state: ModelState| walk(&one, &facts(&[]), None, &world(&one, &[("a", state)]), 0);
    assert_eq!(live(sick()), "end, retry after None (main/default), a: unhealthy");
    assert_eq!(live(cooling(1_500)), "end, retry after Some(1500) (main/default), a: cooling");
    let full = ModelState { headroom: 0.0, ..ModelState::default() };
    assert_eq!(live(full), "end, retry after None (main/default), a: full");
}

/// Facts whose token count must not be asked for while the bound decides.
struct Bounded {
    given: GivenFacts,
    bound: i64,
    may_count: bool,
}

impl Facts for Bounded {
    fn get(&self, var: Var) -> crate::facts::Fact<'_> {
        assert!(self.may_count || var != Var::RequestTokens, "counted although the bound decides");
        self.given.get(var)
    }
    fn header(&self, _: &str) -> &str {
        ""
    }
    fn meta(&self, _: &str) -> &str {
        ""
    }
    fn tokens_bound(&self) -> i64 {
        self.bound
    }
    fn needs(&self) -> crate::facts::Needs {
        crate::facts::Needs { documents: self.bound == 7, audio: self.bound == 8, ..Default::default() }
    }
}

#[test]
fn tokens_are_counted_only_when_the_bound_does_not_decide() {
    let build = Build::models(&["a"]).with("a", |model| model.context = Some(1_000));
    let attempts = build.then("a");
    let engine = build.main(attempts).engine();
    let check = |bound, may_count, tokens, expect: &str| {
        let facts = Bounded { given: int("request.tokens", tokens), bound, may_count };
        assert_eq!(simple(&engine, &facts), expect);
    };
    check(1_000, false, 0, "a, end (main/default)");
    check(4_000, true, 1_000, "a, end (main/default)");
    check(4_000, true, 1_001, "end (main/default), a: context_too_small");
    check(7, false, 0, "end (main/default), a: no_documents");
    check(8, false, 0, "end (main/default), a: no_audio");
}

#[test]
fn a_static_reason_is_told_before_a_live_one() {
    let build = Build::models(&["a"]);
    let attempts = build.then("a");
    let engine = build.main(attempts).engine();
    let sick = world(&engine, &[("a", sick())]);
    assert_eq!(walk(&engine, &int("request.images", 1), None, &sick, 0), "end (main/default), a: no_vision");
}

#[test]
fn the_least_wait_is_told() {
    let build = Build::models(&["a", "b", "c"]);
    let attempts = build.then("a b c");
    let engine = build.main(attempts).engine();
    let world = world(&engine, &[("a", cooling(900)), ("b", cooling(300)), ("c", sick())]);
    let text = walk(&engine, &facts(&[]), None, &world, 0);
    assert!(text.starts_with("end, retry after Some(300)"), "{text}");
}

#[test]
fn a_candidate_says_what_has_to_be_adapted() {
    let build = Build::models(&["a"]).with("a", |model| {
        model.stream = false;
        model.can = vec![Capability::Tools, Capability::JsonSchema];
    });
    let attempts = build.then("a");
    let engine = build.main(attempts).engine();
    let yes = Owned::Bool(true);
    let facts = facts(&[("request.thinking", yes.clone()), ("request.json", yes.clone()), ("request.stream", yes)]);
    let mut scratch = Scratch::default();
    let mut walk = engine.begin(&facts, None, &Seeds::fixed(), &mut scratch);
    let Step::Try(candidate) = walk.next(&facts, &World::default()) else { panic!("{walk:?}") };
    assert_eq!(candidate.lacks.iter().collect::<Vec<_>>(), [Capability::Thinking]);
    assert!(candidate.cannot_stream);
}

#[test]
fn what_the_gateway_skips_is_recorded_and_not_chosen_again() {
    let build = Build::models(&["a", "b"]).pool("p", "a b");
    let engine = build.main(vec![pool(0), pool(0), pool(0)]).engine();
    let (facts, world) = (facts(&[]), World::default());
    let mut scratch = Scratch::default();
    let mut walk = engine.begin(&facts, None, &Seeds::fixed(), &mut scratch);
    let Step::Try(first) = walk.next(&facts, &world) else { panic!() };
    walk.skip(first.model, SkipReason::NotTranslatable("a cited document".to_owned()));
    let Step::Try(second) = walk.next(&facts, &world) else { panic!() };
    assert_eq!((first.model, second.model), (id(&engine, "a"), id(&engine, "b")));
    assert_eq!(walk.next(&facts, &world), Step::Exhausted(crate::engine::Exhausted::default()));
    let reasons: Vec<String> = walk.skipped().iter().map(|skipped| skipped.reason.to_string()).collect();
    assert_eq!(reasons[0], "a cited document");
}

fn nested() -> Engine {
    let build = Build::models(&["a", "b", "c"]);
    let (only_a, b_then_c) = (build.then("a"), build.then("b a c"));
    build
        .route(
            "main",
            vec![
                ("fall", model_is("fall"), [only_a, vec![route(1)]].concat()),
                ("stop", model_is("stop"), vec![reject(451)]),
                ("default", None, vec![route(1)]),
            ],
        )
        .route("residency", vec![("odd", model_is("odd"), vec![reject(403)]), ("default", None, b_then_c)])
        .engine()
}

#[test]
fn a_route_decides_again_on_the_same_facts() {
    let engine = nested();
    let check = |model: &str, expect: &str| {
        assert_eq!(simple(&engine, &facts(&[("request.model", Owned::Str(model.to_owned()))])), expect);
    };
    check("fall", "a, b, c, end (main/residency/default), a: already_tried");
    check("stop", "reject 451 (main/stop)");
    check("odd", "reject 403 (main/residency/odd)");
    check("", "b, a, c, end (main/residency/default)");
}

#[test]
fn the_decision_is_the_one_that_holds_now() {
    let engine = nested();
    let facts = facts(&[("request.model", Owned::Str("fall".to_owned()))]);
    let mut scratch = Scratch::default();
    let mut walk = engine.begin(&facts, None, &Seeds::fixed(), &mut scratch);
    assert_eq!(walk.decision(), "main/fall");
    assert!(matches!(walk.next(&facts, &World::default()), Step::Try(_)));
    assert_eq!(walk.decision(), "main/fall");
    assert!(matches!(walk.next(&facts, &World::default()), Step::Try(_)));
    assert_eq!(walk.decision(), "main/residency/default");
}

#[test]
fn behind_an_arm_that_is_a_route_the_rule_goes_on() {
    let build = Build::models(&["a", "b"]);
    let (a, b) = (build.then("a"), build.then("b"));
    let main = [vec![split(vec![(100.0, route(1))], None)], b].concat();
    let engine = build.main(main).route("inner", vec![("default", None, a)]).engine();
    assert_eq!(simple(&engine, &facts(&[])), "a, b, end (main/default)");
}

#[test]
fn a_cycle_of_routes_ends() {
    let engine = Build::models(&[]).main(vec![route(0)]).engine();
    assert!(simple(&engine, &facts(&[])).starts_with("end (main/main/"));
}

#[test]
fn tenants_enter_by_their_own_route() {
    let build = Build::models(&["a", "b"]);
    let (a, b) = (build.then("a"), build.then("b"));
    let build = build.main(a).route("own", vec![("default", None, b)]).tenant("t", None, Some(1));
    let engine = build.tenant("u", None, None).engine();
    let fresh = world(&engine, &[]);
    assert_eq!(walk(&engine, &facts(&[]), TENANT, &fresh, 0), "b, end (own/default)");
    assert_eq!(walk(&engine, &facts(&[]), Some(TenantId(1)), &fresh, 0), "a, end (main/default)");
    let empty = Build::models(&[]).engine();
    assert_eq!(simple(&empty, &facts(&[])), "end (none)");
}

#[test]
fn options_come_from_the_rule_its_route_whoever_led_there_and_the_defaults() {
    let build = Build::models(&["a"]);
    let a = build.then("a");
    let mut build = build.main(vec![route(1)]).route("inner", vec![("default", None, a)]);
    let seconds = |count| Some(Duration::from_secs(count));
    let kept = |count| CacheOptions { ttl: Duration::from_secs(count) };
    build.policy.defaults = Options { timeout: seconds(1), deadline: seconds(1), ..Options::default() };
    build.policy.routes[0].options.label = Some("outer route".to_owned());
    build.policy.routes[0].rules[0].options =
        Options { deadline: seconds(2), cache: Some(kept(2)), ..Options::default() };
    build.policy.routes[1].options = Options { cache: Some(kept(3)), ..Options::default() };
    let engine = build.engine();
    let facts = facts(&[]);
    let mut scratch = Scratch::default();
    let mut walk = engine.begin(&facts, None, &Seeds::fixed(), &mut scratch);
    assert_eq!(walk.options().cache, Some(kept(2)));
    let _ = walk.next(&facts, &World::default());
    let options = walk.options();
    assert_eq!(options.cache, Some(kept(3)));
    assert_eq!((options.deadline, options.timeout), (seconds(2), seconds(1)));
    assert_eq!(options.label, Some("outer route"));
}

#[test]
fn a_where_filters_and_says_what_it_saw() {
    let mut build = Build::models(&["a", "b", "c"]).with("b", |model| model.context = Some(9_000));
    let live = binary(BinaryOp::Lt, var("model.error_rate"), crate::dsl::expr::build::double(0.05));
    let declared = binary(BinaryOp::Gt, var("model.context"), number(5_000));
    let asked = binary(BinaryOp::Gt, var("model.context"), var("request.tokens"));
    let attempts: Vec<AttemptKind> = [live, declared, asked]
        .into_iter()
        .map(|filter| build.choice(Strategy::First, "a b c", Some(filter)))
        .collect();
    let engine = |kind: &AttemptKind| {
        let mut copy = Build::models(&["a", "b", "c"]).main(vec![kind.clone()]);
        copy.policy.models.clone_from(&build.policy.models);
        copy.engine()
    };
    let [live, declared, asked] = &attempts[..] else { panic!() };
    let failing = ModelState { error_rate: 0.2, ..ModelState::default() };
    let one = engine(live);
    let states = world(&one, &[("a", failing.clone()), ("b", failing.clone()), ("c", failing)]);
    assert_eq!(
        walk(&one, &facts(&[]), None, &states, 0),
        "end, retry after None (main/default), a: where, b: where, c: where"
    );
    assert_eq!(simple(&engine(declared), &facts(&[])), "b, end (main/default), a: where");
    assert_eq!(simple(&engine(asked), &int("request.tokens", 8_000)), "b, end (main/default), a: where");
}
