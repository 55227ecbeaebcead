//! One request to one endpoint: pieces of a body out, a status, headers and bytes back. Whoever
//! drops the future or the answer cancels the call.

use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::clients::{Endpoint, Lane};
use super::cooling::ModelLink;
use super::failure::{Failure, FailureKind};
use crate::bounds::{ERROR_BODY, MAX_ERROR_BYTES};
use crate::protocol::sse;

/// What is asked of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Anthropic Messages
    Messages,
    /// Anthropic's token count
    CountTokens,
    /// OpenAI Chat Completions
    ChatCompletions,
    /// OpenAI Responses
    Responses,
    /// Gemini's `generateContent`
    GenerateContent,
    /// Gemini's `streamGenerateContent`, as server-sent events
    StreamGenerateContent,
    /// Gemini's token count, of a whole request
    CountContents,
    /// OpenAI's embeddings
    Embeddings,
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub struct Prepared {
    /// what is asked
    pub operation: Operation,
    /// the headers, without credentials
    pub headers: HeaderMap,
    /// the body, in pieces that need not be joined
    pub body: Vec<Bytes>,
    /// Anthropic's `?beta=true`
    pub beta: bool,
}

/// An answer that has begun.
#[derive(Debug)]
pub struct Incoming {
    /// its status
    pub status: StatusCode,
    /// its headers
    pub headers: HeaderMap,
    body: reqwest::Body,
    /// what was looked at and not yet taken
    ahead: Option<Bytes>,
}

impl Endpoint {
    /// Sends a request for one of its models and waits for the head of its answer, however long that takes: the caller
    /// sets the time limit.
    ///
    /// # Errors
    /// When no connection can be made, or it breaks before an answer begins, or the answer is
    /// compressed although nobody asked for that.
    pub async fn send(&self, lane: Lane, link: &ModelLink, prepared: Prepared) -> Result<Incoming, Failure> {
        let mut request =
            reqwest::Request::new(http::Method::POST, self.url(prepared.operation, prepared.beta, link).clone());
        *request.headers_mut() = prepared.headers;
        for (name, value) in self.fixed_headers(prepared.operation) {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        *request.body_mut() = Some(body_of(prepared.body));
        let answer = self.client(lane).execute(request).await.map_err(|error| of_reqwest(error, true))?;
        let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let plain = parts.headers.get(CONTENT_ENCODING).is_none_or(|value| value.as_bytes() == b"identity");
        if !plain {
            return Err(Failure::new(
                FailureKind::Broken,
                "the provider sent a compressed answer that was not asked for",
            ));
        }
        Ok(Incoming { status: parts.status, headers: parts.headers, body, ahead: None })
    }
}

impl Incoming {
    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(ahead)));
        }
        loop {
            return match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(of_reqwest(error, false)))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => Poll::Ready(Some(Ok(data))),
                    _ => continue,
                },
            };
        }
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Failure>> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// Whether the body begins like an event stream, whatever its head says. Waits for its first piece.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn begins_with_events(&mut self) -> Result<bool, Failure> {
        let Some(first) = self.chunk().await.transpose()? else { return Ok(false) };
        let begins = sse::begins_with_events(&first);
        self.ahead = Some(first);
        Ok(begins)
    }

    /// The whole body. One piece is not copied.
    ///
    /// # Errors
    /// When the connection breaks, or the body is larger than `limit` bytes.
    pub async fn whole(&mut self, limit: usize) -> Result<Bytes, Failure> {
        let promised = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        let too_large = || Failure::new(FailureKind::Broken, "the provider's answer is too large");
        if promised > limit {
            return Err(too_large());
        }
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(too_large());
        }
        let Some(second) = self.chunk().await.transpose()? else { return Ok(first) };
        let mut joined = BytesMut::with_capacity(promised.max(first.len().saturating_add(second.len())));
        joined.extend_from_slice(&first);
        joined.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await.transpose()? {
            if joined.len().saturating_add(piece.len()) > limit {
                return Err(too_large());
            }
            joined.extend_from_slice(&piece);
        }
        if joined.len() > limit { Err(too_large()) } else { Ok(joined.freeze()) }
    }

    /// The beginning of an error answer: what came in [`ERROR_BODY`], not after `ends`, and within
    /// [`MAX_ERROR_BYTES`].
    pub async fn error_body(&mut self, ends: Instant) -> Bytes {
        let mut read = BytesMut::new();
        let all = async {
            while let Some(Ok(piece)) = self.chunk().await {
                let room = MAX_ERROR_BYTES.saturating_sub(read.len());
                read.extend(piece.iter().take(room));
                if piece.len() >= room {
                    break;
                }
            }
        };
        // What has come by then is enough to say why.
        let ends = ends.min(Instant::now() + ERROR_BODY);
        let _late = tokio::time::timeout_at(ends.into(), all).await;
        read.freeze()
    }
}

fn body_of(mut pieces: Vec<Bytes>) -> reqwest::Body {
    if pieces.len() == 1 {
        return reqwest::Body::from(pieces.pop().unwrap_or_default());
    }
    let left = pieces.iter().map(Bytes::len).sum();
    reqwest::Body::wrap(Pieces { pieces: pieces.into_iter(), left })
}

/// A body in pieces whose length is known, so that it is sent with a content-length.
struct Pieces {
    pieces: std::vec::IntoIter<Bytes>,
    left: usize,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.pieces.find(|piece| !piece.is_empty());
        if let Some(piece) = &next {
            self.left = self.left.saturating_sub(piece.len());
        }
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

/// Our words for the HTTP library's error; its own words go to the log, without the address.
fn of_reqwest(error: reqwest::Error, before_answer: bool) -> Failure {
    let (kind, text) = if error.is_timeout() {
        (FailureKind::Timeout, "connecting to the provider took too long")
    } else if error.is_connect() {
        (FailureKind::Connect, "no connection to the provider")
    } else if before_answer {
        (FailureKind::Connect, "the connection to the provider broke before it answered")
    } else {
        (FailureKind::Truncated, "the connection to the provider broke inside its answer")
    };
    let error = error.without_url();
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        detail = format!("{detail}: {inner}");
        source = inner.source();
    }
    Failure::new(kind, text).detail(detail)
}
