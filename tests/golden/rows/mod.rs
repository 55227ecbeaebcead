//! The rows, by section.

pub(crate) mod answers;
pub(crate) mod requests;
pub(crate) mod small;
pub(crate) mod streams;

use crate::flow;
use crate::row::Row;

/// All of them, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    [
        requests::ROWS,
        requests::OWN,
        flow::trip::OWN,
        answers::ROWS,
        answers::OWN,
        streams::ROWS,
        flow::rows::OWN,
        small::OWN,
    ]
    .into_iter()
    .flatten()
}
