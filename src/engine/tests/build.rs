//! Policies written by hand, for tests that do not go through a text.

use std::sync::Arc;

use crate::diag::Span;
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{
    Arm, Attempt, AttemptKind, Capability, MockKnobs, Model, ModelId, Options, Policy, Pool, PoolId, Price, Provider,
    ProviderId, ProviderKind, Route, RouteId, Rule, Strategy, Tenant, TenantId,
};
use crate::engine::Engine;

pub(super) fn policy() -> Policy {
    Policy {
        providers: vec![Provider {
            name: "mock".to_owned(),
            kind: ProviderKind::Mock,
            base: None,
            key: None,
            region: Some("here".to_owned()),
            headers: Vec::new(),
            mock: MockKnobs::default(),
            span: Span::default(),
        }],
        models: Vec::new(),
        pools: Vec::new(),
        tenants: Vec::new(),
        routes: Vec::new(),
        tests: Vec::new(),
        invariants: Vec::new(),
        defaults: Options::default(),
        env: Vec::new(),
        digest: "0123456789abcdef".to_owned(),
    }
}

/// Models, routes and whatever a test needs, by name.
pub(super) struct Build {
    pub(super) policy: Policy,
    tickets: u32,
}

impl Build {
    /// A policy with these models; each can use tools, costs nothing known, has no limits.
    pub(super) fn models(names: &[&str]) -> Self {
        let mut build = Self { policy: policy(), tickets: 0 };
        for name in names {
            build.policy.models.push(Model {
                name: (*name).to_owned(),
                provider: ProviderId(0),
                upstream: (*name).to_owned(),
                context: None,
                output: None,
                price: None,
                can: vec![Capability::Tools],
                tags: Vec::new(),
                quality: None,
                quality_by_task: Vec::new(),
                weight: 1,
                transforms: Vec::new(),
                region: None,
                stream: true,
                span: Span::default(),
            });
        }
        build
    }

    pub(super) fn id(&self, name: &str) -> ModelId {
        let at = self.policy.models.iter().position(|model| model.name == name).unwrap();
        ModelId(u32::try_from(at).unwrap())
    }

    pub(super) fn ids(&self, names: &str) -> Vec<ModelId> {
        names.split_whitespace().map(|name| self.id(name)).collect()
    }

    pub(super) fn with(mut self, name: &str, change: impl FnOnce(&mut Model)) -> Self {
        let at = self.id(name).index();
        change(&mut self.policy.models[at]);
        self
    }

    pub(super) fn price(self, name: &str, input: f64, output: f64) -> Self {
        self.with(name, |model| {
            model.price = Some(Price { input, output, cache_read: None, cache_write: None });
        })
    }

    pub(super) fn pool(mut self, name: &str, models: &str) -> Self {
        let models = self.ids(models);
        self.policy.pools.push(Pool { name: name.to_owned(), models, span: Span::default() });
        self
    }

    pub(super) fn tenant(mut self, name: &str, models: Option<&str>, route: Option<u32>) -> Self {
        let models = models.map(|models| self.ids(models));
        self.policy.tenants.push(Tenant {
            name: name.to_owned(),
            keys: Vec::new(),
            tier: String::new(),
            tags: Vec::new(),
            models,
            route: route.map(RouteId),
            explicit: None,
            span: Span::default(),
        });
        self
    }

    /// A route of rules; a rule without a condition is the default.
    pub(super) fn route(mut self, name: &str, rules: Vec<(&str, Option<Expr>, Vec<AttemptKind>)>) -> Self {
        let rules = rules.into_iter().map(|(name, condition, attempts)| Rule {
            name: name.to_owned(),
            condition,
            attempts: attempts.into_iter().map(attempt).collect(),
            options: Options::default(),
            span: Span::default(),
            explicit: false,
        });
        let rules = rules.collect();
        self.policy.routes.push(Route {
            name: name.to_owned(),
            rules,
            options: Options::default(),
            span: Span::default(),
        });
        self
    }

    /// A route `main` that has only its default.
    pub(super) fn main(self, attempts: Vec<AttemptKind>) -> Self {
        self.route("main", vec![("default", None, attempts)])
    }

    pub(super) fn choice(&mut self, strategy: Strategy, set: &str, filter: Option<Expr>) -> AttemptKind {
        self.tickets += 1;
        AttemptKind::Choice { strategy, set: self.ids(set), filter, ticket: self.tickets - 1 }
    }

    /// Models by name, one attempt each.
    pub(super) fn then(&self, names: &str) -> Vec<AttemptKind> {
        self.ids(names).into_iter().map(AttemptKind::Model).collect()
    }

    pub(super) fn engine(self) -> Engine {
        Engine::new(Arc::new(self.policy))
    }
}

pub(super) fn attempt(kind: AttemptKind) -> Attempt {
    Attempt { kind, span: Span::default() }
}

pub(super) fn split(arms: Vec<(f64, AttemptKind)>, by: Option<Expr>) -> AttemptKind {
    let arms = arms.into_iter().map(|(percent, kind)| Arm { percent, attempt: attempt(kind) }).collect();
    AttemptKind::Split { arms, by }
}

pub(super) fn pool(number: u32) -> AttemptKind {
    AttemptKind::Pool(PoolId(number))
}

pub(super) fn route(number: u32) -> AttemptKind {
    AttemptKind::Route(RouteId(number))
}

pub(super) fn reject(status: u16) -> AttemptKind {
    AttemptKind::Reject { status, text: Some("no".to_owned()) }
}

pub(super) const TENANT: Option<TenantId> = Some(TenantId(0));
