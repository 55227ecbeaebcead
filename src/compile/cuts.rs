//! Sorted constants, and how many of them a number is above.
//!
//! A binary search over thousands of constants waits for memory a dozen times; a search by blocks
//! of sixteen waits three times.

/// Constants of one block; two cache lines.
const BLOCK: usize = 16;

/// Sorted, each once.
#[derive(Debug)]
pub(super) struct Cuts {
    all: Box<[i64]>,
    /// the last constant of each block of the level below, the smallest level last
    levels: Vec<Box<[i64]>>,
}

impl Cuts {
    /// `sorted` is sorted and without repetitions.
    pub(super) fn new(sorted: Vec<i64>) -> Self {
        let mut levels: Vec<Box<[i64]>> = Vec::new();
        loop {
            let below = levels.last().map_or(sorted.as_slice(), AsRef::as_ref);
            if below.len() <= BLOCK {
                break;
            }
            let level = below.chunks(BLOCK).filter_map(|block| block.last().copied()).collect();
            levels.push(level);
        }
        Self { all: sorted.into(), levels }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<i64> {
        self.all.get(index).copied()
    }

    /// How many constants are less than `value`.
    #[inline]
    pub(super) fn below(&self, value: i64) -> usize {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            // Whole blocks whose last constant is less are passed over.
            at = at * BLOCK + less_in_block(level, at * BLOCK, value);
        }
        // Above the last constant of all, the blocks that are passed over are fuller than the last one is.
        (at * BLOCK + less_in_block(&self.all, at * BLOCK, value)).min(self.all.len())
    }
}

#[inline]
fn less_in_block(level: &[i64], from: usize, value: i64) -> usize {
    let block = level.get(from..level.len().min(from + BLOCK)).unwrap_or_default();
    block.iter().map(|constant| usize::from(*constant < value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_by_counting() {
        for length in [0, 1, 2, 15, 16, 17, 31, 33, 255, 256, 257, 5_000] {
            let sorted: Vec<i64> = (0..length).map(|index| index * 3).collect();
            let cuts = Cuts::new(sorted.clone());
            for value in (-2..length * 3 + 3).step_by(if length > 300 { 7 } else { 1 }) {
                let expected = sorted.iter().filter(|cut| **cut < value).count();
                assert_eq!(cuts.below(value), expected, "{value} in {length}");
            }
        }
    }
}
