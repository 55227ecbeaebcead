//! `// ccr: allow P0901 because …` on the line above a finding, and P0906 for those that allow
//! nothing.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::diag::render::Positions;
use crate::diag::{Code, Diagnostic, Edit, Severity, SourceId, Sources, Span};
use crate::dsl::Comment;

/// Drops the warnings that a comment allows, and reports comments that allow nothing. `looked` says
/// whether a code was looked for: only then can its comment be known to allow nothing.
pub(super) fn allow(
    comments: &[Comment],
    sources: &Sources,
    looked: &dyn Fn(&str) -> bool,
    findings: &mut Vec<Diagnostic>,
) {
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
                let text = sources.get(span.source).map_or("", |source| source.text.as_str());
                for below in lines_below(text.get(span.range().end..).unwrap_or("")) {
                    allowed.insert((span.source, line(*span) + below, code.to_owned()), number);
                }
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
            && looked(code)
        {
            let finding =
                Diagnostic::new(Code::P0906, *span, format!("nothing on the next line is reported as `{code}`"));
            let edit = Edit { span: with_its_line(*span, sources), text: String::new() };
            reports.push(finding.help("remove the comment; only warnings can be allowed, and P0708 never").fix(
                "remove the comment",
                true,
                vec![edit],
            ));
        }
    }
    findings.extend(reports);
}

/// The lines that a comment speaks of, counted from its own: the next one that is no comment, and
/// where that is a statement over several lines, as `fmt` breaks long ones, all of it.
pub(super) fn lines_below(behind: &str) -> std::ops::RangeInclusive<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = (0..).zip(behind.lines()).skip(1).skip_while(|(_, line)| line.trim_start().starts_with("//"));
    let Some((first, head)) = lines.next() else { return 1..=1 };
    // An item's fields and rules are findings of their own.
    let is_item = indent(head) == 0;
    let goes_on = |line: &str| {
        let closes = line.trim_start().starts_with(['}', ']', ')']);
        indent(line) > indent(head) && !line.trim().is_empty() || indent(line) == indent(head) && closes
    };
    let last = lines.take_while(|(_, line)| !is_item && goes_on(line)).last().map_or(first, |(last, _)| last);
    first..=last
}

/// Errors stay: what is built from the policy relies on them. So does P0708, or `serve` would
/// ignore what the policy says.
fn allowable(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Warning && finding.code != Code::P0708
}

/// A comment with the blanks before it, and its whole line where nothing else stands on it.
fn with_its_line(span: Span, sources: &Sources) -> Span {
    let text = sources.get(span.source).map_or("", |source| source.text.as_str());
    let range = span.range();
    let before = text.get(..range.start).unwrap_or("");
    let start = before.trim_end_matches([' ', '\t']).len();
    let alone = start == 0 || before.get(..start).is_some_and(|before| before.ends_with('\n'));
    let line_feed = alone && text.get(range.end..).is_some_and(|rest| rest.starts_with('\n'));
    Span::new(span.source, start, range.end + usize::from(line_feed))
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
