//! P0805: a case that comes out otherwise than it says.

use crate::diag::{Code, Diagnostic};
use crate::engine::cases::{CaseVerdict, Report};

/// Reports every case that failed, with what came out and why.
pub(super) fn check(report: &Report, findings: &mut Vec<Diagnostic>) {
    for case in report.cases.iter().filter(|case| case.verdict != CaseVerdict::Passed) {
        let message = match case.actual.as_str() {
            "" => "this case could not be decided".to_owned(),
            actual => format!("this case comes out as `{actual}`"),
        };
        let mut finding = Diagnostic::new(Code::P0805, case.span, message)
            .label(format!("case {} of \"{}\" expects `{}`", case.number, case.test, case.expected))
            .help("mend the rules, or the case; `ccr-policy test` shows the whole way");
        for reason in &case.because {
            finding = finding.note(reason.as_str());
        }
        findings.push(finding);
    }
}
