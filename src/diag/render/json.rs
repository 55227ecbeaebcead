//! For machines: one JSON object with a schema number. Offsets are bytes, lines and columns count
//! from 1, columns in code points.

use serde::Serialize;

use super::concise::severity_name;
use super::masked::Masked;
use super::position::Positions;
use crate::diag::{Diagnostic, Label, Sources, Span};

/// Raised when a field changes its meaning or goes away; new fields do not raise it.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'a str,
    severity: &'a str,
    title: &'a str,
    message: &'a str,
    place: Option<Place<'a>>,
    related: Vec<Place<'a>>,
    help: Option<&'a str>,
    notes: &'a [String],
    fix: Option<FixReport<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    start: u32,
    end: u32,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
}

#[derive(Serialize)]
struct FixReport<'a> {
    title: &'a str,
    /// `safe` keeps the meaning; `unsafe` wants a look
    applicability: &'static str,
    edits: Vec<EditReport<'a>>,
}

#[derive(Serialize)]
struct EditReport<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    text: &'a str,
}

/// All findings as one JSON object, `{"schema": 1, "findings": […]}`, with a line feed behind it.
#[must_use]
pub fn json(findings: &[Diagnostic], sources: &Sources) -> String {
    let masked = Masked::new(findings, sources);
    let positions = Positions::new(sources);
    let report =
        Report { schema: SCHEMA, findings: masked.findings.iter().map(|finding| read(finding, &positions)).collect() };
    let mut out = serde_json::to_string_pretty(&report).unwrap_or_default();
    out.push('\n');
    out
}

fn read<'a>(finding: &'a Diagnostic, positions: &Positions<'a>) -> Finding<'a> {
    let label = |label: &'a Label| place(label.span, &label.text, positions);
    Finding {
        code: finding.code.as_str(),
        severity: severity_name(finding.severity),
        title: finding.code.entry().map_or("", |entry| entry.title),
        message: &finding.message,
        place: finding.primary.as_ref().map(label),
        related: finding.secondary.iter().map(label).collect(),
        help: finding.help.as_deref(),
        notes: &finding.notes,
        fix: finding.fix.as_ref().map(|fix| FixReport {
            title: &fix.title,
            applicability: if fix.safe { "safe" } else { "unsafe" },
            edits: fix
                .edits
                .iter()
                .map(|edit| EditReport { place: place(edit.span, "", positions), text: &edit.text })
                .collect(),
        }),
    }
}

fn place<'a>(span: Span, label: &'a str, positions: &Positions<'a>) -> Place<'a> {
    let (start, end) = (positions.start(span), positions.end(span));
    Place {
        path: positions.path(span),
        start: span.start,
        end: span.end,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        label,
    }
}
