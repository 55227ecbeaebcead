//! A reader that never fails: it walks over text that may be unfinished or wrong and says of each
//! word what it is (a name declared, a name used, a field, a variable, …). At the end of the text
//! it says what could stand there next. Everything an editor asks is answered from this.
//!
//! It cuts a file into declarations with the scanner of the language, so that one broken
//! declaration never hides the next. Tests hold it against the parser.

mod characters;
mod expr;
mod items;
mod routes;
mod tests_block;

use std::ops::Range;

use crate::diag::SourceId;
use crate::dsl::expr::typed::Type;
use crate::dsl::fields::{Block, Form};
use crate::dsl::lex::{Lexer, Token, TokenKind};
use crate::dsl::scan::scan;
use crate::facts::Var;

/// What a name names. Models and pools share one space, as in the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// a provider
    Provider,
    /// a model or a pool
    Member,
    /// a tenant
    Tenant,
    /// a route
    Route,
    /// a rule of one route
    Rule,
    /// a `let` of one route
    Let,
    /// a model's tag
    Tag,
    /// a test, by its title
    Test,
    /// an invariant, by its title
    Invariant,
    /// a transform
    Transform,
    /// an alert
    Alert,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// a word of the language
    Keyword,
    /// a word that says how to choose
    Choice,
    /// it declares a name
    Declares(Kind),
    /// it uses a name
    Refers(Kind),
    /// a field's key, and the block it stands in
    Key(Option<Block>),
    /// a variable of the table, the whole path; None: no such variable
    Variable(Option<Var>),
    /// a function or method
    Function,
    /// the variable of a macro
    Local,
    /// a word that is data
    Word,
    /// a string
    Text,
    /// a number, with its unit
    Number,
    /// an operator, the arrow included
    Operator,
}

/// A word with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// its bytes; of a title or a name in quotes, without the quotes
    pub range: Range<usize>,
    /// what it is
    pub role: Role,
    /// the route that a rule or `let` belongs to; "" for every other kind, or when it is not said
    pub scope: String,
}

/// A field of a declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldNode {
    /// the key
    pub key: Range<usize>,
    /// the value
    pub value: Range<usize>,
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// `let`
    Let,
    /// `rule`
    Rule,
    /// `default`
    Default,
    /// `given`
    Case,
}

/// A statement of a route or a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// what it is
    pub kind: StatementKind,
    /// its name; the keyword for `default` and `given`
    pub name: Range<usize>,
    /// all of it
    pub range: Range<usize>,
}

/// A declaration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// its first word, such as `model`
    pub word: Range<usize>,
    /// its name or title, without quotes; empty when there is none
    pub name: Range<usize>,
    /// the provider of a model, the route of a test
    pub on: Option<Range<usize>>,
    /// all of it
    pub range: Range<usize>,
    /// its fields
    pub fields: Vec<FieldNode>,
    /// its statements
    pub statements: Vec<Statement>,
}

/// What can stand at a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// a declaration
    Item,
    /// one of these words or signs
    Words(&'static [&'static str]),
    /// a name of this kind
    Name(Kind),
    /// a model, not a pool
    Model,
    /// an attempt
    Attempt,
    /// an arm of a split: a share first
    Arm,
    /// what a choice chooses from
    Set,
    /// a field; those that already stand there
    Key(Block, Vec<String>),
    /// a value
    Value(Form),
    /// a statement of a route; the options that already stand there
    Statement(Vec<String>),
    /// an operand; `model.…` can be seen; the variable that it is compared with
    Operand {
        /// in `where` and `require`
        candidate: bool,
        /// what it is compared with
        against: Option<Var>,
    },
    /// an operator behind a value of this type
    Operator(Option<Type>),
    /// what stands behind a dot, after a first word of paths
    Path(String),
    /// what stands behind a dot, after a value
    Method(Option<Type>),
    /// a fact; the group it stands in, "" at the top; those that already stand there
    Fact(String, Vec<String>),
    /// a fact's value
    FactValue(Option<Var>),
    /// a live fact
    Live(Vec<String>),
    /// a case
    Case,
    /// what has to come out
    Outcome,
    /// a rule that has to decide; the routes before it
    RuleName(String),
}

/// A call that is being written.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// the function
    pub name: String,
    /// it has a receiver
    pub method: bool,
    /// which argument, from 0
    pub argument: usize,
}

