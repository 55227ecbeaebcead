//! What a connection is doing and since when, and whether that has lasted too long.
//!
//! ```text
//! idle → head → busy → idle …        waiting for a request; reading its head; answering
//! ```
//!
//! Next to that: whether the client takes what is written. The connection's own task writes and
//! reads this; the atomics are only there because a task may move.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::gateway::config::Timings;

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;
/// a request has come, and nobody has looked at it
const TAKEN: u8 = 3;

/// One connection's state.
#[derive(Debug)]
pub(crate) struct Pulse {
    born: Instant,
    phase: AtomicU8,
    since_ms: AtomicU64,
    /// when the client stopped taking bytes, plus 1; 0: it takes them
    stalled_ms: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            phase: AtomicU8::new(IDLE),
            since_ms: AtomicU64::new(0),
            stalled_ms: AtomicU64::new(0),
        }
    }

    /// Bytes have come.
    pub(super) fn bytes_came(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.enter(HEAD);
        }
    }

    /// A request has come.
    pub(super) fn request_came(&self) {
        self.enter(TAKEN);
    }

    /// It is being answered.
    pub(super) fn began(&self) {
        self.enter(BUSY);
    }

    /// Whether a request has come that nobody has looked at.
    pub(super) fn is_taken(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == TAKEN
    }

    /// The answer has been handed over, whole.
    pub(super) fn answered(&self) {
        self.enter(IDLE);
    }

    /// Bytes were written (`true`) or could not be written now (`false`).
    pub(super) fn wrote(&self, taken: bool) {
        let stalled = self.stalled_ms.load(Ordering::Relaxed);
        if taken && stalled != 0 {
            self.stalled_ms.store(0, Ordering::Relaxed);
        } else if !taken && stalled == 0 {
            self.stalled_ms.store(self.now_ms().saturating_add(1), Ordering::Relaxed);
        }
    }

    /// How long until the next look; `None` when the connection has to be closed.
    pub(super) fn next_look(&self, timings: &Timings) -> Option<Duration> {
        let now = self.now_ms();
        let left = |since: u64, limit: Duration| {
            let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            since.saturating_add(limit).checked_sub(now).filter(|left| *left > 0)
        };
        let since = self.since_ms.load(Ordering::Relaxed);
        // The phase may change unseen: look twice in the shortest limit.
        let mut look = u64::try_from(timings.request_head.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        match self.phase.load(Ordering::Relaxed) {
            IDLE => look = look.min(left(since, timings.keep_alive)?),
            HEAD => look = look.min(left(since, timings.request_head)?),
            _ => {}
        }
        if let Some(stalled) = self.stalled_ms.load(Ordering::Relaxed).checked_sub(1) {
            look = look.min(left(stalled, timings.client_stall)?);
        }
        Some(Duration::from_millis(look))
    }

    fn enter(&self, phase: u8) {
        self.since_ms.store(self.now_ms(), Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
