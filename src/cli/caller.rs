//! Who asks, for a command that explains a request: by a tenant's name, by a key's name, or by
//! the key that the request's own headers hold, found as the gateway finds it.

use std::borrow::Cow;

use http::HeaderMap;

use crate::dsl::policy::{ClientKey, Policy, Tenant, TenantId};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::{SessionFacts, Var};
use crate::gateway::Keys;
use crate::protocol::facts::Around;

/// Why nobody can be said to ask.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallerError {
    #[error("the policy declares no tenant `{0}`{1}")]
    Tenant(String, String),
    #[error("no tenant of the policy has a key `{0}`{1}")]
    Key(String, String),
    #[error("the key in the request's headers is none of the policy's: the server would answer 401{0}")]
    Unknown(String),
    #[error("the key in the request's headers is one of tenant `{0}`, not of `{1}`; leave out --tenant")]
    OfAnother(String, String),
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caller<'p> {
    /// the tenant with its number
    pub(super) tenant: Option<(TenantId, &'p Tenant)>,
    /// its key
    pub(super) key: Option<&'p ClientKey>,
}

impl<'p> Caller<'p> {
    /// By the names on the command line.
    ///
    /// # Errors
    /// When the policy does not know a name.
    pub(super) fn named(policy: &'p Policy, tenant: Option<&str>, key: Option<&str>) -> Result<Self, CallerError> {
        if let Some(name) = key {
            let mut keys = tenants(policy).flat_map(|(id, of)| of.keys.iter().map(move |key| (id, of, key)));
            let names = tenants(policy).flat_map(|(_, of)| &of.keys).map(|key| key.env.as_str());
            let (id, of, key) = keys
                .find(|(_, _, key)| key.env == name)
                .ok_or_else(|| CallerError::Key(name.to_owned(), it_knows(names)))?;
            return Ok(Self { tenant: Some((id, of)), key: Some(key) });
        }
        let Some(name) = tenant else { return Ok(Self::default()) };
        let found = tenants(policy).find(|(_, tenant)| tenant.name == name);
        let names = policy.tenants.iter().map(|tenant| tenant.name.as_str());
        let found = found.ok_or_else(|| CallerError::Tenant(name.to_owned(), it_knows(names)))?;
        Ok(Self { tenant: Some(found), key: None })
    }

    /// By the key in a request's headers, where the policy has keys and none is named already.
    /// Without keys in the policy the headers mean nothing, as in the gateway.
    ///
    /// # Errors
    /// When the key is nobody's, or that of another tenant than was named.
    pub(super) fn or_sent(self, policy: &'p Policy, headers: &HeaderMap) -> Result<Self, CallerError> {
        if self.key.is_some() || !has_keys(policy) || !Keys::is_sent(headers) {
            return Ok(self);
        }
        let (keys, unusable) = Keys::load_usable(policy);
        // No usable key at all is not the same as a policy without keys: nobody may ask.
        let found = if keys.is_open() { None } else { keys.caller(headers).ok() };
        let Some(found) = found else {
            let problems: String = unusable.iter().map(|error| format!("\n  {error}")).collect();
            let but = if problems.is_empty() { problems } else { format!("; these could not be compared:{problems}") };
            return Err(CallerError::Unknown(but));
        };
        let tenant = found.tenant.and_then(|id| Some((id, policy.tenants.get(id.index())?)));
        match (self.tenant, tenant) {
            (Some((asked, named)), Some((id, owner))) if asked != id => {
                Err(CallerError::OfAnother(owner.name.clone(), named.name.clone()))
            }
            _ => Ok(Self { tenant, key: tenant.and_then(|(_, tenant)| tenant.keys.get(found.key)) }),
        }
    }

    /// Its tenant's number.
    pub(super) fn id(&self) -> Option<TenantId> {
        self.tenant.map(|(id, _)| id)
    }

    /// Whether it would have to show a key, and did not.
    pub(super) fn lacks_key(&self, policy: &Policy) -> bool {
        self.tenant.is_none() && has_keys(policy)
    }

    /// Fills its facts where `--given` did not; those of the tenant all, where it names another.
    pub(super) fn fill(&self, facts: &mut GivenFacts, replaces: bool) {
        let list = |tags: &[String]| Owned::List(tags.iter().cloned().map(Cow::Owned).collect());
        let mut fill = |var, value, replaces: bool| {
            if replaces || !facts.is_given(var) {
                facts.set(var, value);
            }
        };
        if let Some((_, tenant)) = self.tenant {
            fill(Var::TenantId, Owned::Str(tenant.name.clone()), replaces);
            fill(Var::TenantTier, Owned::Str(tenant.tier.clone()), replaces);
            fill(Var::TenantTags, list(&tenant.tags), replaces);
        }
        if let Some(key) = self.key {
            fill(Var::KeyId, Owned::Str(key.env.clone()), false);
            fill(Var::KeyTags, list(&key.tags), false);
        }
    }

    /// Its tags, to be borrowed by [`Self::around`].
    pub(super) fn tags(&self) -> Tags<'p> {
        let borrowed = |tags: &'p [String]| tags.iter().map(|tag| Cow::Borrowed(tag.as_str())).collect();
        Tags {
            tenant: self.tenant.map(|(_, tenant)| borrowed(&tenant.tags)).unwrap_or_default(),
            key: self.key.map(|key| borrowed(&key.tags)).unwrap_or_default(),
        }
    }

    /// What the gateway would know around its request.
    pub(super) fn around<'a>(
        &self,
        tags: &'a Tags<'a>,
        session: &'a SessionFacts,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Around<'a>
    where
        'p: 'a,
    {
        Around {
            session,
            tenant_id: self.tenant.map_or("default", |(_, tenant)| &tenant.name),
            tenant_tier: self.tenant.map_or("", |(_, tenant)| &tenant.tier),
            tenant_tags: &tags.tenant,
            key_id: self.key.map_or("", |key| &key.env),
            key_tags: &tags.key,
            now,
        }
    }

    /// What a body and the command line cannot tell, and so is a default.
    pub(super) fn is_known(&self, var: Var) -> bool {
        match var {
            Var::SessionTurns | Var::SessionLastTokens | Var::SessionLastModel => false,
            Var::BudgetUsed | Var::BudgetLeftUsd => false,
            Var::KeyId | Var::KeyTags => self.key.is_some(),
            Var::TenantId | Var::TenantTier | Var::TenantTags => self.tenant.is_some(),
            _ => true,
        }
    }
}

/// The tags of a caller.
#[derive(Debug)]
pub(super) struct Tags<'a> {
    tenant: Vec<Cow<'a, str>>,
    key: Vec<Cow<'a, str>>,
}

fn has_keys(policy: &Policy) -> bool {
    policy.tenants.iter().any(|tenant| !tenant.keys.is_empty())
}

fn tenants(policy: &Policy) -> impl Iterator<Item = (TenantId, &Tenant)> {
    (0_u32..).map(TenantId).zip(&policy.tenants)
}

fn it_knows<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!("; it knows {}", names.join(", ")) }
}
