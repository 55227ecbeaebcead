//! Shapes of JSON bodies: which members an object may have, and of which kind. One walk checks a body
//! against the vendor's documented shape and names the first thing that is wrong; each wire says it in
//! its vendor's words.

use serde_json::{Map, Value};

/// What a value must be.
#[derive(Debug)]
pub(super) enum Shape {
    /// anything
    Any,
    /// a string
    Text,
    /// a string in base64
    Base64,
    /// `true` or `false`
    Bool,
    /// a whole number in a range
    Integer(i64, i64),
    /// a number in a range
    Number(f64, f64),
    /// one of these strings
    Word(&'static [&'static str]),
    /// an object whose members are free
    Map,
    /// an object whose values are strings
    Texts,
    /// a list
    List(&'static Self),
    /// an object with these members and no other
    Object(&'static [Field]),
    /// an object whose member `type` says which it is; a missing `type` stands for the second field
    Tagged(&'static [(&'static str, Self)], Option<&'static str>),
    /// a string or something else
    TextOr(&'static Self),
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    shape: Shape,
    needed: bool,
    null: bool,
}

/// A member that must be there.
pub(super) const fn need(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, needed: true, null: false }
}

/// A member that may be left out.
pub(super) const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, needed: false, null: false }
}

/// A member that may be left out or null.
pub(super) const fn null(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, needed: false, null: true }
}

