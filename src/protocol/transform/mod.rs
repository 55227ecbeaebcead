//! What a policy's `transform` changes in requests and answers.

pub(crate) mod body;
