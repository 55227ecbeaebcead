//! Gemini's endpoints: `POST /v1beta/models/{model}:generateContent`, `:streamGenerateContent` (as
//! server-sent events with `?alt=sse`, else as a JSON array) and `:countTokens`, and
//! `GET /v1beta/models/{model}`. The same under `/v1` and `/v1alpha`.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Extension;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;

use super::{count_tokens, json, models, refuse_as};
use crate::gateway::front::spoken;
use crate::gateway::phases::accept::{Entry, Exchange, read_body};
use crate::gateway::phases::generate;
use crate::gateway::rejection::GatewayError;
use crate::gateway::reply;
use crate::protocol::models::render_one;
use crate::protocol::{JsonArray, ModelCall, Protocol, counted_body, errors, wants_events};

/// What may be asked of a model.
const METHODS: &str = "a model has the methods generateContent, streamGenerateContent and countTokens";
const EMBEDDINGS: &str = "embeddings are not served in Gemini's format; use POST /v1/embeddings, in OpenAI's";

/// Asks a model.
pub(super) async fn call(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let call = ModelCall::of(request.uri().path());
    let Some(call) = call else { return refuse_as(&entry, Protocol::Gemini, &GatewayError::NotServed(METHODS)) };
    match call.method.as_str() {
        _ if call.generates() => {
            let array = call.streams() && !wants_events(request.uri().query());
            let response = generate(entry.clone(), Protocol::Gemini, request).await;
            if array { as_array(&entry, response) } else { response }
        }
        "countTokens" => count(entry, request).await,
        "embedContent" | "batchEmbedContents" | "asyncBatchEmbedContent" => {
            refuse_as(&entry, Protocol::Gemini, &GatewayError::NotServed(EMBEDDINGS))
        }
        _ => refuse_as(&entry, Protocol::Gemini, &GatewayError::NotServed(METHODS)),
    }
}

/// A request's tokens, as the model that would answer counts them.
async fn count(entry: Entry, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let exchange = match read_body(&parts.headers, body, entry.app.config.timings.request_body).await {
        Ok(body) => Exchange::dry(entry.clone(), Protocol::Gemini, parts, counted_body(body)),
        Err(error) => Err(error),
    };
    let exchange = match exchange {
        Ok(exchange) => exchange,
        Err(error) => return refuse_as(&entry, Protocol::Gemini, &error),
    };
    count_tokens::answer(exchange, |tokens| format!("{{\"totalTokens\":{tokens}}}")).await
}

/// One model, in the caller's protocol.
pub(super) async fn model(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let protocol = spoken(request.uri(), request.headers());
    let name = ModelCall::of(request.uri().path()).map(|call| call.model).unwrap_or_default();
    match models::cards(&entry, protocol).into_iter().find(|card| card.id == name) {
        Some(card) => json(&entry, StatusCode::OK, render_one(protocol, &card)),
        None => refuse_as(&entry, protocol, &GatewayError::NoModel(name.chars().take(200).collect())),
    }
}

/// The stream of a response as a JSON array; a response that is none stays as it is.
fn as_array(entry: &Entry, response: Response<Body>) -> Response<Body> {
    if response.headers().get(CONTENT_TYPE) != Some(&reply::EVENTS) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    set_json(&mut parts.headers);
    let failure = reply::error_reply(&GatewayError::Internal, &entry.request_id);
    let failure = errors::render(Protocol::Gemini, &failure);
    Response::from_parts(parts, Body::new(ArrayBody { events: Some(body), failure, ..ArrayBody::default() }))
}

fn set_json(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, reply::JSON);
    headers.remove(CONTENT_LENGTH);
}

/// A body of events on its way to become an array. Whoever drops it drops the stream behind it.
#[derive(Default)]
struct ArrayBody {
    /// None: it has ended
    events: Option<Body>,
    /// what stands at the end of an array that cannot go on
    failure: Bytes,
    array: JsonArray,
    ready: VecDeque<Bytes>,
    /// reused between chunks
    pushed: Vec<Bytes>,
}

impl http_body::Body for ArrayBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(events) = this.events.as_mut() else { return Poll::Ready(None) };
            match std::task::ready!(Pin::new(events).poll_frame(context)) {
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    // An event that is too large never leaves the relay; if one does, it is an error.
                    if let Ok(chunk) = frame.into_data()
                        && this.array.push(chunk, &mut this.pushed).is_err()
                    {
                        this.array.fail(std::mem::take(&mut this.failure), &mut this.pushed);
                        this.events = None;
                    }
                }
                None => {
                    this.array.finish(&mut this.pushed);
                    this.events = None;
                }
            }
            this.ready.extend(this.pushed.drain(..));
        }
    }
}
