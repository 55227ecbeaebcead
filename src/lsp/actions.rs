//! Quick fixes: what a finding offers, a comment that allows a warning, all safe fixes at once.

use std::collections::HashMap;
use std::ops::Range;

use tower_lsp_server::ls_types::{CodeAction, CodeActionKind, Range as Place, TextEdit, Uri, WorkspaceEdit};

use super::diagnostics::{Files, shown, spot};
use super::document::Document;
use crate::diag::{Diagnostic, Fix, Severity};

/// The actions for a range of a document. `findings` are those of `files`, which are the texts as
/// they stand.
#[must_use]
pub fn actions(files: &Files, findings: &[Diagnostic], uri: &Uri, range: &Range<usize>) -> Vec<CodeAction> {
    let mut out = Vec::new();
    let here: Vec<&Diagnostic> = findings.iter().filter(|finding| touches(files, finding, uri, range)).collect();
    for finding in &here {
        if let Some(fix) = &finding.fix {
            out.push(CodeAction {
                title: fix.title.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![shown(files, finding)]),
                edit: edits(files, [fix].into_iter()),
                is_preferred: Some(fix.safe),
                ..CodeAction::default()
            });
        }
    }
    for finding in here.iter().filter(|finding| finding.severity == Severity::Warning) {
        out.extend(allow(files, finding));
    }
    let safe = || findings.iter().filter_map(|finding| finding.fix.as_ref()).filter(|fix| fix.safe);
    if safe().next().is_some() {
        out.push(CodeAction {
            title: "fix all that is safe".to_owned(),
            kind: Some(CodeActionKind::SOURCE_FIX_ALL),
            edit: edits(files, safe()),
            ..CodeAction::default()
        });
    }
    out
}

fn touches(files: &Files, finding: &Diagnostic, uri: &Uri, range: &Range<usize>) -> bool {
    let place = finding.primary.as_ref().and_then(|label| spot(files, label.span));
    place.is_some_and(|(file, _, bytes)| file == uri && bytes.start <= range.end && range.start <= bytes.end)
}

/// The edits of fixes; of two that overlap, the first counts.
fn edits<'f>(files: &Files, fixes: impl Iterator<Item = &'f Fix>) -> Option<WorkspaceEdit> {
    let mut taken: Vec<(Uri, Range<usize>)> = Vec::new();
    let mut changes: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
    for fix in fixes {
        let spots: Option<Vec<_>> = fix.edits.iter().map(|edit| Some((spot(files, edit.span)?, edit))).collect();
        let Some(spots) = spots else { continue };
        let overlaps = |uri: &Uri, range: &Range<usize>| {
            taken.iter().any(|(file, other)| file == uri && range.start <= other.end && other.start <= range.end)
        };
        if spots.iter().any(|((uri, _, range), _)| overlaps(uri, range)) {
            continue;
        }
        for ((uri, document, range), edit) in spots {
            let change = TextEdit { range: document.place(&range), new_text: edit.text.clone() };
            changes.entry(uri.clone()).or_default().push(change);
            taken.push((uri.clone(), range));
        }
    }
    (!changes.is_empty()).then(|| WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() })
}

/// A comment above the line of a warning; the author fills in the reason.
fn allow(files: &Files, finding: &Diagnostic) -> Option<CodeAction> {
    let (uri, document, range) = spot(files, finding.primary.as_ref()?.span)?;
    let (indent, start) = line(document, range.start);
    let code = finding.code.as_str();
    let new_text = format!("{indent}// ccr: allow {code} because …\n");
    let at = document.position(start);
    let changes = HashMap::from([(uri.clone(), vec![TextEdit { range: Place { start: at, end: at }, new_text }])]);
    Some(CodeAction {
        title: format!("allow this warning ({code})"),
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(vec![shown(files, finding)]),
        edit: Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }),
        ..CodeAction::default()
    })
}

/// The blanks that the line of a byte begins with, and where it begins.
fn line(document: &Document, offset: usize) -> (&str, usize) {
    let head = document.text().get(..offset).unwrap_or("");
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let rest = document.text().get(start..).unwrap_or("");
    let width = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    (rest.get(..width).unwrap_or(""), start)
}
