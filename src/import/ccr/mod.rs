//! claude-code-router: `Providers`, the slots of `Router` in the order in which its router asks them,
//! `fallback`, and the rule lists of its third version.

mod keys;
mod providers;
mod rules;
mod slots;
mod transformers;

pub(super) use keys::KEYS;

use super::draft::{Attempt, Block, Draft, Field, RouteDraft, field};
use super::names::is_variable;
use super::provider::{Catalog, Secret};
use super::report::{Notes, element};
use super::value::Value;
use super::{ImportError, Source};

/// A model with what selects it in claude-code-router: the provider's name and its own.
#[derive(Clone, Debug)]
struct Listed {
    provider: String,
    upstream: String,
    /// its name in the policy
    name: String,
    path: String,
}

/// Everything that routes may lead to.
#[derive(Default)]
struct Models {
    catalog: Catalog,
    listed: Vec<Listed>,
    /// providers of the configuration with their names in the policy
    providers: Vec<(String, String)>,
}

impl Models {
    /// The model that `provider,model` or `provider/model` selects. One that its provider does not
    /// list is declared: claude-code-router would send it too.
    fn select(&mut self, text: &str, path: &str, notes: &mut Notes) -> Option<String> {
        let (provider, upstream) = text.split_once(',').or_else(|| text.split_once('/'))?;
        let (provider, upstream) = (provider.trim(), upstream.trim());
        let same = |left: &str, right: &str| left.eq_ignore_ascii_case(right);
        let known = self.listed.iter().find(|model| same(&model.provider, provider) && same(&model.upstream, upstream));
        if let Some(known) = known {
            return Some(known.name.clone());
        }
        let (label, on) = self.providers.iter().find(|(label, _)| same(label, provider))?.clone();
        if upstream.is_empty() {
            return None;
        }
        notes.look(format!("{path}: `{upstream}` is not among the models of provider {label}; a slip of the pen?"));
        Some(self.declare(&label, &on, upstream, path, Vec::new()))
    }

    fn declare(&mut self, label: &str, on: &str, upstream: &str, path: &str, mut fields: Vec<Field>) -> String {
        if !fields.iter().any(|field| field.key == "can") {
            fields.insert(0, field("can", format!("[{}]", super::presets::capabilities(upstream).join(", "))));
        }
        let name = self.catalog.model(on, upstream, path, fields);
        let (provider, upstream) = (label.to_owned(), upstream.to_owned());
        self.listed.push(Listed { provider, upstream, name: name.clone(), path: path.to_owned() });
        name
    }

    /// A list of `provider,model` as attempts; what is there already is left out.
    fn attempts(&mut self, list: &Value, path: &str, target: &mut Vec<Attempt>, notes: &mut Notes) {
        for (number, item) in list.list().iter().enumerate() {
            let path = element(path, number);
            match item.text().and_then(|text| self.select(text, &path, notes)) {
                Some(name) if target.contains(&Attempt::Model(name.clone())) => {
                    notes.changed(&path, format!("left out: `{name}` was tried before in this target"));
                }
                Some(name) => {
                    notes.carried(&path, format!("`then {name}`"));
                    target.push(Attempt::Model(name));
                }
                None => notes.lost(&path, "no provider of this name can be reached"),
            }
        }
    }
}

/// Makes the draft.
pub(super) fn draft(input: &Value, notes: &mut Notes) -> Result<Draft, ImportError> {
    let mut models = Models::default();
    providers::read(input, &mut models, notes);
    if models.listed.is_empty() && models.providers.is_empty() {
        let what = "none of its `Providers` has an address and a model".to_owned();
        return Err(ImportError::Nothing { source_program: Source::Ccr, what });
    }
    let rules = match input.get("Router").and_then(|router| router.get("rules")) {
        Some(_) => rules::read(input, &mut models, notes),
        None => slots::read(input, &mut models, notes),
    };
    let Some(rules) = rules else {
        let what = "`Router.default` is missing and no provider lists a model".to_owned();
        return Err(ImportError::Nothing { source_program: Source::Ccr, what });
    };
    let mut draft = Draft {
        head: vec![
            "ANTHROPIC_BASE_URL=http://127.0.0.1:3456 ANTHROPIC_AUTH_TOKEN=any claude   # instead of `ccr code`"
                .to_owned(),
        ],
        routes: vec![RouteDraft { name: "main".to_owned(), remark: String::new(), rules }],
        ..Draft::default()
    };
    owner(input, &mut models.catalog, &mut draft, notes);
    if let Some(wait) = input.get("API_TIMEOUT_MS").and_then(Value::number).and_then(milliseconds) {
        notes.changed("API_TIMEOUT_MS", format!("`defaults {{ deadline: {wait} }}`: over all attempts together"));
        draft.defaults.push(field("deadline", wait));
    }
    draft.providers = models.catalog.providers;
    draft.models = models.catalog.models;
    Ok(draft)
}

/// The key that clients have to send.
fn owner(input: &Value, catalog: &mut Catalog, draft: &mut Draft, notes: &mut Notes) {
    let Some(text) = input.get("APIKEY").and_then(Value::text).filter(|text| !text.trim().is_empty()) else {
        if input.get("APIKEY").is_some() {
            notes.carried("APIKEY", "empty: the gateway takes every request, on this machine only");
        }
        return;
    };
    let name = match secret(text) {
        Secret::Variable(name) => {
            notes.carried("APIKEY", format!("`tenant owner {{ keys: [env(\"{name}\")] }}`"));
            name
        }
        other => {
            let name = catalog.variable("CCR_API_KEY", &other);
            notes.changed("APIKEY", format!("a key is never written into a policy: set `{name}` to it"));
            name
        }
    };
    notes.needs(&name, "the key that clients send (it stood at APIKEY)".to_owned());
    draft.head = vec![format!(
        "ANTHROPIC_BASE_URL=http://127.0.0.1:3456 ANTHROPIC_AUTH_TOKEN=\"${name}\" claude   # instead of `ccr code`"
    )];
    draft.tenants.push(Block {
        name: "owner".to_owned(),
        remark: "from APIKEY: whoever calls has to send this key".to_owned(),
        path: "APIKEY".to_owned(),
        fields: vec![field("keys", format!("[env(\"{name}\")]"))],
        ..Block::default()
    });
}

/// `$VAR`, `${VAR}`, or the key itself.
fn secret(text: &str) -> Secret {
    let text = text.trim();
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).or_else(|| text.strip_prefix('$'));
    match inner {
        Some(name) if is_variable(name) => Secret::Variable(name.to_owned()),
        _ if text.is_empty() => Secret::Absent,
        _ => Secret::Literal(text.to_owned()),
    }
}

/// Milliseconds as a duration of the language; None for what is no waiting time.
fn milliseconds(number: f64) -> Option<String> {
    if !(1.0..=86_400_000.0).contains(&number) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked above")]
    let whole = number.round() as u64;
    Some(super::provider::duration(whole))
}
