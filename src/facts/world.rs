//! The live state of models, as plain values: a snapshot that the gateway takes once a request,
//! or what `state { … }` and `--state` say. Whoever decides reads this, never a clock or a lock.

/// One model's live state. The default is a model that is healthy, fast and idle.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// false: its breaker is open, it is skipped
    pub healthy: bool,
    /// milliseconds for which the model is still skipped after a 429 or 529; 0: not skipped
    pub cooling_ms: u64,
    /// share of failed attempts, 0.0 to 1.0
    pub error_rate: f64,
    /// median duration of an answer, milliseconds
    pub latency_p50_ms: i64,
    /// 95th percentile of the duration of an answer, milliseconds
    pub latency_p95_ms: i64,
    /// 95th percentile of the time to the first token, milliseconds
    pub ttft_p95_ms: i64,
    /// requests under way
    pub inflight: i64,
    /// share of its limit that is still free, 0.0 to 1.0
    pub headroom: f64,
    /// running mean of output tokens, once 20 answers have been seen
    pub mean_output_tokens: Option<f64>,
}

impl ModelState {
    /// A model that is healthy, fast and idle.
    pub const FRESH: Self = Self {
        healthy: true,
        cooling_ms: 0,
        error_rate: 0.0,
        latency_p50_ms: 0,
        latency_p95_ms: 0,
        ttft_p95_ms: 0,
        inflight: 0,
        headroom: 1.0,
        mean_output_tokens: None,
    };
}

impl Default for ModelState {
    fn default() -> Self {
        Self::FRESH
    }
}

/// The live state of every model of a policy, by the model's number in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// one entry a model; a missing entry means the default state
    pub models: Vec<ModelState>,
}

impl World {
    /// Every model healthy, fast and idle.
    #[must_use]
    pub fn fresh(models: usize) -> Self {
        Self { models: vec![ModelState::default(); models] }
    }

    /// The state of the model with this number.
    #[must_use]
    pub fn model(&self, number: usize) -> Option<&ModelState> {
        self.models.get(number)
    }
}
