//! `ccr-policy explain`: why a request goes where it goes.

use std::borrow::Cow;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::policy::{Opened, colored, colored_stderr, open};
use crate::bounds::MAX_BODY_BYTES;
use crate::diag::{Diagnostic, Sources, render};
use crate::dsl::policy::{Policy, TenantId};
use crate::dsl::{self, Given};
use crate::engine::trace::{ExplainError, Explainer, Question, Trace};
use crate::engine::{Engine, Seeds};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::World;
use crate::facts::{Facts, SessionFacts, Var};
use crate::protocol::facts::{Around, RequestFacts};
use crate::protocol::{BadRequest, Protocol, Request};

/// Says why a request goes where it goes: every rule with what it saw, every attempt with
/// whoever was passed over.
///
/// Nothing is sent. The request is a body as a client sends it (--request), or a few facts
/// (--given). The list of attempts is resolved as if each had failed.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["request", "given"])))]
pub(super) struct ExplainArguments {
    /// The policy: a directory with `*.policy` files, or one file
    #[arg(long, default_value = ".", value_name = "DIR")]
    policy: PathBuf,
    /// A request's body as a client sends it; - reads stdin
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// A header of the request, as `name: value`; any number of them
    #[arg(long = "header", value_name = "NAME:VALUE", requires = "request")]
    headers: Vec<String>,
    /// Which protocol the body is of; guessed from its shape when left out
    #[arg(long, value_enum, requires = "request")]
    protocol: Option<Spoken>,
    /// Facts instead of a body, as in a test: '{ text: "hello", tokens: 9k, tenant: lanhai }'
    #[arg(long, value_name = "FACTS")]
    given: Option<String>,
    /// The tenant that asks
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// The state of models, '{ coder: { healthy: false } }', or a file that holds it; what is not
    /// said is healthy, fast and idle
    #[arg(long, value_name = "STATE|FILE")]
    state: Option<String>,
    /// `now`, as 2026-01-31T09:00:00+08:00; the clock when left out
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    now: Option<DateTime<Utc>>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// for a terminal
    Text,
    /// the same for programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spoken {
    /// Anthropic Messages
    Anthropic,
    /// OpenAI Chat Completions
    Chat,
    /// this program's own `POST /chat`
    Simple,
}

