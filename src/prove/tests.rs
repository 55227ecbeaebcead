//! Witnesses and verdicts, against the plain evaluator.

mod explicit;
mod promises;

use proptest::prelude::*;

use super::*;
use crate::diag::Sources;
use crate::dsl;
use crate::dsl::expr::plain::Condition;
use crate::facts::Var;
use crate::facts::given::Owned;

const BUDGET: usize = 1_000_000;

/// Conditions as a policy would have them.
fn typed(texts: &[&str]) -> Vec<Expr> {
    let condition = |text: &&str| {
        let mut sources = Sources::default();
        let policy = format!(
            "provider p {{ kind: mock }}\nmodel m on p {{}}\nroute main {{\n  rule r when {text} -> m\n  default -> m\n}}\n"
        );
        sources.add("test.policy", policy);
        let loaded = dsl::load(&sources);
        let policy = loaded.policy.unwrap_or_else(|| panic!("{text}: {:?}", loaded.diagnostics));
        policy.routes[0].rules[0].condition.clone().unwrap()
    };
    texts.iter().map(condition).collect()
}

fn ask(texts: &[&str], wanted: &[bool]) -> Verdict {
    let conditions = typed(texts);
    let conditions: Vec<&Expr> = conditions.iter().collect();
    let wanted: Vec<(usize, bool)> = wanted.iter().copied().enumerate().collect();
    find(&Space::new(&conditions), &conditions, &wanted, &mut BUDGET.clone())
}

#[test]
fn a_request_is_found() {
    for text in [
        r#"request.stream && !request.json"#,
        r#"request.tokens > 120000 && request.tokens <= 120001"#,
        r#"request.model == "a" || request.model == "b""#,
        r#"request.model in ["a", "b"] && request.model != "a""#,
        r#"!(request.model in ["", "x", "a"])"#,
        r#"request.protocol != "anthropic" && request.protocol != "chat""#,
        r#"request.protocol.startsWith("g")"#,
        r#"request.protocol.size() == 6"#,
        r#"request.text.contains("代码") && request.text.contains("bug") && !request.text.contains(" ")"#,
        r#"request.text.contains("abc") && request.text.contains("cde") && request.text.size() == 5"#,
        r#"request.text.startsWith("ab") && request.text.endsWith("ba") && request.text.size() == 3"#,
        r#"request.text.startsWith("ab") && request.text.endsWith("ba") && request.text.size() > 1000"#,
        r#"request.text.contains("x") && !request.text.contains("xx") && request.text.size() > 50"#,
        r#"request.text != "" && request.text.size() < 2"#,
        r#"request.model.startsWith("claude-") && request.model.contains("haiku") && request.model != "claude-haiku""#,
        r#"request.text.matches(r"^(fix|feat)(\([a-z]+\))?: .+")"#,
        r#"request.text.matches(r"\bTODO\b") && request.text.contains("please")"#,
        r#"request.text.matches(r"[0-9]{4}-[0-9]{2}") && !request.text.contains("0000-00")"#,
        r#"request.text.matches("a|b") && !request.text.contains("a")"#,
        r#""cn-only" in tenant.tags && !("gold" in tenant.tags) && tenant.tags.size() == 3"#,
        r#"request.tools.size() > 2 && "Read" in request.tools"#,
        r#"request.header("x-a") == "b" && request.header("x-c") != """#,
        r#"request.header("x-a").startsWith("beta") && request.meta("plan") in ["pro", "max"]"#,
        r#"request.header_int("x-n", 7) > 9 && request.header_int("x-n", 7) < 11"#,
        r#"request.header_int("x-n", 7) == 7"#,
        r#"request.meta_int("n", 0) < 0"#,
        r#"request.complexity > 0.7 && request.complexity < 0.75"#,
        r#"request.complexity >= 0.999999"#,
        r#"budget.used >= 0.8 && budget.left_usd < 0.0"#,
        r#"now >= timestamp("2026-01-01T00:00:00Z") && now < timestamp("2026-01-01T00:00:02Z")"#,
        r#"now.getHours("Asia/Shanghai") >= 9 && now.getHours("Asia/Shanghai") < 18 && now.getDayOfWeek("Asia/Shanghai") == 6"#,
        r#"now.getMonth() == 1 && now.getDate() == 28"#,
        r#"now.getMinutes() == 59 && now.getHours() == 23"#,
        r#"request.tokens + request.max_tokens > 200000"#,
        r#"request.tokens < session.last_tokens"#,
        r#"request.tokens * 2 > session.last_tokens && session.last_tokens > 50000"#,
        r#"request.tools.exists(t, t.startsWith("mcp__"))"#,
        r#"request.tools.exists(t, t == "Bash") && request.tools.all(t, t != "Read")"#,
        r#"request.tools.all(t, t.startsWith("mcp__")) && request.tools.size() > 1"#,
        r#"request.text.lowerAscii().contains("urgent") && !request.text.contains("urgent")"#,
        r#"request.header("x-a").lowerAscii() == "y" && request.header("x-b").lowerAscii() == "z""#,
        r#"request.model == request.subagent && request.model != """#,
        r#"request.images > 0 ? request.tokens > 5 : request.turns > 3"#,
        r#"user.id.size() > 3 && user.id.startsWith("u")"#,
        r#"request.model.contains("haiku") == true"#,
    ] {
        let verdict = ask(&[text], &[true]);
        assert!(matches!(verdict, Verdict::Found(_)), "{text}: {verdict:?}");
    }
}

