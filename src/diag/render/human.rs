//! For people: the message, the source with carets, the help.

use std::ops::Range;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::masked::Masked;
use super::position::Positions;
use crate::diag::{Diagnostic, Label, Severity, SourceId, Sources, Span};

/// All findings with source excerpts, a blank line between them; `color` adds terminal colours.
#[must_use]
pub fn human(findings: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let masked = Masked::new(findings, sources);
    // Excerpts are the only thing that is read from these texts; their lines are the author's.
    let positions = Positions::new(&masked.sources);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(DEFAULT_TERM_WIDTH);
    let mut out = String::new();
    for finding in masked.findings.as_ref() {
        out.push_str(&renderer.render(&[group(finding, &positions)]));
        out.push_str("\n\n");
    }
    out
}

fn group<'a>(finding: &'a Diagnostic, positions: &Positions<'a>) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(finding.message.as_str()).id(finding.code.as_str()));
    for source in sources_of(finding) {
        group = group.elements(excerpt(finding, source, positions));
    }
    group = group.elements(finding.notes.iter().map(|note| Level::NOTE.no_name().message(note.as_str())));
    group.elements(finding.help.iter().map(|help| Level::HELP.message(help.as_str())))
}

/// The sources that a finding points into, the primary one first.
fn sources_of(finding: &Diagnostic) -> Vec<SourceId> {
    let mut found = Vec::new();
    for label in finding.primary.iter().chain(&finding.secondary) {
        if !found.contains(&label.span.source) {
            found.push(label.span.source);
        }
    }
    found
}

fn excerpt<'a>(
    finding: &'a Diagnostic,
    source: SourceId,
    positions: &Positions<'a>,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let here = |label: &&Label| label.span.source == source;
    let labels = || finding.primary.iter().chain(&finding.secondary).filter(here);
    let whole: Span = labels().map(|label| label.span).reduce(Span::to)?;
    let (text, line, from) = positions.lines_around(whole)?;
    let annotations = labels().map(|label| {
        let primary = finding.primary.as_ref() == Some(label);
        let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(within(label.span, from, text)).label((!label.text.is_empty()).then_some(label.text.as_str()))
    });
    Some(Snippet::source(text).line_start(line).path(positions.path(whole)).annotations(annotations))
}

/// A place as a range of the excerpt, inside it and on whole characters whatever the place says.
fn within(span: Span, from: usize, text: &str) -> Range<usize> {
    let offset = |offset: u32| (offset as usize).saturating_sub(from).min(text.len());
    text.floor_char_boundary(offset(span.start))..text.ceil_char_boundary(offset(span.end))
}
