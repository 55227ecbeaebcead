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
    /// whether the stream tells its usage (OpenAI's `include_usage`)
    pub usage: bool,
    /// the features that are switched on beside the body (`anthropic-version`, `anthropic-beta`,
    /// `?beta=true`)
    pub features: &'a str,
    /// the name by which the provider knows the model
    pub upstream_model: &'a str,
    /// the provider's base URL
    pub base: &'a str,
    /// what the policy says about the model: two that are called alike may be asked differently
    pub chain: ChainHash,
    /// the request itself
    pub body: BodyHash,
}

/// The hash of a request: where its answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// The hash of a body in its canonical form. It is the larger part of the work, and the same for
/// every model that may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        Self(*blake3::hash(canonical).as_bytes())
    }
}

/// The hash of what the policy makes of a model's requests and answers: its transforms, what it can do,
/// its limits, the provider's wire and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(described: &[u8]) -> Self {
        Self(*blake3::hash(described).as_bytes())
    }
}

/// The parts of a key, for people.
pub const KEY_PARTS: &[&str] = &[
    "the tenant",
    "the client's protocol, whether a stream was asked for, and whether it tells its usage",
    "`anthropic-version`, and the features that `anthropic-beta` and `?beta=true` switch on",
    "the model's name at its provider, and the provider's base URL",
    "what the policy says about the model: transforms and preset, `can`, `output`, `context`, the provider's kind and headers",
    "the body, as JSON with sorted keys",
];

impl Key {
    /// The key of a request.
    #[must_use]
    pub fn new(parts: &KeyParts<'_>) -> Self {
        let mut hasher = blake3::Hasher::new();
        let texts = [parts.owner, parts.protocol, parts.upstream_model, parts.base, parts.features];
        for text in texts {
            // The length before each part keeps ("a", "bc") and ("ab", "c") apart.
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&[u8::from(parts.stream), u8::from(parts.usage)]);
        hasher.update(&parts.chain.0);
        hasher.update(&parts.body.0);
        Self(*hasher.finalize().as_bytes())
    }

    /// The key of the calls for this answer that `way` leads to. A kept answer may be used by whoever
    /// would have got it; a call under way may still lead elsewhere, so only those share it who are
    /// decided alike.
    #[must_use]
    pub fn flight(&self, way: &[&str]) -> FlightKey {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        for text in way {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        FlightKey(*hasher.finalize().as_bytes())
    }
}

/// The hash of a call: which requests may share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlightKey([u8; 32]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let parts = KeyParts {
            owner: "acme",
            protocol: "anthropic",
            stream: false,
            usage: false,
            features: "",
            upstream_model: "m",
            base: "http://x",
            chain: ChainHash::of(b""),
            body: BodyHash::of(b"{}"),
        };
        let others = [
            KeyParts { owner: "other", ..parts },
            KeyParts { owner: "acm", protocol: "eanthropic", ..parts },
            KeyParts { stream: true, ..parts },
            KeyParts { usage: true, ..parts },
            KeyParts { features: "a", ..parts },
            KeyParts { upstream_model: "n", ..parts },
            KeyParts { base: "http://y", ..parts },
            KeyParts { chain: ChainHash::of(b"max_tokens"), ..parts },
            KeyParts { body: BodyHash::of(b"[]"), ..parts },
        ];
        for other in others {
            assert_ne!(Key::new(&parts), Key::new(&other), "{other:?}");
        }
        assert_eq!(Key::new(&parts), Key::new(&parts.clone()));
    }
}
