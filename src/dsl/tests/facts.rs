//! Facts, live state, tests, tenants, providers, options.

use super::{accepts, found, refuses};
use crate::diag::Sources;
use crate::dsl::policy::{Outcome, Policy, TenantId};
use crate::dsl::{load, parse_facts, parse_state};
use crate::facts::{Fact, Facts as _, Var};

const BASE: &str = "provider p { kind: mock }\nmodel m on p { tags: [fast] }\nmodel n on p {}\npool both = [m, n]\n\
tenant lanhai { keys: [env(\"LANHAI\")] tier: pro tags: [cn-only] }\n\
route main { rule r when request.tokens > 9 -> both\n default -> n then first of tag(fast) }\n";

fn policy(text: &str) -> Policy {
    let mut sources = Sources::default();
    sources.add("x.policy", text);
    load(&sources).policy.unwrap()
}

#[test]
fn facts_are_nested_maps_of_the_table() {
    let policy = policy(BASE);
    let given = parse_facts(
        "{ text: \"写\", tokens: 12k, stream: true, tools: [a, \"b\"], complexity: 50%, header: { \"X-A\": \"b\" }, \
         meta: { depth: 3 }, session: { last_tokens: 1 }, tenant: lanhai, now: \"2026-01-31T00:00:00Z\" }",
        &policy,
    )
    .unwrap();
    assert_eq!(given.tenant, Some(TenantId(0)));
    let facts = given.facts;
    assert_eq!(facts.get(Var::RequestText), Fact::Str("写"));
    assert_eq!(facts.get(Var::RequestTokens), Fact::Int(12_000));
    assert_eq!(facts.get(Var::RequestStream), Fact::Bool(true));
    assert_eq!(facts.get(Var::RequestTools).as_list(), ["a", "b"]);
    assert_eq!(facts.get(Var::RequestComplexity), Fact::Double(0.5));
    assert_eq!(facts.header("x-a"), "b");
    assert_eq!(facts.meta("depth"), "3");
    assert_eq!(facts.get(Var::SessionLastTokens), Fact::Int(1));
    assert_eq!(facts.get(Var::TenantId), Fact::Str("lanhai"));
    assert_eq!(facts.get(Var::TenantTier), Fact::Str("pro"));
    assert_eq!(facts.get(Var::TenantTags).as_list(), ["cn-only"]);
    assert!(!facts.is_given(Var::RequestModel));
}

#[test]
fn unused_tags_are_reported() {
    let with = |tail: &str| format!("provider p {{ kind: mock }}\nmodel m on p {{ tags: [fast, slow] }}\n{tail}");
    refuses(&with("route main { default -> first of tag(fast) }"), "P0108", "m", "tag `slow` is never used");
    accepts(&with("route main { rule a when request.stream -> first of tag(fast) default -> first of tag(slow) }"));
    accepts(
        &with("route main { default -> first of [m] where \"any\" in model.tags || \"fast\" in model.tags }")
            .replace("slow", "any"),
    );
    accepts(&with("tenant t { models: [tag(slow)] }\nroute main { default -> first of tag(fast) }"));
}

