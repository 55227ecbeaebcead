//! Why a candidate was passed over, and what a model can do as a set.

use std::fmt;

use crate::dsl::policy::{Capability, Model, ModelId};
use crate::facts::Needs;

/// What a client reads when every model of a decision was passed over; `live`: one of them for a
/// reason that passes.
#[must_use]
pub fn nobody(decision: &str, live: bool) -> String {
    let what = if live { "is available at the moment" } else { "can serve the request" };
    format!("no model of rule `{decision}` {what}")
}

/// A candidate that was not sent to.
#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    /// which
    pub model: ModelId,
    /// why
    pub reason: SkipReason,
}

/// Why a candidate was not sent to. Its `Display` completes "`model` was skipped: …".
#[derive(Clone, Debug, PartialEq)]
pub enum SkipReason {
    /// it was chosen earlier in this request
    AlreadyTried,
    /// the tenant's `models` leave it out
    TenantNotAllowed,
    /// the request needs what the model does not declare in `can`
    Lacks(CapabilitySet),
    /// the request does not fit
    ContextTooSmall {
        /// tokens of the request: counted, because the bound alone did not decide
        tokens: i64,
        /// the model's `context`
        context: u64,
    },
    /// the choice's `where` is not true
    Filtered {
        /// what the condition saw, such as `model.error_rate is 0.2`; "" outside of `explain`,
        /// where nobody asks and it would cost
        saw: String,
        /// it reads live facts, so it may be true a minute later
        live: bool,
    },
    /// `rotate` and a weight of 0
    NoWeight,
    /// its breaker is open
    Unhealthy,
    /// its limit is used up (`model.headroom` is 0)
    Full,
    /// it answered 429 or 529 and is left alone for a while
    Cooling {
        /// milliseconds left
        left_ms: u64,
    },
    /// the request cannot be written in the protocol of its provider
    NotTranslatable(String),
}

impl SkipReason {
    /// True: waiting may help. False: the same request will be skipped again.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Unhealthy | Self::Full | Self::Cooling { .. } | Self::Filtered { live: true, .. })
    }

    /// What whoever asks, or whoever writes the policy, can do about it; None: nothing that is not plain, or
    /// waiting.
    #[must_use]
    pub fn help(&self, model: &str) -> Option<String> {
        match self {
            Self::Lacks(lacks) => {
                let names: Vec<String> = lacks.iter().map(|lack| format!("`{}`", lack.name())).collect();
                Some(format!("name another model, or add {} to the `can` of `{model}`", names.join(" and ")))
            }
            Self::ContextTooSmall { .. } => {
                Some("shorten the request, or name a model with a larger context".to_owned())
            }
            Self::TenantNotAllowed | Self::NoWeight | Self::NotTranslatable(_) | Self::Filtered { live: false, .. } => {
                Some("name another model".to_owned())
            }
            _ => None,
        }
    }

    /// One word for logs and JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AlreadyTried => "already_tried",
            Self::TenantNotAllowed => "tenant_not_allowed",
            Self::Lacks(lacks) => match lacks.iter().next() {
                Some(Capability::Vision) => "no_vision",
                Some(Capability::Tools) => "no_tools",
                Some(Capability::Documents) => "no_documents",
                Some(Capability::Audio) => "no_audio",
                _ => "no_capability",
            },
            Self::ContextTooSmall { .. } => "context_too_small",
            Self::Filtered { .. } => "where",
            Self::NoWeight => "no_weight",
            Self::Unhealthy => "unhealthy",
            Self::Full => "full",
            Self::Cooling { .. } => "cooling",
            Self::NotTranslatable(_) => "not_translatable",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyTried => out.write_str("already tried in this request"),
            Self::TenantNotAllowed => out.write_str("the tenant may not use it"),
            Self::Lacks(lacks) => {
                for (number, capability) in lacks.iter().enumerate() {
                    out.write_str(if number == 0 { "" } else { ", and " })?;
                    match capability {
                        Capability::Vision => out.write_str("the request has images, it cannot see (no `vision`)")?,
                        Capability::Tools => out.write_str("the request has tools, it cannot use them (no `tools`)")?,
                        Capability::Documents => {
                            out.write_str("the request has documents, it cannot read them (no `documents`)")?;
                        }
                        Capability::Audio => {
                            out.write_str("the request has sound or film, it takes neither (no `audio`)")?;
                        }
                        other => write!(out, "it lacks `{}`", other.name())?,
                    }
                }
                Ok(())
            }
            Self::ContextTooSmall { tokens, context } => {
                write!(out, "{tokens} tokens, more than its context of {context}")
            }
            Self::Filtered { saw, .. } if saw.is_empty() => out.write_str("its `where` is false"),
            Self::Filtered { saw, .. } => write!(out, "its `where` is false: {saw}"),
            Self::NoWeight => out.write_str("its `weight` is 0"),
            Self::Unhealthy => out.write_str("it is not healthy"),
            Self::Full => out.write_str("its limit is used up"),
            Self::Cooling { left_ms } => match left_ms {
                // Rounded up: whoever comes back a moment too early is sent away again.
                1_001.. => write!(out, "it asked to be left alone for another {} s", left_ms.div_ceil(1_000)),
                _ => write!(out, "it asked to be left alone for another {left_ms} ms"),
            },
            // Each reason stands by itself, and not each is about a translation.
            Self::NotTranslatable(what) => out.write_str(what),
        }
    }
}

/// A set of capabilities, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u8);

impl CapabilitySet {
    /// What a model does for a request, what is made up for included.
    #[must_use]
    pub(super) fn served_by(model: &Model) -> Self {
        Capability::ALL
            .into_iter()
            .fold(Self::default(), |set, capability| set.with(capability, model.serves(capability)))
    }

    /// What a request needs, and what filters candidates.
    #[must_use]
    pub(super) fn needed(needs: &Needs) -> Self {
        Self::default()
            .with(Capability::Vision, needs.vision)
            .with(Capability::Tools, needs.tools)
            .with(Capability::Documents, needs.documents)
            .with(Capability::Audio, needs.audio)
    }

    /// What a request would like: a model without it gets an adapted request.
    #[must_use]
    pub(super) fn wished(needs: &Needs) -> Self {
        Self::default()
            .with(Capability::Thinking, needs.thinking)
            .with(Capability::JsonSchema, needs.json_schema)
            .with(Capability::ParallelTools, needs.parallel_tools)
            .with(Capability::WebSearch, needs.web_search)
    }

    const fn with(self, capability: Capability, there: bool) -> Self {
        if there { Self(self.0 | 1 << capability as u8) } else { self }
    }

    /// What is here and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u8 != 0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}