#[test]
fn no_request_is_found_where_none_can_be() {
    for text in [
        r#"request.stream && !request.stream"#,
        r#"request.tokens < 0"#,
        r#"request.tokens > 5 && request.tokens < 6"#,
        r#"request.model == "a" && request.model == "b""#,
        r#"request.model in ["a", "b"] && request.model != "a" && request.model != "b""#,
        r#"request.protocol.startsWith("x")"#,
        r#"!(request.client in ["claude-code", "codex", "sdk", "other"])"#,
        r#"request.text.contains("abc") && !request.text.contains("b")"#,
        r#"request.text.startsWith("ab") && request.text.startsWith("b")"#,
        r#"request.text.startsWith("abc") && !request.text.startsWith("ab")"#,
        r#"request.text.endsWith("abc") && request.text.endsWith("bbc")"#,
        r#"request.text.endsWith("abc") && !request.text.contains("ab")"#,
        r#"request.text == "abc" && request.text.contains("x")"#,
        r#"request.text in ["abc", "ab"] && request.text.size() > 3"#,
        r#"request.text.contains("abc") && request.text.size() < 3"#,
        r#"request.text == "" && request.text.size() > 0"#,
        r#"request.text != "" && request.text.size() == 0"#,
        r#"request.text == "abc" && request.text.matches("^b")"#,
        r#"request.text.size() == 0 && request.text.matches(".")"#,
        r#""a" in tenant.tags && tenant.tags.size() == 0"#,
        r#""a" in tenant.tags && "b" in tenant.tags && tenant.tags.size() < 2"#,
        r#"request.header("x") == "12" && request.header_int("x", 0) != 12"#,
        r#"request.header_int("x", 7) > 2147483648"#,
        r#"request.complexity > 1.0"#,
        r#"request.complexity > 0.5 && request.complexity < 0.5"#,
        r#"now < timestamp("2026-01-01T00:00:00Z") && now > timestamp("2026-01-02T00:00:00Z")"#,
        r#"now < timestamp("1960-01-01T00:00:00Z")"#,
        r#"now.getHours("Asia/Shanghai") < 9 && now.getHours("Asia/Shanghai") >= 18"#,
        r#"now.getHours() > 23"#,
        r#"request.tokens + request.turns > 9 && request.tokens + request.turns < 5"#,
        r#"request.text.lowerAscii() == "x" && !(request.text.lowerAscii() == "x")"#,
        r#"(request.stream || request.json) && (!request.stream || request.json) && !request.json"#,
        r#"request.stream ? request.tokens > 9 && request.tokens < 3 : request.stream"#,
    ] {
        assert_eq!(ask(&[text], &[true]), Verdict::Impossible, "{text}");
    }
}

