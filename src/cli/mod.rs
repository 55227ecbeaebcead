//! The command line: arguments, printing, exit codes. One file a command.
//!
//! Exit codes of every command: 0 clean, 1 findings (or failed tests), 2 could not run. Nothing
//! below this room prints or exits.

mod body;
mod caller;
mod check;
mod diff;
mod explain;
mod fmt;
mod graph;
mod import;
mod init;
mod log;
mod lsp;
mod mock;
mod policy;
mod replay;
mod serve;
mod test;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A router for LLM traffic whose routing is a policy: checked before it runs, explained after
/// it ran.
#[derive(Debug, Parser)]
#[command(name = "ccr-policy", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArguments),
    Diff(diff::DiffArguments),
    Explain(explain::ExplainArguments),
    Fmt(fmt::FmtArguments),
    Graph(graph::GraphArguments),
    Import(import::ImportArguments),
    Init(init::InitArguments),
    Serve(serve::ServeArguments),
    Mock(mock::MockArguments),
    Replay(replay::ReplayArguments),
    Lsp(lsp::LspArguments),
    Test(test::TestArguments),
}

/// Parses the command line and runs the command.
#[must_use]
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => policy::with_policy_stack(|| check::run(&arguments)),
        Command::Diff(arguments) => policy::with_policy_stack(|| diff::run(&arguments)),
        Command::Explain(arguments) => policy::with_policy_stack(|| explain::run(&arguments)),
        Command::Fmt(arguments) => policy::with_policy_stack(|| fmt::run(&arguments)),
        Command::Graph(arguments) => policy::with_policy_stack(|| graph::run(&arguments)),
        Command::Init(arguments) => policy::with_policy_stack(|| init::run(&arguments)),
        Command::Import(arguments) => policy::with_policy_stack(|| import::run(&arguments)),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Mock(arguments) => mock::run(&arguments),
        Command::Replay(arguments) => policy::with_policy_stack(|| replay::run(&arguments)),
        Command::Lsp(arguments) => lsp::run(&arguments),
        Command::Test(arguments) => policy::with_policy_stack(|| test::run(&arguments)),
    }
}

/// Prints a line. Nobody reading any more is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints text on stdout as it is.
fn show(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// Prints text on stderr as it is.
fn warn(text: &str) {
    let _ = write!(std::io::stderr(), "{text}");
}

/// Writes a file; one that is there already is left alone unless `over` says otherwise.
fn put(path: &std::path::Path, text: &str, over: bool) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if over {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path)?.write_all(text.as_bytes())
}

/// Prints why a command could not run.
fn complain(error: &dyn std::error::Error) {
    let _ = writeln!(std::io::stderr(), "error: {error}");
}

/// Prints what brings its own heading.
fn complain_plainly(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
