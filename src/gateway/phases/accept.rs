//! Step 1: a body within its limits, read in time, that is a request of its protocol.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;

use crate::bounds::{MAX_BODY_BYTES, MAX_COUNTED_INLINE_BYTES, MAX_REFUSED_BYTES, REFUSED_BODY};
use crate::facts::SessionFacts;
use crate::gateway::app::App;
use crate::gateway::guard::Caller;
use crate::gateway::live::Live;
use crate::gateway::rejection::GatewayError;
use crate::protocol::facts::{Around, RequestFacts};
use crate::protocol::tokens::Measure;
use crate::protocol::{BadRequest, Protocol, Request, tokens};
use crate::sessions::{Session, Sessions};
use crate::upstream::Lane;

/// Bytes of a body that make up a token, for a first guess.
const BYTES_PER_TOKEN: u64 = 4;

/// Room that is made for a body before any of it has come: what a client promises costs nothing
/// until it sends it.
const FIRST_ROOM: usize = 256 << 10;

/// A request that has come in at the door: who asks, of which policy, since when.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) app: Arc<App>,
    pub(crate) live: Arc<Live>,
    pub(crate) lane: Lane,
    pub(crate) caller: Caller,
    pub(crate) request_id: Arc<str>,
    pub(crate) begun: Instant,
}

/// A request that can be decided on.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) entry: Entry,
    pub(crate) headers: HeaderMap,
    pub(crate) request: Request,
    /// Anthropic's `?beta=true`
    pub(crate) beta: bool,
    /// when all of it had come
    pub(crate) parsed: Instant,
    pub(crate) now: DateTime<Utc>,
    pub(crate) session_id: Option<String>,
    pub(crate) session: SessionFacts,
    /// its tokens, when they were counted before anybody asked
    tokens: Option<u64>,
}

impl Exchange {
    /// Reads and parses a request.
    ///
    /// # Errors
    /// When it is too large, too slow, or not what its protocol says.
    pub(crate) async fn accept(
        entry: Entry,
        protocol: Protocol,
        request: http::Request<Body>,
    ) -> Result<Self, GatewayError> {
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body, entry.app.config.timings.request_body).await?;
        let request = Request::parse_at(protocol, parts.uri.path(), body);
        Self::accepted(entry, parts, request).await
    }

    /// The same for embeddings.
    ///
    /// # Errors
    /// When it is too large, too slow, or asks for no embeddings.
    pub(crate) async fn accept_embeddings(entry: Entry, request: http::Request<Body>) -> Result<Self, GatewayError> {
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body, entry.app.config.timings.request_body).await?;
        Self::accepted(entry, parts, Request::parse_embeddings(body)).await
    }

    async fn accepted(
        entry: Entry,
        parts: http::request::Parts,
        request: Result<Request, BadRequest>,
    ) -> Result<Self, GatewayError> {
        let exchange = Self::new(entry, parts, request, Sessions::enter)?;
        let counts = exchange.entry.live.may_count(&exchange.request);
        if counts { exchange.count().await } else { Ok(exchange) }
    }

    /// Counts its tokens, on a thread that may take its time when they are many.
    ///
    /// # Errors
    /// When the program ends meanwhile.
    pub(crate) async fn count(mut self) -> Result<Self, GatewayError> {
        if self.tokens.is_some() || !self.is_large() {
            return Ok(self);
        }
        let count = move || {
            self.tokens = Some(self.counted());
            self
        };
        tokio::task::spawn_blocking(count).await.map_err(|_| GatewayError::Internal)
    }

    /// Its tokens as a model of this measure counts them, on a thread that may take its time when they are many.
    ///
    /// # Errors
    /// When the program ends meanwhile.
    pub(crate) async fn count_for(self, measure: Measure) -> Result<u64, GatewayError> {
        if !self.is_large() {
            return Ok(tokens::of_request_for(&self.request, measure));
        }
        let count = move || tokens::of_request_for(&self.request, measure);
        tokio::task::spawn_blocking(count).await.map_err(|_| GatewayError::Internal)
    }

    /// Whether counting its tokens takes long enough to keep others waiting.
    pub(crate) fn is_large(&self) -> bool {
        self.request.body().len() > MAX_COUNTED_INLINE_BYTES
    }

    /// The same for a request that is no turn of its conversation.
    ///
    /// # Errors
    /// When it is too large, too slow, or not what its protocol says.
    pub(crate) async fn look(
        entry: Entry,
        protocol: Protocol,
        request: http::Request<Body>,
    ) -> Result<Self, GatewayError> {
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body, entry.app.config.timings.request_body).await?;
        Self::dry(entry, protocol, parts, body)
    }

    /// Parses a request that is only talked about: its conversation does not notice.
    ///
    /// # Errors
    /// When it is not what its protocol says.
    pub(crate) fn dry(
        entry: Entry,
        protocol: Protocol,
        parts: http::request::Parts,
        body: Bytes,
    ) -> Result<Self, GatewayError> {
        let request = Request::parse_at(protocol, parts.uri.path(), body);
        Self::new(entry, parts, request, Sessions::get)
    }

    /// The same for embeddings.
    ///
    /// # Errors
    /// When it asks for no embeddings.
    pub(crate) fn dry_embeddings(entry: Entry, parts: http::request::Parts, body: Bytes) -> Result<Self, GatewayError> {
        Self::new(entry, parts, Request::parse_embeddings(body), Sessions::get)
    }

    fn new(
        entry: Entry,
        parts: http::request::Parts,
        request: Result<Request, BadRequest>,
        remembered: fn(&Sessions, &str, &str) -> Session,
    ) -> Result<Self, GatewayError> {
        let parsed = Instant::now();
        let request = request.map_err(|wrong| GatewayError::BadRequest(wrong.message))?;
        let beta = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "beta=true"));
        let session_id = request.session_id(&parts.headers);
        let session = session_id.as_deref().map(|id| remembered(&entry.app.sessions, entry.tenant_name(), id));
        let session = session.map_or_else(SessionFacts::default, |before| SessionFacts {
            turns: i64::try_from(before.turns).unwrap_or(i64::MAX),
            last_tokens: i64::try_from(before.last_tokens).unwrap_or(i64::MAX),
            last_model: before.last_model.to_string(),
        });
        let (headers, now, tokens) = (parts.headers, Utc::now(), None);
        Ok(Self { entry, headers, request, beta, parsed, now, session_id, session, tokens })
    }

    /// What a condition sees of it. Nothing is read before it is asked for.
    pub(crate) fn facts(&self) -> RequestFacts<'_> {
        let (tenant, key) = self.entry.live.tenant(self.entry.caller);
        let around = Around {
            session: &self.session,
            tenant_id: &tenant.id,
            tenant_tier: &tenant.tier,
            tenant_tags: &tenant.tags,
            key_id: &key.id,
            key_tags: &key.tags,
            now: self.now,
        };
        let facts = RequestFacts::new(&self.request, &self.headers, around);
        match self.tokens {
            Some(tokens) => facts.with_tokens(tokens),
            None => facts,
        }
    }

    /// Its tokens as far as somebody has counted them, else a first guess: for the head of a translated
    /// stream, which cannot wait for a count.
    pub(crate) fn input_tokens(&self) -> u64 {
        self.tokens.unwrap_or(self.request.body().len() as u64 / BYTES_PER_TOKEN)
    }

    /// Its tokens by our own count; may take long.
    pub(crate) fn counted(&self) -> u64 {
        self.tokens.unwrap_or_else(|| tokens::of_request(&self.request))
    }
}

