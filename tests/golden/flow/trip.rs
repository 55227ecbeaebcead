//! Conversations through every pair: what the client says, read by this test's own readers, against what is
//! sent, read by them too. What differs has a name, stands in the list of losses, and is warned about unless
//! the list says why it need not be.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ccr_policy::protocol::{Request, Target, Wire};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;

use super::run::Pair;
use super::talk::{Talk, talks};
use crate::case::target;
use crate::row::own_rows;
use crate::seen::{self, list, text};

/// Random conversations for each pair.
const CASES: u32 = 160;

own_rows! {
    round_trip: 2, "conversations of all kinds, through every pair: what is lost stands in the list below, and is warned about", trips;
}

/// Something that may be lost.
struct Loss {
    /// as [`differences`] calls it
    name: &'static str,
    says: &'static str,
    /// why nobody is warned; empty: the client is
    unwarned: &'static str,
}

const LOSSES: &[Loss] = &[
    Loss {
        name: "thinking",
        says: "thinking of earlier turns",
        unwarned: "it was another model's; those that need their own again (DeepSeek, Kimi, GLM) get it",
    },
    Loss {
        name: "signature",
        says: "the proof of earlier thinking",
        unwarned: "only the upstream that made it can read it",
    },
    Loss { name: "top_k", says: "`top_k`", unwarned: "" },
    Loss { name: "seed", says: "`seed`", unwarned: "" },
    Loss { name: "stops", says: "stop sequences", unwarned: "" },
    Loss { name: "temperature", says: "`temperature`, of a model that thinks", unwarned: "" },
    Loss { name: "top_p", says: "`top_p`, of a model that thinks", unwarned: "" },
    Loss {
        name: "thinking switch",
        says: "thinking, when a tool is demanded, in a loop of calls that the upstream has not thought through, or without room for it",
        unwarned: "",
    },
    Loss {
        name: "thinking off",
        says: "the word that thinking is off",
        unwarned: "it is off when nobody asks for it, and models that always think cannot be told",
    },
    Loss {
        name: "format",
        says: "the form of the answer (JSON, or JSON by a schema) where the upstream has none, or none beside tools; it is asked for in words",
        unwarned: "",
    },
    Loss { name: "parallel", says: "`parallel_tool_calls` and its likes", unwarned: "" },
    Loss { name: "user", says: "the user's id", unwarned: "" },
    Loss { name: "error", says: "the mark of a result that is an error", unwarned: "" },
    Loss {
        name: "file name",
        says: "the name of a document",
        unwarned: "it is a hint, and the protocol has no place for it",
    },
    Loss { name: "stream", says: "the wish for a stream", unwarned: "it stands in the path" },
];

/// Words of a warning that tells of a loss.
fn warns(name: &str, warnings: &[String]) -> bool {
    let word = match name {
        "thinking switch" => "thinking",
        "stops" => "stop",
        "format" => "JSON",
        "parallel" => "single calls",
        "error" => "error",
        other => other,
    };
    // Gemini's clients have the same names in another spelling.
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    warnings.iter().any(|warning| plain(warning).contains(&plain(word)))
}

/// Those of one protocol left out: nothing is written anew there.
fn pairs() -> Vec<Pair> {
    super::run::pairs().into_iter().filter(|pair| !pair.same()).collect()
}

/// A model of the wire's own maker, so that thinking has a word.
fn model(wire: Wire) -> Target<'static> {
    let model = match wire {
        Wire::Anthropic => "claude-sonnet-4-5",
        Wire::Chat => "up",
        Wire::Responses => "gpt-5.1",
        Wire::Gemini => "gemini-2.5-flash",
    };
    Target { model, output_limit: Some(8_000), ..target(wire) }
}

