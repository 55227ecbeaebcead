//! Step 8: what a request was, what it took and what it cost, written down once, whatever
//! happened: to the metrics, the session memory, and one log line without any prompt text.
//!
//! Two accounts, both closed by being dropped if by nothing else: the client's request
//! ([`Account`]) and the call to an upstream ([`Call`]). They differ where a cache stands between
//! them: a hit is a request without a call, and one call may serve many requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::task::JoinHandle;

use super::accept::{Entry, Exchange};
use crate::dsl::policy::{ModelId, RouteId};
use crate::engine::price;
use crate::gateway::live::Target;
use crate::gateway::recorder::Finished;
use crate::gateway::rejection::{Fault, GatewayError};
use crate::metrics::{AttemptOutcome, CacheResult, Ended, OpenStream, Outcome, TokenKind, TokenSource};
use crate::protocol::{Protocol, Spent, Usage};
use crate::upstream::{Failure, FailureKind};

/// Longest text of a client that is logged (the model that it asked for).
const LOGGED_CHARACTERS: usize = 80;

/// The way of a request so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    /// route, rule, and both as text
    pub(crate) decision: Option<(RouteId, u32, Arc<str>)>,
    /// who answered, or was tried last
    pub(crate) model: Option<ModelId>,
    /// how many models were asked
    pub(crate) attempts: u32,
    /// the rule's `label`
    pub(crate) label: Option<Arc<str>>,
    /// what the attempt that was made last changed or left out; a good answer takes them along
    pub(crate) warnings: Vec<String>,
}

/// A client's request, from its head to its answer's last byte.
#[derive(Debug)]
pub(crate) struct Account {
    entry: Entry,
    protocol: Protocol,
    /// it asks for embeddings
    embeds: bool,
    /// the model that the client asked for
    asked: String,
    stream: bool,
    pub(crate) trail: Trail,
    pub(crate) cache: Option<CacheResult>,
    pub(crate) status: u16,
    pub(crate) usage: Option<Usage>,
    pub(crate) cost_usd: Option<f64>,
    first_content: Option<Instant>,
    open: Option<OpenStream>,
    outcome: Option<Outcome>,
    /// the request, where it is recorded
    recorded: Option<Arc<Exchange>>,
}

