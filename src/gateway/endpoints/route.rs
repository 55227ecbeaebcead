//! `POST /v1/route`: a dry run. The body of a real request comes in; where it would go, and why,
//! goes out. Nothing is sent, nothing is remembered, no rotation advances.

use std::time::Instant;

use axum::body::Body;
use axum::extract::Extension;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri};

use super::{json, refuse_as};
use crate::engine::Seeds;
use crate::engine::trace::{Explainer, Question};
use crate::gateway::live::write_for;
use crate::gateway::phases::accept::{Entry, Exchange, read_body};
use crate::gateway::rejection::GatewayError;
use crate::protocol::{Protocol, guess, guess_embeddings};

/// Names the protocol of the body. Without it, it is guessed.
const PROTOCOL: HeaderName = HeaderName::from_static("x-ccr-protocol");

/// What stands there for embeddings, which are no conversation.
const EMBEDDINGS: &str = "embeddings";

const PROTOCOLS: [Protocol; 5] =
    [Protocol::Anthropic, Protocol::Chat, Protocol::Responses, Protocol::Gemini, Protocol::Simple];

pub(super) async fn route(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let refused = |error: &GatewayError| refuse_as(&entry, Protocol::Chat, error);
    let body = match read_body(&parts.headers, body, entry.app.config.timings.request_body).await {
        Ok(body) => body,
        Err(error) => return refused(&error),
    };
    let protocol = match named(&parts.headers, &parts.uri) {
        Some(Ok(protocol)) => protocol,
        Some(Err(error)) => return refused(&error),
        None => (!guess_embeddings(&body)).then(|| guess(&parts.headers, &body)),
    };
    let exchange = match protocol {
        Some(protocol) => Exchange::dry(entry.clone(), protocol, parts, body),
        None => Exchange::dry_embeddings(entry.clone(), parts, body),
    };
    match exchange.and_then(|exchange| explained(&exchange)) {
        Ok(trace) => json(&entry, StatusCode::OK, trace),
        Err(error) => refuse_as(&entry, protocol.unwrap_or(Protocol::Chat), &error),
    }
}

fn explained(exchange: &Exchange) -> Result<Vec<u8>, GatewayError> {
    let (live, facts) = (&exchange.entry.live, exchange.facts());
    let tickets = |rotation| live.see_ticket(rotation);
    let seeds = Seeds { request_id: &exchange.entry.request_id, tickets: &tickets };
    let world = live.world(Instant::now());
    let question = Question {
        facts: &facts,
        tenant: exchange.entry.caller.tenant,
        entry: None,
        world: &world,
        seeds: &seeds,
        is_given: &|_| true,
        written: &|model| write_for(&live.engine, model, &exchange.request, &facts),
    };
    let trace = Explainer::new(&live.engine).explain(&question).map_err(|error| {
        tracing::error!(%error, "a request cannot be explained");
        GatewayError::Internal
    })?;
    serde_json::to_vec(&trace).map_err(|_| GatewayError::Internal)
}

/// The protocol that is named; `Ok(None)`: embeddings.
fn named(headers: &HeaderMap, uri: &Uri) -> Option<Result<Option<Protocol>, GatewayError>> {
    let header = headers.get(PROTOCOL).map(|value| value.to_str().unwrap_or_default());
    let query = || uri.query()?.split('&').find_map(|pair| pair.strip_prefix("protocol="));
    let name = header.or_else(query)?;
    if name == EMBEDDINGS {
        return Some(Ok(None));
    }
    let known = PROTOCOLS.into_iter().find(|known| known.name() == name);
    let wrong = || {
        GatewayError::BadRequest(
            "the protocol is `anthropic`, `chat`, `responses`, `gemini`, `simple` or `embeddings`".to_owned(),
        )
    };
    Some(known.map(Some).ok_or_else(wrong))
}
