//! Our trees against the crate's own parser, our `matches` against its own.

use cel_interpreter::common::ast::{EntryExpr, Expr as Cel, IdedExpr};
use cel_interpreter::common::types::{CelBool, CelString};

use super::super::build::*;
use super::super::print::cel_text;
use super::super::typed::{BinaryOp, Expr, Function, Kind, Literal, Macro, TimePart, Type};
use super::*;
use crate::facts::given::GivenFacts;

/// The crate's tree without its node numbers, which evaluation does not read.
fn without_numbers(mut node: IdedExpr) -> IdedExpr {
    fn all(nodes: Vec<IdedExpr>) -> Vec<IdedExpr> {
        nodes.into_iter().map(without_numbers).collect()
    }
    node.id = 0;
    node.expr = match node.expr {
        Cel::Call(mut call) => {
            call.target = call.target.map(|target| Box::new(without_numbers(*target)));
            call.args = all(call.args);
            Cel::Call(call)
        }
        Cel::Comprehension(mut it) => {
            it.iter_range = without_numbers(it.iter_range);
            it.accu_init = without_numbers(it.accu_init);
            it.loop_cond = without_numbers(it.loop_cond);
            it.loop_step = without_numbers(it.loop_step);
            it.result = without_numbers(it.result);
            Cel::Comprehension(it)
        }
        Cel::List(mut list) => {
            list.elements = all(list.elements);
            Cel::List(list)
        }
        Cel::Map(mut map) => {
            for entry in &mut map.entries {
                entry.id = 0;
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    entry.key = without_numbers(std::mem::take(&mut entry.key));
                    entry.value = without_numbers(std::mem::take(&mut entry.value));
                }
            }
            Cel::Map(map)
        }
        Cel::Select(mut select) => {
            select.operand = Box::new(without_numbers(*select.operand));
            Cel::Select(select)
        }
        other => other,
    };
    node
}

/// The expression prints as `text`, and the crate parses the text to the tree that we build.
fn check(expr: &Expr, text: &str) {
    assert_eq!(cel_text(expr), text);
    let parsed = ENVIRONMENT.parser().parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(convert::convert(expr, &mut convert::AsWritten), without_numbers(parsed), "{text}");
}

fn tokens() -> Expr {
    var("request.tokens")
}

