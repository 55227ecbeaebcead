//! The rows of section 4 that make their own cases.

use bytes::Bytes;
use ccr_policy::protocol::{JsonArray, Protocol, Wire};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::run::{self, Pair, Ran, pairs, relay};
use super::script::{Call, Manner, Piece, Script, example, manners, scripts};
use crate::row::own_rows;
use crate::told as read;

/// Random cases of each pair.
const CASES: u32 = 48;

own_rows! {
    stream_states: 4, "one state machine: blocks one after another, one stop, nothing behind it; all that was said is told", states;
    stream_manners: 4, "CR, CRLF, `data:` without a space, comments, no `[DONE]`, chunks with a role or null alone, usage on every chunk, with the finish or behind it", odd_manners;
    stream_split: 4, "bytes split anywhere, inside a character or a line end, give the same stream", split_anywhere;
    stream_prefix: 4, "a stream that is cut anywhere ends with an error event, never with a clean end", cut_anywhere;
    stream_mutation: 4, "whatever bytes come, the client gets whole events of its own protocol", mutated;
    stream_parallel: 4, "calls that come interleaved, or with a late id or name, are told one after another", parallel_calls;
    stream_order: 4, "text, call, text and thinking, text, thinking keep their order in blocks of their own", order;
    stream_errors: 4, "an error inside the stream is an error event; nothing stands behind it", errors_inside;
    stream_pings: 4, "a sign of life fits between any two events, and nothing follows the end", pings;
    stream_first: 4, "nothing goes out before the first content", nothing_before_content;
    stream_collected: 4, "a stream that is collected tells what the stream would have told", collected;
    stream_array: 4, "a Gemini client that does not ask for server-sent events gets the same as one JSON array, cut off or not", as_array;
    stream_replayed: 4, "a whole answer that is replayed is a well-formed stream and tells the same", replayed;
}

fn all(check: impl Fn(Pair)) -> Vec<(&'static str, &'static str)> {
    let pairs = pairs();
    pairs.iter().for_each(|pair| check(*pair));
    pairs.iter().map(|pair| pair.names).collect()
}

/// Runs random cases of one pair; always the same ones.
#[track_caller]
fn random<S: Strategy>(pair: Pair, strategy: &S, check: impl Fn(S::Value) -> Result<(), String>) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let result = runner.run(strategy, |value| check(value).map_err(TestCaseError::fail));
    if let Err(error) = result {
        panic!("{pair:?}: {error}");
    }
}

/// Relays a script whole, and compares.
fn faithful(pair: Pair, script: &Script, manner: Manner) -> Result<(), String> {
    let stream = script.stream(pair.wire, manner);
    let ran = relay(pair, &[stream.as_bytes()]);
    judge(pair, script, &ran).map_err(|wrong| format!("{wrong}\nin: {stream}\nout: {}", ran.text))
}

fn judge(pair: Pair, script: &Script, ran: &Ran) -> Result<(), String> {
    if let Some(reason) = &ran.failed {
        return Err(format!("it failed: {reason}"));
    }
    if pair.same() {
        return Ok(());
    }
    run::compare(pair, script, &run::told(pair, &ran.text)?)
}

fn states() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        random(pair, &scripts(), |script| faithful(pair, &script, Manner::default()));
        // Whatever comes behind the end goes nowhere.
        let stream = example().stream(pair.wire, Manner::default());
        let ends = matches!(pair.wire, Wire::Anthropic | Wire::Chat);
        for more in
            ["data: {\"late\":true}\n\n", "data: [DONE]\n\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n", "garbage"]
        {
            let whole = relay(pair, &[stream.as_bytes()]);
            let late = relay(pair, &[format!("{stream}{more}").as_bytes()]);
            if ends {
                assert_eq!(late.text, whole.text, "{pair:?} {more}");
            }
        }
    })
}

fn odd_manners() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let plain = Manner::default();
        for (what, manner) in [
            ("CRLF", Manner { line_end: 1, ..plain }),
            ("CR", Manner { line_end: 2, ..plain }),
            ("no space behind `data:`", Manner { no_space: true, ..plain }),
            ("comments", Manner { comments: true, ..plain }),
            ("no end of its own", Manner { no_end: true, ..plain }),
            ("a role alone, null content", Manner { role_only: true, ..plain }),
            ("usage with the finish", Manner { usage: 1, ..plain }),
            ("usage on every chunk", Manner { usage: 2, ..plain }),
            ("several calls in a chunk", Manner { packed: true, ..plain }),
        ] {
            if let Err(wrong) = faithful(pair, &example(), manner) {
                panic!("{pair:?} {what}: {wrong}");
            }
        }
        random(pair, &(scripts(), manners()), |(script, manner)| faithful(pair, &script, manner));
    })
}

