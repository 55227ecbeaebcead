//! A whole answer on its way back, as it is and replayed as a stream: byte 0 chooses the pair, byte 1 the
//! model's chain of transforms, the rest is the upstream's body. What the client gets is JSON, and a stream
//! that a strict reader takes.

#![no_main]

mod common;

use bytes::Bytes;
use ccr_policy::protocol::{answer, replay};
use common::chains::Model;
use common::{Pair, back, context, read};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let [pair, model, body @ ..] = data else { return };
    let pair = Pair::of(*pair);
    let model = Model::of(*model, pair.wire);
    let back = back(pair, model);
    if let Ok(answer) = answer(pair.wire, pair.client, Bytes::copy_from_slice(body), &context(&back)) {
        serde_json::from_slice::<Value>(&answer.body)
            .unwrap_or_else(|wrong| panic!("{pair:?} {model:?}: {wrong}\n{}", String::from_utf8_lossy(&answer.body)));
    }
    if let Ok((stream, _)) = replay(pair.wire, pair.client, body, &context(&back))
        && !pair.same()
    {
        let text = String::from_utf8_lossy(&stream);
        if let Some(told) = read(pair, &text) {
            assert!(told.ended && !told.failed, "{pair:?} {model:?}: {told:?}\n{text}");
        }
    }
});
