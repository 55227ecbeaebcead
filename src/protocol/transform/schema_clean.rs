//! `schema_clean`: keywords that an upstream refuses are taken out of JSON schemas. And schemas closed for one
//! that takes no others.

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
    /// nothing is taken out, but every object is closed
    closes: bool,
    /// an object was closed that was open in so many words
    narrowed: bool,
}

/// A schema whose objects have the members that are named, and no others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) schema: Vec<u8>,
    /// an object was open in so many words: its further members are lost
    pub(crate) narrowed: bool,
}

/// Closes every object of a schema.
pub(crate) fn close(schema: Raw<'_>) -> Closed {
    let mut cleaner = Cleaner { closes: true, ..Cleaner::new(&[], Wire::Anthropic, &[]) };
    let mut out = Vec::with_capacity(schema.bytes().len() + 64);
    cleaner.schema(schema, &mut out);
    Closed { schema: out, narrowed: cleaner.narrowed }
}

fn is_object(schema: Raw<'_>) -> bool {
    let [kind, properties] = schema.peek(["type", "properties"]);
    let is_word = |kind: Raw<'_>| kind.is_text("object");
    kind.map_or(properties.is_some(), |kind| is_word(kind) || kind.elements().map_while(Result::ok).any(is_word))
}

impl<'k> Cleaner<'k> {
    pub(super) fn new(named: &'k [String], wire: Wire, refused: &'k [&'k str]) -> Self {
        Self { named, wire, refused, closes: false, narrowed: false }
    }

    /// The schema without the keywords; None when it has none of them.
    pub(super) fn clean(&mut self, schema: Raw<'_>) -> Option<Vec<u8>> {
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
        if self.closes {
            return false;
        }
        if !self.named.is_empty() {
            return self.named.iter().any(|word| key.is(word));
        }
        let gemini = if self.wire == Wire::Gemini { GEMINI } else { &[] };
        USUAL.iter().chain(gemini).chain(self.refused).any(|word| key.is(word))
    }

    /// The depth is bounded by that of the body.
    fn schema(&mut self, schema: Raw<'_>, out: &mut Vec<u8>) {
        if schema.kind() != Kind::Object {
            return out.extend_from_slice(schema.bytes());
        }
        let closes = self.closes && is_object(schema);
        out.push(b'{');
        let start = out.len();
        for (key, value) in schema.members().map_while(Result::ok) {
            if closes && key.is("additionalProperties") {
                self.narrowed |= value.boolean() != Some(false);
                continue;
            }
            if self.refuses(key) {
                continue;
            }
            if out.len() > start {
                out.push(b',');
            }
            self.member(key, value, out);
        }
        if closes {
            out.extend_from_slice(if out.len() > start { b"," } else { b"" });
            out.extend_from_slice(b"\"additionalProperties\":false");
        }
        out.push(b'}');
    }

    fn member(&mut self, key: Text<'_>, value: Raw<'_>, out: &mut Vec<u8>) {
        let one_of = |words: &[&str]| words.iter().any(|word| key.is(word));
        // These two have a form that every upstream takes.
        let rewords = self.named.is_empty() && !self.closes;
        if rewords && key.is("const") {
            out.extend_from_slice(b"\"enum\":[");
            out.extend_from_slice(value.bytes());
            return out.push(b']');
        }
        out.push(b'"');
        out.extend_from_slice(if rewords && key.is("oneOf") { b"anyOf" } else { key.escaped() });
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

    fn schemas(&mut self, value: Raw<'_>, out: &mut Vec<u8>) {
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
    fn every_object_is_closed() {
        let closed = |schema: &str| {
            let Closed { schema, narrowed } = close(Raw::parse(schema.as_bytes()).unwrap());
            (String::from_utf8(schema).unwrap(), narrowed)
        };
        for (schema, expected, narrowed) in [
            (r#"{"type":"object"}"#, r#"{"type":"object","additionalProperties":false}"#, false),
            (
                r#"{"additionalProperties":false,"type":"object"}"#,
                r#"{"type":"object","additionalProperties":false}"#,
                false,
            ),
            (
                r#"{"additionalProperties":{"type":"string"},"type":["object","null"]}"#,
                r#"{"type":["object","null"],"additionalProperties":false}"#,
                true,
            ),
            (
                r#"{"properties":{"type":{"const":1},"a":{"oneOf":[{"properties":{}}]}}}"#,
                r#"{"properties":{"type":{"const":1},"a":{"oneOf":[{"properties":{},"additionalProperties":false}]}},"additionalProperties":false}"#,
                false,
            ),
            (
                r##"{"$defs":{"a":{"type":"object"}},"$ref":"#/$defs/a"}"##,
                r##"{"$defs":{"a":{"type":"object","additionalProperties":false}},"$ref":"#/$defs/a"}"##,
                false,
            ),
            (r#"{"type":"string","format":"uri"}"#, r#"{"type":"string","format":"uri"}"#, false),
        ] {
            assert_eq!(closed(schema), (expected.to_owned(), narrowed), "{schema}");
        }
    }

    #[test]
    fn references_stay_unless_they_are_named() {
        let with = r##"{"$defs":{"a":{"format":"x"}},"items":{"$ref":"#/$defs/a"}}"##;
        check(&[], Wire::Chat, with, r##"{"$defs":{"a":{}},"items":{"$ref":"#/$defs/a"}}"##);
        check(&["$ref", "$defs"], Wire::Chat, with, r#"{"items":{}}"#);
    }
}
