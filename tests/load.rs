//! Policies as a whole: what is accepted, what is said about what is not, and that every code has
//! a page and an example.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers")]

use std::path::{Path, PathBuf};

use ccr_policy::diag::codes::REGISTRY;
use ccr_policy::diag::{Severity, Sources, pages, render};
use ccr_policy::lint::{self, Checked};

/// Codes that no small file can show, and the test that shows them.
const WITHOUT_FILE: &[(&str, &str)] = &[
    ("P0004", "tests/robust.rs"),
    ("P0313", "src/lint/logic/tests.rs"),
    ("P0314", "src/lint/logic/tests.rs"),
    ("P0604", "src/lint/tests.rs"),
    ("P0701", "src/dsl/tests/facts.rs"),
    ("P0705", "src/lint/tests.rs"),
];

/// Whether a code is shown by another test than the corpus.
fn without_file(code: &str) -> bool {
    WITHOUT_FILE.iter().any(|(known, _)| *known == code)
}

#[test]
fn codes_without_a_file_are_shown_by_another_test() {
    for (code, test) in WITHOUT_FILE {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(test)).unwrap();
        assert!(text.contains(code), "{test} does not show {code}");
    }
}

fn corpus(folder: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "policy"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn load(path: &Path) -> (Checked, Sources) {
    let mut sources = Sources::default();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    sources.add(name, std::fs::read_to_string(path).unwrap());
    (lint::check(&sources), sources)
}

fn code_of(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().chars().take(5).collect()
}

#[test]
fn good_policies_load() {
    for path in corpus("good") {
        let (loaded, sources) = load(&path);
        let shown = render::human(&loaded.diagnostics, &sources, false);
        assert!(loaded.policy.is_some(), "{}\n{shown}", path.display());
        let served = loaded.diagnostics.iter().all(|finding| finding.code.as_str() == "P0708");
        assert!(served, "{}\n{shown}", path.display());
    }
}

#[test]
fn bad_policies_are_explained() {
    for path in corpus("bad") {
        let (loaded, sources) = load(&path);
        let code = code_of(&path);
        let shown = render::human(&loaded.diagnostics, &sources, false);
        assert!(loaded.diagnostics.iter().any(|finding| finding.code.as_str() == code), "{code}\n{shown}");
        insta::assert_snapshot!(code, shown);
    }
}

/// The findings of a SARIF log; its rules are the pages, which have tests of their own.
fn sarif_results(findings: &[ccr_policy::diag::Diagnostic], sources: &Sources) -> String {
    let log: serde_json::Value = serde_json::from_str(&render::sarif(findings, sources)).unwrap();
    serde_json::to_string_pretty(log.pointer("/runs/0/results").unwrap()).unwrap()
}

/// How findings become text.
type Renderer = fn(&[ccr_policy::diag::Diagnostic], &Sources) -> String;

/// Every finding of the corpus in the formats for programs.
#[test]
fn findings_have_one_look_in_every_format() {
    let formats: [(&str, Renderer); 4] =
        [("concise", render::concise), ("github", render::github), ("json", render::json), ("sarif", sarif_results)];
    for (format, renderer) in formats {
        let shown: Vec<String> = corpus("bad")
            .iter()
            .map(|path| {
                let (loaded, sources) = load(path);
                renderer(&loaded.diagnostics, &sources)
            })
            .collect();
        insta::assert_snapshot!(format!("all-{format}"), shown.join("\n"));
    }
}

#[test]
fn mended_policies_are_clean() {
    for path in corpus("mended") {
        let (loaded, sources) = load(&path);
        let code = code_of(&path);
        let wrong = |finding: &ccr_policy::diag::Diagnostic| {
            finding.severity == Severity::Error || finding.code.as_str() == code
        };
        let shown = render::human(&loaded.diagnostics, &sources, false);
        assert!(!loaded.diagnostics.iter().any(wrong), "{}\n{shown}", path.display());
    }
}

#[test]
fn every_code_has_a_page_and_examples() {
    for entry in REGISTRY {
        let code = entry.code.as_str();
        let page = pages::page(&code.to_lowercase()).unwrap();
        assert!(page.starts_with(&format!("# {code}: ")), "{page}");
        assert!(page.contains(entry.title) && page.contains("Bad:") && page.contains("Good:"), "{code}");
        for folder in ["bad", "mended"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{folder}/{code}.policy"));
            assert!(file.exists() || without_file(code), "no {}", file.display());
        }
    }
}

/// The examples of the pages are those of the corpus.
#[test]
fn pages_show_what_the_corpus_tests() {
    for entry in REGISTRY {
        let code = entry.code.as_str();
        if without_file(code) {
            continue;
        }
        let blocks: Vec<&str> = entry.page.split("```").skip(1).step_by(2).collect();
        for (folder, block) in ["bad", "mended"].into_iter().zip(blocks) {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{folder}/{code}.policy"));
            let text = std::fs::read_to_string(file).unwrap();
            for line in block.trim().lines() {
                assert!(text.lines().any(|other| other.trim() == line.trim()), "{code} {folder}: {line}");
            }
        }
    }
}
