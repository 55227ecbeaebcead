//! What transforms cost: a request of Claude Code's size, translated for a Chat upstream without any and
//! with a chain of five, and a stream of a thousand chunks with as many stages. Beside them what every
//! request costs (reading it, and what it needs of a model) and what a cache's key does.
//!
//! `CCR_CASE=plain CCR_COUNT=200` does one thing so many times and says nothing: for counting its
//! instructions (`valgrind --tool=callgrind`). Without it, every case is timed in turns with the others,
//! and the least time of each is printed.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark may stop, and prints")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use ccr_policy::dsl::policy::Capability;
use ccr_policy::dsl::transform::{Sampling, SamplingRule, Transform};
use ccr_policy::facts::given::GivenFacts;
use ccr_policy::protocol::{AnswerContext, Back, Protocol, Relay, Request, Target, Wire, canonical_key, encode};

/// Rounds of a timed run.
const ROUNDS: usize = 400;
const CAN: &[Capability] = &[Capability::Tools, Capability::Thinking, Capability::ParallelTools];

/// A request of about 100 KB: a system prompt, 24 tools with schemas, twenty turns with calls.
fn body() -> String {
    let prose = "Read the file before you change it, and say \\\"why\\\" in one line.\\n";
    let mut out = format!(
        "{{\"model\":\"claude-sonnet\",\"max_tokens\":32000,\"stream\":true,\"system\":[{{\"type\":\"text\",\"text\":\"{}\",\"cache_control\":{{\"type\":\"ephemeral\"}}}}],\"tools\":[",
        prose.repeat(300)
    );
    for tool in 0..24 {
        let comma = if tool == 0 { "" } else { "," };
        let _ = write!(
            out,
            "{comma}{{\"name\":\"tool_{tool}\",\"description\":\"{}\",\"input_schema\":{{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\",\"properties\":{{\"path\":{{\"type\":\"string\",\"format\":\"uri\",\"description\":\"{prose}\"}},\"range\":{{\"type\":\"array\",\"items\":{{\"type\":\"integer\"}}}}}},\"required\":[\"path\"],\"additionalProperties\":false}}}}",
            prose.repeat(20)
        );
    }
    out.push_str("],\"messages\":[{\"role\":\"user\",\"content\":\"begin\"}");
    for turn in 0..20 {
        let _ = write!(
            out,
            ",{{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{prose}\"}},{{\"type\":\"tool_use\",\"id\":\"toolu_{turn}\",\"name\":\"tool_1\",\"input\":{{\"path\":\"/a/{turn}\"}}}}]}},{{\"role\":\"user\",\"content\":[{{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_{turn}\",\"content\":\"{}\",\"cache_control\":{{\"type\":\"ephemeral\"}}}}]}}",
            prose.repeat(28)
        );
    }
    out.push_str("]}");
    out
}

fn chain() -> Vec<Transform> {
    let sampling = Sampling { parameter: "temperature".to_owned(), rule: SamplingRule::Force(0.2) };
    vec![
        Transform::CleanCache,
        Transform::SchemaClean(Vec::new()),
        Transform::MaxTokens(8_192),
        Transform::Sampling(vec![sampling]),
        Transform::Params(vec![("repetition_penalty".to_owned(), "1.05".to_owned())]),
    ]
}

/// A Chat stream of a thousand chunks: the chunks of its text, its calls, its end.
fn stream() -> String {
    let mut out = String::new();
    for _ in 0..900 {
        out.push_str("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" a word or two\\n\"},\"finish_reason\":null}]}\n\n");
    }
    out.push_str("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"function\":{\"name\":\"tool_1\",\"arguments\":\"{\\\"path\\\":\\\"\"}}]},\"finish_reason\":null}]}\n\n");
    for _ in 0..98 {
        out.push_str("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"/part\"}}]},\"finish_reason\":null}]}\n\n");
    }
    out.push_str("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"}\"}}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n");
    out
}

fn target<'a>(can: &'a [Capability], transforms: &'a [Transform]) -> Target<'a> {
    Target { wire: Wire::Chat, model: "up", context: None, output_limit: None, can, stream: true, transforms }
}

fn back(request: &Request, transforms: &[Transform]) -> Back {
    // No tools of its own, so that those of the client are emulated.
    let facts = GivenFacts::default();
    encode(request, &target(&[], transforms), &facts).expect("the request is good").back
}

fn relayed(chunks: &[Bytes], back: &Back) -> usize {
    let context =
        AnswerContext { requested_model: "claude-sonnet", request_id: "r1", created_unix: 1, input_tokens: 9, back };
    let mut relay = Relay::new(Wire::Chat, Protocol::Anthropic, &context);
    let mut out = Vec::new();
    for chunk in chunks {
        relay.push(chunk.clone(), &mut out).expect("the stream is good");
    }
    relay.finish(&mut out).expect("the stream ends");
    out.len()
}

fn main() {
    let body = Bytes::from(body());
    let (chain, stages) =
        (chain(), [Transform::ThinkTag, Transform::EmulateTools, Transform::ToolUse, Transform::ToolRepair]);
    let facts = GivenFacts::default();
    let translate = |transforms: &[Transform]| {
        let request = Request::parse(Protocol::Anthropic, body.clone()).expect("the body is good");
        let out = encode(&request, &target(CAN, transforms), &facts).expect("the request is good");
        black_box(out.body.len());
    };
    let request = Request::parse(Protocol::Anthropic, body.clone()).expect("the body is good");
    let (no_stages, all_stages) = (back(&request, &[]), back(&request, &stages));
    let text = stream();
    let chunks: Vec<Bytes> = text.split_inclusive("\n\n").map(|chunk| Bytes::from(chunk.to_owned())).collect();
    let cases: [(&str, &dyn Fn()); 6] = [
        ("parse", &|| {
            let request = Request::parse(Protocol::Anthropic, body.clone()).expect("the body is good");
            black_box(request.needs());
        }),
        ("key", &|| {
            black_box(canonical_key(&request).len());
        }),
        ("plain", &|| translate(&[])),
        ("chain", &|| translate(&chain)),
        ("stream", &|| {
            black_box(relayed(&chunks, &no_stages));
        }),
        ("stages", &|| {
            black_box(relayed(&chunks, &all_stages));
        }),
    ];
    if let Ok(wanted) = std::env::var("CCR_CASE") {
        let count = std::env::var("CCR_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
        let case = cases.iter().find(|(name, _)| *name == wanted);
        (0..count).for_each(|_| case.iter().for_each(|(_, run)| run()));
        return;
    }
    let mut least = [u128::MAX; 6];
    for _ in 0..ROUNDS {
        for ((_, run), least) in cases.iter().zip(&mut least) {
            let begun = Instant::now();
            run();
            *least = (*least).min(begun.elapsed().as_nanos());
        }
    }
    println!("request of {} bytes, stream of {} chunks", body.len(), chunks.len());
    for ((name, _), nanoseconds) in cases.iter().zip(least) {
        println!("{name:>8} {:>9.1} us", nanoseconds as f64 / 1_000.0);
    }
}
