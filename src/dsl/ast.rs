//! What the text says, before any name is looked up. Every node knows its place.

use std::time::Duration;

use crate::diag::Span;
use crate::dsl::expr::ast::Raw;
use crate::dsl::policy::Strategy;

/// A word with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// the word
    pub text: String,
    /// where it stands
    pub span: Span,
}

/// One top-level declaration.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `provider NAME { … }`
    Provider(Block),
    /// `model NAME on PROVIDER { … }`
    Model {
        /// the name and the fields
        block: Block,
        /// the provider
        on: Word,
    },
    /// `pool NAME = [ … ]`
    Pool {
        /// its name
        name: Word,
        /// its members
        members: Vec<Word>,
        /// the list's place
        span: Span,
    },
    /// `tenant NAME { … }`
    Tenant(Block),
    /// `defaults { … }`
    Defaults(Block),
    /// `transform NAME { … }`
    Transform(Block),
    /// `alert NAME { … }`
    Alert(Word),
    /// `route NAME { … }`
    Route(Route),
    /// `test "TITLE" { … }`
    Test(Test),
    /// `invariant "TITLE" { when … require … }`
    Invariant {
        /// its title
        title: Word,
        /// for which requests
        when: Raw,
        /// what has to hold
        require: Raw,
    },
}

/// A name (the keyword itself for `defaults`) and fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// its name
    pub name: Word,
    /// its fields, in order
    pub fields: Vec<Field>,
    /// false: some fields could not be read, so none is missing for certain
    pub whole: bool,
}

/// `key: value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// the key
    pub key: Word,
    /// the value
    pub value: Value,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// what it is
    pub kind: ValueKind,
    /// where it stands
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueKind {
    /// `"…"`
    String(String),
    /// a bare word
    Word(String),
    /// `128k`, `0.5`, `-1`
    Number(f64),
    /// `30s`
    Duration(Duration),
    /// `90%`, as 90.0
    Percent(f64),
    /// `$200/month`
    Money,
    /// `60/min`
    Rate,
    /// `true`
    Bool(bool),
    /// `[ … ]`
    List(Vec<Value>),
    /// `{ … }`
    Map(Vec<Field>),
    /// `env("X")`
    Call(Word, Vec<Value>),
    /// `5% to NAME`
    Share,
    /// `after 2s`
    After,
    /// an expression
    Expr(Raw),
    /// already reported
    Bad,
}

impl ValueKind {
    /// A few words for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Word(_) => "a word",
            Self::Number(_) => "a number",
            Self::Duration(_) => "a duration",
            Self::Percent(_) => "a percentage",
            Self::Money => "an amount of money",
            Self::Rate => "a rate",
            Self::Bool(_) => "a truth value",
            Self::List(_) => "a list",
            Self::Map(_) => "a group of fields",
            Self::Call(..) => "a call",
            Self::Share => "a share of requests",
            Self::After => "a delay",
            Self::Expr(_) | Self::Bad => "an expression",
        }
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// its name
    pub name: Word,
    /// its fields
    pub fields: Vec<Field>,
    /// its statements, in order
    pub statements: Vec<Statement>,
    /// false: a part of it did not parse, so nothing is missing or unused for certain
    pub whole: bool,
}

/// One statement of a route.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `let NAME = EXPR`
    Let(Word, Raw),
    /// `rule NAME when EXPR -> …`, or the default without a condition
    Rule(Rule),
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// its name; `default` for the default
    pub name: Word,
    /// None for the default
    pub condition: Option<Raw>,
    /// its attempts
    pub target: Vec<Attempt>,
    /// its options
    pub with: Vec<Field>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// what it is
    pub kind: AttemptKind,
    /// where it stands
    pub span: Span,
}

/// What an attempt is.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptKind {
    /// a model or a pool
    Name(Word),
    /// `CHOICE of SET where …`
    Choice {
        /// how
        strategy: (Strategy, Span),
        /// of which
        set: Set,
        /// who counts
        filter: Option<Raw>,
    },
    /// `split { … } by …`
    Split {
        /// percent, its place, and where it leads
        arms: Vec<(f64, Span, Attempt)>,
        /// what decides
        by: Option<Raw>,
    },
    /// `route NAME`
    Route(Word),
    /// `reject STATUS "TEXT"`
    Reject {
        /// as written
        status: (u32, Span),
        /// what the client reads
        text: Option<String>,
    },
}

/// Who can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    /// `tag(NAME)`
    Tag(Word),
    /// `[ … ]`
    Names(Vec<Word>, Span),
    /// a pool
    Name(Word),
}

/// A test block.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// its title
    pub title: Word,
    /// `on ROUTE`
    pub on: Option<Word>,
    /// its cases
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// the facts
    pub given: Vec<Field>,
    /// live facts by model
    pub state: Vec<Field>,
    /// what has to come out
    pub expected: Expected,
    /// `by a/b`
    pub by: Option<Word>,
    /// its place
    pub span: Span,
}

/// What a case expects.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// the attempts
    Models(Vec<Word>),
    /// a refusal
    Reject(u32, Span),
}
