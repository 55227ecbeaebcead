//! The pages say what is true: tables are compared with the code, policies in them are loaded.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;

use ccr_policy::facts::FactType;
use ccr_policy::facts::schema::VARIABLES;

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
