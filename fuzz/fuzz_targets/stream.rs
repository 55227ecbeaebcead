//! A stream on its way back: byte 0 chooses the pair, bytes 1 and 2 where it is cut, byte 3 the model's chain
//! of transforms, the rest is what the upstream sends. However it is cut the client gets the same; what it
//! gets is whole events that a strict reader takes; it ends well only when the upstream said why the answer
//! ended.

#![no_main]

mod common;

use bytes::Bytes;
use ccr_policy::protocol::{Collector, Wire};
use common::chains::Model;
use common::{Pair, back, context, read, relay};
use libfuzzer_sys::fuzz_target;

/// Words without one of which no answer of this wire has ended.
fn finishes(wire: Wire) -> &'static [&'static str] {
    match wire {
        Wire::Anthropic => &["stop_reason"],
        Wire::Chat => &["finish_reason"],
        Wire::Responses => &["completed", "incomplete"],
        Wire::Gemini => &["finishReason", "blockReason"],
    }
}

/// A name may be written with escapes.
fn may_finish(wire: Wire, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains("\\u") || finishes(wire).iter().any(|word| text.contains(word))
}

/// Line ends as LF: one that comes in two parts may lose its second, which ends nothing.
fn flat(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end_matches('\n').to_owned()
}

fuzz_target!(|data: &[u8]| {
    let [pair, first, second, model, stream @ ..] = data else { return };
    let pair = Pair::of(*pair);
    let back = back(pair, Model::of(*model, pair.wire));
    let place = |part: u8| stream.len() * usize::from(part) / 256;
    let (from, to) = (place(*first.min(second)), place(*first.max(second)));
    let (whole, ended) = relay(pair, &back, &[stream]);
    let parts = [&stream[..from], &stream[from..to], &stream[to..]];
    let (split, split_ended) = relay(pair, &back, &parts);
    assert_eq!((flat(&whole), ended), (flat(&split), split_ended), "{pair:?}: the split is seen");
    if stream.len() < 600 {
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let (split, split_ended) = relay(pair, &back, &bytes);
        assert_eq!((flat(&whole), ended), (flat(&split), split_ended), "{pair:?}: the bytes are seen");
    }
    for part in [stream, &stream[..to]] {
        let (text, ended) = relay(pair, &back, &[part]);
        assert!(!ended || may_finish(pair.wire, part), "{pair:?}: a false end\n{text}");
        if pair.same() {
            continue;
        }
        if let Some(told) = read(pair, &text) {
            assert!(told.ended != told.failed && told.ended == ended, "{pair:?}: {told:?}\n{text}");
        }
    }
    let mut collector = Collector::new(pair.wire, pair.client, &context(&back));
    if collector.push(Bytes::copy_from_slice(stream)).is_ok()
        && let Ok(answer) = collector.finish()
    {
        assert!(may_finish(pair.wire, stream), "{pair:?}: a false end, collected");
        serde_json::from_slice::<serde_json::Value>(&answer.body)
            .unwrap_or_else(|wrong| panic!("{pair:?}: {wrong}\n{}", String::from_utf8_lossy(&answer.body)));
    }
});
