//! `model_list`: one model a deployment.

use super::Group;
use crate::bounds::MAX_FACT_INT;
use crate::diag::secret::{is_secret_name, looks_secret};
use crate::import::draft::{Field, field, unserved};
use crate::import::names::{is_variable, quoted};
use crate::import::presets;
use crate::import::provider::{Asked, Catalog, Secret, duration};
use crate::import::report::{Notes, child, element};
use crate::import::value::Value;

/// Prefixes of providers that sign requests, or are reached by an address that names the model.
const IMPOSSIBLE: &[&str] = &[
    "bedrock",
    "sagemaker",
    "sagemaker_chat",
    "vertex_ai",
    "vertex_ai_beta",
    "watsonx",
    "replicate",
    "predibase",
    "oci",
    "snowflake",
    "databricks",
    "huggingface",
    "petals",
    "nlp_cloud",
    "triton",
    "github_copilot",
    "cloudflare",
];

/// Parameters of a call that a policy can set.
const PARAMETERS: &[&str] = &[
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "reasoning_effort",
];

/// Reads all deployments into their groups.
pub(super) fn read(input: &Value, catalog: &mut Catalog, notes: &mut Notes) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (number, entry) in input.get("model_list").map(Value::list).unwrap_or_default().iter().enumerate() {
        let path = element("model_list", number);
        let name = entry.get("model_name").and_then(Value::text).unwrap_or_default().trim();
        if name.is_empty() {
            notes.lost(&path, "a deployment without `model_name` cannot be asked for");
            continue;
        }
        if name.contains('*') {
            notes.lost(&path, "a pattern: a model here has one name at its provider; list the models that you use");
            continue;
        }
        let Some(made) = deployment(entry, name, &path, catalog, notes) else { continue };
        notes.carried(&child(&path, "model_name"), format!("`request.model == {}`", quoted(name)));
        if let Some(group) = groups.iter_mut().find(|group| group.name == name) {
            if !group.models.contains(&made.model) {
                group.models.push(made.model);
            }
            group.context = group.context.zip(made.context).map(|(left, right)| left.min(right));
            group.priced &= made.priced;
        } else {
            groups.push(Group {
                name: name.to_owned(),
                aliases: Vec::new(),
                models: vec![made.model],
                context: made.context,
                priced: made.priced,
                path,
            });
        }
    }
    groups
}

struct Made {
    model: String,
    context: Option<i64>,
    priced: bool,
}

fn deployment(entry: &Value, name: &str, path: &str, catalog: &mut Catalog, notes: &mut Notes) -> Option<Made> {
    let none = Value::Null;
    let params = entry.get("litellm_params").unwrap_or(&none);
    let info = entry.get("model_info").unwrap_or(&none);
    let inner = child(path, "litellm_params");
    let mode = info.get("mode").and_then(Value::text).unwrap_or("chat");
    if !matches!(mode, "chat" | "completion" | "responses") {
        notes.lost(path, "left out: this gateway serves conversations, no embeddings, images, speech or ranking");
        return None;
    }
    let Some(model) = params.get("model").and_then(Value::text).map(str::trim).filter(|model| !model.is_empty()) else {
        notes.lost(path, "left out: it has no `litellm_params.model`");
        return None;
    };
    let (label, upstream) = split(model, params);
    if IMPOSSIBLE.contains(&label) {
        notes.lost(path, "left out: this provider signs its requests or has one address a model; reach the model by an address with a key");
        return None;
    }
    let key = params.get("api_key").and_then(Value::text);
    let asked = Asked {
        label,
        base: base(params, label, &inner, notes),
        base_path: child(&inner, "api_base"),
        key: key.map_or_else(|| absent(label), secret),
        key_path: child(&inner, "api_key"),
        // Asked for by this mode is OpenAI's own newer protocol, whatever the client speaks.
        kind: (mode == "responses" && label == "openai").then_some("responses"),
        fields: headers(params, &inner, notes),
        path: path.to_owned(),
    };
    let provider = catalog.provider(asked, notes)?;
    let mut fields = Vec::new();
    let context = window(info, params, path, notes, &mut fields);
    let priced = price(info, params, &mut fields, path, notes);
    fields.push(field("can", format!("[{}]", can(info, upstream, path, notes).join(", "))));
    limits(params, entry, &inner, notes, &mut fields);
    set(params, &inner, notes, &mut fields);
    let mut wanted = vec![field("upstream", quoted(upstream))];
    wanted.extend(fields.iter().cloned());
    let same = catalog.models.iter().find(|known| {
        known.on.as_deref() == Some(provider.as_str())
            && known
                .fields
                .iter()
                .map(|field| (&field.key, &field.value))
                .eq(wanted.iter().map(|field| (&field.key, &field.value)))
    });
    let made = match same.map(|known| known.name.clone()) {
        Some(known) => known,
        None => catalog.model(&provider, upstream, path, fields),
    };
    notes.carried(
        &child(&inner, "model"),
        format!("`model {made} on {provider}`, of the group `{}`", crate::import::names::remark(name)),
    );
    Some(Made { model: made, context, priced })
}

