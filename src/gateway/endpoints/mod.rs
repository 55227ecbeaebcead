//! What there is at which path. Each endpoint is one file, or one line where the phases do it all.

mod count_tokens;
mod gemini;
mod health;
mod metrics;
mod models;
mod responses;
mod route;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::{any, get, post};
use http::{HeaderMap, Request, Response, StatusCode};

use super::front::spoken;
use super::phases::accept::Entry;
use super::phases::{embed, generate};
use super::rejection::GatewayError;
use super::reply;
use crate::protocol::Protocol;

/// What a client who came to a wrong path may have meant.
pub(crate) const PATHS: &str = "there is POST /v1/messages, /v1/messages/count_tokens, /v1/chat/completions, \
                                /v1/responses, /v1/responses/input_tokens, /v1/embeddings, /chat, /v1/route, \
                                /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens and GET /v1/models, /v1beta/models, /health, \
                                /ready, /metrics";

/// All endpoints.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens::count_tokens))
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/responses", post(responses::generate_response))
        .route("/v1/responses/input_tokens", post(responses::input_tokens))
        .route("/v1/responses/{id}", any(responses::not_stored))
        .route("/v1/responses/{id}/{part}", any(responses::not_stored))
        .route("/chat", post(chat))
        .route("/v1/models", get(models::models))
        .route("/v1beta/models", get(models::models))
        .route("/v1alpha/models", get(models::models))
        .route("/v1beta/models/{*call}", get(gemini::model).post(gemini::call))
        .route("/v1alpha/models/{*call}", get(gemini::model).post(gemini::call))
        .route("/v1/models/{*call}", get(gemini::model).post(gemini::call))
        .route("/v1/route", post(route::route))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/", get(root))
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing)
}

async fn messages(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    generate(entry, Protocol::Anthropic, request).await
}

async fn chat_completions(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    generate(entry, Protocol::Chat, request).await
}

async fn embeddings(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    embed(entry, request).await
}

async fn chat(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    generate(entry, Protocol::Simple, request).await
}

/// Claude Code asks `HEAD /` first: is somebody there?
async fn root(Extension(entry): Extension<Entry>) -> Response<Body> {
    json(&entry, StatusCode::OK, r#"{"name":"ccr-policy","status":"ok"}"#.to_owned())
}

async fn wrong_method(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let (path, instead) = (shown(request.uri().path()), method_at(request.uri().path()));
    refuse(&entry, &request, &GatewayError::Method { method: request.method().to_string(), path, instead })
}

/// How there is something at a path of [`router`].
fn method_at(path: &str) -> &'static str {
    let models = ["/v1/models", "/v1beta/models", "/v1alpha/models"];
    if models.contains(&path) || ["/", "/health", "/ready", "/metrics"].contains(&path) {
        "GET"
    } else if models.iter().any(|models| path.starts_with(models)) {
        "GET or POST"
    } else {
        "POST"
    }
}

async fn nothing(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    refuse(&entry, &request, &GatewayError::NoSuchPath(shown(request.uri().path())))
}

fn shown(path: &str) -> String {
    path.chars().take(200).collect()
}

fn refuse(entry: &Entry, request: &Request<Body>, error: &GatewayError) -> Response<Body> {
    refuse_as(entry, spoken(request.uri(), request.headers()), error)
}

fn refuse_as(entry: &Entry, protocol: Protocol, error: &GatewayError) -> Response<Body> {
    let mut headers = HeaderMap::new();
    reply::stamp(&mut headers, entry);
    reply::refusal(headers, protocol, error, &entry.request_id)
}

fn json(entry: &Entry, status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut headers = HeaderMap::new();
    reply::stamp(&mut headers, entry);
    headers.insert(http::header::CONTENT_TYPE, reply::JSON);
    reply::with_head(status, headers, body.into())
}
