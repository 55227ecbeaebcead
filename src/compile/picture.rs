//! A route's tree for people: what each node asks, as an author would write it, where each answer
//! leads, and the way of one request through it. Reads the tree, decides nothing.

use std::fmt::Display;

use super::atom::{Number, Text};
use super::group::GroupKey;
use super::layout::{Ask as _, Leaf, NONE, Node, Place, leaf_at, lowest_at};
use super::scratch::{OnFacts, Scratch};
use super::subject::Subject;
use super::unit::Unit;
use super::{Decision, Program};
use crate::dsl::expr::print::{cel_text, quoted};
use crate::dsl::policy::{Policy, RouteId};
use crate::facts::Facts;

/// Where an answer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// to another node, by its number in [`Picture::nodes`]
    Node(usize),
    /// to a rule
    Rule {
        /// its number in the route
        rule: u32,
        /// it refuses, and its condition could not be evaluated
        by_error: bool,
    },
}

/// An answer, or several that lead to the same point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// such as `> 120000` or `"gpt-4"`; "" for every other answer
    pub answers: Vec<String>,
    /// where they lead
    pub to: Point,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PictureNode {
    /// asks once; one answer holds
    Question {
        /// such as `request.tokens`
        asks: String,
        /// the answers
        arms: Vec<Arm>,
    },
    /// follows all; the first rule in the order of the text wins
    Earliest {
        /// the parts
        parts: Vec<Point>,
    },
    /// looks many constants up at once; the first rule in the order of the text wins
    Table {
        /// such as `request.text.contains(…)`
        asks: String,
        /// a constant, and its rule
        rows: Vec<Arm>,
    },
    /// evaluates conditions one by one
    Scan {
        /// a condition, and its rule
        rows: Vec<Arm>,
    },
}

/// A route's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// where every request begins
    pub root: Point,
    /// the nodes
    pub nodes: Vec<PictureNode>,
}

/// One request's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// every step from a node that was looked at; a part or a table may lead nowhere
    pub steps: Vec<(usize, Option<Point>)>,
    /// where it ended
    pub decision: Decision,
}

impl Program {
    /// A route's tree; None for a route that is not the program's.
    #[must_use]
    pub fn picture(&self, policy: &Policy, route: RouteId) -> Option<Picture> {
        let unit = self.routes.get(route.index())?;
        let painter = Painter { unit, policy, route };
        let nodes = unit.layout.nodes().iter().map(|node| painter.node(*node)).collect();
        Some(Picture { root: painter.point(unit.layout.root), nodes })
    }

    /// The way of a request through a route's tree, parts that could not win any more left out.
    #[must_use]
    pub fn way(&self, route: RouteId, facts: &dyn Facts, scratch: &mut Scratch) -> Option<Way> {
        let unit = self.routes.get(route.index())?;
        scratch.begin(&unit.subjects);
        let mut walker = Walker { unit, ask: OnFacts { unit, facts, scratch }, steps: Vec::new() };
        let found = walker.walk(unit.layout.root, NONE);
        let leaf = if found == NONE { Leaf::new(unit.default, false) } else { Leaf(found) };
        let decision = Decision { rule: leaf.rule(), by_error: leaf.by_error() };
        Some(Way { steps: walker.steps, decision })
    }
}

fn point_of(unit: &Unit, place: Place) -> Point {
    match leaf_at(place) {
        Some(leaf) => Point::Rule { rule: leaf.rule(), by_error: leaf.by_error() },
        None if place == NONE => Point::Rule { rule: unit.default, by_error: false },
        None => Point::Node(place as usize),
    }
}

struct Walker<'a> {
    unit: &'a Unit,
    ask: OnFacts<'a>,
    steps: Vec<(usize, Option<Point>)>,
}

