//! What would be sent to a model's provider, for whoever looks at a request without sending it.

use http::HeaderMap;

use super::live::{encode_for, wire_for};
use super::phases::operation;
use crate::dsl::policy::ModelId;
use crate::dsl::transform::{Transform, table};
use crate::engine::Engine;
use crate::engine::trace::Sent;
use crate::facts::Facts;
use crate::protocol::{Change, Protocol, Request};
use crate::upstream::{Operation, shown};

/// The request as the gateway would send it; without a body, only where it would go. None when it
/// cannot be written for the model, or there is no such model.
pub(crate) fn show_for(
    engine: &Engine,
    id: ModelId,
    request: Option<(&Request, &dyn Facts)>,
    client: &HeaderMap,
) -> Option<Sent> {
    let policy = engine.policy();
    let model = policy.models.get(id.index())?;
    let provider = policy.providers.get(model.provider.index())?;
    let protocol = request.map_or(Protocol::Anthropic, |(request, _)| request.protocol());
    let outgoing = match request {
        Some((request, facts)) => Some(encode_for(engine, id, request, facts)?.ok()?),
        None => None,
    };
    let stream = outgoing.as_ref().is_some_and(|outgoing| outgoing.stream);
    let none = HeaderMap::new();
    let added = outgoing.as_ref().map_or(&none, |outgoing| &outgoing.headers);
    let embeds = request.is_some_and(|(request, _)| request.embeds());
    let wire = wire_for(policy, model, protocol);
    let operation = if embeds { Operation::Embeddings } else { operation(wire, stream) };
    let shown = shown(provider, &model.upstream, operation, stream, client, added);
    // Clients that name beta features say so in the address too.
    let beta = client.contains_key("anthropic-beta") && wire.same_as(protocol);
    let url = if beta && protocol == Protocol::Anthropic { format!("{}?beta=true", shown.url) } else { shown.url };
    // Nothing is changed in a request for embeddings but the model's name.
    let transforms = if embeds { &[] } else { model.transforms.as_slice() };
    let changes = changes(transforms, outgoing.as_ref().map_or(&[], |outgoing| &outgoing.changes));
    let (body, warnings) = match outgoing {
        Some(outgoing) => (Some(String::from_utf8_lossy(&outgoing.body.concat()).into_owned()), outgoing.warnings),
        None => (None, Vec::new()),
    };
    Some(Sent {
        model: model.name.clone(),
        provider: provider.name.clone(),
        method: "POST",
        url,
        headers: shown.headers,
        changes: if body.is_some() { changes } else { Vec::new() },
        body,
        warnings,
    })
}

/// One line a transform: what it changed.
fn changes(transforms: &[Transform], changes: &[Change]) -> Vec<String> {
    let line = |transform: &Transform| {
        let name = transform.name();
        let done: Vec<&str> =
            changes.iter().filter(|change| change.transform == name).map(|change| change.what.as_str()).collect();
        match transform {
            Transform::Preset(preset) if done.is_empty() => format!("preset {}: {}", preset.name, preset.doc),
            Transform::Preset(preset) => format!("preset {}: {}; {}", preset.name, preset.doc, done.join("; ")),
            _ if !done.is_empty() => format!("{name}: {}", done.join("; ")),
            Transform::ThinkTag | Transform::ToolRepair => {
                format!("{name}: in the answer, {}", table::entry(name).map_or("", |row| row.doc))
            }
            // What it leaves out is among the warnings.
            Transform::WebSearch(native) => format!("{name}: {}", if *native { "native" } else { "off" }),
            _ => format!("{name}: nothing to do"),
        }
    };
    transforms.iter().map(line).collect()
}
