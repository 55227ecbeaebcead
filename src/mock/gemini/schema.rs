//! What Gemini takes for a schema in `parameters` and `responseSchema`: a part of OpenAPI's, far less
//! than JSON Schema.

use serde_json::Value;

use super::request::{invalid, said};
use super::shape::SCHEMA;
use crate::mock::ask::{Refusal, list, text};
use crate::mock::shape::{Reading, Step};

/// Levels of a schema that are looked at.
const MAX_DEPTH: usize = 32;

/// Checks a schema that stands at a path, in the names of its JSON form.
///
/// # Errors
/// The first thing that Gemini refuses.
pub(super) fn check(schema: &Value, path: &[Step]) -> Result<(), Refusal> {
    let empty =
        schema.get("properties").is_none_or(|properties| properties.as_object().is_some_and(serde_json::Map::is_empty));
    if kind(schema).as_deref() == Some("OBJECT") && empty {
        return Err(invalid(path, "properties", "should be non-empty for OBJECT type"));
    }
    level(schema, path, 0)
}

fn kind(schema: &Value) -> Option<String> {
    text(schema, "type").map(str::to_ascii_uppercase)
}

fn level(schema: &Value, path: &[Step], depth: usize) -> Result<(), Refusal> {
    if depth > MAX_DEPTH {
        return Err(invalid(path, "", "exceeds the maximum allowed nesting depth"));
    }
    if schema.get("type").is_some_and(Value::is_array) {
        let at = super::request::place(path);
        return Err(Refusal::new(format!(
            "Invalid JSON payload received. Unknown name \"type\" at '{at}': Proto field is not repeating, cannot start list."
        )));
    }
    let reading = Reading { null_is_absent: true, snake: true };
    reading.check(schema, &SCHEMA).map_err(|mut fault| {
        fault.path.splice(0..0, path.iter().cloned());
        said(&fault)
    })?;
    check_kind(schema, path)?;
    let inside = |step: &str| [path, &[Step::Name(step.to_owned())]].concat();
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (index, (_, property)) in properties.iter().enumerate() {
            let at = [inside("properties"), vec![Step::Index(index), Step::Name("value".to_owned())]].concat();
            level(property, &at, depth + 1)?;
        }
    }
    if let Some(items) = schema.get("items") {
        level(items, &inside("items"), depth + 1)?;
    }
    for (index, variant) in list(schema, "anyOf").iter().chain(list(schema, "any_of")).enumerate() {
        level(variant, &[inside("any_of"), vec![Step::Index(index)]].concat(), depth + 1)?;
    }
    Ok(())
}

fn check_kind(schema: &Value, path: &[Step]) -> Result<(), Refusal> {
    let kind = kind(schema);
    let format = text(schema, "format").unwrap_or_default();
    match (kind.as_deref(), format) {
        (Some("STRING"), "" | "enum" | "date-time") | (Some("NUMBER"), "" | "float" | "double") => {}
        (Some("INTEGER"), "" | "int32" | "int64") | (Some("BOOLEAN" | "ARRAY" | "OBJECT" | "NULL") | None, "") => {}
        (Some("STRING"), _) => {
            return Err(invalid(path, "format", "only 'enum' and 'date-time' are supported for STRING type"));
        }
        (Some("NUMBER"), _) => {
            return Err(invalid(path, "format", "only 'float' and 'double' are supported for NUMBER type"));
        }
        (Some("INTEGER"), _) => {
            return Err(invalid(path, "format", "only 'int32' and 'int64' are supported for INTEGER type"));
        }
        (Some("BOOLEAN" | "ARRAY" | "OBJECT" | "NULL") | None, _) => {
            return Err(invalid(path, "format", "not supported for this type"));
        }
        (Some(other), _) => {
            let at = super::request::place(path);
            return Err(Refusal::new(format!(
                "Invalid value at '{at}.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"{other}\""
            )));
        }
    }
    let words = list(schema, "enum");
    if !words.is_empty() && !matches!(kind.as_deref(), Some("STRING") | None) {
        return Err(invalid(path, "enum", "only allowed for STRING type"));
    }
    if let Some(index) = words.iter().position(|word| word == "") {
        return Err(invalid(path, &format!("enum[{index}]"), "cannot be empty"));
    }
    if kind.as_deref() == Some("ARRAY") && schema.get("items").is_none() {
        return Err(invalid(path, "items", "missing field."));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let defined = |name: &Value| name.as_str().is_some_and(|name| properties.is_some_and(|all| all.contains_key(name)));
    match list(schema, "required").iter().position(|name| !defined(name)) {
        Some(index) => Err(invalid(path, &format!("required[{index}]"), "property is not defined")),
        None => Ok(()),
    }
}
