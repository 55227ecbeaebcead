//! How explanations and reports look.

use super::build::{Build, pool, reject, route, split};
use super::*;
use crate::diag::{Sources, Span};
use crate::dsl::expr::build::{and, binary, contains, double, failing, header, int as number, or, text, var};
use crate::dsl::expr::typed::BinaryOp;
use crate::dsl::policy::{AttemptKind, Case, Outcome, Strategy, Test};
use crate::engine::cases;
use crate::engine::trace::{Explainer, Question, Trace, Written};

/// Something of everything.
fn engine() -> Engine {
    let mut build = Build::models(&["coder", "小模型", "eyes", "next"])
        .price("coder", 0.17, 1.12)
        .price("小模型", 0.01, 0.02)
        .with("coder", |model| {
            model.context = Some(10_000);
            model.quality = Some(0.9);
        })
        .pool("small", "小模型 next");
    let cheap = build.choice(
        Strategy::Cheapest,
        "coder 小模型 next",
        Some(binary(BinaryOp::Lt, var("model.error_rate"), double(0.05))),
    );
    let best = build.choice(Strategy::Best, "小模型 coder", None);
    let turns = build.choice(Strategy::Rotate, "coder next", None);
    let [coder, eyes] = ["coder", "eyes"].map(|name| AttemptKind::Model(build.id(name)));
    let shares = split(vec![(90.0, coder.clone()), (10.0, pool(0))], Some(var("user.id")));
    build
        .route(
            "main",
            vec![
                ("image", Some(binary(BinaryOp::Gt, var("request.images"), number(0))), vec![eyes]),
                (
                    "blocked",
                    Some(or(vec![
                        binary(BinaryOp::Eq, header("x-abuse"), text("yes")),
                        binary(BinaryOp::Eq, var("tenant.tier"), text("banned")),
                    ])),
                    vec![reject(403)],
                ),
                (
                    "写代码",
                    Some(and(vec![
                        contains(var("request.text"), "代码"),
                        binary(BinaryOp::Lt, var("request.tokens"), number(5_000)),
                    ])),
                    vec![shares, cheap, route(1)],
                ),
                ("turns", Some(var("request.stream")), vec![turns, best]),
                ("default", None, vec![coder]),
            ],
        )
        .route("failover", vec![("default", None, vec![pool(0), reject(503)])])
        .engine()
}

fn traced(given: &GivenFacts, states: &[(&str, ModelState)]) -> Trace {
    let engine = engine();
    let question = Question {
        facts: given,
        tenant: None,
        entry: None,
        world: &world(&engine, states),
        seeds: &Seeds { request_id: "r-1", tickets: &|_| 3 },
        is_given: &|var| given.is_given(var),
        written: &|_| Written::default(),
    };
    Explainer::new(&engine).explain(&question).unwrap()
}

fn asks_for_code() -> GivenFacts {
    facts(&[
        ("request.text", Owned::Str("请帮我写一段代码".to_owned())),
        ("request.tokens", Owned::Int(900)),
        ("user.id", Owned::Str("ann".to_owned())),
    ])
}

#[test]
fn a_trace_with_everything() {
    let failing = ModelState { error_rate: 0.2, ..ModelState::default() };
    insta::assert_snapshot!(traced(&asks_for_code(), &[("next", failing), ("coder", cooling(1_200))]).text(false));
}

#[test]
fn a_trace_of_the_default() {
    insta::assert_snapshot!(traced(&facts(&[]), &[]).text(false));
}

#[test]
fn a_trace_of_a_refusal() {
    let mut given = facts(&[("tenant.tier", Owned::Str("banned".to_owned()))]);
    given.set_header("X-Abuse", "no");
    insta::assert_snapshot!(traced(&given, &[]).text(false));
}