/// What cannot be seen through is neither found nor excluded, and named.
#[test]
fn what_stands_in_the_way_is_named() {
    let verdict = ask(&[r#"request.text.lowerAscii() == "ABC""#], &[true]);
    assert_eq!(verdict, Verdict::Possible { by: vec![r#"request.text.lowerAscii() == "ABC""#.to_owned()] });
}

#[test]
fn several_conditions_at_once() {
    let texts = [r#"request.tokens > 10"#, r#"request.tokens > 20 && request.stream"#, r#"request.tokens > 30"#];
    assert_eq!(ask(&texts, &[false, true, true]), Verdict::Impossible);
    assert!(matches!(ask(&texts, &[true, true, false]), Verdict::Found(_)));
    assert!(matches!(ask(&texts, &[true, false, false]), Verdict::Found(_)));
}

#[test]
fn a_budget_ends_a_search() {
    let conditions = typed(&[r#"(request.stream || request.json) && (request.thinking || request.stream)"#]);
    let conditions: Vec<&Expr> = conditions.iter().collect();
    let space = Space::new(&conditions);
    let mut budget = 3;
    assert_eq!(space.regions(&[(0, true)], &mut budget, &mut |_| ControlFlow::Continue(())), Coverage::GaveUp);
    let mut regions = Vec::new();
    let coverage = space.regions(&[(0, true)], &mut BUDGET.clone(), &mut |region| {
        regions.push(region.facts());
        ControlFlow::Continue(())
    });
    assert_eq!(coverage, Coverage::Exhausted);
    assert!(regions.len() > 1, "{regions:?}");
}

#[test]
fn regions_are_said_in_the_language() {
    for (text, facts) in [
        (r#"request.tokens > 120000"#, r#"request.tokens > 120000"#),
        (r#"request.tokens >= 5 && request.tokens < 9"#, r#"request.tokens >= 5 && request.tokens <= 8"#),
        (r#"request.images == 0"#, r#"request.images == 0"#),
        (r#"request.images != 3"#, r#"request.images < 3 || request.images > 3"#),
        (r#"!request.stream"#, r#"!request.stream"#),
        (r#"request.model == "a""#, r#"request.model == "a""#),
        (r#"request.model != "a""#, r#"request.model != "a""#),
        (r#"!(request.model in ["a", "b"])"#, r#"!(request.model in ["a", "b"])"#),
        (r#""cn-only" in tenant.tags"#, r#""cn-only" in tenant.tags"#),
        (r#"!request.text.contains("x")"#, r#"!request.text.contains("x")"#),
        (r#"request.complexity <= 0.5"#, r#"request.complexity <= 0.5"#),
        (r#"budget.used > 0.8"#, r#"budget.used > 0.8"#),
        (r#"now >= timestamp("2026-01-01T00:00:00Z")"#, r#"now >= timestamp("2026-01-01T00:00:00Z")"#),
        (r#"now.getHours() >= 9 && now.getHours() < 12"#, r#"now.getHours() >= 9 && now.getHours() <= 11"#),
        (r#"request.header("a").lowerAscii() != "y""#, r#"request.header("a").lowerAscii() != "y""#),
    ] {
        let conditions = typed(&[text]);
        let conditions: Vec<&Expr> = conditions.iter().collect();
        let mut said = Vec::new();
        let space = Space::new(&conditions);
        space.regions(&[(0, true)], &mut BUDGET.clone(), &mut |region| {
            said.extend(region.facts());
            ControlFlow::Continue(())
        });
        assert_eq!(said, [facts], "{text}");
    }
}

fn plain_policy() -> dsl::policy::Policy {
    let mut sources = Sources::default();
    sources.add("test.policy", "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n");
    dsl::load(&sources).policy.unwrap()
}

/// Whatever is found can be given again.
#[test]
fn found_facts_are_written_as_they_are_read() {
    let policy = plain_policy();
    let again = |facts: &GivenFacts| dsl::parse_facts(&facts.to_text(), &policy).map(|given| given.facts);
    let mut facts = GivenFacts::default();
    assert_eq!(facts.to_text(), "{}");
    facts.set(Var::RequestText, Owned::Str("a \"b\"\n\\ \u{7} 代码 ${x} // y".to_owned()));
    facts.set(Var::RequestTokens, Owned::Int(1 << 31));
    facts.set(Var::BudgetLeftUsd, Owned::Double(-0.25));
    facts.set(Var::BudgetUsed, Owned::Double(0.1 + 0.2));
    facts.set(Var::TenantTags, Owned::List(vec!["a".into(), "b c".into()]));
    facts.set(Var::Now, Owned::Time(chrono::DateTime::from_timestamp(1_767_571_200, 5_000_000).unwrap()));
    facts.set(Var::RequestStream, Owned::Bool(true));
    facts.set_header("x-a", "1");
    facts.set_meta("Plan B", "pro");
    assert_eq!(again(&facts).unwrap(), facts, "{}", facts.to_text());
    let demand = "{ stream: true, tenant: { id: \"lanhai\", tags: [\"x\"] }, header: { \"x-a\": \"b\" } }";
    let given = dsl::parse_facts(demand, &policy).unwrap().facts;
    assert_eq!(given.to_text(), demand);
}

// --- drawn ----------------------------------------------------------------------------------

/// Tests over few constants, so that they collide.
const ATOMS: &[&str] = &[
    r#"request.stream"#,
    r#"request.model == "ab""#,
    r#"request.model == """#,
    r#"request.model in ["a", "ab", "b"]"#,
    r#"request.model.startsWith("a")"#,
    r#"request.model.startsWith("ab")"#,
    r#"request.model.endsWith("b")"#,
    r#"request.model.contains("b")"#,
    r#"request.model.contains("ab")"#,
    r#"request.model.size() > 1"#,
    r#"request.model.size() == 0"#,
    r#"request.model.matches("^a?b$")"#,
    r#"request.protocol == "chat""#,
    r#"request.protocol in ["chat", "gemini"]"#,
    r#"request.protocol.startsWith("a")"#,
    r#"request.protocol.size() > 6"#,
    r#"request.tokens > 10"#,
    r#"request.tokens >= 11"#,
    r#"request.tokens in [0, 10, 12]"#,
    r#"request.tokens < 12"#,
    r#"request.tokens + request.turns > 11"#,
    r#"request.tokens + request.turns < 11"#,
    r#"request.tokens < request.turns"#,
    r#""a" in tenant.tags"#,
    r#""b" in tenant.tags"#,
    r#"tenant.tags.size() > 1"#,
    r#"tenant.tags.size() == 0"#,
    r#"tenant.tags.exists(t, t == "a")"#,
    r#"request.complexity > 0.5"#,
    r#"request.complexity == 0.5"#,
    r#"request.header("n") == "11""#,
    r#"request.header("n").contains("1")"#,
    r#"request.header_int("n", 5) > 10"#,
    r#"request.header_int("n", 20) < 11"#,
    r#"request.model.lowerAscii() == "ab""#,
    r#"now.getHours() >= 9"#,
    r#"now.getHours() < 18"#,
    r#"now < timestamp("2026-01-01T12:00:00Z")"#,
];

pub(crate) fn condition(depth: u32) -> BoxedStrategy<String> {
    condition_over(ATOMS, depth)
}

fn condition_over(atoms: &'static [&'static str], depth: u32) -> BoxedStrategy<String> {
    let atom = proptest::sample::select(atoms).prop_map(str::to_owned).boxed();
    atom.prop_recursive(depth, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("!({one})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(") && ("))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(") || ("))),
            (inner.clone(), inner.clone(), inner).prop_map(|(c, a, b)| format!("({c}) ? ({a}) : ({b})")),
        ]
    })
    .boxed()
}

prop_compose! {
    pub(crate) fn request()(
        stream: bool,
        model in proptest::sample::select(&["", "a", "b", "ab", "AB", "ba", "abab", "xx"][..]),
        protocol in proptest::sample::select(&["anthropic", "chat", "responses", "gemini", "simple"][..]),
        tokens in proptest::sample::select(&[0, 1, 9, 10, 11, 12, 13, 50][..]),
        turns in 0..13_i64,
        tags in proptest::sample::subsequence(vec!["a", "b", "c"], 0..=3),
        complexity in proptest::sample::select(&[0.0, 0.4, 0.5, 0.6, 1.0][..]),
        header in proptest::sample::select(&["", "1", "10", "11", " 11", "12", "x"][..]),
        hours in 0..72_i64,
    ) -> GivenFacts {
        let mut facts = GivenFacts::default();
        facts.set(Var::RequestStream, Owned::Bool(stream));
        facts.set(Var::RequestModel, Owned::Str(model.to_owned()));
        facts.set(Var::RequestProtocol, Owned::Str(protocol.to_owned()));
        facts.set(Var::RequestTokens, Owned::Int(tokens));
        facts.set(Var::RequestTurns, Owned::Int(turns));
        facts.set(Var::TenantTags, Owned::List(tags.into_iter().map(Into::into).collect()));
        facts.set(Var::RequestComplexity, Owned::Double(complexity));
        facts.set_header("n", header);
        let moment = chrono::DateTime::from_timestamp(1_767_139_200 + hours * 3_600, 0).unwrap();
        facts.set(Var::Now, Owned::Time(moment));
        facts
    }
}

/// Tests whose classes are all there is to a request.
const EXACT: &[&str] = &[
    "request.stream",
    "request.json",
    "request.tokens > 0",
    "request.tokens <= 1",
    "request.tokens == 2",
    "request.tokens in [0, 3]",
    r#"request.model == "a""#,
    r#"request.model in ["a", "b"]"#,
    r#""t" in tenant.tags"#,
];

/// One request for every combination of their classes; beyond 3 all numbers of tokens are alike.
fn every_request() -> Vec<GivenFacts> {
    let mut all = Vec::new();
    for (number, model) in (0..120).zip(["a", "b", "c"].into_iter().cycle()) {
        let mut facts = GivenFacts::default();
        facts.set(Var::RequestModel, Owned::Str(model.to_owned()));
        facts.set(Var::RequestStream, Owned::Bool(number / 3 % 2 == 1));
        facts.set(Var::RequestJson, Owned::Bool(number / 6 % 2 == 1));
        facts.set(Var::RequestTokens, Owned::Int(number / 12 % 5));
        let tags = if number / 60 == 1 { vec!["t".into()] } else { Vec::new() };
        facts.set(Var::TenantTags, Owned::List(tags));
        all.push(facts);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Over all requests there are: a region exists exactly when a request does, and it is found.
    #[test]
    fn regions_are_exact_where_classes_are(
        texts in prop::collection::vec(condition_over(EXACT, 3), 1..4),
        values: [bool; 3],
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let conditions = typed(&texts);
        let conditions: Vec<&Expr> = conditions.iter().collect();
        let wanted: Vec<(usize, bool)> = values.iter().copied().take(conditions.len()).enumerate().collect();
        let exists = every_request().iter().any(|facts| confirm(&conditions, &wanted, facts));
        let verdict = find(&Space::new(&conditions), &conditions, &wanted, &mut BUDGET.clone());
        prop_assert_eq!(matches!(verdict, Verdict::Found(_)), exists, "{:?} {:?}: {:?}", texts, values, verdict);
        prop_assert_eq!(verdict == Verdict::Impossible, !exists, "{:?} {:?}", texts, values);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every request has a region, whatever its conditions' values are; and what is found is right.
    #[test]
    fn regions_leave_no_request_out(
        texts in prop::collection::vec(condition(3), 1..4),
        requests in prop::collection::vec(request(), 24),
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let conditions = typed(&texts);
        let conditions: Vec<&Expr> = conditions.iter().collect();
        let space = Space::new(&conditions);
        let mut asked: Vec<Vec<(usize, bool)>> = Vec::new();
        for facts in &requests {
            let value = |condition: &&Expr| Condition::new(condition).eval(facts) == plain::Verdict::True;
            let wanted: Vec<(usize, bool)> = conditions.iter().map(value).enumerate().collect();
            if !asked.contains(&wanted) {
                let found = space.has_region(&wanted, &mut BUDGET.clone());
                prop_assert_eq!(found, Some(true), "{:?} {:?} {}", texts, wanted, facts.to_text());
                asked.push(wanted);
            }
        }
        for wanted in asked {
            match find(&space, &conditions, &wanted, &mut BUDGET.clone()) {
                Verdict::Found(facts) => {
                    prop_assert!(confirm(&conditions, &wanted, &facts));
                    let again = dsl::parse_facts(&facts.to_text(), &plain_policy()).unwrap().facts;
                    prop_assert!(confirm(&conditions, &wanted, &again), "{}", facts.to_text());
                }
                Verdict::Possible { by } => prop_assert!(!by.is_empty()),
                other => prop_assert!(false, "{:?} {:?}", wanted, other),
            }
        }
    }
}
