//! Lines, recipes and replays.

use std::sync::Arc;

use proptest::prelude::*;

use super::replay::{Replayed, Replayer};
use super::tally::{Before, Report, Tally};
use super::*;
use crate::diag::Sources;
use crate::dsl::load;
use crate::engine::Engine;
use crate::engine::price::Tokens;
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::{Facts as _, Needs, Var};

const HEAD: &str = "provider p { kind: mock }
model cheap on p { price: { input: 1, output: 1 } context: 100 }
model dear on p { price: { input: 3, output: 3 } }
model free on p {}
tenant lanhai { keys: [env(\"K\")] tags: [\"cn\"] }
";

fn engine(rules: &str) -> Engine {
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{HEAD}route main {{ {rules} }}"));
    let loaded = load(&sources);
    Engine::new(Arc::new(loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))))
}

fn given(text: &str, engine: &Engine) -> GivenFacts {
    crate::dsl::parse_facts(text, engine.policy()).unwrap().facts
}

/// A request as it is recorded under a policy, answered by the first model of its rule.
fn record(engine: &Engine, facts: &GivenFacts, decision: &str, model: Option<&str>) -> Entry {
    let recipe = Recipe::new(engine.policy(), engine.program());
    let usage = Tokens { input: 1_000_000, ..Tokens::default() };
    let priced = model.and_then(|name| engine.policy().models.iter().find(|model| model.name == name)?.price);
    Entry {
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        policy: engine.policy().digest.clone(),
        tenant: None,
        facts: recipe.facts(facts, &|_| "hash".to_owned()),
        holds: recipe.holds(facts),
        needs: facts.needs(),
        tokens_bound: facts.tokens_bound(),
        decision: Some(decision.to_owned()),
        model: model.map(str::to_owned),
        attempts: 1,
        outcome: "ok".to_owned(),
        cached: false,
        usage: model.map(|_| usage),
        cost_usd: priced.map(|price| price.input),
    }
}

fn sum(before: Before<'_>, after: &Engine, entries: &[Entry]) -> Report {
    let mut tally = Tally::new(before, Replayer::new(after));
    entries.iter().for_each(|entry| tally.add(&read_line(&entry.line(), 1).unwrap()));
    tally.finish()
}

const TEXT: &str = r#"rule code when request.text.contains("secret") && user.id != "bob" -> dear
    rule long when request.turns > 9 -> dear
    default -> cheap"#;

#[test]
fn a_line_holds_no_text_and_no_id() {
    let old = engine(TEXT);
    let facts = given(
        r#"{ text: "my secret words", turns: 3, user: { id: "alice" }, header: { "x-a": "hidden" }, model: "asked" }"#,
        &old,
    );
    let line = record(&old, &facts, "main/code", Some("dear")).line();
    for private in ["my secret", "words", "alice", "hidden", "asked"] {
        assert!(!line.contains(private), "{private} in {line}");
    }
    assert!(line.contains(r#""request.turns":3"#), "{line}");
    assert!(line.contains(r#""request.text.contains(\"secret\")":true"#), "{line}");
}

#[test]
fn what_was_recorded_decides_and_what_was_not_is_said() {
    let old = engine(TEXT);
    let facts = given(r#"{ text: "a secret", turns: 3 }"#, &old);
    let entry = record(&old, &facts, "main/code", Some("dear"));
    let goes = |rules: &str| match Replayer::new(&engine(rules)).replay(&entry, 0) {
        Replayed::Goes(way) => way.decision,
        Replayed::Unknown(missing) => missing.join(" and "),
        Replayed::NoRoute => "nowhere".to_owned(),
    };
    assert_eq!(goes(TEXT), "main/code");
    assert_eq!(goes(r#"rule a when request.turns == 3 -> cheap default -> dear"#), "main/a");
    assert_eq!(goes(r#"rule a when !request.text.contains("secret") -> cheap default -> dear"#), "main/default");
    assert_eq!(
        goes(r#"rule a when request.text.contains("other") -> cheap default -> dear"#),
        r#"request.text.contains("other")"#
    );
    assert_eq!(goes("rule a when request.complexity > 0.5 -> cheap default -> dear"), "request.complexity > 0.5");
    // What nobody needs in the end does no harm.
    let either = r#"rule a when request.turns > 1 || request.text.contains("other") -> cheap default -> dear"#;
    assert_eq!(goes(either), "main/a");
    let both = r#"rule a when request.turns > 5 && request.text.contains("other") -> cheap default -> dear"#;
    assert_eq!(goes(both), "main/default");
    let filter = r#"default -> first of [cheap, dear] where request.text.contains("secret")"#;
    assert_eq!(goes(filter), r#"request.text.contains("secret")"#);
}

#[test]
fn a_model_that_may_be_too_small_needs_the_count() {
    let old = engine("default -> dear");
    let facts = given("{ tokens: 500 }", &old);
    let mut entry = record(&old, &facts, "main/default", Some("dear"));
    let new = engine("default -> cheap then dear");
    assert!(matches!(Replayer::new(&new).replay(&entry, 0), Replayed::Goes(way) if way.models.len() == 1));
    entry.facts.clear();
    let unknown = Replayed::Unknown(vec!["request.tokens".to_owned()]);
    assert_eq!(Replayer::new(&new).replay(&entry, 0), unknown);
}

#[test]
fn moves_and_costs_are_summed() {
    let old = engine(TEXT);
    let new = engine(&TEXT.replace("default -> cheap", "rule turns when request.turns > 3 -> dear default -> cheap"));
    let one = |turns: i64, model, hour: u32| {
        let mut entry = record(&old, &given(&format!("{{ turns: {turns} }}"), &old), "main/default", Some(model));
        entry.at = format!("2026-01-01T{hour:02}:00:00Z").parse().unwrap();
        entry
    };
    let entries = [one(1, "cheap", 0), one(4, "cheap", 6), one(5, "cheap", 12)];
    for report in
        [sum(Before::Recorded, &new, &entries), sum(Before::Policy(Box::new(Replayer::new(&old))), &new, &entries)]
    {
        assert_eq!((report.requests, report.changed, report.not_replayed), (3, 2, 0));
        assert!((report.replayed.before_usd - 3.0).abs() < 1e-9 && (report.replayed.after_usd - 7.0).abs() < 1e-9);
        assert!((report.more_usd_a_day.unwrap() - 8.0).abs() < 1e-9);
        let [moved] = report.moves.as_slice() else { panic!("{:?}", report.moves) };
        assert_eq!((moved.from.decision.as_str(), moved.to.decision.as_str()), ("main/default", "main/turns"));
        let text = report.text();
        for part in [
            "2 of 3 replayed go another way (66.7 %)",
            "costs $4.00 more over the recorded time: $7.00 instead of $3.00; at this rate $8.00 more a day",
            "+$4.00",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
    let same = sum(Before::Recorded, &old, &entries);
    assert_eq!((same.changed, same.moves.len()), (0, 0));
    assert!(same.text().contains("the cost stays the same: $3.00"), "{}", same.text());
}

#[test]
fn models_without_a_price_and_unanswered_requests_are_said() {
    let old = engine(TEXT);
    let new = engine("rule x when request.turns > 3 -> reject 403 \"no\" default -> free");
    let facts = given("{ turns: 1 }", &old);
    let refused = record(&old, &given("{ turns: 4 }", &old), "main/default", Some("cheap"));
    let unanswered = record(&old, &facts, "main/code", None);
    let report =
        sum(Before::Recorded, &new, &[record(&old, &facts, "main/default", Some("cheap")), refused, unanswered]);
    assert_eq!((report.unpriced.get("free"), report.without_usage), (Some(&1), 1));
    assert_eq!((report.replayed.priced, report.changed), (1, 3));
}

#[test]
fn a_price_that_is_missing_is_counted_once() {
    let old = engine("default -> free");
    let entry = record(&old, &GivenFacts::default(), "main/default", Some("free"));
    let same = sum(Before::Recorded, &old, std::slice::from_ref(&entry));
    assert_eq!((same.unpriced.get("free"), same.unpriced_before.len()), (Some(&1), 0));
    let priced = engine("default -> cheap");
    let text = sum(Before::Recorded, &priced, std::slice::from_ref(&entry)).text();
    assert!(text.contains("note: `free` had no price when it was recorded; 1 request was left out"), "{text}");
    let text = sum(Before::Policy(Box::new(Replayer::new(&old))), &priced, &[entry]).text();
    assert!(text.contains("note: `free` has no price in the old policy; 1 request was left out"), "{text}");
}

#[test]
fn a_short_time_is_not_projected() {
    let (old, new) = (engine("default -> cheap"), engine("default -> dear"));
    let one = |second: u32| {
        let mut entry = record(&old, &GivenFacts::default(), "main/default", Some("cheap"));
        entry.at = format!("2026-01-01T00:00:{second:02}Z").parse().unwrap();
        entry
    };
    let report = sum(Before::Recorded, &new, &[one(0), one(9)]);
    let text = report.text();
    assert!(report.more_usd_a_day.is_none() && !text.contains("a day"), "{text}");
    assert!(text.contains("costs $4.00 more over the recorded time: $6.00 instead of $2.00\n"), "{text}");
}

#[test]
fn callers_are_spread_only_by_what_was_recorded() {
    let old = engine("default -> cheap");
    let entry = record(&old, &given("{ header: { \"x-user\": \"me\" } }", &old), "main/default", Some("cheap"));
    let goes = |by: &str| {
        let new = engine(&format!("default -> split {{ 50% cheap, 50% dear }} by {by}"));
        match Replayer::new(&new).replay(&entry, 0) {
            Replayed::Goes(_) => "goes".to_owned(),
            Replayed::Unknown(missing) => missing.join(" and "),
            Replayed::NoRoute => "nowhere".to_owned(),
        }
    };
    assert_eq!(goes("user.id"), "goes");
    for by in ["request.header(\"x-user\")", "request.model", "key.id", "request.text"] {
        assert_eq!(goes(by), by);
    }
}

#[test]
fn what_a_subagent_is_told_is_not_recorded() {
    let old = engine("rule r when request.subagent == \"private words\" -> dear default -> cheap");
    let line = record(&old, &given("{ subagent: \"hidden\" }", &old), "main/default", Some("cheap")).line();
    assert!(!line.contains("hidden") && line.contains("\"holds\""), "{line}");
}

#[test]
fn lines_that_are_none_are_refused_with_their_number() {
    let line = record(&engine(TEXT), &GivenFacts::default(), "main/default", Some("cheap")).line();
    for (text, part) in [
        ("{}", "line 7: missing field `schema`"),
        ("hello", "line 7: expected value"),
        (&line.replace("\"schema\":1", "\"schema\":2"), "line 7: it has schema 2"),
        (&line.replace("request.turns", "request.turn"), "line 7: `request.turn` is no variable"),
        (&line.replace("\"request.turns\":0", "\"request.turns\":\"x\""), "line 7: `request.turns` is no variable"),
        (&line.replace("\"attempts\"", "\"attempt\""), "line 7: unknown field `attempt`"),
    ] {
        let error = read_line(text, 7).unwrap_err().to_string();
        assert!(error.starts_with(part), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A line says all that the entry holds.
    #[test]
    fn a_line_is_read_back(
        turns in 0_i64..1 << 31, tags in prop::collection::vec(".*", 0..3), flag: bool, cost in prop::option::of((0_u32..1 << 20).prop_map(|units| f64::from(units) / 64.0)),
        usage in prop::option::of((0_u64..1 << 40, 0_u64..1 << 40)), tenant in prop::option::of("[a-z]+"), key in ".*",
    ) {
        let entry = Entry {
            at: "2026-01-01T00:00:00.123Z".parse().unwrap(),
            policy: "0123".to_owned(),
            tenant: tenant.clone(),
            facts: vec![
                (Var::RequestTurns, Owned::Int(turns)),
                (Var::RequestComplexity, Owned::Double(0.25)),
                (Var::RequestThinking, Owned::Bool(flag)),
                (Var::TenantTags, Owned::List(tags.into_iter().map(Into::into).collect())),
            ],
            holds: [(key, flag)].into(),
            needs: Needs { tools: flag, stream: !flag, web_search: flag, ..Needs::default() },
            tokens_bound: turns,
            decision: tenant,
            model: None,
            attempts: 2,
            outcome: "ok".to_owned(),
            cached: flag,
            usage: usage.map(|(input, output)| Tokens { input, output, ..Tokens::default() }),
            cost_usd: cost,
        };
        let mut sorted = entry.clone();
        sorted.facts.sort_by_key(|(var, _)| *var);
        prop_assert_eq!(read_line(&entry.line(), 1).unwrap(), sorted);
    }
}
