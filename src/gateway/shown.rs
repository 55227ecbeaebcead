//! What would be sent to a model's provider, for whoever looks at a request without sending it.

use http::HeaderMap;

use super::live::{encode_for, wire_for};
use super::phases::operation;
use crate::dsl::policy::{ModelId, Policy};
use crate::engine::trace::Sent;
use crate::protocol::{Protocol, Request};
use crate::upstream::shown;

/// The request as the gateway would send it; without a body, only where it would go. None when it
/// cannot be written for the model, or there is no such model.
pub(crate) fn show_for(policy: &Policy, model: ModelId, request: Option<&Request>, client: &HeaderMap) -> Option<Sent> {
    let model = policy.models.get(model.index())?;
    let provider = policy.providers.get(model.provider.index())?;
    let protocol = request.map_or(Protocol::Anthropic, Request::protocol);
    let outgoing = request.map(|request| encode_for(policy, model, request)).transpose().ok()?;
    let stream = outgoing.as_ref().is_some_and(|outgoing| outgoing.stream);
    let shown = shown(provider, operation(wire_for(policy, model, protocol)), stream, client);
    let (body, warnings) = match outgoing {
        Some(outgoing) => (Some(String::from_utf8_lossy(&outgoing.body.concat()).into_owned()), outgoing.warnings),
        None => (None, Vec::new()),
    };
    Some(Sent {
        model: model.name.clone(),
        provider: provider.name.clone(),
        method: "POST",
        url: shown.url,
        headers: shown.headers,
        body,
        warnings,
    })
}
