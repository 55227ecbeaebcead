//! How a Gemini model is to answer: `generationConfig`.

use super::super::encode::warnings;
use super::super::exchange::{Exchange, Format, schema_in_words};
use super::super::json::{push_number, push_string, push_text};
use super::super::thinking::{self, Effort, GeminiSays, Wish};
use super::request_write::RequestWriter;
use crate::dsl::policy::Capability;

/// Gemini takes five.
const MAX_STOPS: usize = 5;

impl RequestWriter<'_> {
    pub(super) fn config(&mut self, exchange: &Exchange<'_>) {
        let start = self.out.len();
        self.out.extend_from_slice(b",\"generationConfig\":{");
        let empty = self.out.len();
        if let Some(asked) = exchange.max_tokens {
            let limit = self.target.output_limit.unwrap_or(asked).min(asked);
            if limit < asked {
                self.warnings.push(warnings::lowered("max_tokens", limit));
            }
            self.member("maxOutputTokens");
            push_number(&mut self.out, limit);
        }
        for (name, value) in [("temperature", exchange.temperature), ("topP", exchange.top_p), ("topK", exchange.top_k)]
        {
            if let Some(value) = value {
                self.member(name);
                self.out.extend_from_slice(value.bytes());
            }
        }
        for (name, value) in exchange.penalties() {
            self.member(if name == "presence_penalty" { "presencePenalty" } else { "frequencyPenalty" });
            self.out.extend_from_slice(value.bytes());
        }
        self.seed(exchange);
        for (index, stop) in exchange.stop.iter().take(MAX_STOPS).enumerate() {
            if index == 0 {
                self.member("stopSequences");
                self.out.push(b'[');
            }
            self.comma();
            push_text(&mut self.out, *stop);
        }
        if !exchange.stop.is_empty() {
            self.out.push(b']');
        }
        if exchange.stop.len() > MAX_STOPS {
            self.warnings.push(format!("only {MAX_STOPS} of {} stop sequences were sent", exchange.stop.len()));
        }
        if exchange.user.is_some() {
            self.warnings.push(warnings::unknown_member("user"));
        }
        self.format(exchange);
        self.thinking(exchange);
        if self.out.len() == empty {
            self.out.truncate(start);
        } else {
            self.out.push(b'}');
        }
    }

    fn seed(&mut self, exchange: &Exchange<'_>) {
        let Some(seed) = exchange.seed else { return };
        if seed.number().is_some_and(|number| number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX)) {
            self.member("seed");
            self.out.extend_from_slice(seed.bytes());
        } else {
            self.warnings.push("`seed` was left out: the upstream takes 32 bits".to_owned());
        }
    }

    /// Before Gemini 3, a form of the answer and functions exclude each other.
    fn forms(&self, exchange: &Exchange<'_>) -> bool {
        self.generation >= 3 || exchange.tools.is_empty()
    }

    fn format(&mut self, exchange: &Exchange<'_>) {
        let forms = self.forms(exchange);
        match exchange.format {
            Format::Schema { schema, .. } if forms && self.target.can(Capability::JsonSchema) => {
                self.member("responseMimeType");
                self.out.extend_from_slice(b"\"application/json\",\"responseSchema\":");
                self.schema(schema);
            }
            Format::Schema { .. } => self.warnings.push(warnings::SCHEMA_IN_WORDS.to_owned()),
            Format::Object if forms => {
                self.member("responseMimeType");
                self.out.extend_from_slice(b"\"application/json\"");
            }
            Format::Object => {
                self.warnings.push("the JSON form was put into words: the upstream has no such mode".to_owned());
            }
            Format::Free => {}
        }
    }

    /// The form in words, where it cannot be said otherwise.
    pub(super) fn instruction(&self, exchange: &Exchange<'_>) -> Option<String> {
        let forms = self.forms(exchange);
        match exchange.format {
            Format::Schema { schema, .. } if !forms || !self.target.can(Capability::JsonSchema) => {
                Some(schema_in_words(schema))
            }
            Format::Object if !forms => Some("Answer with one JSON object and nothing else.".to_owned()),
            _ => None,
        }
    }

    /// Thinking that is off or not mentioned is never switched on.
    fn thinking(&mut self, exchange: &Exchange<'_>) {
        let wish = exchange.asks.wish();
        let on = matches!(wish, Wish::On { .. });
        if on && !self.target.can(Capability::Thinking) {
            return self.warnings.push(warnings::NO_THINKING.to_owned());
        }
        // A model that does not think refuses to be told.
        let probe = Wish::On { effort: Effort::High, budget: None, measured: true };
        if thinking::gemini(self.target.model, probe).is_none() {
            if on {
                self.warnings.push(warnings::UNTOLD_THINKING.to_owned());
            }
            return;
        }
        let says = thinking::gemini(self.target.model, wish);
        if says.is_none() && !on {
            return;
        }
        self.member("thinkingConfig");
        self.out.push(b'{');
        match says {
            Some(GeminiSays::Budget(tokens)) => {
                self.member("thinkingBudget");
                self.out.extend_from_slice(tokens.to_string().as_bytes());
            }
            Some(GeminiSays::Level(level)) => {
                self.member("thinkingLevel");
                push_string(&mut self.out, level);
            }
            None => {}
        }
        if on {
            self.member("includeThoughts");
            self.out.extend_from_slice(b"true");
        }
        self.out.push(b'}');
    }
}
