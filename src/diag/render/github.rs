//! For GitHub Actions: a workflow command a finding, which the runner shows at the line it is about.

use std::fmt::Write as _;

use super::concise::severity_name;
use super::masked::Masked;
use super::position::Positions;
use crate::diag::{Diagnostic, Sources};

/// All findings as workflow commands, a line each: `::error file=…,line=…::message`. Notes and the help
/// stand behind the message, as lines of their own.
#[must_use]
pub fn github(findings: &[Diagnostic], sources: &Sources) -> String {
    let masked = Masked::new(findings, sources);
    let positions = Positions::new(sources);
    let mut out = String::new();
    for finding in masked.findings.as_ref() {
        command(&mut out, finding, &positions);
    }
    out
}

fn command(out: &mut String, finding: &Diagnostic, positions: &Positions<'_>) {
    let title = finding.code.entry().map_or("", |entry| entry.title);
    let title = format!("{}: {title}", finding.code.as_str());
    let _infallible = write!(out, "::{} title={}", severity_name(finding.severity), property(&title));
    if let Some(primary) = &finding.primary {
        let (start, end) = (positions.start(primary.span), positions.end(primary.span));
        let path = positions.path(primary.span).replace('\\', "/");
        let _infallible = write!(out, ",file={},line={},endLine={}", property(&path), start.line, end.line);
        // Columns of different lines are not a range to the runner: it drops the whole annotation.
        if start.line == end.line {
            let _infallible = write!(out, ",col={},endColumn={}", start.column, end.column);
        }
    }
    let mut message = finding.message.clone();
    for note in &finding.notes {
        let _infallible = write!(message, "\n{note}");
    }
    if let Some(help) = &finding.help {
        let _infallible = write!(message, "\nhelp: {help}");
    }
    let _infallible = writeln!(out, "::{}", data(&message));
}

/// Text behind the last `::`, where only these three mean something.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value between commas.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
