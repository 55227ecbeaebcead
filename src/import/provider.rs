//! Providers and models as every importer makes them: addresses put right, keys replaced by names of
//! variables, names made legal and unique.

use url::Url;

use super::draft::{Block, Field, field};
use super::names::{Names, kebab, key_variable, quoted};
use super::presets::{self, Preset};
use super::report::Notes;

/// A key as it stands in a configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Secret {
    /// the name of a variable
    Variable(String),
    /// the key itself; it is compared with others and goes nowhere
    Literal(String),
    Absent,
}

/// What a configuration says of a provider.
pub(super) struct Asked<'a> {
    /// its name there
    pub(super) label: &'a str,
    pub(super) base: Option<&'a str>,
    pub(super) base_path: String,
    pub(super) key: Secret,
    pub(super) key_path: String,
    /// when the configuration says so; else the address or the name tells
    pub(super) kind: Option<&'static str>,
    pub(super) fields: Vec<Field>,
    pub(super) path: String,
}

impl Asked<'_> {
    /// The provider that is known by its address or its name, and its address as a policy can have it.
    fn found(&self) -> (Option<&'static Preset>, Option<Address>) {
        let text = self.base.map(str::trim).filter(|base| !base.is_empty());
        let known = text
            .and_then(|base| Url::parse(base).ok())
            .and_then(|url| presets::at(&url))
            .or_else(|| presets::named(self.label));
        let address = match text {
            Some(base) => address(base, self.kind),
            None => known.map(|preset| Address {
                base: preset.base.to_owned(),
                kind: self.kind.unwrap_or(preset.kind),
                loopback: preset.env.is_none(),
                changes: Vec::new(),
            }),
        };
        (known, address)
    }

    /// Its kind in a policy; None when it cannot be in one.
    pub(super) fn speaks(&self) -> Option<&'static str> {
        self.found().1.map(|address| address.kind)
    }
}

/// The providers and models made so far.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) providers: Vec<Block>,
    pub(super) models: Vec<Block>,
    provider_names: Names,
    pub(super) model_names: Names,
    /// each key with the variable that stands for it
    variables: Vec<(String, Secret)>,
}

/// An address that a policy can have.
struct Address {
    base: String,
    kind: &'static str,
    loopback: bool,
    changes: Vec<&'static str>,
}

