//! Definition, references, highlights, renaming.

use std::collections::HashMap;

use tower_lsp_server::ls_types::{DocumentHighlight, DocumentHighlightKind, Location, Range as Place, TextEdit, Uri};

use super::document::Document;
use super::index::{Index, Symbol};
use super::syntax::{Kind, Role};
use crate::dsl::words;

/// Why a name cannot be changed, or not to this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// nothing with a name stands there
    #[error("there is no name here that can be changed")]
    NoName,
    /// it is used but not declared
    #[error("`{0}` is not declared in this policy, so there is nothing to rename")]
    NotDeclared(String),
    /// a word of the language
    #[error("`{0}` is a word of the language; choose another name")]
    Reserved(String),
    /// not a name
    #[error("`{0}` is not a name; a name is letters, digits and hyphens, and starts with a letter")]
    Invalid(String),
    /// not a name in expressions
    #[error("`{0}` is not a name for a `let`; it is letters, digits and `_`, and starts with a letter")]
    InvalidLet(String),
    /// somebody else is called so
    #[error("`{0}` is already declared; choose another name")]
    Taken(String),
}

/// Words that no name can be, as the grammar has it.
pub(crate) const RESERVED_NAMES: &[&str] =
    &["then", "with", "when", "where", "by", "default", "rule", "let", "reject", "route", "split", "true", "false"];
/// Words that no `let` can be, as the grammar has it.
pub(crate) const RESERVED_LETS: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "then",
    "with",
    "require",
    "rule",
    "default",
    "when",
    "where",
    "by",
    "given",
    "state",
];

/// The symbol under the cursor.
#[must_use]
pub fn symbol_at(index: &Index<'_>, document: &Document, offset: usize) -> Option<Symbol> {
    let mark = Index::mark_at(document, offset)?;
    index.symbol(document, mark)
}

/// Where the name under the cursor is declared. A tag is declared by each model that has it.
#[must_use]
pub fn definition(index: &Index<'_>, document: &Document, offset: usize) -> Vec<Location> {
    references(index, document, offset, Some(true))
}

/// Where the name under the cursor stands; `declares` keeps only declarations, or only uses.
#[must_use]
pub fn references(index: &Index<'_>, document: &Document, offset: usize, declares: Option<bool>) -> Vec<Location> {
    let Some(symbol) = symbol_at(index, document, offset) else { return Vec::new() };
    let all = index.occurrences(&symbol).into_iter();
    let kept = all.filter(|(_, declared)| declares.is_none_or(|wanted| wanted == *declared));
    kept.map(|(spot, _)| Location { uri: spot.uri.clone(), range: spot.document.place(&spot.range) }).collect()
}

/// The places of the name under the cursor in this document.
#[must_use]
pub fn highlights(index: &Index<'_>, document: &Document, uri: &Uri, offset: usize) -> Vec<DocumentHighlight> {
    if let Some(symbol) = symbol_at(index, document, offset) {
        let all = index.occurrences(&symbol).into_iter().filter(|(spot, _)| spot.uri == uri);
        let kind = |declares| if declares { DocumentHighlightKind::WRITE } else { DocumentHighlightKind::READ };
        return all
            .map(|(spot, declares)| DocumentHighlight {
                range: document.place(&spot.range),
                kind: Some(kind(declares)),
            })
            .collect();
    }
    let Some(mark) = Index::mark_at(document, offset) else { return Vec::new() };
    if !matches!(mark.role, Role::Variable(Some(_)) | Role::Local) {
        return Vec::new();
    }
    let text = document.slice(&mark.range);
    let same =
        document.syntax().marks.iter().filter(|other| other.role == mark.role && document.slice(&other.range) == text);
    same.map(|other| DocumentHighlight { range: document.place(&other.range), kind: Some(DocumentHighlightKind::READ) })
        .collect()
}

/// The place and the text of a name that can be changed.
///
/// # Errors
/// When there is none.
pub fn prepare_rename(index: &Index<'_>, document: &Document, offset: usize) -> Result<(Place, String), RenameError> {
    let mark = Index::mark_at(document, offset).ok_or(RenameError::NoName)?;
    let symbol = index.symbol(document, mark).ok_or(RenameError::NoName)?;
    if symbol.kind == Kind::Rule && symbol.name == "default" {
        return Err(RenameError::Reserved(symbol.name));
    }
    if !index.occurrences(&symbol).iter().any(|(_, declares)| *declares) {
        return Err(RenameError::NotDeclared(symbol.name));
    }
    Ok((document.place(&mark.range), symbol.name))
}

/// The edits that give the name under the cursor another name everywhere.
///
/// A string is changed only where it is compared with what holds such names: `"x" in model.tags`,
/// `tenant.id == "x"`, `model.name`, `model.provider`, `session.last_model`.
///
/// # Errors
/// When there is no name, or the new one cannot be it.
pub fn rename(
    index: &Index<'_>,
    document: &Document,
    offset: usize,
    new: &str,
) -> Result<HashMap<Uri, Vec<TextEdit>>, RenameError> {
    prepare_rename(index, document, offset)?;
    let symbol = symbol_at(index, document, offset).ok_or(RenameError::NoName)?;
    if new != symbol.name {
        valid(&symbol, new)?;
        let taken = Symbol { name: new.to_owned(), ..symbol.clone() };
        // A model may get a tag that others have: tags are words, not declarations.
        if symbol.kind != Kind::Tag && index.occurrences(&taken).iter().any(|(_, declares)| *declares) {
            return Err(RenameError::Taken(new.to_owned()));
        }
    }
    let mut edits: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
    for (spot, _) in index.occurrences(&symbol) {
        let edit = TextEdit { range: spot.document.place(&spot.range), new_text: new.to_owned() };
        edits.entry(spot.uri.clone()).or_default().push(edit);
    }
    Ok(edits)
}

fn valid(symbol: &Symbol, new: &str) -> Result<(), RenameError> {
    let starts = new.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    match symbol.kind {
        Kind::Test | Kind::Invariant => {
            let fits = !new.trim().is_empty() && !new.contains(['"', '\'', '\\', '\n', '\r']);
            fits.then_some(()).ok_or_else(|| RenameError::Invalid(new.to_owned()))
        }
        Kind::Let => {
            if RESERVED_LETS.contains(&new) || crate::dsl::expr::infer::is_root(new) {
                return Err(RenameError::Reserved(new.to_owned()));
            }
            let fits = starts && new.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            fits.then_some(()).ok_or_else(|| RenameError::InvalidLet(new.to_owned()))
        }
        _ => {
            let choice = words::CHOICES.iter().any(|entry| entry.word == new);
            if symbol.kind != Kind::Tag && (RESERVED_NAMES.contains(&new) || choice) {
                return Err(RenameError::Reserved(new.to_owned()));
            }
            // A word: hyphens and dots stand inside, one at a time.
            let parts = || new.split(['-', '.']);
            let fits = starts
                && parts().all(|part| {
                    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                });
            fits.then_some(()).ok_or_else(|| RenameError::Invalid(new.to_owned()))
        }
    }
}
