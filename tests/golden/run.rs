//! Runs a row: every case of it with every target.

use std::collections::BTreeSet;
use std::fs;

use bytes::Bytes;
use ccr_policy::protocol::errors::ErrorReply;
use ccr_policy::protocol::{self, AnswerContext, Back, EncodeError, Protocol, Relay, Wire};
use serde_json::{Value, json};

use crate::case::{self, Case, PROTOCOLS, WIRES};
use crate::row::{Kind, Row, Verdict};
use crate::{seen, sound, told};

/// What came out of one case for one target, for a predicate to look at.
pub(crate) struct Got<'c> {
    pub(crate) case: &'c Case,
    /// the wire of a request, the client's protocol of an answer or stream
    pub(crate) to: &'static str,
    /// both sides speak the same
    pub(crate) same: bool,
    /// the body that goes out; a stream's text
    pub(crate) body: Value,
    /// in the words of a `want`
    pub(crate) neutral: Value,
}

/// What came out of a row.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) tried: usize,
    pub(crate) wrong: Vec<String>,
    /// (client's protocol, upstream's wire) of every case that was run
    pub(crate) pairs: BTreeSet<(&'static str, &'static str)>,
}

/// Runs the row.
pub(crate) fn row(row: &Row) -> Outcome {
    let mut outcome = Outcome::default();
    let (dir, targets): (_, Vec<&'static str>) = match row.kind {
        Kind::Own => {
            outcome.pairs.extend((row.tries)());
            outcome.tried = outcome.pairs.len();
            return outcome;
        }
        Kind::Request => ("requests", WIRES.iter().map(|(name, _)| *name).collect()),
        Kind::Answer => ("answers", PROTOCOLS.iter().map(|(name, _)| *name).collect()),
        // `/chat` has no streams.
        Kind::Stream => ("streams", WIRES.iter().map(|(name, _)| *name).collect()),
    };
    let dir = case::root().join(dir).join(row.id);
    let mut wanted = BTreeSet::new();
    for case in case::cases(&dir) {
        for to in &targets {
            let produced = match row.kind {
                Kind::Request => request(&case, to),
                Kind::Answer => answer(&case, to),
                Kind::Stream | Kind::Own => stream(&case, to),
            };
            let Some((got, text)) = produced else { continue };
            outcome.tried += 1;
            let pair = if row.kind == Kind::Request { (case.from, *to) } else { (*to, case.from) };
            outcome.pairs.insert(pair);
            let path = case.golden(to);
            let what = format!("{}, case `{}` to {to}", row.id, case.name);
            for verdict in [judge(row, &got), golden(&path, &text)] {
                if let Err(wrong) = verdict {
                    outcome.wrong.push(format!("{what}: {wrong}\n  it was: {}", got.neutral));
                }
            }
            wanted.insert(path);
        }
    }
    for path in case::goldens(&dir).into_iter().filter(|path| !wanted.contains(path)) {
        if case::updates() {
            fs::remove_file(&path).unwrap();
        } else {
            outcome.wrong.push(format!("{}: no case has this golden file", path.display()));
        }
    }
    outcome
}

fn judge(row: &Row, got: &Got) -> Verdict {
    let refused = !got.neutral["refused"].is_null();
    if got.same && !got.case.names(got.to) {
        let came = got.body == "as it came" || row.kind != Kind::Request;
        return if came || refused {
            Ok(())
        } else {
            Err("it was changed, though both sides speak the same".to_owned())
        };
    }
    let want = got.case.want_of(got.to);
    if refused && want["refused"].is_null() {
        return Err(format!("it was refused: {}", got.neutral["refused"]));
    }
    for (name, want) in want.as_object().unwrap() {
        meets(name, &got.neutral[name], want)?;
    }
    if !refused && !got.same {
        match row.kind {
            Kind::Request => sound::request(case::wire(got.to), &got.body)?,
            Kind::Answer => sound::answer(case::protocol(got.to), &got.body)?,
            Kind::Stream | Kind::Own => {}
        }
    }
    (row.holds)(got)
}

fn meets(name: &str, is: &Value, want: &Value) -> Verdict {
    let holds = match (name, want) {
        (_, Value::String(all)) if all == "*" => true,
        ("refused", Value::String(piece)) => is.as_str().is_some_and(|reason| reason.contains(piece.as_str())),
        ("warned", Value::Array(pieces)) if !pieces.is_empty() => pieces.iter().all(|piece| {
            let piece = piece.as_str().unwrap();
            is.as_array().is_some_and(|all| all.iter().any(|one| one.as_str().unwrap().contains(piece)))
        }),
        _ => is == want,
    };
    if holds { Ok(()) } else { Err(format!("`{name}` is {is}, and should be {want}")) }
}

fn golden(path: &std::path::Path, text: &str) -> Verdict {
    if case::updates() {
        fs::write(path, text).unwrap();
        return Ok(());
    }
    match fs::read_to_string(path) {
        Ok(golden) if golden == text => Ok(()),
        Ok(golden) => {
            Err(format!("its golden file says otherwise (CCR_UPDATE=1 writes it):\n{}", changed(&golden, text)))
        }
        Err(_) => Err("it has no golden file: CCR_UPDATE=1 cargo test --test golden".to_owned()),
    }
}

