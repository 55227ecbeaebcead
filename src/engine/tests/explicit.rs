//! Explicit choice: what a client names, and who may name what.

use std::sync::Arc;

use super::*;
use crate::diag::Sources;
use crate::dsl;
use crate::engine::trace::explain;

const HEAD: &str = r#"
provider near { kind: mock }
provider far { kind: mock }
model coder on near { upstream: "big-coder" tags: [explicit] }
model mini on near { upstream: "small" }
model eyes on far { can: [vision] upstream: "small" }
"#;

const MAIN: &str = "route main { rule closed when request.stream -> reject 403 default -> mini }";

fn engine(text: &str) -> Engine {
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{HEAD}{text}"));
    let loaded = dsl::load(&sources);
    Engine::new(Arc::new(loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))))
}

/// Asks for a model by name, as a tenant; the tree and the plain evaluator must agree.
#[track_caller]
fn check(policy: &str, tenant: &str, model: &str, expected: &str) {
    let engine = engine(policy);
    let at = engine.policy().tenants.iter().position(|declared| declared.name == tenant);
    let tenant_id = at.map(|at| TenantId(u32::try_from(at).unwrap()));
    let given = [("request.model", Owned::Str(model.to_owned())), ("tenant.id", Owned::Str(tenant.to_owned()))];
    let facts = facts(&given);
    let world = world(&engine, &[]);
    assert_eq!(walk(&engine, &facts, tenant_id, &world, 0), expected, "{model} of {tenant}: {policy}");
    explain(&engine, &facts, tenant_id, &world, &Seeds::fixed()).unwrap();
}

const EXPLICIT: &str = "coder, end (main/explicit)";
const RULES: &str = "mini, end (main/default)";

#[test]
fn every_way_to_name_a_model() {
    let policy = format!("defaults {{ explicit: allow }}\n{MAIN}");
    for name in ["coder", "near,coder", "near/coder", "big-coder", "near,big-coder", "near/big-coder", "coder[1m]"] {
        check(&policy, "default", name, EXPLICIT);
    }
    // Two models have this name at their providers; with its provider it is clear again.
    check(&policy, "default", "small", RULES);
    check(&policy, "default", "far,small", "eyes, end (main/explicit)");
    for name in ["far,coder", "other,coder", "Coder", "coder[2m]", "", "claude-sonnet-4-6"] {
        check(&policy, "default", name, RULES);
    }
}

#[test]
fn nothing_is_chosen_that_is_not_allowed() {
    for rest in ["", "defaults { explicit: deny }\n"] {
        check(&format!("{rest}{MAIN}"), "default", "coder", RULES);
        assert_eq!(engine(&format!("{rest}{MAIN}")).policy().routes[0].rules.len(), 2, "no cost");
    }
    let tagged = format!("defaults {{ explicit: tagged }}\n{MAIN}");
    check(&tagged, "default", "coder", EXPLICIT);
    check(&tagged, "default", "eyes", RULES);
}

