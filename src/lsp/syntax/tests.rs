//! The reader against the parser, and on every prefix of what the corpus holds.

#![expect(clippy::string_slice, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{Expect, Kind, Role, read};
use crate::diag::{SourceId, Sources};
use crate::dsl::ast::{Attempt, AttemptKind, Expected, Item, Set, Statement, Word};
use crate::dsl::parse::parse_file;

/// Policies of the repository and of the corpus.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut pending = vec![root.join("policies"), root.join("tests/corpus")];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "policy")
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push((path.display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

/// The names that the parser sees, with their places.
fn parsed(text: &str) -> Option<BTreeSet<(usize, String, Kind)>> {
    let mut sources = Sources::default();
    let id = sources.add("t", text);
    let mut findings = Vec::new();
    let file = parse_file(id, sources.get(SourceId(0)).unwrap(), &mut findings);
    if !findings.is_empty() {
        return None;
    }
    let mut out = BTreeSet::new();
    let mut name = |word: &Word, kind| {
        out.insert((word.span.range().start, word.text.clone(), kind));
    };
    for item in &file.items {
        match item {
            Item::Provider(block) => name(&block.name, Kind::Provider),
            Item::Model { block, on } => {
                name(&block.name, Kind::Member);
                name(on, Kind::Provider);
            }
            Item::Pool { name: own, members, .. } => {
                name(own, Kind::Member);
                members.iter().for_each(|word| name(word, Kind::Member));
            }
            Item::Tenant(block) => name(&block.name, Kind::Tenant),
            Item::Route(route) => {
                name(&route.name, Kind::Route);
                for statement in &route.statements {
                    match statement {
                        Statement::Let(own, _) => name(own, Kind::Let),
                        Statement::Rule(rule) => {
                            name(&rule.name, Kind::Rule);
                            rule.target.iter().for_each(|one| parsed_attempt(one, &mut name));
                        }
                    }
                }
            }
            Item::Test(test) => {
                test.on.iter().for_each(|on| name(on, Kind::Route));
                for case in &test.cases {
                    if let Expected::Models(words) = &case.expected {
                        words.iter().for_each(|word| name(word, Kind::Member));
                    }
                }
            }
            _ => {}
        }
    }
    Some(out)
}

fn parsed_attempt(attempt: &Attempt, name: &mut dyn FnMut(&Word, Kind)) {
    match &attempt.kind {
        AttemptKind::Name(word) => name(word, Kind::Member),
        AttemptKind::Choice { set, .. } => match set {
            Set::Tag(word) => name(word, Kind::Tag),
            Set::Names(words, _) => words.iter().for_each(|word| name(word, Kind::Member)),
            Set::Name(word) => name(word, Kind::Member),
        },
        AttemptKind::Split { arms, .. } => arms.iter().for_each(|(_, _, arm)| parsed_attempt(arm, name)),
        AttemptKind::Route(word) => name(word, Kind::Route),
        AttemptKind::Reject { .. } => {}
    }
}

#[test]
fn the_reader_sees_the_names_that_the_parser_sees() {
    let mut seen = 0;
    for (path, text) in texts() {
        let Some(expected) = parsed(&text) else { continue };
        let marks = read(&text).marks;
        let found: BTreeSet<(usize, String, Kind)> = marks
            .iter()
            .filter_map(|mark| match mark.role {
                Role::Declares(kind) | Role::Refers(kind) => {
                    Some((mark.range.start, text[mark.range.clone()].to_owned(), kind))
                }
                _ => None,
            })
            .collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
        seen += expected.len();
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn every_prefix_of_every_policy_is_read() {
    for (path, text) in texts() {
        if text.len() > 6_000 {
            continue;
        }
        for (at, _) in text.char_indices() {
            let syntax = read(&text[..at]);
            for mark in &syntax.marks {
                assert!(text.get(mark.range.clone()).is_some(), "{path} {at}: {mark:?}");
            }
        }
    }
}

#[test]
fn says_what_can_stand_at_the_end() {
    let check = |text: &str, wanted: &[&str]| {
        let found: Vec<String> = read(text).expected.iter().map(|expect| format!("{expect:?}")).collect();
        for part in wanted {
            assert!(found.iter().any(|shown| shown.contains(part)), "{text}\n{part} not in {found:?}");
        }
        assert!(!wanted.is_empty() || found.is_empty(), "{text}: {found:?}");
    };
    check("", &["Item"]);
    check("pool a = [b]\n", &["Item"]);
    check("model a on ", &["Name(Provider)"]);
    check("model a on p { ", &["Key(Model, [])"]);
    check("model a on p { context: 1k output: 2 ", &["Key(Model, [\"context\", \"output\"])"]);
    check("model a on p { can: [tools, ", &["Value(Capabilities)"]);
    check("route m { rule x when request.", &["Path(\"request\")"]);
    check("route m { rule x when request.text.", &["Method(Some(String))"]);
    check("route m { rule x when request.text ", &["Operator(Some(String))", "\"->\""]);
    check("route m { rule x when request.text == ", &["against: Some(RequestText)"]);
    check("route m { rule x when true -> ", &["Attempt"]);
    check("route m { rule x when true -> a ", &["\"then\"", "\"with\"", "Statement"]);
    check("route m { rule x when true -> cheapest ", &["\"of\""]);
    check("route m { rule x when true -> cheapest of ", &["Set"]);
    check("route m { rule x when true -> cheapest of tag(", &["Name(Tag)"]);
    check("route m { rule x when true -> best of tag(x) where model.", &["Path(\"model\")"]);
    check("test \"t\" on ", &["Name(Route)"]);
    check("test \"t\" { given { ", &["Fact(\"\", [])"]);
    check("test \"t\" { given { session: { ", &["Fact(\"session\", [])"]);
    check("test \"t\" { given { } -> a by ", &["RuleName(\"\")"]);
    check("test \"t\" { given { } -> a by b/", &["RuleName(\"b\")"]);
    assert_eq!(read("pool a = [b]").expected, [Expect::Item]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_edits_are_read(file: prop::sample::Index, cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[ -~\n写“：{}\\[\\]()\"']{0,4}"), 1..6)) {
        let all = texts();
        let (_, text) = file.get(&all);
        let mut text = text.clone();
        for (at, length, insert) in cuts {
            if text.is_empty() { break; }
            let start = text.floor_char_boundary(at.index(text.len()));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &insert);
        }
        for mark in read(&text).marks {
            prop_assert!(text.get(mark.range).is_some());
        }
    }
}
