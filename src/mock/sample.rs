//! A value that fits a JSON schema: the arguments of the tool calls and the structured answers.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Levels of a schema that are filled; below them stands `null`.
const MAX_DEPTH: usize = 8;

/// A sample of the schema as JSON text; `{}` without a readable schema.
pub(super) fn arguments(schema: Option<&RawValue>) -> String {
    match schema.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok()) {
        Some(schema) => sample(&schema, 0).to_string(),
        None => "{}".to_owned(),
    }
}

fn sample(schema: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("enum").and_then(|list| list.get(0))) {
        return fixed.clone();
    }
    let variants = ["anyOf", "oneOf", "allOf"];
    if let Some(first) = variants.iter().find_map(|key| schema.get(key)).and_then(|list| list.get(0)) {
        return sample(first, depth + 1);
    }
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind)).and_then(Value::as_str);
    match kind {
        Some("string") => json!("sample"),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1.5)),
        Some("boolean") => json!(true),
        Some("array") => schema.get("items").map_or_else(|| json!([]), |item| json!([sample(item, depth + 1)])),
        Some("null") => Value::Null,
        _ => object(schema, depth),
    }
}

fn object(schema: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            fields.insert(name.clone(), sample(property, depth + 1));
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    fn check(schema: &str, expected: &str) {
        let raw = serde_json::from_str(schema).unwrap();
        assert_eq!(super::arguments(Some(raw)), expected);
    }

    #[test]
    fn fits_the_schema() {
        check(r#"{"type":"object","properties":{"city":{"type":"string"}}}"#, r#"{"city":"sample"}"#);
        check(r#"{"properties":{"days":{"type":"integer","minimum":3}}}"#, r#"{"days":3}"#);
        check(r#"{"type":"array","items":{"enum":["a","b"]}}"#, r#"["a"]"#);
        check(r#"{"type":["boolean","null"]}"#, "true");
        check(r#"{"anyOf":[{"type":"number"},{"type":"null"}]}"#, "1.5");
        check("true", "{}");
    }
}