/// A whole number from 0 on.
pub(super) const COUNT: Shape = Shape::Integer(0, i64::MAX);
/// A whole number from 1 on.
pub(super) const POSITIVE: Shape = Shape::Integer(1, i64::MAX);

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// What is wrong with a value.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// a member that nobody knows; the path is the object's
    Unknown(String),
    /// a member that is needed; the path is the object's
    Missing(&'static str),
    /// another kind of value
    Kind { expected: &'static str, found: Value },
    /// a string that is none of these
    Word { found: String, known: Vec<&'static str> },
    /// a `type` that is none of these; the path is the object's
    Tag { found: String, known: Vec<&'static str> },
    /// a number below this
    Below(f64, Value),
    /// a number above this
    Above(f64, Value),
}

/// The first thing that is wrong with a body.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub path: Vec<Step>,
    pub wrong: Wrong,
}

impl Fault {
    /// `messages.0.content`, with a further name behind it if it is not empty.
    pub(super) fn dotted(&self, last: &str) -> String {
        let mut path: Vec<String> = self
            .path
            .iter()
            .map(|step| match step {
                Step::Name(name) => name.clone(),
                Step::Index(index) => index.to_string(),
            })
            .collect();
        if !last.is_empty() {
            path.push(last.to_owned());
        }
        path.join(".")
    }

    /// `messages[0].content`, with a further name behind it if it is not empty.
    pub(super) fn bracketed(&self, last: &str) -> String {
        let mut path = String::new();
        let last = (!last.is_empty()).then(|| Step::Name(last.to_owned()));
        for step in self.path.iter().chain(last.as_ref()) {
            match step {
                Step::Name(name) if path.is_empty() => path.push_str(name),
                Step::Name(name) => path.push_str(&format!(".{name}")),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// How a vendor reads JSON.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// null stands for a member that is left out, wherever it stands
    pub null_is_absent: bool,
    /// `snake_case` names stand for their `camelCase` ones
    pub snake: bool,
}

impl Reading {
    /// Checks a value.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn check(self, value: &Value, shape: &Shape) -> Result<(), Fault> {
        let mut path = Vec::new();
        self.walk(value, shape, &mut path).map_err(|wrong| Fault { path, wrong })
    }

    /// On an error `path` stays where it happened.
    fn walk(self, value: &Value, shape: &Shape, path: &mut Vec<Step>) -> Result<(), Wrong> {
        let kind = |expected| Err(Wrong::Kind { expected, found: value.clone() });
        match (shape, value) {
            (Shape::Any, _)
            | (Shape::Text | Shape::TextOr(_), Value::String(_))
            | (Shape::Bool, Value::Bool(_))
            | (Shape::Map, Value::Object(_)) => Ok(()),
            (Shape::Base64, Value::String(text)) if super::base64::is(text) => Ok(()),
            (Shape::Base64, _) => kind("base64"),
            (Shape::Text, _) => kind("a string"),
            (Shape::Bool, _) => kind("a boolean"),
            (Shape::Map | Shape::Texts | Shape::Object(_) | Shape::Tagged(..), other) if !other.is_object() => {
                kind("an object")
            }
            (Shape::TextOr(shape), other) => self.walk(other, shape, path),
            (Shape::Integer(least, most), Value::Number(number)) => match number.as_i64() {
                Some(count) if count < *least => Err(Wrong::Below(as_float(*least), value.clone())),
                Some(count) if count > *most => Err(Wrong::Above(as_float(*most), value.clone())),
                Some(_) => Ok(()),
                None => kind("an integer"),
            },
            (Shape::Integer(..), _) => kind("an integer"),
            (Shape::Number(least, most), Value::Number(number)) => match number.as_f64() {
                Some(count) if count < *least => Err(Wrong::Below(*least, value.clone())),
                Some(count) if count > *most => Err(Wrong::Above(*most, value.clone())),
                _ => Ok(()),
            },
            (Shape::Number(..), _) => kind("a number"),
            (Shape::Word(known), Value::String(found)) if !known.contains(&found.as_str()) => {
                Err(Wrong::Word { found: found.clone(), known: known.to_vec() })
            }
            (Shape::Word(_), other) => {
                if other.is_string() {
                    Ok(())
                } else {
                    kind("a string")
                }
            }
            (Shape::List(shape), Value::Array(list)) => self.list(list, shape, path),
            (Shape::List(_), _) => kind("an array"),
            (Shape::Texts, Value::Object(object)) => self.texts(object, path),
            (Shape::Object(fields), Value::Object(object)) => self.object(object, fields, path),
            (Shape::Tagged(variants, default), Value::Object(object)) => self.tagged(object, variants, *default, path),
            (Shape::Map | Shape::Texts | Shape::Object(_) | Shape::Tagged(..), _) => kind("an object"),
        }
    }

    fn list(self, list: &[Value], shape: &Shape, path: &mut Vec<Step>) -> Result<(), Wrong> {
        for (index, item) in list.iter().enumerate() {
            path.push(Step::Index(index));
            self.walk(item, shape, path)?;
            path.pop();
        }
        Ok(())
    }

    fn texts(self, object: &Map<String, Value>, path: &mut Vec<Step>) -> Result<(), Wrong> {
        for (name, value) in object {
            path.push(Step::Name(name.clone()));
            self.walk(value, &Shape::Text, path)?;
            path.pop();
        }
        Ok(())
    }

    fn tagged(
        self,
        object: &Map<String, Value>,
        variants: &[(&'static str, Shape)],
        default: Option<&'static str>,
        path: &mut Vec<Step>,
    ) -> Result<(), Wrong> {
        let tag = match (object.get("type"), default) {
            (Some(Value::String(tag)), _) => tag.as_str(),
            (None, Some(default)) => default,
            (None, None) => return Err(Wrong::Missing("type")),
            (Some(other), _) => {
                path.push(Step::Name("type".to_owned()));
                return Err(Wrong::Kind { expected: "a string", found: other.clone() });
            }
        };
        match variants.iter().find(|(name, _)| *name == tag) {
            Some((_, Shape::Object(fields))) => self.members(object, fields, true, path),
            Some(_) => Ok(()),
            None => Err(Wrong::Tag { found: tag.to_owned(), known: variants.iter().map(|(name, _)| *name).collect() }),
        }
    }

    fn object(self, object: &Map<String, Value>, fields: &[Field], path: &mut Vec<Step>) -> Result<(), Wrong> {
        self.members(object, fields, false, path)
    }

    fn members(
        self,
        object: &Map<String, Value>,
        fields: &[Field],
        tag: bool,
        path: &mut Vec<Step>,
    ) -> Result<(), Wrong> {
        let same = |field: &Field, name: &str| field.name == name || (self.snake && camel(name) == field.name);
        for (name, value) in object {
            if tag && name == "type" {
                continue;
            }
            let Some(field) = fields.iter().find(|field| same(field, name)) else {
                return Err(Wrong::Unknown(name.clone()));
            };
            if value.is_null() && (field.null || self.null_is_absent) {
                continue;
            }
            path.push(Step::Name(name.clone()));
            self.walk(value, &field.shape, path)?;
            path.pop();
        }
        let absent = |field: &&Field| {
            !object.iter().any(|(name, value)| same(field, name) && !(self.null_is_absent && value.is_null()))
        };
        match fields.iter().filter(|field| field.needed).find(absent) {
            Some(field) => Err(Wrong::Missing(field.name)),
            None => Ok(()),
        }
    }
}

/// `snake_case` in `camelCase`.
pub(super) fn camel(name: &str) -> String {
    let mut upper = false;
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '_' if !out.is_empty() => upper = true,
            _ if upper => {
                out.push(character.to_ascii_uppercase());
                upper = false;
            }
            _ => out.push(character),
        }
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "the ranges of the tables are small, or open")]
fn as_float(number: i64) -> f64 {
    number as f64
}

/// What a value is, as OpenAI calls it.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static BLOCK: Shape = Shape::Tagged(
        &[
            ("text", Shape::Object(&[need("text", Shape::Text)])),
            ("list", Shape::Object(&[need("of", Shape::TextOr(&Shape::List(&BLOCK)))])),
            ("free", Shape::Map),
        ],
        Some("text"),
    );
    static BODY: Shape = Shape::Object(&[
        need("blocks", Shape::List(&BLOCK)),
        may("count", Shape::Integer(1, 5)),
        null("share", Shape::Number(0.0, 1.0)),
        may("role", Shape::Word(&["user"])),
        may("maxTokens", Shape::Bool),
    ]);

    fn wrong(body: Value) -> Option<(String, String)> {
        let fault = Reading::default().check(&body, &BODY).err()?;
        Some((fault.bracketed(""), format!("{:?}", fault.wrong).split(['(', ' ']).next()?.to_owned()))
    }

    #[test]
    fn names_the_first_thing_that_is_wrong() {
        let at = |path: &str, wrong: &str| Some((path.to_owned(), wrong.to_owned()));
        assert_eq!(wrong(json!({"blocks": [{"text": "x"}, {"type": "free", "any": 1}], "share": null})), None);
        assert_eq!(
            wrong(json!({"blocks": [{"type": "list", "of": [{"text": "x"}]}, {"type": "list", "of": "x"}]})),
            None
        );
        assert_eq!(wrong(json!([])), at("", "Kind"));
        assert_eq!(wrong(json!({})), at("", "Missing"));
        assert_eq!(wrong(json!({"blocks": [], "x": 1})), at("", "Unknown"));
        assert_eq!(
            wrong(json!({"blocks": [{"type": "list", "of": [{"text": 1}]}]})),
            at("blocks[0].of[0].text", "Kind")
        );
        assert_eq!(wrong(json!({"blocks": [{"type": "other"}]})), at("blocks[0]", "Tag"));
        assert_eq!(wrong(json!({"blocks": [{"type": "text", "text": "x", "more": 1}]})), at("blocks[0]", "Unknown"));
        assert_eq!(wrong(json!({"blocks": [], "count": 0})), at("count", "Below"));
        assert_eq!(wrong(json!({"blocks": [], "count": 6})), at("count", "Above"));
        assert_eq!(wrong(json!({"blocks": [], "count": 1.5})), at("count", "Kind"));
        assert_eq!(wrong(json!({"blocks": [], "count": null})), at("count", "Kind"));
        assert_eq!(wrong(json!({"blocks": [], "role": "king"})), at("role", "Word"));
    }

    #[test]
    fn reads_as_proto_does() {
        let proto = Reading { null_is_absent: true, snake: true };
        assert_eq!(proto.check(&json!({"blocks": [], "count": null, "max_tokens": true}), &BODY), Ok(()));
        assert!(proto.check(&json!({"blocks": null}), &BODY).is_err());
    }
}