#[test]
fn a_trace_of_turns_and_ranks() {
    let yes = Owned::Bool(true);
    let given = facts(&[("request.stream", yes.clone()), ("request.thinking", yes)]);
    insta::assert_snapshot!(traced(&given, &[]).text(false));
}

#[test]
fn an_error_is_shown_and_refuses_where_the_rule_refuses() {
    let build = Build::models(&["a"]);
    let a = build.then("a");
    let absorbed = or(vec![failing(), binary(BinaryOp::Eq, var("request.tokens"), number(0))]);
    let engine = |rules: Vec<(&str, Option<crate::dsl::expr::typed::Expr>, Vec<AttemptKind>)>| {
        Build::models(&["a"]).route("main", rules).engine()
    };
    let explained = |engine: &Engine| {
        let world = World::default();
        crate::engine::trace::explain(engine, &facts(&[]), None, &world, &Seeds::fixed()).unwrap().text(false)
    };
    let closed = engine(vec![("wall", Some(failing()), vec![reject(403)]), ("default", None, a.clone())]);
    assert_eq!(simple(&closed, &facts(&[])), "reject 403 (main/wall)");
    insta::assert_snapshot!(explained(&closed));
    let open = engine(vec![
        ("broken", Some(failing()), a.clone()),
        ("saved", Some(absorbed), a.clone()),
        ("default", None, a),
    ]);
    assert_eq!(simple(&open, &facts(&[])), "a, end (main/saved)");
    insta::assert_snapshot!(explained(&open));
}

