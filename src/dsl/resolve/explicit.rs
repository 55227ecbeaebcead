//! `explicit: allow`: a client that names a model gets it. Each model that may be named becomes a rule
//! called `explicit`, in every route that requests enter, so that whoever reads rules (the tree, the plain
//! evaluator, proofs, `diff`, `explain`) knows of explicit choice without being told. Where nothing may be
//! named there are no such rules, and no cost.
//!
//! They stand behind the last rule that may refuse, so nobody is let in by the name that they write: a
//! request that the other rules refuse meets the refusal first. Rules that come before them for that
//! reason are reported (P0417).

use rustc_hash::{FxHashMap, FxHashSet};

use super::Lower;
use super::fields::Fields;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::explicit::ENTRY;
use crate::dsl::expr::typed::{BinaryOp, Expr, Kind, Literal, Type};
use crate::dsl::fields::EXPLICIT_WORDS;
use crate::dsl::policy::{
    Attempt, AttemptKind, EXPLICIT_RULE, EXPLICIT_TAG, Explicit, Model, ModelId, Options, Policy, RouteId, Rule, Tenant,
};
use crate::facts::Var;

/// Claude Code puts this behind a model's name when it wants a million tokens of context.
const LARGE: &str = "[1m]";
/// Rules that a finding names; of more it says how many.
const NAMED_RULES: usize = 3;

impl Lower<'_, '_> {
    /// The value of `explicit`.
    pub(super) fn explicit_field(&mut self, fields: &mut Fields<'_>) -> Option<Explicit> {
        let field = fields.get("explicit")?;
        let word = self.word(Some(field))?;
        let known = [Explicit::Allow, Explicit::Tagged, Explicit::Deny];
        let found = EXPLICIT_WORDS.iter().zip(known).find(|(known, _)| **known == word).map(|(_, found)| found);
        if found.is_none() {
            let finding = Diagnostic::new(Code::P0203, field.value.span, format!("`explicit` is never `{word}`"));
            self.report(match nearest(&word, EXPLICIT_WORDS.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("it is one of: {}", EXPLICIT_WORDS.join(", "))),
            });
        }
        if found.is_some_and(|found| found != Explicit::Deny) {
            self.explicit_place.get_or_insert(field.value.span);
        }
        if found == Some(Explicit::Tagged) {
            self.used.tags.insert(EXPLICIT_TAG.to_owned());
            self.tagged_places.push(field.value.span);
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
        self.nobody_tagged();
        if !rules.is_empty() {
            self.place(&rules, span);
        }
    }

    /// Puts the rules into every route that requests enter.
    fn place(&mut self, rules: &[Rule], span: Span) {
        let own: FxHashSet<RouteId> = self.policy.tenants.iter().filter_map(|tenant| tenant.route).collect();
        let refusing = self.policy.refusing_routes();
        let named: Vec<bool> =
            (0_u32..).map(RouteId).zip(&self.policy.routes).map(|(id, _)| enters(&self.policy, id)).collect();
        let refusals: Vec<Option<Span>> = self.policy.routes.iter().map(refusal).collect();
        for (number, route) in self.policy.routes.iter_mut().enumerate() {
            if route.name != ENTRY && !own.contains(&RouteId(u32::try_from(number).unwrap_or(u32::MAX))) {
                continue;
            }
            if let Some(rule) = route.rules.iter().find(|rule| rule.name == EXPLICIT_RULE) {
                let message = format!("`{EXPLICIT_RULE}` is the name of the rules for explicit choice");
                let finding = Diagnostic::new(Code::P0107, rule.span, message);
                self.findings.push(finding.also(span, "makes them").help("rename this one"));
            }
            let last = route.rules.iter().rposition(|rule| first(rule).is_some_and(|kind| kind.refuses(&refusing)));
            if named.get(number) == Some(&true)
                && let Some(last) = last
            {
                self.findings.extend(late(&route.name, &route.rules, last, &refusals, span));
            }
            // Behind the default nothing is reached.
            let behind = last.map_or(0, |last| last.saturating_add(1));
            if behind < route.rules.len() {
                route.rules.splice(behind..behind, rules.iter().cloned());
            }
        }
    }

