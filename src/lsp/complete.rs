//! What can be written at a place.

mod conditions;

use std::ops::Range;

use tower_lsp_server::ls_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, InsertTextFormat, MarkupContent, MarkupKind,
    TextEdit,
};

use super::document::Document;
use super::hover;
use super::index::Index;
use super::syntax::{self, Expect, Kind, Syntax};
use crate::diag::Severity;
use crate::diag::codes::REGISTRY;
use crate::dsl::fields::{self, Block, Form};
use crate::dsl::lex::{Lexer, TokenKind};
use crate::dsl::transform::presets;
use crate::dsl::transform::table::{self, Arguments};
use crate::dsl::words::{self, WordEntry};
use crate::facts::Var;

/// The live facts of a model that a test may set, with an example each.
const LIVE: &[(&str, &str)] = &[
    ("healthy", "false"),
    ("cooling", "30s"),
    ("error_rate", "0.5"),
    ("latency_p50_ms", "900"),
    ("latency_p95_ms", "3000"),
    ("ttft_p95_ms", "1500"),
    ("inflight", "12"),
    ("headroom", "0.1"),
    ("mean_output_tokens", "400"),
];

/// Collects what fits.
struct List<'a> {
    index: &'a Index<'a>,
    document: &'a Document,
    /// what is replaced
    range: Range<usize>,
    /// the cursor stands inside a string
    quoted: bool,
    items: Vec<CompletionItem>,
}

/// Everything that fits at an offset; an editor filters by what is already typed.
#[must_use]
pub fn complete(index: &Index<'_>, document: &Document, offset: usize) -> Vec<CompletionItem> {
    let text = document.text();
    let Some(head) = text.get(..offset) else { return Vec::new() };
    let last = last_token(head);
    if let Some((TokenKind::Comment, start)) = last {
        return codes(index, document, head, start);
    }
    let in_string = match last {
        Some((TokenKind::String(false), start)) => Some(start),
        _ => None,
    };
    let (range, syntax) = match in_string {
        Some(start) => {
            let quote = head.get(start..).and_then(|rest| rest.find(['"', '\''])).map_or(start, |at| start + at + 1);
            (quote..offset, syntax::read(head.get(..start).unwrap_or("")))
        }
        None => partial(head),
    };
    let mut list = List { index, document, range, quoted: in_string.is_some(), items: Vec::new() };
    for expect in &syntax.expected {
        list.add(expect, &syntax);
    }
    list.finish()
}

/// The kind and the start of the token that the text ends in.
fn last_token(head: &str) -> Option<(TokenKind, usize)> {
    // A string or a comment that is open at the end began on this line, or in a triple quote.
    let tail = Lexer::new(head, 0).last()?;
    match tail.kind {
        TokenKind::Comment if !head.ends_with('\n') => Some((tail.kind, tail.start)),
        TokenKind::String(false) if tail.end == head.len() => Some((tail.kind, tail.start)),
        _ => None,
    }
}

/// The word that is being written, and what was expected before it.
fn partial(head: &str) -> (Range<usize>, Syntax) {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let short = head.trim_end_matches(letter).len();
    let long = head.trim_end_matches(|c: char| letter(c) || matches!(c, '-' | '.')).len();
    if long < short && head.get(long..).is_some_and(|word| word.starts_with(letter)) {
        let syntax = syntax::read(head.get(..long).unwrap_or(""));
        let expression = |expect: &Expect| matches!(expect, Expect::Operand { .. } | Expect::Operator(_));
        if !syntax.expected.iter().any(expression) {
            return (long..head.len(), syntax);
        }
    }
    (short..head.len(), syntax::read(head.get(..short).unwrap_or("")))
}

