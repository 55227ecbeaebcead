//! Text to the same text in its one layout.
//!
//! The layout is made from the grammar's pairs (`build`, `expr`), so numbers, strings and names
//! stay as they are spelled; comments stay between the tokens that they stood between. The result
//! does not depend on the layout that the text had, but for empty lines and for whether a comment
//! has a line of its own. What comes out is parsed again and compared with what went in (`tokens`).

mod build;
mod doc;
mod expr;
mod tokens;

#[cfg(test)]
mod tests;

use build::Builder;
use tokens::{Step, steps};

use super::lex::{Lexer, TokenKind};
use super::parse::{Shape, parse_shape, parse_shape_again};
use super::scan::ITEM_WORDS;
use crate::bounds::MAX_FILE_BYTES;
use crate::diag::{Code, Diagnostic, Severity};

/// Why a text was not laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// it does not parse
    #[error("the text does not parse; mend what `ccr-policy check` shows first")]
    Syntax(Vec<Diagnostic>),
    /// the layout would not have said the same: a defect of this program, never of the text
    #[error(
        "formatting would have changed the text near line {line} of its result, so it is left alone; \
         please report it with the text"
    )]
    Changed {
        /// the line of the result, from 1
        line: usize,
    },
}

/// Lays out a policy file, or any piece of one: statements, cases, fields, one value, one
/// expression, one target. Lines end with a line feed, a byte order mark is dropped.
///
/// # Errors
/// What is wrong with the text, with places in [`crate::diag::SourceId`] 0; nothing when the
/// layout would have said something else (see [`format_checked`]).
pub fn format(source_name: &str, text: &str) -> Result<String, Vec<Diagnostic>> {
    format_checked(source_name, text).map_err(|error| match error {
        FormatError::Syntax(findings) => findings,
        FormatError::Changed { .. } => Vec::new(),
    })
}

/// The same, with what went wrong.
///
/// # Errors
/// See [`FormatError`].
pub fn format_checked(source_name: &str, text: &str) -> Result<String, FormatError> {
    within_bounds(source_name, text)?;
    let mut wrong = None;
    for shape in shapes(text) {
        let mut findings = Vec::new();
        let pieces = parse_shape(text, *shape, &mut findings);
        findings.retain(|finding| finding.severity == Severity::Error);
        if !findings.is_empty() {
            wrong.get_or_insert(findings);
            continue;
        }
        let before = steps(text, &pieces);
        let laid_out = Builder::new(text).whole(pieces).print(text.len() + text.len() / 8);
        within_bounds(source_name, &laid_out)?;
        return match first_difference(&before, &laid_out, *shape) {
            None => Ok(laid_out),
            Some(place) => {
                let above = laid_out.get(..place).unwrap_or(&laid_out);
                Err(FormatError::Changed { line: above.matches('\n').count() + 1 })
            }
        };
    }
    Err(FormatError::Syntax(wrong.unwrap_or_default()))
}

fn within_bounds(source_name: &str, text: &str) -> Result<(), FormatError> {
    if text.len() <= MAX_FILE_BYTES {
        return Ok(());
    }
    let message = format!("`{source_name}` is larger than {MAX_FILE_BYTES} bytes");
    let finding = Diagnostic::without_place(Code::P0004, message).help("split it into several files");
    Err(FormatError::Syntax(vec![finding]))
}

/// What a text may be a piece of, the likeliest first: its error is the one that is shown.
fn shapes(text: &str) -> &'static [Shape] {
    let mut tokens = Lexer::new(text, 0).filter(|token| token.kind != TokenKind::Comment);
    let Some(first) = tokens.next() else { return &[Shape::File] };
    let second = tokens.next().map_or("", |token| token.text(text));
    match first.text(text) {
        _ if second == ":" => &[Shape::Fields],
        "let" | "rule" | "default" => &[Shape::Statements],
        "given" => &[Shape::Cases],
        word if ITEM_WORDS.contains(&word) && !second.starts_with(['.', '=', '!', '<', '>', '&', '|']) => {
            &[Shape::File, Shape::Value, Shape::Target]
        }
        _ => &[Shape::Value, Shape::Expression, Shape::Target, Shape::File],
    }
}

/// Where a layout says something else than the text did, as a byte of the layout.
fn first_difference(before: &[Step<'_>], laid_out: &str, shape: Shape) -> Option<usize> {
    let mut findings = Vec::new();
    let pieces = parse_shape_again(laid_out, shape, &mut findings);
    if let Some(finding) = findings.iter().find(|finding| finding.severity == Severity::Error) {
        return Some(finding.primary.as_ref().map_or(0, |label| label.span.range().start));
    }
    let after = steps(laid_out, &pieces);
    if before == after.as_slice() {
        return None;
    }
    let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
    let place = after.iter().skip(same).find_map(|step| match step {
        Step::Token(text) | Step::Comment(text) => Some(text.as_ptr() as usize - laid_out.as_ptr() as usize),
        _ => None,
    });
    Some(place.unwrap_or(laid_out.len()))
}
