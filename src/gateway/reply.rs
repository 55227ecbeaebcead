//! What a client gets: the response around an answer, and a refusal in the client's own shape.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::live::Target;
use super::phases::accept::Entry;
use super::phases::settle::Account;
use super::rejection::GatewayError;
use crate::metrics::CacheResult;
use crate::protocol::Protocol;
use crate::protocol::errors::{self, AttemptFailure, ErrorReply};

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

const DECISION: HeaderName = HeaderName::from_static("x-ccr-decision");
const MODEL: HeaderName = HeaderName::from_static("x-ccr-model");
const PROVIDER: HeaderName = HeaderName::from_static("x-ccr-provider");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-ccr-attempts");
const POLICY: HeaderName = HeaderName::from_static("x-ccr-policy");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ccr-request-id");
const WARNING: HeaderName = HeaderName::from_static("x-ccr-warning");
const CACHE: HeaderName = HeaderName::from_static("x-ccr-cache");

/// Longest text in a header, in bytes: some clients refuse heads beyond 8 KB.
const MAX_TEXT_BYTES: usize = 2_000;

/// The headers that say what happened. `headers` may hold those of the upstream.
pub(crate) fn describe(headers: &mut HeaderMap, account: &Account, warnings: &[String]) {
    let live = &account.entry().live;
    stamp(headers, account.entry());
    let decision = account.trail.decision.as_ref().map_or("", |(_, _, decision)| decision);
    decided(headers, decision, account.trail.model.and_then(|model| live.target(model)));
    headers.insert(ATTEMPTS, HeaderValue::from(account.trail.attempts));
    if let Some(cache) = account.cache {
        headers.insert(CACHE, HeaderValue::from_static(cache.name()));
    }
    if !warnings.is_empty() {
        warn(headers, &warnings.join("; "));
    }
}

/// The headers that say which rule held (empty: none) and which model it led to.
pub(crate) fn decided(headers: &mut HeaderMap, decision: &str, target: Option<&Target>) {
    if !decision.is_empty() {
        set(headers, DECISION, decision);
    }
    if let Some(target) = target {
        headers.insert(MODEL, target.name_header.clone());
        headers.insert(PROVIDER, target.provider_header.clone());
    }
}

/// The header that says what was done otherwise than asked.
pub(crate) fn warn(headers: &mut HeaderMap, text: &str) {
    set(headers, WARNING, text);
}

/// The headers that every answer has.
pub(crate) fn stamp(headers: &mut HeaderMap, entry: &Entry) {
    set(headers, REQUEST_ID, &entry.request_id);
    headers.insert(POLICY, entry.live.digest_header.clone());
}

/// Sets a header to a text of at most [`MAX_TEXT_BYTES`]; what a header cannot hold becomes `?`.
fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    let text = text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or(text);
    let value = HeaderValue::from_str(text).or_else(|_| {
        let plain = |character: char| if (' '..='~').contains(&character) { character } else { '?' };
        HeaderValue::from_str(&text.chars().map(plain).collect::<String>())
    });
    if let Ok(value) = value {
        headers.insert(name, value);
    }
}

/// `/chat`'s answer.
#[derive(Serialize)]
struct Simple<'a> {
    success: bool,
    response: &'a str,
    model: &'a str,
    provider: &'a str,
    rule: &'a str,
    usage: SimpleUsage,
    cost_usd: Option<f64>,
    cached: bool,
    attempts: u32,
    request_id: &'a str,
}

#[derive(Serialize)]
struct SimpleUsage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    total_tokens: u64,
}

/// Puts the text of an answer into `/chat`'s frame; the bodies of other protocols stay as they are.
pub(crate) fn framed(account: &Account, body: Bytes) -> Bytes {
    if account.protocol() != Protocol::Simple {
        return body;
    }
    let target = account.trail.model.and_then(|model| account.entry().live.target(model));
    let usage = account.usage.unwrap_or_default();
    let answer = Simple {
        success: true,
        response: &String::from_utf8_lossy(&body),
        model: target.map_or("", |target| &target.name),
        provider: target.map_or("", |target| &target.provider),
        rule: account.trail.decision.as_ref().map_or("", |(_, _, text)| text),
        usage: SimpleUsage {
            input_tokens: usage.input,
            output_tokens: usage.output,
            cache_read_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write,
            total_tokens: usage.input_total().saturating_add(usage.output),
        },
        cost_usd: account.cost_usd,
        cached: matches!(account.cache, Some(CacheResult::Hit | CacheResult::Shared)),
        attempts: account.trail.attempts,
        request_id: &account.entry().request_id,
    };
    serde_json::to_vec(&answer).map_or(body, Bytes::from)
}

/// An answer that is whole.
pub(crate) fn whole(mut headers: HeaderMap, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    headers.insert(CONTENT_TYPE, content_type);
    with_head(StatusCode::OK, headers, Body::from(body))
}

/// An answer that comes in pieces.
pub(crate) fn stream(mut headers: HeaderMap, body: Body) -> Response<Body> {
    headers.insert(CONTENT_TYPE, EVENTS);
    headers.insert(http::header::CACHE_CONTROL, NO_CACHE);
    with_head(StatusCode::OK, headers, body)
}

pub(crate) fn with_head(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A refusal in the shape of the client's protocol. `headers` may say more about it.
pub(crate) fn refusal(
    mut headers: HeaderMap,
    protocol: Protocol,
    error: &GatewayError,
    request_id: &str,
) -> Response<Body> {
    if let GatewayError::Upstream { headers: upstream, .. } = error {
        for (name, value) in upstream.iter() {
            // Ours are there already, and stay.
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, JSON);
    if let Some(wait) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    let body = match error {
        GatewayError::Upstream { verbatim: Some(body), .. } => body.clone(),
        _ => errors::render(protocol, &error_reply(error, request_id)),
    };
    with_head(error.status(), headers, Body::from(body))
}

/// An error as the protocol room renders it.
pub(crate) fn error_reply(error: &GatewayError, request_id: &str) -> ErrorReply {
    let attempts = error.attempts().iter();
    ErrorReply {
        status: error.status().as_u16(),
        kind: error.kind().to_owned(),
        message: error.to_string(),
        hint: error.hint().map(str::to_owned),
        place: error.place(),
        retry_after_s: error.retry_after().map(whole_seconds),
        attempts: attempts
            .map(|tried| AttemptFailure { model: tried.model.clone(), reason: tried.reason.clone() })
            .collect(),
        request_id: request_id.to_owned(),
    }
}

/// Seconds, rounded up: a client that comes back a moment too early is sent away again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_an_end() {
        let shown = |text: &str| {
            let mut headers = HeaderMap::new();
            set(&mut headers, WARNING, text);
            String::from_utf8(headers.remove(WARNING).unwrap().as_bytes().to_vec()).unwrap()
        };
        assert_eq!(shown("kept as it is"), "kept as it is");
        assert_eq!(shown("a\nb é"), "a?b ?");
        assert_eq!(shown(&"x".repeat(9_000)).len(), MAX_TEXT_BYTES);
        assert_eq!(shown(&format!("x{}", "é".repeat(9_000))).len(), MAX_TEXT_BYTES - 1, "cut between characters");
    }
}
