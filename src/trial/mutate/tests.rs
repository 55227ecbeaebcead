//! The changes themselves, and what is said about them, held against compiled mutants.

use std::sync::Arc;

use proptest::prelude::*;

use super::changes::changes;
use super::{Apart, Edit, Search};
use crate::compile::{Program, Scratch};
use crate::diag::Sources;
use crate::dsl;
use crate::dsl::policy::{Policy, RouteId};
use crate::engine::Engine;
use crate::engine::cases::{self, Runner};
use crate::facts::Var;
use crate::facts::given::{GivenFacts, Owned};

fn load(text: &str) -> Option<Policy> {
    let mut sources = Sources::default();
    sources.add("main.policy", text);
    dsl::load(&sources).policy
}

fn policy(rules: &str) -> Policy {
    loaded(rules).unwrap()
}

fn loaded(rules: &str) -> Option<Policy> {
    load(&format!(
        "provider p {{ kind: mock }}\nmodel a on p {{ price: {{ input: 2, output: 2 }} }}\nmodel b on p {{ price: {{ input: 1, output: 1 }} }}\nroute main {{\n{rules}\n  default -> b\n}}\n"
    ))
}

/// The changes of the first rule's condition, as `before → after`.
#[track_caller]
fn check(condition: &str, expected: &[&str]) {
    let policy = policy(&format!("  rule r when {condition} -> a"));
    let conditions = changes(&policy).into_iter().filter(|change| matches!(change.edit, Edit::Condition(_)));
    let found: Vec<String> = conditions.map(|change| format!("{} → {}", change.before, change.after)).collect();
    assert_eq!(found, expected, "{condition}");
}

#[test]
fn comparisons_are_off_by_one_and_negated() {
    check(
        "request.tokens > 10",
        &[
            "request.tokens > 10 → request.tokens >= 10",
            "request.tokens > 10 → request.tokens > 11",
            "request.tokens > 10 → !(request.tokens > 10)",
        ],
    );
    check(
        "request.tokens <= 10",
        &[
            "request.tokens <= 10 → request.tokens < 10",
            "request.tokens <= 10 → request.tokens <= 11",
            "request.tokens <= 10 → !(request.tokens <= 10)",
        ],
    );
    check(
        "budget.used >= 0.8",
        &["budget.used >= 0.8 → budget.used > 0.8", "budget.used >= 0.8 → !(budget.used >= 0.8)"],
    );
    check(
        "request.images == 2",
        &["request.images == 2 → request.images == 3", "request.images == 2 → !(request.images == 2)"],
    );
}

#[test]
fn connectives_are_swapped_and_shortened() {
    check(
        "request.stream && request.json",
        &[
            "request.stream && request.json → request.stream || request.json",
            "request.stream && request.json → request.json",
            "request.stream && request.json → request.stream",
            "request.stream → !request.stream",
            "request.json → !request.json",
        ],
    );
    check(
        "request.stream || request.json",
        &[
            "request.stream || request.json → request.stream && request.json",
            "request.stream || request.json → request.json",
            "request.stream || request.json → request.stream",
            "request.stream → !request.stream",
            "request.json → !request.json",
        ],
    );
    // Twice negated would be the first change again.
    check("!request.stream", &["!request.stream → request.stream"]);
}

#[test]
fn needles_are_dropped_and_prefixes_widened() {
    check(
        r#"request.model in ["x", "y"]"#,
        &[
            r#"request.model in ["x", "y"] → request.model in ["y"]"#,
            r#"request.model in ["x", "y"] → request.model in ["x"]"#,
            r#"request.model in ["x", "y"] → !(request.model in ["x", "y"])"#,
        ],
    );
    check(
        r#"request.text.startsWith("x")"#,
        &[
            r#"request.text.startsWith("x") → request.text.contains("x")"#,
            r#"request.text.startsWith("x") → !request.text.startsWith("x")"#,
        ],
    );
}

