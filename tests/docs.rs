//! The pages say what is true: tables are compared with the code, policies in them are loaded.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;

use ccr_policy::facts::FactType;
use ccr_policy::facts::schema::VARIABLES;
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
