//! Values of fields: numbers with units, strings with escapes, lists, groups.

use std::time::Duration;

use pest::iterators::Pair;

use super::{Parser, Rule};
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::ast::{Field, Value, ValueKind, Word};

/// The length of a pair without the blanks and comments that rules ending in `*` or `?` take in.
pub(super) fn trimmed_length(pair: &Pair<'_, Rule>) -> usize {
    let own = pair.as_span();
    match pair.as_rule() {
        // These end in an optional part: the end of their last child is their end.
        Rule::expr
        | Rule::binary
        | Rule::unary
        | Rule::ident_or_call
        | Rule::select
        | Rule::target
        | Rule::attempt
        | Rule::reject
        | Rule::split
        | Rule::choice
        | Rule::rule_stmt
        | Rule::default_rule
        | Rule::let_stmt
        | Rule::case
        | Rule::outcome
        | Rule::value
        | Rule::field
        | Rule::word_field => {
            let last = pair.clone().into_inner().next_back();
            last.map_or(own.end() - own.start(), |child| child.as_span().start() - own.start() + trimmed_length(&child))
        }
        _ => own.as_str().len(),
    }
}

/// What is wrong with an escape: where in the literal, and which.
pub(super) struct BadEscape {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The text that a string literal stands for. `first` is the byte offset of its first quote.
pub(super) fn unescape(literal: &str) -> Result<String, BadEscape> {
    let body = literal.trim_start_matches(['r', 'R']);
    let prefix = literal.len() - body.len();
    let width = if body.starts_with("\"\"\"") || body.starts_with("'''") { 3 } else { 1 };
    let inner = body.get(width..body.len().saturating_sub(width)).unwrap_or("");
    if prefix > 0 || !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let mut out = String::with_capacity(inner.len());
    let mut at = 0;
    while let Some(rest) = inner.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(slash) = rest.find('\\') else {
            out.push_str(rest);
            break;
        };
        out.push_str(rest.get(..slash).unwrap_or(""));
        let escape = rest.get(slash..).unwrap_or("");
        match one_escape(escape) {
            Some((found, length)) => {
                out.push(found);
                at += slash + length;
            }
            None => {
                let length = escape.chars().take(2).map(char::len_utf8).sum::<usize>();
                let start = width + at + slash;
                return Err(BadEscape { start, end: start + length });
            }
        }
    }
    Ok(out)
}

/// The character of an escape and the bytes it takes.
fn one_escape(escape: &str) -> Option<(char, usize)> {
    let kind = escape.chars().nth(1)?;
    let simple = match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '?' | '"' | '\'' | '`' | '/' => kind,
        'x' | 'X' => return hex(escape, 2),
        'u' => return surrogates(escape).or_else(|| hex(escape, 4)),
        'U' => return hex(escape, 8),
        '0'..='3' => {
            let digits = escape.get(1..4).filter(|digits| digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)))?;
            return Some((char::from_u32(u32::from_str_radix(digits, 8).ok()?)?, 4));
        }
        _ => return None,
    };
    Some((simple, 2))
}

fn hex(escape: &str, length: usize) -> Option<(char, usize)> {
    let digits = escape.get(2..2 + length).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, 2 + length))
}

/// JSON writes characters beyond the basic plane as two escapes.
fn surrogates(escape: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut found = char::decode_utf16([unit(0)?, unit(6)?]);
    let first = found.next()?.ok()?;
    found.next().is_none().then_some((first, 12))
}

/// A number with `k` or `M` behind it.
fn scaled(text: &str) -> f64 {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    digits.parse::<f64>().unwrap_or(f64::INFINITY) * factor
}

/// A duration such as `30s`; None when it is beyond any use.
fn duration(text: &str) -> Option<Duration> {
    const UNITS: &[(&str, f64)] = &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];
    const MOST_SECONDS: f64 = 3660.0 * 86400.0;
    let (digits, seconds) = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)))?;
    let total = digits.parse::<f64>().ok()? * seconds;
    (total <= MOST_SECONDS).then(|| Duration::from_secs_f64(total))
}

