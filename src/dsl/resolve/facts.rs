//! Facts and live state as an author writes them: the table's paths as nested groups, `request.`
//! left out.

use chrono::{DateTime, Utc};

use super::names::Names;
use super::values::{text_of, wrong_kind};
use crate::bounds::NOW_RANGE_MS;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::dsl::ast::{Field, Value, ValueKind, Word};
use crate::dsl::policy::{ModelId, Policy, TenantId};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::schema::{Range, VARIABLES};
use crate::facts::world::ModelState;
use crate::facts::{FactType, Scope, Var};

/// Largest time and count that a live fact may have.
const MOST_LIVE: f64 = 1e9;

/// Reads facts against the variable table and the names of a policy.
pub(crate) struct FactReader<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) names: &'a Names,
    pub(crate) findings: &'a mut Vec<Diagnostic>,
}

impl FactReader<'_> {
    fn wrong(&mut self, value: &Value, wanted: &str) {
        self.findings.extend(wrong_kind(value, wanted));
    }

    /// `{ text: "…", session: { turns: 1 }, tenant: lanhai }`.
    pub(crate) fn facts(&mut self, fields: &[Field]) -> (GivenFacts, Option<TenantId>) {
        let mut given = GivenFacts::default();
        let mut tenant = None;
        // A tenant's own facts come first, so that what is given beside it wins.
        for field in fields.iter().filter(|field| field.key.text == "tenant") {
            if let Some(name) = text_of(&field.value) {
                let word = Word { text: name, span: field.value.span };
                tenant = self.names.tenant(&word, self.findings);
                if let Some(found) = tenant.and_then(|id| self.policy.tenants.get(id.index())) {
                    given.set(Var::TenantId, Owned::Str(found.name.clone()));
                    given.set(Var::TenantTier, Owned::Str(found.tier.clone()));
                    let tags = found.tags.iter().map(|tag| tag.clone().into()).collect();
                    given.set(Var::TenantTags, Owned::List(tags));
                }
            }
        }
        let mut seen = Vec::new();
        for field in fields {
            self.twice(field, &mut seen);
            self.fact(field, &mut given);
        }
        (given, tenant)
    }

    fn twice<'k>(&mut self, field: &'k Field, seen: &mut Vec<&'k str>) {
        if seen.contains(&field.key.text.as_str()) {
            let message = format!("`{}` is given twice", field.key.text);
            self.findings.push(Diagnostic::new(Code::P0111, field.key.span, message));
        }
        seen.push(&field.key.text);
    }

    fn fact(&mut self, field: &Field, given: &mut GivenFacts) {
        let key = field.key.text.as_str();
        match (key, &field.value.kind) {
            ("tenant", ValueKind::String(_) | ValueKind::Word(_)) => {}
            ("header" | "meta", ValueKind::Map(inner)) => self.named_texts(key == "header", inner, given),
            ("header" | "meta", _) => self.wrong(&field.value, "a group such as `{ \"x-a\": \"b\" }`"),
            ("request", ValueKind::Map(inner)) => {
                for field in inner {
                    self.fact(field, given);
                }
            }
            ("session" | "tenant" | "user" | "key" | "budget", ValueKind::Map(inner)) => {
                let mut seen = Vec::new();
                for field in inner {
                    self.twice(field, &mut seen);
                    self.set(&format!("{key}.{}", field.key.text), field, given);
                }
            }
            _ if Var::from_path(&format!("request.{key}")).is_some() => {
                self.set(&format!("request.{key}"), field, given);
            }
            _ => self.set(key, field, given),
        }
    }

    fn named_texts(&mut self, header: bool, inner: &[Field], given: &mut GivenFacts) {
        for field in inner {
            let text = match &field.value.kind {
                ValueKind::String(text) | ValueKind::Word(text) => text.clone(),
                ValueKind::Number(number) => number.to_string(),
                ValueKind::Bool(truth) => truth.to_string(),
                _ => {
                    self.wrong(&field.value, "a string");
                    continue;
                }
            };
            if header {
                given.set_header(&field.key.text, &text);
            } else {
                given.set_meta(&field.key.text, &text);
            }
        }
    }

    fn set(&mut self, path: &str, field: &Field, given: &mut GivenFacts) {
        let var = Var::from_path(path).filter(|var| var.row().scope == Scope::Request);
        let Some(var) = var else {
            let shown = path.strip_prefix("request.").unwrap_or(path);
            let finding = Diagnostic::new(Code::P0802, field.key.span, format!("no fact `{shown}`"))
                .label("not in the table of variables");
            let known = VARIABLES.iter().filter(|row| row.scope == Scope::Request);
            let known = known.map(|row| row.path.strip_prefix("request.").unwrap_or(row.path));
            let finding = match nearest(shown, known) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None if path.starts_with("model.") || path == "model" => {
                    finding.help("live facts of models stand in `state { … }`")
                }
                None => match abbreviated(shown) {
                    Some(meant) => finding.help(format!("did you mean `{meant}`?")),
                    None => finding.help(
                        "facts are the variables of conditions, `request.` left out: `text`, `tokens`, `images`, …",
                    ),
                },
            };
            self.findings.push(finding);
            return;
        };
        if let Some(value) = self.value(var, &field.value) {
            given.set(var, value);
        }
    }

    /// A value of the type and range that the table gives a variable.
    fn value(&mut self, var: Var, value: &Value) -> Option<Owned> {
        let row = var.row();
        match (row.ty, &value.kind) {
            (FactType::Bool, ValueKind::Bool(truth)) => Some(Owned::Bool(*truth)),
            (FactType::Int, ValueKind::Number(number)) if number.fract() == 0.0 => {
                #[expect(clippy::cast_possible_truncation, reason = "the range is checked next")]
                let whole = *number as i64;
                let Range::Int(least, most) = row.range else { return Some(Owned::Int(whole)) };
                if !(least..=most).contains(&whole) {
                    self.out_of_range(var, value, &format!("{least} to {most}"));
                    return None;
                }
                Some(Owned::Int(whole))
            }
            (FactType::Double, ValueKind::Number(number)) => self.double(var, *number, value),
            (FactType::Double, ValueKind::Percent(percent)) => self.double(var, percent / 100.0, value),
            (FactType::Str, ValueKind::String(text) | ValueKind::Word(text)) => self.one_of(var, text, value),
            (FactType::List, ValueKind::List(values)) => {
                let texts: Vec<Option<String>> = values.iter().map(text_of).collect();
                for (text, value) in texts.iter().zip(values) {
                    if text.is_none() {
                        self.wrong(value, "a string");
                    }
                }
                let texts: Option<Vec<String>> = texts.into_iter().collect();
                Some(Owned::List(texts?.into_iter().map(Into::into).collect()))
            }
            (FactType::Time, ValueKind::String(text)) => match DateTime::parse_from_rfc3339(text) {
                // The checks of conditions rely on this range.
                Ok(moment) if !(NOW_RANGE_MS.0..=NOW_RANGE_MS.1).contains(&moment.timestamp_millis()) => {
                    self.out_of_range(var, value, "of the years 1970 to 2199");
                    None
                }
                Ok(moment) => Some(Owned::Time(moment.with_timezone(&Utc))),
                Err(_) => {
                    let finding = Diagnostic::new(Code::P0207, value.span, format!("`{text}` is not a timestamp"));
                    self.findings.push(finding.help("write `\"2026-01-31T00:00:00Z\"`"));
                    None
                }
            },
            (ty, _) => {
                self.wrong(value, wanted(ty));
                None
            }
        }
    }

    fn double(&mut self, var: Var, number: f64, value: &Value) -> Option<Owned> {
        match var.row().range {
            Range::Double(least, most) if !(least..=most).contains(&number) => {
                self.out_of_range(var, value, &format!("{least} to {most}"));
                None
            }
            _ => Some(Owned::Double(number)),
        }
    }

    fn one_of(&mut self, var: Var, text: &str, value: &Value) -> Option<Owned> {
        let known = var.row().values;
        if known.is_empty() || known.contains(&text) {
            return Some(Owned::Str(text.to_owned()));
        }
        let finding = Diagnostic::new(Code::P0209, value.span, format!("`{}` is never `{text}`", var.path()));
        self.findings.push(match nearest(text, known.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("it can be: {}", known.join(", "))),
        });
        None
    }

    fn out_of_range(&mut self, var: Var, value: &Value, range: &str) {
        let message = format!("`{}` lies in the range {range}", var.path());
        let finding = Diagnostic::new(Code::P0203, value.span, message);
        self.findings.push(finding.help("give a value that a request can have"));
    }

    /// `{ mini: { healthy: false }, fast-pool: { error_rate: 0.5 } }`.
    pub(crate) fn state(&mut self, fields: &[Field]) -> Vec<(ModelId, ModelState)> {
        let mut states: Vec<(ModelId, ModelState)> = Vec::new();
        let mut seen = Vec::new();
        for field in fields {
            self.twice(field, &mut seen);
            let Some(member) = self.names.member(&field.key, self.findings) else { continue };
            let models = match member {
                Ok(model) => vec![model],
                Err(pool) => self.policy.pools.get(pool.index()).map_or_else(Vec::new, |pool| pool.models.clone()),
            };
            let ValueKind::Map(inner) = &field.value.kind else {
                self.wrong(&field.value, "a group such as `{ healthy: false }`");
                continue;
            };
            for (position, model) in models.into_iter().enumerate() {
                let at = match states.iter().position(|(known, _)| *known == model) {
                    Some(at) => at,
                    None => {
                        states.push((model, ModelState::default()));
                        states.len() - 1
                    }
                };
                let Some((_, state)) = states.get_mut(at) else { continue };
                let mut scratch = Vec::new();
                // A pool's members share one text: its mistakes are reported once.
                let findings = if position == 0 { &mut *self.findings } else { &mut scratch };
                live(inner, state, findings);
            }
        }
        states
    }
}

