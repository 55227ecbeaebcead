//! docs/import.md shows the tables that the importer reads.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;

use ccr_policy::import::{Fate, Source};

const HEADING: &str = "The tables are the program's own.\n";

#[test]
fn the_page_lists_every_key() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, _) = text.split_once(HEADING).expect("docs/import.md lost its heading");
    let mut expected = format!("{before}{HEADING}");
    for source in Source::ALL {
        expected.push_str(&format!("\n### {}\n\n| key | | what becomes of it |\n|---|---|---|\n", source.name()));
        for key in source.keys() {
            expected.push_str(&format!(
                "| `{}` | {} | {} |\n",
                key.path,
                key.fate.words(),
                key.note.replace('|', "\\|")
            ));
        }
    }
    if std::env::var_os("CCR_UPDATE").is_some() {
        fs::write(&page, &expected).unwrap();
    }
    assert!(
        fs::read_to_string(&page).unwrap() == expected,
        "docs/import.md is out of date: run CCR_UPDATE=1 cargo test --test import_page"
    );
}

#[test]
fn a_key_stands_once_and_says_something() {
    for source in Source::ALL {
        let mut seen = Vec::new();
        for key in source.keys() {
            assert!(!seen.contains(&key.path), "{}: `{}` stands twice", source.name(), key.path);
            assert!(key.note.len() > 5, "{}: `{}` says nothing", source.name(), key.path);
            seen.push(key.path);
        }
        assert!(source.keys().iter().any(|key| key.fate == Fate::NotConvertible));
    }
}