fn split_anywhere() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..8);
        random(pair, &(scripts(), manners(), cuts), |(script, manner, cuts)| {
            let stream = script.stream(pair.wire, manner);
            let bytes = stream.as_bytes();
            let whole = relay(pair, &[bytes]);
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let parts: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
            for (how, chunks) in [("cut", &parts), ("byte by byte", &bytewise)] {
                let split = relay(pair, chunks);
                // An LF that comes alone behind a CR ends nothing any more, and may be left out.
                let trimmed = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
                if trimmed(&split.text) != trimmed(&whole.text) || split.end != whole.end {
                    return Err(format!("{how} {places:?}\nwhole: {}\nsplit: {}", whole.text, split.text));
                }
            }
            Ok(())
        });
    })
}

/// Where the last event begins that says why the answer ended.
fn finish_of(wire: Wire, stream: &str) -> usize {
    let mark = match wire {
        Wire::Anthropic => "\"stop_reason\":\"",
        Wire::Chat => "\"finish_reason\":\"",
        Wire::Responses => "event: response.completed",
        Wire::Gemini => "\"finishReason\":\"",
    };
    stream.rfind(mark).unwrap_or_else(|| stream.rfind("event: response.incomplete").unwrap())
}

fn cut_anywhere() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let stream = example().stream(pair.wire, Manner::default());
        let finish = finish_of(pair.wire, &stream);
        for cut in 0..=finish {
            let ran = relay(pair, &[&stream.as_bytes()[..cut]]);
            let wrong = |what: &str| panic!("{pair:?} cut at {cut}: {what}\n{}", ran.text);
            if ran.end.is_some() || ran.failed.is_none() {
                wrong("it ended well");
            }
            let told = run::told(pair, &ran.text);
            match told {
                Ok(told) if told.failed && !told.ended => {}
                Ok(_) => wrong("no error event stands at its end"),
                // The upstream's own events are the upstream's own.
                Err(_) if pair.same() => {}
                Err(reason) => wrong(&reason),
            }
        }
        random(pair, &(scripts(), manners(), any::<prop::sample::Index>()), |(script, manner, cut)| {
            let stream = script.stream(pair.wire, manner);
            let cut = cut.index(stream.len());
            let ran = relay(pair, &[&stream.as_bytes()[..cut]]);
            // Behind the finish only the usage and the sign of the end can be missing.
            let whole = cut > finish_of(pair.wire, &stream);
            match run::told(pair, &ran.text) {
                _ if ran.end.is_some() && !whole => Err(format!("it ended well\n{}", ran.text)),
                Ok(told) if !pair.same() && told.ended == told.failed => Err(format!("neither or both\n{}", ran.text)),
                Err(reason) if !pair.same() => Err(format!("{reason}\n{}", ran.text)),
                _ => Ok(()),
            }
        });
    })
}

fn mutated() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let garbage = prop_oneof![
            "[a-z\\{\\}\\[\\]:,\"\\\\ \n\r0-9]{0,12}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..6),
            Just(b"null".to_vec()),
            Just(b"\n\ndata: ".to_vec()),
        ];
        let changes = prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, garbage), 1..4);
        random(pair, &(scripts(), manners(), changes), |(script, manner, changes)| {
            let mut bytes = script.stream(pair.wire, manner).into_bytes();
            for (at, length, with) in changes {
                let at = at.index(bytes.len() + 1);
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, with);
            }
            let ran = relay(pair, &[&bytes]);
            if pair.same() {
                return Ok(());
            }
            let shown = || format!("\nin: {}\nout: {}", String::from_utf8_lossy(&bytes), ran.text);
            let told = run::told(pair, &ran.text).map_err(|wrong| format!("{wrong}{}", shown()))?;
            if told.ended == told.failed || told.ended != ran.end.is_some() {
                return Err(format!("ended {}, failed {}{}", told.ended, told.failed, shown()));
            }
            Ok(())
        });
    })
}

