//! Transforms on the way to an upstream that speaks the client's own protocol.
//!
//! What can be, is spliced: cache marks and schemas. When the conversation or the tools become others,
//! these members alone are read and written through the form for all wires; every other member, known
//! here or not, goes on as it came.

use super::super::exchange::Format;
use super::super::json::{Raw, Text};
use super::super::request::Request;
use super::super::transform::exchange::Schemas;
use super::super::{Protocol, Wire, content, gemini, tokens, transform};
use super::splice::{self, Splices};
use super::{Change, EncodeError, Outgoing, Target, warnings};
use crate::dsl::policy::Capability;
use crate::dsl::transform::Transform;

/// Members of each wire that hold the conversation and the tools. A name with another form of it: the
/// client may have used that one.
fn rewritten_members(wire: Wire) -> &'static [&'static str] {
    match wire {
        Wire::Anthropic => &["system", "messages", "tools", "tool_choice"],
        Wire::Chat => &["messages", "tools", "tool_choice", "parallel_tool_calls"],
        Wire::Responses => &["instructions", "input", "tools", "tool_choice", "parallel_tool_calls"],
        Wire::Gemini => &["contents", "systemInstruction", "system_instruction", "tools", "toolConfig", "tool_config"],
    }
}

pub(super) fn write(request: &Request, target: &Target<'_>, outgoing: &mut Outgoing) -> Result<(), EncodeError> {
    if target.transforms.is_empty() {
        splice::write(request, target, Splices::new(request), outgoing);
        return Ok(());
    }
    if target.wire == Wire::Chat && !target.fetches_images() && gives_images_by_address(request) {
        return Err(EncodeError::unsupported(warnings::IMAGE_BY_ADDRESS));
    }
    if request.protocol() == Protocol::Responses {
        super::note_responses(request, &mut outgoing.back);
    }
    if !transform::concerns(request, target) {
        transform::watch(target, transform::has_tools(request), &mut outgoing.back);
        let mut splices = Splices::new(request);
        clean_cache(request, target, &mut splices, &mut outgoing.changes);
        splice::write(request, target, splices, outgoing);
        return Ok(());
    }
    match request.tag() {
        None => through_exchange(request, target, outgoing),
        // Places in the body are those of the request that is read, so the tag goes first.
        Some(tag) => {
            let body = splice::with_tag_replaced(request, tag);
            through_exchange(&Request::parse(request.protocol(), body)?, target, outgoing)
        }
    }
}

/// Whether a Chat request has an image that stands elsewhere.
fn gives_images_by_address(request: &Request) -> bool {
    if request.attachments().images == 0 {
        return false;
    }
    let mut found = false;
    for message in content::messages(request) {
        content::pieces(message, &mut |piece| {
            let content::Piece::Image(block) = piece else { return };
            let url = block.get("image_url").map(|image| image.get("url").unwrap_or(image)).and_then(Raw::text);
            found |= url.is_some_and(|url| !url.escaped().starts_with(b"data:"));
        });
    }
    found
}

fn through_exchange(request: &Request, target: &Target<'_>, outgoing: &mut Outgoing) -> Result<(), EncodeError> {
    // Gemini's own schemas are cleaned in their own words, and are JSON Schema only where they are written anew.
    let plain = if request.protocol() == Protocol::Gemini { gemini::plain_schemas(request)? } else { None };
    let own = super::read(request)?;
    let own_schemas = Schemas::of(&own, target);
    let mut splices = Splices::new(request);
    clean_cache(request, target, &mut splices, &mut outgoing.changes);
    own_schemas.tell(&mut outgoing.warnings, &mut outgoing.changes);
    for (tool, cleaned) in own.tools.iter().zip(&own_schemas.tools) {
        if let (Some(schema), Some(cleaned)) = (tool.schema, cleaned) {
            splices.put(schema, cleaned.clone());
        }
    }
    if let (Format::Schema { schema, .. }, Some(cleaned)) = (own.format, &own_schemas.format)
        && target.can(Capability::JsonSchema)
    {
        splices.put(schema, cleaned.clone());
    }
    let (schemas, mut exchange) = match &plain {
        None => (own_schemas, own),
        Some(plain) => {
            drop(own);
            let read = super::read(plain)?;
            let schemas = Schemas::of(&read, target);
            (schemas, read)
        }
    };
    let read = std::mem::take(&mut exchange.warnings);
    let bound = tokens::bound(request);
    let rewritten = transform::exchange::apply(&mut exchange, &schemas, target, bound, &mut outgoing.back)?;
    // The marks were counted where they were taken out.
    exchange.changes.retain(|change| change.transform != "clean_cache");
    outgoing.changes.append(&mut exchange.changes);
    let chain = std::mem::take(&mut exchange.warnings);
    if !rewritten {
        outgoing.warnings.extend(chain);
    } else {
        let room = request.body().len();
        let served = if target.emulates_tools() { Vec::new() } else { served(request, target, outgoing) };
        if !target.emulates_tools() {
            exchange.server_tools.clear();
        }
        let written = super::write(&mut exchange, target, outgoing.stream, room, &mut outgoing.back)?;
        // Of the other members, what this protocol has and the form for all has not goes on as it is.
        let of_talk = |warnings: Vec<String>| warnings.into_iter().filter(|warning| warnings::is_of_talk(warning));
        outgoing.warnings.extend(of_talk(read));
        outgoing.warnings.extend(chain);
        outgoing.warnings.extend(of_talk(std::mem::take(&mut exchange.warnings)));
        replace_members(request, target, &written, &served, &mut splices);
    }
    splice::write(request, target, splices, outgoing);
    Ok(())
}

