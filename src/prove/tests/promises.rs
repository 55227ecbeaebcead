//! Promises and differences, against drawn requests through the engine.

use std::sync::Arc;

use proptest::prelude::*;

use crate::diag::Sources;
use crate::dsl::expr::plain::{Condition, Verdict as Plain};
use crate::dsl::load;
use crate::dsl::policy::ModelId;
use crate::engine::trace::{CandidateVerdict, Trace, explain};
use crate::engine::{Engine, Seeds};
use crate::facts::given::GivenFacts;
use crate::facts::world::World;
use crate::prove::candidates::{candidates, of_model};
use crate::prove::diff::diff;
use crate::prove::invariant::{Judgement, judge};

const HEAD: &str = "provider cn { kind: mock region: cn }
provider us { kind: mock region: us }
model a on cn { can: [tools, vision] context: 1000 }
model b on us { can: [tools, vision] context: 5000 }
model c on cn { can: [] }
model d on us { can: [vision] }
pool p = [a, b]
";

fn engine_of(text: &str) -> Option<Engine> {
    let mut sources = Sources::default();
    sources.add("x.policy", text);
    Some(Engine::new(Arc::new(load(&sources).policy?)))
}

#[track_caller]
fn engine(text: &str) -> Engine {
    let text = format!("{HEAD}{text}");
    engine_of(&text).unwrap_or_else(|| {
        let mut sources = Sources::default();
        sources.add("x.policy", text.clone());
        panic!("{:?}\n{text}", load(&sources).diagnostics)
    })
}

/// What is found of a promise, in words.
#[track_caller]
fn judged(rules: &str, when: &str, require: &str) -> String {
    let text = format!("{rules}\ninvariant \"i\" {{ when {when} require {require} }}");
    let engine = engine(&text);
    let policy = engine.policy();
    match judge(&engine, &policy.invariants[0]) {
        Judgement::Proved { by_filter: None } => "proved".to_owned(),
        Judgement::Proved { by_filter: Some(_) } => "proved by a filter".to_owned(),
        Judgement::Vacuous => "vacuous".to_owned(),
        Judgement::NotProved { by } => format!("not proved: {}", by.join(", ")),
        Judgement::Broken(example) => {
            let tenant = example.entrance.arguments(policy);
            let model = &policy.models[example.model.index()].name;
            format!("{tenant}{} by {} to {model}", example.given.to_text(), example.decision)
        }
    }
}

#[track_caller]
pub(super) fn judges(rules: &str, when: &str, require: &str, expected: &str) {
    assert_eq!(judged(rules, when, require), expected, "{rules}\n{when} -> {require}");
}

const CN: &str = "model.region == \"cn\"";

#[test]
fn promises_are_judged_on_every_way() {
    let tag = "\"cn\" in tenant.tags";
    judges("route main { rule r when \"cn\" in tenant.tags -> a default -> b }", tag, CN, "proved");
    judges(
        "route main { rule s when request.stream -> b rule r when \"cn\" in tenant.tags -> a default -> b }",
        tag,
        CN,
        "{ stream: true, tenant: { tags: [\"cn\"] } } by main/s to b",
    );
    judges("route main { rule r when request.stream -> b default -> a }", "!request.stream", CN, "proved");
    judges("route main { default -> a }", "request.tokens > 9 && request.tokens < 5", CN, "vacuous");
    judges(
        "route main { rule r when request.stream -> reject 403 \"no\" default -> a }",
        "request.stream",
        CN,
        "vacuous",
    );
}

#[test]
fn every_attempt_member_and_arm_counts() {
    let broken = "{ stream: true } by main/default to b";
    for target in
        ["a then b", "first of [a, b]", "p", "cheapest of [b]", "rotate of [a, b]", "route x", "a then route x"]
    {
        let policy = format!("route main {{ default -> {target} }} route x {{ default -> b }}");
        let policy = policy.replace("cheapest of [b]", "best of [a, b]");
        let expected = if target.ends_with("route x") { "{ stream: true } by main/x/default to b" } else { broken };
        judges(&policy, "request.stream", CN, expected);
    }
    judges("route main { default -> rotate of [a, c] }", "request.stream", CN, "proved");
    judges("route main { default -> first of [a, b] where model.region == \"cn\" }", "request.stream", CN, "proved");
    let split = judged("route main { default -> split { 99% a, 1% b } }", "request.stream", CN);
    assert!(split.starts_with("{ stream: true, ") && split.ends_with("by main/default to b"), "{split}");
}