impl Account {
    pub(crate) fn open(entry: Entry, protocol: Protocol) -> Self {
        Self {
            entry,
            protocol,
            embeds: false,
            asked: String::new(),
            stream: false,
            trail: Trail::default(),
            cache: None,
            status: 0,
            usage: None,
            cost_usd: None,
            first_content: None,
            open: None,
            outcome: None,
            recorded: None,
        }
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// It is a request for embeddings.
    pub(crate) fn embeds(&mut self) {
        self.embeds = true;
    }

    /// Remembers what was asked for.
    pub(crate) fn asked(&mut self, exchange: &Arc<Exchange>) {
        self.asked = exchange.request.model().chars().take(LOGGED_CHARACTERS).collect();
        self.stream = exchange.request.stream();
        self.recorded = self.entry.app.recorder.is_some().then(|| Arc::clone(exchange));
    }

    /// The first content is on its way to the client.
    pub(crate) fn first_content(&mut self) {
        let now = Instant::now();
        self.first_content = Some(now);
        // A kept or shared answer says nothing about how soon a model speaks, a whole one neither.
        let own = !matches!(self.cache, Some(CacheResult::Hit | CacheResult::Shared));
        if let Some(model) = self.trail.model.filter(|_| self.stream && own) {
            let waited = now.saturating_duration_since(self.entry.begun);
            self.entry.live.metrics.first_token(model.0, waited);
        }
        if self.stream {
            self.open = Some(self.entry.app.metrics.stream());
        }
    }

    /// Closes it.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }

    /// Closes it with an error.
    pub(crate) fn end_with(mut self, error: &GatewayError) {
        self.status = error.status().as_u16();
        self.outcome = Some(match error.fault() {
            Fault::Client => Outcome::ClientError,
            Fault::Upstream => Outcome::UpstreamError,
            Fault::Policy => Outcome::Rejected,
            Fault::Us => Outcome::Internal,
        });
    }

    fn write(&self, outcome: Outcome) {
        let took = self.entry.begun.elapsed();
        let live = &self.entry.live;
        live.metrics.request(Ended {
            rule: self.trail.decision.as_ref().map(|(route, rule, _)| (route.0, *rule)),
            model: self.trail.model.map(|model| model.0),
            protocol: if self.embeds { EMBEDDINGS } else { protocol_number(self.protocol) },
            outcome,
            duration: took,
        });
        if let Some(cache) = self.cache {
            self.entry.app.metrics.cache(cache);
        }
        let target = self.trail.model.and_then(|model| live.target(model));
        let (tenant, key) = live.tenant(self.entry.caller);
        let usage = self.usage.as_ref();
        let millis = |instant: Instant| rounded_millis(instant.saturating_duration_since(self.entry.begun));
        tracing::info!(
            target: "ccr_policy::request",
            request_id = &*self.entry.request_id,
            outcome = outcome.name(),
            status = self.status,
            protocol = if self.embeds { "embeddings" } else { self.protocol.name() },
            stream = self.stream,
            asked = self.asked,
            decision = self.trail.decision.as_ref().map(|(_, _, text)| &**text),
            model = target.map(|target| &*target.name),
            provider = target.map(|target| &*target.provider),
            attempts = self.trail.attempts,
            cache = self.cache.map(CacheResult::name),
            label = self.trail.label.as_deref(),
            tenant = tenant.id,
            key = key.id,
            input_tokens = usage.map(|usage| usage.input),
            output_tokens = usage.map(|usage| usage.output),
            cost_usd = self.cost_usd.map(rounded_cost),
            first_content_ms = self.first_content.map(millis),
            duration_ms = rounded_millis(took),
        );
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Nobody closed it: the client left, or we fell over.
        let unforeseen = if std::thread::panicking() { Outcome::Internal } else { Outcome::Cancelled };
        let outcome = self.outcome.unwrap_or(unforeseen);
        self.write(outcome);
        if let (Some(recorder), Some(exchange)) = (&self.entry.app.recorder, self.recorded.take()) {
            recorder.offer(Finished {
                exchange,
                trail: self.trail.clone(),
                outcome,
                cached: matches!(self.cache, Some(CacheResult::Hit | CacheResult::Shared)),
                usage: self.usage,
                cost_usd: self.cost_usd,
            });
        }
    }
}

/// Milliseconds with three digits behind the point.
fn rounded_millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// US dollars to a billionth: sums of prices have a tail of digits that nobody asked for.
fn rounded_cost(usd: f64) -> f64 {
    (usd * 1e9).round() / 1e9
}

/// The number of a protocol in the metrics' vocabulary.
pub(crate) fn protocol_number(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Anthropic => 0,
        Protocol::Chat => 1,
        Protocol::Simple => 2,
        Protocol::Responses => 3,
        Protocol::Gemini => 4,
    }
}

/// The number of embeddings there, which are no protocol of their own.
const EMBEDDINGS: usize = 5;

/// The names by these numbers.
pub(crate) const PROTOCOLS: &[&str] = &["anthropic", "chat", "simple", "responses", "gemini", "embeddings"];

/// A call to an upstream, from sending to its last byte.
#[derive(Debug)]
pub(crate) struct Call {
    model: ModelId,
    exchange: Arc<Exchange>,
    sent: Instant,
    /// how long it took, once its last byte is there
    over: Option<Duration>,
    outcome: Option<AttemptOutcome>,
}

impl Call {
    pub(crate) fn begin(exchange: &Arc<Exchange>, model: ModelId) -> Self {
        Self { model, exchange: Arc::clone(exchange), sent: Instant::now(), over: None, outcome: None }
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.exchange.entry
    }

    pub(crate) fn model(&self) -> ModelId {
        self.model
    }

    fn target(&self) -> Option<&Target> {
        self.exchange.entry.live.target(self.model)
    }

    /// Closes it: it gave an answer, whole and good.
    pub(crate) fn end(mut self, spent: Spent) -> Settled {
        self.outcome = Some(AttemptOutcome::Ok);
        if let Some(target) = self.target() {
            target.endpoint.succeeded();
            target.link.answered(spent.usage.output);
        }
        self.settle(spent, true)
    }

    /// Closes it: it failed before any content.
    pub(crate) fn fail_early(mut self, failure: &Failure) {
        self.failed(failure);
    }

    /// Closes it: it failed in the middle. What it had used by then is paid.
    pub(crate) fn fail(mut self, failure: &Failure, spent: Spent) -> Settled {
        self.failed(failure);
        self.settle(spent, false)
    }

