//! `GET /metrics`: the Prometheus page.

use axum::body::Body;
use axum::extract::Extension;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::refuse_as;
use crate::gateway::phases::accept::Entry;
use crate::gateway::rejection::GatewayError;
use crate::gateway::reply;
use crate::metrics;
use crate::protocol::Protocol;

pub(super) async fn metrics(Extension(entry): Extension<Entry>) -> Response<Body> {
    entry.app.metrics.cache_bytes(entry.app.cache.load().bytes());
    match entry.app.metrics.render() {
        Ok(page) => {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
            reply::with_head(StatusCode::OK, headers, Body::from(page))
        }
        Err(error) => {
            tracing::error!(%error, "cannot print the metrics");
            refuse_as(&entry, Protocol::Chat, &GatewayError::Internal)
        }
    }
}
