//! Step 5: the answer may be there already, or on its way to somebody else.
//!
//! What a cache keeps is what a client gets: bytes in its own protocol. The head says who gave
//! them, by name, because an answer outlives the policy that it was made under.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use tokio::time::Sleep;

use super::accept::Exchange;
use super::attempt::{Content, Good};
use super::relay::Over;
use super::settle::{self, Account, Trail};
use crate::cache::{self, BodyHash, FlightError, Key, KeyParts, Part, Reader, Store};
use crate::dsl::policy::CacheOptions;
use crate::gateway::live::{Live, Target};
use crate::gateway::rejection::GatewayError;
use crate::gateway::reply::error_reply;
use crate::metrics::{CacheResult, Outcome};
use crate::protocol::json::Raw;
use crate::protocol::{self, Stop, canonical_key};

/// What the gateway's cache is made of.
#[derive(Debug)]
pub(crate) struct Answers;

impl cache::Answer for Answers {
    type Head = Arc<Head>;
    type Tail = Over;
    type Error = Box<Refused>;
}

/// What comes before the first byte.
#[derive(Debug)]
pub(crate) struct Head {
    /// the way of the call; its numbers are those of `digest`'s policy
    pub(super) trail: Trail,
    /// the policy that it was made under
    digest: Arc<str>,
    /// who answered, by the policy's names
    pub(super) model: Arc<str>,
    pub(super) provider: String,
    /// what of the upstream's head the client may read
    headers: Box<[(HeaderName, HeaderValue)]>,
    pub(super) warnings: Vec<String>,
    /// the body comes as an event stream
    pub(super) events: bool,
}

/// Why there is no answer, and how far it came.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) error: GatewayError,
    pub(crate) trail: Trail,
}

/// What is needed to find an answer again.
#[derive(Debug)]
pub(super) struct Keyed {
    body: BodyHash,
    usage: bool,
    features: String,
    options: CacheOptions,
}

impl Keyed {
    pub(super) fn new(exchange: &Exchange, options: CacheOptions) -> Self {
        let usage = exchange.request.field("stream_options").and_then(|asked| asked.get("include_usage"));
        let mut features = String::from(if exchange.beta { "?beta" } else { "" });
        for name in ["anthropic-version", "anthropic-beta"] {
            for value in exchange.headers.get_all(name) {
                features.push(',');
                features.push_str(&String::from_utf8_lossy(value.as_bytes()));
            }
        }
        Self {
            body: BodyHash::of(&canonical_key(&exchange.request)),
            usage: usage.and_then(Raw::boolean) == Some(true),
            features,
            options,
        }
    }

    /// The key of this request's answer by one model; None when such answers are not kept.
    pub(super) fn key(&self, exchange: &Exchange, target: &Target) -> Option<Key> {
        let parts = KeyParts {
            owner: exchange.entry.tenant_name(),
            protocol: exchange.request.protocol().name(),
            stream: exchange.request.stream(),
            usage: self.usage,
            features: &self.features,
            upstream_model: &target.upstream,
            base: target.endpoint.base(),
            chain: target.chain?,
            body: self.body,
        };
        Some(Key::new(&parts))
    }
}

impl Head {
    pub(super) fn new(live: &Live, trail: &Trail, good: &mut Good) -> Self {
        let target = trail.model.and_then(|model| live.target(model));
        Self {
            trail: trail.clone(),
            digest: Arc::from(live.digest()),
            model: target.map_or_else(|| Arc::from(""), |target| Arc::clone(&target.name)),
            provider: target.map(|target| target.provider.clone()).unwrap_or_default(),
            headers: good.headers.iter().map(|(name, value)| (name.clone(), copied(value))).collect(),
            warnings: std::mem::take(&mut good.warnings),
            events: matches!(&good.content, Content::Stream(_))
                || matches!(&good.content, Content::Whole(whole) if whole.events),
        }
    }

    /// A copy of the headers, with room for our own.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + OWN_HEADERS);
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        headers
    }

    /// The model's number in the policy of a request: another one after a reload, or none.
    pub(super) fn model_in(&self, live: &Live) -> Option<crate::dsl::policy::ModelId> {
        if *self.digest == *live.digest() {
            return self.trail.model;
        }
        let same = |target: &Target| target.name == self.model && target.provider == self.provider;
        let number = live.targets().iter().position(same)?;
        u32::try_from(number).ok().map(crate::dsl::policy::ModelId)
    }
}

/// How many headers of our own an answer gets, about.
const OWN_HEADERS: usize = 12;

/// A value as it came is a part of the connection's buffer, 8 KB that an answer which is kept would
/// keep with it.
fn copied(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone())
}

/// The parts of a good attempt's answer, as a flight takes them.
pub(super) struct Parts {
    content: Option<Content>,
    store: Option<Store>,
}

impl Parts {
    /// The answer is kept under the model that gave it.
    pub(super) fn new(exchange: &Exchange, keyed: &Keyed, trail: &Trail, content: Content) -> Self {
        let target = trail.model.and_then(|model| exchange.entry.live.target(model));
        let key = target.and_then(|target| keyed.key(exchange, target));
        let store = key.map(|key| Store { key, ttl: keyed.options.ttl });
        Self { content: Some(content), store }
    }