/// The provider's word and the model's name at the provider.
fn split<'a>(model: &'a str, params: &'a Value) -> (&'a str, &'a str) {
    if let Some(label) = params.get("custom_llm_provider").and_then(Value::text) {
        return (label, model.strip_prefix(label).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model));
    }
    match model.split_once('/') {
        Some(("azure" | "azure_ai", rest)) => ("azure", rest),
        Some((label, rest)) if presets::named(label).is_some() || IMPOSSIBLE.contains(&label) => (label, rest),
        Some((label @ ("openai_like" | "custom_openai" | "litellm_proxy" | "llamafile" | "xinference"), rest)) => {
            (label, rest)
        }
        _ if model.starts_with("claude") => ("anthropic", model),
        _ if model.starts_with("gemini") => ("gemini", model),
        _ => ("openai", model),
    }
}

/// A word for an address that only a variable holds.
const ADDRESS: &str = "https://put-your-address-here.invalid/v1";

fn base<'a>(params: &'a Value, label: &str, path: &str, notes: &mut Notes) -> Option<&'a str> {
    let said = params.any(&["api_base", "base_url"]);
    let Some(text) = said.and_then(|(_, value)| value.text()) else {
        return (label == "azure").then_some(ADDRESS);
    };
    if text.starts_with("os.environ/") {
        notes.mend("an address stands in the policy, not in a variable: look for `put-your-address-here` and for bases that differ from your variable");
        notes.lost(
            &child(path, "api_base"),
            "an address is not read from a variable: write it into the provider's `base`",
        );
        return presets::named(label).is_none().then_some(ADDRESS);
    }
    Some(text)
}

/// `os.environ/NAME`, or the key itself.
pub(super) fn secret(text: &str) -> Secret {
    let text = text.trim();
    match text.strip_prefix("os.environ/") {
        Some(name) if is_variable(name) => Secret::Variable(name.to_owned()),
        _ if text.is_empty() => Secret::Absent,
        _ => Secret::Literal(text.to_owned()),
    }
}

/// Where LiteLLM looks by itself.
fn absent(label: &str) -> Secret {
    if label == "azure" { Secret::Variable("AZURE_API_KEY".to_owned()) } else { Secret::Absent }
}

fn headers(params: &Value, path: &str, notes: &mut Notes) -> Vec<Field> {
    let path = child(path, "extra_headers");
    let mut kept = Vec::new();
    for (name, value) in params.get("extra_headers").map(Value::map).unwrap_or_default() {
        let path = child(&path, name);
        let legal =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        match value.text() {
            Some(text)
                if legal
                    && !is_secret_name(name)
                    && !text.starts_with("os.environ/")
                    && !looks_secret(text)
                    && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) =>
            {
                let name = name.to_ascii_lowercase();
                if !kept.iter().any(|(known, _)| *known == name) {
                    notes.carried(&path, "`headers` of the provider");
                    kept.push((name, quoted(text)));
                }
            }
            _ => notes.lost(&path, "headers have literal values, and none that holds a key"),
        }
    }
    if kept.is_empty() {
        return Vec::new();
    }
    let kept: Vec<String> = kept.into_iter().map(|(name, value)| format!("{}: {value}", quoted(&name))).collect();
    vec![field("headers", format!("{{ {} }}", kept.join(", ")))]
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the range is checked")]
    (1.0..(MAX_FACT_INT / 4) as f64).contains(&number).then_some(number as i64)
}

fn window(info: &Value, params: &Value, path: &str, notes: &mut Notes, fields: &mut Vec<Field>) -> Option<i64> {
    let mut read = |keys: &[&str], ours: &str| {
        let (holder, place, (key, value)) = [(info, "model_info"), (params, "litellm_params")]
            .into_iter()
            .find_map(|(holder, place)| holder.any(keys).map(|found| (holder, place, found)))?;
        let _ = holder;
        let number = value.number().and_then(whole)?;
        notes.carried(&child(&child(path, place), key), format!("`{ours}: {number}`"));
        fields.push(field(ours, number.to_string()));
        Some(number)
    };
    let context = read(&["max_input_tokens"], "context");
    read(&["max_output_tokens"], "output");
    context
}