/// Codes in `// ccr: allow …`, those that this file's policy may have.
fn codes(index: &Index<'_>, document: &Document, head: &str, start: usize) -> Vec<CompletionItem> {
    let comment = head.get(start..).unwrap_or("");
    let range = head.trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len()..head.len();
    let mut list = List { index, document, range, quoted: false, items: Vec::new() };
    if !comment.contains("ccr:") {
        return Vec::new();
    }
    if !comment.contains("allow ") {
        list.push(
            "allow",
            CompletionItemKind::KEYWORD,
            "allow P0405 because …",
            "allows one warning on the next line; the reason is required",
            None,
        );
        return list.finish();
    }
    if comment.contains("because") {
        return Vec::new();
    }
    for entry in REGISTRY.iter().filter(|entry| entry.severity == Severity::Warning) {
        let insert = format!("{} because ", entry.code.as_str());
        list.push(entry.code.as_str(), CompletionItemKind::CONSTANT, entry.title, "", Some(insert));
    }
    list.finish()
}

impl<'a> List<'a> {
    fn finish(mut self) -> Vec<CompletionItem> {
        let mut seen = std::collections::HashSet::new();
        self.items.retain(|item| seen.insert(item.label.clone()));
        for (number, item) in self.items.iter_mut().enumerate() {
            item.sort_text = Some(format!("{number:05}"));
        }
        self.items
    }

