//! P0701 and P0704: what the policy needs from the environment.

use url::Url;

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Policy, ProviderKind};
use crate::dsl::resolve::is_loopback;

/// Every environment variable that the policy names and that is not set, all at once. `is_set`
/// says whether a variable has a value that is not empty.
#[must_use]
pub fn environment(policy: &Policy, is_set: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let missing = policy.env.iter().filter(|variable| !is_set(&variable.name));
    missing
        .map(|variable| {
            let message = format!("the environment variable `{}` is not set", variable.name);
            Diagnostic::new(Code::P0701, variable.span, message)
                .help(format!("set it before starting: `export {}=…`", variable.name))
        })
        .collect()
}

/// A provider off this machine usually wants a key.
pub(super) fn keys(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    for provider in &policy.providers {
        let Some(base) = provider.base.as_ref().filter(|_| provider.kind != ProviderKind::Mock) else { continue };
        let local = Url::parse(base).is_ok_and(|url| is_loopback(&url));
        if provider.key.is_none() && !local {
            let message = format!("provider `{}` has no key", provider.name);
            findings.push(Diagnostic::new(Code::P0704, provider.span, message).help("add `key: env(\"NAME\")`"));
        }
    }
}
