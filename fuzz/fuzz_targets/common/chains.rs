//! Chains of transforms, and what a model can do: an input's byte chooses both.

use std::sync::LazyLock;

use ccr_policy::diag::{Sources, render};
use ccr_policy::dsl::policy::Capability;
use ccr_policy::dsl::transform::Transform;
use ccr_policy::protocol::Wire;

use super::WIRES;

/// What stands in `transform: […]`. Every transform that works on the conversation or the answer is
/// there alone and with others; the last ones change what has been written.
const CHAINS: [&str; 15] = [
    "clean_cache, schema_clean, reasoning, max_tokens(64), sampling({ temperature: 0.2, top_p: max(0.9), top_k: off })",
    "emulate_tools",
    "schema_clean, trim_history(40), emulate_tools, think_tag, tool_repair, system_as_user",
    "think_tag",
    "tool_repair",
    "tool_use",
    "tool_use, think_tag, tool_repair, reasoning, schema_clean(\"type\", \"format\")",
    "trim_history(20)",
    "trim_history, system_as_user, clean_cache",
    "web_search(off), schema_clean(\"properties\")",
    "web_search(native), reasoning",
    "max_tokens(2000), max_completion_tokens, stream_options(off), headers({ \"x-a\": \"b\" }), params({ extra: { a: { b: 1 } }, stop: [\"é\"] })",
    "edits",
    "clean_cache, tool_use, edits",
    // A preset's, with its habits.
    "max_tokens(8192)",
];

/// A block that edits what golden requests and odd ones have.
const EDITS: &str = r#"transform edits {
  set: { "extra.a.b": 1, "extra_body.x": { y: [request.stream, "t"] }, "generationConfig.topK": 7, seed: size(request.tools) }
  remove: ["metadata.user_id", tools, "tool_choice.name"]
  rename: { max_tokens: max_completion_tokens, temperature: "top_p", "generationConfig.topP": stop }
  append: { stop: "END", stop_sequences: { a: 1 }, "safetySettings": 7, system: "x" }
}"#;

/// Presets that say most.
const PRESETS: [&str; 4] = ["deepseek", "openrouter", "ollama", "moonshot"];

static LOADED: LazyLock<Vec<Vec<Transform>>> = LazyLock::new(|| {
    let own = WIRES.iter().flat_map(|wire| CHAINS.map(|list| chain(*wire, "", list)));
    own.chain(PRESETS.map(|preset| chain(Wire::Chat, &format!("preset: {preset}"), "max_tokens(8192)"))).collect()
});

/// A model, as far as a byte chooses it: four bits its chain, two bits what it can do, one whether it
/// streams, one whether it has little room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub(crate) can: &'static [Capability],
    pub(crate) transforms: &'static [Transform],
    pub(crate) stream: bool,
    pub(crate) context: Option<u64>,
}

impl Model {
    /// The model that a byte stands for, behind an upstream of this wire; 0 is one that can do
    /// everything, unchanged.
    pub(crate) fn of(byte: u8, wire: Wire) -> Self {
        const ABILITIES: [&[Capability]; 4] = [
            &Capability::ALL,
            &[],
            &[Capability::Tools],
            &[Capability::Thinking, Capability::JsonSchema, Capability::ParallelTools, Capability::Vision],
        ];
        let (number, can) = (usize::from(byte & 15), usize::from(byte >> 4 & 3));
        let own = CHAINS.len() * WIRES.iter().position(|one| *one == wire).unwrap_or(0);
        let place = match number.checked_sub(1) {
            None => None,
            Some(last) if last + 1 == CHAINS.len() && wire == Wire::Chat => Some(CHAINS.len() * WIRES.len() + can),
            Some(number) => Some(own + number),
        };
        Self {
            can: ABILITIES[can],
            transforms: place.map_or(&[], |place| &LOADED[place]),
            stream: byte & 64 == 0,
            context: (byte & 128 != 0).then_some(400),
        }
    }
}

/// The chain of a policy's only model. What a provider of one kind does not take is taken from another.
fn chain(wire: Wire, preset: &str, list: &str) -> Vec<Transform> {
    let kind = match wire {
        Wire::Anthropic => "anthropic",
        Wire::Chat => "openai",
        Wire::Responses => "responses",
        Wire::Gemini => "gemini",
    };
    let can = if list.contains("emulate_tools") { "can: []" } else { "can: [tools]" };
    let edits = if list.contains("edits") { EDITS } else { "" };
    let text = format!(
        "{edits}\nprovider p {{ kind: {kind} {preset} base: \"https://p.example\" key: env(\"K\") }}\n\
         model a on p {{ {can} context: 1000 transform: [{list}] }}\nroute main {{ default -> a }}"
    );
    let mut sources = Sources::default();
    sources.add("chains.policy", text);
    let mut loaded = ccr_policy::dsl::load(&sources);
    match loaded.policy.as_mut().and_then(|policy| policy.models.pop()) {
        Some(model) => model.transforms,
        None if wire != Wire::Chat => chain(Wire::Chat, preset, list),
        None => panic!("{}", render::human(&loaded.diagnostics, &sources, false)),
    }
}
