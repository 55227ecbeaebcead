//! Values of the right kind.

use std::time::Duration;

use super::Lower;
use super::fields::Fields;
use crate::diag::{Code, Diagnostic, Edit};
use crate::dsl::ast::{Field, Value, ValueKind};
use crate::dsl::fields::Block;

/// The text of a string or a word.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) | ValueKind::Word(text) => Some(text.clone()),
        _ => None,
    }
}

/// The finding for a value of the wrong kind; None when it was already reported.
pub(crate) fn wrong_kind(value: &Value, wanted: &str) -> Option<Diagnostic> {
    if matches!(value.kind, ValueKind::Bad) {
        return None;
    }
    let message = format!("{wanted} is expected here, this is {}", value.kind.name());
    Some(Diagnostic::new(Code::P0203, value.span, message))
}

/// Adds what to write when a number or duration stands in quotes.
fn unquoted(finding: Diagnostic, value: &Value) -> Diagnostic {
    let ValueKind::String(text) = &value.kind else { return finding };
    let digits = text.trim_start_matches('-');
    let unit = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let known = matches!(unit, "" | "k" | "M" | "ms" | "s" | "m" | "h" | "d" | "%");
    if known && digits.starts_with(|c: char| c.is_ascii_digit()) {
        return finding.help(format!("write `{text}`, without quotes"));
    }
    finding
}

impl Lower<'_, '_> {
    pub(super) fn wrong(&mut self, value: &Value, wanted: &str) {
        self.findings.extend(wrong_kind(value, wanted));
    }

    pub(super) fn text(&mut self, field: Option<&Field>) -> Option<String> {
        let value = &field?.value;
        let text = text_of(value);
        if text.is_none() {
            self.wrong(value, "a string");
        }
        text
    }

    /// A text that is not empty.
    pub(super) fn word(&mut self, field: Option<&Field>) -> Option<String> {
        let text = self.text(field)?;
        if text.trim().is_empty() {
            let finding = Diagnostic::new(Code::P0203, field?.value.span, "this string is empty");
            self.report(finding.help("write something, or remove the field"));
            return None;
        }
        Some(text)
    }

    pub(super) fn truth(&mut self, field: Option<&Field>) -> Option<bool> {
        let value = &field?.value;
        if let ValueKind::Bool(truth) = value.kind {
            return Some(truth);
        }
        self.wrong(value, "`true` or `false`");
        None
    }

    /// A number between two bounds, both allowed.
    pub(super) fn number(&mut self, field: Option<&Field>, least: f64, most: f64) -> Option<f64> {
        let value = &field?.value;
        let ValueKind::Number(number) = value.kind else {
            let finding = wrong_kind(value, "a number");
            self.findings.extend(finding.map(|finding| self.plain_number(finding, value)));
            return None;
        };
        if !(least..=most).contains(&number) {
            let message = if number < least {
                format!("at least {least} is expected here")
            } else {
                format!("at most {most} is expected here")
            };
            let bound = if number < least { least } else { most };
            self.report(Diagnostic::new(Code::P0203, value.span, message).help(format!("write `{bound}`")));
            return None;
        }
        Some(number)
    }

    /// Says how a number is written that came in quotes or with a currency.
    fn plain_number(&self, finding: Diagnostic, value: &Value) -> Diagnostic {
        if !matches!(value.kind, ValueKind::Money) {
            return unquoted(finding, value);
        }
        let amount = self.shared.sources.slice(value.span).trim_start_matches('$');
        let amount = amount.split('/').next().unwrap_or(amount);
        finding.help(format!("write `{amount}`: the unit is part of what the field means"))
    }

