//! A leaf of the tree: a provider and a model.

use super::Around;
use crate::import::draft::{field, unserved};
use crate::import::names::{is_variable, key_variable, quoted};
use crate::import::presets::{self, Preset};
use crate::import::provider::{Asked, Catalog, Secret};
use crate::import::report::{Notes, child};
use crate::import::value::Value;

/// Models for targets that name none; Portkey takes what the client asks for.
const USUAL: &[(&str, &str)] = &[
    ("openai", "gpt-4.1"),
    ("anthropic", "claude-sonnet-4-5"),
    ("gemini", "gemini-2.5-pro"),
    ("deepseek", "deepseek-chat"),
    ("groq", "llama-3.3-70b-versatile"),
    ("mistral", "mistral-large-latest"),
    ("openrouter", "anthropic/claude-sonnet-4.5"),
    ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
];

/// Declares the model of a leaf, or finds the same one; None when it cannot be reached.
pub(super) fn model(
    catalog: &mut Catalog,
    node: &Value,
    path: &str,
    around: &Around<'_>,
    notes: &mut Notes,
) -> Option<String> {
    let text = |value: Option<&Value>| {
        value.and_then(Value::text).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let said = text(around.parameters.iter().find(|(key, _)| *key == "model").map(|(_, value)| *value));
    // `@slug/model` names both.
    let (slug, said) =
        match said.as_deref().and_then(|model| model.strip_prefix('@')).and_then(|rest| rest.split_once('/')) {
            Some((slug, model)) => (Some(format!("@{slug}")), Some(model.to_owned())),
            None => (None, said),
        };
    let provider = slug.or_else(|| text(around.provider));
    let virtual_key = text(around.virtual_key);
    let host = text(around.custom_host);
    let label = provider.clone().or_else(|| virtual_key.clone()).or_else(|| host.as_ref().map(|_| "custom".to_owned()));
    let Some(label) = label else {
        notes.lost(path, "this target names no provider");
        return None;
    };
    let known = guess(&label);
    let plain = label.trim_start_matches('@').to_owned();
    let azure = azure(node, &plain);
    let named = known.filter(|_| azure.is_none()).map_or(plain.as_str(), |preset| preset.id);
    let (key, key_path) = key(around, provider.as_deref(), virtual_key.as_deref(), path);
    let asked = Asked {
        label: named,
        base: host.as_deref().or(azure.as_deref()),
        base_path: child(path, if host.is_some() { "custom_host" } else { "provider" }),
        key,
        key_path: key_path.clone(),
        kind: None,
        fields: Vec::new(),
        path: path.to_owned(),
    };
    let made = catalog.provider(asked, notes)?;
    notes.carried(&child(path, "provider"), format!("`provider {made}`"));
    if virtual_key.is_some() {
        notes.changed(
            &child(path, "virtual_key"),
            "a provider with a key of its own; the key itself is in Portkey's vault: set the variable",
        );
    }
    let deployment = text(node.get("deployment_id").or_else(|| node.get("azure_deployment_id")));
    let usual = USUAL.iter().find(|(id, _)| *id == named).map_or("put-the-model-here", |(_, model)| model);
    let assumed = said.is_none() && deployment.is_none();
    let upstream = said.or(deployment).unwrap_or_else(|| usual.to_owned());
    let place = child(&child(path, "override_params"), "model");
    if assumed {
        notes.mend("a target without `override_params.model` sends on the name that the client asks for; a model here has one name, and a usual one is assumed: look for “assumed” in the policy");
    }
    Some(declare(catalog, &made, &upstream, assumed, (path, &place), around, notes))
}

fn declare(
    catalog: &mut Catalog,
    provider: &str,
    upstream: &str,
    assumed: bool,
    (path, place): (&str, &str),
    around: &Around<'_>,
    notes: &mut Notes,
) -> String {
    let mut fields = vec![field("can", format!("[{}]", presets::capabilities(upstream).join(", ")))];
    let mut set = Vec::new();
    for (key, value) in around.parameters.iter().filter(|(key, _)| *key != "model") {
        let at = child(&child(path, "override_params"), key);
        let literal = match value {
            Value::Number(number) if number.abs() < 1e9 => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => {
                notes.lost(&at, "only numbers and truth values are set");
                continue;
            }
        };
        notes.changed(&at, "`set` of the model, which this version does not carry out yet");
        set.push(format!("{}: {literal}", quoted(key)));
    }
    if !set.is_empty() {
        fields.push(unserved("set", format!("{{ {} }}", set.join(", "))));
    }
    fields.extend(around.timeout.as_ref().map(|wait| unserved("timeout", wait.clone())));
    let same = catalog.models.iter().find(|known| {
        known.on.as_deref() == Some(provider)
            && known.fields.first().is_some_and(|field| field.value == quoted(upstream))
            && known
                .fields
                .iter()
                .skip(1)
                .map(|field| (&field.key, &field.value))
                .eq(fields.iter().map(|field| (&field.key, &field.value)))
    });
    let name = match same.map(|known| known.name.clone()) {
        Some(name) => name,
        None => catalog.model(provider, upstream, path, fields),
    };
    if assumed {
        if let Some(block) = catalog.models.iter_mut().find(|block| block.name == name) {
            block.remark = format!("from {path}, which names no model: this one is assumed");
        }
    } else {
        notes.carried(place, format!("`model {name}`"));
    }
    name
}

/// The variable that holds the key, and the path of what says so.
fn key(around: &Around<'_>, provider: Option<&str>, virtual_key: Option<&str>, path: &str) -> (Secret, String) {
    if let Some(text) = around.api_key.and_then(Value::text).map(str::trim).filter(|text| !text.is_empty()) {
        let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).or_else(|| text.strip_prefix('$'));
        let name = inner.map(|name| name.trim().trim_matches(['{', '}'])).filter(|name| is_variable(name));
        let secret = name.map_or_else(|| Secret::Literal(text.to_owned()), |name| Secret::Variable(name.to_owned()));
        return (secret, child(path, "api_key"));
    }
    if let Some(slug) = virtual_key {
        return (Secret::Variable(key_variable(slug)), child(path, "virtual_key"));
    }
    match provider.and_then(|provider| provider.strip_prefix('@')) {
        Some(slug) if presets::named(slug).is_none() => (Secret::Variable(key_variable(slug)), child(path, "provider")),
        _ => (Secret::Absent, child(path, "api_key")),
    }
}

/// The provider that a word names, whole or by one of its parts: `@openai-prod`, `anthropic-vk-1`.
fn guess(label: &str) -> Option<&'static Preset> {
    let plain = label.trim_start_matches('@');
    presets::named(plain).or_else(|| plain.split(['-', '_', '.', ' ']).find_map(presets::named))
}

/// Azure's address out of its resource.
fn azure(node: &Value, label: &str) -> Option<String> {
    let resource = node.any(&["resource_name", "azure_resource_name"]).and_then(|(_, value)| value.text())?;
    let legal = !resource.is_empty() && resource.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (legal && label.contains("azure")).then(|| format!("https://{resource}.openai.azure.com/openai/v1"))
}
