//! One policy's handles: a request finds each metric by numbers, without hashing a name. A handle
//! is made when it is used first.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Counter, Histogram, HistogramVec, IntCounter};

use crate::metrics::Inner;
use crate::metrics::names::{
    ANY_RULE, AttemptOutcome, DEFAULT_TENANT, NONE, Names, Outcome, TokenKind, TokenSource, Vocabulary,
};

type Lazy<T> = OnceLock<T>;

/// A row of handles, made when one of them is used first.
type Row<T> = OnceLock<Box<[Lazy<T>]>>;

/// The metrics of one policy. Models, rules and tenants go by their numbers in that policy; a
/// number that it does not have is counted as `none`.
#[derive(Debug)]
pub struct Table {
    inner: Arc<Inner>,
    names: Names,
    /// the number of each route's first rule; of the route itself when rules have no series
    first_rule: Vec<usize>,
    each_rule: bool,
    /// by rule (the last: before a decision), then by model, outcome and protocol
    requests: Vec<Row<IntCounter>>,
    condition_errors: Vec<Lazy<IntCounter>>,
    /// by model; the last one is `none`
    models: Vec<ModelHandles>,
    /// by provider and kind of failure
    errors: Vec<Row<IntCounter>>,
}

#[derive(Debug, Default)]
struct ModelHandles {
    request_duration: Lazy<Histogram>,
    upstream_duration: Lazy<Histogram>,
    first_token: Lazy<Histogram>,
    /// ok, cancelled, client error, then the kinds of failure
    attempts: Row<IntCounter>,
    /// by kind and source
    tokens: Row<IntCounter>,
    /// by tenant; the last one is `default`
    cost_usd: Row<Counter>,
    unpriced: Lazy<IntCounter>,
}

/// A request that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// route and rule; None before a decision
    pub rule: Option<(u32, u32)>,
    /// the model that answered, or was tried last
    pub model: Option<u32>,
    /// the number of the client's protocol in [`Vocabulary::protocols`]
    pub protocol: usize,
    /// how it ended
    pub outcome: Outcome,
    /// from its head to its answer's last byte
    pub duration: Duration,
}

fn row<T>(row: &Row<T>, length: usize) -> &[Lazy<T>] {
    row.get_or_init(|| (0..length).map(|_| OnceLock::new()).collect())
}

impl Table {
    pub(super) fn new(inner: Arc<Inner>, names: Names) -> Self {
        let each_rule = names.names_each_rule();
        let mut first_rule = Vec::with_capacity(names.routes.len());
        let mut rules = 0;
        for (_, of_route) in &names.routes {
            first_rule.push(rules);
            rules += if each_rule { of_route.len() } else { 1 };
        }
        Self {
            first_rule,
            each_rule,
            requests: (0..=rules).map(|_| OnceLock::new()).collect(),
            condition_errors: (0..rules).map(|_| OnceLock::new()).collect(),
            models: (0..=names.models.len()).map(|_| ModelHandles::default()).collect(),
            errors: names.providers.iter().map(|_| OnceLock::new()).collect(),
            inner,
            names,
        }
    }

