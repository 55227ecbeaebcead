//! P0603: a regular expression that only looks for a text.

use super::Style;
use crate::diag::{Code, Diagnostic, Edit};
use crate::dsl::expr::ast::{Raw, RawKind};
use crate::dsl::expr::print::quoted;

impl Style<'_, '_> {
    /// Reports `matches` where `contains`, `startsWith`, `endsWith` or `==` says the same.
    pub(super) fn plain_regex(&mut self, raw: &Raw, loose: bool) {
        let RawKind::Call(Some(receiver), name, arguments) = &raw.kind else { return };
        let [argument] = arguments.as_slice() else { return };
        let RawKind::String(pattern) = &argument.kind else { return };
        let Some(plain) = Some(pattern).filter(|_| name.text == "matches").and_then(|pattern| plain(pattern)) else {
            return;
        };
        let text = quoted(&plain.text);
        let value = self.text(receiver.span);
        let (meant, edits) = match plain.method() {
            Some(method) => {
                let edits = vec![
                    Edit { span: name.span, text: method.to_owned() },
                    Edit { span: argument.span, text: text.clone() },
                ];
                (format!("{value}.{method}({text})"), edits)
            }
            None => {
                let meant = format!("{value} == {text}");
                let bracketed = if loose { meant.clone() } else { format!("({meant})") };
                (meant, vec![Edit { span: raw.span, text: bracketed }])
            }
        };
        let finding = Diagnostic::new(Code::P0603, argument.span, "this pattern only looks for a text")
            .help(format!("write `{meant}`: it is found together with all other texts, without a regular expression"));
        self.findings.push(if self.text(raw.span).contains("//") && !pattern.contains("//") {
            finding
        } else {
            finding.fix(format!("write `{meant}`"), true, edits)
        });
    }
}

/// A pattern that is a text, maybe bound to an end.
struct Plain {
    text: String,
    from_start: bool,
    to_end: bool,
}

impl Plain {
    /// The method that says the same; None: `==`.
    fn method(&self) -> Option<&'static str> {
        match (self.from_start, self.to_end) {
            (false, false) => Some("contains"),
            (true, false) => Some("startsWith"),
            (false, true) => Some("endsWith"),
            (true, true) => None,
        }
    }
}

/// Reads a pattern without operators. Escaped punctuation stands for itself, but `\<` and `\>` are
/// ends of words.
fn plain(pattern: &str) -> Option<Plain> {
    let (from_start, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let mut plain = Plain { text: String::with_capacity(rest.len()), from_start, to_end: false };
    let mut letters = rest.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let escaped = letters.next().filter(|next| next.is_ascii_punctuation() && !matches!(next, '<' | '>'));
                plain.text.push(escaped?);
            }
            '$' if letters.peek().is_none() => plain.to_end = true,
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            other => plain.text.push(other),
        }
    }
    (!plain.text.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn patterns_are_read() {
        let check = |pattern: &str, expect: Option<(&str, Option<&str>)>| {
            let found = plain(pattern);
            let found = found.as_ref().map(|plain| (plain.text.as_str(), plain.method()));
            assert_eq!(found, expect, "{pattern}");
        };
        check("haiku", Some(("haiku", Some("contains"))));
        check("^gpt-4\\.1", Some(("gpt-4.1", Some("startsWith"))));
        check("\\$$", Some(("$", Some("endsWith"))));
        check("^代码$", Some(("代码", None)));
        check("a.c", None);
        check("a\\d", None);
        check("a\\<", None);
        check("a$b", None);
        check("^$", None);
        check("", None);
        check("(?i)a", None);
        check("a\\", None);
    }
}
