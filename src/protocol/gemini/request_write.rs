//! Writing a request of Gemini. The model and the stream stand in the address.

use std::collections::BTreeMap;

use super::super::Wire;
use super::super::encode::{Back, EncodeError, Target, warnings};
use super::super::exchange::{Choice, Exchange, Part, Source, Speaker, Tool, Turn};
use super::super::json::{Raw, Text, push_member, push_string, push_text};
use super::super::names::Names;
use super::super::write::{is_text, push_base64, push_joined};
use super::schema_out;
use crate::dsl::policy::Capability;

/// Stands for a signature that does not exist, because another model made the call: models from
/// Gemini 3 on refuse a call without any.
const NO_SIGNATURE: &[u8] = b"skip_thought_signature_validator";

/// The names of the calls of a turn by their ids.
type Calls<'a> = BTreeMap<&'a [u8], Text<'a>>;

pub(super) struct RequestWriter<'t> {
    pub(super) target: &'t Target<'t>,
    /// of the model's family: 2 for `gemini-2.5-pro`
    pub(super) generation: u32,
    names: Names,
    pub(super) out: Vec<u8>,
    pub(super) warnings: Vec<String>,
    /// whose content is open
    open: Option<Speaker>,
}

/// Writes a request; `room` is about how long it will be.
pub(crate) fn write_request(
    exchange: &mut Exchange<'_>,
    target: &Target<'_>,
    _stream: bool,
    room: usize,
    back: &mut Back,
) -> Result<Vec<u8>, EncodeError> {
    let mut writer = RequestWriter {
        target,
        generation: generation(target.model),
        names: Names::with_letter_first(&exchange.tools),
        out: Vec::with_capacity(room + room / 8 + 512),
        warnings: Vec::new(),
        open: None,
    };
    writer.out.extend_from_slice(b"{\"contents\":[");
    let start = writer.out.len() - 1;
    writer.contents(exchange)?;
    writer.out.push(b']');
    exchange.long.push(start..writer.out.len());
    writer.system(exchange);
    writer.tools(exchange);
    writer.config(exchange);
    writer.out.push(b'}');
    exchange.warnings.append(&mut writer.warnings);
    writer.names.remember(back);
    Ok(writer.out)
}

/// The first number in a Gemini model's name; 0 for another model.
fn generation(model: &str) -> u32 {
    let name = model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let digits = name.strip_prefix("gemini-").unwrap_or_default();
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// What a call without a signature has in its place, for a model that demands one.
pub(crate) fn no_signature(model: &str) -> Option<&'static [u8]> {
    (generation(model) >= 3).then_some(NO_SIGNATURE)
}

