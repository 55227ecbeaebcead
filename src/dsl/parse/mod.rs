//! Text to [`crate::dsl::ast`]. An item that does not parse as a whole is cut into statements,
//! each parsed alone, so that every mistake is reported and the rest is still known.

mod exprs;
mod items;
mod pieces;
mod rephrase;
mod shape;
mod slips;
mod targets;
mod values;

use std::num::NonZeroUsize;
use std::sync::Once;

use pest::Parser as _;
use pest::iterators::Pair;

use super::ast::{Field, Item, Word};
use super::load::Comment;
use super::scan::{Scan, scan};
use crate::bounds::MAX_FILE_BYTES;
use crate::diag::{Code, Diagnostic, Source, SourceId, Span};
use crate::dsl::expr::ast::Raw;

pub(crate) use shape::{Based, Shape, parse_shape, parse_shape_again};

/// The grammar, made into a parser by pest.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/policy.pest"]
#[allow(missing_docs, reason = "pest makes one enum member a rule")]
struct Grammar;

/// Calls of grammar rules a byte of text: measured 7 to 11, with room for hostile text.
const CALLS_PER_BYTE: usize = 64;

/// The items of one file, and the `// ccr:` comments.
#[derive(Debug, Default)]
pub(crate) struct ParsedFile {
    pub(crate) items: Vec<Item>,
    pub(crate) comments: Vec<Comment>,
    /// an item could not be read at all, so a name that it declares is unknown
    pub(crate) lost: bool,
}

/// Parses one file. Findings are appended in the order of the text.
pub(crate) fn parse_file(id: SourceId, source: &Source, findings: &mut Vec<Diagnostic>) -> ParsedFile {
    bound_calls();
    if source.text.len() > MAX_FILE_BYTES {
        let message = format!("`{}` is larger than {MAX_FILE_BYTES} bytes", source.name);
        findings.push(Diagnostic::without_place(Code::P0004, message).help("split it into several files"));
        return ParsedFile { lost: true, ..ParsedFile::default() };
    }
    let Scan { text, items: chunks, comments } = scan(id, &source.text, findings);
    let mut items = Vec::new();
    let count = chunks.len();
    for chunk in chunks.into_iter().filter(|chunk| !chunk.skip) {
        let mut parser = Parser { id, text: &text, base: chunk.range.start, findings };
        items.extend(parser.item(&chunk));
    }
    let comments = comments
        .iter()
        .map(|token| Comment { span: Span::new(id, token.start, token.end), text: token.text(&text).to_owned() })
        .collect();
    let lost = items.len() < count;
    ParsedFile { items, comments, lost }
}

/// Parses `{ … }` as fields, for facts given on the command line.
pub(crate) fn parse_fields(id: SourceId, text: &str, findings: &mut Vec<Diagnostic>) -> Option<Vec<Field>> {
    bound_calls();
    let before = findings.len();
    if text.len() > MAX_FILE_BYTES {
        findings.push(Diagnostic::without_place(Code::P0004, "the text is too large"));
        return None;
    }
    if let Some(facts) = without_braces(text) {
        let finding = Diagnostic::new(Code::P0203, Span::new(id, 0, text.len()), "facts stand in braces");
        findings.push(finding.help(format!("write `{{ {facts} }}`")));
        return None;
    }
    let scanned = scan(id, text, findings);
    if findings.len() > before {
        return None;
    }
    let mut parser = Parser { id, text: &scanned.text, base: 0, findings };
    let pair = parser.run(Rule::one_value, 0..text.len())?;
    let value = pair.into_inner().find(|pair| pair.as_rule() == Rule::value)?;
    let span = parser.span(&value);
    match parser.value(value).kind {
        crate::dsl::ast::ValueKind::Map(fields) if findings.len() == before => Some(fields),
        crate::dsl::ast::ValueKind::Map(_) => None,
        _ => {
            findings.push(
                Diagnostic::new(Code::P0203, span, "facts stand in braces").help("write `{ text: \"…\", tokens: 9 }`"),
            );
            None
        }
    }
}

/// Facts as they have to be written, of a text that names some without braces: `images: 1`, `images=1`.
fn without_braces(text: &str) -> Option<String> {
    let name = |key: &str| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let key = key.trim();
        (!key.is_empty() && key.bytes().all(is_name)).then(|| key.to_owned())
    };
    let whole = text.trim();
    if whole.split_once(':').is_some_and(|(key, _)| name(key).is_some()) {
        return Some(whole.to_owned());
    }
    let fact = |part: &str| {
        let (key, value) = part.split_once('=')?;
        Some(format!("{}: {}", name(key)?, value.trim_start_matches('=').trim()))
    };
    whole.split(',').map(fact).collect::<Option<Vec<String>>>().map(|facts| facts.join(", "))
}

fn bound_calls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| pest::set_call_limit(NonZeroUsize::new(CALLS_PER_BYTE * MAX_FILE_BYTES)));
}

/// Turns pest's pairs into the tree.
struct Parser<'a, 'f> {
    id: SourceId,
    /// the file
    text: &'a str,
    /// where the text given to pest starts in it
    base: usize,
    findings: &'f mut Vec<Diagnostic>,
}

impl<'a> Parser<'a, '_> {
    /// Parses a part of the file by a rule, or reports why it does not parse.
    fn run(&mut self, rule: Rule, range: std::ops::Range<usize>) -> Option<Pair<'a, Rule>> {
        match self.quietly(rule, range.clone()) {
            Ok(pair) => pair,
            Err(error) => {
                let finding = rephrase::rephrase(self.id, self.text, range, &error);
                self.findings.push(finding);
                None
            }
        }
    }

    fn quietly(
        &mut self,
        rule: Rule,
        range: std::ops::Range<usize>,
    ) -> Result<Option<Pair<'a, Rule>>, pest::error::Error<Rule>> {
        self.base = range.start;
        let text: &'a str = self.text.get(range).unwrap_or("");
        Grammar::parse(rule, text).map(|mut pairs| pairs.next())
    }

    /// The place of a pair, trailing blanks and comments left out.
    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        let start = self.base + span.start();
        Span::new(self.id, start, start + values::trimmed_length(pair))
    }

    fn word(&self, pair: &Pair<'_, Rule>) -> Word {
        Word { text: pair.as_str().to_owned(), span: self.span(pair) }
    }

    fn empty_word(&self) -> Word {
        Word { text: String::new(), span: Span::new(self.id, self.base, self.base) }
    }

    /// The expression among these pairs' children, by rule.
    fn child_expr(&mut self, pair: Pair<'a, Rule>) -> Raw {
        let span = self.span(&pair);
        let inner = pair.into_inner().find(|child| child.as_rule() == Rule::expr);
        inner.map_or_else(|| Raw::bad(span), |expr| self.expr(expr))
    }

    fn report(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }
}

#[cfg(test)]
mod tests;
