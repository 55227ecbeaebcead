//! Carries out the changes that findings bring, as long as they keep the meaning.

use super::{Checked, Wanted, check_for};
use crate::bounds::MAX_FIX_ROUNDS;
use crate::diag::{Diagnostic, Edit, Severity, SourceId, Sources};

/// Texts after their safe changes.
#[derive(Debug)]
pub struct Mended {
    /// all texts, changed or not, under the same numbers
    pub sources: Sources,
    /// the findings that were mended, in the order in which that was done; their places are those of
    /// the texts at that time
    pub done: Vec<Diagnostic>,
    /// what is found in the texts now
    pub checked: Checked,
}

/// The texts that the safe changes of these findings alter. Of changes that overlap the first is made;
/// the others may come up again when the result is checked.
#[must_use]
pub fn fix(sources: &Sources, findings: &[Diagnostic]) -> Vec<(SourceId, String)> {
    let edits = plan(findings).into_iter().flat_map(edits).cloned().collect();
    carry_out(sources, edits)
}

/// Applies safe changes until there are none left. A round that would make a policy worse (more
/// errors, or none where there was a policy) is not made.
#[must_use]
pub fn mend(sources: &Sources) -> Mended {
    mend_for(sources, &Wanted::default())
}

/// As [`mend`], with what was asked for besides.
#[must_use]
pub fn mend_for(sources: &Sources, wanted: &Wanted<'_>) -> Mended {
    let mut mended = Mended { sources: sources.clone(), done: Vec::new(), checked: check_for(sources, wanted) };
    for _ in 0..MAX_FIX_ROUNDS {
        let chosen: Vec<Diagnostic> = plan(&mended.checked.diagnostics).into_iter().cloned().collect();
        let changed = fix(&mended.sources, &chosen);
        if changed.is_empty() {
            break;
        }
        let mut next = Sources::default();
        for (id, source) in mended.sources.iter() {
            let text = changed.iter().find(|(other, _)| *other == id).map_or(&source.text, |(_, text)| text);
            next.add(source.name.as_str(), text.as_str());
        }
        let checked = check_for(&next, wanted);
        let errors = |checked: &Checked| {
            checked.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).count()
        };
        if errors(&checked) > errors(&mended.checked) || mended.checked.policy.is_some() && checked.policy.is_none() {
            break;
        }
        mended.done.extend(chosen);
        (mended.sources, mended.checked) = (next, checked);
    }
    mended
}

fn edits(finding: &Diagnostic) -> &[Edit] {
    finding.fix.as_ref().map(|fix| fix.edits.as_slice()).unwrap_or_default()
}

/// The findings whose changes are made together: safe ones, no two at the same place.
fn plan(findings: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut taken: Vec<&Edit> = Vec::new();
    let mut chosen = Vec::new();
    for finding in findings.iter().filter(|finding| finding.fix.as_ref().is_some_and(|fix| fix.safe)) {
        let apart = |edit: &Edit| taken.iter().all(|other| are_apart(edit, other));
        if !edits(finding).is_empty() && edits(finding).iter().all(apart) {
            taken.extend(edits(finding));
            chosen.push(finding);
        }
    }
    chosen
}

fn are_apart(one: &Edit, other: &Edit) -> bool {
    let (a, b) = (one.span, other.span);
    a.source != b.source || a.end <= b.start && a.start != b.start || b.end <= a.start && a.start != b.start
}

/// The changed texts. Edits do not overlap.
fn carry_out(sources: &Sources, mut edits: Vec<Edit>) -> Vec<(SourceId, String)> {
    edits.sort_by_key(|edit| (edit.span.source, edit.span.start));
    let mut changed = Vec::new();
    for (id, source) in sources.iter() {
        let mut out = String::with_capacity(source.text.len());
        let mut copied = 0;
        for edit in edits.iter().filter(|edit| edit.span.source == id) {
            let range = edit.span.range();
            out.push_str(source.text.get(copied..range.start).unwrap_or(""));
            out.push_str(&edit.text);
            copied = range.end;
        }
        out.push_str(source.text.get(copied..).unwrap_or(""));
        if out != source.text {
            changed.push((id, out));
        }
    }
    changed
}
