//! The tree that a route compiles to.

use std::collections::BTreeMap;

use super::{BoxKind, Graph};
use crate::bounds::GRAPH_TABLE_ROWS;
use crate::compile::picture::{Arm, Picture, PictureNode, Point, Way};
use crate::dsl::policy::{Policy, RouteId};
use crate::engine::{Engine, describe};

/// Draws the tree of a route, and lights up a request's way through it; None for a route that is
/// not the policy's.
#[must_use]
pub fn tree_view(engine: &Engine, route: RouteId, way: Option<&Way>) -> Option<Graph> {
    let policy = engine.policy();
    let name = &policy.routes.get(route.index())?.name;
    let picture = engine.program().picture(policy, route)?;
    let mut graph = Graph::new(format!("tree of route {name}"));
    let entry = graph.add(BoxKind::Entry, 0, &format!("route {name}"));
    let mut view = View { policy, route, graph, nodes: BTreeMap::new(), rules: BTreeMap::new() };
    let layers = layers(&picture);
    let last = layers.values().max().map_or(1, |layer| layer + 1);
    for (number, layer) in &layers {
        if let Some(node) = picture.nodes.get(*number) {
            view.node(*number, *layer, node);
        }
    }
    view.leaves(&picture, &layers, last);
    if let Some(root) = view.number(picture.root) {
        view.graph.join(entry, root, "", way.is_some());
    }
    for number in layers.keys() {
        if let Some(node) = picture.nodes.get(*number) {
            view.arrows(*number, node, way);
        }
    }
    if let Some(way) = way {
        let nodes = way.steps.iter().map(|(from, _)| Point::Node(*from));
        let rule = Point::Rule { rule: way.decision.rule, by_error: way.decision.by_error };
        let lit: Vec<usize> = nodes.chain([rule]).filter_map(|point| view.number(point)).collect();
        view.graph.light(entry);
        lit.into_iter().for_each(|number| view.graph.light(number));
    }
    Some(view.graph)
}

struct View<'a> {
    policy: &'a Policy,
    route: RouteId,
    graph: Graph,
    /// the boxes of nodes
    nodes: BTreeMap<usize, usize>,
    /// the boxes of rules
    rules: BTreeMap<Point, usize>,
}

/// The nodes that can be reached, each with the length of the longest way to it. Nodes are made
/// after those that they lead to, so a higher number is never below a lower one.
fn layers(picture: &Picture) -> BTreeMap<usize, usize> {
    let mut layers: BTreeMap<usize, usize> = BTreeMap::new();
    if let Point::Node(root) = picture.root {
        layers.insert(root, 1);
    }
    for (number, node) in picture.nodes.iter().enumerate().rev() {
        let Some(layer) = layers.get(&number).copied() else { continue };
        for point in points(node) {
            if let Point::Node(below) = point {
                let known = layers.entry(below).or_insert(0);
                *known = (*known).max(layer + 1);
            }
        }
    }
    layers
}

fn points(node: &PictureNode) -> Vec<Point> {
    match node {
        PictureNode::Question { arms: rows, .. } | PictureNode::Table { rows, .. } | PictureNode::Scan { rows } => {
            rows.iter().map(|row| row.to).collect()
        }
        PictureNode::Earliest { parts } => parts.clone(),
    }
}

