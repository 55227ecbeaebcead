//! A recorded request through a policy: the rules' conditions over recorded values, and over
//! recorded answers where there are no values. What was not recorded is never guessed.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::Entry;
use super::recipe::{is_id, reads_private};
use crate::dsl::expr::plain::{Atom, Atoms, Condition, Verdict};
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{Expr, Kind, Type};
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, RouteId, TenantId};
use crate::engine::{Engine, Seeds, Way};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::{Fact, Facts, Needs, Scope, Var};

/// What becomes of a recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// it goes this way
    Goes(Way),
    /// the record does not say whether these conditions hold
    Unknown(Vec<String>),
    /// there is no route to enter
    NoRoute,
}

/// A policy that recorded requests are run through.
#[derive(Debug)]
pub struct Replayer<'e> {
    engine: &'e Engine,
    routes: FxHashMap<RouteId, Vec<Prepared>>,
}

/// A rule, ready.
#[derive(Debug)]
struct Prepared {
    condition: Option<Condition>,
    refuses: bool,
    /// what its choices ask of their members, and what its splits spread callers by
    asked: Vec<Atom>,
}

impl<'e> Replayer<'e> {
    /// A replayer of this engine's policy.
    #[must_use]
    pub fn new(engine: &'e Engine) -> Self {
        Self { engine, routes: FxHashMap::default() }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &'e Policy {
        self.engine.policy()
    }

    /// The way of one request; `number` is its place in the file, for `rotate`.
    pub fn replay(&mut self, entry: &Entry, number: u64) -> Replayed {
        let tenant = self.tenant(entry);
        let Some(route) = self.engine.entry(tenant) else { return Replayed::NoRoute };
        let facts = Recorded::new(entry, self.engine.policy(), tenant);
        let id = number.to_string();
        let tickets = move |_| number;
        let seeds = Seeds { request_id: &id, tickets: &tickets };
        let unknown = RefCell::new(BTreeSet::new());
        let engine = self.engine;
        let mut decide = |route| self.decide(route, &facts, &unknown);
        let way = engine.way(route, &facts, tenant, &seeds, &mut decide);
        match way {
            Some(way) if self.depends_on_tokens(&way, &facts) => {
                Replayed::Unknown(vec![Var::RequestTokens.path().to_owned()])
            }
            Some(way) => Replayed::Goes(way),
            None => Replayed::Unknown(unknown.into_inner().into_iter().collect()),
        }
    }

    /// Whether a model on the way may be too small for a request whose tokens nobody counted.
    fn depends_on_tokens(&self, way: &Way, facts: &Recorded<'_>) -> bool {
        let too_small = |context: u64| u64::try_from(facts.entry.tokens_bound).unwrap_or(0) > context;
        let mut small = self.policy().models.iter().filter(|model| model.context.is_some_and(too_small));
        !facts.facts.is_given(Var::RequestTokens) && small.any(|model| self.may_try(way, &model.name))
    }

    /// The tenant of that name in this policy.
    fn tenant(&self, entry: &Entry) -> Option<TenantId> {
        let name = entry.tenant.as_ref()?;
        let at = self.policy().tenants.iter().position(|tenant| tenant.name == *name)?;
        Some(TenantId(u32::try_from(at).ok()?))
    }

    fn decide(&mut self, route: RouteId, facts: &Recorded<'_>, unknown: &RefCell<BTreeSet<String>>) -> Option<u32> {
        let policy = self.engine.policy();
        let rules = self.routes.entry(route).or_insert_with(|| prepare(policy, route));
        for (number, rule) in (0..).zip(rules.iter()) {
            let asked = OnRecord { facts, unknown };
            let matches = match rule.condition.as_ref().map(|condition| condition.eval_with(&asked)) {
                None | Some(Verdict::True) => true,
                Some(Verdict::False) => false,
                // A condition that fails by itself does not match, unless its rule refuses.
                Some(Verdict::Error(_)) if unknown.borrow().is_empty() => rule.refuses,
                Some(Verdict::Error(_)) => return None,
            };
            // An atom that nobody needed in the end does no harm.
            unknown.borrow_mut().clear();
            if matches {
                // A choice asks about each member, so what the record says of a text does not help.
                let missing = rule.asked.iter().filter(|atom| !facts.can_answer(atom) && !facts.can_spread(atom));
                unknown.borrow_mut().extend(missing.map(|atom| cel_text(&atom.expr)));
                return unknown.borrow().is_empty().then_some(number);
            }
        }
        None
    }

    /// Whether a model may be tried by the rules on this way, by any choice and any arm.
    #[must_use]
    pub fn may_try(&self, way: &Way, model: &str) -> bool {
        let policy = self.policy();
        let known = (0..).zip(&policy.models).find(|(_, other)| other.name == model);
        let Some(id) = known.map(|(id, _)| ModelId(id)) else { return false };
        way.decisions.iter().any(|(route, rule)| {
            let rule = policy.routes.get(route.index()).and_then(|route| route.rules.get(*rule as usize));
            rule.is_some_and(|rule| rule.attempts.iter().any(|attempt| names(policy, attempt, id)))
        })
    }
}