fn parallel_calls() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let call = |name: &str, input: Value| Call { name: name.to_owned(), input, deltas: 4 };
        let script = Script {
            pieces: vec![
                Piece::Text(vec!["a".to_owned()]),
                Piece::Calls(vec![
                    call("one", json!({"a": 1, "b": "}{"})),
                    call("two", json!({})),
                    call("three", json!({"deep": [{"x": "\"]"}]})),
                ]),
                Piece::Text(vec!["b".to_owned()]),
            ],
            cut: false,
            usage: (9, 0, 9),
        };
        for interleaved in [false, true] {
            for late in [false, true] {
                for packed in [false, true] {
                    let manner = Manner { interleaved, late, packed, ..Manner::default() };
                    if let Err(wrong) = faithful(pair, &script, manner) {
                        panic!("{pair:?} {manner:?}: {wrong}");
                    }
                }
            }
        }
    })
}

fn order() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let text = |word: &str| Piece::Text(vec![word.to_owned()]);
        let thinking = |word: &str| Piece::Thinking(vec![word.to_owned()]);
        let call = || Piece::Calls(vec![Call { name: "f".to_owned(), input: json!({"a": 1}), deltas: 2 }]);
        for pieces in [
            vec![text("a"), call(), text("b")],
            vec![thinking("a"), text("b"), thinking("c")],
            vec![thinking("a"), call(), thinking("b"), call(), text("c")],
            vec![thinking("a"), thinking("b"), text("c"), text("d")],
        ] {
            let script = Script { pieces, cut: false, usage: (3, 0, 4) };
            if let Err(wrong) = faithful(pair, &script, Manner::default()) {
                panic!("{pair:?}: {wrong}");
            }
        }
    })
}

fn errors_inside() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let stream = example().stream(pair.wire, Manner::default());
        let errors: &[&str] = match pair.wire {
            Wire::Anthropic => &[
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
                "data: {\"error\":{\"message\":\"untyped\"}}\n\n",
                "data: <html>\n\n",
            ],
            Wire::Chat => &[
                "data: {\"error\":{\"message\":\"m\",\"code\":500}}\n\n",
                "data: {\"object\":\"error\",\"message\":\"m\"}\n\n",
                "data: <html>\n\n",
            ],
            Wire::Responses => &[
                "event: error\ndata: {\"type\":\"error\",\"sequence_number\":9,\"code\":\"server_error\",\"message\":\"m\",\"param\":null}\n\n",
                "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":9,\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}\n\n",
                "data: <html>\n\n",
            ],
            Wire::Gemini => &[
                "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\n\n",
                "data: <html>\n\n",
            ],
        };
        let places: Vec<usize> = stream.match_indices("\n\n").map(|(at, _)| at + 2).collect();
        for error in errors {
            for place in places.iter().filter(|place| **place <= finish_of(pair.wire, &stream)) {
                let broken = format!("{}{error}{}", &stream[..*place], &stream[*place..]);
                let ran = relay(pair, &[broken.as_bytes()]);
                assert!(ran.failed.is_some() && ran.end.is_none(), "{pair:?} {error}");
                assert!(!ran.text.contains("<html>"), "{pair:?}: {}", ran.text);
                if !pair.same() {
                    let told =
                        run::told(pair, &ran.text).unwrap_or_else(|wrong| panic!("{pair:?} {wrong}\n{}", ran.text));
                    assert!(told.failed && !told.ended, "{pair:?} {error}\n{}", ran.text);
                }
            }
        }
    })
}

fn pings() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let script = example();
        let stream = script.stream(pair.wire, Manner::default());
        let chunks: Vec<&[u8]> = stream.as_bytes().chunks(7).collect();
        let mut pinged = 0;
        let ran = run::relay_with(pair, &chunks, |relay, out| {
            relay.ping(out);
            pinged += 1;
        });
        judge(pair, &script, &ran).unwrap_or_else(|wrong| panic!("{pair:?}: {wrong}\n{}", ran.text));
        // Gemini's libraries take no comments: its sign of life is an empty line, which stands like an empty event.
        let events: Vec<&str> = ran.text.split_inclusive("\n\n").collect();
        let (signs, said): (Vec<&str>, Vec<&str>) = events
            .into_iter()
            .partition(|event| ["\n\n", ": ping\n\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n"].contains(event));
        assert!(signs.len() >= pinged.min(10), "{pair:?}: {} signs of life", signs.len());
        if pair.same() {
            let whole = stream.replace("event: ping\ndata: {\"type\":\"ping\"}\n\n", "");
            assert_eq!(said.concat(), whole, "{pair:?}");
        }
    })
}

