//! Random policies and requests: what the tree chooses is what the rules choose, under every budget, and each way of finding
//! a class against the value.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

// --- generators -------------------------------------------------------------------------------

/// Constants that collide: equal, inside one another, beside one another.
const WORDS: &[&str] = &["a", "ab", "abc", "b", "bc", "代", "代码", "x"];
const PATTERNS: &[&str] = &["^a", "b+c", "(?i)AB", "码$", "^$", "[^a]b"];
const NUMBERS: &[i64] = &[0, 1, 2, 5];
const REALS: &[f64] = &[0.0, 0.25, 0.5];

fn a_text() -> impl Strategy<Value = Expr> {
    select(vec![var("request.model"), var("request.text"), var("tenant.id"), header("x-a"), meta("m")])
}

fn a_number() -> impl Strategy<Value = Expr> {
    let size = |of: Expr| call(Function::Size, vec![of]);
    select(vec![
        var("request.tokens"),
        var("request.images"),
        header_int("x-n", 3),
        size(var("request.tools")),
        size(var("request.model")),
    ])
}

fn an_order() -> impl Strategy<Value = BinaryOp> {
    select(vec![BinaryOp::Eq, BinaryOp::Ne, BinaryOp::Lt, BinaryOp::Le, BinaryOp::Gt, BinaryOp::Ge])
}

/// An atom that the compiler does not recognise; the first two fail on most requests.
fn an_opaque_atom() -> impl Strategy<Value = Expr> {
    let map = || {
        let entries = vec![(text("a"), int(1)), (text("b"), int(2))];
        expr(Kind::Map(entries), Type::Map(Box::new(Type::String), Box::new(Type::Int)))
    };
    let at = |key: Expr| expr(Kind::Index(Box::new(map()), Box::new(key)), Type::Int);
    let tools = macro_call(Macro::Exists, var("request.tools"), "t", None, eq(local("t", Type::String), text("a")));
    select(vec![
        eq(at(var("request.model")), int(1)),
        eq(at(var("tenant.id")), int(2)),
        eq(var("request.model"), var("tenant.id")),
        tools,
    ])
}

fn an_atom() -> impl Strategy<Value = Expr> {
    let word = || select(WORDS.to_vec());
    prop_oneof![
        2 => select(vec![var("request.stream"), var("request.json")]),
        4 => (a_text(), word(), any::<bool>(), any::<bool>()).prop_map(|(value, word, is_equal, is_mirrored)| {
            let op = if is_equal { BinaryOp::Eq } else { BinaryOp::Ne };
            if is_mirrored { binary(op, text(word), value) } else { binary(op, value, text(word)) }
        }),
        2 => (a_text(), prop::collection::vec(word(), 0..4)).prop_map(|(value, words)| within(value, texts(&words))),
        4 => (a_text(), word(), select(vec![Function::Contains, Function::StartsWith, Function::EndsWith]))
            .prop_map(|(value, word, function)| call(function, vec![value, text(word)])),
        1 => (a_text(), select(PATTERNS.to_vec()))
            .prop_map(|(value, pattern)| call(Function::Matches, vec![value, text(pattern)])),
        4 => (a_number(), an_order(), select(NUMBERS.to_vec()), any::<bool>()).prop_map(|(value, op, number, is_mirrored)| {
            if is_mirrored { binary(op, int(number), value) } else { binary(op, value, int(number)) }
        }),
        1 => (a_number(), prop::collection::vec(select(NUMBERS.to_vec()), 0..3))
            .prop_map(|(value, numbers)| within(value, list(numbers.into_iter().map(int).collect()))),
        1 => (an_order(), select(REALS.to_vec()))
            .prop_map(|(op, number)| binary(op, var("request.complexity"), double(number))),
        2 => (word(), select(vec![var("request.tools"), var("tenant.tags")]))
            .prop_map(|(word, list)| within(text(word), list)),
        2 => an_opaque_atom(),
        1 => any::<bool>().prop_map(yes),
    ]
}

fn a_condition() -> impl Strategy<Value = Expr> {
    an_atom().prop_recursive(4, 14, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            3 => some().prop_map(and),
            3 => some().prop_map(or),
            2 => inner.clone().prop_map(not),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, a, b)| cond(c, a, b)),
            1 => (inner.clone(), any::<bool>()).prop_map(|(it, value)| eq(it, yes(value))),
        ]
    })
}

