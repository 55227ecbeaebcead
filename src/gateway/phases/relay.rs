//! Step 7: a stream on its way from the upstream to the client, at the client's pace.
//!
//! ```text
//! opening → flowing → over (whole | broken)
//! ```
//!
//! While it opens nothing is handed out, and whatever goes wrong is a failed attempt. Once it
//! flows, what goes wrong becomes an error event in the client's protocol. Whoever drops a pump
//! cancels the call to the upstream at once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Frame;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::settle::{Account, Call, Paid, Settled};
use crate::bounds::MAX_EVENT_BYTES;
use crate::gateway::rejection::GatewayError;
use crate::gateway::reply::error_reply;
use crate::metrics::Outcome;
use crate::protocol::{Relay, Spent, Stop, StreamError};
use crate::upstream::{Failure, FailureKind, Incoming};

/// The status of a provider that is overloaded.
const OVERLOADED: u16 = 529;

/// What a stream came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Over {
    /// how the client's request ended
    pub(crate) outcome: Outcome,
    /// why the model stopped; None for a broken stream
    pub(crate) stop: Option<Stop>,
    /// what was used
    pub(crate) spent: Spent,
    /// what it cost; None without a price
    pub(crate) cost_usd: Option<f64>,
}

/// A stream under way.
pub(crate) struct Pump {
    incoming: Incoming,
    relay: Relay,
    /// what the client gets next
    ready: VecDeque<Bytes>,
    /// reused between pushes
    pushed: Vec<Bytes>,
    call: Option<Call>,
    over: Option<Over>,
    /// the stream is over, and its tokens are still counted
    settling: Option<(Over, JoinHandle<Paid>)>,
    flowing: bool,
    /// fires when the upstream may have been silent for too long
    silence: Pin<Box<Sleep>>,
    heard: Instant,
    pinged: Instant,
    pings: bool,
    ping_after: Duration,
    idle: Duration,
}

impl std::fmt::Debug for Pump {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pump").field("flowing", &self.flowing).field("over", &self.over).finish_non_exhaustive()
    }
}

impl Pump {
    /// A stream whose head has come. With `pings`, a silent upstream is filled in for.
    pub(super) fn new(incoming: Incoming, relay: Relay, call: Call, pings: bool) -> Self {
        let timings = call.entry().app.config.timings;
        let now = Instant::now();
        Self {
            incoming,
            relay,
            ready: VecDeque::new(),
            pushed: Vec::new(),
            call: Some(call),
            over: None,
            settling: None,
            flowing: false,
            silence: Box::pin(tokio::time::sleep(timings.ping.min(timings.stream_idle))),
            heard: now,
            pinged: now,
            pings,
            ping_after: timings.ping,
            idle: timings.stream_idle,
        }
    }

