//! Pairs to a layout: items, fields, statements, targets, cases.

use pest::iterators::{Pair, Pairs};

use super::doc::Doc;
use super::tokens::{Comment, comments, empty_line_before};
use crate::dsl::parse::{Based, Rule};

/// Builds the layout of one text. Tokens are asked for in the order of the text, so that comments
/// stay between the tokens that they stood between.
pub(super) struct Builder<'a> {
    pub(super) text: &'a str,
    /// where the places of the current piece count from
    base: usize,
    comments: std::iter::Peekable<std::vec::IntoIter<Comment<'a>>>,
}

/// How the items of a bracket are laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    /// `{ a: 1, b: 2 }`: blanks inside on one line, commas
    Group,
    /// `[a, b]`, `f(a, b)`: no blanks inside, commas
    List,
    /// `(a)`: no blanks inside, no commas
    Plain,
    /// an item's body with at most one field: blanks inside on one line, no commas
    Short,
    /// an item's body: always one a line, no commas
    Block,
}

impl Bracket {
    fn line<'a>(self, empty_line: bool) -> Doc<'a> {
        match self {
            Self::Group | Self::Short => Doc::line(empty_line),
            Self::List | Self::Plain => Doc::soft(empty_line),
            Self::Block => Doc::hard(empty_line),
        }
    }
}

