//! One endpoint a provider: its addresses, its credentials, its connections, how it fares. A
//! reload keeps the endpoints whose declaration and key did not change.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::cooling::ModelLink;
use super::credentials::{self, CredentialError};
use super::failure::{Failure, FailureKind};
use super::gemini::ModelUrls;
use super::headers::response_headers;
use super::mask;
use super::send::Operation;
use super::shown::address;
use crate::dsl::policy::{Policy, Provider, ProviderId, ProviderKind};

/// How long an idle connection to a provider is kept.
const POOL_IDLE: Duration = Duration::from_secs(90);
/// An HTTP/2 connection with requests under way is asked for a sign of life this often.
const HTTP2_PING: Duration = Duration::from_secs(30);
/// How long it may take to give one.
const HTTP2_PONG: Duration = Duration::from_secs(15);

/// The number of the thread that serves a request. Plain HTTP connections belong to one thread,
/// so that no answer wakes another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane(pub usize);

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// no usable key
    #[error("provider `{provider}`: {source}")]
    Credential {
        /// whose
        provider: String,
        /// what is wrong with it
        source: CredentialError,
    },
    /// the base is not an address
    #[error("provider `{provider}`: `base` is not an http or https address without query: `{base}`")]
    Base {
        /// whose
        provider: String,
        /// what is written
        base: String,
    },
    /// a header that cannot be sent
    #[error("provider `{provider}`: `{header}` is not a header with a sendable value")]
    Header {
        /// whose
        provider: String,
        /// its name
        header: String,
    },
    /// the HTTP library could not be set up
    #[error("provider `{provider}`: cannot set up connections: {text}")]
    Library {
        /// whose
        provider: String,
        /// its words
        text: String,
    },
}

/// When, of which class, with which status of the provider.
pub type LastFailure = Option<(DateTime<Utc>, FailureKind, Option<u16>)>;

/// How a provider fares, for `/health`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointState {
    /// failed attempts since the last good one
    pub failures: u32,
    /// the last failed attempt
    pub last: LastFailure,
}

/// A provider that can be asked.
#[derive(Debug)]
pub struct Endpoint {
    name: String,
    identity: blake3::Hash,
    key: Option<SecretString>,
    messages: Url,
    messages_beta: Url,
    count: Url,
    chat: Url,
    responses: Url,
    embeddings: Url,
    /// the base with its version: a model's name and the method stand behind it ([`ModelLink`])
    gemini: Url,
    anthropic_headers: HeaderMap,
    openai_headers: HeaderMap,
    gemini_headers: HeaderMap,
    clients: Vec<reqwest::Client>,
    models: Mutex<HashMap<String, Arc<ModelLink>>>,
    failures: AtomicU32,
    last_failure: Mutex<LastFailure>,
}

/// The endpoints of a policy, by [`ProviderId`].
#[derive(Debug, Default)]
pub struct Clients {
    endpoints: Vec<Arc<Endpoint>>,
}

impl Clients {
    /// Makes the endpoints of a policy's providers. Those of `previous` that did not change are
    /// kept, with their connections and cool-downs. `mock_base` gives the address of a built-in
    /// upstream by its provider's name; `lanes` is the number of serving threads.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub fn load(
        policy: &Policy,
        previous: &Self,
        mock_base: &dyn Fn(&str) -> Option<String>,
        lanes: usize,
        connect: Duration,
    ) -> Result<Self, Vec<ClientError>> {
        install_tls();
        let (mut endpoints, mut errors) = (Vec::with_capacity(policy.providers.len()), Vec::new());
        for provider in &policy.providers {
            let made = Plan::of(provider, mock_base).and_then(|plan| {
                let kept = previous.endpoints.iter().find(|endpoint| endpoint.identity == plan.identity);
                kept.map_or_else(|| plan.build(lanes, connect).map(Arc::new), |kept| Ok(Arc::clone(kept)))
            });
            match made {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { endpoints }) } else { Err(errors) }
    }

    /// The endpoint of a provider.
    #[must_use]
    pub fn endpoint(&self, provider: ProviderId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(provider.index())
    }
}

