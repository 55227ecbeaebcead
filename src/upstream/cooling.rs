//! What is remembered of one model at one provider, across reloads: how long it wants to be left
//! alone, and how long its answers are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::gemini::ModelUrls;
use crate::bounds::MAX_COOL_DOWN;

/// Answers that must have been seen before their mean says anything.
const ENOUGH_ANSWERS: u64 = 20;

/// One model at one provider. Reading and writing it takes no lock.
#[derive(Debug)]
pub struct ModelLink {
    /// where it is asked in Gemini's protocol, which has its name in the address
    pub(super) gemini: Option<ModelUrls>,
    born: Instant,
    /// milliseconds after `born` until which it is skipped
    until_ms: AtomicU64,
    answers: AtomicU64,
    output_tokens: AtomicU64,
}

impl Default for ModelLink {
    fn default() -> Self {
        let none = || AtomicU64::new(0);
        Self { gemini: None, born: Instant::now(), until_ms: none(), answers: none(), output_tokens: none() }
    }
}

impl ModelLink {
    /// A model that nobody has asked yet.
    pub(super) fn new(gemini: Option<ModelUrls>) -> Self {
        Self { gemini, ..Self::default() }
    }

    /// Skips the model for `wait` from now on, at most [`MAX_COOL_DOWN`]. A longer wait that
    /// already runs stays.
    pub fn cool(&self, now: Instant, wait: Duration) {
        let until = now.saturating_duration_since(self.born).saturating_add(wait.min(MAX_COOL_DOWN));
        self.until_ms.fetch_max(millis(until), Ordering::Relaxed);
    }

    /// Milliseconds for which it is still skipped; 0: it is not.
    #[must_use]
    pub fn cooling_ms(&self, now: Instant) -> u64 {
        let until = self.until_ms.load(Ordering::Relaxed);
        if until == 0 { 0 } else { until.saturating_sub(millis(now.saturating_duration_since(self.born))) }
    }

    /// Remembers the length of an answer.
    pub fn answered(&self, output_tokens: u64) {
        self.output_tokens.fetch_add(output_tokens, Ordering::Relaxed);
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// The mean of its answers' output tokens, once enough of them have been seen.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean of token counts needs no 53 bits")]
    pub fn mean_output_tokens(&self) -> Option<f64> {
        let answers = self.answers.load(Ordering::Relaxed);
        (answers >= ENOUGH_ANSWERS).then(|| self.output_tokens.load(Ordering::Relaxed) as f64 / answers as f64)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cools_and_warms_again() {
        let link = ModelLink::default();
        let at = |seconds| link.born + Duration::from_secs(seconds);
        assert_eq!(link.cooling_ms(at(0)), 0);
        link.cool(at(10), Duration::from_secs(5));
        assert_eq!(link.cooling_ms(at(12)), 3_000);
        link.cool(at(12), Duration::from_secs(1));
        assert_eq!(link.cooling_ms(at(12)), 3_000, "the longer wait stays");
        assert_eq!(link.cooling_ms(at(15)), 0);
        link.cool(at(20), Duration::from_secs(86_400));
        assert_eq!(link.cooling_ms(at(20)), 300_000, "bounded");
    }

    #[test]
    fn a_mean_needs_twenty_answers() {
        let link = ModelLink::default();
        for number in 1..=20 {
            assert_eq!(link.mean_output_tokens(), None);
            link.answered(number * 10);
        }
        assert_eq!(link.mean_output_tokens(), Some(105.0));
    }
}
