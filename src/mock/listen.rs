//! The mock's loopback listener and its connections.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::mock::answer::{Upstream, answer};

/// Why a mock could not start.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// it speaks to this machine only
    #[error("the mock listens on a loopback address only, not on {address}; use 127.0.0.1 or [::1]")]
    NotLoopback {
        /// what was asked for
        address: SocketAddr,
    },
    /// the address cannot be had
    #[error("the mock cannot listen on {address}: {source}")]
    Listen {
        /// what was asked for
        address: SocketAddr,
        /// why
        source: io::Error,
    },
}

/// Opens the listener and serves until `stop`.
pub(super) async fn listen(
    address: SocketAddr,
    upstream: Arc<Upstream>,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> Result<SocketAddr, MockError> {
    if !address.ip().is_loopback() {
        return Err(MockError::NotLoopback { address });
    }
    let failed = |source| MockError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let connections = tasks.clone();
    tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            // Out of descriptors, or a client that left at once: the next may do better.
            let Ok((stream, _)) = accepted else {
                tokio::task::yield_now().await;
                continue;
            };
            let (upstream, stop) = (Arc::clone(&upstream), stop.clone());
            connections.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = serve(stream, upstream) => {}
                }
            });
        }
    });
    Ok(bound)
}

async fn serve(stream: TcpStream, upstream: Arc<Upstream>) {
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let connection = Connection { stream, reset: Arc::clone(&reset) };
    let service = service_fn(|request| answer(&upstream, &reset, request));
    // An error here is a client that left, or a knob that cut the connection: neither is news.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

/// A connection that can be reset instead of closed.
struct Connection {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
