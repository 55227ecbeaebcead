//! Sets of the classes of one axis.

use smallvec::SmallVec;

/// Ranges `from..to`, sorted, with a gap between each two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes(SmallVec<[(u32, u32); 2]>);

impl Classes {
    /// The classes from the first on, before the second.
    pub(super) fn range(from: u32, to: u32) -> Self {
        let mut new = Self::default();
        new.push(from, to);
        new
    }

    /// These; `sorted` is sorted.
    pub(super) fn of(sorted: impl IntoIterator<Item = u32>) -> Self {
        let mut new = Self::default();
        for class in sorted {
            new.push(class, class + 1);
        }
        new
    }

    /// Adds a range that begins no earlier than the last one.
    pub(super) fn push(&mut self, from: u32, to: u32) {
        if from >= to {
            return;
        }
        match self.0.last_mut() {
            Some((_, end)) if *end >= from => *end = to.max(*end),
            _ => self.0.push((from, to)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// All classes, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|(from, to)| *from..*to)
    }

    pub(super) fn contains(&self, class: u32) -> bool {
        self.0.iter().any(|(from, to)| (*from..*to).contains(&class))
    }

    pub(super) fn last(&self) -> Option<u32> {
        self.0.last().map(|(_, to)| to.saturating_sub(1))
    }

    /// The classes in both.
    pub(super) fn meet(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut met = Self::default();
        while let (Some((a, b)), Some((c, d))) = (left.peek(), right.peek()) {
            met.push(*a.max(c), *b.min(d));
            if b <= d {
                left.next();
            } else {
                right.next();
            }
        }
        met
    }

    /// The classes of this one that are not in the other.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Self::default();
        for (from, to) in &self.0 {
            let mut at = *from;
            for (c, d) in other.0.iter().filter(|(c, d)| c < to && d > from) {
                left.push(at, *c);
                at = at.max(*d);
            }
            left.push(at, *to);
        }
        left
    }

    /// Whether every class of this one is in the other.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|(from, to)| other.0.iter().any(|(c, d)| c <= from && to <= d))
    }

    /// Whether they have a class in common.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().any(|(from, to)| other.0.iter().any(|(c, d)| c < to && from < d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(bits: u32) -> Classes {
        Classes::of((0..8).filter(|bit| bits & (1 << bit) != 0))
    }

    fn bits(set: &Classes) -> u32 {
        set.iter().map(|class| 1 << class).sum()
    }

    #[test]
    fn as_with_bits() {
        for a in 0..256_u32 {
            assert_eq!(bits(&set(a)), a);
            for b in 0..256_u32 {
                let (left, right) = (set(a), set(b));
                assert_eq!(left.meet(&right), set(a & b), "{a:b} {b:b}");
                assert_eq!(left.without(&right), set(a & !b), "{a:b} {b:b}");
                assert_eq!(left.is_within(&right), a & !b == 0, "{a:b} {b:b}");
                assert_eq!(left.meets(&right), a & b != 0, "{a:b} {b:b}");
            }
        }
    }
}