fn nothing_before_content() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        let stream = example().stream(pair.wire, Manner { role_only: true, ..Manner::default() });
        let first = stream.find("let me ").unwrap();
        let head = stream[..first].rfind("\n\n").map_or(0, |at| at + 2);
        let mut seen = 0;
        let chunks: Vec<&[u8]> = stream.as_bytes()[..head].chunks(1).collect();
        run::relay_with(pair, &chunks, |_, out| {
            seen += usize::from(!pair.same() && !out.is_empty());
        });
        assert_eq!(seen, 0, "{pair:?}: something went out before any content");
    })
}

/// What a whole answer or a stream tells, without what only a stream or only an answer has.
fn essence(mut told: Value) -> Value {
    let blocks = told["blocks"].as_array().cloned().unwrap_or_default();
    let kind = |block: &Value| block.as_str().unwrap_or_default().split(' ').next().unwrap_or_default().to_owned();
    let calls: Vec<Value> = blocks.iter().filter(|block| kind(block) == "call").cloned().collect();
    let words: String = blocks.iter().filter_map(|block| block.as_str()?.strip_prefix("text ")).collect();
    told["blocks"] = json!([words, calls]);
    told
}

fn collected() -> Vec<(&'static str, &'static str)> {
    all(|pair| {
        random(pair, &(scripts(), manners()), |(script, manner)| {
            let stream = script.stream(pair.wire, manner);
            let body = run::collect(pair, &stream)?;
            if pair.same() {
                return Ok(());
            }
            let body: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            let told = essence(read::answer(pair.client, &body));
            let expected = essence(read::stream(pair.client, &relay(pair, &[stream.as_bytes()]).text));
            if told != expected {
                return Err(format!("collected {told}\nstreamed {expected}"));
            }
            // A cut stream is no answer.
            let cut = finish_of(pair.wire, &stream);
            if run::collect(pair, &stream[..stream.floor_char_boundary(cut / 2)]).is_ok() {
                return Err("half of a stream was collected".to_owned());
            }
            Ok(())
        });
    })
}

/// The elements of the array are the events of the stream, whatever becomes of it.
fn as_array() -> Vec<(&'static str, &'static str)> {
    let pairs: Vec<Pair> = pairs().into_iter().filter(|pair| pair.client == Protocol::Gemini).collect();
    for pair in &pairs {
        let cases = (scripts(), manners(), any::<prop::sample::Index>(), any::<bool>(), 1..60_usize);
        random(*pair, &cases, |(script, manner, cut, whole, step)| {
            let stream = script.stream(pair.wire, manner);
            let length = if whole { stream.len() } else { cut.index(stream.len()) };
            let text = relay(*pair, &[&stream.as_bytes()[..length]]).text;
            let (mut array, mut out) = (JsonArray::default(), Vec::new());
            for chunk in text.as_bytes().chunks(step) {
                array.push(Bytes::copy_from_slice(chunk), &mut out).map_err(|error| error.to_string())?;
            }
            array.finish(&mut out);
            let body = out.concat();
            let elements: Vec<Value> = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            if pair.same() {
                return Ok(());
            }
            let events: String = elements.iter().map(|element| format!("data: {element}\n\n")).collect();
            let (told, streamed) = (run::told(*pair, &events)?, run::told(*pair, &text)?);
            if told != streamed { Err(format!("array {told:?}\nstream {streamed:?}")) } else { Ok(()) }
        });
    }
    pairs.iter().map(|pair| pair.names).collect()
}

fn replayed() -> Vec<(&'static str, &'static str)> {
    let pairs = pairs();
    all(|pair| {
        // The upstream's whole answer is its stream, collected for a client of its own kind.
        let own = pairs.iter().find(|own| own.same() && own.wire == pair.wire).copied().unwrap_or(pair);
        random(pair, &scripts(), |script| {
            let stream = script.stream(pair.wire, Manner::default());
            let body = run::collect(own, &stream)?;
            let replayed = run::replay(pair, &body)?;
            let told = run::told(pair, &replayed).map_err(|wrong| format!("{wrong}\n{replayed}"))?;
            if !told.ended {
                return Err(format!("it does not end\n{replayed}"));
            }
            let (told, said) = (run::unordered(&told.items), run::unordered(&script.items()));
            // A whole answer of Chat Completions has no order of thinking, text and calls.
            if told != said {
                return Err(format!("told {told:?}, said {said:?}\n{}\n{replayed}", String::from_utf8_lossy(&body)));
            }
            Ok(())
        });
        assert!(run::replay(pair, b"{}").is_err() || pair.wire == Wire::Gemini, "{pair:?}");
    })
}
