//! Comments that allow.

#![expect(clippy::string_slice, reason = "helpers of tests fail by panicking")]

use super::check;
use crate::diag::{Code, Sources};

const BASE: &str = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n";

#[track_caller]
fn finds(text: &str, codes: &[&str]) {
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{BASE}{text}"));
    let found: Vec<_> = check(&sources).diagnostics.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(found, codes, "{text}");
}

#[test]
fn comments_allow_warnings_with_a_reason() {
    let with = |comment: &str| format!("{comment}\nmodel unused on p {{}}\n");
    finds(&with("// ccr: allow P0108 because it is for tests"), &[]);
    finds(&with("// ccr: allow P0108"), &["P0906", "P0108"]);
    finds(&with("// ccr: allow P9999 because x"), &["P0906", "P0108"]);
    finds(&with("// ccr: allow P0107 because x"), &["P0906", "P0108"]);
    // What this run does not look for, or does not come to, says nothing about its comment.
    finds("// ccr: allow P0314 because the order says it\nroute x { default -> m }\n", &[]);
    finds("// ccr: allow P0701 because it is set in production\nmodel n on p {}\n", &["P0108"]);
    finds("// ccr: allow P0502 because x\nroute x { default -> nobody }\n", &["P0102"]);
    // Neither an error nor P0708 can be allowed.
    finds("// ccr: allow P0708 because x\nalert a {}\n", &["P0906", "P0708"]);
}

#[test]
fn what_is_looked_for_on_request_is_allowed_too() {
    use super::{Wanted, check_for, mend_for};
    let texts = |comments: [&str; 2]| {
        let mut sources = Sources::default();
        let [key, overlap] = comments;
        let text = format!(
            "{key}\nprovider p {{ kind: openai, base: \"https://p.example\", key: env(\"P_KEY\") }}\nmodel m on p {{}}\nmodel n on p {{}}\nroute main {{\n  rule a when request.stream -> m\n  {overlap}\n  rule b when request.json -> n\n  default -> m\n}}\n"
        );
        sources.add("x.policy", text);
        sources
    };
    let wanted = Wanted { overlaps: true, is_set: Some(&|_| false) };
    let found = |comments: [&str; 2]| {
        let found = check_for(&texts(comments), &wanted).diagnostics;
        found.iter().map(|finding| finding.code.as_str()).filter(|code| *code != "P0506").collect::<Vec<_>>()
    };
    assert_eq!(found(["", ""]), ["P0701", "P0314"]);
    let both = ["// ccr: allow P0701 because it is set there", "// ccr: allow P0314 because order decides"];
    assert_eq!(found(both), [""; 0]);
    assert_eq!(found([both[1], both[0]]), ["P0906", "P0701", "P0906", "P0314"]);
    // Without being asked for, neither is found, and neither comment is taken away.
    for wanted in [wanted, Wanted::default()] {
        assert!(mend_for(&texts(both), &wanted).done.is_empty());
    }
}

#[test]
fn a_comment_speaks_of_all_lines_of_a_statement() {
    use super::allow::lines_below;
    let below = |text: &str| lines_below(text);
    assert_eq!(below("\nmodel m on p {\n  context: 1k\n}"), 1..=1);
    assert_eq!(below("\n  rule a when b\n    || c\n    -> m\n  rule d when e -> m"), 1..=3);
    assert_eq!(below("\n  // why\n  given {\n    text: 1\n  } -> m\n  given {} -> m"), 2..=4);
    assert_eq!(below("\n  rule a when b -> m\n\n    -> m"), 1..=1);
    assert_eq!(below(""), 1..=1);
}

