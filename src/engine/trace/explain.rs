//! Makes a [`Trace`].

use rustc_hash::FxHashMap;

use super::notes::ReadOfText;
use super::record::{Recorded, members};
use super::text::dollars;

use super::{
    ArmTrace, AtomTrace, AttemptTrace, CandidateTrace, CandidateVerdict, ExplainError, Outcome, Question, Refusal,
    Resolved, RotateTrace, RouteTrace, RuleTrace, RuleVerdict, SCHEMA, Seen, SkipTrace, SplitTrace, Trace, Written,
    given,
};
use crate::compile::Scratch;
use crate::dsl::expr::plain::{Condition, Explanation, Step, Verdict};
use crate::dsl::expr::typed::Expr;
use crate::dsl::policy::{Attempt, AttemptKind, ModelId, Policy, RouteId, Rule, Strategy, TenantId};
use crate::engine::choose::{Ask, position};
use crate::engine::cursor::{Around, Candidate, Cursor, Frame, Stepped};
use crate::engine::plan::hashed;
use crate::engine::walk::{Exhausted, exhausted};
use crate::engine::{Engine, Seeds, SkipReason, describe, nobody, split};
use crate::facts::world::World;
use crate::facts::{Facts, Var};

/// The status for a request that nobody can ever serve.
const BAD_REQUEST: u16 = 400;
/// The status for a request that somebody may serve later.
const UNAVAILABLE: u16 = 503;

/// Explains a request; every fact counts as given, and every model can be written for.
///
/// # Errors
/// When there is no route to enter, or the two evaluators disagree.
pub fn explain(
    engine: &Engine,
    facts: &dyn Facts,
    tenant: Option<TenantId>,
    world: &World,
    seeds: &Seeds<'_>,
) -> Result<Trace, ExplainError> {
    Explainer::new(engine).explain(&Question {
        facts,
        tenant,
        entry: None,
        world,
        seeds,
        is_given: &|_| true,
        written: &|_| Written::default(),
    })
}

/// Explains any number of requests; conditions are prepared once.
#[derive(Debug)]
pub struct Explainer<'e> {
    engine: &'e Engine,
    /// by route and rule, prepared when they are asked first
    conditions: FxHashMap<(RouteId, u32), Condition>,
    scratch: Scratch,
    /// None: nobody wants to know what was reached
    recorded: Option<Recorded>,
}

impl<'e> Explainer<'e> {
    /// An explainer of this engine's policy.
    #[must_use]
    pub fn new(engine: &'e Engine) -> Self {
        Self { engine, conditions: FxHashMap::default(), scratch: Scratch::default(), recorded: None }
    }

    /// From now on remembers what its requests reach.
    #[must_use]
    pub fn recording(self) -> Self {
        Self { recorded: Some(Recorded::default()), ..self }
    }

