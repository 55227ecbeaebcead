//! What a class of one subject says of atoms of other subjects on the same text.
//!
//! A text that equals a literal settles everything; a needle that is there brings the needles
//! inside it; one that is not there takes with it those that hold it.

use rustc_hash::FxHashMap;

use super::atom::{Atom, Number, Order, Text};
use super::group::GroupKey;
use super::skeleton::Value;
use super::subject::{Subject, Subjects};
use crate::dsl::expr::plain;

/// Above this many atoms on a text, needles are no longer compared with each other.
const MAX_COMPARED: usize = 256;

/// The atoms of a route by the text that they test.
#[derive(Debug, Default)]
pub(super) struct Implications {
    by_text: FxHashMap<Text, Vec<(u32, Atom)>>,
    /// the compiled patterns of `matches`
    patterns: FxHashMap<u32, regex::Regex>,
}

impl Implications {
    pub(super) fn new(atoms: &[Atom]) -> Self {
        let mut by_text: FxHashMap<Text, Vec<(u32, Atom)>> = FxHashMap::default();
        let mut patterns = FxHashMap::default();
        for (id, atom) in (0..).zip(atoms) {
            if let Atom::Matches(_, pattern) = atom
                && let Some(regex) = plain::pattern(pattern)
            {
                patterns.insert(id, regex);
            }
            if let Some(text) = text_of(atom) {
                by_text.entry(text.clone()).or_default().push((id, atom.clone()));
            }
        }
        Self { by_text, patterns }
    }

    /// The atoms that a text equal to a literal can settle, apart from the equalities.
    pub(super) fn beside_equality(&self, text: &Text) -> impl Iterator<Item = u32> {
        let atoms = self.by_text.get(text).into_iter().flatten();
        atoms.filter(|(_, atom)| !matches!(atom, Atom::Equal(..))).map(|(id, _)| *id)
    }

    /// The values of other subjects' atoms where the text is `literal`.
    pub(super) fn of_literal(&self, text: &Text, literal: &str) -> Vec<(u32, Value)> {
        let atoms = self.by_text.get(text).into_iter().flatten();
        atoms.filter_map(|(id, atom)| Some((*id, Value::from(self.holds(*id, atom, literal)?)))).collect()
    }

    /// The values of other subjects' atoms in a class of `subject`.
    pub(super) fn of_class(&self, subjects: &Subjects, subject: u32, class: u32) -> Vec<(u32, Value)> {
        match subjects.all.get(subject as usize) {
            Some(Subject::Equal { text, literals }) => {
                let literal = literals.iter().find(|(_, of)| **of == class);
                literal.map(|(literal, _)| self.of_literal(text, literal)).unwrap_or_default()
            }
            Some(Subject::Member { group, member }) => {
                let Some(group) = subjects.groups.get(*group as usize) else { return Vec::new() };
                let constant = group.constants.get(*member as usize).map_or("", String::as_str);
                self.of_member(&group.key, constant, class == 1)
            }
            _ => Vec::new(),
        }
    }

    /// Whether the member is there: what that says of the other members of its group.
    fn of_member(&self, key: &GroupKey, constant: &str, is_there: bool) -> Vec<(u32, Value)> {
        let (GroupKey::Contains(text) | GroupKey::StartsWith(text) | GroupKey::EndsWith(text)) = key else {
            return Vec::new();
        };
        let atoms = self.by_text.get(text).map_or(&[][..], Vec::as_slice);
        if atoms.len() > MAX_COMPARED {
            return Vec::new();
        }
        let settled = |atom: &Atom| {
            let (smaller, larger) = match (key, atom) {
                (GroupKey::Contains(_), Atom::Contains(_, other)) => {
                    (constant.contains(other.as_str()), other.contains(constant))
                }
                (GroupKey::StartsWith(_), Atom::StartsWith(_, other)) => {
                    (constant.starts_with(other.as_str()), other.starts_with(constant))
                }
                (GroupKey::EndsWith(_), Atom::EndsWith(_, other)) => {
                    (constant.ends_with(other.as_str()), other.ends_with(constant))
                }
                _ => return None,
            };
            match is_there {
                true if smaller => Some(Value::True),
                false if larger => Some(Value::False),
                _ => None,
            }
        };
        atoms.iter().filter_map(|(id, atom)| Some((*id, settled(atom)?))).collect()
    }

    /// Whether an atom on a text holds for this text; None for those that are not settled so.
    fn holds(&self, id: u32, atom: &Atom, text: &str) -> Option<bool> {
        match atom {
            Atom::StartsWith(_, affix) => Some(text.starts_with(affix.as_str())),
            Atom::EndsWith(_, affix) => Some(text.ends_with(affix.as_str())),
            Atom::Contains(_, needle) => Some(text.contains(needle.as_str())),
            Atom::Matches(..) => self.patterns.get(&id).map(|regex| regex.is_match(text)),
            Atom::Compare(Number::TextSize(_), order, constant) => {
                let size = i64::try_from(text.chars().count()).ok()?;
                Some(match order {
                    Order::Equal => size == *constant,
                    Order::Less => size < *constant,
                    Order::AtMost => size <= *constant,
                    Order::More => size > *constant,
                    Order::AtLeast => size >= *constant,
                })
            }
            _ => None,
        }
    }
}

fn text_of(atom: &Atom) -> Option<&Text> {
    match atom {
        Atom::Equal(text, _)
        | Atom::StartsWith(text, _)
        | Atom::EndsWith(text, _)
        | Atom::Contains(text, _)
        | Atom::Matches(text, _)
        | Atom::Compare(Number::TextSize(text), ..) => Some(text),
        _ => None,
    }
}