#[test]
fn words_that_no_caller_has() {
    let tenants = "tenant lanhai { keys: [{ key: env(\"K\"), tags: [batch] }], tier: gold, tags: [cn-only] }\ntenant blue { keys: [env(\"L\")] }\n";
    let told = |declared: &str, condition: &str| {
        let mut sources = Sources::default();
        let rest = format!(
            "model n on p {{}}\nroute more {{ rule r when {condition} -> n\n default -> m }}\ninvariant \"i\" {{ when {condition}\n require model.name == \"n\" }}\n"
        );
        let base = BASE.replace("default -> m", "rule x when request.stream -> route more\n default -> m");
        sources.add("x.policy", format!("{base}{declared}{rest}"));
        let mut found = check(&sources).diagnostics;
        found.retain(|finding| finding.code == Code::P0114);
        found.into_iter().map(|finding| format!("{}: {}", finding.message, finding.help.unwrap())).collect::<Vec<_>>()
    };
    for clean in [
        "\"cn-only\" in tenant.tags",
        "\"batch\" in key.tags",
        "tenant.tier == \"gold\"",
        "tenant.tier in [\"\", \"gold\"]",
        "request.model == \"cn-onyl\"",
    ] {
        assert_eq!(told(tenants, clean), [""; 0], "{clean}");
    }
    for (condition, message) in [
        ("\"cn-onyl\" in tenant.tags", "no tenant has the tag `cn-onyl`: did you mean `\"cn-only\"`?"),
        ("!(\"Batch\" in key.tags)", "no key has the tag `Batch`: did you mean `\"batch\"`?"),
        ("tenant.tier != \"platinum\"", "no tenant has the tier `platinum`: declare it, or write one of: gold"),
        ("tenant.tier in [\"gold\", \"godl\"]", "no tenant has the tier `godl`: did you mean `\"gold\"`?"),
    ] {
        // Once in the rule, once in the invariant.
        assert_eq!(told(tenants, condition), [message, message]);
        assert_eq!(told("", condition), [""; 0], "{condition}");
    }
}

/// Two providers that are no mocks, two models on each, one with eyes and one with a large context.
const TWO: &str = "provider p { kind: openai, base: \"https://p.example/v1\", key: env(\"P_KEY\") }
provider q { kind: openai, base: \"https://q.example/v1\", key: env(\"Q_KEY\") }
model a on p { context: 100k, output: 10k, can: [tools], price: { input: 1, output: 1 } }
model b on q { context: 100k, output: 10k, can: [tools], price: { input: 1, output: 1 } }
model eyes on q { can: [tools, vision], price: { input: 5, output: 5 } }
model large on q { context: 1M, price: { input: 5, output: 5 } }
pool both = [a, b]
";

/// The codes that these statements of route `main` give, those about names that nothing uses left out.
#[track_caller]
fn rules_find(statements: &str, codes: &[&str]) {
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{TWO}route main {{\n{statements}\ndefault -> a then b\n}}\n"));
    let found: Vec<_> = check(&sources).diagnostics.iter().map(|finding| finding.code.as_str()).collect();
    let found: Vec<_> = found.into_iter().filter(|code| !["P0108", "P0708"].contains(code)).collect();
    assert_eq!(found, codes, "{statements}");
}

#[test]
fn models_that_can_serve_no_request_of_a_rule() {
    rules_find("rule r when request.images > 0 -> a then eyes", &["P0403"]);
    rules_find("rule r when request.images >= 1 && request.stream -> a then eyes", &["P0403"]);
    rules_find("let seen = request.images != 0\nrule r when seen -> a then eyes", &["P0403"]);
    rules_find(
        "rule r when request.images > 0 && request.stream || request.images > 3 && request.json -> a then eyes",
        &["P0403"],
    );
    rules_find("rule r when request.images > 0 || request.stream -> a then eyes", &[]);
    rules_find("rule r when request.images == 0 -> a then eyes", &[]);
    rules_find("rule r when !(request.images < 1) -> eyes then a", &["P0403"]);
    rules_find("rule r when request.images > 0 -> a then reject 400", &["P0403"]);
    rules_find("rule r when request.images > 0 -> a then b", &["P0404"]);
    rules_find("rule r when request.images > 0 -> both then a", &["P0404"]);
    rules_find("rule r when request.images > 0 -> first of [a, eyes] then b", &["P0403"]);
    rules_find("rule r when request.images > 0 -> first of [a, eyes]", &[]);
    rules_find("rule r when request.tokens > 100000 -> a then large", &["P0405"]);
    rules_find("rule r when request.tokens > 99999 -> a then large", &[]);
    rules_find("rule r when request.tokens >= 200000 -> cheapest of [a, b] then large", &["P0405"]);
}

#[test]
fn choices_that_nobody_passes() {
    let choice = |filter: &str| format!("rule r when request.stream -> cheapest of [a, b] where {filter} then eyes");
    rules_find(&choice("model.price_in > 2.0"), &["P0407"]);
    rules_find(&choice("model.price_in > 2.0 && model.context > request.tokens"), &["P0407"]);
    rules_find(&choice("\"vision\" in model.can"), &["P0407"]);
    rules_find(&choice("model.provider == \"p\""), &[]);
    rules_find(&choice("model.context > request.tokens"), &[]);
    let last = |filter: &str| format!("rule r when request.stream -> cheapest of [a, b] where {filter}");
    rules_find(&last("model.context > request.tokens"), &["P0505"]);
    rules_find(&last("model.context > request.tokens || model.name == \"a\""), &[]);
    rules_find(&last("model.price_in < 2.0"), &[]);
    rules_find(&last("model.price_in > 2.0"), &["P0407"]);
}

#[test]
fn fallbacks_that_are_none() {
    rules_find("rule r when request.stream -> b then large", &["P0502"]);
    rules_find("rule r when request.stream -> b then large then a", &[]);
    rules_find("rule r when request.stream -> a then reject 503", &[]);
    rules_find("rule r when request.stream -> a then first of [a, b] then both", &[]);
    rules_find("rule r when request.stream -> a then b then both", &["P0503"]);
    rules_find("rule r when request.stream -> both then both then first of [b, a]", &["P0503"]);
    rules_find("rule r when request.stream -> both then first of [a, b] where model.price_in < 2.0 then a", &[]);
    rules_find("rule r when request.stream -> split { 50% a, 50% b } then both then a", &[]);
    // One of many rules has a fallback, so only a policy without any is told.
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{TWO}route main {{\nrule r when request.stream -> b\ndefault -> a\n}}\n"));
    let codes: Vec<_> = check(&sources).diagnostics.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"P0506"), "{codes:?}");
}

