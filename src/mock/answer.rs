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
use crate::mock::route::{Endpoint, Road, Wire, route};
use crate::mock::stats::{Recorded, Stats};
use crate::mock::{anthropic, chat, embeddings, gemini, openai, responses};

/// The fake providers and what they have seen.
#[derive(Debug)]
pub(super) struct Upstream {
    /// by path prefix; the one without a name stands for requests without a prefix
    pub providers: ArcSwap<Vec<(String, Arc<Knobs>)>>,
    pub stats: Arc<Stats>,
}

/// How a request is answered: its wire, its number, and whether a stream is one JSON array.
#[derive(Clone, Copy)]
struct Manner {
    wire: Wire,
    number: u64,
    array: bool,
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
    let Some(road) = route(path) else {
        let manner = Manner { wire: Wire::Chat, number, array: false };
        return Ok(manner.refuse(404, &format!("Unknown request URL: {} {path}", head.method)));
    };
    let wire = road.wire(head.headers.contains_key("anthropic-version"));
    let sse = head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    let manner = Manner { wire, number, array: road.endpoint == Endpoint::StreamGenerate && !sse };
    let knobs =
        upstream.providers.load().iter().find(|(known, _)| known == road.name).map(|(_, knobs)| Arc::clone(knobs));
    let Some(mut knobs) = knobs else {
        return Ok(manner.refuse(404, &format!("there is no mock provider `{}`", road.name)));
    };
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return Ok(manner.refuse(413, "Request exceeds the maximum size"));
    };
    let body = body.to_bytes();
    if knobs.record {
        let path = head.uri.to_string();
        upstream.stats.record(Recorded { path, headers: head.headers.clone(), body: body.clone() });
    }
    let wanted = if road.endpoint == Endpoint::Models { Method::GET } else { Method::POST };
    if head.method != wanted {
        return Ok(manner.refuse(405, &format!("Method Not Allowed: {path} takes {wanted}")));
    }
    if road.endpoint == Endpoint::Models {
        return Ok(manner.models());
    }
    let ask = match read(&road, &head.headers, &body, &mut knobs) {
        Ok(ask) => ask,
        Err(refusal) => return Ok(manner.refusal(&refusal, None)),
    };
    if let Some(failure) = misbehave(manner, &knobs, reset).await? {
        return Ok(failure);
    }
    let tokens = ask.input_tokens;
    Ok(match road.endpoint {
        Endpoint::CountTokens => manner.respond(200, format!(r#"{{"input_tokens":{tokens}}}"#)),
        Endpoint::CountInput => manner.respond(200, responses::reply::count(tokens)),
        Endpoint::CountContents => manner.respond(200, gemini::reply::count(tokens)),
        Endpoint::Embeddings => match embeddings::answer(&body) {
            Ok(body) => manner.respond(200, body),
            Err(refusal) => manner.refusal(&refusal, None),
        },
        _ => manner.good(upstream, &knobs, &ask),
    })
}

/// Reads what is asked, and the knobs of this one request.
fn read(road: &Road<'_>, headers: &HeaderMap, body: &[u8], knobs: &mut Arc<Knobs>) -> Result<Ask, Refusal> {
    let bad_knob = |error: crate::mock::knobs::KnobError| Refusal::new(error.to_string());
    if headers.keys().any(|name| name.as_str().starts_with("x-mock-")) {
        Arc::make_mut(knobs).set_by_headers(headers).map_err(bad_knob)?;
    }
    let beta = headers.contains_key("anthropic-beta");
    let ask = match road.endpoint {
        _ if knobs.trusting => glance(road, body),
        Endpoint::Messages | Endpoint::CountTokens if !headers.contains_key("anthropic-version") => {
            return Err(Refusal::new("anthropic-version: header is required"));
        }
        Endpoint::Messages => anthropic::request::read(body, false, beta)?,
        Endpoint::CountTokens => anthropic::request::read(body, true, beta)?,
        Endpoint::Completions => chat::request::read(body)?,
        Endpoint::Responses => responses::request::read(body, false)?,
        Endpoint::CountInput => responses::request::read(body, true)?,
        Endpoint::Generate | Endpoint::StreamGenerate => {
            gemini::request::read(body, &road.model, road.endpoint == Endpoint::StreamGenerate)?
        }
        Endpoint::CountContents => gemini::request::read_count(body, &road.model)?,
        Endpoint::Embeddings | Endpoint::Models => glance(road, body),
    };
    if ask.model.contains('+') {
        Arc::make_mut(knobs).set_by_model(&ask.model).map_err(bad_knob)?;
    }
    Ok(ask)
}

/// Reads `model` and `stream` without parsing: good enough for a client that is known to be good,
/// and next to free for a large body.
fn glance(road: &Road<'_>, body: &[u8]) -> Ask {
    let has = |needle: &[u8]| memchr::memmem::find(body, needle).is_some();
    let model = memchr::memmem::find(body, br#""model":"#)
        .and_then(|at| body.get(at + 8..))
        .and_then(|rest| rest.split(|byte| *byte == b'"').nth(1))
        .map(|name| String::from_utf8_lossy(name).into_owned());
    let streams = road.endpoint == Endpoint::StreamGenerate;
    Ask {
        model: if road.model.is_empty() { model.unwrap_or_default() } else { road.model.clone() },
        stream: streams || has(br#""stream":true"#) || has(br#""stream": true"#),
        include_usage: has(br#""include_usage":true"#) || has(br#""include_usage": true"#),
        input_tokens: crate::mock::ask::tokens_of(body),
        ..Ask::default()
    }
}

/// Waits, hangs, resets or fails, as the knobs say.
async fn misbehave(manner: Manner, knobs: &Knobs, reset: &AtomicBool) -> Result<Option<Response<Answer>>, Cut> {
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
    if !every && share(manner.number) >= knobs.fail {
        return Ok(None);
    }
    let status = if knobs.status == 0 { 500 } else { knobs.status };
    let message = match status {
        429 => "This request would exceed your rate limit.",
        529 => "Overloaded",
        _ => "The mock fails this request, as it was told.",
    };
    let refusal = Refusal { status, ..Refusal::new(message) };
    let mut response = manner.refusal(&refusal, knobs.retry_after_s);
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

impl Manner {
    fn good(self, upstream: &Upstream, knobs: &Knobs, ask: &Ask) -> Response<Answer> {
        let created_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let plan = Plan::new(ask, knobs, self.number, created_unix_s);
        if !ask.stream {
            let body = match self.wire {
                Wire::Anthropic => anthropic::reply::whole(&plan),
                Wire::Chat => chat::reply::whole(&plan),
                Wire::Responses => responses::reply::whole(&plan),
                Wire::Gemini => gemini::reply::whole(&plan),
            };
            let response = self.respond(200, body);
            return if knobs.cut.is_some() { response.map(Answer::cut_in_half) } else { response };
        }
        let events = match self.wire {
            Wire::Anthropic => anthropic::reply::stream(&plan),
            Wire::Chat => chat::reply::stream(&plan),
            Wire::Responses => responses::stream::stream(&plan),
            Wire::Gemini => gemini::reply::stream(&plan, self.array),
        };
        let broken = |sent| match self.wire {
            Wire::Anthropic => anthropic::reply::ERROR_EVENT.to_owned(),
            Wire::Chat => chat::reply::ERROR_EVENT.to_owned(),
            Wire::Responses => responses::reply::error_event(sent),
            Wire::Gemini => gemini::reply::error_event(sent, self.array),
        };
        let mut response = self.with_headers(Answer::stream(events, broken, knobs, upstream.stats.open()));
        let kind = if self.array { "application/json; charset=UTF-8" } else { "text/event-stream; charset=utf-8" };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }

    fn models(self) -> Response<Answer> {
        self.respond(200, match self.wire {
            Wire::Anthropic => {
                r#"{"data":[{"type":"model","id":"mock","display_name":"Mock","created_at":"2025-01-01T00:00:00Z"}],"has_more":false,"first_id":"mock","last_id":"mock"}"#.to_owned()
            }
            Wire::Chat | Wire::Responses => {
                r#"{"object":"list","data":[{"id":"mock","object":"model","created":1735689600,"owned_by":"mock"}]}"#.to_owned()
            }
            Wire::Gemini => gemini::reply::models(),
        })
    }

    fn refuse(self, status: u16, message: &str) -> Response<Answer> {
        self.refusal(&Refusal { status, ..Refusal::new(message) }, None)
    }

    fn refusal(self, refusal: &Refusal, retry_after_s: Option<u64>) -> Response<Answer> {
        let body = match self.wire {
            Wire::Anthropic => anthropic::reply::error(refusal.status, &refusal.message, self.number),
            Wire::Chat | Wire::Responses => openai::error(refusal),
            Wire::Gemini => gemini::reply::error(refusal, retry_after_s, self.array),
        };
        self.respond(refusal.status, body)
    }

    fn respond(self, status: u16, body: String) -> Response<Answer> {
        let mut response = self.with_headers(Answer::whole(Bytes::from(body)));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// The headers that the vendors send: the request's id and a rate limit.
    fn with_headers(self, body: Answer) -> Response<Answer> {
        let (id, limit) = match self.wire {
            Wire::Anthropic => ("request-id", "anthropic-ratelimit-requests-remaining"),
            Wire::Chat | Wire::Responses | Wire::Gemini => ("x-request-id", "x-ratelimit-remaining-requests"),
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::try_from(anthropic::reply::request_id(self.number)) {
            headers.insert(HeaderName::from_static(id), value);
        }
        headers.insert(HeaderName::from_static(limit), HeaderValue::from_static("9999"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_in_the_share_asked_for() {
        let failed = (1..=10_000).filter(|number| share(*number) < 0.05).count();
        assert!((450..550).contains(&failed), "{failed}");
    }

    #[test]
    fn a_glance_sees_model_and_stream() {
        let road = route("/v1/messages").unwrap();
        let ask = glance(&road, br#"{"model": "small", "stream":true,"messages":[]}"#);
        assert_eq!((ask.model.as_str(), ask.stream, ask.include_usage), ("small", true, false));
        let road = route("/v1beta/models/large:streamGenerateContent").unwrap();
        let ask = glance(&road, br#"{"contents":[]}"#);
        assert_eq!((ask.model.as_str(), ask.stream), ("large", true));
    }
}
