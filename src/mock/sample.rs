//! A value that fits a JSON schema: the arguments of the tool calls and the structured answers.

use serde_json::{Map, Value, json};

/// Levels of a schema that are filled; below them stands `null`.
const MAX_DEPTH: usize = 8;

/// A sample of the schema as JSON text; `{}` without a schema.
pub(super) fn arguments(schema: Option<&Value>) -> String {
    schema.map_or_else(|| "{}".to_owned(), |schema| sample(schema, schema, 0).to_string())
}

fn sample(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(at) = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix('#')) {
        return root.pointer(at).map_or(Value::Null, |schema| sample(schema, root, depth + 1));
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("enum").and_then(|list| list.get(0))) {
        return fixed.clone();
    }
    let variants = ["anyOf", "oneOf", "allOf"];
    if let Some(first) = variants.iter().find_map(|key| schema.get(key)).and_then(|list| list.get(0)) {
        return sample(first, root, depth + 1);
    }
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind)).and_then(Value::as_str);
    // Gemini writes the kinds in capitals.
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("string") => json!("sample"),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1.5)),
        Some("boolean") => json!(true),
        Some("array") => schema.get("items").map_or_else(|| json!([]), |item| json!([sample(item, root, depth + 1)])),
        Some("null") => Value::Null,
        _ => object(schema, root, depth),
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            fields.insert(name.clone(), sample(property, root, depth + 1));
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    fn check(schema: &str, expected: &str) {
        let schema = serde_json::from_str(schema).unwrap();
        assert_eq!(super::arguments(Some(&schema)), expected);
    }

    #[test]
    fn fits_the_schema() {
        check(r#"{"type":"object","properties":{"city":{"type":"string"}}}"#, r#"{"city":"sample"}"#);
        check(r#"{"type":"OBJECT","properties":{"city":{"type":"STRING"}}}"#, r#"{"city":"sample"}"#);
        check(r##"{"properties":{"at":{"$ref":"#/$defs/day"}},"$defs":{"day":{"const":3}}}"##, r#"{"at":3}"#);
        check(r#"{"properties":{"days":{"type":"integer","minimum":3}}}"#, r#"{"days":3}"#);
        check(r#"{"type":"array","items":{"enum":["a","b"]}}"#, r#"["a"]"#);
        check(r#"{"type":["boolean","null"]}"#, "true");
        check(r#"{"anyOf":[{"type":"number"},{"type":"null"}]}"#, "1.5");
        check("true", "{}");
    }
}
