//! Providers: what they speak, where they stand, how the mock behaves.

use url::{Host, Url};

use super::fields::Fields;
use super::{Lower, values::text_of};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::dsl::ast::{Block, Field, Item, ValueKind};
use crate::dsl::fields;
use crate::dsl::policy::{MockKnobs, Provider, ProviderKind};

const KINDS: &[(&str, ProviderKind)] = &[
    ("openai", ProviderKind::OpenAi),
    ("anthropic", ProviderKind::Anthropic),
    ("responses", ProviderKind::Responses),
    ("gemini", ProviderKind::Gemini),
    ("mock", ProviderKind::Mock),
];

impl Lower<'_, '_> {
    pub(super) fn providers(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Provider(block) = item
                && self.names.providers.get(&block.name.text).is_some_and(|(_, span)| *span == block.name.span)
            {
                let provider = self.provider(block);
                self.policy.providers.push(provider);
            }
        }
    }

    fn provider(&mut self, block: &Block) -> Provider {
        let name = &block.name;
        let known = if says_mock(block) { fields::Block::MockProvider } else { fields::Block::Provider };
        let mut fields = self.start(format!("provider `{}`", name.text), known, &block.fields);
        fields.whole = block.whole;
        let kind = self.kind(&mut fields, block);
        let mock = kind == ProviderKind::Mock;
        let preset = self.preset(fields.get("preset"), kind);
        let base = match fields.get("base") {
            None if mock || !block.whole => None,
            None if preset.is_some() => preset.and_then(|preset| preset.base(kind)).map(str::to_owned),
            // A preset that is not known, or not for this kind, is reported; right, it may bring a base.
            None if fields.get("preset").is_some() => None,
            None => {
                let message = format!("provider `{}` has no `base`", name.text);
                let help = "add `base: \"https://…\"`, or a `preset` that brings one, such as `preset: openrouter`";
                self.report(Diagnostic::new(Code::P0110, name.span, message).help(help));
                None
            }
            Some(field) => self.base(field),
        };
        let key = fields.get("key");
        if key.is_none()
            && block.whole
            && !mock
            && base.as_ref().is_some_and(|base| !Url::parse(base).is_ok_and(|url| is_loopback(&url)))
        {
            let finding = Diagnostic::new(Code::P0704, name.span, format!("provider `{}` has no key", name.text));
            let usual = preset.map(|preset| preset.env).filter(|env| !env.is_empty()).unwrap_or("NAME");
            self.report(finding.help(format!("add `key: env(\"{usual}\")`")));
        }
        let key = key.and_then(|field| self.env_name(&field.value));
        let region = self.word(fields.get("region"));
        let headers = fields.get("headers").map_or_else(Vec::new, |field| self.headers(field));
        let knobs = if mock {
            self.knobs(&mut fields)
        } else {
            fields.misplaced(fields::MOCK, "a provider of kind `mock`", self.findings);
            MockKnobs::default()
        };
        let chain = self.provider_chain(preset, fields.get("transform"));
        self.check_chain(&chain, knobs.wire.unwrap_or(kind));
        self.chains.push(chain);
        fields.unserved(self.findings);
        self.finish(fields);
        Provider { name: name.text.clone(), kind, base, key, region, headers, mock: knobs, span: name.span }
    }

    fn kind(&mut self, fields: &mut Fields<'_>, block: &Block) -> ProviderKind {
        let example = KINDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" | ");
        let Some(field) = fields.needed("kind", block.name.span, &example, self.findings) else {
            return ProviderKind::Mock;
        };
        self.kind_of(field).unwrap_or(ProviderKind::Mock)
    }

    fn kind_of(&mut self, field: &Field) -> Option<ProviderKind> {
        let word = self.word(Some(field))?;
        let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == word) else {
            let finding = Diagnostic::new(Code::P0203, field.value.span, format!("no kind of provider `{word}`"));
            let known: Vec<&str> = KINDS.iter().map(|(known, _)| *known).collect();
            self.report(match nearest(&word, known.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("it is one of: {}", known.join(", "))),
            });
            return None;
        };
        Some(*kind)
    }

    /// A base URL without the slash at its end.
    fn base(&mut self, field: &Field) -> Option<String> {
        let text = self.word(Some(field))?;
        let span = field.value.span;
        let Some(url) = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        else {
            let finding = Diagnostic::new(Code::P0203, span, format!("`{text}` is not a URL of a server"));
            self.report(finding.help("write `\"https://host/path\"`"));
            return None;
        };
        if url.query().is_some() || url.fragment().is_some() {
            let finding = Diagnostic::new(Code::P0203, span, "a base ends with its path");
            self.report(finding.help("remove what stands behind `?` or `#`"));
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            let finding = Diagnostic::new(Code::P0203, span, "a base holds no user name or password");
            self.report(finding.help("put the key into the environment: `key: env(\"NAME\")`"));
            return None;
        }
        let bare = text.trim_end_matches('/');
        for path in ["/chat/completions", "/v1/messages", "/messages", "/responses"] {
            if let Some(meant) = bare.strip_suffix(path) {
                let finding = Diagnostic::new(Code::P0203, span, format!("`{path}` is put behind the base"));
                self.report(finding.help(format!("write `\"{meant}\"`")));
                return None;
            }
        }
        if let Some(meant) = before_model(bare) {
            let finding = Diagnostic::new(Code::P0203, span, "the model and the method are put behind the base");
            self.report(finding.help(format!("write `\"{meant}\"`")));
            return None;
        }
        let loopback = is_loopback(&url);
        if url.scheme() == "http" && !loopback {
            let finding = Diagnostic::new(Code::P0703, span, "keys and prompts would be sent unencrypted")
                .label("not https, and not on this machine");
            self.report(finding.help(format!("write `\"{}\"`", text.replacen("http:", "https:", 1))));
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    fn headers(&mut self, field: &Field) -> Vec<(String, String)> {
        let ValueKind::Map(inner) = &field.value.kind else {
            self.wrong(&field.value, "a group such as `{ \"x-team\": \"a\" }`");
            return Vec::new();
        };
        self.header_texts(inner)
    }

    fn knobs(&mut self, fields: &mut Fields<'_>) -> MockKnobs {
        let small = |found: Option<u64>| found.and_then(|count| u32::try_from(count).ok());
        let wire = fields.get("wire").and_then(|field| {
            let word = self.word(Some(field))?;
            let served = KINDS.iter().find(|(known, kind)| *known == word && *kind != ProviderKind::Mock);
            if served.is_none() {
                let finding = Diagnostic::new(Code::P0203, field.value.span, format!("a mock does not speak `{word}`"));
                let mut known = KINDS.iter().map(|(known, _)| *known).filter(|known| *known != "mock");
                self.report(match nearest(&word, known.clone()) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => {
                        let known: Vec<&str> = known.by_ref().collect();
                        finding.help(format!(
                            "it is one of: {}; without `wire` it speaks what the client speaks",
                            known.join(", ")
                        ))
                    }
                });
            }
            served.map(|(_, kind)| *kind)
        });
        let status = self.whole(fields.get("status"), 100, 599).and_then(|status| u16::try_from(status).ok());
        MockKnobs {
            latency: self.duration(fields.get("latency")).unwrap_or_default(),
            fail: self.percentage(fields.get("fail")).unwrap_or_default(),
            status: status.unwrap_or_default(),
            hang: self.truth(fields.get("hang")).unwrap_or_default(),
            cut: small(self.whole(fields.get("cut"), 0, 100_000)),
            chunks: small(self.whole(fields.get("chunks"), 1, 100_000)),
            chunk_delay: self.duration(fields.get("chunk_delay")).unwrap_or_default(),
            reply: self.text(fields.get("reply")),
            wire,
        }
    }
}

/// Whether a block says `kind: mock`, or nothing that is known: then no knob is called unknown.
fn says_mock(block: &Block) -> bool {
    let kind = block.fields.iter().find(|field| field.key.text == "kind").and_then(|field| text_of(&field.value));
    kind.is_none_or(|kind| kind == "mock" || !KINDS.iter().any(|(known, _)| *known == kind))
}

/// What stands before a model of Gemini's in an address that goes on with one.
fn before_model(base: &str) -> Option<&str> {
    let is_call = base.ends_with(":generateContent") || base.ends_with(":streamGenerateContent");
    base.strip_suffix("/models").or_else(|| base.rsplit_once("/models/").filter(|_| is_call).map(|(before, _)| before))
}

/// Whether a URL points to this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_of_fields_names_every_kind() {
        let kinds: Vec<&str> = super::KINDS.iter().map(|(word, _)| *word).collect();
        assert_eq!(kinds, super::fields::KIND_WORDS);
    }
}
