//! The one registry of codes: `P` and four digits, never reused.

use super::diagnostic::Severity;

/// A code of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

/// What the registry says about a code.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// the code
    pub code: Code,
    /// how bad it is
    pub severity: Severity,
    /// a few words
    pub title: &'static str,
}

impl Code {
    /// Its name, such as `P0101`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// What the registry says of it.
    #[must_use]
    pub fn entry(self) -> Option<&'static Entry> {
        REGISTRY.iter().find(|entry| entry.code == self)
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.entry().map_or(Severity::Error, |entry| entry.severity)
    }
}

macro_rules! codes {
    ($($name:ident $severity:ident $title:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Code = Code(stringify!($name));)*
        }
        /// All codes, in order.
        pub const REGISTRY: &[Entry] = &[
            $(Entry { code: Code::$name, severity: Severity::$severity, title: $title },)*
        ];
    };
}

codes! {
    P0001 Error "unexpected token";
    P0708 Warning "not served by this version";
}
