//! What a request is expected to cost, and what an answer did cost, in US dollars.
//!
//! A model without a price costs an unknown amount: `None`, never 0.

use crate::dsl::policy::{Model, Price};
use crate::facts::BYTES_PER_TOKEN;
use crate::facts::world::ModelState;

/// Output tokens that are expected of a model that has not answered often enough to know better.
pub const EXPECTED_OUTPUT_TOKENS: f64 = 1_024.0;
/// Prices are per this many tokens.
const TOKENS_PER_PRICE: f64 = 1_000_000.0;

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// fresh input: neither read from nor written to the provider's cache
    pub input: u64,
    /// output, thinking included
    pub output: u64,
    /// input read from the provider's cache
    pub cache_read: u64,
    /// input written to the provider's cache
    pub cache_write: u64,
}

/// What an answer of these tokens cost, in US dollars; `None` without a price. Cache prices that
/// are not declared are the price of input.
#[must_use]
pub fn cost(price: Option<&Price>, tokens: &Tokens) -> Option<f64> {
    let price = price?;
    let parts = [
        (tokens.input, price.input),
        (tokens.output, price.output),
        (tokens.cache_read, price.cache_read.unwrap_or(price.input)),
        (tokens.cache_write, price.cache_write.unwrap_or(price.input)),
    ];
    Some(parts.iter().map(|(count, each)| real(*count) * each).sum::<f64>() / TOKENS_PER_PRICE)
}

/// What `cheapest` ranks by, in US dollars: price of input × body bytes / 4 + price of output ×
/// the [expected output](expected_output). `None` without a price.
///
/// The body's bytes are [`crate::facts::Facts::body_bytes`], images and documents by their
/// estimates, so that ranking never forces counting tokens.
#[must_use]
pub fn ranking(model: &Model, state: Option<&ModelState>, body_bytes: i64, max_tokens: i64) -> Option<f64> {
    expected(model, state, whole(body_bytes) / whole(BYTES_PER_TOKEN), max_tokens)
}

/// What a request is expected to cost, in US dollars: price of input × its counted tokens + price
/// of output × the [expected output](expected_output). `None` without a price.
#[must_use]
pub fn estimate(model: &Model, state: Option<&ModelState>, tokens: i64, max_tokens: i64) -> Option<f64> {
    expected(model, state, whole(tokens), max_tokens)
}

/// Tokens of output that are expected: the least of `max_tokens` (0: the client gave none), the
/// model's `output` (when declared) and the running mean of its answers (1 024 until it is known).
#[must_use]
pub fn expected_output(model: &Model, state: Option<&ModelState>, max_tokens: i64) -> f64 {
    let mut output = state.and_then(|state| state.mean_output_tokens).unwrap_or(EXPECTED_OUTPUT_TOKENS);
    if max_tokens > 0 {
        output = output.min(whole(max_tokens));
    }
    if let Some(limit) = model.output {
        output = output.min(real(limit));
    }
    output
}

fn expected(model: &Model, state: Option<&ModelState>, input: f64, max_tokens: i64) -> Option<f64> {
    let price = model.price.as_ref()?;
    Some((price.input * input + price.output * expected_output(model, state, max_tokens)) / TOKENS_PER_PRICE)
}

#[expect(clippy::cast_precision_loss, reason = "token counts stay far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "facts are at most 2^31")]
fn whole(count: i64) -> f64 {
    count.max(0) as f64
}
