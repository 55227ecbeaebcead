//! P0303: a rule whose requests earlier rules take, with all of those.

use super::Ruled;
use crate::diag::{Code, Diagnostic};
use crate::dsl::policy::Rule;

/// Covering rules that are shown in the text; more are only counted.
const MAX_SHOWN: usize = 6;

pub(super) fn report(ruled: &Ruled<'_>, rule: &Rule, by: &[usize]) -> Diagnostic {
    let covering: Vec<_> = by.iter().filter_map(|number| ruled.rules.get(*number)).collect();
    let mut finding =
        Diagnostic::new(Code::P0303, rule.span, format!("rule `{}` can never match", rule.name)).label("unreachable");
    if let [(first, condition)] = covering.as_slice() {
        return finding
            .also(condition.span, format!("every request that reaches `{}` was taken here", rule.name))
            .help(format!("move `{}` above `{}`, or narrow `{}`", rule.name, first.name, first.name));
    }
    for (other, condition) in covering.iter().take(MAX_SHOWN) {
        finding = finding.also(condition.span, format!("`{}` takes some of its requests", other.name));
    }
    if covering.len() > MAX_SHOWN {
        let more = covering.len() - MAX_SHOWN;
        finding = finding.note(format!("and {more} further rules"));
    }
    let first = covering.first().map_or("", |(first, _)| first.name.as_str());
    finding.help(format!("together they take all of them: move `{}` above `{first}`, or narrow one of them", rule.name))
}
