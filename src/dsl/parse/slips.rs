//! Slips that many make, told by the token that does not fit and the one before it: what was
//! probably meant, and how it is written here.

use std::ops::Range;

use super::Rule;
use crate::diag::{Code, Diagnostic, Edit, SourceId, Span};
use crate::dsl::lex::{Lexer, Token, TokenKind};

/// A text that did not parse, and where it stopped.
pub(super) struct Stumble<'a> {
    pub(super) id: SourceId,
    pub(super) text: &'a str,
    pub(super) range: Range<usize>,
    pub(super) before: Option<Token>,
    pub(super) found: Token,
    /// what could have stood there
    pub(super) positives: &'a [Rule],
}

impl Stumble<'_> {
    fn wants(&self, rule: Rule) -> bool {
        self.positives.contains(&rule)
    }

    /// An expression could go on here.
    fn in_expression(&self) -> bool {
        self.wants(Rule::or) || self.wants(Rule::and)
    }

    fn found(&self) -> &str {
        self.found.text(self.text)
    }

    fn before(&self) -> &str {
        self.before.map_or("", |token| token.text(self.text))
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.id, start, end)
    }

    fn here(&self) -> Span {
        self.span(self.found.start, self.found.end)
    }

    fn next(&self) -> Option<Token> {
        Lexer::new(self.text, self.found.end).find(|token| token.kind != TokenKind::Comment)
    }

    /// A finding whose help is a replacement.
    fn instead(&self, code: Code, span: Span, message: String, meant: &str) -> Diagnostic {
        Diagnostic::new(code, span, message).help(format!("write `{meant}`")).fix(
            format!("replace it by `{meant}`"),
            false,
            vec![Edit { span, text: meant.to_owned() }],
        )
    }

    /// What was meant, when the slip is a known one.
    pub(super) fn slip(&self) -> Option<Diagnostic> {
        self.comment()
            .or_else(|| self.arrow())
            .or_else(|| self.then())
            .or_else(|| self.number())
            .or_else(|| self.variable())
            .or_else(|| self.nameless())
    }

    fn comment(&self) -> Option<Diagnostic> {
        let slashes = match self.found() {
            "#" => true,
            "/" => {
                self.next().is_some_and(|next| next.text(self.text).starts_with('*') && next.start == self.found.end)
            }
            _ => false,
        };
        let message = format!("`{}` does not start a comment", if self.found() == "#" { "#" } else { "/*" });
        slashes.then(|| Diagnostic::new(Code::P0001, self.here(), message).help("comments start with `//`"))
    }

    /// Another arrow, or none.
    fn arrow(&self) -> Option<Diagnostic> {
        if !self.wants(Rule::arrow) {
            return None;
        }
        let case = self.text.get(self.range.clone()).is_some_and(|text| text.starts_with("given"));
        let shown = self.found();
        if matches!(shown, "→" | "⇒" | "➜") || case && matches!(shown, "=" | "=>" | ":" | "==") {
            let message = format!("`{shown}` does not lead to a target");
            return Some(self.instead(Code::P0005, self.here(), message, "->"));
        }
        let ends = self.in_expression() || case || self.before() == "default";
        let starts_target = matches!(self.found.kind, TokenKind::Word)
            && !matches!(shown, "and" | "or" | "not" | "is" | "state")
            || shown == ":";
        if !ends || !starts_target || self.before() == "not" {
            return None;
        }
        let help = match shown {
            "then" | ":" => format!("write `->` instead of `{shown}`: `rule NAME when CONDITION -> MODEL`"),
            _ if self.wants(Rule::kw_when) => return None,
            _ => format!("write `-> {shown}`"),
        };
        Some(
            Diagnostic::new(Code::P0001, self.here(), format!("`{shown}` cannot stand here"))
                .label("expected `->`")
                .help(help),
        )
    }

    /// Attempts are joined by `then`.
    fn then(&self) -> Option<Diagnostic> {
        let joins = matches!(self.found(), "|" | "||" | "," | "or" | "else" | "/" | "&" | "&&" | ">" | "->" | "+");
        if !self.wants(Rule::kw_then) || self.in_expression() || !joins {
            return None;
        }
        let message = format!("`{}` does not join attempts", self.found());
        let shown = if self.found() == "," { " then" } else { "then" };
        let span = self.here();
        let finding = Diagnostic::new(Code::P0005, span, message).help("write `then` between models: `big then cheap`");
        let edit = Edit { span, text: shown.to_owned() };
        Some(finding.fix("replace it by `then`", false, vec![edit]))
    }

    /// A unit behind a blank, groups of digits, a share without `%`.
    fn number(&self) -> Option<Diagnostic> {
        let shown = self.found();
        if let Some(finding) = self.loose_unit() {
            return Some(finding);
        }
        if let Some(finding) = self.grouped() {
            return Some(finding);
        }
        if self.wants(Rule::percent) && self.found.kind == TokenKind::Number {
            let share: f64 = shown.parse().ok()?;
            let percent = if share <= 1.0 { (share * 1e8).round() / 1e6 } else { share };
            let message = "the share of an arm is a percentage".to_owned();
            return Some(self.instead(Code::P0007, self.here(), message, &format!("{percent}%")));
        }
        None
    }

    /// `20 ms`: the unit does not fit, or was read as a key whose colon is missing.
    fn loose_unit(&self) -> Option<Diagnostic> {
        let is_unit = |token: &Token| matches!(token.text(self.text), "ms" | "s" | "m" | "h" | "d" | "k" | "M" | "%");
        let as_key = self.before.filter(|token| self.wants(Rule::colon) && is_unit(token));
        let unit = as_key.or_else(|| Some(self.found).filter(is_unit))?;
        let head = self.text.get(..unit.start)?.trim_end();
        let start = head.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let number = head.get(start..).filter(|number| !number.is_empty() && head.len() < unit.start)?;
        let meant = format!("{number}{}", unit.text(self.text));
        let message = "a unit stands directly behind its number".to_owned();
        Some(self.instead(Code::P0007, self.span(start, unit.end), message, &meant))
    }

    /// `128,000`, blamed on the comma or on what follows it.
    fn grouped(&self) -> Option<Diagnostic> {
        let comma = match (self.found(), self.before()) {
            (",", _) => self.found,
            (_, ",") => self.before?,
            _ => return None,
        };
        let is_number = |c: char| c.is_ascii_digit() || c == ',';
        let head = self.text.get(..comma.start)?;
        let start = head.trim_end_matches(is_number).len();
        let tail = self.text.get(comma.end..)?;
        let end = comma.end + tail.find(|c| !is_number(c)).unwrap_or(tail.len());
        let shown = self.text.get(start..end)?;
        let mut groups = shown.split(',');
        let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
        if !first || !groups.all(|group| group.len() == 3) {
            return None;
        }
        let message = "digits are not grouped".to_owned();
        Some(self.instead(Code::P0007, self.span(start, end), message, &shown.replace(',', "")))
    }

    /// `$ACME_KEY`, `${ACME_KEY}`.
    fn variable(&self) -> Option<Diagnostic> {
        let rest = self.found().strip_prefix('$')?;
        let braced = rest.is_empty().then(|| self.text.get(self.found.end..)?.strip_prefix('{')?.split('}').next());
        let name = braced.flatten().unwrap_or(rest);
        let fits = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !fits {
            return None;
        }
        let length = if rest.is_empty() { name.len() + 3 } else { name.len() + 1 };
        let span = self.span(self.found.start, self.found.start + length);
        let message = "an environment variable is read by `env`".to_owned();
        Some(self.instead(Code::P0001, span, message, &format!("env(\"{name}\")")))
    }

    /// `rule when …`.
    fn nameless(&self) -> Option<Diagnostic> {
        if self.before() != "rule" || !matches!(self.found(), "when" | "->") {
            return None;
        }
        let finding = Diagnostic::new(Code::P0001, self.here(), "a rule needs a name");
        Some(finding.label("expected a name").help("write `rule NAME when …`"))
    }
}
