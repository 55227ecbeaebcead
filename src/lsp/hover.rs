//! What the word under the cursor means, in Markdown.

use std::fmt::Write as _;
use std::ops::Range;

use super::document::Document;
use super::index::{Declared, Index};
use super::syntax::{Kind, Mark, Role, StatementKind};
use crate::diag::pages;
use crate::dsl::expr::typed::Type;
use crate::dsl::fields::{self, Block};
use crate::dsl::transform::table;
use crate::dsl::words::{self, FUNCTIONS, FunctionEntry, Gives, Receiver};
use crate::facts::schema::{self, Scope};
use crate::facts::{FactType, Var};

/// Most members that a list names.
const MAX_NAMED: usize = 12;

/// The text and the place that it is about; None where there is nothing to say.
#[must_use]
pub fn hover(index: &Index<'_>, document: &Document, offset: usize) -> Option<(String, Range<usize>)> {
    if let Some((code, range)) = code_at(document, offset) {
        let page = pages::page(&code)?;
        return Some((format!("### {}", page.trim_start_matches('#').trim()), range));
    }
    let mark = Index::mark_at(document, offset)?;
    if offset > mark.range.end {
        return None;
    }
    let text = describe(index, document, mark)?;
    Some((text, mark.range.clone()))
}

/// A code such as `P0303` in a comment.
fn code_at(document: &Document, offset: usize) -> Option<(String, Range<usize>)> {
    let text = document.text();
    let line = text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(offset..)?.find('\n').map_or(text.len(), |at| offset + at);
    let comment = line + text.get(line..end)?.find("//")?;
    let is_word = |letter: char| letter.is_ascii_alphanumeric();
    let start = text.get(comment..offset)?.rfind(|letter| !is_word(letter)).map_or(comment, |at| comment + at + 1);
    let start = text.ceil_char_boundary(start);
    let stop = text.get(offset..end)?.find(|letter| !is_word(letter)).map_or(end, |at| offset + at);
    let word = text.get(start..stop)?;
    let fits = word.len() == 5 && word.starts_with('P') && word.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    fits.then(|| (word.to_owned(), start..stop))
}

fn describe(index: &Index<'_>, document: &Document, mark: &Mark) -> Option<String> {
    let name = document.slice(&mark.range);
    match &mark.role {
        Role::Variable(var) => Some(variable((*var)?)),
        Role::Function => function(document, mark),
        Role::Key(Some(block)) => fields::field(*block, name).map(|row| field(row, *block)),
        Role::Key(None) => Var::from_path(&format!("model.{name}")).map(variable),
        Role::Keyword | Role::Choice | Role::Word => {
            let entry = words::meaning(name)?;
            let form = if words::ITEMS.contains(entry) { entry.word } else { entry.form };
            Some(format!("`{form}`\n\n{}", entry.doc))
        }
        Role::Declares(kind) | Role::Refers(kind) => named(index, document, mark, *kind),
        Role::Local => Some(format!("`{name}`\n\neach member, in turn")),
        Role::Text | Role::Number | Role::Operator => None,
    }
}

/// A variable of the table.
#[must_use]
pub fn variable(var: Var) -> String {
    let row = var.row();
    let mut out = format!("```\n{}: {}\n```\n{}", row.path, Type::from(row.ty), row.doc);
    match row.range {
        schema::Range::Int(low, high) => {
            let _ = write!(out, "\n\nfrom {low} to {high}");
        }
        schema::Range::Double(low, high) => {
            let _ = write!(out, "\n\nfrom {low} to {high}");
        }
        schema::Range::None => {}
    }
    if !row.values.is_empty() {
        let values: Vec<String> = row.values.iter().map(|value| format!("`\"{value}\"`")).collect();
        let _ = write!(out, "\n\none of {}", values.join(", "));
    }
    let cost = match row.tier {
        0 => "costs nothing to read: it is a field",
        1 => "cheap to read: a short walk over the request",
        2 => "costs a walk over the last messages",
        3 => "costs a walk over all text",
        _ => "expensive: it counts tokens, unless the size alone decides",
    };
    let absent = match row.ty {
        FactType::Bool => "false",
        FactType::Int => "0",
        FactType::Double => "0.0",
        FactType::Str => "\"\"",
        FactType::List => "[]",
        FactType::Time => "the moment of the test",
    };
    let _ = write!(out, "\n\n{cost}; `{absent}` when absent");
    if row.scope == Scope::Model {
        out.push_str("\n\nseen in `where` and `require` only, where a candidate is judged");
    }
    if !row.served {
        out.push_str("\n\nnot measured by this version");
    }
    out
}

/// A function's signature, such as `text.contains(part) -> bool`.
#[must_use]
pub fn signature(row: &FunctionEntry) -> String {
    let on = match row.on {
        Receiver::None => "",
        Receiver::Request => "request.",
        Receiver::Text => "text.",
        Receiver::Many => "list.",
        Receiver::Sized => "value.",
        Receiver::Moment => "timestamp.",
        Receiver::Time => "time.",
    };
    let gives = match row.gives {
        Gives::Bool => "bool",
        Gives::Int => "int",
        Gives::Double => "double",
        Gives::Text => "string",
        Gives::Duration => "duration",
        Gives::Timestamp => "timestamp",
        Gives::List => "list",
    };
    format!("{on}{}({}) -> {gives}", row.name, row.arguments.join(", "))
}

