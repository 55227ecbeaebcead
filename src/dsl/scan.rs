//! Stage 0: one pass over a file that knows strings, comments and brackets. It finds what a
//! grammar explains badly (missing ends, deep nesting, punctuation of a Chinese keyboard) and
//! cuts the file into items, so that each is parsed alone.

use std::borrow::Cow;
use std::ops::Range;

use super::lex::{Lexer, Token, TokenKind};
use crate::bounds::MAX_NESTING;
use crate::diag::{Code, Diagnostic, Edit, SourceId, Span};

/// Words that start an item.
pub(crate) const ITEM_WORDS: &[&str] =
    &["provider", "model", "pool", "tenant", "defaults", "transform", "alert", "route", "test", "invariant"];

/// A file, cut into items.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    /// the text; foreign punctuation replaced by ours, every offset unchanged
    pub(crate) text: Cow<'a, str>,
    /// the items, in order
    pub(crate) items: Vec<Chunk>,
    /// `// ccr: allow …` comments
    pub(crate) comments: Vec<Token>,
}

/// The place of one item.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    /// its bytes
    pub(crate) range: Range<usize>,
    /// openings (of brackets or strings) whose end is missing, already reported
    pub(crate) broken: Vec<usize>,
    /// too deep to be parsed at all
    pub(crate) skip: bool,
}

/// Cuts a file into items and reports what is wrong with its characters.
pub(crate) fn scan<'a>(source: SourceId, text: &'a str, findings: &mut Vec<Diagnostic>) -> Scan<'a> {
    let text = replace_foreign(source, text, findings);
    report_bidi(source, &text, findings);
    let mut scanner =
        Scanner { source, text: &text, findings, stack: Vec::new(), chunks: Vec::new(), open: None, swallowed: None };
    let mut comments = Vec::new();
    for token in Lexer::new(&text, 0) {
        if token.kind == TokenKind::Comment {
            if token.text(&text).contains("ccr:") {
                comments.push(token);
            }
        } else {
            scanner.token(token);
        }
    }
    scanner.end_item(text.trim_end().len());
    let items = scanner.chunks;
    Scan { text, items, comments }
}

struct Scanner<'a, 'b> {
    source: SourceId,
    text: &'a str,
    findings: &'b mut Vec<Diagnostic>,
    /// open brackets of the current item: which, and where
    stack: Vec<(u8, usize)>,
    chunks: Vec<Chunk>,
    /// the current item, and whether it has had a bracket
    open: Option<(Chunk, bool)>,
    /// where a string without an end started in it: what it swallowed may have been a bracket
    swallowed: Option<usize>,
}

