//! Who is best, by each strategy.

use super::build::Build;
use super::*;
use crate::dsl::policy::{Price, Strategy};
use crate::engine::price::{self, Tokens};
use crate::engine::rotate::schedule;

fn chosen(mut build: Build, strategy: Strategy, facts: &GivenFacts, states: &[(&str, ModelState)]) -> String {
    let names: Vec<String> = build.policy.models.iter().map(|model| model.name.clone()).collect();
    let choice = build.choice(strategy, &names.join(" "), None);
    let engine = build.main(vec![choice]).engine();
    let world = world(&engine, states);
    walk(&engine, facts, None, &world, 0).split(',').next().unwrap().to_owned()
}

#[test]
fn cheapest_is_the_least_estimate() {
    let build = || Build::models(&["free-of-price", "dear", "cheap", "same"]).price("dear", 10.0, 10.0);
    let build = || build().price("cheap", 1.0, 1.0).price("same", 1.0, 1.0);
    assert_eq!(chosen(build(), Strategy::Cheapest, &facts(&[]), &[]), "cheap");
    assert_eq!(chosen(build(), Strategy::Cheapest, &facts(&[]), &[("cheap", sick())]), "same");
}

#[test]
fn cheapest_weighs_input_against_output() {
    let build = || Build::models(&["reads", "writes"]).price("reads", 1.0, 20.0).price("writes", 2.0, 1.0);
    assert_eq!(chosen(build(), Strategy::Cheapest, &int("request.tokens", 4_000), &[]), "writes");
    assert_eq!(chosen(build(), Strategy::Cheapest, &int("request.tokens", 200_000), &[]), "reads");
    let short = facts(&[("request.tokens", Owned::Int(4_000)), ("request.max_tokens", Owned::Int(10))]);
    assert_eq!(chosen(build(), Strategy::Cheapest, &short, &[]), "reads");
}

#[test]
fn an_estimate_is_the_formula_of_the_language() {
    let model = |output| {
        Build::models(&["m"]).price("m", 2.0, 8.0).with("m", |model| model.output = output).policy.models.remove(0)
    };
    let mean = |tokens| Some(ModelState { mean_output_tokens: Some(tokens), ..ModelState::default() });
    let check = |output, state: Option<ModelState>, bytes, max, expect: f64| {
        for dollars in [
            price::ranking(&model(output), state.as_ref(), bytes, max).unwrap(),
            price::estimate(&model(output), state.as_ref(), bytes / 4, max).unwrap(),
        ] {
            assert!((dollars * 1e6 - expect).abs() < 1e-6, "{dollars} is not {expect} / 1M");
        }
    };
    check(None, None, 4_000, 0, 2.0 * 1_000.0 + 8.0 * 1_024.0);
    check(None, None, 4_000, 100, 2.0 * 1_000.0 + 8.0 * 100.0);
    check(Some(50), None, 4_000, 100, 2.0 * 1_000.0 + 8.0 * 50.0);
    check(None, mean(300.0), 4_000, 0, 2.0 * 1_000.0 + 8.0 * 300.0);
    check(None, mean(3_000.0), 4_000, 0, 2.0 * 1_000.0 + 8.0 * 3_000.0);
    check(None, mean(300.0), 4_000, 200, 2.0 * 1_000.0 + 8.0 * 200.0);
    let unpriced = Build::models(&["m"]).policy.models.remove(0);
    assert_eq!(price::estimate(&unpriced, None, 4_000, 0), None);
    assert_eq!(price::ranking(&unpriced, None, 4_000, 0), None);
}

#[test]
fn a_cost_is_unknown_without_a_price_and_never_zero() {
    let tokens = Tokens { input: 1_000, output: 100, cache_read: 10_000, cache_write: 200 };
    let mut price = Price { input: 3.0, output: 15.0, cache_read: Some(0.3), cache_write: None };
    let check = |price: &Price, expect: f64| {
        let dollars = price::cost(Some(price), &tokens).unwrap();
        assert!((dollars * 1e6 - expect).abs() < 1e-6, "{dollars}");
    };
    check(&price, 3_000.0 + 1_500.0 + 3_000.0 + 600.0);
    price.cache_read = None;
    price.cache_write = Some(3.75);
    check(&price, 3_000.0 + 1_500.0 + 30_000.0 + 750.0);
    assert_eq!(price::cost(None, &tokens), None);
}

