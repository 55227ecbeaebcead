//! `ccr-policy explain`: why a request goes where it goes.

use std::fs;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::body::{self, BodyError, Spoken};
use super::caller::{Caller, CallerError};
use super::policy::{Opened, PolicyPath, colored, colored_stderr, open};
use crate::bounds::MAX_NEAREST_RULES;
use crate::diag::{Diagnostic, Sources, render};
use crate::dsl::policy::{Policy, RouteId};
use crate::dsl::{self, Given};
use crate::engine::trace::{ExplainError, Explainer, Look, Question, RuleVerdict, Trace, Written};
use crate::engine::{Engine, Seeds};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::world::World;
use crate::facts::{Facts, SessionFacts, Var};
use crate::gateway::{show_for, write_for};
use crate::protocol::facts::RequestFacts;
use crate::protocol::{Protocol, Request, guess};
use crate::trial::nearest;

/// Says why a request goes where it goes: every rule with what it saw and the nearest change that
/// would have made it decide, every attempt with whoever was passed over.
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
    #[arg(long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,
    /// Which protocol the body is of; guessed from its shape when left out
    #[arg(long, value_enum, conflicts_with = "given")]
    protocol: Option<Spoken>,
    /// Facts instead of a body, as in a test: '{ text: "hello", tokens: 9k, tenant: lanhai }'
    #[arg(long, value_name = "FACTS")]
    given: Option<String>,
    /// The tenant that asks; without it, whoever the key in the request's headers belongs to
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// The key that a tenant asks with, by the environment variable that holds it
    #[arg(long, value_name = "ENV_NAME", conflicts_with = "tenant")]
    key: Option<String>,
    /// The state of models, '{ coder: { healthy: false } }', or a file that holds it; what is not
    /// said is healthy, fast and idle
    #[arg(long, value_name = "STATE|FILE")]
    state: Option<String>,
    /// `now`, as 2026-01-31T09:00:00+08:00; the clock when left out
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    now: Option<DateTime<Utc>>,
    /// Only for this rule (RULE, or ROUTE/RULE): what would have to be different for it to decide
    #[arg(long, value_name = "RULE")]
    why_not: Option<String>,
    /// What would be sent to the first model: address, headers with keys as *, body
    #[arg(long)]
    show_request: bool,
    /// Every rule and every attempt, however many there are
    #[arg(long)]
    all: bool,
    /// How to print it [default: picture on a terminal, else text]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// the request's way, drawn
    Picture,
    /// line by line
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
    #[error(transparent)]
    Caller(#[from] CallerError),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error("no route that the request enters has a rule `{0}`; it sees {1}")]
    WhyNot(String, String),
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
    run_on(arguments, &Engine::new(Arc::new(policy)))
}

