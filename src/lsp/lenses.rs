//! Lines above declarations: run this test, how many rules, what a model costs.

use tower_lsp_server::ls_types::{CodeLens, Command, InlayHint, InlayHintLabel, Uri};

use super::document::Document;
use super::hover;
use super::index::Index;
use super::syntax::{Kind, Role, StatementKind};

/// The command that runs one test: `[uri, title]`.
pub const RUN_TEST: &str = "ccr-policy.runTest";

/// The lenses of a document.
#[must_use]
pub fn lenses(document: &Document, uri: &Uri) -> Vec<CodeLens> {
    let mut lenses = Vec::new();
    for item in &document.syntax().items {
        let title = document.slice(&item.name);
        let (shown, command, arguments) = match document.slice(&item.word) {
            "test" if !item.name.is_empty() => {
                let arguments = vec![serde_json::Value::from(uri.as_str()), serde_json::Value::from(title)];
                ("▶ run test".to_owned(), RUN_TEST.to_owned(), Some(arguments))
            }
            "route" => {
                let rules = item.statements.iter().filter(|statement| statement.kind == StatementKind::Rule).count();
                (format!("{rules} rule{}", if rules == 1 { "" } else { "s" }), String::new(), None)
            }
            _ => continue,
        };
        let place = document.place(&item.word);
        lenses.push(CodeLens { range: place, command: Some(Command { title: shown, command, arguments }), data: None });
    }
    lenses
}

/// Prices behind the models that rules lead to, between two bytes.
#[must_use]
pub fn hints(index: &Index<'_>, document: &Document, range: &std::ops::Range<usize>) -> Vec<InlayHint> {
    let syntax = document.syntax();
    let routes = syntax.items.iter().filter(|item| document.slice(&item.word) == "route");
    let routes: Vec<_> = routes.map(|item| item.range.clone()).collect();
    let mut prices: std::collections::HashMap<&str, Option<String>> = std::collections::HashMap::new();
    for declared in index.declarations().filter(|found| found.word() == "model") {
        prices.entry(declared.name()).or_insert_with(|| hover::price(&declared));
    }
    let from = syntax.marks.partition_point(|mark| mark.range.start < range.start);
    let marks = syntax.marks.iter().skip(from).take_while(|mark| mark.range.end <= range.end);
    let targets = marks.filter(|mark| {
        mark.role == Role::Refers(Kind::Member) && routes.iter().any(|route| route.contains(&mark.range.start))
    });
    let hints = targets.filter_map(|mark| {
        let price = prices.get(document.slice(&mark.range))?.as_ref()?;
        Some(InlayHint {
            position: document.position(mark.range.end),
            label: InlayHintLabel::String(price.replace(" a million tokens", "")),
            kind: None,
            text_edits: None,
            tooltip: None,
            padding_left: Some(true),
            padding_right: None,
            data: None,
        })
    });
    hints.collect()
}