#[test]
fn a_tenant_has_its_own_word_and_its_own_models() {
    let tenants = "tenant a { keys: [env(\"A\")] explicit: allow }
tenant b { keys: [env(\"B\")] models: [mini] explicit: allow }
tenant c { keys: [env(\"C\")] }
";
    for (default, of_c) in [("", RULES), ("defaults { explicit: tagged }\n", EXPLICIT)] {
        let policy = format!("{tenants}{default}{MAIN}");
        check(&policy, "a", "coder", EXPLICIT);
        check(&policy, "a", "eyes", "eyes, end (main/explicit)");
        check(&policy, "b", "coder", RULES);
        check(&policy, "b", "near,mini", "mini, end (main/explicit)");
        check(&policy, "c", "coder", of_c);
    }
}

#[test]
fn what_the_model_cannot_do_still_counts() {
    let engine = engine(&format!("defaults {{ explicit: allow }}\n{MAIN}"));
    let with = |path: &str, value: Owned| facts(&[("request.model", Owned::Str("coder".to_owned())), (path, value)]);
    let images = with("request.images", Owned::Int(1));
    assert_eq!(simple(&engine, &images), "end (main/explicit), coder: no_vision");
    // A refusal at the top of the route comes first.
    assert_eq!(simple(&engine, &with("request.stream", Owned::Bool(true))), "reject 403 (main/closed)");
    let named = facts(&[("request.model", Owned::Str("coder".to_owned()))]);
    let world = world(&engine, &[("coder", sick())]);
    assert_eq!(walk(&engine, &named, None, &world, 0), "end, retry after None (main/explicit), coder: unhealthy");
}

/// Whatever the order of rules and the ways between routes: who is refused without naming a model is refused
/// when naming one, by the same rule.
#[test]
fn no_name_gets_past_a_refusal() {
    const EYES: &str = "rule image when request.images > 0 -> eyes";
    const CLOSED: &str = "rule closed when request.stream -> reject 403";
    let routes = [
        format!("route main {{ {EYES} {CLOSED} default -> mini }}"),
        format!(
            "route main {{ {EYES} rule a when request.turns > 1 -> mini {CLOSED} rule b when request.turns > 0 -> eyes default -> mini }}"
        ),
        format!("route main {{ {EYES} default -> reject 403 }}"),
        format!("route main {{ {EYES} default -> route deep }} route deep {{ {CLOSED} default -> mini }}"),
        "route main { rule inner when request.stream -> split { 50% mini, 50% route deep } default -> mini } route deep { default -> reject 403 }"
            .to_owned(),
        format!(
            "route main {{ rule inner when request.stream -> route deep default -> mini }} route deep {{ default -> route end }} route end {{ {EYES} default -> reject 404 }}"
        ),
    ];
    for route in &routes {
        let (open, shut) = (engine(&format!("defaults {{ explicit: allow }}\n{route}")), engine(route));
        for (stream, images, turns) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 2), (1, 1, 2)] {
            let given = |model: &str| {
                facts(&[
                    ("request.model", Owned::Str(model.to_owned())),
                    ("request.stream", Owned::Bool(stream == 1)),
                    ("request.images", Owned::Int(images)),
                    ("request.turns", Owned::Int(turns)),
                ])
            };
            let without = simple(&shut, &given("coder"));
            if without.starts_with("reject") {
                for name in ["coder", "mini", "far/eyes"] {
                    assert_eq!(simple(&open, &given(name)), without, "{name} {stream} {images} {turns}: {route}");
                }
            }
        }
    }
}

#[test]
fn a_failure_that_ends_in_a_refusal_is_no_refusal() {
    let route = "route main { rule a when request.stream -> mini then reject 503 default -> eyes }";
    let engine = engine(&format!("defaults {{ explicit: allow }}\n{route}"));
    let named = facts(&[("request.model", Owned::Str("coder".to_owned())), ("request.stream", Owned::Bool(true))]);
    assert_eq!(simple(&engine, &named), EXPLICIT);
}

/// Asks what is said of a policy, by the words of its warnings.
#[track_caller]
fn warns(policy: &str, expected: &[&str]) {
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{HEAD}{policy}"));
    let found = dsl::load(&sources).diagnostics;
    let found: Vec<&str> =
        found.iter().filter(|one| one.code.as_str() == "P0417").map(|one| one.message.as_str()).collect();
    assert_eq!(found.len(), expected.len(), "{policy}: {found:?}");
    assert!(found.iter().zip(expected).all(|(found, expected)| found.contains(expected)), "{policy}: {found:?}");
}

#[test]
fn what_naming_does_not_do_is_said() {
    let allow = "defaults { explicit: allow }\n";
    let top = "route main { rule closed when request.stream -> reject 403 default -> mini }";
    let late = "route main { rule image when request.images > 0 -> eyes rule closed when request.stream -> reject 403 default -> mini }";
    let last = "route main { rule image when request.images > 0 -> eyes default -> reject 403 }";
    let deep = "route main { rule inner when request.stream -> route deep default -> mini } route deep { default -> reject 403 }";
    warns(&format!("{allow}{top}"), &[]);
    warns(&format!("{allow}{late}"), &["goes by `image`: the refusal `closed`"]);
    warns(&format!("{allow}{last}"), &["its default may refuse"]);
    warns(&format!("{allow}{deep}"), &["goes by `inner`"]);
    warns(late, &[]);
    // Nobody who may name a model enters it.
    let elsewhere = "tenant a { keys: [env(\"A\")] explicit: allow route: open }
route open { default -> mini }";
    warns(&format!("{elsewhere}\n{late}"), &[]);
    warns(&format!("defaults {{ explicit: tagged }}\n{top}"), &[]);
}

#[test]
fn a_tag_that_nobody_has_is_said() {
    let mut sources = Sources::default();
    let text = HEAD.replace("tags: [explicit]", "");
    sources.add("x.policy", format!("{text}defaults {{ explicit: tagged }}\n{MAIN}"));
    let found = dsl::load(&sources).diagnostics;
    assert!(found.iter().any(|one| one.message.contains("no model has the tag `explicit`")), "{found:?}");
}

#[test]
fn a_rule_cannot_have_its_name() {
    let mut sources = Sources::default();
    let rule = "route main { rule explicit when request.stream -> mini default -> coder }";
    sources.add("x.policy", format!("{HEAD}defaults {{ explicit: allow }}\n{rule}"));
    let found = dsl::load(&sources).diagnostics;
    assert!(found.iter().any(|finding| finding.message.contains("`explicit` is the name")), "{found:?}");
}
