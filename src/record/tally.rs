//! Sums over recorded requests: how many go another way, and what that costs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Entry;
use super::replay::{Replayed, Replayer};
use crate::dsl::policy::Policy;
use crate::engine::{Way, price};

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;
/// The name of whoever asks with no declared tenant's key.
const NO_TENANT: &str = "default";
/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Shortest recorded time that is projected on a day, in seconds: less says nothing of one.
const SHORTEST_PROJECTED: f64 = 3600.0;

/// What recorded requests are compared with.
#[derive(Debug)]
pub enum Before<'e> {
    /// what became of them when they were recorded
    Recorded,
    /// what this policy makes of them
    Policy(Box<Replayer<'e>>),
}

/// Where a request goes, in names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// `main/background`; `none` where nothing was decided
    pub decision: String,
    /// the model that is tried first, or answered
    pub model: Option<String>,
}

/// Requests and what they cost, before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sum {
    /// how many
    pub requests: u64,
    /// of these, how many could be priced on both sides
    pub priced: u64,
    /// US dollars before
    pub before_usd: f64,
    /// US dollars after
    pub after_usd: f64,
}

impl Sum {
    fn add(&mut self, prices: Option<(f64, f64)>) {
        self.requests += 1;
        if let Some((before, after)) = prices {
            self.priced += 1;
            self.before_usd += before;
            self.after_usd += after;
        }
    }

    /// US dollars more; less is below 0.
    #[must_use]
    pub fn more_usd(&self) -> f64 {
        self.after_usd - self.before_usd
    }
}

/// Requests that leave one place for another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// where they went
    pub from: Place,
    /// where they go
    pub to: Place,
    /// how many, and what that costs
    #[serde(flatten)]
    pub sum: Sum,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// [`SCHEMA`]
    pub schema: u32,
    /// recorded requests
    pub requests: u64,
    /// those that both sides could be found for
    pub replayed: Sum,
    /// those of them that go another way
    pub changed: u64,
    /// the same by places, most requests first
    pub moves: Vec<Move>,
    /// all replayed requests by tenant
    pub tenants: BTreeMap<String, Sum>,
    /// requests that cannot be replayed, by what the record does not say
    pub unknown: BTreeMap<String, u64>,
    /// how many those are
    pub not_replayed: u64,
    /// lines that are no whole JSON: cut off by a crash or a full disk
    pub cut_lines: u64,
    /// requests left out of the cost, by the model that has no price in the new policy
    pub unpriced: BTreeMap<String, u64>,
    /// those left out because only the model before had no price
    pub unpriced_before: BTreeMap<String, u64>,
    /// compared with what became of them when they were recorded, not with another policy
    #[serde(skip)]
    pub from_record: bool,
    /// requests that were never answered and would be, or that say no usage
    pub without_usage: u64,
    /// tenants that the policy does not declare
    pub undeclared_tenants: BTreeMap<String, u64>,
    /// when the first came in
    pub first: Option<DateTime<Utc>>,
    /// when the last came in
    pub last: Option<DateTime<Utc>>,
    /// US dollars more a day, by the time between the first and the last; None below an hour
    pub more_usd_a_day: Option<f64>,
}

impl Report {
    /// Whether a request goes another way, or nobody can say of one or of a line.
    #[must_use]
    pub fn is_different(&self) -> bool {
        self.changed > 0 || self.not_replayed > 0 || self.cut_lines > 0
    }
}

/// Reads entries one by one and sums up.
#[derive(Debug)]
pub struct Tally<'e> {
    before: Before<'e>,
    after: Replayer<'e>,
    moves: BTreeMap<(Place, Place), Sum>,
    report: Report,
}

impl<'e> Tally<'e> {
    /// Counts a line that was cut off.
    pub fn cut_line(&mut self) {
        self.report.cut_lines = self.report.cut_lines.saturating_add(1);
    }

    /// Compares with the policy of this replayer.
    #[must_use]
    pub fn new(before: Before<'e>, after: Replayer<'e>) -> Self {
        let from_record = matches!(before, Before::Recorded);
        let report = Report { schema: SCHEMA, from_record, ..Report::default() };
        Self { before, after, moves: BTreeMap::new(), report }
    }

    /// Adds a request.
    pub fn add(&mut self, entry: &Entry) {
        let number = self.report.requests;
        self.report.requests += 1;
        self.report.first = Some(self.report.first.map_or(entry.at, |first| first.min(entry.at)));
        self.report.last = Some(self.report.last.map_or(entry.at, |last| last.max(entry.at)));
        if let Some(tenant) = &entry.tenant
            && !self.after.policy().tenants.iter().any(|known| known.name == *tenant)
        {
            *self.report.undeclared_tenants.entry(tenant.clone()).or_default() += 1;
        }
        let Some(after) = way(&mut self.after, entry, number, &mut self.report) else { return };
        match &mut self.before {
            Before::Recorded => self.add_recorded(entry, &after),
            Before::Policy(old) => {
                let policy = old.policy();
                let Some(before) = way(old, entry, number, &mut self.report) else { return };
                let (from, to) = (place(policy, &before), place(self.after.policy(), &after));
                let changed = from.decision != to.decision
                    || names(policy, &before) != names(self.after.policy(), &after)
                    || before.reject != after.reject;
                let paid = paid(policy, from.model.as_deref(), entry);
                self.settle(entry, from, to, changed, paid);
            }
        }
    }

