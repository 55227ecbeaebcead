//! One recorded request, as a line of JSON and back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dsl::policy::Capability;
use crate::engine::price::Tokens;
use crate::facts::given::Owned;
use crate::facts::{FactType, Needs, Scope, Var};

/// The version of the form.
pub const SCHEMA: u32 = 1;

/// Why a line cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// it is no JSON object of this form
    #[error("line {line}: {source}; is this a file that `serve --record` wrote?")]
    Malformed {
        /// from 1
        line: usize,
        /// what is wrong
        source: serde_json::Error,
    },
    /// another version wrote it
    #[error(
        "line {line}: it has schema {found}, this version reads {SCHEMA}; replay it with the version that wrote it"
    )]
    Schema {
        /// from 1
        line: usize,
        /// what it says
        found: u32,
    },
    /// a fact that no variable can have
    #[error("line {line}: `{name}` is no variable with this value: {value}")]
    Fact {
        /// from 1
        line: usize,
        /// the variable's name
        name: String,
        /// what stands there
        value: String,
    },
    /// a need that no request has
    #[error("line {line}: `{name}` is no need of a request")]
    Need {
        /// from 1
        line: usize,
        /// what stands there
        name: String,
    },
}

/// A recorded request.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// when it came in
    pub at: DateTime<Utc>,
    /// the digest of the policy that served it
    pub policy: String,
    /// the declared tenant that asked
    pub tenant: Option<String>,
    /// values of variables; ids are hashes
    pub facts: Vec<(Var, Owned)>,
    /// whether a condition held that reads what is not recorded, by its text
    pub holds: BTreeMap<String, bool>,
    /// what the request needs of a model
    pub needs: Needs,
    /// an upper bound of its tokens
    pub tokens_bound: i64,
    /// route and rule: `main/background`; None when it never came so far
    pub decision: Option<String>,
    /// who answered, or was tried last
    pub model: Option<String>,
    /// how many models were asked
    pub attempts: u32,
    /// how it ended: `ok`, `rejected`, …
    pub outcome: String,
    /// the answer came out of the cache or was shared: it cost nothing
    pub cached: bool,
    /// its tokens, where it was answered
    pub usage: Option<Tokens>,
    /// what it cost, in US dollars; None without a price
    pub cost_usd: Option<f64>,
}

/// The line, member by member.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    schema: u32,
    at: DateTime<Utc>,
    policy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    facts: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    holds: BTreeMap<String, bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<String>,
    tokens_bound: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    attempts: u32,
    outcome: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<UsageLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageLine {
    input: u64,
    output: u64,
    #[serde(default)]
    cache_read: u64,
    #[serde(default)]
    cache_write: u64,
}

/// The schema alone, which comes first: another version may have other members.
#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

impl Entry {
    /// The entry as one line, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        let line = Line {
            schema: SCHEMA,
            at: self.at,
            policy: self.policy.clone(),
            tenant: self.tenant.clone(),
            facts: self.facts.iter().map(|(var, value)| (var.path().to_owned(), json(value))).collect(),
            holds: self.holds.clone(),
            needs: need_names(&self.needs),
            tokens_bound: self.tokens_bound,
            decision: self.decision.clone(),
            model: self.model.clone(),
            attempts: self.attempts,
            outcome: self.outcome.clone(),
            cached: self.cached,
            usage: self.usage.map(|usage| UsageLine {
                input: usage.input,
                output: usage.output,
                cache_read: usage.cache_read,
                cache_write: usage.cache_write,
            }),
            cost_usd: self.cost_usd,
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// Reads one line; `number` counts from 1.
///
/// # Errors
/// When it is not what [`Entry::line`] writes.
pub fn read_line(text: &str, number: usize) -> Result<Entry, RecordError> {
    let malformed = |source| RecordError::Malformed { line: number, source };
    let SchemaOnly { schema } = serde_json::from_str(text).map_err(malformed)?;
    if schema != SCHEMA {
        return Err(RecordError::Schema { line: number, found: schema });
    }
    let line: Line = serde_json::from_str(text).map_err(malformed)?;
    let mut facts = Vec::with_capacity(line.facts.len());
    for (name, value) in line.facts {
        let read = Var::from_path(&name).filter(|var| var.row().scope == Scope::Request);
        let fact = read.and_then(|var| Some((var, owned(var.row().ty, &value)?)));
        let wrong = || RecordError::Fact { line: number, name, value: value.to_string() };
        facts.push(fact.ok_or_else(wrong)?);
    }
    facts.sort_by_key(|(var, _)| *var);
    let mut needs = Needs::default();
    for name in line.needs {
        let Some(flag) = need(&mut needs, &name) else { return Err(RecordError::Need { line: number, name }) };
        *flag = true;
    }
    Ok(Entry {
        at: line.at,
        policy: line.policy,
        tenant: line.tenant,
        facts,
        holds: line.holds,
        needs,
        tokens_bound: line.tokens_bound,
        decision: line.decision,
        model: line.model,
        attempts: line.attempts,
        outcome: line.outcome,
        cached: line.cached,
        usage: line.usage.map(|usage| Tokens {
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
        }),
        cost_usd: line.cost_usd,
    })
}

fn json(value: &Owned) -> Value {
    match value {
        Owned::Bool(value) => Value::from(*value),
        Owned::Int(value) => Value::from(*value),
        Owned::Double(value) => Value::from(*value),
        Owned::Str(value) => Value::from(value.as_str()),
        Owned::List(items) => items.iter().map(|item| Value::from(item.as_ref())).collect(),
        Owned::Time(moment) => Value::from(moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
    }
}

fn owned(ty: FactType, value: &Value) -> Option<Owned> {
    Some(match ty {
        FactType::Bool => Owned::Bool(value.as_bool()?),
        FactType::Int => Owned::Int(value.as_i64()?),
        FactType::Double => Owned::Double(value.as_f64()?),
        FactType::Str => Owned::Str(value.as_str()?.to_owned()),
        FactType::List => {
            let items: Option<Vec<_>> =
                value.as_array()?.iter().map(|item| Some(item.as_str()?.to_owned().into())).collect();
            Owned::List(items?)
        }
        FactType::Time => Owned::Time(DateTime::parse_from_rfc3339(value.as_str()?).ok()?.to_utc()),
    })
}

/// `stream` is the one need that is no capability.
const STREAM: &str = "stream";

fn need<'n>(needs: &'n mut Needs, name: &str) -> Option<&'n mut bool> {
    if name == STREAM {
        return Some(&mut needs.stream);
    }
    let capability = Capability::ALL.into_iter().find(|capability| capability.name() == name)?;
    Some(match capability {
        Capability::Tools => &mut needs.tools,
        Capability::Vision => &mut needs.vision,
        Capability::Documents => &mut needs.documents,
        Capability::Audio => &mut needs.audio,
        Capability::Thinking => &mut needs.thinking,
        Capability::JsonSchema => &mut needs.json_schema,
        Capability::ParallelTools => &mut needs.parallel_tools,
        Capability::WebSearch => &mut needs.web_search,
    })
}

fn need_names(needs: &Needs) -> Vec<String> {
    let names = Capability::ALL.into_iter().map(Capability::name).chain([STREAM]);
    let mut copy = *needs;
    names.filter(|name| need(&mut copy, name).is_some_and(|flag| *flag)).map(str::to_owned).collect()
}
