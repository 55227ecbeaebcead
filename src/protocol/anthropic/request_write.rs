//! Writing a request of Anthropic Messages.

use super::super::Wire;
use super::super::encode::{Back, EncodeError, Target, warnings};
use super::super::exchange::{Choice, Exchange, Part, Source, Speaker, Turn};
use super::super::json::{Raw, Text, push_member, push_string, push_text};
use super::super::media;
use super::super::names::{Names, push_id};
use super::super::request::shown;
use super::super::signed::{Signed, push_in_own_letters};
use super::super::thinking::AnthropicSays;
use super::super::write::{push_base64, push_typed_text};
use crate::dsl::policy::Capability;

/// Most cache marks of a request.
const MAX_MARKS: usize = 4;
/// The types of images and documents that the API takes.
const IMAGES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];
const DOCUMENTS: &[&str] = &["application/pdf"];

pub(super) struct RequestWriter<'t> {
    pub(super) target: &'t Target<'t>,
    /// how the model is told to think
    pub(super) says: AnthropicSays,
    names: Names,
    pub(super) out: Vec<u8>,
    pub(super) warnings: Vec<String>,
    /// a message was written
    any: bool,
    /// cache marks that were written
    marks: usize,
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
        says: AnthropicSays::of(target.model),
        names: Names::of(&exchange.tools),
        out: Vec::with_capacity(room + room / 8 + 512),
        warnings: Vec::new(),
        any: false,
        marks: 0,
    };
    end_without_space(exchange);
    writer.out.extend_from_slice(b"{\"model\":");
    push_string(&mut writer.out, target.model);
    let max_tokens = writer.max_tokens(exchange);
    writer.system(exchange)?;
    let messages = writer.out.len() + b",\"messages\":".len();
    writer.messages(exchange)?;
    exchange.long.push(messages..writer.out.len());
    writer.tools(exchange);
    let thinks = writer.thinking(exchange, max_tokens);
    writer.sampling(exchange, thinks);
    writer.output_config(exchange, thinks);
    if stream {
        writer.out.extend_from_slice(b",\"stream\":true");
    }
    writer.out.push(b'}');
    exchange.warnings.append(&mut writer.warnings);
    writer.names.remember(back);
    Ok(writer.out)
}

