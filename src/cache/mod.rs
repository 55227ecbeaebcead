//! Answers that are kept, and calls that are shared.
//!
//! Exact match on a [`Key`]; bounded by the bytes of all answers; each answer has its own time to
//! live. However many ask for the same at once, one call goes upstream ([`Flight`]'s module says
//! how). This room knows no protocol and no provider: whoever asks brings the call along, and says
//! at its end whether and where the answer is kept. It never stores an answer on its own account,
//! and errors are shared by those who wait and then forgotten.

mod control;
mod flight;
mod key;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::time::Instant;

pub use crate::cache::control::Control;
pub use crate::cache::flight::{FlightError, Reader};
pub use crate::cache::key::{BodyHash, ChainHash, FlightKey, KEY_PARTS, Key, KeyParts};

use crate::bounds::CACHE_ENTRY_BYTES;
use crate::cache::flight::Flight;

/// What the answers of a cache are made of.
pub trait Answer: 'static {
    /// what comes before the first byte: status, headers, which model gave it
    type Head: Clone + fmt::Debug + Send + Sync;
    /// what is known at the end: usage
    type Tail: Clone + fmt::Debug + Send + Sync;
    /// why a call failed
    type Error: Send + Sync;
}

/// A piece of an answer as it comes from upstream.
#[derive(Debug)]
pub enum Part<T> {
    /// bytes for the client
    Chunk(Bytes),
    /// the good end
    End {
        /// what is known now
        tail: T,
        /// whether the answer may be used again
        store: Option<Store>,
    },
}

/// Where an answer is kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// under the model that gave it, which need not be the one that was looked for
    pub key: Key,
    /// its time to live
    pub ttl: Duration,
}

/// An answer that is kept.
#[derive(Debug)]
pub struct Entry<A: Answer> {
    /// what came before the first byte
    pub head: A::Head,
    /// its bytes
    pub body: Bytes,
    /// what was known at its end
    pub tail: A::Tail,
    stored_at: Instant,
    ttl: Duration,
    bytes: u32,
}

impl<A: Answer> Entry<A> {
    /// Copies the chunks into one buffer: as they came they may hold on to much larger ones.
    fn new(head: A::Head, chunks: &[Bytes], tail: A::Tail, ttl: Duration) -> Self {
        let mut body = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
        chunks.iter().for_each(|chunk| body.extend_from_slice(chunk));
        let (total, own) = (body.len(), CACHE_ENTRY_BYTES);
        let bytes = u32::try_from(total + own).unwrap_or(u32::MAX);
        Self { head, body: body.freeze(), tail, stored_at: Instant::now(), ttl, bytes }
    }

    /// How old the answer is.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.stored_at.elapsed()
    }
}

/// Sizes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// the largest answer that is kept
    pub max_answer: u64,
    /// all answers together
    pub cache_size: u64,
}

/// How a question to the cache ends.
#[derive(Debug)]
pub enum Asked<A: Answer> {
    /// the answer is there
    Hit(Arc<Entry<A>>),
    /// a call of our own has begun
    Miss(Reader<A>),
    /// somebody else's call is under way
    Shared(Reader<A>),
}

/// The cache. Clones are the same cache.
pub struct Cache<A: Answer> {
    shared: Arc<Shared<A>>,
}

impl<A: Answer> Clone for Cache<A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<A: Answer> {
    entries: moka::sync::Cache<Key, Arc<Entry<A>>>,
    flights: Mutex<HashMap<FlightKey, Arc<Flight<A>>>>,
    limits: Limits,
}

impl<A: Answer> fmt::Debug for Cache<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cache").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

/// Lets moka reclaim what has outlived its time.
struct OwnTime;

impl<A: Answer> moka::Expiry<Key, Arc<Entry<A>>> for OwnTime {
    fn expire_after_create(&self, _: &Key, entry: &Arc<Entry<A>>, _: std::time::Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Arc<Entry<A>>,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl<A: Answer> Cache<A> {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(limits.cache_size)
            .weigher(|_: &Key, entry: &Arc<Entry<A>>| entry.bytes)
            .expire_after(OwnTime)
            .build();
        Self { shared: Arc::new(Shared { entries, flights: Mutex::default(), limits }) }
    }

    /// The sizes that it was made for.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// The bytes of all answers that are kept, as of now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.entries.run_pending_tasks();
        self.shared.entries.weighted_size()
    }