    /// What its requests reached since this was asked last.
    pub fn take_recorded(&mut self) -> Recorded {
        self.recorded.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Explains one request.
    ///
    /// # Errors
    /// When there is no route to enter, or the two evaluators disagree.
    pub fn explain(&mut self, question: &Question<'_>) -> Result<Trace, ExplainError> {
        let engine = self.engine;
        let entry = question.entry.or_else(|| engine.entry(question.tenant)).ok_or(ExplainError::NoRoute)?;
        let mut walked = Walked::default();
        self.enter(entry, question, &mut walked)?;
        loop {
            let around = around(engine, question);
            let Some((frame, attempt)) = walked.cursor.peek(engine.policy()) else { break };
            let mut traced = attempt_before(&around, question, &walked.cursor, frame, attempt);
            let stepped = walked.cursor.step(&around, question.facts, question.world);
            traced.decision = walked.cursor.decision(engine.policy());
            let enters = walked.take(engine, question, stepped, traced);
            if let (Some(recorded), Some(traced)) = (&mut self.recorded, walked.attempts.last()) {
                recorded.attempt(engine.policy(), frame, attempt, traced);
            }
            if let Some(route) = enters {
                self.enter(route, question, &mut walked)?;
            }
            if walked.outcome.reject.is_some() || walked.outcome.refusal.is_some() {
                break;
            }
        }
        Ok(walked.finish(engine, question))
    }

    /// Decides in a route with both evaluators and goes on with its rule.
    fn enter(&mut self, route: RouteId, question: &Question<'_>, walked: &mut Walked) -> Result<(), ExplainError> {
        let policy = self.engine.policy();
        let rules = policy.routes.get(route.index()).map(|route| route.rules.as_slice()).unwrap_or_default();
        let conditions = &mut self.conditions;
        let mut explain = |number: u32, condition: &Expr| {
            let prepared = conditions.entry((route, number)).or_insert_with(|| Condition::new(condition));
            prepared.explain(question.facts)
        };
        let mut seen = |rule, explanation: &Explanation| {
            walked.read.add(explanation);
            if let Some(recorded) = &mut self.recorded {
                recorded.condition(route, rule, explanation);
            }
        };
        let (traced, plain) = decide_plainly(rules, question, &mut explain, &mut seen);
        if let Some(recorded) = &mut self.recorded {
            recorded.decisions.push((route, plain));
        }
        let tree = self.engine.tree_decision(route, question.facts, &mut self.scratch);
        if let Some(tree) = tree.filter(|tree| *tree != plain) {
            return Err(ExplainError::Disagree {
                route: describe::route(policy, route).to_owned(),
                tree: describe::rule(policy, route, tree).to_owned(),
                plain: describe::rule(policy, route, plain).to_owned(),
                given: given::render(self.engine, question.facts),
            });
        }
        walked.routes.push(RouteTrace { route: describe::route(policy, route).to_owned(), rules: traced });
        walked.cursor.enter(route, plain);
        let decision = walked.cursor.decision(policy);
        walked.decisions.push(decision.split('/').map(str::to_owned).collect());
        Ok(())
    }
}

fn around<'a>(engine: &'a Engine, question: &'a Question<'_>) -> Around<'a> {
    Around {
        policy: engine.policy(),
        plan: engine.plan(),
        tenant: question.tenant,
        seeds: question.seeds,
        detailed: true,
    }
}

/// What has been found so far.
#[derive(Default)]
struct Walked {
    cursor: Cursor,
    routes: Vec<RouteTrace>,
    decisions: Vec<Vec<String>>,
    attempts: Vec<AttemptTrace>,
    outcome: Outcome,
    /// the decision of the first model, or of the refusal
    decision: Option<String>,
    read: ReadOfText,
}

impl Walked {
    /// Keeps what became of an attempt; gives the route that it leads to.
    fn take(
        &mut self,
        engine: &Engine,
        question: &Question<'_>,
        stepped: Stepped,
        mut traced: AttemptTrace,
    ) -> Option<RouteId> {
        let mut enters = None;
        match stepped {
            Stepped::Try(candidate) => {
                let written = (question.written)(candidate.model);
                self.write(engine, candidate, written, &mut traced);
            }
            Stepped::Nothing | Stepped::End => traced.resolved = Resolved::Nothing,
            Stepped::Enter(route) => {
                traced.resolved = Resolved::Route(describe::route(engine.policy(), route).to_owned());
                enters = Some(route);
            }
            Stepped::Reject { status, text } => {
                self.decision.get_or_insert_with(|| traced.decision.clone());
                traced.resolved = Resolved::Reject(status);
                self.outcome.reject = Some(status);
                self.outcome.reject_text = text;
            }
        }
        self.attempts.push(traced);
        enters
    }

