//! Options of rules, routes and `defaults`.

use std::time::Duration;

use super::Lower;
use super::fields::Fields;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{Field, Item, Value, ValueKind};
use crate::dsl::fields;
use crate::dsl::policy::{CacheOptions, LimitPlaces, Options};

impl Lower<'_, '_> {
    pub(super) fn defaults(&mut self, items: &[Item]) {
        let mut first: Option<Span> = None;
        for item in items {
            let Item::Defaults(block) = item else { continue };
            if let Some(first) = first {
                let finding = Diagnostic::new(Code::P0107, block.name.span, "`defaults` is declared twice");
                self.report(
                    finding.label("again here").also(first, "first here").help("put all fields into one block"),
                );
                continue;
            }
            first = Some(block.name.span);
            let mut fields = self.start("`defaults`".to_owned(), fields::Block::Defaults, &block.fields);
            let mut options = self.options(&mut fields);
            options.max_answer = self.whole(fields.get("max_answer"), 1, u32::MAX);
            options.cache_size = self.whole(fields.get("cache_size"), 1, u32::MAX);
            options.explicit = self.explicit_field(&mut fields);
            self.finish(fields);
            self.policy.defaults = options;
        }
    }

    /// The options of a rule or a route.
    pub(super) fn local_options(&mut self, owner: String, fields: &[Field]) -> Options {
        let mut fields = self.start(owner, fields::Block::Options, fields);
        let options = self.options(&mut fields);
        fields.misplaced(fields::ONLY_DEFAULTS, "`defaults`", self.findings);
        self.finish(fields);
        options
    }

    fn options(&mut self, fields: &mut Fields<'_>) -> Options {
        let cache = fields.get("cache").and_then(|field| self.cache(field));
        let place = |field: Option<&Field>| field.map(|field| field.value.span);
        let (deadline, timeout) = (fields.get("deadline"), fields.get("timeout"));
        let max_cost = fields.get("max_cost");
        let places = LimitPlaces { deadline: place(deadline), timeout: place(timeout), max_cost: place(max_cost) };
        let (deadline, timeout) = (self.wait(deadline), self.wait(timeout));
        let max_cost = max_cost.and_then(|field| self.dollars(&field.value));
        let label = self.word(fields.get("label"));
        fields.unserved(self.findings);
        Options {
            cache,
            deadline,
            timeout,
            max_cost,
            places,
            label,
            explicit: None,
            max_answer: None,
            cache_size: None,
        }
    }

    /// The amount of `$0.50`; what is wrong with another value is not said before it is served.
    fn dollars(&self, value: &Value) -> Option<f64> {
        let ValueKind::Money = value.kind else { return None };
        let amount = self.shared.sources.slice(value.span).trim_start_matches('$');
        amount.split('/').next()?.trim().parse().ok()
    }

    fn cache(&mut self, field: &Field) -> Option<CacheOptions> {
        match &field.value.kind {
            ValueKind::Word(word) if word == "off" => Some(CacheOptions { ttl: Duration::ZERO }),
            ValueKind::Duration(ttl) => Some(CacheOptions { ttl: *ttl }),
            ValueKind::Number(number) => {
                let finding = super::values::wrong_kind(&field.value, "a duration such as `10m`, or `off`,");
                self.findings.extend(finding.map(|finding| finding.help(format!("give it a unit: `{number}s`"))));
                None
            }
            _ => {
                self.wrong(&field.value, "a duration such as `10m`, or `off`,");
                None
            }
        }
    }
}
