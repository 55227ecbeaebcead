//! P0502: attempts that all go to one provider.

use super::is_all_mock;
use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Policy, ProviderId, Rule};
use crate::lint::targets::{enters_route, named};

/// Reports rules with a fallback that is down whenever the first attempt's provider is, where the policy
/// has another provider that could stand in.
pub(super) fn check(policy: &Policy, rule: &Rule, findings: &mut Vec<Diagnostic>) {
    let attempts: Vec<_> = rule.attempts.iter().map(|attempt| named(policy, attempt)).collect();
    let trying = attempts.iter().filter(|models| !models.is_empty()).count();
    if trying < 2 || is_all_mock(policy) || rule.attempts.iter().any(enters_route) {
        return;
    }
    let provider = |id: &crate::dsl::policy::ModelId| policy.models.get(id.index()).map(|model| model.provider);
    let mut providers: Vec<ProviderId> = attempts.iter().flatten().filter_map(provider).collect();
    providers.sort_unstable();
    providers.dedup();
    let [only] = providers.as_slice() else { return };
    if policy.models.iter().all(|model| model.provider == *only) {
        // There is no other one.
        return;
    }
    let (Some(first), Some(last)) = (rule.attempts.first(), rule.attempts.get(attempts.len().saturating_sub(1))) else {
        return;
    };
    let name = policy.providers.get(only.index()).map_or("", |provider| provider.name.as_str());
    findings.push(
        Diagnostic::new(
            Code::P0502,
            first.span.to(last.span),
            format!("all attempts of rule `{}` go to one provider", rule.name),
        )
        .label(format!("all on `{name}`: when it is down, so are they"))
        .help("end with a model of another provider"),
    );
}
