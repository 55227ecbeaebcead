//! What holds for every policy: drawn policies, drawn facts, drawn states.

use proptest::prelude::*;

use super::build::{Build, pool, reject, route, split};
use super::*;
use crate::dsl::expr::build::{and, binary, double, failing, int as number, not, or, text, var};
use crate::dsl::expr::typed::{BinaryOp, Expr};
use crate::dsl::policy::{AttemptKind, Strategy as Choice};
use crate::engine::trace::explain;

const MODELS: [&str; 5] = ["a", "b", "c", "d", "e"];
const CHOICES: [Choice; 8] = [
    Choice::First,
    Choice::Cheapest,
    Choice::Fastest,
    Choice::Best,
    Choice::Balanced,
    Choice::Idlest,
    Choice::Rotate,
    Choice::Adaptive,
];

/// Numbers from a seed: small, so that things collide.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn small(&mut self) -> i64 {
        i64::try_from(self.below(4)).unwrap()
    }

    fn set(&mut self) -> String {
        MODELS.iter().filter(|_| self.coin()).copied().collect::<Vec<_>>().join(" ")
    }

    fn condition(&mut self, depth: usize) -> Expr {
        match if depth == 0 { 3 + self.below(4) } else { self.below(7) } {
            0 => not(self.condition(depth - 1)),
            1 => and(vec![self.condition(depth - 1), self.condition(depth - 1)]),
            2 => or(vec![self.condition(depth - 1), self.condition(depth - 1)]),
            3 => binary(BinaryOp::Eq, var("request.model"), text(["", "x", "y"][self.below(3)])),
            4 => binary(BinaryOp::Ge, var("request.tokens"), number(self.small())),
            5 => failing(),
            _ => binary(BinaryOp::Lt, var("request.images"), number(self.small())),
        }
    }

    fn attempt(&mut self, build: &mut Build, in_split: bool) -> AttemptKind {
        match self.below(if in_split { 3 } else { 4 }) {
            0 => AttemptKind::Model(build.id(MODELS[self.below(5)])),
            1 => pool(0),
            2 => {
                let filter = match self.below(3) {
                    0 => None,
                    1 => Some(binary(BinaryOp::Ge, var("model.context"), number(self.small()))),
                    _ => Some(binary(BinaryOp::Lt, var("model.error_rate"), double(0.5))),
                };
                let set = self.set();
                build.choice(CHOICES[self.below(8)], &set, filter)
            }
            _ => {
                let arms = (0..=self.below(3)).map(|_| (25.0, self.attempt(build, true)));
                split(arms.collect(), self.coin().then(|| var("user.id")))
            }
        }
    }

    fn rule(&mut self, build: &mut Build, number: usize) -> Vec<AttemptKind> {
        let mut attempts: Vec<_> = (0..self.below(3)).map(|_| self.attempt(build, false)).collect();
        attempts.push(match self.below(4) {
            0 => reject(403),
            // Only forwards, as the check demands.
            1 if number < 2 => route(u32::try_from(number + 1).unwrap()),
            _ => self.attempt(build, false),
        });
        attempts
    }

    fn engine(&mut self) -> Engine {
        let set = self.set();
        let mut build = Build::models(&MODELS).pool("p", &set);
        for name in MODELS {
            let (context, weight, price) = (self.below(4), self.below(3), self.below(3));
            build = build.with(name, |model| {
                model.context = (context > 0).then(|| u64::try_from(context).unwrap());
                model.weight = u32::try_from(weight).unwrap();
                if weight == 0 {
                    model.can.clear();
                }
            });
            if price > 0 {
                #[expect(clippy::cast_precision_loss, reason = "below 3")]
                let price = price as f64;
                build = build.price(name, price, price);
            }
        }
        let allowed = self.set();
        build = build.tenant("t", Some(&allowed), None);
        for (number, name) in ["main", "second", "third"].into_iter().enumerate() {
            let mut rules = Vec::new();
            for rule in ["r0", "r1", "r2"] {
                let condition = self.condition(2);
                rules.push((rule, Some(condition), self.rule(&mut build, number)));
            }
            rules.push(("default", None, self.rule(&mut build, number)));
            build = build.route(name, rules);
        }
        build.engine()
    }

    fn facts(&mut self) -> GivenFacts {
        let tools = if self.coin() { list(&["Read"]) } else { list(&[]) };
        facts(&[
            ("request.model", Owned::Str(["", "x", "y"][self.below(3)].to_owned())),
            ("request.tokens", Owned::Int(self.small())),
            ("request.images", Owned::Int(self.small() / 3)),
            ("request.tools", tools),
            ("user.id", Owned::Str(["", "ann", "bob"][self.below(3)].to_owned())),
        ])
    }

    fn world(&mut self) -> World {
        let state = |dice: &mut Self| ModelState {
            healthy: dice.below(4) > 0,
            cooling_ms: u64::from(dice.below(4) == 0) * 100,
            error_rate: if dice.coin() { 0.9 } else { 0.0 },
            ..ModelState::default()
        };
        World { models: MODELS.iter().map(|_| state(self)).collect() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// It ends, gives no model twice, none that cannot serve, and the explanation is the same.
    #[test]
    fn a_walk_is_sound_and_is_what_explain_says(seed: u64) {
        let mut dice = Dice(seed);
        let engine = dice.engine();
        let (facts, world) = (dice.facts(), dice.world());
        let tenant = dice.coin().then_some(TenantId(0));
        let ticket = u64::try_from(dice.below(9)).unwrap();
        let tickets = move |_| ticket;
        let seeds = Seeds { request_id: "r", tickets: &tickets };

        let mut scratch = Scratch::default();
        let mut walk = engine.begin(&facts, tenant, &seeds, &mut scratch);
        let mut given = Vec::new();
        let mut refused = None;
        loop {
            match walk.next(&facts, &world) {
                Step::Try(candidate) => given.push(candidate.model),
                Step::Reject { status, .. } => { refused = Some(status); break }
                Step::Exhausted(_) => break,
            }
            prop_assert!(given.len() <= MODELS.len(), "it does not end");
        }
        for (at, id) in given.iter().enumerate() {
            prop_assert!(!given[..at].contains(id), "given twice: {given:?}");
            let (model, state) = (&engine.policy().models[id.index()], &world.models[id.index()]);
            let tokens = u64::try_from(facts.tokens_bound()).unwrap();
            let needs = facts.needs();
            prop_assert!(state.healthy && state.cooling_ms == 0);
            prop_assert!(!needs.vision && (!needs.tools || !model.can.is_empty()));
            prop_assert!(model.context.is_none_or(|context| tokens <= context));
            let allowed = engine.policy().tenants[0].models.clone().unwrap();
            prop_assert!(tenant.is_none() || allowed.contains(id));
        }

        let trace = explain(&engine, &facts, tenant, &world, &seeds).unwrap();
        prop_assert_eq!(&trace.outcome.model_ids, &given);
        prop_assert_eq!(trace.outcome.reject, refused);
        let skipped: Vec<_> = walk.skipped().iter().map(|skipped| skipped.reason.kind()).collect();
        for kind in skipped {
            let known = trace.attempts.iter().flat_map(|attempt| &attempt.candidates);
            let known = known.filter_map(|candidate| candidate.skipped.as_ref()).any(|skip| skip.kind == kind);
            prop_assert!(known || kind == "no_weight", "the trace does not show `{kind}`");
        }
    }
}
