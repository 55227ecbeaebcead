//! P0309: a part of a condition that changes nothing within it.
//!
//! Only the condition itself counts: what earlier rules have taken is another matter.

use crate::compile::Space;
use crate::diag::{Code, Diagnostic, Edit, Sources, Span};
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{Expr, Kind};

/// Most parts of one condition that are looked at.
const MAX_PARTS: usize = 64;
/// What taking one part apart costs, in steps of a proof: a few microseconds.
const STEPS_A_PART: usize = 200;

/// One item of a chain of `&&` or `||`.
struct Part<'e> {
    expr: &'e Expr,
    /// the items from the condition down to it
    path: Vec<usize>,
    /// the chain that it stands in
    chain: &'e Expr,
}

/// Reports parts without which the condition would mean the same.
/// Where `budget` does not reach, nothing is said.
pub(super) fn check(condition: &Expr, sources: &Sources, budget: &mut usize, findings: &mut Vec<Diagnostic>) {
    let mut parts = Vec::new();
    collect(condition, &mut Vec::new(), &mut parts);
    // A part that a `let` brought in cannot be left out here alone.
    parts.retain(|part| condition.span.source == part.expr.span.source && is_within(part.expr.span, condition.span));
    if parts.is_empty() || parts.len() > MAX_PARTS || !may_repeat(&parts) {
        return;
    }
    let mut whole = condition.clone();
    let mut removed: Vec<Vec<usize>> = Vec::new();
    // From the end, so that of two equal parts the first one stays, and paths stay right.
    for part in parts.iter().rev() {
        if removed.iter().any(|path| part.path.starts_with(path)) {
            continue;
        }
        let Some(rest) = without(&whole, &part.path) else { continue };
        // Taking both conditions apart is work too.
        *budget = budget.saturating_sub(parts.len() * STEPS_A_PART);
        // A part that only those left out before make redundant still changes something by itself.
        let by_itself = |budget: &mut usize| {
            removed.is_empty()
                || without(condition, &part.path).is_some_and(|alone| are_equal(condition, &alone, budget))
        };
        if are_equal(&whole, &rest, budget) && by_itself(budget) {
            findings.push(report(part, sources, budget));
            whole = rest;
            removed.push(part.path.clone());
        }
    }
}

fn is_within(inner: Span, outer: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Outer parts stand behind the inner ones that they hold.
fn collect<'e>(expr: &'e Expr, path: &mut Vec<usize>, parts: &mut Vec<Part<'e>>) {
    match &expr.kind {
        Kind::Not(inner) => {
            path.push(0);
            collect(inner, path, parts);
            path.pop();
        }
        Kind::And(items) | Kind::Or(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(at);
                collect(item, path, parts);
                parts.push(Part { expr: item, path: path.clone(), chain: expr });
                path.pop();
            }
        }
        _ => {}
    }
}

/// A look that rules out most conditions: a part that says something of its own and reads what no
/// other part reads changes something.
fn may_repeat(parts: &[Part<'_>]) -> bool {
    let leaves: Vec<&Expr> =
        parts.iter().map(|part| part.expr).filter(|expr| !matches!(expr.kind, Kind::And(_) | Kind::Or(_))).collect();
    let space = Space::new(&leaves);
    (0..leaves.len()).any(|at| space.plainly(at).is_some() || (0..at).any(|other| space.touch(at, other)))
}

/// The condition without the part at a path; None when nothing would be left of its chain.
fn without(expr: &Expr, path: &[usize]) -> Option<Expr> {
    let (at, rest) = path.split_first()?;
    let mut changed = expr.clone();
    match &mut changed.kind {
        Kind::Not(inner) => **inner = without(inner, rest)?,
        Kind::And(items) | Kind::Or(items) => {
            if rest.is_empty() {
                if items.len() < 2 || *at >= items.len() {
                    return None;
                }
                items.remove(*at);
            } else {
                let item = items.get_mut(*at)?;
                *item = without(item, rest)?;
            }
        }
        _ => return None,
    }
    Some(changed)
}

fn are_equal(one: &Expr, other: &Expr, budget: &mut usize) -> bool {
    let space = Space::new(&[one, other]);
    let mut differ = |wanted: [(usize, bool); 2]| space.has_region(&wanted, budget);
    differ([(0, true), (1, false)]) == Some(false) && differ([(0, false), (1, true)]) == Some(false)
}

fn report(part: &Part<'_>, sources: &Sources, budget: &mut usize) -> Diagnostic {
    let text = cel_text(part.expr);
    let message = format!("`{text}` changes nothing in this condition");
    let mut finding = Diagnostic::new(Code::P0309, part.expr.span, message).label("redundant");
    let (items, and) = match &part.chain.kind {
        Kind::And(items) => (items.as_slice(), true),
        Kind::Or(items) => (items.as_slice(), false),
        _ => (&[][..], true),
    };
    let space = Space::new(&items.iter().collect::<Vec<_>>());
    let own = part.path.last().copied().unwrap_or(0);
    // `a && b`: a brings b; `a || b`: b brings a.
    let mut brings =
        |other: &usize| *other != own && space.has_region(&[(*other, and), (own, !and)], budget) == Some(false);
    if let Some(other) = (0..items.len()).find(&mut brings).and_then(|other| items.get(other)) {
        finding = finding.also(other.span, if and { "says as much" } else { "takes as much" });
    }
    finding = finding.help("leave it out");
    match cut(part, items, own, sources) {
        Some(edit) => finding.fix(format!("leave out `{text}`"), true, vec![edit]),
        None => finding,
    }
}

/// The part with the operator beside it, where nothing else stands there: no bracket, no comment.
fn cut(part: &Part<'_>, items: &[Expr], own: usize, sources: &Sources) -> Option<Edit> {
    let span = part.expr.span;
    let text = &sources.get(span.source)?.text;
    let between = |from: usize, to: usize| {
        let operator = if matches!(part.chain.kind, Kind::And(_)) { "&&" } else { "||" };
        text.get(from..to).is_some_and(|text| text.trim() == operator)
    };
    let (start, end) = (span.range().start, span.range().end);
    let place = match own.checked_sub(1).and_then(|before| items.get(before)) {
        Some(before) if between(before.span.range().end, start) => (before.span.range().end, end),
        _ => {
            let next = items.get(own + 1)?;
            let from = next.span.range().start;
            between(end, from).then_some((start, from))?
        }
    };
    Some(Edit { span: Span::new(span.source, place.0, place.1), text: String::new() })
}
