//! Which arm a caller belongs to.

use super::build::{Build, split as arms};
use super::*;
use crate::dsl::expr::build::var;
use crate::dsl::policy::AttemptKind;
use crate::engine::split::{ArmSeed, pick};

fn seeds(shares: &[(&str, f64)]) -> Vec<ArmSeed> {
    shares.iter().map(|(arm, percent)| ArmSeed::new("main", "beta", arm, *percent)).collect()
}

fn arm_of(shares: &[(&str, f64)], value: &str) -> String {
    shares[pick(&seeds(shares), value).unwrap()].0.to_owned()
}

/// Every machine and every version agrees on these; they were worked out with Python's `xxhash`
/// and `math.log`.
#[test]
fn hashes_are_what_they_always_were() {
    let seed = |arm| ArmSeed::new("main", "beta", arm, 50.0).seed;
    assert_eq!(seed("coder"), 15_808_227_073_605_635_153);
    let draw = |value| ArmSeed::new("main", "beta", "coder", 50.0).draw(value);
    assert_eq!(draw("user-1").to_bits(), 13_805_158_129_551_337_137);
    let chosen: Vec<String> =
        (0..12).map(|user| arm_of(&[("coder", 90.0), ("next", 10.0)], &format!("user-{user}"))).collect();
    assert_eq!(chosen.join(" "), "coder coder coder coder coder coder next coder coder coder coder coder");
}

#[test]
fn arms_get_their_shares() {
    for shares in [[("a", 90.0), ("b", 10.0), ("c", 0.0)], [("a", 50.0), ("b", 30.0), ("c", 20.0)]] {
        let mut counts = [0_u32; 3];
        for user in 0..20_000 {
            counts[pick(&seeds(&shares), &format!("user-{user}")).unwrap()] += 1;
        }
        for ((arm, percent), count) in shares.iter().zip(counts) {
            let got = f64::from(count) / 200.0;
            assert!((got - percent).abs() < 1.0, "{arm} has {got} %, not {percent} %");
        }
    }
}

#[test]
fn growing_an_arm_only_moves_callers_to_it() {
    let before = [("a", 70.0), ("b", 20.0), ("c", 10.0)];
    // Weights matter only against each other: c grows, a and b stay as they were.
    let after = [("a", 70.0), ("b", 20.0), ("c", 40.0)];
    let mut moved = 0;
    for user in 0..5_000 {
        let (from, to) = (arm_of(&before, &format!("u{user}")), arm_of(&after, &format!("u{user}")));
        assert!(from == to || to == "c", "user {user} moved from {from} to {to}");
        moved += u32::from(from != to);
    }
    assert!(moved > 500, "{moved}");
}

#[test]
fn the_usual_canary_only_takes_from_the_old_arm() {
    for user in 0..5_000 {
        let arm = |next| arm_of(&[("stable", 100.0 - next), ("next", next)], &format!("u{user}"));
        assert!(arm(10.0) == arm(20.0) || arm(20.0) == "next", "user {user}");
    }
}

#[test]
fn the_order_of_arms_does_not_matter() {
    for user in 0..1_000 {
        let value = format!("u{user}");
        assert_eq!(arm_of(&[("a", 60.0), ("b", 40.0)], &value), arm_of(&[("b", 40.0), ("a", 60.0)], &value));
    }
}

#[test]
fn an_arm_without_a_share_takes_nobody() {
    assert_eq!(pick(&seeds(&[("a", 0.0)]), "x"), None);
    assert_eq!(pick(&[], "x"), None);
}

fn engine(by: Option<crate::dsl::expr::typed::Expr>) -> Engine {
    let build = Build::models(&["a", "b"]);
    let kinds = build.ids("a b").into_iter().map(|id| (50.0, AttemptKind::Model(id))).collect();
    build.main(vec![arms(kinds, by)]).engine()
}

fn by_of(engine: &Engine, facts: &GivenFacts) -> (String, String) {
    let trace = crate::engine::trace::explain(engine, facts, None, &world(engine, &[]), &Seeds::fixed()).unwrap();
    let split = trace.attempts[0].split.clone().unwrap();
    (split.by, split.value)
}

#[test]
fn a_split_says_what_it_hashed() {
    let session = ("session.id", Owned::Str("s-1".to_owned()));
    let user = ("user.id", Owned::Str("u-1".to_owned()));
    let check = |by: Option<&str>, given: &[(&str, Owned)], source: &str, value: &str| {
        let engine = engine(by.map(var));
        assert_eq!(by_of(&engine, &facts(given)), (source.to_owned(), value.to_owned()));
    };
    check(None, &[session.clone(), user.clone()], "session.id", "s-1");
    check(None, std::slice::from_ref(&user), "user.id", "u-1");
    check(None, &[], "the request's id", "request");
    check(Some("user.id"), &[session.clone(), user], "user.id", "u-1");
    // Hashing an empty text would put all the nameless in one arm.
    check(Some("user.id"), &[session], "session.id", "s-1");
    check(Some("user.id"), &[], "the request's id", "request");
}

#[test]
fn the_same_caller_stays_in_the_same_arm() {
    let engine = engine(Some(var("user.id")));
    let first = simple(&engine, &user("ann"));
    for _ in 0..3 {
        assert_eq!(simple(&engine, &user("ann")), first);
    }
    let arms: std::collections::BTreeSet<String> =
        (0..50).map(|number| simple(&engine, &user(&format!("u{number}")))).collect();
    assert_eq!(arms.len(), 2, "{arms:?}");
}
