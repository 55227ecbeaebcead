//! A report for a terminal, and for programs.

use std::fmt::Write as _;

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{CaseReport, CaseVerdict, Report};
use crate::diag::render::{Position, Positions};
use crate::diag::{Sources, visible};
use crate::engine::trace::{Paint, padded};

/// The version of the JSON form.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct JsonReport<'a> {
    schema: u32,
    passed: usize,
    failed: usize,
    cases: Vec<JsonCase<'a>>,
}

#[derive(Serialize)]
struct JsonCase<'a> {
    #[serde(flatten)]
    case: &'a CaseReport,
    file: &'a str,
    line: usize,
    column: usize,
}

impl<'a> JsonCase<'a> {
    fn new(case: &'a CaseReport, positions: &Positions<'a>) -> Self {
        let Position { line, column } = positions.start(case.span);
        Self { case, file: positions.path(case.span), line, column }
    }
}

impl Report {
    /// One line a test, every case that failed with what was expected, what came out and why, and
    /// a line of sums.
    #[must_use]
    pub fn text(&self, sources: &Sources, color: bool) -> String {
        let paint = Paint(color);
        let mut out = String::new();
        let positions = Positions::new(sources);
        let titles = self.cases.iter().map(|case| case.test.width()).max().unwrap_or(0);
        for cases in self.cases.chunk_by(|one, next| one.test == next.test) {
            test_text(&mut out, cases, titles, &positions, paint);
        }
        let failed = self.failed();
        let passed = self.cases.len().saturating_sub(failed);
        let sums = format!("{} passed, {failed} failed", plural(passed, "case"));
        let sums = if failed == 0 { paint.green(&sums) } else { paint.red(&sums) };
        let _ = writeln!(out, "\n{sums}");
        out
    }

    /// The same for programs, with file, line and column (in code points) of each case.
    #[must_use]
    pub fn json(&self, sources: &Sources) -> serde_json::Value {
        let failed = self.failed();
        let positions = Positions::new(sources);
        let report = JsonReport {
            schema: SCHEMA,
            passed: self.cases.len().saturating_sub(failed),
            failed,
            cases: self.cases.iter().map(|case| JsonCase::new(case, &positions)).collect(),
        };
        serde_json::to_value(report).unwrap_or_default()
    }
}

fn test_text(out: &mut String, cases: &[CaseReport], columns: usize, positions: &Positions<'_>, paint: Paint) {
    let Some(first) = cases.first() else { return };
    let failed = cases.iter().filter(|case| case.verdict != CaseVerdict::Passed).count();
    let (mark, sums) = match failed {
        0 => (paint.green("✓"), plural(cases.len(), "case")),
        _ => (paint.red("✗"), format!("{failed} of {} failed", plural(cases.len(), "case"))),
    };
    let _ = writeln!(out, "{mark} {}  {}", paint.bold(&padded(&visible(&first.test), columns)), paint.dim(&sums));
    for case in cases.iter().filter(|case| case.verdict != CaseVerdict::Passed) {
        let (file, Position { line, column }) = (positions.path(case.span), positions.start(case.span));
        let _ = writeln!(out, "    {}", paint.dim(&format!("case {} at {file}:{line}:{column}", case.number)));
        let _ = writeln!(out, "      expected  {}", paint.green(&case.expected));
        if !case.actual.is_empty() {
            let _ = writeln!(out, "      actual    {}", paint.red(&case.actual));
        }
        let mut head = "because";
        for reason in &case.because {
            let _ = writeln!(out, "      {head:<7}   {reason}");
            head = "";
        }
    }
}

/// `1 case`, `2 cases`.
fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
