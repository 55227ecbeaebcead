//! Section 4 over all pairs: streams made to order, relayed, and read by a strict reader.

pub(crate) mod rows;
mod run;
pub(crate) mod script;
pub(crate) mod strict;
mod talk;
pub(crate) mod trip;