#[test]
fn limits_that_cannot_be_kept() {
    let rule = |with: &str| format!("rule r when request.stream -> a then b then eyes with {{ {with} }}");
    rules_find(&rule("timeout: 10s, deadline: 30s"), &[]);
    rules_find(&rule("timeout: 10s"), &[]);
    rules_find(&rule("deadline: 1s"), &[]);
    rules_find(&rule("timeout: 40s, deadline: 30s"), &["P0504"]);
    rules_find(&rule("timeout: 15s, deadline: 30s"), &["P0504"]);
    rules_find(&rule("timeout: 11s, deadline: 30s"), &["P0507"]);
    let two = |with: &str| format!("rule r when request.stream -> a then b with {{ {with} }}");
    rules_find(&two("max_cost: $0.20"), &["P0507"]);
    rules_find(&two("max_cost: $0.22"), &[]);
    // What a route that is entered may come to is added; its own deadline may only end it earlier.
    let entered = |with: &str| {
        format!(
            "rule r when request.stream -> a then route more with {{ timeout: 10s, deadline: 25s }}\ndefault -> a then b\n}}\nroute more {{\n{with} rule s when request.json -> b then a"
        )
    };
    rules_find(&entered(""), &["P0507"]);
    rules_find(&entered("deadline: 60s"), &["P0507"]);
    rules_find(&entered("deadline: 26s"), &["P0507"]);
    rules_find(&entered("deadline: 25s"), &[]);
    rules_find(&entered("max_cost: $9"), &["P0507"]);
}

#[test]
fn what_decisions_cost() {
    rules_find("rule r when request.tokens > 9 -> a then b\nrule s when request.thinking -> a then b", &["P0601"]);
    rules_find("rule r when request.tokens > 9 -> a then b\nrule s when request.thinking -> b then a", &[]);
    rules_find(
        "rule r when request.tokens > 9 && request.json -> a then b\nrule s when request.thinking -> a then b",
        &[],
    );
    rules_find("rule r when request.thinking -> a then b\nrule s when request.tokens > 9 -> a then b", &[]);
    rules_find("rule r when request.tools.exists(t, tenant.tags.exists(u, t == u)) -> a then b", &["P0602"]);
    rules_find("rule r when request.tools.exists(t, [\"x\", \"y\"].exists(u, t.startsWith(u))) -> a then b", &[]);
}

/// Sixty tests in four hundred combinations do not fit a tree of a bounded size.
#[test]
fn a_tree_over_its_budget_is_told() {
    let mut rules = String::new();
    let mut state = 7_u64;
    let mut test = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("request.header(\"x-{}\") == \"on\"", (state >> 33) % 60)
    };
    for number in 0..400 {
        let parts = [test(), test(), test(), test()];
        rules.push_str(&format!(
            "rule r{number} when {} && {} || {} && {} -> a then b\n",
            parts[0], parts[1], parts[2], parts[3]
        ));
    }
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{TWO}route main {{\n{rules}default -> a then b\n}}\n"));
    let findings = check(&sources).diagnostics;
    // As the registry writes it: P0604.
    assert!(findings.iter().any(|finding| finding.code == Code::P0604), "{} findings", findings.len());
}

