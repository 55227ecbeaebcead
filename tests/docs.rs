//! The pages say what is true: tables are compared with the code, policies in them are loaded.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;

use ccr_policy::diag::codes::REGISTRY;
use ccr_policy::diag::{Sources, pages, render};
use ccr_policy::dsl::transform::{presets, table};
use ccr_policy::facts::FactType;
use ccr_policy::facts::schema::VARIABLES;
use ccr_policy::lint;
use ccr_policy::metrics::{Metrics, Vocabulary};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_language_page_lists_every_variable() {
    let mut expected = String::from("| variable | type | meaning |\n|---|---|---|\n");
    for row in VARIABLES {
        let ty = match row.ty {
            FactType::Bool => "bool",
            FactType::Int => "int",
            FactType::Double => "double",
            FactType::Str => "string",
            FactType::List => "list",
            FactType::Time => "timestamp",
        };
        let values = row.values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
        let values = if values.is_empty() { values } else { format!(": {values}") };
        let served = if row.served { "" } else { " (not measured yet)" };
        expected.push_str(&format!("| `{}` | {ty} | {}{values}{served} |\n", row.path, row.doc));
    }
    let page = page("docs/language.md");
    let table = page
        .split_once("by tests/docs.rs -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- end of variables -->"))
        .map(|(table, _)| table)
        .expect("docs/language.md lost its markers");
    assert_eq!(table, expected, "\nput this table between the markers:\n\n{expected}");
}

#[test]
fn the_operations_page_lists_every_metric_with_its_labels() {
    let metrics = Metrics::new(Vocabulary { protocols: &[], failures: &[] }).unwrap();
    let page = page("docs/operations.md");
    let table = page
        .split_once("by tests/docs.rs -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- end of metrics -->"))
        .map(|(table, _)| table)
        .expect("docs/operations.md lost its markers");
    let shown: Vec<(String, Vec<String>)> = table
        .lines()
        .skip(2)
        .map(|line| {
            let mut cells = line.split('|').skip(1).map(str::trim);
            let (name, labels) = (cells.next().unwrap().trim_matches('`'), cells.next().unwrap());
            assert!(cells.next().is_some_and(|meaning| !meaning.is_empty()), "{name} has no meaning");
            (name.to_owned(), labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(shown, metrics.families(), "the table and src/metrics/families.rs differ");
}

/// The page of all codes, from the registry, the page of each and what the corpus shows.
fn checks_page() -> String {
    const FAMILIES: &[(&str, &str)] = &[
        ("P00", "text"),
        ("P01", "names"),
        ("P02", "types"),
        ("P03", "logic"),
        ("P04", "targets"),
        ("P05", "resilience"),
        ("P06", "cost"),
        ("P07", "environment"),
        ("P08", "tests"),
        ("P09", "style"),
    ];
    let mut out = String::from(
        "# Checks\n\n<!-- Written by tests/docs.rs from src/diag/pages and tests/corpus: CCR_UPDATE=1 cargo test --test docs -->\n\n\
         Everything that `ccr-policy check` can say. An error is a proven fact that makes a policy do other than it says, and such a\n\
         policy is not served; everything else, and every guess, is a warning. A warning that is meant so is allowed by a comment on\n\
         the line above, with the reason: `// ccr: allow P0502 because …`. `check --explain P0303` prints one of these sections,\n\
         `check --fix` makes the changes that keep the meaning.\n",
    );
    for (family, word) in FAMILIES {
        out.push_str(&format!("\n## {family} {word}\n"));
        for entry in REGISTRY.iter().filter(|entry| entry.code.as_str().starts_with(family)) {
            let code = entry.code.as_str();
            let page = pages::page(code).unwrap();
            let (body, good) = page.split_once("\nGood:").unwrap();
            out.push_str(&format!("\n##{body}\n"));
            if let Some(message) = message_of(code) {
                out.push_str(&format!("```text\n{message}\n```\n\n"));
            }
            out.push_str(&format!("Good:{good}\n"));
        }
    }
    out
}

/// What is said about the corpus' bad file of a code; None for a code that has none.
fn message_of(code: &str) -> Option<String> {
    let name = format!("{code}.policy");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/bad").join(&name);
    let mut sources = Sources::default();
    sources.add(name, fs::read_to_string(path).ok()?);
    let mut findings = lint::check(&sources).diagnostics;
    findings.retain(|finding| finding.code.as_str() == code);
    findings.truncate(1);
    Some(render::human(&findings, &sources, false).trim_end().to_owned())
}

#[test]
fn the_page_of_checks_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/checks.md");
    let expected = checks_page();
    if std::env::var_os("CCR_UPDATE").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == expected, "docs/checks.md is stale: CCR_UPDATE=1 cargo test --test docs");
}

