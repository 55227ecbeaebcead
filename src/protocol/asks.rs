//! What a request asks for besides an answer: thinking, effort, JSON.

use std::borrow::Cow;

use super::Protocol;
use super::json::{Raw, Text};
use super::request::Request;
use super::thinking::Wish;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asks<'a> {
    /// thinking, enabled or adaptive
    pub thinking: bool,
    /// thinking is switched off in so many words
    pub thinking_off: bool,
    /// tokens that thinking may use; 0: not said
    pub thinking_budget: u64,
    /// the effort; "" when not said
    pub effort: Cow<'a, str>,
    /// the answer must be JSON
    pub json: bool,
    /// the answer must fit a schema
    pub json_schema: bool,
}

impl<'a> Asks<'a> {
    /// Reads them.
    pub(super) fn of(request: &'a Request) -> Self {
        let mut asks = Self::default();
        asks.read_thinking(request);
        match request.protocol() {
            Protocol::Anthropic => {
                let config = request.field("output_config").unwrap_or(Raw::NULL);
                let [effort, format] = config.peek(["effort", "format"]);
                asks.effort = text(effort);
                asks.read_format(format.or_else(|| request.field("output_format")));
            }
            Protocol::Chat => {
                asks.read_chat_thinking(request);
                asks.read_format(request.field("response_format"));
            }
            Protocol::Responses => {
                asks.effort = text(request.field("reasoning").and_then(|reasoning| reasoning.get("effort")));
                asks.thinking |= !matches!(&*asks.effort, "" | "none");
                asks.thinking_off |= asks.effort == "none";
                asks.read_format(request.field("text").and_then(|text| text.get("format")));
            }
            // Read in their own rooms.
            Protocol::Simple => {}
            Protocol::Gemini => super::gemini::read_asks(request, &mut asks),
        }
        asks
    }

    /// `thinking: { type, budget_tokens }`, which some Chat upstreams know too.
    fn read_thinking(&mut self, request: &Request) {
        let Some(thinking) = request.field("thinking") else { return };
        let [kind, budget] = thinking.peek(["type", "budget_tokens"]);
        match &*text(kind) {
            "enabled" | "adaptive" => {
                self.thinking = true;
                self.thinking_budget = budget.and_then(Raw::whole).unwrap_or(0);
            }
            "disabled" => self.thinking_off = true,
            _ => {}
        }
    }

    /// OpenAI's `reasoning_effort`, and what OpenRouter and Qwen have for it.
    fn read_chat_thinking(&mut self, request: &'a Request) {
        let [effort, budget, enabled] =
            request.field("reasoning").unwrap_or(Raw::NULL).peek(["effort", "max_tokens", "enabled"]);
        self.effort = text(request.field("reasoning_effort").or(effort));
        for (flag, budget) in [(enabled, budget), (request.field("enable_thinking"), request.field("thinking_budget"))]
        {
            let budget = budget.and_then(Raw::whole).unwrap_or(0);
            match flag.and_then(Raw::boolean) {
                Some(false) => self.thinking_off = true,
                flag => {
                    self.thinking |= flag == Some(true) || budget > 0;
                    self.thinking_budget = self.thinking_budget.max(budget);
                }
            }
        }
        self.thinking |= !matches!(&*self.effort, "" | "none");
        self.thinking_off |= self.effort == "none";
        self.thinking &= !self.thinking_off;
    }

    fn read_format(&mut self, format: Option<Raw<'_>>) {
        let kind = text(format.and_then(|format| format.get("type")));
        self.json_schema = kind == "json_schema";
        self.json = self.json_schema || kind == "json_object";
    }
}

fn text(raw: Option<Raw<'_>>) -> Cow<'_, str> {
    raw.and_then(Raw::text).map(Text::decode).unwrap_or_default()
}

impl Asks<'_> {
    /// How much thinking, in tokens, as an Anthropic upstream wants to be told; never below its
    /// least, 1 024.
    pub(super) fn budget(&self) -> u64 {
        match self.wish() {
            Wish::On { budget: Some(budget), .. } => budget.max(1_024),
            Wish::On { effort, .. } => effort.budget().max(1_024),
            Wish::Off | Wish::Unsaid => 0,
        }
    }
}
