//! One route, compiled.

use rustc_hash::FxHashMap;

use super::build::{Budget, Builder, Row};
use super::formula::{FALSE, Formulas, Sense};
use super::implied::Implications;
use super::layout::{Layout, Leaf};
use super::skeleton::{Node, Skeletons};
use super::subject::{Subject, Subjects};
use crate::dsl::policy::{AttemptKind, Route, Rule};

/// A route's tree with all that it needs to run.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) subjects: Subjects,
    pub(super) layout: Layout,
    /// the nodes of all conditions
    pub(super) skeleton: Vec<Node>,
    /// the condition of each rule but the default
    pub(super) conditions: Vec<u32>,
    /// the subject of each group's members
    members: Vec<Vec<u32>>,
    /// the default's number
    pub(super) default: u32,
}

/// Whether a rule refuses what it matches.
pub(super) fn refuses(rule: &Rule) -> bool {
    matches!(rule.attempts.first().map(|attempt| &attempt.kind), Some(AttemptKind::Reject { .. }))
}

impl Unit {
    /// Compiles a route; what its conditions were made of comes back for the check of the tree.
    pub(super) fn compile(route: &Route) -> (Self, Skeletons) {
        Self::compile_within(route, Budget::of_route(route.rules.len()))
    }

    pub(super) fn compile_within(route: &Route, budget: Budget) -> (Self, Skeletons) {
        let mut skeletons = Skeletons::default();
        let rules: Vec<&Rule> = route.rules.iter().take_while(|rule| rule.condition.is_some()).collect();
        let conditions: Vec<u32> =
            rules.iter().filter_map(|rule| Some(skeletons.lower(rule.condition.as_ref()?))).collect();
        let subjects = Subjects::new(&skeletons);
        let mut formulas = Formulas::default();
        let mut rows = Vec::with_capacity(rules.len());
        for ((number, rule), condition) in (0..).zip(&rules).zip(&conditions) {
            let formula = formulas.lower(&skeletons, *condition, Sense::IsTrue, &subjects);
            rows.push(Row { formula, leaf: Leaf::new(number, false) });
            if refuses(rule) && skeletons.can_fail(*condition, &subjects) {
                let formula = formulas.failure(&skeletons, *condition, &subjects);
                rows.push(Row { formula, leaf: Leaf::new(number, true) });
            }
        }
        rows.retain(|row| row.formula != FALSE);
        let implications = Implications::new(skeletons.atoms());
        let layout = Builder::new(&subjects, formulas, implications, &conditions, budget).finish(rows);
        let default = u32::try_from(rules.len()).unwrap_or(u32::MAX);
        let members = members(&subjects);
        let unit = Self { subjects, layout, skeleton: skeletons.nodes().to_vec(), conditions, members, default };
        (unit, skeletons)
    }

    /// The subject of a group's member.
    pub(super) fn member_subject(&self, group: u32, member: u32) -> Option<u32> {
        self.members.get(group as usize)?.get(member as usize).copied()
    }
}

fn members(subjects: &Subjects) -> Vec<Vec<u32>> {
    let mut by_member: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    for (subject, what) in (0..).zip(&subjects.all) {
        if let Subject::Member { group, member } = what {
            by_member.insert((*group, *member), subject);
        }
    }
    let count = |group: usize| subjects.groups.get(group).map_or(0, super::group::Group::len);
    let subject = |group: u32, member: u32| by_member.get(&(group, member)).copied().unwrap_or(0);
    (0..)
        .zip(0..subjects.groups.len())
        .map(|(id, group)| (0..).zip(0..count(group)).map(|(member, _)| subject(id, member)).collect())
        .collect()
}
