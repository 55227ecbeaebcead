//! Calls: functions, methods, accessors, and literals that are folded.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::ast::{Raw, RawKind};
use super::super::typed::{Accessor, Expr, Function, Kind, Literal, TimePart, Type};
use super::{Infer, macros};
use crate::bounds::MAX_REGEX_BYTES;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::Word;
use crate::facts::CARRIES_KEY;
use crate::facts::schema::ACCESSORS;

/// Methods and what they are.
pub(super) const METHODS: &[(&str, Function)] = &[
    ("size", Function::Size),
    ("contains", Function::Contains),
    ("startsWith", Function::StartsWith),
    ("endsWith", Function::EndsWith),
    ("matches", Function::Matches),
    ("lowerAscii", Function::LowerAscii),
    ("upperAscii", Function::UpperAscii),
    ("getFullYear", Function::Time(TimePart::FullYear)),
    ("getMonth", Function::Time(TimePart::Month)),
    ("getDate", Function::Time(TimePart::Date)),
    ("getDayOfMonth", Function::Time(TimePart::DayOfMonth)),
    ("getDayOfWeek", Function::Time(TimePart::DayOfWeek)),
    ("getDayOfYear", Function::Time(TimePart::DayOfYear)),
    ("getHours", Function::Time(TimePart::Hours)),
    ("getMinutes", Function::Time(TimePart::Minutes)),
    ("getSeconds", Function::Time(TimePart::Seconds)),
    ("getMilliseconds", Function::Time(TimePart::Milliseconds)),
];

/// Functions and what they are.
const FUNCTIONS: &[(&str, Function)] = &[
    ("size", Function::Size),
    ("int", Function::Int),
    ("double", Function::Double),
    ("string", Function::String),
    ("duration", Function::Duration),
    ("timestamp", Function::Timestamp),
];

const MACROS: &[&str] = &["has", "all", "exists", "exists_one", "filter", "map"];

/// Functions of CEL or its extensions that the language leaves out, and what to do instead.
const OUTSIDE: &[(&str, &str)] = &[
    ("type", "every variable has one type; see the table of variables"),
    ("dyn", "everything is typed"),
    ("bytes", "compare texts"),
    ("uint", "use int"),
    ("bool", "compare with `== \"true\"`"),
    ("optional", "a variable is always there"),
    ("orValue", "a variable is always there"),
    ("trim", "use `contains` or `matches`"),
    ("split", "use `contains` or `matches`"),
    ("replace", "use `contains` or `matches`"),
    ("substring", "use `startsWith`, `endsWith` or `matches`"),
    ("indexOf", "use `contains`"),
    ("charAt", "use `startsWith` or `matches`"),
    ("join", "use `exists`"),
    ("format", "compare the values themselves"),
    ("reverse", "use `endsWith`"),
    ("existsOne", "write `exists_one`"),
    ("toLowerCase", "write `lowerAscii`"),
    ("lower", "write `lowerAscii`"),
    ("toUpperCase", "write `upperAscii`"),
    ("upper", "write `upperAscii`"),
    ("len", "write `size`"),
    ("length", "write `size`"),
    ("includes", "write `contains`, or `x in list`"),
    ("starts_with", "write `startsWith`"),
    ("ends_with", "write `endsWith`"),
];

impl Infer<'_, '_> {
    pub(super) fn call(&mut self, raw: &Raw, receiver: Option<&Raw>, name: &Word, arguments: &[Raw]) -> Option<Expr> {
        let Some(receiver) = receiver else { return self.function(raw, name, arguments) };
        if let RawKind::Ident(root) = &receiver.kind
            && root == "request"
            && !self.lets.contains_key(root)
        {
            return self.accessor(raw, name, arguments);
        }
        if let Some(kind) = macros::by_name(&name.text) {
            return self.walk(raw, kind, receiver, name, arguments);
        }
        let receiver = self.expr(receiver);
        let typed: Vec<Option<Expr>> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let Some((_, function)) = METHODS.iter().find(|(method, _)| *method == name.text) else {
            let known = METHODS.iter().map(|(method, _)| *method).chain(MACROS.iter().copied());
            self.unknown_function(name, "method", known);
            return None;
        };
        let mut parts = vec![receiver?];
        for argument in typed {
            parts.push(argument?);
        }
        self.method(raw, name, *function, parts)
    }