fn function(document: &Document, mark: &Mark) -> Option<String> {
    let name = document.slice(&mark.range);
    let before = document.text().get(..mark.range.start)?;
    let method = before.ends_with('.');
    let row = FUNCTIONS.iter().find(|row| row.name == name && (row.on != Receiver::None) == method);
    match row {
        Some(row) => Some(format!("```\n{}\n```\n{}", signature(row), row.doc)),
        None if table::entry(name).is_some() => {
            table::entry(name).map(|row| format!("`{}`\n\n{}", row.example, row.doc))
        }
        None if name == "env" => {
            Some("`env(\"NAME\")`\n\nthe value of an environment variable, read when the policy is served".to_owned())
        }
        None => None,
    }
}

fn field(row: &fields::FieldEntry, block: Block) -> String {
    let mut out = format!("`{}: {}`\n\n{}", row.key, row.example, row.doc);
    if let fields::Form::OneOf(words) = row.form {
        let _ = write!(out, "\n\none of {}", quoted(words.iter().copied()));
    }
    if block == Block::MockProvider && fields::MOCK.contains(row) {
        out.push_str("\n\nonly for `kind: mock`");
    }
    if !row.served {
        out.push_str("\n\nnot served by this version");
    }
    out
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.get(..MAX_NAMED) {
        Some(first) if names.len() > MAX_NAMED => format!("{} and {} more", first.join(", "), names.len() - MAX_NAMED),
        _ => names.join(", "),
    }
}

fn named(index: &Index<'_>, document: &Document, mark: &Mark, kind: Kind) -> Option<String> {
    let symbol = index.symbol(document, mark)?;
    match kind {
        Kind::Tag => Some(tag(index, &symbol.name)),
        Kind::Rule | Kind::Let => {
            let (spot, _) = index.occurrences(&symbol).into_iter().find(|(_, declares)| *declares)?;
            let items = &spot.document.syntax().items;
            let statements = items.iter().flat_map(|item| &item.statements);
            let statement = statements.filter(|statement| statement.kind != StatementKind::Case);
            let statement = statement.into_iter().find(|statement| statement.name == spot.range)?;
            let shown = spot.document.slice(&statement.range);
            Some(format!("```ccr-policy\n{shown}\n```\nin route `{}`", symbol.scope))
        }
        _ => index.item(kind, &symbol.name).map(|found| item(index, &found)),
    }
}

fn tag(index: &Index<'_>, name: &str) -> String {
    let members: Vec<Declared<'_>> = index.tagged(name).collect();
    if members.is_empty() {
        return format!("tag `{name}`\n\nno model has it");
    }
    let mut out = format!("tag `{name}`\n");
    for member in members.iter().take(MAX_NAMED) {
        let _ =
            write!(out, "\n- `{}`{}", member.name(), price(member).map_or(String::new(), |price| format!(": {price}")));
    }
    out
}

/// Such as `$0.2 in, $1.1 out a million tokens`.
#[must_use]
pub fn price(model: &Declared<'_>) -> Option<String> {
    let value = model.field("price")?;
    let number = |key: &str| {
        let rest = value.split_once(key)?.1.trim_start().strip_prefix(':')?.trim_start();
        let end = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(rest.len());
        rest.get(..end).filter(|number| !number.is_empty()).map(str::to_owned)
    };
    Some(format!("${} in, ${} out a million tokens", number("input")?, number("output")?))
}

fn item(index: &Index<'_>, found: &Declared<'_>) -> String {
    let (word, name) = (found.word(), found.name());
    let mut out = match &found.item.on {
        Some(on) => format!("```ccr-policy\n{word} {name} on {}\n```", found.document.slice(on)),
        None => format!("```ccr-policy\n{word} {name}\n```"),
    };
    let mut line = |text: String| {
        let _ = write!(out, "\n- {text}");
    };
    match word {
        "model" => {
            for key in ["upstream", "context", "output", "can", "tags", "quality", "weight", "region"] {
                if let Some(value) = found.field(key) {
                    line(format!("{key}: {value}"));
                }
            }
            line(price(found).unwrap_or_else(|| "no price".to_owned()));
        }
        "pool" => {
            let list = found.document.slice(&found.item.range);
            let members = list.split_once('=').map_or("", |(_, list)| list).trim();
            line(format!("members: {members}"));
        }
        "provider" => {
            for key in ["kind", "base", "region"] {
                if let Some(value) = found.field(key) {
                    line(format!("{key}: {value}"));
                }
            }
            let models = index.declarations().filter(|model| {
                model.word() == "model"
                    && model.item.on.as_ref().is_some_and(|on| model.document.slice(on) == found.name())
            });
            line(format!("models: {}", quoted(models.map(|model| model.name()))));
        }
        "tenant" => {
            for key in ["tier", "tags", "models", "route"] {
                if let Some(value) = found.field(key) {
                    line(format!("{key}: {value}"));
                }
            }
        }
        "route" => {
            let rules = found.item.statements.iter().filter(|statement| statement.kind == StatementKind::Rule);
            line(format!("rules: {}", quoted(rules.map(|rule| found.document.slice(&rule.name)))));
        }
        _ => {}
    }
    out
}
