//! A request as the client sent it: the body as it came, and where its members stand.

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use http::HeaderMap;
use smallvec::SmallVec;

use super::Protocol;
use super::content::{self, Attachments};
use super::gemini::{self, ModelCall};
use super::identity;
use super::json::{JsonError, Kind, Raw, Text, check_characters, count_elements, skip_space, skip_value};
use super::responses::{self, Prepared};
use super::subagent::{self, SubagentTag};
use super::tokens;
use crate::bounds::{MAX_BODY_KEYS, MAX_FACT_INT, MAX_LIST_LENGTH, MAX_MESSAGES};
use crate::facts::Needs;

/// What is wrong with a client's request: a 400 in the client's own shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRequest {
    /// what was wrong and how to mend it
    pub message: String,
}

impl BadRequest {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl From<JsonError> for BadRequest {
    fn from(error: JsonError) -> Self {
        Self::new(format!("the request body is {error}"))
    }
}

#[derive(Clone, Debug)]
struct Member {
    /// between its quotes, still escaped
    name: Range<usize>,
    value: Range<usize>,
}

/// A client's request. Cheap to make: nothing inside a member is parsed, whatever is asked for is
/// read from the body when it is asked for.
#[derive(Debug)]
pub struct Request {
    protocol: Protocol,
    body: Bytes,
    members: SmallVec<[Member; 20]>,
    model: String,
    stream: bool,
    max_tokens: Option<u64>,
    /// it asks for embeddings of its `input`, not for an answer
    embeds: bool,
    /// the place behind the outermost object's opening brace
    inside: usize,
    /// the place of the outermost object's closing brace
    close: usize,
    tag: OnceLock<Option<SubagentTag>>,
    attachments: OnceLock<Attachments>,
    attachment_tokens: OnceLock<u64>,
    prepared: OnceLock<Prepared>,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is not a JSON object, has characters that no JSON text has ([`check_characters`]), names a
    /// top-level member twice, lacks what its protocol demands, has a wrong type in a member that is read
    /// here, or a list beyond its bound.
    pub fn parse(protocol: Protocol, body: Bytes) -> Result<Self, BadRequest> {
        Self::parse_at(protocol, "", body)
    }

    /// Reads a body that was sent to this path: Gemini's clients name the model there, and whether they
    /// want a stream.
    ///
    /// # Errors
    /// Those of [`Request::parse`].
    pub fn parse_at(protocol: Protocol, path: &str, body: Bytes) -> Result<Self, BadRequest> {
        let call = if protocol == Protocol::Gemini { ModelCall::of(path) } else { None };
        let mut request = Self::read(protocol, body)?;
        check_characters(&request.body)?;
        if let Some(call) = call {
            request.stream = call.streams();
            request.model = call.model;
        }
        Ok(request)
    }

    /// The same request with another body.
    pub(crate) fn with_body(&self, body: Bytes) -> Result<Self, BadRequest> {
        let mut request = Self::read(self.protocol, body)?;
        if self.protocol == Protocol::Gemini {
            request.model.clone_from(&self.model);
            request.stream = self.stream;
        }
        Ok(request)
    }

    fn read(protocol: Protocol, body: Bytes) -> Result<Self, BadRequest> {
        let mut request = Self::bare(protocol, body)?;
        request.model = request.text_member("model")?.map(|text| text.decode().into_owned()).unwrap_or_default();
        if protocol == Protocol::Gemini {
            request.model = gemini::plain_name(&request.model).to_owned();
        }
        request.stream = request.stream_member()?;
        request.max_tokens = request.max_tokens_member()?;
        match protocol {
            Protocol::Simple => {
                if request.text_member("message")?.is_none_or(Text::is_empty) {
                    return Err(BadRequest::new("`message`: a text that is not empty is required"));
                }
            }
            Protocol::Responses => request.check_input()?,
            Protocol::Gemini => match gemini::field(&request, "contents").kind() {
                Kind::Array => gemini::check_spelling(&request)?,
                Kind::Null => return Err(BadRequest::new("`contents`: field required")),
                _ => return Err(BadRequest::new("`contents`: a list is required")),
            },
            Protocol::Anthropic | Protocol::Chat => match request.field("messages").map(Raw::kind) {
                Some(Kind::Array) => {}
                Some(_) => return Err(BadRequest::new("`messages`: a list is required")),
                None => return Err(BadRequest::new("`messages`: field required")),
            },
        }
        if request.field("tools").is_some_and(|tools| tools.kind() != Kind::Array) {
            return Err(BadRequest::new("`tools`: a list is required"));
        }
        Ok(request)
    }

    /// Its members, none of them looked at.
    fn bare(protocol: Protocol, body: Bytes) -> Result<Self, BadRequest> {
        let index = Index::of(&body)?;
        Ok(Self {
            protocol,
            members: index.members,
            embeds: false,
            inside: index.inside,
            close: index.close,
            body,
            model: String::new(),
            stream: false,
            max_tokens: None,
            tag: OnceLock::new(),
            attachments: OnceLock::new(),
            attachment_tokens: OnceLock::new(),
            prepared: OnceLock::new(),
        })
    }

