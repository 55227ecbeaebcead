//! Listening: one thread accepts, and hands each connection to the serving thread (a *lane*) that
//! has the fewest. A connection stays on its lane with everything that it causes, so that no
//! request wakes another thread.
//!
//! This room knows bytes and connections; what a request means is the service's business.

mod connection;
mod pulse;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Timings;
use crate::bounds::{LANE_STACK_BYTES, MAX_CONNECTIONS};
use crate::upstream::Lane;

/// Wait after an accept for which the system had nothing left, before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// ENOMEM, ENFILE and EMFILE everywhere, ENOBUFS on Linux and on BSD.
const NOTHING_LEFT: &[i32] = &[12, 23, 24, 105, 55];

/// Whether an accept failed for want of memory or file descriptors, which the next one will too.
/// Any other error is one connection's own.
fn nothing_left(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| NOTHING_LEFT.contains(&code))
}

/// What answers requests on one lane.
pub(crate) trait Answer: Clone + Send + 'static {
    /// Answers one request. A panic inside must not leave it.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send;
}

/// The lanes at work.
#[derive(Debug)]
pub(crate) struct Lanes {
    address: SocketAddr,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

struct Door {
    connections: mpsc::UnboundedSender<std::net::TcpStream>,
    open: Arc<AtomicUsize>,
}

impl Lanes {
    /// Begins to serve on `listener`; `service` makes the service of each lane.
    ///
    /// # Errors
    /// When a thread or its event queue cannot be made.
    pub(crate) fn start<S: Answer>(
        listener: std::net::TcpListener,
        lanes: usize,
        timings: Timings,
        service: impl Fn(Lane) -> S,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let (mut doors, mut threads) = (Vec::new(), Vec::new());
        for number in 0..lanes.max(1) {
            let (sender, receiver) = mpsc::unbounded_channel();
            let open = Arc::new(AtomicUsize::new(0));
            doors.push(Door { connections: sender, open: Arc::clone(&open) });
            let (stop, service) = (stop.clone(), service(Lane(number)));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let work = move || {
                runtime.block_on(serve_lane(receiver, open, service, timings, stop));
                runtime.shutdown_background();
            };
            threads.push(
                std::thread::Builder::new().name(format!("lane-{number}")).stack_size(LANE_STACK_BYTES).spawn(work)?,
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let until = stop.clone();
        let work = move || runtime.block_on(accept(listener, doors, until));
        threads.push(std::thread::Builder::new().name("accept".to_owned()).spawn(work)?);
        Ok(Self { address, stop, threads })
    }

    /// Where they listen.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, lets requests under way end (no longer than the drain time), and
    /// waits for that.
    pub(crate) fn stop(self) {
        self.stop.cancel();
        for thread in self.threads {
            // A lane that panicked has ended too.
            let _ended = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, doors: Vec<Door>, stop: CancellationToken) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot listen");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                if nothing_left(&error) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let open: usize = doors.iter().map(|door| door.open.load(Ordering::Relaxed)).sum();
        if open >= MAX_CONNECTIONS {
            tracing::warn!(open, "too many connections, one is refused");
            continue;
        }
        if let Some(door) = doors.iter().min_by_key(|door| door.open.load(Ordering::Relaxed)) {
            door.open.fetch_add(1, Ordering::Relaxed);
            // A lane that is gone takes nothing; the connection is closed.
            let _sent = door.connections.send(stream);
        }
    }
}

async fn serve_lane<S: Answer>(
    mut connections: mpsc::UnboundedReceiver<std::net::TcpStream>,
    open: Arc<AtomicUsize>,
    service: S,
    timings: Timings,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            stream = connections.recv() => stream,
        };
        let Some(stream) = stream else { break };
        let leaving = Leaving(Arc::clone(&open));
        let (service, stop) = (service.clone(), stop.clone());
        match stream.set_nodelay(true).and_then(|()| TcpStream::from_std(stream)) {
            Ok(stream) => {
                tasks.spawn(async move {
                    connection::serve(stream, service, timings, stop).await;
                    drop(leaving);
                });
            }
            Err(error) => tracing::debug!(%error, "a connection was gone before it was served"),
        }
    }
    tasks.close();
    if tokio::time::timeout(timings.drain, tasks.wait()).await.is_err() {
        tracing::warn!("requests still under way are cut off: the time to drain is over");
    }
}

/// Counts a connection out, even when its task panicked.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_gone_stops_nobody() {
        for (code, stops) in [(24, true), (23, true), (12, true), (103, false), (104, false), (71, false), (4, false)] {
            assert_eq!(nothing_left(&io::Error::from_raw_os_error(code)), stops, "{code}");
        }
        assert!(!nothing_left(&io::Error::from(io::ErrorKind::ConnectionAborted)));
    }
}
