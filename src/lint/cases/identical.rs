//! P0804: two cases that ask the same.

use rustc_hash::FxHashMap;

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Case, Policy};

/// Reports each case whose route, facts and state are those of one above it.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    let mut seen: FxHashMap<String, &Case> = FxHashMap::default();
    for test in &policy.tests {
        for case in &test.cases {
            let asked = format!("{:?} {:?} {:?} {:?}", test.route, case.tenant, case.given, case.state);
            if let Some(first) = seen.get(&asked) {
                findings.push(
                    Diagnostic::new(Code::P0804, case.span, "this case asks what another one asked")
                        .label("the same facts again")
                        .also(first.span, "first here")
                        .help("remove one of them, or change its facts"),
                );
                continue;
            }
            seen.insert(asked, case);
        }
    }
}
