//! One message: a code, a place, a sentence, a help.

use super::codes::Code;
use super::source::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// harmless, or a guess
    Warning,
    /// the policy does other than it says, or cannot run
    Error,
}

/// A place with a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// the smallest thing to look at
    pub span: Span,
    /// what is the matter with it; may be empty
    pub text: String,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// what is replaced; an empty place inserts
    pub span: Span,
    /// what stands there instead
    pub text: String,
}

/// A change that mends the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// what it does, in words
    pub title: String,
    /// its replacements
    pub edits: Vec<Edit>,
    /// true: it keeps the meaning and may be applied without asking
    pub safe: bool,
}

/// A finding. Messages are lower case and without a full stop; the author's text stands in
/// backticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// which finding
    pub code: Code,
    /// how bad it is: the registry's word, unless a command raises it
    pub severity: Severity,
    /// one sentence
    pub message: String,
    /// where; None for a finding about the whole policy
    pub primary: Option<Label>,
    /// other places that matter
    pub secondary: Vec<Label>,
    /// one line that shows the fix
    pub help: Option<String>,
    /// further lines (a counterexample, a command to run)
    pub notes: Vec<String>,
    /// a change that mends it
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A finding at a place.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { primary: Some(Label { span, text: String::new() }), ..Self::without_place(code, message) }
    }

    /// A finding about the whole policy.
    #[must_use]
    pub fn without_place(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            help: None,
            notes: Vec::new(),
            fix: None,
        }
    }

    /// Puts words at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Sets the help line.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a change that mends it.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, safe: bool, edits: Vec<Edit>) -> Self {
        self.fix = Some(Fix { title: title.into(), edits, safe });
        self
    }
}