impl From<Spoken> for Protocol {
    fn from(spoken: Spoken) -> Self {
        match spoken {
            Spoken::Anthropic => Self::Anthropic,
            Spoken::Chat => Self::Chat,
            Spoken::Simple => Self::Simple,
        }
    }
}

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
enum ExplainCommandError {
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` is larger than {MAX_BODY_BYTES} bytes, the most that a request may have", path.display())]
    TooLarge { path: PathBuf },
    #[error("`{}` is not a request: {source}", path.display())]
    BadRequest { path: PathBuf, source: BadRequest },
    #[error("`{0}` is not a header; write it as `name: value`")]
    Header(String),
    #[error("the policy declares no tenant `{0}`{1}")]
    Tenant(String, String),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// findings in text from the command line, printed with their places
    #[error("`{0}` cannot be understood")]
    Text(&'static str, Sources, Vec<Diagnostic>),
}

/// Runs the command.
pub(super) fn run(arguments: &ExplainArguments) -> ExitCode {
    let Opened { policy, .. } = match open(&arguments.policy) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    match explain(arguments, &Engine::new(Arc::new(policy))) {
        Ok(trace) => {
            super::say(&match arguments.format {
                Format::Text => trace.text(colored()).trim_end().to_owned(),
                Format::Json => serde_json::to_string_pretty(&trace).unwrap_or_default(),
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            if let ExplainCommandError::Text(_, sources, findings) = &error {
                super::warn(&render::human(findings, sources, colored_stderr()));
            }
            super::complain(&error);
            ExitCode::from(2)
        }
    }
}

fn explain(arguments: &ExplainArguments, engine: &Engine) -> Result<Trace, ExplainCommandError> {
    let policy = engine.policy();
    let world = world(arguments, policy)?;
    let tenant = arguments.tenant.as_deref().map(|name| find_tenant(policy, name)).transpose()?;
    let now = arguments.now.unwrap_or_else(Utc::now);
    match (&arguments.request, &arguments.given) {
        (Some(path), _) => {
            let headers = headers(&arguments.headers)?;
            let body = read(path)?;
            let protocol = arguments.protocol.map_or_else(|| guess(&body, &headers), Protocol::from);
            let bad = |source| ExplainCommandError::BadRequest { path: path.clone(), source };
            let request = Request::parse(protocol, body).map_err(bad)?;
            let tags = tenant_tags(policy, tenant);
            let session = SessionFacts::default();
            let facts = RequestFacts::new(&request, &headers, around(policy, tenant, &tags, &session, now));
            ask(engine, &facts, tenant, &world, &|var| is_known(var, tenant))
        }
        (None, given) => {
            let Given { mut facts, tenant: named } = self::given(given.as_deref().unwrap_or("{}"), policy)?;
            if let Some(id) = tenant {
                name_tenant(&mut facts, policy, id, named.is_some());
            }
            if !facts.is_given(Var::Now) {
                facts.set(Var::Now, Owned::Time(now));
            }
            ask(engine, &facts, tenant.or(named), &world, &|var| facts.is_given(var))
        }
    }
}

fn ask(
    engine: &Engine,
    facts: &dyn Facts,
    tenant: Option<TenantId>,
    world: &World,
    is_given: &dyn Fn(Var) -> bool,
) -> Result<Trace, ExplainCommandError> {
    let question = Question { facts, tenant, entry: None, world, seeds: &Seeds::fixed(), is_given };
    Ok(Explainer::new(engine).explain(&question)?)
}

/// What a body and the command line cannot tell, and so is a default.
fn is_known(var: Var, tenant: Option<TenantId>) -> bool {
    match var {
        Var::SessionTurns | Var::SessionLastTokens | Var::SessionLastModel => false,
        Var::KeyId | Var::KeyTags | Var::BudgetUsed | Var::BudgetLeftUsd => false,
        Var::TenantId | Var::TenantTier | Var::TenantTags => tenant.is_some(),
        _ => true,
    }
}

fn world(arguments: &ExplainArguments, policy: &Policy) -> Result<World, ExplainCommandError> {
    let mut world = World::fresh(policy.models.len());
    let Some(text) = &arguments.state else { return Ok(world) };
    let text = if text.trim_start().starts_with('{') {
        text.clone()
    } else {
        let path = PathBuf::from(text);
        fs::read_to_string(&path).map_err(|source| ExplainCommandError::Unreadable { path, source })?
    };
    let states = dsl::parse_state(&text, policy).map_err(|found| unclear("--state", &text, found))?;
    for (id, state) in states {
        if let Some(slot) = world.models.get_mut(id.index()) {
            *slot = state;
        }
    }
    Ok(world)
}

fn given(text: &str, policy: &Policy) -> Result<Given, ExplainCommandError> {
    dsl::parse_facts(text, policy).map_err(|found| unclear("--given", text, found))
}

fn unclear(argument: &'static str, text: &str, findings: Vec<Diagnostic>) -> ExplainCommandError {
    let mut sources = Sources::default();
    sources.add(argument, text);
    ExplainCommandError::Text(argument, sources, findings)
}

fn find_tenant(policy: &Policy, name: &str) -> Result<TenantId, ExplainCommandError> {
    let found = (0_u32..).zip(&policy.tenants).find(|(_, tenant)| tenant.name == name);
    found.map(|(id, _)| TenantId(id)).ok_or_else(|| {
        let names: Vec<String> = policy.tenants.iter().map(|tenant| format!("`{}`", tenant.name)).collect();
        let known = if names.is_empty() { String::new() } else { format!("; it knows {}", names.join(", ")) };
        ExplainCommandError::Tenant(name.to_owned(), known)
    })
}

/// Fills the tenant's facts where `--given` did not; all of them where it names another tenant.
fn name_tenant(facts: &mut GivenFacts, policy: &Policy, id: TenantId, replaces: bool) {
    let Some(tenant) = policy.tenants.get(id.index()) else { return };
    let tags = tenant.tags.iter().cloned().map(Cow::Owned).collect();
    for (var, value) in [
        (Var::TenantId, Owned::Str(tenant.name.clone())),
        (Var::TenantTier, Owned::Str(tenant.tier.clone())),
        (Var::TenantTags, Owned::List(tags)),
    ] {
        if replaces || !facts.is_given(var) {
            facts.set(var, value);
        }
    }
}

fn tenant_tags(policy: &Policy, tenant: Option<TenantId>) -> Vec<Cow<'_, str>> {
    let tenant = tenant.and_then(|id| policy.tenants.get(id.index()));
    tenant.map(|tenant| tenant.tags.iter().map(|tag| Cow::Borrowed(tag.as_str())).collect()).unwrap_or_default()
}

fn around<'a>(
    policy: &'a Policy,
    tenant: Option<TenantId>,
    tenant_tags: &'a [Cow<'a, str>],
    session: &'a SessionFacts,
    now: DateTime<Utc>,
) -> Around<'a> {
    let tenant = tenant.and_then(|id| policy.tenants.get(id.index()));
    Around {
        session,
        tenant_id: tenant.map_or("default", |tenant| &tenant.name),
        tenant_tier: tenant.map_or("", |tenant| &tenant.tier),
        tenant_tags,
        key_id: "",
        key_tags: &[],
        now,
    }
}

fn read(path: &PathBuf) -> Result<Bytes, ExplainCommandError> {
    let unreadable = |source| ExplainCommandError::Unreadable { path: path.clone(), source };
    let mut body = Vec::new();
    let limit = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    if path.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_end(&mut body).map_err(unreadable)?;
    } else {
        fs::File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut body).map_err(unreadable)?;
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(ExplainCommandError::TooLarge { path: path.clone() });
    }
    Ok(Bytes::from(body))
}

fn headers(lines: &[String]) -> Result<HeaderMap, ExplainCommandError> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        let (name, value) = parsed.ok_or_else(|| ExplainCommandError::Header(line.clone()))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Which protocol a body looks like. Both have `messages`; what only one of them has decides,
/// and `max_tokens`, which Anthropic demands and OpenAI clients rarely send, decides the rest.
fn guess(body: &[u8], headers: &HeaderMap) -> Protocol {
    let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(body) else { return Protocol::Anthropic };
    if !body.contains_key("messages") && body.contains_key("message") {
        return Protocol::Simple;
    }
    let has = |names: &[&str]| names.iter().any(|name| body.contains_key(*name));
    let list = |name: &str| body.get(name).and_then(|list| list.as_array()).map(Vec::as_slice).unwrap_or_default();
    let chat_role = |message: &serde_json::Value| {
        ["system", "developer", "tool"].iter().any(|role| message.get("role").is_some_and(|said| said == role))
    };
    let is_anthropic = headers.contains_key("anthropic-version")
        || has(&["system", "thinking", "stop_sequences", "top_k"])
        || list("tools").iter().any(|tool| tool.get("input_schema").is_some());
    let is_chat = has(&["max_completion_tokens", "stream_options", "response_format", "n", "stop", "reasoning_effort"])
        || list("tools").iter().any(|tool| tool.get("function").is_some())
        || list("messages").iter().any(chat_role);
    match (is_anthropic, is_chat) {
        (true, _) => Protocol::Anthropic,
        (false, true) => Protocol::Chat,
        (false, false) if body.contains_key("max_tokens") => Protocol::Anthropic,
        (false, false) => Protocol::Chat,
    }
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.to_utc())
        .map_err(|error| format!("{error}; write it as 2026-01-31T09:00:00+08:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_guessed_from_the_shape() {
        let check = |body: &str, header: Option<&str>, expect: Protocol| {
            let mut headers = HeaderMap::new();
            if let Some(name) = header {
                headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("1"));
            }
            assert_eq!(guess(body.as_bytes(), &headers), expect, "{body}");
        };
        check(r#"{"messages":[],"max_tokens":9}"#, None, Protocol::Anthropic);
        check(r#"{"messages":[]}"#, None, Protocol::Chat);
        check(r#"{"messages":[]}"#, Some("anthropic-version"), Protocol::Anthropic);
        check(r#"{"messages":[],"system":"x"}"#, None, Protocol::Anthropic);
        check(r#"{"messages":[{"role":"system","content":"x"}],"max_tokens":9}"#, None, Protocol::Chat);
        check(r#"{"messages":[],"tools":[{"type":"function","function":{}}],"max_tokens":9}"#, None, Protocol::Chat);
        check(r#"{"messages":[],"tools":[{"name":"a","input_schema":{}}]}"#, None, Protocol::Anthropic);
        check(r#"{"message":"hello"}"#, None, Protocol::Simple);
        check("not JSON", None, Protocol::Anthropic);
    }

    #[test]
    fn headers_are_a_name_and_a_value() {
        let map = headers(&["X-A: b:c".to_owned()]).unwrap();
        assert_eq!(map.get("x-a").unwrap(), "b:c");
        for line in ["no-colon", ": x", "a b: c", "a: b\nc"] {
            assert!(headers(&[line.to_owned()]).is_err(), "{line}");
        }
    }

    #[test]
    fn moments_have_an_offset() {
        assert_eq!(moment("2026-01-31T09:00:00+08:00").unwrap().to_rfc3339(), "2026-01-31T01:00:00+00:00");
        assert!(moment("2026-01-31").unwrap_err().contains("write it as"));
    }
}