impl Catalog {
    /// Declares a provider, or finds the one that is just the same; None when it has no address.
    pub(super) fn provider(&mut self, asked: Asked<'_>, notes: &mut Notes) -> Option<String> {
        let (known, address) = asked.found();
        let Some(address) = address else {
            notes.lost(&asked.path, "this provider has no address that a policy can have; its models are left out");
            return None;
        };
        match address.changes.as_slice() {
            [] => notes.carried(&asked.base_path, "the provider's `base`, without the path that is put behind it"),
            changes => notes.changed(&asked.base_path, format!("the provider's `base`: {}", changes.join("; "))),
        }
        if address.changes.contains(&ENCRYPTED) {
            notes.look(format!(
                "{}: `http` became `https`, and the server may not speak it; put a proxy with TLS before it, or reach it on this machine",
                asked.base_path
            ));
        }
        let key = self.key(&asked, known, &address, notes);
        let mut fields = vec![field("kind", address.kind), field("base", quoted(&address.base))];
        fields.extend(key.map(|variable| field("key", format!("env({})", quoted(&variable)))));
        fields.extend(asked.fields);
        if let Some(same) = self.providers.iter().find(|known| same_fields(&known.fields, &fields)) {
            return Some(same.name.clone());
        }
        let host = Url::parse(&address.base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let name = self.provider_names.take(asked.label, "provider", &host);
        let remark = format!("from {}", asked.path);
        self.providers.push(Block { name: name.clone(), on: None, remark, path: asked.path, fields });
        Some(name)
    }

    /// The variable that holds the key.
    fn key(
        &mut self,
        asked: &Asked<'_>,
        known: Option<&'static Preset>,
        address: &Address,
        notes: &mut Notes,
    ) -> Option<String> {
        let usual = || known.and_then(|preset| preset.env).map_or_else(|| key_variable(asked.label), str::to_owned);
        match &asked.key {
            Secret::Variable(name) => {
                notes.carried(&asked.key_path, format!("`env(\"{name}\")`"));
                notes.needs(name, format!("the key of provider {}", kebab(asked.label, "provider")));
                self.variables.push((name.clone(), asked.key.clone()));
                Some(name.clone())
            }
            Secret::Literal(_) | Secret::Absent if address.loopback => {
                notes.changed(&asked.key_path, "left out: a server on this machine needs no key as a rule");
                None
            }
            Secret::Literal(_) => {
                let name = self.variable(&usual(), &asked.key);
                notes.changed(&asked.key_path, format!("a key is never written into a policy: set `{name}` to it"));
                notes.needs(&name, format!("the key that stands at {}", asked.key_path));
                Some(name)
            }
            Secret::Absent => {
                let name = usual();
                notes.changed(&asked.key_path, format!("read from `{name}`"));
                notes.needs(&name, format!("the key of provider {}", kebab(asked.label, "provider")));
                self.variables.push((name.clone(), Secret::Variable(name.clone())));
                Some(name)
            }
        }
    }

    /// A variable's name for a key; the same key has the same name, another key another one.
    pub(super) fn variable(&mut self, wanted: &str, key: &Secret) -> String {
        if let Some((name, _)) = self.variables.iter().find(|(_, known)| known == key) {
            return name.clone();
        }
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = names.find(|name| !self.variables.iter().any(|(known, _)| known == name));
        let name = free.unwrap_or_else(|| wanted.to_owned());
        self.variables.push((name.clone(), key.clone()));
        name
    }

    /// Declares a model.
    pub(super) fn model(&mut self, provider: &str, upstream: &str, path: &str, mut fields: Vec<Field>) -> String {
        let short = upstream.rsplit('/').find(|part| !part.is_empty()).unwrap_or(upstream);
        let name = self.model_names.take(short, "model", provider);
        fields.insert(0, field("upstream", quoted(upstream)));
        let remark = format!("from {path}");
        let on = Some(provider.to_owned());
        self.models.push(Block { name: name.clone(), on, remark, path: path.to_owned(), fields });
        name
    }

    /// Adds a capability to a model that has a `can`.
    pub(super) fn grant(&mut self, model: &str, capability: &str) {
        let Some(block) = self.models.iter_mut().find(|block| block.name == model) else { return };
        let Some(can) = block.fields.iter_mut().find(|field| field.key == "can") else { return };
        let words: Vec<&str> = can.value.trim_matches(['[', ']']).split(", ").filter(|word| !word.is_empty()).collect();
        if !words.contains(&capability) {
            can.value = format!("[{}]", words.into_iter().chain([capability]).collect::<Vec<_>>().join(", "));
        }
    }
}

/// Milliseconds as a duration of the language, in its largest unit that fits.
pub(super) fn duration(milliseconds: u64) -> String {
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds >= size && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    format!("{milliseconds}ms")
}

fn same_fields(left: &[Field], right: &[Field]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| left.key == right.key && left.value == right.value)
}

/// Paths that a gateway puts behind the base by itself.
const PATHS: &[(&str, Option<&str>)] = &[
    ("/chat/completions", None),
    ("/v1/messages", Some("anthropic")),
    ("/messages", Some("anthropic")),
    ("/responses", Some("responses")),
    ("/completions", None),
];

/// The kind of what speaks Gemini's own protocol.
const GEMINI: &str = "gemini";

/// The change that may make a server unreachable.
const ENCRYPTED: &str = "`https`, since keys never go over the network unencrypted";

