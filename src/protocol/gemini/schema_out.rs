//! JSON Schema as Gemini takes it: the part of OpenAPI's schemas that its `Schema` has.
//!
//! `parameters` and `responseSchema` are used, not the younger `…JsonSchema` members: every model and
//! every host of Gemini takes them, and what they do not take is known, while the others say nothing
//! about what they leave out. References are written out; what cannot be said is put into the
//! description where it helps the model (`const`, numbers in `enum`), else left out.

use std::collections::BTreeSet;

use super::super::json::{Kind, Raw, Text, push_escaped, push_string};
use crate::bounds::{
    MAX_SCHEMA_DEPTH as MAX_DEPTH, MAX_SCHEMA_PROPERTIES, MAX_SCHEMAS, SCHEMA_READ_BYTES, SCHEMA_READ_TIMES,
};

/// Anything: Gemini wants a type everywhere.
const ANYTHING: &[u8] =
    b"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"},{\"type\":\"boolean\"},{\"type\":\"object\"}]}";

/// Appends a schema as Gemini takes it. Returns whether a part was cut: it
/// refers to itself, or is too large.
pub(super) fn push(schema: Raw<'_>, out: &mut Vec<u8>) -> bool {
    let readable = SCHEMA_READ_BYTES + SCHEMA_READ_TIMES * schema.bytes().len();
    let mut writer = Writer { root: schema, open: Vec::new(), written: 0, readable, cut: false, out };
    writer.schema(schema, &Note::default());
    writer.cut
}

/// Whether a schema has members of an object.
pub(super) fn has_properties(schema: Raw<'_>) -> bool {
    let [properties, reference, all] = schema.peek(["properties", "$ref", "allOf"]);
    properties.is_some_and(|properties| properties.members().next().is_some()) || reference.or(all).is_some()
}

/// What stands around a schema and belongs into it.
#[derive(Clone, Default)]
struct Note<'a> {
    description: Option<Text<'a>>,
    nullable: bool,
}

struct Writer<'a, 'o> {
    root: Raw<'a>,
    /// the references that are being written out
    open: Vec<Text<'a>>,
    written: usize,
    /// how many bytes may still be read: references let one part be read a thousand times
    readable: usize,
    cut: bool,
    out: &'o mut Vec<u8>,
}

/// A schema with everything that it is made of: itself, what it refers to, all of `allOf`.
struct Sources<'a>(Vec<Raw<'a>>);

impl<'a> Sources<'a> {
    /// The first member of this name.
    fn find(&self, name: &str) -> Option<Raw<'a>> {
        self.0.iter().find_map(|source| source.get(name))
    }

    fn text(&self, name: &str) -> Option<Text<'a>> {
        self.find(name).and_then(Raw::text)
    }

    /// The members of all members of this name; of two with one key the first.
    fn members(&self, name: &str) -> Vec<(Text<'a>, Raw<'a>)> {
        let mut found: Vec<(Text<'a>, Raw<'a>)> = Vec::new();
        let mut known = BTreeSet::new();
        for source in &self.0 {
            for (key, value) in source.get(name).unwrap_or(Raw::NULL).members().map_while(Result::ok) {
                if known.insert(key.escaped()) {
                    found.push((key, value));
                }
            }
        }
        found
    }
}