impl Endpoint {
    /// The provider's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is remembered of one of its models, by the name that the provider knows. Takes a
    /// lock: ask once a policy, not once a request.
    #[must_use]
    pub fn model(&self, upstream_name: &str) -> Arc<ModelLink> {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(ModelLink::new(ModelUrls::of(&self.gemini, upstream_name)));
        Arc::clone(models.entry(upstream_name.to_owned()).or_insert_with(made))
    }

    /// The address without its secrets, for `/health`: scheme, host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.chat.origin().ascii_serialization()
    }

    /// The address that everything is put behind: with the model's name it says which model this is.
    #[must_use]
    pub fn base(&self) -> &str {
        self.messages.as_str()
    }

    /// Where an operation is asked of a model, for the log.
    #[must_use]
    pub fn path<'a>(&'a self, operation: Operation, link: &'a ModelLink) -> &'a str {
        self.url(operation, false, link).as_str()
    }

    /// A text of the provider without the key, should it quote it.
    #[must_use]
    pub fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.without_key(text.as_bytes()) {
            Some(masked) => String::from_utf8_lossy(&masked).into_owned().into(),
            None => Cow::Borrowed(text),
        }
    }

    /// The same for a body, which need not be text.
    #[must_use]
    pub fn masked_bytes(&self, body: Bytes) -> Bytes {
        self.without_key(&body).map_or(body, Bytes::from)
    }

    /// What a client may read of an answer's headers, none with the key in it.
    #[must_use]
    pub fn client_headers(&self, upstream: &HeaderMap, room: usize) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(room);
        response_headers(upstream, &mut headers);
        let quoting: Vec<_> = headers
            .iter()
            .filter(|(_, value)| self.without_key(value.as_bytes()).is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for name in quoting {
            headers.remove(name);
        }
        headers
    }

    fn without_key(&self, text: &[u8]) -> Option<Vec<u8>> {
        mask::masked(text, self.key.as_ref()?.expose_secret().as_bytes())
    }

    /// Counts a good attempt.
    pub fn succeeded(&self) {
        // Most attempts follow a good one; a store would take the cache line from the other lanes.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a failed attempt.
    pub fn failed(&self, failure: &Failure, now: DateTime<Utc>) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((now, failure.kind, failure.status));
    }

    /// How it fares.
    #[must_use]
    pub fn state(&self) -> EndpointState {
        let last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        EndpointState { failures: self.failures.load(Ordering::Relaxed), last: *last }
    }

    pub(super) fn url<'a>(&'a self, operation: Operation, beta: bool, link: &'a ModelLink) -> &'a Url {
        match operation {
            Operation::Messages if beta => &self.messages_beta,
            Operation::Messages => &self.messages,
            Operation::CountTokens => &self.count,
            Operation::ChatCompletions => &self.chat,
            Operation::Responses => &self.responses,
            Operation::Embeddings => &self.embeddings,
            Operation::GenerateContent | Operation::StreamGenerateContent | Operation::CountContents => {
                link.gemini.as_ref().map_or(&self.gemini, |urls| urls.of_operation(operation))
            }
        }
    }

    pub(super) fn fixed_headers(&self, operation: Operation) -> &HeaderMap {
        match operation {
            Operation::Messages | Operation::CountTokens => &self.anthropic_headers,
            Operation::ChatCompletions | Operation::Responses | Operation::Embeddings => &self.openai_headers,
            Operation::GenerateContent | Operation::StreamGenerateContent | Operation::CountContents => {
                &self.gemini_headers
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "never empty: `build` makes at least one client")]
    pub(super) fn client(&self, lane: Lane) -> &reqwest::Client {
        &self.clients[lane.0 % self.clients.len()]
    }
}

/// Which header carries a provider's key.
#[derive(Clone, Copy)]
enum KeyHeader {
    Anthropic,
    Bearer,
    Gemini,
}

/// A provider's declaration with its key: what an endpoint is made from.
struct Plan<'a> {
    provider: &'a Provider,
    base: Url,
    key: Option<SecretString>,
    identity: blake3::Hash,
}

