//! Base64, as much of it as a fake upstream needs: to see whether a text is some, and to write signatures.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether a text is base64, standard or URL-safe, padded or not.
pub(super) fn is(text: &str) -> bool {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let padded = body.len() != text.len();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    !body.is_empty() && body.bytes().all(legal) && body.len() % 4 != 1 && (!padded || text.len().is_multiple_of(4))
}

/// Bytes in base64 with padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place) & 63) as usize;
            let letter = ALPHABET.get(six).copied().unwrap_or(b'=');
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_the_standard_shows() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(encode(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn tells_base64_from_other_text() {
        for good in ["Zg==", "Zg", "Zm9v", "_-9v", "iVBO"] {
            assert!(is(good), "{good}");
        }
        for bad in ["", "A", "not base64!", "Zg=", "data:image/png;base64,Zg=="] {
            assert!(!is(bad), "{bad}");
        }
    }
}
