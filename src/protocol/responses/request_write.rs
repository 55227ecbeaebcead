//! Writing a request of Responses. Nothing is kept at the provider unless the client asks for it: the whole conversation goes along, and
//! what was thought comes back under its own proof.

use super::super::Wire;
use super::super::encode::{Back, EncodeError, Target, warnings};
use super::super::exchange::{Choice, Exchange, Format, Part, Places, Source, Speaker, Tool, Turn, schema_in_words};
use super::super::habits::Habits;
use super::super::json::{Raw, Text, push_member, push_number, push_string, push_text};
use super::super::names::{Names, push_id};
use super::super::openai::is_strict;
use super::super::shared::Sent;
use super::super::thinking;
use super::super::write::{is_text, push_data_url, push_joined, push_typed_text};
use crate::dsl::policy::Capability;

/// The least that an answer may be given: OpenAI refuses less.
const MIN_TOKENS: u64 = 16;

struct RequestWriter<'t> {
    target: &'t Target<'t>,
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
    let mut writer = RequestWriter {
        target,
        names: Names::of(&exchange.tools),
        out: Vec::with_capacity(room + room / 8 + 512),
        long: Places::new(),
        warnings: Vec::new(),
    };
    writer.out.extend_from_slice(b"{\"model\":");
    push_string(&mut writer.out, target.model);
    writer.instructions(exchange);
    writer.input(exchange)?;
    writer.tools(exchange);
    let sent = Sent::of(exchange, target, &mut writer.warnings);
    writer.limits(exchange, &sent);
    writer.thinking(exchange);
    writer.text(exchange, sent.get("verbosity"));
    // Unsaid, it would be stored.
    let stores = sent.get("store").and_then(Raw::boolean) == Some(true);
    writer.out.extend_from_slice(if stores { b",\"store\":true" } else { b",\"store\":false" });
    if stream {
        writer.out.extend_from_slice(b",\"stream\":true");
    }
    writer.out.push(b'}');
    exchange.warnings.append(&mut writer.warnings);
    exchange.long = writer.long;
    writer.names.remember(back);
    Ok(writer.out)
}

