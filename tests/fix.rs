//! `check --fix` keeps the meaning: whatever it changes, requests go where they went.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;

use ccr_policy::compile::Scratch;
use ccr_policy::diag::Sources;
use ccr_policy::dsl::policy::{Policy, RouteId};
use ccr_policy::dsl::{self};
use ccr_policy::engine::Engine;
use ccr_policy::lint;
use proptest::prelude::*;

/// A condition in every spelling that is better written otherwise.
fn condition() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["request.model", "request.effort", "request.text"]);
    let word = prop::sample::select(vec!["a", "b", "ab", "a.b", "$"]);
    let number = 0..4_u8;
    let operator = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        Just("request.stream".to_owned()),
        (text.clone(), word.clone()).prop_map(|(text, word)| format!("\"{word}\" == {text}")),
        (text.clone(), word.clone()).prop_map(|(text, word)| format!("{text} in [\"{word}\"]")),
        (text.clone(), word.clone(), word.clone())
            .prop_map(|(text, one, other)| format!("{text} == \"{one}\" || {text} == \"{other}\"")),
        (number, operator).prop_map(|(number, operator)| format!("{number} {operator} request.images")),
        (text, word, any::<(bool, bool)>()).prop_map(|(text, word, (start, end))| {
            let escaped = word.replace('.', "\\.").replace('$', "\\$");
            format!("{text}.matches(r\"{}{escaped}{}\")", if start { "^" } else { "" }, if end { "$" } else { "" })
        }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("!({one})")),
            inner.clone().prop_map(|one| format!("!!({one})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one}) && ({other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} || {other}")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, two, three)| format!("(({one}) ? ({two}) : ({three}))")),
        ]
    })
}

fn texts(condition: &str) -> Sources {
    let mut sources = Sources::default();
    let rule = format!("  rule r when {condition} -> m then n\n");
    sources.add("x.policy", format!("provider p {{ kind: mock }}\nmodel m on p {{}}\nmodel n on p {{}}\nroute main {{\n{rule}  default -> n then m\n}}\n"));
    sources
}

fn facts() -> Vec<String> {
    let mut all = Vec::new();
    for word in ["", "a", "b", "ab", "xab", "a.b", "axb", "$", "a$"] {
        for images in [0, 1, 3] {
            all.push(format!("{{ model: \"{word}\", text: \"{word}\", images: {images}, stream: {} }}", images == 1));
            all.push(format!("{{ effort: \"{word}\", text: \"a\", images: {images} }}"));
        }
    }
    all
}

fn decisions(policy: Policy, facts: &[String]) -> Vec<u32> {
    let engine = Engine::new(Arc::new(policy));
    let mut scratch = Scratch::default();
    let decide = |facts: &String| {
        let given = dsl::parse_facts(facts, engine.policy()).unwrap();
        engine.program().decide(RouteId(0), &given.facts, &mut scratch).rule
    };
    facts.iter().map(decide).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decisions_stay_the_same(condition in condition()) {
        let sources = texts(&condition);
        // As it was parsed: that a condition is always true is no matter here.
        let Some(before) = dsl::load(&sources).policy else { return Ok(()) };
        let mended = lint::mend(&sources);
        let after = dsl::load(&mended.sources).policy.unwrap();
        let text = &mended.sources.iter().next().unwrap().1.text;
        let facts = facts();
        prop_assert_eq!(decisions(before, &facts), decisions(after, &facts), "{} became\n{}", condition, text);
    }
}

/// Whatever `--fix` changes in the files that show the codes, it is proved that no request goes another
/// way after it; of a text that is looked for in another way (P0603), that none is found that does.
#[test]
fn mended_files_are_proved_to_be_the_same() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/bad");
    let mut compared = Vec::new();
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut sources = Sources::default();
        sources.add(name.as_str(), std::fs::read_to_string(&path).unwrap());
        let mended = lint::mend(&sources);
        let [before, after] = [&sources, &mended.sources].map(|sources| dsl::load(sources).policy);
        // A text that cannot be read has no meaning that could be kept.
        let (Some(before), Some(after), false) = (before, after, mended.done.is_empty()) else { continue };
        let [before, after] = [before, after].map(|policy| Engine::new(Arc::new(policy)));
        let difference = ccr_policy::prove::diff::diff(&before, &after);
        let same = difference.is_none() || name == "P0603" && difference.complete && difference.regions.is_empty();
        assert!(same, "{name}: {difference:?}");
        compared.push(name);
    }
    compared.sort();
    assert!(["P0309", "P0902", "P0905"].iter().all(|code| compared.iter().any(|name| name == code)), "{compared:?}");
}
