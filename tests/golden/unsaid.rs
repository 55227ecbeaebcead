//! Which protocol cannot say what a row is about, and why: an empty place in the table has a reason here, or a test fails.

use std::collections::BTreeSet;

use crate::case::{self, WIRES};
use crate::row::{Kind, Row};
use crate::rows;

/// A row that a protocol has no words for.
pub(crate) struct Unsaid {
    row: &'static str,
    /// the client's protocol of a request, the upstream's wire of an answer
    pub(crate) from: &'static str,
    pub(crate) because: &'static str,
}

macro_rules! unsaid {
    ($($row:ident: $($from:ident)+ => $because:literal;)*) => {
        &[$($(Unsaid { row: stringify!($row), from: stringify!($from), because: $because },)+)*]
    };
}

const UNSAID: &[Unsaid] = unsaid! {
    system_inside: gemini => "contents are the user's and the model's alone";
    cache_marks: responses gemini => "caches are not marked in a request";
    audio: anthropic responses => "a message carries no sounds";
    result_errors: chat responses => "a result has no mark for an error";
    signed_thinking: chat => "thinking has no proof";
    server_history: chat => "what a provider's own tool did leaves no trace in a message";
    stop_sequences: responses => "there are none";
    simple_requests: anthropic chat responses gemini => "the row is about `/chat`";
    stop_with_calls: anthropic => "its stop for a call is a word of its own";
    broken_arguments: anthropic gemini => "an input is an object, not text that may break";
    matched_stop: responses gemini => "an answer does not name the sequence";
    foreign_blocks: chat => "only sounds, which only its own clients can ask for";
};

/// Why a row has no case from this protocol.
pub(crate) fn of(row: &Row, from: &str) -> Option<&'static Unsaid> {
    UNSAID.iter().find(|unsaid| unsaid.row == row.id && unsaid.from == from)
}

/// Who a row's cases come from, and who cannot say it.
fn sources(row: &Row) -> Option<BTreeSet<&'static str>> {
    let dir = match row.kind {
        Kind::Request => "requests",
        Kind::Answer => "answers",
        Kind::Stream => "streams",
        Kind::Own => return None,
    };
    Some(case::cases(&case::root().join(dir).join(row.id)).iter().map(|case| case.from).collect())
}

/// What stands under the table: the empty places, and why they are empty.
pub(crate) fn list() -> String {
    let line = |unsaid: &Unsaid| format!("- `{}` from {}: {}\n", unsaid.row, unsaid.from, unsaid.because);
    let shown = UNSAID.iter().filter(|unsaid| unsaid.row != "simple_requests").map(line);
    format!("\nWhat a protocol cannot say, and no row is therefore tested with:\n\n{}\n", shown.collect::<String>())
}

#[test]
fn every_row_is_said_by_everyone_who_can() {
    let mut wrong = Vec::new();
    for row in rows::all() {
        let Some(said) = sources(row) else { continue };
        for (from, _) in WIRES {
            match (said.contains(from), of(row, from)) {
                (true, Some(_)) => wrong.push(format!("`{}` has a case from {from}, which cannot say it", row.id)),
                (false, None) => wrong.push(format!("`{}` has no case from {from}", row.id)),
                _ => {}
            }
        }
    }
    let known = |id: &str| rows::all().any(|row| row.id == id);
    wrong.extend(UNSAID.iter().filter(|unsaid| !known(unsaid.row)).map(|unsaid| format!("no row is `{}`", unsaid.row)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
