//! `Providers`: addresses, keys, models and their transformers.

use super::transformers::{self, Carried};
use super::{Models, secret};
use crate::import::draft::{Field, field};
use crate::import::provider::{Asked, Secret};
use crate::import::report::{Notes, child, element};
use crate::import::value::Value;

/// Reads all providers.
pub(super) fn read(input: &Value, models: &mut Models, notes: &mut Notes) {
    let Some((key, list)) = input.any(&["Providers", "providers"]) else { return };
    for (number, provider) in list.list().iter().enumerate() {
        one(provider, &element(key, number), models, notes);
    }
}

fn one(provider: &Value, path: &str, models: &mut Models, notes: &mut Notes) {
    let label = provider.get("name").and_then(Value::text).unwrap_or_default().trim();
    let off = provider.get("enabled").and_then(Value::truth) == Some(false);
    if label.is_empty() || off {
        let why = if off { "left out: it is switched off" } else { "a provider without a name cannot be selected" };
        return notes.lost(path, why);
    }
    if models.providers.iter().any(|(known, _)| known.eq_ignore_ascii_case(label)) {
        return notes.lost(path, "left out: an earlier provider has the same name, and is the one that is found");
    }
    let carried = transformers::of_provider(provider, path, notes);
    if let Some(why) = carried.impossible {
        return notes.lost(path, why);
    }
    let base_key = provider.any(&["api_base_url", "baseUrl", "baseurl"]);
    let key = provider.any(&["api_key", "apiKey", "apikey"]);
    let asked = Asked {
        label,
        base: base_key.and_then(|(_, value)| value.text()),
        base_path: child(path, base_key.map_or("api_base_url", |(key, _)| key)),
        key: key.and_then(|(_, value)| value.text()).map_or(Secret::Absent, secret),
        key_path: child(path, key.map_or("api_key", |(key, _)| key)),
        kind: carried.kind.or_else(|| kind(provider, path, notes)),
        fields: Vec::new(),
        path: path.to_owned(),
    };
    let kind = asked.speaks().unwrap_or("openai");
    let asked = Asked { fields: carried.chain.fields(kind, notes), ..asked };
    let Some(name) = models.catalog.provider(asked, notes) else { return };
    notes.carried(&child(path, "name"), format!("`provider {name}`"));
    models.providers.push((label.to_owned(), name.clone()));
    list_models(provider, path, (label, &name, kind), &carried, models, notes);
}

/// The `type` of the third version.
fn kind(provider: &Value, path: &str, notes: &mut Notes) -> Option<&'static str> {
    let path = child(path, "type");
    let found = match provider.get("type").and_then(Value::text)? {
        "openai_chat_completions" | "openai" => "openai",
        "anthropic_messages" | "anthropic" => "anthropic",
        "openai_responses" => "responses",
        "gemini_generate_content" => "gemini",
        _ => {
            notes.lost(&path, "not a wire format that this program knows; `openai` is taken");
            return None;
        }
    };
    notes.carried(&path, format!("`kind: {found}`"));
    Some(found)
}

fn list_models(
    provider: &Value,
    path: &str,
    (label, name, kind): (&str, &str, &str),
    carried: &Carried,
    models: &mut Models,
    notes: &mut Notes,
) {
    let list = child(path, "models");
    for (number, model) in provider.get("models").map(Value::list).unwrap_or_default().iter().enumerate() {
        let path = element(&list, number);
        let Some(upstream) = model.text().map(str::trim).filter(|text| !text.is_empty()) else {
            notes.lost(&path, "not the name of a model");
            continue;
        };
        if models.listed.iter().any(|known| known.provider == label && known.upstream.eq_ignore_ascii_case(upstream)) {
            notes.lost(&path, "left out: it stands twice in this list");
            continue;
        }
        let mut fields = metadata(provider, upstream);
        for (_, chain) in carried.models.iter().filter(|(model, _)| model == upstream) {
            fields.extend(chain.fields(kind, notes));
        }
        let model = models.declare(label, name, upstream, &path, fields);
        notes.carried(&path, format!("`model {model} on {name}`; what it can do is guessed from its name"));
    }
}

/// What the third version knows of a model.
fn metadata(provider: &Value, upstream: &str) -> Vec<Field> {
    let Some(known) = provider.get("modelMetadata").and_then(|all| all.get(upstream)) else { return Vec::new() };
    let mut fields = Vec::new();
    let whole = |key: &str| known.get(key).and_then(Value::number).filter(|number| (1.0..=1e9).contains(number));
    for (theirs, ours) in [("contextWindow", "context"), ("maxOutputTokens", "output")] {
        fields.extend(whole(theirs).map(|number| field(ours, number.trunc().to_string())));
    }
    let price = |key: &str| {
        let price = known.get("pricing")?.get(key)?.number()?;
        (0.0..=1e6).contains(&price).then_some(price)
    };
    if let (Some(input), Some(output)) = (price("inputUsdPerMillionTokens"), price("outputUsdPerMillionTokens")) {
        let read =
            price("cacheReadUsdPerMillionTokens").map_or_else(String::new, |price| format!(", cache_read: {price}"));
        fields.push(field("price", format!("{{ input: {input}, output: {output}{read} }}")));
    }
    let sees = known.get("capabilities").and_then(|can| can.get("imageInput")).and_then(Value::truth);
    if let Some(sees) = sees {
        let mut can = crate::import::presets::capabilities(upstream);
        can.retain(|word| *word != "vision" || sees);
        if sees && !can.contains(&"vision") {
            can.push("vision");
        }
        fields.push(field("can", format!("[{}]", can.join(", "))));
    }
    fields
}