/// Sends a conversation; the names of what was lost, and the warnings.
fn trip(pair: Pair, talk: &Talk) -> Result<(BTreeSet<&'static str>, Vec<String>), String> {
    let body = talk.body(pair.client);
    let request = Request::parse(pair.client, Bytes::from(body.to_string())).map_err(|wrong| wrong.message)?;
    let sent = crate::case::encode(&request, &model(pair.wire)).map_err(|error| error.to_string())?;
    let out: Value = serde_json::from_slice(&sent.body.concat()).map_err(|error| error.to_string())?;
    crate::sound::request(pair.wire, &out).map_err(|wrong| format!("{wrong}\n{out}"))?;
    let (said, got) = (seen::request(Wire::native(pair.client), &body), seen::request(pair.wire, &out));
    let lost = differences(&said, &got)
        .map_err(|wrong| format!("{wrong}\nsaid {said}\ngot {got}\nwarned {:?}", sent.warnings))?;
    for name in &lost {
        let loss = LOSSES.iter().find(|loss| loss.name == *name).ok_or_else(|| format!("`{name}` is in no list"))?;
        if loss.unwarned.is_empty() && !warns(name, &sent.warnings) {
            return Err(format!("`{name}` is lost without a warning ({:?})\nsaid {said}\ngot {got}", sent.warnings));
        }
    }
    Ok((lost, sent.warnings))
}

/// Compares two neutral forms; an error is a difference that has no name.
fn differences(said: &Value, got: &Value) -> Result<BTreeSet<&'static str>, String> {
    let mut lost = BTreeSet::new();
    for name in ["top_k", "seed", "stops", "temperature", "top_p", "user", "stream"] {
        // What everybody does unasked may be left unsaid.
        let usual = matches!(name, "temperature" | "top_p") && said[name].as_f64() == Some(1.0) && got[name].is_null();
        if !usual && !said[name].is_null() && !same(&said[name], &got[name]) {
            lost.insert(LOSSES.iter().find(|loss| loss.name == name).unwrap().name);
        }
    }
    // Several calls at once are what everybody does unless they are told not to.
    if said["parallel"] == false && got["parallel"] != false && said["choice"] != "none" {
        lost.insert("parallel");
    }
    for name in ["tools", "choice", "max_tokens"] {
        if !said[name].is_null() && said[name] != got[name] {
            return Err(format!("`{name}` was {} and is {}", said[name], got[name]));
        }
    }
    match (text(&said["thinking"]), text(&got["thinking"])) {
        (one, other) if one == other => {}
        ("on", "") => drop(lost.insert("thinking switch")),
        ("off", "" | "least") => drop(lost.insert("thinking off")),
        (one, other) => return Err(format!("thinking was `{one}` and is `{other}`")),
    }
    let (asked, format) = (&said["format"], &got["format"]);
    let in_words = !asked.is_null() && format.is_null();
    if in_words {
        lost.insert("format");
    } else if !same_form(asked, format) {
        return Err(format!("the format was {asked} and is {format}"));
    }
    let (front, sent) = (text(&said["system"]), text(&got["system"]));
    if front != sent && !(in_words && sent.starts_with(front)) {
        return Err(format!("the system text was {front:?} and is {sent:?}"));
    }
    lines(said, got, &mut lost)?;
    Ok(lost)
}

/// A schema may lose the one word of these conversations that Gemini's dialect has not.
fn same_form(one: &Value, other: &Value) -> bool {
    let plain = |form: &Value| {
        let mut form = form.clone();
        form.as_object_mut().map(|members| members.remove("additionalProperties"));
        form
    };
    plain(one) == plain(other)
}

/// Numbers may be written in two ways.
fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && one.as_f64() == other.as_f64())
}