    fn failed(&mut self, failure: &Failure) {
        self.outcome = Some(AttemptOutcome::Failed(kind_number(failure.kind)));
        let Some(target) = self.target() else { return };
        target.endpoint.failed(failure, Utc::now());
        if failure.kind.is_limit()
            && let Some(wait) = failure.retry_after
        {
            target.link.cool(Instant::now(), wait);
        }
        let request_id = &*self.entry().request_id;
        let (model, provider, kind) = (&*target.name, &*target.provider, failure.kind.name());
        let (status, detail) = (failure.status, &*target.endpoint.masked(&failure.detail));
        if failure.kind.is_ours() {
            tracing::error!(
                request_id,
                model,
                provider,
                kind,
                status,
                detail,
                "an attempt failed, and will fail again until the policy or the key is mended: {failure}"
            );
        } else {
            tracing::warn!(request_id, model, provider, kind, status, detail, "an attempt failed: {failure}");
        }
        if !failure.said.is_empty() {
            let said = &*target.endpoint.masked(&failure.said);
            tracing::debug!(request_id, model, provider, kind, said, "what the provider said");
        }
    }

    /// Pays for what was used, aside when that takes long. The upstream is done with either way.
    fn settle(mut self, spent: Spent, good: bool) -> Settled {
        self.over = Some(self.sent.elapsed());
        if needs_count(&spent) && self.exchange.is_large() && tokio::runtime::Handle::try_current().is_ok() {
            // Detached: whoever waits for it may leave, the account is closed all the same.
            let work = tokio::task::spawn_blocking(move || self.settle_here(spent, good));
            return Settled::Later(work);
        }
        Settled::Now(self.settle_here(spent, good))
    }

    fn settle_here(&self, mut spent: Spent, good: bool) -> Paid {
        // Input that the provider did not count is counted here.
        if needs_count(&spent) {
            spent.usage.input = self.exchange.counted();
        }
        if good {
            remember(self.entry(), self.exchange.session_id.as_deref(), self.model, &spent.usage);
        }
        (spent, self.pay(spent))
    }

    /// Closes it: the client made a mistake, the upstream is well.
    pub(crate) fn client_error(mut self) {
        self.outcome = Some(AttemptOutcome::ClientError);
        if let Some(target) = self.target() {
            target.endpoint.succeeded();
        }
    }

    /// Pays for what a call had used when its client left.
    pub(crate) fn abandon(self, spent: Spent) {
        drop(self.settle(spent, false));
    }

    fn pay(&self, spent: Spent) -> Option<f64> {
        let usage = spent.usage;
        let source = |estimated| if estimated { TokenSource::Estimated } else { TokenSource::Reported };
        let (output, input) = (source(spent.estimated), source(needs_count(&spent)));
        let (metrics, model) = (&self.entry().live.metrics, self.model.0);
        for (kind, source, count) in [
            (TokenKind::Input, input, usage.input),
            (TokenKind::Output, output, usage.output),
            (TokenKind::CacheRead, input, usage.cache_read),
            (TokenKind::CacheWrite, input, usage.cache_write),
            (TokenKind::Reasoning, output, usage.reasoning),
        ] {
            metrics.tokens(model, kind, source, count);
        }
        let tokens = price::Tokens {
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
        };
        let price = self.target().and_then(|target| target.price);
        let cost = price::cost(price.as_ref(), &tokens);
        metrics.cost(model, self.entry().caller.tenant.map(|tenant| tenant.0), cost);
        cost
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(AttemptOutcome::Cancelled);
        let took = self.over.unwrap_or_else(|| self.sent.elapsed());
        self.entry().live.metrics.attempt(self.model.0, outcome, took);
    }
}

/// Whether the provider did not say what it read.
fn needs_count(spent: &Spent) -> bool {
    !spent.input_known
}

/// What a call used and what that cost in US dollars.
pub(crate) type Paid = (Spent, Option<f64>);

/// The end of a call's account.
#[derive(Debug)]
pub(crate) enum Settled {
    /// it is closed
    Now(Paid),
    /// tokens are still counted, aside
    Later(JoinHandle<Paid>),
}

impl Settled {
    /// Waits for it. `before` is what was known before it was counted.
    pub(crate) async fn wait(self, before: Spent) -> Paid {
        match self {
            Self::Now(paid) => paid,
            Self::Later(work) => work.await.unwrap_or((before, None)),
        }
    }
}

/// Remembers an answer in the conversation that it belongs to.
pub(crate) fn remember(entry: &Entry, session: Option<&str>, model: ModelId, usage: &Usage) {
    if let (Some(session), Some(target)) = (session, entry.live.target(model)) {
        entry.app.sessions.answered(entry.tenant_name(), session, usage.input_total(), &target.name);
    }
}

fn kind_number(kind: FailureKind) -> usize {
    kind as usize
}
