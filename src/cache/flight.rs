//! One upstream call that many clients read.
//!
//! A flight is a task of its own: it owns the call and appends to a buffer; each reader reads at its
//! own pace. While the answer is small every reader gets all of it, however late it joins. Past
//! `max_answer` (*overflown*) the answer cannot be cached any more: the flight takes no new reader,
//! keeps only what its slowest reader has not read, waits while that is more than a window, and
//! gives up readers that hold it up for too long. When the last reader leaves, the call is cancelled.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::bounds::{FLIGHT_LAG, FLIGHT_WINDOW_BYTES};
use crate::cache::Answer;

/// Why a reader gets no more.
#[derive(Debug, thiserror::Error)]
pub enum FlightError<E> {
    /// the call failed; every reader gets the same reason
    #[error("the call failed")]
    Failed(Arc<E>),
    /// the answer stopped before its end
    #[error("the answer stopped before its end")]
    Broken,
    /// this reader was too slow for the others
    #[error("this client reads too slowly for an answer that it shares with others")]
    Lagged,
}

impl<E> Clone for FlightError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Broken => Self::Broken,
            Self::Lagged => Self::Lagged,
        }
    }
}

/// The call and its buffer.
pub(super) struct Flight<A: Answer> {
    state: Mutex<State<A>>,
    /// a reader has read, or left
    progress: Notify,
    /// the last reader has left
    abandoned: CancellationToken,
    max_answer_bytes: u64,
}

struct State<A: Answer> {
    head: Option<A::Head>,
    chunks: VecDeque<Bytes>,
    /// how many chunks have been dropped before the first of `chunks`
    dropped: usize,
    bytes: u64,
    overflown: bool,
    /// takes no new reader
    closed: bool,
    end: Option<Result<A::Tail, FlightError<A::Error>>>,
    readers: Vec<Option<Place>>,
}

/// Where one reader is.
struct Place {
    /// the number of its next chunk
    next: usize,
    bytes: u64,
    waker: Option<Waker>,
    last_read: Instant,
    /// since when it holds the flight up, without having caught up in between
    behind_since: Option<Instant>,
    lagged: bool,
}

impl Place {
    fn new() -> Self {
        Self { next: 0, bytes: 0, waker: None, last_read: Instant::now(), behind_since: None, lagged: false }
    }
}

type Wakers = SmallVec<[Waker; 8]>;

impl<A: Answer> fmt::Debug for Flight<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Flight").finish_non_exhaustive()
    }
}

impl<A: Answer> State<A> {
    fn wakers(&mut self) -> Wakers {
        self.readers.iter_mut().flatten().filter_map(|place| place.waker.take()).collect()
    }

    fn place(&mut self, number: usize) -> Option<&mut Place> {
        self.readers.get_mut(number)?.as_mut()
    }

    /// The readers that are still given bytes.
    fn active(&self) -> impl Iterator<Item = &Place> {
        self.readers.iter().flatten().filter(|place| !place.lagged)
    }

    /// Drops the chunks that every reader has read. Only an overflown flight forgets.
    fn trim(&mut self) {
        let Some(slowest) = self.active().map(|place| place.next).min() else { return };
        while self.dropped < slowest && self.chunks.pop_front().is_some() {
            self.dropped += 1;
        }
    }

    /// Until when the flight has to wait for its slowest readers; those that have had their time
    /// are given up.
    fn blocked_until(&mut self, now: Instant, wakers: &mut Wakers) -> Option<Instant> {
        if !self.overflown {
            return None;
        }
        let alone = self.active().count() <= 1;
        let mut until: Option<Instant> = None;
        for place in self.readers.iter_mut().flatten() {
            if place.lagged || self.bytes - place.bytes <= FLIGHT_WINDOW_BYTES {
                continue;
            }
            let behind_since = *place.behind_since.get_or_insert(now);
            // A slow client alone only has to go on reading; one among others has to catch up.
            let since = if alone { behind_since.max(place.last_read) } else { behind_since };
            let deadline = since + FLIGHT_LAG;
            if now < deadline {
                until = Some(until.map_or(deadline, |other| other.min(deadline)));
            } else {
                place.lagged = true;
                wakers.extend(place.waker.take());
            }
        }
        self.trim();
        until
    }
}

impl<A: Answer> Flight<A> {
    /// A flight and its first reader.
    pub(super) fn begin(max_answer_bytes: u64) -> (Arc<Self>, Reader<A>) {
        let state = State {
            head: None,
            chunks: VecDeque::new(),
            dropped: 0,
            bytes: 0,
            overflown: false,
            closed: false,
            end: None,
            readers: vec![Some(Place::new())],
        };
        let flight = Arc::new(Self {
            state: Mutex::new(state),
            progress: Notify::new(),
            abandoned: CancellationToken::new(),
            max_answer_bytes,
        });
        (Arc::clone(&flight), Reader { flight, number: 0, done: false })
    }

