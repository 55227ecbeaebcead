//! Writing a request of Chat Completions.

use memchr::memmem;

use super::super::encode::{Back, EncodeError, Target, warnings};
use super::super::exchange::{Choice, Exchange, Format, Part, Places, Source, Speaker, Tool, Turn, schema_in_words};
use super::super::habits::Habits;
use super::super::json::{Raw, Text, push_member, push_number, push_string, push_text};
use super::super::names::{Names, push_id};
use super::super::shared::Sent;
use super::super::thinking::{self, ChatSays};
use super::super::write::{is_text, push_base64, push_data_url, push_joined, push_typed_text};
use super::request_read::sound_format;
use crate::dsl::policy::Capability;

pub(crate) struct RequestWriter<'t> {
    target: &'t Target<'t>,
    habits: Habits,
    names: Names,
    out: Vec<u8>,
    long: Places,
    warnings: Vec<String>,
}

/// Writes a request; `room` is about how long it will be.
pub(crate) fn write_request(
    exchange: &mut Exchange<'_>,
    target: &Target<'_>,
    stream: bool,
    room: usize,
    back: &mut Back,
) -> Result<Vec<u8>, EncodeError> {
    let known = Habits::of(target);
    let habits = Habits { replay_thinking: known.replay_thinking || exchange.replay_thinking, ..known };
    let mut writer = RequestWriter {
        target,
        habits,
        names: Names::of(&exchange.tools),
        out: Vec::with_capacity(room + room / 8 + 512),
        long: Places::new(),
        warnings: Vec::new(),
    };
    writer.out.extend_from_slice(b"{\"model\":");
    push_string(&mut writer.out, target.model);
    writer.messages(exchange)?;
    writer.tools(exchange);
    writer.limits(exchange);
    writer.thinking(exchange);
    writer.format(exchange);
    if stream {
        writer.out.extend_from_slice(b",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    }
    writer.out.push(b'}');
    exchange.warnings.append(&mut writer.warnings);
    exchange.long = writer.long;
    writer.names.remember(back);
    Ok(writer.out)
}

impl RequestWriter<'_> {
    fn raw_member(&mut self, name: &str, value: Option<Raw<'_>>) {
        if let Some(value) = value {
            push_member(&mut self.out, name);
            self.out.extend_from_slice(value.bytes());
        }
    }

    fn role(&mut self, role: &str) {
        if self.out.last() == Some(&b'}') {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"{\"role\":\"");
        self.out.extend_from_slice(role.as_bytes());
        self.out.extend_from_slice(b"\",\"content\":");
    }

    fn messages(&mut self, exchange: &Exchange<'_>) -> Result<(), EncodeError> {
        push_member(&mut self.out, "messages");
        let start = self.out.len();
        self.out.push(b'[');
        let system = self.habits.system_role();
        let instruction = self.instruction(exchange);
        if !exchange.system.is_empty() || instruction.is_some() {
            self.role(system);
            let instruction = instruction.map(Part::Note);
            self.content(&exchange.system.iter().chain(&instruction).collect::<Vec<_>>())?;
            self.out.push(b'}');
        }
        for turn in &exchange.turns {
            match turn.speaker {
                Speaker::System => {
                    self.role(system);
                    push_joined(&mut self.out, &turn.parts, "");
                    self.out.push(b'}');
                }
                Speaker::User => self.user(turn)?,
                Speaker::Assistant => self.assistant(turn),
            }
        }
        if exchange.turns.last().is_some_and(|turn| turn.speaker == Speaker::Assistant) {
            self.warnings.push(warnings::NO_PREFILL.to_owned());
        }
        self.out.push(b']');
        self.long.push(start..self.out.len());
        Ok(())
    }

    fn result(&mut self, parts: &[Part<'_>], error: bool) {
        let start = if error { "[error] " } else { "" };
        let mark =
            parts.iter().rev().find_map(|part| if let Part::CacheMark(mark) = part { Some(*mark) } else { None });
        let Some(mark) = mark.filter(|_| self.habits.cache_marks) else {
            return push_joined(&mut self.out, parts, start);
        };
        self.out.extend_from_slice(b"[{\"type\":\"text\",\"text\":");
        push_joined(&mut self.out, parts, start);
        self.out.push(b'}');
        self.mark(mark);
        self.out.push(b']');
    }

    fn user(&mut self, turn: &Turn<'_>) -> Result<(), EncodeError> {
        let mut later = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Result { id, error, parts } => {
                    self.role("tool");
                    self.result(parts, *error);
                    self.out.extend_from_slice(b",\"tool_call_id\":");
                    push_id(&mut self.out, *id);
                    self.out.push(b'}');
                    // The role `tool` takes text alone: what else a result shows, the user shows.
                    let is_text = |part: &&Part<'_>| is_text(part) || matches!(part, Part::CacheMark(_));
                    later.extend(parts.iter().filter(|part| !is_text(part)));
                }
                Part::Call { .. } | Part::Thinking { .. } | Part::Redacted(_) => {}
                part => later.push(part),
            }
        }
        if later.iter().all(|part| matches!(part, Part::CacheMark(_))) {
            return Ok(());
        }
        self.role("user");
        self.content(&later)?;
        self.out.push(b'}');
        Ok(())
    }

    /// Texts as one string; as a list when there is something else among them, or a mark to be kept.
    fn content(&mut self, parts: &[&Part<'_>]) -> Result<(), EncodeError> {
        let marks = self.habits.cache_marks;
        let is_plain = |part: &&Part<'_>| match part {
            Part::Text(_) | Part::Note(_) => true,
            Part::CacheMark(_) => !marks,
            _ => false,
        };
        if parts.iter().all(is_plain) {
            push_joined(&mut self.out, parts.iter().copied(), "");
            return Ok(());
        }
        self.content_parts(parts)
    }

    fn content_parts(&mut self, parts: &[&Part<'_>]) -> Result<(), EncodeError> {
        self.out.push(b'[');
        for part in parts {
            if let Part::CacheMark(mark) = part {
                self.mark(*mark);
                continue;
            }
            if self.out.last() == Some(&b'}') {
                self.out.push(b',');
            }
            match part {
                part if push_typed_text(&mut self.out, "text", part) => {}
                Part::Image(source) => self.image(*source)?,
                Part::Document { name, source } => self.document(*name, *source)?,
                Part::Audio(source) => self.sound(*source)?,
                _ => {
                    return Err(EncodeError::unsupported(
                        "a part of a message cannot be carried over to its wire format",
                    ));
                }
            }
            self.out.push(b'}');
        }
        self.out.push(b']');
        Ok(())
    }

    /// Adds a cache mark to the part before it, for those who take it.
    fn mark(&mut self, mark: Raw<'_>) {
        if self.habits.cache_marks && self.out.pop_if(|last| *last == b'}').is_some() {
            push_member(&mut self.out, "cache_control");
            self.out.extend_from_slice(mark.bytes());
            self.out.push(b'}');
        }
    }

    fn image(&mut self, source: Source<'_>) -> Result<(), EncodeError> {
        self.out.extend_from_slice(b"{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
        match source {
            Source::Base64 { media, data } => push_data_url(&mut self.out, media, data),
            Source::Url(_) if !self.target.fetches_images() => {
                return Err(EncodeError::unsupported(warnings::IMAGE_BY_ADDRESS));
            }
            Source::Url(url) => self.out.extend_from_slice(url.escaped()),
            Source::Id => {
                return Err(EncodeError::unsupported(
                    "an image is given by a file id, which only its own provider knows",
                ));
            }
        }
        self.out.extend_from_slice(b"\"}");
        Ok(())
    }

    fn sound(&mut self, source: Source<'_>) -> Result<(), EncodeError> {
        let Source::Base64 { media, data } = source else {
            return Err(EncodeError::unsupported("a sound is not in the request, where its wire format wants it"));
        };
        let Some(format) = sound_format(media) else {
            return Err(EncodeError::unsupported("a sound is neither wav nor mp3, which is all its wire format takes"));
        };
        self.out.extend_from_slice(b"{\"type\":\"input_audio\",\"input_audio\":{\"data\":");
        push_base64(&mut self.out, data);
        push_member(&mut self.out, "format");
        push_string(&mut self.out, format);
        self.out.push(b'}');
        Ok(())
    }

    fn document(&mut self, name: Option<Text<'_>>, source: Source<'_>) -> Result<(), EncodeError> {
        let Source::Base64 { media, data } = source else {
            return Err(EncodeError::unsupported(
                "a document is given by a URL or file id, which its wire format does not take",
            ));
        };
        if !self.target.can(Capability::Documents) {
            return Err(EncodeError::unsupported("it takes no documents (`can` has no `documents`)"));
        }
        self.out.extend_from_slice(b"{\"type\":\"file\",\"file\":{\"filename\":");
        push_text(&mut self.out, name.unwrap_or(Text::from_escaped(b"document.pdf")));
        self.out.extend_from_slice(b",\"file_data\":\"");
        push_data_url(&mut self.out, media, data);
        self.out.extend_from_slice(b"\"}");
        Ok(())
    }

    fn assistant(&mut self, turn: &Turn<'_>) {
        let says = turn.parts.iter().any(is_text);
        let calls = turn.parts.iter().any(|part| matches!(part, Part::Call { .. }));
        if !says && !calls {
            return;
        }
        self.role("assistant");
        if says {
            push_joined(&mut self.out, &turn.parts, "");
        } else {
            self.out.extend_from_slice(b"null");
        }
        if self.habits.replay_thinking {
            let thoughts = turn.parts.iter().filter_map(|part| match part {
                Part::Thinking { text, .. } => Some(Part::Text(*text)),
                _ => None,
            });
            let thoughts: Vec<Part<'_>> = thoughts.collect();
            if !thoughts.is_empty() {
                push_member(&mut self.out, "reasoning_content");
                push_joined(&mut self.out, &thoughts, "");
            }
        }
        if calls {
            self.calls(turn);
        }
        self.out.push(b'}');
    }

    fn calls(&mut self, turn: &Turn<'_>) {
        self.out.extend_from_slice(b",\"tool_calls\":[");
        let mut first = true;
        for part in &turn.parts {
            let Part::Call { id, name, input } = part else { continue };
            if !std::mem::replace(&mut first, false) {
                self.out.push(b',');
            }
            self.out.extend_from_slice(b"{\"id\":");
            push_id(&mut self.out, *id);
            self.out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
            self.names.push(&mut self.out, *name);
            self.out.extend_from_slice(b",\"arguments\":");
            input.push_written(&mut self.out);
            self.out.extend_from_slice(b"}}");
        }
        self.out.push(b']');
    }

    fn tools(&mut self, exchange: &Exchange<'_>) {
        for kind in &exchange.server_tools {
            if kind.starts_with("web_search") && self.target.can(Capability::WebSearch) {
                self.out.extend_from_slice(b",\"web_search_options\":{}");
            } else {
                self.warnings.push(warnings::server_tool(kind, self.target));
            }
        }
        if exchange.tools.is_empty() {
            return;
        }
        push_member(&mut self.out, "tools");
        let start = self.out.len();
        for (place, tool) in exchange.tools.iter().enumerate() {
            self.out.push(if place == 0 { b'[' } else { b',' });
            self.tool(place, tool);
        }
        self.out.push(b']');
        self.long.push(start..self.out.len());
        self.choice(exchange);
        match exchange.parallel {
            Some(true) if !self.target.can(Capability::ParallelTools) => {
                self.warnings.push(warnings::NO_PARALLEL_TOOLS.to_owned());
            }
            Some(parallel) => {
                push_member(&mut self.out, "parallel_tool_calls");
                self.out.extend_from_slice(if parallel { b"true" } else { b"false" });
            }
            None => {}
        }
    }

    fn tool(&mut self, place: usize, tool: &Tool<'_>) {
        self.out.extend_from_slice(b"{\"type\":\"function\",\"function\":{\"name\":");
        self.names.push_listed(&mut self.out, place);
        if let Some(description) = tool.description {
            push_member(&mut self.out, "description");
            push_text(&mut self.out, description);
        }
        push_member(&mut self.out, "parameters");
        self.out.extend_from_slice(tool.schema());
        self.raw_member("strict", tool.strict);
        self.out.push(b'}');
        self.raw_member("cache_control", tool.cache.filter(|_| self.habits.cache_marks));
        self.out.push(b'}');
    }

    fn choice(&mut self, exchange: &Exchange<'_>) {
        let word: &[u8] = match exchange.choice {
            Choice::Unsaid => return,
            Choice::Auto => b"\"auto\"",
            Choice::Any => b"\"required\"",
            Choice::None => b"\"none\"",
            Choice::Tool(name) if exchange.tools.iter().any(|tool| tool.name == name) => {
                push_member(&mut self.out, "tool_choice");
                self.out.extend_from_slice(b"{\"type\":\"function\",\"function\":{\"name\":");
                self.names.push(&mut self.out, name);
                self.out.extend_from_slice(b"}}");
                return;
            }
            // It demanded a server tool that was left out.
            Choice::Tool(_) => return,
        };
        push_member(&mut self.out, "tool_choice");
        self.out.extend_from_slice(word);
    }

    fn limits(&mut self, exchange: &Exchange<'_>) {
        if let Some(asked) = exchange.max_tokens {
            let limit = self.target.output_limit.unwrap_or(asked).min(asked);
            if limit < asked {
                self.warnings.push(warnings::lowered("max_tokens", limit));
            }
            push_member(
                &mut self.out,
                if self.habits.completion_tokens { "max_completion_tokens" } else { "max_tokens" },
            );
            push_number(&mut self.out, limit);
        }
        if self.habits.completion_tokens {
            for (name, value) in [("temperature", exchange.temperature), ("top_p", exchange.top_p)] {
                if value.and_then(Raw::number).is_some_and(|number| (number - 1.0).abs() > f64::EPSILON) {
                    self.warnings.push(format!("`{name}` was left out: the model does not take it"));
                }
            }
        } else {
            self.raw_member("temperature", exchange.temperature);
            self.raw_member("top_p", exchange.top_p);
        }
        if exchange.top_k.is_some() {
            self.warnings.push(warnings::unknown_member("top_k"));
        }
        self.raw_member("seed", exchange.seed);
        for (name, value) in exchange.penalties() {
            if self.habits.completion_tokens {
                self.warnings.push(format!("`{name}` was left out: the model does not take it"));
            } else {
                self.raw_member(name, Some(value));
            }
        }
        let most = self.target.most_stops();
        if !exchange.stop.is_empty() {
            push_member(&mut self.out, "stop");
            for (index, stop) in exchange.stop.iter().take(most).enumerate() {
                self.out.push(if index == 0 { b'[' } else { b',' });
                push_text(&mut self.out, *stop);
            }
            self.out.push(b']');
        }
        if exchange.stop.len() > most {
            self.warnings.push(warnings::few_stops(most, exchange.stop.len()));
        }
        let sent = Sent::of(exchange, self.target, &mut self.warnings);
        sent.push(&mut self.out, &[]);
        if let Some(user) = exchange.user.as_ref().filter(|_| !sent.names_user) {
            push_member(&mut self.out, "user");
            push_string(&mut self.out, user);
        }
    }

    /// Thinking that is off or not mentioned is never switched on.
    fn thinking(&mut self, exchange: &Exchange<'_>) {
        let thinks = self.target.can(Capability::Thinking);
        let warning = thinking::push_chat(ChatSays::by(self.target), exchange.asks.wish(), thinks, &mut self.out);
        self.warnings.extend(warning.map(str::to_owned));
    }

    fn format(&mut self, exchange: &Exchange<'_>) {
        match exchange.format {
            Format::Schema { name, schema } if self.target.can(Capability::JsonSchema) => {
                self.out
                    .extend_from_slice(b",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
                push_text(&mut self.out, name.unwrap_or(Text::from_escaped(b"answer")));
                if is_strict(schema) {
                    self.out.extend_from_slice(b",\"strict\":true");
                }
                self.out.extend_from_slice(b",\"schema\":");
                self.out.extend_from_slice(schema.bytes());
                self.out.extend_from_slice(b"}}");
            }
            Format::Schema { .. } => {
                self.warnings.push(warnings::SCHEMA_IN_WORDS.to_owned());
            }
            Format::Object => self.out.extend_from_slice(b",\"response_format\":{\"type\":\"json_object\"}"),
            Format::Free => {}
        }
    }

    /// The schema in words, for a model that takes none.
    fn instruction(&self, exchange: &Exchange<'_>) -> Option<String> {
        match exchange.format {
            Format::Schema { schema, .. } if !self.target.can(Capability::JsonSchema) => Some(schema_in_words(schema)),
            _ => None,
        }
    }
}

/// Whether a schema keeps OpenAI's rules for `strict` (nothing optional, nothing additional), as far as
/// one level shows; others are refused with `strict`, so they are sent without it.
pub(crate) fn is_strict(schema: Raw<'_>) -> bool {
    let [properties, required, additional] = schema.peek(["properties", "required", "additionalProperties"]);
    let nested = memmem::find_iter(schema.bytes(), b"\"properties\"").take(2).count() > 1;
    let all = properties.unwrap_or(Raw::NULL).members().count() == required.unwrap_or(Raw::NULL).elements().count();
    !nested && all && additional.and_then(Raw::boolean) == Some(false)
}
