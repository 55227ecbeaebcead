//! P0602: a walk over a list inside a walk over a list.

use crate::bounds::{MAX_LIST_LENGTH, QUIET_WALK_STEPS};
use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::typed::{Expr, Kind, Macro};

/// Reports nested walks that may take many steps, with the bound. Walking over a short list of
/// literals inside is how several texts are looked for, and is not reported.
pub(super) fn check(expr: &Expr, findings: &mut Vec<Diagnostic>) {
    look(expr, None, findings);
}

fn look<'e>(expr: &'e Expr, outer: Option<(&'e Expr, usize)>, findings: &mut Vec<Diagnostic>) {
    let Kind::Macro { range, filter, body, .. } = &expr.kind else {
        expr.for_each_part(&mut |child| look(child, outer, findings));
        return;
    };
    look(range, outer, findings);
    let own = length(range);
    if let Some((around, turns)) = outer
        && turns.saturating_mul(own) > QUIET_WALK_STEPS
    {
        let message = format!("this walk runs inside another: up to {} steps a request", turns.saturating_mul(own));
        findings.push(
            Diagnostic::new(Code::P0602, range.span, message)
                .label(format!("up to {own} elements"))
                .also(around.span, format!("up to {turns} elements"))
                .help("ask for both lists apart, or compare with a list of literals by `in`"),
        );
    }
    let inside = Some((range.as_ref(), outer.map_or(1, |(_, turns)| turns).saturating_mul(own)));
    filter.iter().for_each(|filter| look(filter, inside, findings));
    look(body, inside, findings);
}

/// The most elements of a list.
fn length(range: &Expr) -> usize {
    match &range.kind {
        Kind::List(items) => items.len(),
        Kind::Map(entries) => entries.len(),
        Kind::Macro { kind: Macro::Filter | Macro::Map, range, .. } => length(range),
        _ => MAX_LIST_LENGTH,
    }
}