fn address(text: &str, kind: Option<&'static str>) -> Option<Address> {
    let mut changes = Vec::new();
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    let loopback = presets::is_loopback(&url);
    if !url.username().is_empty() || url.password().is_some() {
        changes.push("user name and password are left out, a policy holds no secrets");
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
    }
    if url.query().is_some() || url.fragment().is_some() {
        changes.push("what stands behind `?` or `#` is left out");
        url.set_query(None);
        url.set_fragment(None);
    }
    if url.scheme() == "http" && !loopback {
        changes.push(ENCRYPTED);
        url.set_scheme("https").ok()?;
    }
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    if host.ends_with("googleapis.com") && host.starts_with("generativelanguage.") {
        let compatible = presets::named("gemini")?.base;
        let speaks_own = !url.path().contains("/openai") && kind.is_none_or(|kind| kind == GEMINI);
        if speaks_own {
            let base = compatible.trim_end_matches("/openai").to_owned();
            return Some(Address { base, kind: GEMINI, loopback, changes });
        }
        if !url.path().contains("/openai") {
            changes.push("Gemini by its OpenAI-compatible address");
        }
        return Some(Address { base: compatible.to_owned(), kind: "openai", loopback, changes });
    }
    let azure = [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];
    if azure.iter().any(|end| host.ends_with(end)) && !url.path().contains("/openai/v1") {
        changes.push("Azure by its `/openai/v1` address");
        return Some(Address { base: format!("https://{host}/openai/v1"), kind: "openai", loopback, changes });
    }
    let mut base = url.as_str().trim_end_matches('/').to_owned();
    let mut found = None;
    // More than one may stand there; what is put behind must not stand there at all.
    while let Some((path, meant)) = PATHS.iter().find(|(path, _)| base.ends_with(path)) {
        base.truncate(base.len() - path.len());
        base.truncate(base.trim_end_matches('/').len());
        found = found.or(*meant);
    }
    if kind == Some(GEMINI) {
        // The model and what is asked of it are put behind the base.
        base.truncate(base.find("/models").unwrap_or(base.len()));
    }
    Url::parse(&base).ok().filter(Url::has_host)?;
    if loopback && url.port() == Some(11434) && url.path().trim_matches('/').is_empty() {
        changes.push("Ollama by its OpenAI-compatible address");
        base.push_str("/v1");
    }
    let by_host = presets::at(&url).map(|preset| preset.kind);
    let kind = kind.or(found).or(by_host).unwrap_or("openai");
    Some(Address { base, kind, loopback, changes })
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_put_right() {
        let check = |text: &str, base: &str, kind: &str, changes: usize| {
            let found = address(text, None).unwrap();
            assert_eq!((found.base.as_str(), found.kind, found.changes.len()), (base, kind, changes), "{text}");
        };
        check("https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1", "openai", 0);
        check("https://api.anthropic.com/v1/messages", "https://api.anthropic.com", "anthropic", 0);
        check("https://x.example/anthropic/v1/messages/", "https://x.example/anthropic", "anthropic", 0);
        check("http://10.0.0.5:8000/v1", "https://10.0.0.5:8000/v1", "openai", 1);
        check("http://localhost:1234/v1/", "http://localhost:1234/v1", "openai", 0);
        check("https://u:p@x.example/v1?key=1", "https://x.example/v1", "openai", 2);
        let gemini = "https://generativelanguage.googleapis.com/v1beta/openai";
        check("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", gemini, "openai", 0);
        let own = gemini.trim_end_matches("/openai");
        check("https://generativelanguage.googleapis.com/v1beta/models/", own, "gemini", 0);
        check("https://generativelanguage.googleapis.com", own, "gemini", 0);
        let asked = |text: &str, kind| address(text, Some(kind)).map(|found| (found.base, found.kind)).unwrap();
        assert_eq!(asked("https://generativelanguage.googleapis.com/v1beta", "openai"), (gemini.to_owned(), "openai"));
        let proxy = ("https://x.example/v1beta".to_owned(), "gemini");
        assert_eq!(asked("https://x.example/v1beta/models/m:generateContent", "gemini"), proxy);
        assert_eq!(asked("https://x.example/v1", "responses"), ("https://x.example/v1".to_owned(), "responses"));
        check("https://a.openai.azure.com", "https://a.openai.azure.com/openai/v1", "openai", 1);
        for wrong in ["", "ftp://x", "nonsense", "$BASE/v1"] {
            assert!(address(wrong, None).is_none(), "{wrong}");
        }
    }
}
