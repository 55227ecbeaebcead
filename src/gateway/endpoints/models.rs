//! `GET /v1/models` and `/v1beta/models`: what this key may use, by the policy's names, in the caller's protocol.

use axum::body::Body;
use axum::extract::Extension;
use http::{Request, Response, StatusCode};

use super::{json, refuse_as};
use crate::gateway::front::spoken;
use crate::gateway::live::Target;
use crate::gateway::phases::accept::Entry;
use crate::gateway::rejection::GatewayError;
use crate::protocol::Protocol;
use crate::protocol::models::{ModelCard, Page, render};

/// The most that may be asked for at once, Anthropic's own limit.
const MAX_LIMIT: usize = 1_000;

pub(super) async fn models(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let protocol = spoken(request.uri(), request.headers());
    let cards = cards(&entry);
    if protocol != Protocol::Anthropic {
        return json(&entry, StatusCode::OK, render(protocol, &cards, false));
    }
    let unknown = |id: &str| format!("there is no model `{}` to begin at", super::shown(id));
    match page(request.uri().query().unwrap_or_default()).and_then(|page| page.of(&cards).map_err(unknown)) {
        Ok((shown, has_more)) => json(&entry, StatusCode::OK, render(protocol, shown, has_more)),
        Err(wrong) => refuse_as(&entry, protocol, &GatewayError::BadRequest(wrong)),
    }
}

/// What the query asks for; without `limit` it is all of them. A policy's names hold nothing that a URL escapes.
fn page(query: &str) -> Result<Page<'_>, String> {
    let mut page = Page::default();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                page.limit = Some(limit.ok_or_else(|| format!("`limit` is a whole number from 1 to {MAX_LIMIT}"))?);
            }
            "after_id" => page.after = Some(value),
            "before_id" => page.before = Some(value),
            _ => {}
        }
    }
    Ok(page)
}

/// The models that this key may use.
pub(super) fn cards(entry: &Entry) -> Vec<ModelCard> {
    let policy = entry.live.policy();
    let tenant = entry.caller.tenant.and_then(|tenant| policy.tenants.get(tenant.index()));
    let allowed = tenant.and_then(|tenant| tenant.models.as_deref());
    let created_unix = u64::try_from(entry.app.begun_at.timestamp()).unwrap_or(0);
    let usable = entry
        .live
        .targets()
        .iter()
        .enumerate()
        .filter(|(number, _)| allowed.is_none_or(|allowed| allowed.iter().any(|model| model.index() == *number)));
    let card = |(number, target): (usize, &Target)| ModelCard {
        id: target.name.to_string(),
        owner: target.provider.clone(),
        created_unix,
        context: policy.models.get(number).and_then(|model| model.context),
        output: target.output,
    };
    usable.map(card).collect()
}
