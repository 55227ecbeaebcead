//! A trace for a terminal: one mark a line, columns by display width.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::pretty::pretty;
use super::{
    AtomTrace, AttemptTrace, CandidateTrace, CandidateVerdict, Nearest, Outcome, Refusal, Resolved, RouteTrace,
    RuleTrace, RuleVerdict, Sent, Trace,
};
use crate::bounds::{MAX_SHOWN_ATTEMPTS, MAX_SHOWN_RULES};
use crate::dsl::policy::EXPLICIT_RULE;
use crate::engine::view::show;

/// Widest value that is shown whole; the JSON form has all of it.
const MAX_VALUE_COLUMNS: usize = 60;
/// Widest condition that the column of conditions grows for; what a wider one saw stands below it.
const MAX_CONDITION_COLUMNS: usize = 48;
/// Narrowest column that text is wrapped in.
const MIN_WRAP_COLUMNS: usize = 30;
/// Rules before and behind the one that decided, which are always shown.
const NEAR: usize = 3;
/// Most rules behind the one that decided before they are folded into a line.
const MOST_BEHIND: usize = 4;

/// How a trace is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// with colours
    pub color: bool,
    /// every rule and every attempt, however many there are
    pub all: bool,
    /// columns of the terminal, for the picture
    pub columns: usize,
}

impl Look {
    /// Without colours, bounded, for a terminal of 100 columns.
    pub const PLAIN: Self = Self { color: false, all: false, columns: 100 };
}

/// Puts colours on words, or leaves them as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }
}

impl Outcome {
    /// `coder then mini`, `coder then reject 403`, `nothing: the client gets 503`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts = self.models.clone();
        parts.extend(self.reject.map(|status| format!("reject {status}")));
        let nothing = if parts.is_empty() { "nothing: " } else { "" };
        parts.extend(self.refusal.as_ref().map(|refusal| format!("{nothing}the client gets {}", refusal.status)));
        parts.join(" then ")
    }
}

impl Refusal {
    /// The sentence that the client reads, and when to come back.
    #[must_use]
    pub fn reason(&self) -> String {
        let when = self.retry_after_ms.map_or_else(String::new, |wait| format!("; it may try again in {wait} ms"));
        format!("{}{when}", self.text)
    }
}

impl Trace {
    /// The trace as text, with a line feed at its end; very long ones are cut.
    #[must_use]
    pub fn text(&self, color: bool) -> String {
        self.text_as(Look { color, ..Look::PLAIN })
    }

    /// The trace as text, with a line feed at its end.
    #[must_use]
    pub fn text_as(&self, look: Look) -> String {
        let Look { color, all, .. } = look;
        let paint = Paint(color);
        let mut out = String::new();
        let tenant = self.tenant.as_ref().map_or_else(String::new, |tenant| format!("  tenant {tenant}"));
        let policy = paint.dim(&format!("policy {}{tenant}", self.policy));
        let _ = writeln!(out, "{}  {}  {policy}", paint.dim("decision"), paint.bold(&self.decision));
        let _ = writeln!(out, "{}   {}", paint.dim("outcome"), paint.bold(&self.outcome.text()));
        if let Some(text) = &self.outcome.reject_text {
            let _ = writeln!(out, "          {}", show(crate::facts::Fact::Str(text)));
        }
        if let Some(refusal) = &self.outcome.refusal {
            let _ = writeln!(out, "          {}", refusal.reason());
        }
        for note in &self.notes {
            let _ = writeln!(out, "{}      {}", paint.yellow("note"), note);
        }
        let mut routes = self.routes.iter();
        routes.next().into_iter().for_each(|route| route_text(&mut out, route, all, paint));
        let mut decision = "";
        let mut number = 0;
        let most = if all { usize::MAX } else { MAX_SHOWN_ATTEMPTS };
        for attempt in self.attempts.iter().take(most) {
            if attempt.decision != decision {
                decision = &attempt.decision;
                number = self.attempts_before(attempt);
                let _ = writeln!(out, "\n{} {}", paint.dim("attempts of"), paint.bold(decision));
            }
            number += 1;
            attempt_text(&mut out, number, attempt, look, paint);
            if matches!(attempt.resolved, Resolved::Route(_)) {
                routes.next().into_iter().for_each(|route| route_text(&mut out, route, all, paint));
            }
        }
        let hidden = self.attempts.len().saturating_sub(most);
        if hidden > 0 {
            let _ = writeln!(out, "\n{}", paint.dim(&format!("… {hidden} more attempts, --all shows them")));
        }
        if let Some(sent) = &self.sent {
            out.push_str(&self.sent_text(sent, look));
        }
        out
    }

