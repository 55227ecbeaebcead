//! `transformer.use`: what adapts requests to a provider, and what the language has for it.

use crate::diag::secret::{is_secret_name, looks_secret};
use crate::dsl::transform::presets;
use crate::dsl::transform::table::{self, MemberType};
use crate::import::draft::{Field, field};
use crate::import::names::quoted;
use crate::import::report::{Notes, child, element};
use crate::import::value::Value;

/// What the transformers of a provider come to.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) kind: Option<&'static str>,
    /// those of the provider
    pub(super) chain: Chain,
    /// by model
    pub(super) models: Vec<(String, Chain)>,
    /// why the provider cannot be reached at all
    pub(super) impossible: Option<&'static str>,
}

/// What one transformer is here.
enum Meaning {
    /// the provider speaks the protocol of this kind
    Kind(&'static str),
    /// a bundle of this name
    Preset(&'static str),
    /// one transform, with its arguments in brackets
    Transform(&'static str, String),
    /// members that are set
    Params(Vec<(String, Value)>),
    /// nothing has to be said
    BuiltIn(&'static str),
    Lost(&'static str),
    /// the whole provider is lost
    Impossible(&'static str),
}

/// Reads `transformer` of a provider.
pub(super) fn of_provider(provider: &Value, path: &str, notes: &mut Notes) -> Carried {
    let mut carried = Carried::default();
    let Some(all) = provider.get("transformer") else { return carried };
    let path = child(path, "transformer");
    for (key, value) in all.map() {
        let path = child(&path, key);
        if key == "use" {
            carried.chain = list(value, &path, &mut carried.kind, &mut carried.impossible, notes);
        } else {
            let mut impossible = None;
            let chain =
                list(value.get("use").unwrap_or(&Value::Null), &child(&path, "use"), &mut None, &mut impossible, notes);
            carried.models.push((key.clone(), chain));
        }
    }
    carried
}

/// Reads one list of transformers.
fn list(
    value: &Value,
    path: &str,
    kind: &mut Option<&'static str>,
    impossible: &mut Option<&'static str>,
    notes: &mut Notes,
) -> Chain {
    let mut chain = Chain::default();
    for (number, item) in value.list().iter().enumerate() {
        let path = element(path, number);
        let (name, options) = match item {
            Value::Text(name) => (name.as_str(), None),
            Value::List(parts) => (parts.first().and_then(Value::text).unwrap_or_default(), parts.get(1)),
            _ => ("", None),
        };
        let options = options.and_then(|options| without_secrets("", options, &element(&path, 1), notes));
        match meaning(name, options.as_ref()) {
            Meaning::Kind(found) => {
                *kind = Some(found);
                notes.carried(&path, format!("`kind: {found}`"));
            }
            Meaning::Preset(name) => chain.preset(name, path, notes),
            Meaning::Transform(name, arguments) => chain.transform(name, arguments, path, notes),
            Meaning::Params(values) => chain.params(values, &path, &element(&path, 1), notes),
            Meaning::BuiltIn(why) => notes.changed(&path, format!("not needed: {why}")),
            Meaning::Lost(why) => notes.lost(&path, why),
            Meaning::Impossible(why) => {
                *impossible = Some(why);
                notes.lost(&path, why);
            }
        }
    }
    chain
}

/// What a list of transformers comes to, before it is known what the provider speaks.
#[derive(Default)]
pub(super) struct Chain {
    preset: Option<(&'static str, String)>,
    /// name, arguments and where it comes from, each name once
    transforms: Vec<(&'static str, String, String)>,
    sampling: Vec<(String, Value)>,
    params: Vec<(String, Value)>,
}

impl Chain {
    fn preset(&mut self, name: &'static str, path: String, notes: &mut Notes) {
        if self.preset.is_some() {
            return notes.lost(&path, "one preset a provider: an earlier one stands");
        }
        notes.carried(&path, format!("`preset: {name}`"));
        self.preset = Some((name, path));
    }

    fn transform(&mut self, name: &'static str, arguments: String, path: String, notes: &mut Notes) {
        if self.transforms.iter().any(|(known, ..)| *known == name) {
            return notes.lost(&path, "stands twice: an earlier one counts");
        }
        notes.carried(&path, format!("`transform: [{name}]`"));
        self.transforms.push((name, arguments, path));
    }

    /// Parameters that are set: those of sampling go into `sampling`, the others into `params`; a later
    /// one counts, as it does there.
    fn params(&mut self, values: Vec<(String, Value)>, path: &str, options: &str, notes: &mut Notes) {
        for (key, value) in values {
            let known = table::SAMPLING.iter().find(|row| row.name == key);
            let in_bounds = |row: &table::SamplingEntry| {
                value.number().is_some_and(|number| {
                    (row.least..=row.most).contains(&number) && (!row.whole || number.fract() == 0.0)
                })
            };
            let member = table::MEMBERS.iter().find(|(member, _)| *member == key).map(|(_, ty)| *ty);
            let list = if known.is_some_and(in_bounds) {
                &mut self.sampling
            } else if known.is_none()
                && !table::OWNED.contains(&key.as_str())
                && member.is_none_or(|ty| fits(ty, &value))
            {
                &mut self.params
            } else {
                notes.lost(&child(options, &key), "a policy cannot set it so");
                continue;
            };
            list.retain(|(earlier, _)| *earlier != key);
            list.push((key, value));
        }
        notes.changed(path, "`sampling` and `params` of the provider's or the model's `transform`");
    }

    /// The fields of a provider or a model whose provider is of this kind.
    pub(super) fn fields(&self, kind: &str, notes: &mut Notes) -> Vec<Field> {
        let mut fields = Vec::new();
        if let Some((name, path)) = &self.preset {
            let takes = presets::preset(name)
                .is_some_and(|preset| preset.bases.iter().any(|(known, _)| table::kind_word(*known) == kind));
            if takes {
                fields.push(field("preset", *name));
            } else {
                notes.lost(path, format!("`preset: {name}` is not for `kind: {kind}`"));
            }
        }
        let mut transforms = Vec::new();
        for (name, arguments, path) in &self.transforms {
            let kinds = table::entry(name).map_or(&[][..], |row| row.kinds);
            if kinds.is_empty() || kinds.iter().any(|known| table::kind_word(*known) == kind) {
                transforms.push((*name, format!("{name}{arguments}")));
            } else {
                notes.lost(path, format!("`{name}` does nothing for `kind: {kind}`"));
            }
        }
        // A cap is set before it is renamed.
        transforms.sort_by_key(|(name, _)| *name == "max_completion_tokens");
        let sampling = self.sampling.iter().filter(|(key, _)| {
            let row = table::SAMPLING.iter().find(|row| row.name == key);
            row.is_some_and(|row| row.kinds.iter().any(|known| table::kind_word(*known) == kind))
        });
        let group = |members: Vec<(String, Value)>| literal(Some(&Value::Map(members)));
        let mut texts: Vec<String> = transforms.into_iter().map(|(_, text)| text).collect();
        let sampling: Vec<(String, Value)> = sampling.cloned().collect();
        for (name, members) in [("sampling", sampling), ("params", self.params.clone())] {
            if !members.is_empty() {
                texts.push(format!("{name}({})", group(members)));
            }
        }
        if !texts.is_empty() {
            fields.push(field("transform", format!("[{}]", texts.join(", "))));
        }
        fields
    }
}

/// Whether a member of a request can have this value.
fn fits(wanted: MemberType, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => wanted == MemberType::Truth,
        Value::Number(number) => wanted == MemberType::Number || wanted == MemberType::Whole && number.fract() == 0.0,
        Value::Text(_) => matches!(wanted, MemberType::Text | MemberType::TextOrList),
        Value::List(_) => matches!(wanted, MemberType::List | MemberType::TextOrList),
        Value::Map(_) => wanted == MemberType::Object,
    }
}

fn meaning(name: &str, options: Option<&Value>) -> Meaning {
    let plain = |name: &'static str| Meaning::Transform(name, String::new());
    let members = || options.map(Value::map).unwrap_or_default().to_vec();
    match name.to_ascii_lowercase().as_str() {
        "anthropic" => Meaning::Kind("anthropic"),
        "deepseek" => Meaning::Preset("deepseek"),
        "openrouter" if !members().is_empty() => Meaning::Params(members()),
        "openrouter" => Meaning::Preset("openrouter"),
        "groq" => Meaning::Preset("groq"),
        "gemini" => Meaning::BuiltIn("the address says which of Gemini's protocols is spoken"),
        "openai" => Meaning::BuiltIn("the wire format is the provider's `kind`"),
        "maxtoken" => number(options, "max_tokens").map_or(Meaning::Lost("it names no `max_tokens`"), |most| {
            Meaning::Transform("max_tokens", format!("({most})"))
        }),
        "maxcompletiontokens" => plain("max_completion_tokens"),
        "tooluse" => plain("tool_use"),
        "enhancetool" => plain("tool_repair"),
        "reasoning" => plain("reasoning"),
        "sampling" if members().is_empty() => Meaning::BuiltIn("without options it changes nothing"),
        "sampling" | "customparams" => Meaning::Params(members()),
        "cleancache" => plain("clean_cache"),
        "streamoptions" => Meaning::BuiltIn("usage is always asked for"),
        "extrathinktag" => plain("think_tag"),
        "openai-responses" | "openai-response" => Meaning::Kind("responses"),
        "forcereasoning" => Meaning::Lost("it adds text to the prompt, and a policy does not rewrite prompts"),
        "vertex-gemini" | "vertex-claude" | "vertex-openai" => Meaning::Impossible(
            "left out: Vertex signs requests with a service account; reach the model by an address with a key",
        ),
        "gemini-cli" | "qwen-cli" | "rovo-cli" | "claude-code-oauth" | "codex-oauth" | "chutes-glm" => {
            Meaning::Lost("a program that is loaded at run time; reach the model by an address with a key")
        }
        _ => Meaning::Lost("a program that is loaded at run time, or not known to this program"),
    }
}

fn number(options: Option<&Value>, key: &str) -> Option<u32> {
    let number = options?.get(key)?.number().filter(|number| (1.0..=1e9).contains(number))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked above")]
    let whole = number as u32;
    Some(whole)
}

/// Options without what is, or by its name holds, a key; `key` is the name of the value.
fn without_secrets(key: &str, value: &Value, path: &str, notes: &mut Notes) -> Option<Value> {
    // `max_tokens: 4096` is no key.
    let number_of_tokens = matches!(value, Value::Number(_)) && key.to_ascii_lowercase().ends_with("tokens");
    let looks_so = value.text().is_some_and(looks_secret);
    if looks_so || is_secret_name(key) && !number_of_tokens {
        notes.changed(path, "left out: it may be a key, and a policy holds none; give it to the provider as its `key`");
        return None;
    }
    Some(match value {
        Value::List(items) => {
            let items = items.iter().enumerate();
            Value::List(items.filter_map(|(at, item)| without_secrets("", item, &element(path, at), notes)).collect())
        }
        Value::Map(members) => {
            let keep = |(key, value): &(String, Value)| {
                let kept = without_secrets(key, value, &child(path, key), notes)?;
                Some((key.clone(), kept))
            };
            Value::Map(members.iter().filter_map(keep).collect())
        }
        other => other.clone(),
    })
}

/// Options as a value of the language; keys become strings, whatever they hold.
fn literal(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(value) => as_literal(value),
    }
}

fn as_literal(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => plain_number(*number),
        Value::Text(text) => quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(as_literal).collect::<Vec<_>>().join(", ")),
        Value::Map(members) => {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("{}: {}", quoted(key), as_literal(value))).collect();
            if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
        }
    }
}

/// A number that the language can write.
fn plain_number(number: f64) -> String {
    if number.is_finite() && number.abs() < 1e15 { number.to_string() } else { "0".to_owned() }
}
