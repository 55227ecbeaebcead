//! What several commands do first: read a policy, print what is found in it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::bounds::POLICY_STACK_BYTES;
use crate::diag::{Diagnostic, Severity, Sources, command, render};
use crate::dsl::policy::{Policy, Route};
use crate::files;
use crate::lint;

/// Where a policy is: every command takes it as `PATH` and as `--policy PATH`.
#[derive(Debug, Args)]
pub(super) struct PolicyPath {
    /// The policy: a directory with `*.policy` files, or one file [default: .]
    #[arg(value_name = "PATH", conflicts_with = "policy")]
    path: Option<PathBuf>,
    /// The same, by name
    #[arg(long, value_name = "PATH")]
    policy: Option<PathBuf>,
}

impl PolicyPath {
    /// Where it is; the directory that the command runs in when nobody says.
    pub(super) fn get(&self) -> &Path {
        self.path.as_deref().or(self.policy.as_deref()).unwrap_or_else(|| Path::new("."))
    }
}

/// Where several policies are, each apart: every command that looks at whole libraries takes them as
/// `PATH…`.
#[derive(Debug, Args)]
pub(super) struct PolicyPaths {
    /// The policies: directories with `*.policy` files, or single files; each is a policy [default: .]
    #[arg(value_name = "PATH", conflicts_with = "policy")]
    paths: Vec<PathBuf>,
    /// The same, by name
    #[arg(long, value_name = "PATH")]
    policy: Vec<PathBuf>,
}

impl PolicyPaths {
    /// Where they are, in order; the directory that the command runs in when nobody says.
    pub(super) fn get(&self) -> Vec<&Path> {
        let named = self.paths.iter().chain(&self.policy).map(PathBuf::as_path);
        let all: Vec<&Path> = named.collect();
        if all.is_empty() { vec![Path::new(".")] } else { all }
    }
}

/// A policy without errors, with its texts.
pub(super) struct Opened {
    pub(super) sources: Sources,
    pub(super) policy: Policy,
}

/// Reads the policy at a path. What is wrong with it is on stderr already, and the code says what
/// the command ends with: 1 for errors in the policy, 2 when it could not be read. Warnings are
/// the business of `check`, and so is a policy that fails its own tests: here it can be looked at.
pub(super) fn open(path: &Path) -> Result<Opened, ExitCode> {
    let sources = files::read(path).map_err(|error| {
        super::complain(&error);
        ExitCode::from(2)
    })?;
    let loaded = lint::check(&sources);
    let Some(policy) = loaded.policy.or(loaded.failing) else {
        let mut errors: Vec<Diagnostic> =
            loaded.diagnostics.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
        errors.iter_mut().for_each(|finding| command::fill_in(finding, &path.display().to_string()));
        super::warn(&render::human(&errors, &sources, colored_stderr()));
        return Err(ExitCode::from(1));
    };
    Ok(Opened { sources, policy })
}

/// Runs a command on a thread whose stack suffices for every policy within bounds.
pub(super) fn with_policy_stack(command: impl FnOnce() -> ExitCode + Send) -> ExitCode {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("command".to_owned()).stack_size(POLICY_STACK_BYTES);
        let ended = thread.spawn_scoped(scope, command).map(std::thread::ScopedJoinHandle::join);
        match ended {
            Ok(Ok(code)) => code,
            Ok(Err(_)) => ExitCode::from(2),
            Err(error) => {
                super::complain(&error);
                ExitCode::from(2)
            }
        }
    })
}

/// Whether stdout shows colours: a terminal, and `NO_COLOR` is not set.
pub(super) fn colored() -> bool {
    std::io::stdout().is_terminal() && may_color()
}

/// The same for stderr.
pub(super) fn colored_stderr() -> bool {
    std::io::stderr().is_terminal() && may_color()
}

fn may_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Such as `1 route, 7 rules, 6 models, 3 providers, 0 tenants`.
pub(super) fn contents(policy: &Policy) -> String {
    // A default is no rule that somebody wrote a condition for.
    let rules = policy.routes.iter().flat_map(Route::written).filter(|(_, rule)| rule.condition.is_some());
    let parts = [
        counted(policy.routes.len(), "route"),
        counted(rules.count(), "rule"),
        counted(policy.models.len(), "model"),
        counted(policy.providers.len(), "provider"),
        counted(policy.tenants.len(), "tenant"),
    ];
    parts.join(", ")
}

/// Such as `1 rule` or `2 rules`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
