//! The names of a whole policy: where each is declared, and where it is used.

use std::ops::Range;

use tower_lsp_server::ls_types::Uri;

use super::document::Document;
use super::syntax::{FieldNode, Item, Kind, Mark, Role};

/// A name of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol {
    /// what it names
    pub kind: Kind,
    /// the route of a rule or a `let`; "" otherwise
    pub scope: String,
    /// the name
    pub name: String,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot<'a> {
    /// in which file
    pub uri: &'a Uri,
    /// its text
    pub document: &'a Document,
    /// where in it
    pub range: Range<usize>,
}

/// A declaration with its file.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    /// in which file
    pub uri: &'a Uri,
    /// its text
    pub document: &'a Document,
    /// the declaration
    pub item: &'a Item,
}

impl<'a> Declared<'a> {
    /// Its name or title.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.document.slice(&self.item.name)
    }

    /// Its first word.
    #[must_use]
    pub fn word(&self) -> &'a str {
        self.document.slice(&self.item.word)
    }

    /// The value of a field, as written.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'a str> {
        let holds = |field: &&FieldNode| self.document.slice(&field.key) == key;
        self.item.fields.iter().find(holds).map(|field| self.document.slice(&field.value))
    }

    /// The words of a field that is a list, such as `tags`.
    pub fn words(&self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let value = self.field(key).unwrap_or("");
        value
            .split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.')))
            .filter(|word| !word.is_empty())
    }
}

/// All files of a policy.
#[derive(Clone, Debug, Default)]
pub struct Index<'a> {
    files: Vec<(&'a Uri, &'a Document)>,
}

impl<'a> Index<'a> {
    /// Takes the files, in the order in which the policy is read.
    #[must_use]
    pub fn new(files: Vec<(&'a Uri, &'a Document)>) -> Self {
        Self { files }
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = (&'a Uri, &'a Document)> + '_ {
        self.files.iter().copied()
    }

    /// All declarations.
    pub fn declarations(&self) -> impl Iterator<Item = Declared<'a>> + '_ {
        self.files().flat_map(|(uri, document)| {
            document.syntax().items.iter().map(move |item| Declared { uri, document, item })
        })
    }

    /// The declaration of a name that has a block of its own.
    #[must_use]
    pub fn item(&self, kind: Kind, name: &str) -> Option<Declared<'a>> {
        let words: &[&str] = match kind {
            Kind::Provider => &["provider"],
            Kind::Member => &["model", "pool"],
            Kind::Tenant => &["tenant"],
            Kind::Route => &["route"],
            Kind::Test => &["test"],
            Kind::Invariant => &["invariant"],
            Kind::Transform => &["transform"],
            Kind::Alert => &["alert"],
            Kind::Rule | Kind::Let | Kind::Tag => return None,
        };
        self.declarations().find(|found| found.name() == name && words.contains(&found.word()))
    }

    /// All names of a kind, each once, in order.
    #[must_use]
    pub fn names(&self, kind: Kind) -> Vec<&'a str> {
        let mut names: Vec<&'a str> = Vec::new();
        for (_, document) in self.files() {
            for mark in &document.syntax().marks {
                let name = document.slice(&mark.range);
                if mark.role == Role::Declares(kind) && !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The models with a tag.
    pub fn tagged<'s>(&'s self, tag: &'s str) -> impl Iterator<Item = Declared<'a>> + 's {
        self.declarations().filter(move |found| found.word() == "model" && found.words("tags").any(|word| word == tag))
    }

    /// The mark at an offset of a document; at the border of two words, the one that is a name.
    #[must_use]
    pub fn mark_at(document: &'a Document, offset: usize) -> Option<&'a Mark> {
        let marks = &document.syntax().marks;
        let end = marks.partition_point(|mark| mark.range.start <= offset);
        let near = marks.get(end.saturating_sub(4)..end).unwrap_or(&[]);
        let touching = || near.iter().rev().filter(|mark| offset <= mark.range.end);
        let solid = |mark: &&Mark| mark.role != Role::Operator;
        touching().find(|mark| offset < mark.range.end && solid(mark)).or_else(|| touching().find(solid))
    }

    /// The symbol of a mark, when it is a name.
    #[must_use]
    pub fn symbol(&self, document: &Document, mark: &Mark) -> Option<Symbol> {
        let (Role::Declares(kind) | Role::Refers(kind)) = mark.role else { return None };
        let name = document.slice(&mark.range).to_owned();
        if name.is_empty() {
            return None;
        }
        // `by RULE` without a route means the rule of whichever route has it.
        let bare = kind == Kind::Rule && mark.scope.is_empty() && mark.role == Role::Refers(kind);
        let scope = if bare { self.route_of_rule(document, mark, &name) } else { mark.scope.clone() };
        Some(Symbol { kind, scope, name })
    }

    fn route_of_rule(&self, document: &Document, mark: &Mark, name: &str) -> String {
        let test = document.syntax().items.iter().find(|item| item.range.contains(&mark.range.start));
        let entry = test.and_then(|item| item.on.clone()).map_or("main", |on| document.slice(&on));
        let mut first = None;
        for (_, document) in self.files() {
            for found in &document.syntax().marks {
                if found.role == Role::Declares(Kind::Rule) && document.slice(&found.range) == name {
                    if found.scope == entry {
                        return entry.to_owned();
                    }
                    first.get_or_insert_with(|| found.scope.clone());
                }
            }
        }
        first.unwrap_or_else(|| entry.to_owned())
    }

    /// Where a symbol is declared and used, in order; with `declared`, whether each declares it.
    #[must_use]
    pub fn occurrences(&self, symbol: &Symbol) -> Vec<(Spot<'a>, bool)> {
        let mut found = Vec::new();
        for (uri, document) in self.files() {
            for mark in &document.syntax().marks {
                let (Role::Declares(kind) | Role::Refers(kind)) = mark.role else { continue };
                if kind == symbol.kind
                    && document.slice(&mark.range) == symbol.name
                    && self.symbol(document, mark).as_ref() == Some(symbol)
                {
                    let declares = mark.role == Role::Declares(kind);
                    found.push((Spot { uri, document, range: mark.range.clone() }, declares));
                }
            }
        }
        found
    }
}
