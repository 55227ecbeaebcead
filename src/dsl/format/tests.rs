//! Layouts, a text and what it becomes; comments at every place; random blanks.

#![expect(clippy::string_slice, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::tokens::{Step, comments, steps};
use super::{FormatError, format, format_checked};
use crate::bounds::FORMAT_COLUMNS;
use crate::dsl::parse::{Rule, Shape, parse_shape};

#[track_caller]
fn becomes(text: &str, expected: &str) {
    match format_checked("x.policy", text) {
        Ok(found) => {
            assert_eq!(found, expected, "\n{found}\n");
            assert_eq!(format_checked("x.policy", &found).as_deref(), Ok(expected), "twice");
        }
        Err(error) => panic!("{text}\n{error:?}"),
    }
}

/// A text that is laid out already.
#[track_caller]
fn stays(text: &str) {
    becomes(text, text);
}

#[test]
fn items() {
    becomes("provider   east{kind:mock}", "provider east { kind: mock }\n");
    becomes("provider a { kind: mock, base: \"x\" }", "provider a {\n  kind: mock\n  base: \"x\"\n}\n");
    becomes("defaults{\n\n}", "defaults {}\n");
    becomes("pool  a=[b ,c,]", "pool a = [b, c]\n");
    becomes(
        "model m on p { price:{input:1,\n output:2,} tags :[ a,b ] key: env( \"X\" )}",
        "model m on p {\n  price: { input: 1, output: 2 }\n  tags: [a, b]\n  key: env(\"X\")\n}\n",
    );
    becomes(
        "invariant \"i\"{when a>0 require\n\"x\" in model.can}",
        "invariant \"i\" {\n  when a > 0\n  require \"x\" in model.can\n}\n",
    );
    becomes(
        "alert a { when model.error_rate>0.1 after:5m }",
        "alert a {\n  when model.error_rate > 0.1\n  after: 5m\n}\n",
    );
    becomes("test \"t\"on main{}", "test \"t\" on main {}\n");
    becomes("route r{default->m}", "route r {\n  default -> m\n}\n");
    becomes("", "");
    becomes("\n\n// only this\n\n\n", "// only this\n");
    becomes("defaults {}\n\n\n\ndefaults {}\ndefaults {}", "defaults {}\n\ndefaults {}\ndefaults {}\n");
}

#[test]
fn spellings_stay() {
    stays("a: 1.50\n");
    stays("limit: 600/min\n");
    stays("budget: $900/month\n");
    stays("mirror: 5% to mini\n");
    stays("hedge: after p95\n");
    stays("hedge: after 2s\n");
    stays("x: 'single' + \"\"\"a\n   b // no comment\n\"\"\"\n");
    stays("matches(r\"\\s+\", 0x1F, -1, .5, 1e3)\n");
    stays("quality: -1\n");
    becomes("a: r 'k': 2", "a: r\n'k': 2\n");
    becomes("a: tags, in-x: 5", "a: tags,\nin-x: 5\n");
    becomes("limit: tenant .id", "limit: tenant.id\n");
}

#[test]
fn expressions() {
    becomes("a==b&&! c||-d", "a == b && !c || -d\n");
    becomes("( a )\n.b( c,d ) [ 0 ]", "(a).b(c, d)[0]\n");
    becomes("a?b:c", "a ? b : c\n");
    becomes("{ \"a\":1, 'b' : [ ] }", "{ \"a\": 1, 'b': [] }\n");
    becomes("request.tools.exists(t,t.startsWith(\"x\",))", "request.tools.exists(t, t.startsWith(\"x\"))\n");
    becomes("model . price - 1", "model.price - 1\n");
}

const LONG: &str = "request.text.contains(\"a needle in the text\")";

#[test]
fn long_conditions_break_before_their_loosest_operators() {
    becomes(
        &format!("let x={LONG}&&request.stream||{LONG}"),
        &format!("let x = {LONG} && request.stream\n  || {LONG}\n"),
    );
    becomes(
        &format!("rule a when {LONG}||{LONG}&&{LONG} && {LONG}->m"),
        &format!("rule a when {LONG}\n  || {LONG}\n    && {LONG}\n    && {LONG}\n  -> m\n"),
    );
    becomes(&format!("request.stream ? {LONG} : {LONG}"), &format!("request.stream\n  ? {LONG}\n  : {LONG}\n"));
    becomes(
        &format!("({LONG} || {LONG} || b) && request.stream"),
        &format!("(\n  {LONG}\n    || {LONG}\n    || b\n)\n  && request.stream\n"),
    );
    let names = (0..12).map(|number| format!("\"model-{number:03}\"")).collect::<Vec<_>>();
    becomes(
        &format!("rule a when request.model in [{}] -> m", names.join(",")),
        &format!("rule a when request.model in [\n  {},\n] -> m\n", names.join(",\n  ")),
    );
}

