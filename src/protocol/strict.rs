//! What a member of a request has to be, and where it stands when it is not that.
//!
//! To translate is to write anew: what is of another type than its protocol says would be lost without a word.
//! So every reader refuses it by its path, such as `messages[2].content[0].text`. A body that goes on as it came
//! is not looked at: its upstream judges it.

use std::fmt;

use super::Protocol;
use super::encode::warnings;
use super::exchange::Exchange;
use super::gemini::{camel, is_named};
use super::json::{Kind, Raw, Text};
use super::request::{BadRequest, Request, shown};

/// Where something stands in a body. It costs nothing until it is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    above: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Member(&'p str),
    Element(usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(out, "{above}")?;
        }
        match self.step {
            Step::Member(name) if self.above.is_some() => write!(out, ".{name}"),
            Step::Member(name) => out.write_str(name),
            Step::Element(index) => write!(out, "[{index}]"),
        }
    }
}

impl<'p> Place<'p> {
    /// A member of the body's outermost object.
    pub(crate) const fn top(name: &'p str) -> Self {
        Self { above: None, step: Step::Member(name) }
    }

    pub(crate) const fn member(&'p self, name: &'p str) -> Self {
        Self { above: Some(self), step: Step::Member(name) }
    }

    pub(crate) const fn element(&'p self, index: usize) -> Self {
        Self { above: Some(self), step: Step::Element(index) }
    }

    /// What is wrong here.
    pub(crate) fn refuse(&self, what: impl fmt::Display) -> BadRequest {
        BadRequest::new(format!("`{self}`: {what}"))
    }

    /// Refuses a word that none of the known ones is.
    pub(crate) fn refuse_word(&self, word: &[u8], known: &str) -> BadRequest {
        match shown(&String::from_utf8_lossy(word)) {
            word if word.is_empty() => self.refuse(format_args!("one of {known} is required")),
            word => self.refuse(format_args!("`{word}` is none of {known}")),
        }
    }

