//! Every policy of the repository, and every one that the pages show, is clean, served by this
//! version, and passes its own tests.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccr_policy::diag::{Sources, render};
use ccr_policy::dsl::policy::Policy;
use ccr_policy::engine::Engine;
use ccr_policy::{engine, files, lint};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Loads without a single finding, or prints them all.
fn clean(sources: &Sources) -> Policy {
    let loaded = lint::check(sources);
    assert!(loaded.diagnostics.is_empty(), "\n{}", render::human(&loaded.diagnostics, sources, false));
    loaded.policy.expect("no findings and no policy")
}

fn passes_its_tests(policy: Policy, sources: &Sources) {
    assert!(!policy.tests.is_empty(), "a policy of this repository has tests");
    let report = engine::cases::run(&Engine::new(Arc::new(policy)));
    assert_eq!(report.failed(), 0, "\n{}", report.text(sources, false));
}

/// The fenced blocks of a page that are marked with this word.
fn blocks(page: &str, word: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let fence = format!("```{word}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_policy_is_clean_and_passes_its_tests() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("policies")).unwrap() {
        let sources = files::read(&entry.unwrap().path()).unwrap();
        passes_its_tests(clean(&sources), &sources);
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} policies");
}

/// Its texts are as `fmt` writes them.
fn is_laid_out(name: &str, text: &str) {
    let laid_out = ccr_policy::dsl::format::format(name, text).unwrap();
    assert!(laid_out == text, "`ccr-policy fmt` would change {name}:\n{laid_out}");
}

#[test]
fn every_policy_is_formatted() {
    for entry in fs::read_dir(root().join("policies")).unwrap() {
        for (_, source) in files::read(&entry.unwrap().path()).unwrap().iter() {
            is_laid_out(&source.name, &source.text);
        }
    }
    for (_, source) in files::read(&root().join("tests/corpus/good")).unwrap().iter() {
        is_laid_out(&source.name, &source.text);
    }
}

#[test]
fn the_policies_of_the_pages_are_formatted() {
    for page in ["README.md", "docs/language.md", "docs/formatting.md"] {
        for block in blocks(page, "policy") {
            is_laid_out(page, &block);
        }
    }
}

#[test]
fn the_picture_in_the_readme_is_a_policy() {
    let pictures = blocks("README.md", "policy");
    assert_eq!(pictures.len(), 1);
    let mut sources = Sources::default();
    sources.add("README.md", pictures.concat());
    passes_its_tests(clean(&sources), &sources);
}

#[test]
fn the_page_on_formatting_shows_a_policy_that_passes() {
    let mut sources = Sources::default();
    sources.add("docs/formatting.md", blocks("docs/formatting.md", "policy").concat());
    passes_its_tests(clean(&sources), &sources);
}

#[test]
fn the_language_page_shows_policies_that_load() {
    // Its parts are pieces of one policy.
    let mut text = blocks("docs/language.md", "policy").concat();
    for part in ["policy-route", "policy-part"] {
        text.push_str(&blocks("docs/language.md", part).concat());
    }
    let text = text.replace("route main {\n  default -> cheapest of tag(coding)\n}\n", "");
    let mut sources = Sources::default();
    sources.add("docs/language.md", text + "model eyes on ark { can: [vision] }\nmodel mini on ark { price: { input: 1, output: 1 } }\nmodel long on ark {}\nroute china { default -> coder }\n");
    passes_its_tests(clean(&sources), &sources);
}