#[test]
fn long_targets_break_before_then() {
    let condition = "request.task == \"simple_qa\" || request.complexity < 0.2";
    becomes(
        &format!("rule quick when {condition} -> cheapest of tag(small) then gpt-mini with {{ cache: 1h }}"),
        &format!("rule quick when {condition}\n  -> cheapest of tag(small) then gpt-mini with {{ cache: 1h }}\n"),
    );
    let wide = "cheapest of [alpha, beta, gamma] where model.context > request.tokens";
    becomes(
        &format!("rule quick when request.stream -> {wide} then {wide} with {{ cache: 1h }}"),
        &format!("rule quick when request.stream\n  -> {wide}\n    then {wide}\n    with {{ cache: 1h }}\n"),
    );
    becomes(&format!("default -> {wide} then {wide}"), &format!("default -> {wide}\n  then {wide}\n"));
    becomes(
        "default->split{90% alpha ,10% beta}by user . id then reject 503 'no'",
        "default -> split { 90% alpha, 10% beta } by user.id then reject 503 'no'\n",
    );
    let arm = "a-model-with-a-rather-long-name-indeed";
    becomes(
        &format!("rule beta when request.stream -> split {{ 50% {arm} 30% {arm} 20% {arm} }} by user.id"),
        &format!(
            "rule beta when request.stream\n  -> split {{\n    50% {arm},\n    30% {arm},\n    20% {arm},\n  }} by user.id\n"
        ),
    );
    becomes("rule a when b -> route  c", "rule a when b -> route c\n");
}

#[test]
fn targets_alone() {
    becomes("a   then b", "a then b\n");
    becomes(
        "cheapest of[a ,b] where model.context>9 then reject 503 'no'",
        "cheapest of [a, b] where model.context > 9 then reject 503 'no'\n",
    );
    becomes("split{50% a,50% b}by user . id with{cache:1h}", "split { 50% a, 50% b } by user.id with { cache: 1h }\n");
    becomes("route  c", "route c\n");
    becomes("reject 503", "reject 503\n");
    becomes("// first\na then b // why\n", "// first\na then b // why\n");
}

#[test]
fn cases() {
    becomes(
        "given{images:2}state{ mini:{healthy:false} }->a then b by c/default",
        "given { images: 2 } state { mini: { healthy: false } } -> a then b by c/default\n",
    );
    let text = "a rather long message of a user who asks for something that takes a line";
    becomes(
        &format!("given {{ text: \"{text}\" }} -> one then two by default"),
        &format!("given {{ text: \"{text}\" }}\n  -> one then two by default\n"),
    );
    becomes(
        &format!("given {{ text: \"{text}\", history: \"{text}\" }} -> one then two by default"),
        &format!("given {{\n  text: \"{text}\",\n  history: \"{text}\",\n}} -> one then two by default\n"),
    );
    becomes("given {} -> reject 403 by r\ngiven{}->m", "given {} -> reject 403 by r\ngiven {} -> m\n");
}

#[test]
fn chinese_characters_count_two() {
    // Exactly 100 columns, then one character more.
    let fits = "字".repeat(36);
    stays(&format!("given {{ text: \"{fits}\" }} -> m by r\n"));
    becomes(
        &format!("given {{ text: \"{fits}字\" }} -> m by r"),
        &format!("given {{ text: \"{fits}字\" }}\n  -> m by r\n"),
    );
}

#[test]
fn comments_stay_where_they_stood() {
    stays(
        "// head\n\nprovider a { // opens\n  // first\n  kind: mock // a\n\n  // second\n  base: \"x\"\n  // last\n} // behind\n// end\n",
    );
    becomes(
        "route r {\n  default -> a // why a\n   then b // why b\n}",
        "route r {\n  default -> a // why a\n    then b // why b\n}\n",
    );
    becomes("tags: [ a // one\n, b // two\n]", "tags: [\n  a, // one\n  b, // two\n]\n");
    becomes("pool p = [\n// none\n]", "pool p = [\n  // none\n]\n");
    becomes("a: 1 // x   \r\n", "a: 1 // x\n");
    becomes("rule // odd\n a when b -> c", "rule // odd\n  a when b -> c\n");
    becomes("let x = a // one\n  && // two\n b", "let x = a // one\n  && // two\n    b\n");
}