    /// How many attempts of the same decision stand before this one.
    fn attempts_before(&self, attempt: &AttemptTrace) -> usize {
        let before = self.attempts.iter().take_while(|other| !std::ptr::eq(*other, attempt));
        before.filter(|other| other.decision == attempt.decision).count()
    }
}

/// The rules of a route that are worth a look: the first ones, those that decided or failed with the
/// few before and behind, and whatever has a nearest change; and what is said of the others.
pub(super) fn shown_rules(route: &RouteTrace, all: bool) -> (Vec<&RuleTrace>, Option<String>) {
    // What explicit choice did not take is not worth a line.
    let is_worth = |rule: &&RuleTrace| all || rule.rule != EXPLICIT_RULE || rule.verdict == RuleVerdict::Matched;
    let rules: Vec<&RuleTrace> = route.rules.iter().filter(is_worth).collect();
    let decided =
        rules.iter().position(|rule| matches!(rule.verdict, RuleVerdict::Matched | RuleVerdict::FailedClosed));
    let behind = decided.map_or(0, |decided| rules.len().saturating_sub(decided).saturating_sub(1));
    if all || rules.len() <= MAX_SHOWN_RULES && behind <= MOST_BEHIND {
        return (rules, None);
    }
    let decided = decided.unwrap_or(rules.len());
    let is_near = |at: usize| at.saturating_add(NEAR) >= decided && at <= decided.saturating_add(NEAR);
    let first = if rules.len() <= MAX_SHOWN_RULES { rules.len() } else { MAX_SHOWN_RULES / 2 };
    let is_shown = |at: usize, rule: &RuleTrace| at < first.min(decided) || is_near(at) || rule.nearest.is_some();
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for (at, rule) in rules.into_iter().enumerate() {
        if is_shown(at, rule) { shown.push(rule) } else { hidden.push(rule) }
    }
    let were = match hidden.iter().all(|rule| rule.verdict == RuleVerdict::NotReached) {
        true => " were not reached",
        false => "",
    };
    let s = if hidden.len() == 1 { "" } else { "s" };
    (shown, (!hidden.is_empty()).then(|| format!("… {} more rule{s}{were}, --all shows them", hidden.len())))
}

fn route_text(out: &mut String, route: &RouteTrace, all: bool, paint: Paint) {
    let _ = writeln!(out, "\n{} {}", paint.dim("route"), paint.bold(&route.route));
    let (rules, hidden) = shown_rules(route, all);
    let name_columns = rules.iter().map(|rule| rule.rule.width()).max().unwrap_or(0);
    let atoms = rules.iter().flat_map(|rule| lines_of(rule));
    let condition_columns = atoms.map(|(atom, _)| atom.text.width()).filter(|wide| *wide <= MAX_CONDITION_COLUMNS);
    let condition_columns = condition_columns.max().unwrap_or(0);
    for rule in rules {
        rule_text(out, rule, name_columns, condition_columns, paint);
    }
    if let Some(hidden) = hidden {
        let _ = writeln!(out, "  {}", paint.dim(&hidden));
    }
}

/// The atoms of a rule, absorbed errors last.
pub(super) fn lines_of(rule: &RuleTrace) -> impl Iterator<Item = (&AtomTrace, bool)> {
    let absorbed = rule.absorbed.iter().map(|atom| (atom, true));
    rule.because.iter().map(|atom| (atom, false)).chain(absorbed)
}

