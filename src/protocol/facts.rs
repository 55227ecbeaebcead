//! What a condition sees of a request: every `request.*` variable, read when it is asked for, once.

use std::borrow::Cow;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use http::HeaderMap;

use super::asks::Asks;
use super::content::{self, Piece, Role};
use super::gemini;
use super::json::{Kind, Raw, Text};
use super::request::Request;
use super::task::{self, Signs};
use super::{Protocol, tokens};
use crate::bounds::MAX_FACT_INT;
use crate::facts::given::default_value;
use crate::facts::{Fact, Facts, Needs, SessionFacts, Var};

/// What the gateway knows around a request.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// what is remembered of the conversation
    pub session: &'a SessionFacts,
    /// `tenant.id`
    pub tenant_id: &'a str,
    /// `tenant.tier`
    pub tenant_tier: &'a str,
    /// `tenant.tags`
    pub tenant_tags: &'a [Cow<'a, str>],
    /// `key.id`
    pub key_id: &'a str,
    /// `key.tags`
    pub key_tags: &'a [Cow<'a, str>],
    /// the moment the request came in
    pub now: DateTime<Utc>,
}

/// The facts of one request.
#[derive(Debug)]
pub struct RequestFacts<'a> {
    request: &'a Request,
    headers: &'a HeaderMap,
    around: Around<'a>,
    text: OnceLock<Cow<'a, str>>,
    history: OnceLock<String>,
    system: OnceLock<Cow<'a, str>>,
    tokens: OnceLock<i64>,
    turns: OnceLock<i64>,
    tools: OnceLock<Vec<Cow<'a, str>>>,
    server_tools: OnceLock<Vec<Cow<'a, str>>>,
    asks: OnceLock<Asks<'a>>,
    task: OnceLock<&'static str>,
    complexity: OnceLock<f64>,
    session_id: OnceLock<String>,
    user_id: OnceLock<String>,
    meta: OnceLock<Vec<(Cow<'a, str>, Cow<'a, str>)>>,
}

impl<'a> RequestFacts<'a> {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(request: &'a Request, headers: &'a HeaderMap, around: Around<'a>) -> Self {
        Self {
            request,
            headers,
            around,
            text: OnceLock::new(),
            history: OnceLock::new(),
            system: OnceLock::new(),
            tokens: OnceLock::new(),
            turns: OnceLock::new(),
            tools: OnceLock::new(),
            server_tools: OnceLock::new(),
            asks: OnceLock::new(),
            task: OnceLock::new(),
            complexity: OnceLock::new(),
            session_id: OnceLock::new(),
            user_id: OnceLock::new(),
            meta: OnceLock::new(),
        }
    }

    /// The same with its tokens, which somebody has counted already.
    #[must_use]
    pub fn with_tokens(mut self, tokens: u64) -> Self {
        self.tokens = OnceLock::from(int(tokens));
        self
    }

    fn text(&self) -> &str {
        self.text.get_or_init(|| last_text(self.request))
    }

    fn history(&self) -> &str {
        self.history.get_or_init(|| history(self.request))
    }

    fn system(&self) -> &str {
        self.system.get_or_init(|| system(self.request))
    }

    fn turns(&self) -> i64 {
        *self.turns.get_or_init(|| turns(self.request))
    }

    fn tools(&self) -> &[Cow<'a, str>] {
        self.tools.get_or_init(|| tool_names(self.request, false))
    }

    fn server_tools(&self) -> &[Cow<'a, str>] {
        self.server_tools.get_or_init(|| tool_names(self.request, true))
    }