fn run_on(arguments: &ExplainArguments, engine: &Engine) -> ExitCode {
    match explain(arguments, engine) {
        Ok(trace) => {
            let look = Look { color: colored(), all: arguments.all, columns: columns() };
            let usual = if std::io::stdout().is_terminal() { Format::Picture } else { Format::Text };
            super::say(&match arguments.format.unwrap_or(usual) {
                Format::Picture => trace.picture(look).trim_end().to_owned(),
                Format::Text => trace.text_as(look).trim_end().to_owned(),
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
    let caller = Caller::named(policy, arguments.tenant.as_deref(), arguments.key.as_deref())?;
    let now = arguments.now.unwrap_or_else(Utc::now);
    match (&arguments.request, &arguments.given) {
        (Some(path), _) => {
            let headers = headers(&arguments.headers)?;
            let request = body::request(path, arguments.protocol, &headers)?;
            let caller = caller.or_sent(policy, &headers)?;
            let (tags, session) = (caller.tags(), SessionFacts::default());
            let facts = RequestFacts::new(&request, &headers, caller.around(&tags, &session, now));
            let question = Question {
                facts: &facts,
                tenant: caller.id(),
                entry: None,
                world: &world,
                seeds: &Seeds::fixed(),
                is_given: &|var| caller.is_known(var),
                written: &|model| write_for(engine, model, &request, &facts),
            };
            let mut trace = Explainer::new(engine).explain(&question)?;
            trace.notes.extend(notes(policy, caller, &request, guess(&headers, request.body())));
            add_nearest(arguments, engine, &question, &mut trace)?;
            add_sent(arguments, engine, &mut trace, Some((&request, &facts)), &headers);
            Ok(trace)
        }
        (None, given) => {
            let Given { mut facts, tenant: named } = self::given(given.as_deref().unwrap_or("{}"), policy)?;
            let headers = headers(&arguments.headers)?;
            let caller = caller.or_sent(policy, &headers)?;
            caller.fill(&mut facts, named.is_some());
            lend_headers(&mut facts, &headers);
            if !facts.is_given(Var::Now) {
                facts.set(Var::Now, Owned::Time(now));
            }
            let question = Question {
                facts: &facts,
                tenant: caller.id().or(named),
                entry: None,
                world: &world,
                seeds: &Seeds::fixed(),
                is_given: &|var| facts.is_given(var),
                written: &|_| Written::default(),
            };
            let mut trace = Explainer::new(engine).explain(&question)?;
            add_nearest(arguments, engine, &question, &mut trace)?;
            add_sent(arguments, engine, &mut trace, None, &headers);
            Ok(trace)
        }
    }
}

/// Looks for the nearest change that would make a rule decide: for the rule asked for, else for
/// those of the entered route that did not match.
fn add_nearest(
    arguments: &ExplainArguments,
    engine: &Engine,
    question: &Question<'_>,
    trace: &mut Trace,
) -> Result<(), ExplainCommandError> {
    let policy = engine.policy();
    let facts = nearest::snapshot(engine, question.facts);
    let id = |name: &str| (0_u32..).map(RouteId).zip(&policy.routes).find(|(_, of)| of.name == name).map(|(id, _)| id);
    if let Some(wanted) = &arguments.why_not {
        let (route, name) =
            wanted.rsplit_once('/').map_or((None, wanted.as_str()), |(route, name)| (Some(route), name));
        let mut entered = trace.routes.iter_mut().filter(|of| route.is_none_or(|route| of.route == route));
        let found = entered.find_map(|of| {
            let id = id(&of.route)?;
            (0_u32..).zip(&mut of.rules).find(|(_, rule)| rule.rule == name).map(|(number, rule)| (id, number, rule))
        });
        let Some((id, number, rule)) = found else {
            return Err(ExplainCommandError::WhyNot(wanted.clone(), rules_of(trace)));
        };
        if !matches!(rule.verdict, RuleVerdict::Matched | RuleVerdict::FailedClosed) {
            rule.nearest = Some(nearest::nearest(engine, id, number, &facts));
        }
        return Ok(());
    }
    let Some(entered) = trace.routes.first_mut() else { return Ok(()) };
    let Some(id) = id(&entered.route) else { return Ok(()) };
    let missed = (0_u32..).zip(&mut entered.rules).filter(|(_, rule)| rule.verdict == RuleVerdict::NotMatched);
    for (number, rule) in missed.take(MAX_NEAREST_RULES) {
        rule.nearest = Some(nearest::nearest(engine, id, number, &facts));
    }
    Ok(())
}

fn rules_of(trace: &Trace) -> String {
    let rules =
        trace.routes.iter().flat_map(|of| of.rules.iter().map(move |rule| format!("`{}/{}`", of.route, rule.rule)));
    rules.take(MAX_NEAREST_RULES).collect::<Vec<_>>().join(", ")
}

/// What would be sent to the first model.
fn add_sent(
    arguments: &ExplainArguments,
    engine: &Engine,
    trace: &mut Trace,
    request: Option<(&Request, &dyn Facts)>,
    headers: &HeaderMap,
) {
    if !arguments.show_request {
        return;
    }
    match trace.outcome.model_ids.first() {
        Some(model) => trace.sent = show_for(engine, *model, request, headers),
        None => trace.notes.push("nothing would be sent: no model is left to try".to_owned()),
    }
}

/// Columns of the terminal.
fn columns() -> usize {
    terminal_size::terminal_size().map_or(Look::PLAIN.columns, |(width, _)| usize::from(width.0))
}

/// What a server would do otherwise, or what looks like a mistake.
fn notes(policy: &Policy, caller: Caller<'_>, request: &Request, looks: Protocol) -> Vec<String> {
    let mut notes = Vec::new();
    let protocol = request.protocol();
    if looks != protocol && !request.embeds() {
        let (looks, protocol) = (looks.name(), protocol.name());
        notes.push(format!("the body looks like a request of `{looks}`; it is read as one of `{protocol}`"));
    }
    if caller.lacks_key(policy) {
        notes.push("the policy has client keys and no key is given: the server would answer 401; see --key".to_owned());
    }
    notes
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

/// The headers of the command line, where the facts themselves name none of that name.
fn lend_headers(facts: &mut GivenFacts, headers: &HeaderMap) {
    for (name, value) in headers {
        if !facts.headers().contains_key(name.as_str()) {
            facts.set_header(name.as_str(), value.to_str().unwrap_or_default());
        }
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

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: ExplainArguments,
    }

    /// A fault of the compiler, injected: the tree is that of another policy.
    #[test]
    fn evaluators_that_disagree_end_with_2_and_say_how_to_see_it_again() {
        let load = |condition: &str| {
            let mut sources = Sources::default();
            let text = format!(
                "provider p {{ kind: mock }} model a on p {{}} model b on p {{}}\nroute main {{ rule r when {condition} -> a default -> b }}"
            );
            sources.add("main.policy", text);
            dsl::load(&sources).policy.unwrap()
        };
        let engine = Engine::faulty(Arc::new(load("request.images > 1")), &load("request.images > 2"));
        let run = |given: &str| {
            let Line { arguments } = clap::Parser::parse_from(["explain", "--given", given]);
            (run_on(&arguments, &engine), explain(&arguments, &engine))
        };
        let (code, outcome) = run("{ images: 2 }");
        let error = outcome.unwrap_err().to_string();
        assert_eq!(code, ExitCode::from(2));
        assert!(error.contains("the tree takes rule `default`, the plain evaluator rule `r`"), "{error}");
        assert!(error.ends_with("run it: ccr-policy explain --given '{ images: 2 }'"), "{error}");
        assert_eq!(run("{ images: 3 }").0, ExitCode::SUCCESS);
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