/// The tools that the provider itself has, as they came: the form for all does not know what they are given.
fn served(request: &Request, target: &Target<'_>, outgoing: &mut Outgoing) -> Vec<Vec<u8>> {
    let searches = target.can(Capability::WebSearch);
    if request.protocol() == Protocol::Gemini {
        return gemini::edit::served(gemini::field(request, "tools"), searches);
    }
    let mut out = Vec::new();
    let list = request.field("tools").unwrap_or(Raw::NULL);
    for tool in list.elements().map_while(Result::ok).filter(|tool| content::is_server_tool(*tool)) {
        if searches || !content::is_web_search(tool) {
            out.push(tool.bytes().to_vec());
        } else {
            let kind = tool.get("type").and_then(Raw::text).unwrap_or(Text::EMPTY);
            outgoing.warnings.push(warnings::no_web_search(&kind.decode()));
        }
    }
    out
}

/// `served`: tools that are not in what is written.
fn replace_members(
    request: &Request,
    target: &Target<'_>,
    written: &[u8],
    served: &[Vec<u8>],
    splices: &mut Splices<'_>,
) {
    let members: Vec<_> = Raw::from_measured(written).members().map_while(Result::ok).collect();
    let written = |name: &str| {
        let found = members.iter().find(|(key, _)| key.is(name));
        found.map(|(_, value)| *value).filter(|value| !value.is_null())
    };
    let own = written("tools");
    for name in rewritten_members(target.wire) {
        match written(name) {
            _ if *name == "tools" && !served.is_empty() => {
                let own = own.unwrap_or(Raw::NULL).elements().map_while(Result::ok).map(Raw::bytes);
                let all: Vec<&[u8]> = own.chain(served.iter().map(Vec::as_slice)).collect();
                splices.set(name, [b"[", all.join(&b","[..]).as_slice(), b"]"].concat());
            }
            // Without functions of the client's own nothing is written about the choice.
            None if own.is_none() && !served.is_empty() && name.starts_with("tool") => {}
            Some(value) => splices.set(name, value.bytes().to_vec()),
            None if request.field(name).is_some() => splices.leave_out(name),
            None => {}
        }
    }
    splices.rewritten = true;
}

/// Takes every `cache_control` out that marks something: of texts, results, messages and tools, not one
/// that stands in a call's input or a schema.
fn clean_cache(request: &Request, target: &Target<'_>, splices: &mut Splices<'_>, changes: &mut Vec<Change>) {
    let refused = target.wire == Wire::Chat && target.known().is_some_and(|known| known.cache_control == Some(false));
    let wanted = refused || target.has(|transform| matches!(transform, Transform::CleanCache));
    if !wanted || memchr::memmem::find(request.body(), b"cache_control").is_none() {
        return;
    }
    splices.leave_out("cache_control");
    let mut marks = usize::from(request.field("cache_control").is_some());
    for name in ["system", "messages", "tools"] {
        marks += unmark_all(request, request.field(name).unwrap_or(Raw::NULL), splices);
    }
    if marks > 0 {
        let what = format!("{marks} mark{} removed", if marks == 1 { "" } else { "s" });
        changes.push(Change { transform: "clean_cache".to_owned(), what });
    }
}

/// The depth is bounded by that of the body.
fn unmark_all(request: &Request, list: Raw<'_>, splices: &mut Splices<'_>) -> usize {
    list.elements().map_while(Result::ok).map(|object| unmark(request, object, splices)).sum()
}

/// Returns how many marks there were.
fn unmark(request: &Request, object: Raw<'_>, splices: &mut Splices<'_>) -> usize {
    let [mark, content, function] = object.peek(["cache_control", "content", "function"]);
    if mark.is_some() {
        splices.take_members(object, |key| key.is("cache_control"));
    }
    let inner = unmark_all(request, content.unwrap_or(Raw::NULL), splices);
    let function = function.map_or(0, |function| unmark(request, function, splices));
    usize::from(mark.is_some()) + inner + function
}
