//! Step 6: attempts, one after the other, until one is good. Nothing has reached the client yet,
//! so whatever goes wrong leads to the next one; one deadline stands over all of them.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::accept::Exchange;
use super::decide::{self, Limits};
use super::relay::{self, Over, Pump};
use super::settle::{Call, Trail};
use crate::bounds::MAX_ANSWER_BYTES;
use crate::dsl::policy::ModelId;
use crate::engine::{SkipReason, Step, Walk};
use crate::facts::Facts;
use crate::gateway::live::Target;
use crate::gateway::rejection::{GatewayError, Tried};
use crate::metrics::Outcome;
use crate::protocol::{
    self, AnswerContext, Back, BrokenAnswer, Change, Collector, EncodeError, Outgoing, Relay, Spent, Stop, Wire,
    refers_elsewhere,
};
use crate::upstream::{Failure, FailureKind, Incoming, Operation, Prepared, Verdict, request_headers};

/// An attempt that gave an answer.
#[derive(Debug)]
pub(super) struct Good {
    /// what of the upstream's head the client may read
    pub(super) headers: HeaderMap,
    /// what was adapted or lost
    pub(super) warnings: Vec<String>,
    pub(super) content: Content,
}

/// An answer, whole or on its way.
#[derive(Debug)]
pub(super) enum Content {
    /// whole; already in the client's protocol, as an event stream if it asked for one
    Whole(Whole),
    /// behind its first content
    Stream(Box<Pump>),
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) body: Bytes,
    /// the body is an event stream
    pub(super) events: bool,
    pub(super) stop: Stop,
    pub(super) spent: Spent,
    pub(super) cost_usd: Option<f64>,
}

impl Whole {
    /// What it came to.
    pub(super) fn over(&self) -> Over {
        Over { outcome: Outcome::Ok, stop: Some(self.stop), spent: self.spent, cost_usd: self.cost_usd }
    }
}

/// Why an attempt gave none.
enum Miss {
    /// nothing was sent
    Skip(SkipReason),
    /// sent, and failed
    Failed(Failure),
    /// sent, and the client is to be told
    Final(GatewayError),
}

/// Walks on from `step` until an attempt is good.
///
/// # Errors
/// When the policy refuses, the client made a mistake, or nobody is left.
pub(super) async fn run(
    exchange: &Arc<Exchange>,
    facts: &(dyn Facts + Sync),
    walk: &mut Walk<'_>,
    mut step: Step,
    pings: bool,
    trail: &mut Trail,
) -> Result<Good, GatewayError> {
    let live = &exchange.entry.live;
    let mut tried: Vec<Tried> = Vec::new();
    let mut deadline: Option<Instant> = None;
    loop {
        decide::note(walk, live, trail);
        let candidate = match step {
            Step::Try(candidate) => candidate,
            Step::Reject { status, text } => {
                return Err(GatewayError::Rejected { status, text: text.unwrap_or_else(|| refused(trail)) });
            }
            Step::Exhausted(exhausted) if tried.is_empty() => return Err(decide::nobody(walk, live, exhausted)),
            Step::Exhausted(_) => {
                tried.extend(decide::skipped(walk, live));
                return Err(GatewayError::Exhausted { tried, late: false });
            }
        };
        let mut limits = Limits::of(exchange, walk);
        // A route that is entered on the way may shorten the request's deadline, never extend it.
        limits.deadline = deadline.map_or(limits.deadline, |earlier| earlier.min(limits.deadline));
        deadline = Some(limits.deadline);
        let Some(target) = live.target(candidate.model) else { return Err(GatewayError::Internal) };
        match one(exchange, facts, (candidate.model, target), limits, pings, trail).await {
            Ok(good) => return Ok(good),
            Err(Miss::Skip(reason)) => walk.skip(candidate.model, reason),
            Err(Miss::Final(error)) => return Err(error),
            Err(Miss::Failed(failure)) => {
                tried.push(Tried::failed(&target.name, &failure));
                if Instant::now() >= limits.deadline {
                    return Err(GatewayError::Exhausted { tried, late: true });
                }
            }
        }
        step = walk.next(facts, &live.world(Instant::now()));
    }
}

fn refused(trail: &Trail) -> String {
    let decision = trail.decision.as_ref().map_or("", |(_, _, text)| text);
    format!("the policy refuses this request (`{decision}`)")
}

