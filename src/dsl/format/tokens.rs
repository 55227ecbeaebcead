//! Comments and where they stand; the order of tokens and comments, by which two texts are
//! compared.

use pest::iterators::Pair;

use crate::dsl::lex::{Lexer, TokenKind};
use crate::dsl::parse::{Based, Rule};

/// A comment of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comment<'a> {
    /// without the blanks at its end
    pub(super) text: &'a str,
    /// its first byte
    pub(super) start: usize,
    /// where the token before it ends, commas left out; None: nothing stands before it
    pub(super) behind: Option<usize>,
    /// it stands on a line of its own
    pub(super) own_line: bool,
}

/// The comments of a text, in order.
pub(super) fn comments(text: &str) -> Vec<Comment<'_>> {
    let mut found = Vec::new();
    let mut behind = None;
    for token in Lexer::new(text, 0) {
        let shown = token.text(text);
        if token.kind == TokenKind::Comment {
            let since = text.get(behind.unwrap_or(0)..token.start).unwrap_or("");
            found.push(Comment {
                text: shown.trim_end_matches(is_blank),
                start: token.start,
                behind,
                own_line: behind.is_none() || since.contains('\n'),
            });
        } else if shown != "," {
            behind = Some(token.end);
        }
    }
    found
}

/// What separates tokens.
pub(super) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n' | '\u{FEFF}')
}

/// Whether an empty line stands right before a place.
pub(super) fn empty_line_before(text: &str, place: usize) -> bool {
    let before = text.get(..place).unwrap_or("");
    before.chars().rev().take_while(|letter| is_blank(*letter)).filter(|letter| *letter == '\n').nth(1).is_some()
}

/// One step through a text: what two layouts of it have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Enter(Rule),
    Leave,
    Token(&'a str),
    Comment(&'a str),
}

/// All steps through a text. Commas are left out, which come and go with the layout: where one is
/// needed, the text without it is read otherwise.
pub(super) fn steps<'a>(text: &'a str, pieces: &[Based<'a>]) -> Vec<Step<'a>> {
    let mut walk = Walk { text, comments: comments(text).into_iter().peekable(), steps: Vec::new() };
    for (base, pair) in pieces {
        walk.pair(*base, pair.clone());
    }
    let rest = walk.comments.map(|comment| Step::Comment(comment.text));
    walk.steps.extend(rest);
    walk.steps
}

struct Walk<'a> {
    text: &'a str,
    comments: std::iter::Peekable<std::vec::IntoIter<Comment<'a>>>,
    steps: Vec<Step<'a>>,
}

impl<'a> Walk<'a> {
    fn pair(&mut self, base: usize, pair: Pair<'a, Rule>) {
        let (rule, span) = (pair.as_rule(), pair.as_span());
        let (start, end) = (base + span.start(), base + span.end());
        if matches!(rule, Rule::comma | Rule::EOI) {
            return;
        }
        let mut children = pair.clone().into_inner().peekable();
        if children.peek().is_none() || rule == Rule::by_rule {
            self.token(start, end);
            return;
        }
        // As a value, `tenant .id` is an expression and `tenant.id` a word; both say the same.
        if rule == Rule::value && self.path(base, &pair) {
            return;
        }
        self.steps.push(Step::Enter(rule));
        if rule == Rule::select {
            self.token(start, start + 1);
        }
        children.for_each(|child| self.pair(base, child));
        self.steps.push(Step::Leave);
    }

    fn token(&mut self, start: usize, end: usize) {
        while let Some(comment) = self.comments.next_if(|comment| comment.start < start) {
            self.steps.push(Step::Comment(comment.text));
        }
        self.steps.push(Step::Token(self.text.get(start..end).unwrap_or("")));
    }

    /// Steps through names with dots between them, if a value is nothing else.
    fn path(&mut self, base: usize, pair: &Pair<'a, Rule>) -> bool {
        let is_name = |token: &Pair<'_, Rule>| matches!(token.as_rule(), Rule::ident | Rule::selector);
        let through = |rule: Rule| {
            matches!(rule, Rule::expr | Rule::binary | Rule::unary | Rule::select | Rule::ident_or_call | Rule::word)
        };
        let inner = || pair.clone().into_inner().flatten();
        if !inner().all(|part| is_name(&part) || through(part.as_rule())) {
            return false;
        }
        for part in inner() {
            let start = base + part.as_span().start();
            match part.as_rule() {
                Rule::select => self.token(start, start + 1),
                Rule::word => {
                    let mut at = start;
                    for name in part.as_str().split_inclusive('.') {
                        let length = name.trim_end_matches('.').len();
                        self.token(at, at + length);
                        if length < name.len() {
                            self.token(at + length, at + name.len());
                        }
                        at += name.len();
                    }
                }
                _ if is_name(&part) => self.token(start, base + part.as_span().end()),
                _ => {}
            }
        }
        true
    }
}
