//! What a decision remembers while it runs: the class of every subject that was asked.
//!
//! Nothing is cleared between decisions: an entry counts only with the number of its decision.

use super::layout::{Ask, Leaf, NONE};
use super::skeleton::{Value, evaluate};
use super::subject::{Subject, Subjects};
use super::unit::Unit;
use crate::facts::Facts;

/// What a decision needs and the next one can use again, of whatever program.
#[derive(Debug, Default)]
pub struct Scratch {
    /// the decision under way
    turn: u32,
    /// by subject: the decision in which its class was found, and the class
    classes: Vec<(u32, u32)>,
    groups: Vec<Found>,
    /// an atom has failed
    has_failed: bool,
    errors: Vec<u32>,
}

/// The members of a group that are there.
#[derive(Debug, Default)]
struct Found {
    /// the decision in which all were found
    turn: u32,
    bits: Vec<u64>,
    members: Vec<u32>,
    /// members are looked for one by one, and a quick look showed that none is there
    is_excluded: bool,
}

impl Found {
    fn clear(&mut self, members: usize) {
        self.bits.clear();
        self.bits.resize(members.div_ceil(64), 0);
        self.members.clear();
        self.members.reserve(members);
    }

    fn has(&self, member: u32) -> bool {
        self.bits.get(member as usize / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
    }

    /// Adds a member; false: it was there.
    fn add(&mut self, member: u32) -> bool {
        let Some(word) = self.bits.get_mut(member as usize / 64) else { return false };
        let bit = 1 << (member % 64);
        let is_new = *word & bit == 0;
        if is_new {
            *word |= bit;
            self.members.push(member);
        }
        is_new
    }
}

impl Scratch {
    /// The rules before the chosen one, in order, whose condition failed in the last decision
    /// where that was met. An error that could not change the answer is not looked for.
    #[must_use]
    pub fn errors(&self) -> &[u32] {
        &self.errors
    }

    #[inline]
    pub(super) fn begin(&mut self, subjects: &Subjects) {
        self.has_failed = false;
        self.errors.clear();
        self.turn = self.turn.wrapping_add(1);
        let is_too_small = self.classes.len() < subjects.all.len() || self.groups.len() < subjects.groups.len();
        if self.turn == 0 || is_too_small {
            self.grow(subjects);
        }
    }

    #[cold]
    fn grow(&mut self, subjects: &Subjects) {
        if self.turn == 0 {
            // The numbers start again: forget everything that bears one.
            self.turn = 1;
            self.classes.clear();
            self.groups.iter_mut().for_each(|group| group.turn = 0);
        }
        self.classes.resize(self.classes.len().max(subjects.all.len()), (0, 0));
        self.groups.resize_with(self.groups.len().max(subjects.groups.len()), Found::default);
    }
}

/// Answers from facts, each question once.
pub(super) struct OnFacts<'a> {
    pub(super) unit: &'a Unit,
    pub(super) facts: &'a dyn Facts,
    pub(super) scratch: &'a mut Scratch,
}

impl OnFacts<'_> {
    #[inline]
    fn known(&self, subject: u32) -> Option<u32> {
        let (turn, class) = self.scratch.classes.get(subject as usize)?;
        (*turn == self.scratch.turn).then_some(*class)
    }

    #[inline]
    fn remember(&mut self, subject: u32, class: u32) {
        let turn = self.scratch.turn;
        if let Some(entry) = self.scratch.classes.get_mut(subject as usize) {
            *entry = (turn, class);
        }
    }

    /// Whether a member of a group is there.
    fn member(&mut self, subject: u32, group: u32, member: u32) -> bool {
        let Some(of) = self.unit.subjects.groups.get(group as usize) else { return false };
        if of.is_each() {
            if let Some(class) = self.known(subject) {
                return class == 1;
            }
            let turn = self.scratch.turn;
            let Some(found) = self.scratch.groups.get_mut(group as usize) else { return false };
            if found.turn != turn {
                found.turn = turn;
                found.is_excluded = of.is_excluded(self.facts);
            }
            let is_there = !found.is_excluded && of.alone(member, self.facts).unwrap_or(false);
            self.remember(subject, u32::from(is_there));
            return is_there;
        }
        self.find_all(group);
        self.scratch.groups.get(group as usize).is_some_and(|found| found.has(member))
    }

    /// Finds all members of a group, once.
    fn find_all(&mut self, group: u32) {
        let turn = self.scratch.turn;
        let (Some(of), Some(found)) =
            (self.unit.subjects.groups.get(group as usize), self.scratch.groups.get_mut(group as usize))
        else {
            return;
        };
        if found.turn != turn {
            found.turn = turn;
            found.clear(of.len());
            of.find(self.facts, &mut |member| {
                found.add(member);
                false
            });
        }
    }

    /// An atom's value; a bound stands in for asking where it settles the atom.
    pub(super) fn value(&mut self, atom: u32) -> Value {
        use super::formula::Atoms as _;
        let subjects = &self.unit.subjects;
        let subject = subjects.subject(atom);
        if self.known(subject).is_none()
            && let Some(bound) = subjects.class_bound(subject, self.facts)
            && let Some(value) = subjects.value_up_to(atom, bound)
        {
            return value;
        }
        let class = self.class(subject);
        subjects.value(atom, class)
    }

    /// Writes down which rules before `end` failed, if any atom has.
    #[inline]
    pub(super) fn collect_errors(&mut self, end: u32) {
        if self.scratch.has_failed {
            self.collect_all_errors(end);
        }
    }

    #[cold]
    fn collect_all_errors(&mut self, end: u32) {
        let mut errors = std::mem::take(&mut self.scratch.errors);
        let unit = self.unit;
        for (rule, condition) in (0..end).zip(&unit.conditions) {
            if evaluate(&unit.skeleton, *condition, &mut |atom| self.value(atom)) == Value::Error {
                errors.push(rule);
            }
        }
        self.scratch.errors = errors;
    }
}

