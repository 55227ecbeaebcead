//! What a decision costs, against a linear loop over the same rules and against the bare search
//! for the same keywords. Prints a table, then runs criterion on a few cases of it.
//!
//! `CCR_BENCH=table` or `CCR_BENCH=criterion` runs one of the two, `CCR_BENCH=explain` says what an
//! explanation costs instead, `CCR_BENCH=check` what checking does.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop, and prints"
)]

#[path = "decide/generators.rs"]
mod generators;
#[path = "decide/references.rs"]
mod references;

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use ccr_policy::compile::{Program, Scratch};
use ccr_policy::diag::{Severity, Sources};
use ccr_policy::dsl;
use ccr_policy::dsl::policy::{Policy, RouteId};
use ccr_policy::engine::trace::{Explainer, Question, Written, explain};
use ccr_policy::engine::{Engine, Seeds};
use ccr_policy::facts::world::World;
use ccr_policy::facts::{Fact, Facts, Needs, Var};
use ccr_policy::lint;
use criterion::{Criterion, criterion_group};
use generators::{Case, Request, Rule};

/// A request as facts, all at hand.
struct OnRequest<'a>(&'a Request);

impl Facts for OnRequest<'_> {
    fn get(&self, var: Var) -> Fact<'_> {
        match var {
            Var::RequestModel => Fact::Str(&self.0.model),
            Var::RequestText => Fact::Str(&self.0.text),
            Var::RequestTokens => Fact::Int(self.0.tokens),
            Var::UserId => Fact::Str(&self.0.user),
            _ => Fact::Str(""),
        }
    }
    fn header(&self, _name: &str) -> &str {
        "n"
    }
    fn meta(&self, _name: &str) -> &str {
        ""
    }
    fn tokens_bound(&self) -> i64 {
        self.0.tokens * 4
    }
    fn needs(&self) -> Needs {
        Needs::default()
    }
}

/// The policy's text.
fn policy_text(rules: &[Rule]) -> String {
    let mut text = "provider p { kind: mock }\nmodel m on p { }\nroute main {\n".to_owned();
    for (index, rule) in rules.iter().enumerate() {
        let _ = writeln!(text, "  rule r{index} when {} -> m", rule.cel());
    }
    text.push_str("  default -> m\n}\n");
    text
}

fn checked(text: &str) -> Policy {
    let mut sources = Sources::default();
    sources.add("bench.policy", text);
    // Generated keywords may stand in each other, so not every rule can be reached.
    let loaded = dsl::load(&sources);
    let wrong = loaded.diagnostics.iter().find(|finding| finding.severity == Severity::Error);
    assert!(wrong.is_none(), "the generated policy is wrong: {wrong:?}");
    loaded.policy.expect("a policy without errors")
}

/// Nanoseconds a call: the least of 60 short batches, because other work on the machine can only
/// add.
fn nanoseconds(mut run: impl FnMut()) -> f64 {
    let started = Instant::now();
    run();
    let first = started.elapsed().as_secs_f64().max(1e-9);
    let batch = (0.002 / first).ceil().clamp(1.0, 1e6) as usize;
    let batches = if first > 0.02 { 3 } else { 60 };
    let mut least = f64::INFINITY;
    for _ in 0..batches {
        let started = Instant::now();
        for _ in 0..batch {
            run();
        }
        least = least.min(started.elapsed().as_secs_f64() * 1e9 / batch as f64);
    }
    least
}

struct Row {
    decide: f64,
    allocations: u64,
}

fn decide(program: &Program, case: &Case) -> Row {
    let mut scratch = Scratch::default();
    let requests: Vec<OnRequest<'_>> = case.requests.iter().map(OnRequest).collect();
    let mut pass = || {
        for facts in &requests {
            black_box(program.decide(RouteId(0), black_box(facts), &mut scratch));
        }
    };
    pass();
    let allocations = allocation_counter::measure(&mut pass).count_total / requests.len() as u64;
    Row { decide: nanoseconds(pass) / requests.len() as f64, allocations }
}