    fn lock(&self) -> MutexGuard<'_, State<A>> {
        // No code that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new reader, from the first byte; None when the flight takes none any more.
    pub(super) fn join(self: &Arc<Self>) -> Option<Reader<A>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let place = Place::new();
        let number = state.readers.iter().position(Option::is_none).unwrap_or(state.readers.len());
        match state.readers.get_mut(number) {
            Some(free) => *free = Some(place),
            None => state.readers.push(Some(place)),
        }
        Some(Reader { flight: Arc::clone(self), number, done: false })
    }

    /// Completes when the last reader has left.
    pub(super) async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    pub(super) fn set_head(&self, head: A::Head) {
        let mut state = self.lock();
        state.head = Some(head);
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Appends a chunk. True: with it the answer has become too large to be cached.
    pub(super) fn push(&self, chunk: Bytes) -> bool {
        let mut state = self.lock();
        state.bytes += chunk.len() as u64;
        state.chunks.push_back(chunk);
        let overflows = !state.overflown && state.bytes > self.max_answer_bytes;
        if overflows {
            state.overflown = true;
            state.closed = true;
        }
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        overflows
    }

    /// Waits until there is room for the next chunk.
    pub(super) async fn room(&self) {
        while let Some(until) = self.blocked_until(Instant::now()) {
            // Whether somebody has read or time is up: look again.
            let _ = timeout_at(until, self.progress.notified()).await;
        }
    }

    /// Until when there is no room; None: there is.
    pub(super) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let mut wakers = Wakers::new();
        let mut state = self.lock();
        let until = state.blocked_until(now, &mut wakers);
        if state.active().next().is_none() {
            // Those that were given up may take long to notice; nobody else is there.
            self.abandoned.cancel();
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        until
    }

    /// The head and all chunks, when the answer is small enough to be cached.
    pub(super) fn whole(&self) -> Option<(A::Head, Vec<Bytes>)> {
        let state = self.lock();
        if state.overflown {
            return None;
        }
        Some((state.head.clone()?, state.chunks.iter().cloned().collect()))
    }

    /// Ends the flight; the first end counts.
    pub(super) fn end(&self, end: Result<A::Tail, FlightError<A::Error>>) {
        let mut state = self.lock();
        state.closed = true;
        if state.end.is_none() {
            state.end = Some(end);
        }
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// One client's view of a flight: its head, then its bytes as a stream. When it is dropped, the
/// client has left.
pub struct Reader<A: Answer> {
    flight: Arc<Flight<A>>,
    number: usize,
    done: bool,
}

impl<A: Answer> fmt::Debug for Reader<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<A: Answer> Reader<A> {
    /// What the answer begins with, once the call has begun well.
    ///
    /// # Errors
    /// Why it has not.
    pub async fn head(&mut self) -> Result<A::Head, FlightError<A::Error>> {
        std::future::poll_fn(|context| {
            let mut state = self.flight.lock();
            if let Some(head) = &state.head {
                return Poll::Ready(Ok(head.clone()));
            }
            if let Some(end) = &state.end {
                return Poll::Ready(Err(end.clone().err().unwrap_or(FlightError::Broken)));
            }
            wait(&mut state, self.number, context);
            Poll::Pending
        })
        .await
    }

    /// What the answer ended with; None before its good end.
    #[must_use]
    pub fn tail(&self) -> Option<A::Tail> {
        self.flight.lock().end.as_ref().and_then(|end| end.as_ref().ok().cloned())
    }
}

fn wait<A: Answer>(state: &mut State<A>, number: usize, context: &Context<'_>) {
    if let Some(place) = state.place(number) {
        match &mut place.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }
}

impl<A: Answer> Stream for Reader<A> {
    type Item = Result<Bytes, FlightError<A::Error>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reader = self.get_mut();
        if reader.done {
            return Poll::Ready(None);
        }
        let mut state = reader.flight.lock();
        let (dropped, overflown) = (state.dropped, state.overflown);
        let Some(place) = state.readers.get(reader.number).and_then(Option::as_ref) else { return Poll::Ready(None) };
        if place.lagged {
            reader.done = true;
            return Poll::Ready(Some(Err(FlightError::Lagged)));
        }
        let chunk = place.next.checked_sub(dropped).and_then(|at| state.chunks.get(at)).cloned();
        let Some(chunk) = chunk else {
            let Some(end) = &state.end else {
                wait(&mut state, reader.number, context);
                return Poll::Pending;
            };
            reader.done = true;
            return Poll::Ready(end.as_ref().err().map(|error| Err(error.clone())));
        };
        let total = state.bytes;
        if let Some(place) = state.place(reader.number) {
            place.next += 1;
            place.bytes += chunk.len() as u64;
            if overflown {
                place.last_read = Instant::now();
                if place.bytes == total {
                    place.behind_since = None;
                }
            }
        }
        if overflown {
            state.trim();
            drop(state);
            reader.flight.progress.notify_one();
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}

impl<A: Answer> Drop for Reader<A> {
    fn drop(&mut self) {
        let mut state = self.flight.lock();
        if let Some(place) = state.readers.get_mut(self.number) {
            *place = None;
        }
        if state.readers.iter().all(Option::is_none) {
            state.closed = true;
            self.flight.abandoned.cancel();
        } else if state.overflown {
            state.trim();
            self.flight.progress.notify_one();
        }
    }
}
