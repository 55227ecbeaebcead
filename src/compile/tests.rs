//! The tree against the plain evaluator: every case of small policies, random requests on random
//! ones, under every budget, with errors; and each way of finding a class against the value.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use super::build::Budget;
use super::layout::{Leaf, NONE};
use super::needles::Needles;
use super::scratch::OnFacts;
use super::unit::{Unit, refuses};
use super::*;
use crate::diag::Span;
use crate::dsl::expr::build::*;
use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{BinaryOp, Expr, Function, Kind, Macro, Type};
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Options, Route, Rule};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::{Fact, Needs, Var};

// --- policies -------------------------------------------------------------------------------

fn rule(condition: Option<Expr>, refuses: bool) -> Rule {
    let kind = if refuses { AttemptKind::Reject { status: 403, text: None } } else { AttemptKind::Model(ModelId(0)) };
    Rule {
        name: "r".to_owned(),
        condition,
        attempts: vec![Attempt { kind, span: Span::default() }],
        options: Options::default(),
        span: Span::default(),
        explicit: false,
    }
}

fn route(conditions: Vec<(Expr, bool)>) -> Route {
    let mut rules: Vec<Rule> = conditions.into_iter().map(|(it, refuses)| rule(Some(it), refuses)).collect();
    rules.push(rule(None, false));
    Route { name: "main".to_owned(), rules, options: Options::default(), span: Span::default() }
}

fn plainly(conditions: Vec<Expr>) -> Route {
    route(conditions.into_iter().map(|condition| (condition, false)).collect())
}

fn policy(routes: Vec<Route>) -> Policy {
    Policy {
        providers: Vec::new(),
        models: Vec::new(),
        pools: Vec::new(),
        tenants: Vec::new(),
        routes,
        tests: Vec::new(),
        invariants: Vec::new(),
        defaults: Options::default(),
        env: Vec::new(),
        digest: String::new(),
    }
}

/// The rule, whether by error, and all rules before it that failed.
fn plain_decision(route: &Route, facts: &dyn Facts) -> (u32, bool, Vec<u32>) {
    let mut errors = Vec::new();
    for (number, rule) in (0..).zip(&route.rules) {
        let verdict = rule.condition.as_ref().map_or(Verdict::True, |it| Condition::new(it).eval(facts));
        match verdict {
            Verdict::True => return (number, false, errors),
            Verdict::False => {}
            Verdict::Error(_) => {
                errors.push(number);
                if refuses(rule) {
                    return (number, true, errors);
                }
            }
        }
    }
    panic!("a route has a default");
}

fn shown(route: &Route) -> String {
    let text = |rule: &Rule| rule.condition.as_ref().map_or_else(|| "default".to_owned(), cel_text);
    route
        .rules
        .iter()
        .map(|rule| format!("{}{}\n", text(rule), if refuses(rule) { " -> reject" } else { "" }))
        .collect()
}

fn decide_within(route: &Route, budget: Budget, facts: &dyn Facts) -> (u32, bool) {
    let (unit, _) = Unit::compile_within(route, budget);
    let mut scratch = Scratch::default();
    scratch.begin(&unit.subjects);
    let mut ask = OnFacts { unit: &unit, facts, scratch: &mut scratch };
    match unit.layout.run(unit.layout.root, NONE, &mut ask) {
        NONE => (unit.default, false),
        leaf => (Leaf(leaf).rule(), Leaf(leaf).by_error()),
    }
}

// --- facts that count -------------------------------------------------------------------------

/// Counts what is read.
struct Counted<'a> {
    facts: &'a GivenFacts,
    bound: i64,
    reads: RefCell<BTreeMap<String, usize>>,
}

impl<'a> Counted<'a> {
    fn new(facts: &'a GivenFacts) -> Self {
        Self { facts, bound: facts.tokens_bound(), reads: RefCell::default() }
    }

    fn count(&self, name: &str) {
        *self.reads.borrow_mut().entry(name.to_owned()).or_default() += 1;
    }

    fn reads_of(&self, name: &str) -> usize {
        self.reads.borrow().get(name).copied().unwrap_or(0)
    }
}

impl Facts for Counted<'_> {
    fn get(&self, var: Var) -> Fact<'_> {
        self.count(var.path());
        self.facts.get(var)
    }
    fn header(&self, name: &str) -> &str {
        self.count(&format!("header {name}"));
        self.facts.header(name)
    }
    fn meta(&self, name: &str) -> &str {
        self.count(&format!("meta {name}"));
        self.facts.meta(name)
    }
    fn tokens_bound(&self) -> i64 {
        self.bound
    }
    fn needs(&self) -> Needs {
        self.facts.needs()
    }
}

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

// --- what is read, and what is not --------------------------------------------------------------

fn facts_of(model: &str, words: &str, tokens: i64) -> GivenFacts {
    let mut facts = GivenFacts::default();
    facts.set(Var::RequestModel, Owned::Str(model.to_owned()));
    facts.set(Var::RequestText, Owned::Str(words.to_owned()));
    facts.set(Var::RequestTokens, Owned::Int(tokens));
    facts
}

fn mixed(count: usize) -> Route {
    let rule = |index: usize| match index % 3 {
        0 => eq(var("request.model"), text(&format!("m{index}"))),
        1 => contains(var("request.text"), &format!("kw{index}")),
        _ => and(vec![gt(var("request.tokens"), int(60_000)), eq(var("tenant.id"), text(&format!("t{index}")))]),
    };
    plainly((0..count).map(rule).collect())
}

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
