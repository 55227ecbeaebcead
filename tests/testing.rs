//! `ccr-policy test` from outside, and what it says about tests, held against the policies
//! themselves: suggested cases pass, nearest changes lead to the rule.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use ccr_policy::diag::Sources;
use ccr_policy::dsl::policy::{Policy, RouteId};
use ccr_policy::dsl::{self, parse_facts};
use ccr_policy::engine::trace::{Change, Nearest};
use ccr_policy::engine::{Engine, cases};
use ccr_policy::facts::given::{GivenFacts, Owned};
use ccr_policy::facts::{Facts, Var};
use ccr_policy::trial::coverage::{Wanted, measure};
use ccr_policy::trial::{self, nearest, suggest};
use proptest::prelude::*;

/// Two rules, three atoms, five places behind rules; the two cases reach what [`COUNTS`] says.
const POLICY: &str = r#"
provider here { kind: mock }
model coder on here { can: [tools] price: { input: 2, output: 2 } }
model mini on here { can: [tools] price: { input: 1, output: 1 } }
model eyes on here { can: [tools, vision] }
route main {
  rule image when request.images > 0 && request.stream -> eyes
  rule long when request.tokens > 1000 -> coder then mini
  default -> cheapest of [mini, coder]
}
test "usual" on main {
  given { images: 1, stream: true } -> eyes by image
  given { images: 1 } -> eyes by default
}
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }
}

fn text(output: &Output) -> (i32, String, String) {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), utf8(&output.stdout), utf8(&output.stderr))
}

fn run_in(place: &Place, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccr-policy"));
    text(&command.current_dir(place.0.path()).args(arguments).output().unwrap())
}

