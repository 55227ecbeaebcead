//! Who can ask, and what is then known of every request: the facts that a tenant's declaration
//! gives.

use crate::diag::command::quoted;
use crate::dsl::expr::typed::{Expr, Kind};
use crate::dsl::policy::{ClientKey, Policy, Tenant, TenantId};
use crate::facts::Var;
use crate::facts::given::{GivenFacts, Owned, default_value};

use super::specialise::{mentions, specialise};

/// A way in.
#[derive(Clone, Debug, PartialEq)]
pub struct Entrance {
    /// the declared tenant that asks; None: nobody that is declared
    pub tenant: Option<TenantId>,
    /// the environment variable of the key that it asks with, where that makes a difference
    pub key: Option<String>,
    /// what is known of every request
    pub known: Vec<(Var, Owned)>,
}

/// All ways in. Without tenants in the policy, what a tenant may be is left open. `reads` are the
/// conditions in question: keys are told apart only where one reads them.
#[must_use]
pub(super) fn entrances(policy: &Policy, reads: &[&Expr]) -> Vec<Entrance> {
    if policy.tenants.is_empty() {
        return vec![Entrance { tenant: None, key: None, known: Vec::new() }];
    }
    let of_key = |part: &Expr| matches!(part.kind, Kind::Var(Var::KeyId | Var::KeyTags));
    let by_key = reads.iter().any(|expr| mentions(expr, &of_key));
    let mut found = Vec::new();
    // Where a key is asked for, nobody comes in without one.
    if policy.tenants.iter().all(|tenant| tenant.keys.is_empty()) {
        let vars = [Var::TenantId, Var::TenantTier, Var::TenantTags, Var::KeyId, Var::KeyTags];
        let known = vars.into_iter().map(|var| (var, default_value(var))).collect();
        found.push(Entrance { tenant: None, key: None, known });
    }
    for (id, tenant) in (0..).zip(&policy.tenants) {
        let entrance = |key| Entrance::of(TenantId(id), tenant, key);
        if by_key && !tenant.keys.is_empty() {
            found.extend(tenant.keys.iter().map(|key| entrance(Some(key))));
        } else {
            found.push(entrance(None));
        }
    }
    found
}

impl Entrance {
    fn of(id: TenantId, tenant: &Tenant, key: Option<&ClientKey>) -> Self {
        let list = |tags: &[String]| Owned::List(tags.iter().cloned().map(Into::into).collect());
        let mut known = vec![
            (Var::TenantId, Owned::Str(tenant.name.clone())),
            (Var::TenantTier, Owned::Str(tenant.tier.clone())),
            (Var::TenantTags, list(&tenant.tags)),
        ];
        if let Some(key) = key {
            known.extend([(Var::KeyId, Owned::Str(key.env.clone())), (Var::KeyTags, list(&key.tags))]);
        } else if tenant.keys.is_empty() {
            known.extend([Var::KeyId, Var::KeyTags].map(|var| (var, default_value(var))));
        }
        Self { tenant: Some(id), key: key.map(|key| key.env.clone()), known }
    }

    /// A condition with what is known put in.
    #[must_use]
    pub(super) fn specialise(&self, condition: &Expr) -> Expr {
        let known = |var| self.known.iter().find(|(other, _)| *other == var).map(|(_, value)| value.clone());
        specialise(condition, &known)
    }

    /// Facts of a request that comes in here.
    #[must_use]
    pub(super) fn fill(&self, facts: &GivenFacts) -> GivenFacts {
        let mut filled = facts.clone();
        for (var, value) in &self.known {
            filled.set(*var, value.clone());
        }
        filled
    }

    /// Who that is: `tenant lanhai`, with the key where that makes a difference; None: nobody that is
    /// declared.
    #[must_use]
    pub fn who(&self, policy: &Policy) -> Option<String> {
        let tenant = self.tenant.and_then(|id| policy.tenants.get(id.index()))?;
        let key = self.key.as_ref().map_or_else(String::new, |key| format!(" with key {key}"));
        Some(format!("tenant {}{key}", tenant.name))
    }

    /// What `ccr-policy explain` needs to ask as this one: `--tenant lanhai `, or nothing.
    #[must_use]
    pub fn arguments(&self, policy: &Policy) -> String {
        let tenant = self.tenant.and_then(|id| policy.tenants.get(id.index()));
        match (&self.key, tenant) {
            (Some(key), _) => format!("--key {} ", quoted(key)),
            (None, Some(tenant)) => format!("--tenant {} ", quoted(&tenant.name)),
            (None, None) => String::new(),
        }
    }
}
