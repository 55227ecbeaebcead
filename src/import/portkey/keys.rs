//! What becomes of each key of a Portkey config.

use crate::import::report::Fate::{Carried, Changed, NotConvertible};
use crate::import::report::{Key, key, tree};

/// The table. A target has the same keys as the whole config, at any depth. Reading the file says
/// more where the value matters.
pub(in crate::import) const KEYS: &[Key] = &[
    key(
        "strategy.mode",
        Carried,
        "`single`: one attempt; `fallback`: `a then b`; `loadbalance`: `split`; `conditional`: a rule each",
    ),
    key(
        "strategy.on_status_codes",
        Changed,
        "which failures lead to the next attempt is the same for all: see the language page",
    ),
    tree("strategy.conditions[].query", "the condition of a rule"),
    key("strategy.conditions[].then", Carried, "the target of a rule"),
    key("strategy.default", Carried, "the target of `default`"),
    key("strategy.sticky_session", Changed, "not needed: a conversation keeps its arm of a `split`"),
    key("targets", Carried, "models, or what they come to"),
    key("name", Carried, "what `then` and `default` name"),
    key("provider", Carried, "a provider, by its usual address; `@slug` has a key of its own"),
    key("api_key", Changed, "`key: env(…)`: a key itself becomes a variable to set"),
    key(
        "virtual_key",
        Changed,
        "a provider with a key of its own; the key itself is in Portkey's vault: set the variable",
    ),
    key("custom_host", Carried, "the provider's `base`"),
    key("weight", Carried, "a share of the `split`"),
    key("override_params.model", Carried, "the model's `upstream`"),
    key("override_params", Changed, "`set` of the model"),
    key("retry.attempts", Changed, "`retry`"),
    key("retry.on_status_codes", Changed, "which failures are tried again is the same for all"),
    key("retry.use_retry_after_header", Changed, "not needed: what the provider says is followed"),
    key("cache.mode", Changed, "`cache` for equal requests; `semantic` is not convertible"),
    key("cache.max_age", Carried, "the time of `cache`"),
    key("request_timeout", Changed, "`timeout`: until the first content of one attempt"),
    key("forward_headers", NotConvertible, "headers of clients go on to Anthropic only"),
    key("metadata", NotConvertible, "requests bring their metadata themselves"),
    key("input_guardrails", NotConvertible, "texts are not judged"),
    key("output_guardrails", NotConvertible, "texts are not judged"),
    key("before_request_hooks", NotConvertible, "texts are not judged"),
    key("after_request_hooks", NotConvertible, "texts are not judged"),
    key("prompt_id", NotConvertible, "a policy does not write prompts"),
    key("resource_name", Carried, "Azure's address"),
    key("deployment_id", Carried, "the model's `upstream`"),
    key("api_version", Changed, "not needed: Azure's `/openai/v1` address has none"),
];
