//! Every metric that there is: name, help, labels, buckets.

use std::collections::HashMap;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// From a cached answer to the longest deadline.
const DURATION_BUCKETS_S: &[f64] =
    &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// First tokens come sooner than whole answers.
const FIRST_TOKEN_BUCKETS_S: &[f64] = &[0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0];
/// Our own time: tens of microseconds when all is well.
const OVERHEAD_BUCKETS_S: &[f64] =
    &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];
/// A decision: below a microsecond for a small policy.
const DECISION_BUCKETS_S: &[f64] =
    &[0.000_000_5, 0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_025, 0.000_1, 0.000_5, 0.001, 0.01];

/// The metric families.
#[derive(Clone, Debug)]
pub(super) struct Families {
    pub registry: Registry,
    pub requests: IntCounterVec,
    pub request_duration: HistogramVec,
    pub upstream_duration: HistogramVec,
    pub first_token: HistogramVec,
    pub overhead: Histogram,
    pub decision: Histogram,
    pub attempts: IntCounterVec,
    pub errors: IntCounterVec,
    pub tokens: IntCounterVec,
    pub cost_usd: CounterVec,
    pub unpriced: IntCounterVec,
    pub token_counts: IntCounterVec,
    pub cache_requests: IntCounterVec,
    pub cache_bytes: IntGauge,
    pub condition_errors: IntCounterVec,
    pub streams_open: IntGauge,
    pub policy_info: IntGaugeVec,
    pub policy_reloads: IntCounterVec,
}

/// Registers families one by one; the labels stand beside the help.
struct Register<'a>(&'a Registry);

impl Register<'_> {
    fn add<C: Collector + Clone + 'static>(&self, collector: prometheus::Result<C>) -> prometheus::Result<C> {
        let collector = collector?;
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn histograms(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(HistogramVec::new(options, &["model", "provider"]))
    }

    fn cost(&self) -> prometheus::Result<CounterVec> {
        let options = Opts::new("ccr_cost_usd_total", "What answers cost, in US dollars.");
        self.add(CounterVec::new(options, &["model", "provider", "tenant"]))
    }

    fn token_counts(&self) -> prometheus::Result<IntCounterVec> {
        self.counters("ccr_token_counts_total", "Requests to count tokens, by who counted.", &["protocol", "by"])
    }

    fn policy_info(&self) -> prometheus::Result<IntGaugeVec> {
        let options = Opts::new("ccr_policy_info", "1 for the policy in use, by its digest.");
        self.add(IntGaugeVec::new(options, &["digest"]))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(name, help))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }
}

impl Families {
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Self::register(registry)
    }

    fn register(registry: Registry) -> prometheus::Result<Self> {
        let all = Register(&registry);
        Ok(Self {
            requests: all.counters(
                "ccr_requests_total",
                "Requests that ended. Before a decision route, rule, model and provider are none.",
                &["route", "rule", "model", "provider", "protocol", "outcome"],
            )?,
            request_duration: all.histograms(
                "ccr_request_duration_seconds",
                "From the head of a request to the last byte of its answer.",
                DURATION_BUCKETS_S,
            )?,
            upstream_duration: all.histograms(
                "ccr_upstream_duration_seconds",
                "One attempt, from sending to its last byte.",
                DURATION_BUCKETS_S,
            )?,
            first_token: all.histograms(
                "ccr_time_to_first_token_seconds",
                "From the head of a request to the first content of a stream that an upstream gave for it.",
                FIRST_TOKEN_BUCKETS_S,
            )?,
            overhead: all.histogram(
                "ccr_overhead_seconds",
                "Our own time before a request goes out: from its last byte to the sending of its first attempt.",
                OVERHEAD_BUCKETS_S,
            )?,
            decision: all.histogram(
                "ccr_decision_duration_seconds",
                "A request's first decision: which rule holds, with reading the facts that this takes.",
                DECISION_BUCKETS_S,
            )?,
            attempts: all.counters(
                "ccr_attempts_total",
                "Attempts by how they ended: ok, cancelled, client_error, or the kind of failure.",
                &["model", "provider", "outcome"],
            )?,
            errors: all.counters("ccr_errors_total", "Failed attempts by kind.", &["provider", "kind"])?,
            tokens: all.counters(
                "ccr_tokens_total",
                "Tokens by what they were used for; reported by the provider or estimated here.",
                &["model", "kind", "source"],
            )?,
            cost_usd: all.cost()?,
            unpriced: all.counters(
                "ccr_unpriced_requests_total",
                "Answers of models that have no price in the policy.",
                &["model", "provider"],
            )?,
            token_counts: all.token_counts()?,
            cache_requests: all.counters(
                "ccr_cache_requests_total",
                "Requests that a cache was set for, by what it did for them.",
                &["result"],
            )?,
            cache_bytes: all.gauge("ccr_cache_bytes", "Size of all cached answers, in bytes.")?,
            condition_errors: all.counters(
                "ccr_condition_errors_total",
                "Conditions that failed while they were evaluated.",
                &["route", "rule"],
            )?,
            streams_open: all.gauge("ccr_streams_open", "Streams under way to clients.")?,
            policy_info: all.policy_info()?,
            policy_reloads: all.counters("ccr_policy_reloads_total", "Policy reloads by outcome.", &["outcome"])?,
            registry,
        })
    }

    /// Name and labels of every family of ours.
    pub(super) fn described(&self) -> Vec<(String, Vec<String>)> {
        let all: [&dyn Collector; 18] = [
            &self.requests,
            &self.request_duration,
            &self.upstream_duration,
            &self.first_token,
            &self.overhead,
            &self.decision,
            &self.attempts,
            &self.errors,
            &self.tokens,
            &self.cost_usd,
            &self.unpriced,
            &self.token_counts,
            &self.cache_requests,
            &self.cache_bytes,
            &self.condition_errors,
            &self.streams_open,
            &self.policy_info,
            &self.policy_reloads,
        ];
        let described = all.iter().flat_map(|family| family.desc());
        described.map(|family| (family.fq_name.clone(), family.variable_labels.clone())).collect()
    }

    /// Removes the series that `keep` does not want, of every family whose labels name what a
    /// policy declares.
    pub(super) fn retain(&self, keep: &dyn Fn(&HashMap<&str, &str>) -> bool) {
        retain(&self.requests, keep);
        retain(&self.request_duration, keep);
        retain(&self.upstream_duration, keep);
        retain(&self.first_token, keep);
        retain(&self.attempts, keep);
        retain(&self.errors, keep);
        retain(&self.tokens, keep);
        retain(&self.cost_usd, keep);
        retain(&self.unpriced, keep);
        retain(&self.condition_errors, keep);
    }
}

fn retain<B: MetricVecBuilder>(family: &MetricVec<B>, keep: &dyn Fn(&HashMap<&str, &str>) -> bool)
where
    MetricVec<B>: Collector,
{
    for collected in family.collect() {
        for metric in collected.get_metric() {
            let labels = metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if !keep(&labels) {
                // It is gone already when another reload was quicker.
                let _ = family.remove(&labels);
            }
        }
    }
}
