//! What an answer cost and why it ended, in one form for all wires.

use super::Wire;
use super::json::{Raw, Text};
use crate::bounds::MAX_REPORTED_TOKENS;

/// Tokens of one answer. The parts are disjoint, except that `reasoning` is part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// input that was neither read from nor written to the provider's cache
    pub input: u64,
    /// output, reasoning included
    pub output: u64,
    /// input read from the provider's cache
    pub cache_read: u64,
    /// input written to the provider's cache
    pub cache_write: u64,
    /// the part of the output that was thought, where the upstream tells
    pub reasoning: u64,
}

impl Usage {
    /// All input together.
    #[must_use]
    pub fn input_total(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// Reads a `usage` object, over what is known already: a stream tells it in parts. Returns whether
    /// it tells the output. What cannot be a number of tokens counts as not told; input that is told
    /// wrongly in one part is told in none.
    pub(crate) fn read(&mut self, wire: Wire, usage: Raw<'_>) -> bool {
        match wire {
            Wire::Anthropic => self.read_anthropic(usage),
            Wire::Chat => self.read_chat(usage),
            Wire::Responses => super::responses::read_usage(self, usage),
            Wire::Gemini => super::gemini::read_usage(self, usage),
        }
    }

    fn read_anthropic(&mut self, usage: Raw<'_>) -> bool {
        let [input, output, read, write] =
            usage.peek(["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]);
        let fields = [(&mut self.input, input), (&mut self.cache_read, read), (&mut self.cache_write, write)];
        let mut sound = true;
        for (field, raw) in fields {
            // A stream tells sums so far; a part that a later event leaves at 0 was told before.
            *field = (*field).max(count(raw).unwrap_or(0));
            sound &= raw.is_none() || count(raw).is_some();
        }
        if !sound {
            (self.input, self.cache_read, self.cache_write) = (0, 0, 0);
        }
        self.output = self.output.max(count(output).unwrap_or(0));
        count(output).is_some()
    }

    fn read_chat(&mut self, usage: Raw<'_>) -> bool {
        let [prompt, completion, prompt_details, completion_details, hit] = usage.peek([
            "prompt_tokens",
            "completion_tokens",
            "prompt_tokens_details",
            "completion_tokens_details",
            "prompt_cache_hit_tokens",
        ]);
        let [cached, written] = prompt_details.unwrap_or(Raw::NULL).peek(["cached_tokens", "cache_write_tokens"]);
        // The details are parts of the sums: they cannot be more.
        let prompt = count(prompt).unwrap_or(0);
        self.cache_read = count(cached.or(hit)).unwrap_or(0).min(prompt);
        self.cache_write = count(written).unwrap_or(0).min(prompt - self.cache_read);
        self.input = prompt - self.cache_read - self.cache_write;
        self.output = count(completion).unwrap_or(0);
        let reasoning = completion_details.and_then(|details| details.get("reasoning_tokens"));
        self.reasoning = count(reasoning).unwrap_or(0).min(self.output);
        count(completion).is_some()
    }
}

/// A number of tokens that can be one.
pub(super) fn count(raw: Option<Raw<'_>>) -> Option<u64> {
    raw.and_then(Raw::whole).filter(|tokens| *tokens <= MAX_REPORTED_TOKENS)
}

/// Tokens that were spent, and who says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// the tokens
    pub usage: Usage,
    /// the output was counted here, because the upstream did not tell it, told what cannot be, or was
    /// cut before it could
    pub estimated: bool,
    /// the upstream told the input, with what it read from and wrote to its cache; else `usage.input` is
    /// a guess. A stream that was cut has often told its input and not its output.
    pub input_known: bool,
}

impl Spent {
    /// What an upstream told, its output included. No request is empty: an input of 0 is none.
    pub(crate) fn reported(mut usage: Usage, input_estimate: u64) -> Self {
        let input_known = usage.input_total() > 0;
        if !input_known {
            usage.input = input_estimate;
        }
        Self { usage, estimated: false, input_known }
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// the model was done
    #[default]
    End,
    /// the limit of tokens was reached
    MaxTokens,
    /// a stop sequence came up
    StopSequence,
    /// the model calls tools
    ToolUse,
    /// the model or the provider refuses
    Refusal,
    /// a long turn was paused by the provider and can go on
    Pause,
}

impl Stop {
    /// Reads an upstream's word. An unknown one is an end.
    pub(crate) fn read(wire: Wire, word: Text<'_>) -> Self {
        match (wire, &*word.decode()) {
            (Wire::Anthropic, "max_tokens" | "model_context_window_exceeded") | (Wire::Chat, "length") => {
                Self::MaxTokens
            }
            (Wire::Anthropic, "stop_sequence") => Self::StopSequence,
            (Wire::Anthropic, "tool_use") | (Wire::Chat, "tool_calls" | "function_call") => Self::ToolUse,
            (Wire::Anthropic, "refusal") | (Wire::Chat, "content_filter") => Self::Refusal,
            (Wire::Anthropic, "pause_turn") => Self::Pause,
            // Gemini's words are read in its own room: some of them are failures.
            _ => Self::End,
        }
    }

    /// The same for an answer that calls the client's tools: whatever else a pause or an unknown word means,
    /// the client has to answer the calls.
    pub(crate) fn with_calls(self, calls: bool) -> Self {
        if calls && matches!(self, Self::End | Self::Pause) { Self::ToolUse } else { self }
    }

    /// The word of a wire. A pause without calls is an end where there is no word for it: what was said is
    /// whole, and the client cannot let the provider's own tools go on. `length` would tell it to raise a limit.
    pub(crate) fn word(self, wire: Wire) -> &'static str {
        match (wire, self) {
            (Wire::Anthropic, Self::End) => "end_turn",
            (Wire::Anthropic, Self::MaxTokens) => "max_tokens",
            (Wire::Anthropic, Self::StopSequence) => "stop_sequence",
            (Wire::Anthropic, Self::ToolUse) => "tool_use",
            (Wire::Anthropic, Self::Refusal) => "refusal",
            (Wire::Anthropic, Self::Pause) => "pause_turn",
            (Wire::Chat, Self::MaxTokens) => "length",
            (Wire::Chat, Self::ToolUse) => "tool_calls",
            (Wire::Chat, Self::Refusal) => "content_filter",
            (Wire::Chat, Self::End | Self::StopSequence | Self::Pause) => "stop",
            (Wire::Responses, Self::MaxTokens) => "max_output_tokens",
            (Wire::Responses, Self::Refusal) => "content_filter",
            (Wire::Responses, _) => "",
            (Wire::Gemini, Self::MaxTokens) => "MAX_TOKENS",
            (Wire::Gemini, Self::Refusal) => "SAFETY",
            (Wire::Gemini, _) => "STOP",
        }
    }
}
