//! Pairs to a layout: values and expressions.

use pest::iterators::Pair;

use super::build::{Bracket, Builder};
use super::doc::Doc;
use crate::dsl::parse::Rule;

/// How tightly an operator binds, loosest first.
fn level(rule: Rule) -> Option<usize> {
    Some(match rule {
        Rule::or => 0,
        Rule::and => 1,
        Rule::le | Rule::ge | Rule::lt | Rule::gt | Rule::eq | Rule::ne | Rule::in_ => 2,
        Rule::add | Rule::sub => 3,
        Rule::mul | Rule::div | Rule::rem => 4,
        _ => return None,
    })
}

/// Tighter than every operator.
const OPERAND: usize = 5;

/// Whether an expression is several conditions, or a choice: what is broken over lines.
pub(super) fn is_chain(expr: &Pair<'_, Rule>) -> bool {
    let mut parts = expr.clone().into_inner();
    let first = parts.next();
    let joins =
        |binary: Pair<'_, Rule>| binary.into_inner().any(|child| level(child.as_rule()).is_some_and(|level| level < 2));
    parts.next().is_some() || first.is_some_and(joins)
}

/// A group whose lines, but for the first part, stand one level deeper.
fn hanging(parts: Vec<Doc<'_>>) -> Doc<'_> {
    let mut rest = parts.into_iter();
    let first = rest.next().unwrap_or_else(Doc::nothing);
    Doc::group(Doc::sequence(vec![first, Doc::nest(Doc::sequence(rest.collect()))]))
}

impl<'a> Builder<'a> {
    /// The value of a field.
    pub(super) fn value(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let Some(inner) = pair.into_inner().next() else { return Doc::nothing() };
        match inner.as_rule() {
            Rule::expr => self.expr(inner),
            Rule::seq => self.bracket(Bracket::List, inner.into_inner(), Self::value),
            Rule::body => self.bracket(Bracket::Group, inner.into_inner(), Self::field),
            Rule::call => self.call(inner),
            Rule::share | Rule::after => {
                let mut parts = Vec::new();
                for child in inner.into_inner() {
                    if !parts.is_empty() {
                        parts.push(Doc::blank());
                    }
                    parts.push(self.token(&child));
                }
                Doc::sequence(parts)
            }
            _ => self.token(&inner),
        }
    }

    /// `env("X")`: the callee is the first of the pair's children, the brackets are not a pair.
    fn call(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut children = pair.into_inner();
        let callee = children.next().map_or_else(Doc::nothing, |callee| self.token(&callee));
        let arguments = self.bracket(Bracket::List, children, Self::value);
        Doc::sequence(vec![callee, arguments])
    }

    /// An expression: `a ? b : c` breaks before its marks.
    pub(super) fn expr(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        let mut is_choice = false;
        for child in pair.into_inner() {
            if child.as_rule() == Rule::binary {
                let operands: Vec<Pair<'a, Rule>> = child.into_inner().collect();
                parts.push(self.chain(operands, 0));
            } else {
                is_choice = true;
                parts.extend([Doc::line(false), self.token(&child), Doc::blank()]);
            }
        }
        if is_choice { hanging(parts) } else { Doc::sequence(parts) }
    }

    /// Operands and operators in a flat list; broken before the loosest operators first.
    fn chain(&mut self, operands: Vec<Pair<'a, Rule>>, from: usize) -> Doc<'a> {
        let loosest = operands.iter().filter_map(|child| level(child.as_rule())).min();
        let Some(loosest) = loosest.filter(|loosest| (from..OPERAND).contains(loosest)) else {
            let operand = operands.into_iter().next();
            return operand.map_or_else(Doc::nothing, |operand| self.unary(operand));
        };
        let mut parts = Vec::new();
        let mut part = Vec::new();
        let mut has_line = false;
        for child in operands {
            if level(child.as_rule()) != Some(loosest) {
                part.push(child);
                continue;
            }
            parts.push(self.chain(std::mem::take(&mut part), loosest + 1));
            // A list breaks inside, not before `in`.
            let is_in = child.as_rule() == Rule::in_;
            has_line |= !is_in;
            parts.extend([if is_in { Doc::blank() } else { Doc::line(false) }, self.token(&child), Doc::blank()]);
        }
        parts.push(self.chain(part, loosest + 1));
        if has_line { hanging(parts) } else { Doc::sequence(parts) }
    }

    fn unary(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        for child in pair.into_inner() {
            let part = match child.as_rule() {
                Rule::select => self.select(child),
                Rule::ident_or_call => self.ident_or_call(child),
                Rule::index | Rule::paren => self.bracket(Bracket::Plain, child.into_inner(), Self::expr),
                Rule::list => self.bracket(Bracket::List, child.into_inner(), Self::expr),
                Rule::map => self.bracket(Bracket::Group, child.into_inner(), Self::entry),
                _ => self.token(&child),
            };
            parts.push(part);
        }
        Doc::sequence(parts)
    }

    /// `.name` or `.name(arguments)`; the dot is no pair.
    fn select(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let start = self.start(&pair);
        let dot = self.token_at(start, start + 1);
        let rest = self.ident_or_call(pair);
        Doc::sequence(vec![dot, rest])
    }

    fn ident_or_call(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        for child in pair.into_inner() {
            parts.push(match child.as_rule() {
                Rule::args => self.bracket(Bracket::List, child.into_inner(), Self::expr),
                _ => self.token(&child),
            });
        }
        Doc::sequence(parts)
    }

    fn entry(&mut self, pair: Pair<'a, Rule>) -> Doc<'a> {
        let mut parts = Vec::new();
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::expr => parts.push(self.expr(child)),
                _ => parts.extend([self.token(&child), Doc::blank()]),
            }
        }
        Doc::sequence(parts)
    }
}