/// The bracket that closes this one.
pub(crate) fn closer(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

impl Scanner<'_, '_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn token(&mut self, token: Token) {
        let starts_item = self.at_line_start(token.start) && looks_like_item(self.text, token);
        if starts_item && self.open.as_ref().is_some_and(|(_, bracket)| !bracket || !self.stack.is_empty()) {
            self.end_item(token.start);
        }
        if let TokenKind::Close(byte) = token.kind
            && self.open.is_none()
        {
            self.closes_nothing(byte, token);
            return;
        }
        self.open.get_or_insert_with(|| (Chunk { range: token.start..token.end, ..Chunk::default() }, false));
        match token.kind {
            TokenKind::Open(byte) => self.opened(byte, token.start),
            TokenKind::Close(byte) => self.closed(byte, token),
            TokenKind::String(false) => self.unterminated(token),
            _ => {}
        }
        if let Some((chunk, _)) = &mut self.open {
            chunk.range.end = token.end;
        }
        let done = self.stack.is_empty() && self.open.as_ref().is_some_and(|(_, bracket)| *bracket);
        if done && matches!(token.kind, TokenKind::Close(_)) {
            self.end_item(token.end);
        }
    }

    fn at_line_start(&self, start: usize) -> bool {
        start == 0 || self.text.as_bytes().get(start - 1) == Some(&b'\n')
    }

    fn opened(&mut self, byte: u8, at: usize) {
        self.stack.push((byte, at));
        let span = self.span(at, at + 1);
        let Some((chunk, bracket)) = &mut self.open else { return };
        *bracket = true;
        if self.stack.len() > MAX_NESTING && !chunk.skip {
            chunk.skip = true;
            self.findings.push(
                Diagnostic::new(Code::P0003, span, format!("brackets are nested more than {MAX_NESTING} deep"))
                    .label("one level too many")
                    .help("name a part with `let`, or write it flatter"),
            );
        }
    }

    fn closed(&mut self, byte: u8, token: Token) {
        let span = self.span(token.start, token.end);
        if !self.stack.iter().any(|(open, _)| closer(*open) == byte) {
            self.closes_nothing(byte, token);
            if let Some((chunk, _)) = &mut self.open {
                chunk.broken.push(token.start);
            }
            return;
        }
        while let Some((open, at)) = self.stack.pop() {
            if closer(open) == byte {
                return;
            }
            let message = format!("`{}` is never closed", char::from(open));
            let finding = Diagnostic::new(Code::P0002, self.span(at, at + 1), message)
                .label("opened here")
                .also(span, format!("`{}` is expected before this", char::from(closer(open))));
            self.broken(at, finding);
        }
    }

    fn closes_nothing(&mut self, byte: u8, token: Token) {
        let span = self.span(token.start, token.end);
        self.findings.push(
            Diagnostic::new(Code::P0001, span, format!("`{}` closes nothing", char::from(byte)))
                .help("remove it, or open a bracket before it"),
        );
    }

    fn broken(&mut self, at: usize, finding: Diagnostic) {
        self.findings.push(finding);
        if let Some((chunk, _)) = &mut self.open {
            chunk.broken.push(at);
        }
    }

    fn unterminated(&mut self, token: Token) {
        let shown = token.text(self.text);
        let quotes = shown.trim_start_matches(['r', 'R', 'b', 'B']);
        let triple = quotes.starts_with("\"\"\"") || quotes.starts_with("'''");
        let width = shown.len() - quotes.len() + if triple { 3 } else { 1 };
        let finding =
            Diagnostic::new(Code::P0002, self.span(token.start, token.start + width), "this string is never closed")
                .label("opened here")
                .help(if triple {
                    "put three quotes at its end"
                } else {
                    "put a quote at its end, or use three quotes for several lines"
                });
        self.swallowed = Some(token.start);
        self.broken(token.start, finding);
    }

    fn end_item(&mut self, end: usize) {
        let swallowed = self.swallowed.take();
        if let Some(&(open, at)) = self.stack.last().filter(|(_, at)| swallowed.is_none_or(|string| string < *at)) {
            let finding =
                Diagnostic::new(Code::P0002, self.span(at, at + 1), format!("`{}` is never closed", char::from(open)))
                    .label("opened here")
                    .help(format!("put `{}` where it ends", char::from(closer(open))));
            self.findings.push(finding);
        }
        let unclosed: Vec<usize> = self.stack.drain(..).map(|(_, at)| at).collect();
        if let Some((mut chunk, _)) = self.open.take() {
            chunk.broken.extend(unclosed);
            let upper = end.max(chunk.range.start);
            chunk.range.end =
                chunk.range.start + self.text.get(chunk.range.start..upper).unwrap_or("").trim_end().len();
            self.chunks.push(chunk);
        }
    }
}

/// Whether an item starts with this token: an item word, a name, and what follows names in items.
fn looks_like_item(text: &str, token: Token) -> bool {
    let word = token.text(text);
    if token.kind != TokenKind::Word || !ITEM_WORDS.contains(&word) {
        return false;
    }
    let mut ahead = Lexer::new(text, token.end).filter(|token| token.kind != TokenKind::Comment);
    let Some(next) = ahead.next() else { return false };
    if word == "defaults" {
        return next.kind == TokenKind::Open(b'{');
    }
    let named = match word {
        "test" | "invariant" => matches!(next.kind, TokenKind::String(_)),
        _ => next.kind == TokenKind::Word,
    };
    named
        && ahead.next().is_some_and(|third| {
            third.kind == TokenKind::Open(b'{') || matches!(third.text(text), "on" | "=") && word != "route"
        })
}

/// Full-width punctuation and what was meant.
const FOREIGN: &[(char, char)] = &[
    ('（', '('),
    ('）', ')'),
    ('【', '['),
    ('】', ']'),
    ('［', '['),
    ('］', ']'),
    ('｛', '{'),
    ('｝', '}'),
    ('，', ','),
    ('、', ','),
    ('：', ':'),
    ('；', ';'),
    ('。', '.'),
    ('！', '!'),
    ('？', '?'),
    ('＝', '='),
    ('＞', '>'),
    ('＜', '<'),
    ('＆', '&'),
    ('｜', '|'),
    ('＋', '+'),
    ('－', '-'),
    ('＊', '*'),
    ('／', '/'),
    ('％', '%'),
    ('“', '"'),
    ('”', '"'),
    ('‘', '\''),
    ('’', '\''),
    ('\u{3000}', ' '),
];