fn names(policy: &Policy, attempt: &Attempt, model: ModelId) -> bool {
    match &attempt.kind {
        AttemptKind::Model(id) => *id == model,
        AttemptKind::Pool(id) => policy.pools.get(id.index()).is_some_and(|pool| pool.models.contains(&model)),
        AttemptKind::Choice { set, .. } => set.contains(&model),
        AttemptKind::Split { arms, .. } => arms.iter().any(|arm| names(policy, &arm.attempt, model)),
        AttemptKind::Route(_) | AttemptKind::Reject { .. } => false,
    }
}

fn prepare(policy: &Policy, route: RouteId) -> Vec<Prepared> {
    let rules = policy.routes.get(route.index()).map(|route| route.rules.as_slice()).unwrap_or_default();
    let one = |rule: &crate::dsl::policy::Rule| {
        let mut asked = Vec::new();
        let mut add = |expr: &Expr| match expr.ty {
            Type::Bool => asked.extend(Condition::new(expr).atoms().into_iter().cloned()),
            _ => asked.push(Atom::new(expr.clone())),
        };
        rule.attempts.iter().for_each(|attempt| attempt.for_each_expression(&mut add));
        Prepared {
            condition: rule.condition.as_ref().map(Condition::new),
            refuses: matches!(rule.attempts.first().map(|first| &first.kind), Some(AttemptKind::Reject { .. })),
            asked,
        }
    };
    rules.iter().map(one).collect()
}

/// Atoms by the record.
struct OnRecord<'a, 'r> {
    facts: &'a Recorded<'r>,
    unknown: &'a RefCell<BTreeSet<String>>,
}

impl Atoms for OnRecord<'_, '_> {
    fn verdict(&self, atom: &Atom) -> Verdict {
        if self.facts.can_answer(atom) {
            return atom.eval(self.facts);
        }
        let text = cel_text(&atom.expr);
        match self.facts.entry.holds.get(&text) {
            Some(value) => Verdict::from(*value),
            None => {
                self.unknown.borrow_mut().insert(text);
                Verdict::Error("not recorded".to_owned())
            }
        }
    }
}

/// The facts of a recorded request.
struct Recorded<'r> {
    entry: &'r Entry,
    facts: GivenFacts,
}

impl<'r> Recorded<'r> {
    /// Who asks is what the policy at hand says of the tenant.
    fn new(entry: &'r Entry, policy: &Policy, tenant: Option<TenantId>) -> Self {
        let mut facts = GivenFacts::default();
        for (var, value) in &entry.facts {
            facts.set(*var, value.clone());
        }
        facts.set(Var::Now, Owned::Time(entry.at));
        facts.set(Var::RequestStream, Owned::Bool(entry.needs.stream));
        let tenant = tenant.and_then(|id| policy.tenants.get(id.index()));
        if let Some(tenant) = tenant {
            facts.set(Var::TenantId, Owned::Str(tenant.name.clone()));
            facts.set(Var::TenantTier, Owned::Str(tenant.tier.clone()));
            facts.set(Var::TenantTags, Owned::List(tenant.tags.iter().cloned().map(Into::into).collect()));
        } else if entry.tenant.is_none() {
            for var in [Var::TenantId, Var::TenantTier, Var::TenantTags] {
                facts.set(var, crate::facts::given::default_value(var));
            }
        }
        Self { entry, facts }
    }

    /// Whether everything that an atom reads of the request is recorded as a value.
    fn can_answer(&self, atom: &Atom) -> bool {
        let known = |var: Var| var.row().scope == Scope::Model || self.facts.is_given(var);
        !reads_private(atom) && atom.vars().all(known)
    }

    /// Whether callers can be spread by this: an id is recorded as its hash, which tells callers apart
    /// as well, and whoever has none has no hash.
    fn can_spread(&self, text: &Atom) -> bool {
        matches!(text.expr.kind, Kind::Var(var) if is_id(var) && (var != Var::KeyId || self.facts.is_given(var)))
    }
}

impl Facts for Recorded<'_> {
    fn get(&self, var: Var) -> Fact<'_> {
        self.facts.get(var)
    }

    fn header(&self, _: &str) -> &str {
        ""
    }

    fn meta(&self, _: &str) -> &str {
        ""
    }

    fn tokens_bound(&self) -> i64 {
        // Where the tokens were counted, the count decides; else the bound is all there is.
        if self.facts.is_given(Var::RequestTokens) {
            self.facts.get(Var::RequestTokens).as_int()
        } else {
            self.entry.tokens_bound
        }
    }

    fn body_bytes(&self) -> i64 {
        self.entry.tokens_bound
    }

    fn needs(&self) -> Needs {
        self.entry.needs
    }
}
