//! How many tokens a request has: `POST /v1/messages/count_tokens` and the other protocols' ways to ask. The
//! provider's own count when the model that would answer is reached by Anthropic's protocol or Gemini's, else ours, by that
//! model's vocabulary and formulas. Claude Code asks many at a time and waits for them, so nothing is tried
//! twice: when the provider does not answer, we count.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Extension;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::refuse_as;
use crate::bounds::MAX_ERROR_BYTES;
use crate::compile::Scratch;
use crate::dsl::transform::Transform;
use crate::engine::{Seeds, Step};
use crate::gateway::live::Target;
use crate::gateway::phases::accept::{Entry, Exchange};
use crate::gateway::phases::settle::protocol_number;
use crate::gateway::rejection::GatewayError;
use crate::gateway::reply;
use crate::metrics::CountedBy;
use crate::protocol::tokens::Measure;
use crate::protocol::{self, Protocol, Wire, errors};
use crate::upstream::{Operation, Prepared, Verdict, request_headers};

/// Time for the provider to count. Our own count takes milliseconds and is close.
const PROVIDER: Duration = Duration::from_secs(10);

/// Said whenever it is not the provider that counted.
const OURS: &str = "the provider did not count the tokens: this is the gateway's own count";

pub(super) async fn count_tokens(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let exchange = match Exchange::look(entry.clone(), Protocol::Anthropic, request).await {
        Ok(exchange) => exchange,
        Err(error) => return refuse_as(&entry, Protocol::Anthropic, &error),
    };
    answer(exchange, |tokens| format!("{{\"input_tokens\":{tokens}}}")).await
}

/// Counts, and answers in the client's protocol; `body` writes our number.
pub(super) async fn answer(exchange: Exchange, body: fn(u64) -> String) -> Response<Body> {
    let (entry, protocol) = (exchange.entry.clone(), exchange.request.protocol());
    let (headers, counted) = count(exchange).await;
    match counted {
        Ok(Count::Said(body)) => reply::whole(headers, reply::JSON, body),
        Ok(Count::Tokens(tokens)) => reply::whole(headers, reply::JSON, body(tokens).into()),
        Err(error) => reply::refusal(headers, protocol, &error, &entry.request_id),
    }
}

/// A count.
#[derive(Debug)]
enum Count {
    /// the provider's answer, in the client's own protocol
    Said(Bytes),
    /// tokens of the input
    Tokens(u64),
}

/// Counts a request's tokens as the model that would answer counts them. The headers say which one that is.
async fn count(mut exchange: Exchange) -> (HeaderMap, Result<Count, GatewayError>) {
    let entry = exchange.entry.clone();
    let protocol = exchange.request.protocol();
    let (decision, target) = chosen(&exchange);
    let mut headers = HeaderMap::new();
    reply::stamp(&mut headers, &entry);
    reply::decided(&mut headers, &decision, target);
    let note = |by| entry.app.metrics.counted(protocol_number(protocol), by);
    let wire = target.map(|target| target.wire(protocol));
    if let Some(target) = target.filter(|target| wire.is_some_and(|wire| asks(target, wire).is_some())) {
        let counted = if target.endpoint.state().failures == 0 {
            asked(&exchange, target, target.wire(protocol)).await
        } else {
            None
        };
        match counted {
            Some(Ok(body)) => {
                note(CountedBy::Provider);
                return (headers, Ok(body));
            }
            Some(Err(error)) => {
                note(CountedBy::Nobody);
                return (headers, Err(error));
            }
            None => {}
        }
    }
    reply::warn(&mut headers, OURS);
    let measure = target.zip(wire).map_or(Measure::COMMON, |(target, wire)| Measure::of(wire, &target.upstream));
    if let Some(in_words) = target.zip(wire).and_then(|(target, wire)| in_words(&exchange, target, wire)) {
        exchange.request = in_words;
    }
    let counted = exchange.count_for(measure).await.map(Count::Tokens);
    note(if counted.is_ok() { CountedBy::Gateway } else { CountedBy::Nobody });
    (headers, counted)
}

/// Whoever counts refuses the parameters that transforms set; the words that stand for tools are input.
const COUNTED: &[Transform] = &[Transform::EmulateTools];