impl<'a> Writer<'a, '_> {
    fn schema(&mut self, schema: Raw<'a>, note: &Note<'a>) {
        self.written += 1;
        if schema.kind() != Kind::Object || self.written > MAX_SCHEMAS {
            self.cut |= self.written > MAX_SCHEMAS;
            return self.out.extend_from_slice(ANYTHING);
        }
        let open = self.open.len();
        let mut sources = Sources(Vec::new());
        if self.gather(schema, &mut sources) {
            self.gathered(&sources, note);
        } else {
            self.cut = true;
            self.out.extend_from_slice(b"{\"type\":\"object\"}");
        }
        self.open.truncate(open);
    }

    /// Collects what a schema is made of; false when it is made of itself.
    fn gather(&mut self, schema: Raw<'a>, sources: &mut Sources<'a>) -> bool {
        let Some(readable) = self.readable.checked_sub(schema.bytes().len()) else { return false };
        self.readable = readable;
        sources.0.push(schema);
        let [reference, all] = schema.peek(["$ref", "allOf"]);
        if let Some(reference) = reference.and_then(Raw::text) {
            if self.open.contains(&reference) || self.open.len() >= MAX_DEPTH {
                return false;
            }
            self.open.push(reference);
            // It is looked for from the outermost schema on, once where another schema is read several times.
            self.readable = self.readable.saturating_sub(self.root.bytes().len() / 8);
            if let Some(target) = self.target(reference)
                && !self.gather(target, sources)
            {
                return false;
            }
        }
        let mut all = all.unwrap_or(Raw::NULL).elements().map_while(Result::ok);
        sources.0.len() < MAX_DEPTH && all.all(|part| self.gather(part, sources))
    }

    /// What a reference within the schema points to.
    fn target(&self, reference: Text<'a>) -> Option<Raw<'a>> {
        let path = reference.decode();
        let mut at = self.root;
        for step in path.strip_prefix("#/")?.split('/') {
            at = at.get(&step.replace("~1", "/").replace("~0", "~"))?;
        }
        Some(at)
    }

    fn gathered(&mut self, sources: &Sources<'a>, note: &Note<'a>) {
        let mut note = Note {
            description: note.description.or(sources.text("description")),
            nullable: note.nullable || sources.find("nullable").and_then(Raw::boolean) == Some(true),
        };
        let kinds = kinds_of(sources, &mut note);
        match kinds.as_slice() {
            [kind] => self.typed(kind, sources, &note),
            [] => self.untyped(sources, note),
            kinds => {
                self.out.extend_from_slice(b"{\"anyOf\":[");
                for (index, kind) in kinds.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.typed(kind, sources, &note);
                }
                self.out.extend_from_slice(b"]}");
            }
        }
    }

    /// A schema that has no type, and nothing that tells one: a choice, or anything.
    fn untyped(&mut self, sources: &Sources<'a>, mut note: Note<'a>) {
        let choice = sources.find("anyOf").or_else(|| sources.find("oneOf")).unwrap_or(Raw::NULL);
        let all: Vec<Raw<'a>> = choice.elements().map_while(Result::ok).collect();
        let is_null = |schema: &&Raw<'a>| schema.get("type").is_some_and(|kind| kind.is_text("null"));
        let some: Vec<Raw<'a>> = all.iter().filter(|schema| !is_null(schema)).copied().collect();
        note.nullable |= some.len() < all.len();
        match some.as_slice() {
            [] if all.is_empty() => self.out.extend_from_slice(ANYTHING),
            [] => self.typed("string", &Sources(Vec::new()), &note),
            [one] => self.schema(*one, &note),
            // Gemini takes no other member beside `anyOf`: what stands around it goes into each.
            some => {
                self.out.extend_from_slice(b"{\"anyOf\":[");
                for (index, one) in some.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    let own = one.get("description").and_then(Raw::text).or(note.description);
                    self.schema(*one, &Note { description: own, ..note });
                }
                self.out.extend_from_slice(b"]}");
            }
        }
    }

    fn typed(&mut self, kind: &str, sources: &Sources<'a>, note: &Note<'a>) {
        self.out.extend_from_slice(b"{\"type\":");
        push_string(self.out, kind);
        if note.nullable {
            self.out.extend_from_slice(b",\"nullable\":true");
        }
        let allowed = allowed(sources);
        let words = kind == "string" && allowed.iter().all(|value| value.kind() == Kind::String);
        self.description(note, if words { &[] } else { &allowed });
        match kind {
            "string" => {
                if words {
                    self.words(&allowed);
                }
                self.format(sources, &["enum", "date-time"]);
                self.copied(sources, &["minLength", "maxLength", "pattern"]);
            }
            "integer" => {
                self.format(sources, &["int32", "int64"]);
                self.range(sources);
            }
            "number" => {
                self.format(sources, &["float", "double"]);
                self.range(sources);
            }
            "array" => {
                self.out.extend_from_slice(b",\"items\":");
                self.schema(sources.find("items").unwrap_or(Raw::NULL), &Note::default());
                self.copied(sources, &["minItems", "maxItems"]);
            }
            "object" => self.properties(sources),
            _ => {}
        }
        self.out.push(b'}');
    }

    fn description(&mut self, note: &Note<'a>, allowed: &[Raw<'a>]) {
        if note.description.is_none() && allowed.is_empty() {
            return;
        }
        self.out.extend_from_slice(b",\"description\":\"");
        if let Some(description) = note.description {
            self.out.extend_from_slice(description.escaped());
        }
        for (index, value) in allowed.iter().enumerate() {
            let first: &[u8] = if note.description.is_some() { b" (one of " } else { b"(one of " };
            self.out.extend_from_slice(if index == 0 { first } else { b", " });
            push_escaped(self.out, value.bytes());
        }
        self.out.extend_from_slice(if allowed.is_empty() { b"\"" } else { b")\"" });
    }

    /// Gemini refuses an empty word.
    fn words(&mut self, allowed: &[Raw<'a>]) {
        let mut first = true;
        for word in allowed.iter().filter(|word| !word.is_text("")) {
            self.out.extend_from_slice(if std::mem::take(&mut first) { b",\"enum\":[" } else { b"," });
            self.out.extend_from_slice(word.bytes());
        }
        if !first {
            self.out.push(b']');
        }
    }

    fn format(&mut self, sources: &Sources<'a>, known: &[&str]) {
        if let Some(format) = sources.text("format").filter(|format| known.iter().any(|word| format.is(word))) {
            self.out.extend_from_slice(b",\"format\":\"");
            self.out.extend_from_slice(format.escaped());
            self.out.push(b'"');
        }
    }

    fn copied(&mut self, sources: &Sources<'a>, names: &[&str]) {
        for name in names {
            if let Some(value) = sources.find(name) {
                self.member(name, value);
            }
        }
    }

    fn member(&mut self, name: &str, value: Raw<'a>) {
        super::super::json::push_member(self.out, name);
        self.out.extend_from_slice(value.bytes());
    }

    /// Without an exclusive limit, the limit itself is allowed too: better than none.
    fn range(&mut self, sources: &Sources<'a>) {
        for (name, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
            let number = |name: &str| sources.find(name).filter(|value| value.kind() == Kind::Number);
            if let Some(value) = number(name).or_else(|| number(exclusive)) {
                self.member(name, value);
            }
        }
    }

    fn properties(&mut self, sources: &Sources<'a>) {
        let mut properties = sources.members("properties");
        self.cut |= properties.len() > MAX_SCHEMA_PROPERTIES;
        properties.truncate(MAX_SCHEMA_PROPERTIES);
        if properties.is_empty() {
            return;
        }
        for (index, (name, schema)) in properties.iter().enumerate() {
            self.out.extend_from_slice(if index == 0 { b",\"properties\":{\"" } else { b",\"" });
            self.out.extend_from_slice(name.escaped());
            self.out.extend_from_slice(b"\":");
            self.schema(*schema, &Note::default());
        }
        self.out.push(b'}');
        // Gemini refuses to require what it does not know.
        let required = sources.0.iter().flat_map(|source| {
            source.get("required").unwrap_or(Raw::NULL).elements().map_while(Result::ok).filter_map(Raw::text)
        });
        let known: BTreeSet<&[u8]> = properties.iter().map(|(name, _)| name.escaped()).collect();
        let mut first = true;
        for name in required.filter(|name| known.contains(name.escaped())) {
            self.out.extend_from_slice(if std::mem::take(&mut first) { b",\"required\":[\"" } else { b",\"" });
            self.out.extend_from_slice(name.escaped());
            self.out.push(b'"');
        }
        if !first {
            self.out.push(b']');
        }
    }
}

