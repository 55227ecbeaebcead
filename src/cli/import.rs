//! `ccr-policy import`: another program's configuration becomes a policy.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{complain, say, warn};
use crate::bounds::MAX_IMPORT_BYTES;
use crate::import::{self, Fate, ImportError, Imported, Options, Report, Source};

/// Makes a policy out of a configuration of claude-code-router, LiteLLM or Portkey.
///
/// The report says of every value of the file what became of it: carried over, changed (how), or not
/// convertible (why). Keys are never copied: the policy names environment variables, and the report
/// says which to set. Exit code 0: everything was carried over or changed. 1: written, but something
/// was not convertible. 2: nothing was written.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// The configuration: config.json, config.yaml, …; - reads stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose configuration it is; told from its content when left out
    #[arg(long, value_enum)]
    from: Option<From>,
    /// The directory in which to write `main.policy`
    #[arg(long, value_name = "DIR", default_value = "policy")]
    out: PathBuf,
    /// Print the policy instead of writing it; the report goes to standard error
    #[arg(long, conflicts_with = "out")]
    stdout: bool,
    /// Leave what this version does not carry out yet as comments, so that the policy can be served
    #[arg(long)]
    served_only: bool,
    /// Write over a policy that is there already
    #[arg(long)]
    force: bool,
    /// How to print the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// claude-code-router's config.json
    Ccr,
    /// LiteLLM's config.yaml
    Litellm,
    /// a gateway config of Portkey
    Portkey,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// a line a value
    Human,
    /// one JSON object, the policy's text in it
    Json,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
enum ImportCommandError {
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` is not UTF-8", path.display())]
    NotUtf8 { path: PathBuf },
    #[error("`{}`: {source}", path.display())]
    Import { path: PathBuf, source: ImportError },
    #[error("`{}` is there already; --force writes over it, --out writes elsewhere", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
}

/// Runs the command.
pub(super) fn run(arguments: &ImportArguments) -> ExitCode {
    match import(arguments) {
        Ok(imported) if imported.report.count(Fate::NotConvertible) > 0 => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

fn import(arguments: &ImportArguments) -> Result<Imported, ImportCommandError> {
    let text = read(&arguments.file)?;
    let source = arguments.from.map(|from| match from {
        From::Ccr => Source::Ccr,
        From::Litellm => Source::Litellm,
        From::Portkey => Source::Portkey,
    });
    let name = arguments.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let options = Options { source, served_only: arguments.served_only };
    let imported = import::import(&name, &text, options)
        .map_err(|source| ImportCommandError::Import { path: arguments.file.clone(), source })?;
    let written = if arguments.stdout { None } else { Some(write(arguments, &imported.policy)?) };
    match arguments.format {
        Format::Json => {
            let shown = json!({
                "schema": 1,
                "written": written.as_ref().map(|path| path.display().to_string()),
                "policy": imported.policy,
                "report": imported.report,
            });
            say(&format!("{shown:#}"));
        }
        Format::Human if arguments.stdout => {
            say(imported.policy.trim_end());
            warn(&imported.report.text());
        }
        Format::Human => {
            say(imported.report.text().trim_end());
            if let Some(path) = &written {
                say(&format!("written: {}", path.display()));
                say_what_next(arguments, &imported.report);
            }
        }
    }
    Ok(imported)
}

fn read(path: &Path) -> Result<String, ImportCommandError> {
    let unreadable = |source| ImportCommandError::Unreadable { path: path.to_owned(), source };
    let most = u64::try_from(MAX_IMPORT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(unreadable)?;
    }
    if bytes.len() > MAX_IMPORT_BYTES {
        return Err(ImportCommandError::Import { path: path.to_owned(), source: ImportError::TooLarge });
    }
    String::from_utf8(bytes).map_err(|_| ImportCommandError::NotUtf8 { path: path.to_owned() })
}

fn write(arguments: &ImportArguments, policy: &str) -> Result<PathBuf, ImportCommandError> {
    let path = arguments.out.join("main.policy");
    let unwritable = |source| ImportCommandError::Unwritable { path: path.clone(), source };
    fs::create_dir_all(&arguments.out).map_err(unwritable)?;
    super::put(&path, policy, arguments.force).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ImportCommandError::Exists { path: path.clone() },
        _ => unwritable(source),
    })?;
    Ok(path)
}

/// The commands that lead from here to a served policy.
fn say_what_next(arguments: &ImportArguments, report: &Report) {
    let out = arguments.out.display();
    say("next:");
    if !report.served_only && !report.unserved.is_empty() {
        let again =
            if arguments.file == Path::new("-") { "FILE".to_owned() } else { arguments.file.display().to_string() };
        say(&format!("  ccr-policy import {again} --out {out} --force --served-only  # else `serve` refuses it"));
    }
    for variable in &report.variables {
        say(&format!("  export {}=…", variable.name));
    }
    say(&format!("  ccr-policy check {out} && ccr-policy test {out}\n  ccr-policy serve --policy {out}"));
    let token = report.client_key.as_ref().map_or_else(|| "any".to_owned(), |name| format!("\"${name}\""));
    say(&format!("  ANTHROPIC_BASE_URL=http://127.0.0.1:3456 ANTHROPIC_AUTH_TOKEN={token} claude"));
}