    /// Against what became of it. Who answered may be no first choice; it is no change as long as
    /// the same rule still may ask the same model.
    fn add_recorded(&mut self, entry: &Entry, after: &Way) {
        let Some(decision) = entry.decision.clone() else {
            self.report.not_replayed += 1;
            *self.report.unknown.entry("it ended before any rule was asked".to_owned()).or_default() += 1;
            return;
        };
        let from = Place { decision, model: entry.model.clone() };
        let mut to = place(self.after.policy(), after);
        let stays = match &from.model {
            Some(model) => self.after.may_try(after, model),
            None => to.model.is_none(),
        };
        let same_rule = named(self.after.policy(), after).any(|decision| decision == from.decision);
        let changed = !stays || !(same_rule || to.decision == from.decision);
        if stays {
            to.model.clone_from(&from.model);
        }
        if !changed {
            to.decision.clone_from(&from.decision);
        }
        let paid = if entry.cached { Paid::Usd(0.0) } else { recorded(entry) };
        self.settle(entry, from, to, changed, paid);
    }

    fn settle(&mut self, entry: &Entry, from: Place, to: Place, changed: bool, before: Paid) {
        let after = paid(self.after.policy(), to.model.as_deref(), entry);
        let prices = match (before, after) {
            (Paid::Usd(before), Paid::Usd(after)) => Some((before, after)),
            (Paid::NoUsage, _) | (_, Paid::NoUsage) => {
                self.report.without_usage += 1;
                None
            }
            (_, Paid::Unpriced(model)) => {
                *self.report.unpriced.entry(model).or_default() += 1;
                None
            }
            (Paid::Unpriced(model), Paid::Usd(_)) => {
                *self.report.unpriced_before.entry(model).or_default() += 1;
                None
            }
        };
        self.report.replayed.add(prices);
        let tenant = entry.tenant.clone().unwrap_or_else(|| NO_TENANT.to_owned());
        self.report.tenants.entry(tenant).or_default().add(prices);
        if changed || prices.is_some_and(|(before, after)| (before - after).abs() > f64::EPSILON) {
            self.moves.entry((from, to)).or_default().add(prices);
        }
        self.report.changed += u64::from(changed);
    }

    /// What was found.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let moves = self.moves.into_iter().map(|((from, to), sum)| Move { from, to, sum });
        self.report.moves = moves.collect();
        self.report.moves.sort_by_key(|moved| std::cmp::Reverse(moved.sum.requests));
        if let (Some(first), Some(last)) = (self.report.first, self.report.last) {
            let seconds = (last - first).as_seconds_f64();
            let more = self.report.replayed.more_usd();
            self.report.more_usd_a_day = (seconds >= SHORTEST_PROJECTED).then(|| more * DAY / seconds);
        }
        self.report
    }
}

/// What a request costs.
enum Paid {
    Usd(f64),
    NoUsage,
    Unpriced(String),
}

fn recorded(entry: &Entry) -> Paid {
    match (&entry.model, &entry.usage, entry.cost_usd) {
        (_, _, Some(usd)) => Paid::Usd(usd),
        (None, ..) => Paid::Usd(0.0),
        (Some(_), None, None) => Paid::NoUsage,
        (Some(model), Some(_), None) => Paid::Unpriced(model.clone()),
    }
}

/// The recorded usage at the price of a policy's model; nobody is asked for nothing.
fn paid(policy: &Policy, model: Option<&str>, entry: &Entry) -> Paid {
    let Some(name) = model else { return Paid::Usd(0.0) };
    if entry.cached {
        return Paid::Usd(0.0);
    }
    let Some(usage) = &entry.usage else { return Paid::NoUsage };
    let price = policy.models.iter().find(|model| model.name == name).and_then(|model| model.price.as_ref());
    price::cost(price, usage).map_or_else(|| Paid::Unpriced(name.to_owned()), Paid::Usd)
}

fn way(replayer: &mut Replayer<'_>, entry: &Entry, number: u64, report: &mut Report) -> Option<Way> {
    let missing = match replayer.replay(entry, number) {
        Replayed::Goes(way) => return Some(way),
        Replayed::Unknown(missing) => missing,
        Replayed::NoRoute => vec!["there is no route `main`".to_owned()],
    };
    report.not_replayed += 1;
    for what in missing {
        *report.unknown.entry(what).or_default() += 1;
    }
    None
}

fn place(policy: &Policy, way: &Way) -> Place {
    let model = names(policy, way).into_iter().next().map(str::to_owned);
    Place { decision: way.decision.clone(), model }
}

fn names<'p>(policy: &'p Policy, way: &Way) -> Vec<&'p str> {
    way.models.iter().filter_map(|id| policy.models.get(id.index())).map(|model| model.name.as_str()).collect()
}

/// Every decision on a way as a record names it: the routes so far, then the rule.
fn named<'a>(policy: &'a Policy, way: &'a Way) -> impl Iterator<Item = String> + 'a {
    (1..=way.decisions.len()).map(move |count| {
        let mut text = String::new();
        for (at, (route, rule)) in way.decisions.iter().take(count).enumerate() {
            let Some(route) = policy.routes.get(route.index()) else { continue };
            text.push_str(&route.name);
            text.push('/');
            if at + 1 == count {
                text.push_str(route.rules.get(*rule as usize).map_or("", |rule| &rule.name));
            }
        }
        text
    })
}
