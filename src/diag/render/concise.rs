//! One line a finding: `path:line:column: error[P0101]: message`.

use std::fmt::Write as _;

use super::masked::Masked;
use super::position::Positions;
use crate::diag::{Diagnostic, Severity, Sources};

/// All findings, a line each; line breaks inside a message become blanks.
#[must_use]
pub fn concise(findings: &[Diagnostic], sources: &Sources) -> String {
    let masked = Masked::new(findings, sources);
    let positions = Positions::new(sources);
    let mut out = String::new();
    for finding in masked.findings.as_ref() {
        if let Some(primary) = &finding.primary {
            let start = positions.start(primary.span);
            let _infallible = write!(out, "{}:{}:{}: ", positions.path(primary.span), start.line, start.column);
        }
        let severity = severity_name(finding.severity);
        let message = finding.message.replace('\n', " ");
        let _infallible = writeln!(out, "{severity}[{}]: {message}", finding.code.as_str());
    }
    out
}

/// `error` or `warning`.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