#[test]
fn line_ends_and_byte_order_marks() {
    becomes(
        "\u{FEFF}defaults {\r\n\r\n  cache: off\r\n\r\n\r\n  timeout: 3s\r\n}\r\n",
        "defaults {\n  cache: off\n\n  timeout: 3s\n}\n",
    );
    // The inside of a string is the author's, whatever its line ends.
    stays("x: \"\"\"a\r\nb\"\"\"\n");
    // Nothing but the end of the file behind a comment.
    becomes("// x", "// x\n");
}

#[test]
fn what_does_not_parse_is_left_alone() {
    for (text, words) in [
        ("provider a { kind mock }", "cannot stand here"),
        ("rule a when b and c -> m", "`and` is not an operator"),
        ("a: 128kb", "128kb"),
        ("a == \"x", "never closed"),
        ("given { } -> ", ""),
        ("a，b", "not punctuation"),
        ("widget a {}", ""),
        ("a: \"\\q\"", "not an escape"),
    ] {
        let findings = format("x.policy", text).unwrap_err();
        assert!(!findings.is_empty(), "{text}");
        assert!(findings.iter().any(|finding| finding.message.contains(words)), "{text}: {findings:#?}");
    }
    let large = "// x\n".repeat(crate::bounds::MAX_FILE_BYTES / 5 + 1);
    assert!(
        matches!(format_checked("big", &large), Err(FormatError::Syntax(found)) if found[0].message.contains("`big`"))
    );
}

// --- every policy of the repository

fn policies() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pending = vec![root.join("policies"), root.join("tests/corpus/good")];
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "policy") {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    assert!(found.len() >= 8, "only {} policies", found.len());
    found
}

/// A text with something of every construct.
const EVERYTHING: &str = r#"
transform t { set: { a: 1 } }
alert slow { when model.latency_p95_ms > 9000 && model.headroom < 0.1 after: 5m }
pool p = [a, b]
tenant x { keys: [env("K")] limit: 60/min, budget: $5/month }
route main {
  deadline: 30s
  let y = request.tools.exists(t, t in ["a", 'b']) ? [1, 2][0] : {"k": -1}["k"]
  rule a when !(request.tokens - 1 > 2 * 3) && "x" in tenant.tags -> best of [a, b] where model.context > 0 then reject 429 "no" with { cache: 1m, retry: 2 }
  rule b when request.stream -> split { 90% a 10% cheapest of tag(q) } by user.id then route other
  default -> a
}
invariant "i" { when request.images > 0 require "vision" in model.can }
test "t" on main { given { text: "x", session: { turns: 1 } } state { a: { healthy: false } } -> a then b by other/default given {} -> reject 429 }
"#;

fn texts() -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> =
        policies().into_iter().map(|(path, text)| (path.display().to_string(), text)).collect();
    texts.push(("everything".to_owned(), EVERYTHING.to_owned()));
    texts
}

fn steps_of(text: &str, shape: Shape) -> Vec<Step<'_>> {
    let mut findings = Vec::new();
    let pieces = parse_shape(text, shape, &mut findings);
    assert!(findings.is_empty(), "{text}\n{findings:#?}");
    steps(text, &pieces)
}

/// The ends of all tokens, commas too: where a blank or a comment may stand.
fn boundaries(text: &str, shape: Shape) -> Vec<usize> {
    let mut places: Vec<usize> = vec![0, text.len()];
    let base = text.as_ptr() as usize;
    for step in steps_of(text, shape) {
        if let Step::Token(token) = step {
            let start = token.as_ptr() as usize - base;
            places.extend([start, start + token.len()]);
        }
    }
    places.extend(crate::dsl::lex::Lexer::new(text, 0).filter(|token| token.text(text) == ",").map(|token| token.end));
    places.sort_unstable();
    places.dedup();
    places
}

/// A path that is a value is one word, and nothing may stand inside.
fn is_inside_a_word(text: &str, place: usize) -> bool {
    crate::dsl::lex::Lexer::new(text, 0).any(|token| token.start < place && place < token.end)
}

/// The items of all policies and the statements, cases and fields of the longer ones, so that what
/// is tried at every place is tried on short texts.
fn short_texts() -> Vec<(String, String, Shape)> {
    const SHORT: usize = 250;
    let mut found = Vec::new();
    for (name, text) in texts() {
        for (base, item) in parse_shape(&text, Shape::File, &mut Vec::new()) {
            if item.as_str().len() <= SHORT {
                found.push((format!("{name}:{base}"), item.as_str().to_owned(), Shape::File));
                continue;
            }
            for part in item.into_inner().flatten() {
                let shape = match part.as_rule() {
                    Rule::let_stmt | Rule::rule_stmt | Rule::default_rule => Shape::Statements,
                    Rule::case => Shape::Cases,
                    Rule::field => Shape::Fields,
                    _ => continue,
                };
                found.push((format!("{name}:{base}"), part.as_str().to_owned(), shape));
            }
        }
    }
    // Many are alike but for their names: those of one length are tried once.
    found.sort_by_key(|(_, text, _)| text.len());
    found.dedup_by_key(|(_, text, shape)| (text.len(), *shape));
    found
}

