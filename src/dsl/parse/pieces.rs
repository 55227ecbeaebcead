//! Recovery: an item that does not parse is cut at the words that start its statements, and each
//! piece is parsed alone.
//!
//! The cuts are guesses (`default` may also be a value), so they are made only when the item has
//! not parsed as a whole.

use std::ops::Range;

use super::items::{Part, route_of, test_of};
use super::{Parser, Rule, rephrase};
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{Block, Item, Word};
use crate::dsl::lex::{Lexer, Token, TokenKind};
use crate::dsl::scan::{Chunk, ITEM_WORDS, closer};

/// How the pieces of an item begin.
#[derive(Clone, Copy, PartialEq)]
enum Body {
    Fields,
    Route,
    Cases,
}

impl<'a> Parser<'a, '_> {
    /// Parses an item, as a whole or in pieces.
    pub(super) fn item(&mut self, chunk: &Chunk) -> Option<Item> {
        if chunk.broken.is_empty() {
            match self.quietly(Rule::one_item, chunk.range.clone()) {
                Ok(pair) => {
                    let item = pair?.into_inner().next()?;
                    return self.built_item(item);
                }
                Err(error) => {
                    let before = self.findings.len();
                    let item = self.item_in_pieces(chunk);
                    if self.findings.len() == before {
                        let finding = rephrase::rephrase(self.id, self.text, chunk.range.clone(), &error);
                        self.report(finding);
                    }
                    return item;
                }
            }
        }
        self.item_in_pieces(chunk)
    }

    fn item_in_pieces(&mut self, chunk: &Chunk) -> Option<Item> {
        let word = Lexer::new(self.text, chunk.range.start).find(|token| token.kind != TokenKind::Comment)?;
        let shown = word.text(self.text);
        let body = match shown {
            "provider" | "model" | "tenant" | "defaults" | "transform" => Body::Fields,
            "route" => Body::Route,
            "test" => Body::Cases,
            _ if ITEM_WORDS.contains(&shown) => return None,
            _ => {
                self.not_an_item(word, shown);
                return None;
            }
        };
        let (head, pieces) = split(self.text, chunk, body);
        // A string without its end is reported already; what it swallowed cannot be judged.
        let swallowed = chunk.broken.iter().any(|at| head.contains(at) && at + 1 < head.end);
        let head = if swallowed { None } else { self.run(Rule::one_head, head) };
        let rule = match body {
            Body::Fields => Rule::one_field,
            Body::Route => Rule::one_stmt,
            Body::Cases => Rule::one_case,
        };
        let mut parts = Vec::new();
        for piece in pieces {
            if chunk.broken.iter().any(|at| piece.contains(at)) {
                continue;
            }
            let pair = self.run(rule, piece);
            if let Some(inner) = pair.and_then(|pair| pair.into_inner().next()) {
                parts.extend(self.part(inner));
            }
        }
        let head = head?.into_inner().next()?;
        self.base = chunk.range.start;
        self.assemble(head, parts)
    }

    fn assemble(&mut self, head: pest::iterators::Pair<'a, Rule>, parts: Vec<Part>) -> Option<Item> {
        let rule = head.as_rule();
        if rule == Rule::head_test {
            let (title, on) = self.test_head(head);
            return Some(Item::Test(test_of(title, on, parts)));
        }
        let mut names = head.clone().into_inner().filter(|child| child.as_rule() == Rule::name);
        let name = names.next().map_or_else(|| self.empty_word(), |name| self.word(&name));
        let on: Option<Word> = names.next().map(|name| self.word(&name));
        if rule == Rule::head_route {
            return Some(Item::Route(route_of(name, parts, false)));
        }
        let fields =
            parts.into_iter().filter_map(|part| if let Part::Field(field) = part { Some(field) } else { None });
        let block = Block { name, fields: fields.collect(), whole: false };
        Some(match rule {
            Rule::head_provider => Item::Provider(block),
            Rule::head_model => Item::Model { block, on: on? },
            Rule::head_tenant => Item::Tenant(block),
            Rule::head_transform => Item::Transform(block),
            _ => Item::Defaults(block),
        })
    }

    fn not_an_item(&mut self, token: Token, shown: &str) {
        let span = Span::new(self.id, token.start, token.end);
        let mut finding = Diagnostic::new(Code::P0001, span, format!("`{shown}` does not start a declaration"));
        let near = crate::diag::suggest::nearest(shown, ITEM_WORDS.iter().copied());
        finding = match near {
            _ if shown == "#" => finding.help("comments start with `//`"),
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("a declaration starts with one of: {}", ITEM_WORDS.join(", "))),
        };
        self.report(finding);
    }
}

