//! Finding the byte where a plain run ends.
//!
//! Most strings of a request are a few bytes long (keys, types, roles), and quotes stand close together in
//! code too. So the first eight bytes are looked at as one word, and the next ones in blocks, on the spot: a
//! call is worth its price only behind that.

use memchr::memchr;

/// Bytes of one comparison.
const BLOCK: usize = 16;
/// Blocks that are looked at on the spot.
const NEAR_BLOCKS: usize = 16;
/// The lowest bit of each byte, and the highest.
const LOWEST: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = LOWEST << 7;

/// Where the first byte is that is this one.
pub(super) fn next<const BYTE: u8>(bytes: &[u8]) -> Option<usize> {
    if let Some(found) = first(bytes, equal::<BYTE>) {
        return Some(found);
    }
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().take(NEAR_BLOCKS).enumerate() {
        // Without a way out of the loop it becomes one comparison of the whole block.
        if block.iter().fold(false, |any, byte| any | (*byte == BYTE)) {
            return in_block(block, equal::<BYTE>).map(|found| number * BLOCK + found);
        }
    }
    if blocks.len() <= NEAR_BLOCKS {
        return tail.iter().position(|byte| *byte == BYTE).map(|found| blocks.len() * BLOCK + found);
    }
    let near = NEAR_BLOCKS * BLOCK;
    memchr(BYTE, bytes.get(near..).unwrap_or_default()).map(|found| near + found)
}

/// Where the first byte is that a JSON string cannot hold as it is: a quote, a backslash, a control character.
pub(super) fn unwritable(bytes: &[u8]) -> Option<usize> {
    if let Some(found) = first(bytes, unwritables) {
        return Some(found);
    }
    let is_one = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |any, byte| any | is_one(byte)) {
            return in_block(block, unwritables).map(|found| number * BLOCK + found);
        }
    }
    tail.iter().position(is_one).map(|found| blocks.len() * BLOCK + found)
}

/// Where the first hit is among the first eight bytes.
fn first(bytes: &[u8], hits: fn(u64) -> u64) -> Option<usize> {
    let found = hits(u64::from_le_bytes(*bytes.first_chunk()?)).trailing_zeros() / 8;
    (found < 8).then_some(found as usize)
}

fn in_block(block: &[u8; BLOCK], hits: fn(u64) -> u64) -> Option<usize> {
    first(block, hits).or_else(|| first(block.get(8..)?, hits).map(|found| 8 + found))
}

/// The highest bit of each byte that is this one, right up to the first of them.
fn equal<const BYTE: u8>(word: u64) -> u64 {
    let zeros = word ^ (LOWEST * u64::from(BYTE));
    zeros.wrapping_sub(LOWEST) & !zeros & HIGHEST
}

/// The same for what a string cannot hold.
fn unwritables(word: u64) -> u64 {
    let controls = word.wrapping_sub(LOWEST * 0x20) & !word & HIGHEST;
    controls | equal::<b'"'>(word) | equal::<b'\\'>(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Bytes next to those that are looked for are what words of bits mistake first.
        #[test]
        fn what_a_byte_after_the_other_finds(
            run in prop::collection::vec(prop_oneof![8 => Just(b'a'), 1 => 0x1e_u8..0x24, 1 => 0x5b_u8..0x5e, 1 => any::<u8>()], 0..40),
            before in prop::sample::select(vec![0_usize, 7, 8, 15, 250, 256, 300]),
        ) {
            let bytes = [vec![b'x'; before], run].concat();
            prop_assert_eq!(next::<b'"'>(&bytes), bytes.iter().position(|byte| *byte == b'"'));
            prop_assert_eq!(next::<b'\\'>(&bytes), bytes.iter().position(|byte| *byte == b'\\'));
            let plain = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
            prop_assert_eq!(unwritable(&bytes), bytes.iter().position(plain));
        }
    }
}
