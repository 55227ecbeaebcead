//! What a mock has seen: counts, and the last requests when they are recorded.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderMap;

/// Requests that are kept when they are recorded.
const MAX_RECORDED: usize = 64;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// the path, query included
    pub path: String,
    /// all headers
    pub headers: HeaderMap,
    /// the body
    pub body: Bytes,
}

/// How many requests a mock has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// requests that came
    pub requests: u64,
    /// streams that are under way
    pub streams_open: u64,
    /// streams that went to their end, be it one that a knob set
    pub streams_finished: u64,
    /// streams whose client left before the end
    pub streams_abandoned: u64,
}

#[derive(Debug, Default)]
pub(super) struct Stats {
    requests: AtomicU64,
    streams_begun: AtomicU64,
    streams_finished: AtomicU64,
    streams_abandoned: AtomicU64,
    recorded: Mutex<VecDeque<Recorded>>,
}

impl Stats {
    /// Counts a request and gives its number, from 1.
    pub(super) fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn open(self: &Arc<Self>) -> Open {
        self.streams_begun.fetch_add(1, Ordering::Relaxed);
        Open { stats: Some(Arc::clone(self)) }
    }

    pub(super) fn counts(&self) -> Counts {
        let finished = self.streams_finished.load(Ordering::Relaxed);
        let abandoned = self.streams_abandoned.load(Ordering::Relaxed);
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            streams_open: self.streams_begun.load(Ordering::Relaxed).saturating_sub(finished + abandoned),
            streams_finished: finished,
            streams_abandoned: abandoned,
        }
    }

    pub(super) fn record(&self, request: Recorded) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() == MAX_RECORDED {
            recorded.pop_front();
        }
        recorded.push_back(request);
    }

    pub(super) fn recorded(&self) -> Vec<Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// A stream under way; when it is dropped before its end, the client has left.
#[derive(Debug)]
pub(super) struct Open {
    stats: Option<Arc<Stats>>,
}

impl Open {
    pub(super) fn finished(mut self) {
        if let Some(stats) = self.stats.take() {
            stats.streams_finished.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(stats) = self.stats.take() {
            stats.streams_abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}