impl<'a> Plan<'a> {
    fn of(provider: &'a Provider, mock_base: &dyn Fn(&str) -> Option<String>) -> Result<Self, ClientError> {
        let name = || provider.name.clone();
        let text = match provider.kind {
            ProviderKind::Mock => mock_base(&provider.name),
            _ => provider.base.clone(),
        }
        .unwrap_or_default();
        let base = Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .filter(|url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty())
            .ok_or_else(|| ClientError::Base { provider: name(), base: text })?;
        let key = provider
            .key
            .as_deref()
            .map(credentials::read)
            .transpose()
            .map_err(|source| ClientError::Credential { provider: name(), source })?;
        let mut identity = blake3::Hasher::new();
        let mut part = |text: &str| {
            identity.update(&text.len().to_le_bytes());
            identity.update(text.as_bytes());
        };
        part(&provider.name);
        part(&format!("{:?}", provider.kind));
        part(base.as_str());
        part(key.as_ref().map_or("", |key| key.expose_secret()));
        for (header, value) in &provider.headers {
            part(header);
            part(value);
        }
        let identity = identity.finalize();
        Ok(Self { provider, base, key, identity })
    }

    fn build(self, lanes: usize, connect: Duration) -> Result<Endpoint, ClientError> {
        let address = |operation| address(self.provider.kind, self.base.as_str(), operation);
        let url = |text: String| {
            Url::parse(&text).map_err(|_| ClientError::Base { provider: self.provider.name.clone(), base: text })
        };
        Ok(Endpoint {
            name: self.provider.name.clone(),
            identity: self.identity,
            messages: url(address(Operation::Messages))?,
            messages_beta: url(format!("{}?beta=true", address(Operation::Messages)))?,
            count: url(address(Operation::CountTokens))?,
            chat: url(address(Operation::ChatCompletions))?,
            responses: url(address(Operation::Responses))?,
            embeddings: url(address(Operation::Embeddings))?,
            gemini: url(address(Operation::GenerateContent))?,
            anthropic_headers: self.headers(KeyHeader::Anthropic)?,
            openai_headers: self.headers(KeyHeader::Bearer)?,
            gemini_headers: self.headers(KeyHeader::Gemini)?,
            clients: self.clients(lanes, connect)?,
            key: self.key,
            models: Mutex::default(),
            failures: AtomicU32::new(0),
            last_failure: Mutex::default(),
        })
    }