/// A signature that this wire made and takes back.
pub(super) fn own(signature: Option<Signed<'_>>) -> Option<Text<'_>> {
    signature.and_then(|signature| signature.for_wire(Wire::Anthropic))
}

/// An answer that the client begins must not end in white space: the upstream refuses that.
fn end_without_space(exchange: &mut Exchange<'_>) {
    let last = exchange.turns.last_mut().filter(|turn| turn.speaker == Speaker::Assistant);
    if let Some(part) = last.and_then(|turn| turn.parts.last_mut())
        && let Part::Text(text) = part
    {
        let text = text.decode();
        let trimmed = text.trim_end();
        if !trimmed.is_empty() && trimmed.len() < text.len() {
            *part = Part::Note(trimmed.to_owned());
        }
    }
}

/// Passes the model over for an attachment of a type that the wire refuses.
fn takes(source: Source<'_>, types: &[&str], what: &str) -> Result<(), EncodeError> {
    match source {
        Source::Base64 { media, .. } if !types.iter().any(|known| media.is(known)) => {
            let media = shown(&media.decode());
            Err(EncodeError::Unsupported(format!("its API takes no `{media}` for {what}: send {}", types.join(", "))))
        }
        _ => Ok(()),
    }
}

impl RequestWriter<'_> {
    /// All system text stands in front: this wire has it nowhere else. Several texts stay blocks of their
    /// own, with their cache marks.
    fn system(&mut self, exchange: &Exchange<'_>) -> Result<(), EncodeError> {
        let later = exchange.turns.iter().filter(|turn| turn.speaker == Speaker::System).flat_map(|turn| &turn.parts);
        if later.clone().next().is_some() {
            self.warnings.push("system messages inside the conversation were moved to its front".to_owned());
        }
        let is_said = |part: &Part<'_>| matches!(part, Part::Text(_) | Part::Note(_) | Part::CacheMark(_));
        let said = exchange.system.iter().chain(later).filter(|part| is_said(part)).cloned();
        let parts: Vec<Part<'_>> = said.chain(self.instruction(exchange).map(Part::Note)).collect();
        let start = self.out.len();
        push_member(&mut self.out, "system");
        match parts.as_slice() {
            [Part::Text(text)] if !text.decode().trim().is_empty() => push_text(&mut self.out, *text),
            [Part::Note(note)] => push_string(&mut self.out, note),
            parts => {
                self.out.push(b'[');
                if self.parts(parts)? {
                    self.out.push(b']');
                } else {
                    self.out.truncate(start);
                }
            }
        }
        Ok(())
    }

    fn messages(&mut self, exchange: &Exchange<'_>) -> Result<(), EncodeError> {
        self.out.extend_from_slice(b",\"messages\":[");
        let mut spoken = exchange.turns.iter().filter(|turn| turn.speaker != Speaker::System).peekable();
        if spoken.peek().is_some_and(|turn| turn.speaker == Speaker::Assistant) {
            self.out.extend_from_slice(b"{\"role\":\"user\",\"content\":\"(the conversation begins here)\"}");
            self.any = true;
            self.warnings.push("a first user message was added: the upstream demands one".to_owned());
        }
        for turn in spoken {
            self.turn(turn)?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// A moved system turn can leave two turns of one side: the wire takes that as one.
    fn turn(&mut self, turn: &Turn<'_>) -> Result<(), EncodeError> {
        let role: &[u8] = if turn.speaker == Speaker::Assistant { b"assistant" } else { b"user" };
        let start = self.out.len();
        if self.any {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"{\"role\":\"");
        self.out.extend_from_slice(role);
        self.out.extend_from_slice(b"\",\"content\":[");
        if !self.parts(&turn.parts)? {
            self.out.truncate(start);
            return Ok(());
        }
        self.out.extend_from_slice(b"]}");
        self.any = true;
        Ok(())
    }

    /// Appends blocks with commas between them; returns whether there was any.
    fn parts(&mut self, parts: &[Part<'_>]) -> Result<bool, EncodeError> {
        let empty = self.out.len();
        let mut markable = false;
        for part in parts {
            if let Part::CacheMark(mark) = part {
                if std::mem::take(&mut markable) && self.out.pop().is_some() {
                    self.mark(*mark);
                    self.out.push(b'}');
                }
                continue;
            }
            let before = self.out.len();
            if before > empty {
                self.out.push(b',');
            }
            let length = self.out.len();
            self.part(part)?;
            if self.out.len() == length {
                self.out.truncate(before);
            } else {
                markable = !matches!(part, Part::Thinking { .. } | Part::Redacted(_));
            }
        }
        Ok(self.out.len() > empty)
    }

    /// Appends a cache mark behind other members. The upstream refuses a request with too many of them.
    fn mark(&mut self, mark: Raw<'_>) {
        self.marks += 1;
        if self.marks <= MAX_MARKS {
            push_member(&mut self.out, "cache_control");
            self.out.extend_from_slice(mark.bytes());
        } else if self.marks == MAX_MARKS + 1 {
            self.warnings.push(format!("only the first {MAX_MARKS} cache marks were sent"));
        }
    }

    /// Appends a block, or nothing.
    fn part(&mut self, part: &Part<'_>) -> Result<(), EncodeError> {
        match part {
            // Text of white space alone is refused like an empty one.
            Part::Text(text) if text.decode().trim().is_empty() => return Ok(()),
            Part::Text(_) | Part::Note(_) => {
                push_typed_text(&mut self.out, "text", part);
            }
            Part::Image(source) => {
                takes(*source, IMAGES, "an image")?;
                self.out.extend_from_slice(b"{\"type\":\"image\",\"source\":");
                self.source(*source, "an image")?;
            }
            Part::Document { name, source } => self.document(*name, *source)?,
            Part::Audio(_) => {
                return Err(EncodeError::unsupported("a sound cannot be carried over to its wire format"));
            }
            Part::Thinking { text, signature } => match own(*signature) {
                Some(signature) => {
                    self.out.extend_from_slice(b"{\"type\":\"thinking\",\"thinking\":");
                    push_text(&mut self.out, *text);
                    push_member(&mut self.out, "signature");
                    push_in_own_letters(&mut self.out, signature);
                }
                // Thinking that this upstream has not signed is refused by it.
                None => return Ok(()),
            },
            Part::Redacted(data) => {
                self.out.extend_from_slice(b"{\"type\":\"redacted_thinking\",\"data\":");
                push_text(&mut self.out, *data);
            }
            Part::CacheMark(_) => return Ok(()),
            Part::Call { id, name, input } => {
                self.out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":");
                push_id(&mut self.out, *id);
                push_member(&mut self.out, "name");
                self.names.push(&mut self.out, *name);
                push_member(&mut self.out, "input");
                input.push_object(&mut self.out);
            }
            Part::Result { id, error, parts } => self.result(*id, *error, parts)?,
        }
        self.out.push(b'}');
        Ok(())
    }

    /// A file of text goes as its text: the wire has no other form for it.
    fn document(&mut self, name: Option<Text<'_>>, source: Source<'_>) -> Result<(), EncodeError> {
        if !self.target.can(Capability::Documents) {
            return Err(EncodeError::unsupported("it takes no documents (`can` has no `documents`)"));
        }
        self.out.extend_from_slice(b"{\"type\":\"document\",\"source\":");
        match source {
            Source::Base64 { media, data } if media.escaped().starts_with(b"text/") => {
                self.out.extend_from_slice(b"{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":");
                push_string(&mut self.out, &media::text_in(data));
                self.out.push(b'}');
            }
            source => {
                takes(source, DOCUMENTS, "a document")?;
                self.source(source, "a document")?;
            }
        }
        if let Some(name) = name {
            push_member(&mut self.out, "title");
            push_text(&mut self.out, name);
        }
        Ok(())
    }

    fn result(&mut self, id: Text<'_>, error: bool, parts: &[Part<'_>]) -> Result<(), EncodeError> {
        self.out.extend_from_slice(b"{\"type\":\"tool_result\",\"tool_use_id\":");
        push_id(&mut self.out, id);
        push_member(&mut self.out, "content");
        let (mark, parts) = match parts.split_last() {
            Some((Part::CacheMark(mark), rest)) => (Some(*mark), rest),
            _ => (None, parts),
        };
        if let [Part::Text(text)] = parts {
            push_text(&mut self.out, *text);
        } else if parts.is_empty() {
            push_text(&mut self.out, Text::EMPTY);
        } else {
            self.out.push(b'[');
            self.parts(parts)?;
            self.out.push(b']');
        }
        if error {
            self.out.extend_from_slice(b",\"is_error\":true");
        }
        if let Some(mark) = mark {
            self.mark(mark);
        }
        Ok(())
    }

    fn source(&mut self, source: Source<'_>, what: &str) -> Result<(), EncodeError> {
        match source {
            Source::Base64 { media, data } => {
                self.out.extend_from_slice(b"{\"type\":\"base64\",\"media_type\":");
                push_text(&mut self.out, media);
                push_member(&mut self.out, "data");
                push_base64(&mut self.out, data);
            }
            Source::Url(url) => {
                self.out.extend_from_slice(b"{\"type\":\"url\",\"url\":");
                push_text(&mut self.out, url);
            }
            Source::Id => {
                return Err(EncodeError::Unsupported(format!(
                    "{what} is given by a file id, which only its own provider knows"
                )));
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn tools(&mut self, exchange: &Exchange<'_>) {
        let searches = exchange.server_tools.iter().any(|kind| kind.starts_with("web_search"))
            && self.target.can(Capability::WebSearch);
        let lost = exchange.server_tools.iter().filter(|kind| !(searches && kind.starts_with("web_search")));
        self.warnings.extend(lost.map(|kind| warnings::server_tool(kind, self.target)));
        if searches {
            self.warnings.push("the answer has what the provider's search led to, not what it found".to_owned());
        }
        if exchange.tools.iter().any(|tool| tool.strict.and_then(Raw::boolean) == Some(true)) {
            self.warnings.push("`strict` of the tools was left out: the upstream does not take it".to_owned());
        }
        if exchange.tools.is_empty() && !searches {
            return;
        }
        self.out.extend_from_slice(b",\"tools\":[");
        for (place, tool) in exchange.tools.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(b"{\"name\":");
            self.names.push_listed(&mut self.out, place);
            if let Some(description) = tool.description {
                push_member(&mut self.out, "description");
                push_text(&mut self.out, description);
            }
            push_member(&mut self.out, "input_schema");
            self.out.extend_from_slice(tool.schema());
            if let Some(mark) = tool.cache {
                self.mark(mark);
            }
            self.out.push(b'}');
        }
        if searches {
            self.out.extend_from_slice(if exchange.tools.is_empty() { b"" } else { b"," });
            self.out.extend_from_slice(b"{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}");
        }
        self.out.push(b']');
        self.choice(exchange);
    }

    fn choice(&mut self, exchange: &Exchange<'_>) {
        let alone = exchange.parallel == Some(false);
        let word = match exchange.choice {
            Choice::Unsaid if alone => "auto",
            Choice::Unsaid => return,
            Choice::Auto => "auto",
            Choice::Any => "any",
            Choice::None => "none",
            Choice::Tool(_) => "tool",
        };
        self.out.extend_from_slice(b",\"tool_choice\":{\"type\":");
        push_string(&mut self.out, word);
        if let Choice::Tool(name) = exchange.choice {
            push_member(&mut self.out, "name");
            self.names.push(&mut self.out, name);
        }
        if alone && word != "none" {
            self.out.extend_from_slice(b",\"disable_parallel_tool_use\":true");
        }
        self.out.push(b'}');
    }
}
