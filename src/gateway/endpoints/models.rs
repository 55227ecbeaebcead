//! `GET /v1/models` and `/v1beta/models`: what this key may use, by the policy's names, in the caller's protocol.

use axum::body::Body;
use axum::extract::Extension;
use http::{Request, Response, StatusCode};

use super::json;
use crate::gateway::front::spoken;
use crate::gateway::live::Target;
use crate::gateway::phases::accept::Entry;
use crate::protocol::models::{ModelCard, render};

pub(super) async fn models(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let protocol = spoken(request.uri(), request.headers());
    json(&entry, StatusCode::OK, render(protocol, &cards(&entry)))
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
