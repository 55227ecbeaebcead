//! `ccr-policy test`: the policy's own tests.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::policy::{Opened, PolicyPath, colored, open};
use crate::dsl::policy::Policy;
use crate::engine::{Engine, cases};

/// Runs the `test` blocks of a policy.
///
/// Each case gives facts and says which models have to be tried, in order, and by which rule.
/// Exit code 0: all passed. 1: a case failed, or the policy has errors. 2: could not run, or no
/// title contains the text behind --filter.
#[derive(Debug, Args)]
pub(super) struct TestArguments {
    #[command(flatten)]
    policy: PolicyPath,
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
    let Opened { policy, sources } = match open(arguments.policy.get()) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    let engine = Engine::new(Arc::new(policy));
    let filter = arguments.filter.as_deref().unwrap_or_default();
    if let Some(problem) = no_such_title(engine.policy(), filter) {
        super::complain_plainly(&problem);
        return ExitCode::from(2);
    }
    let report = cases::run_matching(&engine, filter);
    match arguments.format {
        Format::Json => super::say(&format!("{:#}", report.json(&sources))),
        Format::Human if engine.policy().tests.is_empty() => super::say(NO_TESTS),
        Format::Human => super::say(report.text(&sources, colored()).trim_end()),
    }
    match (report.is_broken(), report.failed()) {
        (true, _) => ExitCode::from(2),
        (false, 0) => {
            say_what_next(arguments, &report);
            ExitCode::SUCCESS
        }
        (false, _) => ExitCode::from(1),
    }
}

/// A filter that leaves nothing is a mistake: whoever relies on it must not read "passed".
fn no_such_title(policy: &Policy, filter: &str) -> Option<String> {
    let tests = &policy.tests;
    if filter.is_empty() || tests.iter().any(|test| test.title.contains(filter)) {
        return None;
    }
    let titles: String = tests.iter().map(|test| format!("\n  {}", test.title)).collect();
    let known =
        if titles.is_empty() { "the policy has no tests".to_owned() } else { format!("the titles are:{titles}") };
    Some(format!("error: no test has `{filter}` in its title; {known}"))
}

/// For people at a terminal only: programs read the same as ever.
fn say_what_next(arguments: &TestArguments, report: &cases::Report) {
    if matches!(arguments.format, Format::Human) && !report.cases.is_empty() && std::io::stdout().is_terminal() {
        super::say(&format!("next: ccr-policy serve --policy {}", arguments.policy.get().display()));
    }
}
