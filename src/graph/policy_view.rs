//! A policy as its author thinks of it: entry, routes, rules, targets, models, providers.

use rustc_hash::FxHashMap;

use super::{BoxKind, Graph};
use crate::compile::Scratch;
use crate::dsl::expr::print::cel_text;
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, Route, RouteId, Rule, TenantId};
use crate::engine::describe;
use crate::engine::{Engine, Seeds, Step};
use crate::facts::Facts;
use crate::facts::world::World;

/// Where one request goes, every attempt as if those before had failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// the tenant whose entry it takes
    pub tenant: Option<TenantId>,
    /// the rules that it goes by, from route to route
    pub rules: Vec<(RouteId, u32)>,
    /// the models that are tried, in order
    pub models: Vec<ModelId>,
    /// it ends in a refusal
    pub is_refused: bool,
}

/// The way of one request, on fresh models.
#[must_use]
pub fn way(engine: &Engine, facts: &dyn Facts, tenant: Option<TenantId>) -> Way {
    let mut found = Way { tenant, ..Way::default() };
    let (world, mut scratch) = (World::fresh(engine.policy().models.len()), Scratch::default());
    let mut walk = engine.begin(facts, tenant, &Seeds::fixed(), &mut scratch);
    loop {
        if let Some(rule) = walk.rule().filter(|rule| found.rules.last() != Some(rule)) {
            found.rules.push(rule);
        }
        match walk.next(facts, &world) {
            Step::Try(_) => {}
            Step::Reject { .. } => found.is_refused = true,
            Step::Exhausted(_) => break,
        }
        if found.is_refused {
            break;
        }
    }
    if let Some(rule) = walk.rule().filter(|rule| found.rules.last() != Some(rule)) {
        found.rules.push(rule);
    }
    found.models = walk.tried().to_vec();
    found
}

/// Draws a policy, or one route and what it leads to; lights up a request's way.
#[must_use]
pub fn policy_view(engine: &Engine, only: Option<RouteId>, way: Option<&Way>) -> Graph {
    let policy = engine.policy();
    let shown = only.and_then(|id| policy.routes.get(id.index()));
    let title = shown.map_or_else(|| "policy".to_owned(), |route| format!("route {}", route.name));
    let fresh = Way::default();
    let mut view = View { policy, way: way.unwrap_or(&fresh), graph: Graph::new(title), boxes: FxHashMap::default() };
    let routes = || (0..).map(RouteId).zip(&policy.routes);
    let is_shown = |id: RouteId| only.is_none_or(|only| only == id);
    view.entries(engine, &is_shown, way.is_some());
    for (id, route) in routes().filter(|(id, _)| is_shown(*id)) {
        view.route(id, route);
    }
    view.light_arrows();
    view.graph
}

struct View<'a> {
    policy: &'a Policy,
    way: &'a Way,
    graph: Graph,
    /// boxes that stand once, by what they stand for
    boxes: FxHashMap<(BoxKind, String), usize>,
}