/// The types of a schema, `null` made a note. Without a word for it, what it has tells its type.
fn kinds_of(sources: &Sources<'_>, note: &mut Note<'_>) -> Vec<String> {
    let said = sources.find("type").unwrap_or(Raw::NULL);
    let words = said.elements().map_while(Result::ok).chain([said]).filter_map(Raw::text);
    let mut kinds: Vec<String> = words.map(|word| word.decode().to_ascii_lowercase()).collect();
    let all = kinds.len();
    kinds.retain(|kind| kind != "null");
    note.nullable |= kinds.len() < all;
    if kinds.is_empty() && all > 0 {
        kinds.push("string".to_owned());
    }
    let has = |names: &[&str]| names.iter().any(|name| sources.find(name).is_some());
    if kinds.is_empty() && !has(&["anyOf", "oneOf"]) {
        let first = allowed(sources).first().map(|value| value.kind());
        let told = match first {
            _ if has(&["properties", "additionalProperties"]) => Some("object"),
            _ if has(&["items", "prefixItems"]) => Some("array"),
            Some(Kind::String) => Some("string"),
            Some(Kind::Number) => Some("number"),
            Some(Kind::Bool) => Some("boolean"),
            _ if has(&["pattern", "minLength", "maxLength"]) => Some("string"),
            _ if has(&["minimum", "maximum"]) => Some("number"),
            _ => None,
        };
        kinds.extend(told.map(str::to_owned));
    } else if kinds.is_empty() && has(&["properties"]) {
        kinds.push("object".to_owned());
    }
    kinds
}

