//! What a way through the rules comes to, in names: two ways with the same text treat a request
//! the same, whatever the rules are called.

use std::time::Duration;

use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Options, Policy, RouteId, Rule};
use crate::engine::describe;

/// What a way comes to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// the attempts: `a then b`
    pub(super) target: String,
    /// the options that hold, such as `deadline: 10s`
    pub(super) options: Vec<String>,
}

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
    pub(super) fn of(&self, decisions: &[(RouteId, usize)]) -> Outcome {
        let mut parts = Vec::new();
        for (at, place) in decisions.iter().enumerate() {
            let rule = self.rule(*place);
            let entered = decisions.get(at + 1).map(|(route, _)| *route);
            for attempt in rule.map(|rule| rule.attempts.as_slice()).unwrap_or_default() {
                match (&attempt.kind, entered) {
                    (AttemptKind::Route(id), Some(entered)) if *id == entered => {}
                    (AttemptKind::Split { .. }, _) => parts.push(self.attempt(attempt) + &self.seed(*place)),
                    _ => parts.push(self.attempt(attempt)),
                }
            }
        }
        Outcome { target: parts.join(" then "), options: self.options(decisions) }
    }

    /// The splits that this way goes through, each with the route that its arm leads to. `by` is what
    /// such a caller is spread by. Whoever comes to the same split goes through the same arm.
    pub(super) fn arms(&self, decisions: &[(RouteId, usize)], by: &dyn Fn(&Expr) -> Expr) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (at, place) in decisions.iter().enumerate() {
            // Whoever is led to no route stays with the rule.
            let entered = decisions.get(at + 1).map_or("", |(route, _)| self.route(*route));
            for attempt in self.rule(*place).map(|rule| rule.attempts.as_slice()).unwrap_or_default() {
                if let AttemptKind::Split { by: text, .. } = &attempt.kind {
                    let value = text.as_ref().map_or_else(String::new, |text| cel_text(&by(text)));
                    let split = format!("{}{} {value}", self.attempt(attempt), self.seed(*place));
                    found.push((split, entered.to_owned()));
                }
            }
        }
        found
    }

    /// Whether some callers stay with the last rule although it leads others to a route.
    pub(super) fn may_stay(&self, decisions: &[(RouteId, usize)]) -> bool {
        let rule = decisions.last().and_then(|place| self.rule(*place));
        let stays = |attempt: &Attempt| match &attempt.kind {
            AttemptKind::Split { arms, .. } => {
                arms.iter().any(|arm| arm.percent > 0.0 && !matches!(arm.attempt.kind, AttemptKind::Route(_)))
            }
            _ => false,
        };
        rule.and_then(|rule| rule.attempts.last()).is_some_and(stays)
    }

    fn rule(&self, (route, rule): (RouteId, usize)) -> Option<&'p Rule> {
        self.policy.routes.get(route.index())?.rules.get(rule)
    }

    /// A split spreads its callers by the names of its route and rule.
    fn seed(&self, place: (RouteId, usize)) -> String {
        let rule = self.rule(place).map_or("?", |rule| &rule.name);
        format!(" seeded by {}/{rule}", self.route(place.0))
    }

    fn route(&self, id: RouteId) -> &'p str {
        self.policy.routes.get(id.index()).map_or("?", |route| &route.name)
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
                self.choice(describe::strategy(*strategy), set, &filter)
            }
            AttemptKind::Split { arms, by } => {
                let arm = |arm: &crate::dsl::policy::Arm| format!("{}% {}", arm.percent, self.attempt(&arm.attempt));
                let arms: Vec<String> = arms.iter().map(arm).collect();
                let by = by.as_ref().map_or_else(String::new, |by| format!(" by {}", cel_text(by)));
                format!("split {{ {} }}{by}", arms.join(", "))
            }
            AttemptKind::Route(id) => {
                format!("route {}", self.route(*id))
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

    /// The options that hold on a way. Each decision has its own, which hold for the attempts that it
    /// makes itself: a request keeps the shortest deadline of those it has come by, is cached as the
    /// first of them says, and an attempt takes the timeout of its own.
    fn options(&self, decisions: &[(RouteId, usize)]) -> Vec<String> {
        let last = decisions.len().saturating_sub(1);
        let tries = |attempt: &Attempt| match &attempt.kind {
            AttemptKind::Route(_) => false,
            AttemptKind::Split { arms, .. } => {
                arms.iter().any(|arm| !matches!(arm.attempt.kind, AttemptKind::Route(_)))
            }
            _ => true,
        };
        let counts = |at: &usize| {
            let rule = decisions.get(*at).and_then(|place| self.rule(*place));
            *at == last || rule.is_some_and(|rule| rule.attempts.iter().any(tries))
        };
        let layers: Vec<_> = (0..decisions.len())
            .filter(counts)
            .map(|at| self.layers(decisions.get(..=at).unwrap_or_default()))
            .collect();
        let cache = |options: &&Options| options.cache.map(|cache| cache.ttl);
        let said = [
            said("cache", &layers, &cache, "off"),
            said("deadline", &layers, &|options| options.deadline, "as the server says"),
            said("timeout", &layers, &|options| options.timeout, "as the server says"),
        ];
        said.into_iter().flatten().collect()
    }

    /// Who may say what holds for the last of these decisions, the innermost first.
    fn layers(&self, decisions: &[(RouteId, usize)]) -> Vec<&'p Options> {
        let mut layers: Vec<&Options> = Vec::new();
        for place in decisions.iter().rev() {
            layers.extend(self.rule(*place).map(|rule| &rule.options));
            layers.extend(self.policy.routes.get(place.0.index()).map(|route| &route.options));
        }
        layers.push(&self.policy.defaults);
        layers
    }
}

/// An option with its value for each decision, one where all are alike; None when nobody says it.
fn said(
    name: &str,
    layers: &[Vec<&Options>],
    value: &dyn Fn(&&Options) -> Option<Duration>,
    unsaid: &str,
) -> Option<String> {
    let values = layers.iter().map(|layers| layers.iter().find_map(value).filter(|time| !time.is_zero()));
    let mut values: Vec<Option<Duration>> = values.collect();
    if values.windows(2).all(|pair| matches!(pair, [one, other] if one == other)) {
        values.truncate(1);
    }
    values.iter().any(Option::is_some).then(|| {
        let texts = values.iter().map(|value| value.map_or_else(|| unsaid.to_owned(), time));
        format!("{name}: {}", texts.collect::<Vec<_>>().join(" and then "))
    })
}

/// A time as an author writes it.
fn time(time: Duration) -> String {
    let millis = time.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let unit = units.into_iter().find(|(_, size)| millis.is_multiple_of(*size));
    unit.map_or_else(|| format!("{millis}ms"), |(unit, size)| format!("{}{unit}", millis / size))
}
