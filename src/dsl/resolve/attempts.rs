//! Where rules lead.

use rustc_hash::FxHashMap;

use super::Lower;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{self, Set, Word};
use crate::dsl::expr::ast::Raw;
use crate::dsl::expr::infer::{self, Let, Phase};
use crate::dsl::expr::typed::{Expr, Kind, Type};
use crate::dsl::policy::{Arm, Attempt, AttemptKind, ModelId, Strategy};

type Lets = FxHashMap<String, Let>;

impl Lower<'_, '_> {
    pub(super) fn target(&mut self, target: &[ast::Attempt], lets: &mut Lets) -> Vec<Attempt> {
        let mut attempts = Vec::with_capacity(target.len());
        let mut tried: FxHashMap<ModelId, Span> = FxHashMap::default();
        for (position, attempt) in target.iter().enumerate() {
            let last = position + 1 == target.len();
            let what = match &attempt.kind {
                ast::AttemptKind::Route(_) => Some("`route`"),
                ast::AttemptKind::Reject { .. } => Some("`reject`"),
                _ => None,
            };
            if let Some(what) = what.filter(|_| !last) {
                let finding =
                    Diagnostic::new(Code::P0413, attempt.span, format!("{what} stands only as the last attempt"));
                self.report(finding.help("what follows would never be tried; remove it or move it before"));
            }
            let Some(attempt) = self.attempt(attempt, lets) else { continue };
            if let AttemptKind::Model(model) = attempt.kind
                && let Some(first) = tried.insert(model, attempt.span)
            {
                let finding = Diagnostic::new(Code::P0411, attempt.span, "this model has already been tried then");
                self.report(
                    finding.label("again here").also(first, "first here").help("remove it, or name another model"),
                );
            }
            attempts.push(attempt);
        }
        attempts
    }

    fn attempt(&mut self, attempt: &ast::Attempt, lets: &mut Lets) -> Option<Attempt> {
        let kind = match &attempt.kind {
            ast::AttemptKind::Name(word) => match self.names.member(word, self.findings)? {
                Ok(model) => {
                    self.used.models.insert(model.index());
                    AttemptKind::Model(model)
                }
                Err(pool) => {
                    self.used.pools.insert(pool.index());
                    AttemptKind::Pool(pool)
                }
            },
            ast::AttemptKind::Choice { strategy, set, filter } => self.choice(*strategy, set, filter.as_ref(), lets),
            ast::AttemptKind::Split { arms, by } => self.split(attempt.span, arms, by.as_ref(), lets),
            ast::AttemptKind::Route(word) => {
                let route = self.names.route(word, self.findings)?;
                self.calls.push((self.policy.routes.len(), route.index(), word.span));
                AttemptKind::Route(route)
            }
            ast::AttemptKind::Reject { status: (status, span), text } => self.reject(*status, *span, text.clone())?,
        };
        Some(Attempt { kind, span: attempt.span })
    }

    fn reject(&mut self, status: u32, span: Span, text: Option<String>) -> Option<AttemptKind> {
        match u16::try_from(status).ok().filter(|status| (400..=599).contains(status)) {
            Some(status) => Some(AttemptKind::Reject { status, text }),
            None => {
                let finding = Diagnostic::new(Code::P0410, span, "a refusal has a status from 400 to 599");
                self.report(finding.help("write `reject 403`, `reject 429` or the like"));
                None
            }
        }
    }

    fn choice(&mut self, strategy: (Strategy, Span), set: &Set, filter: Option<&Raw>, lets: &mut Lets) -> AttemptKind {
        let (strategy, at) = strategy;
        if matches!(strategy, Strategy::Fastest | Strategy::Balanced | Strategy::Idlest | Strategy::Adaptive) {
            let word = self.shared.sources.slice(at).to_owned();
            self.unserved(at, &format!("`{word} of`"));
        }
        let (models, place) = self.set(set);
        if strategy == Strategy::Cheapest {
            self.priced(&models, place);
        }
        let filter = filter.and_then(|raw| {
            let filter = infer::condition(raw, &self.shared, lets, Phase::Candidate, self.findings)?;
            self.served(&filter);
            self.note_tags(&filter);
            Some(filter)
        });
        let ticket = self.tickets;
        self.tickets = self.tickets.saturating_add(1);
        AttemptKind::Choice { strategy, set: models, filter, ticket }
    }

    fn set(&mut self, set: &Set) -> (Vec<ModelId>, Span) {
        match set {
            Set::Tag(word) => (self.tagged(word), word.span),
            Set::Names(words, span) => {
                if words.is_empty() {
                    let finding = Diagnostic::new(Code::P0406, *span, "there is nothing to choose from");
                    self.report(finding.help("name at least one model: `[a, b]`"));
                }
                (self.listed(words), *span)
            }
            Set::Name(word) => (self.pool_set(word), word.span),
        }
    }