/// What a text is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Syntax {
    /// its words, in order
    pub marks: Vec<Mark>,
    /// its declarations, in order
    pub items: Vec<Item>,
    /// brackets that hold more than a line's worth, and runs of statements
    pub groups: Vec<Range<usize>>,
    /// what can stand at the very end
    pub expected: Vec<Expect>,
    /// the innermost call that is open at the very end
    pub call: Option<Call>,
    /// `let`s and macro variables that can be read at the very end
    pub visible: Vec<String>,
}

/// Reads a text.
#[must_use]
pub fn read(text: &str) -> Syntax {
    let scanned = scan(SourceId(0), text, &mut Vec::new());
    let mut syntax = Syntax::default();
    let last = scanned.items.len();
    let mut complete = true;
    for (number, chunk) in (1..).zip(&scanned.items) {
        if chunk.skip {
            continue;
        }
        // The last one may go on where the text ends.
        let end = if number == last { scanned.text.len() } else { chunk.range.end };
        let mut walk = Walk::new(scanned.text.get(..end).unwrap_or(""), chunk.range.start, syntax);
        complete = walk.item();
        syntax = walk.out;
        if complete {
            syntax.expected.clear();
            syntax.call = None;
        }
    }
    if complete {
        syntax.expected = vec![Expect::Item];
    }
    syntax.marks.sort_by_key(|mark| (mark.range.start, mark.range.end));
    if matches!(scanned.text, std::borrow::Cow::Owned(_)) {
        characters::onto_characters(text, &mut syntax);
    }
    syntax
}

/// Words that begin a statement; at the start of a line they are nobody's name.
const STATEMENTS: &[&str] = &["let", "rule", "default", "given"];

/// Deepest nesting that is walked into; the scanner refuses more than this anyway.
const MAX_DEPTH: usize = crate::bounds::MAX_NESTING * 2;

