//! P0507: what a rule may come to at worst, above a limit that the policy sets.
//!
//! The worst case is what is declared: every attempt is made once and fails, each takes its timeout and
//! costs a full context and a full answer; of a choice or a split the worst member counts. What a route
//! that is entered may come to is added.

use std::time::Duration;

use super::limits::{Limits, shown};
use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, Rule};

/// Routes that are entered one from another, at most; a cycle is an error already.
const MAX_ENTERED: usize = 64;

/// What may be needed at worst. None: something that it depends on is not declared.
#[derive(Clone, Copy, Debug)]
struct Worst {
    attempts: usize,
    time: Option<Duration>,
    dollars: Option<f64>,
}

const NOTHING: Worst = Worst { attempts: 0, time: Some(Duration::ZERO), dollars: Some(0.0) };

/// Stated limits, and how many of them are proved to be kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    stated: [usize; 2],
    kept: [usize; 2],
}

impl Kept {
    fn note(&mut self, limit: usize, kept: bool) {
        for (counts, more) in [(&mut self.stated, true), (&mut self.kept, kept)] {
            if let Some(count) = counts.get_mut(limit) {
                *count = count.saturating_add(usize::from(more));
            }
        }
    }

    /// A deadline that cannot be kept, as another check has found.
    pub(super) fn broken_deadline(&mut self) {
        self.note(0, false);
    }

    /// A line for each limit that is kept wherever it is stated.
    pub(super) fn lines(self) -> Vec<String> {
        let words = [
            "proved: all attempts of every rule fit its deadline",
            "proved: no request costs more than its `max_cost`",
        ];
        let all = self.stated.into_iter().zip(self.kept).zip(words);
        all.filter(|((stated, kept), _)| *stated > 0 && stated == kept).map(|(_, line)| line.to_owned()).collect()
    }
}

/// Reports a rule whose worst case is above its deadline or its `max_cost`, or whose cost nobody can
/// know although it is limited. An attempt without a timeout ends with the deadline at the latest.
pub(super) fn check(policy: &Policy, rule: &Rule, limits: &Limits, kept: &mut Kept, findings: &mut Vec<Diagnostic>) {
    let (deadline, most) = (limits.deadline, limits.max_cost);
    if deadline.is_none() && most.is_none() {
        return;
    }
    let worst = of_rule(policy, rule, limits, Duration::ZERO, 0);
    if let Some((deadline, _)) = deadline {
        kept.note(0, worst.time.is_some_and(|time| time <= deadline));
    }
    if let Some((most, at)) = most {
        kept.note(1, worst.dollars.is_some_and(|dollars| dollars <= most));
        if worst.dollars.is_none() {
            let message = format!("what a request of rule `{}` may cost is not known", rule.name);
            findings.push(
                Diagnostic::new(Code::P0507, rule.span, message)
                    .label("one of its models lacks `price`, `context` or `output`")
                    .also(at, format!("at most ${most:.2} is allowed"))
                    .help("declare all three for every model that it may try"),
            );
        }
    }
    let attempts = format!("{} attempt{}", worst.attempts, if worst.attempts == 1 { "" } else { "s" });
    if let (Some((deadline, at)), Some(time)) = (deadline, worst.time)
        && time > deadline
    {
        let message = format!("rule `{}` may need {} for {attempts}", rule.name, shown(time));
        findings.push(
            Diagnostic::new(Code::P0507, rule.span, message)
                .label("its last attempt may be cut short")
                .also(at, format!("all attempts together get {}", shown(deadline)))
                .help("raise the deadline, shorten the timeout, or try fewer models"),
        );
    }
    if let (Some((most, at)), Some(dollars)) = (most, worst.dollars)
        && dollars > most
    {
        let message = format!("one request of rule `{}` may cost ${dollars:.2} in {attempts}", rule.name);
        findings.push(
            Diagnostic::new(Code::P0507, rule.span, message)
                .label("with full contexts and full answers")
                .also(at, format!("at most ${most:.2} is allowed"))
                .help("raise the limit, try fewer models, or cheaper ones"),
        );
    }
}

/// What a rule may need after `spent`, the time that the rules before it may have taken.
fn of_rule(policy: &Policy, rule: &Rule, limits: &Limits, spent: Duration, depth: usize) -> Worst {
    rule.attempts.iter().fold(NOTHING, |sum, attempt| {
        let spent = spent.saturating_add(sum.time.unwrap_or_default());
        add(sum, of_attempt(policy, attempt, limits, spent, depth))
    })
}

fn of_attempt(policy: &Policy, attempt: &Attempt, limits: &Limits, spent: Duration, depth: usize) -> Worst {
    let timeout = limits.timeout.map(|(timeout, _)| timeout);
    let one = |id: &ModelId| Worst { attempts: 1, time: timeout, dollars: dollars(policy, *id) };
    match &attempt.kind {
        AttemptKind::Model(id) => one(id),
        AttemptKind::Pool(id) => {
            let members = policy.pools.get(id.index()).map(|pool| pool.models.as_slice()).unwrap_or_default();
            members.iter().map(one).fold(NOTHING, greater)
        }
        AttemptKind::Choice { set, .. } => set.iter().map(one).fold(NOTHING, greater),
        AttemptKind::Split { arms, .. } => {
            arms.iter().map(|arm| of_attempt(policy, &arm.attempt, limits, spent, depth)).fold(NOTHING, greater)
        }
        AttemptKind::Route(id) => {
            let Some(route) = policy.routes.get(id.index()).filter(|_| depth < MAX_ENTERED) else { return NOTHING };
            let entered = |rule: &Rule| {
                let inner = Limits::default().or(&rule.options).or(&route.options);
                let shorter = Limits { timeout: inner.timeout.or(limits.timeout), ..*limits };
                let mut worst = of_rule(policy, rule, &shorter, spent, depth.saturating_add(1));
                // Its own deadline, from the request's beginning too, may end it earlier, and never
                // extends the one from outside.
                if let Some((deadline, _)) = inner.deadline {
                    let left = deadline.saturating_sub(spent);
                    worst.time = Some(worst.time.map_or(left, |time| time.min(left)));
                }
                // From there on its own limit of dollars holds, which is judged at its own rules.
                if inner.max_cost.is_some() {
                    worst.dollars = Some(0.0);
                }
                worst
            };
            route.rules.iter().map(entered).fold(NOTHING, greater)
        }
        AttemptKind::Reject { .. } => NOTHING,
    }
}

/// A full context in, a full answer out.
fn dollars(policy: &Policy, id: ModelId) -> Option<f64> {
    let model = policy.models.get(id.index())?;
    let (price, context, output) = (model.price?, model.context?, model.output?);
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    let tokens = |count: u64| count as f64 / 1e6;
    Some(tokens(context) * price.input + tokens(output) * price.output)
}

fn add(one: Worst, other: Worst) -> Worst {
    Worst {
        attempts: one.attempts.saturating_add(other.attempts),
        time: one.time.zip(other.time).map(|(one, other)| one.saturating_add(other)),
        dollars: one.dollars.zip(other.dollars).map(|(one, other)| one + other),
    }
}

fn greater(one: Worst, other: Worst) -> Worst {
    Worst {
        attempts: one.attempts.max(other.attempts),
        time: one.time.zip(other.time).map(|(one, other)| one.max(other)),
        dollars: one.dollars.zip(other.dollars).map(|(one, other)| one.max(other)),
    }
}
