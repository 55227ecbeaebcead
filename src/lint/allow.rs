//! `// ccr: allow P0901 because …` on the line above a finding, and P0906 for those that allow
//! nothing.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::diag::render::Positions;
use crate::diag::{Code, Diagnostic, Severity, SourceId, Sources, Span};
use crate::dsl::Comment;

/// Drops the warnings that a comment allows, and reports comments that allow nothing.
pub(super) fn allow(comments: &[Comment], sources: &Sources, findings: &mut Vec<Diagnostic>) {
    if comments.is_empty() {
        return;
    }
    let positions = Positions::new(sources);
    let line = |span: Span| positions.start(span).line;
    let mut allowed: FxHashMap<(SourceId, usize, String), usize> = FxHashMap::default();
    let mut reports = Vec::new();
    for (number, Comment { span, text }) in comments.iter().enumerate() {
        match parse(text) {
            Ok(code) => {
                allowed.insert((span.source, line(*span) + 1, code.to_owned()), number);
            }
            Err(help) => reports.push(Diagnostic::new(Code::P0906, *span, "this comment allows nothing").help(help)),
        }
    }
    let mut used: FxHashSet<usize> = FxHashSet::default();
    findings.retain(|finding| {
        let Some(place) = finding.primary.as_ref() else { return true };
        let key = (place.span.source, line(place.span), finding.code.as_str().to_owned());
        let Some(number) = allowed.get(&key).filter(|_| allowable(finding)) else { return true };
        used.insert(*number);
        false
    });
    for (number, Comment { span, text }) in comments.iter().enumerate() {
        if let Ok(code) = parse(text)
            && !used.contains(&number)
        {
            let finding =
                Diagnostic::new(Code::P0906, *span, format!("nothing on the next line is reported as `{code}`"));
            reports.push(finding.help("remove the comment; only warnings can be allowed, and P0708 never"));
        }
    }
    findings.extend(reports);
}

/// Errors stay: what is built from the policy relies on them. So does P0708, or `serve` would
/// ignore what the policy says.
fn allowable(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Warning && finding.code != Code::P0708
}

/// The code that a comment allows.
fn parse(text: &str) -> Result<&str, &'static str> {
    const FORM: &str = "write `// ccr: allow P0901 because …`, with the reason";
    let rest = text.trim_start_matches('/').trim().strip_prefix("ccr:").ok_or(FORM)?.trim();
    let rest = rest.strip_prefix("allow").ok_or(FORM)?.trim();
    let (code, reason) = rest.split_once(char::is_whitespace).ok_or(FORM)?;
    let reason = reason.trim().strip_prefix("because").ok_or(FORM)?.trim();
    let known = crate::diag::codes::REGISTRY.iter().any(|entry| entry.code.as_str() == code);
    if !known {
        return Err("there is no such code");
    }
    if reason.is_empty() { Err(FORM) } else { Ok(code) }
}
