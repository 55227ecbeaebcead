//! `ccr-policy graph`: draws a policy, or the tree that it compiles to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use clap::{Args, ValueEnum};
use http::HeaderMap;

use super::body::{self, BodyError};
use super::caller::Caller;
use super::policy::{Opened, PolicyPath, colored_stderr, open};
use crate::compile::Scratch;
use crate::diag::{Diagnostic, Sources, render, suggest};
use crate::dsl::policy::{Policy, RouteId, TenantId};
use crate::dsl::{self, Given};
use crate::engine::Engine;
use crate::facts::given::Owned;
use crate::facts::{Facts, SessionFacts, Var};
use crate::graph::{Graph, policy_view, tree_view, way};
use crate::protocol::facts::RequestFacts;

/// Draws a policy: routes, rules, models, providers, or the tree that a route compiles to.
#[derive(Debug, Args)]
pub(super) struct GraphArguments {
    #[command(flatten)]
    policy: PolicyPath,
    /// What the drawing is for
    #[arg(long, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
    /// What is drawn: the policy as it is written, or the compiled tree of one route
    #[arg(long = "of", value_enum, default_value_t = Subject::Policy)]
    subject: Subject,
    /// Only this route [default: all; for the tree: where requests enter]
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Light up one request's way: its body as a client sends it, or facts as in a test; - reads stdin
    #[arg(id = "way", long = "path", value_name = "FILE.json")]
    way: Option<PathBuf>,
    /// Write to a file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// for Markdown pages
    Mermaid,
    /// for Graphviz
    Dot,
    /// for programs
    Json,
    /// for browsers
    Svg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// entry, routes, rules, targets, models, providers
    Policy,
    /// the questions that a decision asks, in their order
    Tree,
}

/// Why there is nothing to draw.
#[derive(Debug, thiserror::Error)]
enum GraphError {
    #[error("the policy has no route `{0}`; {1}")]
    Route(String, String),
    #[error("no route is named `main`; name one with --route")]
    NoEntry,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("`{0}` is neither a request nor facts")]
    Facts(String, Box<(Sources, Vec<Diagnostic>)>),
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
}

/// Runs the command.
pub(super) fn run(arguments: &GraphArguments) -> ExitCode {
    let Opened { policy, .. } = match open(arguments.policy.get()) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    match draw(arguments, &Engine::new(Arc::new(policy))).and_then(|graph| print(arguments, &graph)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let GraphError::Facts(_, found) = &error {
                super::warn(&render::human(&found.1, &found.0, colored_stderr()));
            }
            super::complain(&error);
            ExitCode::from(2)
        }
    }
}

fn print(arguments: &GraphArguments, graph: &Graph) -> Result<(), GraphError> {
    let text = match arguments.format {
        Format::Mermaid => graph.to_mermaid(),
        Format::Dot => graph.to_dot(),
        Format::Json => graph.to_json() + "\n",
        Format::Svg => graph.to_svg(),
    };
    match &arguments.output {
        Some(path) => fs::write(path, text).map_err(|source| GraphError::Unwritable { path: path.clone(), source })?,
        None => super::show(&text),
    }
    Ok(())
}

fn draw(arguments: &GraphArguments, engine: &Engine) -> Result<Graph, GraphError> {
    let policy = engine.policy();
    let only = arguments.route.as_deref().map(|name| route(policy, name)).transpose()?;
    let Some(path) = &arguments.way else { return drawn(arguments.subject, engine, only, None) };
    with_facts(path, policy, |facts, tenant| drawn(arguments.subject, engine, only, Some((facts, tenant))))?
}

fn drawn(
    subject: Subject,
    engine: &Engine,
    only: Option<RouteId>,
    asked: Option<(&dyn Facts, Option<TenantId>)>,
) -> Result<Graph, GraphError> {
    if subject == Subject::Policy {
        let way = asked.map(|(facts, tenant)| way(engine, facts, tenant));
        return Ok(policy_view(engine, only, way.as_ref()));
    }
    let tenant = asked.and_then(|(_, tenant)| tenant);
    let route = only.or_else(|| engine.entry(tenant)).ok_or(GraphError::NoEntry)?;
    let way = asked.and_then(|(facts, _)| engine.program().way(route, facts, &mut Scratch::default()));
    tree_view(engine, route, way.as_ref()).ok_or(GraphError::NoEntry)
}

fn route(policy: &Policy, name: &str) -> Result<RouteId, GraphError> {
    let names = || policy.routes.iter().map(|route| route.name.as_str());
    let found = (0..).map(RouteId).zip(names()).find(|(_, known)| *known == name);
    found.map(|(id, _)| id).ok_or_else(|| {
        let help = suggest::nearest(name, names()).map_or_else(
            || format!("it has {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        GraphError::Route(name.to_owned(), help)
    })
}

/// Reads a request: what has messages is a body, everything else is facts.
fn with_facts<T>(
    path: &Path,
    policy: &Policy,
    then: impl FnOnce(&dyn Facts, Option<TenantId>) -> T,
) -> Result<T, GraphError> {
    let bytes = body::read(path)?;
    let is_body =
        serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|value| value.get("messages").is_some());
    let now = Utc::now();
    if is_body {
        let headers = HeaderMap::new();
        let request = body::parse(path, bytes, None, &headers)?;
        let (caller, session) = (Caller::default(), SessionFacts::default());
        let tags = caller.tags();
        return Ok(then(&RequestFacts::new(&request, &headers, caller.around(&tags, &session, now)), None));
    }
    let text = String::from_utf8_lossy(&bytes);
    let Given { mut facts, tenant } = dsl::parse_facts(&text, policy).map_err(|findings| {
        let mut sources = Sources::default();
        sources.add(path.display().to_string(), text.as_ref());
        GraphError::Facts(path.display().to_string(), Box::new((sources, findings)))
    })?;
    if !facts.is_given(Var::Now) {
        facts.set(Var::Now, Owned::Time(now));
    }
    Ok(then(&facts, tenant))
}
