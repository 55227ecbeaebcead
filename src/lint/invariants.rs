//! P0310, P0311, P0312, P0315: whether the policy's promises hold.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Span, command};
use crate::dsl::expr::typed::{Expr, Kind};
use crate::dsl::policy::{Invariant, Policy, Route};
use crate::engine::{Engine, declared};
use crate::facts::given::Owned;
use crate::facts::{Scope, Var};
use crate::prove::invariant::{Counterexample, Judgement, judge_all};

/// Judges every promise and reports those that are not proved; says what is, a line each.
pub(super) fn check(engine: &Engine, findings: &mut Vec<Diagnostic>) -> Vec<String> {
    let policy = engine.policy();
    if policy.invariants.is_empty() {
        return Vec::new();
    }
    // A route whose last rule asks for nothing takes whatever comes so far.
    let ends = |route: &Route| route.rules.last().is_some_and(|last| last.condition.is_none());
    let mut proved = Vec::new();
    if policy.routes.iter().all(ends) {
        proved.push("proved: every request goes by some rule".to_owned());
    }
    for (invariant, judgement) in policy.invariants.iter().zip(judge_all(engine)) {
        if let Judgement::Proved { by_filter } = &judgement {
            let how = if by_filter.is_some() { ", by a filter only" } else { "" };
            proved.push(format!("proved{how}: {}", invariant.title));
        }
        findings.extend(finding(policy, invariant, &judgement));
    }
    proved
}

fn finding(policy: &Policy, invariant: &Invariant, judgement: &Judgement) -> Option<Diagnostic> {
    let title = &invariant.title;
    let at = |code, text: String| Diagnostic::new(code, invariant.span, text);
    match judgement {
        Judgement::Proved { by_filter: None } => None,
        Judgement::Proved { by_filter: Some(kept) } => Some(filtered(policy, invariant, kept)),
        Judgement::Broken(example) => Some(broken(policy, invariant, example)),
        Judgement::Vacuous => Some(
            at(Code::P0311, format!("invariant \"{title}\" promises nothing"))
                .also(invariant.when.span, "no request that comes to a model satisfies this")
                .help("remove it, or mend `when`"),
        ),
        Judgement::NotProved { by } => {
            let finding = at(Code::P0312, format!("invariant \"{title}\" is not proved"));
            let finding = match by.as_slice() {
                [] => finding.note("looking at every case would take too long"),
                by => by.iter().fold(finding, |finding, test| {
                    finding.note(format!("nothing is known that excludes it, because of `{test}`"))
                }),
            };
            Some(finding.help("it may still hold; write tests for it, or conditions that are compared with literals"))
        }
    }
}

/// A request in words: who asks, and with which facts.
fn request(policy: &Policy, example: &Counterexample) -> String {
    let facts = example.given.to_text();
    let of = example.entrance.tenant.and_then(|id| policy.tenants.get(id.index()));
    let who = of.map_or_else(String::new, |tenant| format!(" of tenant `{}`", tenant.name));
    if facts == "{}" { format!("any request{who}") } else { format!("a request{who} with {facts}") }
}

fn run_it(policy: &Policy, example: &Counterexample) -> String {
    command::run_it(&command::explain(None, &example.entrance.arguments(policy), &example.given.to_text()))
}

fn filtered(policy: &Policy, invariant: &Invariant, kept: &Counterexample) -> Diagnostic {
    let title = &invariant.title;
    let name = policy.models.get(kept.model.index()).map_or("?", |model| &model.name);
    let message = format!("invariant \"{title}\" holds only because a model cannot serve the requests");
    let request = request(policy, kept);
    let finding = Diagnostic::new(Code::P0315, invariant.span, message)
        .note(format!("rule `{}` would lead {request} to `{name}`", kept.decision))
        .note("what keeps it is a model's `can` or `context`, or a tenant's `models`, not a rule")
        .note(run_it(policy, kept))
        .help("say it in a rule or a `where`, or the next model that can do more breaks it");
    match rule_span(policy, &kept.decision) {
        Some(span) => finding.also(span, format!("this rule names `{name}`")),
        None => finding,
    }
}

fn broken(policy: &Policy, invariant: &Invariant, example: &Counterexample) -> Diagnostic {
    let title = &invariant.title;
    let model = policy.models.get(example.model.index());
    let name = model.map_or("?", |model| &model.name);
    let provider = model.and_then(|model| policy.providers.get(model.provider.index()));
    let provider = provider.map_or("?", |provider| &provider.name);
    let request = request(policy, example);
    let mut finding = Diagnostic::new(Code::P0310, invariant.span, format!("invariant \"{title}\" does not hold"))
        .label("promised here")
        .note(format!(
            "counterexample: {request} goes by rule `{}` to `{name}` (provider {provider})",
            example.decision
        ));
    let mut asked = BTreeSet::new();
    of_models(&invariant.require, &mut asked);
    for var in asked {
        if let Some(value) = declared(policy, example.model, var) {
            finding = finding.note(format!("`{}` of `{name}` is {}", var.path(), shown(&value)));
        }
    }
    finding = match example.others {
        0 => finding,
        1 => finding.note("1 more rule breaks it"),
        more => finding.note(format!("{more} more rules break it")),
    };
    let finding = finding.note(run_it(policy, example)).help("narrow the rule or its target, or the promise");
    match rule_span(policy, &example.decision) {
        Some(span) => finding.also(span, format!("this rule may lead to `{name}`")),
        None => finding,
    }
}

/// What an expression asks of a model.
fn of_models(expr: &Expr, found: &mut BTreeSet<Var>) {
    if let Kind::Var(var) = expr.kind
        && var.row().scope == Scope::Model
    {
        found.insert(var);
    }
    expr.for_each_part(&mut |part| of_models(part, found));
}

/// A declared value; an empty one is what nobody declared.
fn shown(value: &Owned) -> String {
    match value {
        Owned::Bool(value) => value.to_string(),
        Owned::Int(value) => value.to_string(),
        Owned::Double(value) => value.to_string(),
        Owned::Str(text) if text.is_empty() => "\"\" (not declared)".to_owned(),
        Owned::Str(text) => format!("{text:?}"),
        Owned::List(items) => format!("{items:?}"),
        Owned::Time(moment) => moment.to_string(),
    }
}

/// Where the rule of a decision stands.
fn rule_span(policy: &Policy, decision: &str) -> Option<Span> {
    let mut names = decision.rsplit('/');
    let (rule, route) = (names.next()?, names.next()?);
    let route = policy.routes.iter().find(|other| other.name == route)?;
    Some(route.rules.iter().find(|other| other.name == rule)?.span)
}
