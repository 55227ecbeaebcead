//! Checks in the background, and tests that somebody asked to run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::{Diagnostic, DiagnosticSeverity, LSPAny, MessageType, NumberOrString, Uri};

use super::Shared;
use crate::diag::Severity;
use crate::engine::{Engine, cases};
use crate::lint;
use crate::lsp::diagnostics::{self, Files};
use crate::lsp::state::{Found, Home};

/// How long nobody may type before the checks that prove begin.
const PAUSE: Duration = Duration::from_millis(250);

/// Checks a policy: the fast checks at once, the others when nobody has typed for a moment.
pub(super) fn schedule(shared: &Arc<Shared>, home: &Home) {
    let (shared, home) = (Arc::clone(shared), home.clone());
    let number = shared.state().change_number(&home);
    tokio::spawn(async move {
        let current = || shared.state().change_number(&home) == number;
        let (files, before) = {
            let state = shared.state();
            (state.files(&home), state.found(&home))
        };
        let reading = files.clone();
        let quick = tokio::task::spawn_blocking(move || lint::quick(&diagnostics::sources(&reading))).await;
        let Ok(quick) = quick else { return };
        if !current() {
            return;
        }
        // What the thorough checks said stays until they have looked again.
        let slow = diagnostics::carried(&before.slow, &before.files, &files);
        let findings = quick.iter().chain(&slow).cloned().collect();
        let found = Found { files: files.clone(), findings, slow };
        show(&shared, &home, number, found).await;
        tokio::time::sleep(PAUSE).await;
        if !current() {
            return;
        }
        // A proof cannot be stopped: while one runs, the next of the same policy waits, and of those
        // that wait only the newest still runs.
        let turn = shared.state().turn(&home);
        let _turn = turn.lock().await;
        if !current() {
            return;
        }
        let reading = files.clone();
        let all = tokio::task::spawn_blocking(move || lint::check(&diagnostics::sources(&reading)).diagnostics).await;
        let Ok(all) = all else { return };
        let slow = all.iter().filter(|finding| !quick.contains(finding)).cloned().collect();
        show(&shared, &home, number, Found { files, findings: all, slow }).await;
    });
}

/// Publishes what was found, unless the text has changed since.
async fn show(shared: &Shared, home: &Home, number: u64, found: Found) {
    let lists = diagnostics::publish(&found.files, &found.findings);
    let (gone, versions) = {
        let mut state = shared.state();
        if state.change_number(home) != number {
            return;
        }
        state.set_found(home, found);
        let versions: Vec<Option<i32>> = lists.iter().map(|(uri, _)| state.version(uri)).collect();
        (state.set_shown(home, lists.iter().map(|(uri, _)| uri.clone()).collect()), versions)
    };
    for uri in gone {
        shared.state().forget_said(&uri);
        shared.client.publish_diagnostics(uri, Vec::new(), None).await;
    }
    for ((uri, list), version) in lists.into_iter().zip(versions) {
        // The proofs seldom add something: saying the same of the same text again helps nobody.
        if shared.state().is_news(&uri, &list, version) {
            shared.client.publish_diagnostics(uri, list, version).await;
        }
    }
}

/// What came out of a test.
struct Ran {
    cases: usize,
    failed: Vec<(Uri, Diagnostic)>,
}

/// Runs one test and says what came out.
pub(super) async fn run_test(shared: &Arc<Shared>, home: &Home, title: &str) -> Result<LSPAny> {
    let (files, found, number) = {
        let state = shared.state();
        (state.files(home), state.found(home), state.change_number(home))
    };
    let (reading, wanted) = (files.clone(), title.to_owned());
    let ran = tokio::task::spawn_blocking(move || run(&reading, &wanted)).await;
    let ran = ran.map_err(|_| Error::internal_error())?;
    let ran = match ran {
        Ok(ran) => ran,
        Err(why) => {
            shared.client.show_message(MessageType::ERROR, &why).await;
            return Ok(json!({ "ran": false, "why": why }));
        }
    };
    let passed = ran.cases - ran.failed.len();
    let plural = if ran.cases == 1 { "" } else { "s" };
    let message = format!("test \"{title}\": {passed} of {} case{plural} passed", ran.cases);
    let kind = if ran.failed.is_empty() { MessageType::INFO } else { MessageType::WARNING };
    shared.client.show_message(kind, &message).await;
    let answer = json!({ "ran": true, "cases": ran.cases, "failed": ran.failed.len() });
    if shared.state().change_number(home) == number {
        let findings = if found.files == files { found.findings } else { Vec::new() };
        for (uri, mut list) in diagnostics::publish(&files, &findings) {
            let failed = ran.failed.iter().filter(|(file, _)| *file == uri);
            let fresh = failed.map(|(_, finding)| finding.clone());
            for finding in fresh {
                list.retain(|known| known.range != finding.range || known.code != finding.code);
                list.push(finding);
            }
            let version = shared.state().version(&uri);
            shared.state().forget_said(&uri);
            shared.client.publish_diagnostics(uri, list, version).await;
        }
    }
    Ok(answer)
}

fn run(files: &Files, title: &str) -> std::result::Result<Ran, String> {
    let checked = lint::check(&diagnostics::sources(files));
    // A failed test is an error of the policy too, and no reason not to run it.
    let policy = checked.policy.or_else(|| crate::dsl::load(&diagnostics::sources(files)).policy);
    let Some(policy) = policy else {
        let errors = checked.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).count();
        let plural = if errors == 1 { "" } else { "s" };
        return Err(format!("the policy has {errors} error{plural}; mend them, then run the test again"));
    };
    if !policy.tests.iter().any(|test| test.title == title) {
        return Err(format!("no test has the title `{title}`"));
    }
    let engine = Engine::new(Arc::new(policy));
    let report = cases::run_matching(&engine, title);
    let mine: Vec<_> = report.cases.iter().filter(|case| &*case.test == title).collect();
    let failed = mine.iter().filter(|case| case.verdict != cases::CaseVerdict::Passed);
    let failed = failed.filter_map(|case| {
        let (uri, document, range) = diagnostics::spot(files, case.span)?;
        let mut message = format!("expected {}, got {}", case.expected, case.actual);
        for line in &case.because {
            message.push('\n');
            message.push_str(line);
        }
        let finding = Diagnostic {
            range: document.place(&range),
            severity: Some(DiagnosticSeverity::ERROR),
            code: Some(NumberOrString::String("P0805".to_owned())),
            source: Some("ccr-policy".to_owned()),
            message,
            ..Diagnostic::default()
        };
        Some((uri.clone(), finding))
    });
    Ok(Ran { cases: mine.len(), failed: failed.collect() })
}
