//! `/v1/embeddings`: a vector for every input, always the same one for the same text.

use serde_json::{Value, json};

use crate::mock::ask::Refusal;
use crate::mock::base64;
use crate::mock::openai::said;
use crate::mock::shape::Shape::{Any, List, Object, Text, TextOr, Word};
use crate::mock::shape::{POSITIVE, Reading, Shape, need, null};

/// Numbers of a vector, unless `dimensions` says otherwise.
const DIMENSIONS: u64 = 8;
/// The most that may be asked for.
const MAX_DIMENSIONS: u64 = 3_072;

static INPUTS: Shape = List(&Any);
static BODY: Shape = Object(&[
    need("model", Text),
    need("input", TextOr(&INPUTS)),
    null("dimensions", POSITIVE),
    null("encoding_format", Word(&["float", "base64"])),
    null("user", Text),
]);

/// The whole answer to a body.
///
/// # Errors
/// What OpenAI refuses: no model, no input, an empty one, an unknown encoding.
pub(super) fn answer(body: &[u8]) -> Result<String, Refusal> {
    let refused = |text: &str| Refusal::new(text);
    let body: Value = serde_json::from_slice(body).map_err(|_| refused("We could not parse the JSON body"))?;
    Reading::default().check(&body, &BODY).map_err(|fault| said(&fault))?;
    let model = body.get("model").and_then(Value::as_str).ok_or_else(|| refused("you must provide a model"))?;
    let invalid = || refused("'$.input' is invalid");
    let inputs = match body.get("input").ok_or_else(invalid)? {
        Value::String(text) if !text.is_empty() => vec![text.clone()],
        Value::Array(items) if items.iter().all(Value::is_u64) && !items.is_empty() => vec![format!("{items:?}")],
        Value::Array(items) if !items.is_empty() => {
            let one = |item: &Value| match item {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Array(tokens) if !tokens.is_empty() && tokens.iter().all(Value::is_u64) => {
                    Some(item.to_string())
                }
                _ => None,
            };
            items.iter().map(one).collect::<Option<Vec<_>>>().ok_or_else(invalid)?
        }
        _ => return Err(invalid()),
    };
    let as_base64 = body.get("encoding_format").is_some_and(|format| format == "base64");
    let dimensions = body.get("dimensions").map_or(Some(DIMENSIONS), Value::as_u64);
    let dimensions = dimensions.filter(|count| (1..=MAX_DIMENSIONS).contains(count));
    let dimensions = dimensions.ok_or_else(|| refused("'dimensions' is out of range"))?;
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let numbers = vector(text, dimensions);
            let embedding = if as_base64 { json!(packed(&numbers)) } else { json!(numbers) };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: usize = inputs.iter().map(|text| text.len().div_ceil(4)).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(json!({"object": "list", "data": data, "model": model, "usage": usage}).to_string())
}

/// Numbers between -1 and 1 out of a text.
#[expect(clippy::cast_precision_loss, reason = "16 bits fit")]
fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let number = |seed: u64| xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), seed) >> 48;
    (0..dimensions).map(|seed| number(seed) as f32 / 32_768.0 - 1.0).collect()
}

/// Little-endian floats in base64, as the official SDKs ask for them.
fn packed(numbers: &[f32]) -> String {
    base64::encode(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_and_base64_say_the_same() {
        assert_eq!(packed(&[1.0]), "AACAPw==");
        let floats: Value =
            serde_json::from_str(&answer(br#"{"model":"m","input":["a","b"]}"#).unwrap_or_default()).unwrap();
        assert_eq!(floats["data"].as_array().unwrap().len(), 2);
        assert_eq!(floats["data"][1]["embedding"].as_array().unwrap().len(), 8);
        assert_ne!(floats["data"][0]["embedding"], floats["data"][1]["embedding"]);
    }

    #[test]
    fn refuses_what_openai_refuses() {
        for body in [
            "{}",
            r#"{"model":"m"}"#,
            r#"{"model":"m","input":""}"#,
            r#"{"model":"m","input":[]}"#,
            r#"{"model":"m","input":[""]}"#,
            r#"{"model":"m","input":"a","encoding_format":"hex"}"#,
            r#"{"model":"m","input":"a","dimensions":0}"#,
        ] {
            assert!(answer(body.as_bytes()).is_err(), "{body}");
        }
        assert!(answer(br#"{"model":"m","input":[1,2]}"#).is_ok());
        assert!(answer(br#"{"model":"m","input":[[1],[2]]}"#).is_ok());
    }
}
