//! Joins the steps of a request.
//!
//! A request is decided on before the cache is asked, because the key holds the model; and when
//! the answer is not there, the call goes on from that decision in a task of its own, because
//! others may join it. So a conversation is one future that pauses at the [`Gate`]: whoever
//! polls it reads what was decided, looks into the cache, and then lets it go on, hands it to a
//! flight, or drops it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, poll};
use http::{Request, Response};
use tokio::sync::oneshot;

use super::accept::{Entry, Exchange};
use super::attempt::{self, Content, Good, Whole};
use super::cache::{Answers, Head, Keyed, Parts, Refused, SharedFlow, refusal_of, shared_end, tally};
use super::decide::{self, Lent, Limits};
use super::relay::{Flow, Over};
use super::settle::{Account, Trail};
use crate::cache::{Asked, Control, Reader};
use crate::dsl::policy::{CacheOptions, ModelId};
use crate::engine::{Seeds, Step};
use crate::gateway::rejection::GatewayError;
use crate::gateway::reply;
use crate::metrics::{CacheResult, Outcome};
use crate::protocol::Protocol;

type Conversation = Pin<Box<dyn Future<Output = Result<(Good, Trail), Box<Refused>>> + Send>>;

/// Answers one request of a model.
pub(crate) async fn generate(entry: Entry, protocol: Protocol, request: Request<Body>) -> Response<Body> {
    let mut account = Account::open(entry.clone(), protocol);
    let exchange = match Exchange::accept(entry, protocol, request).await {
        Ok(exchange) => Arc::new(exchange),
        Err(error) => return refuse(account, &error),
    };
    account.asked(&exchange);
    if exchange.entry.live.caches {
        return cached(exchange, account).await;
    }
    // The trail is the account's own: when the client leaves, the account knows how far it came.
    match converse(&exchange, None, &mut account.trail).await {
        Ok(good) => alone(account, good),
        Err(error) => refuse(account, &error),
    }
}

/// Answers one request for embeddings. They are not cached: whoever needs them keeps them.
pub(crate) async fn embed(entry: Entry, request: Request<Body>) -> Response<Body> {
    let mut account = Account::open(entry.clone(), Protocol::Chat);
    account.embeds();
    let exchange = match Exchange::accept_embeddings(entry, request).await {
        Ok(exchange) => Arc::new(exchange),
        Err(error) => return refuse(account, &error),
    };
    account.asked(&exchange);
    match converse(&exchange, None, &mut account.trail).await {
        Ok(good) => alone(account, good),
        Err(error) => refuse(account, &error),
    }
}

/// Where a conversation waits for the cache, when its rule caches.
struct Gate {
    decided: oneshot::Sender<Decided>,
    go: oneshot::Receiver<bool>,
}

/// What is known before anything is sent.
struct Decided {
    trail: Trail,
    /// the model that will be asked first
    model: ModelId,
    /// None: the rule does not cache, the conversation goes on by itself
    cache: Option<CacheOptions>,
    /// when the request has to have its answer
    deadline: Instant,
}

/// Decides, passes the gate, and attempts until an answer is good.
async fn converse(exchange: &Arc<Exchange>, gate: Option<Gate>, trail: &mut Trail) -> Result<Good, GatewayError> {
    let live = &exchange.entry.live;
    let facts = exchange.facts();
    let mut scratch = Lent::take();
    let tickets = |rotation| live.take_ticket(rotation);
    let seeds = Seeds { request_id: &exchange.entry.request_id, tickets: &tickets };
    let begun = Instant::now();
    let mut walk = live.engine.begin(&facts, exchange.entry.caller.tenant, &seeds, &mut scratch.0);
    exchange.entry.app.metrics.decision(begun.elapsed());
    let step = walk.next(&facts, &live.world(begun));
    decide::note(&mut walk, live, trail);
    let mut pings = true;
    if let (Some(gate), Step::Try(candidate)) = (gate, &step) {
        let Limits { cache, deadline, .. } = Limits::of(exchange, &walk);
        // Whoever does not listen any more drops this future too.
        let _told = gate.decided.send(Decided { trail: trail.clone(), model: candidate.model, cache, deadline });
        if cache.is_some() {
            pings = gate.go.await.unwrap_or(true);
        }
    }
    attempt::run(exchange, &facts, &mut walk, step, pings, trail).await
}