#[test]
fn colours_change_nothing_but_colours() {
    let trace = traced(&asks_for_code(), &[("coder", sick())]);
    let colored = trace.text(true);
    assert!(colored.contains("\u{1b}[32m✓\u{1b}[0m"));
    let mut plain = colored;
    for code in ["0", "1", "2", "31", "32", "33"] {
        plain = plain.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(plain, trace.text(false));
}

#[test]
fn a_trace_as_json() {
    insta::assert_json_snapshot!(traced(&asks_for_code(), &[]));
}

#[test]
fn facts_can_be_run_again() {
    let mut given = asks_for_code();
    given.set_header("X-Abuse", "a \"quoted\"\nline");
    given.set(Var::RequestTools, list(&["Read", "Edit"]));
    given.set(Var::TenantTier, Owned::Str("pro".to_owned()));
    assert_eq!(
        crate::engine::trace::given_text(&engine(), &given),
        r#"{ text: "请帮我写一段代码", tokens: 900, tools: ["Read", "Edit"], tenant: { tier: "pro" }, user: { id: "ann" }, header: { "x-abuse": "a \"quoted\"\nline" } }"#
    );
    assert_eq!(crate::engine::trace::given_text(&engine(), &facts(&[])), "{}");
}

/// Whatever a disagreement prints can be pasted.
#[test]
fn printed_facts_are_read_back_as_they_were() {
    let mut given = asks_for_code();
    given.set_header("x-abuse", "a \"quoted\" \\ line\n\u{1}");
    given.set(Var::RequestTools, list(&["Read", "it's"]));
    given.set(Var::RequestImages, Owned::Int(3));
    given.set(Var::RequestThinking, Owned::Bool(true));
    given.set(Var::TenantTier, Owned::Str("pro".to_owned()));
    let engine = engine();
    let printed = crate::engine::trace::given_text(&engine, &given);
    let read =
        crate::dsl::parse_facts(&printed, engine.policy()).unwrap_or_else(|found| panic!("{printed}\n{found:?}"));
    assert_eq!(read.facts, given);
    let error = crate::engine::trace::ExplainError::Disagree {
        route: "main".to_owned(),
        tree: "a".to_owned(),
        plain: "b".to_owned(),
        given: "{ text: \"it's\" }".to_owned(),
    };
    assert!(error.to_string().ends_with(r#"ccr-policy explain --given '{ text: "it'\''s" }'"#), "{error}");
}

fn case(given: GivenFacts, expected: Outcome, by: &str) -> Case {
    Case {
        given,
        tenant: None,
        state: Vec::new(),
        expected,
        by: by.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        span: Span::default(),
    }
}

fn report(cases: Vec<Case>) -> cases::Report {
    let mut policy = engine().policy().clone();
    policy.tests = vec![Test { title: "slots".to_owned(), route: None, cases, span: Span::default() }];
    cases::run(&Engine::new(std::sync::Arc::new(policy)))
}

#[test]
fn cases_pass_when_the_attempts_and_the_rule_are_as_expected() {
    let engine = engine();
    let models = |names: &str| Outcome::Models(names.split_whitespace().map(|name| id(&engine, name)).collect());
    let banned = || facts(&[("tenant.tier", Owned::Str("banned".to_owned()))]);
    let check = |case: Case, passes: bool| {
        let report = report(vec![case]);
        assert_eq!(report.failed() == 0, passes, "{report:?}");
    };
    check(case(facts(&[]), models("coder"), ""), true);
    check(case(facts(&[]), models("coder"), "default"), true);
    check(case(facts(&[]), models("coder"), "main/default"), true);
    check(case(facts(&[]), models("coder"), "image"), false);
    check(case(facts(&[]), models("coder next"), ""), false);
    check(case(facts(&[]), models(""), ""), false);
    check(case(facts(&[]), Outcome::Reject(403), ""), false);
    check(case(banned(), Outcome::Reject(403), "blocked"), true);
    check(case(banned(), Outcome::Reject(400), "blocked"), false);
    // A nested route is named by its path; the rule that led there counts too.
    check(case(asks_for_code(), models("coder 小模型 next"), "failover/default"), true);
    check(case(asks_for_code(), models("coder 小模型 next"), "写代码"), true);
    check(case(asks_for_code(), models("coder 小模型 next"), "default"), false);
}

#[test]
fn a_report_says_what_came_out_and_why() {
    let engine = engine();
    let models = |names: &str| Outcome::Models(names.split_whitespace().map(|name| id(&engine, name)).collect());
    let mut down = case(asks_for_code(), models("coder 小模型 next"), "写代码");
    down.state = vec![(id(&engine, "coder"), sick())];
    let report = report(vec![
        case(facts(&[]), models("coder"), "default"),
        case(facts(&[]), models("eyes"), "image"),
        down,
        case(facts(&[]), models("coder"), "failover/default"),
    ]);
    let mut sources = Sources::default();
    sources.add("main.policy", "");
    insta::assert_snapshot!(report.text(&sources, false));
    insta::assert_json_snapshot!(report.json(&sources));
}

/// The policy of [`engine`], with the tree of another in which one rule is written otherwise.
fn disagreeing() -> Engine {
    let mut engine = engine();
    let mut other = engine.policy().clone();
    other.routes[0].rules[0].condition = Some(binary(BinaryOp::Eq, var("request.images"), number(0)));
    engine.program = crate::compile::Program::compile(&other);
    engine
}

#[test]
fn a_tree_that_decides_otherwise_is_not_explained_away() {
    let engine = disagreeing();
    let explained =
        |given: &GivenFacts| crate::engine::trace::explain(&engine, given, None, &World::default(), &Seeds::fixed());
    let error = explained(&facts(&[("user.id", Owned::Str("it's ann".to_owned()))])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the compiled tree and the plain evaluator disagree on route `main`: the tree takes rule `image`, the plain evaluator rule `default`; please report it\nrun it: ccr-policy explain --given '{ user: { id: \"it'\\''s ann\" } }'"
    );
    let Err(crate::engine::trace::ExplainError::Disagree { tree, plain, .. }) = explained(&int("request.images", 1))
    else {
        panic!("the tree says that there is no picture");
    };
    assert_eq!((tree.as_str(), plain.as_str()), ("default", "image"));
}

#[test]
fn a_case_on_which_the_evaluators_disagree_is_broken_and_never_passes() {
    let mut engine = disagreeing();
    let mut policy = engine.policy().clone();
    let coder = Outcome::Models(vec![id(&engine, "coder")]);
    policy.tests = vec![Test {
        title: "t".to_owned(),
        route: None,
        cases: vec![case(facts(&[]), coder, "")],
        span: Span::default(),
    }];
    engine.policy = std::sync::Arc::new(policy);
    let report = cases::run(&engine);
    assert!(report.is_broken() && report.failed() == 1, "{report:?}");
    assert!(report.cases[0].because[0].starts_with("the compiled tree and the plain evaluator disagree"));
}

/// What was hashed, and why it was not what the policy names.
#[test]
fn a_split_says_what_it_hashed() {
    let line = |by: Option<crate::dsl::expr::typed::Expr>, given: &GivenFacts| {
        let build = Build::models(&["a", "b"]);
        let [a, b] = ["a", "b"].map(|name| AttemptKind::Model(build.id(name)));
        let engine = build.main(vec![split(vec![(50.0, a), (50.0, b)], by)]).engine();
        let trace = crate::engine::trace::explain(&engine, given, None, &World::default(), &Seeds::fixed()).unwrap();
        let text = trace.text(false);
        assert!(!text.contains("draw") && text.contains("   50%  a\n"), "{text}");
        assert!(trace.attempts[0].split.as_ref().unwrap().arms.iter().all(|arm| arm.draw.is_some()));
        text.lines().find_map(|line| line.trim().strip_prefix("split by ")).unwrap().to_owned()
    };
    let nobody = facts(&[]);
    assert_eq!(line(Some(var("user.id")), &user("ann")), r#"user.id: hashed "ann""#);
    assert_eq!(line(None, &user("ann")), r#"user.id: hashed "ann", because session.id is empty"#);
    assert_eq!(line(None, &nobody), r#"the request's id: hashed "request", because session.id is empty"#);
    assert_eq!(line(Some(var("user.id")), &nobody), r#"the request's id: hashed "request", because user.id is empty"#);
    assert_eq!(
        line(Some(header("x-team")), &user("ann")),
        r#"user.id: hashed "ann", because request.header("x-team") is empty"#
    );
}

/// What cannot be written for a provider is skipped as the gateway skips it; what is wrong in
/// itself ends the walk.
#[test]
fn what_cannot_be_sent_is_not_promised() {
    let build = Build::models(&["a", "b", "c"]);
    let attempts = build.then("a b c");
    let engine = build.main(attempts).engine();
    let trace = |written: &dyn Fn(crate::dsl::policy::ModelId) -> Written| {
        let (given, world) = (facts(&[]), World::default());
        let question = Question {
            facts: &given,
            tenant: None,
            entry: None,
            world: &world,
            seeds: &Seeds::fixed(),
            is_given: &|_| true,
            written,
        };
        Explainer::new(&engine).explain(&question).unwrap()
    };
    let skips = trace(&|model| match model.0 {
        0 => Written::Skipped("no pictures".to_owned()),
        1 => Written::Whole { warnings: vec!["effort left out".to_owned()], changes: Vec::new() },
        _ => Written::default(),
    });
    assert_eq!(skips.outcome.text(), "b then c");
    let text = skips.text(false);
    assert!(text.contains("✗ a  mock  skipped: no pictures"), "{text}");
    assert!(text.contains("✓ b  mock  no price\n       warning: effort left out\n"), "{text}");
    let refused = trace(&|model| if model.0 == 1 { Written::Refused("bad".to_owned()) } else { Written::default() });
    assert_eq!(refused.outcome.text(), "a then the client gets 400");
    assert!(refused.text(false).contains("          bad\n"));
    let all = trace(&|_| Written::Skipped("never".to_owned()));
    assert_eq!(all.outcome.refusal.unwrap().status, 400);
}
