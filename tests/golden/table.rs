//! The table of `docs/protocols.md`, and what must hold of all rows together.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::case::{self, PROTOCOLS, WIRES};
use crate::flow::trip;
use crate::row::{Kind, Row};
use crate::{rows, run, sockets, unsaid};

const SECTIONS: &[(u8, &str)] =
    &[(2, "Requests"), (3, "Whole answers"), (4, "Streams"), (5, "Counting, lists of models, errors")];

/// The pairs of a row that pass, as a table shows them for one client's protocol.
fn cell(pairs: &BTreeSet<(&str, &str)>, client: &str) -> String {
    let passed = WIRES.iter().filter(|(wire, _)| pairs.contains(&(client, *wire)));
    let letters: Vec<&str> = passed.map(|(wire, _)| wire.get(..1).unwrap_or_default()).collect();
    match letters.len() {
        0 => String::new(),
        4 => "all".to_owned(),
        _ => letters.join(" "),
    }
}

fn table() -> String {
    let mut out = String::new();
    for (section, title) in SECTIONS {
        out.push_str(&format!("\n### {title}\n\n| what is right | test |"));
        for (client, _) in PROTOCOLS {
            out.push_str(&format!(" {client} |"));
        }
        out.push_str(&format!("\n|---|---|{}\n", "---|".repeat(PROTOCOLS.len())));
        for row in rows::all().filter(|row| row.section == *section) {
            let outcome = run::row(row);
            // A row that does not hold is not in the table; its own test says why.
            let pairs = if outcome.wrong.is_empty() { outcome.pairs } else { BTreeSet::new() };
            out.push_str(&format!("| {} | `{}` |", row.says, row.id));
            for (client, _) in PROTOCOLS {
                out.push_str(&format!(" {} |", cell(&pairs, client)));
            }
            out.push('\n');
        }
    }
    out.push('\n');
    out
}

/// The parts of the page that tests write: where each begins and ends, and what belongs there.
fn parts() -> [(&'static str, &'static str, String); 3] {
    [
        (
            "<!-- Written by tests/golden: CCR_UPDATE=1 cargo test --test golden -->\n",
            "<!-- end of rows -->",
            table() + &unsaid::list(),
        ),
        (
            "<!-- Written by tests/golden (losses): CCR_UPDATE=1 cargo test --test golden -->\n",
            "<!-- end of losses -->",
            trip::table(),
        ),
        (
            "<!-- Written by tests/golden (sockets): CCR_UPDATE=1 cargo test --test golden -->\n",
            "<!-- end of sockets -->",
            sockets::table(),
        ),
    ]
}

/// One test for all parts: two that write one file could undo each other.
#[test]
fn the_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocols.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut fresh = page.clone();
    for (begin, end, text) in parts() {
        let (head, rest) = fresh.split_once(begin).expect("docs/protocols.md lost its markers");
        let (_, tail) = rest.split_once(end).expect("docs/protocols.md lost its markers");
        fresh = format!("{head}{begin}{text}{end}{tail}");
    }
    if case::updates() {
        fs::write(&path, fresh).unwrap();
        return;
    }
    assert!(page == fresh, "docs/protocols.md is stale: CCR_UPDATE=1 cargo test --test golden");
}

#[test]
fn every_directory_belongs_to_a_row() {
    for (kind, directory) in [(Kind::Request, "requests"), (Kind::Answer, "answers"), (Kind::Stream, "streams")] {
        let known: BTreeSet<&str> = rows::all().filter(|row| row.kind == kind).map(|row| row.id).collect();
        let surplus: Vec<String> =
            case::directories(directory).into_iter().filter(|name| !known.contains(name.as_str())).collect();
        assert!(surplus.is_empty(), "tests/golden/{directory} has {surplus:?}, and no row is called so");
    }
}

#[test]
fn rows_have_names_of_their_own() {
    let mut names: Vec<&str> = rows::all().map(|row: &Row| row.id).collect();
    names.sort_unstable();
    let twice: Vec<&&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