    /// The answer that is kept for `key`, or under way for `flight_key`; otherwise `call` is made, in a task of its own.
    /// With [`Control::max_age`] an older answer does not count; when it is zero a call under way
    /// does not either. Whoever heeds [`Control::store`] does not ask at all.
    ///
    /// The call's future gives the head and the stream of the answer's parts; it is dropped when
    /// the last reader leaves. A stream that stops without [`Part::End`] is broken.
    ///
    /// Must be called within a tokio runtime.
    pub fn ask<C, F, S>(&self, key: Key, flight_key: FlightKey, control: Control, call: C) -> Asked<A>
    where
        C: FnOnce() -> F,
        F: Future<Output = Result<(A::Head, S), A::Error>> + Send + 'static,
        S: Stream<Item = Result<Part<A::Tail>, A::Error>> + Send + 'static,
    {
        if let Some(entry) = self.shared.get(&key, control.max_age) {
            return Asked::Hit(entry);
        }
        let mut flights = self.shared.flights();
        if control.max_age != Some(Duration::ZERO) {
            if let Some(reader) = flights.get(&flight_key).and_then(Flight::join) {
                return Asked::Shared(reader);
            }
            // A flight may have landed since the first look.
            if let Some(entry) = self.shared.get(&key, control.max_age) {
                return Asked::Hit(entry);
            }
        }
        let (flight, reader) = Flight::begin(self.shared.limits.max_answer);
        flights.insert(flight_key, Arc::clone(&flight));
        drop(flights);
        tokio::spawn(fly(Arc::clone(&self.shared), flight_key, flight, call()));
        Asked::Miss(reader)
    }
}

impl<A: Answer> Shared<A> {
    fn flights(&self) -> MutexGuard<'_, HashMap<FlightKey, Arc<Flight<A>>>> {
        // No code that holds the lock can panic half-way through a change.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &Key, max_age: Option<Duration>) -> Option<Arc<Entry<A>>> {
        if max_age == Some(Duration::ZERO) {
            return None;
        }
        self.entries.get(key).filter(|entry| good_enough(entry.age(), entry.ttl, max_age))
    }

    /// Takes a flight off the list, unless another one has taken its place.
    fn forget(&self, key: &FlightKey, flight: &Arc<Flight<A>>) {
        let mut flights = self.flights();
        if flights.get(key).is_some_and(|listed| Arc::ptr_eq(listed, flight)) {
            flights.remove(key);
        }
    }
}

/// Whether an answer of this age may be used.
fn good_enough(age: Duration, ttl: Duration, max_age: Option<Duration>) -> bool {
    age < ttl && max_age.is_none_or(|most| age <= most)
}

/// However the task ends, its readers do not wait for ever and its place on the list is freed.
struct Landing<A: Answer> {
    shared: Arc<Shared<A>>,
    key: FlightKey,
    flight: Arc<Flight<A>>,
}

impl<A: Answer> Drop for Landing<A> {
    fn drop(&mut self) {
        self.flight.end(Err(FlightError::Broken));
        self.shared.forget(&self.key, &self.flight);
    }
}

async fn fly<A, F, S>(shared: Arc<Shared<A>>, key: FlightKey, flight: Arc<Flight<A>>, call: F)
where
    A: Answer,
    F: Future<Output = Result<(A::Head, S), A::Error>> + Send,
    S: Stream<Item = Result<Part<A::Tail>, A::Error>> + Send,
{
    let landing = Landing { shared, key, flight };
    tokio::select! {
        biased;
        () = landing.flight.abandoned() => {}
        () = carry(&landing, call) => {}
    }
}

async fn carry<A, F, S>(landing: &Landing<A>, call: F)
where
    A: Answer,
    F: Future<Output = Result<(A::Head, S), A::Error>> + Send,
    S: Stream<Item = Result<Part<A::Tail>, A::Error>> + Send,
{
    let Landing { shared, key, flight } = landing;
    let (head, parts) = match call.await {
        Ok(opened) => opened,
        Err(error) => return flight.end(Err(FlightError::Failed(Arc::new(error)))),
    };
    flight.set_head(head);
    let mut parts = pin!(parts);
    loop {
        flight.room().await;
        match parts.next().await {
            Some(Ok(Part::Chunk(chunk))) => {
                if !chunk.is_empty() && flight.push(chunk) {
                    shared.forget(key, flight);
                }
            }
            Some(Ok(Part::End { tail, store })) => {
                if let (Some(store), Some((head, chunks))) = (store, flight.whole()) {
                    let entry = Entry::new(head, &chunks, tail.clone(), store.ttl);
                    shared.entries.insert(store.key, Arc::new(entry));
                }
                return flight.end(Ok(tail));
            }
            Some(Err(error)) => return flight.end(Err(FlightError::Failed(Arc::new(error)))),
            None => return flight.end(Err(FlightError::Broken)),
        }
    }
}
