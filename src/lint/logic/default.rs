//! P0308: a default that no request gets to.

use super::Ruled;
use crate::diag::{Code, Diagnostic};

/// Rules that are named.
const MAX_NAMED: usize = 6;

pub(super) fn report(ruled: &Ruled<'_>, by: &[usize]) -> Option<Diagnostic> {
    let default = ruled.route.rules.last().filter(|rule| rule.condition.is_none())?;
    let covering: Vec<_> = by.iter().filter_map(|number| ruled.rules.get(*number)).collect();
    let (last, _) = covering.last()?;
    let message = format!("the default of route `{}` is never reached", ruled.route.name);
    let mut finding = Diagnostic::new(Code::P0308, default.span, message).label("no request is left");
    for (rule, condition) in covering.iter().take(MAX_NAMED) {
        finding = finding.also(condition.span, format!("`{}` takes some", rule.name));
    }
    if covering.len() > MAX_NAMED {
        finding = finding.note(format!("and {} further rules", covering.len() - MAX_NAMED));
    }
    Some(finding.help(format!(
        "if that is meant, let the default lead where `{}` leads, and remove `{}`",
        last.name, last.name
    )))
}