    /// Keeps what became of a candidate that was chosen, after it was written for its provider.
    fn write(&mut self, engine: &Engine, candidate: Candidate, written: Written, traced: &mut AttemptTrace) {
        let name = describe::model(engine.policy(), candidate.model);
        let chosen = traced.candidates.iter_mut().find(|other| other.model == name);
        let (verdict, resolved) = match &written {
            Written::Whole { .. } => (CandidateVerdict::Chosen, Resolved::Model(name.to_owned())),
            Written::Skipped(_) => (CandidateVerdict::Skipped, Resolved::Nothing),
            Written::Refused(_) => (CandidateVerdict::Chosen, Resolved::Refused(BAD_REQUEST)),
        };
        traced.resolved = resolved;
        let (mut warnings, mut changes) = (Vec::new(), Vec::new());
        match written {
            Written::Whole { warnings: lost, changes: changed } => {
                (warnings, changes) = (lost, changed);
                self.outcome.models.push(name.to_owned());
                self.outcome.model_ids.push(candidate.model);
            }
            Written::Skipped(what) => self.cursor.skip(candidate.model, SkipReason::NotTranslatable(what)),
            Written::Refused(text) => {
                self.outcome.refusal = Some(Refusal { status: BAD_REQUEST, text, retry_after_ms: None });
            }
        }
        let skipped = (verdict == CandidateVerdict::Skipped).then(|| self.cursor.skipped.last()).flatten();
        if skipped.is_none() {
            self.decision.get_or_insert_with(|| traced.decision.clone());
        }
        let Some(chosen) = chosen else { return };
        chosen.verdict = verdict;
        chosen.skipped = skipped.map(|skipped| SkipTrace::of(&skipped.reason));
        (chosen.warnings, chosen.changes) = (warnings, changes);
        chosen.adapted = candidate.lacks.iter().map(|capability| capability.name()).collect();
        if candidate.cannot_stream {
            chosen.adapted.push("stream");
        }
    }

    /// What the client gets when nothing is left and nobody was asked.
    fn refusal(&self, policy: &Policy) -> Option<Refusal> {
        let outcome = &self.outcome;
        if !outcome.models.is_empty() || outcome.reject.is_some() {
            return None;
        }
        let Exhausted { live, retry_after_ms } = exhausted(&self.cursor.skipped);
        let status = if live { UNAVAILABLE } else { BAD_REQUEST };
        Some(Refusal { status, text: nobody(&self.cursor.decision(policy), live), retry_after_ms })
    }

    fn finish(mut self, engine: &Engine, question: &Question<'_>) -> Trace {
        let policy = engine.policy();
        self.outcome.refusal = self.outcome.refusal.take().or_else(|| self.refusal(policy));
        let decision = self.decision.unwrap_or_else(|| self.cursor.decision(policy));
        Trace {
            schema: SCHEMA,
            policy: policy.digest.clone(),
            tenant: question.tenant.and_then(|id| policy.tenants.get(id.index())).map(|tenant| tenant.name.clone()),
            decision,
            decisions: self.decisions,
            outcome: self.outcome,
            routes: self.routes,
            attempts: self.attempts,
            sent: None,
            notes: self.read.notes(question),
        }
    }
}

