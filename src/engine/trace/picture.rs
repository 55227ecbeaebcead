//! A trace as a picture for terminals: the request's way as a rail from the top down, past the
//! rules of each route to the models that would be tried. No line is wider than the terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::text::{Paint, clipped, dollars, lines_of, nearest_text, padded, saw_text, shown_rules, wrapped};
use super::{
    AttemptTrace, CandidateTrace, CandidateVerdict, Look, Resolved, RouteTrace, RuleTrace, RuleVerdict, SplitTrace,
    Trace,
};
use crate::bounds::MAX_SHOWN_ATTEMPTS;
use crate::engine::view::show;

/// Cells of the longest bar.
const BAR_CELLS: usize = 16;
/// Widest condition that the column of conditions grows for.
const MAX_CONDITION_COLUMNS: usize = 44;
/// Narrowest terminal that is drawn for; on a narrower one lines are cut all the same.
const MIN_COLUMNS: usize = 40;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Warn,
}

/// One line in the making: words with tones, cut before they are coloured.
#[derive(Default)]
struct Line(Vec<(String, Tone)>);

impl Line {
    fn with(mut self, text: impl Into<String>, tone: Tone) -> Self {
        self.0.push((text.into(), tone));
        self
    }

    fn plain(self, text: impl Into<String>) -> Self {
        self.with(text, Tone::Plain)
    }

    fn dim(self, text: impl Into<String>) -> Self {
        self.with(text, Tone::Dim)
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| text.width()).sum()
    }

    /// The line within so many columns; a CJK character takes two.
    fn render(self, columns: usize, paint: Paint) -> String {
        let whole = self.width();
        let mut left = if whole > columns { columns.saturating_sub(1) } else { columns };
        let mut out = String::new();
        for (text, tone) in self.0 {
            let fits: String = text
                .chars()
                .take_while(|character| {
                    let width = character.width().unwrap_or(0);
                    let fits = width <= left;
                    left = if fits { left.saturating_sub(width) } else { 0 };
                    fits
                })
                .collect();
            out.push_str(&match tone {
                Tone::Plain => fits,
                Tone::Bold => paint.bold(&fits),
                Tone::Dim => paint.dim(&fits),
                Tone::Good => paint.green(&fits),
                Tone::Bad => paint.red(&fits),
                Tone::Warn => paint.yellow(&fits),
            });
        }
        if whole > columns {
            out.push('…');
        }
        let end = out.trim_end().len();
        out.truncate(end);
        out
    }
}

/// The rail that everything hangs on.
const RAIL: &str = "  │";
/// What stands before the words below a candidate.
const INDENT: &str = "       ";

struct Picture<'t> {
    trace: &'t Trace,
    look: Look,
    lines: Vec<Line>,
    /// the dearest estimate, which has the longest bar
    dearest: f64,
}

impl Trace {
    /// The trace as a picture, with a line feed at its end.
    #[must_use]
    pub fn picture(&self, look: Look) -> String {
        let estimates = self.attempts.iter().flat_map(|attempt| &attempt.candidates).filter_map(|one| one.estimate_usd);
        let dearest = estimates.fold(0.0, f64::max);
        let mut picture = Picture { trace: self, look, lines: Vec::new(), dearest };
        picture.draw();
        let columns = look.columns.max(MIN_COLUMNS);
        let paint = Paint(look.color);
        let mut out: String = picture.lines.into_iter().map(|line| line.render(columns, paint) + "\n").collect();
        if let Some(sent) = &self.sent {
            out.push_str(&self.sent_text(sent, look));
        }
        out
    }
}

impl<'t> Picture<'t> {
    fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn rail(&self) -> Line {
        Line::default().dim(RAIL)
    }

    fn gap(&mut self) {
        let rail = self.rail();
        self.line(rail);
    }