    fn pool_set(&mut self, word: &Word) -> Vec<ModelId> {
        match self.names.member(word, self.findings) {
            Some(Err(pool)) => {
                self.used.pools.insert(pool.index());
                self.policy.pools.get(pool.index()).map_or_else(Vec::new, |pool| pool.models.clone())
            }
            Some(Ok(_)) => {
                let finding = Diagnostic::new(
                    Code::P0102,
                    word.span,
                    format!("`{}` is one model, a set is expected here", word.text),
                );
                self.report(finding.help(format!("write `[{}]`, a pool or `tag(…)`", word.text)));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// The models with a tag, in order of declaration.
    pub(super) fn tagged(&mut self, tag: &Word) -> Vec<ModelId> {
        let models: Vec<ModelId> = (0u32..)
            .zip(&self.policy.models)
            .filter(|(_, model)| model.tags.contains(&tag.text))
            .map(|(number, _)| ModelId(number))
            .collect();
        if models.is_empty() {
            let mut known: Vec<&str> = self.shared.declared.model_tags.iter().map(String::as_str).collect();
            known.sort_unstable();
            let finding = Diagnostic::new(Code::P0102, tag.span, format!("no model has the tag `{}`", tag.text));
            let near = crate::diag::suggest::nearest(&tag.text, known.iter().copied()).map(str::to_owned);
            self.report(match near {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("write `tags: [{}]` in a model", tag.text)),
            });
        }
        self.used.tags.insert(tag.text.clone());
        self.used.models.extend(models.iter().map(|model| model.index()));
        models
    }

    /// `cheapest` compares prices, so every candidate needs one.
    fn priced(&mut self, models: &[ModelId], place: Span) {
        for model in models {
            let Some(found) = self.policy.models.get(model.index()).filter(|found| found.price.is_none()) else {
                continue;
            };
            let finding =
                Diagnostic::new(Code::P0408, place, format!("`cheapest` needs the price of `{}`", found.name))
                    .also(found.span, "has no `price`")
                    .help("add `price: { input: …, output: … }`, US dollars a million tokens");
            self.findings.push(finding);
        }
    }

    fn split(
        &mut self,
        span: Span,
        arms: &[(f64, Span, ast::Attempt)],
        by: Option<&Raw>,
        lets: &mut Lets,
    ) -> AttemptKind {
        let total: f64 = arms.iter().map(|(percent, _, _)| percent).sum();
        if (total - 100.0).abs() > 1e-6 {
            let finding = Diagnostic::new(Code::P0401, span, format!("the arms add up to {}%", rounded(total)));
            let difference = rounded((100.0 - total).abs());
            let word = if total < 100.0 { "missing" } else { "too much" };
            self.report(finding.label(format!("{difference}% {word}")).help("the shares of all arms make 100%"));
        }
        let mut lowered = Vec::with_capacity(arms.len());
        for (percent, at, attempt) in arms {
            if *percent == 0.0 {
                let finding = Diagnostic::new(Code::P0402, *at, "this arm gets no request");
                self.report(finding.help("remove it, or give it a share"));
            }
            if matches!(attempt.kind, ast::AttemptKind::Reject { .. } | ast::AttemptKind::Split { .. }) {
                let finding =
                    Diagnostic::new(Code::P0413, attempt.span, "an arm is a model, a pool, a choice or a route");
                self.report(finding.help("put it into a route of its own and write `route NAME`"));
                continue;
            }
            if let Some(attempt) = self.attempt(attempt, lets) {
                lowered.push(Arm { percent: *percent, attempt });
            }
        }
        AttemptKind::Split { arms: lowered, by: by.and_then(|raw| self.by(raw, lets)) }
    }

    fn by(&mut self, raw: &Raw, lets: &mut Lets) -> Option<Expr> {
        let expr = infer::infer(raw, &self.shared, lets, Phase::By, self.findings)?;
        if expr.ty != Type::String {
            let finding =
                Diagnostic::new(Code::P0203, raw.span, format!("`by` takes a string, this is of type {}", expr.ty));
            let text = self.shared.sources.slice(raw.span);
            self.report(finding.help(format!("write `string({text})`")));
            return None;
        }
        self.served(&expr);
        if !reads(&expr) {
            let finding =
                Diagnostic::new(Code::P0409, raw.span, "every request has the same value here, so one arm gets all");
            self.report(finding.help("split by something that differs, such as `session.id` or `user.id`"));
        }
        Some(expr)
    }
}

/// Whether an expression depends on the request.
fn reads(expr: &Expr) -> bool {
    let mut found = matches!(expr.kind, Kind::Var(_) | Kind::Access(_));
    expr.for_each_part(&mut |child| found = found || reads(child));
    found
}

fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
