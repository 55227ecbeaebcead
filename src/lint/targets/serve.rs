//! P0403, P0404, P0405: a model that can serve no request of a rule, because every one of them needs
//! what the model does not have.
//!
//! Each is a proof: the tree finds no request that the condition takes and the model could serve.

use rustc_hash::FxHashMap;

use super::{enters_route, name, named};
use crate::bounds::SERVE_PROOF_STEPS;
use crate::compile::Space;
use crate::diag::{Code, Diagnostic};
use crate::dsl::expr::typed::{BinaryOp, Expr, Function, Kind, Literal, Type};
use crate::dsl::policy::{Attempt, AttemptKind, Capability, ModelId, Policy, Rule};
use crate::facts::Var;

/// Reports attempts of a rule that can never serve, and targets of which nobody can.
pub(super) fn check(policy: &Policy, rule: &Rule, findings: &mut Vec<Diagnostic>) {
    let Some(condition) = &rule.condition else { return };
    let mut implied = Implied { condition, reads: reads(condition), possible: None, known: FxHashMap::default() };
    if implied.reads.is_empty() {
        return;
    }
    let lost: Vec<(&Attempt, Vec<(ModelId, Need)>)> =
        rule.attempts.iter().filter_map(|attempt| Some((attempt, lost(policy, attempt, &mut implied)?))).collect();
    let target: Vec<&Attempt> =
        rule.attempts.iter().filter(|attempt| !matches!(attempt.kind, AttemptKind::Reject { .. })).collect();
    if lost.is_empty() {
        return;
    }
    if lost.len() == target.len() && target.len() == rule.attempts.len() {
        findings.push(nobody(policy, rule, condition, &lost));
        return;
    }
    for (attempt, models) in &lost {
        let needs = in_words(policy, models);
        let code = match models.first() {
            Some((_, Need::Tokens(_))) => Code::P0405,
            _ => Code::P0403,
        };
        findings.push(
            Diagnostic::new(code, attempt.span, format!("no request of rule `{}` is ever served here", rule.name))
                .label(needs)
                .also(condition.span, because(models))
                .help("remove it, name another model, or declare what it can do"),
        );
    }
}

fn nobody(policy: &Policy, rule: &Rule, condition: &Expr, lost: &[(&Attempt, Vec<(ModelId, Need)>)]) -> Diagnostic {
    let mut finding =
        Diagnostic::new(Code::P0404, rule.span, format!("nobody can serve what rule `{}` takes", rule.name));
    if let Some((_, models)) = lost.first() {
        finding = finding.also(condition.span, because(models));
    }
    for (attempt, models) in lost {
        finding = finding.also(attempt.span, in_words(policy, models));
    }
    finding.help("lead the rule to a model that can, or declare what these can do")
}

fn because(models: &[(ModelId, Need)]) -> String {
    match models.first().map(|(_, need)| need) {
        Some(Need::Images) => "every request of this rule has images".to_owned(),
        Some(Need::Tools) => "every request of this rule has tools".to_owned(),
        Some(Need::Tokens(context)) => format!("every request of this rule has more than {context} tokens"),
        None => String::new(),
    }
}

fn in_words(policy: &Policy, models: &[(ModelId, Need)]) -> String {
    let one = |(id, need): &(ModelId, Need)| {
        let name = name(policy, *id);
        match need {
            Need::Images => format!("`{name}` cannot see"),
            Need::Tools => format!("`{name}` cannot use tools"),
            Need::Tokens(context) => format!("`{name}` takes {context} tokens"),
        }
    };
    models.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What a request may need of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Need {
    Images,
    Tools,
    /// more than this many tokens
    Tokens(u64),
}

impl Need {
    fn var(self) -> Var {
        match self {
            Self::Images => Var::RequestImages,
            Self::Tools => Var::RequestTools,
            Self::Tokens(_) => Var::RequestTokens,
        }
    }

    /// "The request needs it", as a condition.
    fn condition(self) -> Expr {
        let span = crate::diag::Span::default();
        let expr = |kind, ty| Expr { kind, ty, span };
        let number =
            |value: u64| expr(Kind::Literal(Literal::Int(i64::try_from(value).unwrap_or(i64::MAX))), Type::Int);
        let var = expr(Kind::Var(self.var()), self.var().row().ty.into());
        let (value, most) = match self {
            Self::Images => (var, 0),
            Self::Tools => (expr(Kind::Call(Function::Size, vec![var]), Type::Int), 0),
            Self::Tokens(context) => (var, context),
        };
        expr(Kind::Binary(BinaryOp::Gt, Box::new(value), Box::new(number(most))), Type::Bool)
    }
}

/// The models of an attempt, each with what it lacks for every request of the rule; None as soon as
/// one may serve.
fn lost(policy: &Policy, attempt: &Attempt, implied: &mut Implied<'_>) -> Option<Vec<(ModelId, Need)>> {
    let models = named(policy, attempt);
    if models.is_empty() || enters_route(attempt) {
        return None;
    }
    let mut lost = Vec::with_capacity(models.len());
    for id in models {
        let model = policy.models.get(id.index())?;
        let lacks = |capability| !model.serves(capability);
        let needs = [
            lacks(Capability::Vision).then_some(Need::Images),
            lacks(Capability::Tools).then_some(Need::Tools),
            model.fitting_context().map(Need::Tokens),
        ];
        let need = needs.into_iter().flatten().find(|need| implied.always(*need))?;
        if !lost.contains(&(id, need)) {
            lost.push((id, need));
        }
    }
    Some(lost)
}

/// What follows from a rule's condition.
struct Implied<'c> {
    condition: &'c Expr,
    /// which of the three values it reads; nothing follows for the others
    reads: Vec<Var>,
    /// some request may be taken at all
    possible: Option<bool>,
    known: FxHashMap<Need, bool>,
}

impl Implied<'_> {
    /// Whether every request that the condition takes has this need.
    fn always(&mut self, need: Need) -> bool {
        if !self.reads.contains(&need.var()) {
            return false;
        }
        if let Some(known) = self.known.get(&need) {
            return *known;
        }
        let needs = need.condition();
        let space = Space::new(&[self.condition, &needs]);
        let mut budget = SERVE_PROOF_STEPS;
        let possible = *self.possible.get_or_insert_with(|| space.has_region(&[(0, true)], &mut budget) == Some(true));
        let always = possible && space.has_region(&[(0, true), (1, false)], &mut budget) == Some(false);
        self.known.insert(need, always);
        always
    }
}

/// Which of the values that models are judged by an expression reads.
fn reads(expr: &Expr) -> Vec<Var> {
    let mut found = Vec::new();
    collect(expr, &mut found);
    found
}

fn collect(expr: &Expr, found: &mut Vec<Var>) {
    if let Kind::Var(var @ (Var::RequestImages | Var::RequestTools | Var::RequestTokens)) = expr.kind {
        found.push(var);
    }
    expr.for_each_part(&mut |child| collect(child, found));
}