    /// The credentials, then what the policy sets (which wins).
    fn headers(&self, header: KeyHeader) -> Result<HeaderMap, ClientError> {
        let mut headers = HeaderMap::new();
        let wrong = |header: &str| ClientError::Header { provider: self.provider.name.clone(), header: header.into() };
        if let Some(key) = &self.key {
            let key = key.expose_secret();
            let (name, text) = match header {
                KeyHeader::Anthropic => (HeaderName::from_static("x-api-key"), key.to_owned()),
                KeyHeader::Gemini => (HeaderName::from_static("x-goog-api-key"), key.to_owned()),
                KeyHeader::Bearer => (AUTHORIZATION, format!("Bearer {key}")),
            };
            let mut value = HeaderValue::from_str(&text).map_err(|_| wrong(name.as_str()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        for (header, text) in &self.provider.headers {
            let name = HeaderName::try_from(header.as_str()).map_err(|_| wrong(header))?;
            let mut value = HeaderValue::from_str(text).map_err(|_| wrong(header))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    fn clients(&self, lanes: usize, connect: Duration) -> Result<Vec<reqwest::Client>, ClientError> {
        let plain = self.base.scheme() == "http";
        let one = || {
            let mut builder = reqwest::Client::builder()
                .connect_timeout(connect)
                .pool_idle_timeout(POOL_IDLE)
                .tcp_nodelay(true)
                .redirect(reqwest::redirect::Policy::none())
                .referer(false);
            if plain {
                // Without TLS no roots are needed; a machine without any can still run the demo.
                builder = builder.http1_only().tls_certs_only([]);
            } else {
                builder = builder
                    .http2_adaptive_window(true)
                    .http2_keep_alive_interval(HTTP2_PING)
                    .http2_keep_alive_timeout(HTTP2_PONG);
            }
            if is_loopback(&self.base) {
                builder = builder.no_proxy();
            }
            builder.build().map_err(|error| ClientError::Library {
                provider: self.provider.name.clone(),
                text: error.without_url().to_string(),
            })
        };
        // Over TLS, one connection with many streams is worth more than staying on one thread.
        let count = if plain { lanes.max(1) } else { 1 };
        (0..count).map(|_| one()).collect()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Chooses the TLS library's arithmetic, once a process.
fn install_tls() {
    // An error means that somebody has chosen already, which is as good.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;
    use crate::dsl::policy::MockKnobs;

    fn provider(kind: ProviderKind, base: &str) -> Provider {
        Provider {
            name: "p".to_owned(),
            kind,
            base: Some(base.to_owned()),
            key: None,
            region: None,
            headers: Vec::new(),
            mock: MockKnobs::default(),
            span: Span::default(),
        }
    }

    fn endpoint(kind: ProviderKind, base: &str) -> Result<Endpoint, ClientError> {
        install_tls();
        let provider = provider(kind, base);
        Plan::of(&provider, &|_| Some("http://127.0.0.1:1/p".to_owned()))?.build(2, Duration::from_secs(1))
    }

    #[test]
    fn puts_paths_behind_the_base() {
        let url = |kind, base, operation| {
            endpoint(kind, base).unwrap().url(operation, false, &ModelLink::default()).to_string()
        };
        let anthropic = |base| url(ProviderKind::Anthropic, base, Operation::Messages);
        assert_eq!(anthropic("http://127.0.0.1:1"), "http://127.0.0.1:1/v1/messages");
        assert_eq!(anthropic("http://127.0.0.1:1/v1"), "http://127.0.0.1:1/v1/messages");
        assert_eq!(anthropic("http://127.0.0.1:1/api/v1/"), "http://127.0.0.1:1/api/v1/messages");
        let openai = |base| url(ProviderKind::OpenAi, base, Operation::ChatCompletions);
        assert_eq!(openai("http://127.0.0.1:1/api/v3"), "http://127.0.0.1:1/api/v3/chat/completions");
        let mock = url(ProviderKind::Mock, "", Operation::ChatCompletions);
        assert_eq!(mock, "http://127.0.0.1:1/p/v1/chat/completions");
    }

    #[test]
    fn refuses_what_is_not_a_base() {
        for base in ["", "127.0.0.1:1", "ftp://a", "http://a?x=1", "http://user:pass@a"] {
            assert!(matches!(endpoint(ProviderKind::OpenAi, base), Err(ClientError::Base { .. })), "{base}");
        }
    }

    #[test]
    fn keeps_unchanged_endpoints() {
        let policy = |base: &str, header: &str| Policy {
            providers: vec![Provider {
                headers: vec![("x-team".to_owned(), header.to_owned())],
                ..provider(ProviderKind::OpenAi, base)
            }],
            models: Vec::new(),
            pools: Vec::new(),
            tenants: Vec::new(),
            routes: Vec::new(),
            tests: Vec::new(),
            invariants: Vec::new(),
            defaults: crate::dsl::policy::Options::default(),
            env: Vec::new(),
            digest: String::new(),
        };
        let load = |policy: &Policy, previous: &Clients| {
            Clients::load(policy, previous, &|_| None, 1, Duration::from_secs(1)).unwrap()
        };
        let first = load(&policy("http://127.0.0.1:1", "a"), &Clients::default());
        let same = load(&policy("http://127.0.0.1:1", "a"), &first);
        let other = load(&policy("http://127.0.0.1:1", "b"), &first);
        let address = |clients: &Clients| Arc::as_ptr(clients.endpoint(ProviderId(0)).unwrap());
        assert_eq!(address(&first), address(&same));
        assert_ne!(address(&first), address(&other));
    }
}