fn a_route(rules: std::ops::Range<usize>) -> impl Strategy<Value = Route> {
    prop::collection::vec((a_condition(), prop::bool::weighted(0.2)), rules).prop_map(route)
}

fn some_facts() -> impl Strategy<Value = GivenFacts> {
    let word = || select([WORDS, &["", "ABC", "q"]].concat());
    let number = || select(vec![-1, 0, 1, 2, 3, 4, 5, 6, 100]);
    let words = || prop::collection::vec(word(), 0..3);
    let texts = (word(), word(), word(), word(), word());
    let rest = (any::<bool>(), any::<bool>(), number(), number(), select(vec!["", "0", "2", "5", "x"]));
    let real = select(vec![-0.5, 0.0, 0.1, 0.25, 0.5, 0.6, f64::NAN]);
    (texts, rest, real, words(), words()).prop_map(|(texts, rest, real, tools, tags)| {
        let mut facts = GivenFacts::default();
        let string = |text: &str| Owned::Str(text.to_owned());
        let items = |words: Vec<&'static str>| Owned::List(words.into_iter().map(Cow::Borrowed).collect());
        facts.set(Var::RequestModel, string(texts.0));
        facts.set(Var::RequestText, string(texts.1));
        facts.set(Var::TenantId, string(texts.2));
        facts.set_header("x-a", texts.3);
        facts.set_meta("m", texts.4);
        facts.set(Var::RequestStream, Owned::Bool(rest.0));
        facts.set(Var::RequestJson, Owned::Bool(rest.1));
        facts.set(Var::RequestTokens, Owned::Int(rest.2));
        facts.set(Var::RequestImages, Owned::Int(rest.3));
        facts.set_header("x-n", rest.4);
        facts.set(Var::RequestComplexity, Owned::Double(real));
        facts.set(Var::RequestTools, items(tools));
        facts.set(Var::TenantTags, items(tags));
        facts
    })
}

// --- the tree is the rules --------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_chooses_what_the_rules_choose(
        route in a_route(1..9),
        requests in prop::collection::vec((some_facts(), 0..20_i64), 1..12),
    ) {
        let text = shown(&route);
        let policy = policy(vec![route.clone()]);
        let program = Program::compile(&policy);
        let mut scratch = Scratch::default();
        for (facts, slack) in &requests {
            let mut counted = Counted::new(facts);
            counted.bound += slack;
            let decision = program.decide(RouteId(0), &counted, &mut scratch);
            let (rule, by_error, errors) = plain_decision(&route, facts);
            prop_assert_eq!((decision.rule, decision.by_error), (rule, by_error), "{}{:?}", text, facts);
            prop_assert!(scratch.errors().iter().all(|rule| errors.contains(rule)), "{}{:?} {:?}", text, scratch.errors(), errors);
            prop_assert!(!by_error || scratch.errors().last() == Some(&rule), "the refusing rule is named");
            for name in counted.reads.borrow().keys() {
                let is_foreseen = match name.split_once(' ') {
                    Some(("header", name)) => program.reads().headers.contains(name),
                    Some(("meta", name)) => program.reads().metadata.contains(name),
                    _ => program.reads().vars.contains(&Var::from_path(name).unwrap()),
                };
                prop_assert!(is_foreseen, "{} is read, and not in reads(): {}", name, text);
            }
        }
    }

    #[test]
    fn the_tree_is_right_under_every_budget(
        route in a_route(1..12),
        facts in some_facts(),
        nodes in 0..40_usize,
        steps in prop_oneof![Just(0_usize), 0..200_usize, Just(100_000)],
    ) {
        let decision = decide_within(&route, Budget { nodes, steps }, &facts);
        let (rule, by_error, _) = plain_decision(&route, &facts);
        prop_assert_eq!(decision, (rule, by_error), "{}{:?}", shown(&route), facts);
    }

    #[test]
    fn the_whole_condition_through_the_crate_says_the_same(condition in a_condition(), facts in some_facts()) {
        // `condition == true` is one atom: the crate evaluates the connectives too.
        let whole = Condition::new(&eq(condition.clone(), yes(true))).eval(&facts);
        if let Verdict::True | Verdict::False = whole {
            let program = Program::compile(&policy(vec![plainly(vec![condition.clone()])]));
            let decision = program.decide(RouteId(0), &facts, &mut Scratch::default());
            prop_assert_eq!(decision.rule == 0, whole == Verdict::True, "{}", cel_text(&condition));
        }
    }

    #[test]
    fn compiling_twice_gives_the_same_tree(route in a_route(1..12)) {
        let (one, other) = (Unit::compile(&route).0, Unit::compile(&route).0);
        prop_assert_eq!(one.layout, other.layout);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every case there is, errors included.
    #[test]
    fn the_tree_is_right_in_every_case(route in a_route(1..5), nodes in prop_oneof![Just(usize::MAX), 0..20_usize]) {
        let (unit, skeletons) = Unit::compile_within(&route, Budget { nodes, steps: 1_000_000 });
        let checked = agree::check(&route, &unit, skeletons);
        prop_assert!(checked.is_ok(), "{}{:?}", shown(&route), checked);
    }
}

