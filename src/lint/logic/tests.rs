//! What is said of conditions, and that it is true: no drawn request contradicts a verdict.

use proptest::prelude::*;

use crate::diag::{Diagnostic, Sources};
use crate::dsl;
use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::expr::typed::{Expr, Kind};
use crate::dsl::policy::{Policy, Route};
use crate::facts::Facts;
use crate::lint;
use crate::prove::tests::{condition, request};

/// A policy with these rules: each its condition, and `a` or `b` to lead to.
fn sources(rules: &[(&str, &str)]) -> Sources {
    let mut text =
        "provider p { kind: mock }\nmodel a on p {}\nmodel b on p {}\nmodel c on p {}\nroute main {\n".to_owned();
    for (number, (condition, target)) in rules.iter().enumerate() {
        text.push_str(&format!("  rule r{number} when {condition} -> {target} then c\n"));
    }
    text.push_str("  default -> a then b\n}\n");
    let mut sources = Sources::default();
    sources.add("test.policy", text);
    sources
}

/// What the logic checks say, as (code, text of the place).
fn said(rules: &[(&str, &str)]) -> Vec<(String, String)> {
    let sources = sources(rules);
    let mut found: Vec<(String, String)> = findings(&sources)
        .iter()
        .map(|finding| {
            let place = finding.primary.as_ref().map_or("", |label| sources.slice(label.span));
            (finding.code.as_str().to_owned(), place.to_owned())
        })
        .collect();
    found.sort();
    found
}

fn findings(sources: &Sources) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let policy = policy(sources);
    super::check(&policy, &crate::compile::Program::compile(&policy), sources, &mut findings);
    findings
}