/// A word for a habit: what a preset says, and what it leaves to the model's name.
fn habit(yes: &str, no: &str, said: Option<bool>) -> Option<String> {
    said.map(|said| if said { yes } else { no }.to_owned()).filter(|word| !word.is_empty())
}

fn table_of_transforms() -> String {
    let mut out = String::from("| transform | for providers of kind | what it does |\n|---|---|---|\n");
    for row in table::TRANSFORMS {
        let kinds: Vec<String> = row.kinds.iter().map(|kind| format!("`{}`", table::kind_word(*kind))).collect();
        let kinds = if kinds.is_empty() { "all".to_owned() } else { kinds.join(", ") };
        out.push_str(&format!("| `{}` | {kinds} | {} |\n", row.example, row.doc));
    }
    out
}

fn table_of_presets() -> String {
    let mut out = String::from("| preset | kinds and addresses | usual key | habits | note |\n|---|---|---|---|---|\n");
    for preset in presets::PRESETS {
        let bases: Vec<String> =
            preset.bases.iter().map(|(kind, base)| format!("`{}` {base}", table::kind_word(*kind))).collect();
        let habits = preset.habits;
        let thinking = habits.thinking.map(|form| match form {
            presets::ThinkingForm::Effort => "thinking by `reasoning_effort`",
            presets::ThinkingForm::Switch => "thinking by `thinking`",
            presets::ThinkingForm::Reasoning => "thinking by `reasoning`",
            presets::ThinkingForm::Flag => "thinking by `enable_thinking`",
            presets::ThinkingForm::Template => "thinking by `chat_template_kwargs`",
            presets::ThinkingForm::Silent => "thinking is not switched",
        });
        let said = [
            thinking.map(str::to_owned),
            habit("`reasoning_content` goes back", "", habits.replay_thinking),
            habit("`cache_control` is kept", "", habits.cache_control),
            habit("", "no `developer` role", habits.developer),
            habit("", "no `parallel_tool_calls`", habits.parallel_tool_calls),
            habit("", "no forced tool", habits.required_choice),
            habit("", "no `strict`", habits.strict),
            habit("", "no addresses of images", habits.image_urls),
            habits.most_stops.map(|most| format!("stops: {most}")),
        ];
        let mut said: Vec<String> = said.into_iter().flatten().collect();
        said.extend(preset.transforms.iter().map(|name| format!("`{name}`")));
        let env = if preset.env.is_empty() { "none".to_owned() } else { format!("`{}`", preset.env) };
        out.push_str(&format!(
            "| `{}` | {} | {env} | {} | {} |\n",
            preset.name,
            bases.join("<br>"),
            said.join("; "),
            preset.doc
        ));
    }
    out
}

/// Compares what stands between two marks of a page, or writes it.
fn fresh(page: &str, begin: &str, end: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(begin).unwrap();
    let (old, after) = rest.split_once(end).unwrap();
    if std::env::var_os("CCR_UPDATE").is_some() {
        return fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    }
    assert_eq!(old, table, "{page} is stale: CCR_UPDATE=1 cargo test --test docs");
}

#[test]
fn the_page_of_transforms_is_fresh() {
    let how = "is kept fresh by tests/docs.rs: CCR_UPDATE=1 cargo test --test docs -->\n";
    let page = "docs/transforms.md";
    fresh(page, &format!("<!-- This table {how}"), "<!-- end of transforms -->", &table_of_transforms());
    fresh(page, &format!("<!-- This table of presets {how}"), "<!-- end of presets -->", &table_of_presets());
}

#[test]
fn every_dependency_is_argued() {
    let manifest = page("Cargo.toml");
    let argued = page("docs/dependencies.md");
    let names = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| *line != "[dev-dependencies]")
        .filter(|line| line.contains(" = ") && !line.starts_with('#'))
        .map(|line| line.split(" = ").next().unwrap());
    let missing: Vec<_> = names.filter(|name| !argued.contains(name)).collect();
    assert!(missing.is_empty(), "docs/dependencies.md does not argue {missing:?}");
}