#[test]
fn the_exhaustive_check_checks() {
    let haiku = || contains(var("request.model"), "haiku");
    let small = plainly(vec![and(vec![haiku(), var("request.stream")]), failing(), gt(var("request.tokens"), int(9))]);
    let agreement = agree(&policy(vec![small.clone()])).unwrap();
    assert_eq!(agreement.points, 2 * 2 * 3 * 3);
    // A tree of other rules is found out.
    let other = plainly(vec![or(vec![haiku(), var("request.stream")]), failing(), gt(var("request.tokens"), int(9))]);
    let (unit, _) = Unit::compile(&other);
    let (_, skeletons) = Unit::compile(&small);
    assert!(agree::check(&small, &unit, skeletons).is_err());
    let large = plainly((0..17).map(|index| contains(var("request.text"), &format!("w{index}"))).collect());
    assert_eq!(agree(&policy(vec![large])).unwrap().too_large, ["main"]);
}

// --- each way to find a class -----------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// One atom, its class found by the compiled way, its value by the crate.
    #[test]
    fn an_atom_by_class_is_the_atom_by_value(atom in an_atom(), facts in some_facts()) {
        let program = Program::compile(&policy(vec![route(vec![(atom.clone(), true)])]));
        let decision = program.decide(RouteId(0), &facts, &mut Scratch::default());
        let expected = match Condition::new(&atom).eval(&facts) {
            Verdict::True => (0, false),
            Verdict::Error(_) => (0, true),
            Verdict::False => (1, false),
        };
        prop_assert_eq!((decision.rule, decision.by_error), expected, "{} {:?}", cel_text(&atom), facts);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn needles_are_found_as_by_plain_search(
        needles in prop::collection::btree_set("z?[abc代]{1,5}", 1..60),
        text in "([abcz代 ]{0,40}|[ab]{0,900}|( {1,90}z[abc]{1,6}){0,20}){0,4}",
    ) {
        let needles: Vec<String> = needles.into_iter().collect();
        let mut found: Vec<u32> = Vec::new();
        let prepared = Needles::new(&needles);
        prop_assert!(!prepared.are_excluded(text.as_bytes()) || needles.iter().all(|it| !text.contains(it.as_str())));
        prepared.find(text.as_bytes(), &mut |needle| {
            found.push(needle);
            false
        });
        found.sort_unstable();
        found.dedup();
        let expected: Vec<u32> = (0..).zip(&needles).filter(|(_, it)| text.contains(it.as_str())).map(|(id, _)| id).collect();
        prop_assert_eq!(found, expected, "{:?} in {:?}", needles, text);
    }
}

#[test]
fn many_needles_many_lengths() {
    // Literals across the seams of a walk in parts, at every offset.
    let needles: Vec<String> = (0..40).map(|index| format!("k{index:02}-tail")).collect();
    let needles = Needles::new(&needles);
    for length in [600, 1_001, 4_096] {
        for at in (0..length - 10).step_by(7) {
            let mut text = "k0-".repeat(length / 3 + 1);
            text.truncate(length);
            text.replace_range(at..at + 8, "k17-tail");
            let mut found = Vec::new();
            needles.find(text.as_bytes(), &mut |needle| {
                found.push(needle);
                false
            });
            assert!(found.contains(&17) && found.iter().all(|it| *it == 17), "{length} {at}: {found:?}");
        }
    }
}
