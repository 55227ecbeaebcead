//! What a rule may take, and who says so: its own `with`, else its route, else `defaults`.

use std::time::Duration;

use crate::diag::Span;
use crate::dsl::policy::{Options, Policy, Route, Rule};

/// A declared limit, with the place of its value.
pub(super) type Declared<T> = Option<(T, Span)>;

/// The limits that hold for a rule; None: nobody says, and the program's own hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// until the first content, over all attempts
    pub(super) deadline: Declared<Duration>,
    /// until the first content of one attempt
    pub(super) timeout: Declared<Duration>,
    /// US dollars
    pub(super) max_cost: Declared<f64>,
}

impl Limits {
    pub(super) fn of(policy: &Policy, route: &Route, rule: &Rule) -> Self {
        Self::default().or(&rule.options).or(&route.options).or(&policy.defaults)
    }

    /// Filled up from further out.
    pub(super) fn or(self, options: &Options) -> Self {
        Self {
            deadline: self.deadline.or(options.deadline.zip(options.places.deadline)),
            timeout: self.timeout.or(options.timeout.zip(options.places.timeout)),
            max_cost: self.max_cost.or(options.max_cost.zip(options.places.max_cost)),
        }
    }
}

/// A time as an author writes it.
pub(super) fn shown(time: Duration) -> String {
    let millis = time.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}
