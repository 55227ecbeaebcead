//! "Did you mean": the nearest known word.
