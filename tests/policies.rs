//! The cookbook: every policy of the repository, and every one that the pages show, is clean,
//! formatted, served by this version (but for a list that has to shrink), and passes its own tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccr_policy::diag::{Code, Diagnostic, Sources, render};
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

/// Policies of the cookbook that need what this version checks and does not carry out yet. A policy
/// leaves this list when that is served; none comes in without a reason in its first comment.
const NOT_SERVED: &[&str] = &["budgets"];

/// The directories of the cookbook, by name.
fn cookbook() -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(root().join("policies"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    assert!(found.len() >= 14, "only {} policies", found.len());
    found
}

#[test]
fn every_policy_is_clean_and_passes_its_tests() {
    for (name, path) in cookbook() {
        let sources = files::read(&path).unwrap();
        let checked = lint::check(&sources);
        let wrong: Vec<Diagnostic> =
            checked.diagnostics.iter().filter(|finding| finding.code != Code::P0708).cloned().collect();
        assert!(wrong.is_empty(), "\n{}", render::human(&wrong, &sources, false));
        let unserved = checked.diagnostics.iter().any(|finding| finding.code == Code::P0708);
        assert_eq!(unserved, NOT_SERVED.contains(&name.as_str()), "{name}: is it served, and is it on the list?");
        passes_its_tests(checked.policy.expect("no errors and no policy"), &sources);
    }
}

#[test]
fn every_rule_of_the_cookbook_is_tested() {
    for (name, path) in cookbook() {
        let sources = files::read(&path).unwrap();
        let policy = lint::check(&sources).policy.unwrap();
        let mut decided: Vec<String> =
            policy.tests.iter().flat_map(|test| &test.cases).map(|case| case.by.join("/")).collect();
        decided.sort();
        decided.dedup();
        for route in &policy.routes {
            for rule in &route.rules {
                // A rule that only leads to another route decides nothing itself.
                let leads_on = rule
                    .attempts
                    .iter()
                    .all(|attempt| matches!(attempt.kind, ccr_policy::dsl::policy::AttemptKind::Route(_)));
                let named = [rule.name.clone(), format!("{}/{}", route.name, rule.name)];
                assert!(
                    leads_on || named.iter().any(|known| decided.contains(known)),
                    "{name}: no test reaches {}",
                    named[1]
                );
            }
        }
    }
}

/// The comment at the top of a policy: its first paragraph, and the lines of a shell below it.
fn first_comment(text: &str) -> (String, Vec<String>) {
    let lines: Vec<&str> =
        text.lines().take_while(|line| line.starts_with("//")).map(|line| line[2..].trim_end()).collect();
    let paragraph: Vec<&str> = lines.iter().take_while(|line| !line.is_empty()).map(|line| line.trim()).collect();
    let shell =
        lines.iter().skip(paragraph.len()).filter(|line| line.starts_with("   ")).map(|line| line.trim().to_owned());
    (paragraph.join(" "), shell.collect())
}

#[test]
fn the_cookbook_page_says_what_the_policies_say() {
    let mut expected = String::from(
        "# The cookbook\n\nEach directory under [`policies/`](../policies) is a policy that can be used as it is: change names and prices, set the variables,\n`ccr-policy check` it, `ccr-policy test` it, `ccr-policy serve --policy` it. All of them are checked, formatted, tested and proved with every change of this\nprogram. This page is made from their first comments (`CCR_UPDATE=1 cargo test --test policies`).\n",
    );
    for (name, path) in cookbook() {
        let sources = files::read(&path).unwrap();
        let (_, source) = sources.iter().next().unwrap();
        let (paragraph, shell) = first_comment(&source.text);
        assert!(paragraph.len() > 80, "{name}: the first comment says what it does, and for whom");
        expected.push_str(&format!("\n## [{name}](../policies/{name})\n\n{paragraph}\n"));
        if NOT_SERVED.contains(&name.as_str()) {
            expected.push_str("\nNot served by this version yet: `check` warns (P0708), `serve` refuses.\n");
        }
        let policy = lint::check(&sources).policy.unwrap();
        for invariant in &policy.invariants {
            expected.push_str(&format!("\n- promised: {}\n", invariant.title));
        }
        if !shell.is_empty() {
            expected.push_str(&format!("\n```sh\n{}\n```\n", shell.join("\n")));
        }
    }
    let page = root().join("docs/cookbook.md");
    if std::env::var_os("CCR_UPDATE").is_some() {
        fs::write(&page, &expected).unwrap();
    }
    assert_eq!(fs::read_to_string(&page).unwrap_or_default(), expected, "run CCR_UPDATE=1 cargo test --test policies");
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
fn the_page_of_transforms_shows_policies_that_load() {
    let mut text = blocks("docs/transforms.md", "policy").concat();
    text.push_str(&blocks("docs/transforms.md", "policy-part").concat());
    let mut sources = Sources::default();
    sources
        .add("docs/transforms.md", text.replace("transform: [emulate_tools,", "transform: [fix-names, emulate_tools,"));
    clean(&sources);
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
