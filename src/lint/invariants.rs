//! P0310, P0311, P0312, P0315: whether the policy's promises hold.

use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::policy::{Invariant, Policy};
use crate::engine::Engine;
use crate::prove::invariant::{Counterexample, Judgement, judge_all};

/// Judges every promise and reports those that are not proved; says what is, a line each.
pub(super) fn check(engine: &Engine, findings: &mut Vec<Diagnostic>) -> Vec<String> {
    let policy = engine.policy();
    if policy.invariants.is_empty() {
        return Vec::new();
    }
    // No route is without a default, which takes whatever comes so far: P0305 and the parser see to it.
    let mut proved = vec!["proved: every request goes by some rule".to_owned()];
    for (invariant, judgement) in policy.invariants.iter().zip(judge_all(engine)) {
        if matches!(judgement, Judgement::Proved { .. }) {
            proved.push(format!("proved: {}", invariant.title));
        }
        findings.extend(finding(policy, invariant, &judgement));
    }
    proved
}

fn finding(policy: &Policy, invariant: &Invariant, judgement: &Judgement) -> Option<Diagnostic> {
    let title = &invariant.title;
    let at = |code, text: String| Diagnostic::new(code, invariant.span, text);
    match judgement {
        Judgement::Proved { only_by_filter: false } => None,
        Judgement::Proved { only_by_filter: true } => Some(
            at(Code::P0315, format!("invariant \"{title}\" holds only because a model cannot serve the requests"))
                .note("what keeps it is a model's `can` or `context`, or a tenant's `models`, not a rule")
                .help("say it in a rule or a `where`, or the next model that can do more breaks it"),
        ),
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

fn broken(policy: &Policy, invariant: &Invariant, example: &Counterexample) -> Diagnostic {
    let title = &invariant.title;
    let model = policy.models.get(example.model.index());
    let name = model.map_or("?", |model| &model.name);
    let provider = model.and_then(|model| policy.providers.get(model.provider.index()));
    let provider = provider.map_or("?", |provider| &provider.name);
    let facts = example.given.to_text();
    let arguments = example.entrance.arguments(policy);
    let of = example.entrance.tenant.and_then(|id| policy.tenants.get(id.index()));
    let who = of.map_or_else(String::new, |tenant| format!(" of tenant `{}`", tenant.name));
    let request = if facts == "{}" { format!("any request{who}") } else { format!("a request{who} with {facts}") };
    let finding = Diagnostic::new(Code::P0310, invariant.span, format!("invariant \"{title}\" does not hold"))
        .label("promised here")
        .note(format!(
            "counterexample: {request} goes by rule `{}` to `{name}` (provider {provider})",
            example.decision
        ))
        .note(format!("run it: ccr-policy explain {arguments}--given '{}'", facts.replace('\'', r"'\''")))
        .help("narrow the rule or its target, or the promise");
    match rule_span(policy, &example.decision) {
        Some(span) => finding.also(span, format!("this rule may lead to `{name}`")),
        None => finding,
    }
}

/// Where the rule of a decision stands.
fn rule_span(policy: &Policy, decision: &str) -> Option<Span> {
    let mut names = decision.rsplit('/');
    let (rule, route) = (names.next()?, names.next()?);
    let route = policy.routes.iter().find(|other| other.name == route)?;
    Some(route.rules.iter().find(|other| other.name == rule)?.span)
}
