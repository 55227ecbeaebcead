//! `explicit: allow`: a client that names a model gets it. Each model that may be named becomes a rule
//! called `explicit`, in every route that requests enter, so that whoever reads rules (the tree, the plain
//! evaluator, proofs, `diff`, `explain`) knows of explicit choice without being told. Where nothing may be
//! named there are no such rules, and no cost.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Lower;
use super::fields::Fields;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::expr::typed::{BinaryOp, Expr, Kind, Literal, Type};
use crate::dsl::fields::EXPLICIT_WORDS;
use crate::dsl::policy::{
    Attempt, AttemptKind, EXPLICIT_RULE, Explicit, Model, ModelId, Options, Policy, RouteId, Rule,
};
use crate::facts::Var;

/// Claude Code puts this behind a model's name when it wants a million tokens of context.
const LARGE: &str = "[1m]";
/// The tag that `explicit: tagged` asks for.
const TAG: &str = "explicit";
/// The route that requests enter when their tenant names none.
const ENTRY: &str = "main";

impl Lower<'_, '_> {
    /// The value of `explicit`.
    pub(super) fn explicit_field(&mut self, fields: &mut Fields<'_>) -> Option<Explicit> {
        let field = fields.get("explicit")?;
        let word = self.word(Some(field))?;
        let known = [Explicit::Allow, Explicit::Tagged, Explicit::Deny];
        let found = EXPLICIT_WORDS.iter().zip(known).find(|(known, _)| **known == word).map(|(_, found)| found);
        if found.is_none() {
            let finding = Diagnostic::new(Code::P0203, field.value.span, format!("`explicit` is never `{word}`"));
            self.report(finding.help(format!("it is one of: {}", EXPLICIT_WORDS.join(", "))));
        }
        if found.is_some_and(|found| found != Explicit::Deny) {
            self.explicit_place.get_or_insert(field.value.span);
        }
        if found == Some(Explicit::Tagged) {
            self.used.tags.insert(TAG.to_owned());
        }
        found
    }

    /// Makes the rules.
    pub(super) fn explicit_rules(&mut self) {
        let Some(span) = self.explicit_place else { return };
        let names = Names::of(&self.policy);
        let mut rules = Vec::new();
        for (id, model) in (0_u32..).map(ModelId).zip(&self.policy.models) {
            let mut parts = vec![one_of(Var::RequestModel, names.of_model(id), span)];
            match callers(&self.policy, id, model) {
                Callers::Nobody => continue,
                Callers::All => {}
                Callers::AllBut(tenants) => parts.push(not(one_of(Var::TenantId, tenants, span))),
                Callers::Only(tenants) => parts.push(one_of(Var::TenantId, tenants, span)),
            }
            self.used.models.insert(id.index());
            let condition = match parts.len() {
                1 => parts.pop(),
                _ => Some(boolean(Kind::And(parts), span)),
            };
            rules.push(Rule {
                name: EXPLICIT_RULE.to_owned(),
                condition,
                attempts: vec![Attempt { kind: AttemptKind::Model(id), span }],
                options: Options::default(),
                span,
                explicit: true,
            });
        }
        if rules.is_empty() {
            return;
        }
        let own: FxHashSet<RouteId> = self.policy.tenants.iter().filter_map(|tenant| tenant.route).collect();
        for (id, route) in (0_u32..).map(RouteId).zip(&mut self.policy.routes) {
            if route.name != ENTRY && !own.contains(&id) {
                continue;
            }
            if let Some(rule) = route.rules.iter().find(|rule| rule.name == EXPLICIT_RULE) {
                let message = format!("`{EXPLICIT_RULE}` is the name of the rules for explicit choice");
                let finding = Diagnostic::new(Code::P0107, rule.span, message);
                self.findings.push(finding.also(span, "makes them").help("rename this one"));
            }
            // Who is refused whatever they ask for does not get in by naming a model.
            let behind = route.rules.iter().take_while(|rule| rule.condition.is_some() && refuses(rule)).count();
            route.rules.splice(behind..behind, rules.iter().cloned());
        }
    }
}

fn refuses(rule: &Rule) -> bool {
    matches!(rule.attempts.first(), Some(Attempt { kind: AttemptKind::Reject { .. }, .. }))
}

/// Who may name a model.
enum Callers {
    Nobody,
    All,
    /// these tenants may not
    AllBut(Vec<String>),
    /// these tenants may
    Only(Vec<String>),
}

fn callers(policy: &Policy, id: ModelId, model: &Model) -> Callers {
    let usual = policy.defaults.explicit.unwrap_or_default();
    let allows = |explicit: Explicit| match explicit {
        Explicit::Allow => true,
        Explicit::Tagged => model.tags.iter().any(|tag| tag == TAG),
        Explicit::Deny => false,
    };
    let (may, may_not): (Vec<_>, Vec<_>) = policy.tenants.iter().partition(|tenant| {
        let has = tenant.models.as_ref().is_none_or(|models| models.contains(&id));
        has && allows(tenant.explicit.unwrap_or(usual))
    });
    let names = |tenants: Vec<&crate::dsl::policy::Tenant>| tenants.iter().map(|tenant| tenant.name.clone()).collect();
    match (allows(usual), may.is_empty(), may_not.is_empty()) {
        (true, _, true) => Callers::All,
        (true, ..) => Callers::AllBut(names(may_not)),
        (false, true, _) => Callers::Nobody,
        (false, false, _) => Callers::Only(names(may)),
    }
}

/// Which names mean which model: those of the policy first, then those that providers know. A provider's
/// name that several models have means none of them.
struct Names {
    /// by model
    names: Vec<Vec<String>>,
}

impl Names {
    fn of(policy: &Policy) -> Self {
        let mut names: Vec<Vec<String>> = policy.models.iter().map(|model| model.names(policy, &model.name)).collect();
        let mut taken: FxHashMap<String, usize> =
            names.iter().enumerate().flat_map(|(at, own)| own.iter().map(move |name| (name.clone(), at))).collect();
        let upstream = |model: &Model| model.names(policy, &model.upstream);
        let mut count: FxHashMap<String, usize> = FxHashMap::default();
        for name in policy.models.iter().flat_map(upstream) {
            *count.entry(name).or_default() += 1;
        }
        for (at, model) in policy.models.iter().enumerate() {
            for name in upstream(model) {
                if count.get(&name) == Some(&1) && !taken.contains_key(&name) {
                    taken.insert(name.clone(), at);
                    if let Some(own) = names.get_mut(at) {
                        own.push(name);
                    }
                }
            }
        }
        Self { names }
    }

    fn of_model(&self, id: ModelId) -> Vec<String> {
        let own = self.names.get(id.index()).map(Vec::as_slice).unwrap_or_default();
        own.iter().flat_map(|name| [name.clone(), format!("{name}{LARGE}")]).collect()
    }
}

fn boolean(kind: Kind, span: Span) -> Expr {
    Expr { kind, ty: Type::Bool, span }
}

fn not(inner: Expr) -> Expr {
    let span = inner.span;
    boolean(Kind::Not(Box::new(inner)), span)
}

/// `var in ["a", "b"]`
fn one_of(var: Var, values: Vec<String>, span: Span) -> Expr {
    let text = |value| Expr { kind: Kind::Literal(Literal::String(value)), ty: Type::String, span };
    let list = Kind::List(values.into_iter().map(text).collect());
    let list = Expr { kind: list, ty: Type::List(Box::new(Type::String)), span };
    let var = Expr { kind: Kind::Var(var), ty: var.row().ty.into(), span };
    boolean(Kind::Binary(BinaryOp::In, Box::new(var), Box::new(list)), span)
}
