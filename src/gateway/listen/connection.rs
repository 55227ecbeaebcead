//! One connection: HTTP/1.1 with keep-alive, watched by its [`Pulse`].

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::Answer;
use super::pulse::Pulse;
use crate::bounds::MAX_HEAD_BYTES;
use crate::gateway::config::Timings;

/// Serves a connection to its end: the client leaves, a wait is over, or `stop` is called (then
/// the request under way is still answered).
pub(super) async fn serve<S: Answer>(stream: TcpStream, service: S, timings: Timings, stop: CancellationToken) {
    let pulse = Arc::new(Pulse::new());
    let watched = Watched { stream: TokioIo::new(stream), pulse: Arc::clone(&pulse) };
    let watch = Arc::clone(&pulse);
    let answers = service_fn(move |request: Request<Incoming>| {
        watch.request_came();
        let (service, pulse) = (service.clone(), Arc::clone(&watch));
        async move {
            pulse.began();
            let answer = service.answer(request).await?;
            Ok::<_, std::convert::Infallible>(answer.map(|body| Answered { body, pulse: Some(pulse) }))
        }
    });
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(MAX_HEAD_BYTES);
    let mut connection = pin!(builder.serve_connection(watched, answers));
    let mut look = pin!(tokio::time::sleep(timings.request_head / 2));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = look.as_mut() => match pulse.next_look(&timings) {
                Some(wait) => look.as_mut().reset(tokio::time::Instant::now() + wait),
                None => return,
            },
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A stream that tells its pulse when bytes come and whether they go.
struct Watched {
    stream: TokioIo<TcpStream>,
    pulse: Arc<Pulse>,
}

impl Watched {
    fn note_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.pulse.wrote(written.is_ready());
        written
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // A client that ends its side is a client that leaves, and its request is dropped with the
        // connection. It is counted all the same, so it is looked at before that end is read.
        if self.pulse.is_taken() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.pulse.bytes_came();
        }
        read
    }
}

impl Write for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.note_write(written)
    }
}

/// A body whose end makes the connection idle.
struct Answered {
    body: Body,
    pulse: Option<Arc<Pulse>>,
}

impl Drop for Answered {
    fn drop(&mut self) {
        if let Some(pulse) = self.pulse.take() {
            pulse.answered();
        }
    }
}

impl http_body::Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