    /// Waits for the first content. Nothing is handed out before.
    ///
    /// # Errors
    /// When the stream ends, breaks or reports an error before any content.
    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        let mut held = 0;
        while !self.flowing && self.call.is_some() {
            match self.incoming.chunk().await {
                Some(chunk) => {
                    let chunk = chunk?;
                    held += chunk.len();
                    if held > MAX_EVENT_BYTES {
                        return Err(Failure::new(
                            FailureKind::Broken,
                            "the provider's stream does not come to its content",
                        ));
                    }
                    let progress = self.relay.push(chunk, &mut self.pushed);
                    self.ready.extend(self.pushed.drain(..));
                    let progress = progress.map_err(|error| broken(&error))?;
                    self.flowing = progress.started;
                    if progress.ended {
                        self.finish()?;
                    }
                }
                None => self.finish()?,
            }
        }
        self.heard = Instant::now();
        self.pinged = self.heard;
        self.flowing = true;
        Ok(())
    }

    /// The end of the upstream's stream, before or after its first content.
    fn finish(&mut self) -> Result<(), Failure> {
        let ended = self.relay.finish(&mut self.pushed);
        self.ready.extend(self.pushed.drain(..));
        let end = ended.map_err(|truncated| Failure::new(FailureKind::Truncated, truncated.to_string()))?;
        super::attempt::has_content(end.has_content, end.stop)?;
        let over = Over { outcome: Outcome::Ok, stop: Some(end.stop), spent: end.spent, cost_usd: None };
        let settled = self.call.take().map_or(Settled::Now((end.spent, None)), |call| call.end(end.spent));
        self.close(over, settled);
        Ok(())
    }

    /// Fails an attempt that did not open.
    pub(super) fn fail(mut self, failure: &Failure) {
        if let Some(call) = self.call.take() {
            call.fail_early(failure);
        }
    }

    /// The first content came, then the stream broke.
    fn break_off(&mut self, failure: &Failure) {
        let Some(call) = self.call.take() else { return };
        let tried = super::attempt::tried(&call, failure);
        let error = GatewayError::Exhausted { tried: vec![tried], late: false };
        let mut event = error_reply(&error, &call.entry().request_id);
        "the answer broke off".clone_into(&mut event.message);
        "answer_broke_off".clone_into(&mut event.kind);
        if failure.kind == FailureKind::Overloaded {
            // Inside a stream there is no status any more: the word says what the upstream said.
            event.status = OVERLOADED;
        }
        self.relay.fail(&event, &mut self.pushed);
        self.ready.extend(self.pushed.drain(..));
        let spent = self.relay.spent();
        self.close(Over { outcome: Outcome::Truncated, stop: None, spent, cost_usd: None }, call.fail(failure, spent));
    }

    /// Nothing more comes. The client may have all of it before its tokens are counted.
    fn close(&mut self, over: Over, settled: Settled) {
        match settled {
            Settled::Now((spent, cost_usd)) => self.over = Some(Over { spent, cost_usd, ..over }),
            Settled::Later(work) => self.settling = Some((over, work)),
        }
    }

    /// Waits until it is known what the stream came to.
    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        use std::future::Future as _;
        if let Some((over, work)) = &mut self.settling {
            let paid = std::task::ready!(Pin::new(work).poll(context));
            let (spent, cost_usd) = paid.unwrap_or((over.spent, None));
            self.over = Some(Over { spent, cost_usd, ..*over });
            self.settling = None;
        }
        Poll::Ready(())
    }

    /// What it came to, once it is over and everything has been handed out.
    pub(crate) fn over(&self) -> Option<Over> {
        if self.ready.is_empty() { self.over } else { None }
    }

    /// The next piece for the client; `None` at the end.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(piece));
            }
            std::task::ready!(self.poll_settled(context));
            if self.over.is_some() {
                return Poll::Ready(None);
            }
            match self.incoming.poll_chunk(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    self.heard = Instant::now();
                    self.take(chunk);
                }
                Poll::Ready(Some(Err(failure))) => self.break_off(&failure),
                Poll::Ready(None) => {
                    if let Err(failure) = self.finish() {
                        self.break_off(&failure);
                    }
                }
                Poll::Pending => match self.poll_silence(context) {
                    Poll::Ready(()) => {}
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn take(&mut self, chunk: Bytes) {
        let progress = self.relay.push(chunk, &mut self.pushed);
        self.ready.extend(self.pushed.drain(..));
        match progress {
            Ok(progress) if progress.ended => {
                if let Err(failure) = self.finish() {
                    self.break_off(&failure);
                }
            }
            Ok(_) => {}
            Err(error) => self.break_off(&broken(&error)),
        }
    }

    /// Ready: something was done about the silence.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        use std::future::Future as _;
        std::task::ready!(self.silence.as_mut().poll(context));
        let now = Instant::now();
        if now >= self.heard + self.idle {
            self.break_off(&Failure::new(FailureKind::Timeout, "the provider fell silent inside its answer"));
            return Poll::Ready(());
        }
        let mut next = self.heard + self.idle;
        if self.pings {
            let due = self.heard.max(self.pinged) + self.ping_after;
            if now >= due {
                self.relay.ping(&mut self.pushed);
                self.ready.extend(self.pushed.drain(..));
                self.pinged = now;
            }
            next = next.min(self.heard.max(self.pinged) + self.ping_after);
        }
        self.silence.as_mut().reset(next.into());
        Poll::Ready(())
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // The client left: what was used until then is paid.
        if let Some(call) = self.call.take()
            && self.flowing
        {
            call.abandon(self.relay.spent());
        }
    }
}

/// A relay's error as a failed attempt. The client reads our words; the upstream's own may quote
/// whatever they like.
pub(super) fn broken(error: &StreamError) -> Failure {
    let text = match error {
        StreamError::Upstream { kind, message } => return told(kind, message),
        StreamError::Malformed(_) => "the provider's answer cannot be read",
        StreamError::TooLarge(_) => "an event of the provider's answer is too large",
    };
    Failure::new(FailureKind::Broken, text).said(error.to_string())
}

/// An error that a provider told inside a good answer. Its words are for the log, like those of an
/// answer with a bad status.
pub(super) fn told(word: &str, message: &str) -> Failure {
    let (kind, text) = match word {
        "overloaded_error" | "UNAVAILABLE" => {
            (FailureKind::Overloaded, "the provider is overloaded, as it says inside its answer")
        }
        word if word.starts_with("rate_limit") || word == "RESOURCE_EXHAUSTED" => {
            (FailureKind::RateLimited, "the provider's rate limit is reached, as it says inside its answer")
        }
        // Gemini's words. Nothing is known of what was called, so there is nothing to answer it with: whoever
        // tries once more mostly gets a call that can be read.
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => (
            FailureKind::Broken,
            "the model wrote a tool call that its provider cannot read; the same request may well succeed",
        ),
        _ => (FailureKind::Broken, "the provider reports an error inside its answer"),
    };
    Failure::new(kind, text).said(format!("{word}: {message}"))
}

/// A client's stream that nobody shares.
#[derive(Debug)]
pub(super) struct Flow {
    pump: Box<Pump>,
    account: Option<Account>,
}

impl Flow {
    pub(super) fn new(pump: Box<Pump>, account: Account) -> Self {
        Self { pump, account: Some(account) }
    }
}

impl http_body::Body for Flow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = std::task::ready!(self.pump.poll_next(context));
        if piece.is_none()
            && let Some(mut account) = self.account.take()
        {
            let over = self.pump.over();
            account.usage = over.map(|over| over.spent.usage);
            account.cost_usd = over.and_then(|over| over.cost_usd);
            account.end(over.map_or(Outcome::Internal, |over| over.outcome));
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}
