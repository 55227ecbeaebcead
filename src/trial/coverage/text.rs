//! Coverage for a terminal, and for programs.

use std::fmt::Write as _;

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{Count, Coverage, Gap, GapKind};
use crate::diag::Sources;
use crate::diag::render::{Position, Positions};
use crate::engine::trace::{Paint, padded};
use crate::trial::{clipped, source_line};

/// Cells of a bar.
const BAR_CELLS: usize = 20;
/// Widest description that the column of descriptions grows for.
const MAX_SUBJECT_COLUMNS: usize = 60;

#[derive(Serialize)]
struct JsonCoverage<'a> {
    percent: usize,
    #[serde(flatten)]
    coverage: &'a Coverage,
    gaps: Vec<JsonGap<'a>>,
}

#[derive(Serialize)]
struct JsonGap<'a> {
    #[serde(flatten)]
    gap: &'a Gap,
    file: &'a str,
    line: usize,
    column: usize,
}

impl Coverage {
    /// A line a kind with a bar, then each source line with what was not reached on it.
    #[must_use]
    pub fn text(&self, sources: &Sources, color: bool) -> String {
        let paint = Paint(color);
        let mut out = format!("{}\n", paint.bold("coverage"));
        let mut rows = vec![("rules", self.rules), ("atoms", self.atoms), ("attempts", self.attempts)];
        rows.extend(self.mcdc.map(|mcdc| ("mc/dc", mcdc)));
        rows.push(("all", self.all()));
        let digits = self.all().total.to_string().len();
        for (name, count) in rows {
            let _ = writeln!(out, "  {}", row(name, count, digits, paint));
        }
        self.gaps_text(&mut out, sources, paint);
        out
    }

    fn gaps_text(&self, out: &mut String, sources: &Sources, paint: Paint) {
        let positions = Positions::new(sources);
        for gap in &self.unreachable {
            let at = format!("{}:{}", positions.path(gap.span), positions.start(gap.span).line);
            let text = format!("rule `{}` is not counted: {}", gap.what, gap.reason);
            let _ = writeln!(out, "\n{}  {}", paint.dim(&at), paint.dim(&text));
        }
        let place = |gap: &Gap| (gap.span.source, positions.start(gap.span).line);
        for gaps in self.gaps.chunk_by(|one, next| place(one) == place(next)) {
            let Some(first) = gaps.first() else { continue };
            let at = format!("{}:{}", positions.path(first.span), positions.start(first.span).line);
            let _ = writeln!(out, "\n{}  {}", paint.dim(&at), clipped(source_line(sources, first.span, &positions)));
            let alike = |one: &Gap, next: &Gap| {
                one.kind == GapKind::Attempt
                    && (next.kind, &next.reason, &next.rule) == (one.kind, &one.reason, &one.rule)
            };
            let lines: Vec<(String, &str)> =
                gaps.chunk_by(alike).filter_map(|gaps| Some((subject(gaps), gaps.first()?.reason.as_str()))).collect();
            let widths = lines.iter().map(|(subject, _)| subject.width()).filter(|wide| *wide <= MAX_SUBJECT_COLUMNS);
            let columns = widths.max().unwrap_or(0);
            for (subject, reason) in &lines {
                let _ = writeln!(out, "  {} {}  {}", paint.red("✗"), padded(subject, columns), paint.dim(reason));
            }
        }
    }

    /// The same for programs, with file, line and column (in code points) of each gap.
    #[must_use]
    pub fn json(&self, sources: &Sources) -> serde_json::Value {
        let positions = Positions::new(sources);
        let gaps = self.gaps.iter().map(|gap| {
            let Position { line, column } = positions.start(gap.span);
            JsonGap { gap, file: positions.path(gap.span), line, column }
        });
        let json = JsonCoverage { percent: self.all().percent(), coverage: self, gaps: gaps.collect() };
        serde_json::to_value(json).unwrap_or_default()
    }
}

fn row(name: &str, count: Count, digits: usize, paint: Paint) -> String {
    let percent = count.percent();
    let filled = percent.saturating_mul(BAR_CELLS) / 100;
    let bar = "█".repeat(filled);
    let bar = if count.covered == count.total { paint.green(&bar) } else { paint.yellow(&bar) };
    let rest = paint.dim(&"░".repeat(BAR_CELLS.saturating_sub(filled)));
    format!("{name:<8}  {:>digits$} of {:>digits$}  {percent:>3} %  {bar}{rest}", count.covered, count.total)
}

/// What was not reached, in words. Only attempts stand here with others of the same reason.
fn subject(gaps: &[Gap]) -> String {
    match gaps {
        [] => String::new(),
        [gap] => gap.subject(),
        _ => {
            let names: Vec<String> = gaps.iter().map(|gap| format!("`{}`", gap.what)).collect();
            format!("{} never chosen", names.join(", "))
        }
    }
}

impl Gap {
    /// What was not reached, in words: ``rule `image` never decided``.
    #[must_use]
    pub fn subject(&self) -> String {
        match (self.kind, self.value) {
            (GapKind::Rule, _) => format!("rule `{}` never decided", self.what),
            (GapKind::Atom, Some(value)) => format!("`{}` never {value}", self.what),
            (GapKind::Atom, None) | (GapKind::Mcdc, _) => format!("`{}` never decided alone", self.what),
            (GapKind::Attempt, _) => format!("`{}` never chosen", self.what),
        }
    }
}
