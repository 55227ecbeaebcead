//! P0418: transforms that do nothing for the model whose chain they stand in.

use super::super::Lower;
use super::Placed;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::policy::{Capability, ProviderKind};
use crate::dsl::transform::{Transform, table};

/// What a model is, as far as transforms need something of it.
pub(in super::super) struct Subject<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) can: &'a [Capability],
    /// `can` is written
    pub(in super::super) says_can: bool,
    pub(in super::super) context: Option<u64>,
    /// its provider is a mock that speaks whatever the client speaks
    pub(in super::super) speaks_all: bool,
}

/// A transform that did nothing for every model so far; None: it does something for one.
pub(crate) type Idle = Option<Diagnostic>;

impl Lower<'_, '_> {
    /// Looks at what stands in a model's chain, its provider's part and its own. What is found is kept until
    /// all models are known: a provider's transform may be of use to another one.
    pub(super) fn look_for_idle(&mut self, subject: &Subject<'_>, provider: &[Placed], own: &[Placed]) {
        let emulates = || provider.iter().chain(own).any(|placed| matches!(placed.transform, Transform::EmulateTools));
        for placed in provider.iter().chain(own) {
            let found = why(&placed.transform, subject, emulates())
                .map(|(message, help)| Diagnostic::new(Code::P0418, placed.span, message).help(help));
            let slot = self.idle.entry(placed.span).or_insert_with(|| found.clone());
            if found.is_none() {
                *slot = None;
            }
        }
    }

    /// Reports those that did nothing for any model.
    pub(in super::super) fn report_idle(&mut self) {
        let mut found: Vec<(Span, Idle)> = std::mem::take(&mut self.idle).into_iter().collect();
        found.sort_by_key(|(span, _)| *span);
        self.findings.extend(found.into_iter().filter_map(|(_, idle)| idle));
    }
}

/// Why a transform does nothing for a model, and what to do.
fn why(transform: &Transform, subject: &Subject<'_>, emulates: bool) -> Option<(String, String)> {
    let (name, model) = (transform.name(), subject.name);
    let has_tools = subject.can.contains(&Capability::Tools);
    match transform {
        Transform::EmulateTools if has_tools => {
            let why = if subject.says_can { "it has `tools`" } else { "without `can` a model has tools" };
            let help = match subject.says_can {
                true => format!("take `tools` out of the `can` of `{model}`, or remove `{name}`"),
                false => format!("write `can: []` in `{model}`, or remove `{name}`"),
            };
            Some((format!("`{name}` does nothing for `{model}`: {why}"), help))
        }
        Transform::ToolUse | Transform::ToolRepair if !has_tools && !emulates => Some((
            format!("`{name}` does nothing for `{model}`: it has no tools"),
            format!("write `tools` in its `can`, or `emulate_tools`, or remove `{name}`"),
        )),
        Transform::TrimHistory(None) if subject.context.is_none() => Some((
            format!("`{name}` does nothing for `{model}`: it has no `context`"),
            format!("write `context: 128k` in `{model}`, or `trim_history(64k)`"),
        )),
        _ if subject.speaks_all => {
            let kinds = table::entry(name).map_or(&[][..], |row| row.kinds);
            let [ProviderKind::OpenAi] = kinds else { return None };
            Some((
                format!(
                    "`{name}` does nothing for most clients of `{model}`: a mock without `wire` speaks what they speak"
                ),
                "write `wire: openai` in the provider".to_owned(),
            ))
        }
        _ => None,
    }
}
