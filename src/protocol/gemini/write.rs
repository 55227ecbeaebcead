//! Pieces of an answer in Gemini's form: what whole answers and streams have in common.

use super::super::Wire;
use super::super::json::{Raw, Text, push_flat, push_string, push_text};
use super::super::message::Input;
use super::super::signed::Signed;
use super::super::stream::json_end::JsonEnd;
use super::super::stream::writer::Heading;
use super::fields::is_named;

/// A part to be written.
pub(super) enum Part<'a> {
    Text(Text<'a>),
    Thought(Text<'a>),
    Note(&'a str),
    /// one that only Gemini knows, as it came
    Own(Raw<'a>),
    Call {
        /// still escaped; empty: none
        id: &'a [u8],
        name: &'a str,
        args: &'a [u8],
    },
}

/// Appends a part, with a comma if it stands behind another one.
pub(super) fn part(out: &mut Vec<u8>, part: Part<'_>, signature: Option<&[u8]>) {
    if out.last() == Some(&b'}') {
        out.push(b',');
    }
    match part {
        Part::Text(text) => {
            out.extend_from_slice(b"{\"text\":");
            push_text(out, text);
        }
        Part::Thought(text) => {
            out.extend_from_slice(b"{\"text\":");
            push_text(out, text);
            out.extend_from_slice(b",\"thought\":true");
        }
        Part::Note(note) => {
            out.extend_from_slice(b"{\"text\":");
            push_string(out, note);
        }
        // It has its own signature, if any; the last bracket is written below.
        Part::Own(raw) => {
            let inner = raw.bytes().strip_suffix(b"}").unwrap_or_default();
            push_flat(out, inner);
            let signed = raw.members().map_while(Result::ok).any(|(key, _)| is_named(key, "thoughtSignature"));
            if signed {
                return out.push(b'}');
            }
        }
        Part::Call { id, name, args } => {
            out.extend_from_slice(b"{\"functionCall\":{");
            if !id.is_empty() {
                out.extend_from_slice(b"\"id\":");
                push_text(out, Text::from_escaped(id));
                out.push(b',');
            }
            out.extend_from_slice(b"\"name\":");
            push_string(out, name);
            out.extend_from_slice(b",\"args\":");
            out.extend_from_slice(args);
            out.push(b'}');
        }
    }
    if let Some(signature) = signature {
        out.extend_from_slice(b",\"thoughtSignature\":");
        push_text(out, Text::from_escaped(signature));
    }
    out.push(b'}');
}

/// A signature for the client, or none: Anthropic's proves a text, and is worth nothing when the client
/// does not see the text; what is not base64 has no place in Gemini's field.
pub(super) fn signature(signed: Signed<'_>, shown: bool) -> Option<Vec<u8>> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    if (signed.maker == Wire::Anthropic && !shown) || !signed.text.escaped().iter().all(legal) {
        return None;
    }
    let mut out = Vec::with_capacity(signed.text.escaped().len() + 16);
    signed.push(Wire::Gemini, &mut out);
    Some(out)
}

/// Whether a call's input is a whole object.
pub(super) fn is_whole(input: Input<'_>) -> bool {
    match input {
        Input::Object(_) => true,
        Input::Written(text) => {
            let mut end = JsonEnd::default();
            end.push(text.escaped());
            end.is_whole()
        }
    }
}

/// Appends what stands behind the usage, and closes the answer.
pub(super) fn tail(out: &mut Vec<u8>, heading: &Heading) {
    out.extend_from_slice(b",\"modelVersion\":");
    push_string(out, &heading.model);
    out.extend_from_slice(b",\"responseId\":");
    push_string(out, &heading.id);
    out.push(b'}');
}