/// The values that are allowed, `null` left out; none: all.
fn allowed<'a>(sources: &Sources<'a>) -> Vec<Raw<'a>> {
    let listed = sources.find("enum").unwrap_or(Raw::NULL).elements().map_while(Result::ok);
    listed.chain(sources.find("const")).filter(|value| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expected: &str) {
        let mut out = Vec::new();
        push(Raw::parse(schema.as_bytes()).unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{schema}");
    }

    /// A hostile schema must not cost more than a large one.
    #[test]
    fn what_grows_without_end_is_cut() {
        let cut = |schema: &str| {
            let mut out = Vec::new();
            let cut = push(Raw::parse(schema.as_bytes()).unwrap(), &mut out);
            assert!(out.len() < 40 << 20 && serde_json::from_slice::<serde_json::Value>(&out).is_ok());
            cut
        };
        let members = |count: usize, value: &str| {
            let all: Vec<String> = (0..count).map(|number| format!("\"p{number}\":{value}")).collect();
            all.join(",")
        };
        let object = |count, value: &str| format!(r#"{{"type":"object","properties":{{{}}}}}"#, members(count, value));
        assert!(!cut(&object(1_000, "{}")));
        assert!(cut(&object(MAX_SCHEMA_PROPERTIES + 1, "1")));
        let pad = "x".repeat(1 << 20);
        let referring = object(500, r##"{"$ref":"#/$defs/a"}"##);
        let referring = referring.strip_suffix('}').unwrap();
        assert!(!cut(&format!(r#"{referring},"$defs":{{"a":{{"type":"string"}}}}}}"#)));
        assert!(cut(&format!(r#"{referring},"$defs":{{"a":{{"description":"{pad}"}}}}}}"#)));
    }

    #[test]
    fn what_gemini_refuses_is_gone() {
        check(
            r#"{"$schema":"x","type":"object","additionalProperties":false,"properties":{"a":{"type":"string","format":"uri","title":"A"}},"required":["a","b"]}"#,
            r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#,
        );
        check(r#"{"type":"string","format":"date-time"}"#, r#"{"type":"string","format":"date-time"}"#);
        check(r#"{"const":"x"}"#, r#"{"type":"string","enum":["x"]}"#);
        check(r#"{"type":"string","enum":["","b",null]}"#, r#"{"type":"string","enum":["b"]}"#);
        check(
            r#"{"type":"integer","enum":[1,2],"description":"d"}"#,
            r#"{"type":"integer","description":"d (one of 1, 2)"}"#,
        );
        check(r#"{"const":3}"#, r#"{"type":"number","description":"(one of 3)"}"#);
        check(
            r#"{"type":"integer","exclusiveMinimum":0,"maximum":9}"#,
            r#"{"type":"integer","minimum":0,"maximum":9}"#,
        );
        check(r#"{"type":"array"}"#, &format!(r#"{{"type":"array","items":{}}}"#, String::from_utf8_lossy(ANYTHING)));
        check("{}", &String::from_utf8_lossy(ANYTHING));
        check("true", &String::from_utf8_lossy(ANYTHING));
        check(r#"{"type":"object","properties":{}}"#, r#"{"type":"object"}"#);
    }

    #[test]
    fn choices_are_any_of() {
        check(
            r#"{"type":["string","null"],"description":"d"}"#,
            r#"{"type":"string","nullable":true,"description":"d"}"#,
        );
        check(
            r#"{"anyOf":[{"type":"integer"},{"type":"null"}],"description":"d"}"#,
            r#"{"type":"integer","nullable":true,"description":"d"}"#,
        );
        check(
            r#"{"oneOf":[{"type":"string"},{"type":"number","description":"n"}],"description":"d"}"#,
            r#"{"anyOf":[{"type":"string","description":"d"},{"type":"number","description":"n"}]}"#,
        );
        check(r#"{"type":["string","integer"]}"#, r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#);
        check(
            r#"{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"required":["a"]}]}"#,
            r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        );
    }

    #[test]
    fn references_are_written_out() {
        let defs = r##""$defs":{"P":{"type":"object","description":"p","properties":{"x":{"type":"integer"}},"required":["x"]}}"##;
        let point = r#"{"type":"object","description":"p","properties":{"x":{"type":"integer"}},"required":["x"]}"#;
        check(
            &format!(
                r##"{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/P"}},"b":{{"$ref":"#/$defs/P"}}}},{defs}}}"##
            ),
            &format!(r#"{{"type":"object","properties":{{"a":{point},"b":{point}}}}}"#),
        );
        check(
            &format!(
                r##"{{"allOf":[{{"$ref":"#/$defs/P"}},{{"properties":{{"y":{{"type":"boolean"}}}},"required":["y"]}}],"description":"q",{defs}}}"##
            ),
            r#"{"type":"object","description":"q","properties":{"x":{"type":"integer"},"y":{"type":"boolean"}},"required":["x","y"]}"#,
        );
        let tree =
            r##"{"$ref":"#/$defs/T","$defs":{"T":{"type":"object","properties":{"left":{"$ref":"#/$defs/T"}}}}}"##;
        check(tree, r#"{"type":"object","properties":{"left":{"type":"object"}}}"#);
        assert!(push(Raw::parse(tree.as_bytes()).unwrap(), &mut Vec::new()), "it says that it was cut");
        check(r##"{"$ref":"#/$defs/missing"}"##, &String::from_utf8_lossy(ANYTHING));
    }

    #[test]
    fn no_schema_grows_without_end() {
        // Each level refers to the next one twice.
        let defs: Vec<String> = (0..40)
            .map(|level| format!(r##""L{level}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/L{0}"}},"b":{{"$ref":"#/$defs/L{0}"}}}}}}"##, level + 1))
            .collect();
        let schema = format!(r##"{{"$ref":"#/$defs/L0","$defs":{{{}}}}}"##, defs.join(","));
        let mut out = Vec::new();
        assert!(push(Raw::parse(schema.as_bytes()).unwrap(), &mut out));
        assert!(out.len() < 500_000, "{}", out.len());
    }
}
