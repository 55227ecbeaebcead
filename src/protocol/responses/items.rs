//! What whole answers and streams share: items, the frame around them, usage.

use bytes::Bytes;

use super::super::Wire;
use super::super::encode::Back;
use super::super::json::{Raw, Text, mend_halves, push_flat, push_member, push_number, push_string, push_text};
use super::super::request::Request;
use super::super::stream::writer::Heading;
use super::super::usage::{Stop, Usage, count};
use super::tools::OwnTool;

/// Members of a request that its answer repeats, and what stands for one that is absent.
const ECHOED: &[(&str, &[u8])] = &[
    ("instructions", b"null"),
    ("max_output_tokens", b"null"),
    ("metadata", b"{}"),
    ("parallel_tool_calls", b"true"),
    ("prompt_cache_key", b"null"),
    ("reasoning", b"{\"effort\":null,\"summary\":null}"),
    ("safety_identifier", b"null"),
    ("temperature", b"null"),
    ("text", b"{\"format\":{\"type\":\"text\"}}"),
    ("tool_choice", b"\"auto\""),
    ("tools", b"[]"),
    ("top_p", b"null"),
    ("truncation", b"\"disabled\""),
    ("user", b"null"),
];

/// What the answer repeats of a request, each member behind a comma.
pub(crate) fn echo(request: &Request) -> Bytes {
    let mut out = Vec::with_capacity(512);
    for (name, absent) in ECHOED {
        push_member(&mut out, name);
        push_flat(&mut out, request.field(name).map_or(*absent, Raw::bytes));
    }
    Bytes::from(out)
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    InProgress,
    Ended(Stop, Usage),
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Ended(Stop::MaxTokens | Stop::Refusal, _) => "incomplete",
            Self::Ended(..) => "completed",
        }
    }
}

/// Appends the frame: a `response` object. `output`: its items, with commas between them.
pub(super) fn push_response(out: &mut Vec<u8>, heading: &Heading, state: State, output: &[u8]) {
    out.extend_from_slice(b"{\"id\":");
    push_string(out, &format!("resp_{}", heading.id));
    out.extend_from_slice(b",\"object\":\"response\",\"created_at\":");
    push_number(out, heading.created_unix);
    push_member(out, "status");
    push_string(out, state.word());
    out.extend_from_slice(b",\"background\":false,\"error\":null,\"incomplete_details\":");
    match state {
        State::Ended(stop @ (Stop::MaxTokens | Stop::Refusal), _) => {
            out.extend_from_slice(b"{\"reason\":");
            push_string(out, stop.word(Wire::Responses));
            out.push(b'}');
        }
        _ => out.extend_from_slice(b"null"),
    }
    push_member(out, "model");
    push_string(out, &heading.model);
    out.extend_from_slice(b",\"output\":[");
    out.extend_from_slice(output);
    out.extend_from_slice(b"],\"previous_response_id\":null,\"service_tier\":\"default\",\"store\":false");
    if heading.back.echo.is_empty() {
        for (name, absent) in ECHOED {
            push_member(out, name);
            out.extend_from_slice(absent);
        }
    } else {
        out.extend_from_slice(&heading.back.echo);
    }
    push_member(out, "usage");
    match state {
        State::Ended(_, usage) => push_usage(out, usage),
        _ => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

fn push_usage(out: &mut Vec<u8>, usage: Usage) {
    for (name, number) in [
        (&b"{\"input_tokens\":"[..], usage.input_total()),
        (b",\"input_tokens_details\":{\"cached_tokens\":", usage.cache_read),
        (b"},\"output_tokens\":", usage.output),
        (b",\"output_tokens_details\":{\"reasoning_tokens\":", usage.reasoning),
        (b"},\"total_tokens\":", usage.input_total().saturating_add(usage.output)),
    ] {
        out.extend_from_slice(name);
        push_number(out, number);
    }
    out.push(b'}');
}

/// Reads a `usage` object; returns whether it tells the output.
pub(crate) fn read_usage(usage: &mut Usage, raw: Raw<'_>) -> bool {
    let [input, output, input_details, output_details] =
        raw.peek(["input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"]);
    let detail =
        |details: Option<Raw<'_>>, name: &str| count(details.and_then(|details| details.get(name))).unwrap_or(0);
    // The details are parts of the sums: they cannot be more.
    let all = count(input).unwrap_or(0);
    usage.cache_read = detail(input_details, "cached_tokens").min(all);
    usage.cache_write = detail(input_details, "cache_write_tokens").min(all - usage.cache_read);
    usage.input = all - usage.cache_read - usage.cache_write;
    usage.output = count(output).unwrap_or(0);
    usage.reasoning = detail(output_details, "reasoning_tokens").min(usage.output);
    count(output).is_some()
}

/// An item of an answer; texts are escaped.
#[derive(Debug)]
pub(super) enum Item {
    /// `annotations`: with commas between them
    Message {
        text: Vec<u8>,
        annotations: Vec<u8>,
    },
    /// one of the upstream's own, as it came
    Own(Vec<u8>),
    Reasoning {
        text: Vec<u8>,
        signature: Option<Vec<u8>>,
    },
    Call {
        id: String,
        called: Called,
        arguments: Vec<u8>,
    },
}

/// Which tool is called.
#[derive(Debug)]
pub(super) enum Called {
    Function(String),
    Own(OwnTool),
}

impl Called {
    /// Finds the client's tool that the upstream calls so.
    pub(super) fn of(back: &Back, upstream: &str) -> Self {
        let name = back.client_name(upstream);
        back.own_tool(name).map_or_else(|| Self::Function(name.to_owned()), |own| Self::Own(own.clone()))
    }

    /// Whether its input is plain text.
    pub(super) fn is_custom(&self) -> bool {
        matches!(self, Self::Own(own) if own.custom)
    }
}

/// Whether an item's id was given here: the providers' own have one underscore.
pub(crate) fn is_our_id(id: Text<'_>) -> bool {
    id.escaped().iter().filter(|byte| **byte == b'_').count() == 2
}

/// How far an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Begun,
    Done,
    /// the answer ran out of tokens inside it
    Cut,
}

impl Progress {
    fn word(self) -> &'static str {
        match self {
            Self::Begun => "in_progress",
            Self::Done => "completed",
            Self::Cut => "incomplete",
        }
    }
}

