//! What is read and what is not, errors, and the size of what is compiled.

use super::*;

#[test]
fn the_text_is_not_read_when_a_cheaper_test_decides() {
    for count in [3, 30, 300] {
        let program = Program::compile(&policy(vec![mixed(count)]));
        let mut scratch = Scratch::default();
        let facts = facts_of("m0", "kw1", 0);
        let counted = Counted::new(&facts);
        assert_eq!(program.decide(RouteId(0), &counted, &mut scratch).rule, 0);
        assert_eq!(counted.reads_of("request.text"), 0);
        // A later rule by model: the text may still come first, so it is read, and wins.
        let facts = facts_of(&format!("m{}", count - 3), "kw1", 0);
        let counted = Counted::new(&facts);
        assert_eq!(program.decide(RouteId(0), &counted, &mut scratch).rule, if count == 3 { 0 } else { 1 });
        assert!((counted.reads_of("request.text") > 0) == (count > 3));
    }
}

#[test]
fn tokens_are_not_counted_when_the_bound_decides() {
    let conditions = vec![
        gt(var("request.tokens"), int(60_000)),
        and(vec![gt(var("request.tokens"), int(100)), eq(var("request.model"), text("a"))]),
    ];
    let program = Program::compile(&policy(vec![plainly(conditions)]));
    let decide = |facts: &GivenFacts, bound: i64| {
        let mut counted = Counted::new(facts);
        counted.bound = bound;
        let rule = program.decide(RouteId(0), &counted, &mut Scratch::default()).rule;
        (rule, counted.reads_of("request.tokens"))
    };
    assert_eq!(decide(&facts_of("a", "", 40), 90), (2, 0), "at most 90 bytes: no threshold can be passed");
    assert_eq!(decide(&facts_of("b", "", 40), 90), (2, 0));
    assert_eq!(decide(&facts_of("a", "", 140), 900), (1, 1), "counted once");
    assert_eq!(decide(&facts_of("b", "", 70_000), 200_000), (0, 1));
    assert_eq!(decide(&facts_of("b", "", 70_000), 70_000), (0, 1), "the bound alone proves nothing");
}

#[test]
fn no_subject_is_asked_twice() {
    let model = || var("request.model");
    let conditions = vec![
        and(vec![eq(model(), text("a")), gt(var("request.images"), int(0))]),
        and(vec![gt(var("request.images"), int(3)), var("request.stream")]),
        and(vec![not(eq(model(), text("b"))), gt(var("request.images"), int(7)), not(var("request.stream"))]),
        or(vec![and(vec![within(text("t"), var("request.tools")), var("request.stream")]), eq(model(), text("c"))]),
        within(text("u"), var("request.tools")),
    ];
    for nodes in [usize::MAX, 3, 0] {
        let route = plainly(conditions.clone());
        let (unit, _) = Unit::compile_within(&route, Budget { nodes, steps: 1_000_000 });
        for model in ["a", "b", "c", "d"] {
            for images in [0, 1, 5, 9] {
                let mut facts = facts_of(model, "", 0);
                facts.set(Var::RequestImages, Owned::Int(images));
                let counted = Counted::new(&facts);
                let mut scratch = Scratch::default();
                scratch.begin(&unit.subjects);
                let mut ask = OnFacts { unit: &unit, facts: &counted, scratch: &mut scratch };
                let _ = unit.layout.run(unit.layout.root, NONE, &mut ask);
                for (name, count) in counted.reads.borrow().iter() {
                    assert_eq!(*count, 1, "{name} with {nodes} nodes, model {model}, {images} images");
                }
            }
        }
    }
}

#[test]
fn reads_are_what_is_left_after_folding() {
    let conditions = vec![
        and(vec![yes(false), contains(var("request.history"), "x")]),
        gt(call(Function::Size, vec![header("x-b")]), int(3)),
        gt(header_int("x-n", 0), int(3)),
        eq(meta("plan"), var("request.effort")),
    ];
    let reads = Program::compile(&policy(vec![plainly(conditions)])).reads().clone();
    assert_eq!(reads.vars.into_iter().collect::<Vec<_>>(), [Var::RequestEffort]);
    assert_eq!(reads.headers.into_iter().collect::<Vec<_>>(), ["x-b", "x-n"]);
    assert_eq!(reads.metadata.into_iter().collect::<Vec<_>>(), ["plan"]);
}

#[test]
fn what_tokens_are_compared_with_is_known() {
    let least = |conditions| Program::compile(&policy(vec![plainly(conditions)])).reads().tokens_from;
    let tokens = || var("request.tokens");
    assert_eq!(least(vec![eq(var("request.effort"), text("low"))]), None);
    assert_eq!(least(vec![gt(tokens(), int(120_000)), gt(tokens(), int(9_000))]), Some(9_000));
    assert_eq!(least(vec![gt(tokens(), int(120_000)), gt(tokens(), var("request.turns"))]), Some(0));
}

// --- errors -------------------------------------------------------------------------------------

#[test]
fn an_error_is_no_match_and_is_reported() {
    let program = Program::compile(&policy(vec![plainly(vec![failing(), yes(true)])]));
    let mut scratch = Scratch::default();
    let decision = program.decide(RouteId(0), &facts_of("q", "", 0), &mut scratch);
    assert_eq!((decision.rule, decision.by_error), (1, false));
    assert_eq!(scratch.errors(), [0]);
    // The next decision starts afresh.
    let _ = program.decide(RouteId(0), &facts_of("a", "", 0), &mut scratch);
    assert_eq!(scratch.errors(), [0_u32; 0]);
}

