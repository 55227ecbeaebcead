//! The body of an answer, played event by event as the knobs say.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::mock::knobs::Knobs;
use crate::mock::script::Event;
use crate::mock::stats::Open;

/// The connection is to be closed in the middle of an answer, as a knob says.
#[derive(Debug, thiserror::Error)]
#[error("the mock cuts this connection, as it was told")]
pub(super) struct Cut;

/// How a stream ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Early {
    Cut,
    Stall,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// all at once
    Whole {
        /// the bytes that are still to be sent
        rest: Option<Bytes>,
        /// what was promised in `content-length`
        length: u64,
        /// only half of it is sent
        cut: bool,
    },
    /// event by event
    Stream(Box<Player>),
}

/// A stream that is being played.
#[derive(Debug)]
pub(super) struct Player {
    events: std::vec::IntoIter<Bytes>,
    early: Option<Early>,
    delay: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// the next event may be written
    ready: bool,
    open: Option<Open>,
}

impl Answer {
    /// An answer that is not a stream.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole { length: bytes.len() as u64, rest: Some(bytes), cut: false }
    }

    /// The same answer, of which only the first half is sent before the connection closes.
    pub(super) fn cut_in_half(self) -> Self {
        match self {
            Self::Whole { rest, length, .. } => Self::Whole { rest, length, cut: true },
            stream @ Self::Stream(_) => stream,
        }
    }

    /// A stream. `broken` is the wire's error event, behind so many others.
    pub(super) fn stream(events: Vec<Event>, broken: impl FnOnce(usize) -> String, knobs: &Knobs, open: Open) -> Self {
        let early = if knobs.cut.is_some() {
            Some(Early::Cut)
        } else if knobs.stall.is_some() {
            Some(Early::Stall)
        } else {
            None
        };
        let mut writes = Vec::with_capacity(events.len());
        let (mut sent, mut written) = (0, 0);
        let mut complete = true;
        for event in events {
            if event.content && knobs.last_chunk().is_some_and(|last| sent >= last) {
                complete = false;
                break;
            }
            sent += u32::from(event.content);
            written += 1;
            if knobs.split_characters { split(&event.bytes, &mut writes) } else { writes.push(event.bytes) }
        }
        if !complete && early.is_none() {
            writes.push(Bytes::from(broken(written)));
        }
        Self::Stream(Box::new(Player {
            events: writes.into_iter(),
            early: early.filter(|_| !complete),
            delay: knobs.chunk_delay,
            timer: None,
            ready: true,
            open: Some(open),
        }))
    }
}

/// Cuts an event inside its first character of several bytes, if it has one.
fn split(bytes: &Bytes, into: &mut Vec<Bytes>) {
    match bytes.iter().position(|byte| *byte >= 0x80) {
        Some(at) => into.extend([bytes.slice(..=at), bytes.slice(at + 1..)]),
        None => into.push(bytes.clone()),
    }
}

impl Player {
    /// Waits between two events: for the delay, or until the first is on its way, so that each
    /// is a write of its own.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.ready {
            return Poll::Ready(());
        }
        if self.delay.is_zero() {
            self.ready = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let delay = self.delay;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + delay)));
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        self.ready = true;
        Poll::Ready(())
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        ready!(self.poll_pause(context));
        match self.events.next() {
            Some(bytes) => {
                self.ready = false;
                Poll::Ready(Some(Ok(bytes)))
            }
            None => {
                let Some(early) = self.early else {
                    self.finish();
                    return Poll::Ready(None);
                };
                match early {
                    Early::Cut => {
                        self.finish();
                        Poll::Ready(Some(Err(Cut)))
                    }
                    // Nobody wakes this task again: the connection stays until the client leaves.
                    Early::Stall => Poll::Pending,
                }
            }
        }
    }

    fn finish(&mut self) {
        if let Some(open) = self.open.take() {
            open.finished();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole { rest, length, cut } => match rest.take() {
                Some(bytes) if *cut => {
                    let half = bytes.len() / 2;
                    *length -= half as u64;
                    Poll::Ready(Some(Ok(Frame::data(bytes.slice(..half)))))
                }
                None if *cut => Poll::Ready(Some(Err(Cut))),
                Some(bytes) => {
                    *length = 0;
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                }
                None => Poll::Ready(None),
            },
            Self::Stream(player) => {
                let item = ready!(player.poll_next(context));
                Poll::Ready(item.map(|item| item.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole { rest: None, cut: false, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { length, .. } => SizeHint::with_exact(*length),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
