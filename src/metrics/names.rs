//! The names that labels are made of: the fixed words, and what one policy declares.

use crate::bounds::{MAX_RULE_SERIES, REQUEST_OUTCOMES, named_rules, rule_series};

/// The label value before a decision, and where there is nothing to name.
pub(super) const NONE: &str = "none";
/// The tenant of a request that comes with no declared tenant's key.
pub(super) const DEFAULT_TENANT: &str = "default";
/// The rule label of a policy that has too many rules to name each.
pub(super) const ANY_RULE: &str = "*";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$item])* $variant,)* }
        impl $name {
            /// All, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The label's value.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// How a request ended.
    Outcome {
        /// answered
        Ok = "ok",
        /// the client's mistake
        ClientError = "client_error",
        /// no upstream answered well
        UpstreamError = "upstream_error",
        /// a rule refused it
        Rejected = "rejected",
        /// the client left
        Cancelled = "cancelled",
        /// the answer broke off after its first content
        Truncated = "truncated",
        /// our own mistake
        Internal = "internal",
    }
}

// The bound on series stands below this room, where a check can use it too.
const _: () = assert!(Outcome::ALL.len() == REQUEST_OUTCOMES);

words! {
    /// What tokens were used for.
    TokenKind {
        /// fresh input
        Input = "input",
        /// output, reasoning included
        Output = "output",
        /// input read from the provider's cache
        CacheRead = "cache_read",
        /// input written to the provider's cache
        CacheWrite = "cache_write",
        /// the part of the output that is reasoning
        Reasoning = "reasoning",
    }
}

words! {
    /// Who counted tokens.
    TokenSource {
        /// the provider
        Reported = "reported",
        /// our own tokenizer
        Estimated = "estimated",
    }
}

words! {
    /// Who answered a request to count tokens.
    CountedBy {
        /// the provider of the model that would answer
        Provider = "provider",
        /// the gateway itself
        Gateway = "gateway",
        /// nobody: it was refused
        Nobody = "nobody",
    }
}

words! {
    /// What the cache did for a request.
    CacheResult {
        /// answered from the cache
        Hit = "hit",
        /// asked upstream, as the first
        Miss = "miss",
        /// joined a call under way
        Shared = "shared",
        /// the client's `cache-control: no-store` kept the cache out of it
        Bypass = "bypass",
    }
}

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// it answered
    Ok,
    /// it said that the request is wrong: the client's mistake, the upstream is well
    ClientError,
    /// the client left
    Cancelled,
    /// it failed; the number of the failure in [`Vocabulary::failures`]
    Failed(usize),
}

/// The words of other rooms that become label values.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// the client protocols
    pub protocols: &'static [&'static str],
    /// the kinds of failure of an attempt
    pub failures: &'static [&'static str],
}

/// What one policy declares. Its numbers are the policy's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// the policy's digest
    pub digest: String,
    /// the routes and their rules
    pub routes: Vec<(String, Vec<String>)>,
    /// the models and the number of each one's provider
    pub models: Vec<(String, usize)>,
    /// the providers
    pub providers: Vec<String>,
    /// the tenants
    pub tenants: Vec<String>,
}

impl Names {
    /// Whether each rule has series of its own: only where rules × models × outcomes stay under
    /// [`MAX_RULE_SERIES`]; else the label `rule` is `*`.
    #[must_use]
    pub fn names_each_rule(&self) -> bool {
        let rules: usize = self.routes.iter().map(|(_, rules)| named_rules(rules.iter().map(String::as_str))).sum();
        rule_series(rules, self.models.len()) <= MAX_RULE_SERIES
    }

    /// The name of a model's provider.
    pub(super) fn provider_of(&self, model: usize) -> Option<&str> {
        let (_, provider) = self.models.get(model)?;
        self.providers.get(*provider).map(String::as_str)
    }
}
