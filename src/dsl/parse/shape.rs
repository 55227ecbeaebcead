//! The grammar's own pairs of a text, for a layout: they keep every spelling, which the tree of
//! [`crate::dsl::ast`] does not.

use pest::iterators::Pair;

use super::{Parser, Rule, bound_calls};
use crate::diag::{Diagnostic, SourceId};
use crate::dsl::scan::{Scan, scan};

/// What a text is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// a file: any number of items
    File,
    /// statements of a route
    Statements,
    /// cases of a test
    Cases,
    /// fields of a block
    Fields,
    /// one value of a field
    Value,
    /// one expression
    Expression,
    /// what stands behind the arrow of a rule
    Target,
}

impl Shape {
    fn rule(self) -> Rule {
        match self {
            Self::File => Rule::one_item,
            Self::Statements => Rule::some_stmts,
            Self::Cases => Rule::some_cases,
            Self::Fields => Rule::some_fields,
            Self::Value => Rule::one_value,
            Self::Expression => Rule::one_expr,
            Self::Target => Rule::bare_target,
        }
    }
}

/// A pair with the offset in the text that its places count from.
pub(crate) type Based<'a> = (usize, Pair<'a, Rule>);

/// The pairs of a text within bounds: its items, or the one piece. What is wrong with it is in `findings`, and
/// then the pairs are not to be used.
pub(crate) fn parse_shape<'a>(text: &'a str, shape: Shape, findings: &mut Vec<Diagnostic>) -> Vec<Based<'a>> {
    parse(text, shape, findings, true)
}

/// The same for a text that is known to say nothing wrong, without reading its values.
pub(crate) fn parse_shape_again<'a>(text: &'a str, shape: Shape, findings: &mut Vec<Diagnostic>) -> Vec<Based<'a>> {
    parse(text, shape, findings, false)
}

fn parse<'a>(text: &'a str, shape: Shape, findings: &mut Vec<Diagnostic>, reads_values: bool) -> Vec<Based<'a>> {
    bound_calls();
    let id = SourceId(0);
    let Scan { text: scanned, items, .. } = scan(id, text, findings);
    if shape != Shape::File {
        if !findings.is_empty() {
            return Vec::new();
        }
        let mut parser = Parser { id, text, base: 0, findings };
        let Some(pair) = parser.run(shape.rule(), 0..text.len()) else { return Vec::new() };
        if reads_values {
            parser.read_values(pair.clone());
        }
        return vec![(0, pair)];
    }
    // What was replaced in the text is reported; the rest is still looked at for more to report.
    let replaced = matches!(scanned, std::borrow::Cow::Owned(_));
    let mut found = Vec::with_capacity(items.len());
    for chunk in items.iter().filter(|chunk| !chunk.skip) {
        if replaced || !chunk.broken.is_empty() {
            let mut parser = Parser { id, text: &scanned, base: chunk.range.start, findings };
            let _reported = parser.item(chunk);
            continue;
        }
        let mut parser = Parser { id, text, base: chunk.range.start, findings };
        let Ok(Some(pair)) = parser.quietly(Rule::one_item, chunk.range.clone()) else {
            let _reported = parser.item(chunk);
            continue;
        };
        if reads_values && let Some(item) = pair.clone().into_inner().next() {
            let _reported = parser.built_item(item);
        }
        found.push((chunk.range.start, pair));
    }
    found
}

impl<'a> Parser<'a, '_> {
    /// Reports what is wrong with the values of a piece: numbers, escapes.
    fn read_values(&mut self, pair: Pair<'a, Rule>) {
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::expr => drop(self.expr(child)),
                Rule::value => drop(self.value(child)),
                Rule::target_with => drop(self.rule(child)),
                _ => drop(self.part(child)),
            }
        }
    }
}
