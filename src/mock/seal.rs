//! Proofs that thinking came from this mock: what a vendor encrypts or signs, and refuses when it is
//! not its own. Here it is a keyless hash, so that every mock knows every mock's.

use super::base64::encode;

/// Hash bytes in a seal.
const HASH_BYTES: usize = 18;

/// A seal of `wire` on a text.
pub(super) fn seal(wire: &str, text: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(wire.as_bytes());
    hasher.update(&[0]);
    hasher.update(text.as_bytes());
    let hash = hasher.finalize();
    let mut bytes = format!("mock {wire} ").into_bytes();
    bytes.extend(hash.as_bytes().iter().take(HASH_BYTES));
    encode(&bytes)
}

/// Whether a seal is one of `wire`, whatever it is on.
pub(super) fn is_of(wire: &str, seal: &str) -> bool {
    // The text in front is cut to whole groups of three bytes, which stand by themselves in base64.
    let front = format!("mock {wire} ");
    let whole = front.len() / 3 * 3;
    let begin = encode(front.as_bytes().get(..whole).unwrap_or_default());
    seal.starts_with(&begin)
        && super::base64::is(seal)
        && seal.len() == encode(&vec![0; front.len() + HASH_BYTES]).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_tells_its_wire_and_its_text() {
        assert_ne!(seal("gemini", "a"), seal("gemini", "b"));
        assert_eq!(seal("gemini", "a"), seal("gemini", "a"));
        assert!(is_of("gemini", &seal("gemini", "a")));
        assert!(!is_of("responses", &seal("gemini", "a")));
        assert!(!is_of("gemini", "Zm9v") && !is_of("gemini", "ccr1.gemini.Zm9v"));
    }
}