    fn draw(&mut self) {
        let trace = self.trace;
        let tenant = trace.tenant.as_ref().map_or_else(String::new, |tenant| format!(" of {tenant}"));
        let head = Line::default().with("  ● ", Tone::Good).with(format!("request{tenant}"), Tone::Bold);
        self.line(head.dim(format!("  policy {}", trace.policy)));
        for note in &trace.notes {
            let line = self.rail().with("  note  ", Tone::Warn).plain(note.as_str());
            self.line(line);
        }
        let mut routes = trace.routes.iter();
        routes.next().into_iter().for_each(|route| self.route(route));
        self.gap();
        let most = if self.look.all { usize::MAX } else { MAX_SHOWN_ATTEMPTS };
        let mut number = 0_usize;
        let mut decision = trace.attempts.first().map_or("", |attempt| attempt.decision.as_str());
        for attempt in trace.attempts.iter().take(most) {
            if attempt.decision != decision {
                (decision, number) = (&attempt.decision, 0);
            }
            number = number.saturating_add(1);
            self.attempt(number, attempt);
            if let Resolved::Route(_) = attempt.resolved {
                self.gap();
                routes.next().into_iter().for_each(|route| self.route(route));
                self.gap();
            }
        }
        let hidden = trace.attempts.len().saturating_sub(most);
        if hidden > 0 {
            let line = self.rail().dim(format!("  … {hidden} more attempts, --all shows them"));
            self.line(line);
        }
        self.end();
    }

    /// What the client gets in the end.
    fn end(&mut self) {
        let outcome = &self.trace.outcome;
        let line = Line::default().dim("  ╰─▸ ").with(self.trace.decision.as_str(), Tone::Bold).plain("  ");
        let refused = outcome.models.is_empty() || outcome.refusal.is_some();
        let line = line.with(outcome.text(), if refused { Tone::Bad } else { Tone::Good });
        self.line(line);
        let texts = [outcome.reject_text.clone(), outcome.refusal.as_ref().map(super::Refusal::reason)];
        for text in texts.into_iter().flatten() {
            self.line(Line::default().plain("      ").dim(text));
        }
    }

    fn route(&mut self, route: &'t RouteTrace) {
        self.gap();
        self.line(Line::default().with("  ◆ ", Tone::Good).dim("route ").with(route.route.as_str(), Tone::Bold));
        let (rules, hidden) = shown_rules(route, self.look.all);
        let names = rules.iter().map(|rule| rule.rule.width()).max().unwrap_or(0);
        let atoms = rules.iter().flat_map(|rule| lines_of(rule)).map(|(atom, _)| atom.text.width());
        let conditions = atoms.filter(|wide| *wide <= MAX_CONDITION_COLUMNS).max().unwrap_or(0);
        for rule in rules {
            self.rule(rule, names, conditions);
        }
        if let Some(hidden) = hidden {
            let line = self.rail().dim(format!("  {hidden}"));
            self.line(line);
        }
    }

    fn rule(&mut self, rule: &'t RuleTrace, names: usize, conditions: usize) {
        let (mark, tone, name_tone) = match rule.verdict {
            RuleVerdict::Matched => ("✓", Tone::Good, Tone::Good),
            RuleVerdict::NotMatched => ("✗", Tone::Bad, Tone::Plain),
            RuleVerdict::Failed | RuleVerdict::FailedClosed => ("!", Tone::Warn, Tone::Warn),
            RuleVerdict::NotReached => ("·", Tone::Dim, Tone::Dim),
        };
        let decides = matches!(rule.verdict, RuleVerdict::Matched | RuleVerdict::FailedClosed);
        let rail = if decides { Line::default().with("  ├▸", Tone::Good) } else { self.rail().plain(" ") };
        let mut line = rail.with(mark, tone).plain(" ").with(padded(&rule.rule, names), name_tone);
        let mut is_first = true;
        for (atom, is_absorbed) in lines_of(rule) {
            if !is_first {
                self.line(std::mem::take(&mut line));
                line = self.rail().plain(" ".repeat(names.saturating_add(3)));
            }
            is_first = false;
            let saw = if is_absorbed { "error, not needed".to_owned() } else { saw_text(atom, Paint(false)) };
            let condition = padded(&atom.text, conditions);
            // What was seen is what a reader looks for: where a row has no room for it, it gets its own.
            if line.width() + condition.width() + saw.width() + 4 > self.look.columns.max(MIN_COLUMNS) {
                self.line(std::mem::take(&mut line).plain("  ").plain(condition));
                line = self.rail().plain(" ".repeat(names.saturating_add(7))).dim(saw);
            } else {
                line = line.plain("  ").plain(condition).plain("  ").dim(saw);
            }
        }
        if is_first && rule.verdict == RuleVerdict::Matched {
            line = line.dim("  nothing above matched");
        }
        self.line(line);
        if let Some(nearest) = &rule.nearest {
            let blanks = " ".repeat(names.saturating_add(5));
            let line = self.rail().plain(blanks).with("↳ ", Tone::Warn).dim(nearest_text(nearest));
            self.line(line);
        }
    }

