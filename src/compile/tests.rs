//! The tree against the plain evaluator. Here stand the policies and facts that the tests share.

mod economy;
mod generated;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use super::build::Budget;
use super::layout::{Leaf, NONE};
use super::needles::Needles;
use super::scratch::OnFacts;
use super::unit::{Unit, refuses};
use super::*;
use crate::diag::Span;
use crate::dsl::expr::build::*;
use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{BinaryOp, Expr, Function, Kind, Macro, Type};
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Options, Route, Rule};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::{Fact, Needs, Var};

// --- policies -------------------------------------------------------------------------------

fn rule(condition: Option<Expr>, refuses: bool) -> Rule {
    let kind = if refuses { AttemptKind::Reject { status: 403, text: None } } else { AttemptKind::Model(ModelId(0)) };
    Rule {
        name: "r".to_owned(),
        condition,
        attempts: vec![Attempt { kind, span: Span::default() }],
        options: Options::default(),
        span: Span::default(),
        explicit: false,
    }
}

fn route(conditions: Vec<(Expr, bool)>) -> Route {
    let mut rules: Vec<Rule> = conditions.into_iter().map(|(it, refuses)| rule(Some(it), refuses)).collect();
    rules.push(rule(None, false));
    Route { name: "main".to_owned(), rules, options: Options::default(), span: Span::default() }
}

fn plainly(conditions: Vec<Expr>) -> Route {
    route(conditions.into_iter().map(|condition| (condition, false)).collect())
}

fn policy(routes: Vec<Route>) -> Policy {
    Policy {
        providers: Vec::new(),
        models: Vec::new(),
        pools: Vec::new(),
        tenants: Vec::new(),
        routes,
        tests: Vec::new(),
        invariants: Vec::new(),
        defaults: Options::default(),
        env: Vec::new(),
        digest: String::new(),
    }
}

/// The rule, whether by error, and all rules before it that failed.
fn plain_decision(route: &Route, facts: &dyn Facts) -> (u32, bool, Vec<u32>) {
    let mut errors = Vec::new();
    for (number, rule) in (0..).zip(&route.rules) {
        let verdict = rule.condition.as_ref().map_or(Verdict::True, |it| Condition::new(it).eval(facts));
        match verdict {
            Verdict::True => return (number, false, errors),
            Verdict::False => {}
            Verdict::Error(_) => {
                errors.push(number);
                if refuses(rule) {
                    return (number, true, errors);
                }
            }
        }
    }
    panic!("a route has a default");
}

fn shown(route: &Route) -> String {
    let text = |rule: &Rule| rule.condition.as_ref().map_or_else(|| "default".to_owned(), cel_text);
    route
        .rules
        .iter()
        .map(|rule| format!("{}{}\n", text(rule), if refuses(rule) { " -> reject" } else { "" }))
        .collect()
}

fn decide_within(route: &Route, budget: Budget, facts: &dyn Facts) -> (u32, bool) {
    let (unit, _) = Unit::compile_within(route, budget);
    let mut scratch = Scratch::default();
    scratch.begin(&unit.subjects);
    let mut ask = OnFacts { unit: &unit, facts, scratch: &mut scratch };
    match unit.layout.run(unit.layout.root, NONE, &mut ask) {
        NONE => (unit.default, false),
        leaf => (Leaf(leaf).rule(), Leaf(leaf).by_error()),
    }
}

// --- facts that count -------------------------------------------------------------------------

/// Counts what is read.
struct Counted<'a> {
    facts: &'a GivenFacts,
    bound: i64,
    reads: RefCell<BTreeMap<String, usize>>,
}

impl<'a> Counted<'a> {
    fn new(facts: &'a GivenFacts) -> Self {
        Self { facts, bound: facts.tokens_bound(), reads: RefCell::default() }
    }

    fn count(&self, name: &str) {
        *self.reads.borrow_mut().entry(name.to_owned()).or_default() += 1;
    }

    fn reads_of(&self, name: &str) -> usize {
        self.reads.borrow().get(name).copied().unwrap_or(0)
    }
}

impl Facts for Counted<'_> {
    fn get(&self, var: Var) -> Fact<'_> {
        self.count(var.path());
        self.facts.get(var)
    }
    fn header(&self, name: &str) -> &str {
        self.count(&format!("header {name}"));
        self.facts.header(name)
    }
    fn meta(&self, name: &str) -> &str {
        self.count(&format!("meta {name}"));
        self.facts.meta(name)
    }
    fn tokens_bound(&self) -> i64 {
        self.bound
    }
    fn needs(&self) -> Needs {
        self.facts.needs()
    }
}

fn facts_of(model: &str, words: &str, tokens: i64) -> GivenFacts {
    let mut facts = GivenFacts::default();
    facts.set(Var::RequestModel, Owned::Str(model.to_owned()));
    facts.set(Var::RequestText, Owned::Str(words.to_owned()));
    facts.set(Var::RequestTokens, Owned::Int(tokens));
    facts
}

fn mixed(count: usize) -> Route {
    let rule = |index: usize| match index % 3 {
        0 => eq(var("request.model"), text(&format!("m{index}"))),
        1 => contains(var("request.text"), &format!("kw{index}")),
        _ => and(vec![gt(var("request.tokens"), int(60_000)), eq(var("tenant.id"), text(&format!("t{index}")))]),
    };
    plainly((0..count).map(rule).collect())
}
