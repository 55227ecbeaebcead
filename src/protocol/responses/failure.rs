//! How a stream of Responses says that it failed.

use super::super::errors::{ErrorReply, render_error};
use super::super::json::{push_member, push_number, push_string};

/// The word that clients of this protocol know for a status: it decides whether they come again.
fn code(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_exceeded",
        529 => "server_is_overloaded",
        400..500 => "invalid_prompt",
        _ => "server_error",
    }
}

/// Appends the end of a stream that failed, as the provider writes it: the event `error`, which the SDKs
/// raise, and `response.failed`, which Codex waits for. `sequence`: the number of the first of them.
pub(crate) fn push_failure(out: &mut Vec<u8>, reply: &ErrorReply, sequence: u64) {
    let message = reply.sentence();
    out.extend_from_slice(b"event: error\ndata: {\"type\":\"error\",\"sequence_number\":");
    push_number(out, sequence);
    push_member(out, "code");
    push_string(out, code(reply.status));
    push_member(out, "message");
    push_string(out, &message);
    out.extend_from_slice(b",\"param\":null,\"error\":");
    render_error(out, reply);
    out.extend_from_slice(b"}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":");
    push_number(out, sequence.saturating_add(1));
    out.extend_from_slice(b",\"response\":{\"id\":");
    let id: String = reply.request_id.chars().filter(char::is_ascii_alphanumeric).collect();
    push_string(out, &format!("resp_{id}"));
    out.extend_from_slice(b",\"object\":\"response\",\"status\":\"failed\",\"output\":[],\"error\":{\"code\":");
    push_string(out, code(reply.status));
    push_member(out, "message");
    push_string(out, &message);
    out.extend_from_slice(b"},\"incomplete_details\":null,\"usage\":null}}\n\n");
}
