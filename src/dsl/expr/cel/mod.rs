//! The only place that knows the CEL crate: its tree, its environment, its values.
//!
//! An expression is converted once ([`Prepared::new`]); its reads become numbered names, so that
//! an evaluation fetches each fact once and binds it without a copy. The pattern of `matches` is
//! compiled once: the crate's own function would compile it at every call.

mod convert;
mod json;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel_interpreter::common::ast::{Expr as Cel, IdedExpr};
use cel_interpreter::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelString, CelTimestamp, STRING_TYPE, Type as CelType,
};
use cel_interpreter::common::value::{CowVal, StaticVal, Val};
use cel_interpreter::context::VariableResolver;
use cel_interpreter::{Context, Env, ExecutionError, Value};

use super::typed::{Accessor, Expr};
use crate::bounds::MAX_REGEX_BYTES;
use crate::facts::{Fact, Facts, Var, given::Owned, whole_number};

/// The crate's standard library, its string functions and our compiled `matches`. Built once:
/// it takes about 100 µs.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Both fail only for a name that is taken, which the tests would show.
    let _ = env.add_extension(cel_interpreter::extensions::strings);
    let _ = env.add_member_overload(
        "matches",
        "string_matches_compiled",
        STRING_TYPE,
        vec![CelType::new_unspecified_type(PATTERN_NAME)],
        matches_compiled,
    );
    Arc::new(env)
});

/// A fact that an expression reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Read {
    Var(Var),
    Access(Accessor),
}

impl Read {
    /// As an author writes it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Var(var) => var.path().to_owned(),
            Self::Access(Accessor::Header(name) | Accessor::HeaderInt(name, _)) => {
                format!("request.header({})", super::print::quoted(name))
            }
            Self::Access(Accessor::Meta(name) | Accessor::MetaInt(name, _)) => {
                format!("request.meta({})", super::print::quoted(name))
            }
        }
    }

    /// The value now.
    pub(super) fn value(&self, facts: &dyn Facts) -> Owned {
        match self.fact(facts) {
            Fact::Bool(value) => Owned::Bool(value),
            Fact::Int(value) => Owned::Int(value),
            Fact::Double(value) => Owned::Double(value),
            Fact::Str(value) => Owned::Str(value.to_owned()),
            Fact::List(items) => Owned::List(items.iter().map(|item| item.clone().into_owned().into()).collect()),
            Fact::Time(value) => Owned::Time(value),
        }
    }

    fn fact<'a>(&self, facts: &'a dyn Facts) -> Fact<'a> {
        match self {
            Self::Var(var) => facts.get(*var),
            Self::Access(Accessor::Header(name)) => Fact::Str(facts.header(name)),
            Self::Access(Accessor::HeaderInt(name, absent)) => Fact::Int(whole_number(facts.header(name), *absent)),
            Self::Access(Accessor::Meta(name)) => Fact::Str(facts.meta(name)),
            Self::Access(Accessor::MetaInt(name, absent)) => Fact::Int(whole_number(facts.meta(name), *absent)),
        }
    }
}

/// An expression ready to be evaluated any number of times.
#[derive(Clone)]
pub(super) struct Prepared {
    expr: IdedExpr,
    reads: Vec<Read>,
    patterns: Vec<Pattern>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Prepared").field("reads", &self.reads).finish_non_exhaustive()
    }
}

impl Prepared {
    /// Converts an expression.
    pub(super) fn new(expr: &Expr) -> Self {
        let mut numbered = Numbered { reads: Vec::new(), patterns: Vec::new() };
        let expr = convert::convert(expr, &mut numbered);
        Self { expr, reads: numbered.reads, patterns: numbered.patterns }
    }

    /// What it reads, each once, in order of first appearance.
    pub(super) fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// Its value as a truth value.
    pub(super) fn boolean(&self, facts: &dyn Facts) -> Result<bool, String> {
        self.with_value(facts, |value| {
            value.downcast_ref::<CelBool>().map(|value| *value.inner()).ok_or_else(|| wrong_type("bool", value))
        })
    }

    /// Its value as text.
    pub(super) fn string(&self, facts: &dyn Facts) -> Result<String, String> {
        self.with_value(facts, |value| {
            value
                .downcast_ref::<CelString>()
                .map(|value| value.inner().to_owned())
                .ok_or_else(|| wrong_type("string", value))
        })
    }

