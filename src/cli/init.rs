//! `ccr-policy init`: a first policy out of the keys that are there.

use std::fs;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dialoguer::MultiSelect;

use super::{complain, say};
use crate::import::ImportError;
use crate::import::starter::{Chosen, STARTERS, Starter, compose, starter};
use crate::upstream::is_set;

/// Writes a first policy that works.
///
/// It looks which providers' keys are set in the environment (only whether, never what they are) and
/// asks on a terminal. Without any key the policy runs on the built-in mock, at once and for nothing.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The directory in which to write `main.policy`
    #[arg(value_name = "DIR", default_value = "policy")]
    directory: PathBuf,
    /// The providers, by name and in order, such as ark,openrouter; `mock` for none
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    providers: Vec<String>,
    /// Ask nothing: take what --providers says, else every provider whose key is set
    #[arg(long)]
    yes: bool,
    /// Write over a policy that is there already
    #[arg(long)]
    force: bool,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error("no provider `{word}`; there are: {}", known())]
    Unknown { word: String },
    #[error("`{}` is there already; --force writes over it, or name another directory", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("cannot ask: {0}; use --providers or --yes")]
    Ask(#[from] dialoguer::Error),
    #[error(transparent)]
    Template(#[from] ImportError),
}

fn known() -> String {
    STARTERS.iter().map(|starter| starter.id).chain(["mock"]).collect::<Vec<_>>().join(", ")
}

/// Runs the command.
pub(super) fn run(arguments: &InitArguments) -> ExitCode {
    match init(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

fn init(arguments: &InitArguments) -> Result<(), InitError> {
    let path = arguments.directory.join("main.policy");
    if path.exists() && !arguments.force {
        // Before asking: nobody wants to answer for nothing.
        return Err(InitError::Exists { path });
    }
    let chosen = choose(arguments)?;
    let policy = compose(&chosen)?;
    fs::create_dir_all(&arguments.directory)
        .and_then(|()| super::put(&path, &policy, arguments.force))
        .map_err(|source| InitError::Unwritable { path: path.clone(), source })?;
    say(&format!("written: {}", path.display()));
    for Chosen { starter, variable } in &chosen {
        say(&match variable {
            Some(variable) if is_set(variable) => format!("  {}: key from {variable}", starter.id),
            Some(variable) => format!("  {}: set {variable} first: export {variable}=…", starter.id),
            None => format!("  {}: on this machine, without a key", starter.id),
        });
    }
    if chosen.is_empty() {
        say(
            "  no key is set: it runs on the built-in mock; set one, such as OPENAI_API_KEY, and run this again with --force",
        );
    }
    let directory = arguments.directory.display();
    say(&format!("next:\n  ccr-policy check {directory} && ccr-policy test {directory}"));
    say(&format!(
        "  ccr-policy serve --policy {directory}\n  ANTHROPIC_BASE_URL=http://127.0.0.1:3456 ANTHROPIC_AUTH_TOKEN=any claude"
    ));
    Ok(())
}

fn choose(arguments: &InitArguments) -> Result<Vec<Chosen>, InitError> {
    if !arguments.providers.is_empty() {
        let mut chosen: Vec<Chosen> = Vec::new();
        for word in arguments.providers.iter().filter(|word| !word.trim().eq_ignore_ascii_case("mock")) {
            let found = starter(word).ok_or_else(|| InitError::Unknown { word: word.clone() })?;
            if !chosen.iter().any(|known| known.starter.id == found.id) {
                chosen.push(with_variable(found));
            }
        }
        return Ok(chosen);
    }
    let found: Vec<bool> = STARTERS.iter().map(is_there).collect();
    let asks = !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let taken = if asks { ask(&found)? } else { found };
    Ok(STARTERS.iter().zip(taken).filter(|(_, taken)| *taken).map(|(starter, _)| with_variable(starter)).collect())
}

/// Whether a key is set; a provider on this machine has to say that it is there.
fn is_there(starter: &Starter) -> bool {
    match starter.variables {
        [] => is_set("OLLAMA_HOST"),
        variables => variables.iter().any(|variable| is_set(variable)),
    }
}

fn with_variable(starter: &'static Starter) -> Chosen {
    let set = starter.variables.iter().find(|variable| is_set(variable));
    Chosen { starter, variable: set.or(starter.variables.first()).copied() }
}

fn ask(found: &[bool]) -> Result<Vec<bool>, InitError> {
    let lines: Vec<String> = STARTERS
        .iter()
        .map(|starter| match with_variable(starter).variable {
            Some(variable) if is_set(variable) => format!("{} ({variable} is set)", starter.id),
            Some(variable) => format!("{} (needs {variable})", starter.id),
            None => format!("{} (on this machine)", starter.id),
        })
        .collect();
    let picked = MultiSelect::new()
        .with_prompt("which providers? (space picks, enter goes on; none: the built-in mock)")
        .items(&lines)
        .defaults(found)
        .interact()?;
    Ok((0..STARTERS.len()).map(|number| picked.contains(&number)).collect())
}
