//! Findings as an editor shows them.

use std::ops::Range;

use tower_lsp_server::ls_types::{
    self, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, NumberOrString, Uri,
};

use super::document::Document;
use crate::diag::{Code, Diagnostic, Severity, Sources, Span};

/// The files of a policy as they were when they were checked, in the order of their numbers.
pub type Files = Vec<(Uri, Document)>;

/// The texts for the checker.
#[must_use]
pub fn sources(files: &Files) -> Sources {
    let mut sources = Sources::default();
    for (uri, document) in files {
        let path = uri.path().as_str();
        sources.add(path.rsplit('/').next().unwrap_or(path), document.text());
    }
    sources
}

/// The file and the bytes of a place.
#[must_use]
pub fn spot(files: &Files, span: Span) -> Option<(&Uri, &Document, Range<usize>)> {
    let (uri, document) = files.get(usize::try_from(span.source.0).ok()?)?;
    Some((uri, document, span.range()))
}

/// What to publish: every file, also those without findings.
#[must_use]
pub fn publish(files: &Files, findings: &[Diagnostic]) -> Vec<(Uri, Vec<ls_types::Diagnostic>)> {
    let mut out: Vec<(Uri, Vec<ls_types::Diagnostic>)> =
        files.iter().map(|(uri, _)| (uri.clone(), Vec::new())).collect();
    for finding in findings {
        let at = finding.primary.as_ref().map_or(Some(0), |label| usize::try_from(label.span.source.0).ok());
        if let Some((_, list)) = at.and_then(|at| out.get_mut(at)) {
            list.push(shown(files, finding));
        }
    }
    out
}

/// One finding.
#[must_use]
pub fn shown(files: &Files, finding: &Diagnostic) -> ls_types::Diagnostic {
    let range = finding.primary.as_ref().and_then(|label| {
        let (_, document, range) = spot(files, label.span)?;
        Some(document.place(&range))
    });
    let mut message = finding.message.clone();
    if let Some(label) = finding.primary.as_ref().filter(|label| !label.text.is_empty()) {
        message.push_str(": ");
        message.push_str(&label.text);
    }
    if let Some(help) = &finding.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    for note in &finding.notes {
        message.push('\n');
        message.push_str(note);
    }
    let related: Vec<DiagnosticRelatedInformation> = finding
        .secondary
        .iter()
        .filter_map(|label| {
            let (uri, document, range) = spot(files, label.span)?;
            let message = if label.text.is_empty() { "here".to_owned() } else { label.text.clone() };
            let location = Location { uri: uri.clone(), range: document.place(&range) };
            Some(DiagnosticRelatedInformation { location, message })
        })
        .collect();
    let unused = matches!(finding.code, Code::P0108 | Code::P0303 | Code::P0306 | Code::P0906);
    ls_types::Diagnostic {
        range: range.unwrap_or_default(),
        severity: Some(match finding.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(finding.code.as_str().to_owned())),
        code_description: None,
        source: Some("ccr-policy".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        tags: unused.then(|| vec![DiagnosticTag::UNNECESSARY]),
        data: None,
    }
}

/// Findings about an older text, moved to where they stand now. What the edit touched is left out.
#[must_use]
pub fn carried(findings: &[Diagnostic], old: &Files, new: &Files) -> Vec<Diagnostic> {
    let same = old.len() == new.len() && old.iter().zip(new).all(|((a, _), (b, _))| a == b);
    if !same {
        return Vec::new();
    }
    let edits: Vec<Edit> = old.iter().zip(new).map(|((_, a), (_, b))| Edit::between(a.text(), b.text())).collect();
    let moved = |span: Span| {
        let edit = edits.get(usize::try_from(span.source.0).ok()?)?;
        let range = edit.moved(&span.range())?;
        Some(Span::new(span.source, range.start, range.end))
    };
    let carry = |finding: &Diagnostic| {
        let mut finding = finding.clone();
        for label in finding.primary.iter_mut().chain(&mut finding.secondary) {
            label.span = moved(label.span)?;
        }
        finding.fix = None;
        Some(finding)
    };
    findings.iter().filter_map(carry).collect()
}

/// What one text has that the other has not: everything between the same beginning and the same end.
struct Edit {
    head: usize,
    old_end: usize,
    new_end: usize,
}

impl Edit {
    fn between(old: &str, new: &str) -> Self {
        let (a, b) = (old.as_bytes(), new.as_bytes());
        let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
        let most = a.len().min(b.len()) - head;
        let tail = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(x, y)| x == y).count();
        Self { head, old_end: a.len() - tail, new_end: b.len() - tail }
    }

    fn moved(&self, range: &Range<usize>) -> Option<Range<usize>> {
        if range.end < self.head || self.head == self.old_end && self.old_end == self.new_end {
            return Some(range.clone());
        }
        let shift = |at: usize| at - self.old_end + self.new_end;
        (range.start >= self.old_end).then(|| shift(range.start)..shift(range.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_move_with_the_text_around_an_edit() {
        let moved = |old: &str, new: &str, range: Range<usize>| Edit::between(old, new).moved(&range);
        assert_eq!(moved("abc def", "abc def", 4..7), Some(4..7));
        assert_eq!(moved("abc def", "abXc def", 4..7), Some(5..8), "behind an insertion");
        assert_eq!(moved("abc def", "abc dXf", 0..3), Some(0..3), "before an edit");
        assert_eq!(moved("abc def", "ac def", 4..7), Some(3..6), "behind a removal");
        assert_eq!(moved("abc def", "abc dXf", 4..7), None, "touched");
        assert_eq!(moved("aaaa", "aaa", 0..1), Some(0..1));
    }
}