/// The head of an item (its `{` included) and the pieces of its body.
fn split(text: &str, chunk: &Chunk, body: Body) -> (Range<usize>, Vec<Range<usize>>) {
    let mut starts: Vec<usize> = Vec::new();
    let mut head_end = None;
    let mut end = chunk.range.end;
    let mut stack: Vec<u8> = Vec::new();
    let mut before: Option<Token> = None;
    let tokens = Lexer::new(text, chunk.range.start).take_while(|token| token.start < chunk.range.end);
    for token in tokens.filter(|token| token.kind != TokenKind::Comment) {
        match token.kind {
            TokenKind::Open(byte) => {
                // An opening without its end would hide everything behind it.
                if head_end.is_none() || !chunk.broken.contains(&token.start) {
                    stack.push(byte);
                }
                if byte == b'{' && head_end.is_none() {
                    head_end = Some(token.end);
                }
            }
            TokenKind::Close(byte) => {
                if stack.iter().skip(1).any(|open| closer(*open) == byte) || stack.len() == 1 && byte == b'}' {
                    while stack.pop().is_some_and(|open| closer(open) != byte) {}
                }
                if stack.is_empty() && head_end.is_some() {
                    end = token.start;
                    break;
                }
            }
            _ if stack.len() == 1 && head_end.is_some() && starts_piece(text, token, before, body) => {
                starts.push(token.start);
            }
            _ => {}
        }
        before = Some(token);
    }
    let head_end = head_end.unwrap_or(chunk.range.end);
    let first = Lexer::new(text, head_end).find(|token| token.kind != TokenKind::Comment);
    if let Some(first) = first.filter(|first| first.start < end && starts.first() != Some(&first.start)) {
        starts.insert(0, first.start);
    }
    let ends = starts.iter().skip(1).copied().chain([end]).collect::<Vec<_>>();
    let pieces = starts.into_iter().zip(ends).map(|(start, end)| trimmed(text, start..end)).collect();
    (chunk.range.start..head_end, pieces)
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let length = text.get(range.clone()).unwrap_or("").trim_end().len();
    range.start..range.start + length
}

fn starts_piece(text: &str, token: Token, before: Option<Token>, body: Body) -> bool {
    let word = token.text(text);
    let colon = || Lexer::new(text, token.end).next().is_some_and(|next| next.text(text) == ":");
    let previous = before.map_or("", |token| token.text(text));
    match body {
        Body::Fields => matches!(token.kind, TokenKind::Word | TokenKind::String(_)) && colon(),
        Body::Cases => word == "given" && !matches!(previous, "->" | "then" | "by" | ":" | ","),
        Body::Route if token.kind != TokenKind::Word => false,
        Body::Route => match word {
            // Reserved as names, so nothing but a statement starts with them.
            "let" | "rule" => true,
            "default" => previous != "rule",
            // `c ? a : b` has a word and a colon too; a field stands at the start of a line.
            _ => colon() && first_on_line(text, token.start) && previous != "?",
        },
    }
}

fn first_on_line(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or("");
    let line = before.rfind('\n').map_or(before, |at| before.get(at + 1..).unwrap_or(""));
    line.trim().is_empty()
}
