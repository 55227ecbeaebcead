//! Values that are written into a body: JSON, with expressions wherever one stands.

use rustc_hash::FxHashMap;

use super::super::Lower;
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::ast::{Field, Value, ValueKind, Word};
use crate::dsl::expr::ast::{Raw, RawKind};
use crate::dsl::expr::infer::{self, Phase};
use crate::dsl::expr::plain::Computed;
use crate::dsl::expr::typed::{Expr, Kind, Literal, Type};
use crate::dsl::transform::Template;
use crate::dsl::transform::table::{self, MemberType};

impl Lower<'_, '_> {
    /// A value as JSON, or as what computes it. None when something is wrong with it.
    pub(super) fn template(&mut self, value: &Value) -> Option<Template> {
        let json = |text: String| Some(Template::Json(text));
        match &value.kind {
            ValueKind::Bad => None,
            ValueKind::String(text) => json(quoted(text)),
            ValueKind::Bool(truth) => json(truth.to_string()),
            ValueKind::Number(number) => json(number.to_string()),
            ValueKind::Word(word) if word == "null" => json("null".to_owned()),
            ValueKind::List(values) => {
                let items: Vec<Option<Template>> = values.iter().map(|value| self.template(value)).collect();
                let items: Vec<Template> = items.into_iter().collect::<Option<_>>()?;
                let texts: Option<Vec<&str>> = items.iter().map(text_of).collect();
                match texts {
                    Some(texts) => json(format!("[{}]", texts.join(","))),
                    None => Some(Template::List(items)),
                }
            }
            ValueKind::Map(fields) => self.group(fields),
            ValueKind::Word(_) | ValueKind::Call(..) | ValueKind::Expr(_) => {
                let raw = self.raw(value)?;
                self.computed(&raw)
            }
            _ => {
                self.wrong(value, "a value of JSON, or an expression,");
                None
            }
        }
    }

    fn group(&mut self, fields: &[Field]) -> Option<Template> {
        let mut members: Vec<(String, Template)> = Vec::new();
        let mut whole = true;
        for field in fields {
            let key = &field.key;
            if members.iter().any(|(known, _)| *known == key.text) {
                self.report(Diagnostic::new(Code::P0111, key.span, format!("`{}` is set twice", key.text)));
                whole = false;
                continue;
            }
            match self.template(&field.value) {
                Some(value) => members.push((key.text.clone(), value)),
                None => whole = false,
            }
        }
        let texts: Option<Vec<String>> =
            members.iter().map(|(key, value)| Some(format!("{}:{}", quoted(key), text_of(value)?))).collect();
        whole.then(|| match texts {
            Some(texts) => Template::Json(format!("{{{}}}", texts.join(","))),
            None => Template::Map(members),
        })
    }

    fn computed(&mut self, raw: &Raw) -> Option<Template> {
        let expr = infer::infer(raw, &self.shared, &mut FxHashMap::default(), Phase::Candidate, self.findings)?;
        if let Some(ty) = beyond_json(&expr.ty) {
            let finding = Diagnostic::new(Code::P0203, raw.span, format!("JSON has no value of type {ty}"));
            let text = self.shared.sources.slice(raw.span);
            self.report(finding.help(format!("write it as text: `string({text})`")));
            return None;
        }
        self.note_tags(&expr);
        Some(Template::Computed(Box::new(Computed::new(expr))))
    }

    /// Plain data as an expression: the grammar takes a name or a call for data as long as nothing
    /// stands behind it.
    fn raw(&mut self, value: &Value) -> Option<Raw> {
        let span = value.span;
        let kind = match &value.kind {
            ValueKind::Expr(raw) => return Some(raw.clone()),
            ValueKind::Word(word) => return self.path(word, span),
            ValueKind::String(text) => RawKind::String(text.clone()),
            ValueKind::Bool(truth) => RawKind::Bool(*truth),
            ValueKind::Number(number) => number_of(*number, self.shared.sources.slice(span)),
            ValueKind::List(values) => RawKind::List(self.raws(values)?),
            ValueKind::Call(callee, arguments) => RawKind::Call(None, callee.clone(), self.raws(arguments)?),
            _ => {
                self.wrong(value, "a value of an expression");
                return None;
            }
        };
        Some(Raw { kind, span })
    }

