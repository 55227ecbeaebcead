//! `schema_clean`: keywords that an upstream refuses are taken out of JSON schemas. And schemas closed for one
//! that takes no others.

use super::super::Wire;
use super::super::gemini::camel;
use super::super::json::{JsonError, Raw, Text, member_at, separator, skip_space, skip_value};

/// What is taken out.
pub(super) struct Cleaner<'k> {
    /// named by the policy; empty: what the wire is known to refuse
    named: &'k [String],
    wire: Wire,
    /// refused besides, by an API that a preset knows
    refused: &'k [&'k str],
    /// nothing is taken out, but every object is closed
    closes: bool,
}

/// A schema whose objects have the members that are named, and no others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) schema: Vec<u8>,
    /// an object was open in so many words: its further members are lost
    pub(crate) narrowed: bool,
}

/// Closes every object of a schema. One that is broken inside stays as it is.
pub(crate) fn close(schema: Raw<'_>) -> Closed {
    let cleaner = Cleaner { closes: true, ..Cleaner::new(&[], Wire::Anthropic, &[]) };
    let mut walk = Walk::new(&cleaner, schema);
    let sound = walk.schema(0).is_ok();
    let narrowed = sound && walk.narrowed;
    let schema = walk.finish().filter(|_| sound).unwrap_or_else(|| schema.bytes().to_vec());
    Closed { schema, narrowed }
}

fn is_object(schema: Raw<'_>) -> bool {
    let [kind, properties] = schema.peek(["type", "properties"]);
    let is_word = |kind: Raw<'_>| kind.is_text("object");
    kind.map_or(properties.is_some(), |kind| is_word(kind) || kind.elements().map_while(Result::ok).any(is_word))
}

/// What a member of a schema is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    /// taken out
    Refused,
    /// one value; `enum` with one value is known to every upstream
    Const,
    /// schemas; `anyOf` is known to every upstream
    OneOf,
    /// a schema, or a list of schemas
    Schemas,
    /// a schema under each name
    Named,
    /// nothing that holds a schema
    Other,
}

impl<'k> Cleaner<'k> {
    pub(super) fn new(named: &'k [String], wire: Wire, refused: &'k [&'k str]) -> Self {
        Self { named, wire, refused, closes: false }
    }

    /// The schema without the keywords, which are added to `taken`, each once; None when it has none of
    /// them, or is broken inside.
    pub(super) fn clean(&self, schema: Raw<'_>, taken: &mut Vec<String>) -> Option<Vec<u8>> {
        let mut walk = Walk::new(self, schema);
        walk.schema(0).ok()?;
        for keyword in std::mem::take(&mut walk.taken) {
            if !taken.contains(&keyword) {
                taken.push(keyword);
            }
        }
        walk.finish()
    }

    fn refuses(&self, word: &[u8]) -> bool {
        if self.closes {
            return false;
        }
        if !self.named.is_empty() {
            return self.named.iter().any(|named| named.as_bytes() == word);
        }
        match word {
            // Many upstreams that call themselves compatible refuse these; they say nothing about the shape.
            b"$schema" | b"$id" | b"$comment" | b"$anchor" | b"format" | b"examples" | b"default" => true,
            b"additionalProperties" | b"unevaluatedProperties" | b"patternProperties" | b"propertyNames"
                if self.wire == Wire::Gemini =>
            {
                true
            }
            _ => self.refused.iter().any(|refused| refused.as_bytes() == word),
        }
    }

    fn keyword(&self, key: Text<'_>) -> Keyword {
        // Google's own schemas have each name in two spellings.
        if self.wire == Wire::Gemini {
            return self.known(camel(key).as_bytes());
        }
        if key.has_escape() { self.known(key.decode().as_bytes()) } else { self.known(key.escaped()) }
    }

    fn known(&self, word: &[u8]) -> Keyword {
        if self.refuses(word) {
            return Keyword::Refused;
        }
        let rewords = self.named.is_empty() && !self.closes;
        match word {
            b"const" if rewords => Keyword::Const,
            b"oneOf" if rewords => Keyword::OneOf,
            b"items"
            | b"prefixItems"
            | b"anyOf"
            | b"oneOf"
            | b"allOf"
            | b"not"
            | b"if"
            | b"then"
            | b"else"
            | b"contains"
            | b"additionalProperties"
            | b"additionalItems"
            | b"unevaluatedItems"
            | b"unevaluatedProperties"
            | b"propertyNames" => Keyword::Schemas,
            b"properties" | b"patternProperties" | b"$defs" | b"definitions" | b"dependentSchemas" => Keyword::Named,
            _ => Keyword::Other,
        }
    }
}

/// One walk over a schema. What stays is not copied until something before or behind it changes.
struct Walk<'k, 's> {
    cleaner: &'k Cleaner<'k>,
    schema: &'s [u8],
    out: Vec<u8>,
    /// how much of the schema is in `out`, or does not go there
    done: usize,
    changed: bool,
    /// an object was closed that was open in so many words
    narrowed: bool,
    /// the keywords that were taken out, each once
    taken: Vec<String>,
}

impl<'k, 's> Walk<'k, 's> {
    fn new(cleaner: &'k Cleaner<'k>, schema: Raw<'s>) -> Self {
        Self {
            cleaner,
            schema: schema.bytes(),
            out: Vec::new(),
            done: 0,
            changed: false,
            narrowed: false,
            taken: Vec::new(),
        }
    }

