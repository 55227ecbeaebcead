//! Gemini's own schemas as JSON Schema: types in capitals, `nullable`, numbers in strings.

use bytes::Bytes;

use super::super::json::{JsonError, Kind, Raw, Text, push_string};
use super::super::request::{BadRequest, Request};
use super::fields::{camel, field, get};
use crate::bounds::MAX_JSON_DEPTH;

/// The request with every schema that is Gemini's own as JSON Schema; None when it has none. It is
/// copied: an exchange borrows its schemas.
///
/// # Errors
/// When it is broken inside.
pub(crate) fn plain_schemas(request: &Request) -> Result<Option<Request>, BadRequest> {
    let mut schemas = Vec::new();
    for tool in field(request, "tools").elements().map_while(Result::ok) {
        for declaration in get(tool, "functionDeclarations").elements() {
            schemas.push(get(declaration?, "parameters"));
        }
    }
    schemas.push(get(field(request, "generationConfig"), "responseSchema"));
    schemas.retain(|schema| schema.kind() == Kind::Object);
    if schemas.is_empty() {
        return Ok(None);
    }
    schemas.sort_by_key(|schema| request.place_of(schema.bytes()).start);
    let body = request.body();
    let mut out = Vec::with_capacity(body.len() + 256);
    let mut from = 0;
    for schema in schemas {
        let place = request.place_of(schema.bytes());
        out.extend_from_slice(body.get(from..place.start).unwrap_or_default());
        push_plain(schema, 0, &mut out)?;
        from = place.end;
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    request.with_body(Bytes::from(out)).map(Some)
}

/// Appends a schema as JSON Schema.
fn push_plain(schema: Raw<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), JsonError> {
    if depth > MAX_JSON_DEPTH || schema.kind() != Kind::Object {
        out.extend_from_slice(schema.bytes());
        return Ok(());
    }
    let nullable = get(schema, "nullable").boolean() == Some(true);
    let begin = out.len();
    for member in schema.members() {
        let (key, value) = member?;
        let name = camel(key);
        if matches!(&*name, "nullable" | "propertyOrdering" | "example") || value.is_null() {
            continue;
        }
        out.extend_from_slice(if out.len() == begin { b"{" } else { b"," });
        push_string(out, &name);
        out.push(b':');
        match &*name {
            "type" => push_type(value, nullable, out),
            "properties" | "defs" => push_each(value, depth, out)?,
            "anyOf" | "prefixItems" => {
                out.push(b'[');
                for (index, inner) in value.elements().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    push_plain(inner?, depth + 1, out)?;
                }
                out.push(b']');
            }
            "items" | "additionalProperties" => push_plain(value, depth + 1, out)?,
            // int64 stands in strings in Google's JSON.
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                out.extend_from_slice(value.text().map_or(value.bytes(), Text::escaped));
            }
            _ => out.extend_from_slice(value.bytes()),
        }
    }
    out.extend_from_slice(if out.len() == begin { b"{}" } else { b"}" });
    Ok(())
}

fn push_each(schemas: Raw<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), JsonError> {
    out.push(b'{');
    for (index, member) in schemas.members().enumerate() {
        let (key, value) = member?;
        out.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
        out.extend_from_slice(key.escaped());
        out.extend_from_slice(b"\":");
        push_plain(value, depth + 1, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn push_type(value: Raw<'_>, nullable: bool, out: &mut Vec<u8>) {
    let Some(word) = value.text() else { return out.extend_from_slice(value.bytes()) };
    let word = word.decode().to_ascii_lowercase();
    if nullable {
        out.push(b'[');
        push_string(out, &word);
        out.extend_from_slice(b",\"null\"]");
    } else {
        push_string(out, &word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_of_geminis_is_json_schema() {
        for (schema, expected) in [
            (r#"{"type":"STRING"}"#, r#"{"type":"string"}"#),
            (
                r#"{"type":"INTEGER","nullable":true,"format":"int32"}"#,
                r#"{"type":["integer","null"],"format":"int32"}"#,
            ),
            (
                r#"{"type":"OBJECT","property_ordering":["b"],"properties":{"Type":{"type":"ARRAY","min_items":"2","items":{"type":"NUMBER"}}}}"#,
                r#"{"type":"object","properties":{"Type":{"type":"array","minItems":2,"items":{"type":"number"}}}}"#,
            ),
            (
                r#"{"any_of":[{"type":"STRING"},{"type":"BOOLEAN"}]}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"boolean"}]}"#,
            ),
            (r#"{"nullable":true}"#, "{}"),
            (r#"{"type":["string","null"],"enum":["A"]}"#, r#"{"type":["string","null"],"enum":["A"]}"#),
        ] {
            let mut out = Vec::new();
            push_plain(Raw::from_measured(schema.as_bytes()), 0, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