    fn raws(&mut self, values: &[Value]) -> Option<Vec<Raw>> {
        values.iter().map(|value| self.raw(value)).collect()
    }

    /// `tenant.id`: a chain of names that begins with one of the table's.
    fn path(&mut self, word: &str, span: Span) -> Option<Raw> {
        let mut raw: Option<Raw> = None;
        let mut at = 0;
        for segment in word.split('.') {
            let place =
                |from: usize, to: usize| Span::new(span.source, span.start as usize + from, span.start as usize + to);
            let end = at + segment.len();
            let name = Word { text: segment.to_owned(), span: place(at, end) };
            raw = Some(match raw {
                None if !infer::is_root(segment) => {
                    let finding = Diagnostic::new(Code::P0203, span, "a text stands in quotes");
                    let edit = Edit { span, text: format!("\"{word}\"") };
                    let finding = finding.help(format!(
                        "write `\"{word}\"`; an expression begins with `request.`, `tenant.` and the like"
                    ));
                    self.report(finding.fix("put it in quotes", true, vec![edit]));
                    return None;
                }
                None => Raw { kind: RawKind::Ident(name.text), span: name.span },
                Some(inner) => Raw { kind: RawKind::Select(Box::new(inner), name), span: place(0, end) },
            });
            at = end + 1;
        }
        raw
    }

    /// Reports a member that the gateway writes itself.
    pub(super) fn owned(&mut self, path: &[String], span: Span) -> bool {
        let Some(first) = path.first().filter(|first| table::OWNED.contains(&first.as_str())) else { return false };
        let finding = Diagnostic::new(Code::P0416, span, format!("`{first}` is written by the gateway"));
        self.report(match first.as_str() {
            "model" => finding.help("the name that a provider knows is the model's `upstream`"),
            "stream" => finding.help("a model that cannot stream has `stream: false`"),
            _ => finding.help("a policy does not rewrite what is said; remove it"),
        });
        true
    }

    /// Reports a value that a known member cannot have, in groups too.
    pub(super) fn member_type(&mut self, path: &[String], value: &Template, span: Span) {
        let joined = path.join(".");
        let of_texts = matches!(path, [group, _] if group == table::TEXTS).then_some(MemberType::Text);
        let known = table::MEMBERS.iter().find(|(known, _)| *known == joined).map(|(_, wanted)| *wanted);
        if let Some(wanted) = known.or(of_texts).filter(|wanted| !fits(*wanted, value)) {
            let finding = Diagnostic::new(
                Code::P0203,
                span,
                format!("`{joined}` is {}, this is {}", wanted.words(), described(value)),
            );
            return self.report(finding.help(match (wanted, value) {
                (MemberType::Text, Template::Computed(_)) => {
                    format!("write it as text: `string({})`", self.shared.sources.slice(span))
                }
                (MemberType::Text, Template::Json(json)) if !json.starts_with(['{', '[']) => {
                    format!("write `\"{json}\"`")
                }
                _ => format!("give it {}", wanted.words()),
            }));
        }
        if let Some((_, least, most)) = table::RANGES.iter().find(|(known, ..)| *known == joined)
            && let Some(number) = numbers(value).into_iter().find(|number| !(*least..=*most).contains(number))
        {
            let finding = Diagnostic::new(Code::P0203, span, format!("`{joined}` is never {number}"));
            let help = if *most < 1e6 {
                format!("it lies between {least} and {most}")
            } else {
                format!("it is at least {least}")
            };
            return self.report(finding.help(help));
        }
        for (name, inner) in members(value) {
            let path: Vec<String> = path.iter().cloned().chain([name]).collect();
            self.member_type(&path, &inner, span);
        }
    }
}