impl View<'_> {
    /// The box for something, which stands once.
    fn once(&mut self, kind: BoxKind, layer: usize, text: &str, lit: bool) -> usize {
        let key = (kind, text.to_owned());
        let number = match self.boxes.get(&key) {
            Some(number) => *number,
            None => {
                let number = self.graph.add(kind, layer, text);
                self.boxes.insert(key, number);
                number
            }
        };
        if lit {
            self.graph.light(number);
        }
        number
    }

    fn route_box(&mut self, id: RouteId) -> usize {
        let name = self.policy.routes.get(id.index()).map_or("?", |route| &route.name);
        let lit = self.way.rules.iter().any(|(route, _)| *route == id);
        self.once(BoxKind::Route, 1, &format!("route {name}"), lit)
    }

    fn entries(&mut self, engine: &Engine, is_shown: &dyn Fn(RouteId) -> bool, has_way: bool) {
        let own = (0..).map(TenantId).zip(&self.policy.tenants).filter(|(_, tenant)| tenant.route.is_some());
        let own: Vec<(TenantId, String, Option<RouteId>)> =
            own.map(|(id, tenant)| (id, format!("tenant {}", tenant.name), tenant.route)).collect();
        let others = if own.is_empty() { "every request" } else { "every other request" };
        let of_way = self.way.tenant.filter(|way| own.iter().any(|(id, ..)| id == way));
        let rest = [(None, others.to_owned(), engine.entry(None))];
        let own = own.into_iter().map(|(id, name, route)| (Some(id), name, route));
        for (id, name, route) in rest.into_iter().chain(own) {
            if let Some(route) = route.filter(|route| is_shown(*route)) {
                let entry = self.once(BoxKind::Entry, 0, &name, has_way && of_way == id);
                let to = self.route_box(route);
                self.graph.join(entry, to, "", false);
            }
        }
    }

    fn route(&mut self, id: RouteId, route: &Route) {
        let from = self.route_box(id);
        let mut explicit = None;
        for (number, rule) in (0..).zip(&route.rules) {
            let lit = self.way.rules.contains(&(id, number));
            if rule.explicit {
                // One box for all of them: they lead to whatever is named.
                let own = *explicit.get_or_insert_with(|| {
                    let own = self.graph.add(BoxKind::Rule, 2, "explicit when a client names a model that it may");
                    self.graph.join(from, own, "", false);
                    own
                });
                if lit {
                    self.graph.light(own);
                    self.target(own, rule, lit);
                }
                continue;
            }
            let text = rule
                .condition
                .as_ref()
                .map_or_else(|| rule.name.clone(), |condition| format!("{} when {}", rule.name, cel_text(condition)));
            let own = self.graph.add(BoxKind::Rule, 2, &text);
            if lit {
                self.graph.light(own);
            }
            self.graph.join(from, own, "", false);
            self.target(own, rule, lit);
        }
    }

    /// One attempt is led to directly; several by a box of their own, which rules share.
    fn target(&mut self, from: usize, rule: &Rule, lit: bool) {
        if let [attempt] = rule.attempts.as_slice() {
            let to = self.attempt(attempt, lit);
            self.graph.join(from, to, "", false);
            return;
        }
        let names: Vec<String> = rule.attempts.iter().map(|attempt| describe::attempt(self.policy, attempt)).collect();
        let target = self.once(BoxKind::Target, 3, &names.join(" then "), lit);
        self.graph.join(from, target, "", false);
        for (number, attempt) in (1..).zip(&rule.attempts) {
            let to = self.attempt(attempt, lit);
            self.graph.join(target, to, &number.to_string(), false);
        }
    }

    fn attempt(&mut self, attempt: &Attempt, lit: bool) -> usize {
        let text = describe::attempt(self.policy, attempt);
        let tried = |models: &[ModelId]| lit && models.iter().any(|model| self.way.models.contains(model));
        match &attempt.kind {
            AttemptKind::Model(id) => self.model(*id),
            AttemptKind::Pool(id) => {
                let members = self.policy.pools.get(id.index()).map_or(&[][..], |pool| &pool.models);
                let lit = tried(members);
                self.choice(&format!("pool {text}"), members, lit)
            }
            AttemptKind::Choice { set, .. } => {
                let lit = tried(set);
                self.choice(&text, set, lit)
            }
            AttemptKind::Split { arms, .. } => {
                let own = self.once(BoxKind::Choice, 4, &text, lit);
                for arm in arms {
                    let to = self.attempt(&arm.attempt, lit);
                    self.graph.join(own, to, &format!("{}%", arm.percent), false);
                }
                own
            }
            AttemptKind::Route(id) => {
                let is_entered = lit && self.way.rules.iter().any(|(route, _)| route == id);
                let own = self.once(BoxKind::Call, 4, &text, is_entered);
                let to = self.route_box(*id);
                self.graph.join(own, to, "", false);
                own
            }
            AttemptKind::Reject { text: said, .. } => {
                let said = said.as_ref().map_or_else(String::new, |said| format!(" {said}"));
                self.once(BoxKind::Reject, 4, &format!("{text}{said}"), lit && self.way.is_refused)
            }
        }
    }

    fn choice(&mut self, text: &str, members: &[ModelId], lit: bool) -> usize {
        let own = self.once(BoxKind::Choice, 4, text, lit);
        for member in members {
            let to = self.model(*member);
            self.graph.join(own, to, "", false);
        }
        own
    }

    fn model(&mut self, id: ModelId) -> usize {
        let Some(model) = self.policy.models.get(id.index()) else { return self.once(BoxKind::Model, 5, "?", false) };
        let lit = self.way.models.contains(&id);
        let own = self.once(BoxKind::Model, 5, &model.name, lit);
        let provider = self.policy.providers.get(model.provider.index()).map_or("?", |provider| &provider.name);
        let to = self.once(BoxKind::Provider, 6, provider, lit);
        self.graph.join(own, to, "", false);
        own
    }

    /// An arrow between lit boxes is on the way.
    fn light_arrows(&mut self) {
        let lit: Vec<bool> = self.graph.boxes.iter().map(|one| one.lit).collect();
        self.graph.light_arrows(|from, to| {
            let is_lit = |number: usize| lit.get(number).copied().unwrap_or(false);
            is_lit(from) && is_lit(to)
        });
    }
}