fn rule_text(out: &mut String, rule: &RuleTrace, name_columns: usize, condition_columns: usize, paint: Paint) {
    let name = padded(&rule.rule, name_columns);
    let (mark, name) = match rule.verdict {
        RuleVerdict::Matched => (paint.green("✓"), paint.bold(&name)),
        RuleVerdict::NotMatched => (paint.red("✗"), name),
        RuleVerdict::Failed | RuleVerdict::FailedClosed => (paint.yellow("!"), name),
        RuleVerdict::NotReached => (paint.dim("·"), paint.dim(&name)),
    };
    let _ = write!(out, "  {mark} {name}");
    let mut is_first = true;
    for (atom, is_absorbed) in lines_of(rule) {
        if !is_first {
            let _ = write!(out, "    {}", " ".repeat(name_columns));
        }
        is_first = false;
        let remark = if is_absorbed { "error, not needed".to_owned() } else { saw_text(atom, paint) };
        let gap = if atom.text.width() > condition_columns && !remark.is_empty() {
            format!("\n      {}    ", " ".repeat(name_columns))
        } else {
            "  ".to_owned()
        };
        let _ = writeln!(out, "  {}{gap}{remark}", padded(&atom.text, condition_columns));
    }
    if is_first {
        let remark = match rule.verdict {
            RuleVerdict::NotReached => paint.dim("not reached"),
            RuleVerdict::Matched => "nothing above matched".to_owned(),
            _ => String::new(),
        };
        let _ = writeln!(out, "  {remark}");
    }
    if rule.verdict == RuleVerdict::FailedClosed {
        let _ = writeln!(out, "    {}  it refuses, so an error refuses too", " ".repeat(name_columns));
    }
    if let Some(nearest) = &rule.nearest {
        let _ = writeln!(out, "    {}  {}", " ".repeat(name_columns), paint.dim(&nearest_text(nearest)));
    }
}

/// What would make a rule decide: `would match with request.tokens: 120001 (is 9000)`.
pub(super) fn nearest_text(nearest: &Nearest) -> String {
    match nearest {
        Nearest::With(changes) => {
            let shown = |value: &crate::facts::given::Owned| clipped(&show(value.as_fact()));
            let parts: Vec<String> = changes
                .iter()
                .map(|change| format!("{}: {} (is {})", change.name, shown(&change.would_be), shown(&change.is)))
                .collect();
            format!("would match with {}", parts.join(", "))
        }
        Nearest::Never => "no request comes to it (proved)".to_owned(),
        Nearest::NotFound(by) if by.is_empty() => "no change was found that would make it match".to_owned(),
        Nearest::NotFound(by) => {
            format!("no change was found that would make it match; in the way: `{}`", by.join("`, `"))
        }
    }
}

impl Trace {
    /// What would be sent. A warning that its candidate has told is not told again.
    pub(super) fn sent_text(&self, sent: &Sent, look: Look) -> String {
        let candidates = self.attempts.iter().flat_map(|attempt| &attempt.candidates);
        let told: Vec<&String> =
            candidates.filter(|one| one.model == sent.model).flat_map(|one| &one.warnings).collect();
        let mut out = sent_text(sent, look);
        for warning in sent.warnings.iter().filter(|warning| !told.contains(warning)) {
            warning_lines(&mut out, "  ", warning, look);
        }
        out
    }
}

/// A warning on lines of its own, none wider than the terminal.
fn warning_lines(out: &mut String, indent: &str, warning: &str, look: Look) {
    let room = look.columns.saturating_sub(indent.width());
    for (number, line) in wrapped(&format!("warning: {warning}"), room).into_iter().enumerate() {
        let deeper = if number == 0 { "" } else { "  " };
        let _ = writeln!(out, "{indent}{deeper}{}", Paint(look.color).yellow(&line));
    }
}

/// A text as lines of at most so many columns, broken between words; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(MIN_WRAP_COLUMNS);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() + 2 <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn sent_text(sent: &Sent, look: Look) -> String {
    let (mut out, paint) = (String::new(), Paint(look.color));
    let _ = writeln!(
        out,
        "\n{} {} {}",
        paint.dim("request to"),
        paint.bold(&sent.model),
        paint.dim(&format!("at {}", sent.provider))
    );
    let _ = writeln!(out, "  {} {}", paint.bold(sent.method), sent.url);
    for (name, value) in &sent.headers {
        let _ = writeln!(out, "  {} {value}", paint.dim(&format!("{name}:")));
    }
    match &sent.body {
        Some(body) => {
            let _ = writeln!(out, "\n  {}", pretty(body, 1, look.all));
        }
        None => {
            let text = "no body: facts alone have none; give one with --request FILE";
            let _ = writeln!(out, "\n  {}", paint.yellow(text));
        }
    }
    if !sent.changes.is_empty() {
        let _ = writeln!(out, "\n  {}", paint.dim("transforms"));
    }
    for change in &sent.changes {
        let _ = writeln!(out, "    {change}");
    }
    out
}

