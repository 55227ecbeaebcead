//! Test reports as JUnit's XML, which CI systems read: a suite a policy, a case a case.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::Judged;
use super::coverage::Count;
use crate::diag::render::{Position, Positions};
use crate::engine::cases::{CaseReport, CaseVerdict};

/// All policies as one report, with a line feed at its end.
///
/// # Errors
/// When it cannot be written, which memory alone can cause.
pub fn junit(policies: &[Judged], unread: &[String]) -> Result<String, SerializeError> {
    let mut report = Report::new("ccr-policy");
    report.add_test_suites(policies.iter().map(suite));
    report.add_test_suites(unread.iter().map(|path| without_tests(path)));
    report.to_string()
}

/// A policy whose tests did not run must not look as if it had none.
fn without_tests(path: &str) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(format!("the policy has errors, or cannot be read: ccr-policy check {path}"));
    let mut suite = TestSuite::new(path);
    suite.add_test_case(TestCase::new("the policy loads", status));
    suite
}

fn suite(judged: &Judged) -> TestSuite {
    let mut suite = TestSuite::new(judged.path.as_str());
    if let Some(coverage) = &judged.coverage {
        let counts = [Some(("rules", coverage.rules)), Some(("atoms", coverage.atoms))].into_iter();
        let counts = counts.chain([Some(("attempts", coverage.attempts)), coverage.mcdc.map(|mcdc| ("mcdc", mcdc))]);
        for (name, Count { covered, total }) in counts.flatten().chain([("all", coverage.all())]) {
            suite.add_property((format!("coverage.{name}"), format!("{covered}/{total}")));
        }
        suite.add_property(("coverage.percent".to_owned(), coverage.all().percent().to_string()));
    }
    if let Some(mutants) = &judged.mutants {
        let unnoticed = mutants.unnoticed().count();
        let counts = [("noticed", mutants.noticed), ("not_noticed", unnoticed), ("percent", mutants.percent())];
        for (name, count) in counts {
            suite.add_property((format!("mutants.{name}"), count.to_string()));
        }
    }
    let positions = Positions::new(&judged.sources);
    suite.add_test_cases(judged.report.cases.iter().map(|case| test_case(case, &positions)));
    suite
}

fn test_case(case: &CaseReport, positions: &Positions<'_>) -> TestCase {
    let status = match case.verdict {
        CaseVerdict::Passed => TestCaseStatus::success(),
        CaseVerdict::Failed => failure(case, NonSuccessKind::Failure),
        CaseVerdict::Broken => failure(case, NonSuccessKind::Error),
    };
    let mut written = TestCase::new(format!("case {}: {}", case.number, case.expected), status);
    let Position { line, .. } = positions.start(case.span);
    written.set_classname(case.test.as_ref());
    written.extra.insert("file".into(), positions.path(case.span).into());
    written.extra.insert("line".into(), line.to_string().into());
    written
}

fn failure(case: &CaseReport, kind: NonSuccessKind) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(format!("expected {}, got {}", case.expected, case.actual));
    status.set_type("case").set_description(case.because.join("\n"));
    status
}
