//! A row, and the list of them.

use serde_json::Value;

use crate::run::{self, Got};

/// What a predicate finds.
pub(crate) type Verdict = Result<(), String>;

/// What a row is about: where its cases are, and how they are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Answer,
    Stream,
    /// no files: its predicate makes its own cases
    Own,
}

/// One sentence about what is right.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// its directory and its test
    pub(crate) id: &'static str,
    /// the section of the list: 2 requests, 3 answers, 4 streams, 5 the small endpoints
    pub(crate) section: u8,
    pub(crate) kind: Kind,
    pub(crate) says: &'static str,
    /// what must hold for every case of the row, whatever its `want` says
    pub(crate) holds: fn(&Got) -> Verdict,
    /// for [`Kind::Own`]: the pairs that were tried, as (client's protocol, upstream's wire)
    pub(crate) tries: fn() -> Vec<(&'static str, &'static str)>,
}

/// The `want`s of its cases say it all.
pub(crate) fn any(_: &Got) -> Verdict {
    Ok(())
}

/// A predicate's way to compare.
pub(crate) fn equal(what: &str, is: &Value, want: &Value) -> Verdict {
    if is == want { Ok(()) } else { Err(format!("{what} is {is}, and should be {want}")) }
}

/// A predicate's way to say no.
pub(crate) fn ensure(holds: bool, says: &str) -> Verdict {
    if holds { Ok(()) } else { Err(says.to_owned()) }
}

/// Runs a row's cases and panics with everything that is wrong.
#[track_caller]
pub(crate) fn check(row: &Row) {
    let outcome = run::row(row);
    assert!(outcome.tried > 0, "the row `{}` has no case; the module's doc says how to add one", row.id);
    assert!(outcome.wrong.is_empty(), "\n{}\n", outcome.wrong.join("\n\n"));
}

/// Rows with a test each: `name: section, kind, "sentence", predicate;`.
macro_rules! rows {
    ($($id:ident: $section:literal, $kind:ident, $says:literal, $holds:expr;)*) => {
        pub(crate) const ROWS: &[$crate::row::Row] = &[$($crate::row::Row {
            id: stringify!($id),
            section: $section,
            kind: $crate::row::Kind::$kind,
            says: $says,
            holds: $holds,
            tries: Vec::new,
        }),*];

        mod named {
            $(#[test]
            fn $id() {
                let row = super::ROWS.iter().find(|row| row.id == stringify!($id)).unwrap();
                $crate::row::check(row);
            })*
        }
    };
}

/// Rows that make their own cases: `name: section, "sentence", function;`. The function panics when the row
/// does not hold, and returns the pairs that it tried.
macro_rules! own_rows {
    ($($id:ident: $section:literal, $says:literal, $tries:expr;)*) => {
        pub(crate) const OWN: &[$crate::row::Row] = &[$($crate::row::Row {
            id: stringify!($id),
            section: $section,
            kind: $crate::row::Kind::Own,
            says: $says,
            holds: $crate::row::any,
            tries: $tries,
        }),*];

        mod own {
            $(#[test]
            fn $id() {
                let row = super::OWN.iter().find(|row| row.id == stringify!($id)).unwrap();
                $crate::row::check(row);
            })*
        }
    };
}

pub(crate) use {own_rows, rows};