/// Appends a message's part.
pub(super) fn push_part(out: &mut Vec<u8>, text: &[u8], annotations: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"output_text\",\"annotations\":[");
    out.extend_from_slice(annotations);
    out.extend_from_slice(b"],\"logprobs\":[],\"text\":");
    push_text(out, Text::from_escaped(text));
    out.push(b'}');
}

/// Appends a part of a reasoning item's summary.
pub(super) fn push_summary(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"summary_text\",\"text\":");
    push_text(out, Text::from_escaped(text));
    out.push(b'}');
}

impl Item {
    /// The id of the item at this place; see [`is_our_id`].
    pub(super) fn id(&self, heading: &Heading, place: u64) -> String {
        let kind = match self {
            Self::Message { .. } | Self::Own(_) => "msg",
            Self::Reasoning { .. } => "rs",
            Self::Call { called, .. } if called.is_custom() => "ctc",
            Self::Call { .. } => "fc",
        };
        format!("{kind}_{}_{place}", heading.id)
    }

    /// Appends the item; one that has only begun is still empty.
    pub(super) fn push(&self, out: &mut Vec<u8>, heading: &Heading, place: u64, progress: Progress) {
        let begun = progress == Progress::Begun;
        if let Self::Own(item) = self {
            return push_flat(out, item);
        }
        out.extend_from_slice(b"{\"id\":");
        push_string(out, &self.id(heading, place));
        push_member(out, "type");
        match self {
            Self::Own(_) => {}
            Self::Message { text, annotations } => {
                out.extend_from_slice(b"\"message\",\"role\":\"assistant\",\"content\":[");
                if !begun {
                    push_part(out, text, annotations);
                }
                out.push(b']');
            }
            Self::Reasoning { text, signature } => {
                out.extend_from_slice(b"\"reasoning\",\"summary\":[");
                if !begun && !text.is_empty() {
                    push_summary(out, text);
                }
                out.push(b']');
                if let Some(signature) = signature {
                    push_member(out, "encrypted_content");
                    push_text(out, Text::from_escaped(signature));
                }
                out.push(b'}');
                return;
            }
            Self::Call { id, called, arguments } => {
                let (kind, input) =
                    if called.is_custom() { ("custom_tool_call", "input") } else { ("function_call", "arguments") };
                push_string(out, kind);
                push_member(out, "call_id");
                push_string(out, id);
                push_member(out, "name");
                match called {
                    Called::Function(name) => push_string(out, name),
                    Called::Own(own) => {
                        push_string(out, &own.name);
                        if let Some(namespace) = &own.namespace {
                            push_member(out, "namespace");
                            push_string(out, namespace);
                        }
                    }
                }
                push_member(out, input);
                push_text(out, if begun { Text::EMPTY } else { Text::from_escaped(arguments) });
            }
        }
        push_member(out, "status");
        push_string(out, progress.word());
        out.push(b'}');
    }
}

/// What a freeform tool's input is, escaped, of the JSON text that the model wrote for the function in its
/// place; what is no such object is the input itself.
pub(super) fn plain_input(written: Text<'_>) -> Vec<u8> {
    let decoded = written.decode();
    let object = Raw::parse(decoded.as_bytes()).unwrap_or(Raw::NULL);
    let sound = serde_json::from_str::<serde::de::IgnoredAny>(&decoded).is_ok();
    let mut input = match object.get("input").and_then(Raw::text).filter(|_| sound) {
        Some(text) => text.escaped().to_vec(),
        None => written.escaped().to_vec(),
    };
    mend_halves(&mut input);
    input
}
