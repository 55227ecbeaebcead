//! A request on its way out: byte 0 chooses the pair, byte 1 the model's name, byte 2 what it can do and its
//! chain of transforms, the rest is the client's body. Reading it, its facts, its key in the cache and its
//! translation do not panic; what is sent is JSON when what came was.

#![no_main]

mod common;

use bytes::Bytes;
use ccr_policy::facts::given::GivenFacts;
use ccr_policy::protocol::{Request, canonical_key, encode, tokens};
use common::chains::Model;
use common::{Pair, target};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Names of families that are told things in different ways.
const MODELS: [&str; 8] =
    ["up", "gpt-5.1", "claude-opus-4-7", "claude-haiku-4-5", "deepseek-chat", "qwen-plus", "gemini-2.5-pro", "z-ai/glm-4.6"];

fuzz_target!(|data: &[u8]| {
    let [pair, name, model, body @ ..] = data else { return };
    let pair = Pair::of(*pair);
    let Ok(request) = Request::parse(pair.client, Bytes::copy_from_slice(body)) else { return };
    let _ = tokens::of_request(&request);
    let _ = canonical_key(&request);
    let (name, model) = (MODELS[usize::from(name % 8)], Model::of(*model, pair.wire));
    let Ok(sent) = encode(&request, &target(pair.wire, model, name), &GivenFacts::default()) else { return };
    if serde_json::from_slice::<Value>(body).is_ok() {
        let sent = sent.body.concat();
        serde_json::from_slice::<Value>(&sent)
            .unwrap_or_else(|wrong| panic!("{pair:?} {model:?}: {wrong}\n{}", String::from_utf8_lossy(&sent)));
    }
});