#[test]
fn best_is_the_highest_quality_for_the_task() {
    let build = || {
        Build::models(&["none", "general", "coder"]).with("general", |model| model.quality = Some(0.8)).with(
            "coder",
            |model| {
                model.quality = Some(0.5);
                model.quality_by_task = vec![("coding".to_owned(), 0.9)];
            },
        )
    };
    let task = |task: &str| facts(&[("request.task", Owned::Str(task.to_owned()))]);
    assert_eq!(chosen(build(), Strategy::Best, &task("coding"), &[]), "coder");
    assert_eq!(chosen(build(), Strategy::Best, &task("chat"), &[]), "general");
    assert_eq!(chosen(build(), Strategy::Best, &task("coding"), &[("coder", cooling(5))]), "general");
}

#[test]
fn live_strategies_rank_by_what_the_state_says() {
    let build = || Build::models(&["a", "b"]).with("b", |model| model.quality = Some(1.0));
    let slow = ModelState { ttft_p95_ms: 900, headroom: 0.2, error_rate: 1.0, ..ModelState::default() };
    let fresh = facts(&[]);
    assert_eq!(chosen(build(), Strategy::Fastest, &fresh, &[("a", slow.clone())]), "b");
    assert_eq!(chosen(build(), Strategy::Idlest, &fresh, &[("a", slow.clone())]), "b");
    assert_eq!(chosen(build(), Strategy::Balanced, &fresh, &[]), "b");
    assert_eq!(chosen(build(), Strategy::Balanced, &fresh, &[("b", slow)]), "a");
    for strategy in [Strategy::First, Strategy::Fastest, Strategy::Idlest, Strategy::Adaptive] {
        assert_eq!(chosen(build(), strategy, &fresh, &[]), "a", "{strategy:?}: ties go to list order");
    }
}

#[test]
fn a_round_is_smooth_and_keeps_proportions() {
    let check = |weights: &[u32], expect: &[u32]| assert_eq!(schedule(weights), expect, "{weights:?}");
    check(&[1, 1], &[0, 1]);
    check(&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]);
    check(&[2, 4], &[1, 0, 1]);
    check(&[0, 3], &[1]);
    check(&[], &[]);
    check(&[0], &[]);
    let round = schedule(&[1_000_000, 1, 3_000_000]);
    assert!(round.len() <= 4_098, "{}", round.len());
    let count = |member| round.iter().filter(|one| **one == member).count();
    assert_eq!((count(0), count(1), count(2)), (1_023, 1, 3_071));
}

#[test]
fn tickets_turn_and_the_unusable_are_passed_over() {
    let mut build = Build::models(&["a", "b", "c"]).with("a", |model| model.weight = 2);
    let build = {
        let choice = build.choice(Strategy::Rotate, "a b c", None);
        build.with("c", |model| model.weight = 0).main(vec![choice])
    };
    let engine = build.engine();
    let turn =
        |ticket, states: &[(&str, ModelState)]| walk(&engine, &facts(&[]), None, &world(&engine, states), ticket);
    let turns: Vec<String> = (0..6).map(|ticket| turn(ticket, &[]).split(',').next().unwrap().to_owned()).collect();
    assert_eq!(turns, ["a", "b", "a", "a", "b", "a"]);
    assert_eq!(turn(0, &[("a", sick())]), "b, end, retry after None (main/default), a: unhealthy");
    assert_eq!(
        turn(u64::MAX, &[("a", sick()), ("b", sick())]),
        "end, retry after None (main/default), a: unhealthy, b: unhealthy, c: no_weight"
    );
}
