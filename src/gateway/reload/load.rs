//! From the files of a policy to a policy in use, or to everything that is wrong with it.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::diag::{Diagnostic, Severity, Sources, render};
use crate::dsl;
use crate::dsl::policy::{Policy, ProviderKind, Route, TenantId};
use crate::engine::Engine;
use crate::files::FilesError;
use crate::gateway::app::App;
use crate::gateway::guard::{KeyError, Keys};
use crate::gateway::live::Live;
use crate::lint;
use crate::metrics::Names;
use crate::mock::MockError;
use crate::upstream::{ClientError, Clients, is_set};

/// Why a policy cannot be used. Its words are for the operator: whole diagnostics, every one.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// not readable
    #[error("{0}")]
    Files(#[from] FilesError),
    /// findings of the checks
    #[error("{text}")]
    Findings {
        /// the findings as `check` prints them
        text: String,
        /// their codes, each once
        codes: Vec<String>,
    },
    /// nowhere to enter
    #[error("no request can enter: write `route main {{ … }}`, or give {0} a `route`")]
    NoRoute(String),
    /// keys of clients that cannot be used
    #[error("{}", lines(.0))]
    Keys(Vec<KeyError>),
    /// providers that cannot be used
    #[error("{}", lines(.0))]
    Clients(Vec<ClientError>),
    /// no keys, and not on loopback
    #[error(
        "a policy without client keys is served on loopback only, not on {0}: declare `tenant … {{ keys: [env(\"…\")] }}`"
    )]
    Open(std::net::SocketAddr),
    /// a reload that would open the gateway to everybody
    #[error(
        "the new policy has no client keys and the one in use has: that would open the gateway to everybody. Give a tenant its `keys: [env(\"…\")]` back, or restart to serve without keys"
    )]
    KeysLost,
    /// the built-in fake upstream does not start
    #[error("the built-in upstream does not start: {0}")]
    Mock(#[from] MockError),
    /// a defect of this program
    #[error("loading the policy failed inside the program; please report this")]
    Crashed,
}

/// Longest line that `/ready` shows, in characters.
const LINE_CHARACTERS: usize = 200;

impl LoadError {
    /// The codes of its findings, each once; a word for anything else.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        let word = match self {
            Self::Findings { codes, .. } => return codes.clone(),
            Self::Files(FilesError::Missing { .. }) => "missing",
            Self::Files(FilesError::Empty { .. }) => "empty",
            Self::Files(_) => "unreadable",
            Self::NoRoute(_) => "no_route",
            Self::Keys(_) | Self::Open(_) => "keys",
            Self::KeysLost => "keys_lost",
            Self::Clients(_) => "providers",
            Self::Mock(_) => "mock",
            Self::Crashed => "internal",
        };
        vec![word.to_owned()]
    }

    /// What is wrong, or the first of it, in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let text = self.to_string();
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        line.chars().take(LINE_CHARACTERS).collect()
    }

    /// Whether the policy is at fault (exit code 1), not the machine (2).
    #[must_use]
    pub fn is_finding(&self) -> bool {
        matches!(self, Self::Findings { .. } | Self::NoRoute(_))
    }
}

fn lines<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().fold(String::new(), |mut text, error| {
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{separator}{error}");
        text
    })
}

/// What a policy is loaded for.
pub(crate) struct Surroundings<'a> {
    /// the gateway; its present policy lends its connections
    pub(crate) app: &'a App,
    /// the texts
    pub(crate) sources: &'a Sources,
}

/// Checks (its tests and promises too), compiles and connects a policy. Needs a big stack.
///
/// # Errors
/// Everything that is wrong at the first stage where something is.
pub(crate) fn load(around: &Surroundings<'_>) -> Result<Live, LoadError> {
    let policy = Arc::new(checked(around.sources)?);
    let engine = Engine::new(Arc::clone(&policy));
    enters(&engine)?;
    let keys = Keys::load(&policy).map_err(LoadError::Keys)?;
    let app = around.app;
    let listen = app.config.listen;
    if keys.is_open() && !listen.ip().is_loopback() {
        return Err(LoadError::Open(listen));
    }
    let before = app.live.load();
    // A file that vanishes from the directory may take all tenants with it.
    if keys.is_open() && before.as_ref().is_some_and(|live| !live.keys.is_open()) {
        return Err(LoadError::KeysLost);
    }
    let mocks = policy.providers.iter().any(|provider| provider.kind == ProviderKind::Mock);
    let base = if mocks { Some(app.mocks.address()?) } else { None };
    let mock_base = |name: &str| base.map(|address| format!("http://{address}/{name}"));
    let none = Clients::default();
    let previous = before.as_ref().map_or(&none, |live| &live.clients);
    let timings = app.config.timings;
    let clients =
        Clients::load(&policy, previous, &mock_base, app.config.lanes, timings.connect).map_err(LoadError::Clients)?;
    let metrics = app.metrics.policy(names(&policy));
    Live::new(engine, clients, keys, metrics).ok_or(LoadError::Crashed)
}

/// Everybody who may ask has to have a route to enter.
fn enters(engine: &Engine) -> Result<(), LoadError> {
    let tenants = &engine.policy().tenants;
    let lost = (0_u32..).zip(tenants).find(|(number, _)| engine.entry(Some(TenantId(*number))).is_none());
    if let Some((_, tenant)) = lost {
        return Err(LoadError::NoRoute(format!("tenant `{}`", tenant.name)));
    }
    let open = tenants.iter().all(|tenant| tenant.keys.is_empty());
    if open && engine.entry(None).is_none() { Err(LoadError::NoRoute("every tenant".to_owned())) } else { Ok(()) }
}

fn checked(sources: &Sources) -> Result<Policy, LoadError> {
    let loaded = lint::check(sources);
    let mut findings = loaded.diagnostics;
    dsl::refuse_unserved(&mut findings);
    if let Some(policy) = &loaded.policy {
        findings.extend(dsl::check::environment(policy, &is_set));
    }
    let broken = findings.iter().any(|finding| finding.severity == Severity::Error);
    let text = if findings.is_empty() { String::new() } else { render::human(&findings, sources, false) };
    match loaded.policy {
        Some(policy) if !broken => {
            if !text.is_empty() {
                tracing::warn!("the policy has warnings\n{text}");
            }
            Ok(policy)
        }
        _ => Err(LoadError::Findings { text, codes: codes(&findings) }),
    }
}

/// The names that metrics carry.
fn names(policy: &Policy) -> Names {
    let rules = |route: &Route| route.rules.iter().map(|rule| rule.name.clone()).collect();
    Names {
        digest: policy.digest.clone(),
        routes: policy.routes.iter().map(|route| (route.name.clone(), rules(route))).collect(),
        models: policy.models.iter().map(|model| (model.name.clone(), model.provider.index())).collect(),
        providers: policy.providers.iter().map(|provider| provider.name.clone()).collect(),
        tenants: policy.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
    }
}

fn codes(findings: &[Diagnostic]) -> Vec<String> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let mut codes: Vec<String> = errors.map(|finding| finding.code.as_str().to_owned()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[cfg(test)]
mod tests {
    use super::checked;
    use crate::diag::Sources;

    /// What a reload logs is the text of this error.
    #[test]
    fn a_refused_policy_does_not_put_its_keys_into_the_log() {
        let mut sources = Sources::default();
        sources.add("x.policy", "provider p { kind: openai base: \"https://a.example\" key: \"hush-hush\" }");
        let text = checked(&sources).unwrap_err().to_string();
        assert!(text.contains("P0203") && text.contains("key: \"*********\"") && !text.contains("hush"), "{text}");
    }
}
