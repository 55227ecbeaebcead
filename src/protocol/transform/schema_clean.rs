//! `schema_clean`: keywords that an upstream refuses are taken out of JSON schemas.

use memchr::memmem;

use super::super::Wire;
use super::super::json::{Kind, Raw, Text};

/// Refused by many upstreams that call themselves compatible; they say nothing about the shape.
const USUAL: &[&str] = &["$schema", "$id", "$comment", "$anchor", "format", "examples", "default"];
/// Refused by Gemini besides.
const GEMINI: &[&str] = &["additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames"];
/// Members that hold a schema under each name.
const NAMED: &[&str] = &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Members that hold a schema, or a list of schemas.
const SCHEMAS: &[&str] = &[
    "items",
    "prefixItems",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "additionalProperties",
    "additionalItems",
    "unevaluatedItems",
    "unevaluatedProperties",
    "propertyNames",
];

/// What is taken out.
pub(super) struct Cleaner<'k> {
    /// named by the policy; empty: what the wire is known to refuse
    named: &'k [String],
    wire: Wire,
    /// refused besides, by an API that a preset knows
    refused: &'k [&'k str],
}

impl<'k> Cleaner<'k> {
    pub(super) fn new(named: &'k [String], wire: Wire, refused: &'k [&'k str]) -> Self {
        Self { named, wire, refused }
    }

    /// The schema without the keywords; None when it has none of them.
    pub(super) fn clean(&self, schema: Raw<'_>) -> Option<Vec<u8>> {
        let quoted = |word: &str| memmem::find(schema.bytes(), word.as_bytes()).is_some();
        let any = if self.named.is_empty() {
            USUAL.iter().chain(GEMINI).chain(self.refused).any(|word| quoted(word))
                || quoted("const")
                || quoted("oneOf")
        } else {
            // A keyword may be written with escapes; then the walk finds it.
            self.named.iter().any(|word| quoted(word)) || schema.bytes().contains(&b'\\')
        };
        if !any {
            return None;
        }
        let mut out = Vec::with_capacity(schema.bytes().len());
        self.schema(schema, &mut out);
        (out != schema.bytes()).then_some(out)
    }

    fn refuses(&self, key: Text<'_>) -> bool {
        if !self.named.is_empty() {
            return self.named.iter().any(|word| key.is(word));
        }
        let gemini = if self.wire == Wire::Gemini { GEMINI } else { &[] };
        USUAL.iter().chain(gemini).chain(self.refused).any(|word| key.is(word))
    }

    /// The depth is bounded by that of the body.
    fn schema(&self, schema: Raw<'_>, out: &mut Vec<u8>) {
        if schema.kind() != Kind::Object {
            return out.extend_from_slice(schema.bytes());
        }
        out.push(b'{');
        let start = out.len();
        for (key, value) in schema.members().map_while(Result::ok).filter(|(key, _)| !self.refuses(*key)) {
            if out.len() > start {
                out.push(b',');
            }
            self.member(key, value, out);
        }
        out.push(b'}');
    }

    fn member(&self, key: Text<'_>, value: Raw<'_>, out: &mut Vec<u8>) {
        let one_of = |words: &[&str]| words.iter().any(|word| key.is(word));
        // These two have a form that every upstream takes.
        if self.named.is_empty() && key.is("const") {
            out.extend_from_slice(b"\"enum\":[");
            out.extend_from_slice(value.bytes());
            return out.push(b']');
        }
        out.push(b'"');
        out.extend_from_slice(if self.named.is_empty() && key.is("oneOf") { b"anyOf" } else { key.escaped() });
        out.extend_from_slice(b"\":");
        if one_of(SCHEMAS) {
            self.schemas(value, out);
        } else if one_of(NAMED) && value.kind() == Kind::Object {
            out.push(b'{');
            for (place, (name, schema)) in value.members().map_while(Result::ok).enumerate() {
                out.extend_from_slice(if place == 0 { b"\"" } else { b",\"" });
                out.extend_from_slice(name.escaped());
                out.extend_from_slice(b"\":");
                self.schema(schema, out);
            }
            out.push(b'}');
        } else {
            out.extend_from_slice(value.bytes());
        }
    }

    fn schemas(&self, value: Raw<'_>, out: &mut Vec<u8>) {
        if value.kind() != Kind::Array {
            return self.schema(value, out);
        }
        out.push(b'[');
        for (place, schema) in value.elements().map_while(Result::ok).enumerate() {
            if place > 0 {
                out.push(b',');
            }
            self.schema(schema, out);
        }
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(named: &[&str], wire: Wire, schema: &str, expected: &str) {
        check_with(named, wire, &[], schema, expected);
    }

    #[track_caller]
    fn check_with(named: &[&str], wire: Wire, refused: &[&str], schema: &str, expected: &str) {
        let named: Vec<String> = named.iter().map(|&word| word.to_owned()).collect();
        let cleaned = Cleaner::new(&named, wire, refused).clean(Raw::parse(schema.as_bytes()).unwrap());
        let cleaned = cleaned.map_or(schema.to_owned(), |bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(cleaned, expected);
        serde_json::from_str::<serde_json::Value>(&cleaned).unwrap();
    }

    #[test]
    fn keywords_go_and_properties_of_their_names_stay() {
        let nested = r#"{"$schema":"x","type":"object","properties":{"format":{"type":"string","format":"uri"},"a":{"items":{"format":"x"}}},"required":["format"]}"#;
        let cleaned =
            r#"{"type":"object","properties":{"format":{"type":"string"},"a":{"items":{}}},"required":["format"]}"#;
        check(&[], Wire::Chat, nested, cleaned);
        check(&["format", "$schema"], Wire::Chat, nested, cleaned);
        check(&["title"], Wire::Chat, nested, nested);
        check(&[], Wire::Chat, r#"{"const":1,"oneOf":[{"default":2}]}"#, r#"{"enum":[1],"anyOf":[{}]}"#);
        check(&["const"], Wire::Chat, r#"{"const":1,"oneOf":[{"const":2}]}"#, r#"{"oneOf":[{}]}"#);
        let open = r#"{"additionalProperties":false,"enum":[{"format":1}]}"#;
        check(&[], Wire::Chat, open, open);
        check(&[], Wire::Gemini, open, r#"{"enum":[{"format":1}]}"#);
    }

    #[test]
    fn a_preset_knows_further_keywords() {
        let schema = r#"{"minimum":1,"exclusiveMinimum":0,"properties":{"exclusiveMinimum":{"type":"string"}}}"#;
        let cleaned = r#"{"minimum":1,"properties":{"exclusiveMinimum":{"type":"string"}}}"#;
        check_with(&[], Wire::Chat, &["exclusiveMinimum"], schema, cleaned);
        check_with(
            &["minimum"],
            Wire::Chat,
            &["exclusiveMinimum"],
            r#"{"minimum":1,"exclusiveMinimum":0}"#,
            r#"{"exclusiveMinimum":0}"#,
        );
        check(&[], Wire::Chat, schema, schema);
    }

    #[test]
    fn references_stay_unless_they_are_named() {
        let with = r##"{"$defs":{"a":{"format":"x"}},"items":{"$ref":"#/$defs/a"}}"##;
        check(&[], Wire::Chat, with, r##"{"$defs":{"a":{}},"items":{"$ref":"#/$defs/a"}}"##);
        check(&["$ref", "$defs"], Wire::Chat, with, r#"{"items":{}}"#);
    }
}
