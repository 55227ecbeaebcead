//! What stands in the brackets of built-in transforms.

use super::super::Lower;
use super::super::values::text_of;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{Field, Value, ValueKind};
use crate::dsl::transform::table::{self, Arguments, SamplingEntry, TransformEntry};
use crate::dsl::transform::{Sampling, SamplingRule, Template, Transform};

/// Most tokens of a cap: as many as a model may declare.
const MOST_TOKENS: f64 = 1e9;

/// A transform that needs no arguments, by name.
pub(super) fn without(name: &str) -> Option<Transform> {
    Some(match name {
        "max_completion_tokens" => Transform::MaxCompletionTokens,
        "clean_cache" => Transform::CleanCache,
        "reasoning" => Transform::Reasoning,
        "think_tag" => Transform::ThinkTag,
        "tool_use" => Transform::ToolUse,
        "tool_repair" => Transform::ToolRepair,
        "schema_clean" => Transform::SchemaClean(Vec::new()),
        "system_as_user" => Transform::SystemAsUser,
        "trim_history" => Transform::TrimHistory(None),
        "emulate_tools" => Transform::EmulateTools,
        _ => return None,
    })
}

impl Lower<'_, '_> {
    /// A built-in transform. `whole` is all of it, `arguments` what stands in its brackets.
    pub(super) fn built_in(
        &mut self,
        row: &TransformEntry,
        whole: &Value,
        arguments: Option<&[Value]>,
    ) -> Option<Transform> {
        let none = arguments.is_none();
        let only = match arguments {
            Some([only]) => Some(only),
            _ => None,
        };
        match row.arguments {
            Arguments::None | Arguments::MaybeTokens | Arguments::Words if none => without(row.name),
            Arguments::Tokens | Arguments::MaybeTokens => {
                let tokens = self.tokens(only, row, whole)?;
                Some(if row.name == "trim_history" {
                    Transform::TrimHistory(Some(tokens))
                } else {
                    Transform::MaxTokens(tokens)
                })
            }
            Arguments::Words => {
                let words: Option<Vec<String>> = arguments.unwrap_or_default().iter().map(text_of).collect();
                match words.filter(|words| !words.is_empty()) {
                    Some(words) => Some(Transform::SchemaClean(words)),
                    None => self.takes(row, whole.span, "texts, or nothing"),
                }
            }
            Arguments::Sampling => self.sampling(only, row, whole),
            Arguments::Values => {
                let Some(ValueKind::Map(fields)) = only.map(|only| &only.kind) else {
                    return self.takes(row, whole.span, "a group of values");
                };
                self.params(fields).map(Transform::Params)
            }
            Arguments::Headers => {
                let Some(Value { kind: ValueKind::Map(fields), .. }) = only else {
                    return self.takes(row, whole.span, "a group of texts");
                };
                Some(Transform::Headers(self.header_texts(fields)))
            }
            Arguments::Switch => match only.and_then(switch) {
                Some(on) => Some(Transform::StreamOptions(on)),
                None => self.takes(row, whole.span, "`on` or `off`"),
            },
            Arguments::Search => match only.and_then(text_of).as_deref() {
                Some("native") => Some(Transform::WebSearch(true)),
                Some("off") => Some(Transform::WebSearch(false)),
                _ => self.takes(row, whole.span, "`native` or `off`"),
            },
            Arguments::None => self.takes(row, whole.span, "no arguments"),
        }
    }

    /// Says what a transform takes.
    fn takes<T>(&mut self, row: &TransformEntry, at: Span, what: &str) -> Option<T> {
        let finding = Diagnostic::new(Code::P0204, at, format!("`{}` takes {what}", row.name));
        self.report(finding.help(format!("write `{}`", row.example)));
        None
    }

