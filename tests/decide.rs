//! A warm decision allocates nothing, on the policies' own text.

use allocation_counter::measure;
use ccr_policy::compile::{Program, Scratch};
use ccr_policy::diag::Sources;
use ccr_policy::dsl::policy::RouteId;
use ccr_policy::facts::Var;
use ccr_policy::facts::given::{GivenFacts, Owned};
use ccr_policy::lint;

/// Every recognised kind of test, with few needles and with many, a split row and a pattern.
fn policy_text() -> String {
    let keywords: Vec<String> = (0..40)
        .map(|index| format!("  rule k{index} when request.history.contains(\"topic-{index};\") -> m\n"))
        .collect();
    format!(
        r#"
provider p {{ kind: mock }}
model m on p {{ }}
route main {{
  rule a when request.model in ["x", "y"] && request.tokens > 60000 -> m
  rule b when request.text.contains("代码") || request.text.startsWith("hi") -> m
  rule c when "Bash" in request.tools && !request.stream -> m
  rule d when request.text.matches(r"(?i)\b(refactor|migrate)\b") -> m
  rule e when request.header("x-team").endsWith("-beta") && request.header_int("x-n", 0) >= 3 -> m
  rule f when request.complexity > 0.5 && request.tools.size() > 2 && request.text.size() < 40 -> m
{}  default -> m
}}
"#,
        keywords.concat()
    )
}

fn facts(model: &str, text: &str, history: &str, tokens: i64) -> GivenFacts {
    let mut facts = GivenFacts::default();
    facts.set(Var::RequestModel, Owned::Str(model.to_owned()));
    facts.set(Var::RequestText, Owned::Str(text.to_owned()));
    facts.set(Var::RequestHistory, Owned::Str(history.to_owned()));
    facts.set(Var::RequestTokens, Owned::Int(tokens));
    facts.set(Var::RequestTools, Owned::List(vec!["Read".into(), "Edit".into(), "Grep".into()]));
    facts.set_header("x-team", "core");
    facts
}

#[test]
fn a_warm_decision_allocates_nothing() {
    let mut sources = Sources::default();
    sources.add("main.policy", policy_text());
    let loaded = lint::check(&sources);
    let policy = loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let program = Program::compile(&policy);
    let history = "nothing to see, topic-3;9x, ".repeat(200);
    let cases = [
        facts("x", "", "", 90_000),
        facts("q", "写代码", "", 10),
        facts("q", "please Refactor this", "", 10),
        facts("q", "nothing", &history, 10),
        facts("q", "nothing", "nothing", 10),
    ];
    let mut scratch = Scratch::default();
    let mut chosen = Vec::new();
    for facts in &cases {
        chosen.push(program.decide(RouteId(0), facts, &mut scratch).rule);
    }
    assert_eq!(chosen, [0, 1, 3, 6 + 3, 46], "every way through the tree is taken");
    let counted = measure(|| {
        for _ in 0..3 {
            for facts in &cases {
                let _ = program.decide(RouteId(0), facts, &mut scratch);
            }
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    assert!(measure(|| drop(String::from("counted"))).count_total > 0, "the counter counts");
}