#[test]
fn comments_at_every_place_survive() {
    for (name, text, shape) in short_texts() {
        let before = comments(&text).len();
        for place in boundaries(&text, shape).into_iter().filter(|place| !is_inside_a_word(&text, *place)) {
            for comment in ["\n// c1\n", " // c1\n\n// c2\n"] {
                let (head, tail) = text.split_at(place);
                let commented = format!("{head}{comment}{tail}");
                let shown = || format!("{name}: {comment:?} behind {head}");
                let once = format_checked(&name, &commented).unwrap_or_else(|error| panic!("{}: {error:?}", shown()));
                assert_eq!(comments(&once).len(), before + comment.matches("//").count(), "{}\n{once}", shown());
                assert_eq!(steps_of(&commented, shape), steps_of(&once, shape), "{}", shown());
                assert_eq!(format_checked(&name, &once).as_deref(), Ok(once.as_str()), "twice: {}", shown());
            }
        }
    }
}

#[test]
fn comments_at_all_places_at_once_survive() {
    for (name, text) in texts() {
        for comment in [" // c\n", "\n// c\n", "\n\n// c\n\n// d\n\n"] {
            let mut commented = String::new();
            let mut from = 0;
            for place in boundaries(&text, Shape::File).into_iter().filter(|place| !is_inside_a_word(&text, *place)) {
                commented.push_str(&text[from..place]);
                commented.push_str(comment);
                from = place;
            }
            let once = format_checked(&name, &commented).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(comments(&once).len(), comments(&commented).len(), "{name}");
            assert_eq!(format_checked(&name, &once).as_deref(), Ok(once.as_str()), "{name} twice");
        }
    }
}

/// Lines are only wider than they may be where nothing can be broken.
#[test]
fn lines_fit_where_they_can() {
    for (name, text) in texts() {
        for line in format_checked(&name, &text).unwrap().lines() {
            let code = line.split("//").next().unwrap_or(line).trim_end();
            let word = code.split(' ').map(|word| word.width()).max().unwrap_or(0);
            assert!(code.width() <= FORMAT_COLUMNS || code.contains('"') && word > 20, "{name}: {line}");
        }
    }
}

#[test]
fn no_prefix_of_a_file_fails_otherwise_than_by_findings() {
    let few = texts().into_iter().map(|(name, text)| (name, text, 211));
    for (name, text, step) in short_texts().into_iter().map(|(name, text, _)| (name, text, 3)).chain(few) {
        for end in (0..text.len()).step_by(step).filter(|end| text.is_char_boundary(*end)) {
            match format_checked(&name, &text[..end]) {
                Ok(once) => assert_eq!(format_checked(&name, &once).as_deref(), Ok(once.as_str()), "{}", &text[..end]),
                Err(FormatError::Syntax(findings)) => assert!(!findings.is_empty(), "{}", &text[..end]),
                Err(error) => panic!("{error}: {}", &text[..end]),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The layout of the text that comes in does not matter, but for empty lines and comments.
    #[test]
    fn the_result_does_not_depend_on_blanks(choice in any::<prop::sample::Index>(), seed in prop::collection::vec(0_usize..5, 400)) {
        let texts = texts();
        let (name, text) = &texts[choice.index(texts.len())];
        let expected = format_checked(name, text).unwrap();
        let base = text.as_ptr() as usize;
        let mut mutilated = String::new();
        let mut from = 0;
        let mut number = 0;
        for step in steps_of(text, Shape::File) {
            let Step::Token(token) = step else { continue };
            let start = token.as_ptr() as usize - base;
            let gap = &text[from..start];
            let blank = [" ", "\n", "  \t", "\n   ", " \r\n "][seed[number % seed.len()]];
            number += 1;
            let empty_lines = gap.matches('\n').count() > 1;
            if gap.contains("//") || gap.contains(',') || empty_lines || is_inside_a_word(text, start) {
                mutilated.push_str(gap);
            } else {
                mutilated.push_str(blank);
            }
            mutilated.push_str(token);
            from = start + token.len();
        }
        mutilated.push_str(&text[from..]);
        let found = format_checked(name, &mutilated);
        prop_assert_eq!(found.as_deref(), Ok(expected.as_str()), "{}", mutilated);
    }
}
