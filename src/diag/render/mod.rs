//! Looks of a list of findings, one file a format.
