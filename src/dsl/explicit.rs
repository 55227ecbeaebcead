//! Explicit choice: who may name a model, and how one is named.

use crate::dsl::policy::{Model, Policy};

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