fn run_test(policy: &str, more: &[&str]) -> (i32, String, String) {
    let place = Place::new(&[("main.policy", policy)]);
    run_in(&place, &[&["test", "main.policy"], more].concat())
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

fn with_default_eyes() -> String {
    POLICY.replace("cheapest of [mini, coder]", "cheapest of [mini, coder] then eyes")
}

#[test]
fn coverage_counts_what_a_hand_counts() {
    let check = |cases: &str, kind: &str, covered: usize, total: usize| {
        let policy = POLICY.split("test \"usual\"").next().unwrap().to_owned();
        let policy = policy + &format!("test \"t\" on main {{\n{cases}\n}}\n");
        let (_, out, err) = run_test(&policy, &["--coverage=mcdc", "--format", "json"]);
        let coverage = &json(&out)["coverage"][kind];
        assert_eq!(
            (&coverage["covered"], &coverage["total"]),
            (&covered.into(), &total.into()),
            "{cases} {kind}\n{err}{out}"
        );
    };
    let both = "given { images: 1, stream: true } -> eyes by image\n given { tokens: 2k } -> coder then mini by long";
    check(both, "rules", 2, 3);
    // `images > 0` true and false, `stream` only true: the second case never asks it. `tokens` true.
    check(both, "atoms", 4, 6);
    // eyes; coder and mini behind `long`; nobody of the default's two.
    check(both, "attempts", 3, 5);
    // `images > 0` differs, `stream` is not asked: the outcome is images' alone.
    check(both, "mcdc", 1, 3);
    let stream = format!("{both}\n given {{ images: 1, tokens: 2k }} -> eyes");
    check(&stream, "atoms", 5, 6);
    check(&stream, "mcdc", 2, 3);
    check("given {} -> mini by default", "rules", 1, 3);
    check("given {} -> mini by default", "atoms", 2, 6);
    check("given {} -> mini by default", "attempts", 1, 5);
    check("given {} state { mini: { healthy: false } } -> coder by default", "attempts", 1, 5);
}

#[test]
fn each_gap_says_why_and_where() {
    let (code, out, err) =
        run_test(&with_default_eyes().replace("eyes by default", "eyes by default "), &["--coverage"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for says in [
        "  rules      2 of  3   66 %",
        "main.policy:8  rule long when request.tokens > 1000 -> coder then mini",
        "✗ rule `long` never decided",
        "no case has `request.tokens > 1000`",
        "`coder`, `mini` never chosen",
        "`mini`, `coder` never chosen",
        "passed over: the request has images, it cannot see (no `vision`)",
    ] {
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "{out}");
}

#[test]
fn what_no_request_reaches_is_not_counted() {
    let policy = r#"
provider here { kind: mock }
model a on here { can: [vision] }
model b on here {}
route main {
  rule some when request.images > 0 -> a
  rule none when request.images <= 0 -> a
  default -> b
}
test "t" on main { given {} -> a by none given { images: 1 } -> a by some }
"#;
    let (code, out, _) = run_test(policy, &["--coverage"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("rule `default` is not counted: no request reaches it (proved)"), "{out}");
    assert!(out.contains("  rules     2 of 2  100 %"), "{out}");
}

#[test]
fn too_little_coverage_ends_with_1() {
    let policy = with_default_eyes();
    let check = |more: &[&str], expected: i32, says: &str| {
        let (code, out, _) = run_test(&policy, more);
        assert_eq!(code, expected, "{more:?}\n{out}");
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    };
    check(&["--coverage-min", "50"], 0, "coverage");
    check(&["--coverage-min", "100"], 1, "% are covered, less than the 100 % asked for");
    check(&["--mutate-min", "0"], 0, "mutants");
    check(&["--mutate-min", "100"], 1, "% are noticed, less than the 100 % asked for");
    assert_eq!(run_test(&policy, &["--coverage-min", "101"]).0, 2);
}

#[test]
fn junit_has_every_case_and_the_coverage() {
    let failing = with_default_eyes().replace("-> eyes by image", "-> coder by image");
    let (code, out, _) = run_test(&failing, &["--format", "junit", "--coverage"]);
    assert_eq!(code, 1);
    for says in [
        r#"<testsuites name="ccr-policy" tests="2" skipped="0" failures="1" errors="0">"#,
        r#"<testsuite name="main.policy""#,
        r#"<property name="coverage.rules" value="2/3"/>"#,
        r#"classname="usual" file="main.policy" line="12""#,
        r#"<failure message="expected coder by image, got eyes by image" type="case">"#,
    ] {
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    }
}

#[test]
fn a_policy_that_does_not_load_is_in_every_report() {
    let place = Place::new(&[("main.policy", "garbage {\n"), ("notes.txt", "")]);
    let (code, out, _) = run_in(&place, &["test", "main.policy", "--format", "json"]);
    assert_eq!((code, &json(&out)["unread"]), (1, &serde_json::json!(["main.policy"])));
    let (code, out, _) = run_in(&place, &["test", "main.policy", "--format", "junit"]);
    assert!(code == 1 && out.contains("errors=\"1\"") && out.contains("ccr-policy check main.policy"), "{out}");
}

#[test]
fn suggested_cases_are_not_lost_in_a_file_that_cannot_take_them() {
    let place = Place::new(&[("main.policy", &with_default_eyes()), ("open.policy", "garbage {\n"), ("a.txt", "")]);
    for file in ["open.policy", "a.txt"] {
        let (code, _, err) = run_in(&place, &["test", "main.policy", "--suggest", "--write", file]);
        assert!(code == 2 && err.contains(file), "{code} {err}");
    }
}

#[test]
fn several_policies_are_run_one_by_one_and_summed_up() {
    let bad = with_default_eyes().replace("-> eyes by image", "-> coder by image");
    let place = Place::new(&[("one.policy", &with_default_eyes()), ("two.policy", &bad)]);
    let (code, out, _) = run_in(&place, &["test", "one.policy", "two.policy"]);
    assert_eq!((code, out.lines().last()), (1, Some("2 policies: 3 cases passed, 1 failed")), "{out}");
    let (code, out, _) = run_in(&place, &["test", "one.policy", "missing.policy"]);
    let last = "2 policies: 2 cases passed, 0 failed, 1 could not be run";
    assert_eq!((code, out.lines().last()), (2, Some(last)), "{out}");
    let (code, out, _) = run_in(&place, &["test", "one.policy", "two.policy", "--format", "json"]);
    let all = json(&out);
    assert_eq!((code, &all["policies"][1]["path"], &all["failed"]), (1, &"two.policy".into(), &1.into()));
}

#[test]
fn what_no_case_would_notice_is_listed_with_a_case_that_would() {
    let (code, out, _) = run_test(&with_default_eyes(), &["--mutate"]);
    assert_eq!(code, 0, "{out}");
    for says in [
        "main.policy:8  rule long when request.tokens > 1000 -> coder then mini",
        "✗ `request.tokens > 1000` → `request.tokens >= 1000`",
        "on main:  given { tokens: 1000 } -> mini then eyes by default",
        "✗ `rule long` → left out",
    ] {
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    }
    let (_, out, _) = run_test(&with_default_eyes(), &["--mutate", "--format", "json"]);
    let mutants = &json(&out)["mutants"];
    assert!(
        mutants["survivors"].as_array().unwrap().iter().any(|one| one["after"] == "request.tokens >= 1000"),
        "{mutants}"
    );
}

#[test]
fn a_change_that_changes_nothing_is_left_out() {
    // The second rule covers what the first leaves, so their order is all the same.
    let policy = r#"
provider here { kind: mock }
model a on here { can: [vision] }
model b on here { can: [vision] }
route main {
  rule few when request.images > 3 && request.images > 1 -> a
  default -> b
}
test "t" on main { given { images: 4 } -> a by few given { images: 3 } -> b by default }
"#;
    let (_, out, _) = run_test(policy, &["--mutate", "--format", "json"]);
    let mutants = &json(&out)["mutants"];
    // Without `> 1`, with `>= 1`, with `> 2`, in each of the two spellings of the boundary.
    assert!(mutants["same"].as_u64().unwrap() >= 3, "{mutants}");
}

#[test]
fn suggested_cases_are_appended_and_pass() {
    let place = Place::new(&[("main.policy", &with_default_eyes())]);
    let (code, out, err) = run_in(&place, &["test", "--suggest"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("test \"suggested: main\" on main {\n  given "), "{out}");
    let write = ["test", "--suggest", "--mutate", "--coverage=mcdc", "--write", "main.policy"];
    let (code, out, err) = run_in(&place, &write);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let (code, out, err) = run_in(&place, &["test", "--coverage-min", "100", "--coverage=mcdc", "--mutate-min", "100"]);
    assert_eq!(code, 0, "{out}{err}");
    let (code, _, err) = run_in(&place, &write);
    assert_eq!((code, err.contains("nothing to append")), (0, true), "{err}");
    let (code, out, err) = run_in(&place, &["test", "--suggest"]);
    assert_eq!((code, out.as_str(), err.contains("nothing is missing")), (0, "", true), "{err}");
    // As many as are announced, and not silently where nobody reads them.
    let place = Place::new(&[(
        "main.policy",
        &with_default_eyes().replace("given { images: 1, stream: true } -> eyes by image", ""),
    )]);
    let (_, out, _) = run_in(&place, &["test", "--mutate"]);
    let announced = out.split("--suggest writes the ").nth(1).unwrap().split(" as test").next().unwrap().to_owned();
    let write = ["test", "main.policy", "--suggest", "--mutate", "--write", "other.policy"];
    let (code, _, err) = run_in(&place, &write);
    assert!(code == 0 && err.contains("note: it is no file of `main.policy`"), "{err}");
    let text = std::fs::read_to_string(place.0.path().join("other.policy")).unwrap();
    let written = text.lines().filter(|line| line.starts_with("  given")).count();
    assert!(err.contains(&format!("appended {written} case")), "{err}");
    let noticing: usize = announced.split(' ').next().unwrap().parse().unwrap();
    assert!(noticing <= written, "{announced}, {written} written");
    let nowhere = ["test", "--suggest", "--write", "/nowhere/at/all.policy"];
    let (code, _, err) = run_in(&Place::new(&[("main.policy", POLICY.split("test").next().unwrap())]), &nowhere);
    assert_eq!((code, err.contains("cannot append to")), (2, true), "{err}");
}

#[test]
fn a_kind_of_coverage_stands_behind_its_sign() {
    let (code, out, err) = run_test(POLICY, &["--coverage", "mcdc"]);
    assert_eq!(code, 2, "{out}");
    assert!(err.contains("the kind stands behind `=`: --coverage=mcdc"), "{err}");
    let (_, _, err) = run_test(POLICY, &["mcdc"]);
    assert!(!err.contains("--coverage"), "{err}");
}

fn load(text: &str) -> Option<Policy> {
    let mut sources = Sources::default();
    sources.add("main.policy", text);
    dsl::load(&sources).policy
}

/// Suggests for a policy, adds the cases to it, and runs all of them.
#[track_caller]
fn suggested_pass(text: &str) {
    let wanted = Wanted { mcdc: true };
    let engine = Engine::new(Arc::new(load(text).expect(text)));
    let (_, recorded) = cases::run_recorded(&engine, "");
    let before = measure(engine.policy(), &recorded, wanted).all();
    let suggested = suggest::suggest(&engine, recorded, wanted);
    let blocks = trial::blocks(engine.policy(), &suggested.cases, "suggested").join("\n");
    let policy = load(&format!("{text}\n{blocks}")).unwrap_or_else(|| panic!("{blocks}"));
    let engine = Engine::new(Arc::new(policy));
    let (report, recorded) = cases::run_recorded(&engine, "suggested");
    assert_eq!(report.failed(), 0, "{report:?}\n{text}\n{blocks}");
    let (_, all) = cases::run_recorded(&engine, "");
    let after = measure(engine.policy(), &all, wanted);
    assert!(after.all().covered >= before.covered + suggested.cases.len().min(1), "{text}\n{blocks}");
    // What was given up on is all that is left.
    assert!(after.gaps.len() <= suggested.left.len(), "{:?}\n{text}\n{blocks}\n{recorded:?}", after.gaps);
}

#[test]
fn cases_for_the_policies_of_this_repository_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut count = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let mut text = String::new();
        for file in std::fs::read_dir(path).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "policy") {
                text.push_str(&std::fs::read_to_string(file).unwrap());
                text.push('\n');
            }
        }
        suggested_pass(&text);
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

/// A condition of a few atoms that overlap, exclude and imply each other.
fn condition() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "request.images > 0",
        "request.tokens > 1000",
        "request.tokens <= 5000",
        "request.tokens == 7",
        "request.stream",
        "request.text.contains(\"foo\")",
        "request.text.startsWith(\"foobar\")",
        "request.model.endsWith(\"-mini\")",
        "\"vip\" in tenant.tags",
        "tenant.tier == \"pro\"",
        "request.tools.size() > 2",
        "request.header(\"x-team\") == \"red\"",
        "budget.used >= 0.8",
    ])
    .prop_map(str::to_owned);
    atom.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..=3).prop_map(|parts| format!("({})", parts.join(" && "))),
            prop::collection::vec(inner.clone(), 2..=3).prop_map(|parts| format!("({})", parts.join(" || "))),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
}