    fn asks(&self) -> &Asks<'a> {
        self.asks.get_or_init(|| Asks::of(self.request))
    }

    fn signs(&self) -> Signs<'_> {
        Signs {
            text: self.text(),
            body_bytes: self.request.body().len(),
            turns: self.turns(),
            tools: self.tools().len(),
            attachments: self.request.attachments().any(),
            in_tool_loop: in_tool_loop(self.request),
            thinking: self.asks().thinking,
        }
    }

    fn metadata(&self) -> &[(Cow<'a, str>, Cow<'a, str>)] {
        self.meta.get_or_init(|| metadata(self.request))
    }

    fn request_fact(&self, var: Var) -> Option<Fact<'_>> {
        Some(match var {
            Var::RequestModel => Fact::Str(self.request.model()),
            Var::RequestProtocol => Fact::Str(self.request.protocol_name()),
            Var::RequestStream => Fact::Bool(self.request.stream()),
            Var::RequestText => Fact::Str(self.text()),
            Var::RequestHistory => Fact::Str(self.history()),
            Var::RequestSystem => Fact::Str(self.system()),
            Var::RequestTokens => Fact::Int(*self.tokens.get_or_init(|| int(tokens::of_request(self.request)))),
            Var::RequestMaxTokens => Fact::Int(int(self.request.max_tokens().unwrap_or(0))),
            Var::RequestTurns => Fact::Int(self.turns()),
            Var::RequestTools => Fact::List(self.tools()),
            Var::RequestServerTools => Fact::List(self.server_tools()),
            Var::RequestImages => Fact::Int(i64::from(self.request.attachments().images)),
            Var::RequestThinking => Fact::Bool(self.asks().thinking),
            Var::RequestThinkingBudget => Fact::Int(int(self.asks().thinking_budget)),
            Var::RequestEffort => Fact::Str(&self.asks().effort),
            Var::RequestJson => Fact::Bool(self.asks().json),
            Var::RequestTask => Fact::Str(self.task.get_or_init(|| task::task(&self.signs()))),
            Var::RequestComplexity => Fact::Double(*self.complexity.get_or_init(|| task::complexity(&self.signs()))),
            Var::RequestSubagent => Fact::Str(self.request.tag().map_or("", |tag| &tag.model)),
            Var::RequestClient => Fact::Str(client(self.headers)),
            _ => return None,
        })
    }

    fn around_fact(&self, var: Var) -> Option<Fact<'_>> {
        let around = &self.around;
        Some(match var {
            Var::SessionId => {
                Fact::Str(self.session_id.get_or_init(|| self.request.session_id(self.headers).unwrap_or_default()))
            }
            Var::SessionTurns => Fact::Int(around.session.turns),
            Var::SessionLastTokens => Fact::Int(around.session.last_tokens),
            Var::SessionLastModel => Fact::Str(&around.session.last_model),
            Var::TenantId => Fact::Str(around.tenant_id),
            Var::TenantTier => Fact::Str(around.tenant_tier),
            Var::TenantTags => Fact::List(around.tenant_tags),
            Var::UserId => Fact::Str(self.user_id.get_or_init(|| self.request.user_id().unwrap_or_default())),
            Var::KeyId => Fact::Str(around.key_id),
            Var::KeyTags => Fact::List(around.key_tags),
            Var::Now => Fact::Time(around.now),
            _ => return None,
        })
    }
}

impl Facts for RequestFacts<'_> {
    fn get(&self, var: Var) -> Fact<'_> {
        static DEFAULTS: OnceLock<Vec<crate::facts::given::Owned>> = OnceLock::new();
        self.request_fact(var).or_else(|| self.around_fact(var)).unwrap_or_else(|| {
            let defaults = DEFAULTS
                .get_or_init(|| crate::facts::schema::VARIABLES.iter().map(|row| default_value(row.var)).collect());
            defaults.get(var as usize).map_or(Fact::Bool(false), |value| value.as_fact())
        })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn meta(&self, name: &str) -> &str {
        self.metadata().iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn tokens_bound(&self) -> i64 {
        int(tokens::bound(self.request))
    }

    fn needs(&self) -> Needs {
        self.request.needs()
    }
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(MAX_FACT_INT).min(MAX_FACT_INT)
}

const REMINDER: (&str, &str) = ("<system-reminder>", "</system-reminder>");

/// The text of the last user message that has any.
fn last_text(request: &Request) -> Cow<'_, str> {
    if request.embeds() {
        return spoken(request.simple_message().unwrap_or(Raw::NULL));
    }
    if let Some(message) = request.simple_message().and_then(Raw::text) {
        return message.decode();
    }
    // The list can only be walked forwards; content is not opened before its turn.
    let users: Vec<_> = content::messages(request).filter(|message| message.role == Role::User).collect();
    users.iter().rev().map(|message| spoken(message.content)).find(|text| !text.is_empty()).unwrap_or_default()
}

