//! Tenants: their keys, what they may use, where they enter.

use rustc_hash::FxHashMap;

use super::{Lower, values::text_of};
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{Block, Field, Item, Value, ValueKind, Word};
use crate::dsl::fields;
use crate::dsl::policy::{ClientKey, ModelId, Tenant};

impl Lower<'_, '_> {
    pub(super) fn tenants(&mut self, items: &[Item]) {
        let mut keys: FxHashMap<String, Span> = FxHashMap::default();
        for item in items {
            if let Item::Tenant(block) = item
                && self.names.tenants.get(&block.name.text).is_some_and(|(_, span)| *span == block.name.span)
            {
                let tenant = self.tenant(block, &mut keys);
                self.policy.tenants.push(tenant);
            }
        }
    }

    fn tenant(&mut self, block: &Block, seen: &mut FxHashMap<String, Span>) -> Tenant {
        let name = &block.name;
        let mut fields = self.start(format!("tenant `{}`", name.text), fields::Block::Tenant, &block.fields);
        let keys = fields.get("keys").map_or_else(Vec::new, |field| self.keys(field, seen));
        let tier = self.word(fields.get("tier")).unwrap_or_default();
        let tags = self.texts(fields.get("tags")).unwrap_or_default();
        let models = fields.get("models").map(|field| self.allowed(field));
        let route = self.route_field(fields.get("route"));
        let explicit = self.explicit_field(&mut fields);
        fields.unserved(self.findings);
        self.finish(fields);
        Tenant { name: name.text.clone(), keys, tier, tags, models, route, explicit, span: name.span }
    }

    fn route_field(&mut self, field: Option<&Field>) -> Option<crate::dsl::policy::RouteId> {
        let text = self.word(field)?;
        self.names.route(&Word { text, span: field?.value.span }, self.findings)
    }

    fn keys(&mut self, field: &Field, seen: &mut FxHashMap<String, Span>) -> Vec<ClientKey> {
        let ValueKind::List(values) = &field.value.kind else {
            self.wrong(&field.value, "a list such as `[env(\"TEAM_KEY\")]`");
            return Vec::new();
        };
        let mut keys = Vec::new();
        for value in values {
            let Some(key) = self.key(value) else { continue };
            if let Some(first) = seen.insert(key.env.clone(), value.span) {
                let finding =
                    Diagnostic::new(Code::P0107, value.span, format!("`{}` is the key of two entries", key.env));
                self.report(finding.label("again here").also(first, "first here").help("a key belongs to one tenant"));
                continue;
            }
            keys.push(key);
        }
        keys
    }

    /// `env("X")`, or `{ key: env("X"), tags: [a] }`.
    fn key(&mut self, value: &Value) -> Option<ClientKey> {
        let ValueKind::Map(inner) = &value.kind else {
            return Some(ClientKey { env: self.env_name(value)?, tags: Vec::new() });
        };
        let mut fields = self.start("a key".to_owned(), fields::Block::Key, inner);
        let env = fields.needed("key", value.span, "env(\"TEAM_KEY\")", self.findings);
        let env = env.and_then(|field| self.env_name(&field.value));
        let tags = self.texts(fields.get("tags")).unwrap_or_default();
        self.finish(fields);
        Some(ClientKey { env: env?, tags })
    }

    /// `[a, pool, tag(x)]`: models, pools and tags.
    fn allowed(&mut self, field: &Field) -> Vec<ModelId> {
        let ValueKind::List(values) = &field.value.kind else {
            self.wrong(&field.value, "a list of models");
            return Vec::new();
        };
        let mut models: Vec<ModelId> = Vec::new();
        for value in values {
            let found = match &value.kind {
                ValueKind::Call(callee, arguments) if callee.text == "tag" => match arguments.first().and_then(text_of)
                {
                    Some(tag) if arguments.len() == 1 => self.tagged(&Word { text: tag, span: value.span }),
                    _ => {
                        self.wrong(value, "`tag(NAME)`");
                        Vec::new()
                    }
                },
                _ => match text_of(value) {
                    Some(text) => match self.names.member(&Word { text, span: value.span }, self.findings) {
                        Some(Ok(model)) => vec![model],
                        Some(Err(pool)) => {
                            self.policy.pools.get(pool.index()).map_or_else(Vec::new, |pool| pool.models.clone())
                        }
                        None => Vec::new(),
                    },
                    None => {
                        self.wrong(value, "a model, a pool or `tag(NAME)`");
                        Vec::new()
                    }
                },
            };
            models.extend(found);
        }
        if values.is_empty() {
            let finding = Diagnostic::new(Code::P0406, field.value.span, "this tenant may use no model at all");
            self.report(finding.help("name the models, or remove `models` to allow all"));
        }
        models.sort_unstable();
        models.dedup();
        models
    }
}
