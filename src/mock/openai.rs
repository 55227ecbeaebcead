//! What both of OpenAI's wires have in common: how a fault is said, what strict schemas must be, and
//! which pictures and files are taken.

use serde_json::Value;

use crate::mock::ask::{Refusal, is_name, text};
use crate::mock::shape::{Fault, Wrong, kind_of};

/// A fault in OpenAI's words.
pub(super) fn said(fault: &Fault) -> Refusal {
    let at = fault.bracketed("");
    match &fault.wrong {
        Wrong::Unknown(name) => {
            let at = fault.bracketed(name);
            Refusal::coded(format!("Unknown parameter: '{at}'."), at, "unknown_parameter")
        }
        Wrong::Missing(name) => {
            let at = fault.bracketed(name);
            Refusal::coded(format!("Missing required parameter: '{at}'."), at, "missing_required_parameter")
        }
        Wrong::Kind { expected: "base64", .. } => {
            Refusal::coded(format!("Invalid base64 data in '{at}'."), at, "invalid_base64")
        }
        Wrong::Kind { expected, found } => {
            let found = kind_of(found);
            let message = format!("Invalid type for '{at}': expected {expected}, but got {found} instead.");
            Refusal::coded(message, at, "invalid_type")
        }
        Wrong::Word { found, known } => {
            Refusal::coded(format!("Invalid value: '{found}'. {}", supported(known)), at, "invalid_value")
        }
        Wrong::Tag { found, known } => Refusal::coded(
            format!("Invalid value: '{found}'. {}", supported(known)),
            fault.bracketed("type"),
            "invalid_value",
        ),
        Wrong::Below(least, found) if found.is_i64() => Refusal::coded(
            format!(
                "Invalid '{at}': integer below minimum value. Expected a value >= {least}, but got {found} instead."
            ),
            at,
            "integer_below_min_value",
        ),
        Wrong::Above(most, found) if found.is_i64() && !matches!(at.as_str(), "temperature" | "top_p") => {
            Refusal::coded(
                format!(
                    "Invalid '{at}': integer above maximum value. Expected a value <= {most}, but got {found} instead."
                ),
                at,
                "integer_above_max_value",
            )
        }
        Wrong::Below(least, found) => Refusal::coded(
            format!(
                "Invalid '{at}': decimal below minimum value. Expected a value >= {least}, but got {found} instead."
            ),
            at,
            "decimal_below_min_value",
        ),
        Wrong::Above(most, found) => Refusal::coded(
            format!(
                "Invalid '{at}': decimal above maximum value. Expected a value <= {most}, but got {found} instead."
            ),
            at,
            "decimal_above_max_value",
        ),
    }
}

fn supported(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("Supported values are: {last}."),
        Some((last, rest)) => format!("Supported values are: {}, and {last}.", rest.join(", ")),
        None => String::new(),
    }
}

/// Whether a model of this name always thinks: such a one takes no sampling parameters.
pub(super) fn always_thinks(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5", "gpt-6"].iter().any(|begin| model.starts_with(begin))
}

/// Refuses what models that always think do not take.
///
/// # Errors
/// The first parameter that is not taken.
pub(super) fn check_sampling(body: &Value) -> Result<(), Refusal> {
    if !always_thinks(text(body, "model").unwrap_or_default()) {
        return Ok(());
    }
    for name in ["temperature", "top_p"] {
        match body.get(name).and_then(Value::as_f64) {
            Some(value) if (value - 1.0).abs() > f64::EPSILON => {
                let message = format!(
                    "Unsupported value: '{name}' does not support {value} with this model. Only the default (1) value is supported."
                );
                return Err(Refusal::coded(message, name, "unsupported_value"));
            }
            _ => {}
        }
    }
    for name in ["presence_penalty", "frequency_penalty", "logit_bias", "stop"] {
        if body.get(name).is_some_and(|value| !value.is_null()) {
            let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
            return Err(Refusal::coded(message, name, "unsupported_parameter"));
        }
    }
    Ok(())
}

/// Checks the name and the schema of a function that stands at `at`.
///
/// # Errors
/// What OpenAI refuses in it.
pub(super) fn check_function(function: &Value, at: &str) -> Result<(), Refusal> {
    let name = text(function, "name").unwrap_or_default();
    if !is_name(name, 64) {
        let message = format!(
            "Invalid '{at}.name': string does not match pattern. Expected a string that matches the pattern \
             '^[a-zA-Z0-9_-]{{1,64}}$'."
        );
        return Err(Refusal::coded(message, format!("{at}.name"), "invalid_value"));
    }
    let Some(schema) = function.get("parameters").filter(|schema| !schema.is_null()) else { return Ok(()) };
    let wrong = |what: String| {
        let message = format!("Invalid schema for function '{name}': {what}");
        Err(Refusal::coded(message, format!("{at}.parameters"), "invalid_function_parameters"))
    };
    match schema.get("type") {
        Some(kind) if kind == "object" => {}
        other => {
            let found = other.and_then(Value::as_str).unwrap_or("None");
            return wrong(format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{found}\"'."));
        }
    }
    if schema.get("properties").is_none() {
        return wrong("In context=(), object schema missing properties.".to_owned());
    }
    match strict_fault(schema, "()").filter(|_| function.get("strict") == Some(&Value::Bool(true))) {
        Some(what) => wrong(what),
        None => Ok(()),
    }
}

