//! Step 4: which rule, which attempts; and what is needed to walk through them.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accept::Exchange;
use super::settle::Trail;
use crate::compile::Scratch;
use crate::dsl::policy::CacheOptions;
use crate::engine::{Exhausted, Skipped, Walk};
use crate::gateway::live::Live;
use crate::gateway::rejection::{GatewayError, Tried};

/// Scratches that a thread keeps. More are under way at a time only under heavy load.
const KEPT_SCRATCHES: usize = 64;

thread_local! {
    static SCRATCHES: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// A scratch of this thread's pool; it goes back when it is dropped, so that decisions allocate
/// nothing after the first ones.
#[derive(Debug, Default)]
pub(super) struct Lent(pub(super) Scratch);

impl Lent {
    pub(super) fn take() -> Self {
        Self(SCRATCHES.with_borrow_mut(Vec::pop).unwrap_or_default())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let scratch = std::mem::take(&mut self.0);
        // At the end of a thread there is no pool any more.
        let _kept = SCRATCHES.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEPT_SCRATCHES {
                pool.push(scratch);
            }
        });
    }
}

/// What the decision sets for the attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// the end of all attempts together
    pub(super) deadline: Instant,
    /// until the first content of one attempt of a stream
    pub(super) first_content: Duration,
    /// until the whole of one attempt's other answer; None: the deadline alone
    pub(super) whole: Option<Duration>,
    /// how answers are cached; None: they are not
    pub(super) cache: Option<CacheOptions>,
}

impl Limits {
    pub(super) fn of(exchange: &Exchange, walk: &Walk<'_>) -> Self {
        let (options, timings) = (walk.options(), &exchange.entry.app.config.timings);
        Self {
            deadline: exchange.entry.begun + options.deadline.unwrap_or(timings.deadline),
            first_content: options.timeout.unwrap_or(timings.first_content),
            whole: options.timeout,
            cache: options.cache.filter(|cache| !cache.ttl.is_zero()),
        }
    }

    /// When an attempt that begins now has to have its first content, or to be whole.
    pub(super) fn attempt_ends(&self, stream: bool) -> Instant {
        let limit = if stream { Some(self.first_content) } else { self.whole };
        limit.map_or(self.deadline, |limit| (Instant::now() + limit).min(self.deadline))
    }
}

/// Writes down where the walk stands. A walk that enters another route decides again.
pub(super) fn note(walk: &mut Walk<'_>, live: &Live, trail: &mut Trail) {
    for (route, rule) in walk.take_failed_conditions() {
        live.metrics.condition_error(route.0, rule);
    }
    let Some((route, rule)) = walk.rule() else { return };
    if trail.decision.as_ref().is_some_and(|(known, known_rule, _)| (*known, *known_rule) == (route, rule)) {
        return;
    }
    trail.decision = Some((route, rule, Arc::from(walk.decision())));
    trail.label = walk.options().label.map(Arc::from);
}

/// Why nobody is left, when nothing was sent.
pub(super) fn nobody(walk: &Walk<'_>, live: &Live, exhausted: Exhausted) -> GatewayError {
    let decision = walk.decision();
    let skipped = passed_over(walk, live, |skipped| skipped.reason.to_string());
    if exhausted.live {
        let retry_after = exhausted.retry_after_ms.map(Duration::from_millis);
        GatewayError::Unavailable { decision, skipped, retry_after }
    } else {
        let helped = |skipped: &Skipped| skipped.reason.help(&live.target(skipped.model)?.name);
        let hint = walk.skipped().iter().find_map(helped).unwrap_or_default();
        GatewayError::Unservable { decision, skipped, hint }
    }
}

/// Whoever was passed over, for a client to read beside those that failed.
pub(super) fn skipped(walk: &Walk<'_>, live: &Live) -> Vec<Tried> {
    passed_over(walk, live, |skipped| format!("skipped: {}", skipped.reason))
}

/// Whoever was passed over; the same reason once each.
fn passed_over(walk: &Walk<'_>, live: &Live, reason: fn(&Skipped) -> String) -> Vec<Tried> {
    let mut all: Vec<Tried> = Vec::new();
    for skipped in walk.skipped() {
        let Some(target) = live.target(skipped.model) else { continue };
        let one = Tried::skipped(&target.name, reason(skipped));
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}