/// The first rule that matches, as the language page says it: from the top, one by one. A
/// condition that fails does not match, unless its rule refuses: then the request is refused.
fn decide_plainly(
    rules: &[Rule],
    question: &Question<'_>,
    explain: &mut dyn FnMut(u32, &Expr) -> Explanation,
    seen: &mut dyn FnMut(u32, &Explanation),
) -> (Vec<RuleTrace>, u32) {
    let mut decided: Option<u32> = None;
    let mut traced = Vec::with_capacity(rules.len());
    for (number, rule) in (0_u32..).zip(rules) {
        let condition = rule.condition.as_ref().filter(|_| decided.is_none());
        let explanation = condition.map(|condition| explain(number, condition));
        explanation.iter().for_each(|explanation| seen(number, explanation));
        let verdict = match explanation.as_ref().map(|explanation| &explanation.verdict) {
            None if decided.is_some() => RuleVerdict::NotReached,
            None | Some(Some(Verdict::True)) => RuleVerdict::Matched,
            Some(Some(Verdict::Error(_))) if refuses(rule) => RuleVerdict::FailedClosed,
            Some(Some(Verdict::Error(_))) => RuleVerdict::Failed,
            Some(_) => RuleVerdict::NotMatched,
        };
        if matches!(verdict, RuleVerdict::Matched | RuleVerdict::FailedClosed) {
            decided = Some(number);
        }
        let atoms = |pick: fn(&Explanation) -> Vec<&Explanation>| {
            explanation
                .as_ref()
                .map(pick)
                .unwrap_or_default()
                .into_iter()
                .map(|atom| atom_trace(atom, question))
                .collect()
        };
        let mut because: Vec<AtomTrace> = atoms(Explanation::deciding);
        if rule.explicit {
            because.iter_mut().for_each(|atom| fold_names(&mut atom.text));
        }
        traced.push(RuleTrace {
            rule: rule.name.clone(),
            verdict,
            because,
            absorbed: atoms(Explanation::absorbed),
            nearest: None,
        });
    }
    let default = u32::try_from(rules.len().saturating_sub(1)).unwrap_or(u32::MAX);
    (traced, decided.unwrap_or(default))
}

/// A model has a dozen spellings, nobody wrote them: the first one tells which model it is.
fn fold_names(text: &mut String) {
    if let Some((first, more)) = text.split_once("\", \"") {
        let more = more.matches("\", \"").count().saturating_add(1);
        *text = format!("{first}\", … {more} more spellings]");
    }
}

fn refuses(rule: &Rule) -> bool {
    matches!(rule.attempts.first(), Some(Attempt { kind: AttemptKind::Reject { .. }, .. }))
}

fn atom_trace(atom: &Explanation, question: &Question<'_>) -> AtomTrace {
    let (holds, error) = match &atom.verdict {
        Some(Verdict::True) => (Some(true), None),
        Some(Verdict::Error(error)) => (None, Some(error.clone())),
        Some(Verdict::False) | None => (Some(false), None),
    };
    let (text, saw) = match &atom.step {
        Step::Atom { text, saw } => (text.clone(), saw.as_slice()),
        _ => (if holds == Some(true) { "true".to_owned() } else { "false".to_owned() }, [].as_slice()),
    };
    let default = |name: &str| Var::from_path(name).is_some_and(|var| !(question.is_given)(var));
    let seen = |saw: &crate::dsl::expr::plain::Saw| Seen {
        default: default(&saw.name),
        name: saw.name.clone(),
        value: saw.value.clone(),
    };
    AtomTrace { text, holds, error, saw: saw.iter().map(seen).collect() }
}

/// An attempt before its step: the same functions over the same snapshot that the step uses.
fn attempt_before(
    around: &Around<'_>,
    question: &Question<'_>,
    cursor: &Cursor,
    frame: Frame,
    attempt: &Attempt,
) -> AttemptTrace {
    let policy = around.policy;
    let (split, inner) = split_trace(around, question, frame, attempt);
    let ask = Ask {
        policy,
        plan: around.plan,
        facts: question.facts,
        world: question.world,
        tenant: question.tenant,
        needs: question.facts.needs(),
        tried: cursor.tried(),
        detailed: true,
    };
    let set = members(policy, inner);
    let (strategy, ticket) = match &inner.kind {
        AttemptKind::Choice { strategy, ticket, .. } => (*strategy, Some(*ticket)),
        _ => (Strategy::First, None),
    };
    let choice = ticket.and_then(|ticket| around.plan.choice(ticket));
    let candidates = set
        .iter()
        .enumerate()
        .map(|(at, id)| candidate_trace(&ask, strategy, *id, ask.member_obstacle(choice, at, *id)));
    let rotate = ticket.filter(|_| strategy == Strategy::Rotate).and_then(|number| {
        let round = &choice?.round;
        let ticket = (question.seeds.tickets)(number);
        let position = position(round.len(), ticket);
        let turn = set.get(*round.get(position)? as usize)?;
        Some(RotateTrace { ticket, position, round: round.len(), turn: describe::model(policy, *turn).to_owned() })
    });
    AttemptTrace {
        decision: String::new(),
        text: describe::attempt(policy, attempt),
        split,
        rotate,
        candidates: candidates.collect(),
        resolved: Resolved::Nothing,
    }
}