#[test]
fn rules_and_attempts_are_moved_and_dropped() {
    let policy = policy(
        "  rule r when request.stream -> a then b\n  rule s when request.json -> cheapest of [a, b] then reject 403 \"no\"",
    );
    let found: Vec<String> = changes(&policy)
        .into_iter()
        .filter(|change| !matches!(change.edit, Edit::Condition(_)))
        .map(|change| format!("{} → {}", change.before, change.after))
        .collect();
    let expected = [
        "rule r → ",
        "rule r before rule s → rule s before rule r",
        "a → ",
        "a then b → b then a",
        "b → ",
        "rule s → ",
        "cheapest of [a, b] → ",
        "cheapest of [a, b] → first of [a, b]",
        "cheapest of [a, b] → cheapest of [b]",
        "cheapest of [a, b] → cheapest of [a]",
        "reject 403 → ",
        "reject 403 → reject 400",
    ];
    assert_eq!(found, expected);
}

fn random_condition() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "request.images > 1",
        "request.images >= 2",
        "request.tokens <= 5",
        "request.tokens == 7",
        "request.stream",
        "request.text.contains(\"foo\")",
        "request.text.startsWith(\"foobar\")",
        "tenant.tier == \"pro\"",
    ])
    .prop_map(str::to_owned);
    atom.prop_recursive(2, 5, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..=3).prop_map(|parts| format!("({})", parts.join(" && "))),
            prop::collection::vec(inner.clone(), 2..=3).prop_map(|parts| format!("({})", parts.join(" || "))),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
}

/// Every combination of the values that the atoms above tell apart.
fn all_facts() -> Vec<GivenFacts> {
    let mut all = Vec::new();
    for images in [0, 1, 2, 3] {
        for tokens in [0, 4, 5, 6, 7, 8] {
            for text in ["", "foo", "xfoo", "foobar", "xfoobar"] {
                for (stream, tier) in [(false, ""), (true, ""), (false, "pro"), (true, "pro")] {
                    let mut facts = GivenFacts::default();
                    facts.set(Var::RequestImages, Owned::Int(images));
                    facts.set(Var::RequestTokens, Owned::Int(tokens));
                    facts.set(Var::RequestText, Owned::Str(text.to_owned()));
                    facts.set(Var::RequestStream, Owned::Bool(stream));
                    facts.set(Var::TenantTier, Owned::Str(tier.to_owned()));
                    all.push(facts);
                }
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_case_fails_on_the_compiled_mutant_and_the_same_is_the_same(one in random_condition(), two in random_condition()) {
        let policy = loaded(&format!("  rule r when {one} -> a then b\n  rule s when {two} -> b"));
        // A rule that nothing can reach is an error already.
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let engine = Engine::new(Arc::new(policy.clone()));
        let mut runner = Runner::new(&engine);
        let mut search = Search::new(&engine);
        let facts = all_facts();
        for change in changes(&policy) {
            let mutant = change.apply(&policy);
            match search.tell_apart(&change) {
                Apart::By(case) => {
                    let compiled = Engine::new(Arc::new(mutant));
                    let trace = Runner::new(&compiled).trace(Some(case.route), &case.case).unwrap();
                    prop_assert!(!cases::fits(&case.case, &trace), "{} → {}: {}", change.before, change.after, case.text);
                    let trace = runner.trace(Some(case.route), &case.case).unwrap();
                    prop_assert!(cases::fits(&case.case, &trace), "{}", case.text);
                }
                Apart::Same if !matches!(change.edit, Edit::Attempts(_)) => {
                    let (before, after) = (Program::compile(&policy), Program::compile(&mutant));
                    let name = |policy: &Policy, rule: u32| policy.routes[0].rules[rule as usize].name.clone();
                    for facts in &facts {
                        let decide = |program: &Program| program.decide(RouteId(0), facts, &mut Scratch::default()).rule;
                        prop_assert_eq!(name(&policy, decide(&before)), name(&mutant, decide(&after)), "{} → {}: {}", change.before, change.after, facts.to_text());
                    }
                }
                Apart::Same | Apart::NoCase => {}
            }
        }
    }
}
