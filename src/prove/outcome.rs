//! What a way through the rules comes to, in names: two ways with the same text treat a request
//! the same, whatever the rules are called.

use std::fmt::Write as _;

use crate::dsl::expr::print::cel_text;
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Options, Policy, RouteId, Strategy};

/// Writes outcomes of one policy.
#[derive(Debug)]
pub(super) struct Outcomes<'p> {
    policy: &'p Policy,
}

impl<'p> Outcomes<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        Self { policy }
    }

    /// The attempts of a way, nested routes in the place where they are entered, and the options
    /// that change what happens.
    pub(super) fn of(&self, decisions: &[(RouteId, usize)]) -> String {
        let mut parts = Vec::new();
        for (at, (route, rule)) in decisions.iter().enumerate() {
            let route = self.policy.routes.get(route.index());
            let rule = route.and_then(|route| route.rules.get(*rule));
            // A split spreads its callers by the names of its route and rule.
            let seed = || Some(format!(" seeded by {}/{}", route?.name, rule?.name));
            let attempts = rule.map(|rule| rule.attempts.as_slice()).unwrap_or_default();
            let entered = decisions.get(at + 1).map(|(route, _)| *route);
            for attempt in attempts {
                match (&attempt.kind, entered) {
                    (AttemptKind::Route(id), Some(entered)) if *id == entered => {}
                    (AttemptKind::Split { .. }, _) => parts.push(self.attempt(attempt) + &seed().unwrap_or_default()),
                    _ => parts.push(self.attempt(attempt)),
                }
            }
        }
        let mut text = parts.join(" then ");
        let options = self.options(decisions);
        if !options.is_empty() {
            let _ = write!(text, " with {{ {} }}", options.join(", "));
        }
        text
    }

    fn attempt(&self, attempt: &Attempt) -> String {
        match &attempt.kind {
            AttemptKind::Model(id) => self.name(*id).to_owned(),
            AttemptKind::Pool(id) => {
                let members = self.policy.pools.get(id.index()).map(|pool| pool.models.as_slice());
                self.choice("first", members.unwrap_or_default(), "")
            }
            AttemptKind::Choice { strategy, set, filter, .. } => {
                let filter = filter.as_ref().map_or_else(String::new, |expr| format!(" where {}", cel_text(expr)));
                self.choice(word(*strategy), set, &filter)
            }
            AttemptKind::Split { arms, by } => {
                let arm = |arm: &crate::dsl::policy::Arm| format!("{}% {}", arm.percent, self.attempt(&arm.attempt));
                let arms: Vec<String> = arms.iter().map(arm).collect();
                let by = by.as_ref().map_or_else(String::new, |by| format!(" by {}", cel_text(by)));
                format!("split {{ {} }}{by}", arms.join(", "))
            }
            AttemptKind::Route(id) => {
                let name = self.policy.routes.get(id.index()).map_or("?", |route| &route.name);
                format!("route {name}")
            }
            AttemptKind::Reject { status, text } => {
                let text = text.as_ref().map_or_else(String::new, |text| format!(" {text:?}"));
                format!("reject {status}{text}")
            }
        }
    }

    /// A choice of one without a condition is that one.
    fn choice(&self, how: &str, set: &[ModelId], filter: &str) -> String {
        if let ([one], true) = (set, filter.is_empty()) {
            return self.name(*one).to_owned();
        }
        let names: Vec<&str> = set.iter().map(|id| self.name(*id)).collect();
        format!("{how} of [{}]{filter}", names.join(", "))
    }

    fn name(&self, id: ModelId) -> &'p str {
        self.policy.models.get(id.index()).map_or("?", |model| &model.name)
    }

    /// The options that hold at the end of a way: the innermost says.
    fn options(&self, decisions: &[(RouteId, usize)]) -> Vec<String> {
        let mut layers: Vec<&Options> = Vec::new();
        for (route, rule) in decisions.iter().rev() {
            let Some(route) = self.policy.routes.get(route.index()) else { continue };
            layers.extend(route.rules.get(*rule).map(|rule| &rule.options));
            layers.push(&route.options);
        }
        layers.push(&self.policy.defaults);
        let mut said = Vec::new();
        if let Some(cache) = layers.iter().find_map(|layer| layer.cache).filter(|cache| !cache.ttl.is_zero()) {
            said.push(format!("cache: {}s", cache.ttl.as_secs_f64()));
        }
        if let Some(deadline) = layers.iter().find_map(|layer| layer.deadline) {
            said.push(format!("deadline: {}s", deadline.as_secs_f64()));
        }
        if let Some(timeout) = layers.iter().find_map(|layer| layer.timeout) {
            said.push(format!("timeout: {}s", timeout.as_secs_f64()));
        }
        said
    }
}

/// The word for a strategy.
fn word(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::First => "first",
        Strategy::Cheapest => "cheapest",
        Strategy::Fastest => "fastest",
        Strategy::Best => "best",
        Strategy::Balanced => "balanced",
        Strategy::Idlest => "idlest",
        Strategy::Rotate => "rotate",
        Strategy::Adaptive => "adaptive",
    }
}
