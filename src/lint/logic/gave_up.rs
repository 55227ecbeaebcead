//! P0313: rules about which nothing is known, because the proof took too long.

use super::Ruled;
use crate::diag::{Code, Diagnostic};

/// Rules that are reported one by one; more are counted.
const MAX_SINGLE: usize = 5;

pub(super) fn report(ruled: &Ruled<'_>, gave_up: &[usize]) -> Vec<Diagnostic> {
    let help = "test them, or write their conditions with fewer alternatives";
    let place = |number: &usize| ruled.route.rules.get(*number).map(|rule| (rule.span, rule.name.as_str()));
    let places: Vec<_> = gave_up.iter().filter_map(place).collect();
    if places.len() > MAX_SINGLE {
        let message = format!(
            "the analysis of route `{}` gave up on {} rules: they may be unreachable",
            ruled.route.name,
            places.len()
        );
        return vec![Diagnostic::new(Code::P0313, ruled.route.span, message).help(help)];
    }
    let single = |(span, name)| {
        let message = format!("the analysis of rule `{name}` gave up: it may be unreachable");
        Diagnostic::new(Code::P0313, span, message).help("test it, or write its condition with fewer alternatives")
    };
    places.into_iter().map(single).collect()
}
