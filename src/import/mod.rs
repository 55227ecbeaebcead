//! Moving in: configurations of other programs to policies, with a report on every value.
//!
//! Text comes in, a policy's text and a report go out. Nothing is dropped silently, and no key that
//! stands in the input gets into the policy or the report: it becomes the name of an environment
//! variable. The policy that comes out is formatted, checks clean (but for what this version does not
//! carry out yet) and has tests that were run. This room is pure: no I/O, no clock, no environment.

mod ccr;
mod draft;
mod finish;
mod litellm;
mod names;
mod portkey;
pub mod presets;
mod provider;
mod report;
pub mod starter;
mod value;

use serde::Serialize;

pub use report::{Fate, Key, Line, Report, Variable};

use crate::bounds::{MAX_IMPORT_BYTES, MAX_IMPORT_VALUES};
use report::Notes;
use value::Value;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// claude-code-router's `config.json`
    Ccr,
    /// LiteLLM's `config.yaml`
    Litellm,
    /// a gateway config of Portkey
    Portkey,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ccr, Self::Litellm, Self::Portkey];

    /// Its name, as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ccr => "claude-code-router",
            Self::Litellm => "LiteLLM",
            Self::Portkey => "Portkey",
        }
    }

    /// What becomes of each of its keys.
    #[must_use]
    pub fn keys(self) -> &'static [Key] {
        match self {
            Self::Ccr => ccr::KEYS,
            Self::Litellm => litellm::KEYS,
            Self::Portkey => portkey::KEYS,
        }
    }
}

/// What an import gives.
#[derive(Clone, Debug)]
pub struct Imported {
    /// whose configuration it was
    pub source: Source,
    /// the text of the policy
    pub policy: String,
    /// what became of every value
    pub report: Report,
}

/// Why nothing could be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// more than [`MAX_IMPORT_BYTES`]
    #[error("the file is larger than {MAX_IMPORT_BYTES} bytes; no configuration is")]
    TooLarge,
    /// more than [`MAX_IMPORT_VALUES`], aliases followed
    #[error("the file holds more than {MAX_IMPORT_VALUES} values, with aliases counted as often as they repeat")]
    TooMany,
    /// neither JSON nor YAML
    #[error("line {line}, column {column}: this is not {format}: {what}")]
    Syntax {
        /// what it was read as
        format: &'static str,
        /// from 1
        line: usize,
        /// from 1
        column: usize,
        /// what the parser says
        what: String,
    },
    /// the content fits none of the programs
    #[error(
        "cannot tell whose configuration this is: there is no `Providers` (claude-code-router), no `model_list` (LiteLLM) and no `strategy` or `provider` (Portkey); name it with --from"
    )]
    Unknown,
    /// nothing in it can answer a request
    #[error("as a configuration of {} it leads to no model: {what}", source_program.name())]
    Nothing {
        /// what it was read as
        source_program: Source,
        /// what is missing
        what: String,
    },
    /// a mistake of this program
    #[error(
        "the policy made from this file does not check ({what}); this is a defect of the importer, please report it"
    )]
    Broken {
        /// the first finding
        what: String,
    },
}

/// What to import, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// whose configuration it is; guessed from the content when left out
    pub source: Option<Source>,
    /// what this version does not carry out yet becomes a comment, so that the policy can be served
    pub served_only: bool,
}

/// Makes a policy out of another program's configuration. `name` is the file's own name, for the
/// policy's first comment.
///
/// # Errors
/// When the text is not JSON or YAML within bounds, fits no known program, or leads to no model.
pub fn import(name: &str, text: &str, options: Options) -> Result<Imported, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let input = read(text, options.source)?;
    let source = options.source.or_else(|| guess(&input)).ok_or(ImportError::Unknown)?;
    let mut notes = Notes::default();
    let mut draft = match source {
        Source::Ccr => ccr::draft(&input, &mut notes)?,
        Source::Litellm => litellm::draft(&input, &mut notes)?,
        Source::Portkey => portkey::draft(&input, &mut notes)?,
    };
    let mut head =
        vec![format!("Imported from {} of {}.", if name.is_empty() { "a file" } else { name }, source.name())];
    head.push(
        "Prices and context windows are not in that file as a rule: add them to get cost and size checks.".to_owned(),
    );
    head.append(&mut draft.head);
    draft.head = head;
    let client_key = draft.tenants.iter().find_map(draft::Block::key_variable);
    let finished = finish::finish(draft, &mut notes, options.served_only, "the imported file has it so")?;
    if options.served_only {
        notes.unserved_are_comments();
    }
    let report = Report {
        source,
        lines: notes.lines(&input, source.keys()),
        mended: notes.mended,
        advice: notes.looks.into_iter().chain(finished.advice).collect(),
        variables: notes.variables.into_iter().filter(|variable| finished.policy.contains(&variable.name)).collect(),
        client_key,
        untested: finished.untested,
        unserved: finished.unserved,
        served_only: options.served_only,
    };
    Ok(Imported { source, policy: finished.policy, report })
}

fn read(text: &str, source: Option<Source>) -> Result<Value, ImportError> {
    let json = text.trim_start().starts_with(['{', '[', '/']);
    match source {
        Some(Source::Ccr | Source::Portkey) => value::json5(text),
        Some(Source::Litellm) if !json => value::yaml(text),
        _ if json => value::json5(text),
        _ => value::yaml(text),
    }
}

/// Tells the programs apart by the keys that only they have.
fn guess(input: &Value) -> Option<Source> {
    let has = |keys: &[&str]| input.any(keys).is_some();
    if has(&["Providers", "Router", "CUSTOM_ROUTER_PATH"]) {
        Some(Source::Ccr)
    } else if has(&["model_list", "litellm_settings", "router_settings", "general_settings"]) {
        Some(Source::Litellm)
    } else if has(&["strategy", "targets", "virtual_key", "provider", "override_params"]) {
        Some(Source::Portkey)
    } else if has(&["providers"]) {
        Some(Source::Ccr)
    } else {
        None
    }
}