/// Checks the `json_schema` of a response format: its name, and its schema when it is strict.
///
/// # Errors
/// What OpenAI refuses in it.
pub(super) fn check_format(format: &Value, at: &str) -> Result<(), Refusal> {
    let name = text(format, "name").unwrap_or_default();
    if !is_name(name, 64) {
        let message = format!(
            "Invalid '{at}.name': string does not match pattern. Expected a string that matches the pattern \
             '^[a-zA-Z0-9_-]+$'."
        );
        return Err(Refusal::coded(message, format!("{at}.name"), "invalid_value"));
    }
    let strict = format.get("strict") == Some(&Value::Bool(true));
    match format.get("schema").filter(|_| strict).and_then(|schema| strict_fault(schema, "()")) {
        Some(what) => {
            let message = format!("Invalid schema for response_format '{name}': {what}");
            Err(Refusal::coded(message, format!("{at}.schema"), "invalid_json_schema"))
        }
        None => Ok(()),
    }
}

/// What keeps a schema from being a strict one: every object closed, every property required.
fn strict_fault(schema: &Value, context: &str) -> Option<String> {
    let inside = |step: &str| match context.strip_suffix(')') {
        Some("(") | None => format!("('{step}')"),
        Some(outer) => format!("{outer}, '{step}')"),
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Some(format!(
                "In context={context}, 'additionalProperties' is required to be supplied and to be false."
            ));
        }
        let required = super::ask::list(schema, "required");
        if let Some(name) = properties.keys().find(|name| !required.iter().any(|entry| entry == name.as_str())) {
            return Some(format!(
                "In context={context}, 'required' is required to be supplied and to be an array including every key \
                 in properties. Missing '{name}'."
            ));
        }
        if let Some(fault) = properties.iter().find_map(|(name, inner)| strict_fault(inner, &inside(name))) {
            return Some(fault);
        }
    }
    if let Some(fault) = schema.get("items").and_then(|items| strict_fault(items, &inside("items"))) {
        return Some(fault);
    }
    let variants = super::ask::list(schema, "anyOf").iter();
    let defined = schema.get("$defs").and_then(Value::as_object).into_iter().flat_map(|defs| defs.values());
    variants.chain(defined).find_map(|inner| strict_fault(inner, context))
}

/// Checks the address of a picture that stands at `at`.
///
/// # Errors
/// When it is neither a web address nor a data URL of a picture that is taken.
pub(super) fn check_picture(url: &str, at: &str) -> Result<(), Refusal> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match data {
        Some(("image/png" | "image/jpeg" | "image/gif" | "image/webp", data)) if super::base64::is(data) => Ok(()),
        Some(("image/png" | "image/jpeg" | "image/gif" | "image/webp", _)) => {
            Err(Refusal::coded(format!("Invalid base64 image_url. ({at})"), at, "invalid_base64"))
        }
        _ => {
            let head: String = url.chars().take(32).collect();
            let message = format!(
                "Invalid '{at}'. Expected a base64-encoded data URL with an image MIME type (e.g. \
                 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got '{head}'."
            );
            Err(Refusal::coded(message, at, "invalid_value"))
        }
    }
}

/// Checks a file that stands at `at`: data need a name, and are a data URL.
///
/// # Errors
/// What OpenAI refuses in it.
pub(super) fn check_file(file: &Value, at: &str) -> Result<(), Refusal> {
    if text(file, "file_id").is_some() {
        let message = format!("Invalid '{at}.file_id': this upstream keeps no files.");
        return Err(Refusal::coded(message, format!("{at}.file_id"), "invalid_value"));
    }
    let Some(data) = text(file, "file_data") else {
        if text(file, "file_url").is_some() {
            return Ok(());
        }
        return Err(Refusal::coded(
            format!("Missing required parameter: '{at}.file_id'."),
            at,
            "missing_required_parameter",
        ));
    };
    if text(file, "filename").is_none_or(str::is_empty) {
        let at = format!("{at}.filename");
        return Err(Refusal::coded(format!("Missing required parameter: '{at}'."), at, "missing_required_parameter"));
    }
    let data = data.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match data {
        Some((kind, data)) if kind.contains('/') && super::base64::is(data) => Ok(()),
        _ => {
            let message = format!(
                "Invalid '{at}.file_data'. Expected a base64-encoded data URL with a MIME type (e.g. \
                 'data:application/pdf;base64,JVBERi0xLjQK')."
            );
            Err(Refusal::coded(message, format!("{at}.file_data"), "invalid_value"))
        }
    }
}

/// An error as the body of a refused request.
pub(super) fn error(refusal: &Refusal) -> String {
    let (kind, code) = match refusal.status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..500 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    let code = refusal.code.or(code);
    let fields = serde_json::json!({"message": refusal.message, "type": kind, "param": refusal.param, "code": code});
    serde_json::json!({ "error": fields }).to_string()
}