#[test]
fn trees_are_what_the_crate_parses_from_their_text() {
    let op = |op, left, right| binary(op, left, right);
    let (a, b, c) = (|| var("request.json"), || var("request.stream"), || var("request.thinking"));
    check(&eq(var("request.model"), text("a\"b\\\n代码\u{1}")), r#"request.model == "a\"b\\\n代码\u0001""#);
    check(
        &and(vec![a(), b(), c(), a(), b()]),
        "request.json && request.stream && request.thinking && request.json && request.stream",
    );
    check(&or(vec![and(vec![a(), b()]), not(c())]), "request.json && request.stream || !request.thinking");
    check(&and(vec![or(vec![a(), b()]), c()]), "(request.json || request.stream) && request.thinking");
    check(&and(vec![and(vec![a(), b()]), c()]), "(request.json && request.stream) && request.thinking");
    check(&not(not(a())), "!(!request.json)");
    check(&not(eq(a(), b())), "!(request.json == request.stream)");
    check(
        &cond(cond(a(), b(), c()), a(), cond(b(), c(), a())),
        "(request.json ? request.stream : request.thinking) ? request.json : request.stream ? request.thinking : request.json",
    );
    check(
        &gt(op(BinaryOp::Sub, tokens(), op(BinaryOp::Sub, int(1), int(-2))), int(-5)),
        "request.tokens - (1 - -2) > -5",
    );
    check(
        &gt(op(BinaryOp::Mul, op(BinaryOp::Add, tokens(), int(1)), int(2)), op(BinaryOp::Rem, tokens(), int(3))),
        "(request.tokens + 1) * 2 > request.tokens % 3",
    );
    check(
        &eq(expr(Kind::Neg(Box::new(int(5))), Type::Int), expr(Kind::Neg(Box::new(tokens())), Type::Int)),
        "-(5) == -request.tokens",
    );
    check(&gt(var("request.complexity"), double(-0.5)), "request.complexity > -0.5");
    check(&gt(var("request.complexity"), double(1e300)), "request.complexity > 1e300");
    check(&gt(var("request.complexity"), double(3.0)), "request.complexity > 3.0");
    check(&within(text("x"), var("request.tools")), r#""x" in request.tools"#);
    check(&within(var("request.model"), texts(&["a", "b"])), r#"request.model in ["a", "b"]"#);
    check(&gt(call(Function::Size, vec![var("request.tools")]), int(0)), "request.tools.size() > 0");
    check(
        &eq(header("x-a"), call(Function::LowerAscii, vec![text("A")])),
        r#"request.header("x-a") == "A".lowerAscii()"#,
    );
    check(&gt(header_int("x-a", 3), int(0)), r#"request.header_int("x-a", 3) > 0"#);
    check(&eq(meta("a"), text("")), r#"request.meta("a") == """#);
    check(&call(Function::Matches, vec![var("request.text"), text(r"fo+\d")]), r#"request.text.matches("fo+\\d")"#);
    check(
        &gt(call(Function::Time(TimePart::Hours), vec![var("now"), text("Asia/Shanghai")]), int(8)),
        r#"now.getHours("Asia/Shanghai") > 8"#,
    );
    let moment = Literal::Timestamp("2026-01-02T03:04:05Z".parse().unwrap());
    check(&gt(var("now"), expr(Kind::Literal(moment), Type::Timestamp)), r#"now > timestamp("2026-01-02T03:04:05Z")"#);
    let span = Literal::Duration(chrono::TimeDelta::milliseconds(-1_500));
    check(
        &eq(expr(Kind::Literal(span), Type::Duration), call(Function::Duration, vec![header("x")])),
        r#"duration("-1s500000000ns") == duration(request.header("x"))"#,
    );
}

#[test]
fn macros_expand_as_in_the_crate() {
    let tag = || local("t", Type::String);
    let tags = || var("tenant.tags");
    let is_x = || eq(tag(), text("x"));
    check(&macro_call(Macro::All, tags(), "t", None, is_x()), r#"tenant.tags.all(t, t == "x")"#);
    check(&macro_call(Macro::Exists, tags(), "t", None, is_x()), r#"tenant.tags.exists(t, t == "x")"#);
    check(&macro_call(Macro::ExistsOne, tags(), "t", None, is_x()), r#"tenant.tags.exists_one(t, t == "x")"#);
    check(&macro_call(Macro::Filter, tags(), "t", None, is_x()), r#"tenant.tags.filter(t, t == "x")"#);
    check(&macro_call(Macro::Map, tags(), "t", None, tag()), "tenant.tags.map(t, t)");
    check(&macro_call(Macro::Map, tags(), "t", Some(is_x()), tag()), r#"tenant.tags.map(t, t == "x", t)"#);
}

#[test]
fn maps_fields_and_indices() {
    let map = || {
        expr(
            Kind::Map(vec![(text("a"), int(1)), (text("b"), int(2))]),
            Type::Map(Box::new(Type::String), Box::new(Type::Int)),
        )
    };
    check(
        &eq(expr(Kind::Index(Box::new(map()), Box::new(var("request.model"))), Type::Int), int(1)),
        r#"{"a": 1, "b": 2}[request.model] == 1"#,
    );
    check(&eq(expr(Kind::Field(Box::new(map()), "a".to_owned()), Type::Int), int(1)), r#"{"a": 1, "b": 2}.a == 1"#);
    check(&expr(Kind::Has(Box::new(map()), "a".to_owned()), Type::Bool), r#"has({"a": 1, "b": 2}.a)"#);
}

#[test]
fn durations_and_moments_survive_their_text() {
    for (seconds, nanoseconds) in [(0, 0), (90, 0), (3, 1), (1, 500_000_000), (9_000_000_000, 7)] {
        for sign in [1, -1] {
            let value = chrono::TimeDelta::new(seconds, nanoseconds).unwrap() * sign;
            let literal = expr(Kind::Literal(Literal::Duration(value)), Type::Duration);
            let prepared = Prepared::new(&literal);
            let seen = prepared.with_value(&GivenFacts::default(), |seen| {
                Ok(*seen.downcast_ref::<cel_interpreter::common::types::CelDuration>().unwrap().inner())
            });
            assert_eq!(seen, Ok(value), "{}", cel_text(&literal));
        }
    }
}

#[test]
fn our_matches_is_the_crates_own() {
    let own = |text: &str, pattern: &str| {
        let program = ENVIRONMENT.compile("a.matches(b)").unwrap();
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable_as_val("a", Box::new(CelString::from(text.to_owned())));
        context.add_variable_as_val("b", Box::new(CelString::from(pattern.to_owned())));
        let value = Value::resolve_val(program.expression(), &context).unwrap();
        *value.downcast_ref::<CelBool>().unwrap().inner()
    };
    let patterns = ["fo+", "^a.c$", r"(?i)\bcode\b", r"\d{2,}", "", "代.", r"(?s)a.*z", "[^a]$"];
    let texts = ["", "foo", "abc", "ABC code!", "12", "a\nz", "写代码", "xa", "a"];
    let mut seen = [false, false];
    for pattern in patterns {
        for sample in texts {
            let mut facts = GivenFacts::default();
            facts.set(Var::RequestText, Owned::Str(sample.to_owned()));
            let ours = Prepared::new(&call(Function::Matches, vec![var("request.text"), text(pattern)]));
            assert_eq!(ours.boolean(&facts), Ok(own(sample, pattern)), "{sample:?} {pattern:?}");
            seen[usize::from(own(sample, pattern))] = true;
        }
    }
    assert_eq!(seen, [true, true]);
    let ours = Prepared::new(&call(Function::Matches, vec![var("request.text"), text("fo+")]));
    assert_eq!(ours.patterns.len(), 1, "a literal pattern is compiled once");
}
