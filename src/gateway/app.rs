//! What all requests share.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use chrono::{DateTime, Utc};

use super::config::Config;
use super::guard::Names;
use super::live::Live;
use super::phases::Answers;
use super::phases::settle::PROTOCOLS;
use super::recorder::Recorder;
use super::reload::ReloadState;
use crate::bounds::{CACHE_BYTES, MAX_CACHED_ANSWER_BYTES};
use crate::cache::{self, Cache};
use crate::dsl::policy::{Options, Policy, ProviderKind};
use crate::metrics::{Metrics, MetricsError, Vocabulary};
use crate::mock::{self, Knobs, Mock, MockError};
use crate::sessions::Sessions;
use crate::upstream::FailureKind;

/// The gateway's own state.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) names: Names,
    pub(crate) live: ArcSwapOption<Live>,
    pub(crate) reload_state: ArcSwap<ReloadState>,
    pub(crate) cache: ArcSwap<Cache<Answers>>,
    pub(crate) sessions: Sessions,
    pub(crate) metrics: Metrics,
    pub(crate) mocks: Mocks,
    /// None: requests are not recorded
    pub(crate) recorder: Option<Recorder>,
    pub(crate) begun: Instant,
    pub(crate) begun_at: DateTime<Utc>,
}

impl App {
    /// Without a policy, yet. Nobody listens yet.
    ///
    /// # Errors
    /// When a metric cannot be registered.
    pub(crate) fn new(config: Config, recorder: Option<Recorder>) -> Result<Self, MetricsError> {
        Ok(Self {
            names: Names::new(config.listen, &config.hosts),
            config,
            live: ArcSwapOption::empty(),
            reload_state: ArcSwap::from_pointee(ReloadState::new("started")),
            cache: ArcSwap::from_pointee(Cache::new(cache_limits(&Options::default()))),
            sessions: Sessions::default(),
            metrics: Metrics::new(Vocabulary { protocols: PROTOCOLS, failures: failure_names() })?,
            mocks: Mocks::default(),
            recorder,
            begun: Instant::now(),
            begun_at: Utc::now(),
        })
    }

    /// Puts a policy in use. Requests under way keep theirs.
    pub(crate) fn use_policy(&self, live: Live) {
        self.mocks.use_policy(live.policy());
        let limits = cache_limits(&live.policy().defaults);
        if self.cache.load().limits() != limits {
            self.cache.store(Arc::new(Cache::new(limits)));
        }
        self.metrics.use_policy(&live.metrics);
        self.live.store(Some(Arc::new(live)));
    }
}

/// The names of failures, by their numbers.
fn failure_names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| FailureKind::ALL.map(FailureKind::name).to_vec());
    &NAMES
}

fn cache_limits(defaults: &Options) -> cache::Limits {
    cache::Limits {
        max_answer: defaults.max_answer.unwrap_or(MAX_CACHED_ANSWER_BYTES),
        cache_size: defaults.cache_size.unwrap_or(CACHE_BYTES),
    }
}

/// The built-in fake upstream, started when a policy first names one.
#[derive(Debug, Default)]
pub(crate) struct Mocks {
    running: Mutex<Option<(tokio::runtime::Runtime, Mock)>>,
}

impl Mocks {
    /// Where it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn address(&self) -> Result<SocketAddr, MockError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, mock)) = running.as_ref() {
            return Ok(mock.addr);
        }
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("mock")
            .enable_all()
            .build()
            .map_err(|source| MockError::Listen { address: nowhere, source })?;
        let mock = runtime.block_on(mock::spawn(nowhere, Vec::new()))?;
        let address = mock.addr;
        *running = Some((runtime, mock));
        Ok(address)
    }

    fn use_policy(&self, policy: &Policy) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, mock)) = running.as_ref() {
            let mocks = policy.providers.iter().filter(|provider| provider.kind == ProviderKind::Mock);
            mock.replace(mocks.map(|provider| (provider.name.clone(), Knobs::from(&provider.mock))).collect());
        }
    }
}

impl Drop for Mocks {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((runtime, mock)) = running {
            drop(mock);
            runtime.shutdown_background();
        }
    }
}
