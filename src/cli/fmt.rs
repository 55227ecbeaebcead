//! `ccr-policy fmt`: lays policies out in their one style.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use similar::TextDiff;

use super::policy::{PolicyPaths, colored, colored_stderr, counted};
use super::{complain, say, show};
use crate::bounds::MAX_FILE_BYTES;
use crate::diag::{Sources, render};
use crate::dsl::format::{FormatError, format_checked};
use crate::files::{self, FilesError};

/// Lays policies out in their one style: two blanks a level, 100 columns, comments kept.
///
/// Files are rewritten in place, and only those that change. With `-` instead of a path, stdin is
/// laid out on stdout: a whole file, or a piece of one (a rule, a case, a field, an expression).
#[derive(Debug, Args)]
pub(super) struct FmtArguments {
    #[command(flatten)]
    policies: PolicyPaths,
    /// write nothing; exit with 1 and name the files that would change
    #[arg(long)]
    check: bool,
    /// write nothing; exit with 1 and show what would change
    #[arg(long)]
    diff: bool,
}

/// Why a file could not be laid out.
#[derive(Debug, thiserror::Error)]
enum FmtError {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("`{0}`: {1}")]
    Format(String, FormatError),
    #[error("cannot read stdin: {0}")]
    Stdin(std::io::Error),
    #[error("stdin is larger than {MAX_FILE_BYTES} bytes, the most that a policy file may have")]
    StdinTooLarge,
    #[error("stdin is not UTF-8 (byte {0} is not part of a character)")]
    StdinNotUtf8(usize),
    #[error("`-` stands alone; give paths in another call")]
    NotAlone,
}

impl FmtError {
    /// 1 for what is wrong with the text, 2 for everything else.
    fn code(&self) -> u8 {
        if matches!(self, Self::Format(_, FormatError::Syntax(_))) { 1 } else { 2 }
    }

    /// Prints it, as `check` does where it is about the text.
    fn print(&self, text: &str) {
        if let Self::Format(name, FormatError::Syntax(findings)) = self {
            let mut sources = Sources::default();
            sources.add(name.as_str(), text);
            super::warn(&render::human(findings, &sources, colored_stderr()));
        } else {
            complain(self);
        }
    }
}

/// How many files there were of each kind.
#[derive(Default)]
struct Tally {
    changed: usize,
    same: usize,
    failed: usize,
    code: u8,
}

/// Runs the command.
pub(super) fn run(arguments: &FmtArguments) -> ExitCode {
    let paths = arguments.policies.get();
    if paths.iter().any(|path| path.as_os_str() == "-") {
        return if paths.len() == 1 { pipe(arguments) } else { failed(&FmtError::NotAlone, "") };
    }
    let mut tally = Tally::default();
    let mut seen: Vec<PathBuf> = Vec::new();
    for path in paths {
        match files::list(path) {
            Ok(found) => seen.extend(found),
            Err(error) => {
                complain(&error);
                tally.code = 2;
            }
        }
    }
    seen.sort();
    seen.dedup();
    for path in &seen {
        one(arguments, path, &mut tally);
    }
    if tally.changed + tally.same + tally.failed > 0 {
        say(&sum_up(arguments, &tally));
    }
    ExitCode::from(tally.code)
}

fn failed(error: &FmtError, text: &str) -> ExitCode {
    error.print(text);
    ExitCode::from(error.code())
}

fn one(arguments: &FmtArguments, path: &Path, tally: &mut Tally) {
    let name = path.display().to_string();
    let mut fail = |error: FmtError, text: &str| {
        error.print(text);
        tally.failed += 1;
        tally.code = tally.code.max(error.code());
    };
    let text = match files::read_one(path) {
        Ok(text) => text,
        Err(error) => return fail(error.into(), ""),
    };
    let laid_out = match format_checked(&name, &text) {
        Ok(laid_out) => laid_out,
        Err(error) => return fail(FmtError::Format(name, error), &text),
    };
    if laid_out == text {
        tally.same += 1;
        return;
    }
    if arguments.check || arguments.diff {
        tally.code = tally.code.max(1);
        if arguments.diff {
            show(&diff(&name, &text, &laid_out));
        } else {
            say(&format!("would format {name}"));
        }
    } else {
        if let Err(error) = files::replace(path, &laid_out) {
            return fail(error.into(), "");
        }
        say(&format!("formatted {name}"));
    }
    tally.changed += 1;
}

/// Such as `1 file formatted, 3 as they should be`.
fn sum_up(arguments: &FmtArguments, tally: &Tally) -> String {
    let would = if arguments.check || arguments.diff { "would be formatted" } else { "formatted" };
    let mut parts = Vec::new();
    if tally.changed > 0 {
        parts.push(format!("{} {would}", counted(tally.changed, "file")));
    }
    if tally.failed > 0 {
        parts.push(format!("{} left alone", counted(tally.failed, "file")));
    }
    if tally.same > 0 {
        parts.push(format!("{} unchanged", counted(tally.same, "file")));
    }
    parts.join(", ")
}

/// Stdin to stdout.
fn pipe(arguments: &FmtArguments) -> ExitCode {
    let text = match read_stdin() {
        Ok(text) => text,
        Err(error) => return failed(&error, ""),
    };
    let laid_out = match format_checked("stdin", &text) {
        Ok(laid_out) => laid_out,
        Err(error) => return failed(&FmtError::Format("stdin".to_owned(), error), &text),
    };
    let differs = laid_out != text;
    if arguments.diff {
        show(&diff("stdin", &text, &laid_out));
    } else if arguments.check {
        if differs {
            say("would format stdin");
        }
    } else {
        show(&laid_out);
        return ExitCode::SUCCESS;
    }
    ExitCode::from(u8::from(differs))
}

fn read_stdin() -> Result<String, FmtError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(FmtError::Stdin)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(FmtError::StdinTooLarge);
    }
    String::from_utf8(bytes).map_err(|error| FmtError::StdinNotUtf8(error.utf8_error().valid_up_to()))
}

/// What would change, as `diff -u` shows it; in colours on a terminal.
fn diff(name: &str, before: &str, after: &str) -> String {
    let plain =
        TextDiff::from_lines(before, after).unified_diff().header(name, &format!("{name} (formatted)")).to_string();
    if !colored() {
        return plain;
    }
    let mut out = String::with_capacity(plain.len() * 2);
    for line in plain.split_inclusive('\n') {
        let style = match line.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => "\u{1b}[1m",
            [b'+', ..] => "\u{1b}[32m",
            [b'-', ..] => "\u{1b}[31m",
            [b'@', ..] => "\u{1b}[36m",
            _ => "",
        };
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        let reset = if style.is_empty() { "" } else { "\u{1b}[0m" };
        out.extend([style, body, reset, end]);
    }
    out
}
