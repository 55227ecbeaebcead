//! `ccr-policy check`: reads a policy and says everything that is wrong with it.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use http::HeaderMap;

use super::body::{self, Spoken};
use super::policy::{PolicyPath, contents, counted};
use super::{complain, say};
use crate::cache::KEY_PARTS;
use crate::diag::codes::REGISTRY;
use crate::diag::{Diagnostic, Severity, Sources, pages, render};
use crate::dsl::policy::Policy;
use crate::protocol::{LEFT_OUT, canonical_key};
use crate::upstream::is_set;
use crate::{dsl, files, lint};

/// Reads a policy and reports everything that is wrong with it.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    policy: PolicyPath,
    /// how findings look
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// `warnings`: exit with 1 for warnings too
    #[arg(long, value_enum)]
    deny: Option<Deny>,
    /// do not look whether environment variables are set
    #[arg(long)]
    no_env: bool,
    /// print what a code means, such as P0303, and do nothing else
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
    /// print what makes two requests the same for the cache, and what does not count; with the body
    /// of a request (- reads stdin) also what its key is made from
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "explain")]
    explain_cache: Option<Option<PathBuf>>,
    /// which protocol the body behind --explain-cache is of; guessed from its shape when left out
    #[arg(long, value_enum, requires = "explain_cache")]
    protocol: Option<Spoken>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// source excerpts, for people
    Human,
    /// one line a finding
    Concise,
    /// one JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// workflow commands, which GitHub shows at the lines of a pull request
    Github,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Deny {
    /// warnings count as errors
    Warnings,
}

/// Runs the command.
pub(super) fn run(arguments: &CheckArguments) -> ExitCode {
    if let Some(code) = &arguments.explain {
        return explain(code);
    }
    if let Some(request) = &arguments.explain_cache {
        return explain_cache(request.as_ref(), arguments.protocol);
    }
    let sources = match files::read(arguments.policy.get()) {
        Ok(sources) => sources,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    let loaded = lint::check(&sources);
    let mut findings = loaded.diagnostics;
    if let Some(policy) = loaded.policy.as_ref().filter(|_| !arguments.no_env) {
        // The environment of this machine is not a fault of the policy; `serve` is stricter.
        findings.extend(dsl::check::environment(policy, &is_set).into_iter().map(as_warning));
    }
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (text, summary) = match arguments.format {
        Format::Human => (render::human(&findings, &sources, colour), true),
        Format::Concise => (render::concise(&findings, &sources), false),
        Format::Json => (render::json(&findings, &sources), false),
        Format::Sarif => (render::sarif(&findings, &sources), false),
        Format::Github => (render::github(&findings, &sources), false),
    };
    if !text.is_empty() {
        say(text.trim_end());
    }
    if summary {
        loaded.proved.iter().for_each(|line| say(line));
        let gap = if text.is_empty() { "" } else { "\n" };
        say(&format!("{gap}{}", sum_up(arguments, &findings, loaded.policy.as_ref(), &sources)));
    }
    if summary && findings.is_empty() && std::io::stdout().is_terminal() {
        let path = arguments.policy.get().display();
        say(&format!("next: ccr-policy test {path} · ccr-policy serve --policy {path}"));
    }
    let denied = arguments.deny.is_some() && !findings.is_empty();
    ExitCode::from(u8::from(denied || findings.iter().any(|finding| finding.severity == Severity::Error)))
}

fn as_warning(finding: Diagnostic) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..finding }
}

fn explain(code: &str) -> ExitCode {
    let Some(page) = pages::page(code) else {
        say(&format!("there is no code `{code}`; the codes are:\n"));
        for entry in REGISTRY {
            say(&format!("  {}  {}", entry.code.as_str(), entry.title));
        }
        return ExitCode::from(2);
    };
    say(page.trim_end());
    ExitCode::SUCCESS
}

fn explain_cache(path: Option<&PathBuf>, protocol: Option<Spoken>) -> ExitCode {
    let request = match path.map(|path| body::request(path, protocol, &HeaderMap::new())).transpose() {
        Ok(request) => request,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    say("an answer is used again when all of these are equal:");
    for part in KEY_PARTS {
        say(&format!("  {part}"));
    }
    say("\nof the body these do not count:");
    let width = LEFT_OUT.iter().map(|(member, _)| member.len()).max().unwrap_or(0);
    for (member, reason) in LEFT_OUT {
        say(&format!("  {member:width$}  {reason}"));
    }
    say("\nnever stored: errors, refusals, streams that broke off, answers over `max_answer`");
    if let Some(request) = request {
        say("\nthe part of the key that this body makes:");
        say(&String::from_utf8_lossy(&canonical_key(&request)));
    }
    ExitCode::SUCCESS
}

/// Such as `2 errors, 1 warning in 3 files`, or `policies/demo: clean — 2 routes, 7 rules, 5 models`.
fn sum_up(arguments: &CheckArguments, findings: &[Diagnostic], policy: Option<&Policy>, sources: &Sources) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let files = counted(sources.iter().count(), "file");
    match policy {
        Some(policy) if findings.is_empty() => {
            format!("{}: clean — {}", arguments.policy.get().display(), contents(policy))
        }
        _ if errors == 0 => format!("{} in {files}", counted(warnings, "warning")),
        _ if warnings == 0 => format!("{} in {files}", counted(errors, "error")),
        _ => format!("{}, {} in {files}", counted(errors, "error"), counted(warnings, "warning")),
    }
}
