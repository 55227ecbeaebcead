//! Ordinary boolean formulas over literals, hash-consed.
//!
//! An atom has three values, so "it is true" and "it is false" are two literals that exclude each
//! other without being exhaustive. With that care, a condition's truth, falsehood and failure are
//! each an ordinary formula, and an error needs no third branch anywhere.

use rustc_hash::FxHashMap;

use super::skeleton::{Node as Condition, Skeletons, Value, number};

/// What a literal says of its atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sense {
    IsTrue,
    IsFalse,
    NotTrue,
    NotFalse,
}

impl Sense {
    pub(super) fn holds(self, value: Value) -> bool {
        match self {
            Self::IsTrue => value == Value::True,
            Self::IsFalse => value == Value::False,
            Self::NotTrue => value != Value::True,
            Self::NotFalse => value != Value::False,
        }
    }

    /// The sense for `!x` that this one is for `x`.
    fn of_negation(self) -> Self {
        match self {
            Self::IsTrue => Self::IsFalse,
            Self::IsFalse => Self::IsTrue,
            Self::NotTrue => Self::NotFalse,
            Self::NotFalse => Self::NotTrue,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Formula {
    False,
    True,
    Literal(u32, Sense),
    And(Box<[u32]>),
    Or(Box<[u32]>),
}

/// The number of [`Formula::False`].
pub(super) const FALSE: u32 = 0;
/// The number of [`Formula::True`].
pub(super) const TRUE: u32 = 1;

/// All formulas of a route.
#[derive(Debug)]
pub(super) struct Formulas {
    nodes: Vec<Formula>,
    known: FxHashMap<Formula, u32>,
    /// the subjects that each mentions, sorted
    subjects: Vec<Box<[u32]>>,
    lowered: FxHashMap<(u32, Sense), u32>,
}

/// What the formulas have to know of atoms.
pub(super) trait Atoms {
    /// The subject that decides an atom.
    fn subject(&self, atom: u32) -> u32;
    /// Whether it can be an error.
    fn can_fail(&self, atom: u32) -> bool;
}

impl Default for Formulas {
    fn default() -> Self {
        let mut new = Self {
            nodes: Vec::new(),
            known: FxHashMap::default(),
            subjects: Vec::new(),
            lowered: FxHashMap::default(),
        };
        new.intern(Formula::False, Box::default());
        new.intern(Formula::True, Box::default());
        new
    }
}

impl Formulas {
    pub(super) fn get(&self, id: u32) -> &Formula {
        self.nodes.get(id as usize).unwrap_or(&Formula::False)
    }

    /// The subjects that a formula mentions, sorted.
    pub(super) fn subjects(&self, id: u32) -> &[u32] {
        self.subjects.get(id as usize).map_or(&[], AsRef::as_ref)
    }

    fn intern(&mut self, formula: Formula, subjects: Box<[u32]>) -> u32 {
        if let Some(id) = self.known.get(&formula) {
            return *id;
        }
        let id = number(self.nodes.len());
        self.nodes.push(formula.clone());
        self.subjects.push(subjects);
        self.known.insert(formula, id);
        id
    }

    fn literal(&mut self, atom: u32, sense: Sense, atoms: &dyn Atoms) -> u32 {
        let sense = match sense {
            Sense::NotTrue if !atoms.can_fail(atom) => Sense::IsFalse,
            Sense::NotFalse if !atoms.can_fail(atom) => Sense::IsTrue,
            sense => sense,
        };
        self.intern(Formula::Literal(atom, sense), Box::new([atoms.subject(atom)]))
    }

    /// Both or all; with `any`, one of them.
    fn join(&mut self, mut items: Vec<u32>, any: bool) -> u32 {
        let (neutral, absorbing) = if any { (FALSE, TRUE) } else { (TRUE, FALSE) };
        items.retain(|item| *item != neutral);
        if items.contains(&absorbing) {
            return absorbing;
        }
        items = self.flattened(items, any);
        items.sort_unstable();
        items.dedup();
        if !any && self.contradicts(&items) {
            return FALSE;
        }
        match items.as_slice() {
            [] => neutral,
            [one] => *one,
            _ => {
                let mut subjects: Vec<u32> = items.iter().flat_map(|item| self.subjects(*item)).copied().collect();
                subjects.sort_unstable();
                subjects.dedup();
                let items = items.into_boxed_slice();
                let formula = if any { Formula::Or(items) } else { Formula::And(items) };
                self.intern(formula, subjects.into())
            }
        }
    }

    /// `(a ∧ b) ∧ c` is `a ∧ b ∧ c`.
    fn flattened(&self, items: Vec<u32>, any: bool) -> Vec<u32> {
        let mut flat = Vec::with_capacity(items.len());
        for item in items {
            match (self.get(item), any) {
                (Formula::And(inner), false) | (Formula::Or(inner), true) => flat.extend(inner.iter().copied()),
                _ => flat.push(item),
            }
        }
        flat
    }

    /// Whether two of the literals of a conjunction exclude each other.
    fn contradicts(&self, items: &[u32]) -> bool {
        let excludes = |one: Sense, other: Sense| {
            matches!(
                (one, other),
                (Sense::IsTrue, Sense::IsFalse | Sense::NotTrue) | (Sense::IsFalse, Sense::NotFalse | Sense::IsTrue)
            )
        };
        let literal = |id: &u32| match self.get(*id) {
            Formula::Literal(atom, sense) => Some((*atom, *sense)),
            _ => None,
        };
        // Interned in order of appearance, so the literals of one atom need not be neighbours.
        items.len() <= 32
            && items.iter().filter_map(literal).any(|(atom, sense)| {
                items.iter().filter_map(literal).any(|(other, against)| atom == other && excludes(sense, against))
            })
    }

    /// The formula of "this condition has the value that `sense` says".
    pub(super) fn lower(&mut self, skeletons: &Skeletons, condition: u32, sense: Sense, atoms: &dyn Atoms) -> u32 {
        if let Some(known) = self.lowered.get(&(condition, sense)) {
            return *known;
        }
        let id = match skeletons.node(condition) {
            Condition::Constant(value) => u32::from(sense.holds((*value).into())),
            Condition::Atom(atom) => self.literal(*atom, sense, atoms),
            Condition::Not(inner) => self.lower(skeletons, *inner, sense.of_negation(), atoms),
            Condition::And(items) => {
                let any = matches!(sense, Sense::IsFalse | Sense::NotTrue);
                self.lower_chain(skeletons, items, sense, any, atoms)
            }
            Condition::Or(items) => {
                let any = matches!(sense, Sense::IsTrue | Sense::NotFalse);
                self.lower_chain(skeletons, items, sense, any, atoms)
            }
            Condition::Cond([condition, yes, no]) => {
                // "Is" is one of two ways to get there, "is not" excludes both.
                let is = matches!(sense, Sense::IsTrue | Sense::IsFalse);
                let (when, unless) =
                    if is { (Sense::IsTrue, Sense::IsFalse) } else { (Sense::NotTrue, Sense::NotFalse) };
                let first = [self.lower(skeletons, *condition, when, atoms), self.lower(skeletons, *yes, sense, atoms)];
                let second =
                    [self.lower(skeletons, *condition, unless, atoms), self.lower(skeletons, *no, sense, atoms)];
                let ways = vec![self.join(first.to_vec(), !is), self.join(second.to_vec(), !is)];
                self.join(ways, is)
            }
        };
        self.lowered.insert((condition, sense), id);
        id
    }

    fn lower_chain(&mut self, skeletons: &Skeletons, items: &[u32], sense: Sense, any: bool, atoms: &dyn Atoms) -> u32 {
        let items = items.iter().map(|item| self.lower(skeletons, *item, sense, atoms)).collect();
        self.join(items, any)
    }

    /// The formula of "this condition fails".
    pub(super) fn failure(&mut self, skeletons: &Skeletons, condition: u32, atoms: &dyn Atoms) -> u32 {
        let parts = [Sense::NotTrue, Sense::NotFalse].map(|sense| self.lower(skeletons, condition, sense, atoms));
        self.join(parts.to_vec(), false)
    }

    /// The formula with some atoms settled. `known` keeps results for the same settlement.
    pub(super) fn settle(
        &mut self,
        id: u32,
        value: &dyn Fn(u32) -> Option<Value>,
        known: &mut FxHashMap<u32, u32>,
    ) -> u32 {
        let (items, any) = match self.get(id) {
            Formula::False | Formula::True => return id,
            Formula::Literal(atom, sense) => return value(*atom).map_or(id, |value| u32::from(sense.holds(value))),
            Formula::And(items) => (items.clone(), false),
            Formula::Or(items) => (items.clone(), true),
        };
        if let Some(known) = known.get(&id) {
            return *known;
        }
        let absorbing = u32::from(any);
        let mut settled = Vec::with_capacity(items.len());
        for item in items {
            let item = self.settle(item, value, known);
            settled.push(item);
            if item == absorbing {
                break;
            }
        }
        let result = self.join(settled, any);
        known.insert(id, result);
        result
    }
}
