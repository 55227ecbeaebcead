//! A whole answer as the chunks that Chat would have sent. Nothing is translated: a member that this router
//! does not know goes on as it is.

use super::super::Wire;
use super::super::json::{JsonError, Raw, push_flat, push_number, push_string, push_with};
use super::super::usage::Stop;

/// Writes the stream of an answer; `stop` stands where a choice does not say why it ended.
pub(crate) fn replay(answer: Raw<'_>, stop: Stop, include_usage: bool) -> Result<Vec<u8>, JsonError> {
    let [choices, usage] = answer.pick(["choices", "usage"])?;
    let mut head = b"data: ".to_vec();
    let around: &[(&str, &[u8])] =
        &[("object", b"\"chat.completion.chunk\""), ("usage", b""), ("choices", b""), ("error", b"")];
    push_with(&mut head, answer, around)?;
    head.pop();
    head.extend_from_slice(b",\"choices\":[");
    let mut out = Vec::with_capacity(answer.bytes().len() + 1_024);
    let (mut ends, mut word) = (Vec::new(), Vec::new());
    push_string(&mut word, stop.word(Wire::Chat));
    for (place, choice) in (0..).zip(choices.unwrap_or(Raw::NULL).elements()) {
        let choice = choice?;
        let [message, finish, index] = choice.pick(["message", "finish_reason", "index"])?;
        let mut number = Vec::new();
        push_number(&mut number, index.and_then(Raw::whole).unwrap_or(place));
        let message = message.unwrap_or(Raw::NULL);
        let (calls, mut delta) = (numbered(message)?, Vec::new());
        // A delta says what there is, and nothing of what there is not.
        let absent = message.members().map_while(Result::ok).filter(|(_, value)| value.is_null());
        let absent: Vec<_> = absent.map(|(name, _)| name.decode()).collect();
        let mut others: Vec<(&str, &[u8])> = absent.iter().map(|name| (&**name, &b""[..])).collect();
        if !calls.is_empty() {
            others.push(("tool_calls", &calls));
        }
        push_with(&mut delta, message, &others)?;
        let members: &[(&str, &[u8])] =
            &[("index", &number), ("message", b""), ("delta", &delta), ("finish_reason", b"null")];
        out.extend_from_slice(&head);
        push_with(&mut out, choice, members)?;
        out.extend_from_slice(b"]}\n\n");
        ends.extend_from_slice(&head);
        ends.extend_from_slice(b"{\"index\":");
        ends.extend_from_slice(&number);
        ends.extend_from_slice(b",\"delta\":{},\"finish_reason\":");
        push_flat(&mut ends, finish.map_or(word.as_slice(), Raw::bytes));
        ends.extend_from_slice(b"}]}\n\n");
    }
    out.extend_from_slice(&ends);
    if let Some(usage) = usage.filter(|_| include_usage) {
        out.extend_from_slice(&head);
        out.extend_from_slice(b"],\"usage\":");
        push_flat(&mut out, usage.bytes());
        out.extend_from_slice(b"}\n\n");
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
    Ok(out)
}

/// A message's calls with their numbers; empty: it has none.
fn numbered(message: Raw<'_>) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    for (place, call) in (0..).zip(message.get("tool_calls").unwrap_or(Raw::NULL).elements()) {
        let mut number = Vec::new();
        push_number(&mut number, place);
        out.push(if out.is_empty() { b'[' } else { b',' });
        push_with(&mut out, call?, &[("index", &number)])?;
    }
    if !out.is_empty() {
        out.push(b']');
    }
    Ok(out)
}