/// Lays out one thing in a bracket.
type One<'a> = fn(&mut Builder<'a>, Pair<'a, Rule>) -> Doc<'a>;

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, base: 0, comments: comments(text).into_iter().peekable() }
    }

    /// The layout of a whole text.
    pub(super) fn whole(mut self, pieces: Vec<Based<'a>>) -> Doc<'a> {
        let mut parts = Vec::new();
        for (base, pair) in pieces {
            self.base = base;
            let mut children = pair.into_inner().filter(|child| child.as_rule() != Rule::EOI).peekable();
            while let Some(child) = children.next() {
                let empty_line = self.has_empty_line_before(self.start(&child));
                parts.extend([Doc::hard(empty_line), self.piece(child)]);
                if children.peek().is_some_and(needs_comma) {
                    parts.push(Doc::comma());
                }
            }
        }
        let rest = self.own_comments(self.text.len(), true);
        if let Some(first) = rest.first {
            parts.push(Doc::hard(first));
            parts.extend(rest.docs);
        }
        Doc::sequence(parts)
    }

    fn piece(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        match pair.as_rule() {
            Rule::expr => self.expr(pair),
            Rule::kw_require => self.token(&pair),
            Rule::value => self.value(pair),
            Rule::field | Rule::word_field => self.field(pair),
            Rule::let_stmt | Rule::rule_stmt | Rule::default_rule | Rule::case | Rule::when_clause => {
                self.statement(pair)
            }
            Rule::target_with => self.target(pair.into_inner()),
            _ => self.item(pair),
        }
    }

    // --- tokens and comments

    pub(super) fn start(&self, pair: &Pair<'a, Rule>) -> usize {
        self.base + pair.as_span().start()
    }

    /// Whether an empty line stands before what starts at a place, or before its comments.
    fn has_empty_line_before(&mut self, start: usize) -> bool {
        let first = self.comments.peek().map_or(start, |comment| comment.start.min(start));
        empty_line_before(self.text, first)
    }

    /// The comments before a place, each on a line of its own. At the end of something no empty
    /// line follows the last.
    fn own_comments(&mut self, place: usize, at_end: bool) -> OwnComments<'a> {
        let mut found = OwnComments { first: None, docs: Vec::new() };
        while let Some(comment) = self.comments.next_if(|comment| comment.start < place) {
            found.first.get_or_insert_with(|| empty_line_before(self.text, comment.start));
            let next = self.comments.peek().map_or(place, |next| next.start.min(place));
            let empty_line = empty_line_before(self.text, next) && !(at_end && next == place);
            found.docs.push(Doc::own(comment.text, empty_line));
        }
        found
    }

    /// The token that a pair is.
    pub(super) fn token(&mut self, pair: &Pair<'a, Rule>) -> Doc<'a> {
        let span = pair.as_span();
        self.token_at(self.base + span.start(), self.base + span.end())
    }

    /// A token with its comments.
    pub(super) fn token_at(&mut self, start: usize, end: usize) -> Doc<'a> {
        let before = self.own_comments(start, false).docs;
        let text = Doc::text(self.text.get(start..end).unwrap_or(""));
        let is_behind = |comment: &Comment<'a>| !comment.own_line && comment.behind.is_some_and(|token| token <= end);
        let behind = self.comments.next_if(is_behind).map(|comment| comment.text);
        Doc::with_comments(before, text, behind)
    }

    /// All tokens below some pairs, with blanks between them.
    fn words(&mut self, pairs: impl Iterator<Item = Pair<'a, Rule>>) -> Doc<'a> {
        let mut parts = Vec::new();
        for pair in pairs {
            if !parts.is_empty() {
                parts.push(Doc::blank());
            }
            parts.push(self.token(&pair));
        }
        Doc::sequence(parts)
    }

    /// A bracket, what is in it, and the bracket that closes it.
    pub(super) fn bracket(
        &mut self,
        style: Bracket,
        children: impl IntoIterator<Item = Pair<'a, Rule>>,
        one: One<'a>,
    ) -> Doc<'a> {
        let children: Vec<Pair<'a, Rule>> =
            children.into_iter().filter(|child| child.as_rule() != Rule::comma).collect();
        let last = children.len().saturating_sub(1);
        let mut children = (0..).zip(children).peekable();
        let mut parts = Vec::new();
        let mut inner: Vec<Doc<'a>> = Vec::new();
        let mut goes_on = false;
        while let Some((number, child)) = children.next() {
            let start = self.start(&child);
            if number == 0 {
                parts.push(self.token(&child));
            } else if number == last {
                // Comments before the bracket that closes belong inside.
                let comments = self.own_comments(start, true);
                if let Some(empty_line) = comments.first {
                    inner.push(style.line(empty_line && !inner.is_empty()));
                    inner.extend(comments.docs);
                }
                let line = if inner.is_empty() { Doc::soft(false) } else { style.line(false) };
                parts.push(Doc::nest(Doc::sequence(std::mem::take(&mut inner))));
                parts.extend([line, self.token(&child)]);
            } else {
                let empty_line = self.has_empty_line_before(start);
                inner.push(match style {
                    _ if goes_on => Doc::blank(),
                    _ if inner.is_empty() => style.line(false),
                    Bracket::Block => Doc::hard(empty_line),
                    _ => Doc::line(empty_line),
                });
                goes_on = child.as_rule() == Rule::kw_require;
                inner.push(one(self, child));
                match style {
                    Bracket::Group | Bracket::List if number + 1 == last => inner.push(Doc::comma_if_broken()),
                    Bracket::Group | Bracket::List => inner.push(Doc::comma()),
                    _ if children.peek().is_some_and(|(_, next)| needs_comma(next)) => inner.push(Doc::comma()),
                    _ => {}
                }
            }
        }
        Doc::group(Doc::sequence(parts))
    }

    // --- items

    fn item(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut children = pair.into_inner();
        let mut parts = Vec::new();
        // What stands before the bracket is one line.
        while let Some(child) = children.peek() {
            match child.as_rule() {
                Rule::open => {
                    parts.push(self.bracket(Bracket::Block, children, Self::piece));
                    break;
                }
                Rule::body => parts.push(self.block(child)),
                Rule::names => parts.push(self.bracket(Bracket::List, child.into_inner(), Self::one_token)),
                _ => parts.extend([self.token(&child), Doc::blank()]),
            }
            children.next();
        }
        Doc::sequence(parts)
    }

    fn one_token(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        self.token(&pair)
    }

    /// An item's body of fields.
    fn block(&mut self, body: Pair<'a, Rule>) -> Doc<'a> {
        let fields = body.clone().into_inner().filter(|child| child.as_rule() == Rule::field).count();
        self.bracket(if fields > 1 { Bracket::Block } else { Bracket::Short }, body.into_inner(), Self::field)
    }

    /// `key: value`.
    pub(super) fn field(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::comma => {}
                Rule::value => {
                    parts.push(Doc::blank());
                    parts.push(self.value(child));
                }
                _ => parts.push(self.token(&child)),
            }
        }
        Doc::sequence(parts)
    }

    // --- statements

    fn statement(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let rule = pair.as_rule();
        let mut children = pair.into_inner();
        match rule {
            Rule::rule_stmt => self.rule(children),
            Rule::case => self.case(children),
            Rule::default_rule => {
                let head = self.words(children.by_ref().take(2));
                let target = self.target(children);
                Doc::sequence(vec![head, Doc::blank(), target])
            }
            _ => {
                let mut parts = Vec::new();
                for child in children {
                    if child.as_rule() == Rule::expr {
                        parts.push(self.expr(child));
                    } else {
                        parts.push(self.token(&child));
                        parts.push(Doc::blank());
                    }
                }
                Doc::sequence(parts)
            }
        }
    }

    /// `rule NAME when EXPR -> target`: on one line, or the target on the next.
    fn rule(&mut self, mut children: Pairs<'a, Rule>) -> Doc<'a> {
        let head = self.words(children.by_ref().take(3));
        let condition = children.next();
        let is_chain = condition.as_ref().is_some_and(super::expr::is_chain);
        let condition = condition.map_or_else(Doc::nothing, |expr| self.expr(expr));
        let arrow = children.next().map_or_else(Doc::nothing, |arrow| self.token(&arrow));
        let target = self.target(children);
        let target = Doc::nest(Doc::sequence(vec![Doc::line(false), arrow, Doc::blank(), target]));
        let head = vec![head, Doc::blank(), condition];
        if is_chain {
            // A broken chain must not run into the target.
            Doc::group(Doc::sequence(head.into_iter().chain([target]).collect()))
        } else {
            Doc::sequence(head.into_iter().chain([Doc::group(target)]).collect())
        }
    }

    /// The attempts and options behind an arrow.
    fn target(&mut self, children: Pairs<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        let mut further = Vec::new();
        for child in children {
            match child.as_rule() {
                Rule::target => {
                    for part in child.into_inner() {
                        match part.as_rule() {
                            Rule::kw_then => further.extend([Doc::line(false), self.token(&part), Doc::blank()]),
                            _ if further.is_empty() => parts.push(self.attempt(part)),
                            _ => further.push(self.attempt(part)),
                        }
                    }
                }
                _ => {
                    further.push(Doc::line(false));
                    for part in child.into_inner() {
                        match part.as_rule() {
                            Rule::body => further.push(self.bracket(Bracket::Group, part.into_inner(), Self::field)),
                            _ => further.extend([self.token(&part), Doc::blank()]),
                        }
                    }
                }
            }
        }
        parts.push(Doc::nest(Doc::sequence(further)));
        Doc::group(Doc::sequence(parts))
    }

    fn attempt(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let Some(inner) = pair.into_inner().next() else { return Doc::nothing() };
        match inner.as_rule() {
            Rule::split => self.split(inner),
            Rule::choice => self.choice(inner),
            Rule::name => self.token(&inner),
            _ => self.words(inner.into_inner()),
        }
    }

    /// `split { 90% a, 10% b } by EXPR`.
    fn split(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let (braces, around): (Vec<_>, Vec<_>) = pair
            .clone()
            .into_inner()
            .partition(|child| matches!(child.as_rule(), Rule::open | Rule::arm | Rule::close));
        let mut around = around.into_iter();
        let mut parts = Vec::new();
        parts.extend(around.next().map(|keyword| self.token(&keyword)));
        parts.push(Doc::blank());
        parts.push(self.bracket(Bracket::Group, braces, Self::arm));
        for child in around {
            parts.push(Doc::blank());
            parts.push(if child.as_rule() == Rule::expr { self.expr(child) } else { self.token(&child) });
        }
        Doc::sequence(parts)
    }

    fn arm(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::comma => {}
                Rule::attempt => {
                    parts.push(Doc::blank());
                    parts.push(self.attempt(child));
                }
                _ => parts.push(self.token(&child)),
            }
        }
        Doc::sequence(parts)
    }

    /// `CHOICE of SET where EXPR`.
    fn choice(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        let mut filter = Vec::new();
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::set => {
                    let set = child.into_inner().next();
                    parts.push(set.map_or_else(Doc::nothing, |set| self.set(set)));
                }
                Rule::kw_where => filter.extend([Doc::line(false), self.token(&child), Doc::blank()]),
                Rule::expr => filter.push(self.expr(child)),
                _ => parts.extend([self.token(&child), Doc::blank()]),
            }
        }
        parts.push(Doc::nest(Doc::sequence(filter)));
        Doc::group(Doc::sequence(parts))
    }

    fn set(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        match pair.as_rule() {
            Rule::names => self.bracket(Bracket::List, pair.into_inner(), Self::one_token),
            // `tag(NAME)`, without blanks.
            Rule::tag => {
                let tokens = pair.into_inner().map(|child| self.token(&child)).collect();
                Doc::sequence(tokens)
            }
            _ => self.token(&pair),
        }
    }

    /// `given { … } state { … } -> outcome by RULE`.
    fn case(&mut self, children: Pairs<'a, Rule>) -> Doc<'a> {
        let mut given = Vec::new();
        let mut state = Vec::new();
        let mut arrow = Vec::new();
        let mut outcome = Vec::new();
        for child in children {
            match child.as_rule() {
                Rule::kw_given => given.extend([self.token(&child), Doc::blank()]),
                Rule::kw_state => state.extend([Doc::line(false), self.token(&child), Doc::blank()]),
                Rule::body => {
                    let facts = self.bracket(Bracket::Group, child.into_inner(), Self::field);
                    if state.is_empty() { given.push(facts) } else { state.push(facts) }
                }
                Rule::arrow => arrow.extend([Doc::line(false), self.token(&child), Doc::blank()]),
                Rule::outcome => {
                    for part in child.into_inner() {
                        if !outcome.is_empty() {
                            outcome.push(if part.as_rule() == Rule::kw_then { Doc::line(false) } else { Doc::blank() });
                        }
                        outcome.push(self.token(&part));
                    }
                }
                Rule::kw_by => outcome.extend([Doc::line(false), self.token(&child)]),
                _ => outcome.extend([Doc::blank(), self.token(&child)]),
            }
        }
        given.push(Doc::nest(Doc::sequence(state)));
        arrow.push(Doc::group(Doc::nest(Doc::sequence(outcome))));
        let outcome = Doc::group(Doc::nest(Doc::sequence(arrow)));
        Doc::sequence(vec![Doc::group(Doc::sequence(given)), outcome])
    }
}

struct OwnComments<'a> {
    /// whether an empty line stands before the first, where there is one
    first: Option<bool>,
    docs: Vec<Doc<'a>>,
}

/// Whether a value before this field would run into its key: `in` continues an expression.
fn needs_comma(field: &Pair<'_, Rule>) -> bool {
    field.as_rule() == Rule::field && (field.as_str().starts_with("in-") || field.as_str().starts_with("in."))
}
