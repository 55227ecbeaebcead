//! `POST /v1/messages/count_tokens`: the provider's own count when the model that would answer is
//! reached by Anthropic's protocol, else ours. Claude Code asks many at a time and waits for them,
//! so nothing is tried twice: when the provider does not answer, we count.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Extension;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};

use super::{json, refuse_as};
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

pub(super) async fn count_tokens(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let exchange = match Exchange::look(entry.clone(), Protocol::Anthropic, request).await {
        Ok(exchange) => exchange,
        Err(error) => return refuse_as(&entry, Protocol::Anthropic, &error),
    };
    if let Some(target) = chosen(&exchange) {
        match asked(&exchange, target).await {
            Some(Ok(body)) => return json(&entry, StatusCode::OK, body),
            Some(Err(error)) => {
                let mut headers = HeaderMap::new();
                reply::stamp(&mut headers, &entry);
                return reply::refusal(headers, Protocol::Anthropic, &error, &entry.request_id);
            }
            None => {}
        }
    }
    match exchange.count().await {
        Ok(counted) => json(&entry, StatusCode::OK, format!("{{\"input_tokens\":{}}}", counted.counted())),
        Err(error) => refuse_as(&entry, Protocol::Anthropic, &error),
    }
}

/// The model that would answer first, when it can count and is well.
fn chosen(exchange: &Exchange) -> Option<&Target> {
    let (live, facts) = (&exchange.entry.live, exchange.facts());
    let mut scratch = Scratch::default();
    let tickets = |rotation| live.see_ticket(rotation);
    let seeds = Seeds { request_id: &exchange.entry.request_id, tickets: &tickets };
    let mut walk = live.engine.begin(&facts, exchange.entry.caller.tenant, &seeds, &mut scratch);
    let Step::Try(candidate) = walk.next(&facts, &live.world(Instant::now())) else { return None };
    let target = live.target(candidate.model)?;
    (target.wire(Protocol::Anthropic) == Wire::Anthropic && target.endpoint.state().failures == 0).then_some(target)
}

/// The provider's answer, or its refusal; `None` when it gave neither.
async fn asked(exchange: &Exchange, target: &Target) -> Option<Result<Bytes, GatewayError>> {
    let count = protocol::Target { stream: false, ..target.for_protocol(Wire::Anthropic) };
    let outgoing = protocol::encode(&exchange.request, &count).ok()?;
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
