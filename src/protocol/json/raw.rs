//! Values, members and elements.

use super::scan::{JsonError, skip_space, skip_string, skip_value};
use super::text::Text;

/// A value's own bytes, without white space around them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a [u8]);

impl std::fmt::Debug for Raw<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&String::from_utf8_lossy(self.0))
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl<'a> Raw<'a> {
    /// `null`, for what is absent.
    pub const NULL: Raw<'static> = Raw(b"null");

    /// Takes bytes that one [`skip_value`] has measured.
    #[must_use]
    pub const fn from_measured(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads a text that holds one value and nothing else.
    ///
    /// # Errors
    /// When it does not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let start = skip_space(bytes, 0);
        let end = skip_value(bytes, start)?;
        if skip_space(bytes, end) != bytes.len() {
            return Err(JsonError::new("something stands behind the value", end));
        }
        Ok(Self(bytes.get(start..end).unwrap_or_default()))
    }

    /// Takes an object that its reader walks over anyway: it is only looked at from both ends, and
    /// what is wrong inside is found by [`Raw::pick`].
    ///
    /// # Errors
    /// When it does not begin and end like an object.
    pub fn object(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let bytes = bytes.trim_ascii();
        match (bytes.first(), bytes.last()) {
            (Some(b'{'), Some(b'}')) => Ok(Self(bytes)),
            (Some(b'{'), _) => Err(JsonError::new("an object is not closed", bytes.len())),
            _ => Err(JsonError::new("an object was expected", 0)),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.0.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The string's text.
    #[must_use]
    pub fn text(self) -> Option<Text<'a>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(Text::from_escaped(inner))
    }

    /// true or false.
    #[must_use]
    pub fn boolean(self) -> Option<bool> {
        match self.0 {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> Option<f64> {
        if self.kind() == Kind::Number { std::str::from_utf8(self.0).ok()?.parse().ok() } else { None }
    }

    /// The whole number that is not negative, `1e3` and `8.0` included.
    #[must_use]
    pub fn whole(self) -> Option<u64> {
        if let Ok(number) = std::str::from_utf8(self.0).ok()?.parse::<u64>() {
            return Some(number);
        }
        let number = self.number()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
        (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
    }

    /// Whether this string has this text.
    #[must_use]
    pub fn is_text(self, plain: &str) -> bool {
        self.text().is_some_and(|text| text.is(plain))
    }

    /// The elements of an array; none for another value.
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        match self.0.first() {
            Some(b'[') => Elements { bytes: self.0, at: 1, first: true, done: false },
            _ => Elements { bytes: self.0, at: 0, first: true, done: true },
        }
    }

    /// The members of an object; none for another value.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        match self.0.first() {
            Some(b'{') => Members { bytes: self.0, at: 1, first: true, done: false, alone: true },
            _ => Members { bytes: self.0, at: 0, first: true, done: true, alone: true },
        }
    }

    /// The members with these names, found in one walk. Of two with one name the last counts, as
    /// it does for nearly every parser; `null` counts as absent.
    ///
    /// # Errors
    /// When the object is not well formed.
    pub fn pick<const N: usize>(self, names: [&str; N]) -> Result<[Option<Raw<'a>>; N], JsonError> {
        let mut members = self.members();
        picked(&mut members, names)
    }

    /// The elements of an array; an object stands for a list of itself, as Google's own readers take it.
    pub(crate) fn each(self) -> impl Iterator<Item = Result<Raw<'a>, JsonError>> {
        let alone = (self.kind() == Kind::Object).then_some(Ok(self));
        alone.into_iter().chain(self.elements())
    }

    /// The elements of an array, each with its members of these names: what [`Raw::elements`] and [`Raw::pick`]
    /// give, in one walk instead of two.
    pub(crate) fn picks<const N: usize>(self, names: [&'static str; N]) -> Picks<'a, N> {
        Picks { elements: self.elements(), names }
    }

    /// Like [`Raw::pick`], for those who can do with what there is before the first error.
    #[must_use]
    pub fn peek<const N: usize>(self, names: [&str; N]) -> [Option<Raw<'a>>; N] {
        self.pick(names).unwrap_or([None; N])
    }

    /// One member, or None.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Raw<'a>> {
        let [value] = self.peek([name]);
        value
    }
}

/// Walks an array; ends at the first error.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
    first: bool,
    done: bool,
}