/// The only request fact whose letters hold these in order, such as `images` for `imgs`.
fn abbreviated(shown: &str) -> Option<&'static str> {
    let holds = |known: &&str| {
        let mut letters = known.chars();
        known.starts_with(shown.chars().next().unwrap_or(' '))
            && shown.chars().all(|letter| letters.any(|other| other == letter))
    };
    let rows = VARIABLES.iter().filter(|row| row.scope == Scope::Request && shown.len() > 2);
    let mut found = rows.filter_map(|row| row.path.strip_prefix("request.")).filter(holds);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn wanted(ty: FactType) -> &'static str {
    match ty {
        FactType::Bool => "`true` or `false`",
        FactType::Int => "a whole number",
        FactType::Double => "a number",
        FactType::Str => "a string",
        FactType::List => "a list of strings",
        FactType::Time => "a timestamp in quotes",
    }
}

const LIVE: &[&str] = &[
    "healthy",
    "cooling",
    "error_rate",
    "latency_p50_ms",
    "latency_p95_ms",
    "ttft_p95_ms",
    "inflight",
    "headroom",
    "mean_output_tokens",
];

/// Sets the live facts of one model.
fn live(fields: &[Field], state: &mut ModelState, findings: &mut Vec<Diagnostic>) {
    for field in fields {
        let key = field.key.text.as_str();
        let number = match field.value.kind {
            ValueKind::Number(number) if (0.0..=MOST_LIVE).contains(&number) => Some(number),
            ValueKind::Percent(percent) if percent <= 100.0 => Some(percent / 100.0),
            _ => None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "bounded by MOST_LIVE")]
        let whole = number.filter(|number| number.fract() == 0.0).map(|number| number as i64);
        let share = number.filter(|number| *number <= 1.0);
        let fits = match (key, &field.value.kind) {
            ("healthy", ValueKind::Bool(truth)) => {
                state.healthy = *truth;
                Some(())
            }
            ("cooling", ValueKind::Duration(time)) => {
                state.cooling_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                Some(())
            }
            ("error_rate", _) => share.map(|share| state.error_rate = share),
            ("headroom", _) => share.map(|share| state.headroom = share),
            ("latency_p50_ms", _) => whole.map(|whole| state.latency_p50_ms = whole),
            ("latency_p95_ms", _) => whole.map(|whole| state.latency_p95_ms = whole),
            ("ttft_p95_ms", _) => whole.map(|whole| state.ttft_p95_ms = whole),
            ("inflight", _) => whole.map(|whole| state.inflight = whole),
            ("mean_output_tokens", _) => number.map(|number| state.mean_output_tokens = Some(number)),
            _ => None,
        };
        if fits.is_some() {
            continue;
        }
        if LIVE.contains(&key) {
            let wanted = match key {
                "healthy" => "`true` or `false`",
                "cooling" => "a duration such as `30s`",
                "error_rate" | "headroom" => "a number from 0 to 1",
                _ => "a number",
            };
            findings.extend(wrong_kind(&field.value, wanted));
            continue;
        }
        let finding = Diagnostic::new(Code::P0802, field.key.span, format!("no live fact `{key}`"));
        findings.push(match nearest(key, LIVE.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("a model's state has: {}", LIVE.join(", "))),
        });
    }
}
