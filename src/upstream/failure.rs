//! What went wrong with one attempt, and what that means for the next.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode, header};

use crate::bounds::MAX_COOL_DOWN;

/// The class of a failure; its name is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// no connection, or it broke before an answer began
    Connect,
    /// nothing, or nothing more, in time
    Timeout,
    /// 401, 402, 403: the provider does not take *our* key
    Credentials,
    /// 404: the provider does not know the model or the path
    NotFound,
    /// 408, 409
    Conflict,
    /// 429
    RateLimited,
    /// 529
    Overloaded,
    /// 5xx
    Server,
    /// a status that no answer of a model has
    Status,
    /// an answer that is not of the promised form, or an error inside a stream
    Broken,
    /// an answer without content
    Empty,
    /// a stream that ended before its end
    Truncated,
}

impl FailureKind {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Connect,
        Self::Timeout,
        Self::Credentials,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimited,
        Self::Overloaded,
        Self::Server,
        Self::Status,
        Self::Broken,
        Self::Empty,
        Self::Truncated,
    ];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Credentials => "credentials",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Status => "status",
            Self::Broken => "broken",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
        }
    }

    /// Whether the operator has to act: a wrong key or a wrong name does not mend itself.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Credentials | Self::NotFound)
    }

    /// Whether the provider asked for less.
    #[must_use]
    pub fn is_limit(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded)
    }
}

/// Why one attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// its class
    pub kind: FailureKind,
    /// the provider's status, when there was one
    pub status: Option<u16>,
    /// how long the provider wants to be left alone, at most [`MAX_COOL_DOWN`]
    pub retry_after: Option<Duration>,
    /// a few words for the client: no key, no address
    pub text: String,
    /// further words for the log: what the socket said, or where it was asked
    pub detail: String,
    /// the provider's own words: they may quote the prompt, so nobody reads them unasked
    pub said: String,
}

impl Failure {
    /// A failure without a status.
    #[must_use]
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, status: None, retry_after: None, text: text.into(), detail: String::new(), said: String::new() }
    }

    /// Adds words for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds the provider's own words.
    #[must_use]
    pub fn said(mut self, said: impl Into<String>) -> Self {
        self.said = said.into();
        self
    }

    /// A failure by an answer's status.
    #[must_use]
    pub fn of_status(kind: FailureKind, status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Self {
        let text = match kind {
            FailureKind::Credentials => {
                format!("the provider refused the gateway's credentials (status {})", status.as_u16())
            }
            FailureKind::NotFound => "the provider does not know the model or the path (status 404)".to_owned(),
            FailureKind::RateLimited => "the provider's rate limit is reached (status 429)".to_owned(),
            FailureKind::Overloaded => "the provider is overloaded (status 529)".to_owned(),
            _ => format!("the provider answered with status {}", status.as_u16()),
        };
        let retry_after = retry_after(headers, now);
        Self { status: Some(status.as_u16()), retry_after, ..Self::new(kind, text) }
    }
}

/// What an upstream's status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// an answer
    Good,
    /// the client's own mistake: it reads the answer
    Client,
    /// this attempt failed
    Failed(FailureKind),
}

impl Verdict {
    /// Judges a status.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Good,
            400 | 413 | 422 => Self::Client,
            401..=403 => Self::Failed(FailureKind::Credentials),
            404 => Self::Failed(FailureKind::NotFound),
            408 | 409 => Self::Failed(FailureKind::Conflict),
            429 => Self::Failed(FailureKind::RateLimited),
            529 => Self::Failed(FailureKind::Overloaded),
            500..=599 => Self::Failed(FailureKind::Server),
            _ => Self::Failed(FailureKind::Status),
        }
    }
}

/// Reads `retry-after` (seconds or a date) or `retry-after-ms`; at most [`MAX_COOL_DOWN`].
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |value: f64| Duration::try_from_secs_f64(value.max(0.0)).unwrap_or(MAX_COOL_DOWN);
    let precise = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()).map(|ms| seconds(ms / 1000.0));
    let plain = || {
        let value = text(header::RETRY_AFTER.as_str())?;
        if let Ok(number) = value.parse::<f64>() {
            return number.is_finite().then(|| seconds(number));
        }
        let date = DateTime::parse_from_rfc2822(value).ok()?;
        Some(date.with_timezone(&Utc).signed_duration_since(now).to_std().unwrap_or(Duration::ZERO))
    };
    precise.or_else(plain).map(|wait| wait.min(MAX_COOL_DOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &'static str, value: &str) -> Option<u128> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let now = DateTime::parse_from_rfc2822("Fri, 20 Nov 2026 10:00:00 GMT").unwrap().with_timezone(&Utc);
        retry_after(&headers, now).map(|wait| wait.as_millis())
    }

    #[test]
    fn reads_every_form_of_retry_after() {
        assert_eq!(wait("retry-after", "7"), Some(7_000));
        assert_eq!(wait("retry-after", " 1.5 "), Some(1_500));
        assert_eq!(wait("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT"), Some(30_000));
        assert_eq!(wait("retry-after", "Fri, 20 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(wait("retry-after", "86400"), Some(300_000), "bounded");
        assert_eq!(wait("retry-after", "1e300"), Some(300_000), "bounded");
        assert_eq!(wait("retry-after", "-3"), Some(0));
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "NaN"), None);
        assert_eq!(wait("retry-after-ms", "250"), Some(250));
    }

    #[test]
    fn judges_statuses() {
        let verdict = |status| Verdict::of(StatusCode::from_u16(status).unwrap());
        assert_eq!(verdict(200), Verdict::Good);
        for status in [400, 413, 422] {
            assert_eq!(verdict(status), Verdict::Client, "{status}");
        }
        for (status, kind) in [
            (401, FailureKind::Credentials),
            (402, FailureKind::Credentials),
            (403, FailureKind::Credentials),
            (404, FailureKind::NotFound),
            (408, FailureKind::Conflict),
            (409, FailureKind::Conflict),
            (429, FailureKind::RateLimited),
            (529, FailureKind::Overloaded),
            (500, FailureKind::Server),
            (503, FailureKind::Server),
            (302, FailureKind::Status),
            (418, FailureKind::Status),
        ] {
            assert_eq!(verdict(status), Verdict::Failed(kind), "{status}");
        }
    }
}