#[test]
fn json_is_taken_too() {
    let policy = policy(BASE);
    let text = r#"{"text": "a\/b \ud83d\ude00 \u5199", "tokens": 1e3, "complexity": 2.5e-1, "tenant": {"id": "x", "tags": []}}"#;
    let given = parse_facts(text, &policy).unwrap();
    assert_eq!(given.facts.get(Var::RequestText), Fact::Str("a/b 😀 写"));
    assert_eq!(given.facts.get(Var::RequestTokens), Fact::Int(1000));
    assert_eq!(given.facts.get(Var::RequestComplexity), Fact::Double(0.25));
    assert_eq!((given.facts.get(Var::TenantId), given.tenant), (Fact::Str("x"), None));
    let state =
        parse_state(r#"{"both": {"healthy": false}, "m": {"error_rate": 0.5, "cooling": 30s}}"#, &policy).unwrap();
    assert_eq!(state.len(), 2);
    assert!(state.iter().all(|(_, state)| !state.healthy));
    assert_eq!((state[0].1.error_rate, state[0].1.cooling_ms), (0.5, 30_000));
}

#[test]
fn wrong_facts_are_named() {
    let policy = policy(BASE);
    let check = |text: &str, code: &str| {
        let findings = parse_facts(text, &policy).unwrap_err();
        assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), [code], "{text}");
    };
    check("{ tokns: 1 }", "P0802");
    check("{ session: { trns: 1 } }", "P0802");
    check("{ model: { healthy: false } }", "P0203");
    check("{ tokens: \"9\" }", "P0203");
    check("{ tokens: 9.5 }", "P0203");
    check("{ tokens: -1 }", "P0203");
    check("{ complexity: 2 }", "P0203");
    check("{ protocol: antropic }", "P0209");
    check("{ tenant: lanhay }", "P0102");
    check("{ now: \"yesterday\" }", "P0207");
    check("{ now: \"1969-12-31T23:59:59Z\" }", "P0203");
    check("{ now: \"2200-01-01T00:00:00Z\" }", "P0203");
    check("text: \"hi\"", "P0203");
    check("{ tokens: 1, tokens: 2 }", "P0111");
    check("text", "P0203");
    check("{ text: \"a }", "P0002");
    check("{ text \"a\" }", "P0001");
    check("", "P0001");
    let findings = parse_state("{ m: { helthy: false } }", &policy).unwrap_err();
    assert_eq!(findings[0].code.as_str(), "P0802");
}

#[test]
fn tests_are_typed_against_the_policy() {
    let with = |test: &str| format!("{BASE}{test}\n");
    let policy = policy(&with(
        "test \"t\" on main {\n given { tokens: 10, tenant: lanhai } state { m: { healthy: false } } -> n by r\n \
         given { tokens: 1 } -> n then m by main/default\n given {} -> reject 403 }",
    ));
    let cases = &policy.tests[0].cases;
    assert_eq!(cases[0].tenant, Some(TenantId(0)));
    assert_eq!(cases[0].by, ["r"]);
    assert!(matches!(&cases[1].expected, Outcome::Models(models) if models.len() == 2));
    assert_eq!(cases[2].expected, Outcome::Reject(403));
    let check = |test: &str, code: &str, place: &str| refuses(&with(test), code, place, "");
    check("test \"t\" on man { given {} -> n }", "P0102", "man");
    check("test \"t\" { given {} -> x }", "P0102", "x");
    check("test \"t\" { given {} -> both }", "P0802", "both");
    check("test \"t\" { given {} -> n by rr }", "P0802", "rr");
    check("test \"t\" { given {} -> n by nope/r }", "P0802", "nope/r");
    check("test \"t\" { given { tokns: 1 } -> n }", "P0802", "tokns");
    check("test \"t\" { given {} state { x: {} } -> n }", "P0102", "x");
    check("test \"t\" { given {} -> reject 99 }", "P0410", "99");
    check("test \"t\" { given {} -> }\n", "P0001", "->");
}