impl<'a> Elements<'a> {
    fn step(&mut self) -> Result<Option<Raw<'a>>, JsonError> {
        let Some(start) = separator(self.bytes, self.at, self.first, b']')? else { return Ok(None) };
        let end = skip_value(self.bytes, start)?;
        self.at = end;
        self.first = false;
        Ok(self.bytes.get(start..end).map(Raw))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Raw<'a>, JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}

/// See [`Raw::picks`]; ends at the first error.
#[derive(Clone, Debug)]
pub(crate) struct Picks<'a, const N: usize> {
    elements: Elements<'a>,
    names: [&'static str; N],
}

impl<'a, const N: usize> Picks<'a, N> {
    #[expect(clippy::type_complexity, reason = "an element and its members")]
    fn step(&mut self) -> Result<Option<(Raw<'a>, [Option<Raw<'a>>; N])>, JsonError> {
        let Elements { bytes, at, first, .. } = self.elements;
        let Some(start) = separator(bytes, at, first, b']')? else { return Ok(None) };
        self.elements.first = false;
        let (end, found) = if bytes.get(start) == Some(&b'{') {
            let mut members = Members { bytes, at: start + 1, first: true, done: false, alone: false };
            let found = picked(&mut members, self.names)?;
            (members.at, found)
        } else {
            (skip_value(bytes, start)?, [None; N])
        };
        self.elements.at = end;
        Ok(bytes.get(start..end).map(|element| (Raw(element), found)))
    }
}

impl<'a, const N: usize> Iterator for Picks<'a, N> {
    type Item = Result<(Raw<'a>, [Option<Raw<'a>>; N]), JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.elements.done {
            return None;
        }
        let step = self.step().transpose();
        self.elements.done = !matches!(step, Some(Ok(_)));
        step
    }
}

/// The last member of each of these names; walks to the end of the object.
fn picked<'a, const N: usize>(members: &mut Members<'a>, names: [&str; N]) -> Result<[Option<Raw<'a>>; N], JsonError> {
    let mut found = [None; N];
    for member in members {
        let (key, value) = member?;
        let mut known = false;
        for (slot, name) in found.iter_mut().zip(names) {
            if key.escaped() == name.as_bytes() {
                *slot = if value.is_null() { None } else { Some(value) };
                known = true;
            }
        }
        if !known && key.has_escape() {
            for (slot, _) in found.iter_mut().zip(names).filter(|(_, name)| key.is(name)) {
                *slot = if value.is_null() { None } else { Some(value) };
            }
        }
    }
    Ok(found)
}

/// Walks an object; ends at the first error.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
    first: bool,
    done: bool,
    /// nothing else stands in the bytes
    alone: bool,
}

impl<'a> Members<'a> {
    fn step(&mut self) -> Result<Option<(Text<'a>, Raw<'a>)>, JsonError> {
        let Some(start) = separator(self.bytes, self.at, self.first, b'}')? else {
            // `Raw::object` has not measured it: two objects in a row begin and end like one.
            self.at = skip_space(self.bytes, self.at) + 1;
            let sound = !self.alone || self.at == self.bytes.len();
            return if sound { Ok(None) } else { Err(JsonError::new("something stands behind the value", self.at)) };
        };
        let (key, value) = member_at(self.bytes, start)?;
        let end = skip_value(self.bytes, value)?;
        self.at = end;
        self.first = false;
        Ok(self.bytes.get(value..end).map(|bytes| (key, Raw(bytes))))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Text<'a>, Raw<'a>), JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}

/// The start of the next item behind `at`, or None at the closing bracket.
pub(crate) fn separator(bytes: &[u8], at: usize, first: bool, close: u8) -> Result<Option<usize>, JsonError> {
    let at = skip_space(bytes, at);
    match bytes.get(at) {
        Some(byte) if *byte == close => Ok(None),
        Some(b',') if !first => Ok(Some(skip_space(bytes, at + 1))),
        Some(_) if first => Ok(Some(at)),
        _ => Err(JsonError::new("`,` or a closing bracket was expected", at)),
    }
}

/// The key at `at` and the place where its value begins.
pub(crate) fn member_at(bytes: &[u8], at: usize) -> Result<(Text<'_>, usize), JsonError> {
    if bytes.get(at) != Some(&b'"') {
        return Err(JsonError::new("a quoted key was expected", at));
    }
    let end = skip_string(bytes, at + 1)?;
    let key = bytes.get(at + 1..end.saturating_sub(1)).unwrap_or_default();
    let colon = skip_space(bytes, end);
    if bytes.get(colon) != Some(&b':') {
        return Err(JsonError::new("`:` was expected", colon));
    }
    Ok((Text::from_escaped(key), skip_space(bytes, colon + 1)))
}
