//! Who may come in: the checks that need no body. Loopback is not enough of a fence: any web page
//! in the user's browser can send requests to it, so requests with an `Origin`, or for a host name
//! that is not ours (a rebound DNS name), are refused.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::rejection::GatewayError;
use crate::dsl::policy::{Policy, TenantId};
use crate::protocol::key_in;
use crate::upstream::{CredentialError, read_credential};

/// The names under which the gateway may be called.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    listen: IpAddr,
    hosts: Vec<String>,
}

impl Names {
    pub(crate) fn new(listen: SocketAddr, hosts: &[String]) -> Self {
        let plain = |host: &String| without_port(host).trim_end_matches('.').to_ascii_lowercase();
        Self { listen: listen.ip(), hosts: hosts.iter().map(plain).collect() }
    }

    /// Refuses requests of web pages and requests for somebody else.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), GatewayError> {
        if headers.contains_key(ORIGIN) {
            return Err(GatewayError::Origin);
        }
        let named = headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or("(not text)"));
        for name in named.chain(uri.authority().map(http::uri::Authority::as_str)) {
            if !self.is_ours(without_port(name)) {
                return Err(GatewayError::Host(name.chars().take(128).collect()));
            }
        }
        Ok(())
    }

    fn is_ours(&self, name: &str) -> bool {
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(address) = address {
            // An address in `Host` cannot be a rebound name. Listening everywhere, each is ours.
            return address.is_loopback() || self.listen.is_unspecified() || address == self.listen || self.named(name);
        }
        name.eq_ignore_ascii_case("localhost") || self.named(name)
    }

    fn named(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }
}

fn without_port(authority: &str) -> &str {
    let host_end = authority.rfind(']').map_or(0, |end| end + 1);
    match authority.get(host_end..).and_then(|rest| rest.rfind(':')) {
        Some(colon) => authority.get(..host_end + colon).unwrap_or(authority),
        None => authority,
    }
}

/// Who asks, as far as its key says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// the tenant; None: nobody is declared, or no keys are
    pub(crate) tenant: Option<TenantId>,
    /// the number of its key in the tenant's list
    pub(crate) key: usize,
}

/// The client keys of a policy, as digests: of equal length, so that comparing them tells nothing
/// about a key's length, and no key stays in memory.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    digest: [u8; 32],
    caller: Caller,
}

/// Why the keys of a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// no usable value
    #[error("tenant `{tenant}`: {source}")]
    Credential {
        /// whose
        tenant: String,
        /// what is wrong with it
        source: CredentialError,
    },
    /// two tenants with one key: nobody could say who asks
    #[error("tenant `{tenant}`: the key in `{variable}` is also the key in `{other}`")]
    Twice {
        /// whose
        tenant: String,
        /// its variable
        variable: String,
        /// the variable that holds the same key
        other: String,
    },
}

impl Keys {
    /// Reads the keys of all tenants.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub(crate) fn load(policy: &Policy) -> Result<Self, Vec<KeyError>> {
        let (keys, errors) = Self::load_usable(policy);
        if errors.is_empty() { Ok(keys) } else { Err(errors) }
    }

    /// Reads the keys of all tenants, as far as they can be used, and says what is wrong with the
    /// others. For whoever only looks: the gateway serves all keys or none.
    pub(crate) fn load_usable(policy: &Policy) -> (Self, Vec<KeyError>) {
        let mut keys = Self::default();
        let (mut names, mut errors): (Vec<&str>, _) = (Vec::new(), Vec::new());
        for (number, tenant) in (0_u32..).zip(&policy.tenants) {
            for (place, key) in tenant.keys.iter().enumerate() {
                let wrong = |source| KeyError::Credential { tenant: tenant.name.clone(), source };
                let digest = match read_credential(&key.env).map_err(wrong) {
                    Ok(secret) => digest(&secret),
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                };
                if let Some(twin) = keys.known.iter().position(|known| known.digest == digest) {
                    errors.push(KeyError::Twice {
                        tenant: tenant.name.clone(),
                        variable: key.env.clone(),
                        other: names.get(twin).copied().unwrap_or_default().to_owned(),
                    });
                }
                names.push(&key.env);
                keys.known.push(Known { digest, caller: Caller { tenant: Some(TenantId(number)), key: place } });
            }
        }
        (keys, errors)
    }

    /// Whether these headers hold anything that is meant as a key.
    pub(crate) fn is_sent(headers: &HeaderMap) -> bool {
        sent(headers).next().is_some()
    }

    /// Whether the policy has no keys: everybody on this machine may ask.
    pub(crate) fn is_open(&self) -> bool {
        self.known.is_empty()
    }

    /// Who sent these headers. Every key is compared, whichever fits.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, GatewayError> {
        if self.is_open() {
            return Ok(Caller::default());
        }
        let wrong = || {
            if sent(headers).any(|token| !token.is_empty()) { GatewayError::UnknownKey } else { GatewayError::NoKey }
        };
        sent(headers).find_map(|token| self.find(token)).ok_or_else(wrong)
    }

    /// Who sent a request: by its headers, or by `?key=…` where Gemini's clients ask. Addresses are written
    /// into the logs of whoever stands between: no other protocol has keys in them.
    pub(crate) fn caller_of(&self, uri: &Uri, headers: &HeaderMap) -> Result<Caller, GatewayError> {
        self.caller(headers).or_else(|error| {
            let path = uri.path();
            let gemini = ["/v1beta/", "/v1alpha/", "/v1/models"].iter().any(|begin| path.starts_with(begin));
            let key = if gemini { key_in(uri.query()) } else { String::new() };
            if key.is_empty() { Err(error) } else { self.find(key.as_bytes()).ok_or(GatewayError::UnknownKey) }
        })
    }

    fn find(&self, token: &[u8]) -> Option<Caller> {
        let digest = *blake3::hash(token).as_bytes();
        let mut found = u32::MAX;
        let mut any = Choice::from(0);
        for (number, known) in (0_u32..).zip(&self.known) {
            let same = known.digest.ct_eq(&digest);
            found.conditional_assign(&number, same);
            any |= same;
        }
        if bool::from(any) { self.known.get(found as usize).map(|known| known.caller) } else { None }
    }
}