/// Replaces punctuation of a Chinese keyboard outside strings, and reports it. Blanks fill the
/// bytes that the shorter character leaves, so that no offset moves.
fn replace_foreign<'a>(source: SourceId, text: &'a str, findings: &mut Vec<Diagnostic>) -> Cow<'a, str> {
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut resume = 0;
    let mut quote_end = None;
    for token in Lexer::new(text, 0) {
        if token.kind != TokenKind::Other || token.end - token.start < 2 || token.start < resume {
            continue;
        }
        let Some(found) = token.text(text).chars().next() else { continue };
        let Some(meant) = meant_by(found) else { continue };
        if let Some((end, operator)) = foreign_pair(text, token, meant) {
            let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
            out.push_str(text.get(copied..token.start).unwrap_or(""));
            out.push_str(&operator);
            out.push_str(&" ".repeat(end - token.start - operator.len()));
            (copied, resume) = (end, end);
            report_foreign(Span::new(source, token.start, end), text, &operator, findings);
            continue;
        }
        let closing = quote_end == Some(token.start);
        if let Some(close) = if closing { None } else { matching_quote(text, token, found) } {
            (resume, quote_end) = (close, Some(close));
        }
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(text.get(copied..token.start).unwrap_or(""));
        let blanks = " ".repeat(token.end - token.start - 1);
        let opens_quote = matches!(meant, '"' | '\'') && !closing;
        out.push_str(&if opens_quote { format!("{blanks}{meant}") } else { format!("{meant}{blanks}") });
        copied = token.end;
        let span = Span::new(source, token.start, token.end);
        if let Some(number) = share_before(text, token.start).filter(|_| meant == ':') {
            let span = Span::new(source, token.start - number.len(), token.end);
            let finding = Diagnostic::new(Code::P0006, span, format!("`{found}` is not punctuation of this language"));
            let number = number.trim_end_matches('%');
            findings.push(finding.help(format!("an arm of a split has no colon: write `{number}% NAME`")));
        } else {
            report_foreign(span, text, &meant.to_string(), findings);
        }
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(text.get(copied..).unwrap_or(""));
            Cow::Owned(out)
        }
    }
}

fn meant_by(found: char) -> Option<char> {
    FOREIGN.iter().find(|(foreign, _)| *foreign == found).map(|(_, meant)| *meant)
}

/// An operator of two characters of which the first, or both, are full-width: its end, and what it
/// is.
fn foreign_pair(text: &str, token: Token, first: char) -> Option<(usize, String)> {
    let next = text.get(token.end..)?.chars().next()?;
    let second = meant_by(next).unwrap_or(next);
    let operator: String = [first, second].iter().collect();
    let known = matches!(operator.as_str(), "->" | "&&" | "||" | "==" | "!=" | "<=" | ">=");
    known.then_some((token.end + next.len_utf8(), operator))
}

/// The number that ends here, when it stands in a split.
fn share_before(text: &str, at: usize) -> Option<&str> {
    // A split is short; looking further back for every colon would be slow.
    let from = text.floor_char_boundary(at.saturating_sub(500));
    let head = text.get(from..at).unwrap_or("");
    let number = head.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '%'));
    let body = head.rfind('{').filter(|_| number.len() < head.len())?;
    head.get(..body).filter(|head| head.trim_end().ends_with("split"))?;
    head.get(number.len()..)
}

fn report_foreign(span: Span, text: &str, meant: &str, findings: &mut Vec<Diagnostic>) {
    let found = text.get(span.range()).unwrap_or("");
    let name = if found == "\u{3000}" { "a full-width blank".to_owned() } else { format!("`{found}`") };
    findings.push(
        Diagnostic::new(Code::P0006, span, format!("{name} is not punctuation of this language"))
            .help(format!("write `{meant}`"))
            .fix(format!("replace it by `{meant}`"), true, vec![Edit { span, text: meant.to_owned() }]),
    );
}

/// Where the quote that belongs to an opening full-width one stands, on the same line.
fn matching_quote(text: &str, token: Token, found: char) -> Option<usize> {
    let close = match found {
        '“' => '”',
        '‘' => '’',
        '”' => '”',
        '’' => '’',
        _ => return None,
    };
    let line = text.get(token.end..)?.lines().next()?;
    line.find(close).map(|offset| token.end + offset)
}

/// Characters that change the direction of text make a policy look other than it is.
fn report_bidi(source: SourceId, text: &str, findings: &mut Vec<Diagnostic>) {
    for (at, found) in text.char_indices() {
        if matches!(found, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
            let span = Span::new(source, at, at + found.len_utf8());
            findings.push(
                Diagnostic::new(Code::P0907, span, format!("U+{:04X} hides the order of the text", u32::from(found)))
                    .help("remove it, or write it as an escape"),
            );
        }
    }
}