/// A model as its input is counted.
fn counted_for(target: &Target, wire: Wire) -> protocol::Target<'_> {
    let all = target.for_protocol(wire);
    let transforms = if all.emulates_tools() { COUNTED } else { &[] };
    protocol::Target { stream: false, transforms, ..all }
}

/// The request as a model without tools reads it; None where no words are added to it.
fn in_words(exchange: &Exchange, target: &Target, wire: Wire) -> Option<protocol::Request> {
    let target = counted_for(target, wire);
    if target.transforms.is_empty() {
        return None;
    }
    let sent = protocol::encode(&exchange.request, &target, &exchange.facts()).ok()?;
    let protocol = match wire {
        Wire::Anthropic => Protocol::Anthropic,
        Wire::Chat => Protocol::Chat,
        Wire::Responses => Protocol::Responses,
        Wire::Gemini => Protocol::Gemini,
    };
    protocol::Request::parse(protocol, sent.body.concat().into()).ok()
}

/// The rule that holds, and the model that would answer first.
fn chosen(exchange: &Exchange) -> (String, Option<&Target>) {
    let (live, facts) = (&exchange.entry.live, exchange.facts());
    let mut scratch = Scratch::default();
    let tickets = |rotation| live.see_ticket(rotation);
    let seeds = Seeds { request_id: &exchange.entry.request_id, tickets: &tickets };
    let mut walk = live.engine.begin(&facts, exchange.entry.caller.tenant, &seeds, &mut scratch);
    let target = match walk.next(&facts, &live.world(Instant::now())) {
        Step::Try(candidate) => live.target(candidate.model),
        _ => None,
    };
    let decision = if walk.rule().is_some() { walk.decision() } else { String::new() };
    (decision, target)
}

/// How a provider is asked for its count; None when it has none that takes a whole request.
fn asks(target: &Target, wire: Wire) -> Option<Operation> {
    match wire {
        Wire::Anthropic => Some(Operation::CountTokens),
        // Vertex counts by another form, without what is inside `generateContentRequest`.
        Wire::Gemini if target.endpoint.path(Operation::CountContents, &target.link).contains("/publishers/") => None,
        Wire::Gemini => Some(Operation::CountContents),
        Wire::Chat | Wire::Responses => None,
    }
}

/// The provider's answer, or its refusal; `None` when it gave neither.
async fn asked(exchange: &Exchange, target: &Target, wire: Wire) -> Option<Result<Count, GatewayError>> {
    let operation = asks(target, wire)?;
    let same = wire.same_as(exchange.request.protocol());
    let outgoing = protocol::encode(&exchange.request, &counted_for(target, wire), &exchange.facts()).ok()?;
    let body = match wire {
        Wire::Gemini => protocol::to_count(outgoing.body, &target.upstream),
        _ if same => outgoing.body,
        _ => vec![protocol::tokens::countable(&outgoing.body.concat())?],
    };
    let mut headers = request_headers(operation, false, &exchange.headers);
    headers.remove(http::header::ACCEPT);
    let prepared = Prepared { operation, headers, body, beta: same && exchange.beta };
    let all = async {
        let mut incoming = target.endpoint.send(exchange.entry.lane, &target.link, prepared).await.ok()?;
        match Verdict::of(incoming.status) {
            Verdict::Good => {
                let body = incoming.whole(MAX_ERROR_BYTES).await.ok()?;
                let tokens = || protocol::tokens::told(wire, &body).map(Count::Tokens);
                if same { Some(Ok(Count::Said(body))) } else { tokens().map(Ok) }
            }
            Verdict::Client => {
                let body = incoming.error_body(Instant::now() + PROVIDER).await;
                let body = target.endpoint.masked_bytes(body);
                if wire == Wire::Gemini && errors::refuses_key(&body) {
                    return None;
                }
                let (_, message) = errors::read_upstream_error(&body);
                let headers = Box::new(target.endpoint.client_headers(&incoming.headers, 0));
                let place = Box::new(errors::read_place(&body));
                let status = incoming.status.as_u16();
                let verbatim = same.then_some(body);
                Some(Err(GatewayError::Upstream { status, message, headers, place, verbatim }))
            }
            Verdict::Failed(_) => None,
        }
    };
    tokio::time::timeout(PROVIDER, all).await.ok().flatten()
}