/// The walk over one declaration.
struct Walk<'t> {
    text: &'t str,
    at: usize,
    out: Syntax,
    /// something that has to stand here is missing at the end: nothing outside can follow
    sealed: bool,
    /// the route whose rules and `let`s are read
    route: String,
    /// `let`s so far, with their types as far as they are clear
    lets: Vec<(String, Option<Type>)>,
    /// variables of enclosing macros
    locals: Vec<(String, Option<Type>)>,
    /// calls around this place
    calls: Vec<Call>,
    depth: usize,
    fields: Vec<FieldNode>,
    statements: Vec<Statement>,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str, at: usize, out: Syntax) -> Self {
        Self {
            text,
            at,
            out,
            sealed: false,
            route: String::new(),
            lets: Vec::new(),
            locals: Vec::new(),
            calls: Vec::new(),
            depth: 0,
            fields: Vec::new(),
            statements: Vec::new(),
        }
    }

    /// The next token, comments left out.
    fn peek(&self) -> Option<Token> {
        Lexer::new(self.text, self.at).find(|token| token.kind != TokenKind::Comment)
    }

    /// The token behind the next one.
    fn peek_second(&self) -> Option<Token> {
        let first = self.peek()?;
        Lexer::new(self.text, first.end).find(|token| token.kind != TokenKind::Comment)
    }

    fn text_of(&self, token: Token) -> &'t str {
        self.text.get(token.start..token.end).unwrap_or("")
    }

    fn slice(&self, range: &Range<usize>) -> &'t str {
        self.text.get(range.clone()).unwrap_or("")
    }

    fn take(&mut self, token: Token) {
        self.at = token.end.max(self.at);
    }

    fn mark(&mut self, range: Range<usize>, role: Role) {
        self.out.marks.push(Mark { range, role, scope: String::new() });
    }

    fn mark_in(&mut self, range: Range<usize>, role: Role, scope: &str) {
        self.out.marks.push(Mark { range, role, scope: scope.to_owned() });
    }

    /// Notes what could stand here; true when the text ends here.
    fn end(&mut self, expect: impl FnOnce(&Self) -> Expect) -> bool {
        if self.peek().is_some() {
            return false;
        }
        if !self.sealed {
            let expect = expect(self);
            self.out.expected.push(expect);
            if self.out.call.is_none() {
                self.out.call = self.calls.last().cloned();
            }
            for (name, _) in self.lets.iter().chain(&self.locals) {
                if !self.out.visible.contains(name) {
                    self.out.visible.push(name.clone());
                }
            }
        }
        true
    }

    /// Like [`Self::end`], for what has to stand here.
    fn needs(&mut self, expect: impl FnOnce(&Self) -> Expect) -> bool {
        let ended = self.end(expect);
        self.sealed |= ended;
        ended
    }

    /// A statement begins here, whatever was expected.
    fn at_statement(&self, token: Token) -> bool {
        let word = self.text_of(token);
        if token.kind != TokenKind::Word || !STATEMENTS.contains(&word) {
            return false;
        }
        let line = self.text.get(..token.start).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
        self.text.get(line..token.start).is_some_and(|head| head.trim().is_empty())
    }

    /// Takes this word when it stands here.
    fn word(&mut self, wanted: &'static [&'static str], role: &Role) -> Option<&'static str> {
        if self.needs(|_| Expect::Words(wanted)) {
            return None;
        }
        self.word_if(wanted, role)
    }

    /// Takes one of these words when it stands here; nothing is missing when it does not.
    fn word_if(&mut self, wanted: &'static [&'static str], role: &Role) -> Option<&'static str> {
        let token = self.peek()?;
        let text = self.text_of(token);
        let found = wanted.iter().find(|word| **word == text)?;
        self.mark(token.start..token.end, role.clone());
        self.take(token);
        Some(found)
    }

    /// Takes a bracket or a sign when it stands here.
    fn sign(&mut self, wanted: &'static [&'static str]) -> bool {
        if self.needs(|_| Expect::Words(wanted)) {
            return false;
        }
        self.sign_if(wanted)
    }

    fn sign_if(&mut self, wanted: &'static [&'static str]) -> bool {
        let Some(token) = self.peek() else { return false };
        let found = wanted.contains(&self.text_of(token));
        if found {
            if matches!(token.kind, TokenKind::Other) {
                self.mark(token.start..token.end, Role::Operator);
            }
            self.take(token);
        }
        found
    }

    /// A name that is declared here.
    fn declares(&mut self, kind: Kind) -> Range<usize> {
        self.name(Role::Declares(kind), |_| Expect::Words(&[]))
    }

    /// A name that is used here.
    fn refers(&mut self, kind: Kind) -> Option<Range<usize>> {
        let range = self.name(Role::Refers(kind), |_| match kind {
            Kind::Member => Expect::Model,
            other => Expect::Name(other),
        });
        (!range.is_empty()).then_some(range)
    }

    fn name(&mut self, role: Role, expect: impl FnOnce(&Self) -> Expect) -> Range<usize> {
        if self.needs(expect) {
            return self.at..self.at;
        }
        match self.peek() {
            Some(token) if token.kind == TokenKind::Word && !self.at_statement(token) => {
                let range = token.start..token.end;
                let scoped = matches!(role, Role::Declares(Kind::Rule | Kind::Let));
                let scope = if scoped { self.route.clone() } else { String::new() };
                self.out.marks.push(Mark { range: range.clone(), role, scope });
                self.take(token);
                range
            }
            _ => self.at..self.at,
        }
    }

    /// Runs something one level deeper; hostile nesting is not walked into.
    fn deeper<T: Default>(&mut self, what: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= MAX_DEPTH {
            if let Some(token) = self.peek() {
                self.take(token);
            }
            return T::default();
        }
        self.depth += 1;
        let out = what(self);
        self.depth -= 1;
        out
    }

    /// Passes over a token that fits nowhere.
    fn skip(&mut self) {
        if let Some(token) = self.peek() {
            self.plain(token);
        }
    }

    /// Takes a token of data.
    fn plain(&mut self, token: Token) {
        let range = token.start..token.end;
        match token.kind {
            TokenKind::String(_) => self.mark(range, Role::Text),
            TokenKind::Number => self.mark(range, Role::Number),
            TokenKind::Word => self.mark(range, Role::Word),
            TokenKind::Other => self.mark(range, Role::Operator),
            _ => {}
        }
        self.take(token);
    }

    /// Notes a group that an editor may fold.
    fn group(&mut self, from: usize) {
        self.out.groups.push(from..self.at);
    }
}

/// The inside of a string's token: prefix and quotes left out.
pub(super) fn inner(text: &str, token: Token) -> Range<usize> {
    let shown = token.text(text);
    let quotes = shown.trim_start_matches(['r', 'R', 'b', 'B']);
    let prefix = shown.len() - quotes.len();
    let triple = quotes.len() >= 6 && (quotes.starts_with("\"\"\"") || quotes.starts_with("'''"));
    let width = if triple { 3 } else { 1 };
    let start = (token.start + prefix + width).min(token.end);
    let closing = if matches!(token.kind, TokenKind::String(true)) { width } else { 0 };
    start..token.end.saturating_sub(closing).max(start)
}

#[cfg(test)]
mod tests;
