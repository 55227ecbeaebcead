//! Operators: which types they take, and literals that they can never meet.

use super::super::ast::{Raw, RawKind};
use super::super::typed::{BinaryOp, Expr, Kind, Literal, Type};
use super::{Infer, adopt, is_empty_list};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::expr::print::operator;
use crate::facts::Var;

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Int | Type::Double)
}

impl Infer<'_, '_> {
    pub(super) fn not(&mut self, raw: &Raw, inner: &Raw) -> Option<Expr> {
        let inner = self.truth(inner, "`!`")?;
        Some(Expr { kind: Kind::Not(Box::new(inner)), ty: Type::Bool, span: raw.span })
    }

    pub(super) fn negate(&mut self, raw: &Raw, inner: &Raw) -> Option<Expr> {
        let inner = self.expr(inner)?;
        if !is_number(&inner.ty) {
            let message = format!("`-` takes a number, this is of type {}", inner.ty);
            self.report(Diagnostic::new(Code::P0202, inner.span, message));
            return None;
        }
        let (ty, span) = (inner.ty.clone(), raw.span);
        if let Kind::Literal(Literal::Double(number)) = inner.kind {
            return Some(Expr { kind: Kind::Literal(Literal::Double(-number)), ty, span });
        }
        Some(Expr { kind: Kind::Neg(Box::new(inner)), ty, span })
    }

    /// An operand that has to be true or false.
    fn truth(&mut self, raw: &Raw, sign: &str) -> Option<Expr> {
        let expr = self.expr(raw)?;
        if expr.ty == Type::Bool {
            return Some(expr);
        }
        let text = self.text(raw.span).to_owned();
        let finding =
            Diagnostic::new(Code::P0202, raw.span, format!("{sign} takes truth values, this is of type {}", expr.ty));
        self.report(match expr.ty {
            Type::Int | Type::Double => finding.help(format!("compare it: `{text} > 0`")),
            Type::String => finding.help(format!("compare it: `{text} != \"\"`")),
            Type::List(_) => finding.help(format!("ask for its size: `{text}.size() > 0`")),
            _ => finding,
        });
        None
    }

    pub(super) fn logic(&mut self, raw: &Raw, parts: &[Raw], and: bool) -> Option<Expr> {
        let typed: Vec<Option<Expr>> =
            parts.iter().map(|part| self.truth(part, if and { "`&&`" } else { "`||`" })).collect();
        let mut flat = Vec::with_capacity(typed.len());
        for part in typed {
            // A `let` may bring its own chain; chains stay flat.
            match part?.kind_or() {
                Ok(inner) if and == inner.0 => flat.extend(inner.1),
                Ok((inner_and, parts, span)) => {
                    let kind = if inner_and { Kind::And(parts) } else { Kind::Or(parts) };
                    flat.push(Expr { kind, ty: Type::Bool, span });
                }
                Err(other) => flat.push(other),
            }
        }
        let kind = if and { Kind::And(flat) } else { Kind::Or(flat) };
        Some(Expr { kind, ty: Type::Bool, span: raw.span })
    }

    pub(super) fn ternary(&mut self, raw: &Raw, condition: &Raw, then: &Raw, other: &Raw) -> Option<Expr> {
        let condition = self.truth(condition, "the condition of `? :`");
        let (then, other) = (self.expr(then), self.expr(other));
        let (condition, mut then, mut other) = (condition?, then?, other?);
        if is_empty_list(&then) {
            adopt(&mut then, &other.ty);
        }
        adopt(&mut other, &then.ty);
        if then.ty != other.ty {
            let finding = Diagnostic::new(Code::P0202, raw.span, "both sides of `? :` have one type")
                .also(then.span, format!("this is of type {}", then.ty))
                .also(other.span, format!("this is of type {}", other.ty));
            self.report(finding);
            return None;
        }
        let ty = then.ty.clone();
        Some(Expr { kind: Kind::Cond(Box::new(condition), Box::new(then), Box::new(other)), ty, span: raw.span })
    }

    pub(super) fn binary(&mut self, raw: &Raw, op: BinaryOp, at: Span, left: &Raw, right: &Raw) -> Option<Expr> {
        if op == BinaryOp::Sub && self.kebab(raw, left, right) {
            return None;
        }
        let (left, right) = (self.expr(left), self.expr(right));
        let (mut left, mut right) = (left?, right?);
        if is_empty_list(&left) {
            adopt(&mut left, &right.ty);
        }
        adopt(&mut right, &left.ty);
        if op == BinaryOp::In && is_empty_list(&right) {
            right.ty = Type::List(Box::new(left.ty.clone()));
        }
        let Some(ty) = result(op, &left.ty, &right.ty) else {
            self.no_operator(op, at, &left, &right);
            return None;
        };
        if !self.possible(op, &left, &right) {
            return None;
        }
        Some(Expr { kind: Kind::Binary(op, Box::new(left), Box::new(right)), ty, span: raw.span })
    }

