//! `transformer.use`: what adapts requests to a provider, and what the language has for it.

use crate::diag::secret::{is_secret_name, looks_secret};
use crate::import::draft::{Field, unserved};
use crate::import::names::quoted;
use crate::import::report::{Notes, child, element};
use crate::import::value::Value;

/// What the transformers of a provider come to.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) kind: Option<&'static str>,
    pub(super) fields: Vec<Field>,
    /// by model
    pub(super) models: Vec<(String, Vec<Field>)>,
    /// why the provider cannot be reached at all
    pub(super) impossible: Option<&'static str>,
}

/// What one transformer is here.
enum Meaning {
    /// the provider speaks Anthropic's protocol
    Anthropic,
    /// a bundle of this name
    Preset(&'static str),
    /// one transform
    Transform(String),
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
            carried.fields = list(value, &path, &mut carried.kind, &mut carried.impossible, notes);
        } else {
            let mut impossible = None;
            let fields =
                list(value.get("use").unwrap_or(&Value::Null), &child(&path, "use"), &mut None, &mut impossible, notes);
            carried.models.push((key.clone(), fields));
        }
    }
    carried
}

fn list(
    value: &Value,
    path: &str,
    kind: &mut Option<&'static str>,
    impossible: &mut Option<&'static str>,
    notes: &mut Notes,
) -> Vec<Field> {
    let (mut preset, mut transforms) = (None, Vec::new());
    for (number, item) in value.list().iter().enumerate() {
        let path = element(path, number);
        let (name, options) = match item {
            Value::Text(name) => (name.as_str(), None),
            Value::List(parts) => (parts.first().and_then(Value::text).unwrap_or_default(), parts.get(1)),
            _ => ("", None),
        };
        let options = options.and_then(|options| without_secrets("", options, &element(&path, 1), notes));
        match meaning(name, options.as_ref()) {
            Meaning::Anthropic => {
                *kind = Some("anthropic");
                notes.carried(&path, "`kind: anthropic`");
            }
            Meaning::Preset(name) if preset.is_none() => {
                preset = Some(name);
                notes.changed(&path, format!("`preset: {name}`, which this version does not carry out yet"));
            }
            Meaning::Preset(_) => notes.lost(&path, "one preset a provider: an earlier one stands"),
            Meaning::Transform(text) => {
                notes.changed(
                    &path,
                    format!("`transform: [{}]`, which this version does not carry out yet", shown(&text)),
                );
                transforms.push(text);
            }
            Meaning::BuiltIn(why) => notes.changed(&path, format!("not needed: {why}")),
            Meaning::Lost(why) => notes.lost(&path, why),
            Meaning::Impossible(why) => {
                *impossible = Some(why);
                notes.lost(&path, why);
            }
        }
    }
    let mut fields: Vec<Field> = preset.map(|name| unserved("preset", name)).into_iter().collect();
    if !transforms.is_empty() {
        fields.push(unserved("transform", format!("[{}]", transforms.join(", "))));
    }
    fields
}

/// The word of a transform, without its arguments: they may hold anything.
fn shown(text: &str) -> &str {
    text.split_once('(').map_or(text, |(word, _)| word)
}

fn meaning(name: &str, options: Option<&Value>) -> Meaning {
    match name.to_ascii_lowercase().as_str() {
        "anthropic" => Meaning::Anthropic,
        "deepseek" => Meaning::Preset("deepseek"),
        "openrouter" if options.is_some() => Meaning::Transform(format!("params({})", literal(options))),
        "openrouter" => Meaning::Preset("openrouter"),
        "groq" => Meaning::Preset("groq"),
        "gemini" => Meaning::BuiltIn("its OpenAI-compatible address is used"),
        "openai" => Meaning::BuiltIn("the wire format is the provider's `kind`"),
        "maxtoken" => number(options, "max_tokens").map_or(Meaning::Lost("it names no `max_tokens`"), |most| {
            Meaning::Transform(format!("max_tokens({most})"))
        }),
        "maxcompletiontokens" => Meaning::Transform("max_completion_tokens".to_owned()),
        "tooluse" => Meaning::Transform("tool_use".to_owned()),
        "enhancetool" => Meaning::Transform("tool_repair".to_owned()),
        "reasoning" => Meaning::Transform("reasoning".to_owned()),
        "sampling" if options.is_some() => Meaning::Transform(format!("sampling({})", literal(options))),
        "sampling" => Meaning::Transform("sampling".to_owned()),
        "cleancache" => Meaning::Transform("clean_cache".to_owned()),
        "streamoptions" => Meaning::BuiltIn("usage is always asked for"),
        "customparams" => Meaning::Transform(format!("params({})", literal(options))),
        "extrathinktag" => Meaning::Transform("think_tag".to_owned()),
        "openai-responses" | "openai-response" => Meaning::Lost("set `kind: responses` on the provider"),
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
