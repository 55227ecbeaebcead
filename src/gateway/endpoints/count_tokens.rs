//! `POST /v1/messages/count_tokens`: the provider's own count when the model that would answer is
//! reached by Anthropic's protocol, else ours. Claude Code asks many at a time and waits for them,
//! so nothing is tried twice: when the provider does not answer, we count.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Extension;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::refuse_as;
use crate::bounds::MAX_ERROR_BYTES;
use crate::compile::Scratch;
use crate::engine::{Seeds, Step};
use crate::gateway::live::Target;
use crate::gateway::phases::accept::{Entry, Exchange};
use crate::gateway::rejection::GatewayError;
use crate::gateway::reply;
use crate::protocol::{self, Protocol, Wire, errors};
use crate::upstream::{Operation, Prepared, Verdict, request_headers, response_headers};

/// Time for the provider to count. Our own count takes milliseconds and is close.
const PROVIDER: Duration = Duration::from_secs(10);

/// Said when a provider that counts was passed over.
const OURS: &str = "the provider did not count the tokens: this is the gateway's own count";

pub(super) async fn count_tokens(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let exchange = match Exchange::look(entry.clone(), Protocol::Anthropic, request).await {
        Ok(exchange) => exchange,
        Err(error) => return refuse_as(&entry, Protocol::Anthropic, &error),
    };
    let (decision, target) = chosen(&exchange);
    let mut headers = HeaderMap::new();
    reply::stamp(&mut headers, &entry);
    reply::decided(&mut headers, &decision, target);
    let refused =
        |headers, error: &GatewayError| reply::refusal(headers, Protocol::Anthropic, error, &entry.request_id);
    if let Some(target) = target.filter(|target| target.wire(Protocol::Anthropic) == Wire::Anthropic) {
        let counted = if target.endpoint.state().failures == 0 { asked(&exchange, target).await } else { None };
        match counted {
            Some(Ok(body)) => return reply::whole(headers, reply::JSON, body),
            Some(Err(error)) => return refused(headers, &error),
            None => reply::warn(&mut headers, OURS),
        }
    }
    match exchange.count().await {
        Ok(counted) => {
            let body = format!("{{\"input_tokens\":{}}}", counted.counted());
            reply::whole(headers, reply::JSON, body.into())
        }
        Err(error) => refused(headers, &error),
    }
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

/// The provider's answer, or its refusal; `None` when it gave neither.
async fn asked(exchange: &Exchange, target: &Target) -> Option<Result<Bytes, GatewayError>> {
    // Whoever counts refuses the parameters that transforms set.
    let count = protocol::Target { stream: false, transforms: &[], ..target.for_protocol(Wire::Anthropic) };
    let outgoing = protocol::encode(&exchange.request, &count, &exchange.facts()).ok()?;
    let mut headers = request_headers(Operation::CountTokens, false, &exchange.headers);
    headers.remove(http::header::ACCEPT);
    let prepared = Prepared { operation: Operation::CountTokens, headers, body: outgoing.body, beta: exchange.beta };
    let all = async {
        let mut incoming = target.endpoint.send(exchange.entry.lane, prepared).await.ok()?;
        match Verdict::of(incoming.status) {
            Verdict::Good => incoming.whole(MAX_ERROR_BYTES).await.ok().map(Ok),
            Verdict::Client => {
                let body = incoming.error_body(Instant::now() + PROVIDER).await;
                let body = target.endpoint.masked_bytes(body);
                let (_, message) = errors::read_upstream_error(&body);
                let (status, mut headers) = (incoming.status.as_u16(), Box::<HeaderMap>::default());
                response_headers(&incoming.headers, &mut headers);
                Some(Err(GatewayError::Upstream { status, message, headers, verbatim: Some(body) }))
            }
            Verdict::Failed(_) => None,
        }
    };
    tokio::time::timeout(PROVIDER, all).await.ok().flatten()
}