    /// Puts something in the place of a part. Parts come in order.
    fn replace(&mut self, from: usize, to: usize, with: &[u8]) {
        if !std::mem::replace(&mut self.changed, true) {
            self.out.reserve(self.schema.len() + 64);
        }
        self.out.extend_from_slice(self.schema.get(self.done..from).unwrap_or_default());
        self.out.extend_from_slice(with);
        self.done = to;
    }

    /// The new schema; None when nothing has changed.
    fn finish(mut self) -> Option<Vec<u8>> {
        self.out.extend_from_slice(self.schema.get(self.done..).filter(|_| self.changed)?);
        Some(self.out)
    }

    /// Walks over the schema at a place, and returns the place behind it. The depth is bounded by that of
    /// the body.
    fn schema(&mut self, start: usize) -> Result<usize, JsonError> {
        if self.schema.get(start) != Some(&b'{') {
            return skip_value(self.schema, start);
        }
        let closes = self.cleaner.closes && {
            let end = skip_value(self.schema, start)?;
            is_object(Raw::from_measured(self.schema.get(start..end).unwrap_or_default()))
        };
        let mut at = start + 1;
        let mut first = true;
        // Where the last member ends that stays, and the first one begins of those before it that do not.
        let (mut kept, mut left_out) = (None, None);
        while let Some(key_at) = separator(self.schema, at, first, b'}')? {
            first = false;
            let (key, value) = member_at(self.schema, key_at)?;
            let keyword = match self.cleaner.keyword(key) {
                // An object names no member twice.
                Keyword::Const if self.has(start, "enum")? => Keyword::Refused,
                Keyword::OneOf if self.has(start, "anyOf")? => Keyword::Schemas,
                keyword => keyword,
            };
            let open = closes && key.is("additionalProperties");
            if !open && keyword != Keyword::Refused {
                if let Some(from) = left_out.take() {
                    self.replace(from, key_at, b"");
                }
                at = self.member(keyword, key_at, value)?;
                kept = Some(at);
                continue;
            }
            if !open && !self.taken.iter().any(|taken| key.is(taken)) {
                self.taken.push(key.decode().into_owned());
            }
            at = skip_value(self.schema, value)?;
            self.narrowed |= open && self.schema.get(value..at) != Some(b"false");
            match kept {
                // With the comma before it.
                Some(kept) => self.replace(kept.max(self.done), at, b""),
                None => left_out = left_out.or(Some(key_at)),
            }
        }
        let end = skip_space(self.schema, at);
        if let Some(from) = left_out {
            self.replace(from, end, b"");
        }
        if closes {
            let comma: &[u8] = if kept.is_some() { b"," } else { b"" };
            self.replace(end, end, &[comma, b"\"additionalProperties\":false"].concat());
        }
        Ok(end + 1)
    }

    /// Whether the schema at this place has a member of this name.
    fn has(&self, start: usize, name: &str) -> Result<bool, JsonError> {
        let end = skip_value(self.schema, start)?;
        Ok(Raw::from_measured(self.schema.get(start..end).unwrap_or_default()).get(name).is_some())
    }

    /// Walks over a member whose key and value begin at these places, and returns the place behind it.
    fn member(&mut self, keyword: Keyword, key: usize, value: usize) -> Result<usize, JsonError> {
        match keyword {
            Keyword::Const => {
                self.replace(key, value, b"\"enum\":[");
                let end = skip_value(self.schema, value)?;
                self.replace(end, end, b"]");
                Ok(end)
            }
            Keyword::OneOf => {
                self.replace(key, value, b"\"anyOf\":");
                self.schemas(value)
            }
            Keyword::Schemas => self.schemas(value),
            Keyword::Named => self.named(value),
            Keyword::Other | Keyword::Refused => skip_value(self.schema, value),
        }
    }

    fn schemas(&mut self, start: usize) -> Result<usize, JsonError> {
        if self.schema.get(start) != Some(&b'[') {
            return self.schema(start);
        }
        let (mut at, mut first) = (start + 1, true);
        while let Some(schema) = separator(self.schema, at, first, b']')? {
            at = self.schema(schema)?;
            first = false;
        }
        Ok(skip_space(self.schema, at) + 1)
    }

    fn named(&mut self, start: usize) -> Result<usize, JsonError> {
        if self.schema.get(start) != Some(&b'{') {
            return skip_value(self.schema, start);
        }
        let (mut at, mut first) = (start + 1, true);
        while let Some(key) = separator(self.schema, at, first, b'}')? {
            let (_, value) = member_at(self.schema, key)?;
            at = self.schema(value)?;
            first = false;
        }
        Ok(skip_space(self.schema, at) + 1)
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
        let cleaned =
            Cleaner::new(&named, wire, refused).clean(Raw::parse(schema.as_bytes()).unwrap(), &mut Vec::new());
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
        check(&[], Wire::Chat, r#"{"const":"a","enum":["a"]}"#, r#"{"enum":["a"]}"#);
        let both = r#"{"oneOf":[{"const":1}],"anyOf":[{}]}"#;
        check(&[], Wire::Chat, both, r#"{"oneOf":[{"enum":[1]}],"anyOf":[{}]}"#);
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
