//! Symbols of a document and a policy, folds, and growing selections.

use std::ops::Range;

use tower_lsp_server::ls_types::{
    DocumentSymbol, FoldingRange, FoldingRangeKind, Location, OneOf, SelectionRange, SymbolKind, WorkspaceSymbol,
};

use super::document::Document;
use super::index::{Declared, Index};
use super::syntax::{Item, StatementKind};
use crate::dsl::lex::{Lexer, TokenKind};

/// Most symbols that one search gives.
const MAX_FOUND: usize = 512;

fn kind_of(word: &str) -> SymbolKind {
    match word {
        "provider" => SymbolKind::PACKAGE,
        "model" => SymbolKind::CLASS,
        "pool" => SymbolKind::ARRAY,
        "tenant" => SymbolKind::OBJECT,
        "route" => SymbolKind::FUNCTION,
        "test" => SymbolKind::METHOD,
        "invariant" => SymbolKind::INTERFACE,
        _ => SymbolKind::NAMESPACE,
    }
}

/// The declarations of a document with their statements.
#[must_use]
pub fn symbols(document: &Document) -> Vec<DocumentSymbol> {
    document.syntax().items.iter().filter_map(|item| symbol(document, item)).collect()
}

fn symbol(document: &Document, item: &Item) -> Option<DocumentSymbol> {
    let word = document.slice(&item.word);
    if !crate::dsl::scan::ITEM_WORDS.contains(&word) {
        return None;
    }
    let named = !item.name.is_empty();
    let children = item.statements.iter().map(|statement| {
        let name = document.slice(&statement.name);
        let (name, kind) = match statement.kind {
            StatementKind::Let => (name.to_owned(), SymbolKind::VARIABLE),
            StatementKind::Rule => (name.to_owned(), SymbolKind::EVENT),
            StatementKind::Default => ("default".to_owned(), SymbolKind::EVENT),
            StatementKind::Case => (first_line(document.slice(&statement.range)), SymbolKind::FIELD),
        };
        let name = if name.trim().is_empty() { "(no name)".to_owned() } else { name };
        node(document, name, None, kind, (&statement.range, &statement.name), None)
    });
    let detail = item.on.as_ref().map(|on| format!("on {}", document.slice(on)));
    let selection = if named { &item.name } else { &item.word };
    let name = if named { document.slice(&item.name) } else { word }.trim();
    let name = if name.is_empty() { word } else { name };
    let children: Vec<DocumentSymbol> = children.collect();
    Some(node(document, name.to_owned(), detail, kind_of(word), (&item.range, selection), Some(children)))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    line.chars().take(80).collect()
}

fn node(
    document: &Document,
    name: String,
    detail: Option<String>,
    kind: SymbolKind,
    (range, selection): (&Range<usize>, &Range<usize>),
    children: Option<Vec<DocumentSymbol>>,
) -> DocumentSymbol {
    // The protocol wants the selection inside the range.
    let start = selection.start.clamp(range.start, range.end);
    let inside = start..selection.end.clamp(start, range.end);
    #[expect(deprecated, reason = "the protocol's type has a field that it no longer wants")]
    DocumentSymbol {
        name,
        detail,
        kind,
        tags: None,
        deprecated: None,
        range: document.place(range),
        selection_range: document.place(&inside),
        children,
    }
}

/// The declarations and rules of a policy whose names contain a text.
#[must_use]
pub fn search(index: &Index<'_>, query: &str) -> Vec<WorkspaceSymbol> {
    let query = query.to_lowercase();
    let fits = |name: &str| name.to_lowercase().contains(&query);
    let mut found = Vec::new();
    for declared in index.declarations() {
        let Declared { uri, document, item } = declared;
        let mut push = |name: &str, kind, range: &Range<usize>, container: Option<&str>| {
            if !name.is_empty() && fits(name) && found.len() < MAX_FOUND {
                found.push(WorkspaceSymbol {
                    name: name.to_owned(),
                    kind,
                    tags: None,
                    container_name: container.map(str::to_owned),
                    location: OneOf::Left(Location { uri: uri.clone(), range: document.place(range) }),
                    data: None,
                });
            }
        };
        push(declared.name(), kind_of(declared.word()), &item.name, None);
        for statement in item.statements.iter().filter(|statement| statement.kind == StatementKind::Rule) {
            push(document.slice(&statement.name), SymbolKind::EVENT, &statement.name, Some(declared.name()));
        }
    }
    found
}

/// What can be folded: declarations, groups, runs of comments.
#[must_use]
pub fn folds(document: &Document) -> Vec<FoldingRange> {
    let line = |offset: usize| document.position(offset).line;
    let mut folds: Vec<FoldingRange> = Vec::new();
    let mut push = |start: u32, end: u32, kind: Option<FoldingRangeKind>| {
        let same = |fold: &FoldingRange| fold.start_line == start && fold.end_line == end;
        if end > start && !folds.iter().rev().take(4).any(same) {
            folds.push(FoldingRange { start_line: start, end_line: end, kind, ..FoldingRange::default() });
        }
    };
    for group in &document.syntax().groups {
        push(line(group.start), line(group.end), None);
    }
    let mut run: Option<(u32, u32)> = None;
    for token in Lexer::new(document.text(), 0).filter(|token| token.kind == TokenKind::Comment) {
        let at = line(token.start);
        let alone = document.position(token.start).character == 0
            || document
                .text()
                .get(..token.start)
                .is_some_and(|head| head.rsplit('\n').next().is_some_and(|before| before.trim().is_empty()));
        match run {
            Some((from, to)) if alone && at == to + 1 => run = Some((from, at)),
            _ => {
                if let Some((from, to)) = run.take() {
                    push(from, to, Some(FoldingRangeKind::Comment));
                }
                run = alone.then_some((at, at));
            }
        }
    }
    if let Some((from, to)) = run {
        push(from, to, Some(FoldingRangeKind::Comment));
    }
    folds.sort_by_key(|fold| (fold.start_line, fold.end_line));
    folds
}

/// From the word under the cursor outwards: word, statement, group, declaration, text.
#[must_use]
pub fn selection(document: &Document, offset: usize) -> SelectionRange {
    let syntax = document.syntax();
    let holds = |range: &Range<usize>| range.start <= offset && offset <= range.end;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    ranges.push(0..document.text().len());
    ranges.extend(syntax.groups.iter().filter(|range| holds(range)).cloned());
    let statements = syntax.items.iter().flat_map(|item| &item.statements);
    ranges.extend(statements.map(|statement| statement.range.clone()).filter(&holds));
    ranges.extend(Index::mark_at(document, offset).map(|mark| mark.range.clone()));
    ranges.sort_by_key(|range| std::cmp::Reverse(range.len()));
    ranges.dedup();
    let mut found: Option<SelectionRange> = None;
    let mut outer = 0..document.text().len();
    for range in ranges {
        if range.start >= outer.start && range.end <= outer.end {
            outer = range.clone();
            let parent = found.take().map(Box::new);
            found = Some(SelectionRange { range: document.place(&range), parent });
        }
    }
    found.unwrap_or_else(|| SelectionRange { range: document.place(&(offset..offset)), parent: None })
}
