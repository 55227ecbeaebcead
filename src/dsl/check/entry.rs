//! P0307: a policy, or a tenant's part of it, that no request can enter.

use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::Policy;

/// Reports whoever has neither a `route` of its own nor `main`.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Diagnostic>) {
    if policy.routes.iter().any(|route| route.name == "main") {
        return;
    }
    let lost: Vec<_> = policy.tenants.iter().filter(|tenant| tenant.route.is_none()).collect();
    // Without any key everybody comes in as nobody in particular, by `main`.
    let open = policy.tenants.iter().all(|tenant| tenant.keys.is_empty());
    if open || lost.len() == policy.tenants.len() {
        let help = match policy.routes.first() {
            Some(route) => {
                format!("name the first route `main`, or add `route main {{ default -> route {} }}`", route.name)
            }
            None => "write `route main { default -> MODEL }`".to_owned(),
        };
        findings
            .push(Diagnostic::without_place(Code::P0307, "no request can enter: there is no route `main`").help(help));
        return;
    }
    for tenant in lost {
        let message = format!("no request of tenant `{}` can enter", tenant.name);
        findings.push(
            Diagnostic::new(Code::P0307, tenant.span, message)
                .help("give it a `route: NAME`, or write `route main { … }`"),
        );
    }
}