    fn unknown_function<'k>(&mut self, name: &Word, what: &str, known: impl Iterator<Item = &'k str>) {
        if let Some((_, instead)) = OUTSIDE.iter().find(|(outside, _)| *outside == name.text) {
            let message = format!("`{}` is not part of this language", name.text);
            self.report(Diagnostic::new(Code::P0210, name.span, message).help(*instead));
            return;
        }
        let finding =
            Diagnostic::new(Code::P0103, name.span, format!("no {what} `{}`", name.text)).label("not known here");
        self.report(match nearest(&name.text, known) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
    }

    fn function(&mut self, raw: &Raw, name: &Word, arguments: &[Raw]) -> Option<Expr> {
        if name.text == "has" {
            return self.has(raw, arguments);
        }
        let Some((_, function)) = FUNCTIONS.iter().find(|(function, _)| *function == name.text) else {
            if METHODS.iter().any(|(method, _)| *method == name.text) || macros::by_name(&name.text).is_some() {
                let message = format!("`{}` is a method", name.text);
                let first = arguments.first().map_or("x", |argument| self.text(argument.span)).to_owned();
                self.report(
                    Diagnostic::new(Code::P0204, name.span, message).help(format!("write `{first}.{}(…)`", name.text)),
                );
                return None;
            }
            self.unknown_function(name, "function", FUNCTIONS.iter().map(|(function, _)| *function).chain(["has"]));
            return None;
        };
        let [argument] = arguments else {
            self.wrong_count(name, 1, arguments.len());
            return None;
        };
        let argument = self.expr(argument)?;
        match function {
            Function::Size => self.method(raw, name, Function::Size, vec![argument]),
            other => self.convert(raw, name, *other, argument),
        }
    }

    fn wrong_count(&mut self, name: &Word, wanted: usize, found: usize) {
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("`{}` takes {wanted} argument{plural}, not {found}", name.text);
        self.report(Diagnostic::new(Code::P0204, name.span, message));
    }

    /// `request.header("x")` and its siblings.
    fn accessor(&mut self, raw: &Raw, name: &Word, arguments: &[Raw]) -> Option<Expr> {
        let integer = name.text.ends_with("_int");
        if !ACCESSORS.iter().any(|(accessor, _)| *accessor == name.text) {
            let finding = Diagnostic::new(Code::P0103, name.span, format!("`request` has no function `{}`", name.text));
            let known = ACCESSORS.iter().map(|(accessor, _)| *accessor);
            let variable = super::names::fields_of("request").contains(&name.text.as_str());
            self.report(match nearest(&name.text, known) {
                _ if variable => finding.help(format!("it is a value: write `request.{}` without brackets", name.text)),
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            });
            return None;
        }
        let wanted = if integer { 2 } else { 1 };
        if arguments.len() != wanted {
            self.wrong_count(name, wanted, arguments.len());
            return None;
        }
        let [first, rest @ ..] = arguments else { return None };
        let RawKind::String(key) = &first.kind else {
            let message = format!("`{}` takes a name in quotes", name.text);
            self.report(Diagnostic::new(Code::P0204, first.span, message));
            return None;
        };
        let lower = key.to_ascii_lowercase();
        if name.text.starts_with("header") && CARRIES_KEY.contains(&lower.as_str()) {
            let message = format!("`{lower}` carries the client's key, which no policy reads");
            let help = "write a `tenant` with the key; rules and values then know it as `tenant.id` and `tenant.tags`";
            self.report(Diagnostic::new(Code::P0103, first.span, message).help(help));
            return None;
        }
        let fallback = match rest {
            [Raw { kind: RawKind::Int(number), .. }] => *number,
            [] => 0,
            [other, ..] => {
                let message = "the second argument is the number that counts when there is none";
                self.report(Diagnostic::new(Code::P0204, other.span, message).help("write a whole number such as `0`"));
                return None;
            }
        };
        let access = match name.text.as_str() {
            "header" => Accessor::Header(lower),
            "header_int" => Accessor::HeaderInt(lower, fallback),
            "meta" => Accessor::Meta(key.clone()),
            _ => Accessor::MetaInt(key.clone(), fallback),
        };
        let ty = if integer { Type::Int } else { Type::String };
        Some(Expr { kind: Kind::Access(access), ty, span: raw.span })
    }

    fn method(&mut self, raw: &Raw, name: &Word, function: Function, parts: Vec<Expr>) -> Option<Expr> {
        let types: Vec<Type> = parts.iter().map(|part| part.ty.clone()).collect();
        let result = match function {
            Function::Size => {
                matches!(types.as_slice(), [Type::String | Type::List(_) | Type::Map(..)]).then_some(Type::Int)
            }
            Function::Contains | Function::StartsWith | Function::EndsWith | Function::Matches => {
                matches!(types.as_slice(), [Type::String, Type::String]).then_some(Type::Bool)
            }
            Function::LowerAscii | Function::UpperAscii => {
                matches!(types.as_slice(), [Type::String]).then_some(Type::String)
            }
            Function::Time(part) => {
                let of_duration =
                    matches!(part, TimePart::Hours | TimePart::Minutes | TimePart::Seconds | TimePart::Milliseconds);
                match types.as_slice() {
                    [Type::Timestamp] | [Type::Timestamp, Type::String] => Some(Type::Int),
                    [Type::Duration] if of_duration => Some(Type::Int),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(ty) = result else {
            self.wrong_arguments(name, function, &types, &parts);
            return None;
        };
        match (function, parts.get(1)) {
            (Function::Matches, Some(pattern)) => self.pattern(pattern)?,
            (Function::Time(_), Some(zone)) => self.zone(zone)?,
            _ => {}
        }
        Some(Expr { kind: Kind::Call(function, parts), ty, span: raw.span })
    }

    fn wrong_arguments(&mut self, name: &Word, function: Function, types: &[Type], parts: &[Expr]) {
        let [first, rest @ ..] = types else {
            self.wrong_count(name, 1, 0);
            return;
        };
        let shown: Vec<String> = rest.iter().map(ToString::to_string).collect();
        let message = format!("{first} has no `{}({})`", name.text, shown.join(", "));
        let finding = Diagnostic::new(Code::P0204, name.span, message);
        let text = |at: usize| parts.get(at).map_or("x", |part| self.text(part.span)).to_owned();
        let help = match (function, first) {
            (Function::Contains, Type::List(_)) => Some(format!("write `{} in {}`", text(1), text(0))),
            (Function::StartsWith | Function::EndsWith | Function::Matches, Type::List(_)) => {
                Some(format!("write `{}.exists(x, x.{}({}))`", text(0), name.text, text(1)))
            }
            (Function::Contains | Function::StartsWith | Function::EndsWith | Function::Matches, Type::String) => {
                Some("it takes one text".to_owned())
            }
            _ => None,
        };
        self.report(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    /// A pattern is a literal, compiles, and stays small.
    fn pattern(&mut self, pattern: &Expr) -> Option<()> {
        let Kind::Literal(Literal::String(text)) = &pattern.kind else {
            let finding = Diagnostic::new(Code::P0204, pattern.span, "`matches` takes a pattern in quotes").help(
                "a pattern made at run time may be invalid; use `contains`, `startsWith` or `endsWith` for texts",
            );
            self.report(finding);
            return None;
        };
        let Err(error) = regex::RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build() else { return Some(()) };
        let reason = match &error {
            regex::Error::CompiledTooBig(limit) => format!("it compiles to more than {limit} bytes"),
            other => {
                let shown = other.to_string();
                let line = shown.lines().last().unwrap_or("").trim();
                line.trim_start_matches("error: ").to_owned()
            }
        };
        let finding = Diagnostic::new(Code::P0206, pattern.span, "this pattern is not valid").label(reason);
        self.report(finding);
        None
    }

    fn zone(&mut self, zone: &Expr) -> Option<()> {
        let Kind::Literal(Literal::String(text)) = &zone.kind else {
            self.report(Diagnostic::new(Code::P0204, zone.span, "a time zone is a literal, such as \"Asia/Shanghai\""));
            return None;
        };
        if text.parse::<chrono_tz::Tz>().is_ok() {
            return Some(());
        }
        let finding = Diagnostic::new(Code::P0207, zone.span, format!("no time zone `{text}`"));
        let near = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        self.report(match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help("write a name such as `\"UTC\"` or `\"Asia/Shanghai\"`"),
        });
        None
    }

    /// `int(x)` and its siblings; a literal is folded where the language says so.
    fn convert(&mut self, raw: &Raw, name: &Word, function: Function, argument: Expr) -> Option<Expr> {
        use Type::{Bool, Double, Duration, Int, String, Timestamp};
        let (ty, takes): (Type, &[Type]) = match function {
            Function::Int => (Int, &[Int, Double, String, Timestamp]),
            Function::Double => (Double, &[Double, Int, String]),
            Function::String => (String, &[String, Int, Double, Bool, Timestamp, Duration]),
            Function::Duration => (Duration, &[Duration, String]),
            _ => (Timestamp, &[Timestamp, String, Int]),
        };
        if !takes.contains(&argument.ty) {
            let message = format!("`{}` does not take a value of type {}", name.text, argument.ty);
            self.report(Diagnostic::new(Code::P0204, argument.span, message));
            return None;
        }
        let span = raw.span;
        if argument.ty == ty {
            return Some(Expr { span, ..argument });
        }
        if let Kind::Literal(Literal::String(text)) = &argument.kind {
            return self.folded(span, argument.span, function, text, ty);
        }
        Some(Expr { kind: Kind::Call(function, vec![argument]), ty, span })
    }

    /// A conversion of a literal text.
    fn folded(&mut self, span: Span, at: Span, function: Function, text: &str, ty: Type) -> Option<Expr> {
        let (literal, help) = match function {
            Function::Int => (text.parse().ok().map(Literal::Int), "write a whole number such as `\"12\"`"),
            Function::Double => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                (number.map(Literal::Double), "write a number such as `\"0.5\"`")
            }
            Function::Duration => {
                (parse_duration(text).map(Literal::Duration), "write `\"90s\"`, `\"1h30m\"` or `\"500ms\"`")
            }
            _ => {
                let moment = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.with_timezone(&Utc));
                (moment.map(Literal::Timestamp), "write `\"2026-01-31T00:00:00Z\"`")
            }
        };
        match literal {
            Some(literal) => Some(Expr { kind: Kind::Literal(literal), ty, span }),
            None => {
                let code = if matches!(function, Function::Int | Function::Double) { Code::P0208 } else { Code::P0207 };
                self.report(Diagnostic::new(code, at, format!("`{text}` is not a {ty}")).help(help));
                None
            }
        }
    }
}

/// CEL's duration text: numbers with `h`, `m`, `s`, `ms`, `us`, `ns`, and a sign.
pub(crate) fn parse_duration(text: &str) -> Option<TimeDelta> {
    const MOST_NANOS: f64 = 3.155_76e20;
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(TimeDelta::zero());
    }
    let mut nanos = 0f64;
    let mut parts = 0;
    while !rest.is_empty() {
        let cut = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let count: f64 = rest.get(..cut)?.parse().ok()?;
        rest = rest.get(cut..)?;
        let units = [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
        let (unit, factor) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = rest.get(unit.len()..)?;
        nanos += count * factor;
        parts += 1;
    }
    // chrono's nanoseconds end at 292 years; no policy speaks of more.
    let nanos = if negative { -nanos } else { nanos };
    let fits = parts > 0 && nanos.abs() < MOST_NANOS && nanos.abs() < 9.2e18;
    #[expect(clippy::cast_possible_truncation, reason = "the line above bounds it")]
    fits.then(|| TimeDelta::nanoseconds(nanos.round() as i64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_table_of_functions_names_every_function() {
        use crate::dsl::words::{self, Receiver};
        let rows = || words::FUNCTIONS.iter();
        let methods: BTreeSet<&str> =
            rows().filter(|row| !matches!(row.on, Receiver::None | Receiver::Request)).map(|row| row.name).collect();
        let macros = super::MACROS.iter().copied().filter(|name| *name != "has");
        assert_eq!(methods, super::METHODS.iter().map(|(name, _)| *name).chain(macros).collect());
        let functions: BTreeSet<&str> = rows().filter(|row| row.on == Receiver::None).map(|row| row.name).collect();
        assert_eq!(functions, super::FUNCTIONS.iter().map(|(name, _)| *name).chain(["has"]).collect());
    }
}
