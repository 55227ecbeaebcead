//! A promise holds for what clients name, too.

use super::promises::judges;

const PROMISED: &str = "model.region == \"cn\"";

#[test]
fn a_promise_counts_what_may_be_named() {
    let rules = "route main { default -> a }";
    judges(rules, "true", PROMISED, "proved");
    judges(&format!("defaults {{ explicit: deny }}\n{rules}"), "true", PROMISED, "proved");
    let broken = "{ model: \"b\" } by main/explicit to b";
    judges(&format!("defaults {{ explicit: allow }}\n{rules}"), "true", PROMISED, broken);
    judges(
        &format!("defaults {{ explicit: allow }}\n{rules}"),
        "!(request.model.startsWith(\"us\"))",
        PROMISED,
        broken,
    );
}

#[test]
fn a_promise_about_a_tenant_counts_what_that_tenant_may_name() {
    let tenants = "tenant cn-only { keys: [env(\"A\")] models: [a, c] }\ntenant other { keys: [env(\"B\")] }";
    let policy = format!("{tenants}\ndefaults {{ explicit: allow }}\nroute main {{ default -> a }}");
    judges(&policy, "tenant.id == \"cn-only\"", PROMISED, "proved");
    judges(&policy, "tenant.id == \"other\"", PROMISED, "--tenant other { model: \"b\" } by main/explicit to b");
}
