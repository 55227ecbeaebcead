//! Layout documents: what may stand on one line and where it may break, and the printer that
//! decides. Sizes are known when a document is made, so printing is linear.

use unicode_width::UnicodeWidthStr as _;

use crate::bounds::{FORMAT_COLUMNS, FORMAT_INDENT};

/// A piece of a layout.
#[derive(Debug)]
pub(super) struct Doc<'a> {
    kind: Kind<'a>,
    size: Size,
}

#[derive(Debug)]
enum Kind<'a> {
    Nothing,
    /// never broken
    Text(&'a str),
    /// a blank, unless a line ends or begins here
    Blank,
    /// a comma, which goes before a comment at the end of the line
    Comma,
    /// a comma where the group is broken
    CommaIfBroken,
    /// the end of a line where the group is broken; else a blank, or nothing
    Line {
        blank: bool,
        empty_line: bool,
    },
    /// the end of a line
    Hard {
        empty_line: bool,
    },
    /// a comment at the end of a line
    Trailing(&'a str),
    /// a comment on a line of its own, and whether an empty line follows
    Own {
        comment: &'a str,
        empty_line: bool,
    },
    Sequence(Vec<Doc<'a>>),
    Nest(Box<Doc<'a>>),
    /// on one line when it fits; else every line of it is broken
    Group(Box<Doc<'a>>),
}

/// What is known of a document before it is printed.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// columns on one line; None: it cannot be
    flat: Option<usize>,
    /// columns up to the first place where a line may end
    head: usize,
    /// there is such a place
    ends: bool,
    /// it begins with a comment of its own line
    leads: bool,
    /// it ends with a comment
    trails: bool,
    /// it has text or comments
    full: bool,
}

const EMPTY: Size = Size { flat: Some(0), head: 0, ends: false, leads: false, trails: false, full: false };

impl Size {
    fn of_width(width: usize) -> Self {
        Self { flat: Some(width), head: width, ..EMPTY }
    }

    fn then(self, next: Self) -> Self {
        // A comment in the middle ends its line.
        let interrupted = self.trails && next.full || self.full && next.leads;
        let flat = match (self.flat, next.flat) {
            (Some(first), Some(second)) if !interrupted => Some(first.saturating_add(second)),
            _ => None,
        };
        Self {
            flat,
            head: if self.ends { self.head } else { self.head.saturating_add(next.head) },
            ends: self.ends || next.ends,
            leads: self.leads || !self.full && next.leads,
            trails: if next.full { next.trails } else { self.trails },
            full: self.full || next.full,
        }
    }
}

impl<'a> Doc<'a> {
    pub(super) fn nothing() -> Self {
        Self { kind: Kind::Nothing, size: EMPTY }
    }

    /// Text; a string of several lines counts with its first.
    pub(super) fn text(text: &'a str) -> Self {
        let first = text.split('\n').next().unwrap_or(text);
        let size = Size { full: true, ends: first.len() < text.len(), ..Size::of_width(first.width()) };
        Self { kind: Kind::Text(text), size }
    }

    pub(super) fn blank() -> Self {
        Self { kind: Kind::Blank, size: Size::of_width(1) }
    }

    pub(super) fn comma() -> Self {
        Self { kind: Kind::Comma, size: Size::of_width(1) }
    }

    pub(super) fn comma_if_broken() -> Self {
        Self { kind: Kind::CommaIfBroken, size: EMPTY }
    }

    /// A blank on one line.
    pub(super) fn line(empty_line: bool) -> Self {
        Self { kind: Kind::Line { blank: true, empty_line }, size: Size { flat: Some(1), ends: true, ..EMPTY } }
    }

    /// Nothing on one line.
    pub(super) fn soft(empty_line: bool) -> Self {
        Self { kind: Kind::Line { blank: false, empty_line }, size: Size { ends: true, ..EMPTY } }
    }

    pub(super) fn hard(empty_line: bool) -> Self {
        Self { kind: Kind::Hard { empty_line }, size: Size { flat: None, ends: true, ..EMPTY } }
    }

    pub(super) fn trailing(comment: &'a str) -> Self {
        Self { kind: Kind::Trailing(comment), size: Size { trails: true, full: true, ..EMPTY } }
    }

    pub(super) fn own(comment: &'a str, empty_line: bool) -> Self {
        let size = Size { ends: true, leads: true, trails: true, full: true, ..EMPTY };
        Self { kind: Kind::Own { comment, empty_line }, size }
    }

    pub(super) fn sequence(parts: Vec<Self>) -> Self {
        let size = parts.iter().fold(EMPTY, |size, part| size.then(part.size));
        Self { kind: Kind::Sequence(parts), size }
    }

    /// A text or token with the comments on the lines before it and the one behind it.
    pub(super) fn with_comments(before: Vec<Self>, text: Self, behind: Option<&'a str>) -> Self {
        if before.is_empty() && behind.is_none() {
            return text;
        }
        // Comments do not interrupt a token: they stand before and behind it.
        let size = Size { leads: !before.is_empty(), trails: behind.is_some(), ..text.size };
        let parts = before.into_iter().chain([text]).chain(behind.map(Self::trailing)).collect();
        Self { kind: Kind::Sequence(parts), size }
    }

    pub(super) fn nest(inner: Self) -> Self {
        Self { size: inner.size, kind: Kind::Nest(Box::new(inner)) }
    }

    pub(super) fn group(inner: Self) -> Self {
        Self { size: inner.size, kind: Kind::Group(Box::new(inner)) }
    }

    /// The text of the layout, with a line feed at its end unless it is empty.
    pub(super) fn print(&self, capacity: usize) -> String {
        let mut printer = Printer {
            out: String::with_capacity(capacity),
            column: 0,
            at_line_start: true,
            line_indent: 0,
            wants_blank: false,
            suffix: None,
            must_end_line: None,
        };
        printer.print(self, 0, false, 0);
        printer.end();
        printer.out
    }
}

struct Printer<'a> {
    out: String,
    column: usize,
    /// nothing stands on the current line; its indent is not written yet
    at_line_start: bool,
    /// the indent of the current line
    line_indent: usize,
    wants_blank: bool,
    /// the comment at the end of the current line
    suffix: Option<&'a str>,
    /// the line ends here whatever follows; the next one has this indent
    must_end_line: Option<usize>,
}

impl<'a> Printer<'a> {
    /// Prints; `tail` columns will follow on the same line.
    fn print(&mut self, doc: &Doc<'a>, indent: usize, flat: bool, tail: usize) {
        match &doc.kind {
            Kind::Nothing => {}
            Kind::Text(text) => self.text(text),
            Kind::Blank => self.wants_blank = true,
            Kind::Comma => self.comma(),
            Kind::CommaIfBroken if flat => {}
            Kind::CommaIfBroken => self.comma(),
            Kind::Line { blank, .. } if flat => self.wants_blank |= *blank,
            Kind::Line { empty_line, .. } | Kind::Hard { empty_line } => self.end_line(indent, *empty_line),
            Kind::Trailing(comment) => {
                self.suffix = Some(comment);
                self.must_end_line = Some(indent + FORMAT_INDENT);
            }
            Kind::Own { comment, empty_line } => self.own(comment, indent, *empty_line),
            Kind::Sequence(parts) => self.sequence(parts, indent, flat, tail),
            Kind::Nest(inner) => self.print(inner, indent + FORMAT_INDENT, flat, tail),
            Kind::Group(inner) => {
                let flat = flat || self.fits(inner.size.flat, tail);
                self.print(inner, indent, flat, tail);
            }
        }
    }

    fn fits(&self, width: Option<usize>, tail: usize) -> bool {
        let column = match self.must_end_line {
            Some(indent) => indent,
            None if self.at_line_start => self.line_indent,
            None => self.column + usize::from(self.wants_blank),
        };
        width.is_some_and(|width| column.saturating_add(width).saturating_add(tail) <= FORMAT_COLUMNS)
    }

    fn sequence(&mut self, parts: &[Doc<'a>], indent: usize, flat: bool, tail: usize) {
        if flat {
            parts.iter().for_each(|part| self.print(part, indent, true, 0));
            return;
        }
        let mut tails = Vec::with_capacity(parts.len());
        let mut behind = tail;
        for part in parts.iter().rev() {
            tails.push(behind);
            behind = if part.size.ends { part.size.head } else { part.size.head.saturating_add(behind) };
        }
        for (part, tail) in parts.iter().zip(tails.into_iter().rev()) {
            self.print(part, indent, false, tail);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(indent) = self.must_end_line {
            self.end_line(indent, false);
        }
        if self.at_line_start {
            self.start_line();
        } else if self.wants_blank {
            self.out.push(' ');
            self.column += 1;
        }
        self.wants_blank = false;
        self.out.push_str(text);
        match text.rsplit_once('\n') {
            Some((_, last)) => self.column = last.width(),
            None => self.column += text.width(),
        }
    }

    fn comma(&mut self) {
        self.out.push(',');
        self.column += 1;
    }

    fn own(&mut self, comment: &str, indent: usize, empty_line: bool) {
        if let Some(indent) = self.must_end_line {
            self.end_line(indent, false);
        } else if !self.at_line_start {
            self.end_line(indent + FORMAT_INDENT, false);
        }
        let indent = self.line_indent;
        self.start_line();
        self.out.push_str(comment);
        if empty_line {
            self.end_line(indent, true);
        } else {
            self.must_end_line = Some(indent);
        }
    }

    fn start_line(&mut self) {
        self.out.extend(std::iter::repeat_n(' ', self.line_indent));
        self.column = self.line_indent;
        self.at_line_start = false;
        self.wants_blank = false;
    }

    fn end_line(&mut self, indent: usize, empty_line: bool) {
        if let Some(comment) = self.suffix.take() {
            self.out.push(' ');
            self.out.push_str(comment);
        }
        if !self.at_line_start {
            self.out.push('\n');
        }
        if empty_line && !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
        self.at_line_start = true;
        self.line_indent = indent;
        self.wants_blank = false;
        self.must_end_line = None;
    }

    fn end(&mut self) {
        self.end_line(0, false);
    }
}
