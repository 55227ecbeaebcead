//! OpenAI Responses: `POST /v1/responses`, its count of tokens, and what is asked of answers that are kept.
//! None are kept here, and that is said plainly: a client that continues an answer by its id has to know.

use axum::body::Body;
use axum::extract::Extension;
use http::{Request, Response};

use super::{count_tokens, refuse, refuse_as};
use crate::gateway::phases::accept::{Entry, Exchange};
use crate::gateway::phases::generate;
use crate::gateway::rejection::GatewayError;
use crate::protocol::Protocol;

const NOT_STORED: &str = "answers are not stored here, so none can be fetched, continued, cancelled or deleted by its \
                          id; send the whole conversation in `input`";

pub(super) async fn generate_response(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    generate(entry, Protocol::Responses, request).await
}

/// How many tokens it has, as the model that would answer counts them.
pub(super) async fn input_tokens(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let body = |tokens| format!("{{\"object\":\"response.input_tokens\",\"input_tokens\":{tokens}}}");
    match Exchange::look(entry.clone(), Protocol::Responses, request).await {
        Ok(exchange) => count_tokens::answer(exchange, body).await,
        Err(error) => refuse_as(&entry, Protocol::Responses, &error),
    }
}

pub(super) async fn not_stored(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    refuse(&entry, &request, &GatewayError::NotServed(NOT_STORED))
}
