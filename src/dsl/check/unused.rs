//! P0108: models and pools that no rule leads to, tags that nothing asks for, transforms that nobody names.

use rustc_hash::FxHashSet;

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::AttemptKind;
use crate::dsl::resolve::Lowered;

/// Warns of models, pools, tags and transforms that nothing refers to.
pub(super) fn check(lowered: &Lowered, findings: &mut Vec<Diagnostic>) {
    let policy = &lowered.policy;
    for (number, pool) in policy.pools.iter().enumerate() {
        if !lowered.used.pools.contains(&number) {
            let message = format!("pool `{}` is never used", pool.name);
            findings.push(Diagnostic::new(Code::P0108, pool.span, message).help("lead a rule to it, or remove it"));
        }
    }
    tags(lowered, findings);
    for (name, span) in &lowered.idle_transforms {
        let finding = Diagnostic::new(Code::P0108, *span, format!("transform `{name}` is never used"));
        findings.push(finding.help(format!("name it in a provider or a model, `transform: [{name}]`, or remove it")));
    }
    let routed = policy.routes.iter().flat_map(|route| &route.rules).flat_map(|rule| &rule.attempts);
    if !routed.clone().any(|attempt| !matches!(attempt.kind, AttemptKind::Reject { .. })) {
        // Without any rule that leads to a model, every model would be reported.
        return;
    }
    for (number, model) in policy.models.iter().enumerate() {
        if !lowered.used.models.contains(&number) {
            let message = format!("model `{}` is never used", model.name);
            findings.push(Diagnostic::new(Code::P0108, model.span, message).help("lead a rule to it, or remove it"));
        }
    }
}

/// Each tag once, at the first model that has it. A model that is not used at all is reported as such.
fn tags(lowered: &Lowered, findings: &mut Vec<Diagnostic>) {
    if lowered.used.all_tags {
        return;
    }
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    for (number, model) in lowered.policy.models.iter().enumerate() {
        for tag in model.tags.iter().filter(|_| lowered.used.models.contains(&number)) {
            if !lowered.used.tags.contains(tag) && seen.insert(tag) {
                let message = format!("tag `{tag}` is never used");
                findings.push(
                    Diagnostic::new(Code::P0108, model.span, message)
                        .label("has it")
                        .help(format!("choose by it, `first of tag({tag})`, or remove it")),
                );
            }
        }
    }
}