    /// `ark-code` written without quotes reads as a subtraction.
    fn kebab(&mut self, raw: &Raw, left: &Raw, right: &Raw) -> bool {
        let text = self.text(raw.span);
        let plain =
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let known = |side: &Raw| match &side.kind {
            RawKind::Ident(name) => self.lets.contains_key(name) || self.locals.iter().any(|(local, _)| local == name),
            RawKind::Int(_) | RawKind::Double(_) => true,
            _ => false,
        };
        if !plain || !starts_with_letter || known(left) || matches!(right.kind, RawKind::Ident(_)) && known(right) {
            return false;
        }
        let text = text.to_owned();
        self.report(
            Diagnostic::new(Code::P0104, raw.span, format!("`{text}` reads as a subtraction here"))
                .help(format!("a name inside an expression is a string: write `\"{text}\"`"))
                .fix("put it in quotes", true, vec![Edit { span: raw.span, text: format!("\"{text}\"") }]),
        );
        true
    }

    fn no_operator(&mut self, op: BinaryOp, at: Span, left: &Expr, right: &Expr) {
        let message = format!("no `{}` between {} and {}", operator(op), left.ty, right.ty);
        let finding = Diagnostic::new(Code::P0202, at, message)
            .also(left.span, format!("of type {}", left.ty))
            .also(right.span, format!("of type {}", right.ty));
        let text = |expr: &Expr| self.text(expr.span).to_owned();
        let help = match (op, &left.ty, &right.ty) {
            (_, Type::Null, _) | (_, _, Type::Null) => {
                Some("nothing is ever null: compare with \"\", 0 or false, or ask for the size".to_owned())
            }
            (BinaryOp::In, _, Type::String) => Some(format!("write `{}.contains({})`", text(right), text(left))),
            (BinaryOp::Eq, Type::List(_), _) => Some(format!("write `{} in {}`", text(right), text(left))),
            (BinaryOp::Eq | BinaryOp::Ne, Type::Bool, Type::String) => truth_in_quotes(op, &text(left), right),
            (_, Type::String, Type::Int) if matches!(left.kind, Kind::Access(_)) => {
                as_number(&text(left)).map(|number| format!("write `{number} {} {}`", operator(op), text(right)))
            }
            (_, Type::Int, Type::Double) => Some(format!("write `double({})`", text(left))),
            (_, Type::Double, Type::Int) => match &right.kind {
                Kind::Literal(_) => Some(format!("write `{}.0`", text(right))),
                _ => Some(format!("write `double({})`", text(right))),
            },
            (_, Type::Int | Type::Double, Type::String) => match &right.kind {
                Kind::Literal(Literal::String(inner)) if inner.parse::<f64>().is_ok() => {
                    Some(format!("write `{inner}` without quotes"))
                }
                _ => None,
            },
            (BinaryOp::Add, Type::String, Type::Int | Type::Double) => Some(format!("write `string({})`", text(right))),
            _ => None,
        };
        self.report(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    /// Reports a comparison with a literal that the other side can never have.
    fn possible(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> bool {
        let before = self.findings.len();
        match (op, &left.kind, &right.kind) {
            (BinaryOp::Eq | BinaryOp::Ne, Kind::Var(var), Kind::Literal(Literal::String(text))) => {
                self.one_literal(*var, text, right.span);
            }
            (BinaryOp::Eq | BinaryOp::Ne, Kind::Literal(Literal::String(text)), Kind::Var(var)) => {
                self.one_literal(*var, text, left.span);
            }
            (BinaryOp::In, Kind::Var(var), Kind::List(items)) => {
                for item in items {
                    if let Kind::Literal(Literal::String(text)) = &item.kind {
                        self.one_literal(*var, text, item.span);
                    }
                }
            }
            (BinaryOp::In, Kind::Literal(Literal::String(text)), Kind::Var(var)) => {
                self.one_member(*var, text, left.span);
            }
            _ => {}
        }
        self.findings.len() == before
    }

    fn one_literal(&mut self, var: Var, text: &str, span: Span) {
        let row = var.row();
        let declared = self.shared.declared;
        let (known, what): (Vec<&str>, &str) = match var {
            _ if !row.values.is_empty() => (row.values.to_vec(), "value"),
            Var::ModelName | Var::SessionLastModel => (declared.models.iter().map(String::as_str).collect(), "model"),
            Var::ModelProvider => (declared.providers.iter().map(String::as_str).collect(), "provider"),
            Var::TenantId => (declared.tenants.iter().map(String::as_str).chain(["default"]).collect(), "tenant"),
            _ => return,
        };
        let absent = text.is_empty() && matches!(var, Var::SessionLastModel);
        if known.contains(&text) || absent {
            return;
        }
        let finding = Diagnostic::new(Code::P0209, span, format!("`{}` is never `\"{text}\"`", row.path))
            .label(format!("no such {what}"));
        self.impossible(finding, span, text, known);
    }

    fn one_member(&mut self, var: Var, text: &str, span: Span) {
        let (known, what): (Vec<&str>, &str) = match var {
            Var::ModelCan => (crate::dsl::policy::Capability::ALL.iter().map(|can| can.name()).collect(), "capability"),
            Var::ModelTags => (self.shared.declared.model_tags.iter().map(String::as_str).collect(), "tag of a model"),
            _ => return,
        };
        if known.contains(&text) {
            return;
        }
        let message = format!("`{}` never holds `\"{text}\"`", var.path());
        let finding = Diagnostic::new(Code::P0209, span, message).label(format!("no such {what}"));
        self.impossible(finding, span, text, known);
    }

    fn impossible(&mut self, finding: Diagnostic, span: Span, text: &str, mut known: Vec<&str>) {
        known.sort_unstable();
        let finding = match nearest(text, known.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `\"{near}\"`?")).fix(
                format!("replace it by `\"{near}\"`"),
                false,
                vec![Edit { span, text: format!("\"{near}\"") }],
            ),
            None if !known.is_empty() && known.len() <= 12 => finding.help(format!("it can be: {}", known.join(", "))),
            None => finding,
        };
        self.report(finding);
    }
}

/// `x == "true"`: x is one already.
fn truth_in_quotes(op: BinaryOp, left: &str, right: &Expr) -> Option<String> {
    let Kind::Literal(Literal::String(text)) = &right.kind else { return None };
    match (text.as_str(), op) {
        ("true", BinaryOp::Eq) | ("false", BinaryOp::Ne) => Some(format!("write `{left}`")),
        ("false", BinaryOp::Eq) | ("true", BinaryOp::Ne) => Some(format!("write `!{left}`")),
        _ => None,
    }
}

/// `request.header("x")` read as a number: `request.header_int("x", 0)`.
fn as_number(accessor: &str) -> Option<String> {
    let (name, arguments) = accessor.split_once('(')?;
    let argument = arguments.strip_suffix(')')?;
    (!name.ends_with("_int")).then(|| format!("{name}_int({argument}, 0)"))
}

impl Expr {
    /// The parts of a chain (true: `&&`), or the node itself.
    fn kind_or(self) -> Result<(bool, Vec<Expr>, Span), Expr> {
        match self.kind {
            Kind::And(parts) => Ok((true, parts, self.span)),
            Kind::Or(parts) => Ok((false, parts, self.span)),
            _ => Err(self),
        }
    }
}

/// The type of `left op right`, when there is such an operator.
fn result(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    use BinaryOp::{Add, Div, Eq, Ge, Gt, In, Le, Lt, Mul, Ne, Rem, Sub};
    use Type::{Bool, Double, Duration, Int, List, Map, String, Timestamp};
    match op {
        Eq | Ne => (left == right || is_number(left) && is_number(right)).then_some(Bool),
        Lt | Le | Gt | Ge => {
            let ordered = matches!(left, String | Duration | Timestamp) && left == right;
            (ordered || is_number(left) && is_number(right)).then_some(Bool)
        }
        In => match right {
            List(element) => (**element == *left).then_some(Bool),
            Map(key, _) => (**key == *left).then_some(Bool),
            _ => None,
        },
        Add => match (left, right) {
            (Int | Double | String | List(_) | Duration, _) if left == right => Some(left.clone()),
            (Timestamp, Duration) | (Duration, Timestamp) => Some(Timestamp),
            _ => None,
        },
        Sub => match (left, right) {
            (Int | Double | Duration, _) if left == right => Some(left.clone()),
            (Timestamp, Timestamp) => Some(Duration),
            (Timestamp, Duration) => Some(Timestamp),
            _ => None,
        },
        Mul | Div => (is_number(left) && left == right).then(|| left.clone()),
        Rem => (*left == Int && *right == Int).then_some(Int),
    }
}
