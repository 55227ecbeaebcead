//! Which headers pass, in each direction. What is not named here does not pass: never host,
//! authorization, x-api-key, cookies, content-length, encodings, hop-by-hop headers.

use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::send::Operation;

/// The version of the Anthropic API that is asked for when the client names none.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const OURSELVES: HeaderValue = HeaderValue::from_static(concat!("ccr-policy/", env!("CARGO_PKG_VERSION")));

/// The headers of a request to an upstream, its credentials not among them: those belong to the
/// endpoint. `client` is what the client sent.
#[must_use]
pub fn request_headers(operation: Operation, stream: bool, client: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ACCEPT, if stream { EVENTS } else { JSON });
    if !matches!(operation, Operation::Messages | Operation::CountTokens) {
        headers.insert(USER_AGENT, OURSELVES);
        return headers;
    }
    headers.insert(VERSION, client.get(&VERSION).cloned().unwrap_or(ANTHROPIC_VERSION));
    headers.insert(USER_AGENT, client.get(USER_AGENT).cloned().unwrap_or(OURSELVES));
    for value in client.get_all(&BETA) {
        headers.append(BETA, value.clone());
    }
    headers
}

/// Copies what a client may read of an upstream's answer: retry-after, its request id, its rate
/// limits. The content type is not among them: whoever writes the body sets it.
pub fn response_headers(upstream: &HeaderMap, client: &mut HeaderMap) {
    for (name, value) in upstream {
        if passes_back(name) {
            client.append(name.clone(), value.clone());
        }
    }
}

fn passes_back(name: &HeaderName) -> bool {
    if name == RETRY_AFTER {
        return true;
    }
    let name = name.as_str();
    matches!(name, "request-id" | "x-request-id" | "retry-after-ms")
        || name.starts_with("anthropic-ratelimit-")
        || name.starts_with("x-ratelimit-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    const SENT: &[(&str, &str)] = &[
        ("host", "gateway"),
        ("authorization", "Bearer secret"),
        ("x-api-key", "secret"),
        ("cookie", "a=b"),
        ("content-length", "3"),
        ("accept-encoding", "gzip"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("x-stainless-lang", "python"),
        ("user-agent", "claude-cli/2.1"),
        ("anthropic-beta", "a,b"),
    ];

    #[test]
    fn an_anthropic_upstream_sees_the_clients_betas_and_agent() {
        let headers = request_headers(Operation::Messages, true, &map(SENT));
        assert_eq!(names(&headers), ["accept", "anthropic-beta", "anthropic-version", "content-type", "user-agent"]);
        assert_eq!(headers["user-agent"], "claude-cli/2.1");
        assert_eq!(headers["anthropic-version"], "2023-06-01");
        assert_eq!(headers["accept"], "text/event-stream");
    }

    #[test]
    fn an_openai_upstream_sees_only_us() {
        let headers = request_headers(Operation::ChatCompletions, false, &map(SENT));
        assert_eq!(names(&headers), ["accept", "content-type", "user-agent"]);
        assert!(headers["user-agent"].to_str().unwrap().starts_with("ccr-policy/"));
    }

    #[test]
    fn a_client_sees_limits_and_ids_and_nothing_else() {
        let answer = map(&[
            ("set-cookie", "a=b"),
            ("server", "x"),
            ("content-length", "3"),
            ("content-encoding", "gzip"),
            ("request-id", "req_1"),
            ("retry-after", "3"),
            ("anthropic-ratelimit-requests-remaining", "9"),
            ("x-ratelimit-remaining-tokens", "9"),
        ]);
        let mut headers = HeaderMap::new();
        response_headers(&answer, &mut headers);
        assert_eq!(
            names(&headers),
            ["anthropic-ratelimit-requests-remaining", "request-id", "retry-after", "x-ratelimit-remaining-tokens"]
        );
    }
}