async fn owned(exchange: Arc<Exchange>, gate: Gate) -> Result<(Good, Trail), Box<Refused>> {
    let mut trail = Trail::default();
    match converse(&exchange, Some(gate), &mut trail).await {
        Ok(good) => Ok((good, trail)),
        Err(error) => Err(Box::new(Refused { error, trail })),
    }
}

/// Answers a request under a policy that caches for some rules.
async fn cached(exchange: Arc<Exchange>, mut account: Account) -> Response<Body> {
    let ((decided, mut told), (go, paused)) = (oneshot::channel(), oneshot::channel());
    let gate = Gate { decided, go: paused };
    let mut conversation: Conversation = Box::pin(owned(Arc::clone(&exchange), gate));
    let early = match poll!(conversation.as_mut()) {
        std::task::Poll::Ready(ended) => Some(ended),
        std::task::Poll::Pending => None,
    };
    if let (None, Ok(decided)) = (&early, told.try_recv()) {
        account.trail = Trail { model: Some(decided.model), ..decided.trail };
        if let Some(cache) = decided.cache {
            let mut control = Control::read(&exchange.headers);
            // What is computed from who asks is for nobody else.
            let alike = exchange.entry.live.target(decided.model).is_some_and(|target| target.chain.is_some());
            if control.store && alike {
                // Another rule may keep answers for longer than this one wants them.
                control.max_age = Some(control.max_age.map_or(cache.ttl, |age| age.min(cache.ttl)));
                let wanted = Wanted { model: decided.model, options: cache, control, deadline: decided.deadline };
                return ask(exchange, account, wanted, go, conversation).await;
            }
            account.cache = Some(CacheResult::Bypass);
            let _went = go.send(true);
        }
    }
    let ended = match early {
        Some(ended) => ended,
        None => conversation.await,
    };
    match ended {
        Ok((good, trail)) => {
            account.trail = trail;
            alone(account, good)
        }
        Err(refused) => {
            account.trail = refused.trail;
            refuse(account, &refused.error)
        }
    }
}

/// What is looked for in the cache.
struct Wanted {
    model: ModelId,
    options: CacheOptions,
    control: Control,
    deadline: Instant,
}

async fn ask(
    exchange: Arc<Exchange>,
    mut account: Account,
    wanted: Wanted,
    go: oneshot::Sender<bool>,
    conversation: Conversation,
) -> Response<Body> {
    let Some(target) = exchange.entry.live.target(wanted.model) else {
        return refuse(account, &GatewayError::Internal);
    };
    let keyed = Keyed::new(&exchange, wanted.options);
    let Some(key) = keyed.key(&exchange, target) else { return refuse(account, &GatewayError::Internal) };
    // What the key leaves out (headers, metadata) may decide where a call goes next.
    let decision = account.trail.decision.as_ref().map_or("", |(_, _, text)| text);
    // A call may end at a model whose requests are made of who asks: nobody joins it then.
    let own = if exchange.entry.live.computes { &*exchange.entry.request_id } else { "" };
    let flight_key = key.flight(&[exchange.entry.live.digest(), decision, own]);
    let cache = exchange.entry.app.cache.load_full();
    let caller = Arc::clone(&exchange);
    let call = move || async move {
        // Pings would be kept with the answer.
        let _went = go.send(false);
        let (mut good, trail) = conversation.await?;
        let head = Arc::new(Head::new(&caller.entry.live, &trail, &mut good));
        let parts = Parts::new(&caller, &keyed, &trail, good.content);
        Ok((head, parts))
    };
    match cache.ask(key, flight_key, wanted.control, call) {
        Asked::Hit(entry) => {
            account.cache = Some(CacheResult::Hit);
            answered_by(&mut account, &entry.head);
            account.trail.attempts = 0;
            account.status = 200;
            account.first_content();
            end_whole(account, exchange.session_id.as_deref(), &entry.head, Some(entry.tail), entry.body.clone())
        }
        Asked::Miss(reader) => {
            account.cache = Some(CacheResult::Miss);
            read(reader, account, exchange.session_id.clone(), None).await
        }
        Asked::Shared(reader) => {
            account.cache = Some(CacheResult::Shared);
            read(reader, account, exchange.session_id.clone(), Some(wanted.deadline)).await
        }
    }
}