/// The members of a group.
fn members(value: &Template) -> Vec<(String, Template)> {
    match value {
        Template::Map(members) => members.clone(),
        Template::Json(json) => match serde_json::from_str(json) {
            Ok(serde_json::Value::Object(members)) => {
                members.into_iter().map(|(name, value)| (name, Template::Json(value.to_string()))).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The numbers that are written for a value: one, or one in each branch.
fn numbers(value: &Template) -> Vec<f64> {
    match value {
        Template::Json(json) => json.parse().ok().into_iter().collect(),
        Template::Computed(computed) => {
            let mut found = Vec::new();
            branches(&computed.expr, &mut found);
            found
        }
        _ => Vec::new(),
    }
}

fn branches(expr: &Expr, found: &mut Vec<f64>) {
    match &expr.kind {
        Kind::Literal(Literal::Double(number)) => found.push(*number),
        #[expect(clippy::cast_precision_loss, reason = "compared with small bounds")]
        Kind::Literal(Literal::Int(number)) => found.push(*number as f64),
        Kind::Neg(inner) => {
            let before = found.len();
            branches(inner, found);
            found.iter_mut().skip(before).for_each(|number| *number = -*number);
        }
        Kind::Cond(_, yes, no) => {
            branches(yes, found);
            branches(no, found);
        }
        _ => {}
    }
}

fn text_of(template: &Template) -> Option<&str> {
    match template {
        Template::Json(text) => Some(text),
        _ => None,
    }
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn number_of(number: f64, written: &str) -> RawKind {
    let whole = number.fract() == 0.0 && number.abs() < 9e15 && !written.contains(['.', 'e', 'E']);
    #[expect(clippy::cast_possible_truncation, reason = "whole, and in its bounds")]
    if whole { RawKind::Int(number as i64) } else { RawKind::Double(number) }
}

/// The part of a type that JSON has no value for.
fn beyond_json(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Duration | Type::Timestamp => Some(ty),
        Type::List(element) => beyond_json(element),
        Type::Map(_, value) => beyond_json(value),
        _ => None,
    }
}

fn fits(wanted: MemberType, value: &Template) -> bool {
    use MemberType::{List, Number, Object, Text, TextOrList, Truth, Whole};
    match value {
        // `null` takes a member back, for every API that is known.
        Template::Json(json) if json == "null" => true,
        Template::Json(json) => match json.as_bytes().first() {
            Some(b'"') => matches!(wanted, Text | TextOrList),
            Some(b'[') => matches!(wanted, List | TextOrList),
            Some(b'{') => wanted == Object,
            Some(b't' | b'f') => wanted == Truth,
            _ => wanted == Number || wanted == Whole && !json.contains('.'),
        },
        Template::List(_) => matches!(wanted, List | TextOrList),
        Template::Map(_) => wanted == Object,
        Template::Computed(computed) => match &computed.expr {
            Expr { ty: Type::Null, .. } => true,
            Expr { ty: Type::Bool, .. } => wanted == Truth,
            Expr { ty: Type::Int, .. } => matches!(wanted, Number | Whole),
            Expr { ty: Type::Double, .. } => wanted == Number,
            Expr { ty: Type::String, .. } => matches!(wanted, Text | TextOrList),
            Expr { ty: Type::List(_), .. } => matches!(wanted, List | TextOrList),
            Expr { ty: Type::Map(..), .. } => wanted == Object,
            Expr { ty: Type::Duration | Type::Timestamp, .. } => false,
        },
    }
}

fn described(value: &Template) -> String {
    match value {
        Template::Json(json) => match json.as_bytes().first() {
            Some(b'"') => "a text".to_owned(),
            Some(b'[') => "a list".to_owned(),
            Some(b'{') => "a group".to_owned(),
            Some(b't' | b'f') => "a truth value".to_owned(),
            _ => format!("`{json}`"),
        },
        Template::List(_) => "a list".to_owned(),
        Template::Map(_) => "a group".to_owned(),
        Template::Computed(computed) => format!("of type {}", computed.expr.ty),
    }
}
