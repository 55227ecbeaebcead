//! What holds for a rule: its own `with`, else its route's fields, else those of the rule that
//! led to the route, and so on outwards, else `defaults`.

use std::time::Duration;

use super::cursor::Frame;
use crate::dsl::policy::{CacheOptions, Options, Policy};

/// The options that hold for a decision. None: nobody says, the program's default holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effective<'p> {
    /// how answers are cached
    pub cache: Option<CacheOptions>,
    /// until the first content of a stream or the whole of another answer, over all attempts
    pub deadline: Option<Duration>,
    /// until the first content of one attempt
    pub timeout: Option<Duration>,
    /// a word for logs and traces
    pub label: Option<&'p str>,
}

impl<'p> Effective<'p> {
    /// The options of the innermost frame's rule.
    pub(super) fn of(policy: &'p Policy, path: &[Frame]) -> Self {
        let mut effective = Self::default();
        for frame in path.iter().rev() {
            let Some(route) = policy.routes.get(frame.route.index()) else { continue };
            if let Some(rule) = route.rules.get(frame.rule as usize) {
                effective.fill(&rule.options);
            }
            effective.fill(&route.options);
        }
        effective.fill(&policy.defaults);
        effective
    }

    fn fill(&mut self, from: &'p Options) {
        self.cache = self.cache.or(from.cache);
        self.deadline = self.deadline.or(from.deadline);
        self.timeout = self.timeout.or(from.timeout);
        self.label = self.label.or(from.label.as_deref());
    }
}