/// Waits for a flight's head, then reads it at the client's pace. Whoever joined a call has a
/// deadline of its own; whoever began it has that of the call.
async fn read(
    mut reader: Reader<Answers>,
    mut account: Account,
    session: Option<String>,
    deadline: Option<Instant>,
) -> Response<Body> {
    let head = match deadline {
        None => Ok(reader.head().await),
        Some(deadline) => tokio::time::timeout_at(deadline.into(), reader.head()).await,
    };
    let head = match head {
        Ok(Ok(head)) => head,
        Err(_) => return refuse(account, &GatewayError::Exhausted { tried: Vec::new(), late: true }),
        Ok(Err(error)) => {
            let refused = refusal_of(&error);
            if refused.trail.decision.is_some() {
                account.trail = refused.trail;
            }
            return refuse(account, &refused.error);
        }
    };
    answered_by(&mut account, &head);
    account.status = 200;
    account.first_content();
    if head.events {
        let headers = around_headers(&account, &head);
        return reply::stream(headers, Body::new(SharedFlow::new(reader, account, session)));
    }
    let mut body = BytesMut::new();
    while let Some(piece) = reader.next().await {
        match piece {
            Ok(piece) => body.extend_from_slice(&piece),
            Err(error) => return refuse(account, &refusal_of(&error).error),
        }
    }
    let tail = reader.tail();
    end_whole(account, session.as_deref(), &head, tail, body.freeze())
}

/// An answer out of the cache, or of a flight, that is there as a whole.
fn end_whole(
    mut account: Account,
    session: Option<&str>,
    head: &Head,
    tail: Option<Over>,
    body: Bytes,
) -> Response<Body> {
    tally(&mut account, tail);
    let content_type = if head.events { reply::EVENTS } else { reply::JSON };
    let response = reply::whole(around_headers(&account, head), content_type, reply::framed(&account, body));
    shared_end(account, session, tail);
    response
}

fn answered_by(account: &mut Account, head: &Head) {
    account.trail.model = head.model_in(&account.entry().live);
    account.trail.attempts = head.trail.attempts;
}

fn around_headers(account: &Account, head: &Head) -> http::HeaderMap {
    // What the upstream said of its limits then says nothing now.
    let kept = account.cache == Some(CacheResult::Hit);
    let mut headers = if kept { http::HeaderMap::with_capacity(16) } else { head.headers() };
    reply::describe(&mut headers, account, &head.warnings);
    headers
}

/// An answer that nobody shares.
fn alone(mut account: Account, good: Good) -> Response<Body> {
    let mut headers = good.headers;
    reply::describe(&mut headers, &account, &good.warnings);
    account.status = 200;
    account.first_content();
    match good.content {
        Content::Whole(Whole { body, events, spent, cost_usd, .. }) => {
            account.usage = Some(spent.usage);
            account.cost_usd = cost_usd;
            let body = reply::framed(&account, body);
            let response = reply::whole(headers, if events { reply::EVENTS } else { reply::JSON }, body);
            account.end(Outcome::Ok);
            response
        }
        Content::Stream(pump) => reply::stream(headers, Body::new(Flow::new(pump, account))),
    }
}

/// No answer: the client reads why, in its own protocol.
pub(super) fn refuse(account: Account, error: &GatewayError) -> Response<Body> {
    let mut headers = http::HeaderMap::new();
    reply::describe(&mut headers, &account, &account.trail.warnings);
    let response = reply::refusal(headers, account.protocol(), error, &account.entry().request_id);
    account.end_with(error);
    response
}