impl RequestWriter<'_> {
    fn instructions(&mut self, exchange: &Exchange<'_>) {
        let instruction = match exchange.format {
            Format::Schema { schema, .. } if !self.target.can(Capability::JsonSchema) => {
                self.warnings.push(warnings::SCHEMA_IN_WORDS.to_owned());
                Some(Part::Note(schema_in_words(schema)))
            }
            _ => None,
        };
        let mut parts = exchange.system.iter().chain(&instruction).filter(|part| is_text(part)).peekable();
        if parts.peek().is_some() {
            push_member(&mut self.out, "instructions");
            push_joined(&mut self.out, parts, "");
        }
    }

    fn input(&mut self, exchange: &Exchange<'_>) -> Result<(), EncodeError> {
        push_member(&mut self.out, "input");
        let start = self.out.len();
        self.out.push(b'[');
        for turn in &exchange.turns {
            match turn.speaker {
                Speaker::System => {
                    self.item("message");
                    self.out.extend_from_slice(b",\"role\":\"developer\",\"content\":");
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

    /// Begins an item.
    fn item(&mut self, kind: &str) {
        if self.out.last() == Some(&b'}') {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"{\"type\":");
        push_string(&mut self.out, kind);
    }

    fn user(&mut self, turn: &Turn<'_>) -> Result<(), EncodeError> {
        let mut later = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Result { id, error, parts } => self.result(*id, *error, parts)?,
                Part::Call { .. } | Part::Thinking { .. } | Part::CacheMark(_) => {}
                part => later.push(part),
            }
        }
        if later.is_empty() {
            return Ok(());
        }
        self.item("message");
        self.out.extend_from_slice(b",\"role\":\"user\",\"content\":");
        self.content(&later, None)?;
        self.out.push(b'}');
        Ok(())
    }

    fn result(&mut self, id: Text<'_>, error: bool, parts: &[Part<'_>]) -> Result<(), EncodeError> {
        self.item("function_call_output");
        push_member(&mut self.out, "call_id");
        push_id(&mut self.out, id);
        push_member(&mut self.out, "output");
        let mark = if error { "[error] " } else { "" };
        let shown: Vec<&Part<'_>> = parts.iter().filter(|part| !matches!(part, Part::CacheMark(_))).collect();
        if shown.iter().all(|part| is_text(part)) {
            push_joined(&mut self.out, shown, mark);
        } else {
            self.content(&shown, error.then_some("[error]"))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn content(&mut self, parts: &[&Part<'_>], mark: Option<&str>) -> Result<(), EncodeError> {
        self.out.push(b'[');
        let mut first = true;
        if let Some(mark) = mark {
            first = false;
            self.out.extend_from_slice(b"{\"type\":\"input_text\",\"text\":");
            push_string(&mut self.out, mark);
            self.out.push(b'}');
        }
        for part in parts {
            if !std::mem::replace(&mut first, false) {
                self.out.push(b',');
            }
            match part {
                part if push_typed_text(&mut self.out, "input_text", part) => {}
                Part::Image(source) => self.image(*source)?,
                Part::Document { name, source } => self.document(*name, *source)?,
                Part::Audio(_) => {
                    return Err(EncodeError::unsupported("a sound cannot be carried over to its wire format"));
                }
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

    fn image(&mut self, source: Source<'_>) -> Result<(), EncodeError> {
        self.out.extend_from_slice(b"{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"");
        match source {
            Source::Base64 { media, data } => push_data_url(&mut self.out, media, data),
            Source::Url(url) => self.out.extend_from_slice(url.escaped()),
            Source::Id => {
                return Err(EncodeError::unsupported(
                    "an image is given by a file id, which only its own provider knows",
                ));
            }
        }
        self.out.push(b'"');
        Ok(())
    }

    fn document(&mut self, name: Option<Text<'_>>, source: Source<'_>) -> Result<(), EncodeError> {
        if !self.target.can(Capability::Documents) {
            return Err(EncodeError::unsupported("it takes no documents (`can` has no `documents`)"));
        }
        self.out.extend_from_slice(b"{\"type\":\"input_file\"");
        match source {
            Source::Base64 { media, data } => {
                push_member(&mut self.out, "filename");
                push_text(&mut self.out, name.unwrap_or(Text::from_escaped(b"document.pdf")));
                self.out.extend_from_slice(b",\"file_data\":\"");
                push_data_url(&mut self.out, media, data);
                self.out.push(b'"');
            }
            Source::Url(url) => {
                push_member(&mut self.out, "file_url");
                push_text(&mut self.out, url);
            }
            Source::Id => {
                return Err(EncodeError::unsupported(
                    "a document is given by a file id, which only its own provider knows",
                ));
            }
        }
        Ok(())
    }

    /// In the order in which things were said: what was thought stands before what came of it.
    fn assistant(&mut self, turn: &Turn<'_>) {
        let mut parts = turn.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Text(_) | Part::Note(_) => {
                    let mut texts = vec![part];
                    while let Some(text) = parts.next_if(|part| is_text(part) || matches!(part, Part::CacheMark(_))) {
                        texts.push(text);
                    }
                    self.item("message");
                    self.out.extend_from_slice(b",\"role\":\"assistant\",\"content\":");
                    push_joined(&mut self.out, texts, "");
                    self.out.push(b'}');
                }
                Part::Thinking { text, signature } => {
                    // Without a proof of its own making the provider refuses it.
                    let Some(proof) = signature.and_then(|signed| signed.for_wire(Wire::Responses)) else { continue };
                    self.item("reasoning");
                    self.out.extend_from_slice(b",\"summary\":[");
                    if !text.is_empty() {
                        self.out.extend_from_slice(b"{\"type\":\"summary_text\",\"text\":");
                        push_text(&mut self.out, *text);
                        self.out.push(b'}');
                    }
                    self.out.extend_from_slice(b"],\"encrypted_content\":");
                    push_text(&mut self.out, proof);
                    self.out.push(b'}');
                }
                Part::Call { id, name, input } => {
                    self.item("function_call");
                    push_member(&mut self.out, "call_id");
                    push_id(&mut self.out, *id);
                    push_member(&mut self.out, "name");
                    self.names.push(&mut self.out, *name);
                    push_member(&mut self.out, "arguments");
                    input.push_written(&mut self.out);
                    self.out.push(b'}');
                }
                _ => {}
            }
        }
    }

    fn tools(&mut self, exchange: &Exchange<'_>) {
        let searches = exchange.server_tools.iter().any(|kind| self.is_search(kind));
        for kind in &exchange.server_tools {
            if !self.is_search(kind) {
                self.warnings.push(warnings::server_tool(kind, self.target));
            }
        }
        if exchange.tools.is_empty() && !searches {
            return;
        }
        push_member(&mut self.out, "tools");
        let start = self.out.len();
        self.out.push(b'[');
        for (place, tool) in exchange.tools.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.tool(place, tool);
        }
        if searches {
            self.out.extend_from_slice(if exchange.tools.is_empty() { b"" } else { b"," });
            self.out.extend_from_slice(b"{\"type\":\"web_search\"}");
        }
        self.out.push(b']');
        self.long.push(start..self.out.len());
        self.choice(exchange, searches);
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

    fn is_search(&self, kind: &str) -> bool {
        kind.starts_with("web_search") && self.target.can(Capability::WebSearch)
    }

    fn tool(&mut self, place: usize, tool: &Tool<'_>) {
        self.out.extend_from_slice(b"{\"type\":\"function\",\"name\":");
        self.names.push_listed(&mut self.out, place);
        if let Some(description) = tool.description {
            push_member(&mut self.out, "description");
            push_text(&mut self.out, description);
        }
        push_member(&mut self.out, "parameters");
        self.out.extend_from_slice(tool.schema());
        // Absent, it would mean true, and most schemas are not made for that.
        push_member(&mut self.out, "strict");
        let strict = tool.strict.and_then(Raw::boolean) == Some(true);
        self.out.extend_from_slice(if strict { b"true}" } else { b"false}" });
    }

    fn choice(&mut self, exchange: &Exchange<'_>, searches: bool) {
        let word: &[u8] = match exchange.choice {
            Choice::Unsaid => return,
            Choice::Auto => b"\"auto\"",
            Choice::Any => b"\"required\"",
            Choice::None => b"\"none\"",
            Choice::Tool(name) if exchange.tools.iter().any(|tool| tool.name == name) => {
                self.out.extend_from_slice(b",\"tool_choice\":{\"type\":\"function\",\"name\":");
                self.names.push(&mut self.out, name);
                self.out.push(b'}');
                return;
            }
            Choice::Tool(name) if searches && name.is("web_search") => b"{\"type\":\"web_search\"}",
            // It demanded a server tool that was left out.
            Choice::Tool(_) => return,
        };
        push_member(&mut self.out, "tool_choice");
        self.out.extend_from_slice(word);
    }

    fn limits(&mut self, exchange: &Exchange<'_>, sent: &Sent<'_>) {
        if let Some(asked) = exchange.max_tokens {
            let limit = self.target.output_limit.unwrap_or(asked).min(asked);
            if limit < asked {
                self.warnings.push(warnings::lowered("max_tokens", limit));
            } else if limit < MIN_TOKENS {
                self.warnings.push(format!("max_tokens raised to {MIN_TOKENS}, the least that the upstream takes"));
            }
            let limit = limit.max(MIN_TOKENS);
            push_member(&mut self.out, "max_output_tokens");
            push_number(&mut self.out, limit);
        }
        let sampling = !Habits::of(self.target).completion_tokens;
        for (name, value) in [("temperature", exchange.temperature), ("top_p", exchange.top_p)] {
            match value {
                Some(value) if sampling => {
                    push_member(&mut self.out, name);
                    self.out.extend_from_slice(value.bytes());
                }
                Some(value) if value.number().is_some_and(|number| (number - 1.0).abs() > f64::EPSILON) => {
                    self.warnings.push(format!("`{name}` was left out: the model does not take it"));
                }
                _ => {}
            }
        }
        for (name, said) in [
            ("top_k", exchange.top_k.is_some()),
            ("seed", exchange.seed.is_some()),
            ("stop", !exchange.stop.is_empty()),
        ] {
            if said {
                self.warnings.push(warnings::unknown_member(name));
            }
        }
        self.warnings.extend(exchange.penalties().map(|(name, _)| warnings::unknown_member(name)));
        sent.push(&mut self.out, &["store", "verbosity"]);
        if let Some(user) = exchange.user.as_ref().filter(|_| !sent.names_user) {
            push_member(&mut self.out, "user");
            push_string(&mut self.out, user);
        }
    }

    /// Thinking that is off or not mentioned is never switched on. A model that can think may do so
    /// unasked: what proves it is always wanted, for the next turn.
    fn thinking(&mut self, exchange: &Exchange<'_>) {
        if !self.target.can(Capability::Thinking) {
            if exchange.asks.thinking {
                self.warnings.push(warnings::NO_THINKING.to_owned());
            }
            return;
        }
        if let Some(word) = thinking::effort_word(self.target.model, exchange.asks.wish()) {
            self.out.extend_from_slice(b",\"reasoning\":{\"effort\":");
            push_string(&mut self.out, word);
            self.out.extend_from_slice(if exchange.asks.thinking { b",\"summary\":\"auto\"}" } else { b"}" });
        } else if exchange.asks.thinking {
            self.warnings.push(warnings::UNTOLD_THINKING.to_owned());
        }
        self.out.extend_from_slice(b",\"include\":[\"reasoning.encrypted_content\"]");
    }

    fn text(&mut self, exchange: &Exchange<'_>, verbosity: Option<Raw<'_>>) {
        let begin = self.out.len();
        self.out.extend_from_slice(b",\"text\":{");
        let empty = self.out.len();
        match exchange.format {
            Format::Schema { name, schema } if self.target.can(Capability::JsonSchema) => {
                self.out.extend_from_slice(b"\"format\":{\"type\":\"json_schema\",\"name\":");
                push_text(&mut self.out, name.unwrap_or(Text::from_escaped(b"answer")));
                self.out.extend_from_slice(b",\"strict\":");
                self.out.extend_from_slice(if is_strict(schema) { b"true" } else { b"false" });
                self.out.extend_from_slice(b",\"schema\":");
                self.out.extend_from_slice(schema.bytes());
                self.out.push(b'}');
            }
            Format::Object => self.out.extend_from_slice(b"\"format\":{\"type\":\"json_object\"}"),
            Format::Schema { .. } | Format::Free => {}
        }
        if let Some(verbosity) = verbosity {
            self.out.extend_from_slice(if self.out.len() > empty { b"," } else { b"" });
            self.out.extend_from_slice(b"\"verbosity\":");
            self.out.extend_from_slice(verbosity.bytes());
        }
        if self.out.len() > empty {
            self.out.push(b'}');
        } else {
            self.out.truncate(begin);
        }
    }
}