impl Entry {
    /// The tenant's name; `default` when nobody is declared.
    pub(crate) fn tenant_name(&self) -> &str {
        &self.live.tenant(self.caller).0.id
    }
}

/// Reads a body whole: one piece is not copied.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    mut body: Body,
    limit: std::time::Duration,
) -> Result<Bytes, GatewayError> {
    let promised = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if promised.is_some_and(|length| length > MAX_BODY_BYTES) {
        throw_away(body);
        return Err(GatewayError::TooLarge(MAX_BODY_BYTES));
    }
    let all = async {
        let Some(first) = next_piece(&mut body).await? else { return Ok(Bytes::new()) };
        let Some(second) = next_piece(&mut body).await? else { return Ok(first) };
        let mut joined = BytesMut::with_capacity(promised.unwrap_or(0).min(FIRST_ROOM).max(first.len() + second.len()));
        joined.extend_from_slice(&first);
        joined.extend_from_slice(&second);
        while let Some(piece) = next_piece(&mut body).await? {
            if joined.len() + piece.len() > MAX_BODY_BYTES {
                return Err(GatewayError::TooLarge(MAX_BODY_BYTES));
            }
            joined.extend_from_slice(&piece);
        }
        Ok(joined.freeze())
    };
    let read = tokio::time::timeout(limit, all).await.unwrap_or(Err(GatewayError::SlowBody));
    if matches!(read, Err(GatewayError::TooLarge(_))) {
        throw_away(body);
    }
    read
}

/// Goes on reading a body that is refused, aside and within bounds: most clients write all of it before
/// they look for an answer, and would only see that the connection broke.
fn throw_away(mut body: Body) {
    let rest = async move {
        let mut left = MAX_REFUSED_BYTES;
        while let Ok(Some(piece)) = next_piece(&mut body).await {
            let Some(fewer) = left.checked_sub(piece.len()) else { return };
            left = fewer;
        }
    };
    // Detached: the answer goes out meanwhile.
    drop(tokio::spawn(tokio::time::timeout(REFUSED_BODY, rest)));
}

async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, GatewayError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| GatewayError::BrokenBody)?;
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
