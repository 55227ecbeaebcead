//! Expressions: pest reads a flat list of operands and operators, the Pratt parser gives it shape.

use std::sync::LazyLock;

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::{Parser, Rule};
use crate::bounds::{MAX_EXPRESSION_HEIGHT, MAX_EXPRESSION_NODES};
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::ast::Word;
use crate::dsl::expr::ast::{Raw, RawKind};
use crate::dsl::expr::typed::BinaryOp;

/// CEL's precedence, loosest first.
static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(left(Rule::le)
            | left(Rule::ge)
            | left(Rule::lt)
            | left(Rule::gt)
            | left(Rule::eq)
            | left(Rule::ne)
            | left(Rule::in_))
        .op(left(Rule::add) | left(Rule::sub))
        .op(left(Rule::mul) | left(Rule::div) | left(Rule::rem))
});

fn is_node(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::ident_or_call
            | Rule::select
            | Rule::index
            | Rule::list
            | Rule::map
            | Rule::not
            | Rule::neg
            | Rule::string
            | Rule::int
            | Rule::float
            | Rule::cel_bool
            | Rule::null
            | Rule::question
    ) || operator(rule).is_some()
        || matches!(rule, Rule::and | Rule::or)
}

fn operator(rule: Rule) -> Option<BinaryOp> {
    Some(match rule {
        Rule::eq => BinaryOp::Eq,
        Rule::ne => BinaryOp::Ne,
        Rule::lt => BinaryOp::Lt,
        Rule::le => BinaryOp::Le,
        Rule::gt => BinaryOp::Gt,
        Rule::ge => BinaryOp::Ge,
        Rule::in_ => BinaryOp::In,
        Rule::add => BinaryOp::Add,
        Rule::sub => BinaryOp::Sub,
        Rule::mul => BinaryOp::Mul,
        Rule::div => BinaryOp::Div,
        Rule::rem => BinaryOp::Rem,
        _ => return None,
    })
}

