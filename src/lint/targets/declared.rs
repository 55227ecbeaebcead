//! A `where` for one candidate: what the model declares is put in, and what that decides is decided.

use crate::dsl::expr::plain::{Condition, Verdict};
use crate::dsl::expr::typed::{Expr, Kind, Literal, Type};
use crate::dsl::policy::{ModelId, Policy};
use crate::facts::Var;
use crate::facts::given::GivenFacts;

/// True or false for every request and every moment; None when it depends. Parts that read the
/// request or something live are open, the others are evaluated.
pub(super) fn decided(policy: &Policy, filter: &Expr, id: ModelId) -> Option<bool> {
    match &filter.kind {
        Kind::And(parts) => joined(policy, parts, id, true),
        Kind::Or(parts) => joined(policy, parts, id, false),
        Kind::Not(inner) => decided(policy, inner, id).map(|truth| !truth),
        _ => {
            let put_in = with_declared(policy, filter, id)?;
            match Condition::new(&put_in).eval(&GivenFacts::default()) {
                Verdict::True => Some(true),
                Verdict::False => Some(false),
                Verdict::Error(_) => None,
            }
        }
    }
}

/// A chain is its `neutral` value when all parts are, and the other as soon as one is.
fn joined(policy: &Policy, parts: &[Expr], id: ModelId, neutral: bool) -> Option<bool> {
    let mut open = false;
    for part in parts {
        match decided(policy, part, id) {
            Some(truth) if truth != neutral => return Some(!neutral),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(neutral)
}

/// The expression with literals for what the model declares; None as soon as it reads anything else.
fn with_declared(policy: &Policy, expr: &Expr, id: ModelId) -> Option<Expr> {
    let put_in = |part: &Expr| with_declared(policy, part, id);
    let boxed = |part: &Expr| put_in(part).map(Box::new);
    let all = |parts: &[Expr]| parts.iter().map(put_in).collect::<Option<Vec<_>>>();
    let kind = match &expr.kind {
        Kind::Literal(_) | Kind::Local(_) => expr.kind.clone(),
        Kind::Var(var) => value(policy, id, *var)?,
        Kind::Access(_) => return None,
        Kind::Not(inner) => Kind::Not(boxed(inner)?),
        Kind::Neg(inner) => Kind::Neg(boxed(inner)?),
        Kind::And(parts) => Kind::And(all(parts)?),
        Kind::Or(parts) => Kind::Or(all(parts)?),
        Kind::Cond(condition, yes, no) => Kind::Cond(boxed(condition)?, boxed(yes)?, boxed(no)?),
        Kind::Binary(op, left, right) => Kind::Binary(*op, boxed(left)?, boxed(right)?),
        Kind::Call(function, arguments) => Kind::Call(*function, all(arguments)?),
        Kind::List(items) => Kind::List(all(items)?),
        Kind::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| Some((put_in(key)?, put_in(value)?)));
            Kind::Map(entries.collect::<Option<_>>()?)
        }
        Kind::Index(value, index) => Kind::Index(boxed(value)?, boxed(index)?),
        Kind::Field(value, name) => Kind::Field(boxed(value)?, name.clone()),
        Kind::Has(value, name) => Kind::Has(boxed(value)?, name.clone()),
        Kind::Macro { kind, range, var, filter, body } => {
            let filter = match filter {
                Some(filter) => Some(boxed(filter)?),
                None => None,
            };
            Kind::Macro { kind: *kind, range: boxed(range)?, var: var.clone(), filter, body: boxed(body)? }
        }
    };
    Some(Expr { kind, ty: expr.ty.clone(), span: expr.span })
}

/// What a model declares, with the values that stand for what it does not.
fn value(policy: &Policy, id: ModelId, var: Var) -> Option<Kind> {
    let model = policy.models.get(id.index())?;
    let provider = policy.providers.get(model.provider.index())?;
    let text = |text: &str| Kind::Literal(Literal::String(text.to_owned()));
    let double = |number: f64| Kind::Literal(Literal::Double(number));
    let tokens = |limit: Option<u64>| {
        Kind::Literal(Literal::Int(limit.map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX))))
    };
    let list = |items: Vec<&str>| {
        let span = model.span;
        Kind::List(items.into_iter().map(|item| Expr { kind: text(item), ty: Type::String, span }).collect())
    };
    Some(match var {
        Var::ModelName => text(&model.name),
        Var::ModelProvider => text(&provider.name),
        Var::ModelRegion => text(model.region.as_deref().or(provider.region.as_deref()).unwrap_or("")),
        Var::ModelTags => list(model.tags.iter().map(String::as_str).collect()),
        Var::ModelCan => list(model.can.iter().map(|capability| capability.name()).collect()),
        Var::ModelContext => tokens(model.context),
        Var::ModelOutput => tokens(model.output),
        Var::ModelPriceIn => double(model.price.map_or(0.0, |price| price.input)),
        Var::ModelPriceOut => double(model.price.map_or(0.0, |price| price.output)),
        Var::ModelQuality => double(model.quality.unwrap_or(0.0)),
        _ => return None,
    })
}
