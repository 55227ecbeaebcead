//! The input as a tree that keeps the order of its keys, read from JSON5 or YAML within bounds.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::ImportError;
use crate::bounds::{MAX_IMPORT_ALIASES, MAX_IMPORT_BYTES, MAX_IMPORT_NESTING, MAX_IMPORT_VALUES};

/// A value of the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The member with this key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The first of several spellings of one key, with the spelling that is there.
    pub(super) fn any<'k>(&self, keys: &[&'k str]) -> Option<(&'k str, &Value)> {
        keys.iter().find_map(|key| self.get(key).map(|value| (*key, value)))
    }

    /// As text.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// As a number; a text that is one counts, as in most programs that read such files.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number).filter(|number| number.is_finite()),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// As a truth value.
    pub(super) fn truth(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The elements of a list; none for anything else.
    pub(super) fn list(&self) -> &[Value] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The members of a map; none for anything else.
    pub(super) fn map(&self) -> &[(String, Value)] {
        if let Self::Map(members) = self { members } else { &[] }
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        Value::deserialize(inner)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of these files are small; a larger one is out of range")]
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of these files are small; a larger one is out of range")]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map: Vec<(String, Value)> = Vec::new();
        let mut places: rustc_hash::FxHashMap<String, usize> = rustc_hash::FxHashMap::default();
        while let Some((Key(key), value)) = members.next_entry()? {
            // As `JSON.parse` has it, the last of two equal keys counts.
            match places.get(&key).and_then(|place| map.get_mut(*place)) {
                Some(slot) => slot.1 = value,
                None => {
                    places.insert(key.clone(), map.len());
                    map.push((key, value));
                }
            }
        }
        Ok(Value::Map(map))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Reader)
    }
}

/// A key: YAML allows numbers and truth values there.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match input.deserialize_any(Reader)? {
            Value::Text(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            Value::Bool(truth) => Ok(Self(truth.to_string())),
            Value::Null => Ok(Self("null".to_owned())),
            Value::List(_) | Value::Map(_) => Err(de::Error::custom("a key has to be a text")),
        }
    }
}

/// Reads JSON with comments, trailing commas and unquoted keys.
pub(super) fn json5(text: &str) -> Result<Value, ImportError> {
    bounded(text)?;
    if let Some((line, column)) = too_deep(text) {
        let what = format!("brackets are nested deeper than {MAX_IMPORT_NESTING} levels");
        return Err(ImportError::Syntax { format: "JSON", line, column, what });
    }
    json5::from_str(text).map_err(|error| {
        let place = error.position();
        let what = error.code().map_or_else(|| error.to_string(), |code| code.to_string().to_ascii_lowercase());
        let (line, column) = place.map_or((1, 1), |place| (place.line + 1, place.column + 1));
        ImportError::Syntax { format: "JSON", line, column, what: one_line(&what) }
    })
}

/// Reads YAML. Aliases are followed, within bounds.
pub(super) fn yaml(text: &str) -> Result<Value, ImportError> {
    bounded(text)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_IMPORT_NESTING,
            flow_nesting_limit: MAX_IMPORT_NESTING,
            max_nodes: MAX_IMPORT_VALUES,
            max_events: MAX_IMPORT_VALUES * 3,
            max_aliases: MAX_IMPORT_ALIASES,
            max_anchors: MAX_IMPORT_ALIASES,
            max_merge_keys: MAX_IMPORT_ALIASES,
            max_documents: 1,
        },
        with_snippet: false,
    };
    let value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|place| (place.line(), place.column()));
        let (line, column) = place.map_or((1, 1), |(line, column)| (small(line), small(column)));
        ImportError::Syntax { format: "YAML", line, column, what: one_line(&error.without_snippet().to_string()) }
    })?;
    // What aliases repeat counts as often as it stands there.
    if count(&value) > MAX_IMPORT_VALUES {
        return Err(ImportError::TooMany);
    }
    Ok(value)
}

fn bounded(text: &str) -> Result<(), ImportError> {
    if text.len() > MAX_IMPORT_BYTES { Err(ImportError::TooLarge) } else { Ok(()) }
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).max(1)
}

/// The first line of a message, lower case at its beginning.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let mut letters = line.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_ascii_lowercase(), letters.as_str()))
}

fn count(value: &Value) -> usize {
    let inner: usize = match value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(members) => members.iter().map(|(_, value)| count(value)).sum(),
        _ => 0,
    };
    inner + 1
}

/// The place of a bracket beyond the deepest nesting. Parsers of JSON recurse, and a stack overflow
/// cannot be caught.
fn too_deep(text: &str) -> Option<(usize, usize)> {
    let mut depth = 0_usize;
    let (mut line, mut column) = (1, 0);
    let mut quote: Option<char> = None;
    let mut comment: Option<&str> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        column += 1;
        if letter == '\n' {
            (line, column) = (line + 1, 0);
        }
        let next = letters.peek().copied();
        match (comment, quote) {
            (Some("//"), _) if letter == '\n' => comment = None,
            (Some("/*"), _) if letter == '*' && next == Some('/') => {
                letters.next();
                column += 1;
                comment = None;
            }
            (Some(_), _) => {}
            (None, Some(_)) if letter == '\\' => {
                if letters.next() == Some('\n') {
                    (line, column) = (line + 1, 0);
                } else {
                    column += 1;
                }
            }
            (None, Some(open)) if letter == open => quote = None,
            (None, Some(_)) => {}
            (None, None) => match letter {
                '"' | '\'' => quote = Some(letter),
                '/' if next == Some('/') => comment = Some("//"),
                '/' if next == Some('*') => comment = Some("/*"),
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            },
        }
        if depth > MAX_IMPORT_NESTING {
            return Some((line, column));
        }
    }
    None
}