/// The text of a user's message, reminders left out.
fn spoken(content: Raw<'_>) -> Cow<'_, str> {
    let mut parts: Vec<Cow<'_, str>> = Vec::new();
    content::content_pieces(content, &mut |piece| {
        if let Piece::Text(text) = piece {
            let text = without_reminders(text.decode());
            if !text.trim().is_empty() {
                parts.push(text);
            }
        }
    });
    joined(parts)
}

fn joined(mut parts: Vec<Cow<'_, str>>) -> Cow<'_, str> {
    if parts.len() > 1 { Cow::Owned(parts.join("\n")) } else { parts.pop().unwrap_or_default() }
}

fn without_reminders(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(REMINDER.0) {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some((before, inside)) = rest.split_once(REMINDER.0) {
        kept.push_str(before);
        rest = inside.split_once(REMINDER.1).map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    Cow::Owned(kept.trim().to_owned())
}

/// The text blocks of all messages, in order; tool calls and results are not text.
fn history(request: &Request) -> String {
    let mut out = String::new();
    let mut add = |piece: Piece<'_>| {
        if let Piece::Text(text) = piece {
            if !out.is_empty() {
                out.push('\n');
            }
            text.decode_into(&mut out);
        }
    };
    if let Some(message) = request.simple_message() {
        content::content_pieces(message, &mut add);
    }
    for message in content::messages(request) {
        content::pieces(message, &mut add);
    }
    out
}

/// System text, wherever the protocol puts it, without the billing line.
fn system<'r>(request: &'r Request) -> Cow<'r, str> {
    let mut parts = Vec::new();
    let mut add = |piece: Piece<'r>| {
        if let Piece::Text(text) = piece
            && !content::is_billing(text)
        {
            parts.push(text);
        }
    };
    content::content_pieces(content::system(request), &mut add);
    for message in content::messages(request).filter(|message| message.role == Role::System) {
        content::content_pieces(message.content, &mut add);
    }
    joined(parts.into_iter().map(Text::decode).collect())
}

fn turns(request: &Request) -> i64 {
    if request.simple_message().is_some() {
        return 1;
    }
    let spoken = content::messages(request).filter(|message| message.role == Role::User && !only_results(*message));
    i64::try_from(spoken.count()).unwrap_or(MAX_FACT_INT)
}

/// Whether a user's message holds nothing but tool results.
fn only_results(message: content::Message<'_>) -> bool {
    let mut blocks = message.content.elements().map_while(Result::ok).peekable();
    message.content.kind() == Kind::Array
        && blocks.peek().is_some()
        && blocks.all(|block| match block.get("type") {
            Some(kind) => kind.is_text("tool_result"),
            None => gemini::is_response(block),
        })
}

fn in_tool_loop(request: &Request) -> bool {
    let last = content::messages(request).last();
    let demanded = request.field("tool_choice").is_some_and(|choice| match choice.text() {
        Some(word) => word.is("required"),
        None => choice
            .get("type")
            .is_some_and(|kind| ["tool", "any", "function", "custom"].iter().any(|word| kind.is_text(word))),
    });
    let demanded = demanded || (request.protocol() == Protocol::Gemini && gemini::demands_call(request));
    demanded || last.is_some_and(|message| message.role == Role::Tool || only_results(message))
}

fn tool_names(request: &Request, server: bool) -> Vec<Cow<'_, str>> {
    content::tool_kinds(request).filter(|tool| tool.server == server).map(|tool| tool.name).collect()
}

/// Texts as they are; numbers and truth values as they are written.
fn metadata(request: &Request) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    // Google calls it labels.
    let name = if request.protocol() == Protocol::Gemini { "labels" } else { "metadata" };
    let members = request.field(name).unwrap_or(Raw::NULL).members().map_while(Result::ok);
    members
        .take(crate::bounds::MAX_LIST_LENGTH)
        .filter_map(|(key, value)| {
            let text = match value.kind() {
                Kind::String => value.text().map(Text::decode)?,
                Kind::Number | Kind::Bool => String::from_utf8_lossy(value.bytes()),
                _ => return None,
            };
            Some((key.decode(), text))
        })
        .collect()
}

/// The program that asks, by its user agent; the SDKs name themselves in headers of their own.
fn client(headers: &HeaderMap) -> &'static str {
    let agent = headers.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let begins = |names: &[&str]| {
        names.iter().any(|name| agent.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)))
    };
    if begins(&["claude-cli", "claude-code"]) {
        "claude-code"
    } else if begins(&["codex"]) {
        "codex"
    } else if begins(&["openai/", "asyncopenai/", "anthropic/", "asyncanthropic/", "google-genai"])
        || headers.contains_key("x-stainless-lang")
        || headers.get("x-goog-api-client").is_some_and(|value| value.as_bytes().starts_with(b"google-genai-sdk"))
    {
        "sdk"
    } else {
        "other"
    }
}
