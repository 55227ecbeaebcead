//! Byte offsets to lines and columns.

use crate::diag::{Sources, Span};

/// A line and a column, both from 1; columns count code points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// from 1
    pub line: usize,
    /// from 1, in code points
    pub column: usize,
}

/// Finds positions in a policy's texts. Made once a list of findings, so that a long file is
/// walked once.
#[derive(Debug)]
pub struct Positions<'a> {
    sources: &'a Sources,
    /// for every source the offset at which each line starts
    lines: Vec<Vec<usize>>,
}

impl<'a> Positions<'a> {
    /// Reads where lines start.
    #[must_use]
    pub fn new(sources: &'a Sources) -> Self {
        let starts = |text: &str| {
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect()
        };
        Self { sources, lines: sources.iter().map(|(_, source)| starts(&source.text)).collect() }
    }

    /// The name of the source that a place stands in.
    #[must_use]
    pub fn path(&self, span: Span) -> &'a str {
        self.sources.get(span.source).map_or("", |source| source.name.as_str())
    }

    /// Where a place starts.
    #[must_use]
    pub fn start(&self, span: Span) -> Position {
        self.at(span, span.start as usize)
    }

    /// Where a place ends (the first character behind it).
    #[must_use]
    pub fn end(&self, span: Span) -> Position {
        self.at(span, span.end as usize)
    }

    fn at(&self, span: Span, offset: usize) -> Position {
        let starts = self.lines.get(span.source.0 as usize).map_or(&[][..], Vec::as_slice);
        let line = starts.partition_point(|start| *start <= offset).max(1);
        let start = starts.get(line - 1).copied().unwrap_or(0);
        let before = self.sources.get(span.source).and_then(|source| source.text.get(start..offset)).unwrap_or("");
        Position { line, column: before.chars().count() + 1 }
    }

    /// The lines from the first to the last of two offsets, whole, and the number of the first.
    pub(super) fn lines_around(&self, span: Span) -> Option<(&'a str, usize, usize)> {
        let text = self.sources.get(span.source)?.text.as_str();
        let starts = self.lines.get(span.source.0 as usize)?;
        let first = starts.partition_point(|start| *start <= span.start as usize).max(1);
        let from = starts.get(first - 1).copied()?;
        let last = starts.partition_point(|start| *start < (span.end as usize).max(span.start as usize + 1));
        let to = starts.get(last).copied().unwrap_or(text.len());
        Some((text.get(from..to)?, first, from))
    }
}