    /// Reads the body of `POST /v1/embeddings`.
    ///
    /// # Errors
    /// When it is not a JSON object, names a top-level member twice, or has no `model` or no `input`.
    pub fn parse_embeddings(body: Bytes) -> Result<Self, BadRequest> {
        let mut request = Self::bare(Protocol::Chat, body)?;
        check_characters(&request.body)?;
        request.embeds = true;
        request.model = request.text_member("model")?.map(|text| text.decode().into_owned()).unwrap_or_default();
        let input = request.field("input").ok_or_else(|| BadRequest::new("`input`: field required"))?;
        let is_empty = match input.kind() {
            Kind::String => input.text().is_none_or(Text::is_empty),
            Kind::Array => input.elements().next().is_none(),
            _ => return Err(BadRequest::new("`input`: a text or a list of texts or tokens is required")),
        };
        if is_empty {
            return Err(BadRequest::new("`input`: it is empty"));
        }
        Ok(request)
    }

    fn text_member(&self, name: &str) -> Result<Option<Text<'_>>, BadRequest> {
        self.field(name)
            .map(|raw| raw.text().ok_or_else(|| BadRequest::new(format!("`{name}`: a text is required"))))
            .transpose()
    }

    fn stream_member(&self) -> Result<bool, BadRequest> {
        // Gemini's clients say it in the path.
        if matches!(self.protocol, Protocol::Simple | Protocol::Gemini) {
            return Ok(false);
        }
        self.field("stream").map_or(Ok(false), |raw| {
            raw.boolean().ok_or_else(|| BadRequest::new("`stream`: true or false is required"))
        })
    }

    fn max_tokens_member(&self) -> Result<Option<u64>, BadRequest> {
        let read = |name: &str, raw: Raw<'_>| {
            let most = MAX_FACT_INT.unsigned_abs();
            raw.whole()
                .map(|number| Some(number.min(most)))
                .ok_or_else(|| BadRequest::new(format!("`{name}`: a whole number that is not negative is required")))
        };
        for name in self.protocol.max_tokens_members() {
            if let Some(raw) = self.field(name) {
                return read(name, raw);
            }
        }
        let nested = if self.protocol == Protocol::Gemini { gemini::max_tokens(self) } else { None };
        nested.map_or(Ok(None), |raw| read("maxOutputTokens", raw))
    }

    /// Responses' `input`, which may be absent when the provider keeps the conversation.
    fn check_input(&self) -> Result<(), BadRequest> {
        match self.field("input").map(Raw::kind) {
            Some(Kind::Array | Kind::String) => {}
            Some(_) => return Err(BadRequest::new("`input`: a text or a list of items is required")),
            None if ["previous_response_id", "conversation", "prompt"]
                .iter()
                .any(|name| self.field(name).is_some()) => {}
            None => return Err(BadRequest::new("`input`: field required")),
        }
        let tools = responses::each_tool(self).count();
        if tools > MAX_LIST_LENGTH {
            return Err(BadRequest::new(format!(
                "`tools` has {tools} elements, those of namespaces included; at most {MAX_LIST_LENGTH} are allowed"
            )));
        }
        Ok(())
    }

    /// What the client speaks.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// `request.protocol`.
    #[must_use]
    pub fn protocol_name(&self) -> &'static str {
        if self.embeds { "embeddings" } else { self.protocol.name() }
    }

    /// Whether it asks for embeddings, not for an answer.
    #[must_use]
    pub fn embeds(&self) -> bool {
        self.embeds
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The model name that the client asked for; "" when it named none.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the client asked for a stream.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// The most tokens that the client accepts.
    #[must_use]
    pub fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// The end user, from the request's own field: `metadata.user_id` (of Claude Code's form only
    /// the account or device, not the session), `user`, or `/chat`'s `user_id`.
    #[must_use]
    pub fn user_id(&self) -> Option<String> {
        identity::user_id(self)
    }

    /// The conversation, from the header `x-claude-code-session-id`, `metadata.user_id` (a JSON
    /// text with `session_id`, or `…_session_<id>`), `prompt_cache_key`, `/chat`'s `session_id`,
    /// or the header `x-session-id`: the first of these that is not empty.
    #[must_use]
    pub fn session_id(&self, headers: &HeaderMap) -> Option<String> {
        identity::session_id(self, headers)
    }

    /// What it needs of a model. Images and documents are looked for once and remembered.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let attachments = self.attachments();
        let asks = super::asks::Asks::of(self);
        Needs {
            tools: content::tool_kinds(self).any(|tool| !tool.server),
            vision: attachments.images > 0,
            documents: attachments.documents > 0,
            audio: attachments.audio > 0,
            thinking: asks.thinking,
            json_schema: asks.json_schema,
            parallel_tools: self.field("parallel_tool_calls").and_then(Raw::boolean) == Some(true),
            web_search: content::searches_the_web(self),
            stream: self.stream,
        }
    }

    /// A member of the outermost object; None when absent or `null`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Raw<'_>> {
        self.members().find(|(key, _)| key.is(name)).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// `/chat`'s one message, or what is to be embedded; None for the other protocols, where the name means nothing.
    pub(crate) fn simple_message(&self) -> Option<Raw<'_>> {
        if self.embeds {
            self.field("input")
        } else if self.protocol == Protocol::Simple {
            self.field("message")
        } else {
            None
        }
    }

    /// The members of the outermost object, in order.
    pub fn members(&self) -> impl Iterator<Item = (Text<'_>, Raw<'_>)> {
        let slice = |range: &Range<usize>| self.body.get(range.clone()).unwrap_or_default();
        self.members
            .iter()
            .map(move |member| (Text::from_escaped(slice(&member.name)), Raw::from_measured(slice(&member.value))))
    }

    /// Where something stands in the body; None: it stands elsewhere, as what was made of the body does.
    pub(crate) fn place_in(&self, part: &[u8]) -> Option<Range<usize>> {
        let start = (part.as_ptr() as usize).checked_sub(self.body.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        (end <= self.body.len()).then_some(start..end)
    }

    /// Where a part of the body stands in it.
    pub(crate) fn place_of(&self, part: &[u8]) -> Range<usize> {
        let start = (part.as_ptr() as usize).wrapping_sub(self.body.as_ptr() as usize);
        start..start + part.len()
    }

    /// The place behind the outermost object's opening brace, and that of its closing brace.
    pub(crate) fn inside(&self) -> Range<usize> {
        self.inside..self.close
    }

    /// The `<CCR-SUBAGENT-MODEL>` tag, looked for once.
    pub(crate) fn tag(&self) -> Option<&SubagentTag> {
        self.tag.get_or_init(|| subagent::find(self)).as_ref()
    }

    /// What the translation of Responses' own tools borrows, made once.
    pub(crate) fn prepared(&self) -> &Prepared {
        self.prepared.get_or_init(|| Prepared::of(self))
    }

    /// Images, documents and audio, counted once.
    pub(crate) fn attachments(&self) -> Attachments {
        *self.attachments.get_or_init(|| Attachments::of(self))
    }

    /// What they are taken for in `request.tokens`, worked out once.
    pub(crate) fn attachment_tokens(&self) -> u64 {
        *self.attachment_tokens.get_or_init(|| tokens::of_attachments(self, tokens::Measure::COMMON))
    }
}