/// What a failed call looks like to the client.
pub(super) fn tried(call: &Call, failure: &Failure) -> Tried {
    let name = call.entry().live.target(call.model()).map_or("", |target| &*target.name);
    Tried::failed(name, failure)
}

async fn one(
    exchange: &Arc<Exchange>,
    facts: &(dyn Facts + Sync),
    (model, target): (ModelId, &Target),
    limits: Limits,
    pings: bool,
    trail: &mut Trail,
) -> Result<Good, Miss> {
    let protocol = exchange.request.protocol();
    let wire = target.wire(protocol);
    let outgoing = written(exchange, facts, (model, target), wire).await?;
    let embeds = exchange.request.embeds();
    let operation = if embeds { Operation::Embeddings } else { operation(wire, outgoing.stream) };
    let stream = outgoing.stream;
    let mut headers = request_headers(operation, stream, &exchange.headers);
    headers.extend(outgoing.headers);
    let beta = exchange.beta && wire.same_as(protocol);
    let prepared = Prepared { operation, headers, body: outgoing.body, beta };
    if trail.attempts == 0 {
        exchange.entry.app.metrics.overhead(exchange.parsed.elapsed());
    }
    trail.attempts = trail.attempts.saturating_add(1);
    trail.model = Some(model);
    trail.warnings = outgoing.warnings;
    let decision = trail.decision.as_ref().map(|(route, rule, _)| (*route, *rule));
    let (entry, named) = (&exchange.entry, exchange.request.model());
    trail.warnings.extend(entry.live.named_in_vain(named, entry.caller, model, decision));
    let asked = Asked {
        exchange,
        model,
        target,
        wire,
        stream,
        pings,
        warnings: &mut trail.warnings,
        changes: outgoing.changes,
        back: outgoing.back,
    };
    asked.answer(prepared, limits.attempt_ends(stream)).await
}

/// The request as the model's provider is to read it. To trim its history its tokens are counted: when they are
/// many, on a thread that may take its time.
async fn written(
    exchange: &Arc<Exchange>,
    facts: &(dyn Facts + Sync),
    (model, target): (ModelId, &Target),
    wire: Wire,
) -> Result<Outgoing, Miss> {
    let written = if target.trims_history() && exchange.is_large() {
        let exchange = Arc::clone(exchange);
        let write = move || {
            let live = &exchange.entry.live;
            let target = live.target(model)?;
            Some(live.encode(model, &target.for_protocol(wire), &exchange.request, &exchange.facts()))
        };
        let written = tokio::task::spawn_blocking(write).await.ok().flatten();
        written.ok_or(Miss::Final(GatewayError::Internal))?
    } else {
        exchange.entry.live.encode(model, &target.for_protocol(wire), &exchange.request, facts)
    };
    written.map_err(|error| match error {
        EncodeError::Unsupported(what) => Miss::Skip(SkipReason::NotTranslatable(what)),
        EncodeError::BadRequest(wrong) => Miss::Final(GatewayError::BadRequest(wrong.message)),
    })
}

pub(crate) fn operation(wire: Wire, stream: bool) -> Operation {
    match wire {
        Wire::Anthropic => Operation::Messages,
        Wire::Chat => Operation::ChatCompletions,
        Wire::Responses => Operation::Responses,
        Wire::Gemini if stream => Operation::StreamGenerateContent,
        Wire::Gemini => Operation::GenerateContent,
    }
}

/// A shorter name of a member stands in many a message.
const SURE_LENGTH: usize = 3;
/// Headers that an answer has as a rule.
const ROOM: usize = 16;
const NOT_KEPT: &str = "the provider does not know what the request refers to (a stored answer, conversation or item), \
                        or the model (status 404)";

/// One model, asked.
struct Asked<'a> {
    exchange: &'a Arc<Exchange>,
    model: ModelId,
    target: &'a Target,
    wire: Wire,
    stream: bool,
    pings: bool,
    /// they go along with a good answer, and stay in the trail of any other
    warnings: &'a mut Vec<String>,
    changes: Vec<Change>,
    back: Back,
}