/// The lines that differ.
fn changed(golden: &str, text: &str) -> String {
    let lines = similar::TextDiff::from_lines(golden, text);
    lines.unified_diff().context_radius(2).to_string()
}

fn pretty(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap())
}

fn request<'c>(case: &'c Case, to: &'static str) -> Option<(Got<'c>, String)> {
    let wire = case::wire(to);
    let same = wire.same_as(case::protocol(case.from));
    let refusal = |reason: String, bad: bool| {
        let file = json!({"refused": reason, "bad_request": bad});
        let neutral = json!({"refused": reason});
        Some((Got { case, to, same, body: Value::Null, neutral }, pretty(&file)))
    };
    let sent = match case.request() {
        Ok(request) => protocol::encode(&request, &case.target(wire), &ccr_policy::facts::given::GivenFacts::default()),
        Err(bad) => return refusal(bad.message, true),
    };
    let sent = match sent {
        Ok(sent) => sent,
        Err(error @ EncodeError::Unsupported(_)) => return refusal(error.to_string(), false),
        Err(error) => return refusal(error.to_string(), true),
    };
    let bytes = sent.body.concat();
    if same && serde_json::from_slice::<serde::de::IgnoredAny>(&case.bytes).is_err() {
        // What is no JSON goes on as it is to those who speak the same; they refuse it themselves.
        let text = pretty(&json!({"body": "as it came", "warnings": sent.warnings}));
        return Some((Got { case, to, same, body: json!("as it came"), neutral: json!({}) }, text));
    }
    let body: Value = serde_json::from_slice(&bytes)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", case.path.display(), String::from_utf8_lossy(&bytes)));
    let mut neutral = seen::request(wire, &body);
    neutral["warned"] = json!(sent.warnings);
    let body = if same && is_unchanged(case, &body) { json!("as it came") } else { body };
    let text = pretty(&json!({"body": body, "warnings": sent.warnings}));
    Some((Got { case, to, same, body, neutral }, text))
}

/// Whether only the model's name is another one.
fn is_unchanged(case: &Case, sent: &Value) -> bool {
    let Ok(mut came) = serde_json::from_slice::<Value>(&case.bytes) else { return false };
    if let Some(model) = sent.get("model") {
        came["model"] = model.clone();
    }
    came == *sent
}

fn context(back: &Back) -> AnswerContext<'_> {
    AnswerContext { requested_model: "asked", request_id: "r-1", created_unix: 9, input_tokens: 42, back }
}

fn answer<'c>(case: &'c Case, to: &'static str) -> Option<(Got<'c>, String)> {
    let (wire, client) = (case::wire(case.from), case::protocol(to));
    let same = wire.same_as(client);
    let back = Back::default();
    let answered = match protocol::answer(wire, client, case.bytes.clone(), &context(&back)) {
        Ok(answer) if answer.body.is_empty() && client != Protocol::Simple => return None,
        Ok(answer) => answer,
        Err(error) => {
            let neutral = json!({"refused": error.to_string()});
            let text = pretty(&neutral);
            return Some((Got { case, to, same, body: Value::Null, neutral }, text));
        }
    };
    let body = match client {
        Protocol::Simple => json!(String::from_utf8(answered.body.to_vec()).unwrap()),
        _ => serde_json::from_slice(&answered.body).unwrap(),
    };
    let neutral = told::answer(client, &body);
    let text = pretty(&if same { json!("as it came") } else { body.clone() });
    Some((Got { case, to, same, body, neutral }, text))
}

/// A stream, whole and byte by byte: both must give the same.
fn stream<'c>(case: &'c Case, to: &'static str) -> Option<(Got<'c>, String)> {
    let (wire, client) = (case::wire(case.from), case::protocol(to));
    let whole = relayed(wire, client, &case.bytes, case.bytes.len())?;
    let bytewise = relayed(wire, client, &case.bytes, 1)?;
    assert_eq!(whole, bytewise, "{}: its bytes were split, and it became another one", case.path.display());
    let neutral = told::stream(client, &whole);
    let same = wire.same_as(client);
    let text = if same { "as it came\n".to_owned() } else { whole.clone() };
    Some((Got { case, to, same, body: json!(whole), neutral }, text))
}

fn relayed(wire: Wire, client: Protocol, bytes: &Bytes, size: usize) -> Option<String> {
    let back = Back::default();
    let mut relay = Relay::new(wire, client, &context(&back));
    let mut out = Vec::new();
    let mut failed = None;
    for chunk in bytes.chunks(size.max(1)) {
        if let Err(error) = relay.push(Bytes::copy_from_slice(chunk), &mut out) {
            failed = Some(error.to_string());
            break;
        }
    }
    let failed = failed.or_else(|| relay.finish(&mut out).err().map(|error| error.to_string()));
    if let Some(reason) = failed {
        let reply =
            ErrorReply { status: 502, kind: "upstream_failed".into(), message: reason, ..ErrorReply::default() };
        relay.fail(&reply, &mut out);
    }
    let text = String::from_utf8(out.concat()).unwrap();
    // A writer that is not written yet writes nothing.
    (!text.is_empty()).then_some(text)
}