impl Walker<'_> {
    /// The lowest leaf below `bound`, as [`super::layout::Layout::run`] finds it, step by step.
    fn walk(&mut self, place: Place, bound: u32) -> u32 {
        let layout = &self.unit.layout;
        if let Some(leaf) = leaf_at(place) {
            return if leaf.0 < bound { leaf.0 } else { NONE };
        }
        let Some(node) = layout.nodes().get(place as usize).copied() else { return NONE };
        if lowest_at(layout, place) >= bound {
            return NONE;
        }
        let from = place as usize;
        match node {
            Node::Switch { .. } | Node::Sparse { .. } => {
                let next = match node {
                    Node::Sparse { subject, first, count, otherwise } => {
                        let class = self.ask.class(subject);
                        let (arms, _) = layout.numbers(first, count).as_chunks::<2>();
                        arms.iter().find(|[of, _]| *of == class).map_or(otherwise, |[_, place]| *place)
                    }
                    Node::Switch { subject, first, count, .. } => {
                        let class = self.ask.class(subject);
                        layout.numbers(first, count).get(class as usize).copied().unwrap_or(NONE)
                    }
                    _ => NONE,
                };
                self.steps.push((from, Some(point_of(self.unit, next))));
                self.walk(next, bound)
            }
            Node::Earliest { first, count } => {
                let mut best = NONE;
                for part in layout.numbers(first, count) {
                    if lowest_at(layout, *part) < bound.min(best) {
                        self.steps.push((from, Some(point_of(self.unit, *part))));
                    }
                    best = best.min(self.walk(*part, bound.min(best)));
                }
                best
            }
            Node::Table { group, first, count } => {
                let found =
                    self.ask.lowest_member(group, layout.numbers(first, count), lowest_at(layout, place), bound);
                self.ended(from, found)
            }
            Node::Scan { first, count } => {
                let found = self.ask.first_condition(layout.numbers(first, count), bound);
                self.ended(from, found)
            }
        }
    }

    fn ended(&mut self, from: usize, found: u32) -> u32 {
        let leaf = (found != NONE).then(|| point_of(self.unit, Leaf(found).place()));
        self.steps.push((from, leaf));
        found
    }
}

struct Painter<'a> {
    unit: &'a Unit,
    policy: &'a Policy,
    route: RouteId,
}

impl Painter<'_> {
    fn point(&self, place: Place) -> Point {
        point_of(self.unit, place)
    }

    fn node(&self, node: Node) -> PictureNode {
        let layout = &self.unit.layout;
        match node {
            Node::Switch { subject, first, count, .. } => {
                let mut arms: Vec<(Point, Vec<u32>)> = Vec::new();
                for (class, place) in (0..).zip(layout.numbers(first, count)) {
                    add(&mut arms, self.point(*place), class);
                }
                self.question(subject, arms)
            }
            Node::Sparse { subject, first, count, otherwise } => {
                let mut arms: Vec<(Point, Vec<u32>)> = Vec::new();
                let (pairs, _) = layout.numbers(first, count).as_chunks::<2>();
                for [class, place] in pairs {
                    add(&mut arms, self.point(*place), *class);
                }
                add(&mut arms, self.point(otherwise), u32::MAX);
                self.question(subject, arms)
            }
            Node::Earliest { first, count } => {
                PictureNode::Earliest { parts: layout.numbers(first, count).iter().map(|p| self.point(*p)).collect() }
            }
            Node::Table { group, first, count } => {
                let group = self.unit.subjects.groups.get(group as usize);
                let constant = |member: u32| {
                    let constant = group.and_then(|group| group.constants.get(member as usize));
                    quoted(constant.map_or("", String::as_str))
                };
                PictureNode::Table {
                    asks: group.map_or_else(String::new, |group| asked_of_group(&group.key, "…")),
                    rows: self.rows(first, count, |member, _| constant(member)),
                }
            }
            Node::Scan { first, count } => {
                PictureNode::Scan { rows: self.rows(first, count, |_, leaf| self.condition(leaf)) }
            }
        }
    }

    /// Pairs (number, leaf), those of one rule together, in the order of the rules.
    fn rows(&self, first: u32, count: u32, text: impl Fn(u32, Leaf) -> String) -> Vec<Arm> {
        let (pairs, _) = self.unit.layout.numbers(first, count).as_chunks::<2>();
        let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
        let mut sorted: Vec<[u32; 2]> = pairs.to_vec();
        sorted.sort_by_key(|[_, leaf]| *leaf);
        for [number, leaf] in sorted {
            let text = text(number, Leaf(leaf));
            match rows.last_mut().filter(|(last, _)| *last == leaf) {
                Some((_, texts)) => texts.push(text),
                None => rows.push((leaf, vec![text])),
            }
        }
        rows.into_iter().map(|(leaf, answers)| Arm { answers, to: self.point(Leaf(leaf).place()) }).collect()
    }

    fn condition(&self, leaf: Leaf) -> String {
        let route = self.policy.routes.get(self.route.index());
        let rule = route.and_then(|route| route.rules.get(leaf.rule() as usize));
        let text = rule.and_then(|rule| rule.condition.as_ref()).map_or_else(String::new, cel_text);
        if leaf.by_error() { format!("{text} fails") } else { text }
    }

    fn question(&self, subject: u32, arms: Vec<(Point, Vec<u32>)>) -> PictureNode {
        let Some(of) = self.unit.subjects.all.get(subject as usize) else {
            return PictureNode::Earliest { parts: Vec::new() };
        };
        let arms = arms.into_iter().map(|(to, classes)| Arm { answers: answers(of, &classes), to }).collect();
        PictureNode::Question { asks: self.asks(of), arms }
    }

    fn asks(&self, subject: &Subject) -> String {
        match subject {
            Subject::Flag(var) | Subject::Reals { var, .. } => var.path().to_owned(),
            Subject::Equal { text, .. } => text_of(text),
            Subject::Ints { number, .. } => number_of(number),
            Subject::Member { group, member } => {
                let group = self.unit.subjects.groups.get(*group as usize);
                group.map_or_else(String::new, |group| {
                    let constant = group.constants.get(*member as usize).map_or("", String::as_str);
                    asked_of_group(&group.key, &quoted(constant))
                })
            }
            Subject::Pattern { text, regex } => format!("{}.matches({})", text_of(text), quoted(regex.as_str())),
            Subject::Opaque { atom, .. } => cel_text(&atom.expr),
        }
    }
}