struct Index {
    members: SmallVec<[Member; 20]>,
    inside: usize,
    close: usize,
}

impl Index {
    fn of(body: &[u8]) -> Result<Self, BadRequest> {
        // A byte order mark is not JSON, but some clients on Windows send one.
        let start = skip_space(body, if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
        if body.get(start) != Some(&b'{') {
            return Err(BadRequest::new("the request body is not a JSON object"));
        }
        let mut index = Self { members: SmallVec::new(), inside: start + 1, close: start };
        let mut at = start + 1;
        while let Some(key) = super::json::separator(body, at, index.members.is_empty(), b'}')? {
            at = index.member(body, key)?;
        }
        index.close = skip_space(body, at);
        if skip_space(body, index.close + 1) != body.len() {
            return Err(BadRequest::new("the request body is not valid JSON: something stands behind the object"));
        }
        Ok(index)
    }

    fn member(&mut self, body: &[u8], key: usize) -> Result<usize, BadRequest> {
        let (name, value) = super::json::member_at(body, key)?;
        let end = if name.is("tools") {
            bounded(body, value, "tools", MAX_LIST_LENGTH)?
        } else if name.is("messages") || name.is("contents") || name.is("input") {
            bounded(body, value, &name.decode(), MAX_MESSAGES)?
        } else {
            skip_value(body, value)?
        };
        let text = |range: &Range<usize>| Text::from_escaped(body.get(range.clone()).unwrap_or_default());
        let decoded = name.decode();
        if self.members.iter().any(|member| text(&member.name).is(&decoded)) {
            return Err(BadRequest::new(format!("the request body names `{}` twice", shown(&decoded))));
        }
        if self.members.len() >= MAX_BODY_KEYS {
            return Err(BadRequest::new(format!("the request body has more than {MAX_BODY_KEYS} members")));
        }
        let name = key + 1..key + 1 + name.escaped().len();
        self.members.push(Member { name, value: value..end });
        Ok(end)
    }
}

fn bounded(body: &[u8], at: usize, name: &str, most: usize) -> Result<usize, BadRequest> {
    let (count, end) = count_elements(body, at)?;
    if count > most {
        return Err(BadRequest::new(format!("`{name}` has {count} elements; at most {most} are allowed")));
    }
    Ok(end)
}

/// A client's own text in a message to it: short, so that an error is never as long as a body.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