    /// `insert`: a snippet, when it is not the label itself.
    fn push(&mut self, label: &str, kind: CompletionItemKind, detail: &str, doc: &str, insert: Option<String>) {
        let snippet = insert.as_ref().is_some_and(|text| text.contains('$'));
        let new_text = insert.unwrap_or_else(|| label.to_owned());
        let documentation = (!doc.is_empty())
            .then(|| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: doc.to_owned() }));
        self.items.push(CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            detail: (!detail.is_empty()).then(|| detail.to_owned()),
            documentation,
            insert_text_format: snippet.then_some(InsertTextFormat::SNIPPET),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range: self.document.place(&self.range), new_text })),
            ..CompletionItem::default()
        });
    }

    fn words(&mut self, entries: &[WordEntry], kind: CompletionItemKind) {
        for entry in entries {
            self.push(entry.word, kind, entry.form, entry.doc, None);
        }
    }

    fn add(&mut self, expect: &Expect, syntax: &Syntax) {
        match expect {
            Expect::Item if !self.quoted => {
                for entry in words::ITEMS {
                    self.push(entry.word, CompletionItemKind::SNIPPET, entry.doc, "", Some(entry.form.to_owned()));
                }
            }
            Expect::Words(wanted) if !self.quoted => self.signs(wanted),
            Expect::Name(kind) => self.names(*kind),
            Expect::Model => self.members(true, false),
            Expect::Attempt if !self.quoted => self.attempt(),
            Expect::Arm if !self.quoted => {
                self.push(
                    "90%",
                    CompletionItemKind::SNIPPET,
                    "a share and an attempt",
                    "",
                    Some("${1:90}% ${2:model}".to_owned()),
                );
            }
            Expect::Set if !self.quoted => self.set(),
            Expect::Key(block, present) if !self.quoted => self.keys(*block, present),
            Expect::Value(form) => self.value(*form),
            Expect::Statement(present) if !self.quoted => self.statement(present),
            Expect::Operand { candidate, against } => self.operand(*candidate, *against, syntax),
            Expect::Operator(ty) if !self.quoted => self.operators(ty.as_ref()),
            Expect::Path(root) if !self.quoted => self.path(root),
            Expect::Method(ty) if !self.quoted => self.methods(ty.as_ref()),
            Expect::Fact(group, present) => self.facts(group, present),
            Expect::FactValue(var) => self.fact_value(*var),
            Expect::Live(present) if !self.quoted => {
                for (key, example) in LIVE.iter().filter(|(key, _)| !present.iter().any(|known| known == key)) {
                    let row = Var::from_path(&format!("model.{key}")).map(Var::row);
                    let doc = row.map_or("", |row| row.doc);
                    self.push(key, CompletionItemKind::FIELD, doc, "", Some(format!("{key}: ${{1:{example}}}")));
                }
            }
            Expect::Case if !self.quoted => {
                self.push(
                    "given",
                    CompletionItemKind::SNIPPET,
                    "given { FACTS } -> OUTCOME",
                    "a case",
                    Some("given { $1 } -> $2".to_owned()),
                );
            }
            Expect::Outcome if !self.quoted => {
                self.members(true, false);
                self.push(
                    "reject",
                    CompletionItemKind::KEYWORD,
                    "reject 403",
                    "a refusal",
                    Some("reject ${1:403}".to_owned()),
                );
            }
            Expect::RuleName(route) if !self.quoted => self.rules(route),
            _ => {}
        }
    }

    /// What a choice chooses from.
    fn set(&mut self) {
        self.push(
            "tag",
            CompletionItemKind::KEYWORD,
            "tag(NAME)",
            "all models with this tag",
            Some("tag($1)".to_owned()),
        );
        self.push("[", CompletionItemKind::KEYWORD, "[a, b]", "a list of models", Some("[$1]".to_owned()));
        self.members(false, true);
    }

    fn signs(&mut self, wanted: &[&str]) {
        for word in wanted {
            match words::meaning(word) {
                Some(entry) => self.push(word, CompletionItemKind::KEYWORD, entry.form, entry.doc, None),
                None => self.push(word, CompletionItemKind::OPERATOR, "", "", None),
            }
        }
    }

    fn names(&mut self, kind: Kind) {
        if kind == Kind::Member {
            return self.members(true, true);
        }
        let shape = match kind {
            Kind::Provider => CompletionItemKind::MODULE,
            Kind::Route => CompletionItemKind::FUNCTION,
            Kind::Tag => CompletionItemKind::ENUM_MEMBER,
            _ => CompletionItemKind::VALUE,
        };
        let index = self.index;
        for name in index.names(kind) {
            let detail = match kind {
                Kind::Tag => {
                    let members: Vec<&str> = index.tagged(name).map(|found| found.name()).take(6).collect();
                    if members.is_empty() {
                        continue;
                    }
                    members.join(", ")
                }
                _ => String::new(),
            };
            self.push(name, shape, &detail, "", None);
        }
    }

    fn members(&mut self, models: bool, pools: bool) {
        let index = self.index;
        for found in index.declarations() {
            let word = found.word();
            let fits = word == "model" && models || word == "pool" && pools;
            if !fits || found.name().is_empty() {
                continue;
            }
            let detail = match (&found.item.on, word) {
                (Some(on), "model") => format!("on {}", found.document.slice(on)),
                _ => found
                    .document
                    .slice(&found.item.range)
                    .split_once('=')
                    .map_or(String::new(), |(_, list)| list.trim().to_owned()),
            };
            let doc = hover::price(&found).unwrap_or_default();
            let kind = if word == "model" { CompletionItemKind::CLASS } else { CompletionItemKind::ENUM };
            self.push(found.name(), kind, &detail, &doc, None);
        }
    }

    fn attempt(&mut self) {
        self.members(true, true);
        for entry in words::CHOICES {
            let insert = format!("{} of ${{1:tag(${{2:name}})}}", entry.word);
            self.push(entry.word, CompletionItemKind::KEYWORD, entry.form, entry.doc, Some(insert));
        }
        self.push(
            "split",
            CompletionItemKind::KEYWORD,
            "split { 90% a, 10% b } by user.id",
            "shares of requests",
            Some("split { ${1:90}% ${2:a}, ${3:10}% ${4:b} }".to_owned()),
        );
        self.push(
            "route",
            CompletionItemKind::KEYWORD,
            "route NAME",
            "another route, on the same facts",
            Some("route $1".to_owned()),
        );
        self.push(
            "reject",
            CompletionItemKind::KEYWORD,
            "reject 403 \"why\"",
            "a refusal",
            Some("reject ${1:403} \"${2:why}\"".to_owned()),
        );
    }

    fn keys(&mut self, block: Block, present: &[String]) {
        for row in fields::fields(block).filter(|row| !present.iter().any(|known| known == row.key)) {
            let later = if row.served { "" } else { "\n\nnot served by this version" };
            let insert = match row.form {
                Form::Group(_) => format!("{}: {{ $1 }}", row.key),
                Form::Capabilities | Form::Tags | Form::Models | Form::Transforms => format!("{}: [$1]", row.key),
                Form::Env => format!("{}: env(\"$1\")", row.key),
                Form::Keys => format!("{}: [env(\"$1\")]", row.key),
                _ => format!("{}: $1", row.key),
            };
            let doc = format!("{}{later}", row.doc);
            self.push(row.key, CompletionItemKind::FIELD, row.example, &doc, Some(insert));
        }
    }

    fn value(&mut self, form: Form) {
        let constants = |list: &mut Self, words: &[&str]| {
            for word in words {
                list.push(word, CompletionItemKind::ENUM_MEMBER, "", "", None);
            }
        };
        match form {
            Form::OneOf(words) => constants(self, words),
            Form::Models => {
                self.members(true, true);
                if !self.quoted {
                    self.push(
                        "tag",
                        CompletionItemKind::KEYWORD,
                        "tag(NAME)",
                        "all models with this tag",
                        Some("tag($1)".to_owned()),
                    );
                }
            }
            Form::Route => self.names(Kind::Route),
            Form::Tags => self.names(Kind::Tag),
            Form::Capabilities => self.words(words::CAPABILITIES, CompletionItemKind::ENUM_MEMBER),
            Form::Preset => {
                for preset in presets::PRESETS {
                    self.push(preset.name, CompletionItemKind::ENUM_MEMBER, preset.doc, "", None);
                }
            }
            _ if self.quoted => {}
            Form::Bool => constants(self, &["true", "false"]),
            Form::Env => self.push(
                "env",
                CompletionItemKind::FUNCTION,
                "env(\"NAME\")",
                "an environment variable",
                Some("env(\"$1\")".to_owned()),
            ),
            Form::Keys => {
                self.push("[", CompletionItemKind::SNIPPET, "[env(\"NAME\")]", "", Some("[env(\"$1\")]".to_owned()))
            }
            Form::Transforms => self.transforms(),
            Form::Duration => constants(self, &["30s", "500ms", "10m", "1h"]),
            Form::DurationOrOff => constants(self, &["off", "10m", "1h"]),
            Form::Percent => constants(self, &["5%"]),
            Form::Rate => constants(self, &["60/min", "200k/min"]),
            Form::Money => constants(self, &["$200/month", "$5/day"]),
            Form::Group(block) => self.group(block),
            Form::NumberOr(block) => {
                constants(self, &["0.8"]);
                self.group(block);
            }
            Form::Text | Form::Number | Form::Free => {}
        }
    }

    /// The transforms of the language, then those of the policy.
    fn transforms(&mut self) {
        for row in table::TRANSFORMS {
            let brackets = matches!(row.arguments, Arguments::None | Arguments::MaybeTokens | Arguments::Words);
            let insert = if brackets { row.name.to_owned() } else { format!("{}($1)", row.name) };
            self.push(row.name, CompletionItemKind::FUNCTION, row.example, row.doc, Some(insert));
        }
        self.names(Kind::Transform);
    }

    fn group(&mut self, block: Block) {
        let rows = fields::fields(block).take(2).zip(1..);
        let inside: Vec<String> =
            rows.map(|(row, number)| format!("{}: ${{{number}:{}}}", row.key, row.example)).collect();
        self.push(
            "{",
            CompletionItemKind::SNIPPET,
            "a group of fields",
            "",
            Some(format!("{{ {} }}", inside.join(", "))),
        );
    }

    fn statement(&mut self, present: &[String]) {
        for (word, form) in [
            ("rule", "rule ${1:name} when ${2:condition} -> ${3:model}"),
            ("let", "let ${1:name} = ${2:expression}"),
            ("default", "default -> ${1:model}"),
        ] {
            let doc = words::meaning(word).map_or("", |entry| entry.doc);
            self.push(word, CompletionItemKind::SNIPPET, doc, "", Some(form.to_owned()));
        }
        self.keys(Block::Options, present);
    }
}
