//! The search for regions: assume, follow what that forces, and go back where it contradicts.

use std::ops::ControlFlow;

use rustc_hash::FxHashMap;

use super::axis::Axis;
use super::classes::Classes;
use super::region::Region;
use super::related;
use super::{Coverage, Space};
use crate::compile::atom::Number;
use crate::compile::formula::{Formula, Sense};
use crate::compile::space::axis::{Part, Term, class_of};

/// What is left to do for one formula that must hold.
enum Left {
    Nothing,
    /// how many parts are open, and a literal among them
    Open(usize, u32, bool),
}

/// Ranges of a set of classes that are gone through in the time of one step.
const PIECES_A_STEP: usize = 16;

/// It cannot hold.
struct Clash;

/// A literal that was assumed.
struct Decision {
    atom: u32,
    value: bool,
    /// the other value was tried before
    is_second: bool,
    /// how far the trail went before
    trail: usize,
}

pub(super) struct Search<'s, 'b> {
    space: &'s Space,
    /// formulas that must hold
    wanted: Vec<u32>,
    /// the classes left of each axis that has fewer than it could have
    classes: FxHashMap<u32, Classes>,
    /// by text or list: the axes in `classes`, in order
    touched: FxHashMap<u32, Vec<u32>>,
    /// what was there before each change
    trail: Vec<(u32, Option<Classes>)>,
    decisions: Vec<Decision>,
    budget: &'b mut usize,
}

impl<'s, 'b> Search<'s, 'b> {
    pub(super) fn new(space: &'s Space, wanted: Vec<u32>, budget: &'b mut usize) -> Self {
        let (classes, touched) = (FxHashMap::default(), FxHashMap::default());
        Self { space, wanted, classes, touched, trail: Vec::new(), decisions: Vec::new(), budget }
    }

