//! The plain evaluator: values, errors, and what an explanation shows.

use super::build::*;
use super::plain::{Condition, Step, Verdict, eval_string};
use super::typed::{BinaryOp, Expr, Function, Macro, TimePart, Type};
use crate::facts::Var;
use crate::facts::given::{GivenFacts, Owned};

fn facts() -> GivenFacts {
    let mut facts = GivenFacts::default();
    facts.set(Var::RequestModel, Owned::Str("claude-haiku-4-5".to_owned()));
    facts.set(Var::RequestText, Owned::Str("写代码".to_owned()));
    facts.set(Var::RequestTokens, Owned::Int(70_000));
    facts.set(Var::RequestTools, Owned::List(vec!["Bash".into(), "Read".into()]));
    facts.set(Var::RequestComplexity, Owned::Double(0.25));
    facts.set(Var::Now, Owned::Time("2026-11-21T20:30:00Z".parse().unwrap()));
    facts.set_header("X-Team", "blue");
    facts.set_header("x-size", " 12 ");
    facts.set_header("x-huge", "99999999999999");
    facts.set_meta("plan", "gold");
    facts
}

fn is(condition: &Expr, expected: Verdict) {
    assert_eq!(Condition::new(condition).eval(&facts()), expected, "{}", super::print::cel_text(condition));
}

fn fails(condition: &Expr) {
    let verdict = Condition::new(condition).eval(&facts());
    assert!(matches!(verdict, Verdict::Error(_)), "{}: {verdict:?}", super::print::cel_text(condition));
}

#[test]
fn atoms_see_every_kind_of_fact() {
    let model = || var("request.model");
    is(&eq(model(), text("claude-haiku-4-5")), Verdict::True);
    is(&contains(model(), "haiku"), Verdict::True);
    is(&call(Function::StartsWith, vec![model(), text("gpt")]), Verdict::False);
    is(&contains(var("request.text"), "代码"), Verdict::True);
    is(&gt(var("request.tokens"), int(60_000)), Verdict::True);
    is(&gt(var("request.complexity"), double(0.5)), Verdict::False);
    is(&within(text("Bash"), var("request.tools")), Verdict::True);
    is(&within(text("bash"), var("request.tools")), Verdict::False);
    is(&eq(call(Function::Size, vec![var("request.tools")]), int(2)), Verdict::True);
    is(&eq(call(Function::Size, vec![var("request.text")]), int(3)), Verdict::True);
    is(&eq(header("x-team"), text("blue")), Verdict::True);
    is(&eq(header("x-none"), text("")), Verdict::True);
    is(&eq(header_int("x-size", 0), int(12)), Verdict::True);
    is(&eq(header_int("x-huge", 7), int(7)), Verdict::True);
    is(&eq(header_int("x-team", -1), int(-1)), Verdict::True);
    is(&eq(meta("plan"), text("gold")), Verdict::True);
    is(&eq(call(Function::Time(TimePart::Hours), vec![var("now"), text("Asia/Shanghai")]), int(4)), Verdict::True);
    is(&eq(call(Function::UpperAscii, vec![meta("plan")]), text("GOLD")), Verdict::True);
    let long = macro_call(
        Macro::Exists,
        var("request.tools"),
        "t",
        None,
        gt(call(Function::Size, vec![local("t", Type::String)]), int(3)),
    );
    is(&long, Verdict::True);
}

#[test]
fn errors_are_absorbed_as_in_cel() {
    let (t, f, e) = (|| yes(true), || yes(false), failing);
    is(&and(vec![e(), f()]), Verdict::False);
    is(&and(vec![f(), e()]), Verdict::False);
    fails(&and(vec![t(), e()]));
    fails(&and(vec![e(), t()]));
    is(&or(vec![e(), t()]), Verdict::True);
    fails(&or(vec![e(), f()]));
    fails(&not(e()));
    fails(&cond(e(), t(), t()));
    is(&cond(t(), f(), e()), Verdict::False);
    fails(&cond(f(), t(), e()));
}

#[test]
fn the_skeleton_is_what_the_crate_would_do() {
    // The same connectives inside an atom, where the crate itself evaluates them: `x == true`.
    let leaves = || [yes(true), yes(false), failing()];
    for a in leaves() {
        for b in leaves() {
            for c in leaves() {
                let whole = or(vec![
                    and(vec![a.clone(), not(b.clone())]),
                    cond(b.clone(), c.clone(), a.clone()),
                    and(vec![c.clone(), b.clone(), a.clone()]),
                ]);
                let ours = Condition::new(&whole).eval(&facts());
                let theirs = Condition::new(&eq(whole.clone(), yes(true))).eval(&facts());
                let kind = |verdict: &Verdict| std::mem::discriminant(verdict);
                assert_eq!(kind(&ours), kind(&theirs), "{}", super::print::cel_text(&whole));
            }
        }
    }
}

#[test]
fn an_explanation_names_what_decided() {
    let small = || gt(int(10), var("request.tokens"));
    let haiku = || contains(var("request.model"), "haiku");
    let whole = and(vec![haiku(), small(), var("request.stream")]);
    let explained = Condition::new(&whole).explain(&facts());
    assert_eq!(explained.verdict, Some(Verdict::False));
    let deciding = explained.deciding();
    assert_eq!(deciding.len(), 1, "the first false conjunct");
    let Step::Atom { text, saw } = &deciding[0].step else { panic!("{deciding:?}") };
    assert_eq!(text, "10 > request.tokens");
    assert_eq!((saw[0].name.as_str(), &saw[0].value), ("request.tokens", &Owned::Int(70_000)));
    let Step::And(items) = &explained.step else { panic!("{explained:?}") };
    assert_eq!((items[2].verdict.clone(), items[2].needed), (None, false), "not reached");

    let whole = or(vec![small(), contains(var("request.model"), "opus")]);
    assert_eq!(Condition::new(&whole).explain(&facts()).deciding().len(), 2, "a false `||`: all its parts");
    let whole = or(vec![small(), haiku()]);
    assert_eq!(Condition::new(&whole).explain(&facts()).deciding().len(), 1, "a true `||`: the true part");
}

#[test]
fn an_absorbed_error_is_visible_and_not_needed() {
    let explained = Condition::new(&and(vec![failing(), yes(false)])).explain(&facts());
    assert_eq!(explained.verdict, Some(Verdict::False));
    assert_eq!(explained.absorbed().len(), 1);
    let explained = Condition::new(&and(vec![failing(), yes(true)])).explain(&facts());
    assert!(matches!(explained.verdict, Some(Verdict::Error(_))));
    assert!(explained.absorbed().is_empty());
    assert_eq!(explained.deciding().len(), 1);
}

#[test]
fn an_explanation_comes_to_what_eval_says() {
    let leaves = || [yes(true), yes(false), failing(), contains(var("request.model"), "haiku")];
    for a in leaves() {
        for b in leaves() {
            let condition = Condition::new(&cond(a.clone(), not(b.clone()), or(vec![b, a.clone()])));
            assert_eq!(condition.explain(&facts()).verdict, Some(condition.eval(&facts())));
        }
    }
}

#[test]
fn a_text_value() {
    let sum = binary(BinaryOp::Add, header("x-team"), text("/"));
    assert_eq!(eval_string(&sum, &facts()), Ok("blue/".to_owned()));
    assert_eq!(eval_string(&var("request.model"), &facts()), Ok("claude-haiku-4-5".to_owned()));
    assert!(eval_string(&call(Function::String, vec![failing()]), &facts()).is_err());
}