impl RequestWriter<'_> {
    pub(super) fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'[' | b'{')) {
            self.out.push(b',');
        }
    }

    pub(super) fn member(&mut self, name: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// All system text stands apart: this wire has it nowhere else.
    fn system(&mut self, exchange: &Exchange<'_>) {
        let later = exchange.turns.iter().filter(|turn| turn.speaker == Speaker::System);
        let mut parts: Vec<&Part<'_>> = exchange.system.iter().collect();
        let known = parts.len();
        parts.extend(later.flat_map(|turn| &turn.parts));
        if parts.len() > known {
            self.warnings.push("system messages inside the conversation were moved to its front".to_owned());
        }
        let instruction = self.instruction(exchange).map(Part::Note);
        parts.extend(&instruction);
        let start = self.out.len();
        self.out.extend_from_slice(b",\"systemInstruction\":{\"parts\":[");
        let empty = self.out.len();
        for part in parts {
            match part {
                Part::Text(text) => self.text(*text, None),
                Part::Note(note) => self.note(note),
                _ => {}
            }
        }
        if self.out.len() == empty {
            self.out.truncate(start);
        } else {
            self.out.extend_from_slice(b"]}");
        }
    }

    fn contents(&mut self, exchange: &Exchange<'_>) -> Result<(), EncodeError> {
        let mut spoken = exchange.turns.iter().filter(|turn| turn.speaker != Speaker::System).peekable();
        if spoken.peek().is_none_or(|turn| turn.speaker == Speaker::Assistant) {
            self.turn_of(Speaker::User);
            self.note("(the conversation begins here)");
            self.warnings.push("a first user message was added: the upstream demands one".to_owned());
        }
        // The names of the calls, for their results.
        let mut calls: Calls<'_> = Calls::default();
        for turn in spoken {
            if turn.speaker == Speaker::Assistant {
                calls.clear();
                for part in &turn.parts {
                    if let Part::Call { id, name, .. } = part {
                        calls.entry(id.escaped()).or_insert(*name);
                    }
                }
                self.assistant(turn)?;
            } else {
                self.user(turn, &calls)?;
            }
        }
        self.close();
        if exchange.turns.last().is_some_and(|turn| turn.speaker == Speaker::Assistant) {
            self.warnings.push(warnings::NO_PREFILL.to_owned());
        }
        Ok(())
    }

    /// Opens this side's content, or goes on with it.
    fn turn_of(&mut self, speaker: Speaker) {
        if self.open == Some(speaker) {
            return;
        }
        self.close();
        self.comma();
        let role: &[u8] = if speaker == Speaker::Assistant { b"model" } else { b"user" };
        self.out.extend_from_slice(b"{\"role\":\"");
        self.out.extend_from_slice(role);
        self.out.extend_from_slice(b"\",\"parts\":[");
        self.open = Some(speaker);
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.out.extend_from_slice(b"]}");
        }
    }

    fn text(&mut self, text: Text<'_>, signature: Option<Text<'_>>) {
        if text.is_empty() {
            return;
        }
        self.comma();
        self.out.extend_from_slice(b"{\"text\":");
        push_text(&mut self.out, text);
        self.sign(signature.map(Text::escaped));
        self.out.push(b'}');
    }

    fn note(&mut self, note: &str) {
        self.comma();
        self.out.extend_from_slice(b"{\"text\":");
        push_string(&mut self.out, note);
        self.out.push(b'}');
    }

    fn sign(&mut self, signature: Option<&[u8]>) {
        if let Some(signature) = signature {
            push_member(&mut self.out, "thoughtSignature");
            push_text(&mut self.out, Text::from_escaped(signature));
        }
    }

    /// Thinking itself does not go back: Gemini's signature, before what it signs, stands for it.
    fn assistant(&mut self, turn: &Turn<'_>) -> Result<(), EncodeError> {
        let says = |part: &Part<'_>| match part {
            Part::Text(text) => !text.is_empty(),
            part => !matches!(part, Part::Thinking { .. } | Part::Redacted(_) | Part::CacheMark(_)),
        };
        if !turn.parts.iter().any(says) {
            return Ok(());
        }
        self.turn_of(Speaker::Assistant);
        let mut signature = None;
        let mut first_call = true;
        for part in &turn.parts {
            match part {
                Part::Thinking { signature: signed, .. } => {
                    signature = signed.and_then(|signed| signed.for_wire(Wire::Gemini)).or(signature);
                }
                Part::Text(text) => self.text(*text, signature.take()),
                Part::Note(note) => self.note(note),
                Part::Call { name, input, .. } => {
                    self.comma();
                    self.out.extend_from_slice(b"{\"functionCall\":{\"name\":");
                    self.names.push(&mut self.out, *name);
                    push_member(&mut self.out, "args");
                    input.push_object(&mut self.out);
                    self.out.push(b'}');
                    // Of calls made at once only the first is signed.
                    let own = signature.take().map(Text::escaped);
                    let none = no_signature(self.target.model).filter(|_| first_call);
                    self.sign(own.or(none));
                    self.out.push(b'}');
                    first_call = false;
                }
                // What it made itself it may look at again.
                part => self.part(part)?,
            }
        }
        Ok(())
    }

    /// Results first: Gemini wants them right behind their calls.
    fn user(&mut self, turn: &Turn<'_>, calls: &Calls<'_>) -> Result<(), EncodeError> {
        self.turn_of(Speaker::User);
        let mut later = Vec::new();
        for part in &turn.parts {
            let Part::Result { id, error, parts } = part else { continue };
            let name = calls.get(id.escaped()).copied().unwrap_or(Text::EMPTY);
            self.comma();
            self.out.extend_from_slice(b"{\"functionResponse\":{\"name\":");
            self.names.push(&mut self.out, name);
            self.out.extend_from_slice(if *error {
                b",\"response\":{\"error\":"
            } else {
                b",\"response\":{\"result\":"
            });
            push_joined(&mut self.out, parts, "");
            self.out.extend_from_slice(b"}}}");
            // A function's response is an object: what else a result shows, the user shows.
            later.extend(parts.iter().filter(|part| !is_text(part)));
        }
        let said = turn.parts.iter().filter(|part| !matches!(part, Part::Result { .. }));
        let begin = self.out.len();
        for part in later.into_iter().chain(said) {
            self.part(part)?;
        }
        if self.out.len() == begin && self.out.last() == Some(&b'[') {
            // Gemini refuses a content without parts.
            self.note(".");
        }
        Ok(())
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), EncodeError> {
        match part {
            Part::Text(text) => self.text(*text, None),
            Part::Note(note) => self.note(note),
            Part::Image(source) => self.data(*source, "an image")?,
            Part::Document { source, .. } => {
                if !self.target.can(Capability::Documents) {
                    return Err(EncodeError::unsupported("it takes no documents (`can` has no `documents`)"));
                }
                self.data(*source, "a document")?;
            }
            Part::Audio(source) => self.data(*source, "a sound")?,
            Part::Thinking { .. }
            | Part::Redacted(_)
            | Part::CacheMark(_)
            | Part::Call { .. }
            | Part::Result { .. } => {}
        }
        Ok(())
    }

    fn data(&mut self, source: Source<'_>, what: &str) -> Result<(), EncodeError> {
        self.comma();
        match source {
            Source::Base64 { media, data } => {
                self.out.extend_from_slice(b"{\"inlineData\":{\"mimeType\":");
                push_text(&mut self.out, media);
                push_member(&mut self.out, "data");
                push_base64(&mut self.out, data);
            }
            Source::Url(url) => {
                self.out.extend_from_slice(b"{\"fileData\":{");
                if let Some(media) = media_of(url) {
                    self.out.extend_from_slice(b"\"mimeType\":");
                    push_string(&mut self.out, media);
                    self.out.push(b',');
                }
                self.out.extend_from_slice(b"\"fileUri\":");
                push_text(&mut self.out, url);
            }
            Source::Id => {
                return Err(EncodeError::Unsupported(format!(
                    "{what} is given by a file id, which only its own provider knows"
                )));
            }
        }
        self.out.extend_from_slice(b"}}");
        Ok(())
    }

    fn tools(&mut self, exchange: &Exchange<'_>) {
        // Gemini searches, or calls functions.
        let is_search = |kind: &str| kind.starts_with("web_search");
        let searches = exchange.tools.is_empty() && self.target.can(Capability::WebSearch);
        for kind in exchange.server_tools.iter().filter(|kind| !(searches && is_search(kind))) {
            self.warnings.push(warnings::server_tool(kind, self.target));
        }
        if exchange.tools.iter().any(|tool| tool.strict.and_then(Raw::boolean) == Some(true)) {
            self.warnings.push("`strict` of the tools was left out: the upstream does not take it".to_owned());
        }
        if exchange.tools.is_empty() {
            if searches && exchange.server_tools.iter().any(|kind| is_search(kind)) {
                self.out.extend_from_slice(b",\"tools\":[{\"googleSearch\":{}}]");
            }
            return;
        }
        self.out.extend_from_slice(b",\"tools\":[{\"functionDeclarations\":[");
        for (place, tool) in exchange.tools.iter().enumerate() {
            self.comma();
            self.declaration(place, tool);
        }
        self.out.extend_from_slice(b"]}]");
        self.choice(exchange);
    }

    fn declaration(&mut self, place: usize, tool: &Tool<'_>) {
        self.out.extend_from_slice(b"{\"name\":");
        self.names.push_listed(&mut self.out, place);
        if let Some(description) = tool.description {
            push_member(&mut self.out, "description");
            push_text(&mut self.out, description);
        }
        // An object without members is refused; a function without parameters is not.
        if let Some(schema) = tool.schema.filter(|schema| schema_out::has_properties(*schema)) {
            push_member(&mut self.out, "parameters");
            self.schema(schema);
        }
        self.out.push(b'}');
    }

    pub(super) fn schema(&mut self, schema: Raw<'_>) {
        if schema_out::push(schema, &mut self.out) {
            let text = "a JSON schema that refers to itself, or is too large, was cut: the upstream takes none";
            if !self.warnings.iter().any(|warning| warning == text) {
                self.warnings.push(text.to_owned());
            }
        }
    }

    fn choice(&mut self, exchange: &Exchange<'_>) {
        if exchange.parallel == Some(false) {
            self.warnings.push("single calls cannot be demanded: the upstream may make several at once".to_owned());
        }
        let mode = match exchange.choice {
            Choice::Unsaid => return,
            Choice::Auto => "AUTO",
            Choice::None => "NONE",
            Choice::Any => "ANY",
            Choice::Tool(name) if exchange.tools.iter().any(|tool| tool.name == name) => "ANY",
            // It demanded a server tool that was left out.
            Choice::Tool(_) => return,
        };
        self.out.extend_from_slice(b",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":");
        push_string(&mut self.out, mode);
        if let Choice::Tool(name) = exchange.choice {
            self.out.extend_from_slice(b",\"allowedFunctionNames\":[");
            self.names.push(&mut self.out, name);
            self.out.push(b']');
        }
        self.out.extend_from_slice(b"}}");
    }
}

/// The type that an address ends in.
fn media_of(url: Text<'_>) -> Option<&'static str> {
    let url = url.decode();
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let types = [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".webp", "image/webp"),
        (".gif", "image/gif"),
        (".pdf", "application/pdf"),
    ];
    types.iter().find(|(end, _)| path.ends_with(end)).map(|(_, media)| *media)
}
