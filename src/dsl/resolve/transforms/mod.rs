//! `transform: […]` and `preset: NAME` of providers and models, and `transform NAME { … }` blocks.

mod arguments;
mod blocks;
mod idle;
mod order;
mod template;

use super::Lower;
use super::values::text_of;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::ast::{Field, Value, ValueKind, Word};
use crate::dsl::policy::ProviderKind;
use crate::dsl::transform::presets::{self, Preset};
use crate::dsl::transform::table::{self, TransformEntry};
use crate::dsl::transform::{Transform, UserTransform};

pub(crate) use idle::Idle;
pub(super) use idle::Subject;

/// A `transform` block of the policy; None when it was wrong.
pub(crate) struct Declared {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) transform: Option<UserTransform>,
    pub(super) used: bool,
}

/// A transform with the place that names it.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(super) transform: Transform,
    pub(super) span: Span,
}

/// What a provider says for its models.
#[derive(Clone, Default)]
pub(crate) struct Chain {
    preset: Option<&'static Preset>,
    own: Vec<Placed>,
}

impl Lower<'_, '_> {
    /// `preset` and `transform` of a provider. `kind` is what its transforms have to fit.
    pub(super) fn provider_chain(&mut self, preset: Option<&'static Preset>, list: Option<&Field>) -> Chain {
        let own = list.map_or_else(Vec::new, |field| self.transforms(field));
        Chain { preset, own }
    }

    /// Checks a provider's chain once, and not again for each of its models.
    pub(super) fn check_chain(&mut self, chain: &Chain, kind: ProviderKind) {
        for (number, placed) in chain.own.iter().enumerate() {
            self.fits(placed, kind);
            order::check(placed, &[], chain.own.get(..number).unwrap_or_default(), self.findings);
        }
    }

    /// The whole chain of a model: its preset's (or its provider's preset's) transforms, its
    /// provider's, its own.
    pub(super) fn model_chain(
        &mut self,
        provider: &Chain,
        kind: ProviderKind,
        preset: Option<&'static Preset>,
        list: Option<&Field>,
        subject: &Subject<'_>,
    ) -> Vec<Transform> {
        let own = list.map_or_else(Vec::new, |field| self.transforms(field));
        for (number, placed) in own.iter().enumerate() {
            self.fits(placed, kind);
            order::check(placed, &provider.own, own.get(..number).unwrap_or_default(), self.findings);
        }
        self.look_for_idle(subject, &provider.own, &own);
        let mut chain = Vec::new();
        if let Some(preset) = preset.or(provider.preset) {
            chain.push(Transform::Preset(preset));
            chain.extend(preset.transforms.iter().filter_map(|name| arguments::without(name)));
        }
        chain.extend(provider.own.iter().chain(&own).map(|placed| placed.transform.clone()));
        chain
    }

    /// `preset: NAME`, for a provider of this kind.
    pub(super) fn preset(&mut self, field: Option<&Field>, kind: ProviderKind) -> Option<&'static Preset> {
        let (name, span) = (self.word(field)?, field?.value.span);
        let Some(preset) = presets::preset(&name) else {
            let known: Vec<&str> = presets::PRESETS.iter().map(|preset| preset.name).collect();
            self.unknown("preset", &name, span, &known);
            return None;
        };
        if !preset.fits(kind) {
            let kinds: Vec<String> =
                preset.bases.iter().map(|(kind, _)| format!("`kind: {}`", table::kind_word(*kind))).collect();
            let message = format!("`{name}` is not served by `kind: {}`", table::kind_word(kind));
            let finding = Diagnostic::new(Code::P0415, span, message).label("another protocol");
            self.report(finding.help(format!("it takes {}", kinds.join(" or "))));
            return None;
        }
        Some(preset)
    }

    /// `[max_tokens(8192), clean_cache, fix-names]`.
    fn transforms(&mut self, field: &Field) -> Vec<Placed> {
        let value = &field.value;
        let ValueKind::List(values) = &value.kind else {
            let finding = super::values::wrong_kind(value, "a list");
            let text = self.shared.sources.slice(value.span);
            self.findings.extend(finding.map(|finding| finding.help(format!("write `[{text}]`"))));
            return Vec::new();
        };
        values.iter().filter_map(|value| self.transform(value)).collect()
    }

    fn transform(&mut self, value: &Value) -> Option<Placed> {
        let (name, arguments) = match &value.kind {
            ValueKind::Call(callee, arguments) => (callee.clone(), Some(arguments.as_slice())),
            _ => match text_of(value) {
                Some(text) => (Word { text, span: value.span }, None),
                None => {
                    self.wrong(value, "a transform such as `max_tokens(8192)`");
                    return None;
                }
            },
        };
        let span = name.span;
        if let Some(row) = table::entry(&name.text) {
            let transform = self.built_in(row, value, arguments)?;
            return Some(Placed { transform, span });
        }
        let Some(declared) = self.transforms.iter_mut().find(|declared| declared.name == name.text) else {
            let mut known: Vec<&str> = table::TRANSFORMS.iter().map(|row| row.name).collect();
            let own: Vec<String> = self.transforms.iter().map(|declared| declared.name.clone()).collect();
            known.extend(own.iter().map(String::as_str));
            self.unknown("transform", &name.text, span, &known);
            return None;
        };
        declared.used = true;
        let user = declared.transform.clone();
        if arguments.is_some() {
            let message = format!("`{}` takes no arguments", name.text);
            self.report(Diagnostic::new(Code::P0204, value.span, message).help(format!("write `{}`", name.text)));
            return None;
        }
        Some(Placed { transform: Transform::User(user?), span })
    }

    fn unknown(&mut self, what: &str, name: &str, span: Span, known: &[&str]) {
        let finding = Diagnostic::new(Code::P0102, span, format!("no {what} `{name}`")).label("not known");
        self.report(match nearest(name, known.iter().copied()) {
            Some(near) => finding.help(format!("`{near}` has a similar name")).fix(
                format!("replace it by `{near}`"),
                false,
                vec![Edit { span, text: near.to_owned() }],
            ),
            None => finding.help(format!("there are: {}", known.join(", "))),
        });
    }

    /// Reports a transform that the provider's protocol has no place for.
    fn fits(&mut self, placed: &Placed, kind: ProviderKind) {
        let takes = |kinds: &[ProviderKind]| kinds.is_empty() || kind == ProviderKind::Mock || kinds.contains(&kind);
        let word = table::kind_word(kind);
        let name = placed.transform.name();
        let row: Option<&TransformEntry> = match placed.transform {
            Transform::User(_) => None,
            _ => table::entry(name),
        };
        if let Some(row) = row.filter(|row| !takes(row.kinds)) {
            let message = format!("`{}` does nothing for a provider of `kind: {word}`", row.name);
            let finding = Diagnostic::new(Code::P0415, placed.span, message).label("another protocol");
            return self.report(finding.help("remove it"));
        }
        let Transform::Sampling(parameters) = &placed.transform else { return };
        for parameter in parameters {
            let row = table::SAMPLING.iter().find(|row| row.name == parameter.parameter);
            if row.is_some_and(|row| !takes(row.kinds)) {
                let message = format!("a provider of `kind: {word}` has no `{}`", parameter.parameter);
                let finding = Diagnostic::new(Code::P0415, placed.span, message).label("another protocol");
                self.report(finding.help(format!("remove `{}`", parameter.parameter)));
            }
        }
    }
}