    /// Its value as JSON text.
    pub(super) fn json(&self, facts: &dyn Facts) -> Result<String, String> {
        self.with_value(facts, |value| {
            let value: Value = value.try_into().map_err(|error: ExecutionError| error.to_string())?;
            json::text(&value)
        })
    }

    fn with_value<T>(&self, facts: &dyn Facts, take: impl Fn(&dyn Val) -> Result<T, String>) -> Result<T, String> {
        let bound =
            Bound { reads: self.reads.iter().map(|read| boxed(read.fact(facts))).collect(), patterns: &self.patterns };
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(&bound);
        match Value::resolve_val(&self.expr, &context) {
            Ok(value) => take(value.as_ref()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn wrong_type(wanted: &str, value: &dyn Val) -> String {
    format!("a {wanted} is wanted, this is a {}", value.get_type().name())
}

/// A fact as a value of the crate; text is borrowed.
fn boxed<'a>(fact: Fact<'a>) -> Box<dyn Val + 'a> {
    match fact {
        Fact::Bool(value) => Box::new(CelBool::from(value)),
        Fact::Int(value) => Box::new(CelInt::from(value)),
        Fact::Double(value) => Box::new(CelDouble::from(value)),
        Fact::Str(value) => Box::new(CelString::from(value)),
        Fact::List(items) => {
            let items: Vec<Box<dyn Val + 'a>> =
                items.iter().map(|item| Box::new(CelString::from(item.as_ref())) as Box<dyn Val + 'a>).collect();
            Box::new(CelList::from(items))
        }
        Fact::Time(value) => Box::new(CelTimestamp::from(value.fixed_offset())),
    }
}

/// Names for reads (`@0`, `@1`, …) and patterns (`@p0`, …). No source text can write a name with `@`.
struct Numbered {
    reads: Vec<Read>,
    patterns: Vec<Pattern>,
}

impl Numbered {
    fn name(&mut self, read: Read) -> Cel {
        let index = self.reads.iter().position(|known| *known == read).unwrap_or_else(|| {
            self.reads.push(read);
            self.reads.len() - 1
        });
        Cel::Ident(format!("@{index}"))
    }
}

impl convert::Reads for Numbered {
    fn var(&mut self, var: Var) -> Cel {
        self.name(Read::Var(var))
    }

    fn access(&mut self, accessor: &Accessor) -> Cel {
        self.name(Read::Access(accessor.clone()))
    }

    fn pattern(&mut self, pattern: &str) -> Cel {
        match compiled(pattern) {
            Some(regex) => {
                self.patterns.push(Pattern(Arc::new(regex)));
                Cel::Ident(format!("@p{}", self.patterns.len() - 1))
            }
            // The checker refuses such a pattern; the crate's own function would report it.
            None => Cel::Literal(cel_interpreter::common::ast::LiteralValue::String(pattern.to_owned().into())),
        }
    }
}

/// A pattern as the crate understands it, within our bound of size.
pub(super) fn compiled(pattern: &str) -> Option<regex::Regex> {
    regex::RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).build().ok()
}

/// The facts of one evaluation, by number.
struct Bound<'a> {
    reads: Vec<Box<dyn Val + 'a>>,
    patterns: &'a [Pattern],
}

impl VariableResolver for Bound<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let name = variable.strip_prefix('@')?;
        match name.strip_prefix('p') {
            Some(index) => Some(CowVal::Borrowed(self.patterns.get(index.parse::<usize>().ok()?)?)),
            None => Some(CowVal::Borrowed(self.reads.get(name.parse::<usize>().ok()?)?.as_ref())),
        }
    }
}

const PATTERN_NAME: &str = "ccr.Pattern";
static PATTERN_TYPE: CelType = CelType::new_unspecified_type(PATTERN_NAME);

/// A compiled regular expression as a value of the crate.
#[derive(Clone, Debug)]
struct Pattern(Arc<regex::Regex>);

impl Val for Pattern {
    fn get_type(&self) -> &CelType {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static CelType {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

/// `text.matches(pattern)` with a compiled pattern.
fn matches_compiled<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = arguments.as_slice() else {
        return Err(ExecutionError::function_error("matches", "two arguments are wanted"));
    };
    match (text.downcast_ref::<CelString>(), pattern.downcast_ref::<Pattern>()) {
        (Some(text), Some(pattern)) => Ok(CowVal::owned(CelBool::from(pattern.0.is_match(text.inner())))),
        _ => Err(ExecutionError::function_error("matches", "a text and a pattern are wanted")),
    }
}
