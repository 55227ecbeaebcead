//! How a model is to answer: its tokens, thinking, sampling, the answer's form.

use super::super::encode::warnings;
use super::super::exchange::{Choice, Exchange, Format, Part, Speaker, schema_in_words};
use super::super::json::{Text, push_member, push_number, push_string, push_text};
use super::super::thinking::AnthropicSays;
use super::super::transform::schema_clean;
use super::request_write::{RequestWriter, own};
use crate::dsl::policy::Capability;

/// What is asked for when neither the client nor the model says how long an answer may be.
const DEFAULT_MAX_TOKENS: u64 = 4_096;
/// The least that thinking may be given.
const MIN_BUDGET: u64 = 1_024;

/// Whether the assistant's last turn begins with thinking that goes back to its maker.
fn is_signed(exchange: &Exchange<'_>) -> bool {
    let last = exchange.turns.iter().rev().find(|turn| turn.speaker == Speaker::Assistant);
    last.and_then(|turn| turn.parts.first()).is_some_and(|first| match first {
        Part::Thinking { signature, .. } => own(*signature).is_some(),
        Part::Redacted(_) => true,
        _ => false,
    })
}

impl RequestWriter<'_> {
    pub(super) fn max_tokens(&mut self, exchange: &Exchange<'_>) -> u64 {
        let limit = self.target.output_limit;
        let asked = exchange.max_tokens.or(limit).unwrap_or(DEFAULT_MAX_TOKENS);
        let given = limit.unwrap_or(asked).min(asked);
        if given < asked {
            self.warnings.push(warnings::lowered("max_tokens", given));
        }
        push_member(&mut self.out, "max_tokens");
        push_number(&mut self.out, given);
        given
    }

    /// Switches thinking on if it is asked for and can be: it needs room below `max_tokens`, and the
    /// upstream refuses it in the middle of a tool loop whose earlier thinking it has not signed, or
    /// with a demanded tool.
    pub(super) fn thinking(&mut self, exchange: &Exchange<'_>, max_tokens: u64) -> bool {
        if !exchange.asks.thinking {
            return false;
        }
        let is_result = |part: &Part<'_>| matches!(part, Part::Result { .. });
        let begun = exchange.turns.last().is_some_and(|turn| turn.speaker == Speaker::Assistant);
        let in_loop =
            exchange.turns.last().is_some_and(|turn| turn.parts.iter().any(is_result)) && !is_signed(exchange);
        if !self.target.can(Capability::Thinking) {
            self.warnings.push(warnings::NO_THINKING.to_owned());
            return false;
        }
        let budget = exchange.asks.budget().min(max_tokens / 2);
        let reason = match self.says {
            AnthropicSays::Nothing => "the model has no word for it",
            _ if begun => "the assistant's answer is begun already",
            _ if matches!(exchange.choice, Choice::Any | Choice::Tool(_)) => "a tool is demanded",
            AnthropicSays::Adaptive { .. } => {
                self.out.extend_from_slice(b",\"thinking\":{\"type\":\"adaptive\"}");
                return true;
            }
            AnthropicSays::Budget(_) if in_loop => "the upstream wants its own earlier thinking in a tool loop",
            AnthropicSays::Budget(_) if budget < MIN_BUDGET => "max_tokens leaves no room for it",
            AnthropicSays::Budget(_) => {
                self.out.extend_from_slice(b",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":");
                push_number(&mut self.out, budget);
                self.out.push(b'}');
                return true;
            }
        };
        self.warnings.push(format!("thinking was left out: {reason}"));
        false
    }

    pub(super) fn sampling(&mut self, exchange: &Exchange<'_>, thinks: bool) {
        for (name, value) in
            [("temperature", exchange.temperature), ("top_p", exchange.top_p), ("top_k", exchange.top_k)]
        {
            let Some(value) = value else { continue };
            if thinks {
                self.warnings.push(format!("`{name}` was left out: the model thinks"));
            } else if !self.says.takes_sampling() {
                self.warnings.push(format!("`{name}` was left out: the model does not take it"));
            } else if name == "temperature" && value.number().is_some_and(|number| number > 1.0) {
                self.warnings.push("`temperature` lowered to 1, the most that the upstream takes".to_owned());
                self.out.extend_from_slice(b",\"temperature\":1");
            } else {
                push_member(&mut self.out, name);
                self.out.extend_from_slice(value.bytes());
            }
        }
        if exchange.seed.is_some() {
            self.warnings.push(warnings::unknown_member("seed"));
        }
        self.warnings.extend(exchange.penalties().map(|(name, _)| warnings::unknown_member(name)));
        let stops: Vec<Text<'_>> =
            exchange.stop.iter().copied().filter(|stop| !stop.decode().trim().is_empty()).collect();
        if stops.len() < exchange.stop.len() {
            self.warnings.push("stop sequences of white space were left out: the upstream refuses them".to_owned());
        }
        if !stops.is_empty() {
            push_member(&mut self.out, "stop_sequences");
            for (index, stop) in stops.into_iter().enumerate() {
                self.out.push(if index == 0 { b'[' } else { b',' });
                push_text(&mut self.out, stop);
            }
            self.out.push(b']');
        }
        if let Some(user) = &exchange.user {
            self.out.extend_from_slice(b",\"metadata\":{\"user_id\":");
            push_string(&mut self.out, user);
            self.out.push(b'}');
        }
    }

    pub(super) fn output_config(&mut self, exchange: &Exchange<'_>, thinks: bool) {
        let effort = if thinks { self.says.effort_word(exchange.asks.wish()) } else { None };
        let schema = match exchange.format {
            Format::Schema { schema, .. } if self.target.can(Capability::JsonSchema) => Some(schema),
            Format::Schema { .. } => {
                self.warnings.push(warnings::SCHEMA_IN_WORDS.to_owned());
                None
            }
            Format::Object => {
                self.warnings.push("the JSON form was put into words: the upstream has no such mode".to_owned());
                None
            }
            Format::Free => None,
        };
        if effort.is_none() && schema.is_none() {
            return;
        }
        self.out.extend_from_slice(b",\"output_config\":{");
        if let Some(effort) = effort {
            self.out.extend_from_slice(b"\"effort\":");
            push_string(&mut self.out, effort);
        }
        if let Some(schema) = schema {
            self.out.extend_from_slice(if effort.is_some() { b"," } else { b"" });
            self.out.extend_from_slice(b"\"format\":{\"type\":\"json_schema\",\"schema\":");
            let closed = schema_clean::close(schema);
            self.out.extend_from_slice(&closed.schema);
            self.out.push(b'}');
            self.warnings.extend(closed.narrowed.then(|| warnings::SCHEMA_CLOSED.to_owned()));
        }
        self.out.push(b'}');
    }

    pub(super) fn instruction(&self, exchange: &Exchange<'_>) -> Option<String> {
        match exchange.format {
            Format::Schema { schema, .. } if !self.target.can(Capability::JsonSchema) => Some(schema_in_words(schema)),
            Format::Object => Some("Answer with one JSON object and nothing else.".to_owned()),
            _ => None,
        }
    }
}