    fn want<'a>(&self, value: Option<Raw<'a>>, form: Form) -> Result<Option<Raw<'a>>, BadRequest> {
        match value.filter(|value| !value.is_null()) {
            Some(value) if !form.fits(value) => Err(self.refuse(format_args!("{} is required", form.words()))),
            value => Ok(value),
        }
    }

    /// A text; None when it is absent or `null`, as with all of these.
    pub(crate) fn text<'a>(&self, value: Option<Raw<'a>>) -> Result<Option<Text<'a>>, BadRequest> {
        Ok(self.want(value, Form::Text)?.and_then(Raw::text))
    }

    /// A text; the empty one when it is absent.
    pub(crate) fn said<'a>(&self, value: Option<Raw<'a>>) -> Result<Text<'a>, BadRequest> {
        Ok(self.text(value)?.unwrap_or(Text::EMPTY))
    }

    /// A text that is not empty, or nothing.
    pub(crate) fn full<'a>(&self, value: Option<Raw<'a>>) -> Result<Option<Text<'a>>, BadRequest> {
        Ok(self.text(value)?.filter(|text| !text.is_empty()))
    }

    /// A text that must be there and not be empty.
    pub(crate) fn name<'a>(&self, value: Option<Raw<'a>>) -> Result<Text<'a>, BadRequest> {
        match self.text(value)? {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(self.refuse("it is empty")),
            None => Err(self.refuse("field required")),
        }
    }

    pub(crate) fn flag(&self, value: Option<Raw<'_>>) -> Result<Option<bool>, BadRequest> {
        Ok(self.want(value, Form::Flag)?.and_then(Raw::boolean))
    }

    /// An object.
    pub(crate) fn object<'a>(&self, value: Option<Raw<'a>>) -> Result<Option<Raw<'a>>, BadRequest> {
        self.want(value, Form::Object(&[]))
    }

    /// An object that must be there.
    pub(crate) fn inner<'a>(&self, value: Option<Raw<'a>>) -> Result<Raw<'a>, BadRequest> {
        self.object(value)?.ok_or_else(|| self.refuse("field required"))
    }

    /// A list; `null` when it is absent.
    pub(crate) fn list<'a>(&self, value: Option<Raw<'a>>) -> Result<Raw<'a>, BadRequest> {
        Ok(self.want(value, Form::List)?.unwrap_or(Raw::NULL))
    }

    /// A text or a list; `null` when it is absent.
    pub(crate) fn content<'a>(&self, value: Option<Raw<'a>>) -> Result<Raw<'a>, BadRequest> {
        Ok(self.want(value, Form::TextOrList)?.unwrap_or(Raw::NULL))
    }

    /// Checks a value and what is known of its inside; `null` counts as absent.
    fn check(&self, value: Raw<'_>, form: Form) -> Result<(), BadRequest> {
        if self.want(Some(value), form)?.is_none() {
            return Ok(());
        }
        match form {
            Form::Object(known) => {
                for member in value.members() {
                    let (key, inner) = member?;
                    if let Some((name, form)) = known.iter().find(|(name, _)| is_named(key, name)) {
                        self.member(name).check(inner, *form)?;
                    }
                }
            }
            Form::Texts | Form::TextOrTexts => {
                for (index, inner) in value.elements().enumerate() {
                    if inner?.kind() != Kind::String {
                        return Err(self.element(index).refuse("a text is required"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// it is checked elsewhere, or has no meaning here
    Any,
    Text,
    Number,
    /// a number, which Google's JSON may have in a text
    Numeral,
    Flag,
    /// with these members, among others
    Object(&'static [(&'static str, Form)]),
    List,
    Texts,
    TextOrList,
    TextOrTexts,
    TextOrObject,
    Content,
}

impl Form {
    fn fits(self, value: Raw<'_>) -> bool {
        let kind = value.kind();
        match self {
            Self::Any => true,
            Self::Text => kind == Kind::String,
            Self::Number => kind == Kind::Number,
            Self::Numeral => plain_number(value).kind() == Kind::Number,
            Self::Flag => kind == Kind::Bool,
            Self::Object(_) => kind == Kind::Object,
            Self::List | Self::Texts => kind == Kind::Array,
            Self::TextOrList | Self::TextOrTexts => matches!(kind, Kind::String | Kind::Array),
            Self::TextOrObject => matches!(kind, Kind::String | Kind::Object),
            Self::Content => matches!(kind, Kind::String | Kind::Array | Kind::Object),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text => "a text",
            Self::Number | Self::Numeral => "a number",
            Self::Flag => "true or false",
            Self::Object(_) => "an object",
            Self::List => "a list",
            Self::Texts => "a list of texts",
            Self::TextOrList => "a text or a list",
            Self::TextOrTexts => "a text or a list of texts",
            Self::TextOrObject => "a text or an object",
            Self::Content => "a text, a list or an object",
        }
    }
}

/// A number, taken out of the text in which Google's JSON may have it.
pub(crate) fn plain_number(value: Raw<'_>) -> Raw<'_> {
    // What Rust reads as a number is not always one of JSON's: `05`.
    let inside = value.text().filter(|text| serde_json::from_slice::<f64>(text.escaped()).is_ok());
    inside.map_or(value, |text| Raw::from_measured(text.escaped()))
}

/// Members of a protocol's outermost object, and what they have to be.
pub(crate) type Members = [(&'static str, Form)];

/// Refuses members of a wrong type, and tells of those that are not known. `neutral`: values of unknown
/// members that ask for nothing.
pub(crate) fn check_members(
    request: &Request,
    exchange: &mut Exchange<'_>,
    known: &Members,
    neutral: &[(&str, &[u8])],
) -> Result<(), BadRequest> {
    for (key, value) in request.members().filter(|(_, value)| !value.is_null()) {
        match known.iter().find(|(name, _)| is_named(key, name)) {
            Some((name, form)) => Place::top(name).check(value, *form)?,
            None if neutral.iter().any(|(name, nothing)| is_named(key, name) && value.bytes() == *nothing) => {}
            None if request.protocol() == Protocol::Gemini => exchange.warn(warnings::unknown_member(&camel(key))),
            None => exchange.warn(warnings::unknown_member(&key.decode())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_its_path() {
        let list = Place::top("messages");
        let message = list.element(2);
        let content = message.member("content");
        assert_eq!(content.element(0).to_string(), "messages[2].content[0]");
    }

    #[test]
    fn a_value_fits_its_form() {
        let check = |json: &'static str, form: Form, expected: Result<(), &str>| {
            let is = Place::top("x").check(Raw::from_measured(json.as_bytes()), form);
            assert_eq!(is, expected.map_err(BadRequest::new), "{json}");
        };
        const INNER: Form = Form::Object(&[("budgetTokens", Form::Number)]);
        check("5", Form::Text, Err("`x`: a text is required"));
        check("null", Form::Text, Ok(()));
        check("[1]", Form::TextOrTexts, Err("`x[0]`: a text is required"));
        check("\"a\"", Form::TextOrTexts, Ok(()));
        check("{\"budget_tokens\":\"a\",\"y\":1}", INNER, Err("`x.budgetTokens`: a number is required"));
        check("{\"budgetTokens\":5}", INNER, Ok(()));
        check("\"5e1\"", Form::Numeral, Ok(()));
        check("\"5\"", Form::Number, Err("`x`: a number is required"));
        check("\"five\"", Form::Numeral, Err("`x`: a number is required"));
        check("\"05\"", Form::Numeral, Err("`x`: a number is required"));
    }

    #[test]
    fn a_word_that_nobody_knows_is_named() {
        let at = Place::top("x");
        assert_eq!(at.refuse_word(b"z", "`a` and `b`").message, "`x`: `z` is none of `a` and `b`");
        assert_eq!(at.refuse_word(b"", "`a` and `b`").message, "`x`: one of `a` and `b` is required");
    }
}