fn add(arms: &mut Vec<(Point, Vec<u32>)>, to: Point, class: u32) {
    match arms.iter_mut().find(|(point, _)| *point == to) {
        Some((_, classes)) => classes.push(class),
        None => arms.push((to, vec![class])),
    }
}

/// The classes of a subject in words; neighbours as one range.
fn answers(subject: &Subject, classes: &[u32]) -> Vec<String> {
    match subject {
        Subject::Equal { literals, .. } => {
            let other = u32::try_from(literals.len()).unwrap_or(u32::MAX);
            // What leads where every other text leads needs no name.
            if classes.iter().any(|class| *class >= other) {
                return vec![String::new()];
            }
            let mut names: Vec<&str> =
                literals.iter().filter(|(_, class)| classes.contains(class)).map(|(text, _)| text.as_ref()).collect();
            names.sort_unstable();
            names.into_iter().map(quoted).collect()
        }
        Subject::Ints { cuts, .. } => ranges(classes, cuts.len(), &|at| cuts.get(at)),
        Subject::Reals { cuts, .. } => ranges(classes, cuts.len(), &|at| cuts.get(at).copied()),
        _ => {
            let word = |class: &u32| match class {
                0 => "no",
                1 => "yes",
                2 => "fails",
                _ => "",
            };
            classes.iter().map(|class| word(class).to_owned()).collect()
        }
    }
}

/// Class 2i+1 is the i-th cut and 2i the gap before it; one more is "not a number".
fn ranges<T: Display>(classes: &[u32], cuts: usize, cut: &dyn Fn(usize) -> Option<T>) -> Vec<String> {
    let shown = |class: usize| cut(class / 2).map_or_else(String::new, |cut| cut.to_string());
    let last = cuts * 2;
    let mut found = Vec::new();
    let mut rest = classes.iter().map(|class| *class as usize).peekable();
    while let Some(from) = rest.next() {
        if from > last {
            // Every class that has no arm of its own, or no number at all.
            found.push(if from == u32::MAX as usize { String::new() } else { "not a number".to_owned() });
            continue;
        }
        let mut to = from;
        while rest.next_if(|next| *next == to + 1 && *next <= last).is_some() {
            to += 1;
        }
        let lower = match from {
            0 => None,
            _ if from % 2 == 1 => Some(format!(">= {}", shown(from))),
            _ => Some(format!("> {}", shown(from.saturating_sub(1)))),
        };
        let upper = match to {
            _ if to == last => None,
            _ if to % 2 == 1 => Some(format!("<= {}", shown(to))),
            _ => Some(format!("< {}", shown(to))),
        };
        found.push(match (lower, upper) {
            _ if from == to && from % 2 == 1 => format!("== {}", shown(from)),
            (Some(lower), Some(upper)) => format!("{lower} && {upper}"),
            (Some(bound), None) | (None, Some(bound)) => bound,
            (None, None) => "any".to_owned(),
        });
    }
    found
}

fn text_of(text: &Text) -> String {
    match text {
        Text::Var(var) => var.path().to_owned(),
        Text::Header(name) => format!("request.header({})", quoted(name)),
        Text::Meta(name) => format!("request.meta({})", quoted(name)),
    }
}

fn number_of(number: &Number) -> String {
    match number {
        Number::Var(var) => var.path().to_owned(),
        Number::HeaderInt(name, absent) => format!("request.header_int({}, {absent})", quoted(name)),
        Number::MetaInt(name, absent) => format!("request.meta_int({}, {absent})", quoted(name)),
        Number::ListSize(var) => format!("{}.size()", var.path()),
        Number::TextSize(text) => format!("{}.size()", text_of(text)),
    }
}

fn asked_of_group(key: &GroupKey, constant: &str) -> String {
    match key {
        GroupKey::Contains(text) => format!("{}.contains({constant})", text_of(text)),
        GroupKey::StartsWith(text) => format!("{}.startsWith({constant})", text_of(text)),
        GroupKey::EndsWith(text) => format!("{}.endsWith({constant})", text_of(text)),
        GroupKey::List(var) => format!("{constant} in {}", var.path()),
    }
}
