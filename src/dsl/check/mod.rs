//! Checks that need the text's tree, or what names refer to; one a file.

mod cycle;
mod entry;
mod environment;
mod labels;
mod secret;
mod style;
mod unused;

pub use environment::environment;

use super::ast::Item;
use super::resolve::Lowered;
use crate::diag::{Diagnostic, Sources};

/// Runs all checks. `whole`: every text parsed, so what is not used anywhere is really unused.
pub(crate) fn policy(
    items: &[Item],
    lowered: &Lowered,
    whole: bool,
    sources: &Sources,
    findings: &mut Vec<Diagnostic>,
) {
    style::check(items, sources, findings);
    cycle::check(lowered, findings);
    labels::check(&lowered.policy, findings);
    secret::check(sources, findings);
    if whole {
        entry::check(&lowered.policy, findings);
        unused::check(lowered, findings);
    }
}
