//! The door: every request passes here, whatever it wants. Names, origins and keys are checked,
//! an id is given, and a panic further in becomes a 500 that ends nothing but its own request.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use chrono::Utc;
use futures_util::FutureExt as _;
use http::{HeaderMap, Method, Request, Response, Uri};
use hyper::body::Incoming;
use tower::Service as _;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::app::App;
use super::guard::Caller;
use super::listen::Answer;
use super::phases::accept::Entry;
use super::phases::settle::Account;
use super::rejection::GatewayError;
use super::reply;
use crate::protocol::{ModelCall, Protocol, key_in};
use crate::upstream::Lane;

/// What needs no key.
const PUBLIC: &[&str] = &["/", "/health", "/ready", "/metrics"];

/// One lane's door.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    app: Arc<App>,
    lane: Lane,
    router: Router,
}

impl Front {
    pub(crate) fn new(app: Arc<App>, lane: Lane, router: Router) -> Self {
        Self { app, lane, router }
    }

    async fn handle(&self, request: Request<Incoming>, entry: Entry) -> Response<Body> {
        let protocol = spoken(request.uri(), request.headers());
        let generates = generates(request.method(), request.uri().path());
        match self.admit(&request, &entry) {
            Ok(caller) => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Entry { caller, ..entry });
                let Ok(response) = self.router.clone().call(request).await;
                response
            }
            Err(error) => {
                let mut headers = HeaderMap::new();
                reply::stamp(&mut headers, &entry);
                let response = reply::refusal(headers, protocol, &error, &entry.request_id);
                if generates {
                    Account::open(entry, protocol).end_with(&error);
                }
                response
            }
        }
    }

    fn admit(&self, request: &Request<Incoming>, entry: &Entry) -> Result<Caller, GatewayError> {
        self.app.names.check(request.uri(), request.headers())?;
        if PUBLIC.contains(&request.uri().path()) {
            return Ok(entry.live.keys.caller(request.headers()).unwrap_or_default());
        }
        entry.live.keys.caller_of(request.uri(), request.headers())
    }
}

impl Answer for Front {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let begun = Instant::now();
        let Some(live) = self.app.live.load_full() else {
            return Ok(reply::with_head(http::StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new(), Body::empty()));
        };
        let mut id = [0; 40];
        let request_id = format_id(&mut id);
        let (app, lane) = (Arc::clone(&self.app), self.lane);
        let entry = Entry { app, live, lane, caller: Caller::default(), request_id, begun };
        let protocol = spoken(request.uri(), request.headers());
        let spare = entry.clone();
        let handled = AssertUnwindSafe(self.handle(request, entry)).catch_unwind().await;
        Ok(handled.unwrap_or_else(|_| {
            tracing::error!(request_id = &*spare.request_id, "a request made the program panic; please report this");
            let mut headers = HeaderMap::new();
            reply::stamp(&mut headers, &spare);
            reply::refusal(headers, protocol, &GatewayError::Internal, &spare.request_id)
        }))
    }
}

/// A request's id, a UUID of version 7: unique, and in the order of time. Its random part is a
/// counter, hashed with a seed of this process: it has to be unique, not secret, and asking the
/// system for each one costs more than the rest of the door.
fn format_id(buffer: &mut [u8; 40]) -> Arc<str> {
    static SEED: LazyLock<u64> = LazyLock::new(|| uuid::Uuid::now_v7().as_u64_pair().1);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let hash = xxh3_128_with_seed(&count.to_le_bytes(), *SEED).to_le_bytes();
    let random = hash.first_chunk().copied().unwrap_or_default();
    let now = u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(now, &random).into_uuid();
    Arc::from(&*id.simple().encode_lower(buffer))
}

/// Whether a model is asked there: those requests are counted, whatever comes of them.
fn generates(method: &Method, path: &str) -> bool {
    let paths = ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/chat"];
    method == Method::POST && (paths.contains(&path) || ModelCall::of(path).is_some_and(|call| call.generates()))
}

/// The protocol that a client speaks, so that even a refusal has its shape.
pub(crate) fn spoken(uri: &Uri, headers: &HeaderMap) -> Protocol {
    let path = uri.path();
    let is_google = || {
        path.starts_with("/v1beta/")
            || path.starts_with("/v1alpha/")
            || (path.starts_with("/v1/models")
                && (headers.contains_key("x-goog-api-key")
                    || !key_in(uri.query()).is_empty()
                    || ModelCall::of(path).is_some_and(|call| !call.method.is_empty())))
    };
    if is_google() {
        Protocol::Gemini
    } else if path.starts_with("/v1/messages") {
        Protocol::Anthropic
    } else if path.starts_with("/v1/responses") {
        Protocol::Responses
    } else if path == "/chat" {
        Protocol::Simple
    } else if headers.contains_key("anthropic-version") && !path.starts_with("/v1/chat") {
        Protocol::Anthropic
    } else {
        Protocol::Chat
    }
}