/// What a request's headers hold as a key: `x-api-key`, `x-goog-api-key`, and the bearer token.
fn sent(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
    });
    let plain = |name| headers.get(name).map(|value: &HeaderValue| value.as_bytes().trim_ascii());
    [plain("x-api-key"), plain("x-goog-api-key"), bearer].into_iter().flatten()
}

fn digest(secret: &SecretString) -> [u8; 32] {
    *blake3::hash(secret.expose_secret().as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(listen: &str, name: &str) -> bool {
        let names = Names::new(listen.parse().unwrap(), &["gateway.internal".to_owned(), "Other:8080".to_owned()]);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(name).unwrap());
        names.check(&Uri::from_static("/health"), &headers).is_ok()
    }

    #[test]
    fn knows_its_names() {
        let own = "127.0.0.1:3456";
        for name in
            ["127.0.0.1:3456", "localhost", "LOCALHOST:1", "[::1]:3456", "127.0.0.2", "gateway.internal:99", "other"]
        {
            assert!(host(own, name), "{name}");
        }
        for name in
            ["evil.example", "evil.example:3456", "localhost.evil.example", "10.0.0.1", "", "127.0.0.1.evil.example"]
        {
            assert!(!host(own, name), "{name}");
        }
        assert!(host("0.0.0.0:1", "10.0.0.1:1"), "an address is nobody's rebound name");
        assert!(!host("0.0.0.0:1", "evil.example"));
        assert!(host("10.0.0.1:1", "10.0.0.1") && !host("10.0.0.1:1", "10.0.0.2"));
    }

    #[test]
    fn refuses_web_pages() {
        let names = Names::new("127.0.0.1:1".parse().unwrap(), &[]);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        headers.insert(ORIGIN, HeaderValue::from_static("null"));
        assert_eq!(names.check(&Uri::from_static("/"), &headers), Err(GatewayError::Origin));
        let absolute = Uri::from_static("http://evil.example/health");
        headers.remove(ORIGIN);
        assert!(matches!(names.check(&absolute, &headers), Err(GatewayError::Host(_))));
    }

    #[test]
    fn finds_the_caller_by_its_key() {
        let known = |text: &str, tenant, key| Known {
            digest: digest(&SecretString::from(text)),
            caller: Caller { tenant: Some(TenantId(tenant)), key },
        };
        let keys = Keys { known: vec![known("one", 0, 0), known("two", 0, 1), known("three", 1, 0)] };
        let ask = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            keys.caller(&headers).map(|caller| (caller.tenant.map(|tenant| tenant.0), caller.key))
        };
        assert_eq!(ask(&[("authorization", "Bearer two")]), Ok((Some(0), 1)));
        assert_eq!(ask(&[("authorization", "bearer  three ")]), Ok((Some(1), 0)));
        assert_eq!(ask(&[("x-api-key", "one")]), Ok((Some(0), 0)));
        assert_eq!(ask(&[("x-goog-api-key", "two")]), Ok((Some(0), 1)));
        let in_query = |query: &'static str| keys.caller_of(&Uri::from_static(query), &HeaderMap::new());
        assert_eq!(in_query("/v1beta/models?alt=sse&key=t%77o").map(|caller| caller.key), Ok(1));
        assert_eq!(in_query("/v1/models/m:generateContent?key=one").map(|caller| caller.key), Ok(0));
        for query in ["/v1beta/models?key=", "/v1/messages?key=two", "/v1/chat/completions?key=two", "/chat?key=two"] {
            assert_eq!(in_query(query), Err(GatewayError::NoKey), "{query}");
        }
        assert_eq!(in_query("/v1beta/models?key=four"), Err(GatewayError::UnknownKey));
        assert_eq!(ask(&[("x-api-key", "dummy"), ("authorization", "Bearer one")]), Ok((Some(0), 0)));
        for wrong in [&[("x-api-key", "on")][..], &[("authorization", "Bearer four")]] {
            assert_eq!(ask(wrong), Err(GatewayError::UnknownKey), "{wrong:?}");
        }
        for none in [&[("authorization", "Basic one")][..], &[("x-api-key", "")], &[]] {
            assert_eq!(ask(none), Err(GatewayError::NoKey), "{none:?}");
        }
    }
}