    /// A whole number between two bounds.
    pub(super) fn whole(&mut self, field: Option<&Field>, least: u32, most: u32) -> Option<u64> {
        let number = self.number(field, f64::from(least), f64::from(most))?;
        if number.fract() != 0.0 {
            let finding = Diagnostic::new(Code::P0203, field?.value.span, "a whole number is expected here");
            self.report(finding.help(format!("write `{:.0}`, or `{:.0}`", number.floor(), number.ceil())));
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and between two u32")]
        Some(number as u64)
    }

    pub(super) fn duration(&mut self, field: Option<&Field>) -> Option<Duration> {
        let value = &field?.value;
        match value.kind {
            ValueKind::Duration(duration) => return Some(duration),
            ValueKind::Number(number) => {
                let finding = wrong_kind(value, "a duration")
                    .map(|finding| finding.help(format!("give it a unit: `{number}s` or `{number}ms`")));
                self.findings.extend(finding);
            }
            _ => {
                let finding = wrong_kind(value, "a duration such as `30s`");
                self.findings.extend(finding.map(|finding| unquoted(finding, value)));
            }
        }
        None
    }

    /// A duration above zero.
    pub(super) fn wait(&mut self, field: Option<&Field>) -> Option<Duration> {
        let duration = self.duration(field)?;
        if duration.is_zero() {
            self.report(
                Diagnostic::new(Code::P0203, field?.value.span, "this would end before it begins")
                    .help("give it more than zero"),
            );
            return None;
        }
        Some(duration)
    }

    /// A share, always as a percentage: `0.2` could mean 20 % or 0.2 %.
    pub(super) fn percentage(&mut self, field: Option<&Field>) -> Option<f64> {
        let value = &field?.value;
        match value.kind {
            ValueKind::Percent(percent) if percent <= 100.0 => Some(percent / 100.0),
            ValueKind::Number(number) => {
                let percent = if number <= 1.0 { (number * 1e8).round() / 1e6 } else { number };
                let finding = wrong_kind(value, "a percentage");
                self.findings.extend(finding.map(|finding| finding.help(format!("write `{percent}%`"))));
                None
            }
            ValueKind::Percent(_) => {
                let finding = Diagnostic::new(Code::P0203, value.span, "a share lies between 0% and 100%");
                self.report(finding.help("write `5%`"));
                None
            }
            _ => {
                self.wrong(value, "a percentage");
                None
            }
        }
    }

    /// A list of texts, each once.
    pub(super) fn texts(&mut self, field: Option<&Field>) -> Option<Vec<String>> {
        let value = &field?.value;
        let ValueKind::List(values) = &value.kind else {
            let finding = wrong_kind(value, "a list").map(|finding| match text_of(value) {
                Some(text) => finding.help(format!("write `[{text}]`")),
                None => finding,
            });
            self.findings.extend(finding);
            return None;
        };
        let mut texts: Vec<String> = Vec::new();
        for value in values {
            match text_of(value) {
                Some(text) if texts.contains(&text) => {
                    self.report(Diagnostic::new(
                        Code::P0107,
                        value.span,
                        format!("`{text}` stands twice in this list"),
                    ));
                }
                Some(text) => texts.push(text),
                None => self.wrong(value, "a word"),
            }
        }
        Some(texts)
    }

    /// `env("X")`: the variable's name, which is also noted.
    pub(super) fn env_name(&mut self, value: &Value) -> Option<String> {
        match &value.kind {
            ValueKind::Call(callee, arguments) if callee.text == "env" => match arguments.as_slice() {
                [Value { kind: ValueKind::String(name), span }] if is_env_name(name) => {
                    self.note_env(name, *span);
                    Some(name.clone())
                }
                [Value { kind: ValueKind::Word(name), .. }] if is_env_name(name) => {
                    let finding = Diagnostic::new(Code::P0203, value.span, "the name of the variable stands in quotes");
                    let edit = Edit { span: value.span, text: format!("env(\"{name}\")") };
                    let finding = finding.help(format!("write `env(\"{name}\")`"));
                    self.report(finding.fix("put it in quotes", true, vec![edit]));
                    None
                }
                _ => {
                    let finding =
                        Diagnostic::new(Code::P0203, value.span, "`env` takes the name of an environment variable");
                    self.report(finding.help("write `env(\"NAME\")`, letters, digits and `_`"));
                    None
                }
            },
            ValueKind::Call(callee, _) if callee.text == "command" => {
                self.unserved(value.span, "`command(…)`");
                None
            }
            ValueKind::String(_) | ValueKind::Word(_) => {
                let finding =
                    Diagnostic::new(Code::P0203, value.span, "a key is read from the environment, never written here");
                self.report(finding.help("write `env(\"NAME\")`, the name of the environment variable that holds it"));
                None
            }
            _ => {
                self.wrong(value, "`env(\"NAME\")`");
                None
            }
        }
    }

    /// Finishes reading a block.
    pub(super) fn finish(&mut self, fields: Fields<'_>) {
        fields.finish(self.findings);
    }

    /// Starts reading a block.
    pub(super) fn start<'v>(&mut self, owner: String, block: Block, fields: &'v [Field]) -> Fields<'v> {
        Fields::new(owner, block, fields, self.findings)
    }
}

fn is_env_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
