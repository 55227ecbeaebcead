//! Facts written by hand: `given { … }` of a test, `--given`, a counterexample.
//!
//! What is not given has the table's default. Given facts need not agree with each other.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::schema::{FactType, VARIABLES};
use super::{BYTES_PER_TOKEN, Fact, Facts, Needs, Var};

/// A value of its own, the counterpart of [`Fact`].
#[derive(Clone, Debug, PartialEq)]
pub enum Owned {
    /// true or false
    Bool(bool),
    /// a whole number
    Int(i64),
    /// a number
    Double(f64),
    /// text
    Str(String),
    /// a list of texts
    List(Vec<Cow<'static, str>>),
    /// a moment
    Time(DateTime<Utc>),
}

impl Owned {
    /// Borrows it.
    #[must_use]
    pub fn as_fact(&self) -> Fact<'_> {
        match self {
            Self::Bool(value) => Fact::Bool(*value),
            Self::Int(value) => Fact::Int(*value),
            Self::Double(value) => Fact::Double(*value),
            Self::Str(value) => Fact::Str(value),
            Self::List(items) => Fact::List(items),
            Self::Time(value) => Fact::Time(*value),
        }
    }

    /// The value that a variable of this type has when nobody gives one.
    #[must_use]
    pub fn default_of(ty: FactType) -> Self {
        match ty {
            FactType::Bool => Self::Bool(false),
            FactType::Int => Self::Int(0),
            FactType::Double => Self::Double(0.0),
            FactType::Str => Self::Str(String::new()),
            FactType::List => Self::List(Vec::new()),
            FactType::Time => Self::Time(DateTime::UNIX_EPOCH),
        }
    }
}

/// The value that a variable has when nothing is known of it.
#[must_use]
pub fn default_value(var: Var) -> Owned {
    match var {
        Var::RequestProtocol => Owned::Str("anthropic".to_owned()),
        Var::RequestTask => Owned::Str("chat".to_owned()),
        Var::RequestClient => Owned::Str("other".to_owned()),
        Var::TenantId => Owned::Str("default".to_owned()),
        Var::ModelHealthy => Owned::Bool(true),
        Var::ModelHeadroom => Owned::Double(1.0),
        _ => Owned::default_of(var.row().ty),
    }
}

/// The facts of one case.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenFacts {
    values: Vec<Owned>,
    given: Vec<bool>,
    headers: BTreeMap<String, String>,
    meta: BTreeMap<String, String>,
}

impl Default for GivenFacts {
    fn default() -> Self {
        Self {
            values: VARIABLES.iter().map(|row| default_value(row.var)).collect(),
            given: vec![false; VARIABLES.len()],
            headers: BTreeMap::new(),
            meta: BTreeMap::new(),
        }
    }
}

impl GivenFacts {
    /// Gives a variable a value of the type that the table says; another type is not taken.
    /// Returns whether it was taken.
    pub fn set(&mut self, var: Var, value: Owned) -> bool {
        let fits = std::mem::discriminant(&value) == std::mem::discriminant(&Owned::default_of(var.row().ty));
        if fits && let (Some(slot), Some(flag)) = (self.values.get_mut(var as usize), self.given.get_mut(var as usize))
        {
            *slot = value;
            *flag = true;
        }
        fits
    }

    /// Gives a request header; the name is lower-cased.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }

    /// Gives a text of the request's `metadata`.
    pub fn set_meta(&mut self, name: &str, value: &str) {
        self.meta.insert(name.to_owned(), value.to_owned());
    }

    /// Whether somebody gave this variable a value.
    #[must_use]
    pub fn is_given(&self, var: Var) -> bool {
        self.given.get(var as usize).copied().unwrap_or(false)
    }

    /// The headers given, by lower-case name.
    #[must_use]
    pub fn headers(&self) -> &BTreeMap<String, String> {
        &self.headers
    }

    /// The metadata given.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.meta
    }
}

impl Facts for GivenFacts {
    fn get(&self, var: Var) -> Fact<'_> {
        self.values.get(var as usize).map_or(Fact::Bool(false), Owned::as_fact)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn meta(&self, name: &str) -> &str {
        self.meta.get(name).map_or("", String::as_str)
    }

    fn tokens_bound(&self) -> i64 {
        self.get(Var::RequestTokens).as_int()
    }

    fn body_bytes(&self) -> i64 {
        self.tokens_bound().saturating_mul(BYTES_PER_TOKEN)
    }

    fn needs(&self) -> Needs {
        Needs {
            tools: !self.get(Var::RequestTools).as_list().is_empty(),
            vision: self.get(Var::RequestImages).as_int() > 0,
            thinking: self.get(Var::RequestThinking).as_bool(),
            json_schema: self.get(Var::RequestJson).as_bool(),
            web_search: self.get(Var::RequestServerTools).as_list().iter().any(|tool| tool.starts_with("web_search")),
            stream: self.get(Var::RequestStream).as_bool(),
            ..Needs::default()
        }
    }
}
