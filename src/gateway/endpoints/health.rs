//! `GET /health`: how every provider fares. `GET /ready`: a policy is in use, and how the last
//! reload went.

use std::time::Instant;

use axum::body::Body;
use axum::extract::Extension;
use chrono::SecondsFormat;
use http::{Response, StatusCode};
use serde::Serialize;

use super::json;
use crate::dsl::policy::{ProviderId, ProviderKind};
use crate::gateway::phases::accept::Entry;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    policy: &'a str,
    uptime_s: u64,
    providers: Vec<ProviderHealth<'a>>,
}

#[derive(Serialize)]
struct ProviderHealth<'a> {
    name: &'a str,
    kind: &'static str,
    /// `ok`, `cooling` (all its models asked to be left alone) or `failing` (its last attempts failed)
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    failures_in_a_row: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<LastFailure>,
    models: Vec<ModelHealth<'a>>,
}

#[derive(Serialize)]
struct LastFailure {
    at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

#[derive(Serialize)]
struct ModelHealth<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    cooling_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Always 200 while the program serves: what is wrong stands in the body.
pub(super) async fn health(Extension(entry): Extension<Entry>) -> Response<Body> {
    let live = &entry.live;
    let now = Instant::now();
    let providers = (0_u32..).zip(&live.policy().providers).filter_map(|(number, provider)| {
        let endpoint = live.clients.endpoint(ProviderId(number))?;
        let state = endpoint.state();
        let models = live.targets().iter().filter(|target| target.provider == provider.name);
        let models: Vec<_> =
            models.map(|target| ModelHealth { name: &target.name, cooling_ms: target.link.cooling_ms(now) }).collect();
        let cooling = !models.is_empty() && models.iter().all(|model| model.cooling_ms > 0);
        Some(ProviderHealth {
            name: &provider.name,
            kind: kind(provider.kind),
            state: if cooling {
                "cooling"
            } else if state.failures > 0 {
                "failing"
            } else {
                "ok"
            },
            address: live.keys.is_open().then(|| endpoint.address()),
            failures_in_a_row: state.failures,
            last_failure: state.last.map(|(at, kind, status)| LastFailure {
                at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
                kind: kind.name(),
                status,
            }),
            models,
        })
    });
    let providers: Vec<_> = providers.collect();
    let body = Health {
        status: overall(&providers),
        version: env!("CARGO_PKG_VERSION"),
        policy: live.digest(),
        uptime_s: entry.app.begun.elapsed().as_secs(),
        providers,
    };
    json(&entry, StatusCode::OK, serde_json::to_vec(&body).unwrap_or_default())
}

/// `ok`, `degraded` when some provider is not well, `failing` when none is.
fn overall(providers: &[ProviderHealth<'_>]) -> &'static str {
    match providers.iter().filter(|provider| provider.state == "ok").count() {
        well if well == providers.len() => "ok",
        0 => "failing",
        _ => "degraded",
    }
}

fn kind(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::OpenAi => "openai",
        ProviderKind::Anthropic => "anthropic",
        ProviderKind::Responses => "responses",
        ProviderKind::Gemini => "gemini",
        ProviderKind::Mock => "mock",
    }
}

#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    policy: &'a str,
    reload: Reload<'a>,
}

#[derive(Serialize)]
struct Reload<'a> {
    outcome: &'static str,
    at: String,
    codes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// 200 as long as a policy is in use: a reload that failed leaves the old one there.
pub(super) async fn ready(Extension(entry): Extension<Entry>) -> Response<Body> {
    let state = entry.app.reload_state.load();
    let at = state.at.to_rfc3339_opts(SecondsFormat::Millis, true);
    // It may name files and variables: with keys declared it is for those who have one.
    let knows = entry.live.keys.is_open() || entry.caller.tenant.is_some();
    let error = state.error.as_deref().filter(|_| knows);
    let reload = Reload { outcome: state.outcome, at, codes: &state.codes, error };
    let body = Ready { ready: true, policy: entry.live.digest(), reload };
    json(&entry, StatusCode::OK, serde_json::to_vec(&body).unwrap_or_default())
}