fn policy_of(conditions: &[String]) -> String {
    let mut text = String::from(
        "provider p { kind: mock }\nmodel a on p { can: [tools, vision] price: { input: 2, output: 2 } }\nmodel b on p { can: [tools, vision] price: { input: 1, output: 1 } }\nroute main {\n",
    );
    let targets = ["a then b", "b", "cheapest of [a, b]", "reject 403 \"no\"", "split { 50% a, 50% b } by user.id"];
    for ((number, condition), target) in conditions.iter().enumerate().zip(targets) {
        text.push_str(&format!("  rule r{number} when {condition} -> {target}\n"));
    }
    text + "  default -> b then a\n}\n"
}

/// The facts with a change made.
fn change(facts: &mut GivenFacts, change: &Change) {
    match (Var::from_path(&change.name), &change.would_be) {
        (Some(var), value) => assert!(facts.set(var, value.clone()), "{change:?}"),
        (None, Owned::Str(text)) if change.name == "request.header(\"x-team\")" => facts.set_header("x-team", text),
        other => panic!("{other:?}"),
    }
}

const GIVEN: [&str; 5] = [
    "{}",
    "{ tokens: 9000, stream: true }",
    "{ images: 2, text: \"foobar x\", tenant: { tier: \"pro\" } }",
    "{ tokens: 7, model: \"x-mini\", tenant: { tags: [\"vip\"] } }",
    "{ header: { \"x-team\": \"red\" }, budget: { used: 0.9 }, tools: [a, b, c] }",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn suggested_cases_always_pass(conditions in prop::collection::vec(condition(), 1..=5)) {
        let text = policy_of(&conditions);
        // A rule that nothing can reach is an error already.
        prop_assume!(load(&text).is_some());
        suggested_pass(&text);
    }

    #[test]
    fn the_nearest_change_always_leads_to_the_rule(conditions in prop::collection::vec(condition(), 1..=5), given in 0..GIVEN.len()) {
        let policy = load(&policy_of(&conditions));
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let facts = parse_facts(GIVEN.get(given).unwrap(), &policy).unwrap().facts;
        let engine = Engine::new(Arc::new(policy));
        let snapshot = nearest::snapshot(&engine, &facts);
        let decide = |facts: &dyn Facts| {
            engine.program().decide(RouteId(0), facts, &mut ccr_policy::compile::Scratch::default()).rule
        };
        let decided = decide(&facts);
        for rule in (0..u32::try_from(conditions.len()).unwrap() + 1).filter(|rule| *rule != decided) {
            if let Nearest::With(changes) = nearest::nearest(&engine, RouteId(0), rule, &snapshot) {
                let mut other = facts.clone();
                changes.iter().for_each(|one| change(&mut other, one));
                prop_assert_eq!(decide(&other), rule, "{:?} {:?}", &conditions, &changes);
                prop_assert!(!changes.is_empty());
                // None of them is for nothing.
                for left_out in 0..changes.len() {
                    let mut fewer = facts.clone();
                    changes.iter().enumerate().filter(|(at, _)| *at != left_out).for_each(|(_, one)| change(&mut fewer, one));
                    prop_assert!(decide(&fewer) != rule, "{:?} {:?}", &conditions, &changes);
                }
            }
        }
    }
}

