//! Models and pools.

use super::Lower;
use super::transforms::Subject;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::dsl::ast::{Block, Field, Item, ValueKind, Word};
use crate::dsl::fields;
use crate::dsl::policy::{Capability, Model, ModelId, Pool, Price, ProviderId, ProviderKind};
use crate::facts::Var;

/// Most tokens that a model may declare.
const MOST_TOKENS: u32 = 1_000_000_000;
/// Largest price and quality: as in the table of variables.
const MOST_NUMBER: f64 = 1e9;

impl Lower<'_, '_> {
    pub(super) fn models(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Model { block, on } = item
                && self.names.models.get(&block.name.text).is_some_and(|(_, span)| *span == block.name.span)
            {
                let model = self.model(block, on);
                self.policy.models.push(model);
            }
        }
    }

    fn model(&mut self, block: &Block, on: &Word) -> Model {
        let name = &block.name;
        let provider = self.names.provider(on, self.findings).unwrap_or(ProviderId(0));
        let mut fields = self.start(format!("model `{}`", name.text), fields::Block::Model, &block.fields);
        let upstream = self.word(fields.get("upstream")).unwrap_or_else(|| name.text.clone());
        let context = self.whole(fields.get("context"), 1, MOST_TOKENS);
        let output = self.whole(fields.get("output"), 1, MOST_TOKENS);
        let price = fields.get("price").and_then(|field| self.price(field));
        let can = fields.get("can").map_or_else(|| vec![Capability::Tools], |field| self.can(field));
        let tags = self.texts(fields.get("tags")).unwrap_or_default();
        let (quality, quality_by_task) = fields.get("quality").map_or((None, Vec::new()), |field| self.quality(field));
        let weight = self.whole(fields.get("weight"), 1, 1_000_000).and_then(|weight| u32::try_from(weight).ok());
        let region = self.word(fields.get("region"));
        let stream = self.truth(fields.get("stream")).unwrap_or(true);
        let of = self.policy.providers.get(provider.index());
        let kind = of.map_or(ProviderKind::Mock, |provider| provider.mock.wire.unwrap_or(provider.kind));
        let subject = Subject {
            name: &name.text,
            can: &can,
            says_can: fields.get("can").is_some(),
            context,
            speaks_all: of.is_some() && kind == ProviderKind::Mock,
        };
        let preset = self.preset(fields.get("preset"), kind);
        let chain = self.chains.get(provider.index()).cloned().unwrap_or_default();
        let transforms = self.model_chain(&chain, kind, preset, fields.get("transform"), &subject);
        fields.unserved(self.findings);
        self.finish(fields);
        Model {
            name: name.text.clone(),
            provider,
            upstream,
            context,
            output,
            price,
            can,
            tags,
            quality,
            quality_by_task,
            weight: weight.unwrap_or(1),
            transforms,
            region,
            stream,
            span: name.span,
        }
    }

    fn price(&mut self, field: &Field) -> Option<Price> {
        let ValueKind::Map(inner) = &field.value.kind else {
            self.wrong(&field.value, "a group such as `{ input: 0.2, output: 1.1 }`");
            return None;
        };
        let mut fields = self.start("`price`".to_owned(), fields::Block::Price, inner);
        fields.renamed("input", &["in", "prompt", "input_tokens"], self.findings);
        fields.renamed("output", &["out", "completion", "output_tokens"], self.findings);
        let input = fields.needed("input", field.key.span, "0.2", self.findings);
        let input = self.number(input, 0.0, MOST_NUMBER);
        let output = fields.needed("output", field.key.span, "1.1", self.findings);
        let output = self.number(output, 0.0, MOST_NUMBER);
        let cache_read = self.number(fields.get("cache_read"), 0.0, MOST_NUMBER);
        let cache_write = self.number(fields.get("cache_write"), 0.0, MOST_NUMBER);
        self.finish(fields);
        Some(Price { input: input?, output: output?, cache_read, cache_write })
    }

    fn can(&mut self, field: &Field) -> Vec<Capability> {
        let Some(words) = self.texts(Some(field)) else { return Vec::new() };
        let known: Vec<&str> = Capability::ALL.iter().map(|can| can.name()).collect();
        let mut can = Vec::new();
        for word in words {
            if let Some(found) = Capability::ALL.into_iter().find(|known| known.name() == word) {
                can.push(found);
                continue;
            }
            let values = if let ValueKind::List(values) = &field.value.kind { values.as_slice() } else { &[] };
            let at = values.iter().find(|value| super::values::text_of(value).as_deref() == Some(&word));
            let span = at.map_or(field.value.span, |value| value.span);
            let finding = Diagnostic::new(Code::P0412, span, format!("no capability `{word}`"));
            self.report(match nearest(&word, known.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("a model can: {}", known.join(", "))),
            });
        }
        can
    }

    /// One number, or a number a task.
    fn quality(&mut self, field: &Field) -> (Option<f64>, Vec<(String, f64)>) {
        let ValueKind::Map(inner) = &field.value.kind else {
            return (self.number(Some(field), 0.0, MOST_NUMBER), Vec::new());
        };
        let mut fields = self.start("`quality`".to_owned(), fields::Block::Quality, inner);
        let other = self.number(fields.get("other"), 0.0, MOST_NUMBER);
        let mut tasks = Vec::new();
        for task in Var::RequestTask.row().values {
            if let Some(number) = self.number(fields.get(task), 0.0, MOST_NUMBER) {
                tasks.push(((*task).to_owned(), number));
            }
        }
        self.finish(fields);
        (other, tasks)
    }

    pub(super) fn pools(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Pool { name, members, span } = item
                && self.names.pools.get(&name.text).is_some_and(|(_, first)| first == &name.span)
            {
                let models = self.listed(members);
                if members.is_empty() {
                    let finding = Diagnostic::new(Code::P0406, *span, format!("pool `{}` has no models", name.text));
                    self.report(finding.help("name at least one: `[a, b]`"));
                }
                self.policy.pools.push(Pool { name: name.text.clone(), models, span: name.span });
            }
        }
    }

    /// The models of a list, each once.
    pub(super) fn listed(&mut self, members: &[Word]) -> Vec<ModelId> {
        let mut models: Vec<ModelId> = Vec::new();
        let mut seen = rustc_hash::FxHashMap::default();
        for member in members {
            let Some(model) = self.names.model(member, self.findings) else { continue };
            if let Some(first) = seen.insert(model, member.span) {
                let finding =
                    Diagnostic::new(Code::P0411, member.span, format!("`{}` stands twice in this list", member.text));
                self.report(finding.label("again here").also(first, "first here").help("remove one of them"));
                continue;
            }
            self.used.models.insert(model.index());
            models.push(model);
        }
        models
    }
}