#[test]
fn fields_are_checked() {
    let item =
        |item: &str, code: &str, place: &str, words: &str| refuses(&format!("{BASE}{item}\n"), code, place, words);
    item("provider q { kind: opnai }", "P0203", "opnai", "did you mean `openai`");
    for base in ["https://x.example/v1beta/models", "https://x.example/v1beta/models/gemini-x:generateContent"] {
        let text = format!("provider q {{ kind: gemini base: \"{base}\" key: env(\"K\") }}");
        item(&text, "P0203", &format!("\"{base}\""), "write `\"https://x.example/v1beta\"`");
    }
    item("provider q { kind: openai base: \"x.example\" key: env(\"K\") }", "P0203", "\"x.example\"", "not a URL");
    item(
        "provider q { kind: openai base: \"https://x.example?a=b\" key: env(\"K\") }",
        "P0203",
        "\"https://x.example?a=b\"",
        "path",
    );
    item(
        "provider q { kind: openai base: \"https://x.example\" key: \"abc\" }",
        "P0203",
        "\"abc\"",
        "from the environment",
    );
    item("provider q { kind: mock key: command(\"pass x\") }", "P0708", "command(\"pass x\")", "");
    item("provider q { kind: mock limit: { rate: 60/min, per: user.id } }", "P0708", "limit", "");
    item("provider q { kind: mock limit: 60/min }", "P0708", "limit", "");
    item("provider q { kind: mock latancy: 5ms }", "P0109", "latancy", "did you mean `latency`");
    item("provider q { kind: openai base: \"http://127.0.0.1:1\" latency: 5ms }", "P0109", "latency", "kind `mock`");
    item("provider q { kind: mock fail: 120% }", "P0203", "120%", "between");
    item("provider q { kind: mock headers: { \"x-api-key\": \"a\" } }", "P0203", "\"x-api-key\"", "env(");
    item("provider p { kind: mock }", "P0107", "p", "first here");
    item("pool n = [m]", "P0107", "n", "first here");
    item("tenant t { keys: [env(\"LANHAI\")] }", "P0107", "env(\"LANHAI\")", "belongs to one tenant");
    item("tenant t { models: [mm] }", "P0102", "mm", "");
    item("tenant t { route: man }", "P0102", "man", "");
    item("tenant t { budget: $200/month }", "P0708", "budget", "");
    item("defaults { cache: 1m } defaults { cache: 2m }", "P0107", "defaults", "");
    item("defaults { retry: 2 }", "P0708", "retry", "");
    item("alert a { when model.error_rate > 0.5 url: \"x\" }", "P0708", "a", "`alert`");
    item("route other { cache: 1m retry: 2 default -> n }", "P0708", "retry", "");
    item("route other { max_answer: 1M default -> n }", "P0109", "max_answer", "`defaults`");
}

#[test]
fn nothing_is_dropped_silently() {
    // What the second `defaults` field of this line is, the table does not know.
    let (findings, ..) = found(&format!("{BASE}defaults {{ retry: 2 on: a }}\n"));
    assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["P0708", "P0109"]);
}

#[test]
fn all_missing_variables_are_listed() {
    let policy = policy(&format!(
        "{BASE}provider q {{ kind: openai base: \"https://x.example/v1/\" key: env(\"Q\") }}\nprovider r {{ kind: openai base: \"https://y.example\" key: env(\"Q\") }}\n"
    ));
    let missing = crate::dsl::check::environment(&policy, &|_| false);
    assert_eq!(missing.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["P0701", "P0701"]);
    let missing = crate::dsl::check::environment(&policy, &|name| name == "Q");
    assert_eq!(missing.len(), 1);
    assert!(missing[0].message.contains("LANHAI"));
    assert_eq!(policy.providers[1].base.as_deref(), Some("https://x.example/v1"));
}

#[test]
fn several_files_are_one_policy() {
    let mut sources = Sources::default();
    sources.add("dir/a.policy", "route main { default -> m }");
    sources.add("dir/b.policy", "provider p { kind: mock }\nmodel m on p {}");
    let first = load(&sources).policy.unwrap();
    let mut moved = Sources::default();
    moved.add("elsewhere/a.policy", "route main { default -> m }");
    moved.add("elsewhere/b.policy", "provider p { kind: mock }\nmodel m on p {}");
    assert_eq!(first.digest, load(&moved).policy.unwrap().digest);
    moved.add("elsewhere/c.policy", "model n on p {}");
    assert_ne!(first.digest, load(&moved).policy.unwrap().digest);
    assert_eq!(first.digest.len(), 16);
}