pub(super) fn saw_text(atom: &AtomTrace, paint: Paint) -> String {
    if let Some(error) = &atom.error {
        return paint.yellow(&format!("failed: {error}"));
    }
    let parts: Vec<String> = atom
        .saw
        .iter()
        .map(|seen| {
            let value = clipped(&show(seen.value.as_fact()));
            let remark = if seen.default { paint.dim(" (not given)") } else { String::new() };
            format!("{} is {value}{remark}", seen.name)
        })
        .collect();
    parts.join(", ")
}

fn attempt_text(out: &mut String, number: usize, attempt: &AttemptTrace, look: Look, paint: Paint) {
    let _ = writeln!(out, "  {number}  {}", attempt.text);
    if let Some(split) = &attempt.split {
        let value = clipped(&show(crate::facts::Fact::Str(&split.value)));
        let why = split.instead_of.as_ref().map_or_else(String::new, |wanted| format!(", because {wanted} is empty"));
        let _ = writeln!(out, "     {}", paint.dim(&format!("split by {}: hashed {value}{why}", split.by)));
        for arm in &split.arms {
            let mark = if arm.chosen { paint.green("→") } else { paint.dim("·") };
            let _ = writeln!(out, "     {mark} {:>5}  {}", format!("{}%", arm.percent), arm.text);
        }
    }
    if let Some(rotate) = &attempt.rotate {
        let place = format!("ticket {}, turn {} of {}", rotate.ticket, rotate.position + 1, rotate.round);
        let _ = writeln!(out, "     {}", paint.dim(&format!("{place}: {}", rotate.turn)));
    }
    let columns = |of: fn(&CandidateTrace) -> &str| attempt.candidates.iter().map(|one| of(one).width()).max();
    let model_columns = columns(|one| &one.model).unwrap_or(0);
    let provider_columns = columns(|one| &one.provider).unwrap_or(0);
    for candidate in &attempt.candidates {
        let model = padded(&candidate.model, model_columns);
        let provider = paint.dim(&padded(&candidate.provider, provider_columns));
        let (mark, model) = match candidate.verdict {
            CandidateVerdict::Chosen => (paint.green("✓"), paint.bold(&model)),
            CandidateVerdict::Skipped => (paint.red("✗"), model),
            CandidateVerdict::Usable => (paint.dim("·"), model),
        };
        let _ = writeln!(out, "     {mark} {model}  {provider}  {}", remark(candidate, paint));
        for warning in &candidate.warnings {
            warning_lines(out, "       ", warning, look);
        }
    }
    match &attempt.resolved {
        Resolved::Model(_) => {}
        Resolved::Nothing => {
            let _ = writeln!(out, "     {}", paint.yellow("nobody can serve"));
        }
        Resolved::Route(route) => {
            let _ = writeln!(out, "     {} decides", paint.green(&format!("→ route {route}")));
        }
        Resolved::Refused(status) => {
            let _ = writeln!(out, "     {}", paint.red(&format!("→ the client gets {status}")));
        }
        Resolved::Reject(_) => {
            let _ = writeln!(out, "     {}", paint.red("→ the request is refused"));
        }
    }
}

fn remark(candidate: &CandidateTrace, paint: Paint) -> String {
    if let Some(skipped) = &candidate.skipped {
        return format!("skipped: {}", skipped.text);
    }
    let price =
        candidate.estimate_usd.map_or_else(|| "no price".to_owned(), |usd| format!("estimate {}", dollars(usd)));
    let mut parts = vec![price];
    parts.extend(candidate.ranked_by.clone());
    if !candidate.adapted.is_empty() {
        parts.push(paint.yellow(&format!("adapted: no {}", candidate.adapted.join(", no "))));
    }
    parts.join(", ")
}

/// US dollars, down to their millionth: `$0.00131`.
pub(super) fn dollars(usd: f64) -> String {
    let figure = format!("{usd:.6}");
    format!("${}", figure.trim_end_matches('0').trim_end_matches('.'))
}

/// Text with blanks up to a display width; a CJK character takes two columns.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Text cut to [`MAX_VALUE_COLUMNS`].
pub(super) fn clipped(text: &str) -> String {
    if text.width() <= MAX_VALUE_COLUMNS {
        return text.to_owned();
    }
    let mut columns = 0;
    let head: String = text
        .chars()
        .take_while(|character| {
            columns += unicode_width::UnicodeWidthChar::width(*character).unwrap_or(0);
            columns < MAX_VALUE_COLUMNS
        })
        .collect();
    head + "…"
}