    fn attempt(&mut self, number: usize, attempt: &'t AttemptTrace) {
        let tone = if matches!(attempt.resolved, Resolved::Nothing) { Tone::Dim } else { Tone::Bold };
        self.line(Line::default().dim("  ├─ ").dim(format!("{number}  ")).with(attempt.text.as_str(), tone));
        attempt.split.iter().for_each(|split| self.split(split));
        if let Some(rotate) = &attempt.rotate {
            let place =
                format!("ticket {}, turn {} of {}: {}", rotate.ticket, rotate.position + 1, rotate.round, rotate.turn);
            let line = self.rail().plain("     ").dim(place);
            self.line(line);
        }
        let names: Vec<String> =
            attempt.candidates.iter().map(|one| format!("{} ▸ {}", one.model, one.provider)).collect();
        let columns = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let prices = attempt.candidates.iter().filter_map(|one| one.estimate_usd).map(|usd| dollars(usd).len());
        let price_columns = prices.max().unwrap_or(0);
        for (candidate, name) in attempt.candidates.iter().zip(&names) {
            self.candidate(candidate, &padded(name, columns), price_columns);
        }
        let end = match &attempt.resolved {
            Resolved::Model(_) => return,
            Resolved::Nothing => ("nobody can serve".to_owned(), Tone::Warn),
            Resolved::Route(route) => (format!("→ route {route} decides"), Tone::Good),
            Resolved::Refused(status) => (format!("→ the client gets {status}"), Tone::Bad),
            Resolved::Reject(_) => ("→ the request is refused".to_owned(), Tone::Bad),
        };
        let line = self.rail().plain("     ").with(end.0, end.1);
        self.line(line);
    }

    fn split(&mut self, split: &SplitTrace) {
        let value = clipped(&show(crate::facts::Fact::Str(&split.value)));
        let why = split.instead_of.as_ref().map_or_else(String::new, |wanted| format!(", because {wanted} is empty"));
        let line = self.rail().plain("     ").dim(format!("split by {}: hashed {value}{why}", split.by));
        self.line(line);
        for arm in &split.arms {
            let (mark, tone) = if arm.chosen { ("→", Tone::Good) } else { ("·", Tone::Dim) };
            let share = format!(" {:>5} ", format!("{}%", arm.percent));
            let line = self.rail().plain("     ").with(mark, tone).plain(share);
            let bar = padded(&bar(arm.percent / 100.0), BAR_CELLS);
            self.line(line.with(bar, tone).plain("  ").with(arm.text.as_str(), tone));
        }
    }

    fn candidate(&mut self, candidate: &CandidateTrace, name: &str, price_columns: usize) {
        let (mark, tone, name_tone) = match candidate.verdict {
            CandidateVerdict::Chosen => ("✓", Tone::Good, Tone::Bold),
            CandidateVerdict::Skipped => ("✗", Tone::Bad, Tone::Dim),
            CandidateVerdict::Usable => ("·", Tone::Dim, Tone::Plain),
        };
        let mut line = self.rail().plain("     ").with(mark, tone).plain(" ").with(name, name_tone).plain("  ");
        if let Some(skipped) = &candidate.skipped {
            let line = line.dim(skipped.text.as_str());
            return self.line(line);
        }
        line = match candidate.estimate_usd {
            Some(usd) => {
                let share = if self.dearest > 0.0 { usd / self.dearest } else { 0.0 };
                line.plain(format!("{:>price_columns$} ", dollars(usd))).with(padded(&bar(share), BAR_CELLS), tone)
            }
            None => line.dim("no price"),
        };
        for part in candidate.ranked_by.iter() {
            line = line.dim(format!("  {part}"));
        }
        if !candidate.adapted.is_empty() {
            line = line.with(format!("  adapted: no {}", candidate.adapted.join(", no ")), Tone::Warn);
        }
        self.line(line);
        let room = self.look.columns.max(MIN_COLUMNS).saturating_sub(INDENT.len() + RAIL.len());
        for warning in &candidate.warnings {
            for (number, text) in wrapped(&format!("warning: {warning}"), room).into_iter().enumerate() {
                let deeper = if number == 0 { "" } else { "  " };
                let line = self.rail().plain(INDENT).plain(deeper).with(text, Tone::Warn);
                self.line(line);
            }
        }
    }
}

/// A bar of a share from 0 to 1; whatever is more than nothing has a cell.
fn bar(share: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the cells of a bar")]
    let cells = (share.clamp(0.0, 1.0) * BAR_CELLS as f64).ceil() as usize;
    "█".repeat(cells)
}
