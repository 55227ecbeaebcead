//! The one registry of codes: `P` and four digits, never reused. Each has a page of its own in
//! `pages/`.

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
    /// its page: what it says and why, a bad and a good example (`pages/P0000.md`)
    pub page: &'static str,
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
            $(Entry {
                code: Code::$name,
                severity: Severity::$severity,
                title: $title,
                page: include_str!(concat!("pages/", stringify!($name), ".md")),
            },)*
        ];
    };
}

codes! {
    P0001 Error "unexpected token";
    P0002 Error "never closed";
    P0003 Error "nested too deeply";
    P0004 Error "too large";
    P0005 Error "operator of another language";
    P0006 Error "full-width punctuation";
    P0007 Error "bad number or unit";
    P0008 Error "bad escape";

    P0101 Error "unknown variable";
    P0102 Error "unknown model, pool, tag, provider, tenant, route, transform or preset";
    P0103 Error "unknown function";
    P0104 Error "kebab name inside an expression";
    P0105 Error "variable not available here";
    P0106 Error "shadowing";
    P0107 Error "declared twice";
    P0108 Warning "never used";
    P0109 Error "unknown field";
    P0110 Error "missing field";
    P0111 Error "repeated field";
    P0114 Warning "no tenant has it";

    P0201 Error "condition is not a truth value";
    P0202 Error "no such operator for these types";
    P0203 Error "field value of the wrong kind";
    P0204 Error "wrong arguments";
    P0205 Error "mixed list";
    P0206 Error "invalid regular expression";
    P0207 Error "invalid duration, timestamp or time zone";
    P0208 Error "may fail at run time";
    P0209 Error "comparison with an impossible value";
    P0210 Error "feature of CEL outside the subset";
    P0211 Error "condition too large";

    P0301 Warning "always true";
    P0302 Error "never true";
    P0303 Error "unreachable rule";
    P0304 Warning "duplicate condition";
    P0305 Error "no default";
    P0306 Error "statement behind default";
    P0307 Error "no way in";
    P0308 Warning "default never reached";
    P0309 Warning "redundant part";
    P0310 Error "invariant broken";
    P0311 Warning "invariant vacuous";
    P0312 Warning "invariant not proved";
    P0313 Warning "analysis gave up";
    P0314 Warning "overlapping rules";
    P0315 Warning "invariant kept only by a filter";

    P0401 Error "weights are not 100 %";
    P0402 Error "zero weight";
    P0403 Warning "model lacks what every request needs";
    P0404 Error "nobody in the target can serve";
    P0405 Warning "context smaller than every request";
    P0406 Error "empty set";
    P0407 Error "`where` never true";
    P0408 Error "price missing for `cheapest`";
    P0409 Warning "split by a constant";
    P0410 Error "bad reject status";
    P0411 Warning "same model twice";
    P0412 Error "unknown capability";
    P0413 Error "must be the last attempt";
    P0414 Error "transforms that cannot work together";
    P0415 Error "not for the provider's protocol";
    P0416 Error "written by the gateway";
    P0417 Warning "naming a model does less than it says";
    P0418 Warning "transform that does nothing";

    P0501 Error "routes call each other in a cycle";
    P0502 Warning "all attempts go to one provider";
    P0503 Warning "attempt that adds nothing";
    P0504 Warning "deadline shorter than its parts";
    P0505 Warning "choice may be empty and nothing follows";
    P0506 Warning "no fallback at all";
    P0507 Warning "worst case above a limit";

    P0601 Warning "dear rule before a cheap one";
    P0602 Warning "walk inside a walk";
    P0603 Warning "regular expression that only looks for a text";
    P0604 Warning "tree over its node budget";

    P0701 Error "environment variable not set";
    P0702 Warning "a secret written in the file";
    P0703 Error "base is not https";
    P0704 Warning "provider without key";
    P0705 Warning "too many metric series";
    P0708 Warning "not served by this version";

    P0801 Warning "rule that no test reaches";
    P0802 Error "unknown rule, model or fact";
    P0803 Warning "title twice";
    P0804 Warning "identical cases";
    P0805 Error "case comes out otherwise";

    P0901 Warning "not kebab-case";
    P0902 Warning "double negation";
    P0903 Warning "constant on the left";
    P0904 Warning "list of one element";
    P0905 Warning "chain of comparisons";
    P0906 Warning "unused allow";
    P0907 Warning "character that changes the direction of text";
    P0908 Warning "letter that looks like another";
}
