//! What makes two requests the same.

/// What a key is made of.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'a> {
    /// the tenant's name or the key's id: nobody reads another's answers
    pub owner: &'a str,
    /// the client's protocol
    pub protocol: &'a str,
    /// whether a stream was asked for
    pub stream: bool,
    /// the name by which the provider knows the model
    pub upstream_model: &'a str,
    /// the provider's base URL
    pub base: &'a str,
    /// the request in its canonical form
    pub canonical: &'a [u8],
}

/// The hash of a request: where its answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// The parts of a key, for people.
pub const KEY_PARTS: &[&str] = &[
    "the tenant (without one: the client's key)",
    "the client's protocol, and whether a stream was asked for",
    "the model's name at its provider, and the provider's base URL",
    "the body, as JSON with sorted keys",
];

impl Key {
    /// The key of a request.
    #[must_use]
    pub fn new(parts: &KeyParts<'_>) -> Self {
        let mut hasher = blake3::Hasher::new();
        let texts = [parts.owner, parts.protocol, parts.upstream_model, parts.base];
        for text in texts {
            // The length before each part keeps ("a", "bc") and ("ab", "c") apart.
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&[u8::from(parts.stream)]);
        hasher.update(parts.canonical);
        Self(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: KeyParts<'_> = KeyParts {
        owner: "acme",
        protocol: "anthropic",
        stream: false,
        upstream_model: "m",
        base: "http://x",
        canonical: b"{}",
    };

    #[test]
    fn every_part_counts() {
        let others = [
            KeyParts { owner: "other", ..PARTS },
            KeyParts { owner: "acm", protocol: "eanthropic", ..PARTS },
            KeyParts { stream: true, ..PARTS },
            KeyParts { upstream_model: "n", ..PARTS },
            KeyParts { base: "http://y", ..PARTS },
            KeyParts { canonical: b"[]", ..PARTS },
        ];
        for other in others {
            assert_ne!(Key::new(&PARTS), Key::new(&other), "{other:?}");
        }
        assert_eq!(Key::new(&PARTS), Key::new(&PARTS.clone()));
    }
}