    fn tokens(&mut self, value: Option<&Value>, row: &TransformEntry, whole: &Value) -> Option<u64> {
        let number = match value.map(|value| &value.kind) {
            Some(ValueKind::Number(number)) => *number,
            Some(ValueKind::Bad) => return None,
            _ => return self.takes(row, whole.span, "a whole number of tokens"),
        };
        if !(1.0..=MOST_TOKENS).contains(&number) || number.fract() != 0.0 {
            return self.takes(
                row,
                value.map_or(whole.span, |value| value.span),
                "a whole number of tokens, 1 or more",
            );
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in its bounds")]
        Some(number as u64)
    }

    fn sampling(&mut self, value: Option<&Value>, row: &TransformEntry, whole: &Value) -> Option<Transform> {
        let fields = match value.map(|value| &value.kind) {
            Some(ValueKind::Map(fields)) if !fields.is_empty() => fields,
            Some(ValueKind::Bad) => return None,
            _ => return self.takes(row, whole.span, "a group of parameters"),
        };
        let mut parameters: Vec<Sampling> = Vec::new();
        for field in fields {
            let key = &field.key.text;
            let Some(known) = table::SAMPLING.iter().find(|known| known.name == key) else {
                let names: Vec<&str> = table::SAMPLING.iter().map(|known| known.name).collect();
                let finding =
                    Diagnostic::new(Code::P0109, field.key.span, format!("`sampling` has no parameter `{key}`"));
                self.report(match nearest(key, names.iter().copied()) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding.help(format!("it takes: {}; others go into `params`", names.join(", "))),
                });
                continue;
            };
            if parameters.iter().any(|earlier| earlier.parameter == *key) {
                self.report(Diagnostic::new(Code::P0111, field.key.span, format!("`{key}` is set twice")));
                continue;
            }
            if let Some(rule) = self.sampling_rule(known, &field.value) {
                parameters.push(Sampling { parameter: key.clone(), rule });
            }
        }
        Some(Transform::Sampling(parameters))
    }

    fn sampling_rule(&mut self, known: &SamplingEntry, value: &Value) -> Option<SamplingRule> {
        let (number, rule): (&Value, fn(f64) -> SamplingRule) = match &value.kind {
            ValueKind::Word(word) if word == "off" => return Some(SamplingRule::Remove),
            ValueKind::Call(callee, arguments) if callee.text == "max" => match arguments.as_slice() {
                [only] => (only, SamplingRule::Cap),
                _ => {
                    let finding = Diagnostic::new(Code::P0204, value.span, "`max` takes one number");
                    self.report(finding.help(format!("write `{}: max({})`", known.name, known.most)));
                    return None;
                }
            },
            _ => (value, SamplingRule::Force),
        };
        let ValueKind::Number(found) = number.kind else {
            let finding = super::super::values::wrong_kind(number, "a number, `max(NUMBER)` or `off`");
            self.findings.extend(finding);
            return None;
        };
        let (least, most) = (known.least, known.most);
        if !(least..=most).contains(&found) || known.whole && found.fract() != 0.0 {
            let what = if known.whole { "a whole number" } else { "a number" };
            let finding = Diagnostic::new(Code::P0203, number.span, format!("`{}` is never {found}", known.name));
            self.report(finding.help(format!("it is {what} from {least} to {most}, or `off`")));
            return None;
        }
        Some(rule(found))
    }

    /// The values of `params`, as JSON.
    fn params(&mut self, fields: &[Field]) -> Option<Vec<(String, String)>> {
        let mut params = Vec::new();
        for field in fields {
            let key = &field.key;
            self.owned(std::slice::from_ref(&key.text), key.span);
            if params.iter().any(|(known, _)| *known == key.text) {
                self.report(Diagnostic::new(Code::P0111, key.span, format!("`{}` is set twice", key.text)));
                continue;
            }
            match self.template(&field.value)? {
                Template::Json(json) => {
                    self.member_type(std::slice::from_ref(&key.text), &Template::Json(json.clone()), field.value.span);
                    params.push((key.text.clone(), json));
                }
                _ => {
                    let finding = Diagnostic::new(Code::P0204, field.value.span, "`params` takes plain values");
                    let help = format!("expressions stand in `transform NAME {{ set: {{ {}: … }} }}`", key.text);
                    self.report(finding.help(help));
                }
            }
        }
        Some(params)
    }
}

/// `on` or `off`, also as `true` and `false`.
fn switch(value: &Value) -> Option<bool> {
    match &value.kind {
        ValueKind::Bool(on) => Some(*on),
        ValueKind::Word(word) if word == "on" => Some(true),
        ValueKind::Word(word) if word == "off" => Some(false),
        _ => None,
    }
}
