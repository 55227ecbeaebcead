//! Routes: rules in order, `let`s inlined, one default at the end.

use rustc_hash::FxHashMap;

use super::{Lower, names};
use crate::bounds::MAX_ROUTE_RULES;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{self, Item, Statement, Word};
use crate::dsl::expr::ast::Raw;
use crate::dsl::expr::infer::{self, Let, Phase};
use crate::dsl::expr::typed::{Expr, Kind};
use crate::dsl::policy::{Route, Rule};

impl Lower<'_, '_> {
    pub(super) fn routes(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Route(route) = item
                && self.names.routes.get(&route.name.text).is_some_and(|(_, span)| *span == route.name.span)
            {
                let route = self.route(route);
                self.policy.routes.push(route);
            }
        }
    }

    fn route(&mut self, route: &ast::Route) -> Route {
        let name = &route.name;
        let options = self.local_options(format!("route `{}`", name.text), &route.fields);
        let mut rules: Vec<Rule> = Vec::with_capacity(route.statements.len());
        let mut lets: FxHashMap<String, Let> = FxHashMap::default();
        let mut order: Vec<String> = Vec::new();
        let mut seen: FxHashMap<&str, Span> = FxHashMap::default();
        let mut default: Option<Span> = None;
        for statement in &route.statements {
            let at = match statement {
                Statement::Let(name, _) => name.span,
                Statement::Rule(rule) => rule.name.span,
            };
            if let Some(default) = default {
                let finding = Diagnostic::new(Code::P0306, at, "nothing behind the default is ever reached");
                self.report(
                    finding
                        .label("never reached")
                        .also(default, "this matches every request")
                        .help("move it above `default`"),
                );
                continue;
            }
            match statement {
                Statement::Let(name, raw) => self.let_statement(name, raw, &mut lets, &mut order),
                Statement::Rule(rule) => {
                    if rule.condition.is_none() {
                        default = Some(rule.name.span);
                    }
                    self.declared_twice(&rule.name, &mut seen);
                    let rule = self.rule(rule, &mut lets);
                    rules.push(rule);
                }
            }
        }
        if default.is_none() && route.whole {
            let finding = Diagnostic::new(Code::P0305, name.span, format!("route `{}` has no default", name.text));
            self.report(finding.help("end it with `default -> …`, or `default -> reject 403`"));
        }
        if rules.len() > MAX_ROUTE_RULES {
            let message = format!("route `{}` has {} rules, more than {MAX_ROUTE_RULES}", name.text, rules.len());
            self.report(Diagnostic::new(Code::P0004, name.span, message).help("split it into several routes"));
        }
        if route.whole {
            self.unused_lets(&lets, &order);
        }
        Route { name: name.text.clone(), rules, options, span: name.span }
    }

    fn declared_twice<'s>(&mut self, name: &'s Word, seen: &mut FxHashMap<&'s str, Span>) {
        names::kebab(name, "rule", self.findings);
        if let Some(first) = seen.insert(&name.text, name.span) {
            let finding =
                Diagnostic::new(Code::P0107, name.span, format!("`{}` is declared twice in this route", name.text));
            self.report(finding.label("again here").also(first, "first here").help("rename one of them"));
        }
    }

    fn let_statement(&mut self, name: &Word, raw: &Raw, lets: &mut FxHashMap<String, Let>, order: &mut Vec<String>) {
        let expr = infer::typed(raw, &self.shared, lets, Phase::When, self.findings);
        if infer::is_root(&name.text) {
            let finding =
                Diagnostic::new(Code::P0106, name.span, format!("`{}` already means something here", name.text));
            self.report(finding.help("choose another name"));
            return;
        }
        if let Some(first) = lets.get(&name.text) {
            let finding =
                Diagnostic::new(Code::P0107, name.span, format!("`{}` is declared twice in this route", name.text));
            self.report(finding.label("again here").also(first.span, "first here").help("rename one of them"));
            return;
        }
        let (nodes, height) = expr.as_ref().map_or((1, 1), |expr| (infer::nodes(expr), infer::height(expr)));
        lets.insert(name.text.clone(), Let { expr, nodes, height, span: name.span, used: false });
        order.push(name.text.clone());
    }

    fn unused_lets(&mut self, lets: &FxHashMap<String, Let>, order: &[String]) {
        for name in order {
            if let Some(found) = lets.get(name).filter(|found| !found.used) {
                let finding = Diagnostic::new(Code::P0108, found.span, format!("`{name}` is never used"));
                self.report(finding.help("use it in a rule below, or remove it"));
            }
        }
    }

    fn rule(&mut self, rule: &ast::Rule, lets: &mut FxHashMap<String, Let>) -> Rule {
        let condition = rule.condition.as_ref().and_then(|raw| {
            let condition = infer::condition(raw, &self.shared, lets, Phase::When, self.findings)?;
            self.served(&condition);
            Some(condition)
        });
        let attempts = self.target(&rule.target, lets);
        let options = self.local_options("`with`".to_owned(), &rule.with);
        Rule { name: rule.name.text.clone(), condition, attempts, options, span: rule.name.span, explicit: false }
    }

    /// Reports variables that this version does not measure.
    pub(super) fn served(&mut self, expr: &Expr) {
        if let Kind::Var(var) = &expr.kind
            && !var.row().served
        {
            self.unserved(expr.span, &format!("`{}`", var.path()));
        }
        expr.for_each_part(&mut |child| self.served(child));
    }
}
