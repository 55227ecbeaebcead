//! Findings without secrets: what every format shows.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::diag::{Code, Diagnostic, Label, SourceId, Sources, secret};

/// Findings and texts whose keys are stars. Offsets hold for both texts; columns are those of the
/// author's own text, so positions are read there.
pub(super) struct Masked<'a> {
    pub(super) findings: Cow<'a, [Diagnostic]>,
    pub(super) sources: Cow<'a, Sources>,
}

impl<'a> Masked<'a> {
    pub(super) fn new(findings: &'a [Diagnostic], sources: &'a Sources) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut masked = Sources::default();
        for (id, source) in sources.iter().filter(|_| !findings.is_empty()) {
            let mut places = secret::places(&source.text);
            places.extend(findings.iter().filter_map(|finding| found_secret(finding, id, sources)));
            let places = secret::merge(places);
            words.extend(places.iter().filter_map(|place| source.text.get(place.clone())).map(str::to_owned));
            masked.add(source.name.as_str(), secret::stars(&source.text, &places));
        }
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return Self { findings: Cow::Borrowed(findings), sources: Cow::Borrowed(sources) };
        }
        let hide = Hide::new(&words);
        let findings = findings.iter().map(|finding| hide.finding(finding)).collect();
        Self { findings: Cow::Owned(findings), sources: Cow::Owned(masked) }
    }
}

/// The inside of a string that was found to be a secret.
fn found_secret(finding: &Diagnostic, id: SourceId, sources: &Sources) -> Option<std::ops::Range<usize>> {
    let span = finding.primary.as_ref().filter(|_| finding.code == Code::P0702)?.span;
    if span.source != id {
        return None;
    }
    let text = sources.slice(span);
    let inner = text.trim_start_matches(['r', 'R', 'b', 'B']).trim_start_matches(['"', '\'']);
    let start = span.range().start + (text.len() - inner.len());
    Some(start..start + inner.trim_end_matches(['"', '\'']).len())
}

/// A shorter secret is hidden in a sentence only where it stands in quotes: it may be a word.
const LEAST_FREE: usize = 8;

/// Replaces secrets in sentences.
struct Hide {
    finder: Option<AhoCorasick>,
}

impl Hide {
    fn new(words: &[String]) -> Self {
        let quoted = |word: &String| ["`", "\"", "'"].map(|quote| format!("{quote}{word}{quote}"));
        let (long, short): (Vec<_>, Vec<_>) = words.iter().partition(|word| word.len() >= LEAST_FREE);
        let patterns = long.into_iter().cloned().chain(short.into_iter().flat_map(quoted));
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
        Self { finder: finder.ok() }
    }

    fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let Some(finder) = &self.finder else { return out };
        finder.replace_all_with(text, &mut out, |_, found, out| {
            let quote = found.chars().next().filter(|c| matches!(c, '`' | '"' | '\'') && found.ends_with(*c));
            out.extend(quote);
            out.push_str("***");
            out.extend(quote);
            true
        });
        secret::stars(&out, &secret::places(&out))
    }

    fn finding(&self, finding: &Diagnostic) -> Diagnostic {
        let label = |label: &Label| Label { span: label.span, text: self.text(&label.text) };
        // A change that would write stars into the file is none.
        let holds_none = |text: &str| self.text(text) == text;
        let fix = finding.fix.as_ref().filter(|fix| fix.edits.iter().all(|edit| holds_none(&edit.text)));
        Diagnostic {
            code: finding.code,
            severity: finding.severity,
            message: self.text(&finding.message),
            primary: finding.primary.as_ref().map(label),
            secondary: finding.secondary.iter().map(label).collect(),
            help: finding.help.as_deref().map(|help| self.text(help)),
            notes: finding.notes.iter().map(|note| self.text(note)).collect(),
            fix: fix.cloned(),
        }
    }
}
