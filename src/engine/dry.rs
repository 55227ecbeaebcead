//! A request's way when somebody else decides: which models would be tried, in order, with every
//! model healthy. For recorded requests, whose texts are not there to be decided on again.

use super::cursor::{Around, Cursor, Stepped};
use super::{Engine, Seeds};
use crate::dsl::policy::{ModelId, RouteId, TenantId};
use crate::facts::Facts;
use crate::facts::world::World;

/// Where a request goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// route and rule of every decision on the way, in order
    pub decisions: Vec<(RouteId, u32)>,
    /// `main/background`: the decision under which the first model stands, or the refusal
    pub decision: String,
    /// the models that would be tried, as if each had failed
    pub models: Vec<ModelId>,
    /// the status of a refusal behind them
    pub reject: Option<u16>,
}

impl Engine {
    /// The way of a request whose rules `decide` picks: it gives the number of the rule that
    /// matches in a route, or None when it cannot tell, and then there is no way.
    pub fn way(
        &self,
        entry: RouteId,
        facts: &dyn Facts,
        tenant: Option<TenantId>,
        seeds: &Seeds<'_>,
        decide: &mut dyn FnMut(RouteId) -> Option<u32>,
    ) -> Option<Way> {
        let around = Around { policy: self.policy(), plan: self.plan(), tenant, seeds, detailed: false };
        let (world, mut cursor, mut way) = (World::default(), Cursor::default(), Way::default());
        let mut first = None;
        let mut enters = Some(entry);
        loop {
            if let Some(route) = enters.take() {
                let rule = decide(route)?;
                cursor.enter(route, rule);
                way.decisions.push((route, rule));
            }
            match cursor.step(&around, facts, &world) {
                Stepped::Try(candidate) => {
                    first.get_or_insert_with(|| cursor.decision(self.policy()));
                    way.models.push(candidate.model);
                }
                Stepped::Nothing => {}
                Stepped::Enter(route) => enters = Some(route),
                Stepped::Reject { status, .. } => {
                    first.get_or_insert_with(|| cursor.decision(self.policy()));
                    way.reject = Some(status);
                    break;
                }
                Stepped::End => break,
            }
        }
        way.decision = first.unwrap_or_else(|| cursor.decision(self.policy()));
        Some(way)
    }
}