impl Asked<'_> {
    async fn answer(self, prepared: Prepared, ends: Instant) -> Result<Good, Miss> {
        let call = Call::begin(self.exchange, self.model);
        let sent = self.target.endpoint.send(self.exchange.entry.lane, &self.target.link, prepared);
        let late = || Failure::new(FailureKind::Timeout, "the provider did not answer in time");
        let mut incoming = match tokio::time::timeout_at(ends.into(), sent).await {
            Ok(Ok(incoming)) => incoming,
            Ok(Err(failure)) => return Err(failed(call, failure)),
            Err(_) => return Err(failed(call, late())),
        };
        match Verdict::of(incoming.status) {
            Verdict::Good => {}
            Verdict::Client => return Err(self.client_error(incoming, call, ends).await),
            Verdict::Failed(kind) => {
                let failure = Failure::of_status(kind, incoming.status, &incoming.headers, self.exchange.now);
                let body = self.target.endpoint.masked_bytes(incoming.error_body(ends).await);
                let (word, message) = protocol::errors::read_upstream_error(&body);
                let refers = kind == FailureKind::NotFound && refers_elsewhere(&self.exchange.request);
                let failure = if refers { Failure { text: NOT_KEPT.to_owned(), ..failure } } else { failure };
                let asked = match kind {
                    FailureKind::NotFound => {
                        let operation = operation(self.wire, self.stream);
                        format!("asked at {}", self.target.endpoint.path(operation, &self.target.link))
                    }
                    _ => String::new(),
                };
                return Err(failed(call, failure.detail(asked).said(format!("{word}: {message}"))));
            }
        }
        let headers = self.target.endpoint.client_headers(&incoming.headers, ROOM);
        let mut events =
            incoming.headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        if self.stream && !events {
            // Some servers call their streams `text/plain`.
            events = match tokio::time::timeout_at(ends.into(), incoming.begins_with_events()).await {
                Ok(Ok(events)) => events,
                Ok(Err(failure)) => return Err(failed(call, failure)),
                Err(_) => return Err(failed(call, late())),
            };
        }
        if self.stream && events {
            return self.stream(incoming, call, headers, ends).await;
        }
        let body = match tokio::time::timeout_at(ends.into(), incoming.whole(MAX_ANSWER_BYTES)).await {
            Ok(Ok(body)) => body,
            Ok(Err(failure)) => return Err(failed(call, failure)),
            Err(_) => return Err(failed(call, late())),
        };
        self.whole(&body, events, call, headers).await
    }

    async fn stream(self, incoming: Incoming, call: Call, headers: HeaderMap, ends: Instant) -> Result<Good, Miss> {
        let relay = Relay::new(self.wire, self.exchange.request.protocol(), &self.context());
        let mut pump = Box::new(Pump::new(incoming, relay, call, self.pings));
        let opened = tokio::time::timeout_at(ends.into(), pump.open()).await;
        let late = || Failure::new(FailureKind::Timeout, "the provider sent no content in time");
        match opened.unwrap_or_else(|_| Err(late())) {
            Ok(()) => Ok(Good { headers, warnings: std::mem::take(self.warnings), content: Content::Stream(pump) }),
            Err(failure) => {
                pump.fail(&failure);
                Err(Miss::Failed(failure))
            }
        }
    }

    /// The client gets what it asked for: a stream is collected for one that wants it whole, and
    /// the other way round.
    async fn whole(self, body: &Bytes, events: bool, call: Call, headers: HeaderMap) -> Result<Good, Miss> {
        let wants_events = self.exchange.request.stream();
        let read = if wants_events { self.replayed(body) } else { self.read(body, events) };
        let (body, stop, spent) = match read {
            Ok(read) => read,
            Err(failure) => return Err(failed(call, failure)),
        };
        let (spent, cost_usd) = call.end(spent).wait(spent).await;
        let whole = Whole { body, events: wants_events, stop, spent, cost_usd };
        Ok(Good { headers, warnings: std::mem::take(self.warnings), content: Content::Whole(whole) })
    }

    fn read(&self, body: &Bytes, events: bool) -> Result<(Bytes, Stop, Spent), Failure> {
        let (protocol, context) = (self.exchange.request.protocol(), self.context());
        let answer = if self.exchange.request.embeds() {
            protocol::embedded(body.clone(), context.input_tokens).map_err(|wrong| unreadable(&wrong))?
        } else if events {
            let mut collector = Collector::new(self.wire, protocol, &context);
            collector.push(body.clone()).map_err(|error| relay::broken(&error))?;
            collector.finish().map_err(|cut| Failure::new(FailureKind::Truncated, cut.to_string()))?
        } else {
            protocol::answer(self.wire, protocol, body.clone(), &context).map_err(|wrong| unreadable(&wrong))?
        };
        has_content(answer.has_content, answer.stop)?;
        Ok((answer.body, answer.stop, answer.spent))
    }

    fn replayed(&self, body: &Bytes) -> Result<(Bytes, Stop, Spent), Failure> {
        let protocol = self.exchange.request.protocol();
        let (body, end) =
            protocol::replay(self.wire, protocol, body, &self.context()).map_err(|wrong| unreadable(&wrong))?;
        has_content(end.has_content, end.stop)?;
        Ok((body, end.stop, end.spent))
    }

    /// 400, 413, 422: the client reads what the upstream says, in its own protocol, unless it speaks of our key.
    async fn client_error(self, mut incoming: Incoming, call: Call, ends: Instant) -> Miss {
        let body = self.target.endpoint.masked_bytes(incoming.error_body(ends).await);
        let (word, message) = protocol::errors::read_upstream_error(&body);
        if self.wire == Wire::Gemini && protocol::errors::refuses_key(&body) {
            let kind = FailureKind::Credentials;
            let failure = Failure::of_status(kind, incoming.status, &incoming.headers, self.exchange.now);
            return failed(call, failure.said(format!("{word}: {message}")));
        }
        call.client_error();
        let headers = self.target.endpoint.client_headers(&incoming.headers, 0);
        let (message, blamed) = self.blamed(message);
        self.warnings.extend(blamed);
        // What was cut off, or is no JSON, no client can read.
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        let same = self.wire.same_as(self.exchange.request.protocol()) && is_json && body.first() == Some(&b'{');
        Miss::Final(GatewayError::Upstream {
            status: incoming.status.as_u16(),
            message: if message.is_empty() { "the provider refused the request".to_owned() } else { message },
            headers: Box::new(headers),
            place: Box::new(protocol::errors::read_place(&body)),
            verbatim: same.then_some(body),
        })
    }

    /// A provider's refusal, and what of it the policy's own transforms may have brought about: members that
    /// they changed and that it names.
    fn blamed(&self, mut message: String) -> (String, Option<String>) {
        // The member alone: its value is the policy's business.
        let named = |change: &Change| {
            let member = change.what.split('`').nth(1).unwrap_or_default();
            let last = member.rsplit('.').next().unwrap_or_default();
            let found = last.len() >= SURE_LENGTH && message.contains(last);
            found.then(|| format!("{}: `{member}`", change.transform))
        };
        let changes: Vec<String> = self.changes.iter().filter_map(named).collect();
        if changes.is_empty() {
            return (message, None);
        }
        let model = &self.target.name;
        let blamed =
            format!("the policy changed what it refuses, in the chain of model `{model}`: {}", changes.join("; "));
        message.push_str(&format!(" ({blamed})"));
        (message, Some(blamed))
    }

    fn context(&self) -> AnswerContext<'_> {
        AnswerContext {
            requested_model: self.exchange.request.model(),
            request_id: &self.exchange.entry.request_id,
            created_unix: u64::try_from(self.exchange.now.timestamp()).unwrap_or(0),
            input_tokens: self.exchange.input_tokens(),
            back: &self.back,
        }
    }
}

/// A refusal may have no words; any other answer without content is none.
pub(super) fn has_content(there: bool, stop: Stop) -> Result<(), Failure> {
    if there || stop == Stop::Refusal {
        return Ok(());
    }
    Err(Failure::new(FailureKind::Empty, "the provider's answer held no content"))
}

fn unreadable(wrong: &BrokenAnswer) -> Failure {
    match wrong {
        BrokenAnswer::Upstream { kind, message } => relay::told(kind, message),
        BrokenAnswer::Malformed(_) => {
            Failure::new(FailureKind::Broken, "the provider's answer cannot be read").said(wrong.to_string())
        }
    }
}

fn failed(call: Call, failure: Failure) -> Miss {
    call.fail_early(&failure);
    Miss::Failed(failure)
}
