//! `ccr-policy replay`: recorded requests through a policy.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::policy::open;
use crate::bounds::MAX_RECORD_LINE_BYTES;
use crate::engine::Engine;
use crate::record::replay::Replayer;
use crate::record::tally::{Before, Report, Tally};
use crate::record::{RecordError, read_line};

/// Runs recorded requests through a policy: which would go another way, and what that costs.
///
/// The file is one that `serve --record` wrote. What it does not say is never guessed: requests
/// that cannot be replayed are counted, with the conditions that nobody recorded. Exit code 0:
/// none goes another way. 1: some do, or cannot be replayed. 2: could not run.
#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// The policy that they are run through: a directory with `*.policy` files, or one file
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The record
    #[arg(value_name = "FILE")]
    record: PathBuf,
    /// How to print the outcome
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// for people
    Human,
    /// for programs
    Json,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}`, {source}", path.display())]
    Record { path: PathBuf, source: RecordError },
    #[error("`{}` is a record; the policy comes first: ccr-policy replay POLICY RECORD", path.display())]
    WrongOrder { path: PathBuf },
}

/// Whether a file's first line is one of a record.
fn is_record(path: &Path) -> bool {
    let mut line = String::new();
    let read = File::open(path).and_then(|file| BufReader::new(file).read_line(&mut line));
    read.is_ok() && read_line(&line, 1).is_ok()
}

/// Runs the command.
pub(super) fn run(arguments: &ReplayArguments) -> ExitCode {
    if is_record(&arguments.new) {
        super::complain(&ReplayError::WrongOrder { path: arguments.new.clone() });
        return ExitCode::from(2);
    }
    let Ok(opened) = open(&arguments.new) else { return ExitCode::from(2) };
    let engine = Engine::new(Arc::new(opened.policy));
    let report = match report(Before::Recorded, &engine, &arguments.record) {
        Ok(report) => report,
        Err(error) => {
            super::complain(&error);
            return ExitCode::from(2);
        }
    };
    super::say(&match arguments.format {
        Format::Human => report.text().trim_end().to_owned(),
        Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default(),
    });
    ExitCode::from(u8::from(report.is_different()))
}

/// Reads a record line by line.
pub(super) fn report(before: Before<'_>, engine: &Engine, path: &Path) -> Result<Report, ReplayError> {
    let unreadable = |source| ReplayError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut tally = Tally::new(before, Replayer::new(engine));
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = (&mut reader).take(MAX_RECORD_LINE_BYTES).read_until(b'\n', &mut line).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        let is_overlong = u64::try_from(length) == Ok(MAX_RECORD_LINE_BYTES) && !line.ends_with(b"\n");
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        match read_line(&text, number) {
            Ok(entry) => tally.add(&entry),
            // A crash leaves half a line; a file that begins with nonsense is no record.
            Err(RecordError::Malformed { .. }) if number > 1 && !is_overlong => {
                tally.cut_line();
            }
            Err(source) => return Err(ReplayError::Record { path: path.to_owned(), source }),
        }
    }
    Ok(tally.finish())
}
