//! Groups: many yes-or-no subjects on one value, all answered by one pass over it.

use rustc_hash::FxHashMap;

use super::atom::Text;
use super::needles::Needles;
use super::skeleton::number;
use crate::facts::{Facts, Var};

/// What is looked at, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum GroupKey {
    /// needles in a text
    Contains(Text),
    /// beginnings of a text
    StartsWith(Text),
    /// ends of a text
    EndsWith(Text),
    /// items of a list
    List(Var),
}

/// One group; its members are numbered as they were added.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: GroupKey,
    pub(super) constants: Vec<String>,
    finder: Finder,
}

#[derive(Debug)]
enum Finder {
    Unfinished,
    Needles(Box<Needles>),
    Affixes(Affixes),
    Items(FxHashMap<Box<str>, u32>),
}

/// Beginnings or ends, by length: one look-up for each length that occurs.
#[derive(Debug)]
struct Affixes {
    lengths: Vec<usize>,
    known: FxHashMap<Box<[u8]>, u32>,
}

impl Group {
    pub(super) fn new(key: GroupKey) -> Self {
        Self { key, constants: Vec::new(), finder: Finder::Unfinished }
    }

    /// Adds a constant, which is new to the group.
    pub(super) fn add(&mut self, constant: &str) -> u32 {
        self.constants.push(constant.to_owned());
        number(self.constants.len() - 1)
    }

    /// Prepares the search, once all members are known.
    pub(super) fn finish(&mut self) {
        self.finder = match &self.key {
            GroupKey::Contains(_) => Finder::Needles(Box::new(Needles::new(&self.constants))),
            GroupKey::StartsWith(_) | GroupKey::EndsWith(_) => {
                let mut lengths: Vec<usize> = self.constants.iter().map(String::len).collect();
                lengths.sort_unstable();
                lengths.dedup();
                let known = self.constants.iter().map(|affix| affix.as_bytes().into()).zip(0..).collect();
                Finder::Affixes(Affixes { lengths, known })
            }
            GroupKey::List(_) => {
                Finder::Items(self.constants.iter().map(|item| item.as_str().into()).zip(0..).collect())
            }
        };
    }

    pub(super) fn len(&self) -> usize {
        self.constants.len()
    }

    /// Looks for one member alone, where that is as cheap as a share of a pass.
    pub(super) fn alone(&self, member: u32, facts: &dyn Facts) -> Option<bool> {
        match (&self.finder, &self.key) {
            (Finder::Needles(needles), GroupKey::Contains(text)) => {
                if !needles.is_each() {
                    return None;
                }
                needles.alone(member, text.read(facts).as_bytes())
            }
            _ => None,
        }
    }

    /// Whether a quick look shows that no member is there, for a group that answers
    /// [`Self::alone`].
    pub(super) fn is_excluded(&self, facts: &dyn Facts) -> bool {
        match (&self.finder, &self.key) {
            (Finder::Needles(needles), GroupKey::Contains(text)) => needles.are_excluded(text.read(facts).as_bytes()),
            _ => false,
        }
    }

    /// Whether [`Self::alone`] answers.
    pub(super) fn is_each(&self) -> bool {
        matches!(&self.finder, Finder::Needles(needles) if needles.is_each())
    }

    /// Calls `hit` with every member that is there, some more than once, until it says to stop.
    pub(super) fn find(&self, facts: &dyn Facts, hit: &mut dyn FnMut(u32) -> bool) {
        match (&self.finder, &self.key) {
            (Finder::Needles(needles), GroupKey::Contains(text)) => needles.find(text.read(facts).as_bytes(), hit),
            (Finder::Affixes(affixes), GroupKey::StartsWith(text)) => {
                affixes.find(text.read(facts).as_bytes(), |text, length| text.get(..length), hit);
            }
            (Finder::Affixes(affixes), GroupKey::EndsWith(text)) => {
                let end = |text: &'_ [u8], length: usize| text.len().checked_sub(length);
                affixes.find(text.read(facts).as_bytes(), |text, length| text.get(end(text, length)?..), hit);
            }
            (Finder::Items(known), GroupKey::List(list)) => {
                for item in facts.get(*list).as_list() {
                    if let Some(member) = known.get(item.as_ref())
                        && hit(*member)
                    {
                        return;
                    }
                }
            }
            _ => {}
        }
    }
}

impl Affixes {
    fn find<'a>(
        &self,
        text: &'a [u8],
        part: impl Fn(&'a [u8], usize) -> Option<&'a [u8]>,
        hit: &mut dyn FnMut(u32) -> bool,
    ) {
        for length in &self.lengths {
            let Some(part) = part(text, *length) else { return };
            if let Some(member) = self.known.get(part)
                && hit(*member)
            {
                return;
            }
        }
    }
}
