//! From a request to its answer: which provider and wire, which knobs, then the answer or the
//! misbehaviour that they ask for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use crate::bounds::MAX_BODY_BYTES;
use crate::mock::ask::{Ask, Refusal};
use crate::mock::knobs::Knobs;
use crate::mock::plan::Plan;
use crate::mock::play::{Answer, Cut};
use crate::mock::stats::{Recorded, Stats};
use crate::mock::{anthropic, chat, embeddings};

/// The fake providers and what they have seen.
#[derive(Debug)]
pub(super) struct Upstream {
    /// by path prefix; the one without a name stands for requests without a prefix
    pub providers: ArcSwap<Vec<(String, Arc<Knobs>)>>,
    pub stats: Arc<Stats>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Anthropic,
    Chat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Messages,
    CountTokens,
    Completions,
    Embeddings,
    Models,
}

/// The provider's name and the endpoint of a path.
fn route(path: &str) -> Option<(&str, Endpoint)> {
    let endpoints = [
        ("/messages/count_tokens", Endpoint::CountTokens),
        ("/messages", Endpoint::Messages),
        ("/chat/completions", Endpoint::Completions),
        ("/embeddings", Endpoint::Embeddings),
        ("/models", Endpoint::Models),
    ];
    let (front, endpoint) =
        endpoints.into_iter().find_map(|(suffix, endpoint)| Some((path.strip_suffix(suffix)?, endpoint)))?;
    let front = front.strip_suffix("/v1").unwrap_or(front);
    Some((front.strip_prefix('/').unwrap_or(front), endpoint))
}

