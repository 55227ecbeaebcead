//! `ccr-policy explain`: why a request goes where it goes.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::body::{self, BodyError, Spoken};
use super::policy::{Opened, PolicyPath, colored, colored_stderr, open};
use crate::diag::{Diagnostic, Sources, render};
use crate::dsl::policy::{Policy, TenantId};
use crate::dsl::{self, Given};
use crate::engine::trace::{ExplainError, Explainer, Question, Trace};
use crate::engine::{Engine, Seeds};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::World;
use crate::facts::{Facts, SessionFacts, Var};
use crate::protocol::facts::{Around, RequestFacts};

/// Says why a request goes where it goes: every rule with what it saw, every attempt with
/// whoever was passed over.
///
/// Nothing is sent. The request is a body as a client sends it (--request), or a few facts
/// (--given). The list of attempts is resolved as if each had failed.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["request", "given"])))]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    policy: PolicyPath,
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

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
enum ExplainCommandError {
    #[error(transparent)]
    Body(#[from] BodyError),
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
    let Opened { policy, .. } = match open(arguments.policy.get()) {
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
            let request = body::request(path, arguments.protocol, &headers)?;
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
        fs::read_to_string(&path).map_err(|source| BodyError::Unreadable { path, source })?
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

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.to_utc())
        .map_err(|error| format!("{error}; write it as 2026-01-31T09:00:00+08:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