    pub(super) fn run(mut self, each: &mut dyn FnMut(&Region<'_>) -> ControlFlow<()>) -> Coverage {
        loop {
            let next = self.follow();
            if *self.budget == 0 {
                return Coverage::GaveUp;
            }
            let goes_on = match next {
                Ok(Some((atom, value))) => {
                    let trail = self.trail.len();
                    self.decisions.push(Decision { atom, value, is_second: false, trail });
                    self.assume(atom, value).is_ok() || self.back()
                }
                Ok(None) => {
                    if each(&Region::new(self.space, &self.classes)).is_break() {
                        return Coverage::Stopped;
                    }
                    self.back()
                }
                Err(Clash) => self.back(),
            };
            if !goes_on {
                return Coverage::Exhausted;
            }
        }
    }

    /// Goes back to the last assumption whose opposite was not tried yet, and assumes that.
    fn back(&mut self) -> bool {
        while let Some(last) = self.decisions.pop() {
            self.undo(last.trail);
            if !last.is_second {
                let (atom, value) = (last.atom, !last.value);
                self.decisions.push(Decision { atom, value, is_second: true, trail: last.trail });
                if self.assume(atom, value).is_ok() {
                    return true;
                }
            }
        }
        false
    }

    fn undo(&mut self, to: usize) {
        while self.trail.len() > to
            && let Some((axis, before)) = self.trail.pop()
        {
            match before {
                Some(before) => {
                    self.classes.insert(axis, before);
                }
                None => {
                    self.classes.remove(&axis);
                    if let Some(whole) = self.whole(axis)
                        && let Some(touched) = self.touched.get_mut(&whole)
                    {
                        touched.pop();
                    }
                }
            }
        }
    }

    fn whole(&self, axis: u32) -> Option<u32> {
        self.space.axes.wholes.get(axis as usize).copied().flatten()
    }

    /// All that the formulas force; then a literal to assume, or None when they all hold.
    fn follow(&mut self) -> Result<Option<(u32, bool)>, Clash> {
        loop {
            let before = self.trail.len();
            let mut best: Option<(usize, u32, bool)> = None;
            for at in 0..self.wanted.len() {
                let Some(formula) = self.wanted.get(at).copied() else { break };
                if let Left::Open(open, atom, value) = self.require(formula)?
                    && best.is_none_or(|(fewest, ..)| open < fewest)
                {
                    best = Some((open, atom, value));
                }
                if *self.budget == 0 {
                    return Ok(None);
                }
            }
            if self.trail.len() == before {
                return Ok(best.map(|(_, atom, value)| (atom, value)));
            }
        }
    }

    /// Makes a formula hold as far as that is forced.
    fn require(&mut self, id: u32) -> Result<Left, Clash> {
        let space = self.space;
        self.step();
        match space.formulas.get(id) {
            Formula::False => Err(Clash),
            Formula::True => Ok(Left::Nothing),
            Formula::Literal(atom, sense) => {
                self.assume(*atom, *sense == Sense::IsTrue)?;
                Ok(Left::Nothing)
            }
            Formula::And(items) => {
                let mut left = Left::Nothing;
                for item in items {
                    if let Left::Open(open, atom, value) = self.require(*item)?
                        && !matches!(left, Left::Open(fewest, ..) if fewest <= open)
                    {
                        left = Left::Open(open, atom, value);
                    }
                }
                Ok(left)
            }
            Formula::Or(items) => {
                let mut open = items.iter().filter_map(|item| match self.value(*item) {
                    Some(false) => None,
                    other => Some((*item, other)),
                });
                let Some((first, value)) = open.next() else { return Err(Clash) };
                let mut count = 1;
                let mut holds = value.is_some();
                for (_, value) in open {
                    count += 1;
                    holds |= value.is_some();
                }
                match count {
                    _ if holds => Ok(Left::Nothing),
                    1 => self.require(first),
                    _ => Ok(self.literal(first).map_or(Left::Nothing, |(atom, value)| Left::Open(count, atom, value))),
                }
            }
        }
    }

    fn step(&mut self) {
        *self.budget = self.budget.saturating_sub(1);
    }

    /// The value of a formula in all classes that are left; None: it is open.
    fn value(&mut self, id: u32) -> Option<bool> {
        let space = self.space;
        self.step();
        let (items, any) = match space.formulas.get(id) {
            Formula::False => return Some(false),
            Formula::True => return Some(true),
            Formula::Literal(atom, sense) => {
                return self.atom(*atom).map(|value| value == (*sense == Sense::IsTrue));
            }
            Formula::And(items) => (items, false),
            Formula::Or(items) => (items, true),
        };
        let mut open = false;
        for item in items {
            match self.value(*item) {
                Some(value) if value == any => return Some(any),
                Some(_) => {}
                None => open = true,
            }
        }
        (!open).then_some(!any)
    }

    fn atom(&mut self, atom: u32) -> Option<bool> {
        let placed = self.space.axes.atoms.get(atom as usize)?;
        let classes = self.classes.get(&placed.axis)?;
        *self.budget = self.budget.saturating_sub(classes.ranges().len() / PIECES_A_STEP);
        if !classes.meets(&placed.yes) {
            return Some(false);
        }
        classes.is_within(&placed.yes).then_some(true)
    }

    /// An open literal of an open formula.
    fn literal(&mut self, id: u32) -> Option<(u32, bool)> {
        let space = self.space;
        match space.formulas.get(id) {
            Formula::False | Formula::True => None,
            Formula::Literal(atom, sense) => Some((*atom, *sense == Sense::IsTrue)),
            Formula::And(items) | Formula::Or(items) => {
                let open = items.iter().copied().find(|item| self.value(*item).is_none());
                self.literal(open?)
            }
        }
    }

    /// Leaves only the classes in which an atom has this value, and follows that to the other
    /// axes on the same text or list.
    fn assume(&mut self, atom: u32, value: bool) -> Result<(), Clash> {
        let space = self.space;
        let Some(placed) = space.axes.atoms.get(atom as usize) else { return Ok(()) };
        let before = self.classes_of(placed.axis);
        let pieces = before.ranges().len() + placed.yes.ranges().len();
        let left = if value { before.meet(&placed.yes) } else { before.without(&placed.yes) };
        *self.budget = self.budget.saturating_sub(pieces / PIECES_A_STEP);
        let mut pending = vec![(placed.axis, left)];
        while let Some((axis, left)) = pending.pop() {
            let left = left.meet(self.classes_of(axis));
            if left.is_empty() {
                return Err(Clash);
            }
            if left == *self.classes_of(axis) {
                continue;
            }
            self.set(axis, left);
            self.follow_whole(axis, &mut pending);
        }
        Ok(())
    }

    fn classes_of(&self, axis: u32) -> &Classes {
        self.classes.get(&axis).unwrap_or_else(|| self.space.axes.legal(axis))
    }

    fn set(&mut self, axis: u32, left: Classes) {
        let before = self.classes.insert(axis, left);
        if before.is_none()
            && let Some(whole) = self.whole(axis)
        {
            self.touched.entry(whole).or_default().push(axis);
        }
        self.trail.push((axis, before));
    }

    fn follow_whole(&mut self, axis: u32, pending: &mut Vec<(u32, Classes)>) {
        let space = self.space;
        let Some(touched) = self.whole(axis).and_then(|whole| self.touched.get(&whole)) else { return };
        *self.budget = self.budget.saturating_sub(touched.len());
        let mut members = 0;
        for other in touched {
            let (Some(own), Some(theirs)) = (self.classes.get(&axis), self.classes.get(other)) else { continue };
            if let Some(Axis::Has { part: Part::Member, .. }) = space.axes.all.get(*other as usize) {
                members += i64::from(!theirs.contains(0));
            }
            if *other == axis {
                continue;
            }
            if let Some(left) = related::left(&space.axes, *other, theirs, axis, own) {
                pending.push((*other, left));
            }
            if let Some(left) = related::left(&space.axes, axis, own, *other, theirs) {
                pending.push((axis, left));
            }
        }
        if members > 0 {
            self.follow_size(touched, members, pending);
        }
    }

    /// A list with so many members is at least so long.
    fn follow_size(&self, touched: &[u32], members: i64, pending: &mut Vec<(u32, Classes)>) {
        for other in touched {
            if let Some(Axis::Ints { term: Term::Number(Number::ListSize(_)), cuts }) =
                self.space.axes.all.get(*other as usize)
            {
                let end = self.space.axes.legal(*other).last().map_or(0, |last| last + 1);
                pending.push((*other, Classes::range(class_of(cuts, members), end)));
            }
        }
    }
}