fn price(info: &Value, params: &Value, fields: &mut Vec<Field>, path: &str, notes: &mut Notes) -> bool {
    let mut read = |key: &str| {
        let (holder, place) = if info.get(key).is_some() { (info, "model_info") } else { (params, "litellm_params") };
        // A price a token, and the language's are a million tokens.
        let price = holder.get(key)?.number().map(|price| (price * 1e6 * 1e6).round() / 1e6)?;
        if !(0.0..=1e6).contains(&price) {
            return None;
        }
        notes.changed(&child(&child(path, place), key), format!("`price`: {price} US dollars a million tokens"));
        Some(price)
    };
    let (input, output) = (read("input_cost_per_token"), read("output_cost_per_token"));
    let further = [("cache_read", "cache_read_input_token_cost"), ("cache_write", "cache_creation_input_token_cost")];
    let further: String = further
        .into_iter()
        .filter_map(|(ours, theirs)| read(theirs).map(|price| format!(", {ours}: {price}")))
        .collect();
    let (Some(input), Some(output)) = (input, output) else { return false };
    fields.push(field("price", format!("{{ input: {input}, output: {output}{further} }}")));
    true
}

/// What `supports_…` says, else what the name tells.
fn can(info: &Value, upstream: &str, path: &str, notes: &mut Notes) -> Vec<&'static str> {
    const SAID: &[(&str, &str)] = &[
        ("supports_function_calling", "tools"),
        ("supports_vision", "vision"),
        ("supports_pdf_input", "documents"),
        ("supports_audio_input", "audio"),
        ("supports_reasoning", "thinking"),
        ("supports_response_schema", "json_schema"),
        ("supports_parallel_function_calling", "parallel_tools"),
        ("supports_web_search", "web_search"),
    ];
    let mut can = presets::capabilities(upstream);
    for (theirs, ours) in SAID {
        let Some(said) = info.get(theirs).and_then(Value::truth) else { continue };
        notes.carried(&child(&child(path, "model_info"), theirs), format!("`{ours}` in `can`"));
        can.retain(|word| word != ours);
        if said {
            can.push(ours);
        }
    }
    can
}

fn limits(params: &Value, entry: &Value, path: &str, notes: &mut Notes, fields: &mut Vec<Field>) {
    let read = |key: &str| params.get(key).or_else(|| entry.get(key)).and_then(Value::number).and_then(whole);
    let (rpm, tpm) = (read("rpm"), read("tpm"));
    let weight = read("weight").or(rpm).or(tpm.map(|tpm| tpm / 1_000)).filter(|weight| *weight > 0);
    if let Some(weight) = weight {
        fields.push(field("weight", weight.min(1_000_000).to_string()));
        notes.carried(&child(path, "weight"), "`weight`, for `rotate`");
    }
    let rates: Vec<String> =
        [rpm.map(|rpm| format!("requests: {rpm}/min")), tpm.map(|tpm| format!("tokens: {tpm}/min"))]
            .into_iter()
            .flatten()
            .collect();
    if !rates.is_empty() {
        fields.push(unserved("limit", format!("{{ {} }}", rates.join(", "))));
        for key in ["rpm", "tpm"] {
            notes.changed(&child(path, key), "`weight` for `rotate`, as LiteLLM weighs by it, and `limit`, which this version does not carry out yet");
        }
    }
    if let Some(most) = read("max_parallel_requests") {
        fields.push(unserved("concurrency", most.to_string()));
        notes
            .changed(&child(path, "max_parallel_requests"), "`concurrency`, which this version does not carry out yet");
    }
    if let Some(wait) = params.get("timeout").and_then(Value::number).and_then(seconds) {
        notes.changed(
            &child(path, "timeout"),
            format!("`timeout: {wait}` of the model, which this version does not carry out yet"),
        );
        fields.push(unserved("timeout", wait));
    }
    if let Some(budget) = super::settings::budget(params.get("max_budget"), params.get("budget_duration")) {
        for key in ["max_budget", "budget_duration"] {
            notes.changed(&child(path, key), format!("`budget: {budget}`, which this version does not carry out yet"));
        }
        fields.push(unserved("budget", budget));
    }
}

/// Seconds as a duration.
pub(super) fn seconds(number: f64) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.001..=86_400.0).contains(&number).then(|| duration((number * 1_000.0).round() as u64))
}

fn set(params: &Value, path: &str, notes: &mut Notes, fields: &mut Vec<Field>) {
    let mut parts = Vec::new();
    for key in PARAMETERS {
        let value = match params.get(key) {
            Some(Value::Number(number)) if number.abs() < 1e9 => number.to_string(),
            Some(Value::Text(text)) if text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                quoted(text)
            }
            _ => continue,
        };
        notes.changed(&child(path, key), "`set` of the model, which this version does not carry out yet");
        parts.push(format!("{key}: {value}"));
    }
    if !parts.is_empty() {
        fields.push(unserved("set", format!("{{ {} }}", parts.join(", "))));
    }
}