    fn end(&mut self, over: Over) -> Part<Over> {
        let good = over.outcome == Outcome::Ok && over.stop.is_some_and(|stop| stop != Stop::Refusal);
        Part::End { tail: over, store: self.store.take().filter(|_| good) }
    }
}

impl Stream for Parts {
    type Item = Result<Part<Over>, Box<Refused>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.content {
            None => Poll::Ready(None),
            Some(Content::Whole(whole)) => {
                if !whole.body.is_empty() {
                    return Poll::Ready(Some(Ok(Part::Chunk(std::mem::take(&mut whole.body)))));
                }
                let over = whole.over();
                self.content = None;
                Poll::Ready(Some(Ok(self.end(over))))
            }
            Some(Content::Stream(pump)) => {
                if let Some(piece) = std::task::ready!(pump.poll_next(context)) {
                    return Poll::Ready(Some(Ok(Part::Chunk(piece))));
                }
                let over = pump.over();
                self.content = None;
                Poll::Ready(over.map(|over| Ok(self.end(over))))
            }
        }
    }
}

/// A client's stream that others may read too.
pub(super) struct SharedFlow {
    reader: Reader<Answers>,
    account: Option<Account>,
    session: Option<String>,
    over: bool,
    /// fires when the flight may have been silent for too long
    silence: Pin<Box<Sleep>>,
    heard: Instant,
    ping_after: Duration,
}

impl SharedFlow {
    pub(super) fn new(reader: Reader<Answers>, account: Account, session: Option<String>) -> Self {
        let ping_after = account.entry().app.config.timings.ping;
        let silence = Box::pin(tokio::time::sleep(ping_after));
        Self { reader, account: Some(account), session, over: false, silence, heard: Instant::now(), ping_after }
    }

    /// A sign of life while the flight is silent. It is this reader's own: a flight's bytes are
    /// kept, and a kept answer has no pauses. Flights hand out whole events, so it fits anywhere.
    fn poll_ping(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            std::task::ready!(self.silence.as_mut().poll(context));
            let (now, due) = (Instant::now(), self.heard + self.ping_after);
            if now >= due {
                self.heard = now;
            }
            self.silence.as_mut().reset((self.heard + self.ping_after).into());
            if now >= due {
                return Poll::Ready(self.account.as_ref().map(|account| protocol::ping(account.protocol())));
            }
        }
    }

    /// The flight failed this reader: an error event in the client's protocol.
    fn broken(&mut self, error: &FlightError<Box<Refused>>) -> Option<Bytes> {
        let account = self.account.take()?;
        let error = refusal_of(error).error;
        let event = protocol::errors::event(account.protocol(), &error_reply(&error, &account.entry().request_id));
        account.end(Outcome::Truncated);
        Some(event)
    }
}

/// What a flight's failure means for one reader.
pub(super) fn refusal_of(error: &FlightError<Box<Refused>>) -> Refused {
    match error {
        FlightError::Failed(refused) => Refused::clone(refused),
        FlightError::Broken => Refused { error: GatewayError::Broken, trail: Trail::default() },
        FlightError::Lagged => Refused { error: GatewayError::Lagged, trail: Trail::default() },
    }
}

/// Writes what an answer came to into the account of a client that read a flight or a kept answer.
/// The cost is that of the client who began the call.
pub(super) fn tally(account: &mut Account, over: Option<Over>) {
    account.usage = over.map(|over| over.spent.usage);
    let own = account.cache == Some(CacheResult::Miss);
    account.cost_usd = if own { over.and_then(|over| over.cost_usd) } else { Some(0.0) };
}

/// Closes such an account.
pub(super) fn shared_end(mut account: Account, session: Option<&str>, over: Option<Over>) {
    tally(&mut account, over);
    // Whoever made the call has remembered it already.
    if account.cache != Some(CacheResult::Miss)
        && let (Some(over), Some(model)) = (over, account.trail.model)
    {
        settle::remember(account.entry(), session, model, &over.spent.usage);
    }
    account.end(over.map_or(Outcome::Internal, |over| over.outcome));
}

impl http_body::Body for SharedFlow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let Poll::Ready(next) = Pin::new(&mut self.reader).poll_next(context) else {
            let ping = std::task::ready!(self.poll_ping(context));
            return Poll::Ready(ping.map(|ping| Ok(Frame::data(ping))));
        };
        match next {
            Some(Ok(piece)) => {
                self.heard = Instant::now();
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Some(Err(error)) => {
                self.over = true;
                let event = self.broken(&error);
                Poll::Ready(event.map(|event| Ok(Frame::data(event))))
            }
            None => {
                self.over = true;
                let tail = self.reader.tail();
                if let Some(account) = self.account.take() {
                    shared_end(account, self.session.as_deref(), tail);
                }
                Poll::Ready(None)
            }
        }
    }
}