impl Ask for OnFacts<'_> {
    #[inline]
    fn class(&mut self, subject: u32) -> u32 {
        if let Some(class) = self.known(subject) {
            return class;
        }
        if let Some(Subject::Member { group, member }) = self.unit.subjects.all.get(subject as usize) {
            return u32::from(self.member(subject, *group, *member));
        }
        let class = self.unit.subjects.class(subject, self.facts).unwrap_or(0);
        self.scratch.has_failed |= self.unit.subjects.has_failed(subject, class);
        self.remember(subject, class);
        class
    }

    #[inline]
    fn is_at_most(&mut self, subject: u32, class: u32) -> bool {
        match self.known(subject) {
            Some(known) => known <= class,
            None => self.unit.subjects.is_at_most(subject, class, self.facts),
        }
    }

    fn lowest_member(&mut self, group: u32, pairs: &[u32], lowest: u32, bound: u32) -> u32 {
        let unit = self.unit;
        let (pairs, _) = pairs.as_chunks::<2>();
        let Some(of) = unit.subjects.groups.get(group as usize) else { return NONE };
        let turn = self.scratch.turn;
        let Some(found) = self.scratch.groups.get_mut(group as usize) else { return NONE };
        let leaf_of = |member: u32| {
            let at = pairs.binary_search_by_key(&member, |[member, _]| *member).ok()?;
            pairs.get(at).map(|[_, leaf]| *leaf)
        };
        if of.is_each() {
            return self.lowest_of_few(group, pairs, bound);
        }
        if found.turn == turn {
            let best = found.members.iter().filter_map(|member| leaf_of(*member)).min().unwrap_or(NONE);
            return if best < bound { best } else { NONE };
        }
        let mut best = bound;
        let mut is_complete = true;
        found.clear(of.len());
        of.find(self.facts, &mut |member| {
            if found.add(member)
                && let Some(leaf) = leaf_of(member)
            {
                best = best.min(leaf);
            }
            // Nothing that is still open can matter.
            is_complete = best != lowest;
            !is_complete
        });
        if is_complete {
            found.turn = turn;
        }
        if best < bound { best } else { NONE }
    }

    fn first_condition(&mut self, pairs: &[u32], bound: u32) -> u32 {
        let unit = self.unit;
        let (pairs, _) = pairs.as_chunks::<2>();
        for [condition, leaf] in pairs {
            if *leaf >= bound {
                return NONE;
            }
            let wanted = if Leaf(*leaf).by_error() { Value::Error } else { Value::True };
            if evaluate(&unit.skeleton, *condition, &mut |atom| self.value(atom)) == wanted {
                return *leaf;
            }
        }
        NONE
    }
}

impl OnFacts<'_> {
    /// Few literals are looked for one by one, those of the lowest leaves first.
    fn lowest_of_few(&mut self, group: u32, pairs: &[[u32; 2]], bound: u32) -> u32 {
        let unit = self.unit;
        let mut best = bound;
        for [member, leaf] in pairs {
            if *leaf < best
                && let Some(subject) = unit.member_subject(group, *member)
                && self.member(subject, group, *member)
            {
                best = *leaf;
            }
        }
        if best < bound { best } else { NONE }
    }
}