/// Answers one request.
///
/// # Errors
/// When a knob says that the connection is to be reset.
pub(super) async fn answer(
    upstream: &Upstream,
    reset: &AtomicBool,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Cut> {
    let number = upstream.stats.request();
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let Some((name, endpoint)) = route(path) else {
        return Ok(refusal(Wire::Chat, 404, &format!("Unknown request URL: {} {path}", head.method), number));
    };
    let anthropic = match endpoint {
        Endpoint::Messages | Endpoint::CountTokens => true,
        Endpoint::Completions | Endpoint::Embeddings => false,
        Endpoint::Models => head.headers.contains_key("anthropic-version"),
    };
    let wire = if anthropic { Wire::Anthropic } else { Wire::Chat };
    let knobs = upstream.providers.load().iter().find(|(known, _)| known == name).map(|(_, knobs)| Arc::clone(knobs));
    let Some(mut knobs) = knobs else {
        return Ok(refusal(wire, 404, &format!("there is no mock provider `{name}`"), number));
    };
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return Ok(refusal(wire, 413, "Request exceeds the maximum size", number));
    };
    let body = body.to_bytes();
    if knobs.record {
        let path = head.uri.to_string();
        upstream.stats.record(Recorded { path, headers: head.headers.clone(), body: body.clone() });
    }
    let wanted = if endpoint == Endpoint::Models { Method::GET } else { Method::POST };
    if head.method != wanted {
        return Ok(refusal(wire, 405, &format!("Method Not Allowed: {path} takes {wanted}"), number));
    }
    if endpoint == Endpoint::Models {
        return Ok(models(wire, number));
    }
    if endpoint == Endpoint::Embeddings {
        let failed = misbehave(wire, &knobs, reset, number).await?;
        return Ok(failed.unwrap_or_else(|| match embeddings::answer(&body) {
            Ok(body) => respond(wire, 200, Bytes::from(body), number),
            Err(Refusal(message)) => refusal(wire, 400, &message, number),
        }));
    }
    let ask = match read(endpoint, &head.headers, &body, &mut knobs) {
        Ok(ask) => ask,
        Err(Refusal(message)) => return Ok(refusal(wire, 400, &message, number)),
    };
    if let Some(failure) = misbehave(wire, &knobs, reset, number).await? {
        return Ok(failure);
    }
    if endpoint == Endpoint::CountTokens {
        return Ok(respond(wire, 200, Bytes::from(format!(r#"{{"input_tokens":{}}}"#, ask.input_tokens)), number));
    }
    Ok(good(upstream, wire, &knobs, &ask, number))
}

/// Reads what is asked, and the knobs of this one request.
fn read(endpoint: Endpoint, headers: &HeaderMap, body: &[u8], knobs: &mut Arc<Knobs>) -> Result<Ask, Refusal> {
    let bad_knob = |error: crate::mock::knobs::KnobError| Refusal(error.to_string());
    if headers.keys().any(|name| name.as_str().starts_with("x-mock-")) {
        Arc::make_mut(knobs).set_by_headers(headers).map_err(bad_knob)?;
    }
    let ask = match endpoint {
        _ if knobs.trusting => glance(body),
        Endpoint::Completions => chat::request::read(body)?,
        _ if !headers.contains_key("anthropic-version") => {
            return Err(Refusal("anthropic-version: header is required".to_owned()));
        }
        _ => anthropic::request::read(body, endpoint == Endpoint::CountTokens)?,
    };
    if ask.model.contains('+') {
        Arc::make_mut(knobs).set_by_model(&ask.model).map_err(bad_knob)?;
    }
    Ok(ask)
}

/// Reads `model` and `stream` without parsing: good enough for a client that is known to be good,
/// and next to free for a large body.
fn glance(body: &[u8]) -> Ask {
    let has = |needle: &[u8]| memchr::memmem::find(body, needle).is_some();
    let model = memchr::memmem::find(body, br#""model":"#)
        .and_then(|at| body.get(at + 8..))
        .and_then(|rest| rest.split(|byte| *byte == b'"').nth(1))
        .map(|name| String::from_utf8_lossy(name).into_owned());
    Ask {
        model: model.unwrap_or_default(),
        stream: has(br#""stream":true"#) || has(br#""stream": true"#),
        include_usage: has(br#""include_usage":true"#) || has(br#""include_usage": true"#),
        input_tokens: (body.len() as u64).div_ceil(4),
        ..Ask::default()
    }
}

/// Waits, hangs, resets or fails, as the knobs say.
async fn misbehave(
    wire: Wire,
    knobs: &Knobs,
    reset: &AtomicBool,
    number: u64,
) -> Result<Option<Response<Answer>>, Cut> {
    if !knobs.latency.is_zero() {
        tokio::time::sleep(knobs.latency).await;
    }
    if knobs.hang {
        std::future::pending::<()>().await;
    }
    if knobs.reset {
        reset.store(true, Ordering::Relaxed);
        return Err(Cut);
    }
    let every = knobs.fail == 0.0 && knobs.status != 0;
    if !every && share(number) >= knobs.fail {
        return Ok(None);
    }
    let status = if knobs.status == 0 { 500 } else { knobs.status };
    let message = match status {
        429 => "This request would exceed your rate limit.",
        529 => "Overloaded",
        _ => "The mock fails this request, as it was told.",
    };
    let mut response = refusal(wire, status, message, number);
    if let Some(seconds) = knobs.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(Some(response))
}

/// A number in 0.0 to 1.0 for each request, the same in every run (splitmix64).
fn share(number: u64) -> f64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let share = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
    share
}

fn good(upstream: &Upstream, wire: Wire, knobs: &Knobs, ask: &Ask, number: u64) -> Response<Answer> {
    let created_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let plan = Plan::new(ask, knobs, number, created_unix_s);
    if !ask.stream {
        let body = match wire {
            Wire::Anthropic => anthropic::reply::whole(&plan),
            Wire::Chat => chat::reply::whole(&plan),
        };
        let response = respond(wire, 200, Bytes::from(body), number);
        return if knobs.cut.is_some() { response.map(Answer::cut_in_half) } else { response };
    }
    let (events, broken) = match wire {
        Wire::Anthropic => (anthropic::reply::stream(&plan), anthropic::reply::ERROR_EVENT),
        Wire::Chat => (chat::reply::stream(&plan), chat::reply::ERROR_EVENT),
    };
    let body = Answer::stream(events, broken, knobs, upstream.stats.open());
    let mut response = with_headers(wire, body, number);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response
}

fn models(wire: Wire, number: u64) -> Response<Answer> {
    let body = match wire {
        Wire::Anthropic => {
            r#"{"data":[{"type":"model","id":"mock","display_name":"Mock","created_at":"2025-01-01T00:00:00Z"}],"has_more":false,"first_id":"mock","last_id":"mock"}"#
        }
        Wire::Chat => {
            r#"{"object":"list","data":[{"id":"mock","object":"model","created":1735689600,"owned_by":"mock"}]}"#
        }
    };
    respond(wire, 200, Bytes::from_static(body.as_bytes()), number)
}

fn refusal(wire: Wire, status: u16, message: &str, number: u64) -> Response<Answer> {
    let body = match wire {
        Wire::Anthropic => anthropic::reply::error(status, message, number),
        Wire::Chat => chat::reply::error(status, message),
    };
    respond(wire, status, Bytes::from(body), number)
}

fn respond(wire: Wire, status: u16, body: Bytes, number: u64) -> Response<Answer> {
    let mut response = with_headers(wire, Answer::whole(body), number);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The headers that both vendors send: the request's id and a rate limit.
fn with_headers(wire: Wire, body: Answer, number: u64) -> Response<Answer> {
    let (id, limit) = match wire {
        Wire::Anthropic => ("request-id", "anthropic-ratelimit-requests-remaining"),
        Wire::Chat => ("x-request-id", "x-ratelimit-remaining-requests"),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(anthropic::reply::request_id(number)) {
        headers.insert(HeaderName::from_static(id), value);
    }
    headers.insert(HeaderName::from_static(limit), HeaderValue::from_static("9999"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(&str, Endpoint)>) {
        assert_eq!(route(path), expected, "{path}");
    }

    #[test]
    fn finds_provider_and_endpoint() {
        check("/v1/messages", Some(("", Endpoint::Messages)));
        check("/messages", Some(("", Endpoint::Messages)));
        check("/fake/v1/messages", Some(("fake", Endpoint::Messages)));
        check("/fake/v1/messages/count_tokens", Some(("fake", Endpoint::CountTokens)));
        check("/fake/chat/completions", Some(("fake", Endpoint::Completions)));
        check("/v1/models", Some(("", Endpoint::Models)));
        check("/v1/responses", None);
        check("/", None);
    }

    #[test]
    fn fails_in_the_share_asked_for() {
        let failed = (1..=10_000).filter(|number| share(*number) < 0.05).count();
        assert!((450..550).contains(&failed), "{failed}");
    }

    #[test]
    fn a_glance_sees_model_and_stream() {
        let ask = glance(br#"{"model": "small", "stream":true,"messages":[]}"#);
        assert_eq!((ask.model.as_str(), ask.stream, ask.include_usage), ("small", true, false));
    }
}
