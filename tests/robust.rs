//! Whatever a policy holds, reading it ends with a policy or with findings, never with a panic.

#![allow(clippy::unwrap_used, clippy::string_slice, reason = "test helpers")]

use std::fmt::Write as _;
use std::path::Path;

use ccr_policy::bounds::MAX_ROUTE_RULES;
use ccr_policy::diag::{Severity, Sources, render};
use ccr_policy::{dsl, lint};
use proptest::prelude::*;

/// Loads, renders in every format, and checks what always holds.
fn load(text: &str) -> lint::Checked {
    let mut sources = Sources::default();
    sources.add("x.policy", text);
    let loaded = lint::check(&sources);
    let errors = loaded.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(loaded.policy.is_none(), errors, "a policy exists exactly when nothing is an error");
    for finding in &loaded.diagnostics {
        for label in finding.primary.iter().chain(&finding.secondary) {
            assert!(text.get(label.span.range()).is_some(), "{finding:?}");
        }
    }
    if loaded.diagnostics.len() < 200 {
        let _ = render::human(&loaded.diagnostics, &sources, true);
    }
    let _ = render::concise(&loaded.diagnostics, &sources);
    let _ = render::json(&loaded.diagnostics, &sources);
    loaded
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good/one-screen.policy");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_prefix_ends_well() {
    let text = example();
    for (end, _) in text.char_indices() {
        load(&text[..end]);
    }
}

#[test]
fn every_cut_ends_well() {
    let text = example();
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    for pair in places.windows(8).step_by(3) {
        load(&format!("{}{}", &text[..pair[0]], &text[pair[7]..]));
    }
}

/// Words and signs of the language, to be thrown together.
const PIECES: &[&str] = &[
    "route main {",
    "}",
    "{",
    "(",
    ")",
    "[",
    "]",
    "rule a when",
    "default ->",
    "let x =",
    "->",
    "then",
    "with",
    "split {",
    "90%",
    "by",
    "tag(a)",
    "cheapest of",
    "where",
    "reject 403",
    "route",
    "model m on p {",
    "provider p {",
    "kind: mock",
    "test \"t\" on main {",
    "given {",
    "state",
    "\"",
    "'",
    "\"\"\"",
    "r\"",
    "\\",
    "//",
    "\n",
    "，",
    "“",
    "”",
    "128kb",
    "1h30m",
    "$5k",
    "5%",
    "request.text",
    "request.tools[0]",
    ".exists(x, x",
    "== \"a\"",
    "&&",
    "||",
    "!",
    "-",
    "in",
    "? 1 : 2",
    "and",
    "=",
    ";",
    "0x",
    "1e400",
    "9999999999999999999",
    "b\"a\"",
    "env(\"A\")",
    "to",
    "after 2s",
    "key:",
    "\u{feff}",
    "\u{202e}",
    "\r\n",
    "// ccr: allow P0108 because x",
    "代码",
    "invariant \"i\" { when",
    "require",
    "pool q = [m]",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends_well(text in "\\PC{0,300}") {
        load(&text);
    }

    #[test]
    fn any_pieces_end_well(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        load(&pieces.join(" "));
        load(&pieces.concat());
    }

    #[test]
    fn mutated_policies_end_well(
        edits in prop::collection::vec((0usize..4000, 0usize..6, prop::sample::select(PIECES)), 1..6),
    ) {
        let mut text = example();
        for (at, length, piece) in edits {
            let start = text.floor_char_boundary(at % text.len());
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, piece);
        }
        load(&text);
    }

    #[test]
    fn any_facts_end_well(text in "\\PC{0,120}") {
        let mut sources = Sources::default();
        sources.add("x", example());
        let policy = lint::check(&sources).policy.unwrap();
        let _ = dsl::parse_facts(&text, &policy);
        let _ = dsl::parse_state(&text, &policy);
    }
}

fn long_route(rules: usize) -> String {
    let mut text = "provider p { kind: mock }\nmodel m on p {}\nroute main {\n".to_owned();
    for rule in 0..rules {
        writeln!(text, "  rule r{rule} when request.text.contains(\"kw{rule:05}\") && request.tokens > {rule} -> m")
            .unwrap();
    }
    text.push_str("  default -> m\n}\n");
    text
}

#[test]
fn a_route_of_ten_thousand_rules_loads() {
    let loaded = load(&long_route(MAX_ROUTE_RULES - 1));
    assert_eq!(loaded.policy.unwrap().routes[0].rules.len(), MAX_ROUTE_RULES);
}

#[test]
fn a_longer_route_is_refused() {
    let loaded = load(&long_route(MAX_ROUTE_RULES));
    assert_eq!(loaded.diagnostics.iter().filter(|finding| finding.code.as_str() == "P0004").count(), 1);
}

#[test]
fn ten_thousand_broken_rules_are_all_reported() {
    let loaded = load(&long_route(9_000).replace("&&", "and"));
    assert_eq!(loaded.diagnostics.iter().filter(|finding| finding.code.as_str() == "P0005").count(), 9_000);
}

#[test]
fn hostile_shapes_end_well() {
    let shapes = [
        "(".repeat(20_000),
        "[".repeat(60) + &"1,".repeat(20_000),
        "route main { rule a when ".to_owned() + &"!".repeat(20_000) + "x -> m }",
        "route main { rule a when ".to_owned() + &"a.".repeat(20_000) + "b -> m }",
        "route main { rule a when ".to_owned() + &"a ? b : ".repeat(10_000) + "c -> m }",
        "route main { rule a when ".to_owned() + &"1 + ".repeat(10_000) + "1 -> m }",
        "route main { rule a when ".to_owned() + &"{".repeat(64) + " -> m }",
        "route main { default -> ".to_owned() + &"split { 100% ".repeat(60) + "m" + &"}".repeat(60) + " }",
        "route a {".repeat(5_000),
        "\"".repeat(10_001),
        "，".repeat(10_000),
        "pool p = [".to_owned() + &"m, ".repeat(10_000) + "]",
        "given ".repeat(10_000),
        "route main {".to_owned() + &" default".repeat(10_000),
        "route main {".to_owned() + &"\nx:".repeat(10_000),
    ];
    for shape in shapes {
        let loaded = load(&shape);
        assert!(loaded.policy.is_none());
    }
}
