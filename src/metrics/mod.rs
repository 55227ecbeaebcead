//! What is counted, and the page that shows it.
//!
//! Numbers and names come in; this room knows no policy, takes no time and decides nothing. A
//! request finds its metrics by number in its policy's [`Table`]; names are looked up when a series
//! begins, never after.

mod families;
mod names;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::{IntCounter, IntGauge, TextEncoder};

pub use crate::metrics::names::{
    AttemptOutcome, CacheResult, CountedBy, Names, Outcome, TokenKind, TokenSource, Vocabulary,
};
pub use crate::metrics::table::{Ended, Table};

use crate::metrics::families::Families;
use crate::metrics::names::{ANY_RULE, DEFAULT_TENANT, NONE};

/// The media type of the page.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// A metric cannot be registered or printed: a mistake in this room, not in its use.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    inner: Arc<Inner>,
    cache_results: Vec<IntCounter>,
    reloads: [IntCounter; 2],
}

#[derive(Debug)]
struct Inner {
    families: Families,
    words: Vocabulary,
    known: ArcSwap<Known>,
}

/// The names of the policy in use.
#[derive(Debug, Default)]
struct Known {
    rules: HashSet<(String, String)>,
    /// each with its provider
    models: HashMap<String, String>,
    providers: HashSet<String>,
    tenants: HashSet<String>,
}

/// A stream under way; it ends when this is dropped.
#[derive(Debug)]
pub struct OpenStream(IntGauge);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// All metrics, nothing counted yet.
    ///
    /// # Errors
    /// When a metric cannot be registered.
    pub fn new(words: Vocabulary) -> Result<Self, MetricsError> {
        let families = Families::new()?;
        let cache_results =
            CacheResult::ALL.iter().map(|result| families.cache_requests.with_label_values(&[result.name()])).collect();
        let reloads = ["failed", "ok"].map(|outcome| families.policy_reloads.with_label_values(&[outcome]));
        let inner = Arc::new(Inner { families, words, known: ArcSwap::default() });
        Ok(Self { inner, cache_results, reloads })
    }

    /// The handles of a policy that is not in use yet: nothing on the page changes.
    #[must_use]
    pub fn policy(&self, names: Names) -> Arc<Table> {
        Arc::new(Table::new(Arc::clone(&self.inner), names))
    }

    /// Puts a policy in use: removes the series of names that it does not have. Requests under way
    /// may still use their own policy's table.
    pub fn use_policy(&self, table: &Table) {
        let names = table.names();
        self.inner.known.store(Arc::new(Known::new(names)));
        self.inner.prune();
        let info = &self.inner.families.policy_info;
        info.reset();
        info.with_label_values(&[names.digest.as_str()]).set(1);
    }

    /// Every family of ours, whether or not it has series yet: its name and its labels.
    #[must_use]
    pub fn families(&self) -> Vec<(String, Vec<String>)> {
        self.inner.families.described()
    }

    /// Our own time before one request's first attempt.
    pub fn overhead(&self, duration: Duration) {
        self.inner.families.overhead.observe(duration.as_secs_f64());
    }

    /// How long a request's first decision took.
    pub fn decision(&self, duration: Duration) {
        self.inner.families.decision.observe(duration.as_secs_f64());
    }

    /// A request to count tokens, by its protocol's number in the vocabulary, was answered.
    pub fn counted(&self, protocol: usize, by: CountedBy) {
        let protocol = self.inner.words.protocols.get(protocol).copied().unwrap_or(NONE);
        self.inner.families.token_counts.with_label_values(&[protocol, by.name()]).inc();
    }

    /// What the cache did for a request that it was set for.
    pub fn cache(&self, result: CacheResult) {
        if let Some(counter) = self.cache_results.get(result as usize) {
            counter.inc();
        }
    }

    /// The size of all cached answers.
    pub fn cache_bytes(&self, bytes: u64) {
        self.inner.families.cache_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// A stream to a client begins; it ends with what this returns.
    #[must_use]
    pub fn stream(&self) -> OpenStream {
        let gauge = self.inner.families.streams_open.clone();
        gauge.inc();
        OpenStream(gauge)
    }

    /// A reload went well, or left the old policy in place.
    pub fn reload(&self, ok: bool) {
        let [failed, went_well] = &self.reloads;
        if ok { went_well.inc() } else { failed.inc() }
    }

    /// The page, in the text format 0.0.4.
    ///
    /// # Errors
    /// When a family cannot be printed.
    pub fn render(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.inner.families.registry.gather())?)
    }
}

impl Inner {
    /// Removes the series of names that the policy in use does not have.
    fn prune(&self) {
        let known = self.known.load_full();
        self.families.retain(&|labels| known.has(labels));
    }
}

impl Known {
    fn new(names: &Names) -> Self {
        let mut rules = HashSet::new();
        for (route, of_route) in &names.routes {
            if names.names_each_rule() {
                rules.extend(of_route.iter().map(|rule| (route.clone(), rule.clone())));
            } else {
                rules.insert((route.clone(), ANY_RULE.to_owned()));
            }
        }
        let provider = |at| names.provider_of(at).unwrap_or(NONE).to_owned();
        let models = names.models.iter().enumerate();
        Self {
            rules,
            models: models.map(|(at, (name, _))| (name.clone(), provider(at))).collect(),
            providers: names.providers.iter().cloned().collect(),
            tenants: names.tenants.iter().cloned().collect(),
        }
    }

    /// Whether all that these labels name is declared, or stands for nothing.
    fn has(&self, labels: &HashMap<&str, &str>) -> bool {
        let get = |label| labels.get(label).copied().filter(|value| *value != NONE);
        let rule = match (get("route"), get("rule")) {
            (Some(route), Some(rule)) => self.rules.contains(&(route.to_owned(), rule.to_owned())),
            _ => true,
        };
        let model = match (get("model"), get("provider")) {
            (Some(model), Some(provider)) => self.models.get(model).is_some_and(|known| known == provider),
            (Some(model), None) => self.models.contains_key(model),
            (None, Some(provider)) => self.providers.contains(provider),
            (None, None) => true,
        };
        let tenant = get("tenant").is_none_or(|tenant| tenant == DEFAULT_TENANT || self.tenants.contains(tenant));
        rule && model && tenant
    }
}
