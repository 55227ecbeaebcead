//! What of a request is recorded: worked out once for a policy.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::Program;
use crate::dsl::expr::plain::{Atom, Condition, Verdict};
use crate::dsl::expr::print::cel_text;
use crate::dsl::policy::{Attempt, AttemptKind, Policy};
use crate::facts::given::Owned;
use crate::facts::{Fact, Facts, Scope, Var};

/// Whether a variable may hold a person's words or name. Its value is never recorded, at most a
/// hash of it.
#[must_use]
pub fn is_private(var: Var) -> bool {
    is_id(var) || matches!(var, Var::RequestText | Var::RequestHistory | Var::RequestSystem | Var::RequestSubagent)
}

/// Ids are recorded as hashes: callers can be told apart, and not be known.
pub(super) fn is_id(var: Var) -> bool {
    matches!(var, Var::SessionId | Var::UserId | Var::KeyId)
}

/// Whether an atom reads what is not recorded.
pub(super) fn reads_private(atom: &Atom) -> bool {
    atom.vars().any(is_private) || atom.accessors().next().is_some()
}

/// What is recorded under one policy.
#[derive(Clone, Debug)]
pub struct Recipe {
    values: BTreeSet<Var>,
    ids: BTreeSet<Var>,
    /// a request that may not fit has its tokens counted, and recorded
    smallest_context: Option<u64>,
    /// conditions on what is not recorded, with their texts
    atoms: Vec<(String, Atom)>,
}

impl Recipe {
    /// For a policy and its compiled form.
    #[must_use]
    pub fn new(policy: &Policy, program: &Program) -> Self {
        let reads = &program.reads().vars;
        let rules = || policy.routes.iter().flat_map(|route| &route.rules);
        // The entry itself says when it came in.
        let values = reads.iter().copied().filter(|var| !is_private(*var) && *var != Var::Now);
        let mut values: BTreeSet<Var> = values.collect();
        if rules().any(|rule| rule.attempts.iter().any(ranks)) {
            values.extend([Var::RequestTask, Var::RequestMaxTokens]);
        }
        let splits = rules().any(|rule| rule.attempts.iter().any(splits));
        let mut ids: BTreeSet<Var> = reads.iter().copied().filter(|var| is_id(*var)).collect();
        if splits {
            ids.extend([Var::SessionId, Var::UserId]);
        }
        let smallest_context = policy.models.iter().filter_map(|model| model.context).min();
        let mut atoms = BTreeMap::new();
        let mut add = |expr| {
            for atom in Condition::new(expr).atoms() {
                let of_request = atom.vars().all(|var| var.row().scope == Scope::Request);
                if of_request && reads_private(atom) {
                    atoms.entry(cel_text(&atom.expr)).or_insert_with(|| atom.clone());
                }
            }
        };
        for rule in rules() {
            rule.condition.iter().for_each(&mut add);
        }
        Self { values, ids, smallest_context, atoms: atoms.into_iter().collect() }
    }

    /// The values of a request; `hash` makes a short word of an id that does not tell it.
    #[must_use]
    pub fn facts(&self, facts: &dyn Facts, hash: &dyn Fn(&str) -> String) -> Vec<(Var, Owned)> {
        let mut found: Vec<(Var, Owned)> = self.values.iter().map(|var| (*var, own(facts.get(*var)))).collect();
        let may_not_fit = |context: u64| u64::try_from(facts.tokens_bound()).unwrap_or(0) > context;
        if self.smallest_context.is_some_and(may_not_fit) && !self.values.contains(&Var::RequestTokens) {
            found.push((Var::RequestTokens, own(facts.get(Var::RequestTokens))));
        }
        for var in &self.ids {
            let id = facts.get(*var).as_str();
            if !id.is_empty() {
                found.push((*var, Owned::Str(hash(id))));
            }
        }
        found.sort_by_key(|(var, _)| *var);
        found
    }

    /// Which conditions on what is not recorded hold. One that fails is left out: nobody can tell.
    #[must_use]
    pub fn holds(&self, facts: &dyn Facts) -> BTreeMap<String, bool> {
        let value = |(text, atom): &(String, Atom)| match atom.eval(facts) {
            Verdict::True => Some((text.clone(), true)),
            Verdict::False => Some((text.clone(), false)),
            Verdict::Error(_) => None,
        };
        self.atoms.iter().filter_map(value).collect()
    }
}

fn own(fact: Fact<'_>) -> Owned {
    match fact {
        Fact::Bool(value) => Owned::Bool(value),
        Fact::Int(value) => Owned::Int(value),
        Fact::Double(value) => Owned::Double(value),
        Fact::Str(text) => Owned::Str(text.to_owned()),
        Fact::List(items) => Owned::List(items.iter().map(|item| item.clone().into_owned().into()).collect()),
        Fact::Time(moment) => Owned::Time(moment),
    }
}

fn splits(attempt: &Attempt) -> bool {
    matches!(attempt.kind, AttemptKind::Split { .. })
}

/// Whether an attempt ranks models by what they cost or how good they are at the task.
fn ranks(attempt: &Attempt) -> bool {
    match &attempt.kind {
        AttemptKind::Choice { .. } => true,
        AttemptKind::Split { arms, .. } => arms.iter().any(|arm| ranks(&arm.attempt)),
        _ => false,
    }
}
