//! Why a client gets no answer: whose fault it is, which status says so, and what the client can
//! do about it. How it looks is the business of the client's protocol.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::endpoints::PATHS;
use crate::engine::nobody;
use crate::protocol::errors::Place;
use crate::upstream::{Failure, FailureKind};

/// One attempt that gave no answer, as the client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    /// the model's name in the policy
    pub(crate) model: String,
    /// why
    pub(crate) reason: String,
    /// the class of the failure; None: it was skipped, nothing was sent
    pub(crate) kind: Option<FailureKind>,
    /// how long its provider wants to be left alone
    pub(crate) retry_after: Option<Duration>,
}

impl Tried {
    pub(crate) fn failed(model: &str, failure: &Failure) -> Self {
        Self {
            model: model.to_owned(),
            reason: failure.text.clone(),
            kind: Some(failure.kind),
            retry_after: failure.retry_after,
        }
    }

    pub(crate) fn skipped(model: &str, reason: String) -> Self {
        Self { model: model.to_owned(), reason, kind: None, retry_after: None }
    }
}

/// A request that ends without an answer of a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GatewayError {
    #[error("requests from web pages are refused: they carry an `Origin` header")]
    Origin,
    #[error("`{0}` is not a name of this gateway; start it with `--host {0}` if it should be")]
    Host(String),
    #[error(
        "no key came with the request: send one as `Authorization: Bearer …`, `x-api-key: …` or `x-goog-api-key: …`"
    )]
    NoKey,
    #[error(
        "the key that came with the request is none of this gateway's: look whether it is mistyped, or has changed"
    )]
    UnknownKey,
    #[error("there is nothing at `{0}`; {PATHS}")]
    NoSuchPath(String),
    /// what is there instead
    #[error("{0}")]
    NotServed(&'static str),
    #[error("no model `{0}`")]
    NoModel(String),
    #[error("`{method}` is not possible at `{path}`: use {instead}")]
    Method { method: String, path: String, instead: &'static str },
    #[error("the request body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the request body did not arrive in time")]
    SlowBody,
    #[error("the request body ended early")]
    BrokenBody,
    #[error("{0}")]
    BadRequest(String),
    /// the policy says no
    #[error("{text}")]
    Rejected { status: u16, text: String },
    /// the upstream says that the request is wrong
    #[error("{message}")]
    Upstream {
        status: u16,
        message: String,
        /// what of its head the client may read
        headers: Box<HeaderMap>,
        /// what it blames, in words for programs
        place: Box<Place>,
        /// its body, when the client speaks the upstream's protocol
        verbatim: Option<Bytes>,
    },
    /// what was asked for cannot be had, now or later
    #[error("{}", nobody(decision, false))]
    Unservable { decision: String, skipped: Vec<Tried>, hint: String },
    #[error("{}", nobody(decision, true))]
    Unavailable { decision: String, skipped: Vec<Tried>, retry_after: Option<Duration> },
    #[error("every attempt failed")]
    Exhausted { tried: Vec<Tried>, late: bool },
    /// a reader of a flight that held up the others
    #[error("this client reads too slowly for an answer that it shares with others")]
    Lagged,
    /// a flight ended without saying why
    #[error("the answer broke off inside the gateway")]
    Broken,
    #[error("the gateway failed to handle this request")]
    Internal,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Client,
    Upstream,
    Policy,
    Us,
}

impl GatewayError {
    /// Who can mend it.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Rejected { .. } => Fault::Policy,
            Self::Unavailable { .. } | Self::Exhausted { .. } => Fault::Upstream,
            Self::Broken | Self::Internal => Fault::Us,
            _ => Fault::Client,
        }
    }

    /// The status that the client gets.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Origin | Self::Host(_) => StatusCode::FORBIDDEN,
            Self::NoKey | Self::UnknownKey => StatusCode::UNAUTHORIZED,
            Self::NoSuchPath(_) | Self::NotServed(_) | Self::NoModel(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody | Self::Lagged => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenBody | Self::BadRequest(_) | Self::Unservable { .. } => StatusCode::BAD_REQUEST,
            Self::Rejected { status, .. } | Self::Upstream { status, .. } => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Exhausted { tried, late } => exhausted_status(tried, *late),
            Self::Broken => StatusCode::BAD_GATEWAY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Origin => "origin_not_allowed",
            Self::Host(_) => "host_not_allowed",
            Self::NoKey | Self::UnknownKey => "invalid_api_key",
            Self::NoSuchPath(_) | Self::NotServed(_) | Self::NoModel(_) => "not_found",
            Self::Method { .. } => "method_not_allowed",
            Self::TooLarge(_) => "request_too_large",
            Self::SlowBody => "request_timeout",
            Self::BrokenBody | Self::BadRequest(_) => "invalid_request",
            Self::Rejected { .. } => "rejected_by_policy",
            Self::Upstream { .. } => "refused_by_provider",
            Self::Unservable { .. } => "no_model_can_serve",
            Self::Unavailable { .. } => "no_model_available",
            Self::Exhausted { .. } => "all_attempts_failed",
            Self::Lagged => "client_too_slow",
            Self::Broken => "answer_broke_off",
            Self::Internal => "internal_error",
        }
    }

    /// When it is worth another try.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => Some(retry_after.unwrap_or(Duration::from_secs(1))),
            Self::Exhausted { tried, .. } => tried.iter().filter_map(|tried| tried.retry_after).min(),
            _ => None,
        }
    }

    /// What to do about it, where that is not plain.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Unservable { hint, .. } => Some(hint).filter(|hint| !hint.is_empty()).map(String::as_str),
            _ => None,
        }
    }

    /// What a provider blames.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Upstream { place, .. } => Place::clone(place),
            _ => Place::default(),
        }
    }

    /// The attempts behind it.
    pub(crate) fn attempts(&self) -> &[Tried] {
        match self {
            Self::Unservable { skipped, .. } | Self::Unavailable { skipped, .. } => skipped,
            Self::Exhausted { tried, .. } => tried,
            _ => &[],
        }
    }
}

/// 429 if every attempt was told to slow down, 504 if the last one took too long, else 502.
fn exhausted_status(tried: &[Tried], late: bool) -> StatusCode {
    let mut sent = tried.iter().filter_map(|tried| tried.kind).peekable();
    if late {
        return StatusCode::GATEWAY_TIMEOUT;
    }
    if sent.peek().is_some() && sent.clone().all(FailureKind::is_limit) {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    if sent.last() == Some(FailureKind::Timeout) { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_follows_from_the_attempts() {
        use FailureKind::{Connect, Overloaded, RateLimited, Server, Timeout};
        let status = |kinds: &[Option<FailureKind>]| {
            let tried = |kind: &Option<FailureKind>| Tried { kind: *kind, ..Tried::skipped("m", String::new()) };
            GatewayError::Exhausted { tried: kinds.iter().map(tried).collect(), late: false }.status().as_u16()
        };
        assert_eq!(status(&[Some(RateLimited), Some(Overloaded)]), 429);
        assert_eq!(status(&[Some(RateLimited), None]), 429);
        assert_eq!(status(&[Some(RateLimited), Some(Server)]), 502);
        assert_eq!(status(&[Some(Server), Some(Timeout)]), 504);
        assert_eq!(status(&[Some(Timeout), Some(Connect)]), 502);
    }
}