/// The page with each transcript as the program prints it now.
fn transcribed(page: &str, policy: &str) -> String {
    let place = Place::new(&[("main.policy", policy)]);
    let program = Path::new(env!("CARGO_BIN_EXE_ccr-policy"));
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let mut out = String::new();
    let mut parts = page.split("```console\n");
    out.push_str(parts.next().unwrap());
    for part in parts {
        let (transcript, rest) = part.split_once("```\n").unwrap();
        let line = transcript.lines().next().unwrap();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line.trim_start_matches("$ ")).env("PATH", &path).current_dir(place.0.path());
        let (_, printed, err) = text(&shell.output().unwrap());
        assert_eq!(err, "", "{line}");
        out.push_str(&format!("```console\n{line}\n{}\n```\n{rest}", printed.trim_end()));
    }
    out
}

#[test]
fn the_page_shows_what_the_program_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/testing.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let policy = page.split_once("```policy\n").unwrap().1.split_once("```\n").unwrap().0;
    let expected = transcribed(&page, policy);
    if std::env::var_os("CCR_UPDATE").is_some() {
        std::fs::write(&path, expected).unwrap();
    } else {
        assert!(page == expected, "docs/testing.md is out of date; CCR_UPDATE=1 writes it again:\n{expected}");
    }
}