impl<'a> Parser<'a, '_> {
    /// The text of a string literal; a bad escape is reported.
    pub(super) fn string(&mut self, pair: &Pair<'_, Rule>) -> String {
        let span = self.span(pair);
        match unescape(pair.as_str()) {
            Ok(text) => text,
            Err(bad) => {
                let at = span.start as usize;
                let place = Span::new(self.id, at + bad.start, at + bad.end);
                let shown = pair.as_str().get(bad.start..bad.end).unwrap_or("\\").to_owned();
                self.report(
                    Diagnostic::new(Code::P0008, place, format!("`{shown}` is not an escape"))
                        .help(format!("write `\\{shown}` for a backslash, or a raw string: r\"…\"")),
                );
                String::new()
            }
        }
    }

    pub(super) fn fields(&mut self, body: Pair<'a, Rule>) -> Vec<Field> {
        body.into_inner()
            .filter(|child| matches!(child.as_rule(), Rule::field | Rule::word_field))
            .map(|field| self.field(field))
            .collect()
    }

    pub(super) fn field(&mut self, field: Pair<'a, Rule>) -> Field {
        let mut key = self.empty_word();
        let mut value = Value { kind: ValueKind::Bad, span: self.span(&field) };
        for child in field.into_inner() {
            match child.as_rule() {
                Rule::key | Rule::word_key => {
                    key = self.word(&child);
                    if key.text.ends_with(['"', '\'']) {
                        key.text = self.string(&child);
                    }
                }
                Rule::value => value = self.value(child),
                _ => {}
            }
        }
        Field { key, value }
    }

    /// A value. Nesting is bounded by the scanner.
    pub(super) fn value(&mut self, pair: Pair<'a, Rule>) -> Value {
        let mut span = self.span(&pair);
        let Some(child) = pair.into_inner().next() else { return Value { kind: ValueKind::Bad, span } };
        if child.as_rule() != Rule::expr {
            span = self.span(&child);
        }
        let text = child.as_str();
        let kind = match child.as_rule() {
            Rule::string => ValueKind::String(self.string(&child)),
            Rule::word => ValueKind::Word(text.to_owned()),
            Rule::boolean => ValueKind::Bool(text == "true"),
            Rule::number => self.finite(scaled(text), span, ValueKind::Number),
            Rule::percent => {
                self.finite(text.trim_end_matches('%').parse().unwrap_or(f64::INFINITY), span, ValueKind::Percent)
            }
            Rule::duration => match duration(text) {
                Some(found) => ValueKind::Duration(found),
                None => self.bad(span, format!("`{text}` is longer than ten years")),
            },
            Rule::rate => ValueKind::Rate,
            Rule::money => ValueKind::Money,
            Rule::bad_number => {
                self.bad_number(text, span);
                ValueKind::Bad
            }
            Rule::share => ValueKind::Share,
            Rule::after => ValueKind::After,
            Rule::seq => ValueKind::List(self.values(child)),
            Rule::body => ValueKind::Map(self.fields(child)),
            Rule::call => {
                let mut callee = self.empty_word();
                if let Some(name) = child.clone().into_inner().find(|inner| inner.as_rule() == Rule::callee) {
                    callee = self.word(&name);
                }
                ValueKind::Call(callee, self.values(child))
            }
            Rule::expr => ValueKind::Expr(self.expr(child)),
            _ => ValueKind::Bad,
        };
        Value { kind, span }
    }

    fn values(&mut self, pair: Pair<'a, Rule>) -> Vec<Value> {
        pair.into_inner().filter(|child| child.as_rule() == Rule::value).map(|child| self.value(child)).collect()
    }

    fn finite(&mut self, number: f64, span: Span, make: fn(f64) -> ValueKind) -> ValueKind {
        if number.is_finite() { make(number) } else { self.bad(span, "this number is too large".to_owned()) }
    }

    fn bad(&mut self, span: Span, message: String) -> ValueKind {
        self.report(Diagnostic::new(Code::P0007, span, message));
        ValueKind::Bad
    }

    /// Names what is wrong with a number.
    fn bad_number(&mut self, text: &str, span: Span) {
        let mut finding = Diagnostic::new(Code::P0007, span, format!("`{text}` is not a number of this language"));
        let replace = |finding: Diagnostic, meant: String| {
            let edit = Edit { span, text: meant.clone() };
            finding.help(format!("write `{meant}`")).fix(format!("replace it by `{meant}`"), false, vec![edit])
        };
        let digits = text.trim_start_matches(['$', '-']);
        let cut = digits.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(digits.len());
        let (number, unit) = (digits.get(..cut).unwrap_or(""), digits.get(cut..).unwrap_or(""));
        finding = match unit {
            _ if text.starts_with('$') && matches!(unit, "k" | "K" | "M") => {
                let factor = if unit == "M" { 1e6 } else { 1e3 };
                let amount = number.parse::<f64>().unwrap_or(0.0) * factor;
                replace(finding, format!("${amount}"))
            }
            "kb" | "kB" | "KB" | "K" | "Kb" => replace(finding, format!("{number}k")),
            "mb" | "MB" | "Mb" => replace(finding, format!("{number}M")),
            "sec" | "secs" | "second" | "seconds" => replace(finding, format!("{number}s")),
            "min" | "mins" | "minute" | "minutes" => replace(finding, format!("{number}m")),
            "hour" | "hours" | "hr" => replace(finding, format!("{number}h")),
            "day" | "days" => replace(finding, format!("{number}d")),
            _ => match added_up(digits) {
                Some(one) => replace(finding, one).note("a duration has one unit"),
                None => finding.help(
                    "a number takes one unit: `128k` `1M` `30s` `10m` `200ms` `2h` `7d` `90%` `60/min` `$5`; anything else that starts with a digit needs quotes",
                ),
            },
        };
        self.report(finding);
    }

    /// A word as a [`Word`], for rules that hold exactly one.
    pub(super) fn first_word(&self, pair: Pair<'a, Rule>, rule: Rule) -> Word {
        let found = pair.into_inner().find(|child| child.as_rule() == rule);
        found.map_or_else(|| self.empty_word(), |child| self.word(&child))
    }
}

/// `1h30m` in one unit: `90m`.
fn added_up(text: &str) -> Option<String> {
    let mut seconds = 0u64;
    let mut rest = text;
    let mut parts = 0;
    while !rest.is_empty() {
        let cut = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest.get(..cut)?.parse().ok()?;
        let unit = rest.get(cut..)?.chars().next()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            _ => return None,
        };
        seconds = seconds.checked_add(count.checked_mul(factor)?)?;
        rest = rest.get(cut + 1..)?;
        parts += 1;
    }
    let (unit, factor) =
        [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)].into_iter().find(|(_, f)| seconds.is_multiple_of(*f))?;
    (parts > 1).then(|| format!("{}{unit}", seconds / factor))
}