#[test]
fn filters_keep_promises_with_a_warning() {
    let tools = "route main { default -> c then a }";
    judges(tools, "request.tools.size() > 0", "model.can.size() > 0", "proved by a filter");
    judges("route main { default -> b then a }", "request.tokens > 1000", "model.name == \"b\"", "proved by a filter");
    let tenant = "tenant t { keys: [env(\"K\")] tags: [\"cn\"] models: [a] } route main { default -> first of [b, a] }";
    judges(tenant, "tenant.id == \"t\"", CN, "proved by a filter");
}

#[test]
fn tenants_come_in_with_what_they_declare() {
    let tenants = "tenant x { keys: [env(\"K\")] tags: [\"cn\"] route: home }
        tenant y { keys: [env(\"L\")] tags: [\"eu\"] }
        route home { default -> a } route main { default -> b }";
    judges(tenants, "\"cn\" in tenant.tags", CN, "proved");
    judges(tenants, "\"eu\" in tenant.tags", CN, "--tenant y {} by main/default to b");
    judges(tenants, "\"us\" in tenant.tags", CN, "vacuous");
    judges(tenants, "key.id == \"L\"", CN, "--key L {} by main/default to b");
}

#[test]
fn what_cannot_be_seen_through_is_said() {
    let odd = "route main { rule r when request.turns * 2 == 7 -> b default -> a }";
    judges(odd, "request.stream", CN, "not proved: request.turns * 2 == 7");
}

#[test]
fn candidates_are_left_under_conditions() {
    let policy = engine(
        "route main { default -> first of [a, c] where model.region == \"cn\" && request.stream then a then d }",
    );
    let ways = candidates(policy.policy(), crate::dsl::policy::RouteId(0), 0);
    let shown: Vec<String> = ways
        .iter()
        .flat_map(|attempt| &attempt.models)
        .map(|left| {
            let text = crate::dsl::expr::print::cel_text;
            format!("{}: {} / {}", left.model.0, text(&left.chosen_if), text(&left.serves_if))
        })
        .collect();
    let expected = [
        "0: request.stream / request.tokens <= 1000",
        "2: request.stream / request.images <= 0 && request.tools.size() == 0",
        "0: true / request.tokens <= 1000",
        "3: true / request.tools.size() == 0",
    ];
    assert_eq!(shown, expected);
}

/// The changes between two lists of rules: `facts: from -> to`.
#[track_caller]
fn changes(old: &str, new: &str) -> Vec<String> {
    let route = |rules: &str| engine(&format!("route main {{ {rules} }}"));
    let found = diff(&route(old), &route(new));
    assert!(found.complete && found.possible.is_empty(), "{found:?}");
    found
        .regions
        .iter()
        .map(|changed| format!("{}: {} -> {}", changed.facts.join(", "), changed.from.outcome(), changed.to.outcome()))
        .collect()
}

#[test]
fn differences_are_regions_with_a_witness() {
    assert_eq!(changes("default -> a", "default -> b"), [": a -> b"]);
    assert_eq!(changes("default -> a", "default -> a then b"), [": a -> a then b"]);
    assert_eq!(changes("default -> p", "default -> first of [a, b]"), Vec::<String>::new());
    let moved = changes(
        "rule r when request.tokens > 100 -> b default -> a",
        "rule r when request.tokens > 200 -> b default -> a",
    );
    assert_eq!(moved.len(), 1, "{moved:?}");
    assert!(moved[0].contains("request.tokens") && moved[0].ends_with(": b -> a"), "{moved:?}");
    // Another name and another order make no difference.
    let one = "rule r when request.tokens > 100 -> b rule s when request.tokens < 50 -> c default -> a";
    let other = "rule x when request.tokens < 50 -> c rule y when request.tokens > 100 -> b default -> a";
    assert_eq!(changes(one, other), Vec::<String>::new());
    assert_eq!(changes("default -> a", "default -> a with { deadline: 5s }"), [": a -> a with { deadline: 5s }"]);
    // Callers are spread by the rule's name, so another name spreads them anew.
    let split = "split { 50% a, 50% b }";
    let renamed = changes(
        &format!("rule r when request.stream -> {split} default -> a"),
        &format!("rule s when request.stream -> {split} default -> a"),
    );
    assert_eq!(renamed.len(), 1, "{renamed:?}");
    let rejects = changes("default -> a", "rule r when request.stream -> reject 403 \"no\" default -> a");
    assert_eq!(rejects, ["request.stream: a -> reject 403 \"no\""]);
}

/// What `changes` says between two policies that are written out.
fn declared(old: &str, new: &str) -> Vec<String> {
    let engine = |text: &str| engine_of(text).unwrap_or_else(|| panic!("{text}"));
    let all = crate::prove::changes::changes(engine(old).policy(), engine(new).policy());
    all.into_iter().filter(|change| change.matters).map(|change| change.text).collect()
}

#[test]
fn every_declared_field_is_compared() {
    let text = |provider: &str, model: &str, tenant: &str, defaults: &str| {
        format!(
            "provider p {{ {provider} }} model a on p {{ {model} }} tenant t {{ {tenant} }}
            defaults {{ {defaults} }} route main {{ default -> a }} route other {{ default -> a }}"
        )
    };
    let (mock, key) = ("kind: mock", "keys: [env(\"K\")]");
    let http = "kind: openai base: \"https://a.example\"";
    let base = text(mock, "", key, "");
    for (provider, part) in [
        ("kind: mock region: cn", "provider `p`: region was not said, is cn"),
        ("kind: mock latency: 20ms", "provider `p`: latency was 0ms, is 20ms"),
        ("kind: mock fail: 5%", "provider `p`: fail was 0%, is 5%"),
        ("kind: mock status: 503", "provider `p`: status was 0, is 503"),
        ("kind: mock hang: true", "provider `p`: hang was false, is true"),
        ("kind: mock cut: 5", "provider `p`: cut was not said, is 5"),
        ("kind: mock chunks: 20", "provider `p`: chunks was not said, is 20"),
        ("kind: mock chunk_delay: 10ms", "provider `p`: chunk_delay was 0ms, is 10ms"),
        ("kind: mock reply: \"no\"", "provider `p`: reply was not said, is \"no\""),
        ("kind: mock wire: openai", "provider `p`: wire was not said, is openai"),
        (http, "provider `p`: kind was mock, is openai"),
        (http, "provider `p`: base was not said, is https://a.example"),
    ] {
        let found = declared(&base, &text(provider, "", key, ""));
        assert!(found.iter().any(|line| line == part), "{provider}: {found:?}");
    }
    let with = |more: &str| text(&format!("{http} {more}"), "", key, "");
    let headers = |value: &str| with(&format!("headers: {{ \"x-a\": \"{value}\" }}"));
    assert_eq!(declared(&with(""), &with("key: env(\"L\")")), ["provider `p`: key was not said, is env(\"L\")"]);
    assert_eq!(declared(&with(""), &headers("one")), ["provider `p`: headers was [], is [x-a]"]);
    assert_eq!(declared(&headers("one"), &headers("two")), ["provider `p`: header `x-a` has another value"]);
    for (tenant, part) in [
        ("keys: [env(\"L\")]", "tenant `t`: keys was [K], is [L]"),
        ("keys: [{ key: env(\"K\"), tags: [x] }]", "tenant `t`: keys was [K], is [K with tags [x]]"),
        ("keys: [env(\"K\")] tier: gold", "tenant `t`: tier was not said, is gold"),
        ("keys: [env(\"K\")] route: other", "tenant `t`: route was main, is other"),
    ] {
        assert_eq!(declared(&base, &text(mock, "", tenant, "")), [part]);
    }
    let by_task = declared(&base, &text(mock, "quality: { coding: 0.9 }", key, ""));
    assert_eq!(by_task, ["model `a`: quality by task was [], is [coding: 0.9]"]);
    let size = declared(&base, &text(mock, "", key, "cache_size: 2M"));
    assert!(size.len() == 1 && size[0].starts_with("defaults: cache_size was not said, is 2"), "{size:?}");
}

#[test]
fn the_shortest_deadline_on_the_way_holds() {
    let of = |outer: &str, inner: &str| {
        engine(&format!(
            "route main {{ default -> a then route x with {{ {outer} }} }} route x {{ default -> b with {{ {inner} }} }}"
        ))
    };
    let outcomes = |old: (&str, &str), new: (&str, &str)| {
        let found = diff(&of(old.0, old.1), &of(new.0, new.1));
        let one = |changed: &crate::prove::diff::Changed| [changed.from.outcome(), changed.to.outcome()];
        found.regions.iter().flat_map(one).collect::<Vec<_>>()
    };
    assert_eq!(
        outcomes(("deadline: 5s", "deadline: 10s"), ("deadline: 9s", "deadline: 10s")),
        ["a then b with { deadline: 5s and then 10s }", "a then b with { deadline: 9s and then 10s }"]
    );
    assert_eq!(
        outcomes(("timeout: 5s", "timeout: 2m"), ("timeout: 9s", "timeout: 2m")),
        ["a then b with { timeout: 5s and then 2m }", "a then b with { timeout: 9s and then 2m }"]
    );
    assert_eq!(outcomes(("deadline: 5s", "deadline: 5s"), ("deadline: 5s", "label: \"x\"")), Vec::<String>::new());
}

#[test]
fn splits_are_compared_arm_by_arm() {
    let of = |x: &str, y: &str| {
        engine(&format!(
            "route main {{ default -> split {{ 50% route x, 50% route y }} }}
            route x {{ default -> {x} }} route y {{ default -> {y} }}"
        ))
    };
    let same = diff(&of("a", "b"), &of("a", "b"));
    assert!(same.is_none(), "{same:?}");
    for (x, y, decision) in [("a", "d", "main/y/default"), ("d", "b", "main/x/default")] {
        let found = diff(&of("a", "b"), &of(x, y));
        let decisions: Vec<&str> = found.regions.iter().map(|changed| changed.from.decision.as_str()).collect();
        assert!(decisions == [decision] && found.possible.is_empty(), "{found:?}");
    }
}

#[test]
fn a_filter_on_keys_tells_them_apart() {
    let tenant = "tenant t { keys: [env(\"K\")] }
        route main { default -> first of [a, b] where \"special\" in key.tags || model.region == \"cn\" }";
    judges(tenant, "tenant.id == \"t\"", CN, "proved");
    let old = engine(&format!("{tenant} tenant u {{ keys: [{{ key: env(\"L\"), tags: [special] }}] }}"));
    assert!(diff(&old, &old).is_none());
    let special = tenant.replace("[env(\"K\")]", "[env(\"K\"), { key: env(\"L\"), tags: [special] }]");
    judges(&special, "tenant.id == \"t\"", CN, "--key L {} by main/default to b");
}

#[test]
fn a_filter_is_blamed_for_a_request_only() {
    // Nothing is known of such a product, so nothing is said of a request that needs it.
    let odd = "request.turns * 2 == 7";
    let rules = format!("route main {{ rule r when {odd} && request.images > 0 -> c then a default -> a }}");
    let expected = "proved";
    judges(&rules, "request.images > 0", "model.name != \"c\"", expected);
}

#[test]
fn all_broken_rules_are_counted() {
    let rules = "route main { rule r when request.stream -> b rule s when request.images > 0 -> d default -> a }";
    let engine = engine(&format!("{rules} invariant \"i\" {{ when request.turns == 0 require {CN} }}"));
    let judgement = judge(&engine, &engine.policy().invariants[0]);
    assert!(matches!(&judgement, Judgement::Broken(example) if example.others == 1), "{judgement:?}");
}

/// Policies, requests and promises from a seed: small, so that things collide.
struct Dice(u64);

const ATOMS: [&str; 10] = [
    "request.header_int(\"x-n\", 0) > 3",
    "request.tokens > 100",
    "request.tokens > 1500",
    "request.stream",
    "request.text.contains(\"ab\")",
    "request.text.startsWith(\"a\")",
    "request.images > 0",
    "request.model in [\"x\", \"y\"]",
    "request.tools.size() > 0",
    "request.turns * 2 == 6",
];
const TARGETS: [&str; 12] = [
    "a with { deadline: 5s }",
    "first of [a, b] where request.stream",
    "split { 50% a, 50% d } by request.header(\"x-n\")",
    "a",
    "b",
    "c",
    "p",
    "first of [c, b]",
    "d then a",
    "split { 50% a, 50% b }",
    "best of [a, b, c] where model.context > 2000",
    "reject 403 \"no\"",
];
const REQUIRED: [&str; 4] = [
    "model.region == \"cn\"",
    "\"vision\" in model.can",
    "model.name != \"b\"",
    "model.context == 0 || request.tokens < model.context",
];

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn condition(&mut self, depth: usize) -> String {
        let of = if depth == 0 { 1 } else { 4 };
        match self.below(of) {
            1 => format!("({} && {})", self.condition(depth - 1), self.condition(depth - 1)),
            2 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            3 => format!("!({})", self.condition(depth - 1)),
            _ => ATOMS[self.below(ATOMS.len())].to_owned(),
        }
    }

    fn leads(&mut self) -> &'static str {
        let all = ["route inner", "split { 50% route inner, 50% route unused }", "split { 40% route inner, 60% b }"];
        all[self.below(3)]
    }

    fn rules(&mut self, nested: bool) -> String {
        let mut text = String::new();
        for rule in 0..=self.below(3) {
            let condition = self.condition(2);
            let target = if nested && self.below(4) == 0 { self.leads() } else { TARGETS[self.below(TARGETS.len())] };
            text.push_str(&format!("rule r{rule} when {condition} -> {target}\n"));
        }
        let target =
            if nested && self.below(4) == 0 { "a then route inner" } else { TARGETS[self.below(TARGETS.len())] };
        text + &format!("default -> {target}\n")
    }

    /// The text of a policy; two that differ in one rule when asked again with the same seed.
    fn policy(&mut self) -> String {
        let (main, inner) = (self.rules(true), self.rules(false));
        format!("{HEAD}route main {{ {main} }}\nroute inner {{ {inner} }}\nroute unused {{ default -> route inner }}\n")
    }

    fn facts(&mut self, engine: &Engine) -> GivenFacts {
        let tokens = [0, 50, 101, 999, 1001, 1600][self.below(6)];
        let text = ["", "a", "xab", "ab", "b"][self.below(5)];
        let model = ["", "x", "y"][self.below(3)];
        let (stream, images, turns) = (self.below(2) == 0, self.below(2), self.below(4));
        let tools = ["[]", "[\"Read\"]"][self.below(2)];
        let (user, number) = (self.below(9), self.below(8));
        let given = format!(
            "{{ tokens: {tokens}, text: \"{text}\", model: \"{model}\", stream: {stream}, images: {images}, turns: {turns}, tools: {tools}, user: {{ id: \"u{user}\" }}, header: {{ \"x-n\": \"{number}\" }} }}"
        );
        crate::dsl::parse_facts(&given, engine.policy()).unwrap().facts
    }
}

fn trace(engine: &Engine, facts: &GivenFacts) -> Trace {
    explain(engine, facts, None, &World::fresh(engine.policy().models.len()), &Seeds::fixed()).unwrap()
}

/// The models that a request may go to, by the engine.
fn may_go_to(engine: &Engine, facts: &GivenFacts) -> Vec<ModelId> {
    let trace = trace(engine, facts);
    let left = trace.attempts.iter().flat_map(|attempt| &attempt.candidates);
    let names: Vec<&str> =
        left.filter(|one| one.verdict != CandidateVerdict::Skipped).map(|one| one.model.as_str()).collect();
    (0..)
        .zip(&engine.policy().models)
        .filter(|(_, model)| names.contains(&model.name.as_str()))
        .map(|(id, _)| ModelId(id))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// A promise that is proved is never broken, one that is broken is always shown.
    #[test]
    fn judgements_are_true(seed: u64) {
        let mut dice = Dice(seed);
        let promise = format!("invariant \"i\" {{ when {} require {} }}", dice.condition(2), REQUIRED[dice.below(4)]);
        let text = dice.policy() + &promise;
        let Some(engine) = engine_of(&text) else { return Ok(()) };
        let invariant = &engine.policy().invariants[0];
        let breaks = |facts: &GivenFacts| {
            Condition::new(&invariant.when).eval(facts) == Plain::True
                && may_go_to(&engine, facts).into_iter().any(|model| {
                    Condition::new(&of_model(engine.policy(), model, &invariant.require)).eval(facts) == Plain::False
                })
        };
        match judge(&engine, invariant) {
            Judgement::Broken(example) => prop_assert!(breaks(&example.given), "{:?}\n{}", example, text),
            judgement @ (Judgement::Proved { .. } | Judgement::Vacuous) => {
                for _ in 0..40 {
                    let facts = dice.facts(&engine);
                    prop_assert!(!breaks(&facts), "{:?}: {}\n{}", judgement, facts.to_text(), text);
                }
            }
            Judgement::NotProved { .. } => {}
        }
    }

    /// Nothing differs from itself.
    #[test]
    fn a_policy_is_the_same_as_itself(seed: u64) {
        let Some(engine) = engine_of(&Dice(seed).policy()) else { return Ok(()) };
        let found = diff(&engine, &engine);
        prop_assert!(found.is_none(), "{:?}", found);
    }

    /// Every witness goes other ways, and a drawn request that does is not missed.
    #[test]
    fn differences_are_true_and_complete(seed: u64, other: u64) {
        let mut dice = Dice(other);
        let (before, after) = (Dice(seed).policy(), dice.policy());
        // Half of the time a policy with one changed target.
        let after = if other % 2 == 0 { before.replacen("-> a\n", "-> b\n", 1) } else { after };
        let (Some(old), Some(new)) = (engine_of(&before), engine_of(&after)) else { return Ok(()) };
        let found = diff(&old, &new);
        for changed in &found.regions {
            prop_assert_ne!(changed.from.outcome(), changed.to.outcome());
            for (engine, place) in [(&old, &changed.from), (&new, &changed.to)] {
                let trace = trace(engine, &changed.witness);
                let decisions: Vec<String> = trace.decisions.iter().map(|names| names.join("/")).collect();
                prop_assert!(decisions.contains(&place.decision), "{:?} not in {:?}", place, decisions);
            }
        }
        prop_assert!(found.complete && found.alone.is_empty());
        for _ in 0..40 {
            let facts = dice.facts(&old);
            let (before, after) = (trace(&old, &facts), trace(&new, &facts));
            if (&before.outcome.models, before.outcome.reject) == (&after.outcome.models, after.outcome.reject) {
                continue;
            }
            let end = |trace: &Trace| trace.decisions.last().unwrap().join("/");
            let pair = (end(&before), end(&after));
            let mut known = found.regions.iter().map(|changed| (&changed.from.decision, &changed.to.decision));
            let mut unsure = found.possible.iter().map(|unsure| (&unsure.from.decision, &unsure.to.decision));
            let found = known.any(|known| known == (&pair.0, &pair.1)) || unsure.any(|known| known == (&pair.0, &pair.1));
            prop_assert!(found, "{:?}: {}", pair, facts.to_text());
        }
    }
}
