//! What was found in words.

use std::fmt::Write as _;

use crate::diag::visible;

use super::tally::{Move, Place, Report, Sum};

/// Most places that are listed; the rest is counted.
const SHOWN: usize = 20;

impl Report {
    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.head(&mut out);
        if !self.moves.is_empty() {
            out.push('\n');
            lines(&mut out, &self.moves.iter().map(|moved| (moved.sum, moved.words())).collect::<Vec<_>>());
        }
        if self.tenants.len() > 1 {
            out.push_str("\nby tenant\n");
            lines(&mut out, &self.tenants.iter().map(|(name, sum)| (*sum, name.clone())).collect::<Vec<_>>());
        }
        self.cost(&mut out);
        self.notes(&mut out);
        // A record may come from anywhere.
        visible(&out).into_owned()
    }

    fn head(&self, out: &mut String) {
        let _ = write!(out, "{}", counted(self.requests, "recorded request"));
        if let (Some(first), Some(last)) = (self.first, self.last) {
            let _ = write!(out, ", {} to {}", first.format("%Y-%m-%d %H:%M"), last.format("%Y-%m-%d %H:%M UTC"));
        }
        let replayed = self.replayed.requests;
        let _ = match self.changed {
            0 if replayed == 0 => writeln!(out, "\nnone of them can be replayed"),
            0 => writeln!(out, "\nnone of the {} replayed goes another way", counted(replayed, "request")),
            changed => {
                writeln!(out, "\n{changed} of {replayed} replayed go another way ({})", share(changed, replayed))
            }
        };
    }

    fn cost(&self, out: &mut String) {
        let Sum { priced, before_usd, after_usd, .. } = self.replayed;
        if priced == 0 {
            return;
        }
        let more = self.replayed.more_usd();
        if more.abs() < 0.000_000_5 {
            let _ = writeln!(out, "\nthe cost stays the same: {}", dollars(before_usd));
            return;
        }
        let word = if more > 0.0 { "more" } else { "less" };
        let total = format!("{} instead of {}", dollars(after_usd), dollars(before_usd));
        let _ = write!(out, "\ncosts {} {word} over the recorded time: {total}", dollars(more.abs()));
        let _ = match self.more_usd_a_day {
            Some(a_day) => writeln!(out, "; at this rate {} {word} a day", dollars(a_day.abs())),
            None => writeln!(out),
        };
    }

    fn notes(&self, out: &mut String) {
        if self.not_replayed > 0 {
            let _ = writeln!(
                out,
                "\n{} cannot be replayed, because the record does not say:",
                counted(self.not_replayed, "request")
            );
            for (what, count) in &self.unknown {
                let _ = writeln!(out, "{count:>9}  {what}");
            }
        }
        if self.cut_lines > 0 {
            let _ = writeln!(out, "\n{} cut off, and left out", counted(self.cut_lines, "line"));
        }
        for (model, count) in &self.unpriced {
            let _ = writeln!(out, "note: `{model}` has no price; {} left out of the cost", were(*count));
        }
        let when =
            if self.from_record { "had no price when it was recorded" } else { "has no price in the old policy" };
        for (model, count) in &self.unpriced_before {
            let _ = writeln!(out, "note: `{model}` {when}; {} left out of the cost", were(*count));
        }
        if self.without_usage > 0 {
            let without = were(self.without_usage);
            let _ = writeln!(out, "note: {without} left out of the cost: no usage was recorded");
        }
        for (tenant, count) in &self.undeclared_tenants {
            let _ = writeln!(
                out,
                "note: tenant `{tenant}` is not declared any more; {} replayed as nobody's",
                were(*count)
            );
        }
    }
}

impl Move {
    fn words(&self) -> String {
        if self.from == self.to { self.from.words() } else { format!("{} → {}", self.from.words(), self.to.words()) }
    }
}

impl Place {
    fn words(&self) -> String {
        match &self.model {
            Some(model) => format!("{} ({model})", self.decision),
            None => format!("{} (nobody)", self.decision),
        }
    }
}

fn lines(out: &mut String, all: &[(Sum, String)]) {
    for (sum, words) in all.iter().take(SHOWN) {
        let more = sum.more_usd();
        let sign = if more < 0.0 { "-" } else { "+" };
        let cost = if sum.priced == 0 { "no price".to_owned() } else { format!("{sign}{}", dollars(more.abs())) };
        let _ = writeln!(out, "{:>9}  {cost:>12}  {words}", sum.requests);
    }
    if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(out, "           and {more} more");
    }
}

fn were(count: u64) -> String {
    if count == 1 { "1 request was".to_owned() } else { format!("{count} requests were") }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Cents where there are any, else as many digits as say something.
fn dollars(usd: f64) -> String {
    if usd >= 0.01 || usd == 0.0 { format!("${usd:.2}") } else { format!("${usd:.6}") }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^53")]
fn share(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    if percent >= 1.0 { format!("{percent:.1} %") } else { format!("{percent:.3} %") }
}