impl<'a> Parser<'a, '_> {
    /// A whole expression. Its size is checked before it gets a shape: what walks it recurses.
    pub(super) fn expr(&mut self, pair: Pair<'a, Rule>) -> Raw {
        let span = self.span(&pair);
        let nodes = pair.clone().into_inner().flatten().filter(|inner| is_node(inner.as_rule())).count();
        if nodes > MAX_EXPRESSION_NODES {
            self.report(
                Diagnostic::new(
                    Code::P0211,
                    span,
                    format!("this expression has {nodes} parts, more than {MAX_EXPRESSION_NODES}"),
                )
                .help("split it into several rules, or put values into a list and use `in`"),
            );
            return Raw::bad(span);
        }
        let raw = self.ternary(pair);
        if raw.height() > MAX_EXPRESSION_HEIGHT {
            self.report(
                Diagnostic::new(
                    Code::P0003,
                    span,
                    format!("this expression is more than {MAX_EXPRESSION_HEIGHT} levels deep"),
                )
                .help("name a part with `let`"),
            );
            return Raw::bad(span);
        }
        raw
    }

    /// `c ? a : b ? … : d`, from the right.
    fn ternary(&mut self, pair: Pair<'a, Rule>) -> Raw {
        let span = self.span(&pair);
        let mut parts: Vec<Raw> = Vec::new();
        for child in pair.into_inner() {
            if child.as_rule() == Rule::binary {
                parts.push(self.binary(child));
            }
        }
        let Some(mut last) = parts.pop() else { return Raw::bad(span) };
        while let (Some(then), Some(condition)) = (parts.pop(), parts.pop()) {
            let whole = condition.span.to(last.span);
            last = Raw { kind: RawKind::Cond(Box::new(condition), Box::new(then), Box::new(last)), span: whole };
        }
        last
    }

    fn binary(&mut self, pair: Pair<'a, Rule>) -> Raw {
        let (id, base) = (self.id, self.base);
        let inner = pair.into_inner();
        PRATT
            .map_primary(|operand| self.unary(operand))
            .map_infix(|left, token, right| {
                let at = token.as_span();
                join(left, token.as_rule(), Span::new(id, base + at.start(), base + at.end()), right)
            })
            .parse(inner)
    }

    fn unary(&mut self, pair: Pair<'a, Rule>) -> Raw {
        let whole = self.span(&pair);
        let mut signs: Vec<(Rule, Span)> = Vec::new();
        let mut value: Option<Raw> = None;
        for child in pair.into_inner() {
            let rule = child.as_rule();
            match rule {
                Rule::not | Rule::neg => signs.push((rule, self.span(&child))),
                Rule::select | Rule::index => {
                    let receiver = value.take().unwrap_or_else(|| Raw::bad(whole));
                    value = Some(self.postfix(receiver, child));
                }
                Rule::int => {
                    let negative = signs.last().is_some_and(|(sign, _)| *sign == Rule::neg);
                    let (raw, used) = self.int(&child, negative);
                    if used {
                        signs.pop();
                    }
                    value = Some(raw);
                }
                _ => value = Some(self.primary(child)),
            }
        }
        let mut value = value.unwrap_or_else(|| Raw::bad(whole));
        for (sign, at) in signs.into_iter().rev() {
            let span = at.to(value.span);
            let inner = Box::new(value);
            value = Raw { kind: if sign == Rule::not { RawKind::Not(inner) } else { RawKind::Neg(inner) }, span };
        }
        value
    }

    fn postfix(&mut self, receiver: Raw, pair: Pair<'a, Rule>) -> Raw {
        let span = receiver.span.to(self.span(&pair));
        if pair.as_rule() == Rule::index {
            let index = self.child_expr(pair);
            return Raw { kind: RawKind::Index(Box::new(receiver), Box::new(index)), span };
        }
        let mut name = self.empty_word();
        let mut arguments = None;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::selector => name = self.word(&child),
                Rule::args => arguments = Some(self.exprs(child)),
                _ => {}
            }
        }
        let kind = match arguments {
            Some(arguments) => RawKind::Call(Some(Box::new(receiver)), name, arguments),
            None => RawKind::Select(Box::new(receiver), name),
        };
        Raw { kind, span }
    }

    fn exprs(&mut self, pair: Pair<'a, Rule>) -> Vec<Raw> {
        pair.into_inner().filter(|child| child.as_rule() == Rule::expr).map(|child| self.ternary(child)).collect()
    }

    fn primary(&mut self, pair: Pair<'a, Rule>) -> Raw {
        let span = self.span(&pair);
        let text = pair.as_str();
        let kind = match pair.as_rule() {
            Rule::string => RawKind::String(self.string(&pair)),
            Rule::float => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => RawKind::Double(number),
                _ => {
                    self.report(Diagnostic::new(Code::P0007, span, format!("`{text}` is too large for a number")));
                    RawKind::Bad
                }
            },
            Rule::bad_cel_number => self.bad_cel_number(text, span),
            Rule::bytes => {
                self.report(
                    Diagnostic::new(Code::P0210, span, "byte strings are not part of this language")
                        .help("write it without the `b`"),
                );
                RawKind::Bad
            }
            Rule::cel_bool => RawKind::Bool(text == "true"),
            Rule::null => RawKind::Null,
            Rule::ident_or_call => return self.ident_or_call(pair),
            Rule::paren => {
                let inner = pair.into_inner().find(|child| child.as_rule() == Rule::expr);
                let Some(inner) = inner else { return Raw::bad(span) };
                return Raw { span, ..self.ternary(inner) };
            }
            Rule::list => RawKind::List(self.exprs(pair)),
            Rule::map => RawKind::Map(
                pair.into_inner()
                    .filter(|child| child.as_rule() == Rule::entry)
                    .map(|entry| self.entry(entry))
                    .collect(),
            ),
            _ => RawKind::Bad,
        };
        Raw { kind, span }
    }

    fn entry(&mut self, pair: Pair<'a, Rule>) -> (Raw, Raw) {
        let span = self.span(&pair);
        let mut parts = pair.into_inner().filter(|child| child.as_rule() == Rule::expr);
        let mut next = |parser: &mut Self| parts.next().map_or_else(|| Raw::bad(span), |expr| parser.ternary(expr));
        (next(self), next(self))
    }

    fn ident_or_call(&mut self, pair: Pair<'a, Rule>) -> Raw {
        let span = self.span(&pair);
        let mut name = Word { text: String::new(), span };
        let mut arguments = None;
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::ident => name = self.word(&child),
                Rule::args => arguments = Some(self.exprs(child)),
                _ => {}
            }
        }
        let kind = match arguments {
            Some(arguments) => RawKind::Call(None, name, arguments),
            None => RawKind::Ident(name.text),
        };
        Raw { kind, span }
    }

    /// A whole number; true when it has taken the sign before it (the least number has no
    /// positive counterpart).
    fn int(&mut self, pair: &Pair<'a, Rule>, negative: bool) -> (Raw, bool) {
        let span = self.span(pair);
        let text = pair.as_str();
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => i128::from_str_radix(digits, 16),
            None => text.parse::<i128>(),
        };
        let signed = parsed.ok().map(|number| if negative { -number } else { number });
        match signed.and_then(|number| i64::try_from(number).ok()) {
            Some(number) if negative => {
                (Raw { kind: RawKind::Int(number), span: Span { start: span.start.saturating_sub(1), ..span } }, true)
            }
            Some(number) => (Raw { kind: RawKind::Int(number), span }, false),
            None => {
                self.report(Diagnostic::new(Code::P0007, span, format!("`{text}` is too large for a whole number")));
                (Raw::bad(span), false)
            }
        }
    }

    fn bad_cel_number(&mut self, text: &str, span: Span) -> RawKind {
        let cut = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = (text.get(..cut).unwrap_or(""), text.get(cut..).unwrap_or(""));
        let amount = number.parse::<f64>().unwrap_or(0.0);
        let meant = match unit {
            "k" | "K" => Some(format!("{}", amount * 1e3)),
            "M" => Some(format!("{}", amount * 1e6)),
            "ms" | "s" | "m" | "h" => Some(format!("duration(\"{text}\")")),
            "d" => Some(format!("duration(\"{}h\")", amount * 24.0)),
            _ => None,
        };
        let finding = if matches!(unit, "u" | "U") {
            Diagnostic::new(Code::P0210, span, "unsigned numbers are not part of this language")
                .help(format!("write `{number}`"))
        } else if meant.is_some() {
            Diagnostic::new(Code::P0007, span, format!("`{text}`: units do not stand inside expressions"))
        } else {
            Diagnostic::new(Code::P0007, span, format!("`{text}` is not a number"))
        };
        let finding = match meant {
            Some(meant) => finding.help(format!("write `{meant}`")).fix(
                format!("replace it by `{meant}`"),
                true,
                vec![Edit { span, text: meant }],
            ),
            None => finding,
        };
        self.report(finding);
        RawKind::Bad
    }
}

