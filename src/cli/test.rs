//! `ccr-policy test`: the policy's own tests.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::policy::{Opened, colored, open};
use crate::engine::{Engine, cases};

/// Runs the `test` blocks of a policy.
///
/// Each case gives facts and says which models have to be tried, in order, and by which rule.
/// Exit code 0: all passed. 1: a case failed, or the policy has errors. 2: could not run.
#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// The policy: a directory with `*.policy` files, or one file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only tests whose title contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// a line a test, and why a case failed
    Human,
    /// for programs
    Json,
}

const NO_TESTS: &str = "the policy has no tests; write what has to come out, such as

  test \"usual\" on main {
    given { text: \"hello\" } -> coder then mini by default
  }";

/// Runs the command.
pub(super) fn run(arguments: &TestArguments) -> ExitCode {
    let Opened { policy, sources } = match open(&arguments.path) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    let engine = Engine::new(Arc::new(policy));
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let report = cases::run_matching(&engine, filter);
    match arguments.format {
        Format::Json => super::say(&format!("{:#}", report.json(&sources))),
        Format::Human if engine.policy().tests.is_empty() => super::say(NO_TESTS),
        Format::Human if report.cases.is_empty() => super::say(&format!("no test has `{filter}` in its title")),
        Format::Human => super::say(report.text(&sources, colored()).trim_end()),
    }
    match (report.is_broken(), report.failed()) {
        (true, _) => ExitCode::from(2),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(1),
    }
}