#[test]
fn an_error_in_a_refusing_rule_refuses() {
    let refusing = and(vec![var("request.stream"), failing()]);
    let program = Program::compile(&policy(vec![route(vec![(refusing, true), (yes(true), false)])]));
    let decide = |stream: bool| {
        let mut facts = facts_of("q", "", 0);
        facts.set(Var::RequestStream, Owned::Bool(stream));
        program.decide(RouteId(0), &facts, &mut Scratch::default())
    };
    assert_eq!(decide(true), Decision { rule: 0, by_error: true });
    assert_eq!(decide(false), Decision { rule: 1, by_error: false }, "absorbed: false && error is false");
}

// --- size ---------------------------------------------------------------------------------------

/// Crossing conditions, of which no order makes a small tree.
fn adversarial(count: usize) -> Route {
    let opaque = |index: usize| eq(call(Function::LowerAscii, vec![header(&format!("x-{index}"))]), text("y"));
    plainly(
        (0..count)
            .map(|i| and(vec![opaque(i), opaque((i * 7 + 3) % count), or(vec![opaque(i / 2), not(opaque(i / 3))])]))
            .collect(),
    )
}

#[test]
fn trees_stay_within_their_budget() {
    let explosive = |count: usize| {
        let rule = |i: usize| match i % 3 {
            0 => eq(var("request.model"), text(&format!("m{i}"))),
            1 => contains(var("request.text"), &format!("k{i}x")),
            _ => and(vec![
                gt(var("request.tokens"), int(100 * i64::try_from(i).unwrap())),
                not(eq(var("tenant.id"), text(&format!("t{i}")))),
            ]),
        };
        plainly((0..count).map(rule).collect())
    };
    for (count, route) in [(200, adversarial(200)), (240, explosive(240)), (300, mixed(300))] {
        let program = Program::compile(&policy(vec![route.clone()]));
        let budget = 16 * count + 4_096;
        assert!(program.nodes(RouteId(0)) <= budget + 64, "{count}: {} nodes", program.nodes(RouteId(0)));
        let mut facts = facts_of("m9", "k61x", 9_000);
        facts.set_header("x-4", "Y");
        facts.set_header("x-31", "y");
        let (rule, by_error, _) = plain_decision(&route, &facts);
        let decision = program.decide(RouteId(0), &facts, &mut Scratch::default());
        assert_eq!((decision.rule, decision.by_error), (rule, by_error), "{count}");
    }
}

#[test]
fn the_mixed_route_is_a_handful_of_nodes_a_rule() {
    let nodes = |count: usize| Program::compile(&policy(vec![mixed(count)])).nodes(RouteId(0));
    assert!(nodes(60) < 60 && nodes(240) < 240, "{} {}", nodes(60), nodes(240));
}

#[test]
fn a_deep_condition_compiles() {
    let mut condition = var("request.stream");
    for _ in 0..60 {
        condition = cond(condition, var("request.json"), not(var("request.thinking")));
    }
    let route = plainly(vec![condition]);
    let program = Program::compile(&policy(vec![route.clone()]));
    for bits in 0..8 {
        let mut facts = GivenFacts::default();
        facts.set(Var::RequestStream, Owned::Bool(bits & 1 == 1));
        facts.set(Var::RequestJson, Owned::Bool(bits & 2 == 2));
        facts.set(Var::RequestThinking, Owned::Bool(bits & 4 == 4));
        let decision = program.decide(RouteId(0), &facts, &mut Scratch::default());
        assert_eq!(decision.rule, plain_decision(&route, &facts).0, "{bits}");
    }
}

#[test]
fn many_thresholds() {
    let rule = |index: i64| match index % 3 {
        0 => gt(var("request.tokens"), int(1_000 - 3 * index)),
        1 => eq(var("request.tokens"), int(500 + index)),
        _ => binary(BinaryOp::Lt, var("request.tokens"), int(index)),
    };
    let route = plainly((0..60).map(rule).collect());
    let program = Program::compile(&policy(vec![route.clone()]));
    let mut scratch = Scratch::default();
    for tokens in -2..1_010 {
        let facts = facts_of("", "", tokens);
        let rule = program.decide(RouteId(0), &facts, &mut scratch).rule;
        assert_eq!(rule, plain_decision(&route, &facts).0, "{tokens}");
    }
}

#[test]
fn one_scratch_serves_many_programs() {
    let small = Program::compile(&policy(vec![plainly(vec![eq(var("request.model"), text("a"))])]));
    let large = Program::compile(&policy(vec![mixed(90), plainly(vec![contains(var("request.text"), "kw1")])]));
    let mut scratch = Scratch::default();
    for _ in 0..3 {
        assert_eq!(small.decide(RouteId(0), &facts_of("a", "kw1", 0), &mut scratch).rule, 0);
        assert_eq!(large.decide(RouteId(0), &facts_of("a", "kw7", 0), &mut scratch).rule, 7);
        assert_eq!(large.decide(RouteId(1), &facts_of("a", "kw7", 0), &mut scratch).rule, 1);
        assert_eq!(small.decide(RouteId(0), &facts_of("b", "kw1", 0), &mut scratch).rule, 1);
    }
}