/// Puts an operator between two operands; `&&` and `||` stay flat.
fn join(left: Raw, rule: Rule, at: Span, right: Raw) -> Raw {
    let span = left.span.to(right.span);
    let kind = match rule {
        Rule::and => RawKind::And(flat(left, right, |kind| match kind {
            RawKind::And(parts) => Ok(parts),
            other => Err(other),
        })),
        Rule::or => RawKind::Or(flat(left, right, |kind| match kind {
            RawKind::Or(parts) => Ok(parts),
            other => Err(other),
        })),
        _ => match operator(rule) {
            Some(op) => RawKind::Binary(op, at, Box::new(left), Box::new(right)),
            None => RawKind::Bad,
        },
    };
    Raw { kind, span }
}

fn flat(left: Raw, right: Raw, parts_of: fn(RawKind) -> Result<Vec<Raw>, RawKind>) -> Vec<Raw> {
    let mut parts = Vec::new();
    for side in [left, right] {
        let span = side.span;
        match parts_of(side.kind) {
            // The longer side is moved whole, so that a long chain is not copied at every step.
            Ok(inner) if parts.is_empty() => parts = inner,
            Ok(inner) => parts.extend(inner),
            Err(kind) => parts.push(Raw { kind, span }),
        }
    }
    parts
}