#[test]
fn stated_limits_that_are_kept_are_said() {
    let proved = |options: &str| {
        let mut sources = Sources::default();
        let models = "model a on p { price: { input: 1, output: 10 } context: 100k output: 1k }\nmodel b on q { price: { input: 1, output: 1 } }\n";
        sources.add(
            "x.policy",
            format!("provider p {{ kind: mock }}\nprovider q {{ kind: mock }}\n{models}route main {{ {options} }}\n"),
        );
        let checked = check(&sources);
        let unknown = checked.diagnostics.iter().any(|finding| finding.code == Code::P0507);
        (checked.proved.join("; "), unknown)
    };
    let cost = "proved: no request costs more than its `max_cost`";
    let time = "proved: all attempts of every rule fit its deadline";
    assert_eq!(proved("default -> a with { max_cost: $0.11 }"), (cost.to_owned(), false));
    assert_eq!(proved("default -> a with { max_cost: $0.10 }"), (String::new(), true));
    // The second model's context is not declared: nobody knows what it may cost.
    assert_eq!(proved("default -> a then b with { max_cost: $9 }"), (String::new(), true));
    assert_eq!(proved("default -> a then b with { timeout: 10s, deadline: 20s }"), (time.to_owned(), false));
    assert_eq!(proved("default -> a then b with { timeout: 30s, deadline: 20s }").0, "");
    assert_eq!(proved("default -> a then b with { deadline: 20s }"), (String::new(), false));
}

#[test]
fn too_many_series_are_told() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let with = |count: usize| {
        let models = many(count, &|number| format!("model m{number} on p {{ tags: [t] }}\n"));
        let rules = many(count, &|number| format!("rule r{number} when request.tokens == {number} -> m{number}\n"));
        let mut sources = Sources::default();
        sources.add(
            "x.policy",
            format!("provider p {{ kind: mock }}\n{models}route main {{\n{rules}default -> first of tag(t)\n}}\n"),
        );
        check(&sources).diagnostics.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>()
    };
    // 54 × 53 × 7 and 53 × 52 × 7 series.
    assert!(with(53).contains(&"P0705") && !with(52).contains(&"P0705"));
}

#[test]
fn tests_are_run() {
    let with = |cases: &str| {
        let mut sources = Sources::default();
        let rules = "route main {\nrule r when request.stream -> a then b\nrule s when request.json -> b then a\ndefault -> a then b\n}\n";
        sources.add("x.policy", format!("{TWO}{rules}test \"t\" {{\n{cases}\n}}\n"));
        check(&sources)
    };
    let codes = |cases: &str| -> Vec<&str> {
        let found = with(cases).diagnostics.into_iter().map(|finding| finding.code.as_str());
        found.filter(|code| *code != "P0108").collect()
    };
    let (stream, json) = ("given { stream: true } -> a then b by r\n", "given { json: true } -> b then a by s\n");
    assert_eq!(codes(&format!("{stream}{json}")), [] as [&str; 0]);
    assert_eq!(codes(stream), ["P0801"]);
    assert_eq!(codes(&format!("{stream}{json}{stream}")), ["P0804"]);
    assert_eq!(codes(&format!("{stream}given {{ json: true }} -> a by s")), ["P0805"]);
    let failing = with("given { json: true } -> a by s");
    assert!(failing.policy.is_none() && failing.failing.is_some());
    assert!(with("given { json: true } -> nobody").failing.is_none());
}

/// The rules after all safe changes.
fn mended(rules: &str) -> String {
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{TWO}{rules}"));
    let mended = super::mend(&sources);
    mended.sources.iter().next().unwrap().1.text[TWO.len()..].to_owned()
}

#[test]
fn safe_changes_are_made_until_none_is_left() {
    let check = |condition: &str, expect: &str| {
        let route = |condition: &str| {
            format!("route main {{\n  rule r when {condition} -> a then b\n  default -> b then a\n}}\n")
        };
        assert_eq!(mended(&route(condition)), route(expect), "{condition}");
    };
    check("request.stream and not request.json", "request.stream && ! request.json");
    check("request.stream === true", "request.stream == true");
    check("request.tokens > 120k", "request.tokens > 120000");
    check("\"a\" == request.model || \"b\" == request.model", "request.model in [\"a\", \"b\"]");
    check("!!(!!request.stream)", "request.stream");
    check(
        "request.model.matches(\"^a\") && \"x\" == request.effort",
        "request.model.startsWith(\"a\") && request.effort == \"x\"",
    );
    check("request.model == “a”", "request.model == \"a\"");
    // Only a guess: nothing is changed.
    check("reqest.stream", "reqest.stream");
    let allow = "// ccr: allow P0902 because it was there\n";
    let plain = "route main { default -> a then b }\n";
    assert_eq!(mended(&format!("{allow}{plain}")), plain);
    assert_eq!(mended(&format!("  {allow}{plain}")), plain);
}
