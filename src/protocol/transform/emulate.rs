//! `emulate_tools`, on the way out: tools, calls and results in words, for a model that has no tools.
//!
//! A call is a block of its own: `<tool_call>`, one JSON object with `name` and `arguments`,
//! `</tool_call>`. A result comes back as `<tool_result name="…">…</tool_result>`.
//! [`super::emulated`] reads the calls of the answer.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::exchange::{Choice, Exchange, Part, Parts, Tool};
use super::super::json::{Text, push_compact, push_string};
use super::super::message::Input;

pub(super) const OPEN: &str = "<tool_call>";
pub(super) const CLOSE: &str = "</tool_call>";
pub(super) const RESULT: &str = "<tool_result";

const RULES: &str = "You have tools. To call one, write a block of exactly this form:\n\
<tool_call>\n{\"name\": \"the tool's name\", \"arguments\": {\"…\": \"…\"}}\n</tool_call>\n\
Between the two marks stands one JSON object and nothing else; `arguments` fits the tool's schema. What you write \
before a block is shown to the user. Write nothing behind your last block: the results come in the next message, as \
<tool_result> blocks, which you never write yourself.";

/// What is done to a request.
pub(super) struct Emulated {
    /// the tools that the answer may call; empty: its text is not looked at
    pub(super) names: Arc<[String]>,
    /// anything was rewritten
    pub(super) changed: bool,
}

/// Puts the tools, and every call and result of the conversation, into words.
pub(super) fn in_words(exchange: &mut Exchange<'_>) -> Emulated {
    let tools = std::mem::take(&mut exchange.tools);
    let choice = std::mem::take(&mut exchange.choice);
    let alone = exchange.parallel.take() == Some(false);
    let mut changed = !tools.is_empty();
    let mut called: FxHashMap<Vec<u8>, String> = FxHashMap::default();
    for turn in &mut exchange.turns {
        if !turn.parts.iter().any(|part| matches!(part, Part::Call { .. } | Part::Result { .. })) {
            continue;
        }
        changed = true;
        let mut parts = Parts::new();
        for part in std::mem::take(&mut turn.parts) {
            match part {
                Part::Call { id, name, input } => {
                    called.insert(id.escaped().to_vec(), name.decode().into_owned());
                    parts.push(Part::Note(call_in_words(name, input)));
                }
                Part::Result { id, error, parts: inner } => {
                    let name = called.get(id.escaped()).map_or("", String::as_str);
                    result_in_words(name, error, inner, &mut parts);
                }
                part => parts.push(part),
            }
        }
        turn.parts = parts;
    }
    if tools.is_empty() || choice == Choice::None {
        return Emulated { names: Arc::from([]), changed };
    }
    exchange.system.push(Part::Note(tools_in_words(&tools, choice, alone)));
    exchange.warn("tools emulated: the model is told of them in words, and its calls are read from its text");
    Emulated { names: tools.iter().map(|tool| tool.name.decode().into_owned()).collect(), changed }
}

fn tools_in_words(tools: &[Tool<'_>], choice: Choice<'_>, alone: bool) -> String {
    let mut out = String::from(RULES);
    match choice {
        Choice::Any => out.push_str(" This time you have to call a tool."),
        Choice::Tool(name) => {
            out.push_str(" This time you have to call the tool `");
            name.decode_into(&mut out);
            out.push_str("`.");
        }
        Choice::Unsaid | Choice::Auto | Choice::None => {}
    }
    out.push_str(if alone { " Write one block at most." } else { " You may write several blocks." });
    out.push_str("\n\nYour tools, one a line:");
    for tool in tools {
        let mut line = b"\n{\"name\":".to_vec();
        push_string(&mut line, &tool.name.decode());
        if let Some(description) = tool.description {
            line.extend_from_slice(b",\"description\":\"");
            line.extend_from_slice(description.escaped());
            line.push(b'"');
        }
        line.extend_from_slice(b",\"arguments\":");
        push_compact(&mut line, tool.schema());
        line.push(b'}');
        out.push_str(&String::from_utf8_lossy(&line));
    }
    out
}

fn call_in_words(name: Text<'_>, input: Input<'_>) -> String {
    let mut call = b"<tool_call>\n{\"name\":".to_vec();
    push_string(&mut call, &name.decode());
    call.extend_from_slice(b",\"arguments\":");
    input.push_object(&mut call);
    call.extend_from_slice(b"}\n</tool_call>");
    String::from_utf8_lossy(&call).into_owned()
}

/// The result's text in one block; what else it shows stands behind it.
fn result_in_words<'a>(name: &str, error: bool, inner: Vec<Part<'a>>, parts: &mut Parts<'a>) {
    let mut text = String::from(RESULT);
    if !name.is_empty() {
        let mut quoted = Vec::new();
        push_string(&mut quoted, name);
        text.push_str(" name=");
        text.push_str(&String::from_utf8_lossy(&quoted));
    }
    text.push_str(if error { " error=\"true\">\n" } else { ">\n" });
    let mut rest = Vec::new();
    let mut first = true;
    for part in inner {
        let said = match &part {
            Part::Text(said) => said.decode(),
            Part::Note(note) => note.as_str().into(),
            _ => {
                rest.push(part);
                continue;
            }
        };
        if !std::mem::replace(&mut first, false) {
            text.push_str("\n\n");
        }
        text.push_str(&said);
    }
    text.push_str("\n</tool_result>");
    parts.push(Part::Note(text));
    parts.extend(rest);
}
