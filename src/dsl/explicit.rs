//! Explicit choice: who may name a model, and how one is named.

use crate::dsl::policy::{AttemptKind, Model, ModelId, Policy, RouteId, Tenant, TenantId};

/// The tag that `explicit: tagged` asks for.
pub const EXPLICIT_TAG: &str = "explicit";
/// The route that requests enter when their tenant names none.
pub(crate) const ENTRY: &str = "main";

/// Whether a client that names a model gets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Explicit {
    /// any model that the tenant may use
    Allow,
    /// only those with the tag `explicit`
    Tagged,
    /// none: the rules decide
    #[default]
    Deny,
}

/// The name of the rules that explicit choice becomes.
pub const EXPLICIT_RULE: &str = "explicit";

impl Model {
    /// The ways to name a model in a request, by this name of it.
    pub(crate) fn names(&self, policy: &Policy, name: &str) -> Vec<String> {
        let provider = policy.providers.get(self.provider.index()).map_or("", |provider| &provider.name);
        vec![name.to_owned(), format!("{provider},{name}"), format!("{provider}/{name}")]
    }
}

impl Explicit {
    /// Whether a model may be named by whom this is said of.
    pub(crate) fn allows(self, model: &Model) -> bool {
        match self {
            Self::Allow => true,
            Self::Tagged => model.tags.iter().any(|tag| tag == EXPLICIT_TAG),
            Self::Deny => false,
        }
    }
}

impl Tenant {
    /// Whether its requests may be sent to this model at all.
    pub(crate) fn may_use(&self, id: ModelId) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(&id))
    }

    /// Whether its clients get this model by naming it, where no rule stands before.
    pub(crate) fn may_name(&self, usual: Explicit, id: ModelId, model: &Model) -> bool {
        self.may_use(id) && self.explicit.unwrap_or(usual).allows(model)
    }
}

impl Policy {
    /// Whether a caller's requests may be sent to a model at all; None: whoever is no tenant's.
    pub(crate) fn may_use(&self, tenant: Option<TenantId>, id: ModelId) -> bool {
        tenant.and_then(|tenant| self.tenants.get(tenant.index())).is_none_or(|tenant| tenant.may_use(id))
    }

    /// Whether a caller gets a model by naming it in some request.
    pub(crate) fn may_name(&self, tenant: Option<TenantId>, id: ModelId) -> bool {
        let Some(model) = self.models.get(id.index()) else { return false };
        let usual = self.defaults.explicit.unwrap_or_default();
        let tenant = tenant.and_then(|tenant| self.tenants.get(tenant.index()));
        let entered = match tenant.and_then(|tenant| tenant.route) {
            Some(route) => self.routes.get(route.index()),
            None => self.routes.iter().find(|route| route.name == ENTRY),
        };
        // A route whose default refuses has no such rules.
        entered.is_some_and(|route| route.rules.iter().any(|rule| rule.explicit))
            && tenant.map_or_else(|| usual.allows(model), |tenant| tenant.may_name(usual, id, model))
    }

    /// By route: whether a request that enters it may be refused by a rule of it, or of a route that it
    /// leads to first. What a route does when a model fails is no refusal.
    pub(crate) fn refusing_routes(&self) -> Vec<bool> {
        let mut refusing = vec![false; self.routes.len()];
        // Each round finds a further route, so this ends, in cycles too.
        loop {
            let found = (0..).zip(&self.routes).find(|(number, route)| {
                let number: usize = *number;
                refusing.get(number) == Some(&false)
                    && route
                        .rules
                        .iter()
                        .any(|rule| rule.attempts.first().is_some_and(|first| first.kind.refuses(&refusing)))
            });
            match found.and_then(|(number, _)| refusing.get_mut(number)) {
                Some(slot) => *slot = true,
                None => return refusing,
            }
        }
    }
}

impl AttemptKind {
    /// Whether it refuses, or leads to a route that may; `refusing` is of each route.
    pub(crate) fn refuses(&self, refusing: &[bool]) -> bool {
        match self {
            Self::Reject { .. } => true,
            Self::Route(RouteId(number)) => refusing.get(*number as usize).copied().unwrap_or_default(),
            Self::Split { arms, .. } => arms.iter().any(|arm| arm.attempt.kind.refuses(refusing)),
            Self::Model(_) | Self::Pool(_) | Self::Choice { .. } => false,
        }
    }
}
