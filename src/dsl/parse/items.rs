//! Items and statements.

use pest::iterators::Pair;

use super::{Parser, Rule};
use crate::diag::Span;
use crate::dsl::ast::{Block, Case, Expected, Field, Item, Route, Rule as RuleAst, Statement, Test, Word};
use crate::dsl::expr::ast::Raw;

/// What a piece of a body turned out to be.
pub(super) enum Part {
    Field(Field),
    Statement(Statement),
    Case(Case),
}

impl<'a> Parser<'a, '_> {
    /// An item that parsed as a whole.
    pub(super) fn built_item(&mut self, pair: Pair<'a, Rule>) -> Option<Item> {
        let item = match pair.as_rule() {
            Rule::provider => Item::Provider(self.block(pair)),
            Rule::model => {
                let on = pair.clone().into_inner().filter(|child| child.as_rule() == Rule::name).nth(1);
                let on = on.map_or_else(|| self.empty_word(), |name| self.word(&name));
                Item::Model { block: self.block(pair), on }
            }
            Rule::pool => self.pool(pair),
            Rule::tenant => Item::Tenant(self.block(pair)),
            Rule::defaults => Item::Defaults(self.block(pair)),
            Rule::transform => Item::Transform(self.block(pair)),
            Rule::alert => {
                // An alert is not served, but its expressions are still read for their shape.
                let name = self.first_word(pair.clone(), Rule::name);
                for child in pair.into_inner() {
                    match child.as_rule() {
                        Rule::when_clause => drop(self.child_expr(child)),
                        Rule::word_field => drop(self.field(child)),
                        _ => {}
                    }
                }
                Item::Alert(name)
            }
            Rule::route => self.route(pair),
            Rule::test => self.test(pair),
            Rule::invariant => self.invariant(pair),
            _ => return None,
        };
        Some(item)
    }

    fn block(&mut self, pair: Pair<'a, Rule>) -> Block {
        let mut name = None;
        let mut fields = Vec::new();
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::name | Rule::kw_defaults if name.is_none() => name = Some(self.word(&child)),
                Rule::body => fields = self.fields(child),
                _ => {}
            }
        }
        Block { name: name.unwrap_or_else(|| self.empty_word()), fields, whole: true }
    }

    fn pool(&mut self, pair: Pair<'a, Rule>) -> Item {
        let name = self.first_word(pair.clone(), Rule::name);
        let list = pair.into_inner().find(|child| child.as_rule() == Rule::names);
        let span = list.as_ref().map_or(name.span, |list| self.span(list));
        let members = list.map_or_else(Vec::new, |list| self.names(list));
        Item::Pool { name, members, span }
    }

    fn route(&mut self, pair: Pair<'a, Rule>) -> Item {
        let name = self.first_word(pair.clone(), Rule::name);
        let parts: Vec<Part> = pair.into_inner().filter_map(|child| self.part(child)).collect();
        Item::Route(route_of(name, parts, true))
    }

    fn test(&mut self, pair: Pair<'a, Rule>) -> Item {
        let (title, on) = self.test_head(pair.clone());
        let parts: Vec<Part> = pair.into_inner().filter_map(|child| self.part(child)).collect();
        Item::Test(test_of(title, on, parts))
    }

    pub(super) fn test_head(&mut self, pair: Pair<'a, Rule>) -> (Word, Option<Word>) {
        let mut title = self.empty_word();
        let mut on = None;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::string => title = Word { text: self.string(&child), span: self.span(&child) },
                Rule::name => on = Some(self.word(&child)),
                _ => {}
            }
        }
        (title, on)
    }

    fn invariant(&mut self, pair: Pair<'a, Rule>) -> Item {
        let (title, _) = self.test_head(pair.clone());
        let mut when = Raw::bad(title.span);
        let mut require = Raw::bad(title.span);
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::when_clause => when = self.child_expr(child),
                Rule::expr => require = self.expr(child),
                _ => {}
            }
        }
        Item::Invariant { title, when, require }
    }

    /// A field, statement or case; None for names and brackets.
    pub(super) fn part(&mut self, pair: Pair<'a, Rule>) -> Option<Part> {
        Some(match pair.as_rule() {
            Rule::field | Rule::word_field => Part::Field(self.field(pair)),
            Rule::let_stmt => {
                let name = self.first_word(pair.clone(), Rule::ident);
                Part::Statement(Statement::Let(name, self.child_expr(pair)))
            }
            Rule::rule_stmt | Rule::default_rule => Part::Statement(Statement::Rule(self.rule(pair))),
            Rule::case => Part::Case(self.case(pair)),
            _ => return None,
        })
    }

    /// A rule, or only what stands behind its arrow.
    pub(super) fn rule(&mut self, pair: Pair<'a, Rule>) -> RuleAst {
        let mut rule = RuleAst { name: self.empty_word(), condition: None, target: Vec::new(), with: Vec::new() };
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::name | Rule::kw_default => rule.name = self.word(&child),
                Rule::expr => rule.condition = Some(self.expr(child)),
                Rule::target => rule.target = self.target(child),
                Rule::with => {
                    let body = child.into_inner().find(|inner| inner.as_rule() == Rule::body);
                    rule.with = body.map_or_else(Vec::new, |body| self.fields(body));
                }
                _ => {}
            }
        }
        rule
    }

    fn case(&mut self, pair: Pair<'a, Rule>) -> Case {
        let span = self.span(&pair);
        let mut case =
            Case { given: Vec::new(), state: Vec::new(), expected: Expected::Models(Vec::new()), by: None, span };
        let mut bodies = 0;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::body if bodies == 0 => {
                    case.given = self.fields(child);
                    bodies = 1;
                }
                Rule::body => case.state = self.fields(child),
                Rule::outcome => case.expected = self.outcome(child),
                Rule::by_rule => case.by = Some(self.word(&child)),
                _ => {}
            }
        }
        case
    }

    fn outcome(&self, pair: Pair<'a, Rule>) -> Expected {
        let mut names = Vec::new();
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::status => {
                    let span: Span = self.span(&child);
                    return Expected::Reject(child.as_str().parse().unwrap_or(u32::MAX), span);
                }
                Rule::name => names.push(self.word(&child)),
                _ => {}
            }
        }
        Expected::Models(names)
    }
}

pub(super) fn route_of(name: Word, parts: Vec<Part>, whole: bool) -> Route {
    let mut route = Route { name, fields: Vec::new(), statements: Vec::new(), whole };
    for part in parts {
        match part {
            Part::Field(field) => route.fields.push(field),
            Part::Statement(statement) => route.statements.push(statement),
            Part::Case(_) => {}
        }
    }
    route
}

pub(super) fn test_of(title: Word, on: Option<Word>, parts: Vec<Part>) -> Test {
    let cases = parts.into_iter().filter_map(|part| if let Part::Case(case) = part { Some(case) } else { None });
    Test { title, on, cases: cases.collect() }
}
