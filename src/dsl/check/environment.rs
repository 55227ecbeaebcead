//! P0701: what the policy needs from the environment.

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::Policy;

/// Every environment variable that the policy names and that is not set, all at once. `is_set`
/// says whether a variable has a value that is not empty.
#[must_use]
pub fn environment(policy: &Policy, is_set: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let missing = policy.env.iter().filter(|variable| !is_set(&variable.name));
    missing
        .map(|variable| {
            let message = format!("the environment variable `{}` is not set, or empty", variable.name);
            Diagnostic::new(Code::P0701, variable.span, message).help(format!(
                "set it, then start again (a running program cannot see it): `export {}=…`",
                variable.name
            ))
        })
        .collect()
}
