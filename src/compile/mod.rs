//! Ordered rules to one decision per request.
//!
//! This room does no I/O, reads no clock, and knows nothing of models, providers or attempts: a
//! route is a list of conditions, and a decision is the number of a rule.

use std::collections::BTreeSet;

use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::expr::typed::Accessor;
use crate::dsl::policy::{AttemptKind, Policy, RouteId, Rule};
use crate::facts::{Facts, Var};

/// Everything that a policy's conditions can read. Nothing else has to be got from a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// variables of the table
    pub vars: BTreeSet<Var>,
    /// header names, lower-case
    pub headers: BTreeSet<String>,
    /// names in `metadata`
    pub metadata: BTreeSet<String>,
}

impl Reads {
    fn add(&mut self, condition: &Condition) {
        for atom in condition.atoms() {
            for var in atom.vars() {
                self.vars.insert(var);
            }
            for accessor in atom.accessors() {
                match accessor {
                    Accessor::Header(name) | Accessor::HeaderInt(name, _) => self.headers.insert(name.clone()),
                    Accessor::Meta(name) | Accessor::MetaInt(name, _) => self.metadata.insert(name.clone()),
                };
            }
        }
    }
}

/// The rule that a request goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// its number in the route
    pub rule: u32,
    /// the rule refuses requests and its condition could not be evaluated: the request is
    /// refused, not let through
    pub by_error: bool,
}

/// What a decision needs and the next one can use again.
#[derive(Debug, Default)]
pub struct Scratch {
    errors: Vec<u32>,
}

impl Scratch {
    /// The rules of the last decision whose condition could not be evaluated, in order.
    #[must_use]
    pub fn errors(&self) -> &[u32] {
        &self.errors
    }
}

/// A policy's routes, ready to decide.
#[derive(Debug)]
pub struct Program {
    routes: Vec<Vec<Compiled>>,
    reads: Reads,
}

#[derive(Debug)]
struct Compiled {
    condition: Option<Condition>,
    refuses: bool,
}

impl Program {
    /// Compiles every route.
    #[must_use]
    pub fn compile(policy: &Policy) -> Self {
        let mut reads = Reads::default();
        let mut compile = |rule: &Rule| {
            let condition = rule.condition.as_ref().map(Condition::new);
            condition.iter().for_each(|condition| reads.add(condition));
            let refuses =
                matches!(rule.attempts.first().map(|attempt| &attempt.kind), Some(AttemptKind::Reject { .. }));
            Compiled { condition, refuses }
        };
        let routes = policy.routes.iter().map(|route| route.rules.iter().map(&mut compile).collect()).collect();
        Self { routes, reads }
    }

    /// What its conditions can read.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The first rule of a route that matches; the default, the last one, always does.
    #[must_use]
    pub fn decide(&self, route: RouteId, facts: &dyn Facts, scratch: &mut Scratch) -> Decision {
        scratch.errors.clear();
        let rules = self.routes.get(route.index()).map_or(&[][..], Vec::as_slice);
        for (rule, compiled) in (0..).zip(rules) {
            let verdict = compiled.condition.as_ref().map_or(Verdict::True, |condition| condition.eval(facts));
            match verdict {
                Verdict::True => return Decision { rule, by_error: false },
                Verdict::False => {}
                Verdict::Error(_) => {
                    scratch.errors.push(rule);
                    if compiled.refuses {
                        return Decision { rule, by_error: true };
                    }
                }
            }
        }
        Decision { rule: u32::try_from(rules.len().saturating_sub(1)).unwrap_or(u32::MAX), by_error: false }
    }
}
