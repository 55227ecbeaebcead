//! Thinking in a client's history that another upstream made, on the way to Anthropic or Gemini themselves: a
//! client sends back what it was given, and a conversation may have changed its model between two turns. Both
//! refuse what they have not signed.

use super::super::Protocol;
use super::super::Wire;
use super::super::content::{find, messages};
use super::super::gemini::edit::{self, Mend};
use super::super::gemini::no_signature;
use super::super::json::{Raw, Text, push_text};
use super::super::request::Request;
use super::super::signed::Signed;
use super::Target;
use super::adapt::places;
use super::splice::Splices;

/// Takes unsigned and foreign thinking out of a request that goes on to Anthropic as it came. Returns whether a
/// tool loop is left that does not begin with thinking, in which no budget for thinking may be given.
pub(super) fn take(request: &Request, splices: &mut Splices<'_>) -> bool {
    let list = request.field("messages").unwrap_or(Raw::NULL);
    if request.protocol() != Protocol::Anthropic || find(list.bytes(), "\"thinking\"").is_none() {
        return false;
    }
    let mut messages = Vec::new();
    let mut last = false;
    for message in list.elements().map_while(Result::ok) {
        let blocks = message.get("content").unwrap_or(Raw::NULL);
        let blocks = places(request, blocks, is_foreign);
        let all = !blocks.is_empty() && blocks.iter().all(|(_, out)| *out);
        if !all && blocks.iter().any(|(_, out)| *out) {
            splices.take(&blocks);
        }
        if message.get("role").is_some_and(|role| role.is_text("assistant")) {
            last = blocks.first().is_some_and(|(_, out)| *out);
        }
        messages.push((request.place_of(message.bytes()), all));
    }
    if messages.iter().any(|(_, out)| *out) {
        splices.take(&messages);
    }
    let budget = request.field("thinking").and_then(|thinking| thinking.get("budget_tokens"));
    last && budget.is_some() && in_loop(list)
}

fn is_foreign(block: Raw<'_>) -> bool {
    let [kind, signature] = block.peek(["type", "signature"]);
    if !kind.is_some_and(|kind| kind.is_text("thinking")) {
        return false;
    }
    let signature = signature.and_then(Raw::text).unwrap_or(Text::EMPTY);
    Signed::of_client(Wire::Anthropic, signature).for_wire(Wire::Anthropic).is_none()
}

/// Whether the last message brings results of tools.
fn in_loop(messages: Raw<'_>) -> bool {
    let Some(Ok(last)) = messages.elements().last() else { return false };
    let content = last.get("content").unwrap_or(Raw::NULL);
    content
        .elements()
        .map_while(Result::ok)
        .any(|block| block.get("type").is_some_and(|kind| kind.is_text("tool_result")))
}

/// Takes foreign signatures out of a request that goes on to Gemini as it came. A call of the models that
/// demand a signature says in its place that there is none.
pub(super) fn take_gemini(request: &Request, target: &Target<'_>, splices: &mut Splices<'_>) {
    if find(request.body(), "ccr1").is_none() {
        return;
    }
    let placeholder = no_signature(target.model);
    let mut contents = Vec::new();
    for message in messages(request) {
        let parts = places(request, message.content, |part| edit::foreign(part) == Some(Mend::Part));
        let all = !parts.is_empty() && parts.iter().all(|(_, out)| *out);
        contents.push((request.place_of(message.raw.bytes()), all));
        if all {
            continue;
        }
        splices.take(&parts);
        for part in message.content.elements().map_while(Result::ok) {
            match (edit::foreign(part), placeholder) {
                (Some(Mend::Call(signature)), Some(none)) => {
                    let mut value = Vec::new();
                    push_text(&mut value, Text::from_escaped(none));
                    splices.put(signature, value);
                }
                (Some(Mend::Call(_) | Mend::Signature), _) => splices.take_members(part, edit::is_signature),
                _ => {}
            }
        }
    }
    splices.take(&contents);
}