    /// Reports `explicit: tagged` where no model has the tag.
    fn nobody_tagged(&mut self) {
        let tagged = |model: &Model| Explicit::Tagged.allows(model);
        if self.policy.models.iter().any(tagged) {
            return;
        }
        for span in std::mem::take(&mut self.tagged_places) {
            let message = format!("no model has the tag `{EXPLICIT_TAG}`, so none can be named");
            let finding = Diagnostic::new(Code::P0417, span, message);
            let mut known: Vec<&str> = self.shared.declared.model_tags.iter().map(String::as_str).collect();
            known.sort_unstable();
            let help = match nearest(EXPLICIT_TAG, known) {
                Some(near) => format!("did you mean `{EXPLICIT_TAG}` where a model has the tag `{near}`?"),
                None => format!("write `tags: [{EXPLICIT_TAG}]` in the models that clients may name"),
            };
            self.report(finding.help(help));
        }
    }
}

/// Whether somebody enters this route who may name a model.
fn enters(policy: &Policy, id: RouteId) -> bool {
    let usual = policy.defaults.explicit.unwrap_or_default();
    let main = policy.routes.get(id.index()).is_some_and(|route| route.name == ENTRY);
    let mut tenants = policy.tenants.iter().filter(|tenant| tenant.route.map_or(main, |own| own == id));
    tenants.any(|tenant: &Tenant| tenant.explicit.unwrap_or(usual) != Explicit::Deny)
        || main && policy.tenants.is_empty() && usual != Explicit::Deny
}

fn first(rule: &Rule) -> Option<&AttemptKind> {
    rule.attempts.first().map(|attempt| &attempt.kind)
}

/// The first rule of a route that refuses by itself.
fn refusal(route: &crate::dsl::policy::Route) -> Option<Span> {
    let refuses = |rule: &&Rule| matches!(first(rule), Some(AttemptKind::Reject { .. }));
    route.rules.iter().find(refuses).map(|rule| rule.span)
}

/// What naming a model does not get past, although nothing is refused there: the rules before the last
/// refusal, or all of them when the default refuses.
fn late(route: &str, rules: &[Rule], last: usize, refusals: &[Option<Span>], explicit: Span) -> Option<Diagnostic> {
    let (before, refuser) = (rules.get(..last)?, rules.get(last)?);
    let finding = |message: String| Diagnostic::new(Code::P0417, refuser.span, message);
    let inner = match first(refuser) {
        Some(AttemptKind::Route(id)) => refusals.get(id.index()).copied().flatten(),
        _ => None,
    };
    let (found, help) = if refuser.condition.is_none() {
        let message = format!("nobody gets a model by naming it in route `{route}`: its default may refuse");
        let help = "refuse in rules at the top of the route, and let `default` lead to a model";
        (finding(message).label("explicit choice would stand behind it"), help.to_owned())
    } else {
        let overtaken: Vec<&Rule> =
            before.iter().filter(|rule| !matches!(first(rule), Some(AttemptKind::Reject { .. }))).collect();
        let is_plain = matches!(first(refuser), Some(AttemptKind::Reject { .. }));
        let names = named(if overtaken.is_empty() && !is_plain { std::slice::from_ref(&refuser) } else { &overtaken });
        if names.is_empty() {
            return None;
        }
        let message =
            format!("who names a model still goes by {names}: the refusal `{}` has to come first", refuser.name);
        let help = match is_plain {
            true => format!("move `{}` to the top of route `{route}`", refuser.name),
            false => format!("refuse in a rule at the top of route `{route}`"),
        };
        (finding(message).label("explicit choice begins behind this rule"), help)
    };
    let found = match inner {
        Some(inner) => found.also(inner, "refuses"),
        None => found,
    };
    Some(found.also(explicit, "lets clients name a model").help(help))
}

fn named(rules: &[&Rule]) -> String {
    let mut names: Vec<String> = rules.iter().take(NAMED_RULES).map(|rule| format!("`{}`", rule.name)).collect();
    if let Some(more) = rules.len().checked_sub(NAMED_RULES).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
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
    let (may, may_not): (Vec<_>, Vec<_>) = policy.tenants.iter().partition(|tenant| tenant.may_name(usual, id, model));
    let names = |tenants: Vec<&Tenant>| tenants.iter().map(|tenant| tenant.name.clone()).collect();
    match (usual.allows(model), may.is_empty(), may_not.is_empty()) {
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