impl View<'_> {
    fn number(&self, point: Point) -> Option<usize> {
        match point {
            Point::Node(number) => self.nodes.get(&number).copied(),
            rule => self.rules.get(&rule).copied(),
        }
    }

    fn node(&mut self, number: usize, layer: usize, node: &PictureNode) {
        let (kind, text, rows): (_, &str, &[Arm]) = match node {
            PictureNode::Question { asks, .. } => (BoxKind::Question, asks, &[]),
            PictureNode::Earliest { .. } => (BoxKind::Earliest, "the first rule of", &[]),
            PictureNode::Table { asks, rows } => (BoxKind::Table, asks, rows),
            PictureNode::Scan { rows } => (BoxKind::Scan, "one by one", rows),
        };
        let own = self.graph.add(kind, layer, text);
        let mut shown: Vec<String> = Vec::new();
        for row in rows.iter().take(GRAPH_TABLE_ROWS) {
            let (label, _) = super::shortened(&row.answers.join(" or "));
            shown.push(format!("{label} → {}", self.rule_name(row.to)));
        }
        if rows.len() > GRAPH_TABLE_ROWS {
            shown.push(format!("… {} more", rows.len() - GRAPH_TABLE_ROWS));
        }
        if let Some(one) = self.graph.boxes.get_mut(own) {
            one.rows = shown;
        }
        self.nodes.insert(number, own);
    }

    fn rule_name(&self, point: Point) -> String {
        let Point::Rule { rule, by_error } = point else { return String::new() };
        let route = self.policy.routes.get(self.route.index());
        let name = route.and_then(|route| route.rules.get(rule as usize)).map_or("?", |rule| &rule.name);
        if by_error { format!("{name} (its condition fails)") } else { name.to_owned() }
    }

    /// The boxes of the rules that something leads to, in the order of the text.
    fn leaves(&mut self, picture: &Picture, layers: &BTreeMap<usize, usize>, layer: usize) {
        let nodes = layers.keys().filter_map(|number| picture.nodes.get(*number));
        let mut found: Vec<Point> = nodes.flat_map(points).chain([picture.root]).collect();
        // A table that finds nothing leads to the default.
        found.push(self.default());
        found.retain(|point| matches!(point, Point::Rule { .. }));
        found.sort_unstable();
        found.dedup();
        for point in found {
            let Point::Rule { rule, .. } = point else { continue };
            let route = self.policy.routes.get(self.route.index());
            let attempts =
                route.and_then(|route| route.rules.get(rule as usize)).map_or(&[][..], |rule| &rule.attempts);
            let target: Vec<String> = attempts.iter().map(|attempt| describe::attempt(self.policy, attempt)).collect();
            let text = format!("{} → {}", self.rule_name(point), target.join(" then "));
            let own = self.graph.add(BoxKind::Rule, layer, &text);
            self.rules.insert(point, own);
        }
    }

    fn default(&self) -> Point {
        let rules = self.policy.routes.get(self.route.index()).map_or(0, |route| route.rules.len());
        Point::Rule { rule: u32::try_from(rules.saturating_sub(1)).unwrap_or(u32::MAX), by_error: false }
    }

    fn arrows(&mut self, number: usize, node: &PictureNode, way: Option<&Way>) {
        let Some(own) = self.nodes.get(&number).copied() else { return };
        let is_lit = |to: Point| way.is_some_and(|way| way.steps.contains(&(number, Some(to))));
        let texts: Vec<(Point, String)> = match node {
            PictureNode::Question { arms, .. } => arms.iter().map(|arm| (arm.to, answer(arm))).collect(),
            // The rows say which constant or condition it is.
            PictureNode::Table { rows, .. } | PictureNode::Scan { rows } => {
                rows.iter().map(|row| (row.to, String::new())).collect()
            }
            PictureNode::Earliest { parts } => parts.iter().map(|part| (*part, String::new())).collect(),
        };
        for (to, text) in texts {
            if let Some(below) = self.number(to) {
                self.graph.join(own, below, &text, is_lit(to));
            }
        }
        if matches!(node, PictureNode::Table { .. } | PictureNode::Scan { .. })
            && let Some(below) = self.number(self.default())
        {
            let is_lit = way.is_some_and(|way| way.steps.contains(&(number, None)));
            self.graph.join(own, below, "none", is_lit);
        }
    }
}

fn answer(arm: &Arm) -> String {
    if arm.answers.iter().any(String::is_empty) { "otherwise".to_owned() } else { arm.answers.join(" or ") }
}