/// What a split does, and the arm it leads to; any other attempt is its own arm.
fn split_trace<'p>(
    around: &Around<'p>,
    question: &Question<'_>,
    frame: Frame,
    attempt: &'p Attempt,
) -> (Option<SplitTrace>, &'p Attempt) {
    let AttemptKind::Split { arms, .. } = &attempt.kind else { return (None, attempt) };
    let Some(plan) = around.plan.split((frame.route.0, frame.rule, frame.next)) else { return (None, attempt) };
    let hashed = hashed(&plan.by, question.facts, question.seeds.request_id);
    let chosen = split::pick(&plan.arms, &hashed.value);
    let traced = arms.iter().zip(&plan.arms).enumerate().map(|(number, (arm, seed))| ArmTrace {
        text: describe::attempt(around.policy, &arm.attempt),
        percent: arm.percent,
        draw: Some(seed.draw(&hashed.value)).filter(|draw| draw.is_finite()),
        chosen: chosen == Some(number),
    });
    let instead_of = hashed.instead_of.as_deref().map(str::to_owned);
    let split = SplitTrace {
        by: hashed.source.to_string(),
        value: hashed.value.to_string(),
        instead_of,
        arms: traced.collect(),
    };
    let inner = chosen.and_then(|number| arms.get(number)).map_or(attempt, |arm| &arm.attempt);
    (Some(split), inner)
}

fn candidate_trace(ask: &Ask<'_>, strategy: Strategy, id: ModelId, obstacle: Option<SkipReason>) -> CandidateTrace {
    let model = ask.policy.models.get(id.index());
    let provider = model.and_then(|model| ask.policy.providers.get(model.provider.index()));
    CandidateTrace {
        model: describe::model(ask.policy, id).to_owned(),
        provider: provider.map(|provider| provider.name.clone()).unwrap_or_default(),
        verdict: if obstacle.is_some() { CandidateVerdict::Skipped } else { CandidateVerdict::Usable },
        skipped: obstacle.as_ref().map(SkipTrace::of),
        estimate_usd: ask.estimate(id),
        ranked_by: model.and_then(|model| ranked_by(ask, strategy, id, model)),
        warnings: Vec::new(),
        changes: Vec::new(),
        adapted: Vec::new(),
    }
}

/// What a strategy ranks by, where that is not the price or the order.
fn ranked_by(ask: &Ask<'_>, strategy: Strategy, id: ModelId, model: &crate::dsl::policy::Model) -> Option<String> {
    let state = ask.state(id);
    match strategy {
        Strategy::Best => Some(format!("quality {:?}", ask.quality(model))),
        Strategy::Balanced => Some(format!("quality × health × weight {:?}", ask.merit(strategy, id))),
        Strategy::Fastest => Some(format!("first token {} ms", state.ttft_p95_ms)),
        Strategy::Idlest => Some(format!("headroom {:?}", state.headroom)),
        Strategy::Rotate => Some(format!("weight {}", model.weight)),
        Strategy::Adaptive => Some("nothing learnt: list order".to_owned()),
        // Counted tokens and the body's length may put two models in another order.
        Strategy::Cheapest => {
            let (ranking, estimate) = (dollars(ask.ranking(id)?), dollars(ask.estimate(id)?));
            (ranking != estimate).then(|| format!("ranked by length at {ranking}"))
        }
        Strategy::First => None,
    }
}

impl SkipTrace {
    fn of(reason: &SkipReason) -> Self {
        Self { kind: reason.kind(), text: reason.to_string() }
    }
}