    /// What the policy declares.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    fn words(&self) -> Vocabulary {
        self.inner.words
    }

    /// Counts a request that ended, and how long it took.
    pub fn request(&self, ended: Ended) {
        let Ended { rule, model, protocol, outcome, duration } = ended;
        let rule_at = rule.and_then(|rule| self.rule_at(rule)).unwrap_or(self.requests.len() - 1);
        let model_at = self.model_at(model);
        let (outcomes, protocols) = (Outcome::ALL.len(), self.words().protocols.len());
        let at = (model_at * outcomes + outcome as usize) * protocols + protocol;
        let cells = self.requests.get(rule_at).map(|cells| row(cells, self.models.len() * outcomes * protocols));
        if let Some(cell) = cells.and_then(|cells| cells.get(at)) {
            let make = || {
                let (route, rule) = rule.map_or((NONE, NONE), |rule| self.rule_names(rule));
                let (model, provider) = self.model_names(model_at);
                let protocol = self.words().protocols.get(protocol).copied().unwrap_or(NONE);
                let labels = [route, rule, model, provider, protocol, outcome.name()];
                self.inner.families.requests.with_label_values(&labels)
            };
            cell.get_or_init(make).inc();
        }
        self.observe(model_at, duration, |handles| &handles.request_duration, &self.inner.families.request_duration);
    }

    /// How long one attempt took, from sending to its last byte, and how it ended.
    pub fn attempt(&self, model: u32, outcome: AttemptOutcome, duration: Duration) {
        let model_at = self.model_at(Some(model));
        self.observe(model_at, duration, |handles| &handles.upstream_duration, &self.inner.families.upstream_duration);
        let failures = self.words().failures;
        let (at, word) = match outcome {
            AttemptOutcome::Ok => (0, "ok"),
            AttemptOutcome::Cancelled => (1, "cancelled"),
            AttemptOutcome::ClientError => (2, "client_error"),
            AttemptOutcome::Failed(kind) => (3 + kind, failures.get(kind).copied().unwrap_or(NONE)),
        };
        let cells = self.models.get(model_at).map(|handles| row(&handles.attempts, 3 + failures.len()));
        if let Some(cell) = cells.and_then(|cells| cells.get(at)) {
            let make = || {
                let (model, provider) = self.model_names(model_at);
                self.inner.families.attempts.with_label_values(&[model, provider, word])
            };
            cell.get_or_init(make).inc();
        }
        if let AttemptOutcome::Failed(kind) = outcome {
            self.error(model_at, kind, word);
        }
    }

    fn error(&self, model_at: usize, kind: usize, word: &str) {
        let provider = self.names.models.get(model_at).and_then(|(_, provider)| self.errors.get(*provider));
        let cells = provider.map(|cells| row(cells, self.words().failures.len()));
        if let Some(cell) = cells.and_then(|cells| cells.get(kind)) {
            let provider = self.model_names(model_at).1;
            cell.get_or_init(|| self.inner.families.errors.with_label_values(&[provider, word])).inc();
        }
    }

    /// From a request's head to the first content of a stream that an upstream gave for it.
    pub fn first_token(&self, model: u32, duration: Duration) {
        let at = self.model_at(Some(model));
        self.observe(at, duration, |handles| &handles.first_token, &self.inner.families.first_token);
    }

    /// Adds tokens; a count of 0 makes no series.
    pub fn tokens(&self, model: u32, kind: TokenKind, source: TokenSource, count: u64) {
        if count == 0 {
            return;
        }
        let model_at = self.model_at(Some(model));
        let sources = TokenSource::ALL.len();
        let cells = self.models.get(model_at).map(|handles| row(&handles.tokens, TokenKind::ALL.len() * sources));
        if let Some(cell) = cells.and_then(|cells| cells.get(kind as usize * sources + source as usize)) {
            let make = || {
                let (model, _) = self.model_names(model_at);
                self.inner.families.tokens.with_label_values(&[model, kind.name(), source.name()])
            };
            cell.get_or_init(make).inc_by(count);
        }
    }

    /// Adds the cost of an answer in US dollars; None: its model has no price. A cost that is no
    /// sum of money (negative, not a number) is not added.
    pub fn cost(&self, model: u32, tenant: Option<u32>, usd: Option<f64>) {
        let model_at = self.model_at(Some(model));
        let Some(handles) = self.models.get(model_at) else { return };
        let (model, provider) = self.model_names(model_at);
        let families = &self.inner.families;
        let Some(usd) = usd else {
            handles.unpriced.get_or_init(|| families.unpriced.with_label_values(&[model, provider])).inc();
            return;
        };
        if !usd.is_finite() || usd < 0.0 {
            return;
        }
        let tenants = self.names.tenants.len();
        let tenant_at = tenant.map_or(tenants, |tenant| tenant as usize).min(tenants);
        if let Some(cell) = row(&handles.cost_usd, tenants + 1).get(tenant_at) {
            let tenant = self.names.tenants.get(tenant_at).map_or(DEFAULT_TENANT, String::as_str);
            cell.get_or_init(|| families.cost_usd.with_label_values(&[model, provider, tenant])).inc_by(usd);
        }
    }

    /// A condition of this rule failed while it was evaluated.
    pub fn condition_error(&self, route: u32, rule: u32) {
        if let Some(cell) = self.rule_at((route, rule)).and_then(|at| self.condition_errors.get(at)) {
            let (route, rule) = self.rule_names((route, rule));
            cell.get_or_init(|| self.inner.families.condition_errors.with_label_values(&[route, rule])).inc();
        }
    }

    fn observe(
        &self,
        model_at: usize,
        duration: Duration,
        handle: impl Fn(&ModelHandles) -> &Lazy<Histogram>,
        family: &HistogramVec,
    ) {
        if let Some(handles) = self.models.get(model_at) {
            let make = || {
                let (model, provider) = self.model_names(model_at);
                family.with_label_values(&[model, provider])
            };
            handle(handles).get_or_init(make).observe(duration.as_secs_f64());
        }
    }

    fn rule_at(&self, (route, rule): (u32, u32)) -> Option<usize> {
        let (_, rules) = self.names.routes.get(route as usize)?;
        let rule = rule as usize;
        let first = self.first_rule.get(route as usize)?;
        (rule < rules.len()).then_some(if self.each_rule { first + rule } else { *first })
    }

    fn rule_names(&self, (route, rule): (u32, u32)) -> (&str, &str) {
        let Some((name, rules)) = self.names.routes.get(route as usize) else { return (NONE, NONE) };
        let rule = rules.get(rule as usize).map_or(NONE, String::as_str);
        (name, if self.each_rule { rule } else { ANY_RULE })
    }

    fn model_at(&self, model: Option<u32>) -> usize {
        let none = self.names.models.len();
        model.map_or(none, |model| model as usize).min(none)
    }

    fn model_names(&self, at: usize) -> (&str, &str) {
        let model = self.names.models.get(at).map_or(NONE, |(name, _)| name.as_str());
        (model, self.names.provider_of(at).unwrap_or(NONE))
    }
}

impl Drop for Table {
    /// The last request of a replaced policy has ended: what it counted under names that are gone
    /// goes too.
    fn drop(&mut self) {
        self.inner.prune();
    }
}