/// One line of the table.
fn line(case: &Case, with_linear: bool) {
    let text = policy_text(&case.rules);
    let started = Instant::now();
    let policy = checked(&text);
    let check_ms = started.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let program = Program::compile(&policy);
    let compile_ms = started.elapsed().as_secs_f64() * 1e3;
    let row = decide(&program, case);
    let linear = with_linear.then(|| references::linear(case));
    let words: Vec<&str> = case
        .rules
        .iter()
        .filter_map(|rule| match rule {
            Rule::Keyword(word) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    let limit = (!words.is_empty()).then(|| references::limit(&words, &case.requests[0].text));
    let (linear_text, ratio) = linear
        .map_or_else(|| ("-".to_owned(), "-".to_owned()), |it| (format!("{it:.0}"), format!("{:.0}", it / row.decide)));
    let (limit_text, share) = limit.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |(name, it)| (format!("{it:.0} ({name})"), format!("{:.2}", row.decide / it)),
    );
    println!(
        "| {} | {} KB | {} | {} | {check_ms:.1} + {compile_ms:.1} | {:.1} | {} | {linear_text} | {ratio} | {limit_text} | {share} |",
        case.name,
        case.requests[0].text.len() / 1_000,
        case.rules.len(),
        program.nodes(RouteId(0)),
        row.decide,
        row.allocations,
    );
}

fn table() {
    println!(
        "| rules | text | number | nodes | check + compile, ms | decide, ns | allocations | linear loop, ns | times | limit, ns | share |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let sizes = [10, 100, 1_000, 10_000];
    for count in sizes {
        line(&generators::aligned(count), true);
    }
    for count in sizes {
        line(&generators::interleaved(count), true);
    }
    for bytes in [4_000, 100_000] {
        for diverse in [false, true] {
            for count in sizes {
                line(&generators::mixed(count, diverse, bytes), count <= 1_000 || bytes < 10_000);
            }
        }
    }
    for count in [10, 100, 1_000] {
        line(&generators::adversarial(count), true);
    }
}

fn tracked(criterion: &mut Criterion) {
    let cases = [
        generators::aligned(1_000),
        generators::interleaved(1_000),
        generators::mixed(1_000, false, 4_000),
        generators::mixed(1_000, true, 4_000),
    ];
    for case in &cases {
        let program = Program::compile(&checked(&policy_text(&case.rules)));
        let mut scratch = Scratch::default();
        let facts = OnRequest(&case.requests[0]);
        criterion.bench_function(case.name, |bencher| {
            bencher.iter(|| black_box(program.decide(RouteId(0), black_box(&facts), &mut scratch)));
        });
    }
}

/// What checking costs: texts, types and the checks that read them; and all checks of `check`, with
/// the proofs about conditions.
fn check_cost() {
    println!("| rules | number | text and types, ms | with all checks, ms | compile, ms | findings |");
    println!("|---|---|---|---|---|---|");
    let milliseconds = |started: Instant| started.elapsed().as_secs_f64() * 1e3;
    for count in [100, 1_000, 3_000, 10_000] {
        let mut cases = vec![
            generators::aligned(count),
            generators::interleaved(count),
            generators::mixed(count, false, 1_000),
            generators::mixed(count, true, 1_000),
            generators::pairs(count, false),
            generators::pairs(count, true),
        ];
        // Each condition of these names three headers of its own; ten thousand are more text than fits.
        if count <= 3_000 {
            cases.push(generators::adversarial(count));
        }
        for case in cases {
            let mut sources = Sources::default();
            sources.add("bench.policy", policy_text(&case.rules));
            let started = Instant::now();
            let policy = dsl::load(&sources).policy.expect("a policy without errors");
            let load = milliseconds(started);
            let started = Instant::now();
            let checked = black_box(lint::check(&sources));
            let check = milliseconds(started);
            let started = Instant::now();
            black_box(Program::compile(&policy));
            let compile = milliseconds(started);
            let findings = checked.diagnostics.len();
            println!("| {} | {count} | {load:.0} | {check:.0} | {compile:.0} | {findings} |", case.name);
        }
    }
}

/// Rules of the explained policy.
const EXPLAINED_RULES: usize = 20;

/// An explanation of a request that no rule but the default takes: every condition is evaluated by
/// both evaluators, and everything that it saw is written down.
fn explanation() {
    let rules: Vec<Rule> = (0..EXPLAINED_RULES)
        .map(|index| match index % 4 {
            0 => Rule::Model(format!("model-{index}")),
            1 => Rule::Tokens(1_000_000 + i64::try_from(index).unwrap_or(0)),
            2 => Rule::Keyword(format!("keyword-{index}")),
            _ => Rule::BigUser(100, format!("user-{index}")),
        })
        .collect();
    let request = Request {
        model: "m".to_owned(),
        user: "ann".to_owned(),
        tokens: 900,
        text: "write a parser ".repeat(20).into(),
    };
    let engine = Engine::new(Arc::new(checked(&policy_text(&rules))));
    let (facts, world, seeds) = (OnRequest(&request), World::fresh(1), Seeds::fixed());
    let question = Question {
        facts: &facts,
        tenant: None,
        entry: None,
        world: &world,
        seeds: &seeds,
        is_given: &|_| true,
        written: &|_| Written::default(),
    };
    let once = nanoseconds(|| {
        black_box(explain(&engine, black_box(&facts), None, &world, &seeds).expect("both evaluators agree"));
    });
    let mut explainer = Explainer::new(&engine);
    let again = nanoseconds(|| {
        black_box(explainer.explain(black_box(&question)).expect("both evaluators agree"));
    });
    println!(
        "explain, {EXPLAINED_RULES} rules, none matches: {:.1} µs alone, {:.1} µs by an explainer that is kept",
        once / 1e3,
        again / 1e3
    );
}

criterion_group!(benches, tracked);

fn main() {
    let which = std::env::var("CCR_BENCH").unwrap_or_default();
    if which == "explain" {
        explanation();
        return;
    }
    if which == "check" {
        check_cost();
        return;
    }
    if which != "criterion" {
        table();
        explanation();
    }
    if which != "table" {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