fn policy(sources: &Sources) -> Policy {
    let loaded = dsl::load(sources);
    loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

#[track_caller]
fn says(rules: &[(&str, &str)], expected: &[(&str, &str)]) {
    let said = said(rules);
    let said: Vec<(&str, &str)> = said.iter().map(|(code, place)| (code.as_str(), place.as_str())).collect();
    assert_eq!(said, expected, "{rules:?}");
}

#[test]
fn single_conditions() {
    for (condition, expected) in [
        ("request.stream", &[][..]),
        ("request.tokens >= 0", &[("P0301", "request.tokens >= 0")]),
        ("request.stream || !request.stream", &[("P0301", "request.stream || !request.stream")]),
        ("request.stream && !request.stream", &[("P0302", "!request.stream")]),
        ("request.tokens < 0", &[("P0302", "request.tokens < 0")]),
        (r#"request.json && request.model == "a" && request.model == "b""#, &[("P0302", r#"request.model == "b""#)]),
        ("request.tokens > 10 && request.tokens > 5", &[("P0309", "request.tokens > 5")]),
        ("request.tokens > 5 && request.tokens > 10", &[("P0309", "request.tokens > 5")]),
        ("request.tokens > 5 || request.tokens > 10", &[("P0309", "request.tokens > 10")]),
        ("request.stream && request.stream", &[("P0309", "request.stream")]),
        // Either part could go, but not both.
        ("!(request.tokens > 10) || (request.tokens < 12 && request.tokens > 10)", &[("P0309", "request.tokens > 10")]),
        ("request.stream && (request.stream || request.json)", &[("P0309", "(request.stream || request.json)")]),
        ("request.stream && (!request.stream || request.json)", &[("P0309", "!request.stream")]),
        ("request.tokens >= 0 && request.stream", &[("P0309", "request.tokens >= 0")]),
        (r#"request.text.contains("ab") && request.text.contains("a")"#, &[("P0309", r#"request.text.contains("a")"#)]),
        (
            "(request.tokens > 9 && request.stream) || request.tokens > 9",
            &[("P0309", "(request.tokens > 9 && request.stream)")],
        ),
        ("now.getHours() >= 9 && now.getHours() < 18", &[]),
        ("now.getHours() >= 9 && now.getHours() >= 8", &[("P0309", "now.getHours() >= 8")]),
        ("request.tokens + request.turns > 9 && request.tokens > 5", &[]),
    ] {
        says(&[(condition, "a")], expected);
    }
}

#[test]
fn rules_together() {
    says(&[("request.stream", "a"), ("request.stream", "b")], &[("P0303", "r1")]);
    says(&[("request.stream", "a"), ("request.stream", "a")], &[("P0304", "request.stream")]);
    says(&[("request.stream", "a"), ("request.stream && request.json", "a")], &[("P0303", "r1")]);
    says(&[("request.tools.size() > 0", "a"), ("request.tools.size() > 2", "b")], &[("P0303", "r1")]);
    says(&[(r#""x" in request.tools"#, "b"), ("request.tools.size() == 0", "b")], &[]);
    says(&[("request.tools.size() > 0", "a"), (r#""x" in request.tools"#, "b")], &[("P0303", "r1")]);
    // Covered by two, none of which alone would do.
    says(
        &[
            ("request.stream && request.json", "a"),
            ("!request.stream", "b"),
            ("request.json && request.images > 0", "b"),
        ],
        &[("P0303", "r2")],
    );
    says(&[("request.stream", "a"), ("!request.stream", "b")], &[("P0308", "default")]);
    says(&[("request.tokens >= 0", "b"), ("request.json", "b")], &[("P0301", "request.tokens >= 0"), ("P0303", "r1")]);
    says(
        &[
            ("request.tokens < 10", "a"),
            ("request.tokens < 20", "b"),
            ("request.tokens < 30", "a"),
            ("request.tokens < 20 && request.tokens > 5", "b"),
        ],
        &[("P0303", "r3")],
    );
    says(
        &[
            (r#"request.protocol == "anthropic""#, "a"),
            (r#"request.protocol in ["chat", "responses"]"#, "b"),
            (r#"request.protocol.startsWith("g")"#, "a"),
            ("request.protocol.size() >= 6", "b"),
        ],
        &[("P0308", "default")],
    );
}

#[test]
fn all_covering_rules_are_shown() {
    let sources = sources(&[
        ("request.images > 3", "a"),
        ("request.stream && request.json", "a"),
        ("!request.stream", "b"),
        ("request.json && request.turns > 0", "b"),
    ]);
    let findings = findings(&sources);
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    let shown: Vec<&str> = finding.secondary.iter().map(|label| sources.slice(label.span)).collect();
    assert_eq!(shown, ["request.stream && request.json", "!request.stream"]);
}

#[test]
fn overlaps_come_with_a_request() {
    let sources = sources(&[
        ("request.stream", "a"),
        ("request.tokens > 9", "b"),
        ("request.tokens > 20", "b"),
        ("!request.stream && request.tokens < 5", "a"),
    ]);
    let wanted = lint::Wanted { overlaps: true, ..lint::Wanted::default() };
    let mut found = lint::check_for(&sources, &wanted).diagnostics;
    found.retain(|finding| finding.code.as_str() == "P0314");
    let notes: Vec<&str> = found.iter().flat_map(|finding| &finding.notes).map(String::as_str).collect();
    assert_eq!(
        notes,
        [
            "run it: ccr-policy explain --given '{ stream: true, tokens: 10 }'",
            "run it: ccr-policy explain --given '{ stream: true, tokens: 21 }'",
        ]
    );
}

#[test]
fn rules_behind_one_that_always_matches() {
    let behind = |condition: &str| {
        said(&[(condition, "a"), ("request.stream", "b")]).contains(&("P0303".to_owned(), "r1".to_owned()))
    };
    for condition in [
        "true",
        "1 < 2",
        "request.tokens >= 0",
        "request.tokens > -1 || request.json",
        "!(request.tokens < 0)",
        "(request.json ? true : 1 == 1)",
        "\"a\" == \"a\"",
        "request.turns >= 0 && request.images != -1",
    ] {
        assert!(behind(condition), "{condition}");
    }
    for condition in [
        "request.tokens > 0",
        "request.tokens >= 0 && request.json",
        "request.json ? true : request.stream && request.json",
        "request.tokens >= request.turns",
        "false || request.json",
    ] {
        assert!(!behind(condition), "{condition}");
    }
}

/// What is proved with all its steps is not said with one: it is said that nothing is known.
#[test]
fn a_proof_that_takes_too_long_is_reported() {
    let sources = sources(&[("request.stream", "a"), ("request.json", "b")]);
    let policy = policy(&sources);
    let program = crate::compile::Program::compile(&policy);
    let mut ruled = super::Ruled::new(&policy.routes[0], crate::dsl::policy::RouteId(0), &program);
    ruled.steps = 1;
    assert!(matches!(super::cover::reach(&mut ruled, Some(1)), super::Reach::GaveUp));
    let found = super::gave_up::report(&ruled, &[1]);
    assert_eq!(found[0].message, "the analysis of rule `r1` gave up: it may be unreachable");
    let found = super::gave_up::report(&ruled, &[0, 0, 0, 1, 1, 1]);
    assert_eq!(found[0].code.as_str(), "P0313");
    assert_eq!(found[0].message, "the analysis of route `main` gave up on 6 rules: they may be unreachable");
}

// --- drawn ----------------------------------------------------------------------------------

fn holds(route: &Route, rule: usize, facts: &dyn Facts) -> bool {
    let condition = route.rules[rule].condition.as_ref();
    condition.is_none_or(|condition| Condition::new(condition).eval(facts) == Verdict::True)
}

/// The rule that a finding is about.
fn rule_of(route: &Route, finding: &Diagnostic) -> usize {
    let span = finding.primary.as_ref().unwrap().span;
    let inside = |outer: crate::diag::Span| outer.start <= span.start && span.end <= outer.end;
    let is = |rule: &crate::dsl::policy::Rule| {
        inside(rule.span) || rule.condition.as_ref().is_some_and(|condition| inside(condition.span))
    };
    route.rules.iter().position(is).unwrap()
}

/// A condition without the item of its chains that stands at this place.
fn without(condition: &Expr, place: crate::diag::Span) -> Expr {
    let mut less = condition.clone();
    match &mut less.kind {
        Kind::Not(inner) => **inner = without(inner, place),
        Kind::And(items) | Kind::Or(items) => {
            items.retain(|item| item.span != place);
            items.iter_mut().for_each(|item| *item = without(item, place));
        }
        _ => {}
    }
    less
}

/// The policy after a finding's fix.
fn fixed(text: &str, finding: &Diagnostic) -> Option<Policy> {
    let fix = finding.fix.as_ref()?;
    assert!(fix.safe);
    let mut text = text.to_owned();
    for edit in &fix.edits {
        text.replace_range(edit.span.range(), &edit.text);
    }
    let mut sources = Sources::default();
    sources.add("test.policy", text);
    Some(policy(&sources))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_request_contradicts_a_verdict(
        rules in prop::collection::vec((condition(2), proptest::sample::select(&["a", "b"][..])), 1..7),
        requests in prop::collection::vec(request(), 48),
    ) {
        let rules: Vec<(&str, &str)> = rules.iter().map(|(condition, target)| (condition.as_str(), *target)).collect();
        let sources = sources(&rules);
        let policy = policy(&sources);
        let route = &policy.routes[0];
        let text = &sources.get(crate::diag::SourceId(0)).unwrap().text;
        for finding in findings(&sources) {
            let rule = rule_of(route, &finding);
            let fixed = fixed(text, &finding);
            for facts in &requests {
                let first = (0..route.rules.len()).find(|rule| holds(route, *rule, facts)).unwrap();
                let shown = (finding.code.as_str(), &finding.message, facts.to_text(), text);
                match finding.code.as_str() {
                    "P0301" => prop_assert!(holds(route, rule, facts), "{:?}", shown),
                    "P0302" => prop_assert!(!holds(route, rule, facts), "{:?}", shown),
                    "P0303" | "P0304" | "P0308" => prop_assert!(first != rule, "{:?}", shown),
                    // Whether it can be cut out of the text or not, the condition means the same without it.
                    "P0309" => {
                        let with = route.rules[rule].condition.as_ref().unwrap();
                        let less = without(with, finding.primary.as_ref().unwrap().span);
                        prop_assert!(less != *with, "{:?}", shown);
                        prop_assert_eq!(Condition::new(with).eval(facts), Condition::new(&less).eval(facts), "{:?}", shown);
                    }
                    other => prop_assert!(false, "{other}"),
                }
                if let Some(fixed) = &fixed {
                    prop_assert_eq!(holds(route, rule, facts), holds(&fixed.routes[0], rule, facts), "{:?}", shown);
                }
            }
        }
    }
}