/// What the turns say: every line has to be there once, and those of one kind in their order. An image in a
/// result may be shown behind it.
fn lines(said: &Value, got: &Value, lost: &mut BTreeSet<&'static str>) -> Result<(), String> {
    let kinds = |all: &Value| {
        let mut kinds: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for line in list(&all["turns"]) {
            let line = text(line);
            let (kind, rest) = kind_of(line);
            kinds.entry(kind).or_default().push(rest);
        }
        kinds
    };
    let (mut before, mut after) = (kinds(said), kinds(got));
    for kinds in [&mut before, &mut after] {
        // Texts around what moved stand together or apart.
        for kind in ["user text", "assistant text", "system text"] {
            if let Some(texts) = kinds.get_mut(kind) {
                *texts = vec![texts.join("\n\n")];
            }
        }
    }
    let thoughts = |kinds: &BTreeMap<&'static str, Vec<String>>, place: usize| -> Vec<String> {
        let lines = kinds.get("thinking").into_iter().flatten();
        let halves = lines.map(|line| line.split_once(" signed").unwrap_or((line, "")));
        let halves = halves.map(|halves| if place == 0 { halves.0.trim() } else { halves.1.trim() });
        halves.filter(|half| !half.is_empty()).map(str::to_owned).collect()
    };
    for (place, name) in [(0, "thinking"), (1, "signature")] {
        let (one, other) = (thoughts(&before, place), thoughts(&after, place));
        if one != other {
            if !other.is_empty() {
                return Err(format!("{name} was {one:?} and is {other:?}"));
            }
            lost.insert(name);
        }
    }
    before.remove("thinking");
    after.remove("thinking");
    let results = |kinds: &BTreeMap<&'static str, Vec<String>>| -> Vec<String> {
        let plain = |line: &String| line.replacen(" error ", " text ", 1);
        kinds.get("result").into_iter().flatten().map(plain).collect()
    };
    if before.get("result") != after.get("result") && results(&before) == results(&after) {
        lost.insert("error");
        after.insert("result", before.get("result").cloned().unwrap_or_default());
    }
    let files = |kinds: &BTreeMap<&'static str, Vec<String>>| -> Vec<String> {
        let bare = |line: &String| line.trim_end_matches(" a.pdf").to_owned();
        kinds.get("file").into_iter().flatten().map(bare).collect()
    };
    if before.get("file") != after.get("file") && files(&before) == files(&after) {
        lost.insert("file name");
        after.insert("file", before.get("file").cloned().unwrap_or_default());
    }
    // A protocol that demands a name gets one that says nothing.
    for name in after.get_mut("file").into_iter().flatten() {
        if let Some(bare) = name.strip_suffix(" document.pdf") {
            *name = bare.to_owned();
        }
    }
    if before == after { Ok(()) } else { Err(format!("the turns were {before:?} and are {after:?}")) }
}

/// A line's kind and the rest of it.
fn kind_of(line: &str) -> (&'static str, String) {
    for (begin, kind) in [
        ("user text ", "user text"),
        ("assistant text ", "assistant text"),
        ("system text ", "system text"),
        ("assistant thinking ", "thinking"),
        ("assistant call ", "call"),
        ("user image ", "image"),
        ("user file ", "file"),
    ] {
        if let Some(rest) = line.strip_prefix(begin) {
            return (kind, rest.to_owned());
        }
    }
    let rest = line.strip_prefix("user result ").unwrap_or(line);
    match rest.split_once(" image ") {
        Some((_, image)) if rest.starts_with('#') && !rest.contains(" text ") && !rest.contains(" error ") => {
            ("image", image.to_owned())
        }
        _ => ("result", rest.to_owned()),
    }
}

fn runner() -> TestRunner {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// What random conversations lose on the way of a pair.
fn losses(pair: Pair) -> Result<BTreeSet<&'static str>, String> {
    let all = std::cell::RefCell::new(BTreeSet::new());
    let result = runner().run(&talks(), |talk| {
        let (lost, _) = trip(pair, &talk).map_err(TestCaseError::fail)?;
        all.borrow_mut().extend(lost);
        Ok(())
    });
    result.map_err(|error| format!("{pair:?}: {error}"))?;
    Ok(all.into_inner())
}

fn trips() -> Vec<(&'static str, &'static str)> {
    let pairs = pairs();
    let wrong: Vec<String> = pairs.iter().filter_map(|pair| losses(*pair).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    pairs.iter().map(|pair| pair.names).collect()
}

/// The list of `docs/protocols.md`.
pub(crate) fn table() -> String {
    let pairs = pairs();
    let by_pair: Vec<(Pair, BTreeSet<&'static str>)> =
        pairs.iter().map(|pair| (*pair, losses(*pair).unwrap())).collect();
    let mut out = String::from("\n| what is lost | from → to | the client is warned |\n|---|---|---|\n");
    for loss in LOSSES {
        let ways: Vec<String> = by_pair
            .iter()
            .filter(|(_, lost)| lost.contains(loss.name))
            .map(|(pair, _)| format!("{} → {}", pair.names.0, pair.names.1))
            .collect();
        if !ways.is_empty() {
            let warned = if loss.unwarned.is_empty() { "yes".to_owned() } else { format!("no: {}", loss.unwarned) };
            out.push_str(&format!("| {} | {} | {warned} |\n", loss.says, ways.join(", ")));
        }
    }
    out.push('\n');
    out
}
